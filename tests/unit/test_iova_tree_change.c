// SPDX-License-Identifier: MIT
/*
 * test_iova_tree_change.c - proves that lib/iova/iova_tree_change.c keeps T1-T6
 */
#include "rng.h"
#include "test_iova_tree_rig.h"

#include <dmapool/harness.h>

#define FAR (UINT64_C(1) << 40)

static void test_a_range_that_goes_joins_the_gaps_on_both_sides(void **state)
{
	(void)state;
	insert(0x20, 0x2f);
	insert(0x40, 0x4f);
	insert(0x60, 0x6f);
	assert_fits_nowhere(0x11, false, 0x60);
	remove_pfn(0x48);
	assert_fits(0x30, false, 0x60, 0x30);
	assert_fits_nowhere(0x31, false, 0x60);
}

static void test_growth_takes_from_the_gap_below(void **state)
{
	struct iova_cursor cur;

	(void)state;
	insert(0x40, 0x4f);
	grow(0x30);
	assert_like_the_list();
	assert_true(iova_tree_find(&space.tree, 0x30, &cur));
	assert_int_equal(iova_cursor_range(&cur).hi, 0x4f);
	assert_fits_nowhere(0x21, false, 0x50);
	assert_fits(0x20, false, 0x50, START);
}

/* Nodes come and go. */

/* Beside the anchor's; the spare left out. */
static uint64_t nnodes(void)
{
	return dmp_meta_in_use() / sizeof(struct iova_node) - (space.tree.spare != NULL);
}

/* @n ranges of 4 pfns at FAR + 8 * i. */
static void insert_upward(unsigned n)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		insert(FAR + 8 * i, FAR + 8 * i + 3);
}

static void test_ranges_added_upward_fill_their_nodes(void **state)
{
	(void)state;
	insert_upward(10 * IOVA_NODE_RANGES);
	assert_int_equal(nnodes(), 10);
	assert_like_the_list();
}

static void test_ranges_added_downward_fill_their_nodes(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 10 * IOVA_NODE_RANGES; i > 0; i--)
		insert(FAR + 8 * i, FAR + 8 * i + 3);
	assert_int_equal(nnodes(), 10);
	assert_like_the_list();
}

static void test_a_full_node_is_split_for_a_range_between_two_of_it(void **state)
{
	(void)state;
	insert_upward(IOVA_NODE_RANGES);
	assert_int_equal(nnodes(), 1);
	insert(FAR + 12, FAR + 13);
	assert_int_equal(nnodes(), 2);
	assert_like_the_list();
}

/*
 *   [lower, full]  1  3  2  [upper, full]     1 goes to the lower, 2 to the upper, 3 to a third
 */
static void test_between_two_nodes_the_one_with_a_place_is_taken(void **state)
{
	const uint64_t upper = FAR + 8 * IOVA_NODE_RANGES;

	(void)state;
	insert_upward(2 * IOVA_NODE_RANGES);
	remove_pfn(FAR);
	insert(upper - 4, upper - 4);
	remove_pfn(FAR + 8 * (2 * IOVA_NODE_RANGES - 1));
	insert(upper - 1, upper - 1);
	assert_int_equal(nnodes(), 2);
	insert(upper - 2, upper - 2);
	assert_int_equal(nnodes(), 3);
	assert_like_the_list();
}

static void test_ranges_too_far_apart_stand_in_nodes_of_their_own(void **state)
{
	(void)state;
	insert(FAR, FAR);
	insert(FAR + IOVA_NODE_SPAN, FAR + IOVA_NODE_SPAN);
	assert_int_equal(nnodes(), 2);
	insert(FAR + IOVA_NODE_SPAN - 1, FAR + IOVA_NODE_SPAN - 1);
	assert_int_equal(nnodes(), 2);
	assert_like_the_list();
}

/*
 * Of three full nodes as many ranges go from the middle, then from below, as leave the two with
 * half of a node together.
 */
static void test_two_nodes_of_few_ranges_become_one(void **state)
{
	uint64_t i;

	(void)state;
	insert_upward(3 * IOVA_NODE_RANGES);
	for (i = 3; i < IOVA_NODE_RANGES; i++)
		remove_pfn(FAR + 8 * (IOVA_NODE_RANGES + i));
	assert_int_equal(nnodes(), 3);
	for (i = IOVA_NODE_FEW - 3; i < IOVA_NODE_RANGES; i++) {
		assert_int_equal(nnodes(), 3);
		remove_pfn(FAR + 8 * i);
	}
	assert_int_equal(nnodes(), 2);
	assert_like_the_list();
}

/* The same, but the node that shrinks last is the upper of both. */
static void test_a_node_is_joined_with_the_one_below_too(void **state)
{
	uint64_t i;

	(void)state;
	insert_upward(3 * IOVA_NODE_RANGES);
	for (i = 3; i < IOVA_NODE_RANGES; i++)
		remove_pfn(FAR + 8 * i);
	for (i = IOVA_NODE_FEW - 3; i < IOVA_NODE_RANGES; i++) {
		assert_int_equal(nnodes(), 3);
		remove_pfn(FAR + 8 * (IOVA_NODE_RANGES + i));
	}
	assert_int_equal(nnodes(), 2);
	assert_like_the_list();
}

static void test_a_node_that_was_joined_comes_again_without_its_ranges(void **state)
{
	uint64_t i;

	(void)state;
	insert_upward(IOVA_NODE_RANGES + 1);
	for (i = 2; i < IOVA_NODE_RANGES; i++)
		remove_pfn(FAR + 8 * i);
	assert_int_equal(nnodes(), 1);
	insert(2 * FAR, 2 * FAR);
	assert_int_equal(nnodes(), 2);
	assert_like_the_list();
}

static void test_one_node_is_kept_to_spare_and_all_others_go(void **state)
{
	uint64_t i;

	(void)state;
	insert_upward(10 * IOVA_NODE_RANGES);
	for (i = 0; i < 10 * IOVA_NODE_RANGES; i++)
		remove_pfn(FAR + 8 * (i * 7 % (10 * IOVA_NODE_RANGES)));
	assert_int_equal(dmp_meta_in_use(), sizeof(struct iova_node));
	assert_non_null(space.tree.spare);
}

static void test_no_removal_takes_memory(void **state)
{
	uint64_t i;

	(void)state;
	insert_upward(10 * IOVA_NODE_RANGES);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 1, UINT64_MAX), 0);
	for (i = 0; i < 10 * IOVA_NODE_RANGES; i++)
		remove_pfn(FAR + 8 * (i * 7 % (10 * IOVA_NODE_RANGES)));
	assert_int_equal(dmp_harness_failed(DMP_HARNESS_ALLOC_ANY), 0);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0), 0);
	assert_like_the_list();
}

/* The range that grows is the lowest of two in a node, which it leaves. */
static void test_growth_takes_memory_only_for_a_range_that_must_leave_its_node(void **state)
{
	struct iova_cursor cur;

	(void)state;
	insert(2 * FAR, 2 * FAR);
	insert(2 * FAR + 8, 2 * FAR + 8);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 1, UINT64_MAX), 0);
	grow(2 * FAR - 8);
	iova_tree_seek(&space.tree, FAR, &cur);
	assert_false(iova_cursor_grow(&cur, FAR));
	assert_like_the_list();
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 0, 0), 0);
	grow(FAR);
	assert_int_equal(nnodes(), 2);
	assert_like_the_list();
}

/*
 *   [a]                 [b]             in nodes of their own, since their starts are far apart
 *   [a]    [bbbbbbbbbbbbbb]             in one
 */
static void test_a_range_that_grows_near_joins_the_node_below(void **state)
{
	(void)state;
	insert(FAR, FAR);
	insert(2 * FAR, 2 * FAR);
	assert_int_equal(nnodes(), 2);
	grow(FAR + 8);
	assert_int_equal(nnodes(), 1);
	assert_like_the_list();
}

/*
 *   [a]     [b]           [c]           b and c in one node, whose last start is too far from a
 *   [a]     [b]  [cccccccccc]           all in one
 */
static void test_a_node_whose_last_range_grows_near_is_joined_with_the_one_below(void **state)
{
	(void)state;
	insert(FAR + IOVA_NODE_SPAN, FAR + IOVA_NODE_SPAN);
	insert(FAR + 8, FAR + 8);
	insert(FAR, FAR);
	assert_int_equal(nnodes(), 2);
	grow(FAR + 16);
	assert_int_equal(nnodes(), 1);
	assert_like_the_list();
}

/* Its node has the anchor too, is split and joined, and outlives all others. */
static void test_ranges_near_the_anchor_come_and_go_as_others_do(void **state)
{
	uint64_t i;

	(void)state;
	iova_tree_init(&space.tree, START, FAR + 1000);
	insert_upward(100);
	assert_like_the_list();
	for (i = 0; i < 100; i++)
		remove_pfn(FAR + 8 * (i * 7 % 100));
	assert_int_equal(nnodes(), 0);
	insert_upward(1);
	assert_int_equal(nnodes(), 0);
	assert_like_the_list();
}

/* Random operations. */

/* What the operations of one run choose from. */
struct mix {
	uint64_t last;      /* no pfn beyond */
	uint64_t size_bits; /* sizes have up to so many bits */
	unsigned most;      /* ranges */
};

/* So many rounds the tree fills, so many it empties. */
#define PHASE 2048u

static uint64_t random_size(struct rng *rng, const struct mix *mix)
{
	return rng_range(rng, 1, UINT64_C(1) << rng_range(rng, 0, mix->size_bits));
}

static void take_at_random(struct rng *rng, const struct mix *mix)
{
	uint64_t size = random_size(rng, mix), top = rng_range(rng, 1, mix->last + 1);
	uint64_t lo = 0, wanted = 0;
	bool aligned = rng_range(rng, 0, 1), there = listed_fit(size, aligned, top, &wanted);
	struct iova_cursor cur;

	assert_int_equal(fit(size, aligned, top, &cur, &lo), there);
	assert_int_equal(lo, wanted);
	if (there && space.n < mix->most)
		insert_at(&cur, lo, lo + size - 1);
}

/* A range where the dice fall, or as much of it as is free there. */
static void put_at_random(struct rng *rng, const struct mix *mix)
{
	uint64_t lo = rng_range(rng, 0, mix->last), size = random_size(rng, mix), end;

	if (listed_covers(lo) || space.n >= mix->most)
		return;
	end = listed_gap_end(listed_from(lo));
	insert(lo, (size < end - lo ? lo + size : end) - 1);
}

static void grow_at_random(struct rng *rng, const struct mix *mix)
{
	uint64_t lo = rng_range(rng, 0, mix->last);
	unsigned i = listed_from(lo);

	if (i < space.n && space.list[i].lo > lo)
		grow(lo);
}

static void remove_at_random(struct rng *rng, const struct mix *mix)
{
	if (space.n > 0 && rng_range(rng, 0, 7) > 0)
		remove_pfn(space.list[rng_range(rng, 0, space.n - 1)].lo);
	else
		remove_pfn(rng_range(rng, 0, mix->last));
}

static void operate_at_random(struct rng *rng, const struct mix *mix, bool emptying)
{
	uint64_t kind = rng_range(rng, 0, 15);

	if (kind < (emptying ? 4 : 8))
		take_at_random(rng, mix);
	else if (kind < (emptying ? 5 : 10))
		put_at_random(rng, mix);
	else if (kind == 10 && rng_range(rng, 0, 7) == 0)
		grow_at_random(rng, mix);
	else
		remove_at_random(rng, mix);
}

static void run_at_random(const struct mix *mix)
{
	uint64_t seed = rng_seed_from_env(1), rounds = rng_rounds_from_env(20000), i;
	struct rng rng = rng_seeded(seed);

	print_message("seed %llu\n", (unsigned long long)seed);
	for (i = 0; i < rounds; i++) {
		operate_at_random(&rng, mix, i / PHASE % 2);
		if (i % 64 == 0)
			assert_like_the_list();
	}
	assert_like_the_list();
}

static void test_random_operations_in_a_crowded_space_agree_with_a_list(void **state)
{
	(void)state;
	run_at_random(&(struct mix){.last = 0x7ff, .size_bits = 4, .most = 400});
}

static void test_random_operations_close_to_the_anchor_agree_with_a_list(void **state)
{
	(void)state;
	iova_tree_init(&space.tree, START, 0x800);
	run_at_random(&(struct mix){.last = 0x7ff, .size_bits = 4, .most = 400});
}

/* Some neighbours fit one node, others do not. */
static void test_random_operations_in_a_space_of_some_nodes_width_agree_with_a_list(void **state)
{
	(void)state;
	run_at_random(&(struct mix){.last = UINT64_C(1) << 35, .size_bits = 30, .most = 100});
}

static void test_random_operations_in_a_wide_space_agree_with_a_list(void **state)
{
	(void)state;
	run_at_random(&(struct mix){.last = UINT64_MAX - 2, .size_bits = 60, .most = 200});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_range_that_goes_joins_the_gaps_on_both_sides),
		TEST(test_growth_takes_from_the_gap_below),
		TEST(test_ranges_added_upward_fill_their_nodes),
		TEST(test_ranges_added_downward_fill_their_nodes),
		TEST(test_a_full_node_is_split_for_a_range_between_two_of_it),
		TEST(test_between_two_nodes_the_one_with_a_place_is_taken),
		TEST(test_ranges_too_far_apart_stand_in_nodes_of_their_own),
		TEST(test_two_nodes_of_few_ranges_become_one),
		TEST(test_a_node_is_joined_with_the_one_below_too),
		TEST(test_a_node_that_was_joined_comes_again_without_its_ranges),
		TEST(test_one_node_is_kept_to_spare_and_all_others_go),
		TEST(test_no_removal_takes_memory),
		TEST(test_growth_takes_memory_only_for_a_range_that_must_leave_its_node),
		TEST(test_a_range_that_grows_near_joins_the_node_below),
		TEST(test_a_node_whose_last_range_grows_near_is_joined_with_the_one_below),
		TEST(test_ranges_near_the_anchor_come_and_go_as_others_do),
		TEST(test_random_operations_in_a_crowded_space_agree_with_a_list),
		TEST(test_random_operations_close_to_the_anchor_agree_with_a_list),
		TEST(test_random_operations_in_a_space_of_some_nodes_width_agree_with_a_list),
		TEST(test_random_operations_in_a_wide_space_agree_with_a_list),
	};

	return cmocka_run_group_tests_name("iova_tree_change", tests, NULL, NULL);
}
