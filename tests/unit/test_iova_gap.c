// SPDX-License-Identifier: MIT
/*
 * test_iova_gap.c - the highest free place, whatever happened before: lib/iova/iova_gap.c
 */
#include "policy_rig.h"

#define LOW UINT64_C(0xfffff)

static int setup(void **state)
{
	static struct policy_rig rig;

	policy_rig_open(&rig, &dmp_iova_policy_gap, 0x10);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	policy_rig_close(*state);
	return 0;
}

static void test_requests_are_placed_downward_from_the_limit(void **state)
{
	policy_rig_place(*state, 1, LOW, false, 0xfffff);
	policy_rig_place(*state, 3, LOW, false, 0xffffc);
	policy_rig_place(*state, 2, 0x1000, false, 0xfff);
}

static void test_an_aligned_request_starts_at_a_multiple_of_its_power_of_two(void **state)
{
	policy_rig_place(*state, 3, LOW, true, 0xffffc);
	policy_rig_place(*state, 33, LOW, true, 0xfffc0);
	policy_rig_place(*state, 1, LOW, true, 0xfffff);
}

/*
 *   ..[b][a]   a goes and comes back at once: no hint stands below it
 */
static void test_a_hole_above_is_taken_before_anything_below(void **state)
{
	policy_rig_place(*state, 1, LOW, false, 0xfffff);
	policy_rig_place(*state, 1, LOW, false, 0xffffe);
	policy_rig_place(*state, 1, 0x8000, false, 0x8000);
	policy_rig_free(*state, 0xfffff, 0xfffff, 0xfffff);
	policy_rig_place(*state, 1, LOW, false, 0xfffff);
}

static void test_a_failure_leaves_no_trace(void **state)
{
	policy_rig_none(*state, 8, 0x12, false, -ENOSPC);
	policy_rig_none(*state, 1, 0xf, false, -ENOSPC);
	policy_rig_place(*state, 8, LOW, false, 0xffff8);
}

/*
 *   20   24   28        [..] live; an aligned 4 fits neither hole of 3 + 3, an unaligned 3 does
 *    [.....][]
 */
static void test_holes_at_the_wrong_place_are_passed_over(void **state)
{
	policy_rig_reserve(*state, 0x24, 0x24, 0x24, 0x24);
	policy_rig_reserve(*state, 0x28, LOW, 0x28, LOW);
	policy_rig_place(*state, 4, LOW, true, 0x20);
	policy_rig_place(*state, 3, LOW, false, 0x25);
	policy_rig_place(*state, 2, 0x22, true, 0x1e);
}

static void test_the_limit_cuts_the_gap_that_it_lies_in(void **state)
{
	policy_rig_reserve(*state, 0x20, 0x2f, 0x20, 0x2f);
	policy_rig_place(*state, 4, 0x32, false, 0x1c);
	policy_rig_place(*state, 4, 0x2a, false, 0x18);
	policy_rig_place(*state, 3, 0x32, false, 0x30);
}

static void test_nothing_below_the_start_is_given_out(void **state)
{
	policy_rig_reserve(*state, 0x12, LOW, 0x12, LOW);
	policy_rig_place(*state, 2, LOW, false, 0x10);
	policy_rig_none(*state, 1, LOW, false, -ENOSPC);
}

static void test_the_space_is_used_to_its_ends(void **state)
{
	struct policy_rig rig;
	uint64_t used = dmp_meta_in_use();

	(void)state;
	rig.policy = &dmp_iova_policy_gap;
	assert_int_equal(rig.policy->create(&(struct dmp_iova_space){.granule = 1}, &rig.space), 0);
	policy_rig_place(&rig, UINT64_MAX, UINT64_MAX - 1, false, 0);
	policy_rig_free(&rig, 5, 0, UINT64_MAX - 1);
	policy_rig_place(&rig, UINT64_C(1) << 63, UINT64_MAX - 1, true, 0);
	policy_rig_place(&rig, 1, UINT64_MAX - 1, false, UINT64_MAX - 1);
	assert_int_equal(rig.policy->check(rig.space), 0);
	rig.policy->destroy(rig.space);
	assert_int_equal(dmp_meta_in_use(), used);
}

/*
 *   before         [1010..101f]            [1030..103f]
 *   reserve    1008 ................................... 1045
 *   after      [..][1010..101f][1020..102f][1030..103f][..]
 */
static void test_a_reservation_takes_what_is_free_and_leaves_what_is_there(void **state)
{
	static const struct dmp_iova_range ranges[] = {
		{0x1008, 0x100f}, {0x1010, 0x101f}, {0x1020, 0x102f},
		{0x1030, 0x103f}, {0x1040, 0x1045},
	};

	policy_rig_reserve(*state, 0x1010, 0x101f, 0x1010, 0x101f);
	policy_rig_reserve(*state, 0x1030, 0x103f, 0x1030, 0x103f);
	policy_rig_reserve(*state, 0x1008, 0x1045, 0x1040, 0x1045);
	policy_rig_walks(*state, ranges, 5);
	policy_rig_reserve(*state, 0x1012, 0x1024, 0x1020, 0x102f);
	assert_int_equal(policy_rig_count(*state), 5);
}

static void test_a_reservation_may_lie_below_the_start(void **state)
{
	policy_rig_reserve(*state, 0x0, 0x12, 0x0, 0x12);
	policy_rig_place(*state, 1, 0x13, false, 0x13);
	policy_rig_none(*state, 1, 0x13, false, -ENOSPC);
	policy_rig_free(*state, 0x5, 0x0, 0x12);
	policy_rig_none(*state, 4, 0x12, false, -ENOSPC);
	policy_rig_place(*state, 3, 0x12, false, 0x10);
}

static void test_a_range_is_found_by_each_of_its_pfns(void **state)
{
	policy_rig_place(*state, 8, LOW, true, 0xffff8);
	policy_rig_finds(*state, 0xffff8, 0xffff8, 0xfffff);
	policy_rig_finds(*state, 0xfffff, 0xffff8, 0xfffff);
	policy_rig_finds_none(*state, 0xffff7);
	policy_rig_finds_none(*state, 0x100000);
	policy_rig_finds_none(*state, UINT64_MAX);
	policy_rig_free(*state, 0xffffb, 0xffff8, 0xfffff);
	policy_rig_finds_none(*state, 0xffff8);
}

static void test_free_many_skips_what_is_not_live(void **state)
{
	const uint64_t pfns[] = {0xfffff, 0x5, 0xffffe, 0xfffff};

	policy_rig_place(*state, 1, LOW, false, 0xfffff);
	policy_rig_place(*state, 1, LOW, false, 0xffffe);
	assert_int_equal(
		dmp_iova_policy_gap.free_many(((struct policy_rig *)*state)->space, pfns, 4), 2);
	assert_int_equal(policy_rig_count(*state), 0);
}

static void test_bad_input_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	policy_rig_refuses_bad_input(&dmp_iova_policy_gap);
}

static void test_each_failed_allocation_leaves_the_space_whole(void **state)
{
	(void)state;
	assert_true(policy_rig_fail_each(&dmp_iova_policy_gap, DMP_HARNESS_ALLOC_ANY) >= 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_requests_are_placed_downward_from_the_limit),
		TEST(test_an_aligned_request_starts_at_a_multiple_of_its_power_of_two),
		TEST(test_a_hole_above_is_taken_before_anything_below),
		TEST(test_a_failure_leaves_no_trace),
		TEST(test_holes_at_the_wrong_place_are_passed_over),
		TEST(test_the_limit_cuts_the_gap_that_it_lies_in),
		TEST(test_nothing_below_the_start_is_given_out),
		TEST(test_the_space_is_used_to_its_ends),
		TEST(test_a_reservation_takes_what_is_free_and_leaves_what_is_there),
		TEST(test_a_reservation_may_lie_below_the_start),
		TEST(test_a_range_is_found_by_each_of_its_pfns),
		TEST(test_free_many_skips_what_is_not_live),
		cmocka_unit_test(test_bad_input_is_refused_and_changes_nothing),
		cmocka_unit_test(test_each_failed_allocation_leaves_the_space_whole),
	};

	return cmocka_run_group_tests_name("iova_gap", tests, NULL, NULL);
}
