// SPDX-License-Identifier: MIT
/*
 * test_iova_tree_check.c - the walker of lib/iova/iova_tree_check.c sees each of T1-T5 broken
 *
 * Five ranges of 128 with gaps of 128 between them; each test spoils one field, and mends it.
 */
#include "dmptest.h"
#include "iova_tree.h"

#define RANGES 5u

static struct iova_tree tree;
static struct iova_node nodes[RANGES]; /* the i-th begins at 0x100 x (i + 1) */

static int setup(void **state)
{
	struct iova_cursor cur;
	uint64_t i, lo;

	(void)state;
	iova_tree_init(&tree, 0x10);
	for (i = 0; i < RANGES; i++) {
		lo = 0x100 * (i + 1);
		iova_tree_seek(&tree, lo, &cur);
		iova_cursor_insert(&cur, &nodes[i], lo, lo + 0x7f);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return iova_tree_check(&tree) ? -1 : 0;
}

static void assert_wrong(const char *wanted)
{
	const char *wrong = iova_tree_check(&tree);

	assert_non_null(wrong);
	assert_string_equal(wrong, wanted);
}

static void test_a_whole_tree_is_not_complained_of(void **state)
{
	(void)state;
	assert_null(iova_tree_check(&tree));
}

static void test_ranges_that_overlap_are_seen(void **state)
{
	(void)state;
	nodes[2].floor = 0x301;
	assert_wrong("ranges overlap");
	nodes[2].floor = 0x280;
}

static void test_a_gap_that_begins_inside_the_range_below_is_seen(void **state)
{
	(void)state;
	nodes[2].floor = 0x200;
	assert_wrong("a gap does not begin where the range below ends");
	nodes[2].floor = 0x280;
	nodes[0].floor = 1;
	assert_wrong("a gap does not begin where the range below ends");
	nodes[0].floor = 0;
}

static void test_a_room_that_is_not_the_largest_is_seen(void **state)
{
	unsigned side, aligned;
	uint32_t *room;

	(void)state;
	for (side = 0; side < 2; side++)
		for (aligned = 0; aligned < 2; aligned++) {
			room = &tree.root->room[side][aligned];
			--*room;
			assert_wrong("a node does not know the gaps of its side");
			++*room;
		}
}

static void test_a_wrong_height_is_seen(void **state)
{
	unsigned side;

	(void)state;
	for (side = 0; side < 2; side++) {
		tree.root->height[side]++;
		assert_wrong("the tree is out of balance");
		tree.root->height[side]--;
	}
}

static void test_a_wrong_number_of_ranges_is_seen(void **state)
{
	(void)state;
	tree.nranges++;
	assert_wrong("the number of ranges is wrong");
	tree.nranges--;
}

/*
 * Only one level, so that nothing else is wrong: the anchor alone, one pfn too low.
 */
static void test_an_anchor_that_has_moved_is_seen(void **state)
{
	(void)state;
	iova_tree_init(&tree, IOVA_ANCHOR_PFN);
	tree.anchor.lo--;
	assert_wrong("the anchor is not the last range");
	tree.anchor.lo++;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_whole_tree_is_not_complained_of),
		TEST(test_ranges_that_overlap_are_seen),
		TEST(test_a_gap_that_begins_inside_the_range_below_is_seen),
		TEST(test_a_room_that_is_not_the_largest_is_seen),
		TEST(test_a_wrong_height_is_seen),
		TEST(test_a_wrong_number_of_ranges_is_seen),
		TEST(test_an_anchor_that_has_moved_is_seen),
	};

	return cmocka_run_group_tests_name("iova_tree_check", tests, NULL, NULL);
}
