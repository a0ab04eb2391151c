// SPDX-License-Identifier: MIT
/*
 * swiotlb_pool.c - build, index and tear down a pool; which area is tried next
 *
 * A pool is one block of the machine's memory and its books.  While the machine has no
 * block of the wanted size, half of it is tried, and with fewer slots than one segment an
 * area there are fewer areas.
 *
 * A request looks into the area of its CPU, then into the others in turn:
 *
 *     cpu 5, four areas:   1  2  3  0
 *
 * With several pools the same area of each is tried before the next one.
 *
 * Locking: (c) constant; a pool is whole before it is linked.
 *
 * Source: spec-bounce 2.2, 3.2-3.4, 5.1.
 */
#include "swiotlb_internal.h"

#include <string.h>

/* The block, cleared.  -ENOMEM: the machine has none of that size. */
static int take_memory(struct dmp_hw *hw, struct swiotlb_pool *pool, enum dmp_zone zone)
{
	uint64_t len = pool->nslots << SLOT_SHIFT;
	void *buf;
	int err;

	pool->order = dmp_page_order(len);
	err = hw_mem_alloc(hw, zone, pool->order, DMP_MEM_MAY_BLOCK, &pool->phys);
	if (err)
		return err;
	err = hw_phys_to_buf(hw, pool->phys, len, &buf);
	if (err) {
		hw_mem_free(hw, pool->phys, pool->order);
		return err;
	}
	pool->buf = buf;
	memset(buf, 0, len);
	return 0;
}

/* Rule 3.3. */
static int take_largest_memory(struct dmp_hw *hw, struct swiotlb_pool *pool, enum dmp_zone zone)
{
	int err;

	for (;;) {
		err = take_memory(hw, pool, zone);
		if (err != -ENOMEM || pool->nslots <= SMALLEST_POOL)
			return err;
		pool->nslots = dmp_align_up(pool->nslots / 2, SEGMENT_SLOTS);
		if (pool->nslots < pool->nareas * SEGMENT_SLOTS)
			pool->nareas = pool->nslots / SEGMENT_SLOTS; /* rule 3.2 */
	}
}

static void free_books(struct swiotlb_pool *pool)
{
	dmp_meta_free(pool->notes, pool->nslots * sizeof(*pool->notes));
	dmp_meta_free(pool->segments, pool->nslots / SEGMENT_SLOTS * sizeof(*pool->segments));
	dmp_meta_free(pool->areas, pool->nareas * sizeof(*pool->areas));
}

static int make_books(struct swiotlb_pool *pool)
{
	uint64_t i, nsegments = pool->nslots / SEGMENT_SLOTS;

	pool->areas = dmp_meta_alloc(DMP_META_OBJECT, pool->nareas * sizeof(*pool->areas));
	pool->segments = dmp_meta_alloc(DMP_META_OBJECT, nsegments * sizeof(*pool->segments));
	pool->notes = dmp_meta_alloc(DMP_META_OBJECT, pool->nslots * sizeof(*pool->notes));
	if (!pool->areas || !pool->segments || !pool->notes) {
		free_books(pool);
		return -ENOMEM;
	}
	pool->area_slots = pool->nslots / pool->nareas;
	for (i = 0; i < nsegments; i++)
		memset(pool->segments[i].free, 0xff, sizeof(pool->segments[i].free));
	for (i = 0; i < pool->nareas; i++)
		dmp_lock_init(&pool->areas[i].area_lock, RANK_SWIOTLB_AREA, "swiotlb: an area");
	return 0;
}

/* @slots and @areas are powers of two, 128 slots an area or more. */
int swiotlb_pool_create(struct dmp_hw *hw, uint64_t slots, uint64_t areas, enum dmp_zone zone,
			struct swiotlb_pool **out)
{
	struct swiotlb_pool *pool = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*pool));
	int err;

	if (!pool)
		return -ENOMEM;
	pool->nslots = slots;
	pool->nareas = areas;
	err = take_largest_memory(hw, pool, zone);
	if (err)
		goto undo_pool;
	err = make_books(pool);
	if (err)
		goto undo_memory;
	*out = pool;
	return 0;

undo_memory:
	hw_mem_free(hw, pool->phys, pool->order);
undo_pool:
	dmp_meta_free(pool, sizeof(*pool));
	return err;
}

void swiotlb_pool_destroy(struct dmp_hw *hw, struct swiotlb_pool *pool)
{
	uint64_t i;

	for (i = 0; i < pool->nareas; i++)
		dmp_lock_destroy(&pool->areas[i].area_lock);
	free_books(pool);
	hw_mem_free(hw, pool->phys, pool->order);
	dmp_meta_free(pool, sizeof(*pool));
}

/* The pool whose memory @phys is; NULL: none. */
struct swiotlb_pool *swiotlb_pool_of(const struct dmp_swiotlb *tlb, dmp_phys_t phys)
{
	struct swiotlb_pool *pool;

	for (pool = tlb->pools; pool; pool = pool->next)
		if (phys - pool->phys < pool->nslots << SLOT_SHIFT)
			return pool;
	return NULL;
}

/* Is any of @len bytes at @phys memory of a pool?  They are memory of the machine. */
bool swiotlb_pool_overlaps(const struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len)
{
	const struct swiotlb_pool *pool;

	for (pool = tlb->pools; pool; pool = pool->next)
		if (phys - pool->phys < pool->nslots << SLOT_SHIFT || pool->phys - phys < len)
			return true;
	return false;
}

/* One area of one pool; what was taken is counted. */
static bool claim_area(struct dmp_swiotlb *tlb, struct swiotlb_pool *pool, uint64_t number,
		       const struct swiotlb_request *req, dmp_phys_t orig,
		       struct swiotlb_mapping *m)
{
	struct swiotlb_area *area = &pool->areas[number];

	if (!swiotlb_slot_claim(pool, number, req, orig, m))
		return false;
	/* relaxed, both: what they decide is decided again under usage_lock */
	if (load_relaxed(&area->used) > load_relaxed(&area->quota))
		swiotlb_usage_raise(tlb, area);
	return true;
}

/* Rule 5.1.  -ENOSPC: no area of any pool has such a run now. */
int swiotlb_pool_claim(struct dmp_swiotlb *tlb, const struct swiotlb_request *req, dmp_phys_t orig,
		       struct swiotlb_mapping *m)
{
	uint64_t cpu = dmp_cpu(), i, nareas = 1;
	struct swiotlb_pool *pool;

	for (i = 0; i < nareas; i++) {
		for (pool = tlb->pools; pool; pool = pool->next) {
			nareas = pool->nareas > nareas ? pool->nareas : nareas;
			if (i < pool->nareas &&
			    claim_area(tlb, pool, (cpu + i) & (pool->nareas - 1), req, orig, m))
				return 0;
		}
	}
	return -ENOSPC;
}
