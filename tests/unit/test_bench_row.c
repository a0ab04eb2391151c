// SPDX-License-Identifier: MIT
/*
 * test_bench_row.c - proves what a case beside its floor becomes, in figures, words and JSON
 */
#include "dmptest.h"
#include "bench_row.h"

#include <jansson.h>

/* 8 ns a pair and 6 of CPU time, the floor 2 and 3. */
static struct bench_row row_of(bool by_wall)
{
	return (struct bench_row){
		.nthreads = 1,
		.by_wall = by_wall,
		.floor_name = "array",
		.ours = {.samples = 1, .nthreads = 1, .pairs = 5, .cpu = {6}, .wall = {8}},
		.floor = {.samples = 1, .nthreads = 1, .cpu = {3}, .wall = {2}}};
}

static void test_a_case_is_compared_by_one_of_the_two_clocks(void **state)
{
	struct bench_row row = row_of(false);

	(void)state;
	assert_true(bench_row_wall(&row) == 8);
	assert_true(bench_row_floor(&row) == 3);
	assert_true(bench_row_ratio(&row) == 2);
	row = row_of(true);
	assert_true(bench_row_floor(&row) == 2);
	assert_true(bench_row_ratio(&row) == 4);
}

static void test_both_jobs_are_measured(void **state)
{
	const struct bench_plan plan = {.samples = 3, .rounds = 10};
	unsigned batch = 4, other = 2;
	struct bench_row row = {.nthreads = 1};

	(void)state;
	assert_int_equal(bench_row_run(&row, &plan, &(struct bench_job){&bench_floor, &batch, 1},
				       &(struct bench_job){&bench_floor, &other, 2}),
			 0);
	assert_int_equal(row.ours.samples, 3);
	assert_int_equal(row.ours.pairs, 40);
	assert_int_equal(row.floor.pairs, 2 * 20);
}

static void test_more_threads_than_cpus_are_told(void **state)
{
	struct bench_row row = row_of(false);

	(void)state;
	assert_string_equal(bench_row_remark(&row), "");
	row.ours.lost[0] = 0.25;
	assert_non_null(strstr(bench_row_remark(&row), "25 %"));
	row.nthreads = bench_cpus() + 1;
	assert_non_null(strstr(bench_row_remark(&row), "more threads"));
}

static void test_json_has_the_figures_behind_the_case(void **state)
{
	struct bench_row row = row_of(false);
	json_t *json = bench_row_json(&row, json_pack("{s:i}", "threads", 1));

	(void)state;
	assert_non_null(json);
	assert_int_equal(json_integer_value(json_object_get(json, "threads")), 1);
	assert_true(json_real_value(json_object_get(json, "wall_ns")) == 8);
	assert_true(json_real_value(json_object_get(json, "cpu_ns")) == 6);
	assert_true(json_real_value(json_object_get(json, "floor_ns")) == 3);
	assert_true(json_real_value(json_object_get(json, "x_floor")) == 2);
	assert_int_equal(json_integer_value(json_object_get(json, "pairs_a_sample")), 5);
	assert_false(json_is_true(json_object_get(json, "more_threads_than_cpus")));
	json_decref(json);
	assert_null(bench_row_json(&row, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_case_is_compared_by_one_of_the_two_clocks),
		cmocka_unit_test(test_both_jobs_are_measured),
		cmocka_unit_test(test_more_threads_than_cpus_are_told),
		cmocka_unit_test(test_json_has_the_figures_behind_the_case),
	};

	return cmocka_run_group_tests_name("bench_row", tests, NULL, NULL);
}
