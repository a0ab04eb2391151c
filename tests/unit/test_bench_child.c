// SPDX-License-Identifier: MIT
/*
 * test_bench_child.c - proves what a helper program's answer becomes, and what no answer is
 */
#include "test_bench_helpers.h"

#include <errno.h>

static int measured(struct bench_pair *pair)
{
	return bench_child_measure(BENCH_CHILD_SHARED,
				   &(struct bench_plan){.samples = 3, .sample_ns = 1000}, 8, 2,
				   pair);
}

static void test_the_answer_is_five_numbers(void **state)
{
	struct bench_pair pair;

	(void)state;
	plant("pair-shared", "echo 5.5 2.5 2.2 0.25 3.5");
	assert_int_equal(measured(&pair), 0);
	assert_true(pair.ours == 5.5 && pair.floor == 2.5);
	assert_true(pair.ratio == 2.2 && pair.lost == 0.25 && pair.wall == 3.5);
}

/* Its arguments come back as its figures. */
static void test_it_is_told_what_to_measure(void **state)
{
	struct bench_pair pair;

	(void)state;
	plant("pair-shared", "[ $1 = time ] && echo $2 $3 $4 0 $5");
	assert_int_equal(measured(&pair), 0);
	assert_true(pair.ours == 8 && pair.floor == 3 && pair.ratio == 1000);
	assert_true(pair.wall == 2);
}

static void test_no_answer_is_an_error(void **state)
{
	struct bench_pair pair;

	(void)state;
	assert_int_equal(measured(&pair), -ENOENT);
	plant("pair-shared", "echo 5.5 2.5 2.2 0");
	assert_int_equal(measured(&pair), -EIO);
	plant("pair-shared", "echo 5.5 2.5 2.2 0 3; exit 1");
	assert_int_equal(measured(&pair), -EIO);
}

/* The script gets the helper's path, what to count and the batch. */
static void test_instructions_are_the_script_s_number(void **state)
{
	double instructions;

	(void)state;
	plant("pair-shared", "");
	plant("icount.sh", "case $1-$2-$3 in */pair-shared-floor-128) echo 21.5 ;;"
			   " */pair-shared-ours-1) echo 63 ;; esac");
	assert_int_equal(bench_child_count(BENCH_CHILD_SHARED, true, 128, &instructions), 0);
	assert_true(instructions == 21.5);
	assert_int_equal(bench_child_count(BENCH_CHILD_SHARED, false, 1, &instructions), 0);
	assert_true(instructions == 63);
}

static void test_what_cannot_be_counted_changes_nothing(void **state)
{
	double instructions = 1;

	(void)state;
	assert_int_equal(bench_child_count(BENCH_CHILD_SHARED, true, 1, &instructions), -ENOENT);
	plant("icount.sh", "echo no valgrind >&2; exit 2");
	assert_int_equal(bench_child_count(BENCH_CHILD_SHARED, true, 1, &instructions), -ENOENT);
	plant("pair-shared", "");
	assert_int_equal(bench_child_count(BENCH_CHILD_SHARED, true, 1, &instructions), -EIO);
	plant("icount.sh", "echo none");
	assert_int_equal(bench_child_count(BENCH_CHILD_SHARED, true, 1, &instructions), -EIO);
	assert_true(instructions == 1);
}

#define helper_test(f) cmocka_unit_test_setup_teardown(f, helpers_open, helpers_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		helper_test(test_the_answer_is_five_numbers),
		helper_test(test_it_is_told_what_to_measure),
		helper_test(test_no_answer_is_an_error),
		helper_test(test_instructions_are_the_script_s_number),
		helper_test(test_what_cannot_be_counted_changes_nothing),
	};

	return cmocka_run_group_tests_name("bench_child", tests, NULL, NULL);
}
