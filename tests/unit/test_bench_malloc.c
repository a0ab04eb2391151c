// SPDX-License-Identifier: MIT
/*
 * test_bench_malloc.c - proves what the rows of malloc say, also without a helper program
 */
#include "test_bench_helpers.h"
#include "bench_malloc.h"
#include "command.h"
#include "json_file.h"

#include <jansson.h>

static json_t *measured(void)
{
	const struct bench_plan plan = {.samples = 3, .sample_ns = 1000};
	struct json_file json = {.answers = json_array()};

	assert_int_equal(bench_malloc_run(&plan, 4096, 2, &json), EXIT_GOOD);
	assert_int_equal(json_array_size(json.answers), 2);
	return json.answers;
}

static const json_t *value(const json_t *rows, size_t row, const char *name)
{
	return json_object_get(json_array_get(rows, row), name);
}

/* 4096 bytes in 1024 ns by the clock on the wall. */
static void test_a_helper_s_answer_is_a_row(void **state)
{
	json_t *rows;

	(void)state;
	plant("pair-copy-glibc", "[ \"$*\" = 'time 4096 3 1000 2' ] && echo 900 600 1.5 0.5 1024");
	plant("pair-copy-jemalloc", "echo 700 600 1.25 0 2048");
	rows = measured();
	assert_string_equal(json_string_value(value(rows, 0, "allocator")), "glibc");
	assert_true(json_real_value(value(rows, 0, "cpu_ns")) == 900);
	assert_true(json_real_value(value(rows, 0, "floor_ns")) == 600);
	assert_true(json_real_value(value(rows, 0, "x_floor")) == 1.5);
	assert_true(json_real_value(value(rows, 0, "wall_ns")) == 1024);
	assert_true(json_real_value(value(rows, 0, "gb_a_second")) == 4);
	assert_string_equal(json_string_value(value(rows, 1, "allocator")), "jemalloc");
	assert_true(json_real_value(value(rows, 1, "gb_a_second")) == 2);
	json_decref(rows);
}

static void test_a_helper_that_is_missing_or_fails_is_told(void **state)
{
	json_t *rows;

	(void)state;
	plant("pair-copy-glibc", "exit 1");
	rows = measured();
	assert_non_null(strstr(json_string_value(value(rows, 0, "why")), "failed"));
	assert_null(value(rows, 0, "cpu_ns"));
	assert_non_null(strstr(json_string_value(value(rows, 1, "why")), "no helper program"));
	json_decref(rows);
}

#define helper_test(f) cmocka_unit_test_setup_teardown(f, helpers_open, helpers_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		helper_test(test_a_helper_s_answer_is_a_row),
		helper_test(test_a_helper_that_is_missing_or_fails_is_told),
	};

	return cmocka_run_group_tests_name("bench_malloc", tests, NULL, NULL);
}
