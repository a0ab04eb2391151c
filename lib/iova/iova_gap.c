// SPDX-License-Identifier: MIT
/*
 * iova_gap.c - the policy `gap`: the highest free place under the limit, in O(log ranges)
 *
 *   start_pfn                                           limit
 *      |   [r]     [rr][r]            [rrr]      [rr]      |
 *                                          ^^^^^^    ^^^^^^
 *                                          2nd choice   1st choice
 *
 * First fit without memory: no hint where the latest request ended, no ceiling from a failure
 * in the past.  A request gets the highest place that holds it, and fails only if no place
 * does; the answer depends on the ranges that are live and on nothing else.
 *
 * From the top, as Linux does it: a device that reaches far takes high addresses and leaves
 * the low ones to those that do not.  And the same pages are taken again and again, so that
 * few page tables are in use.
 *
 * Invariants, walked by gap_check(): those of iova_book.c.
 *
 * Locking: (t) tree_lock; (c) constant.  It is held also while memory comes and goes, for up to
 *  IOVA_NODE_RANGES ranges at a time.
 *
 * Cost: O(log ranges) a call under one lock; a walk of all ranges with next is O(log ranges) a
 *  step.
 *
 * Differs from Linux: no hints and no ceiling; a reservation leaves ranges that are there as
 *  they are, where the original lets them grow.
 */
#include "iova_book.h"

struct gap_space {
	_Alignas(DMP_CACHE_LINE) struct dmp_lock tree_lock;
	struct iova_book book; /* (t) */
};

static int gap_create(const struct dmp_iova_space *opts, void **state)
{
	struct gap_space *space = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*space));

	if (!space)
		return -ENOMEM;
	dmp_lock_init(&space->tree_lock, RANK_IOVA_POLICY, "iova policy gap: the tree");
	iova_book_init(&space->book, opts->start_pfn, IOVA_ANCHOR_PFN - 1);
	*state = space;
	return 0;
}

static void gap_destroy(void *state)
{
	struct gap_space *space = state;

	iova_book_clear(&space->book);
	dmp_lock_destroy(&space->tree_lock);
	dmp_meta_free(space, sizeof(*space));
}

static int gap_alloc(void *state, uint64_t size, uint64_t limit_pfn, bool aligned, uint64_t *pfn,
		     uint64_t *epoch)
{
	struct gap_space *space = state;
	struct iova_request req = iova_request(size, aligned);
	int err;

	dmp_lock_acquire(&space->tree_lock);
	err = iova_book_take(&space->book, &req, limit_pfn, pfn);
	dmp_lock_release(&space->tree_lock);
	if (!err)
		*epoch = 0;
	return err;
}

static int gap_free(void *state, uint64_t pfn, struct dmp_iova_range *removed)
{
	struct gap_space *space = state;
	bool found;

	dmp_lock_acquire(&space->tree_lock);
	found = iova_book_remove(&space->book, pfn, removed);
	dmp_lock_release(&space->tree_lock);
	return found ? 0 : -ENOENT;
}

static size_t gap_free_many(void *state, const uint64_t *pfns, size_t n)
{
	struct gap_space *space = state;
	struct dmp_iova_range removed;
	size_t i, nfreed = 0;

	dmp_lock_acquire(&space->tree_lock);
	for (i = 0; i < n; i++)
		nfreed += iova_book_remove(&space->book, pfns[i], &removed);
	dmp_lock_release(&space->tree_lock);
	return nfreed;
}

static int gap_find(void *state, uint64_t pfn, struct dmp_iova_range *range)
{
	struct gap_space *space = state;
	bool found;

	dmp_lock_acquire(&space->tree_lock);
	found = iova_book_find(&space->book, pfn, range);
	dmp_lock_release(&space->tree_lock);
	return found ? 0 : -ENOENT;
}

static int gap_reserve(void *state, uint64_t lo, uint64_t hi, struct dmp_iova_range *range)
{
	struct gap_space *space = state;
	bool reserved;

	if (lo > hi || hi == IOVA_ANCHOR_PFN)
		return -EINVAL;
	dmp_lock_acquire(&space->tree_lock);
	reserved = iova_book_reserve(&space->book, lo, hi);
	if (reserved)
		iova_book_find(&space->book, hi, range);
	dmp_lock_release(&space->tree_lock);
	return reserved ? 0 : -ENOMEM;
}

static int gap_next(void *state, uint64_t from, struct dmp_iova_range *range)
{
	struct gap_space *space = state;
	bool found;

	dmp_lock_acquire(&space->tree_lock);
	found = iova_book_next(&space->book, from, range);
	dmp_lock_release(&space->tree_lock);
	return found ? 0 : -ENOENT;
}

static int gap_check(void *state)
{
	struct gap_space *space = state;
	const char *wrong;

	dmp_lock_acquire(&space->tree_lock);
	wrong = iova_book_check(&space->book);
	dmp_lock_release(&space->tree_lock);
	if (!wrong)
		return 0;
	dmp_log(DMP_LOG_BUG, "iova policy gap: %s", wrong);
	return -EIO;
}

static void gap_inspect(void *state, struct dmp_iova_policy_state *out)
{
	struct gap_space *space = state;

	dmp_lock_acquire(&space->tree_lock);
	out->nranges = iova_book_nranges(&space->book);
	dmp_lock_release(&space->tree_lock);
}

const struct dmp_iova_policy dmp_iova_policy_gap = {
	.size = sizeof(struct dmp_iova_policy),
	.name = "gap",
	.create = gap_create,
	.destroy = gap_destroy,
	.alloc = gap_alloc,
	.free = gap_free,
	.free_many = gap_free_many,
	.find = gap_find,
	.reserve = gap_reserve,
	.next = gap_next,
	.check = gap_check,
	.inspect = gap_inspect,
};
