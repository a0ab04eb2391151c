// SPDX-License-Identifier: MIT
/*
 * test_bench_floor.c - proves that the floor does what it is compared for
 */
#include "dmptest.h"
#include "bench.h"
#include "bench_ring.h"

static void test_a_batch_is_taken_and_put_back(void **state)
{
	unsigned batch = 128;
	struct bench_thread t = {.nthreads = 1, .shared = &batch};

	(void)state;
	assert_int_equal(bench_floor.begin(&t), 0);
	assert_int_equal(bench_floor.run(&t, 1000), 128000);
	batch = BENCH_BATCH_MAX; /* all of the array */
	assert_int_equal(bench_floor.run(&t, 3), 3 * BENCH_BATCH_MAX);
}

static void test_a_ring_gives_what_was_put_in_that_order(void **state)
{
	static struct bench_ring ring;

	(void)state;
	for (uint64_t turn = 0; turn < 3; turn++) {
		for (uint64_t i = 0; i < BENCH_RING_SIZE; i++)
			bench_ring_put(&ring, turn + i);
		for (uint64_t i = 0; i < BENCH_RING_SIZE; i++)
			assert_int_equal(bench_ring_take(&ring), turn + i);
	}
}

/* Only who takes counts. */
static void test_a_number_passed_on_is_one_pair(void **state)
{
	static struct bench_ring ring;
	static struct bench_result result;
	const struct bench_job job = {&bench_ring_alone, &ring, 2};

	(void)state;
	assert_int_equal(
		bench_run(&(struct bench_plan){.samples = 2, .rounds = 5000}, &job, 1, &result), 0);
	assert_int_equal(result.pairs, 5000);
	assert_int_equal(ring.head, ring.tail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_batch_is_taken_and_put_back),
		cmocka_unit_test(test_a_ring_gives_what_was_put_in_that_order),
		cmocka_unit_test(test_a_number_passed_on_is_one_pair),
	};

	return cmocka_run_group_tests_name("bench_floor", tests, NULL, NULL);
}
