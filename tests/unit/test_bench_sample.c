// SPDX-License-Identifier: MIT
/*
 * test_bench_sample.c - proves which number stands for many, and how long a sample should be
 */
#include "dmptest.h"
#include "bench.h"

#include <math.h>

static void test_the_median_is_the_middle_one(void **state)
{
	const double odd[] = {9, 1, 5}, even[] = {4, 1, 3, 2};

	(void)state;
	assert_true(bench_median(odd, 3) == 5);
	assert_true(bench_median(even, 4) == 2);
	assert_true(odd[0] == 9);
	assert_true(isnan(bench_median(odd, 0)));
}

/* A machine that slows down tenfold half way: each ratio is 2 all the same. */
static void test_a_ratio_is_taken_sample_by_sample(void **state)
{
	const double a[] = {2, 20, 2, 20, 20}, b[] = {1, 10, 1, 10, 10};

	(void)state;
	assert_true(bench_ratio(a, b, 5) == 2);
}

static void test_the_spread_leaves_the_outer_quarters_out(void **state)
{
	const double samples[] = {1, 90, 100, 110, 1e6};

	(void)state;
	assert_true(fabs(bench_spread(samples, 5) - 0.1) < 1e-9);
}

static void test_cores_are_cpu_time_by_time(void **state)
{
	const struct bench_result r = {.samples = 3, .cpu = {3, 4, 4}, .wall = {2, 2, 1}};

	(void)state;
	assert_true(bench_cores(&r) == 2);
}

/* Twice as many until a sample is long enough to tell, then as many as it takes. */
static void test_rounds_grow_until_they_take_the_time(void **state)
{
	static const struct {
		uint64_t rounds, took_ns, next;
	} cases[] = {
		{1, 0, 2},
		{8, 5, 16},
		{8, 99, 16},
		{8, 100, 129},
		{100, 800, 201},
		{100, 1199, 134},
		{100, 1200, 100},
		{100, 1600, 100},
		{100, 9999, 100},
		{BENCH_ROUNDS_MAX, 0, BENCH_ROUNDS_MAX},
		{BENCH_ROUNDS_MAX / 2, 1, BENCH_ROUNDS_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(bench_more_rounds(cases[i].rounds, cases[i].took_ns, 1600),
				 cases[i].next);
}

/* The second sample: 2 threads lost a tenth of their CPUs. */
static void test_a_sample_is_spoiled_if_others_had_the_cpus(void **state)
{
	const struct bench_result results[] = {
		{.samples = 1, .nthreads = 1, .lost = {0.5, BENCH_LOST_MAX}},
		{.samples = 1, .nthreads = 2, .lost = {0, 0.1}},
	};

	(void)state;
	assert_false(bench_is_spoiled(results, 1, 2));
	assert_true(bench_is_spoiled(results, 2, 2));
	assert_false(bench_is_spoiled(results, 2, 1));
}

static void test_threads_that_share_cpus_lose_nothing_that_one_could_tell(void **state)
{
	const struct bench_result result = {.samples = 3, .nthreads = 2, .lost = {0.3, 0, 0.1}};

	(void)state;
	assert_true(bench_lost(&result, 2) == 0.1);
	assert_true(bench_lost(&result, 1) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_median_is_the_middle_one),
		cmocka_unit_test(test_a_ratio_is_taken_sample_by_sample),
		cmocka_unit_test(test_the_spread_leaves_the_outer_quarters_out),
		cmocka_unit_test(test_cores_are_cpu_time_by_time),
		cmocka_unit_test(test_rounds_grow_until_they_take_the_time),
		cmocka_unit_test(test_a_sample_is_spoiled_if_others_had_the_cpus),
		cmocka_unit_test(test_threads_that_share_cpus_lose_nothing_that_one_could_tell),
	};

	return cmocka_run_group_tests_name("bench_sample", tests, NULL, NULL);
}
