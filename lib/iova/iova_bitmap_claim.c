// SPDX-License-Identifier: MIT
/*
 * iova_bitmap_claim.c - where the next free granules of a bitmap are; epochs
 *
 *    start_pfn                                       cursor                reach
 *       |ssss.lssl...|..l.........|..........|lllsll|>.......|...........|- - - - -
 *                                                    1st search ------->
 *        2nd search ----------------------------------------------------->
 *
 *  1. from where the latest search ended up to the limit or reach;
 *  2. all over;
 *  3. revived: what was given back becomes free, and an epoch begins; then all over;
 *  4. reach doubles, up to IOVA_AREA_LEAVES leaves; from the start again;
 *  5. -ENOSPC.
 *
 * A revival looks at all of reach, and the new epoch costs a flush.  So that both are paid for by
 * many requests, reach doubles too when less than a share of it came free.
 *
 * Invariants: B1-B4 of iova_bitmap.c.
 *
 * Locking: (l), held by everything here but iova_bitmap_epoch().
 *
 * Ordering:
 *  [EPOCH] revive_locked: epoch's word odd, then granules revived, then the word even
 *          iova_bitmap_epoch: granules claimed, then the word read.  Whoever has a revived
 *          granule sees the word odd, waits, and says the later epoch.  While it is odd
 *          nobody says that epoch, so no flush for it can have begun: a granule that is given
 *          back meanwhile, and revived still, was unmapped before that flush.
 *
 * Cost: words of 32 granules are looked at in turn: the fuller the space, the more of them,
 *  O(reach / 32) for a failure.
 */
#include "iova_bitmap.h"

/* An epoch should be good for so many granules: an eighth of reach. */
#define REVIVED_SHARE 8u

/* Epochs. */

uint64_t iova_bitmap_epoch(struct bitmap_space *space)
{
	uint64_t word = load_acquire(&space->epoch_word); /* [EPOCH] after the claim */

	while (word & 1) {
		dmp_lock_acquire(&space->area_lock); /* held by who revives */
		dmp_lock_release(&space->area_lock);
		word = load_acquire(&space->epoch_word); /* [EPOCH] */
	}
	return word / 2;
}

static uint64_t reach_locked(struct bitmap_space *space)
{
	dmp_lock_assert_held(&space->area_lock);
	return space->area.base + (space->nleaves << IOVA_LEAF_SHIFT) - 1;
}

/* Begins an epoch in which what is stale at or below @last is free, if anything is; returns how
 * many granules. */
static uint64_t revive_locked(struct bitmap_space *space, uint64_t last)
{
	uint64_t word = load_relaxed(&space->epoch_word); /* relaxed: changed here only */
	uint64_t stale, n;

	dmp_lock_assert_held(&space->area_lock);
	if (!iova_area_lowest(&space->area, space->start_pfn, last, IOVA_STALE, &stale))
		return 0;
	store_release(&space->epoch_word, word + 1); /* [EPOCH] before the first is revived */
	n = iova_area_change(&space->area, stale, last, IOVA_STALE, IOVA_FREE);
	store_release(&space->epoch_word, word + 2); /* [EPOCH] after the last */
	return n;
}

/* Doubles reach, if @limit is beyond it and there is anything to add. */
static bool grow_locked(struct bitmap_space *space, uint64_t limit)
{
	if (limit <= reach_locked(space) || space->nleaves == space->leaves_max)
		return false;
	space->nleaves *= 2;
	if (space->nleaves > space->leaves_max)
		space->nleaves = space->leaves_max;
	return true;
}

/* Looking for free granules; all return 0, -ENOSPC or -ENOMEM. */

/* Makes a leaf that is not there, with what the book says of its granules. */
static int add_leaf_locked(struct bitmap_space *space, uint64_t pfn)
{
	uint64_t from = dmp_align_down(pfn, IOVA_LEAF_GRANULES);
	uint64_t last = from | (IOVA_LEAF_GRANULES - 1);
	struct iova_leaf *leaf = iova_leaf_create();
	struct dmp_iova_range range;

	dmp_lock_assert_held(&space->area_lock);
	if (!leaf)
		return -ENOMEM;
	while (iova_book_reaching(&space->book, from, &range) && range.lo <= last) {
		iova_leaf_fill(leaf, pfn, range.lo, range.hi);
		if (range.hi >= last)
			break;
		from = range.hi + 1;
	}
	iova_area_add_leaf(&space->area, pfn, leaf);
	return 0;
}

static int add_leaves_locked(struct bitmap_space *space, uint64_t lo, uint64_t hi)
{
	uint64_t i, last = (hi - space->area.base) >> IOVA_LEAF_SHIFT;
	int err = 0;

	for (i = (lo - space->area.base) >> IOVA_LEAF_SHIFT; i <= last && !err; i++) {
		lo = space->area.base + (i << IOVA_LEAF_SHIFT);
		if (!iova_area_leaf(&space->area, lo))
			err = add_leaf_locked(space, lo);
	}
	return err;
}

/* Claims the lowest free granule of lo .. hi. */
static int claim_one_locked(struct bitmap_space *space, uint64_t lo, uint64_t hi, uint64_t *pfn)
{
	uint64_t last;
	int err;

	for (; lo <= hi; lo = last + 1) {
		last = lo | (IOVA_LEAF_GRANULES - 1);
		if (last > hi)
			last = hi;
		err = add_leaves_locked(space, lo, last);
		if (err || iova_area_claim_one(&space->area, lo, last, pfn))
			return err;
	}
	return -ENOSPC;
}

/* Claims the lowest free run of lo .. hi that holds the request: a place with a granule in use
 * is left behind together with every other place that has it. */
static int claim_run_locked(struct bitmap_space *space, const struct iova_request *req, uint64_t lo,
			    uint64_t hi, uint64_t *pfn)
{
	uint64_t used;
	int err;

	for (;;) {
		if (!dmp_align_up_checked(lo, req->align, &lo) ||
		    !dmp_range_fits(lo, req->size, hi))
			return -ENOSPC;
		err = add_leaves_locked(space, lo, lo + req->size - 1);
		if (err)
			return err;
		if (iova_area_highest_used(&space->area, lo, lo + req->size - 1, &used)) {
			lo = used + 1;
		} else if (iova_area_claim(&space->area, lo, lo + req->size - 1)) {
			*pfn = lo;
			return 0;
		}
	}
}

/* From where the latest search ended to @last, and then all over. */
static int search_locked(struct bitmap_space *space, const struct iova_request *req, uint64_t last,
			 uint64_t *pfn)
{
	uint64_t *next = req->size == 1 ? &space->cursor : &space->next_run;
	uint64_t from = *next > space->start_pfn ? *next : space->start_pfn;
	int err = -ENOSPC;

	for (;;) {
		if (from <= last)
			err = req->size == 1 ? claim_one_locked(space, from, last, pfn)
					     : claim_run_locked(space, req, from, last, pfn);
		if (err != -ENOSPC || from == space->start_pfn)
			break;
		from = space->start_pfn;
	}
	if (!err)
		*next = req->size == 1 ? (*pfn | (BITMAP_BLOCK_GRANULES - 1)) + 1
				       : *pfn + req->size;
	return err;
}

/* Would the request fit if nothing at all were in use? */
static bool fits_at_all(const struct bitmap_space *space, const struct iova_request *req,
			uint64_t last)
{
	uint64_t start;

	return space->start_pfn <= last &&
	       iova_fit_highest(space->start_pfn, last + 1, req, &start);
}

/* Begins an epoch, and sees that the next will be long enough; false: nothing was stale. */
static bool turn_epoch_locked(struct bitmap_space *space, uint64_t last, uint64_t limit)
{
	uint64_t granules = space->nleaves << IOVA_LEAF_SHIFT, n = revive_locked(space, last);

	if (n > 0 && n < granules / REVIVED_SHARE)
		grow_locked(space, limit);
	return n > 0;
}

int iova_bitmap_claim_locked(struct bitmap_space *space, const struct iova_request *req,
			     uint64_t limit, uint64_t *pfn)
{
	uint64_t reach, last;
	int err = -ENOSPC;

	do {
		reach = reach_locked(space);
		last = limit < reach ? limit : reach;
		if (!fits_at_all(space, req, last))
			continue;
		err = search_locked(space, req, last, pfn);
		if (err == -ENOSPC && turn_epoch_locked(space, last, limit))
			err = search_locked(space, req, last, pfn);
	} while (err == -ENOSPC && (reach_locked(space) > reach || grow_locked(space, limit)));
	return err;
}
