// SPDX-License-Identifier: MIT
/*
 * test_conform_replay.c - proves what a run of bench/conform_replay.c holds and gives back
 */
#include "test_conform_rig.h"

#include "conform_iova.h"

#include <errno.h>

static int setup(void **state)
{
	*state = conform_replay_begin(true);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	assert_null(conform_replay_end(*state));
	assert_int_equal(dmp_meta_in_use(), 0);
	return 0;
}

static void test_an_id_is_kept_until_another_value_comes(void **state)
{
	struct conform_replay *replay = *state;

	assert_false(conform_replay_has_id(replay, 5000));
	assert_true(conform_replay_set_id(replay, 5000, 0x77));
	assert_true(conform_replay_has_id(replay, 5000));
	assert_int_equal(replay->id_pfns[5000], 0x77);
	assert_false(conform_replay_has_id(replay, 4999));
	assert_false(conform_replay_has_id(replay, UINT64_MAX));
	assert_true(conform_replay_set_id(replay, 5000, UINT64_MAX));
	assert_false(conform_replay_has_id(replay, 5000));
}

static void test_an_id_beyond_all_files_is_refused(void **state)
{
	assert_false(conform_replay_set_id(*state, 10000000, 1));
}

static void test_a_range_is_live_by_pfn_and_size(void **state)
{
	conform_replay_add_given(*state, 0x10, 4);
	assert_non_null(conform_replay_find_given(*state, 0x10, 4));
	assert_null(conform_replay_find_given(*state, 0x10, 2));
	conform_replay_remove_given(*state, 0x10, 4);
	assert_null(conform_replay_find_given(*state, 0x10, 4));
}

static void test_nobody_keeps_account_unless_it_is_asked_for(void **state)
{
	struct conform_replay *replay = *state;

	replay->tracks = false;
	conform_replay_add_given(replay, 0x10, 4);
	assert_null(conform_replay_find_given(replay, 0x10, 4));
}

static void test_each_domain_begins_anew_in_manual_mode(void **state)
{
	(void)state;
	assert_answers(IOVA_HEADER "domain 4096 0x1 1 0\nalloc 1 1 0xfffff 0 = 0xfffff\ndestroy\n"
				   "domain 4096 0x1 1 0\nalloc 1 1 0xfffff 0 = 0xfffff\n");
}

/* Manual mode is left, failing allocations succeed again, and what was live is dropped. */
static void test_the_end_leaves_nothing_behind(void **state)
{
	(void)state;
	assert_answers(IOVA_HEADER "domain 4096 0x1 1 1\n"
				   "alloc_fast 0 1 0xfffff 0 = 0xfffff\n"
				   "nomem 1 1\n");
	assert_answers(IOVA_HEADER "queue percpu 1 4 10\n"
				   "alloc_fast 0 1 0xfffff 1 = 0xfffff\n"
				   "alloc_fast 0 1 0xfffff 1 = 0xffffe\n"
				   "enqueue 0 0xfffff 1 =\n");
	assert_int_equal(dmp_harness_leave(), -EINVAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_an_id_is_kept_until_another_value_comes),
		TEST(test_an_id_beyond_all_files_is_refused),
		TEST(test_a_range_is_live_by_pfn_and_size),
		TEST(test_nobody_keeps_account_unless_it_is_asked_for),
		cmocka_unit_test(test_each_domain_begins_anew_in_manual_mode),
		cmocka_unit_test(test_the_end_leaves_nothing_behind),
	};

	return cmocka_run_group_tests_name("conform_replay", tests, NULL, NULL);
}
