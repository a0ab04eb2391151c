// SPDX-License-Identifier: MIT
/*
 * test_iova_tree_fit.c - proves the search for a gap of lib/iova/iova_tree_fit.c
 */
#include "test_iova_tree_rig.h"

/*
 *   10       100..17f     190..1ff      210..2ff  top        gaps of 16
 *    |........[rrrr]......[rrrr]........[rrrr]......|
 */
static void test_the_highest_gap_that_holds_the_request_is_taken(void **state)
{
	(void)state;
	insert(0x100, 0x17f);
	insert(0x190, 0x1ff);
	insert(0x210, 0x2ff);
	assert_fits(4, false, 0x304, 0x300);
	assert_fits(5, false, 0x304, 0x20b);
	assert_fits(16, false, 0x304, 0x200);
	assert_fits(17, false, 0x304, 0xef);
	assert_fits(0xf0, false, 0x304, START);
	assert_fits_nowhere(0xf1, false, 0x304);
}

static void test_the_top_cuts_the_gap_that_it_lies_in(void **state)
{
	(void)state;
	insert(0x100, 0x17f);
	insert(0x190, 0x1ff);
	assert_fits(4, false, 0x18f, 0x18b);
	assert_fits(15, false, 0x18f, 0x180);
	assert_fits(16, false, 0x18f, 0xf0);
	assert_fits(16, false, 0x150, 0xf0);
}

static void test_pfns_below_the_start_belong_to_no_gap(void **state)
{
	(void)state;
	insert(0x4, 0x7);
	insert(0x14, 0x1f);
	assert_fits(4, false, 0x20, START);
	assert_fits_nowhere(5, false, 0x20);
	remove_pfn(0x5);
	assert_fits_nowhere(5, false, 0x20);
}

/*
 *   20   24   28       the holes 21..24 and 25..28 take four, but not at a multiple of four
 */
static void test_an_aligned_request_passes_gaps_that_are_misaligned(void **state)
{
	(void)state;
	insert(0x18, 0x20);
	insert(0x25, 0x25);
	insert(0x2a, 0x40);
	assert_fits(4, false, 0x30, 0x26);
	assert_fits(4, true, 0x30, 0x14);
	assert_fits(2, true, 0x30, 0x28);
}

/*
 * Rooms stop at 2^32 - 1: of three gaps that all look the same the third is large enough.
 */
static void test_gaps_larger_than_a_room_are_tried_one_by_one(void **state)
{
	const uint64_t big = UINT64_C(1) << 33;

	(void)state;
	insert(4 * big, 4 * big);
	insert(5 * big, 5 * big);
	insert(6 * big, IOVA_ANCHOR_PFN - 1);
	assert_fits(big - 1, false, IOVA_ANCHOR_PFN, 5 * big + 1);
	assert_fits(big, false, IOVA_ANCHOR_PFN, 3 * big);
	assert_fits(big, true, IOVA_ANCHOR_PFN, 3 * big);
	assert_fits(4 * big - START, false, IOVA_ANCHOR_PFN, START);
	assert_fits_nowhere(4 * big, false, IOVA_ANCHOR_PFN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_highest_gap_that_holds_the_request_is_taken),
		TEST(test_the_top_cuts_the_gap_that_it_lies_in),
		TEST(test_pfns_below_the_start_belong_to_no_gap),
		TEST(test_an_aligned_request_passes_gaps_that_are_misaligned),
		TEST(test_gaps_larger_than_a_room_are_tried_one_by_one),
	};

	return cmocka_run_group_tests_name("iova_tree_fit", tests, NULL, NULL);
}
