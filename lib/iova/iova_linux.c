// SPDX-License-Identifier: MIT
/*
 * iova_linux.c - the policy `linux`: top-down first fit under a limit, with two start hints
 *
 * A request takes the highest place below its limit, but it starts looking where the latest
 * request of its kind ended, not at the limit:
 *
 *   start_pfn              B, 2^32 / granule                      2^64-1
 *      |  [r]   [rr][r]        |      [rrr]      [rr]               A
 *               ^                     ^                             anchor: the upper
 *               hint32                hint_wide                     neighbour of all
 *
 * A request is 32-bit if limit < B, otherwise wide.  First pass: downward from its hint.
 * Second pass, if the hint's range starts at or below the limit: downward from the limit.
 * A removal above a hint pulls the hint up to the range above the hole.
 *
 * Where the original walks range by range, iova_tree.c finds the place that the walk would
 * have found: the highest below a given pfn.
 *
 * A failure of either kind lowers or raises the ceiling to its size; a 32-bit request of
 * the ceiling's size or more then fails at once, until a range that starts below B goes.
 *
 * Invariants, walked by linux_check():
 *  those of iova_tree.c;
 *  L1  each hint designates a range of the tree, the anchor included;
 *  L2  the ceiling is not 0.
 *
 * Locking: (t) tree_lock; (c) constant.  It is held also while memory comes and goes, for up to
 *  IOVA_NODE_RANGES ranges at a time.
 *
 * Differs from Linux: a reservation that touches pfn 2^64-1 is refused, where the original
 *  would make the anchor part of a range; the anchor is never found or freed by pfn.
 *  The walk of a reservation starts at the first range that can overlap.  The second pass
 *  does not stop at the hint: below it, the first has found nothing.
 *
 * Source: spec-iova 1.1-1.5, the answers of Linux v6.12 drivers/iommu/iova.c.
 */
#include "iova_tree.h"

#include <assert.h>

static_assert(IOVA_ANCHOR_PFN == DMP_IOVA_TOP, "a hint at the anchor shows as the top");

struct linux_space {
	uint64_t boundary; /* (c) B: first pfn that 32 bits cannot address */

	_Alignas(DMP_CACHE_LINE) struct dmp_lock tree_lock;
	struct iova_tree tree; /* (t) */
	uint64_t hint32;       /* (t) lo of a range */
	uint64_t hint_wide;    /* (t) lo of a range */
	uint64_t ceiling;      /* (t) */
	uint64_t unwalked;     /* (t) changes since the last walk; checks >= 3 only */
};

/* Does a range start at @lo? */
static bool is_in_tree_locked(struct linux_space *space, uint64_t lo)
{
	struct iova_cursor cur;

	dmp_lock_assert_held(&space->tree_lock);
	if (lo == IOVA_ANCHOR_PFN)
		return true;
	return iova_tree_find(&space->tree, lo, &cur) && iova_cursor_range(&cur).lo == lo;
}

/* The whole tree; O(ranges). */
static int walk_locked(struct linux_space *space)
{
	const char *wrong = iova_tree_check(&space->tree);

	dmp_lock_assert_held(&space->tree_lock);
	if (!wrong && !(is_in_tree_locked(space, space->hint32) &&
			is_in_tree_locked(space, space->hint_wide)))
		wrong = "a hint designates no range of the tree";
	else if (!wrong && space->ceiling == 0)
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
	if (DMP_CHECKS >= 3 && ++space->unwalked > space->tree.nranges) {
		space->unwalked = 0;
		walk_locked(space);
	}
}

/* Both passes of spec-iova 1.2.6 and 1.2.7, and the ceiling; @end is the limit + 1. */
static bool find_place_locked(struct linux_space *space, const struct iova_request *req,
			      uint64_t end, struct iova_cursor *cur, uint64_t *lo)
{
	bool narrow = end <= space->boundary;
	uint64_t hint = narrow ? space->hint32 : space->hint_wide;

	dmp_lock_assert_held(&space->tree_lock);
	if (narrow && req->size >= space->ceiling)
		return false;
	if (hint > 0 && hint < end && iova_tree_fit(&space->tree, req, hint, cur, lo))
		return true;
	if (iova_tree_fit(&space->tree, req, end, cur, lo))
		return true;
	space->ceiling = req->size;
	return false;
}

/* The new range becomes the hint of its half; spec-iova 1.2.8. */
static void place_locked(struct linux_space *space, struct iova_cursor *cur, uint64_t lo,
			 uint64_t hi)
{
	dmp_lock_assert_held(&space->tree_lock);
	iova_cursor_insert(cur, lo, hi);
	if (hi < space->boundary)
		space->hint32 = lo;
	else
		space->hint_wide = lo;
	tree_changed_locked(space);
}

/* Takes the range below the cursor out of the tree, moves hints and ceiling; spec-iova 1.3. */
static void remove_locked(struct linux_space *space, struct iova_cursor *cur)
{
	struct dmp_iova_range r = iova_cursor_range(cur);
	uint64_t above = iova_cursor_above(cur);

	dmp_lock_assert_held(&space->tree_lock);
	if (r.lo == space->hint32 || (r.hi < space->boundary && r.lo >= space->hint32))
		space->hint32 = above;
	if (r.lo < space->boundary)
		space->ceiling = space->boundary;
	if (r.lo >= space->hint_wide)
		space->hint_wide = above;
	iova_cursor_remove(cur);
	tree_changed_locked(space);
}

static int linux_create(const struct dmp_iova_space *opts, void **state)
{
	struct linux_space *space = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*space));

	if (!space)
		return -ENOMEM;
	space->boundary = (UINT64_C(1) << 32) / opts->granule;
	dmp_lock_init(&space->tree_lock, RANK_IOVA_POLICY, "iova policy linux: the tree");
	iova_tree_init(&space->tree, opts->start_pfn, IOVA_ANCHOR_PFN);
	space->hint32 = space->hint_wide = IOVA_ANCHOR_PFN;
	space->ceiling = space->boundary;
	*state = space;
	return 0;
}

static void linux_destroy(void *state)
{
	struct linux_space *space = state;

	iova_tree_clear(&space->tree);
	dmp_lock_destroy(&space->tree_lock);
	dmp_meta_free(space, sizeof(*space));
}

static int alloc_locked(struct linux_space *space, const struct iova_request *req, uint64_t end,
			uint64_t *pfn)
{
	struct iova_cursor cur;
	uint64_t lo;

	dmp_lock_assert_held(&space->tree_lock);
	if (!iova_tree_prepare(&space->tree))
		return -ENOMEM;
	if (!find_place_locked(space, req, end, &cur, &lo))
		return -ENOSPC;
	place_locked(space, &cur, lo, lo + req->size - 1);
	*pfn = lo;
	return 0;
}

static int linux_alloc(void *state, uint64_t size, uint64_t limit_pfn, bool aligned, uint64_t *pfn,
		       uint64_t *epoch)
{
	struct linux_space *space = state;
	struct iova_request req = iova_request(size, aligned);
	int err;

	dmp_lock_acquire(&space->tree_lock);
	err = alloc_locked(space, &req, limit_pfn + 1, pfn);
	dmp_lock_release(&space->tree_lock);
	if (!err)
		*epoch = 0;
	return err;
}

static int linux_free(void *state, uint64_t pfn, struct dmp_iova_range *removed)
{
	struct linux_space *space = state;
	struct iova_cursor cur;
	bool found;

	dmp_lock_acquire(&space->tree_lock);
	found = iova_tree_find(&space->tree, pfn, &cur);
	if (found) {
		*removed = iova_cursor_range(&cur);
		remove_locked(space, &cur);
	}
	dmp_lock_release(&space->tree_lock);
	return found ? 0 : -ENOENT;
}

static size_t linux_free_many(void *state, const uint64_t *pfns, size_t n)
{
	struct linux_space *space = state;
	struct iova_cursor cur;
	size_t i, nfreed = 0;

	dmp_lock_acquire(&space->tree_lock);
	for (i = 0; i < n; i++)
		if (iova_tree_find(&space->tree, pfns[i], &cur)) {
			remove_locked(space, &cur);
			nfreed++;
		}
	dmp_lock_release(&space->tree_lock);
	return nfreed;
}

static int linux_find(void *state, uint64_t pfn, struct dmp_iova_range *range)
{
	struct linux_space *space = state;
	struct iova_cursor cur;
	bool found;

	dmp_lock_acquire(&space->tree_lock);
	found = iova_tree_find(&space->tree, pfn, &cur);
	if (found)
		*range = iova_cursor_range(&cur);
	dmp_lock_release(&space->tree_lock);
	return found ? 0 : -ENOENT;
}

/* The range above the cursor grows down to @lo, and hints with it; false: no memory. */
static bool grow_locked(struct linux_space *space, struct iova_cursor *cur, uint64_t lo)
{
	uint64_t was = iova_cursor_above(cur);

	dmp_lock_assert_held(&space->tree_lock);
	if (!iova_cursor_grow(cur, lo))
		return false;
	if (space->hint32 == was)
		space->hint32 = lo;
	if (space->hint_wide == was)
		space->hint_wide = lo;
	return true;
}

/*
 * Covers what it can of *@lo .. @hi with the ranges that are there: those that start inside
 * grow down to *@lo, which moves up past each.  0: the range below the cursor covers the rest;
 * -ENOENT: nothing does, and the cursor stands at *@lo, the start of it; or -ENOMEM.
 * spec-iova 1.5.2.
 */
static int cover_locked(struct linux_space *space, uint64_t *lo, uint64_t hi,
			struct iova_cursor *cur)
{
	dmp_lock_assert_held(&space->tree_lock);
	for (;;) {
		if (iova_tree_find(&space->tree, *lo, cur)) {
			if (hi <= iova_cursor_range(cur).hi)
				return 0;
			*lo = iova_cursor_range(cur).hi + 1;
		} else if (iova_cursor_above(cur) > hi) {
			return -ENOENT;
		} else if (!grow_locked(space, cur, *lo)) {
			return -ENOMEM;
		}
	}
}

static int reserve_locked(struct linux_space *space, uint64_t lo, uint64_t hi,
			  struct dmp_iova_range *range)
{
	struct iova_cursor cur;
	int err = cover_locked(space, &lo, hi, &cur);

	dmp_lock_assert_held(&space->tree_lock);
	if (!err)
		*range = iova_cursor_range(&cur);
	if (err != -ENOENT)
		return err;
	if (!iova_tree_prepare(&space->tree))
		return -ENOMEM;
	iova_cursor_insert(&cur, lo, hi);
	*range = (struct dmp_iova_range){.lo = lo, .hi = hi};
	return 0;
}

static int linux_reserve(void *state, uint64_t lo, uint64_t hi, struct dmp_iova_range *range)
{
	struct linux_space *space = state;
	int err;

	if (lo > hi || hi == IOVA_ANCHOR_PFN)
		return -EINVAL;
	dmp_lock_acquire(&space->tree_lock);
	err = reserve_locked(space, lo, hi, range);
	tree_changed_locked(space);
	dmp_lock_release(&space->tree_lock);
	return err;
}

static int linux_next(void *state, uint64_t from, struct dmp_iova_range *range)
{
	struct linux_space *space = state;
	bool found;

	dmp_lock_acquire(&space->tree_lock);
	found = iova_tree_next(&space->tree, from, range);
	dmp_lock_release(&space->tree_lock);
	return found ? 0 : -ENOENT;
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
		.nranges = space->tree.nranges,
		.hint32 = space->hint32,
		.hint_wide = space->hint_wide,
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
