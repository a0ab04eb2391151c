// SPDX-License-Identifier: MIT
/*
 * swiotlb_memory.c - a pool's memory: which zone, shared with devices, and back
 *
 *   limit      16 MiB          4 GiB                       top
 *   zones   DMA   |   DMA32       |   ANY
 *
 * A block is asked for in the highest zone that may suit the limit.  One that ends above the
 * limit goes back, and the next lower zone is asked; where a zone has no block, the
 * attempt ends.
 *
 * Where memory is encrypted, devices read shared pages only.  A conversion is dear, so each
 * page is converted once when its pool is made and once when it goes:
 *
 *   block      --shared, cleared-->  pool  --private-->  back to the machine
 *   coherent   ----------------->    pool  ---------->   back: it is shared anyhow
 *   range      --shared, cleared-->  pool  --private-->  the platform's again
 *   parent's   ---------cleared--->  pool  ---------->   the parent's again: it is shared
 *
 * Memory that cannot be made private again is never given back: whoever got it would write
 * secrets where devices read.  It is counted as lost.
 *
 * Locking: none; a pool is its maker's until it is linked, and again after it is unlinked.
 *
 * Differs from Linux: the first pool is shared when it is made, not in a later step.
 *
 * Source: spec-bounce 2.2, 3.4, 3.8, 6.3, 6.4.
 */
#include "swiotlb_internal.h"

#include <string.h>

#define DMA_LIMIT   UINT64_C(0xffffff)
#define DMA32_LIMIT UINT64_C(0xffffffff)

static uint64_t pages_of(const struct swiotlb_pool *pool)
{
	return dmp_align_up(swiotlb_pool_bytes(pool), DMP_PAGE_BYTES) >> DMP_PAGE_SHIFT;
}

static enum dmp_zone first_zone(uint64_t limit)
{
	if (limit <= DMA_LIMIT)
		return DMP_ZONE_DMA;
	return limit <= DMA32_LIMIT ? DMP_ZONE_DMA32 : DMP_ZONE_ANY;
}

/* -ENOMEM: no block, or none that ends at or below the limit. */
static int take_block(struct dmp_hw *hw, struct swiotlb_pool *pool, const struct swiotlb_plan *plan)
{
	enum dmp_zone zone = first_zone(plan->limit);
	int err;

	pool->order = dmp_page_order(swiotlb_pool_bytes(pool));
	for (;;) {
		err = hw_mem_alloc(hw, zone, pool->order, plan->flags, &pool->phys);
		if (err || dmp_range_fits(pool->phys, swiotlb_pool_bytes(pool), plan->limit))
			return err;
		hw_mem_free(hw, pool->phys, pool->order);
		if (zone == DMP_ZONE_DMA)
			return -ENOMEM;
		zone = zone == DMP_ZONE_ANY ? DMP_ZONE_DMA32 : DMP_ZONE_DMA;
	}
}

static int take_from(struct dmp_hw *hw, struct swiotlb_pool *pool, const struct swiotlb_plan *plan)
{
	if (plan->source == SWIOTLB_BLOCK)
		return take_block(hw, pool, plan);
	if (plan->source == SWIOTLB_OF_PARENT)
		return swiotlb_blocks_take(pool);
	if (plan->source == SWIOTLB_COHERENT)
		return hw_coherent_alloc(hw, swiotlb_pool_bytes(pool), plan->limit, plan->flags,
					 &pool->phys);
	pool->phys = plan->phys;
	return 0;
}

static void give_to(struct dmp_hw *hw, const struct swiotlb_pool *pool)
{
	if (pool->source == SWIOTLB_BLOCK)
		hw_mem_free(hw, pool->phys, pool->order);
	else if (pool->source == SWIOTLB_COHERENT)
		hw_coherent_free(hw, pool->phys, swiotlb_pool_bytes(pool));
	else if (pool->source == SWIOTLB_OF_PARENT)
		swiotlb_blocks_give(pool);
}

/* False where there is nothing to convert: it is counted what a machine was asked for. */
static bool converts(const struct dmp_swiotlb *tlb, const struct swiotlb_pool *pool)
{
	return tlb->hw->ops.make_shared && pool->source != SWIOTLB_COHERENT &&
	       pool->source != SWIOTLB_OF_PARENT;
}

static int share(struct dmp_swiotlb *tlb, const struct swiotlb_pool *pool)
{
	if (!converts(tlb, pool))
		return 0;
	/* relaxed, both: reports */
	add_relaxed(&tlb->counts.conversions, 1);
	add_relaxed(&tlb->counts.shared_pages, pages_of(pool));
	return hw_make_shared(tlb->hw, pool->phys, pages_of(pool));
}

/* Private again, and back; or lost. */
static void unshare_and_give(struct dmp_swiotlb *tlb, const struct swiotlb_pool *pool)
{
	int err = 0;

	if (converts(tlb, pool)) {
		/* relaxed, both: reports */
		add_relaxed(&tlb->counts.conversions, 1);
		add_relaxed(&tlb->counts.private_pages, pages_of(pool));
		err = hw_make_private(tlb->hw, pool->phys, pages_of(pool));
	}
	if (!err) {
		give_to(tlb->hw, pool);
		return;
	}
	add_relaxed(&tlb->counts.lost_pages, pages_of(pool)); /* relaxed: a report */
	dmp_log(DMP_LOG_WARN,
		"swiotlb '%s': %llu pages at %#llx stay shared and are lost: error %d", tlb->name,
		(unsigned long long)pages_of(pool), (unsigned long long)pool->phys, err);
}

/* Takes pool->nslots slots of memory, shared and cleared; on error nothing is taken. */
int swiotlb_memory_take(struct dmp_swiotlb *tlb, struct swiotlb_pool *pool,
			const struct swiotlb_plan *plan)
{
	int err = take_from(tlb->hw, pool, plan);
	void *buf;

	if (err)
		return err;
	err = hw_phys_to_buf(tlb->hw, pool->phys, swiotlb_pool_bytes(pool), &buf);
	if (err) {
		give_to(tlb->hw, pool);
		return err;
	}
	err = share(tlb, pool);
	if (err) {
		unshare_and_give(tlb, pool); /* some of it may be shared */
		return err;
	}
	pool->buf = buf;
	if (plan->source != SWIOTLB_COHERENT)
		memset(buf, 0, swiotlb_pool_bytes(pool));
	return 0;
}

void swiotlb_memory_give(struct dmp_swiotlb *tlb, struct swiotlb_pool *pool)
{
	unshare_and_give(tlb, pool);
}
