/* SPDX-License-Identifier: MIT */
/*
 * swiotlb_walk.h - from an address to its pool, area, segment and slot, and back, inline
 *
 *   phys --list--> pool --slot_of--> slot of the pool --area_of, slot_in_area--> slot of the area
 *                                         `--segment_of--> 128 slots of it
 *
 * Included by swiotlb_internal.h, whose structures these are.
 */
#ifndef SWIOTLB_WALK_H
#define SWIOTLB_WALK_H

#include "swiotlb_internal.h"

static inline uint64_t swiotlb_pool_bytes(const struct swiotlb_pool *pool)
{
	return pool->nslots << SLOT_SHIFT;
}

static inline bool swiotlb_pool_has(const struct swiotlb_pool *pool, dmp_phys_t phys)
{
	return phys - pool->phys < swiotlb_pool_bytes(pool);
}

/* The pool whose memory @phys is, a permanent one first; NULL: none.  Inside
 * swiotlb_read_lock(). */
static inline struct swiotlb_pool *swiotlb_list_find(const struct dmp_swiotlb *tlb, dmp_phys_t phys)
{
	struct swiotlb_pool *pool;

	SWIOTLB_FOREACH_POOL(pool, tlb)
	if (swiotlb_pool_has(pool, phys))
		return pool;
	SWIOTLB_FOREACH_TRANSIENT(pool, tlb)
	if (swiotlb_pool_has(pool, phys))
		return pool;
	return NULL;
}

/* Is any of @len bytes at @phys its memory?  They are memory of the machine. */
static inline bool swiotlb_pool_overlaps(const struct swiotlb_pool *pool, dmp_phys_t phys,
					 uint64_t len)
{
	return swiotlb_pool_has(pool, phys) || pool->phys - phys < len;
}

/* The same of any pool. */
static inline bool swiotlb_list_overlaps(const struct dmp_swiotlb *tlb, dmp_phys_t phys,
					 uint64_t len)
{
	const struct swiotlb_pool *pool;
	bool found = false;

	swiotlb_read_lock(tlb);
	SWIOTLB_FOREACH_POOL(pool, tlb)
	found |= swiotlb_pool_overlaps(pool, phys, len);
	SWIOTLB_FOREACH_TRANSIENT(pool, tlb)
	found |= swiotlb_pool_overlaps(pool, phys, len);
	swiotlb_read_unlock(tlb);
	return found;
}

/* Rule 11.2: does the device reach all of a mapping of @len bytes? */
static inline bool swiotlb_is_in_reach(const struct swiotlb_mapping *m,
				       const struct dmp_swiotlb_limits *limits, uint64_t len)
{
	return !limits->addr_limit ||
	       dmp_range_fits(m->phys + limits->addr_offset, len, limits->addr_limit);
}

static inline uint64_t swiotlb_slot_of(const struct swiotlb_pool *pool, dmp_phys_t phys)
{
	return (phys - pool->phys) >> SLOT_SHIFT;
}

static inline struct swiotlb_area *swiotlb_area_at(const struct swiotlb_pool *pool, uint64_t number)
{
	return (struct swiotlb_area *)(void *)(pool->areas + number * pool->area_bytes);
}

static inline struct swiotlb_area *swiotlb_area_of(const struct swiotlb_pool *pool, uint64_t slot)
{
	return swiotlb_area_at(pool, slot >> pool->area_shift);
}

/* The number of @slot in its area. */
static inline uint64_t swiotlb_slot_in_area(const struct swiotlb_pool *pool, uint64_t slot)
{
	return slot - (slot >> pool->area_shift << pool->area_shift);
}

static inline struct swiotlb_segment *swiotlb_segment_of(const struct swiotlb_pool *pool,
							 uint64_t slot)
{
	return swiotlb_segment_at(&swiotlb_area_of(pool, slot)->slots,
				  swiotlb_slot_in_area(pool, slot) / SEGMENT_SLOTS);
}

static inline bool swiotlb_crosses_boundary(const struct dmp_swiotlb_need *need, uint64_t slot)
{
	uint64_t from = (need->device_slot + slot) & (need->boundary_slots - 1);

	return from + need->nslots > need->boundary_slots;
}

/* Do the slots from @slot on, of any value, meet all of @need but period and residue? */
static inline bool swiotlb_is_room(const struct dmp_swiotlb_area *area,
				   const struct dmp_swiotlb_need *need, uint64_t slot)
{
	unsigned bit = slot % SEGMENT_SLOTS, n = (unsigned)need->nslots;

	return slot < area->nslots && bit + n <= SEGMENT_SLOTS &&
	       bits_are_set(swiotlb_segment_at(area, slot / SEGMENT_SLOTS)->free, bit, n) &&
	       !swiotlb_crosses_boundary(need, slot);
}

/* swiotlb_linux.c */
bool swiotlb_linux_tour(struct dmp_swiotlb_area *area, const struct dmp_swiotlb_need *need,
			uint64_t *slot);

/* The policy `linux`.  In an area with room there is some where the tour begins. */
static inline bool swiotlb_linux_find(struct dmp_swiotlb_area *area,
				      const struct dmp_swiotlb_need *need, uint64_t *slot)
{
	uint64_t next = area->index + ((need->residue - area->index) & (need->period - 1));

	if (!swiotlb_is_room(area, need, next))
		return swiotlb_linux_tour(area, need, slot);
	*slot = next;
	return true;
}

static inline bool swiotlb_slot_is_free(const struct swiotlb_pool *pool, uint64_t slot)
{
	const struct swiotlb_segment *segment = swiotlb_segment_of(pool, slot);
	unsigned bit = slot % SEGMENT_SLOTS;

	return segment->free[bit / 64] >> (bit % 64) & 1;
}

#endif
