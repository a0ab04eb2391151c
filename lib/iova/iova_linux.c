// SPDX-License-Identifier: MIT
/*
 * iova_linux.c - the policy `linux`: top-down first fit under a limit, with two start hints
 *
 * Ranges stand in a red-black tree; the space between two of them is free.  A request
 * takes the highest place below its limit, but it starts looking where the latest
 * request of its kind ended, not at the limit:
 *
 *   start_pfn              B, 2^32 / granule                      2^64-1
 *      |  [r]   [rr][r]        |      [rrr]      [rr]               A
 *               ^                     ^                             anchor: the upper
 *               hint32                hint_wide                     neighbour of all
 *
 * A request is 32-bit if limit < B, otherwise wide.  First pass: downward from its hint.
 * Second pass, if the hint's range ends at or below the limit: downward from the limit
 * to that range.  A removal above a hint pulls the hint up to the range above the hole.
 *
 * A failure of either kind lowers or raises the ceiling to its size; a 32-bit request of
 * the ceiling's size or more then fails at once, until a range that starts below B goes.
 *
 * Invariants, walked by linux_check():
 *  L1  ranges ascend and do not overlap; the anchor is the last, alone at 2^64-1;
 *  L2  each hint designates a range of the tree, the anchor included;
 *  L3  nranges is the number of ranges without the anchor;
 *  L4  the ceiling is not 0.
 *
 * The tree is ordered by hi, which no operation changes: a reservation moves lo only.
 *
 * Locking: (t) tree_lock; (c) constant.  Records are allocated before it is taken, and
 *  freed after it is dropped, except in reserve and free_many, which are rare.
 *
 * Differs from Linux: a reservation that touches pfn 2^64-1 is refused, where the original
 *  would make the anchor part of a range; the anchor is never found or freed by pfn.
 *  The walk of a reservation starts at the first range that can overlap.
 *
 * Source: spec-iova 1.1-1.5, the answers of Linux v6.12 drivers/iommu/iova.c.
 */
#include <dmapool/bits.h>
#include <dmapool/iova.h>
#include <dmapool/port.h>

#include "base_tree.h"

#include <assert.h>

#define ANCHOR_PFN UINT64_MAX

static_assert(ANCHOR_PFN == DMP_IOVA_TOP, "a hint at the anchor shows as the top");

struct range {
	RB_ENTRY(range) node; /* (t) */
	uint64_t lo;          /* (t) */
	uint64_t hi;          /* (c) once in the tree */
};

RB_HEAD(range_tree, range);

struct linux_space {
	uint64_t start_pfn; /* (c) */
	uint64_t boundary;  /* (c) B: first pfn that 32 bits cannot address */

	_Alignas(DMP_CACHE_LINE) struct dmp_lock tree_lock;
	struct range_tree tree;  /* (t) */
	struct range anchor;     /* (t) */
	struct range *hint32;    /* (t) */
	struct range *hint_wide; /* (t) */
	uint64_t ceiling;        /* (t) */
	uint64_t nranges;        /* (t) */
	uint64_t unwalked;       /* (t) changes since the last walk; checks >= 3 only */
};

static int compare_hi(const struct range *a, const struct range *b)
{
	return (a->hi > b->hi) - (a->hi < b->hi);
}

BASE_TREE_GENERATE(range_tree, range, node, compare_hi)

static struct range *range_create(void)
{
	return dmp_meta_alloc(DMP_META_RANGE, sizeof(struct range));
}

static void range_destroy(struct range *r)
{
	dmp_meta_free(r, sizeof(*r));
}

/* The lowest range that ends at or above @pfn: at worst the anchor. */
static struct range *first_ending_from(struct linux_space *space, uint64_t pfn)
{
	struct range key = {.hi = pfn};

	return RB_NFIND(range_tree, &space->tree, &key);
}

/* The lowest range that starts at or above @pfn: at worst the anchor. */
static struct range *first_starting_from(struct linux_space *space, uint64_t pfn)
{
	struct range *r = first_ending_from(space, pfn);

	return r->lo >= pfn ? r : RB_NEXT(range_tree, &space->tree, r);
}

/* The range that contains @pfn; NULL for none, and for the anchor. */
static struct range *range_containing(struct linux_space *space, uint64_t pfn)
{
	struct range *r = first_ending_from(space, pfn);

	return r != &space->anchor && r->lo <= pfn ? r : NULL;
}

static struct dmp_iova_range range_view(const struct range *r)
{
	return (struct dmp_iova_range){.lo = r->lo, .hi = r->hi};
}

/* L1-L4 on the whole tree; O(ranges). */
static int walk_locked(struct linux_space *space)
{
	const char *wrong = NULL;
	struct range *r, *before = NULL;
	uint64_t nranges = 0, nhints = 0;

	dmp_lock_assert_held(&space->tree_lock);
	RB_FOREACH(r, range_tree, &space->tree) {
		if (r->lo > r->hi || (before && before->hi >= r->lo))
			wrong = "ranges overlap or are out of order";
		nhints += (r == space->hint32) + (r == space->hint_wide);
		nranges++;
		before = r;
	}
	if (before != &space->anchor || before->lo != ANCHOR_PFN || before->hi != ANCHOR_PFN)
		wrong = "the anchor is not the last range";
	else if (nhints != 2)
		wrong = "a hint designates no range of the tree";
	else if (nranges - 1 != space->nranges)
		wrong = "the number of ranges is wrong";
	else if (space->ceiling == 0)
		wrong = "the ceiling is 0";
	if (!wrong)
		return 0;
	dmp_log(DMP_LOG_BUG, "iova policy linux: %s", wrong);
	return -EIO;
}

/* At checks >= 3: walks once for as many changes as there are ranges, O(1) a change. */
static void tree_changed_locked(struct linux_space *space)
{
	dmp_lock_assert_held(&space->tree_lock);
	if (DMP_CHECKS >= 3 && ++space->unwalked > space->nranges) {
		space->unwalked = 0;
		walk_locked(space);
	}
}

/* What a search looks for. */
struct request {
	uint64_t size;
	uint64_t align; /* a power of two; 0 stands for 2^64 */
};

/*
 * From the gap below @top downward, @below being the highest range under it: the first
 * gap that holds the request at or above @lowest.
 */
static bool search_down(const struct request *req, uint64_t top, struct range *below,
			uint64_t lowest, uint64_t *lo)
{
	uint64_t candidate;

	for (;;) {
		if (top < req->size)
			return false;
		candidate = dmp_align_down(top - req->size, req->align);
		if (candidate < lowest)
			return false;
		if (!below || candidate > below->hi) {
			*lo = candidate;
			return true;
		}
		if (below->lo < top)
			top = below->lo;
		below = RB_PREV(range_tree, NULL, below);
	}
}

/* Both passes of spec-iova 1.2.6 and 1.2.7; @end is the limit + 1. */
static bool search(struct linux_space *space, const struct request *req, uint64_t end,
		   struct range *hint, uint64_t *lo)
{
	uint64_t top = hint->lo < end ? hint->lo : end;
	struct range *above;

	if (search_down(req, top, RB_PREV(range_tree, &space->tree, hint), space->start_pfn, lo))
		return true;
	if (hint->hi >= end)
		return false;
	above = first_starting_from(space, end);
	return search_down(req, end, RB_PREV(range_tree, &space->tree, above), hint->hi + 1, lo);
}

/* Finds a place and keeps the ceiling; spec-iova 1.2.3-1.2.7, 1.2.9. */
static bool find_place_locked(struct linux_space *space, const struct request *req, uint64_t end,
			      uint64_t *lo)
{
	bool narrow = end <= space->boundary;

	dmp_lock_assert_held(&space->tree_lock);
	if (narrow && req->size >= space->ceiling)
		return false;
	if (search(space, req, end, narrow ? space->hint32 : space->hint_wide, lo))
		return true;
	space->ceiling = req->size;
	return false;
}

static void insert_locked(struct linux_space *space, struct range *r, uint64_t lo, uint64_t hi)
{
	dmp_lock_assert_held(&space->tree_lock);
	r->lo = lo;
	r->hi = hi;
	RB_INSERT(range_tree, &space->tree, r);
	space->nranges++;
}

/* Takes @r out of the tree and moves hints and ceiling; spec-iova 1.3. */
static void remove_locked(struct linux_space *space, struct range *r)
{
	struct range *above = RB_NEXT(range_tree, &space->tree, r);

	dmp_lock_assert_held(&space->tree_lock);
	if (r == space->hint32 || (r->hi < space->boundary && r->lo >= space->hint32->lo))
		space->hint32 = above;
	if (r->lo < space->boundary)
		space->ceiling = space->boundary;
	if (r->lo >= space->hint_wide->lo)
		space->hint_wide = above;
	RB_REMOVE(range_tree, &space->tree, r);
	space->nranges--;
	tree_changed_locked(space);
}

static int linux_create(const struct dmp_iova_space *opts, void **state)
{
	struct linux_space *space = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*space));

	if (!space)
		return -ENOMEM;
	space->start_pfn = opts->start_pfn;
	space->boundary = (UINT64_C(1) << 32) / opts->granule;
	dmp_lock_init(&space->tree_lock, RANK_IOVA_POLICY, "iova policy linux: the tree");
	RB_INIT(&space->tree);
	space->anchor.lo = space->anchor.hi = ANCHOR_PFN;
	RB_INSERT(range_tree, &space->tree, &space->anchor);
	space->hint32 = space->hint_wide = &space->anchor;
	space->ceiling = space->boundary;
	*state = space;
	return 0;
}

static void linux_destroy(void *state)
{
	struct linux_space *space = state;
	struct range *r, *next;

	RB_FOREACH_SAFE(r, range_tree, &space->tree, next) {
		RB_REMOVE(range_tree, &space->tree, r);
		if (r != &space->anchor)
			range_destroy(r);
	}
	dmp_lock_destroy(&space->tree_lock);
	dmp_meta_free(space, sizeof(*space));
}

static int linux_alloc(void *state, uint64_t size, uint64_t limit_pfn, bool aligned, uint64_t *pfn,
		       uint64_t *epoch)
{
	struct linux_space *space = state;
	struct request req = {.size = size, .align = aligned ? dmp_pow2_ceil(size) : 1};
	struct range *r = range_create();
	uint64_t lo = 0;
	bool found;

	if (!r)
		return -ENOMEM;
	dmp_lock_acquire(&space->tree_lock);
	found = find_place_locked(space, &req, limit_pfn + 1, &lo);
	if (found) {
		insert_locked(space, r, lo, lo + size - 1);
		*(r->hi < space->boundary ? &space->hint32 : &space->hint_wide) = r;
		tree_changed_locked(space);
	}
	dmp_lock_release(&space->tree_lock);
	if (!found) {
		range_destroy(r);
		return -ENOSPC;
	}
	*pfn = lo;
	*epoch = 0;
	return 0;
}

static int linux_free(void *state, uint64_t pfn, struct dmp_iova_range *removed)
{
	struct linux_space *space = state;
	struct range *r;

	dmp_lock_acquire(&space->tree_lock);
	r = range_containing(space, pfn);
	if (r)
		remove_locked(space, r);
	dmp_lock_release(&space->tree_lock);
	if (!r)
		return -ENOENT;
	*removed = range_view(r);
	range_destroy(r);
	return 0;
}

static size_t linux_free_many(void *state, const uint64_t *pfns, size_t n)
{
	struct linux_space *space = state;
	struct range *r;
	size_t i, nfreed = 0;

	dmp_lock_acquire(&space->tree_lock);
	for (i = 0; i < n; i++) {
		r = range_containing(space, pfns[i]);
		if (!r)
			continue;
		remove_locked(space, r);
		range_destroy(r);
		nfreed++;
	}
	dmp_lock_release(&space->tree_lock);
	return nfreed;
}

static int linux_find(void *state, uint64_t pfn, struct dmp_iova_range *range)
{
	struct linux_space *space = state;
	struct range *r;

	dmp_lock_acquire(&space->tree_lock);
	r = range_containing(space, pfn);
	if (r)
		*range = range_view(r);
	dmp_lock_release(&space->tree_lock);
	return r ? 0 : -ENOENT;
}

/*
 * Covers what it can of *@lo .. @hi with the ranges that are there: those that start inside
 * grow down to *@lo, which moves up past each.  Returns the range that covers the rest, or
 * NULL with *@lo at the start of the rest.  spec-iova 1.5.2.
 */
static struct range *cover_locked(struct linux_space *space, uint64_t *lo, uint64_t hi)
{
	struct range *r = first_ending_from(space, *lo);

	dmp_lock_assert_held(&space->tree_lock);
	while (r->lo <= hi) {
		if (*lo < r->lo)
			r->lo = *lo;
		if (hi <= r->hi)
			return r;
		*lo = r->hi + 1;
		r = RB_NEXT(range_tree, &space->tree, r);
	}
	return NULL;
}

static int linux_reserve(void *state, uint64_t lo, uint64_t hi, struct dmp_iova_range *range)
{
	struct linux_space *space = state;
	struct range *r;

	if (lo > hi || hi == ANCHOR_PFN)
		return -EINVAL;
	dmp_lock_acquire(&space->tree_lock);
	r = cover_locked(space, &lo, hi);
	if (!r) {
		r = range_create();
		if (r)
			insert_locked(space, r, lo, hi);
	}
	if (r) {
		tree_changed_locked(space);
		*range = range_view(r);
	}
	dmp_lock_release(&space->tree_lock);
	return r ? 0 : -ENOMEM;
}

static int linux_next(void *state, uint64_t from, struct dmp_iova_range *range)
{
	struct linux_space *space = state;
	struct range *r;

	dmp_lock_acquire(&space->tree_lock);
	r = first_starting_from(space, from);
	*range = r != &space->anchor ? range_view(r) : *range;
	dmp_lock_release(&space->tree_lock);
	return r != &space->anchor ? 0 : -ENOENT;
}

static int linux_check(void *state)
{
	struct linux_space *space = state;
	int err;

	dmp_lock_acquire(&space->tree_lock);
	err = walk_locked(space);
	dmp_lock_release(&space->tree_lock);
	return err;
}

static void linux_inspect(void *state, struct dmp_iova_policy_state *out)
{
	struct linux_space *space = state;

	dmp_lock_acquire(&space->tree_lock);
	*out = (struct dmp_iova_policy_state){
		.nranges = space->nranges,
		.hint32 = space->hint32->lo,
		.hint_wide = space->hint_wide->lo,
		.ceiling = space->ceiling,
	};
	dmp_lock_release(&space->tree_lock);
}

const struct dmp_iova_policy dmp_iova_policy_linux = {
	.size = sizeof(struct dmp_iova_policy),
	.name = "linux",
	.create = linux_create,
	.destroy = linux_destroy,
	.alloc = linux_alloc,
	.free = linux_free,
	.free_many = linux_free_many,
	.find = linux_find,
	.reserve = linux_reserve,
	.next = linux_next,
	.check = linux_check,
	.inspect = linux_inspect,
};
