// SPDX-License-Identifier: MIT
/*
 * test_replay_blame.c - proves how bench/replay_blame.c counts what failed
 */
#include "test_replay_rig.h"

static uint64_t failed(const struct replay_blame *blame, const char *name)
{
	for (unsigned why = 0; why < REPLAY_WHYS; why++)
		if (strcmp(replay_blame_name(why), name) == 0)
			return blame->by_why[why];
	fail();
	return 0;
}

static void test_failures_are_counted_by_reason(void **state)
{
	struct replay_blame blame = {0};

	(void)state;
	replay_blame_note(&blame, "map", -ENOSPC, 5);
	replay_blame_note(&blame, "map", -ENOSPC, 6);
	replay_blame_note(&blame, "map", -ERANGE, 7);
	replay_blame_note(&blame, "map", -EIO, 8);
	assert_int_equal(blame.requests, 4);
	assert_int_equal(failed(&blame, "no_room"), 2);
	assert_int_equal(failed(&blame, "out_of_reach"), 1);
	assert_int_equal(failed(&blame, "other"), 1);
	assert_int_equal(failed(&blame, "no_memory"), 0);
	assert_int_equal(replay_blame_count(&blame, -ENOSPC), 2);
	assert_int_equal(replay_blame_count(&blame, -ERANGE), 1);
	assert_int_equal(replay_blame_count(&blame, -ENOMEM), 0);
}

/* Threads meet them in any order. */
static void test_the_first_failure_is_the_first_in_the_file(void **state)
{
	struct replay_blame blame = {0};

	(void)state;
	replay_blame_note(&blame, "unmap", -ENOENT, 9);
	replay_blame_note(&blame, "map", -ERANGE, 7);
	replay_blame_note(&blame, "sync", -EINVAL, 8);
	assert_int_equal(blame.first_line, 7);
	assert_int_equal(blame.first_err, -ERANGE);
	assert_string_equal(blame.first_call, "map");
}

static void test_the_sum_has_all_counts_and_the_earlier_line(void **state)
{
	struct replay_blame sum = {0}, a = {0}, none = {0};

	(void)state;
	replay_blame_note(&sum, "map", -ENOSPC, 9);
	replay_blame_note(&a, "unmap", -ENOSPC, 4);
	replay_blame_add(&sum, &a);
	replay_blame_add(&sum, &none);
	assert_int_equal(sum.requests, 2);
	assert_int_equal(failed(&sum, "no_room"), 2);
	assert_int_equal(sum.first_line, 4);
	assert_string_equal(sum.first_call, "unmap");
	replay_blame_add(&none, &sum);
	assert_int_equal(none.first_line, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures_are_counted_by_reason),
		cmocka_unit_test(test_the_first_failure_is_the_first_in_the_file),
		cmocka_unit_test(test_the_sum_has_all_counts_and_the_earlier_line),
	};

	return cmocka_run_group_tests_name("replay_blame", tests, NULL, NULL);
}
