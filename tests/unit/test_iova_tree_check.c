// SPDX-License-Identifier: MIT
/*
 * test_iova_tree_check.c - the walker of lib/iova/iova_tree_check.c sees each of T1-T6, N1 and N2
 * broken
 *
 * Three nodes of 20 ranges each, and the anchor's; the i-th range is 256 x (i + 1) .. + 127.  Each
 * test spoils one field, and mends it.
 */
#include "dmptest.h"
#include "iova_node.h"

#define NODES 3u
#define EACH  20u

static struct iova_tree tree;
static struct iova_node *nodes[NODES]; /* ascending */

static uint64_t lo_of(unsigned i)
{
	return 0x100 * (i + 1);
}

static void insert(unsigned i)
{
	struct iova_cursor cur;

	assert_true(iova_tree_prepare(&tree));
	iova_tree_seek(&tree, lo_of(i), &cur);
	iova_cursor_insert(&cur, lo_of(i), lo_of(i) + 0x7f);
}

/* Added from above, ranges fill their nodes; what is too many goes again. */
static int setup(void **state)
{
	struct iova_cursor cur;
	unsigned i;

	(void)state;
	iova_tree_init(&tree, 0x10, IOVA_ANCHOR_PFN);
	for (i = NODES * IOVA_NODE_RANGES; i-- > 0;)
		insert(i);
	for (i = 0; i < NODES * IOVA_NODE_RANGES; i++) {
		iova_tree_find(&tree, lo_of(i), &cur);
		if (i % IOVA_NODE_RANGES >= EACH)
			iova_cursor_remove(&cur);
		else
			nodes[i / IOVA_NODE_RANGES] = cur.below;
	}
	for (i = 0; i < NODES; i++)
		if (nodes[i]->n != EACH)
			return -1;
	return 0;
}

static int teardown(void **state)
{
	const char *wrong = iova_tree_check(&tree);

	(void)state;
	iova_tree_clear(&tree);
	return !wrong && dmp_meta_in_use() == 0 ? 0 : -1;
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

/* N1, and T1 in a node */

static void test_ranges_that_overlap_in_a_node_are_seen(void **state)
{
	(void)state;
	nodes[1]->end[4] += 0x81;
	assert_wrong("ranges overlap");
	nodes[1]->end[4] -= 0x81 + 0x80;
	assert_wrong("ranges overlap");
	nodes[1]->end[4] += 0x80;
}

static void test_a_lowest_start_that_is_not_0_is_seen(void **state)
{
	(void)state;
	nodes[1]->start[0] = 1;
	assert_wrong("a node does not begin with its lowest range");
	nodes[1]->start[0] = 0;
}

static void test_a_node_without_ranges_is_seen(void **state)
{
	(void)state;
	nodes[1]->n = 0;
	assert_wrong("a node has no ranges or too many");
	nodes[1]->n = IOVA_NODE_RANGES + 1;
	assert_wrong("a node has no ranges or too many");
	nodes[1]->n = EACH;
}

static void test_what_is_behind_the_last_range_is_seen(void **state)
{
	(void)state;
	nodes[1]->start[EACH] = 0x10000;
	assert_wrong("a node has something behind its last range");
	nodes[1]->start[EACH] = IOVA_NODE_NONE;
	nodes[1]->end[EACH - 1] = 0x10000;
	assert_wrong("a node has something behind its last range");
	nodes[1]->end[EACH - 1] = IOVA_NODE_NONE;
	nodes[1]->end[IOVA_NODE_RANGES - 1] = 0x10000;
	assert_wrong("a node has something behind its last range");
	nodes[1]->end[IOVA_NODE_RANGES - 1] = IOVA_NODE_NONE;
}

/* N2, T4 */

static void assert_watched(uint32_t *room, const char *wanted)
{
	--*room;
	assert_wrong(wanted);
	*room += 2;
	assert_wrong(wanted);
	--*room;
}

static void test_a_room_that_is_not_of_the_nodes_largest_gap_is_seen(void **state)
{
	(void)state;
	assert_watched(&nodes[1]->own.gap, "a node does not know its own gaps");
	assert_watched(&nodes[1]->own.aligned, "a node does not know its own gaps");
}

static void test_a_room_that_is_not_of_the_sides_largest_gap_is_seen(void **state)
{
	unsigned side;

	(void)state;
	for (side = 0; side < 2; side++) {
		assert_watched(&nodes[1]->room[side].gap,
			       "a node does not know the gaps of its side");
		assert_watched(&nodes[1]->room[side].aligned,
			       "a node does not know the gaps of its side");
	}
}

/* The others */

static void test_nodes_that_overlap_are_seen(void **state)
{
	uint64_t floor = nodes[1]->floor;

	(void)state;
	nodes[1]->floor = nodes[1]->lo + 1;
	nodes[1]->own = (struct iova_room){0x80, 0x80};
	assert_wrong("ranges overlap");
	nodes[1]->floor = floor;
	iova_node_count(nodes[1], 0x10);
}

static void test_a_gap_that_begins_inside_the_range_below_is_seen(void **state)
{
	uint64_t floor = nodes[1]->floor;

	(void)state;
	nodes[1]->floor = nodes[0]->lo + nodes[0]->start[EACH - 1];
	iova_node_count(nodes[1], 0x10);
	assert_wrong("a gap does not begin where the range below ends");
	nodes[1]->floor = floor;
	iova_node_count(nodes[1], 0x10);
	nodes[0]->floor = 1;
	assert_wrong("a gap does not begin where the range below ends");
	nodes[0]->floor = 0;
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

static void test_an_anchor_that_has_moved_is_seen(void **state)
{
	(void)state;
	tree.end--;
	assert_wrong("the anchor is not the last range");
	tree.end++;
}

/* The two lower nodes are left with 8 ranges each, as if they had never had more. */
static void test_two_nodes_that_should_be_one_are_seen(void **state)
{
	struct iova_node *n;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		n = nodes[i];
		nodes[i + 1]->floor = n->lo + n->end[7];
		memset(&n->start[8], 0xff, (EACH - 8) * sizeof(n->start[0]));
		memset(&n->end[7], 0xff, (EACH - 8) * sizeof(n->end[0]));
		n->n = 8;
	}
	for (i = 0; i < NODES; i++)
		iova_node_count(nodes[i], 0x10);
	assert_wrong("two nodes should be one");
	iova_tree_clear(&tree);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_whole_tree_is_not_complained_of),
		TEST(test_ranges_that_overlap_in_a_node_are_seen),
		TEST(test_a_lowest_start_that_is_not_0_is_seen),
		TEST(test_a_node_without_ranges_is_seen),
		TEST(test_what_is_behind_the_last_range_is_seen),
		TEST(test_a_room_that_is_not_of_the_nodes_largest_gap_is_seen),
		TEST(test_a_room_that_is_not_of_the_sides_largest_gap_is_seen),
		TEST(test_nodes_that_overlap_are_seen),
		TEST(test_a_gap_that_begins_inside_the_range_below_is_seen),
		TEST(test_a_wrong_height_is_seen),
		TEST(test_a_wrong_number_of_ranges_is_seen),
		TEST(test_an_anchor_that_has_moved_is_seen),
		TEST(test_two_nodes_that_should_be_one_are_seen),
	};

	return cmocka_run_group_tests_name("iova_tree_check", tests, NULL, NULL);
}
