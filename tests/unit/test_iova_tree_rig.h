/* SPDX-License-Identifier: MIT */
/*
 * test_iova_tree_rig.h - a tree, and the obvious structure beside it: a sorted list of ranges,
 * where every search is a walk
 */
#ifndef TEST_IOVA_TREE_RIG_H
#define TEST_IOVA_TREE_RIG_H

#include "dmptest.h"
#include "iova_node.h"

#define RANGES 8192u
#define START  UINT64_C(0x10) /* of the space of every fixture */

struct space {
	struct iova_tree tree;
	unsigned n;
	struct dmp_iova_range list[RANGES]; /* ascending */
};

static struct space space;

static int setup(void **state)
{
	(void)state;
	iova_tree_init(&space.tree, START, IOVA_ANCHOR_PFN);
	space.n = 0;
	return 0;
}

static int teardown(void **state)
{
	const char *wrong = iova_tree_check(&space.tree);

	(void)state;
	if (wrong)
		print_error("%s\n", wrong);
	iova_tree_clear(&space.tree);
	return !wrong && dmp_meta_in_use() == 0 ? 0 : -1;
}

/* The list. */

/* The place in the list of the first range that ends at or above @pfn. */
static inline unsigned listed_from(uint64_t pfn)
{
	unsigned i = 0;

	while (i < space.n && space.list[i].hi < pfn)
		i++;
	return i;
}

static inline bool listed_covers(uint64_t pfn)
{
	unsigned i = listed_from(pfn);

	return i < space.n && space.list[i].lo <= pfn;
}

/* The gap below the @i-th range of the list, or below the anchor. */
static inline uint64_t listed_gap_start(unsigned i)
{
	uint64_t first = i > 0 ? space.list[i - 1].hi + 1 : 0;

	return first > START ? first : START;
}

static inline uint64_t listed_gap_end(unsigned i)
{
	return i < space.n ? space.list[i].lo : space.tree.end;
}

/* From gap to gap downward: the first place that holds the request below @top. */
static inline bool listed_fit(uint64_t size, bool aligned, uint64_t top, uint64_t *lo)
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

static inline void insert_at(struct iova_cursor *cur, uint64_t lo, uint64_t hi)
{
	unsigned i = listed_from(lo);

	assert_true(space.n < RANGES && iova_tree_prepare(&space.tree));
	iova_cursor_insert(cur, lo, hi);
	memmove(&space.list[i + 1], &space.list[i], (space.n++ - i) * sizeof(space.list[0]));
	space.list[i] = (struct dmp_iova_range){lo, hi};
}

static inline void insert(uint64_t lo, uint64_t hi)
{
	struct iova_cursor cur;

	iova_tree_seek(&space.tree, lo, &cur);
	insert_at(&cur, lo, hi);
}

static inline bool fit(uint64_t size, bool aligned, uint64_t top, struct iova_cursor *cur,
		       uint64_t *lo)
{
	struct iova_request req = iova_request(size, aligned);

	return iova_tree_fit(&space.tree, &req, top, cur, lo);
}

static inline void assert_fits(uint64_t size, bool aligned, uint64_t top, uint64_t wanted)
{
	struct iova_cursor cur;
	uint64_t lo = 0;

	assert_true(fit(size, aligned, top, &cur, &lo));
	assert_int_equal(lo, wanted);
}

static inline void assert_fits_nowhere(uint64_t size, bool aligned, uint64_t top)
{
	struct iova_cursor cur;
	uint64_t lo = 77;

	assert_false(fit(size, aligned, top, &cur, &lo));
	assert_int_equal(lo, 77);
}

/* Takes out the range that contains @pfn, if one does. */
static inline void remove_pfn(uint64_t pfn)
{
	struct dmp_iova_range range;
	struct iova_cursor cur;
	unsigned i = listed_from(pfn);
	bool there = listed_covers(pfn);

	assert_int_equal(iova_tree_find(&space.tree, pfn, &cur), there);
	if (!there)
		return;
	range = iova_cursor_range(&cur);
	assert_int_equal(range.lo, space.list[i].lo);
	assert_int_equal(range.hi, space.list[i].hi);
	iova_cursor_remove(&cur);
	memmove(&space.list[i], &space.list[i + 1], (--space.n - i) * sizeof(space.list[0]));
}

/* Moves the start of the range above @lo down to it. */
static inline void grow(uint64_t lo)
{
	struct iova_cursor cur;

	iova_tree_seek(&space.tree, lo, &cur);
	assert_true(iova_cursor_grow(&cur, lo));
	space.list[listed_from(lo)].lo = lo;
}

/* The tree is whole, and the walk upward meets the list. */
static inline void assert_like_the_list(void)
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
