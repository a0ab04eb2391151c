// SPDX-License-Identifier: MIT
/*
 * test_bench_sweep.c - proves that each combination is measured once, and what is left out
 */
#include "dmptest.h"
#include "bench_range.h"
#include "bench_sweep.h"
#include "command.h"
#include "json_file.h"

#include <dmapool/bits.h>
#include <dmapool/port.h>

#include <jansson.h>

static struct bench_sweep tiny(void)
{
	return (struct bench_sweep){
		.threads = {{1}, 1},
		.sizes = {{1}, 1},
		.batches = {{2}, 1},
		.patterns = {{BENCH_SAME}, 1},
		.policies = {{0}, 1},
		.caches = {{1}, 1},
		.magazines = {{127}, 1},
		.depots = {{0}, 1},
		.live = 8,
		.limit = DMP_MASK(20),
		.plan = {.samples = 1, .rounds = 10},
	};
}

static json_t *swept(struct bench_sweep *sweep)
{
	struct json_file json = {.answers = json_array()};

	assert_int_equal(bench_sweep_run(sweep, &json), EXIT_GOOD);
	assert_int_equal(dmp_meta_in_use(), 0);
	return json.answers;
}

static const char *word(const json_t *rows, size_t row, const char *name)
{
	return json_string_value(json_object_get(json_array_get(rows, row), name));
}

static json_int_t number(const json_t *rows, size_t row, const char *name)
{
	return json_integer_value(json_object_get(json_array_get(rows, row), name));
}

static void test_every_combination_has_a_row(void **state)
{
	struct bench_sweep sweep = tiny();
	json_t *rows;

	(void)state;
	sweep.threads = (struct bench_list){{1, 2}, 2};
	sweep.sizes = (struct bench_list){{1, 4, 33}, 3};
	sweep.caches = (struct bench_list){{0, 1}, 2};
	rows = swept(&sweep);
	assert_int_equal(json_array_size(rows), 12);
	assert_int_equal(number(rows, 1, "threads"), 2);
	assert_int_equal(number(rows, 2, "size"), 4);
	assert_false(json_is_true(json_object_get(json_array_get(rows, 5), "cached")));
	assert_true(json_is_true(json_object_get(json_array_get(rows, 6), "cached")));
	assert_int_equal(sweep.left_out, 0);
	json_decref(rows);
}

/* Nobody to pass to; one range for each of 16 threads out of 8. */
static void test_what_makes_no_sense_is_left_out_and_counted(void **state)
{
	struct bench_sweep sweep = tiny();
	json_t *rows;

	(void)state;
	sweep.threads = (struct bench_list){{1, 16}, 2};
	sweep.patterns = (struct bench_list){{BENCH_PASS, BENCH_RANDOM}, 2};
	rows = swept(&sweep);
	assert_int_equal(json_array_size(rows), 2);
	assert_string_equal(word(rows, 0, "pattern"), "pass");
	assert_string_equal(word(rows, 0, "floor"), "ring");
	assert_string_equal(word(rows, 1, "pattern"), "random");
	assert_int_equal(sweep.left_out, 2);
	json_decref(rows);
}

static void test_a_pattern_without_batches_is_measured_once(void **state)
{
	struct bench_sweep sweep = tiny();
	json_t *rows;

	(void)state;
	sweep.batches = (struct bench_list){{1, 8, 128}, 3};
	sweep.patterns = (struct bench_list){{BENCH_RANDOM, BENCH_LIFO}, 2};
	rows = swept(&sweep);
	assert_int_equal(json_array_size(rows), 4);
	json_decref(rows);
	sweep.threads = (struct bench_list){{1, 2}, 2};
	sweep.patterns.count = 1;
	sweep.batches.count = 2;
	rows = swept(&sweep);
	assert_int_equal(json_array_size(rows), 2);
	assert_int_equal(number(rows, 1, "threads"), 2);
	json_decref(rows);
}

/* A magazine and a depot are a cache's. */
static void test_settings_of_a_cache_make_a_row_each_and_one_without(void **state)
{
	struct bench_sweep sweep = tiny();
	json_t *rows;

	(void)state;
	sweep.caches = (struct bench_list){{0, 1}, 2};
	sweep.magazines = (struct bench_list){{7, 127}, 2};
	sweep.depots = (struct bench_list){{0, 32}, 2};
	rows = swept(&sweep);
	assert_int_equal(json_array_size(rows), 5);
	assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "magazine")));
	assert_int_equal(number(rows, 1, "magazine"), 7);
	assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "depot")));
	assert_int_equal(number(rows, 4, "magazine"), 127);
	assert_int_equal(number(rows, 4, "depot"), 32);
	json_decref(rows);
}

static void test_a_request_that_fails_stops_the_sweep(void **state)
{
	struct bench_sweep sweep = tiny();

	(void)state;
	sweep.limit = 1;
	sweep.sizes.value[0] = 2;
	assert_int_equal(bench_sweep_run(&sweep, NULL), EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_combination_has_a_row),
		cmocka_unit_test(test_what_makes_no_sense_is_left_out_and_counted),
		cmocka_unit_test(test_a_pattern_without_batches_is_measured_once),
		cmocka_unit_test(test_settings_of_a_cache_make_a_row_each_and_one_without),
		cmocka_unit_test(test_a_request_that_fails_stops_the_sweep),
	};

	return cmocka_run_group_tests_name("bench_sweep", tests, NULL, NULL);
}
