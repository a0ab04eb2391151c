// SPDX-License-Identifier: MIT
/*
 * test_bench_compare.c - proves what two sides become in a table, and what one that fails does
 */
#include "dmptest.h"
#include "bench_compare.h"
#include "bench_ring.h"

#include <dmapool/port.h>

#include <math.h>

static struct bench_table table;
static struct bench_compare c;

static void compare(struct bench_side a, struct bench_side b)
{
	table.count = 0;
	c = (struct bench_compare){.plan = {.samples = 3, .rounds = 10}, .table = &table};
	bench_compare_run(&c, "a test", a, b);
	assert_int_equal(dmp_meta_in_use(), 0);
}

static void test_both_sides_are_measured_as_often(void **state)
{
	(void)state;
	compare(bench_side_cached(2, 4), bench_side_replacing(8));
	assert_true(c.done);
	assert_int_equal(c.results[0].samples, 3);
	assert_int_equal(c.results[0].pairs, 2 * 4 * 10);
	assert_int_equal(c.results[1].pairs, 10);
	assert_true(bench_compare_cpu(&c, "a row", 1, 1)->figure > 0);
	assert_true(bench_compare_wall(&c, "a row", 1, 1)->figure > 0);
	assert_true(bench_compare_ns(&c, 1, "a row", 1, 1)->figure > 0);
	assert_int_equal(table.count, 3);
}

/* The first side takes 8 ns a pair and 6 of CPU time, the second 2 and 3. */
static void test_a_ratio_is_the_first_side_s_but_of_throughput(void **state)
{
	(void)state;
	table.count = 0;
	c = (struct bench_compare){
		.table = &table,
		.done = true,
		.results = {{.samples = 1, .nthreads = 1, .cpu = {6}, .wall = {8}},
			    {.samples = 1, .nthreads = 1, .cpu = {3}, .wall = {2}}}};
	assert_true(bench_compare_cpu(&c, "a row", 1, 1)->figure == 2);
	assert_true(bench_compare_wall(&c, "a row", 1, 1)->figure == 4);
	assert_true(bench_compare_rate(&c, "a row", 1, 1)->figure == 0.25);
	assert_true(table.row[2].at_least);
	assert_true(bench_compare_ns(&c, 0, "a row", 1, 1)->figure == 6);
}

/* Both run a third of the time: the one thread's CPU time is as it was. */
static void test_threads_that_seldom_ran_together_are_not_judged(void **state)
{
	(void)state;
	table.count = 0;
	c = (struct bench_compare){
		.table = &table,
		.done = true,
		.results = {{.samples = 1, .nthreads = 1, .cpu = {6}, .wall = {8}, .lost = {0.6}},
			    {.samples = 1, .nthreads = 1, .cpu = {3}, .wall = {2}, .lost = {0}}}};
	assert_null(bench_compare_cpu(&c, "a row", 1, 1)->why);
	c.results[0].nthreads = bench_cpus();
	assert_true(bench_cpus() == 1 || bench_compare_cpu(&c, "a row", 1, 1)->why);
}

static void test_the_ring_can_be_a_side(void **state)
{
	static struct bench_ring ring;
	struct bench_side passing = bench_side_cached(2, 1);

	(void)state;
	passing.use.pattern = BENCH_PASS;
	compare(passing, (struct bench_side){.nthreads = 2, .ring = &ring});
	assert_true(c.done);
	assert_int_equal(c.results[0].pairs, 10);
	assert_int_equal(c.results[1].pairs, 10);
}

/* Nothing fits below pfn 1. */
static void test_a_side_that_fails_leaves_rows_without_a_figure(void **state)
{
	struct bench_side full = bench_side_cached(1, 2);

	(void)state;
	full.use.limit = 1;
	compare(bench_side_cached(1, 1), full);
	assert_false(c.done);
	assert_true(isnan(bench_compare_cpu(&c, "a row", 1, 1)->figure));
	assert_true(isnan(bench_compare_rate(&c, "a row", 1, 1)->figure));
	full.nthreads = 3;
	full.use.pattern = BENCH_PASS;
	compare(full, bench_side_cached(1, 1));
	assert_false(c.done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_sides_are_measured_as_often),
		cmocka_unit_test(test_a_ratio_is_the_first_side_s_but_of_throughput),
		cmocka_unit_test(test_threads_that_seldom_ran_together_are_not_judged),
		cmocka_unit_test(test_the_ring_can_be_a_side),
		cmocka_unit_test(test_a_side_that_fails_leaves_rows_without_a_figure),
	};

	return cmocka_run_group_tests_name("bench_compare", tests, NULL, NULL);
}
