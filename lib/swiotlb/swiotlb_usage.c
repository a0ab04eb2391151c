// SPDX-License-Identifier: MIT
/*
 * swiotlb_usage.c - slots in use, and the most there ever were
 *
 * Each area counts its own; what is in use is their sum.  The high-water mark is a maximum
 * over time of that sum, so no area knows it by itself, and a counter that all of them write
 * would be touched by every request.  Instead the slots up to the mark are dealt out:
 *
 *      high_water  |---------------------------------------------|
 *      quotas      |-- area 0 --|---- area 1 ----|- 2 -|-- 3 --|
 *      used        |=====       |==========      |=    |=======|
 *
 * As long as each area keeps to its quota, the sum keeps to the mark.  An area that outgrows
 * its own comes here: the mark rises if the sum is above it, and what is left between the
 * sum and the mark is dealt out anew.  Near a new maximum every request comes here, and so
 * do areas that take turns at their own peaks; once all have been there at one time, as they
 * are under a load that would suffer from it, none does.
 *
 * Invariants, while no other thread maps or unmaps:
 *  U1  the quotas add up to high_water at most;
 *  U2  after a map no area uses more than its quota, so high_water is exact.
 * With several threads a quota can be dealt from a count that is out of date: a peak that
 * passes before the next map can then be missed.
 *
 * Locking: (u) usage_lock, a leaf.
 *
 * Source: spec-bounce 5.5, 13; the way of counting is our own.
 */
#include "swiotlb_internal.h"

#include "base_counter.h"

/* Slots in use: the sum over the areas, not one moment while other threads run. */
uint64_t swiotlb_usage_now(const struct dmp_swiotlb *tlb)
{
	const struct swiotlb_pool *pool;
	uint64_t used = 0, i;

	for (pool = tlb->pools; pool; pool = pool->next)
		for (i = 0; i < pool->nareas; i++)
			used += load_relaxed(&pool->areas[i].used); /* relaxed: a report */
	return used;
}

static uint64_t count_areas(const struct dmp_swiotlb *tlb)
{
	const struct swiotlb_pool *pool;
	uint64_t n = 0;

	for (pool = tlb->pools; pool; pool = pool->next)
		n += pool->nareas;
	return n;
}

/* Every area may grow by @share slots before it comes back. */
static void deal_locked(struct dmp_swiotlb *tlb, uint64_t share)
{
	struct swiotlb_pool *pool;
	struct swiotlb_area *area;

	dmp_lock_assert_held(&tlb->usage_lock);
	for (pool = tlb->pools; pool; pool = pool->next)
		for (area = pool->areas; area < pool->areas + pool->nareas; area++)
			/* relaxed: an old count is repaired by the area's next map */
			store_relaxed(&area->quota, load_relaxed(&area->used) + share);
}

/* @grown has outgrown its quota. */
void swiotlb_usage_raise(struct dmp_swiotlb *tlb, struct swiotlb_area *grown)
{
	uint64_t used, left, nareas = count_areas(tlb);

	dmp_lock_acquire(&tlb->usage_lock);
	used = swiotlb_usage_now(tlb);
	if (used > tlb->high_water)
		tlb->high_water = used;
	left = tlb->high_water - used;
	deal_locked(tlb, left / nareas);
	store_relaxed(&grown->quota, load_relaxed(&grown->quota) + left % nareas);
	dmp_lock_release(&tlb->usage_lock);
}

void dmp_swiotlb_reset_high_water(struct dmp_swiotlb *tlb)
{
	struct swiotlb_pool *pool;
	uint64_t i;

	dmp_lock_acquire(&tlb->usage_lock);
	tlb->high_water = 0;
	for (pool = tlb->pools; pool; pool = pool->next)
		for (i = 0; i < pool->nareas; i++)
			store_relaxed(&pool->areas[i].quota, 0); /* relaxed: the next map raises */
	dmp_lock_release(&tlb->usage_lock);
}

int dmp_swiotlb_get_stats(struct dmp_swiotlb *tlb, struct dmp_swiotlb_stats *stats, size_t size)
{
	struct dmp_swiotlb_stats s = {0};
	const struct swiotlb_pool *pool;

	if (!tlb)
		return -EINVAL;
	for (pool = tlb->pools; pool; pool = pool->next)
		s.slots += pool->nslots;
	s.areas = count_areas(tlb);
	s.used = swiotlb_usage_now(tlb);
	dmp_lock_acquire(&tlb->usage_lock);
	s.high_water = tlb->high_water;
	dmp_lock_release(&tlb->usage_lock);
	return stats_store(stats, size, &s, sizeof(s));
}
