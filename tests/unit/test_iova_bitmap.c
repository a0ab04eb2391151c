// SPDX-License-Identifier: MIT
/*
 * test_iova_bitmap.c - proves B1-B4 of lib/iova/iova_bitmap.c; where the next granule is found
 * is test_iova_bitmap_claim.c's
 */
#include "iova_bitmap.h"
#include "policy_rig.h"

#define LOW UINT64_C(0xfffff)

static int setup(void **state)
{
	static struct policy_rig rig;

	policy_rig_open(&rig, &dmp_iova_policy_bitmap, 0x10);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	policy_rig_close(*state);
	return 0;
}

static uint64_t epoch_of(struct policy_rig *rig, uint64_t limit, uint64_t *pfn)
{
	uint64_t epoch = 0;

	assert_int_equal(rig->policy->alloc(rig->space, 1, limit, false, pfn, &epoch), 0);
	return epoch;
}

static void test_granules_are_given_out_one_after_the_other(void **state)
{
	policy_rig_place(*state, 1, LOW, true, 0x10);
	policy_rig_place(*state, 1, LOW, true, 0x11);
	policy_rig_free(*state, 0x10, 0x10, 0x10);
	policy_rig_place(*state, 1, LOW, true, 0x12);
}

static void test_what_is_given_back_comes_again_in_a_later_epoch_only(void **state)
{
	uint64_t pfn = 0;

	assert_int_equal(epoch_of(*state, 0x13, &pfn), 0);
	policy_rig_free(*state, pfn, 0x10, 0x10);
	assert_int_equal(epoch_of(*state, 0x13, &pfn), 0);
	assert_int_equal(epoch_of(*state, 0x13, &pfn), 0);
	assert_int_equal(epoch_of(*state, 0x13, &pfn), 0);
	assert_int_equal(pfn, 0x13);
	assert_int_equal(epoch_of(*state, 0x13, &pfn), 1);
	assert_int_equal(pfn, 0x10);
}

static void test_a_longer_range_defers_reuse_too(void **state)
{
	policy_rig_place(*state, 4, 0x17, false, 0x10);
	policy_rig_free(*state, 0x12, 0x10, 0x13);
	policy_rig_place(*state, 4, 0x17, false, 0x14);
	policy_rig_place(*state, 4, 0x17, false, 0x10);
	policy_rig_none(*state, 1, 0x17, false, -ENOSPC);
}

static void test_a_cache_in_front_is_refused(void **state)
{
	struct dmp_iova_domain *dom = NULL;

	(void)state;
	assert_int_equal(dmp_iova_create(&DMP_IOVA_OPTS(.policy = &dmp_iova_policy_bitmap), &dom),
			 -EINVAL);
	assert_null(dom);
}

/* The lock is held all the time: whoever wanted it would be told so. */
static void test_one_granule_is_taken_found_and_given_back_without_the_lock(void **state)
{
	struct policy_rig *rig = *state;
	struct bitmap_space *space = rig->space;

	policy_rig_place(rig, 1, LOW, true, 0x10);
	dmp_lock_acquire(&space->area_lock);
	policy_rig_place(rig, 1, LOW, true, 0x11);
	policy_rig_finds(rig, 0x11, 0x11, 0x11);
	policy_rig_free(rig, 0x10, 0x10, 0x10);
	dmp_lock_release(&space->area_lock);
}

static void test_two_cpus_take_from_two_blocks(void **state)
{
	(void)state;
	struct policy_rig rig;

	assert_int_equal(dmp_harness_enter(2), 0);
	policy_rig_open(&rig, &dmp_iova_policy_bitmap, 0);
	policy_rig_place(&rig, 1, LOW, true, 0);
	dmp_harness_become(1);
	policy_rig_place(&rig, 1, LOW, true, BITMAP_BLOCK_GRANULES);
	policy_rig_place(&rig, 1, LOW, true, BITMAP_BLOCK_GRANULES + 1);
	dmp_harness_become(0);
	policy_rig_place(&rig, 1, LOW, true, 1);
	policy_rig_close(&rig);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_a_range_is_found_by_each_of_its_pfns(void **state)
{
	static const struct dmp_iova_range ranges[] = {{0x10, 0x10}, {0x11, 0x18}, {0x7f0, 0x7ff}};

	policy_rig_place(*state, 1, LOW, true, 0x10);
	policy_rig_place(*state, 8, LOW, false, 0x11);
	policy_rig_reserve(*state, 0x7f0, 0x7ff, 0x7f0, 0x7ff);
	policy_rig_finds(*state, 0x10, 0x10, 0x10);
	policy_rig_finds(*state, 0x14, 0x11, 0x18);
	policy_rig_finds(*state, 0x7ff, 0x7f0, 0x7ff);
	policy_rig_finds_none(*state, 0x19);
	policy_rig_finds_none(*state, 0x800);
	policy_rig_finds_none(*state, UINT64_MAX);
	policy_rig_walks(*state, ranges, 3);
	assert_int_equal(policy_rig_count(*state), 3);
}

static void test_what_was_given_back_is_not_live_any_more(void **state)
{
	policy_rig_place(*state, 1, LOW, true, 0x10);
	policy_rig_free(*state, 0x10, 0x10, 0x10);
	policy_rig_finds_none(*state, 0x10);
	policy_rig_place(*state, 4, LOW, true, 0x14);
	policy_rig_free(*state, 0x17, 0x14, 0x17);
	policy_rig_finds_none(*state, 0x14);
}

/*
 *   before        [12]         [16..17]
 *   reserve   10 ........................ 1a
 *   after     [..][12][13..15][16..17][..]
 */
static void test_a_reservation_takes_what_is_free_and_leaves_what_is_there(void **state)
{
	static const struct dmp_iova_range ranges[] = {
		{0x10, 0x11}, {0x12, 0x12}, {0x13, 0x15}, {0x16, 0x17}, {0x18, 0x1a},
	};

	policy_rig_place(*state, 1, LOW, true, 0x10);
	policy_rig_place(*state, 1, LOW, true, 0x11);
	policy_rig_place(*state, 1, LOW, true, 0x12);
	policy_rig_free(*state, 0x10, 0x10, 0x10);
	policy_rig_free(*state, 0x11, 0x11, 0x11);
	policy_rig_reserve(*state, 0x16, 0x17, 0x16, 0x17);
	policy_rig_reserve(*state, 0x10, 0x1a, 0x18, 0x1a);
	policy_rig_walks(*state, ranges, 5);
	policy_rig_reserve(*state, 0x11, 0x12, 0x12, 0x12);
	policy_rig_place(*state, 1, LOW, true, 0x1b);
}

static void test_a_reservation_may_lie_anywhere(void **state)
{
	static const struct dmp_iova_range ranges[] = {
		{0x0, 0x12},
		{0x8000, UINT64_C(1) << 50},
		{UINT64_MAX - 1, UINT64_MAX - 1},
	};

	policy_rig_reserve(*state, 0x0, 0x12, 0x0, 0x12);
	policy_rig_reserve(*state, 0x8000, UINT64_C(1) << 50, 0x8000, UINT64_C(1) << 50);
	policy_rig_reserve(*state, UINT64_MAX - 1, UINT64_MAX - 1, UINT64_MAX - 1, UINT64_MAX - 1);
	policy_rig_walks(*state, ranges, 3);
	policy_rig_place(*state, 1, LOW, true, 0x13);
	policy_rig_place(*state, 0x7fec, UINT64_C(1) << 50, false, 0x14);
	policy_rig_none(*state, 1, UINT64_C(1) << 50, false, -ENOSPC);
	policy_rig_free(*state, UINT64_C(1) << 40, 0x8000, UINT64_C(1) << 50);
	policy_rig_place(*state, 1, 0x8000, true, 0x8000);
}

static void test_a_reservation_that_runs_out_of_memory_keeps_what_it_has(void **state)
{
	struct policy_rig *rig = *state;
	struct dmp_iova_range range = {.lo = 7};

	policy_rig_place(rig, 1, LOW, true, 0x10);
	policy_rig_place(rig, 1, LOW, true, 0x11);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 2, 1), 0);
	assert_int_equal(rig->policy->reserve(rig->space, 0x8, 0x20, &range), -ENOMEM);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 0, 0), 0);
	assert_int_equal(range.lo, 7);
	policy_rig_finds(rig, 0x8, 0x8, 0xf);
	policy_rig_finds_none(rig, 0x12);
	policy_rig_place(rig, 1, 0x12, true, 0x12);
}

static void test_free_many_skips_what_is_not_live(void **state)
{
	struct policy_rig *rig = *state;
	const uint64_t pfns[] = {0x10, 0x5, 0x11, 0x10};

	policy_rig_place(rig, 1, LOW, true, 0x10);
	policy_rig_place(rig, 2, LOW, false, 0x11);
	assert_int_equal(rig->policy->free_many(rig->space, pfns, 4), 2);
	assert_int_equal(policy_rig_count(rig), 0);
}

static void test_the_walk_notices_a_granule_without_its_range(void **state)
{
	struct policy_rig *rig = *state;
	struct bitmap_space *space = rig->space;
	struct iova_space s = {0};

	policy_rig_place(rig, 2, LOW, false, 0x10);
	dmp_log_set_sink(iova_space_log, &s);
	iova_area_change(&space->area, 0x11, 0x11, IOVA_MANY, IOVA_FREE);
	assert_int_equal(rig->policy->check(rig->space), -EIO);
	assert_int_equal(s.nbugs, 1);
	iova_area_change(&space->area, 0x11, 0x11, IOVA_FREE, IOVA_MANY);
	dmp_log_set_sink(NULL, NULL);
}

static void test_bad_input_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	policy_rig_refuses_bad_input(&dmp_iova_policy_bitmap);
}

static void test_each_failed_allocation_leaves_the_space_whole(void **state)
{
	(void)state;
	assert_true(policy_rig_fail_each(&dmp_iova_policy_bitmap, DMP_HARNESS_ALLOC_ANY) >= 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_granules_are_given_out_one_after_the_other),
		TEST(test_what_is_given_back_comes_again_in_a_later_epoch_only),
		TEST(test_a_longer_range_defers_reuse_too),
		cmocka_unit_test(test_a_cache_in_front_is_refused),
		TEST(test_one_granule_is_taken_found_and_given_back_without_the_lock),
		cmocka_unit_test(test_two_cpus_take_from_two_blocks),
		TEST(test_a_range_is_found_by_each_of_its_pfns),
		TEST(test_what_was_given_back_is_not_live_any_more),
		TEST(test_a_reservation_takes_what_is_free_and_leaves_what_is_there),
		TEST(test_a_reservation_may_lie_anywhere),
		TEST(test_a_reservation_that_runs_out_of_memory_keeps_what_it_has),
		TEST(test_free_many_skips_what_is_not_live),
		TEST(test_the_walk_notices_a_granule_without_its_range),
		cmocka_unit_test(test_bad_input_is_refused_and_changes_nothing),
		cmocka_unit_test(test_each_failed_allocation_leaves_the_space_whole),
	};

	return cmocka_run_group_tests_name("iova_bitmap", tests, NULL, NULL);
}
