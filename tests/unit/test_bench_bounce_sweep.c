// SPDX-License-Identifier: MIT
/*
 * test_bench_bounce_sweep.c - proves that each combination is measured once, and what is left out
 */
#include "test_bench_helpers.h"
#include "bench_bounce_sweep.h"
#include "bench_fill.h"
#include "command.h"
#include "json_file.h"

#include <dmapool/port.h>

#include <jansson.h>

static struct bench_bounce_sweep tiny(void)
{
	return (struct bench_bounce_sweep){
		.threads = {{1}, 1},
		.areas = {{1}, 1},
		.sizes = {{4096}, 1},
		.percents = {{0}, 1},
		.directions = {{0}, 1},
		.patterns = {{BENCH_FILL_RANDOM}, 1},
		.policies = {{0}, 1},
		.copies = {{0}, 1},
		.slots = 512,
		.plan = {.samples = 1, .rounds = 3},
	};
}

/* The rows; those of malloc are away. */
static json_t *swept(struct bench_bounce_sweep *sweep)
{
	struct json_file json = {.answers = json_array()};
	size_t i = 0;

	assert_int_equal(bench_bounce_sweep_run(sweep, &json), EXIT_GOOD);
	assert_int_equal(dmp_meta_in_use(), 0);
	while (i < json_array_size(json.answers))
		if (json_object_get(json_array_get(json.answers, i), "policy"))
			i++;
		else
			json_array_remove(json.answers, i);
	return json.answers;
}

static const json_t *value(const json_t *rows, size_t row, const char *name)
{
	return json_object_get(json_array_get(rows, row), name);
}

static void test_every_combination_has_a_row(void **state)
{
	struct bench_bounce_sweep sweep = tiny();
	json_t *rows;

	(void)state;
	sweep.threads = (struct bench_list){{1, 2}, 2};
	sweep.areas = (struct bench_list){{1, 2}, 2};
	sweep.sizes = (struct bench_list){{512, 65536}, 2};
	sweep.directions = (struct bench_list){{0, 1, 2}, 3};
	sweep.policies = (struct bench_list){{0, 2}, 2};
	rows = swept(&sweep);
	assert_int_equal(json_array_size(rows), 2 * 2 * 2 * 3 * 2);
	assert_int_equal(sweep.left_out, 0);
	assert_int_equal(json_integer_value(value(rows, 1, "threads")), 2);
	assert_int_equal(json_integer_value(value(rows, 2, "areas")), 2);
	assert_int_equal(json_integer_value(value(rows, 4, "bytes")), 65536);
	assert_string_equal(json_string_value(value(rows, 8, "direction")), "from");
	assert_string_equal(json_string_value(value(rows, 16, "direction")), "both");
	assert_string_equal(json_string_value(value(rows, 24, "policy")), "warm");
	json_decref(rows);
}

/* 4 KiB in 2 us are 2 GB/s. */
static void test_a_case_that_copies_has_a_speed_and_memcpy_beside_it(void **state)
{
	struct bench_bounce_sweep sweep = tiny();
	json_t *rows = swept(&sweep);
	double gb = json_real_value(value(rows, 0, "gb_a_second"));

	(void)state;
	assert_true(gb * json_real_value(value(rows, 0, "wall_ns")) > 4095.9);
	assert_true(gb * json_real_value(value(rows, 0, "wall_ns")) < 4096.1);
	assert_string_equal(json_string_value(value(rows, 0, "floor")), "memcpy");
	assert_true(json_is_true(value(rows, 0, "copied")));
	json_decref(rows);
}

static void test_without_the_copy_there_is_no_direction_and_no_speed(void **state)
{
	struct bench_bounce_sweep sweep = tiny();
	json_t *rows;

	(void)state;
	sweep.directions = (struct bench_list){{0, 1, 2}, 3};
	sweep.copies = (struct bench_list){{1}, 1};
	rows = swept(&sweep);
	assert_int_equal(json_array_size(rows), 1);
	assert_true(json_is_null(value(rows, 0, "direction")));
	assert_true(json_is_null(value(rows, 0, "gb_a_second")));
	assert_string_equal(json_string_value(value(rows, 0, "floor")), "array");
	assert_false(json_is_true(value(rows, 0, "copied")));
	json_decref(rows);
}

static void test_an_empty_pool_has_no_pattern(void **state)
{
	struct bench_bounce_sweep sweep = tiny();
	json_t *rows;

	(void)state;
	sweep.percents = (struct bench_list){{0, 50}, 2};
	sweep.patterns = (struct bench_list){{BENCH_FILL_RANDOM, BENCH_FILL_SEGMENTS}, 2};
	rows = swept(&sweep);
	assert_int_equal(json_array_size(rows), 3);
	assert_true(json_is_null(value(rows, 0, "pattern")));
	assert_string_equal(json_string_value(value(rows, 1, "pattern")), "random");
	assert_string_equal(json_string_value(value(rows, 2, "pattern")), "segments");
	assert_int_equal(json_integer_value(value(rows, 2, "in_use_percent")), 50);
	json_decref(rows);
}

/* 256 KiB among random buffers; 8 areas of 512 slots; more threads than buffers in the ring. */
static void test_what_has_no_room_is_left_out_and_counted(void **state)
{
	struct bench_bounce_sweep sweep = tiny();
	json_t *rows;

	(void)state;
	sweep.percents = (struct bench_list){{0, 99}, 2};
	sweep.sizes = (struct bench_list){{4096, 262144}, 2};
	rows = swept(&sweep);
	assert_int_equal(json_array_size(rows), 3);
	assert_int_equal(sweep.left_out, 1);
	json_decref(rows);
	sweep = tiny();
	sweep.areas = (struct bench_list){{4, 8}, 2};
	rows = swept(&sweep);
	assert_int_equal(json_array_size(rows), 1);
	assert_int_equal(sweep.left_out, 1);
	json_decref(rows);
	sweep = tiny();
	sweep.sizes = (struct bench_list){{262144}, 1};
	sweep.threads = (struct bench_list){{4, 5}, 2};
	rows = swept(&sweep);
	assert_int_equal(json_array_size(rows), 1);
	assert_int_equal(sweep.left_out, 1);
	json_decref(rows);
}

/* Two sizes by two numbers of threads by two allocators, only if bytes are copied at all. */
static void test_malloc_has_a_row_a_size_and_number_of_threads(void **state)
{
	struct bench_bounce_sweep sweep = tiny();
	struct json_file json = {.answers = json_array()};

	(void)state;
	plant("pair-copy-glibc", "echo $2 $5 2 0 1");
	sweep.sizes = (struct bench_list){{512, 4096}, 2};
	sweep.threads = (struct bench_list){{1, 2}, 2};
	assert_int_equal(bench_bounce_sweep_run(&sweep, &json), EXIT_GOOD);
	assert_int_equal(json_array_size(json.answers), 4 + 8);
	assert_true(json_real_value(value(json.answers, 4, "cpu_ns")) == 512);
	assert_true(json_real_value(value(json.answers, 6, "floor_ns")) == 2);
	json_array_clear(json.answers);
	sweep.copies = (struct bench_list){{1}, 1};
	assert_int_equal(bench_bounce_sweep_run(&sweep, &json), EXIT_GOOD);
	assert_int_equal(json_array_size(json.answers), 4);
	json_decref(json.answers);
}

#define helper_test(f) cmocka_unit_test_setup_teardown(f, helpers_open, helpers_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		helper_test(test_every_combination_has_a_row),
		helper_test(test_a_case_that_copies_has_a_speed_and_memcpy_beside_it),
		helper_test(test_without_the_copy_there_is_no_direction_and_no_speed),
		helper_test(test_an_empty_pool_has_no_pattern),
		helper_test(test_what_has_no_room_is_left_out_and_counted),
		helper_test(test_malloc_has_a_row_a_size_and_number_of_threads),
	};

	return cmocka_run_group_tests_name("bench_bounce_sweep", tests, NULL, NULL);
}
