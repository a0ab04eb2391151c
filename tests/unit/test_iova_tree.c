// SPDX-License-Identifier: MIT
/*
 * test_iova_tree.c - proves T1-T5 of lib/iova/iova_tree.c, and the way to a pfn
 */
#include "test_iova_tree_rig.h"

#include <dmapool/harness.h>

/* Lookup. */

/*
 *   [100..107]    [200..200]
 */
static void test_a_range_is_found_by_each_of_its_pfns_and_by_no_other(void **state)
{
	struct iova_cursor cur;

	(void)state;
	insert(0x100, 0x107);
	insert(0x200, 0x200);
	assert_false(iova_tree_find(&space.tree, 0xff, &cur));
	assert_true(iova_tree_find(&space.tree, 0x100, &cur));
	assert_true(iova_tree_find(&space.tree, 0x107, &cur));
	assert_int_equal(iova_cursor_range(&cur).lo, 0x100);
	assert_int_equal(iova_cursor_above(&cur), 0x200);
	assert_false(iova_tree_find(&space.tree, 0x108, &cur));
	assert_false(iova_tree_find(&space.tree, 0x201, &cur));
}

static void test_nothing_is_below_the_lowest_and_the_anchor_above_the_highest(void **state)
{
	struct iova_cursor cur;

	(void)state;
	insert(0x100, 0x107);
	iova_tree_seek(&space.tree, 0xff, &cur);
	assert_null(cur.below);
	assert_int_equal(iova_cursor_above(&cur), 0x100);
	iova_tree_seek(&space.tree, IOVA_ANCHOR_PFN - 1, &cur);
	assert_int_equal(iova_cursor_range(&cur).lo, 0x100);
	assert_int_equal(iova_cursor_above(&cur), IOVA_ANCHOR_PFN);
	assert_false(iova_tree_find(&space.tree, IOVA_ANCHOR_PFN, &cur));
}

static void test_next_is_the_lowest_range_that_starts_from_there_on(void **state)
{
	struct dmp_iova_range range = {.lo = 7};

	(void)state;
	assert_false(iova_tree_next(&space.tree, 0, &range));
	assert_int_equal(range.lo, 7);
	insert(0x100, 0x107);
	insert(0x108, 0x10f);
	assert_true(iova_tree_next(&space.tree, 0x101, &range));
	assert_int_equal(range.lo, 0x108);
	assert_int_equal(range.hi, 0x10f);
	assert_false(iova_tree_next(&space.tree, 0x109, &range));
}

/* Shape. */

static unsigned height(void)
{
	const uint8_t *sides = space.tree.root->height;

	return 1u + (sides[0] > sides[1] ? sides[0] : sides[1]);
}

/*
 * 2^12 ranges, each second node half full at least: 127 .. 512 nodes, 7 .. 13 levels.  After
 * most are gone: 16 ranges of 17 in two nodes, 8 .. 62 nodes.
 */
static void test_the_tree_is_low_whatever_the_order_of_its_ranges(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 1; i <= 4096; i++)
		insert(2 * i + START, 2 * i + START);
	assert_in_range(height(), 7, 13);
	for (i = 1; i <= 4096; i++)
		if (i % 8)
			remove_pfn(2 * i + START);
	assert_in_range(height(), 5, 8);
	for (i = 4096; i > 0; i--)
		if (i % 8)
			insert(2 * i + START, 2 * i + START);
	assert_in_range(height(), 7, 13);
	assert_like_the_list();
}

/* Memory. */

static void test_clear_leaves_an_empty_tree_and_no_memory(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 0; i < 100; i++)
		insert(0x1000 + 5 * (i * 37 % 100), 0x1001 + 5 * (i * 37 % 100));
	iova_tree_clear(&space.tree);
	space.n = 0;
	assert_int_equal(dmp_meta_in_use(), 0);
	assert_like_the_list();
	assert_fits(1, false, 0x1000, 0xfff);
}

static void test_each_range_is_prepared_by_one_allocation(void **state)
{
	(void)state;
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 3, 1), 0);
	assert_true(iova_tree_prepare(&space.tree));
	assert_true(iova_tree_prepare(&space.tree));
	assert_false(iova_tree_prepare(&space.tree));
	assert_true(iova_tree_prepare(&space.tree));
	assert_int_equal(dmp_meta_in_use(), sizeof(struct iova_node));
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_range_is_found_by_each_of_its_pfns_and_by_no_other),
		TEST(test_nothing_is_below_the_lowest_and_the_anchor_above_the_highest),
		TEST(test_next_is_the_lowest_range_that_starts_from_there_on),
		TEST(test_the_tree_is_low_whatever_the_order_of_its_ranges),
		TEST(test_clear_leaves_an_empty_tree_and_no_memory),
		TEST(test_each_range_is_prepared_by_one_allocation),
	};

	return cmocka_run_group_tests_name("iova_tree", tests, NULL, NULL);
}
