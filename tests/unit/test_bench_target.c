// SPDX-License-Identifier: MIT
/*
 * test_bench_target.c - proves which figure keeps which bound
 */
#include "dmptest.h"
#include "bench_target.h"
#include "command.h"
#include "json_file.h"

#include <jansson.h>
#include <math.h>

static void test_a_figure_is_judged_by_must_and_hope(void **state)
{
	static const struct {
		double figure;
		enum bench_verdict at_most, at_least;
	} cases[] = {
		{1, BENCH_BETTER, BENCH_MISSED}, {2, BENCH_BETTER, BENCH_MISSED},
		{3, BENCH_KEPT, BENCH_MISSED},   {5, BENCH_KEPT, BENCH_KEPT},
		{6, BENCH_MISSED, BENCH_KEPT},   {NAN, BENCH_UNKNOWN, BENCH_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench_target most = {.must = 5, .hope = 2, .figure = cases[i].figure};
		struct bench_target least = {
			.must = 5, .hope = 9, .figure = cases[i].figure, .at_least = true};

		assert_int_equal(bench_target_verdict(&most), cases[i].at_most);
		assert_int_equal(bench_target_verdict(&least), cases[i].at_least);
	}
}

static void test_a_row_without_bounds_cannot_be_missed(void **state)
{
	struct bench_target t = {.must = NAN, .hope = NAN, .figure = 1e9};

	(void)state;
	assert_int_equal(bench_target_verdict(&t), BENCH_TOLD);
	t.figure = NAN;
	assert_int_equal(bench_target_verdict(&t), BENCH_TOLD);
}

static void test_a_row_that_is_not_to_be_judged_keeps_no_promise(void **state)
{
	struct bench_target t = {.must = 5, .hope = 2, .figure = 1, .why = "a bad floor"};

	(void)state;
	assert_int_equal(bench_target_verdict(&t), BENCH_UNKNOWN);
}

/* A row with @figure and one that is kept: the status, and what was printed. */
static int status_of(double figure, const char *why, const char **text)
{
	struct json_file json = {.answers = json_array()};
	static struct bench_table table;
	static char *said;
	size_t size;
	FILE *to;
	int status;

	table.count = 0;
	bench_table_add(&table, "a pair", "x", 5, 2)->figure = 1;
	bench_table_add(&table, "another", "ns", 5, 2)->figure = figure;
	table.row[1].why = why;
	free(said);
	to = open_memstream(&said, &size);
	status = bench_table_print(to, &table, &json);
	fclose(to);
	assert_int_equal(json_array_size(json.answers), 2);
	json_decref(json.answers);
	*text = said;
	return status;
}

static void test_the_status_is_bad_if_one_must_is_missed(void **state)
{
	const char *text;

	(void)state;
	assert_int_equal(status_of(5, NULL, &text), EXIT_GOOD);
	assert_null(strstr(text, "MISSED"));
	assert_int_equal(status_of(6, NULL, &text), EXIT_BAD);
	assert_non_null(strstr(text, "MISSED"));
}

static void test_what_was_not_judged_has_a_status_of_its_own(void **state)
{
	const char *text;

	(void)state;
	assert_int_equal(status_of(NAN, NULL, &text), EXIT_USAGE);
	assert_non_null(strstr(text, "NOT JUDGED"));
	assert_int_equal(status_of(1, "a bad floor", &text), EXIT_USAGE);
	assert_non_null(strstr(text, "a bad floor"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_figure_is_judged_by_must_and_hope),
		cmocka_unit_test(test_a_row_without_bounds_cannot_be_missed),
		cmocka_unit_test(test_a_row_that_is_not_to_be_judged_keeps_no_promise),
		cmocka_unit_test(test_the_status_is_bad_if_one_must_is_missed),
		cmocka_unit_test(test_what_was_not_judged_has_a_status_of_its_own),
	};

	return cmocka_run_group_tests_name("bench_target", tests, NULL, NULL);
}
