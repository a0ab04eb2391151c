// SPDX-License-Identifier: MIT
/*
 * test_bench_latency.c - proves that figures of calls are those of all of them
 */
#include "dmptest.h"
#include "bench_latency.h"
#include "bench_pick.h"

#include <math.h>
#include <stdbool.h>

static struct bench_latency l, other;

static int clear(void **state)
{
	(void)state;
	l = (struct bench_latency){.mean_ns = 0};
	other = l;
	return 0;
}

static void add_all(const uint64_t *ns, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		bench_latency_add(&l, ns[i]);
}

static bool is_near(double a, double b, double off)
{
	return fabs(a - b) <= off;
}

/* 2 4 4 4 5 5 7 9: the mean is 5, squared distances add up to 32. */
static void test_mean_and_deviation_are_those_of_all_calls(void **state)
{
	(void)state;
	add_all((const uint64_t[]){2, 4, 4, 4, 5, 5, 7, 9}, 8);
	assert_int_equal(l.spread.count, 8);
	assert_true(is_near(bench_latency_mean(&l), 5, 1e-12));
	assert_true(is_near(bench_latency_deviation(&l), 2, 1e-12));
	assert_int_equal(l.spread.max, 9);
}

/* A sum of squares would have lost it: 10^18 has no room for 2/3 in a double. */
static void test_the_deviation_of_long_calls_that_take_nearly_the_same_is_not_lost(void **state)
{
	const uint64_t far = UINT64_C(1000000000);

	(void)state;
	for (unsigned i = 0; i < 3000; i++)
		bench_latency_add(&l, far + i % 3);
	assert_true(is_near(bench_latency_mean(&l), 1e9 + 1, 1e-3));
	assert_true(is_near(bench_latency_deviation(&l), sqrt(2.0 / 3), 1e-6));
}

static void test_two_threads_together_are_as_one_that_made_all_calls(void **state)
{
	static struct bench_latency all;
	uint64_t random = 1;

	(void)state;
	all = (struct bench_latency){.mean_ns = 0};
	bench_latency_merge(&l, &other); /* none and none */
	assert_true(isnan(bench_latency_mean(&l)));
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t ns = bench_pick(&random, 1u << (i % 20));

		bench_latency_add(i % 3 ? &l : &other, ns);
		bench_latency_add(&all, ns);
	}
	bench_latency_merge(&l, &other);
	assert_true(is_near(l.mean_ns, all.mean_ns, all.mean_ns * 1e-9));
	assert_true(is_near(bench_latency_deviation(&l), bench_latency_deviation(&all), 1e-3));
	assert_memory_equal(&l.spread, &all.spread, sizeof(l.spread));
}

static void test_what_is_merged_into_nothing_stays_as_it_is(void **state)
{
	(void)state;
	add_all((const uint64_t[]){10, 20}, 2);
	bench_latency_merge(&other, &l);
	assert_memory_equal(&other, &l, sizeof(l));
}

static void test_calls_without_end_are_counted_too(void **state)
{
	(void)state;
	bench_latency_add(&l, UINT64_MAX);
	bench_latency_add(&l, 0);
	assert_int_equal(l.spread.count, 2);
	assert_int_equal(dmp_spread_at(&l.spread, 500), 0);
	assert_int_equal(dmp_spread_at(&l.spread, 999), UINT64_MAX);
	assert_true(is_near(bench_latency_mean(&l), 0x1p63, 0x1p12));
	assert_true(is_near(bench_latency_deviation(&l), 0x1p63, 0x1p12));
}

static void test_of_no_calls_there_are_no_figures(void **state)
{
	(void)state;
	assert_true(isnan(bench_latency_mean(&l)));
	assert_true(isnan(bench_latency_deviation(&l)));
}

#define clear_test(f) cmocka_unit_test_setup(f, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		clear_test(test_mean_and_deviation_are_those_of_all_calls),
		clear_test(test_the_deviation_of_long_calls_that_take_nearly_the_same_is_not_lost),
		clear_test(test_two_threads_together_are_as_one_that_made_all_calls),
		clear_test(test_what_is_merged_into_nothing_stays_as_it_is),
		clear_test(test_calls_without_end_are_counted_too),
		clear_test(test_of_no_calls_there_are_no_figures),
	};

	return cmocka_run_group_tests_name("bench_latency", tests, NULL, NULL);
}
