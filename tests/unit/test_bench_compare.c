// SPDX-License-Identifier: MIT
/*
 * test_bench_compare.c - proves what two jobs become in a table, and what one that fails does
 */
#include "dmptest.h"
#include "bench_compare.h"

#include <math.h>

static struct bench_table table;
static struct bench_compare c;

static uint64_t run_nothing(struct bench_thread *t, uint64_t rounds)
{
	(void)t;
	(void)rounds;
	return 0;
}

static void compare(const struct bench_work *a, const struct bench_work *b)
{
	static unsigned batch = 4;

	table.count = 0;
	c = (struct bench_compare){.plan = {.samples = 3, .rounds = 10}, .table = &table};
	bench_compare_run(&c, "a test", (const struct bench_job[]){{a, &batch, 2}, {b, &batch, 1}});
}

static void test_both_jobs_are_measured_as_often(void **state)
{
	(void)state;
	compare(&bench_floor, &bench_floor);
	assert_true(c.done);
	assert_int_equal(c.results[0].samples, 3);
	assert_int_equal(c.results[0].pairs, 2 * 4 * 10);
	assert_int_equal(c.results[1].pairs, 4 * 10);
}

static void test_a_job_without_a_pair_leaves_rows_without_a_figure(void **state)
{
	static const struct bench_work nothing = {.run = run_nothing};

	(void)state;
	compare(&bench_floor, &nothing);
	assert_false(c.done);
	assert_true(isnan(bench_compare_cpu(&c, "a row", 1, 1)->figure));
	assert_true(isnan(bench_compare_rate(&c, "a row", 1, 1)->figure));
	assert_true(isnan(bench_compare_ns(&c, 0, "a row", 1, 1)->figure));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_jobs_are_measured_as_often),
		cmocka_unit_test(test_a_job_without_a_pair_leaves_rows_without_a_figure),
		cmocka_unit_test(test_a_ratio_is_the_first_side_s_but_of_throughput),
		cmocka_unit_test(test_threads_that_seldom_ran_together_are_not_judged),
	};

	return cmocka_run_group_tests_name("bench_compare", tests, NULL, NULL);
}
