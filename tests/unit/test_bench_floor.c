// SPDX-License-Identifier: MIT
/*
 * test_bench_floor.c - proves that the floor does what it is compared for
 */
#include "dmptest.h"
#include "bench_loop.h"
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

/* Numbers from 1 on, three of them; notes in which order they come back. */
struct counted {
	uint64_t next, back[3];
	unsigned nback;
};

static void take_next(void *from, uint64_t *number)
{
	struct counted *counted = from;

	*number = counted->next > 3 ? BENCH_NOTHING : counted->next++;
}

static unsigned give_back(void *to, uint64_t number)
{
	struct counted *counted = to;

	if (number == BENCH_NOTHING)
		return 0;
	counted->back[counted->nback++] = number;
	return 1;
}

static void test_the_loop_gives_back_in_order_or_the_last_first(void **state)
{
	struct counted same = {.next = 1}, lifo = {.next = 1};

	(void)state;
	assert_int_equal(bench_loop(&same, take_next, give_back, false, 3, 1), 3);
	assert_int_equal(same.back[0], 1);
	assert_int_equal(same.back[2], 3);
	assert_int_equal(bench_loop(&lifo, take_next, give_back, true, 3, 1), 3);
	assert_int_equal(lifo.back[0], 3);
	assert_int_equal(lifo.back[2], 1);
}

static void test_nothing_taken_is_no_pair(void **state)
{
	struct counted counted = {.next = 1};

	(void)state;
	assert_int_equal(bench_loop(&counted, take_next, give_back, false, 2, 4), 3);
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
		cmocka_unit_test(test_the_loop_gives_back_in_order_or_the_last_first),
		cmocka_unit_test(test_nothing_taken_is_no_pair),
		cmocka_unit_test(test_a_ring_gives_what_was_put_in_that_order),
		cmocka_unit_test(test_a_number_passed_on_is_one_pair),
	};

	return cmocka_run_group_tests_name("bench_floor", tests, NULL, NULL);
}
