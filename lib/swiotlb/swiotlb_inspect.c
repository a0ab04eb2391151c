// SPDX-License-Identifier: MIT
/*
 * swiotlb_inspect.c - what can be looked at while others work: pools, areas, slots, mappings
 *
 *   next_pool -> number -> pool   its areas together
 *                           `- area   what it uses, used at most, and its longest free run
 *
 * A number is a pool's for good: a view of one that has gone meanwhile is refused, and never
 * that of another.  Nothing is held between two calls, so views do not add up to one moment.
 *
 * Locking: (l) area_lock for what requests change, one area at a time; a look stays inside
 *  swiotlb_read_lock() as long as it stands on a pool.
 */
#include "swiotlb_internal.h"

/* The pool of that number; NULL: it never was, or is gone.  Inside swiotlb_read_lock(). */
static struct swiotlb_pool *nth_pool(const struct dmp_swiotlb *tlb, unsigned number)
{
	struct swiotlb_pool *pool;

	SWIOTLB_FOREACH_POOL(pool, tlb)
	if (pool->number == number)
		return pool;
	SWIOTLB_FOREACH_TRANSIENT(pool, tlb)
	if (pool->number == number)
		return pool;
	return NULL;
}

/* Over the areas of a pool. */
struct sums {
	uint64_t used, peak;
};

static struct sums sums_of(const struct swiotlb_pool *pool)
{
	struct sums sums = {0};
	uint64_t i;

	for (i = 0; i < pool->nareas; i++) {
		/* relaxed, both: a report */
		sums.used += load_relaxed(&swiotlb_area_at(pool, i)->used);
		sums.peak += load_relaxed(&swiotlb_area_at(pool, i)->peak);
	}
	return sums;
}

static int view_pool(const struct swiotlb_pool *pool, struct dmp_swiotlb_pool_view *view)
{
	struct sums sums;

	if (!pool)
		return -ENOENT;
	sums = sums_of(pool);
	*view = (struct dmp_swiotlb_pool_view){
		.phys = pool->phys,
		.slots = pool->nslots,
		.areas = pool->nareas,
		.area_slots = pool->area_slots,
		.used = sums.used,
		.kind = (enum dmp_swiotlb_pool_kind)pool->kind,
		.peak = sums.peak,
	};
	return 0;
}

int dmp_swiotlb_inspect_pool(struct dmp_swiotlb *tlb, unsigned number,
			     struct dmp_swiotlb_pool_view *view)
{
	int err;

	if (!tlb || !view)
		return -EINVAL;
	swiotlb_read_lock(tlb);
	err = view_pool(nth_pool(tlb, number), view);
	swiotlb_read_unlock(tlb);
	return err;
}

/* The lower of two numbers that are @from or more; UINT64_MAX: none so far. */
static uint64_t lower(uint64_t best, unsigned number, unsigned from)
{
	return number >= from && number < best ? number : best;
}

int dmp_swiotlb_next_pool(struct dmp_swiotlb *tlb, unsigned from, unsigned *number)
{
	const struct swiotlb_pool *pool;
	uint64_t best = UINT64_MAX;

	if (!tlb || !number)
		return -EINVAL;
	swiotlb_read_lock(tlb);
	SWIOTLB_FOREACH_POOL(pool, tlb)
	best = lower(best, pool->number, from);
	SWIOTLB_FOREACH_TRANSIENT(pool, tlb)
	best = lower(best, pool->number, from);
	swiotlb_read_unlock(tlb);
	if (best == UINT64_MAX)
		return -ENOENT;
	*number = (unsigned)best;
	return 0;
}

static int view_area(struct swiotlb_pool *pool, uint64_t i, struct dmp_swiotlb_area_view *view)
{
	struct swiotlb_area *area;

	if (!pool || i >= pool->nareas)
		return -ENOENT;
	area = swiotlb_area_at(pool, i);
	dmp_lock_acquire(&area->area_lock);
	*view = (struct dmp_swiotlb_area_view){
		.used = load_relaxed(&area->used), /* relaxed, both: under the lock */
		.index = area->slots.index,
		.peak = load_relaxed(&area->peak),
		.longest_run = swiotlb_report_longest_run_locked(area, 0),
	};
	dmp_lock_release(&area->area_lock);
	return 0;
}

int dmp_swiotlb_inspect_area(struct dmp_swiotlb *tlb, unsigned number, uint64_t i,
			     struct dmp_swiotlb_area_view *view)
{
	int err;

	if (!tlb || !view)
		return -EINVAL;
	swiotlb_read_lock(tlb);
	err = view_area(nth_pool(tlb, number), i, view);
	swiotlb_read_unlock(tlb);
	return err;
}

static int view_slot(struct swiotlb_pool *pool, uint64_t slot, bool *in_use)
{
	struct swiotlb_area *area;

	if (!pool || slot >= pool->nslots)
		return -ENOENT;
	area = swiotlb_area_of(pool, slot);
	dmp_lock_acquire(&area->area_lock);
	*in_use = !swiotlb_slot_is_free(pool, slot);
	dmp_lock_release(&area->area_lock);
	return 0;
}

int dmp_swiotlb_inspect_slot(struct dmp_swiotlb *tlb, unsigned number, uint64_t slot, bool *in_use)
{
	int err;

	if (!tlb || !in_use)
		return -EINVAL;
	swiotlb_read_lock(tlb);
	err = view_slot(nth_pool(tlb, number), slot, in_use);
	swiotlb_read_unlock(tlb);
	return err;
}

const char *dmp_swiotlb_name(const struct dmp_swiotlb *tlb)
{
	return tlb ? tlb->name : NULL;
}

int dmp_swiotlb_inspect_mapping(struct dmp_swiotlb *tlb, dmp_phys_t phys,
				struct dmp_swiotlb_mapping_view *view)
{
	struct swiotlb_mapping m;
	unsigned number = 0;
	int err;

	if (!tlb || !view)
		return -EINVAL;
	swiotlb_read_lock(tlb);
	err = swiotlb_bounce_find(tlb, phys, &m);
	if (!err)
		number = m.pool->number;
	swiotlb_read_unlock(tlb);
	if (err)
		return err;
	*view = (struct dmp_swiotlb_mapping_view){
		.pool = number,
		.first = m.first,
		.pad = m.pad,
		.slots = m.nslots,
		.orig = m.orig,
		.phys = m.phys,
		.len = m.len,
	};
	return 0;
}
