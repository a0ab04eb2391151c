// SPDX-License-Identifier: MIT
/*
 * test_bench_swiotlb_targets.c - proves which bounds `bench swiotlb --preset targets` has rows for
 *
 * Figures are those of whatever runs this test: none is looked at but what does not depend on
 * time.
 */
#include "test_bench_helpers.h"
#include "bench_target.h"
#include "command.h"
#include "json_file.h"

#include <dmapool/port.h>

#include <jansson.h>
#include <sched.h>

/* A row, with its bounds: 0 is none. */
struct expected {
	const char *name, *unit;
	double must, hope;
	bool at_least;
};

static const struct expected expected[] = {
	{"slot work, 4 KiB, empty pool", "ns", 50, 25, false},
	{"slot work, 4 KiB, empty pool", "instr.", 400, 200, false},
	{"slot work, 4 KiB, 99 % in use at random, 1 area", "ns", 100, 50, false},
	{"slot work, 4 KiB, 99 % in use at random, 1 area", "instr.", 1000, 500, false},
	{"search in vain, F1: every other slot in use", "ns", 150, 30, false},
	{"search in vain, F2: free pairs at odd slots", "ns", 1500, 300, false},
	{"slot work, 2 threads, 2 areas: CPU time to 1", "x", 1.2, 1.05, false},
	{"slot work, 2 threads, 2 areas: throughput to 1", "x", 1, 0, true},
	{"slot work, 2 threads, 8 areas: CPU time to 1", "x", 1.2, 1.05, false},
	{"slot work, 2 threads, 8 areas: throughput to 1", "x", 1, 0, true},
	{"slot work, 2 threads, 1 area: CPU time to 1", "x", 4, 2, false},
	{"slot work, 2 threads, 1 area: throughput to 1", "x", 0.5, 0, true},
	{"map and unmap to the device, 4 KiB, to memcpy", "x", 1.25, 1.1, false},
	{"malloc and free of glibc, 4 KiB, to memcpy", "x", 0, 0, false},
	{"malloc and free of jemalloc, 4 KiB, to memcpy", "x", 0, 0, false},
	{"map and unmap to the device, 64 KiB, to memcpy", "x", 1.03, 1.01, false},
	{"map and unmap to the device, 256 KiB, to memcpy", "x", 1.03, 1.01, false},
	{"policy warm to linux, 4 KiB to the device, empty", "x", 0.9, 0.6, false},
	{"metadata a slot, 64 MiB pool", "bytes", 12.5, 8, false},
};

#define NEXPECTED (sizeof(expected) / sizeof(expected[0]))

static int measured(json_t **into)
{
	const struct bench_plan plan = {.samples = 1, .rounds = 2};
	struct json_file json = {.answers = json_array()};
	int answer = bench_swiotlb_targets(&plan, &json);

	*into = json.answers;
	return answer;
}

static double number(const json_t *row, const char *name)
{
	return json_number_value(json_object_get(row, name)); /* 0 for null */
}

static const char *word(const json_t *row, const char *name)
{
	return json_string_value(json_object_get(row, name));
}

static void plant_all(void)
{
	plant("pair-copy-glibc", "echo 3 2 1.5 0 3");
	plant("pair-copy-jemalloc", "echo 3 2 1.5 0 3");
	plant("pair-bounce-empty", "");
	plant("pair-bounce-full", "");
	plant("icount.sh", "case $1 in *empty) echo 200 ;; *) echo 1001 ;; esac");
}

/* One run for the tests that have all helpers. */
static json_t *rows;
static int status;

static int measure_once(void **state)
{
	helpers_open(state);
	plant_all();
	status = measured(&rows);
	return helpers_close(state);
}

static int forget(void **state)
{
	(void)state;
	json_decref(rows);
	return 0;
}

static void test_each_bound_has_a_row_with_a_figure(void **state)
{
	(void)state;
	if (bench_cpus() < 2)
		skip();
	assert_int_equal(json_array_size(rows), NEXPECTED);
	for (size_t i = 0; i < NEXPECTED; i++) {
		const json_t *row = json_array_get(rows, i);

		assert_string_equal(word(row, "case"), expected[i].name);
		assert_string_equal(word(row, "unit"), expected[i].unit);
		assert_true(number(row, "must") == expected[i].must);
		assert_true(number(row, "hope") == expected[i].hope);
		assert_true(json_is_true(json_object_get(row, "at_least")) == expected[i].at_least);
		assert_true(number(row, "figure") > 0);
		assert_true(strlen(expected[i].name) <= 54);
	}
}

static void test_a_must_that_is_missed_is_status_1(void **state)
{
	(void)state;
	if (bench_cpus() < 2)
		skip();
	assert_int_equal(status, EXIT_BAD);
	assert_string_equal(word(json_array_get(rows, 1), "verdict"), "as hoped");
	assert_string_equal(word(json_array_get(rows, 3), "verdict"), "MISSED");
}

/* 12 bytes of a note, 2 bits, and their parts of areas and handles; no time is in it. */
static void test_metadata_are_all_bytes_that_the_library_keeps(void **state)
{
	const json_t *row = json_array_get(rows, NEXPECTED - 1);

	(void)state;
	if (bench_cpus() < 2)
		skip();
	assert_true(number(row, "figure") > 1);
	assert_true(number(row, "figure") <= 12.5);
}

static void test_one_cpu_judges_nothing(void **state)
{
	cpu_set_t before, one;
	json_t *none;
	int answer;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &before))
			CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	answer = measured(&none);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(answer, EXIT_USAGE);
	assert_int_equal(json_array_size(none), 0);
	json_decref(none);
}

static void test_what_a_helper_did_not_count_is_not_judged(void **state)
{
	json_t *others;

	(void)state;
	if (bench_cpus() < 2)
		skip();
	assert_int_not_equal(measured(&others), EXIT_GOOD);
	assert_string_equal(word(json_array_get(others, 1), "verdict"), "NOT JUDGED");
	assert_string_equal(word(json_array_get(others, 3), "verdict"), "NOT JUDGED");
	assert_true(json_is_null(json_object_get(json_array_get(others, 13), "figure")));
	json_decref(others);
}

#define helper_test(f) cmocka_unit_test_setup_teardown(f, helpers_open, helpers_close)

static void test_nothing_of_the_library_is_left(void **state)
{
	(void)state;
	assert_int_equal(dmp_meta_in_use(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_bound_has_a_row_with_a_figure),
		cmocka_unit_test(test_a_must_that_is_missed_is_status_1),
		cmocka_unit_test(test_metadata_are_all_bytes_that_the_library_keeps),
		cmocka_unit_test(test_one_cpu_judges_nothing),
		helper_test(test_what_a_helper_did_not_count_is_not_judged),
		cmocka_unit_test(test_nothing_of_the_library_is_left),
	};

	return cmocka_run_group_tests_name("bench_swiotlb_targets", tests, measure_once, forget);
}
