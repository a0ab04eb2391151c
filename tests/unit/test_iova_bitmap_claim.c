// SPDX-License-Identifier: MIT
/*
 * test_iova_bitmap_claim.c - proves the order of searches and the epochs of
 * lib/iova/iova_bitmap_claim.c, through the policy's table
 */
#include "iova_bitmap.h"
#include "policy_rig.h"

#define LEAF IOVA_LEAF_GRANULES
#define AREA (IOVA_AREA_LEAVES * LEAF) /* all that can be within reach */
#define LOW  UINT64_C(0xfffff)
#define WIDE (UINT64_C(1) << 52)

static int setup(void **state)
{
	static struct policy_rig rig;

	policy_rig_open(&rig, &dmp_iova_policy_bitmap, 0);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	policy_rig_close(*state);
	return 0;
}

static uint64_t epoch_now(struct policy_rig *rig)
{
	struct bitmap_space *space = rig->space;

	return load_acquire(&space->epoch_word) / 2;
}

static void test_a_block_that_is_used_up_is_followed_by_the_next_with_room(void **state)
{
	uint64_t i;

	policy_rig_reserve(*state, BITMAP_BLOCK_GRANULES, 2 * BITMAP_BLOCK_GRANULES + 4,
			   BITMAP_BLOCK_GRANULES, 2 * BITMAP_BLOCK_GRANULES + 4);
	for (i = 0; i < BITMAP_BLOCK_GRANULES; i++)
		policy_rig_place(*state, 1, WIDE, true, i);
	policy_rig_place(*state, 1, WIDE, true, 2 * BITMAP_BLOCK_GRANULES + 5);
	policy_rig_place(*state, 1, WIDE, true, 2 * BITMAP_BLOCK_GRANULES + 6);
}

static void test_longer_ranges_go_round_on_their_own(void **state)
{
	policy_rig_place(*state, 4, WIDE, true, 0);
	policy_rig_place(*state, 3, WIDE, false, 4);
	policy_rig_place(*state, 4, WIDE, true, 8);
	policy_rig_free(*state, 0, 0, 3);
	policy_rig_place(*state, 40, WIDE, true, 64);
}

/*
 *   0    4    8           13      limit 15: a run of 4, misaligned at 9, is aligned at 4
 *   [....]    [b]          [b]
 */
static void test_a_place_in_use_is_passed_over_with_all_that_share_it(void **state)
{
	policy_rig_reserve(*state, 0, 2, 0, 2);
	policy_rig_reserve(*state, 8, 8, 8, 8);
	policy_rig_reserve(*state, 13, 13, 13, 13);
	policy_rig_place(*state, 4, 15, true, 4);
	policy_rig_none(*state, 4, 15, true, -ENOSPC);
	policy_rig_place(*state, 4, 15, false, 9);
}

static void test_an_epoch_begins_only_where_something_comes_free_by_it(void **state)
{
	policy_rig_place(*state, 8, 7, false, 0);
	policy_rig_none(*state, 1, 7, false, -ENOSPC);
	assert_int_equal(epoch_now(*state), 0);
	policy_rig_free(*state, 0, 0, 7);
	policy_rig_none(*state, 9, 7, false, -ENOSPC);
	assert_int_equal(epoch_now(*state), 0);
	policy_rig_place(*state, 8, 7, false, 0);
	assert_int_equal(epoch_now(*state), 1);
}

static void test_an_epoch_revives_nothing_beyond_the_limit(void **state)
{
	policy_rig_place(*state, 16, 15, false, 0);
	policy_rig_free(*state, 0, 0, 15);
	policy_rig_place(*state, 1, 7, false, 0);
	policy_rig_reserve(*state, 16, LOW, 16, LOW);
	policy_rig_place(*state, 8, LOW, true, 8);
	assert_int_equal(epoch_now(*state), 2);
}

static void test_nothing_is_revived_while_there_is_free_space_within_reach(void **state)
{
	policy_rig_place(*state, LEAF, LOW, true, 0);
	policy_rig_free(*state, 0, 0, LEAF - 1);
	policy_rig_place(*state, 31 * LEAF, WIDE, false, LEAF);
	assert_int_equal(epoch_now(*state), 0);
	policy_rig_place(*state, 1, WIDE, false, 0);
	assert_int_equal(epoch_now(*state), 1);
}

static void test_reach_grows_when_all_within_it_is_live(void **state)
{
	policy_rig_place(*state, 32 * LEAF, WIDE, false, 0);
	policy_rig_none(*state, 1, LOW, true, -ENOSPC);
	policy_rig_place(*state, 1, WIDE, true, 32 * LEAF);
	assert_int_equal(epoch_now(*state), 0);
}

static void test_a_range_may_be_as_long_as_the_area_and_no_longer(void **state)
{
	policy_rig_none(*state, AREA + 1, WIDE, false, -ENOSPC);
	policy_rig_place(*state, AREA, WIDE, true, 0);
	policy_rig_none(*state, 1, WIDE, true, -ENOSPC);
	policy_rig_finds(*state, AREA - 1, 0, AREA - 1);
	policy_rig_free(*state, 5, 0, AREA - 1);
}

static void test_a_missing_leaf_is_not_a_full_space(void **state)
{
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 1, 1), 0);
	policy_rig_none(*state, 1, WIDE, false, -ENOMEM);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 2, 1), 0);
	policy_rig_none(*state, 2, WIDE, false, -ENOMEM);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 0, 0), 0);
	policy_rig_place(*state, 2, WIDE, false, 0);
}

static void test_nothing_below_the_start_is_given_out(void **state)
{
	struct policy_rig rig;
	struct dmp_iova_space at = {.granule = 4096, .start_pfn = 3 * LEAF + 5};

	(void)state;
	rig.policy = &dmp_iova_policy_bitmap;
	assert_int_equal(rig.policy->create(&at, &rig.space), 0);
	policy_rig_none(&rig, 1, 3 * LEAF + 4, false, -ENOSPC);
	policy_rig_place(&rig, 1, 3 * LEAF + 6, false, 3 * LEAF + 5);
	policy_rig_place(&rig, 1, 3 * LEAF + 6, false, 3 * LEAF + 6);
	policy_rig_none(&rig, 1, 3 * LEAF + 6, false, -ENOSPC);
	rig.policy->destroy(rig.space);
}

static void test_an_area_ends_with_the_address_space(void **state)
{
	struct policy_rig rig;
	struct dmp_iova_space at = {.granule = 1, .start_pfn = UINT64_MAX - 9};

	(void)state;
	rig.policy = &dmp_iova_policy_bitmap;
	assert_int_equal(rig.policy->create(&at, &rig.space), 0);
	policy_rig_place(&rig, 8, UINT64_MAX - 1, false, UINT64_MAX - 9);
	policy_rig_place(&rig, 1, UINT64_MAX - 1, false, UINT64_MAX - 1);
	policy_rig_none(&rig, 1, UINT64_MAX - 1, false, -ENOSPC);
	policy_rig_free(&rig, UINT64_MAX - 2, UINT64_MAX - 9, UINT64_MAX - 2);
	policy_rig_walks(&rig, &(struct dmp_iova_range){UINT64_MAX - 1, UINT64_MAX - 1}, 1);
	assert_int_equal(rig.policy->check(rig.space), 0);
	rig.policy->destroy(rig.space);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_block_that_is_used_up_is_followed_by_the_next_with_room),
		TEST(test_longer_ranges_go_round_on_their_own),
		TEST(test_a_place_in_use_is_passed_over_with_all_that_share_it),
		TEST(test_an_epoch_begins_only_where_something_comes_free_by_it),
		TEST(test_an_epoch_revives_nothing_beyond_the_limit),
		TEST(test_nothing_is_revived_while_there_is_free_space_within_reach),
		TEST(test_reach_grows_when_all_within_it_is_live),
		TEST(test_a_range_may_be_as_long_as_the_area_and_no_longer),
		TEST(test_a_missing_leaf_is_not_a_full_space),
		TEST(test_nothing_below_the_start_is_given_out),
		TEST(test_an_area_ends_with_the_address_space),
	};

	return cmocka_run_group_tests_name("iova_bitmap_claim", tests, NULL, NULL);
}
