// SPDX-License-Identifier: MIT
/*
 * test_bench_list.c - proves which texts are lists
 */
#include "dmptest.h"
#include "bench_list.h"
#include "command.h"

static const char *const words[] = {"same", "lifo", "pass"};

static void test_numbers_keep_their_order(void **state)
{
	struct bench_list list;

	(void)state;
	assert_int_equal(bench_list_numbers("--x", "8,010,0x10", 1, 64, &list), 0);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.value[0], 8);
	assert_int_equal(list.value[1], 10);
	assert_int_equal(list.value[2], 16);
}

static void test_words_become_their_indexes(void **state)
{
	struct bench_list list;

	(void)state;
	assert_int_equal(bench_list_words("--x", "pass,same", words, 3, &list), 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.value[0], 2);
	assert_int_equal(list.value[1], 0);
	assert_int_equal(bench_list_words("--x", "all", words, 3, &list), 0);
	assert_int_equal(list.count, 3);
}

static void test_what_is_no_list_changes_nothing(void **state)
{
	static const char *const bad[] = {"",
					  ",",
					  "1,",
					  ",1",
					  "1,,2",
					  "1;2",
					  "one",
					  "-1",
					  "0",
					  "65",
					  "1 2",
					  "99999999999999999999",
					  "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"};
	struct bench_list list = {.count = 7};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bench_list_numbers("--x", bad[i], 1, 64, &list), EXIT_USAGE);
	assert_int_equal(bench_list_words("--x", "", words, 3, &list), EXIT_USAGE);
	assert_int_equal(bench_list_words("--x", "sam", words, 3, &list), EXIT_USAGE);
	assert_int_equal(bench_list_words("--x", "same,", words, 3, &list), EXIT_USAGE);
	assert_int_equal(list.count, 7);
}

static void test_one_item_is_no_list(void **state)
{
	static const char *const bad[] = {"", "1,2", "1,", "0", "65", "x"};
	unsigned which = 7;
	uint64_t one = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bench_list_number("--x", bad[i], 1, 64, &one), EXIT_USAGE);
	assert_int_equal(bench_list_choice("--x", "all", words, 3, &which), EXIT_USAGE);
	assert_int_equal(bench_list_choice("--x", "same,lifo", words, 3, &which), EXIT_USAGE);
	assert_int_equal(bench_list_choice("--x", "", words, 3, &which), EXIT_USAGE);
	assert_true(one == 7 && which == 7);
	assert_int_equal(bench_list_number("--x", "0x40", 1, 64, &one), 0);
	assert_int_equal(bench_list_choice("--x", "pass", words, 3, &which), 0);
	assert_true(one == 64 && which == 2);
}

/* 2 x 3, and no seventh. */
static void test_each_combination_comes_once_the_first_list_turning_fastest(void **state)
{
	const struct bench_list fast = {{7, 8}, 2}, slow = {{1, 2, 3}, 3};
	const struct bench_list *const lists[] = {&fast, &slow};
	uint64_t item[2];
	unsigned index[2];

	(void)state;
	for (unsigned n = 0; n < 6; n++) {
		assert_true(bench_list_pick(lists, 2, n, item, index));
		assert_int_equal(item[0], 7 + n % 2);
		assert_int_equal(item[1], 1 + n / 2);
		assert_int_equal(index[0], n % 2);
		assert_int_equal(index[1], n / 2);
	}
	assert_false(bench_list_pick(lists, 2, 6, item, index));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_combination_comes_once_the_first_list_turning_fastest),
		cmocka_unit_test(test_numbers_keep_their_order),
		cmocka_unit_test(test_words_become_their_indexes),
		cmocka_unit_test(test_what_is_no_list_changes_nothing),
		cmocka_unit_test(test_one_item_is_no_list),
	};

	return cmocka_run_group_tests_name("bench_list", tests, NULL, NULL);
}
