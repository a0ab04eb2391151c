// SPDX-License-Identifier: MIT
/*
 * bench_linear.c - a policy to compare with: the same places as `gap`, found by a walk
 *
 *    range[0]    [1]          [2]     [3]                        ascending, no overlap
 *    [lo..hi]   [lo..hi]     [lo..hi][lo..hi]      | limit
 *                       <--- one after the other, down from the limit, to the first that fits
 *
 * This is what an allocator costs that looks at one live range after the other, which the walk
 * down a tree of ranges does as well.  Not for use: a request and a free are O(ranges).
 *
 * Locking: one lock for everything.
 */
#include "bench_linear.h"

#include <dmapool/bits.h>
#include <dmapool/port.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct linear {
	uint64_t start_pfn;           /* constant */
	struct dmp_lock lock;         /* what follows */
	struct dmp_iova_range *range; /* owned; room for `room` */
	size_t count, room;
};

static int linear_create(const struct dmp_iova_space *space, void **state)
{
	struct linear *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->start_pfn = space->start_pfn;
	dmp_lock_init(&l->lock, RANK_IOVA_POLICY, "bench linear");
	*state = l;
	return 0;
}

static void linear_destroy(void *state)
{
	struct linear *l = state;

	dmp_lock_destroy(&l->lock);
	free(l->range);
	free(l);
}

/* The first range that starts at or above @pfn. */
static size_t first_from(const struct linear *l, uint64_t pfn)
{
	size_t least = 0, most = l->count;

	while (least < most) {
		size_t mid = least + (most - least) / 2;

		if (l->range[mid].lo < pfn)
			least = mid + 1;
		else
			most = mid;
	}
	return least;
}

/* The range that contains @pfn, or count. */
static size_t containing(const struct linear *l, uint64_t pfn)
{
	size_t i = first_from(l, pfn);

	if (i < l->count && l->range[i].lo == pfn)
		return i;
	return i > 0 && l->range[i - 1].hi >= pfn ? i - 1 : l->count;
}

static int insert_locked(struct linear *l, size_t i, uint64_t lo, uint64_t hi)
{
	dmp_lock_assert_held(&l->lock);
	if (l->count == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct dmp_iova_range *more = realloc(l->range, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->range = more;
		l->room = room;
	}
	memmove(&l->range[i + 1], &l->range[i], (l->count - i) * sizeof(*l->range));
	l->range[i] = (struct dmp_iova_range){lo, hi};
	l->count++;
	return 0;
}

static struct dmp_iova_range remove_locked(struct linear *l, size_t i)
{
	struct dmp_iova_range gone = l->range[i];

	dmp_lock_assert_held(&l->lock);
	l->count--;
	memmove(&l->range[i], &l->range[i + 1], (l->count - i) * sizeof(*l->range));
	return gone;
}

/* The walk: the highest place between two ranges, below the limit. */
static int alloc_locked(struct linear *l, uint64_t size, uint64_t limit, bool aligned,
			uint64_t *pfn)
{
	uint64_t align = aligned ? dmp_pow2_ceil(size) : 1, end = limit + 1;

	for (size_t i = first_from(l, end);; i--) {
		uint64_t low = i > 0 ? l->range[i - 1].hi + 1 : l->start_pfn;
		uint64_t at = end >= size && align ? dmp_align_down(end - size, align) : 0;

		if (end >= size && align && low >= l->start_pfn && at >= low) {
			int err = insert_locked(l, i, at, at + size - 1);

			*pfn = err ? *pfn : at;
			return err;
		}
		if (i == 0)
			return -ENOSPC;
		end = l->range[i - 1].lo < end ? l->range[i - 1].lo : end;
	}
}

static int linear_alloc(void *state, uint64_t size, uint64_t limit, bool aligned, uint64_t *pfn,
			uint64_t *epoch)
{
	struct linear *l = state;
	int err;

	dmp_lock_acquire(&l->lock);
	err = alloc_locked(l, size, limit, aligned, pfn);
	dmp_lock_release(&l->lock);
	if (!err)
		*epoch = 0;
	return err;
}

static bool free_locked(struct linear *l, uint64_t pfn, struct dmp_iova_range *removed)
{
	size_t i = containing(l, pfn);

	if (i == l->count)
		return false;
	*removed = remove_locked(l, i);
	return true;
}

static int linear_free(void *state, uint64_t pfn, struct dmp_iova_range *removed)
{
	struct linear *l = state;
	bool found;

	dmp_lock_acquire(&l->lock);
	found = free_locked(l, pfn, removed);
	dmp_lock_release(&l->lock);
	return found ? 0 : -ENOENT;
}

static size_t linear_free_many(void *state, const uint64_t *pfns, size_t n)
{
	struct linear *l = state;
	struct dmp_iova_range removed;
	size_t nfreed = 0;

	dmp_lock_acquire(&l->lock);
	for (size_t i = 0; i < n; i++)
		nfreed += free_locked(l, pfns[i], &removed);
	dmp_lock_release(&l->lock);
	return nfreed;
}

/* The range at the index that @search answers with. */
static int look(struct linear *l, size_t (*search)(const struct linear *, uint64_t), uint64_t pfn,
		struct dmp_iova_range *range)
{
	size_t i;
	bool found;

	dmp_lock_acquire(&l->lock);
	i = search(l, pfn);
	found = i < l->count;
	if (found)
		*range = l->range[i];
	dmp_lock_release(&l->lock);
	return found ? 0 : -ENOENT;
}

static int linear_find(void *state, uint64_t pfn, struct dmp_iova_range *range)
{
	return look(state, containing, pfn, range);
}

static int linear_next(void *state, uint64_t from, struct dmp_iova_range *range)
{
	return look(state, first_from, from, range);
}

/* A bench reserves nothing. */
static int linear_reserve(void *state, uint64_t lo, uint64_t hi, struct dmp_iova_range *range)
{
	(void)state;
	(void)lo;
	(void)hi;
	(void)range;
	return -EINVAL;
}

static int linear_check(void *state)
{
	struct linear *l = state;
	bool in_order = true;

	dmp_lock_acquire(&l->lock);
	for (size_t i = 1; i < l->count; i++)
		in_order &= l->range[i - 1].hi < l->range[i].lo;
	dmp_lock_release(&l->lock);
	return in_order ? 0 : -EIO;
}

const struct dmp_iova_policy bench_policy_linear = {
	.size = sizeof(struct dmp_iova_policy),
	.name = "linear",
	.create = linear_create,
	.destroy = linear_destroy,
	.alloc = linear_alloc,
	.free = linear_free,
	.free_many = linear_free_many,
	.find = linear_find,
	.reserve = linear_reserve,
	.next = linear_next,
	.check = linear_check,
};
