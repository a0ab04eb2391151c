// SPDX-License-Identifier: MIT
/*
 * swiotlb_pool.c - build and tear down a pool; which area is tried next
 *
 * A pool is a piece of memory and its books.  While there is no piece of the wanted size,
 * half of it is tried, and with fewer slots than one segment an area there are fewer areas.
 * A transient pool and a restricted one have one area and any number of slots: in the last
 * segment the slots behind the end are never free.
 *
 * A request looks into the area that the policy chooses, by default that of its CPU, then
 * into the others in turn:
 *
 *     cpu 5, four areas:   1  2  3  0
 *
 * With several pools the same area of each is tried before the next one.
 *
 * Locking: (c) constant; a pool is whole before it is linked.
 *
 * Source: spec-bounce 2.2, 3.2-3.4, 3.6, 5.1, 6.5.
 */
#include "swiotlb_claim.h"

#include <string.h>

/* Rules 3.3, 3.6 and 6.5: half of it while there is no memory; areas by rule 3.2. */
static int take_largest(struct swiotlb_pool *pool, const struct swiotlb_plan *plan)
{
	int err;

	for (;;) {
		err = swiotlb_memory_take(pool->tlb, pool, plan);
		if (err != -ENOMEM || pool->nslots / 2 < plan->least)
			return err;
		pool->nslots = dmp_align_up(pool->nslots / 2, SEGMENT_SLOTS);
		if (pool->nslots < pool->nareas * SEGMENT_SLOTS)
			pool->nareas = pool->nslots / SEGMENT_SLOTS;
	}
}

/* Not yet linked.  -ENOMEM: no memory of plan->least slots, or none for the books. */
int swiotlb_pool_create(struct dmp_swiotlb *tlb, const struct swiotlb_plan *plan,
			struct swiotlb_pool **out)
{
	struct swiotlb_pool *pool = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*pool));
	int err;

	if (!pool)
		return -ENOMEM;
	pool->tlb = tlb;
	pool->kind = plan->kind;
	pool->source = plan->source;
	pool->nslots = plan->slots;
	pool->nareas = plan->areas;
	if (plan->kind != SWIOTLB_TRANSIENT)
		pool->policy = &tlb->policy;
	err = take_largest(pool, plan);
	if (err)
		goto undo_pool;
	err = swiotlb_books_make(pool);
	if (err)
		goto undo_memory;
	*out = pool;
	return 0;

undo_memory:
	swiotlb_memory_give(tlb, pool);
undo_pool:
	dmp_meta_free(pool, sizeof(*pool));
	return err;
}

/* No slot of it is in use, and it is not linked, or nobody is left to walk there. */
void swiotlb_pool_destroy(struct swiotlb_pool *pool)
{
	swiotlb_books_free(pool);
	swiotlb_memory_give(pool->tlb, pool);
	dmp_meta_free(pool, sizeof(*pool));
}

/*
 * A grown pool that is being given back must not keep a claim:
 *
 *   worker    retired := true, then each area's count read under its lock
 *   claimer   the claim under the area's lock, then retired read
 *
 * Whichever had the lock first: the worker sees the slots, and lets the pool be, or the
 * claimer sees the flag, and gives the slots back. [RETIRE]
 */
static bool may_stay(struct swiotlb_pool *pool, const struct swiotlb_mapping *m)
{
	if (pool->kind != SWIOTLB_GROWN)
		return true;
	/* relaxed, all: the lock orders retired, and touched is a hint */
	if (load_relaxed(&pool->retired)) {
		swiotlb_slot_release(m);
		return false;
	}
	if (!load_relaxed(&pool->touched))
		store_relaxed(&pool->touched, true);
	return true;
}

/* One area of one pool; what was taken is counted. */
static bool claim_area(struct dmp_swiotlb *tlb, struct swiotlb_pool *pool, uint64_t number,
		       struct swiotlb_request *req, dmp_phys_t orig, struct swiotlb_mapping *m)
{
	struct swiotlb_area *area = swiotlb_area_at(pool, number);

	if (!swiotlb_slot_claim(pool, number, req, orig, m) || !may_stay(pool, m))
		return false;
	swiotlb_usage_grown(tlb, area);
	return true;
}

/* Rule 5.1.  -ENOSPC: no area of any pool has such a run now.  Inside swiotlb_read_lock(). */
int swiotlb_pool_claim(struct dmp_swiotlb *tlb, struct swiotlb_request *req, dmp_phys_t orig,
		       struct swiotlb_mapping *m)
{
	uint64_t first = swiotlb_policy_choose(tlb), i, nareas = 1;
	struct swiotlb_pool *pool;

	for (i = 0; i < nareas; i++) {
		SWIOTLB_FOREACH_POOL(pool, tlb)
		{
			nareas = pool->nareas > nareas ? pool->nareas : nareas;
			if (i < pool->nareas &&
			    claim_area(tlb, pool, (first + i) & (pool->nareas - 1), req, orig, m))
				return 0;
		}
	}
	return -ENOSPC;
}
