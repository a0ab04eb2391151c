// SPDX-License-Identifier: MIT
/*
 * iova_bitmap.c - the policy `bitmap`: round robin, and no address twice in one epoch
 *
 * What is given back does not come again before the space has been gone through once.  A
 * domain may therefore leave its IOTLB alone until the epoch changes, and invalidate
 * everything once, before the first address of a new epoch is used.
 *
 *    start_pfn        CPU 1's block        CPU 0's block           reach
 *       |ssssslss.ll.|lls.l>.......|......|llls>........|..........|- - - - - (grows)
 *                                                         cursor ^
 *          l live, s stale: given back in this epoch, . free
 *
 *  one granule:  the next free one of this CPU's block, without a lock; at the block's end
 *                the cursor moves on to the next block that has one
 *  more:         under the lock, the next free run after the latest
 *  nothing left: stale ones are revived and a new epoch begins; if there were none or few, or
 *                they do not do, reach doubles, up to IOVA_AREA_LEAVES leaves; then -ENOSPC
 *
 * Ranges of more than one granule, and reservations anywhere, stand in a book.  A range of one
 * granule is two bits and nothing else.
 *
 * Invariants, walked by bitmap_check():
 *  B1  a granule of the area whose leaf is there is "many" if and only if a range of the book
 *      contains it;
 *  B2  the book's, of iova_book.c;
 *  B3  outside of a revival the epoch's word is even.
 * And by the model test:
 *  B4  an address that was given back in one epoch is given out in a later one only.
 *
 * Locking: (l) area_lock; (c) constant; (a) atomic.  Memory for leaves and for the book is
 *  allocated under it.
 *
 * Ordering: [EPOCH] of iova_bitmap_claim.c, [LEAF] of iova_area.c.
 *
 * Progress: a free of one granule is lock-free; an allocation of one is, but for one in a block.
 *
 * Cost: one granule, O(1) while free ones are left in the block.  The end of a block, a longer
 *  range and a revival look at words of 32 granules in turn: the fuller the space, the more
 *  of them, O(reach / 32) for a failure.
 *
 * Source: the idea of the AMD IOMMU driver's own allocator, before it took the common one:
 *  apertures of 128 MiB gone through in turn, a flush when the search wraps.
 */
#include "iova_bitmap.h"

#include <assert.h>

/* Leaves within reach at first: the 32-bit space, with granules of 4 KiB. */
#define FIRST_LEAVES 32u

static_assert(IOVA_LEAF_GRANULES % BITMAP_BLOCK_GRANULES == 0, "a block is in one leaf");

static int bitmap_create(const struct dmp_iova_space *opts, void **state)
{
	struct bitmap_space *space = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*space));

	if (!space)
		return -ENOMEM;
	space->start_pfn = space->cursor = space->next_run = opts->start_pfn;
	dmp_percpu_init(&space->cpus, sizeof(struct bitmap_cpu));
	dmp_lock_init(&space->area_lock, RANK_IOVA_POLICY, "iova policy bitmap: the area");
	iova_area_init(&space->area, opts->start_pfn);
	iova_book_init(&space->book, 0, IOVA_ANCHOR_PFN - 1);
	space->leaves_max = ((UINT64_MAX - space->area.base) >> IOVA_LEAF_SHIFT) + 1;
	if (space->leaves_max > IOVA_AREA_LEAVES)
		space->leaves_max = IOVA_AREA_LEAVES;
	space->nleaves = space->leaves_max < FIRST_LEAVES ? space->leaves_max : FIRST_LEAVES;
	*state = space;
	return 0;
}

static void bitmap_destroy(void *state)
{
	struct bitmap_space *space = state;

	iova_area_clear(&space->area);
	iova_book_clear(&space->book);
	dmp_percpu_destroy(&space->cpus);
	dmp_lock_destroy(&space->area_lock);
	dmp_meta_free(space, sizeof(*space));
}

/* Alloc. */

static struct bitmap_cpu *this_cpu(struct bitmap_space *space)
{
	struct bitmap_cpu *cpu = dmp_percpu_get(&space->cpus);

	return cpu ? cpu : &space->common;
}

/* The next free granule of this CPU's block. */
static bool claim_in_block(struct bitmap_space *space, struct bitmap_cpu *cpu, uint64_t limit,
			   uint64_t *pfn)
{
	uint64_t next = load_relaxed(&cpu->next); /* relaxed: a hint, as where it is written */
	uint64_t last = next | (BITMAP_BLOCK_GRANULES - 1);

	if (next % BITMAP_BLOCK_GRANULES == 0 || next > limit)
		return false;
	if (!iova_area_claim_one(&space->area, next, last < limit ? last : limit, pfn))
		return false;
	store_relaxed(&cpu->next, *pfn + 1);
	return true;
}

static const char *wrong_locked(struct bitmap_space *space);

/* At checks >= 3: walks once an epoch. */
static void claimed_locked(struct bitmap_space *space)
{
	uint64_t word = load_relaxed(&space->epoch_word); /* relaxed: written under the lock */
	const char *wrong;

	if (DMP_CHECKS < 3 || word == space->walked_word)
		return;
	space->walked_word = word;
	wrong = wrong_locked(space);
	if (wrong)
		dmp_log(DMP_LOG_BUG, "iova policy bitmap: %s", wrong);
}

static int alloc_one(struct bitmap_space *space, uint64_t limit, uint64_t *pfn)
{
	static const struct iova_request one = {.size = 1, .align = 1};
	struct bitmap_cpu *cpu = this_cpu(space);
	int err;

	if (claim_in_block(space, cpu, limit, pfn))
		return 0;
	dmp_lock_acquire(&space->area_lock);
	err = iova_bitmap_claim_locked(space, &one, limit, pfn);
	claimed_locked(space);
	dmp_lock_release(&space->area_lock);
	if (!err)
		store_relaxed(&cpu->next, *pfn + 1); /* relaxed: a hint */
	return err;
}

static int alloc_run(struct bitmap_space *space, const struct iova_request *req, uint64_t limit,
		     uint64_t *pfn)
{
	int err = -ENOMEM;

	dmp_lock_acquire(&space->area_lock);
	if (iova_book_prepare(&space->book))
		err = iova_bitmap_claim_locked(space, req, limit, pfn);
	if (!err)
		iova_book_add(&space->book, *pfn, *pfn + req->size - 1);
	claimed_locked(space);
	dmp_lock_release(&space->area_lock);
	return err;
}

static int bitmap_alloc(void *state, uint64_t size, uint64_t limit_pfn, bool aligned, uint64_t *pfn,
			uint64_t *epoch)
{
	struct bitmap_space *space = state;
	struct iova_request req = iova_request(size, aligned);
	uint64_t lo = 0;
	int err = size == 1 ? alloc_one(space, limit_pfn, &lo)
			    : alloc_run(space, &req, limit_pfn, &lo);

	if (err)
		return err;
	*pfn = lo;
	*epoch = iova_bitmap_epoch(space);
	return 0;
}

/* Free. */

/* The part of @range that is in the area; false: none. */
static bool clip_to_area(const struct bitmap_space *space, const struct dmp_iova_range *range,
			 struct dmp_iova_range *part)
{
	uint64_t top = space->area.base + (space->leaves_max << IOVA_LEAF_SHIFT) - 1;

	part->lo = range->lo > space->area.base ? range->lo : space->area.base;
	part->hi = range->hi < top ? range->hi : top;
	return part->lo <= part->hi;
}

static int free_run(struct bitmap_space *space, uint64_t pfn, struct dmp_iova_range *removed)
{
	struct dmp_iova_range part;
	bool found;

	dmp_lock_acquire(&space->area_lock);
	found = iova_book_remove(&space->book, pfn, removed);
	if (found && clip_to_area(space, removed, &part))
		iova_area_change(&space->area, part.lo, part.hi, IOVA_MANY, IOVA_STALE);
	dmp_lock_release(&space->area_lock);
	return found ? 0 : -ENOENT;
}

static int bitmap_free(void *state, uint64_t pfn, struct dmp_iova_range *removed)
{
	struct bitmap_space *space = state;

	if (iova_area_covers(&space->area, pfn) &&
	    iova_area_change(&space->area, pfn, pfn, IOVA_ONE, IOVA_STALE)) {
		*removed = (struct dmp_iova_range){.lo = pfn, .hi = pfn};
		return 0;
	}
	return free_run(space, pfn, removed);
}

static size_t bitmap_free_many(void *state, const uint64_t *pfns, size_t n)
{
	struct dmp_iova_range removed;
	size_t i, nfreed = 0;

	for (i = 0; i < n; i++)
		nfreed += bitmap_free(state, pfns[i], &removed) == 0;
	return nfreed;
}

/* Lookup and reservation. */

static bool is_one(struct bitmap_space *space, uint64_t pfn)
{
	return iova_area_covers(&space->area, pfn) && iova_area_get(&space->area, pfn) == IOVA_ONE;
}

static int bitmap_find(void *state, uint64_t pfn, struct dmp_iova_range *range)
{
	struct bitmap_space *space = state;
	bool found;

	if (is_one(space, pfn)) {
		*range = (struct dmp_iova_range){.lo = pfn, .hi = pfn};
		return 0;
	}
	dmp_lock_acquire(&space->area_lock);
	found = iova_book_find(&space->book, pfn, range);
	dmp_lock_release(&space->area_lock);
	return found ? 0 : -ENOENT;
}

static int bitmap_next(void *state, uint64_t from, struct dmp_iova_range *range)
{
	struct bitmap_space *space = state;
	struct dmp_iova_range longer, search, part;
	uint64_t pfn;
	bool found;

	dmp_lock_acquire(&space->area_lock);
	found = iova_book_next(&space->book, from, &longer);
	search = (struct dmp_iova_range){.lo = from, .hi = found ? longer.lo : IOVA_ANCHOR_PFN - 1};
	if (clip_to_area(space, &search, &part) &&
	    iova_area_lowest(&space->area, part.lo, part.hi, IOVA_ONE, &pfn)) {
		longer = (struct dmp_iova_range){.lo = pfn, .hi = pfn};
		found = true;
	}
	dmp_lock_release(&space->area_lock);
	if (found)
		*range = longer;
	return found ? 0 : -ENOENT;
}

/* Nobody gets @pfn any more; false if it is in use.  Where there is no leaf, the book does. */
static bool withhold_locked(struct bitmap_space *space, uint64_t pfn)
{
	if (iova_area_change(&space->area, pfn, pfn, IOVA_FREE, IOVA_MANY) ||
	    iova_area_change(&space->area, pfn, pfn, IOVA_STALE, IOVA_MANY))
		return true;
	return !iova_area_leaf(&space->area, pfn);
}

/* Withholds what it can of lo .. hi without a gap; returns the end of it, + 1. */
static uint64_t withhold_run_locked(struct bitmap_space *space, uint64_t lo, uint64_t hi)
{
	uint64_t last;

	while (lo <= hi && (!iova_area_covers(&space->area, lo) || withhold_locked(space, lo))) {
		last = lo;
		if (!iova_area_covers(&space->area, lo))
			last = lo < space->area.base && hi >= space->area.base
				       ? space->area.base - 1
				       : hi;
		else if (!iova_area_leaf(&space->area, lo))
			last = lo | (IOVA_LEAF_GRANULES - 1);
		lo = (last < hi ? last : hi) + 1;
	}
	return lo;
}

/* Reserves what is not in use of lo .. hi, a gap in the book. */
static bool reserve_gap_locked(struct bitmap_space *space, uint64_t lo, uint64_t hi)
{
	struct dmp_iova_range run, part;
	uint64_t end;

	dmp_lock_assert_held(&space->area_lock);
	for (; lo <= hi; lo = end + (end == lo)) {
		end = withhold_run_locked(space, lo, hi);
		run = (struct dmp_iova_range){.lo = lo, .hi = end - 1};
		if (end == lo || iova_book_reserve(&space->book, run.lo, run.hi))
			continue;
		if (clip_to_area(space, &run, &part))
			iova_area_change(&space->area, part.lo, part.hi, IOVA_MANY, IOVA_STALE);
		return false;
	}
	return true;
}

static bool reserve_locked(struct bitmap_space *space, uint64_t lo, uint64_t hi)
{
	struct dmp_iova_range there;

	for (;; lo = there.hi + 1) {
		if (!iova_book_reaching(&space->book, lo, &there) || there.lo > hi)
			return reserve_gap_locked(space, lo, hi);
		if (there.lo > lo && !reserve_gap_locked(space, lo, there.lo - 1))
			return false;
		if (there.hi >= hi)
			return true;
	}
}

static int bitmap_reserve(void *state, uint64_t lo, uint64_t hi, struct dmp_iova_range *range)
{
	struct bitmap_space *space = state;
	bool reserved;

	if (lo > hi || hi == IOVA_ANCHOR_PFN)
		return -EINVAL;
	dmp_lock_acquire(&space->area_lock);
	reserved = reserve_locked(space, lo, hi);
	if (reserved && !iova_book_find(&space->book, hi, range))
		*range = (struct dmp_iova_range){.lo = hi, .hi = hi};
	dmp_lock_release(&space->area_lock);
	return reserved ? 0 : -ENOMEM;
}

/* What it shows of itself. */

/* The granules of the word at @pfn that ranges of the book contain. */
static uint64_t booked_locked(struct bitmap_space *space, uint64_t pfn)
{
	uint64_t last = pfn + IOVA_WORD_GRANULES - 1, from = pfn, mask = 0;
	struct dmp_iova_range range;

	dmp_lock_assert_held(&space->area_lock);
	while (from <= last && iova_book_reaching(&space->book, from, &range) && range.lo <= last) {
		mask |= iova_word_mask(range.lo > pfn ? (unsigned)(range.lo - pfn) : 0,
				       (unsigned)((range.hi < last ? range.hi : last) - pfn));
		from = range.hi + 1;
	}
	return mask;
}

static const char *wrong_locked(struct bitmap_space *space)
{
	uint64_t i, pfn;

	for (i = 0; i < space->leaves_max * IOVA_LEAF_WORDS; i++) {
		pfn = space->area.base + i * IOVA_WORD_GRANULES;
		if (!iova_area_leaf(&space->area, pfn))
			i |= IOVA_LEAF_WORDS - 1;
		else if (iova_area_mask(&space->area, pfn, IOVA_MANY) != booked_locked(space, pfn))
			return "granules of longer ranges and the book disagree";
	}
	if (load_relaxed(&space->epoch_word) & 1) /* relaxed: written under the lock */
		return "a revival has not ended";
	return iova_book_check(&space->book);
}

static int bitmap_check(void *state)
{
	struct bitmap_space *space = state;
	const char *wrong;

	dmp_lock_acquire(&space->area_lock);
	wrong = wrong_locked(space);
	dmp_lock_release(&space->area_lock);
	if (!wrong)
		return 0;
	dmp_log(DMP_LOG_BUG, "iova policy bitmap: %s", wrong);
	return -EIO;
}

static void bitmap_inspect(void *state, struct dmp_iova_policy_state *out)
{
	struct bitmap_space *space = state;
	uint64_t i, pfn, n;

	dmp_lock_acquire(&space->area_lock);
	n = iova_book_nranges(&space->book);
	for (i = 0; i < space->leaves_max * IOVA_LEAF_WORDS; i++) {
		pfn = space->area.base + i * IOVA_WORD_GRANULES;
		if (!iova_area_leaf(&space->area, pfn))
			i |= IOVA_LEAF_WORDS - 1;
		else
			n += (unsigned)__builtin_popcountll(
				iova_area_mask(&space->area, pfn, IOVA_ONE));
	}
	dmp_lock_release(&space->area_lock);
	out->nranges = n;
}

const struct dmp_iova_policy dmp_iova_policy_bitmap = {
	.size = sizeof(struct dmp_iova_policy),
	.caps = DMP_IOVA_POLICY_DEFERS_REUSE,
	.name = "bitmap",
	.create = bitmap_create,
	.destroy = bitmap_destroy,
	.alloc = bitmap_alloc,
	.free = bitmap_free,
	.free_many = bitmap_free_many,
	.find = bitmap_find,
	.reserve = bitmap_reserve,
	.next = bitmap_next,
	.check = bitmap_check,
	.inspect = bitmap_inspect,
};
