// SPDX-License-Identifier: MIT
/*
 * test_check_print.c - proves that the table and the JSON hold what was counted
 */
#include "test_check_rig.h"

#include <jansson.h>

static char *printed(const struct check_result *result)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	check_print(to, "net", result);
	fclose(to);
	return text;
}

static void test_the_table_has_each_sort_and_the_moved_lines(void **state)
{
	struct check_move moves[10] = {{77, 70}};
	struct check_result r = {.equal = 5,
				 .explained = 10,
				 .unexplained = 2,
				 .in_use_before = 3,
				 .nspaces = 2,
				 .unexplained_line = 99,
				 .strays = 4,
				 .stray_line = 88,
				 .moves = moves,
				 .nmoves = 10};
	char *text = printed(&r);

	(void)state;
	assert_non_null(strstr(text, "net: addresses of 20 allocations from 2 spaces\n"));
	assert_non_null(strstr(text, "  equal                                       5\n"));
	assert_non_null(strstr(text, "  explained                                  10\n"));
	assert_non_null(strstr(text, "  unexplained                                 2\n"));
	assert_non_null(strstr(text, "  not compared: in use before                 3\n"));
	assert_null(strstr(text, "peak slots"));
	assert_non_null(strstr(text, "the call of line 77 came before line 70\n"));
	assert_non_null(strstr(text, "and 2 more\n"));
	assert_non_null(strstr(text, "the first unexplained is in line 99\n"));
	assert_non_null(strstr(text, "4 frees of what no line allocates, the first in line 88\n"));
	free(text);
}

static void test_a_pool_has_a_peak(void **state)
{
	struct check_result r = {.equal = 1, .nspaces = 1, .has_pool = true, .peak_slots = 64};
	char *text = printed(&r);

	(void)state;
	assert_non_null(strstr(text, "  peak slots                                 64\n"));
	free(text);
}

static void test_nothing_to_check_is_not_told_as_good(void **state)
{
	struct check_result r = {0};
	char *text = printed(&r);

	(void)state;
	assert_string_equal(text, "net: no allocation by an allocator, so no address to check\n\n");
	free(text);
}

static json_int_t number(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

static void test_names_and_numbers_of_the_json(void **state)
{
	struct check_move moves[] = {{77, 70}};
	struct check_result r = {.equal = 5,
				 .explained = 1,
				 .unexplained = 2,
				 .in_use_before = 3,
				 .nspaces = 4,
				 .has_pool = true,
				 .peak_slots = 64,
				 .unexplained_line = 99,
				 .strays = 5,
				 .stray_line = 88,
				 .moves = moves,
				 .nmoves = 1};
	json_t *json = check_json("a/net.txt", "net", &r), *move;

	(void)state;
	assert_string_equal(json_string_value(json_object_get(json, "trace")), "net");
	assert_string_equal(json_string_value(json_object_get(json, "path")), "a/net.txt");
	assert_int_equal(number(json, "equal"), 5);
	assert_int_equal(number(json, "explained"), 1);
	assert_int_equal(number(json, "unexplained"), 2);
	assert_int_equal(number(json, "in_use_before"), 3);
	assert_int_equal(number(json, "spaces"), 4);
	assert_int_equal(number(json, "peak_slots"), 64);
	assert_int_equal(number(json, "first_unexplained_line"), 99);
	assert_int_equal(number(json, "strays"), 5);
	assert_int_equal(number(json, "first_stray_line"), 88);
	move = json_array_get(json_object_get(json, "moves"), 0);
	assert_int_equal(number(move, "line"), 77);
	assert_int_equal(number(move, "before_line"), 70);
	json_decref(json);
}

static void test_what_does_not_exist_is_null(void **state)
{
	struct check_result r = {.equal = 5, .nspaces = 1};
	json_t *json = check_json("net", "net", &r);

	(void)state;
	assert_true(json_is_null(json_object_get(json, "peak_slots")));
	assert_true(json_is_null(json_object_get(json, "first_unexplained_line")));
	assert_true(json_is_null(json_object_get(json, "first_stray_line")));
	assert_int_equal(json_array_size(json_object_get(json, "moves")), 0);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_table_has_each_sort_and_the_moved_lines),
		cmocka_unit_test(test_a_pool_has_a_peak),
		cmocka_unit_test(test_nothing_to_check_is_not_told_as_good),
		cmocka_unit_test(test_names_and_numbers_of_the_json),
		cmocka_unit_test(test_what_does_not_exist_is_null),
	};

	return cmocka_run_group_tests_name("check_print", tests, NULL, NULL);
}
