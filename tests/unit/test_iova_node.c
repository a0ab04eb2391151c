// SPDX-License-Identifier: MIT
/*
 * test_iova_node.c - proves N1 and N2 of lib/iova/iova_node.c
 *
 * The node of every test, and the floor of the next node:
 *
 *   floor 10      lo 100..10f     120..12f        150..15f
 *     |............[rrrrrr]........[rrrrrr]........[rrrrrr]
 */
#include "dmptest.h"
#include "iova_node.h"

#define FLOOR UINT64_C(0x10)
#define LO    UINT64_C(0x100)

static struct iova_node node;

static int setup(void **state)
{
	(void)state;
	iova_node_wipe(&node);
	iova_node_init(&node, FLOOR, LO);
	iova_node_append(&node, 0x110, 0x120);
	iova_node_append(&node, 0x130, 0x150);
	iova_node_count(&node, 0);
	return 0;
}

/* The ranges of a node, the end of the last left out. */
static void assert_ranges(const struct iova_node *n, const uint64_t *pfns, unsigned npfns)
{
	unsigned i;

	assert_int_equal(n->n, (npfns + 1) / 2);
	for (i = 0; i < npfns; i++)
		assert_int_equal(n->lo + (i % 2 ? n->end : n->start)[i / 2], pfns[i]);
	for (i = n->n; i < IOVA_NODE_RANGES; i++)
		assert_int_equal(n->start[i], IOVA_NODE_NONE);
	for (i = n->n - 1; i < IOVA_NODE_RANGES; i++)
		assert_int_equal(n->end[i], IOVA_NODE_NONE);
}

#define ASSERT_RANGES(n, ...)                                                                      \
	assert_ranges(n, (const uint64_t[]){__VA_ARGS__},                                          \
		      sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void assert_rooms(const struct iova_node *n, uint32_t gap, uint32_t aligned)
{
	assert_int_equal(n->own.gap, gap);
	assert_int_equal(n->own.aligned, aligned);
}

/* Search. */

static void test_the_index_is_the_number_of_starts_up_to_the_pfn(void **state)
{
	(void)state;
	assert_int_equal(iova_node_index(&node, LO), 1);
	assert_int_equal(iova_node_index(&node, 0x11f), 1);
	assert_int_equal(iova_node_index(&node, 0x120), 2);
	assert_int_equal(iova_node_index(&node, 0x150), 3);
	assert_int_equal(iova_node_index(&node, LO + IOVA_NODE_SPAN), 3);
	assert_int_equal(iova_node_index(&node, UINT64_MAX), 3);
}

static void test_a_gap_is_what_is_below_its_range(void **state)
{
	(void)state;
	assert_int_equal(iova_node_gap_start(&node, 0), FLOOR);
	assert_int_equal(iova_node_gap(&node, 0), LO - FLOOR);
	assert_int_equal(iova_node_gap_start(&node, 2), 0x130);
	assert_int_equal(iova_node_gap(&node, 2), 0x20);
}

/* The last start may be IOVA_NODE_NONE - 1 above lo, since that number itself says "none". */
static void test_starts_of_a_node_are_less_than_the_span_apart(void **state)
{
	(void)state;
	assert_true(iova_node_reaches_up(&node, LO + IOVA_NODE_NONE - 1));
	assert_false(iova_node_reaches_up(&node, LO + IOVA_NODE_NONE));
	iova_node_init(&node, 0, UINT64_C(1) << 40);
	assert_true(iova_node_reaches_down(&node, (UINT64_C(1) << 40) - IOVA_NODE_NONE + 1));
	assert_false(iova_node_reaches_down(&node, (UINT64_C(1) << 40) - IOVA_NODE_NONE));
	setup(state);
}

/* Rooms. */

static void test_the_rooms_are_those_of_the_largest_gaps(void **state)
{
	(void)state;
	assert_rooms(&node, 0xf0, 0x80);
	node.floor = LO;
	iova_node_count(&node, 0);
	assert_rooms(&node, 0x20, 0x10);
}

/*
 *   f0     100..        121              13f
 *    |.16..[rr].. . ..rr]......30........[rr]     30 pfns, but no 16 of them at a multiple of 16
 */
static void test_gap_and_aligned_room_may_be_of_two_gaps(void **state)
{
	(void)state;
	node.floor = 0xf0;
	node.end[1] = 0x121 - LO;
	node.start[2] = 0x13f - LO;
	iova_node_count(&node, 0);
	assert_rooms(&node, 0x1e, 0x10);
	node.floor = LO;
	node.end[0] = 0x120 - LO;
	iova_node_count(&node, 0);
	assert_rooms(&node, 0x1e, 0xf);
}

static void test_pfns_below_the_start_are_in_no_gap(void **state)
{
	(void)state;
	iova_node_count(&node, 0x118);
	assert_rooms(&node, 0x20, 0x10);
	iova_node_count(&node, 0x14c);
	assert_rooms(&node, 4, 4);
	iova_node_count(&node, 0x150);
	assert_rooms(&node, 0, 0);
}

static void test_a_room_stops_at_its_largest_value(void **state)
{
	(void)state;
	iova_node_wipe(&node);
	iova_node_init(&node, 0, UINT64_C(1) << 40);
	iova_node_gained(&node, 0, 0);
	assert_rooms(&node, IOVA_ROOM_MAX, IOVA_ROOM_MAX);
}

static void test_a_gap_that_has_grown_is_counted_in(void **state)
{
	(void)state;
	node.floor = LO;
	iova_node_count(&node, 0);
	node.floor = LO - 0x30;
	iova_node_gained(&node, 0, 0);
	assert_rooms(&node, 0x30, 0x20);
}

static void test_when_the_largest_gap_shrinks_the_next_is_the_largest(void **state)
{
	(void)state;
	node.floor = LO - 8;
	iova_node_lost(&node, LO - FLOOR, 0);
	assert_rooms(&node, 0x20, 0x10);
	node.start[2] = 0x138 - LO;
	iova_node_lost(&node, 0x20, 0);
	assert_rooms(&node, 0x10, 0x10);
}

/* Changes. */

static void test_a_range_is_put_between_two(void **state)
{
	(void)state;
	iova_node_insert(&node, 2, 0x138, 0x13f);
	ASSERT_RANGES(&node, 0x100, 0x110, 0x120, 0x130, 0x138, 0x140, 0x150);
	iova_node_insert(&node, 1, 0x110, 0x11f);
	ASSERT_RANGES(&node, 0x100, 0x110, 0x110, 0x120, 0x120, 0x130, 0x138, 0x140, 0x150);
}

static void test_a_range_is_put_below_all_others(void **state)
{
	(void)state;
	iova_node_prepend(&node, 0x20, 0x2f);
	assert_int_equal(node.lo, 0x20);
	ASSERT_RANGES(&node, 0x20, 0x30, 0x100, 0x110, 0x120, 0x130, 0x150);
}

static void test_a_range_is_put_above_all_others(void **state)
{
	(void)state;
	iova_node_append(&node, 0x160, 0x200);
	ASSERT_RANGES(&node, 0x100, 0x110, 0x120, 0x130, 0x150, 0x160, 0x200);
}

static void test_each_range_can_be_taken_out(void **state)
{
	iova_node_delete(&node, 1);
	ASSERT_RANGES(&node, 0x100, 0x110, 0x150);
	setup(state);
	iova_node_delete(&node, 2);
	ASSERT_RANGES(&node, 0x100, 0x110, 0x120);
	setup(state);
	iova_node_delete(&node, 0);
	assert_int_equal(node.lo, 0x120);
	ASSERT_RANGES(&node, 0x120, 0x130, 0x150);
}

static void test_a_lowest_range_that_grows_leaves_all_others_where_they_are(void **state)
{
	(void)state;
	iova_node_move(&node, 0x40);
	assert_int_equal(node.lo, 0x40);
	ASSERT_RANGES(&node, 0x40, 0x110, 0x120, 0x130, 0x150);
}

static void fill(void)
{
	unsigned i;

	iova_node_wipe(&node);
	iova_node_init(&node, FLOOR, LO);
	for (i = 1; i < IOVA_NODE_RANGES; i++)
		iova_node_append(&node, LO + 16 * i - 8, LO + 16 * i);
	iova_node_count(&node, 0);
}

/* The ranges are [100..107], [110..117], ... */
static void test_a_split_leaves_the_upper_half(void **state)
{
	const unsigned half = IOVA_NODE_RANGES / 2;
	struct iova_node lower;
	unsigned i;

	(void)state;
	fill();
	iova_node_wipe(&lower);
	iova_node_split(&node, &lower);
	assert_int_equal(lower.floor, FLOOR);
	assert_int_equal(lower.lo, LO);
	assert_int_equal(node.floor, LO + 16 * (half - 1) + 8);
	assert_int_equal(node.lo, LO + 16 * half);
	assert_int_equal(lower.n, half);
	assert_int_equal(node.n, half);
	for (i = 1; i < half; i++) {
		assert_int_equal(node.start[i], 16 * i);
		assert_int_equal(lower.start[i], 16 * i);
		assert_int_equal(node.end[i - 1], 16 * i - 8);
		assert_int_equal(lower.end[i - 1], 16 * i - 8);
	}
	assert_int_equal(node.start[half] & node.end[half - 1], IOVA_NODE_NONE);
	assert_int_equal(lower.start[half] & lower.end[half - 1], IOVA_NODE_NONE);
}

static void test_a_join_of_both_halves_is_what_was_split(void **state)
{
	struct iova_node whole, lower;

	(void)state;
	fill();
	whole = node;
	iova_node_wipe(&lower);
	iova_node_split(&node, &lower);
	iova_node_count(&lower, 0);
	iova_node_count(&node, 0);
	iova_node_join(&lower, &node);
	assert_int_equal(node.floor, whole.floor);
	assert_int_equal(node.lo, whole.lo);
	assert_int_equal(node.n, whole.n);
	assert_memory_equal(&node.own, &whole.own, sizeof(whole.own));
	assert_memory_equal(node.start, whole.start, sizeof(whole.start));
	assert_memory_equal(node.end, whole.end, sizeof(whole.end));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_index_is_the_number_of_starts_up_to_the_pfn),
		TEST(test_a_gap_is_what_is_below_its_range),
		TEST(test_starts_of_a_node_are_less_than_the_span_apart),
		TEST(test_the_rooms_are_those_of_the_largest_gaps),
		TEST(test_gap_and_aligned_room_may_be_of_two_gaps),
		TEST(test_pfns_below_the_start_are_in_no_gap),
		TEST(test_a_room_stops_at_its_largest_value),
		TEST(test_a_gap_that_has_grown_is_counted_in),
		TEST(test_when_the_largest_gap_shrinks_the_next_is_the_largest),
		TEST(test_a_range_is_put_between_two),
		TEST(test_a_range_is_put_below_all_others),
		TEST(test_a_range_is_put_above_all_others),
		TEST(test_each_range_can_be_taken_out),
		TEST(test_a_lowest_range_that_grows_leaves_all_others_where_they_are),
		TEST(test_a_split_leaves_the_upper_half),
		TEST(test_a_join_of_both_halves_is_what_was_split),
	};

	return cmocka_run_group_tests_name("iova_node", tests, NULL, NULL);
}
