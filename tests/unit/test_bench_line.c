// SPDX-License-Identifier: MIT
/*
 * test_bench_line.c - proves what a command line becomes, and which ones are none
 */
#include "dmptest.h"
#include "bench_line.h"
#include "command.h"
#include "json_file.h"

enum { SIZE, WORD, SAMPLES, MS, JSON };

static const struct poptOption options[] = {
	BENCH_OPTION("size", 's', SIZE, "", "LIST"),    BENCH_OPTION("word", 'w', WORD, "", "LIST"),
	BENCH_OPTION("samples", 'n', SAMPLES, "", "N"), BENCH_OPTION("ms", 'm', MS, "", "N"),
	BENCH_OPTION("json", 'j', JSON, "", "OUT"),     POPT_TABLEEND};

static struct bench_line line;

static int opened(const char *first, const char *second)
{
	const char *argv[] = {"a test", first, second, NULL};

	return bench_line_open(&line, !first ? 1 : second ? 3 : 2, argv, options, "");
}

static int opened_and_closed(const char *first, const char *second)
{
	int status = opened(first, second);

	bench_line_close(&line);
	return status;
}

static void test_an_option_that_is_not_given_is_otherwise(void **state)
{
	struct bench_list list;
	uint64_t one;

	(void)state;
	assert_int_equal(opened("--size=8,9", NULL), 0);
	assert_int_equal(bench_line_numbers(&line, SIZE, "3", 1, 10, &list), 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.value[1], 9);
	assert_int_equal(bench_line_one(&line, SAMPLES, "3", 1, 10, &one), 0);
	assert_int_equal(one, 3);
	bench_line_close(&line);
}

static void test_what_is_no_option_or_comes_twice_is_refused(void **state)
{
	(void)state;
	assert_int_equal(opened_and_closed("--other", NULL), EXIT_USAGE);
	assert_int_equal(opened_and_closed("size", NULL), EXIT_USAGE);
	assert_int_equal(opened_and_closed("--size=1", "-s2"), EXIT_USAGE);
	assert_int_equal(opened_and_closed("--size", NULL), EXIT_USAGE);
	assert_int_equal(opened_and_closed("--size=1", "--word=a"), 0);
}

static void test_what_is_no_list_of_the_kind_is_refused(void **state)
{
	static const char *const words[] = {"a", "b"};
	struct bench_list list;
	uint64_t one = 7;

	(void)state;
	assert_int_equal(opened("--size=8,11", "--word=c"), 0);
	assert_int_equal(bench_line_numbers(&line, SIZE, "3", 1, 10, &list), EXIT_USAGE);
	assert_int_equal(bench_line_words(&line, WORD, "a", words, 2, &list), EXIT_USAGE);
	assert_int_equal(bench_line_one(&line, SIZE, "3", 1, 11, &one), EXIT_USAGE);
	assert_int_equal(one, 7);
	bench_line_close(&line);
}

static void test_a_plan_is_samples_and_how_long_they_last(void **state)
{
	struct bench_plan plan = {.samples = 1};

	(void)state;
	assert_int_equal(opened("--ms=3", NULL), 0);
	assert_int_equal(bench_line_plan(&line, SAMPLES, MS, "15", 9, &plan), 0);
	assert_int_equal(plan.samples, 15);
	assert_int_equal(plan.sample_ns, 3000000);
	assert_int_equal(plan.rounds, 0);
	bench_line_close(&line);
	assert_int_equal(opened("--samples=8", NULL), 0);
	assert_int_equal(bench_line_plan(&line, SAMPLES, MS, "15", 9, &plan), EXIT_USAGE);
	assert_int_equal(plan.samples, 15);
	bench_line_close(&line);
}

/* The options before the end, not the end itself. */
static void test_a_preset_stands_alone(void **state)
{
	(void)state;
	assert_int_equal(opened("--samples=8", NULL), 0);
	assert_int_equal(bench_line_refuse_beside_preset(&line, SAMPLES), 0);
	assert_int_equal(bench_line_refuse_beside_preset(&line, SAMPLES + 1), EXIT_USAGE);
	bench_line_close(&line);
}

static int count_runs(void *of, struct json_file *json)
{
	unsigned *runs = of;

	(*runs)++;
	return json ? EXIT_GOOD : EXIT_BAD;
}

static void test_json_is_open_while_it_runs_and_stops_it_if_it_cannot_be(void **state)
{
	unsigned runs = 0;

	(void)state;
	assert_int_equal(opened("--json=/dev/null", NULL), 0);
	assert_int_equal(bench_line_run(&line, JSON, count_runs, &runs), EXIT_GOOD);
	bench_line_close(&line);
	assert_int_equal(opened(NULL, NULL), 0);
	assert_int_equal(bench_line_run(&line, JSON, count_runs, &runs), EXIT_BAD);
	bench_line_close(&line);
	assert_int_equal(runs, 2);
	assert_int_equal(opened("--json=/nonexistent/x.json", NULL), 0);
	assert_int_equal(bench_line_run(&line, JSON, count_runs, &runs), EXIT_USAGE);
	bench_line_close(&line);
	assert_int_equal(runs, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_option_that_is_not_given_is_otherwise),
		cmocka_unit_test(test_what_is_no_option_or_comes_twice_is_refused),
		cmocka_unit_test(test_what_is_no_list_of_the_kind_is_refused),
		cmocka_unit_test(test_a_plan_is_samples_and_how_long_they_last),
		cmocka_unit_test(test_a_preset_stands_alone),
		cmocka_unit_test(test_json_is_open_while_it_runs_and_stops_it_if_it_cannot_be),
	};

	return cmocka_run_group_tests_name("bench_line", tests, NULL, NULL);
}
