// SPDX-License-Identifier: MIT
/*
 * test_bench_sample.c - proves which number stands for many
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_median_is_the_middle_one),
		cmocka_unit_test(test_a_ratio_is_taken_sample_by_sample),
		cmocka_unit_test(test_the_spread_leaves_the_outer_quarters_out),
		cmocka_unit_test(test_cores_are_cpu_time_by_time),
	};

	return cmocka_run_group_tests_name("bench_sample", tests, NULL, NULL);
}
