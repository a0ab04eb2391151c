// SPDX-License-Identifier: MIT
/*
 * test_conform_queue.c - proves what the operations of bench/conform_queue.c do and tell; the
 * q vectors prove the rest
 */
#include "dmptest.h"

#include "conform.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

static struct conform_queue *queue_new(enum dmp_flush_policy policy, uint64_t ncpus)
{
	const uint64_t arg[CONFORM_ARGS] = {policy, ncpus, 4, 10};
	struct conform_queue *queue = NULL;

	assert_int_equal(dmp_harness_enter((unsigned)ncpus), 0);
	assert_int_equal(conform_queue_create(arg, &queue), 0);
	return queue;
}

static void queue_drop(struct conform_queue *queue)
{
	assert_null(conform_queue_check(queue));
	assert_null(conform_queue_destroy(queue));
	assert_int_equal(dmp_harness_leave(), 0);
	assert_int_equal(dmp_meta_in_use(), 0);
}

static void test_a_full_queue_tells_its_flush_and_what_it_frees(void **state)
{
	struct conform_queue *queue = queue_new(DMP_FLUSH_LAZY, 1);
	char got[CONFORM_GOT_MAX] = "";
	uint64_t pfn;

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(conform_queue_map(queue, 1, 0xff, &pfn), 0);
		assert_int_equal(conform_queue_unmap(queue, pfn, 1, got), 0);
	}
	assert_string_equal(got, "flush 0xff 0xfe 0xfd");
	queue_drop(queue);
}

static void test_a_tick_tells_the_timer_when_it_is_due(void **state)
{
	struct conform_queue *queue = queue_new(DMP_FLUSH_LAZY, 1);
	char got[CONFORM_GOT_MAX] = "";
	uint64_t pfn;

	(void)state;
	assert_int_equal(conform_queue_map(queue, 3, 0xff, &pfn), 0);
	assert_int_equal(conform_queue_unmap(queue, pfn, 3, got), 0);
	conform_queue_tick(queue, 9, got);
	assert_string_equal(got, "");
	conform_queue_tick(queue, 1, got);
	assert_string_equal(got, "timer flush 0xfc");
	queue_drop(queue);
}

static void test_there_are_as_many_queues_as_the_kind_has(void **state)
{
	struct dmp_flushq_state at;
	struct conform_queue *queue = queue_new(DMP_FLUSH_LAZY, 2);

	(void)state;
	assert_int_equal(conform_queue_state(queue, 1, &at), 0);
	assert_int_equal(conform_queue_state(queue, 2, &at), -ENOENT);
	queue_drop(queue);
	queue = queue_new(DMP_FLUSH_LAZY_SINGLE, 2);
	assert_int_equal(conform_queue_state(queue, 0, &at), 0);
	assert_int_equal(conform_queue_state(queue, 1, &at), -ENOENT);
	queue_drop(queue);
}

static void test_numbers_beyond_64_bits_of_bytes_are_einval(void **state)
{
	struct conform_queue *queue = queue_new(DMP_FLUSH_LAZY, 1);
	uint64_t pfn = 7;

	(void)state;
	assert_int_equal(conform_queue_map(queue, 1, UINT64_MAX, &pfn), -EINVAL);
	assert_int_equal(conform_queue_map(queue, UINT64_MAX, 0xff, &pfn), -EINVAL);
	assert_int_equal(conform_queue_unmap(queue, UINT64_MAX, 1, NULL), -EINVAL);
	assert_int_equal(pfn, 7);
	queue_drop(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_queue_tells_its_flush_and_what_it_frees),
		cmocka_unit_test(test_a_tick_tells_the_timer_when_it_is_due),
		cmocka_unit_test(test_there_are_as_many_queues_as_the_kind_has),
		cmocka_unit_test(test_numbers_beyond_64_bits_of_bytes_are_einval),
	};

	return cmocka_run_group_tests_name("conform_queue", tests, NULL, NULL);
}
