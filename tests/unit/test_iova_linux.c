// SPDX-License-Identifier: MIT
/*
 * test_iova_linux.c - proves spec-iova 1.2-1.5 and L1, L2 of lib/iova/iova_linux.c, through
 * the policy's table; the vectors prove the rest
 */
#include "dmptest.h"

#include <dmapool/harness.h>
#include <dmapool/iova.h>
#include <dmapool/port.h>

#define B   UINT64_C(0x100000) /* the 32-bit boundary of granule 4096 */
#define LOW (B - 1)            /* the largest 32-bit limit */

static const struct dmp_iova_policy *const policy = &dmp_iova_policy_linux;

static void *open_space(uint64_t start_pfn)
{
	struct dmp_iova_space space = {.granule = 4096, .start_pfn = start_pfn};
	void *state;

	assert_int_equal(policy->create(&space, &state), 0);
	return state;
}

static int setup(void **state)
{
	*state = open_space(1);
	return 0;
}

static int teardown(void **state)
{
	if (policy->check(*state))
		return -1;
	policy->destroy(*state);
	return dmp_meta_in_use() == 0 ? 0 : -1;
}

static int alloc(void *space, uint64_t size, uint64_t limit, bool aligned, uint64_t *pfn)
{
	uint64_t epoch = 1;
	int err = policy->alloc(space, size, limit, aligned, pfn, &epoch);

	if (!err)
		assert_int_equal(epoch, 0);
	return err;
}

static void assert_alloc(void *space, uint64_t size, uint64_t limit, bool aligned, uint64_t wanted)
{
	uint64_t pfn = 0;

	assert_int_equal(alloc(space, size, limit, aligned, &pfn), 0);
	assert_int_equal(pfn, wanted);
}

static void assert_full(void *space, uint64_t size, uint64_t limit)
{
	uint64_t pfn = 77;

	assert_int_equal(alloc(space, size, limit, false, &pfn), -ENOSPC);
	assert_int_equal(pfn, 77);
}

static void assert_state(void *space, uint64_t hint32, uint64_t hint_wide, uint64_t ceiling)
{
	struct dmp_iova_policy_state now;

	policy->inspect(space, &now);
	assert_int_equal(now.hint32, hint32);
	assert_int_equal(now.hint_wide, hint_wide);
	assert_int_equal(now.ceiling, ceiling);
}

static void free_pfn(void *space, uint64_t pfn)
{
	struct dmp_iova_range removed;

	assert_int_equal(policy->free(space, pfn, &removed), 0);
	assert_in_range(pfn, removed.lo, removed.hi);
}

static void assert_reserve(void *space, uint64_t lo, uint64_t hi, uint64_t end_lo, uint64_t end_hi)
{
	struct dmp_iova_range range;

	assert_int_equal(policy->reserve(space, lo, hi, &range), 0);
	assert_int_equal(range.lo, end_lo);
	assert_int_equal(range.hi, end_hi);
}

static void test_requests_are_placed_downward_from_the_limit(void **state)
{
	assert_alloc(*state, 1, LOW, false, 0xfffff);
	assert_alloc(*state, 3, LOW, false, 0xffffc);
	assert_alloc(*state, 2, LOW, false, 0xffffa);
}

static void test_an_aligned_request_starts_at_a_multiple_of_its_power_of_two(void **state)
{
	assert_alloc(*state, 3, LOW, true, 0xffffc);
	assert_alloc(*state, 33, LOW, true, 0xfffc0);
	assert_alloc(*state, 1, LOW, true, 0xfffbf);
}

static void test_limit_b_minus_1_is_narrow_and_limit_b_is_wide(void **state)
{
	assert_alloc(*state, 1, B - 1, false, B - 1);
	assert_state(*state, B - 1, DMP_IOVA_TOP, B);
	assert_alloc(*state, 1, B, false, B);
	assert_state(*state, B - 1, B, B);
}

static void test_a_range_across_the_boundary_becomes_the_wide_hint(void **state)
{
	assert_alloc(*state, 2, B, false, B - 1);
	assert_state(*state, DMP_IOVA_TOP, B - 1, B);
}

static void test_a_wide_request_placed_below_the_boundary_becomes_the_narrow_hint(void **state)
{
	assert_reserve(*state, B - 4, B + 0xff, B - 4, B + 0xff);
	assert_alloc(*state, 1, B + 0x80, false, B - 5);
	assert_state(*state, B - 5, DMP_IOVA_TOP, B);
}

/*
 *   .... [c][b][a]      free a: the hint moves up to the range above, here the anchor
 */
static void test_a_free_above_the_hint_pulls_the_hint_up(void **state)
{
	assert_alloc(*state, 1, LOW, false, 0xfffff);
	assert_alloc(*state, 1, LOW, false, 0xffffe);
	assert_alloc(*state, 1, LOW, false, 0xffffd);
	free_pfn(*state, 0xfffff);
	assert_state(*state, DMP_IOVA_TOP, DMP_IOVA_TOP, B);
	assert_alloc(*state, 1, LOW, false, 0xfffff);
}

static void test_a_free_below_the_hint_leaves_it(void **state)
{
	assert_alloc(*state, 1, 0x1000, false, 0x1000);
	assert_alloc(*state, 1, LOW, false, 0xfff);
	assert_alloc(*state, 1, 0x800, false, 0x800);
	assert_alloc(*state, 1, LOW, false, 0x7ff);
	free_pfn(*state, 0x800);
	assert_state(*state, 0xfff, DMP_IOVA_TOP, B);
}

/*
 *   [B-1][B] ... [fff000][fff001]     the wide hint stands at B: the removal of B-1 leaves
 *                                     it, its own moves it up; the narrow one goes along
 */
static void test_the_wide_hint_moves_up_when_its_own_range_goes(void **state)
{
	assert_alloc(*state, 1, 0xfff001, false, 0xfff001);
	assert_alloc(*state, 1, 0xfff001, false, 0xfff000);
	assert_alloc(*state, 1, B, false, B);
	assert_alloc(*state, 1, 0xfff001, false, B - 1);
	free_pfn(*state, B - 1);
	assert_state(*state, B, B, B);
	free_pfn(*state, B);
	assert_state(*state, 0xfff000, 0xfff000, B);
	free_pfn(*state, 0xfff000);
	assert_state(*state, 0xfff001, 0xfff001, B);
}

static void test_a_free_above_the_wide_hint_pulls_it_up(void **state)
{
	assert_alloc(*state, 1, 0xfff001, false, 0xfff001);
	assert_alloc(*state, 1, 0xfff001, false, 0xfff000);
	assert_alloc(*state, 1, 0xfff001, false, 0xffefff);
	free_pfn(*state, 0xfff000);
	assert_state(*state, DMP_IOVA_TOP, 0xfff001, B);
	assert_alloc(*state, 1, 0xfff001, false, 0xfff000);
}

static void test_the_second_pass_finds_the_space_above_the_hint(void **state)
{
	assert_alloc(*state, 0x10, 0x10, false, 0x1);
	assert_alloc(*state, 1, LOW, false, 0xfffff);
}

static void test_a_failure_of_size_n_closes_the_low_space_for_n_and_more(void **state)
{
	assert_full(*state, 8, 0x4);
	assert_state(*state, DMP_IOVA_TOP, DMP_IOVA_TOP, 8);
	assert_full(*state, 8, LOW);
	assert_alloc(*state, 7, LOW, false, 0xffff9);
}

static void test_a_removal_below_the_boundary_opens_the_low_space_again(void **state)
{
	assert_alloc(*state, 1, LOW, false, 0xfffff);
	assert_full(*state, 1, 0x0);
	assert_full(*state, 1, LOW);
	free_pfn(*state, 0xfffff);
	assert_state(*state, DMP_IOVA_TOP, DMP_IOVA_TOP, B);
	assert_alloc(*state, 1, LOW, false, 0xfffff);
}

/* It starts below the boundary: what it held of the low space is free again. */
static void test_the_removal_of_a_range_across_the_boundary_opens_the_low_space(void **state)
{
	assert_alloc(*state, 2, B, false, B - 1);
	assert_full(*state, 1, 0x0);
	free_pfn(*state, B);
	assert_state(*state, DMP_IOVA_TOP, DMP_IOVA_TOP, B);
}

static void test_the_removal_of_a_range_above_the_boundary_leaves_the_ceiling(void **state)
{
	assert_alloc(*state, 1, B, false, B);
	assert_full(*state, 1, 0x0);
	free_pfn(*state, B);
	assert_state(*state, DMP_IOVA_TOP, DMP_IOVA_TOP, 1);
}

static void test_a_wide_failure_moves_the_ceiling_up_as_well_as_down(void **state)
{
	assert_full(*state, 1, 0x0);
	assert_state(*state, DMP_IOVA_TOP, DMP_IOVA_TOP, 1);
	assert_full(*state, UINT64_C(1) << 60, UINT64_C(1) << 50);
	assert_alloc(*state, 1, LOW, false, 0xfffff);
}

static void test_a_missing_record_changes_nothing(void **state)
{
	uint64_t pfn = 77;

	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 1, 1), 0);
	assert_int_equal(alloc(*state, 1, 0x0, false, &pfn), -ENOMEM);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 0, 0), 0);
	assert_int_equal(pfn, 77);
	assert_state(*state, DMP_IOVA_TOP, DMP_IOVA_TOP, B);
}

static void test_a_free_removes_the_whole_range_that_contains_the_pfn(void **state)
{
	struct dmp_iova_range removed = {0};

	assert_alloc(*state, 8, LOW, true, 0xffff8);
	assert_int_equal(policy->free(*state, 0xffffb, &removed), 0);
	assert_int_equal(removed.lo, 0xffff8);
	assert_int_equal(removed.hi, 0xfffff);
	assert_int_equal(policy->free(*state, 0xffffb, &removed), -ENOENT);
}

static void test_the_anchor_is_neither_found_nor_freed(void **state)
{
	struct dmp_iova_range range = {.lo = 7};

	assert_int_equal(policy->find(*state, UINT64_MAX, &range), -ENOENT);
	assert_int_equal(policy->free(*state, UINT64_MAX, &range), -ENOENT);
	assert_int_equal(policy->next(*state, 0, &range), -ENOENT);
	assert_int_equal(range.lo, 7);
}

static void test_free_many_skips_what_is_not_live(void **state)
{
	const uint64_t pfns[] = {0xfffff, 0x5, 0xffffe};

	assert_alloc(*state, 1, LOW, false, 0xfffff);
	assert_alloc(*state, 1, LOW, false, 0xffffe);
	assert_int_equal(policy->free_many(*state, pfns, 3), 2);
}

static void test_next_walks_the_ranges_upward(void **state)
{
	struct dmp_iova_range range;

	assert_reserve(*state, 0x10, 0x1f, 0x10, 0x1f);
	assert_reserve(*state, 0x40, 0x4f, 0x40, 0x4f);
	assert_int_equal(policy->next(*state, 0x10, &range), 0);
	assert_int_equal(range.hi, 0x1f);
	assert_int_equal(policy->next(*state, 0x11, &range), 0);
	assert_int_equal(range.lo, 0x40);
	assert_int_equal(policy->next(*state, 0x41, &range), -ENOENT);
}

/*
 *   before         [1010..101f]        [1030..103f]
 *   reserve     1008 ........................... 1045
 *   after       [1008..101f][1020...103f][1040..1045]
 */
static void test_a_reservation_grows_ranges_down_and_ends_in_a_new_one(void **state)
{
	struct dmp_iova_range range;

	assert_reserve(*state, 0x1010, 0x101f, 0x1010, 0x101f);
	assert_reserve(*state, 0x1030, 0x103f, 0x1030, 0x103f);
	assert_reserve(*state, 0x1008, 0x1045, 0x1040, 0x1045);
	assert_int_equal(policy->find(*state, 0x1008, &range), 0);
	assert_int_equal(range.hi, 0x101f);
	assert_int_equal(policy->find(*state, 0x1020, &range), 0);
	assert_int_equal(range.hi, 0x103f);
}

static void test_a_reservation_inside_a_range_answers_that_range(void **state)
{
	assert_reserve(*state, 0x1010, 0x101f, 0x1010, 0x101f);
	assert_reserve(*state, 0x1012, 0x1014, 0x1010, 0x101f);
}

static void test_adjacent_ranges_are_not_merged(void **state)
{
	assert_reserve(*state, 0x1010, 0x101f, 0x1010, 0x101f);
	assert_reserve(*state, 0x1020, 0x102f, 0x1020, 0x102f);
}

static void test_a_hint_designates_a_grown_range_as_it_is_now(void **state)
{
	assert_alloc(*state, 1, LOW, false, 0xfffff);
	assert_reserve(*state, 0xffff0, 0xfffff, 0xffff0, 0xfffff);
	assert_state(*state, 0xffff0, DMP_IOVA_TOP, B);
	assert_alloc(*state, 1, LOW, false, 0xfffef);
}

static void test_the_wide_hint_designates_a_grown_range_as_it_is_now(void **state)
{
	const uint64_t top = UINT64_C(1) << 40;

	assert_alloc(*state, 1, top, false, top);
	assert_reserve(*state, top - 15, top, top - 15, top);
	assert_state(*state, DMP_IOVA_TOP, top - 15, B);
	assert_alloc(*state, 1, top, false, top - 16);
}

/* Of two ranges of one node the lower would begin 2^39 below the other. */
static void test_a_reservation_without_memory_to_grow_a_range_leaves_it_as_it_is(void **state)
{
	const uint64_t top = UINT64_C(1) << 40;
	struct dmp_iova_range range = {.lo = 7};

	assert_alloc(*state, 1, top, false, top);
	assert_alloc(*state, 1, top, false, top - 1);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 1, UINT64_MAX), 0);
	assert_int_equal(policy->reserve(*state, top / 2, top, &range), -ENOMEM);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 0, 0), 0);
	assert_int_equal(range.lo, 7);
	assert_state(*state, DMP_IOVA_TOP, top - 1, B);
	assert_reserve(*state, top / 2, top, top, top);
	assert_state(*state, DMP_IOVA_TOP, top / 2, B);
}

static void test_a_reservation_that_reaches_the_anchor_is_refused(void **state)
{
	struct dmp_iova_range range;

	assert_int_equal(policy->reserve(*state, 5, UINT64_MAX, &range), -EINVAL);
	assert_int_equal(policy->reserve(*state, 6, 5, &range), -EINVAL);
	assert_reserve(*state, UINT64_MAX - 1, UINT64_MAX - 1, UINT64_MAX - 1, UINT64_MAX - 1);
}

static void test_pfn_0_is_given_out_when_the_space_starts_there(void **state)
{
	void *space = open_space(0);

	(void)state;
	assert_alloc(space, 1, 0, false, 0);
	assert_full(space, 1, 0);
	assert_int_equal(policy->check(space), 0);
	policy->destroy(space);
}

static void test_nothing_below_the_start_is_given_out(void **state)
{
	void *space = open_space(0x100);

	(void)state;
	assert_alloc(space, 1, 0x101, false, 0x101);
	assert_alloc(space, 1, 0x101, false, 0x100);
	assert_full(space, 1, 0x101);
	policy->destroy(space);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_requests_are_placed_downward_from_the_limit),
		TEST(test_an_aligned_request_starts_at_a_multiple_of_its_power_of_two),
		TEST(test_limit_b_minus_1_is_narrow_and_limit_b_is_wide),
		TEST(test_a_range_across_the_boundary_becomes_the_wide_hint),
		TEST(test_a_wide_request_placed_below_the_boundary_becomes_the_narrow_hint),
		TEST(test_a_free_above_the_hint_pulls_the_hint_up),
		TEST(test_a_free_below_the_hint_leaves_it),
		TEST(test_the_wide_hint_moves_up_when_its_own_range_goes),
		TEST(test_a_free_above_the_wide_hint_pulls_it_up),
		TEST(test_the_second_pass_finds_the_space_above_the_hint),
		TEST(test_a_failure_of_size_n_closes_the_low_space_for_n_and_more),
		TEST(test_a_removal_below_the_boundary_opens_the_low_space_again),
		TEST(test_the_removal_of_a_range_across_the_boundary_opens_the_low_space),
		TEST(test_the_removal_of_a_range_above_the_boundary_leaves_the_ceiling),
		TEST(test_a_wide_failure_moves_the_ceiling_up_as_well_as_down),
		TEST(test_a_missing_record_changes_nothing),
		TEST(test_a_free_removes_the_whole_range_that_contains_the_pfn),
		TEST(test_the_anchor_is_neither_found_nor_freed),
		TEST(test_free_many_skips_what_is_not_live),
		TEST(test_next_walks_the_ranges_upward),
		TEST(test_a_reservation_grows_ranges_down_and_ends_in_a_new_one),
		TEST(test_a_reservation_inside_a_range_answers_that_range),
		TEST(test_adjacent_ranges_are_not_merged),
		TEST(test_a_hint_designates_a_grown_range_as_it_is_now),
		TEST(test_the_wide_hint_designates_a_grown_range_as_it_is_now),
		TEST(test_a_reservation_without_memory_to_grow_a_range_leaves_it_as_it_is),
		TEST(test_a_reservation_that_reaches_the_anchor_is_refused),
		cmocka_unit_test(test_pfn_0_is_given_out_when_the_space_starts_there),
		cmocka_unit_test(test_nothing_below_the_start_is_given_out),
	};

	return cmocka_run_group_tests_name("iova_linux", tests, NULL, NULL);
}
