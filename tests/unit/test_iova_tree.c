// SPDX-License-Identifier: MIT
/*
 * test_iova_tree.c - proves T1-T5 of lib/iova/iova_tree.c and its searches
 *
 * The obvious structure beside it is a sorted array of ranges: every search a walk.
 */
#include "dmptest.h"
#include "iova_tree.h"
#include "rng.h"

#define NODES 4096u
#define START UINT64_C(0x10) /* of the space of every fixture */

/* A tree and the list of what is in it. */
struct space {
	struct iova_tree tree;
	struct iova_node nodes[NODES];
	struct iova_node *unused; /* by child[0] */
	unsigned n;
	struct listed {
		uint64_t lo, hi;
		struct iova_node *node;
	} list[NODES]; /* ascending */
};

static struct space space;

static void node_unused(struct iova_node *node)
{
	node->child[0] = space.unused;
	space.unused = node;
}

static int setup(void **state)
{
	unsigned i;

	(void)state;
	iova_tree_init(&space.tree, START);
	space.unused = NULL;
	space.n = 0;
	for (i = 0; i < NODES; i++)
		node_unused(&space.nodes[i]);
	return 0;
}

static int teardown(void **state)
{
	const char *wrong = iova_tree_check(&space.tree);

	(void)state;
	if (wrong)
		print_error("%s\n", wrong);
	return wrong ? -1 : 0;
}

/* The list. */

/* The place in the list of the first range that ends at or above @pfn. */
static unsigned listed_from(uint64_t pfn)
{
	unsigned i = 0;

	while (i < space.n && space.list[i].hi < pfn)
		i++;
	return i;
}

static bool listed_covers(uint64_t pfn)
{
	unsigned i = listed_from(pfn);

	return i < space.n && space.list[i].lo <= pfn;
}

/* The gap below the @i-th range of the list, or below the anchor. */
static uint64_t listed_gap_start(unsigned i)
{
	uint64_t first = i > 0 ? space.list[i - 1].hi + 1 : 0;

	return first > START ? first : START;
}

static uint64_t listed_gap_end(unsigned i)
{
	return i < space.n ? space.list[i].lo : IOVA_ANCHOR_PFN;
}

/* From gap to gap downward: the first place that holds the request below @top. */
static bool listed_fit(uint64_t size, bool aligned, uint64_t top, uint64_t *lo)
{
	uint64_t align = aligned ? dmp_pow2_ceil(size) : 1, end, place;
	unsigned i;

	for (i = space.n + 1; i-- > 0;) {
		end = listed_gap_end(i) < top ? listed_gap_end(i) : top;
		if (end < size)
			continue;
		place = align ? (end - size) / align * align : 0;
		if (place < listed_gap_start(i))
			continue;
		*lo = place;
		return true;
	}
	return false;
}

/* Both. */

static void insert_at(struct iova_cursor *cur, uint64_t lo, uint64_t hi)
{
	struct iova_node *node = space.unused;
	unsigned i = listed_from(lo);

	assert_non_null(node);
	space.unused = node->child[0];
	iova_cursor_insert(cur, node, lo, hi);
	memmove(&space.list[i + 1], &space.list[i], (space.n++ - i) * sizeof(space.list[0]));
	space.list[i] = (struct listed){lo, hi, node};
}

static void insert(uint64_t lo, uint64_t hi)
{
	struct iova_cursor cur;

	iova_tree_seek(&space.tree, lo, &cur);
	insert_at(&cur, lo, hi);
}

static bool fit(uint64_t size, bool aligned, uint64_t top, struct iova_cursor *cur, uint64_t *lo)
{
	struct iova_request req = iova_request(size, aligned);

	return iova_tree_fit(&space.tree, &req, top, cur, lo);
}

static void assert_fits(uint64_t size, bool aligned, uint64_t top, uint64_t wanted)
{
	struct iova_cursor cur;
	uint64_t lo = 0;

	assert_true(fit(size, aligned, top, &cur, &lo));
	assert_int_equal(lo, wanted);
}

static void assert_fits_nowhere(uint64_t size, bool aligned, uint64_t top)
{
	struct iova_cursor cur;
	uint64_t lo = 77;

	assert_false(fit(size, aligned, top, &cur, &lo));
	assert_int_equal(lo, 77);
}

/* Takes out the range that contains @pfn, if one does. */
static void remove_pfn(uint64_t pfn)
{
	struct iova_cursor cur;
	struct dmp_iova_range range;
	unsigned i = listed_from(pfn);
	bool there = listed_covers(pfn);

	assert_int_equal(iova_tree_find(&space.tree, pfn, &cur), there);
	if (!there)
		return;
	range = iova_cursor_range(&cur);
	assert_int_equal(range.lo, space.list[i].lo);
	assert_int_equal(range.hi, space.list[i].hi);
	assert_ptr_equal(iova_cursor_remove(&cur), space.list[i].node);
	node_unused(space.list[i].node);
	memmove(&space.list[i], &space.list[i + 1], (--space.n - i) * sizeof(space.list[0]));
}

/* The tree is whole, and the walk upward meets the list. */
static void assert_like_the_list(void)
{
	struct dmp_iova_range range = {0};
	uint64_t from = 0;
	unsigned i;

	assert_null(iova_tree_check(&space.tree));
	assert_int_equal(space.tree.nranges, space.n);
	for (i = 0; i < space.n; i++, from = range.lo + 1) {
		assert_true(iova_tree_next(&space.tree, from, &range));
		assert_int_equal(range.lo, space.list[i].lo);
		assert_int_equal(range.hi, space.list[i].hi);
	}
	assert_false(iova_tree_next(&space.tree, from, &range));
}

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
	assert_ptr_equal(iova_cursor_below(&cur), space.list[0].node);
	assert_ptr_equal(iova_cursor_above(&cur), space.list[1].node);
	assert_false(iova_tree_find(&space.tree, 0x108, &cur));
	assert_false(iova_tree_find(&space.tree, 0x201, &cur));
}

static void test_nothing_is_below_the_lowest_and_the_anchor_above_the_highest(void **state)
{
	struct iova_cursor cur;

	(void)state;
	insert(0x100, 0x107);
	iova_tree_seek(&space.tree, 0xff, &cur);
	assert_null(iova_cursor_below(&cur));
	assert_ptr_equal(iova_cursor_above(&cur), space.list[0].node);
	iova_tree_seek(&space.tree, IOVA_ANCHOR_PFN - 1, &cur);
	assert_ptr_equal(iova_cursor_below(&cur), space.list[0].node);
	assert_ptr_equal(iova_cursor_above(&cur), &space.tree.anchor);
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

/* The highest place. */

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

/* Changes. */

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
	struct dmp_iova_range range;

	(void)state;
	insert(0x40, 0x4f);
	iova_tree_seek(&space.tree, 0x30, &cur);
	iova_cursor_grow(&cur, 0x30);
	space.list[0].lo = 0x30;
	assert_like_the_list();
	assert_true(iova_tree_find(&space.tree, 0x30, &cur));
	range = iova_cursor_range(&cur);
	assert_int_equal(range.hi, 0x4f);
	assert_fits_nowhere(0x21, false, 0x50);
	assert_fits(0x20, false, 0x50, START);
}

static unsigned height(void)
{
	const uint8_t *sides = space.tree.root->height;

	return 1u + (sides[0] > sides[1] ? sides[0] : sides[1]);
}

/* 2^10 - 1 ranges and the anchor: 10 levels if perfect, 14 for the thinnest of AVL trees. */
static void test_the_tree_is_low_whatever_the_order_of_its_ranges(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 1; i < 1024; i++)
		insert(2 * i + START, 2 * i + START);
	assert_in_range(height(), 10, 14);
	for (i = 1; i < 1024; i++)
		if (i % 8)
			remove_pfn(2 * i + START);
	assert_in_range(height(), 7, 10);
	for (i = 1023; i > 0; i--)
		if (i % 8)
			insert(2 * i + START, 2 * i + START);
	assert_in_range(height(), 10, 14);
	assert_like_the_list();
}

static unsigned nhanded;

static void handed(struct iova_node *node)
{
	node_unused(node);
	nhanded++;
}

static void test_clear_hands_over_each_range_once_and_leaves_an_empty_tree(void **state)
{
	uint64_t i;

	(void)state;
	for (i = 0; i < 100; i++)
		insert(0x1000 + 5 * (i * 37 % 100), 0x1001 + 5 * (i * 37 % 100));
	nhanded = 0;
	iova_tree_clear(&space.tree, handed);
	space.n = 0;
	assert_int_equal(nhanded, 100);
	assert_like_the_list();
	assert_fits(1, false, 0x1000, 0xfff);
}

/* Random operations. */

/* What the operations of one run choose from. */
struct mix {
	uint64_t last;      /* no pfn beyond */
	uint64_t size_bits; /* sizes have up to so many bits */
	unsigned most;      /* ranges */
};

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
	struct iova_cursor cur;

	if (i == space.n || space.list[i].lo <= lo)
		return;
	iova_tree_seek(&space.tree, lo, &cur);
	iova_cursor_grow(&cur, lo);
	space.list[i].lo = lo;
}

static void operate_at_random(struct rng *rng, const struct mix *mix)
{
	uint64_t kind = rng_range(rng, 0, 15);

	if (kind < 8)
		take_at_random(rng, mix);
	else if (kind < 10)
		put_at_random(rng, mix);
	else if (kind == 10 && rng_range(rng, 0, 7) == 0)
		grow_at_random(rng, mix);
	else if (space.n > 0 && kind < 15)
		remove_pfn(space.list[rng_range(rng, 0, space.n - 1)].lo);
	else
		remove_pfn(rng_range(rng, 0, mix->last));
}

static void run_at_random(const struct mix *mix)
{
	uint64_t seed = rng_seed_from_env(1), rounds = rng_rounds_from_env(20000), i;
	struct rng rng = rng_seeded(seed);

	print_message("seed %llu\n", (unsigned long long)seed);
	for (i = 0; i < rounds; i++) {
		operate_at_random(&rng, mix);
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

static void test_random_operations_in_a_wide_space_agree_with_a_list(void **state)
{
	(void)state;
	run_at_random(&(struct mix){.last = UINT64_MAX - 2, .size_bits = 60, .most = 200});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_range_is_found_by_each_of_its_pfns_and_by_no_other),
		TEST(test_nothing_is_below_the_lowest_and_the_anchor_above_the_highest),
		TEST(test_next_is_the_lowest_range_that_starts_from_there_on),
		TEST(test_the_highest_gap_that_holds_the_request_is_taken),
		TEST(test_the_top_cuts_the_gap_that_it_lies_in),
		TEST(test_pfns_below_the_start_belong_to_no_gap),
		TEST(test_an_aligned_request_passes_gaps_that_are_misaligned),
		TEST(test_gaps_larger_than_a_room_are_tried_one_by_one),
		TEST(test_a_range_that_goes_joins_the_gaps_on_both_sides),
		TEST(test_growth_takes_from_the_gap_below),
		TEST(test_the_tree_is_low_whatever_the_order_of_its_ranges),
		TEST(test_clear_hands_over_each_range_once_and_leaves_an_empty_tree),
		TEST(test_random_operations_in_a_crowded_space_agree_with_a_list),
		TEST(test_random_operations_in_a_wide_space_agree_with_a_list),
	};

	return cmocka_run_group_tests_name("iova_tree", tests, NULL, NULL);
}
