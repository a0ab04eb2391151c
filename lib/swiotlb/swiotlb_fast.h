/* SPDX-License-Identifier: MIT */
/*
 * swiotlb_fast.h - slots of the first pool while nothing is in the way, inline
 *
 *   claim     the slots that `linux` tries first are free, and lie in one word of the bitmap:
 *
 *                free   ... 0 0 0 1 1 1 1 1 1 1 ...
 *                                 ^index
 *
 *   release   of a mapping like that: no padding, and the end of its data is all its end
 *
 * Such are the mappings of buffers that begin where a slot may begin, for devices that ask for no
 * units and no boundary.  Anything else is false, and nothing has changed: swiotlb_slot.c does
 * the same, and the rest.
 *
 * The first pool stays as long as the allocator, so no reader's section is needed.
 *
 * Every instruction here is a three-hundredth of a pair.
 *
 * Locking: (l) area_lock.
 */
#ifndef SWIOTLB_FAST_H
#define SWIOTLB_FAST_H

#include "swiotlb_claim.h"

/* The most slots that lie in one word. */
#define SWIOTLB_FAST_SLOTS 64u

/*
 * How far apart the slots are where a simple buffer may begin, rule 5.4; 0: it is none.  One that
 * keeps no address bits of its own has no padding.
 */
static inline uint64_t swiotlb_fast_period(const struct dmp_swiotlb_limits *limits, dmp_phys_t orig,
					   uint64_t len)
{
	uint64_t min_mask = limits->min_align_mask;

	if (limits->alloc_align_mask | limits->boundary_mask | (orig & min_mask) ||
	    len > SWIOTLB_FAST_SLOTS * DMP_SWIOTLB_SLOT_BYTES)
		return 0;
	if (!min_mask && len >= DMP_PAGE_BYTES)
		min_mask = DMP_PAGE_BYTES - 1;
	return (min_mask >> SLOT_SHIFT) + 1;
}

/* What describe() makes of a simple mapping: its length, and as unit what divides that. */
static inline uint32_t swiotlb_fast_shape(uint64_t len)
{
	return swiotlb_shape(len, 0, (unsigned)__builtin_ctzll(len));
}

static inline void swiotlb_fast_describe(struct swiotlb_note *note, dmp_phys_t orig, uint64_t len)
{
	note->orig[0] = (uint32_t)orig;
	note->orig[1] = (uint32_t)(orig >> 32);
	note->shape = swiotlb_fast_shape(len);
}

static inline unsigned swiotlb_fast_nslots(uint64_t len)
{
	return (unsigned)((len + SLOT_MASK) >> SLOT_SHIFT);
}

/* Slot @slot of the area and those behind it, if they are free; @note: that of the slot. */
static inline bool swiotlb_fast_take_locked(struct swiotlb_pool *pool, struct swiotlb_area *area,
					    uint64_t slot, dmp_phys_t orig, uint64_t len,
					    struct swiotlb_note *note)
{
	struct swiotlb_segment *segment = swiotlb_segment_at(&area->slots, slot / SEGMENT_SLOTS);
	unsigned bit = slot % SEGMENT_SLOTS, n = swiotlb_fast_nslots(len);

	if (!SWIOTLB_MOSTLY(bit % 64 + n <= 64 && slot < pool->area_slots &&
			    bits_are_set(segment->free, bit, n)))
		return false;
	flip_locked(segment, bit, n);
	swiotlb_fast_describe(note, orig, len);
	claimed_locked(pool, area, slot, n);
	return true;
}

/* In an area that begins at slot @base; @phys: out, where the buffer begins. */
static inline bool swiotlb_fast_claim(struct swiotlb_pool *pool, struct swiotlb_area *area,
				      uint64_t base, uint64_t period, uint64_t addr_offset,
				      dmp_phys_t orig, uint64_t len, dmp_phys_t *phys)
{
	uint64_t device_slot = ((pool->phys + addr_offset) >> SLOT_SHIFT) + base, slot;
	bool is_taken;

	dmp_lock_acquire(&area->area_lock);
	slot = area->slots.index;
	slot += -(device_slot + slot) & (period - 1);
	is_taken = swiotlb_fast_take_locked(pool, area, slot, orig, len, pool->notes + base + slot);
	dmp_lock_release(&area->area_lock);
	if (is_taken)
		*phys = pool->phys + ((base + slot) << SLOT_SHIFT);
	return is_taken;
}

/* Does a simple mapping of @len bytes begin at slot @bit of @segment?  @note: that of the slot. */
static inline bool swiotlb_fast_is_there_locked(const struct swiotlb_segment *segment, unsigned bit,
						uint64_t len, const struct swiotlb_note *note)
{

	return bit % 64 + swiotlb_fast_nslots(len) <= 64 && begins_at(segment, bit) &&
	       note->shape == swiotlb_fast_shape(len);
}

/* The mapping of @len bytes at @phys, in memory of the pool, if that is what is there. */
static inline bool swiotlb_fast_release(struct swiotlb_pool *pool, dmp_phys_t phys, uint64_t len)
{
	uint64_t first = swiotlb_slot_of(pool, phys), slot = swiotlb_slot_in_area(pool, first);
	struct swiotlb_area *area = swiotlb_area_of(pool, first);
	struct swiotlb_segment *segment;
	bool is_there;

	if (len > SWIOTLB_FAST_SLOTS * DMP_SWIOTLB_SLOT_BYTES || phys & SLOT_MASK)
		return false;
	dmp_lock_acquire(&area->area_lock);
	segment = swiotlb_segment_at(&area->slots, slot / SEGMENT_SLOTS);
	is_there = swiotlb_fast_is_there_locked(segment, slot % SEGMENT_SLOTS, len,
						&pool->notes[first]);
	if (SWIOTLB_MOSTLY(is_there))
		release_locked(pool, area, segment, slot, swiotlb_fast_nslots(len));
	dmp_lock_release(&area->area_lock);
	return is_there;
}

#endif
