/* SPDX-License-Identifier: MIT */
/*
 * swiotlb_claim.h - claim a run of slots in one area, inline
 *
 * The way of each request; what it writes is explained in swiotlb_slot.c.  swiotlb_fast.h takes
 * the short cuts through it.
 */
#ifndef SWIOTLB_CLAIM_H
#define SWIOTLB_CLAIM_H

#include "swiotlb_internal.h"

/*
 * As many low bits of the original as the offset has give it again.  And a sum that was
 * rounded up to `bytes` is so by every power of two that divides it, not below the unit.
 */
static inline void describe(struct swiotlb_note *note, const struct swiotlb_request *req,
			    dmp_phys_t orig)
{
	*note = (struct swiotlb_note){
		.orig = {(uint32_t)orig, (uint32_t)(orig >> 32)},
		.shape = swiotlb_shape(req->len, req->offset ? dmp_log2_floor(req->offset) + 1 : 0,
				       (unsigned)__builtin_ctzll(req->bytes)),
	};
	if (req->throttled)
		note->shape |= SWIOTLB_SHAPE_THROTTLED;
}

/* What the request needs, in the slots of an area that begins at slot @base. */
static inline void count_in_area(struct swiotlb_request *req, const struct swiotlb_pool *pool,
				 uint64_t base)
{
	dmp_addr_t addr = (pool->phys + req->addr_offset) & req->boundary_mask;
	uint64_t device_slot = (addr >> SLOT_SHIFT) + base;

	req->need.device_slot = device_slot;
	req->need.residue = (req->residue - device_slot) & (req->need.period - 1);
}

/* Changes slots @bit .. @bit + @n - 1 from free to used, or back, and the mark at the first. */
static inline void flip_locked(struct swiotlb_segment *segment, unsigned bit, unsigned n)
{
	uint64_t first = load_relaxed(&segment->first[bit / 64]); /* relaxed: under the lock */

	bits_flip(segment->free, bit, n);
	/* relaxed: who looks for a mapping got its address from whoever set the bit */
	store_relaxed(&segment->first[bit / 64], first ^ UINT64_C(1) << bit % 64);
}

static inline void area_changed_locked(struct swiotlb_pool *pool, struct swiotlb_area *area,
				       uint64_t used)
{
	/* relaxed, all: read for reports, and to spare the lock of a full area */
	store_relaxed(&area->used, (uint32_t)used);
	if (used > load_relaxed(&area->peak))
		store_relaxed(&area->peak, (uint32_t)used);
	/* At checks >= 3: a walk for as many changes of the pool as an area has slots, O(1) a
	 * change.  relaxed: whichever change that is */
	if (DMP_CHECKS >= 3 && add_relaxed(&pool->changes, 1) % pool->area_slots == 0)
		swiotlb_check_area_locked(pool, (uint64_t)((unsigned char *)area - pool->areas) /
							pool->area_bytes);
}

/* The slots of a claim are flipped: what else follows. */
static inline void claimed_locked(struct swiotlb_pool *pool, struct swiotlb_area *area,
				  uint64_t slot, uint64_t n)
{
	uint64_t end = slot + n;

	dmp_lock_assert_held(&area->area_lock);
	area->slots.index = end < pool->area_slots ? (uint32_t)end : 0; /* rule 5.6 */
	if (!pool->is_linux && pool->policy->claimed)
		pool->policy->claimed(area->state, slot, n);
	/* relaxed: under the lock */
	area_changed_locked(pool, area, load_relaxed(&area->used) + n);
}

/* The slots are free again, in one run with free neighbours of their segment, @segment. */
static inline void release_locked(struct swiotlb_pool *pool, struct swiotlb_area *area,
				  struct swiotlb_segment *segment, uint64_t slot, uint64_t nslots)
{
	uint64_t seg = slot / SEGMENT_SLOTS;
	unsigned bit = slot % SEGMENT_SLOTS;

	dmp_lock_assert_held(&area->area_lock);
	flip_locked(segment, bit, (unsigned)nslots);
	if (swiotlb_kinds(&area->slots)[seg / 8] != UINT64_MAX) /* of eight segments */
		swiotlb_slot_add_kinds_locked(&area->slots, seg, bit, bit + (unsigned)nslots);
	if (!pool->is_linux && pool->policy->released)
		pool->policy->released(area->state, slot, nslots);
	/* relaxed: under the lock */
	area_changed_locked(pool, area, load_relaxed(&area->used) - nslots);
}

/* Does a mapping begin at slot @bit of @segment? */
static inline bool begins_at(const struct swiotlb_segment *segment, unsigned bit)
{
	/* relaxed: a live mapping's own bits have not changed since its address was given */
	return load_relaxed(&segment->first[bit / 64]) >> bit % 64 & 1;
}

/* Where the policy wants it; false: nowhere, or where it cannot be. */
static inline bool find_locked(struct swiotlb_pool *pool, struct swiotlb_area *area,
			       const struct dmp_swiotlb_need *need, uint64_t *slot)
{
	if (SWIOTLB_MOSTLY(pool->is_linux))
		return swiotlb_linux_find(&area->slots, need, slot);
	return pool->policy->find(area->state, &area->slots, need, slot) &&
	       swiotlb_slot_answer_fits_locked(pool, area, need, *slot);
}

/* The slot of the area that begins at slot @base. */
static inline bool claim_locked(struct swiotlb_pool *pool, struct swiotlb_area *area, uint64_t base,
				struct swiotlb_request *req, dmp_phys_t orig, uint64_t *slot)
{
	uint64_t n = req->need.nslots, at;

	dmp_lock_assert_held(&area->area_lock);
	if (!find_locked(pool, area, &req->need, &at))
		return false;
	flip_locked(swiotlb_segment_at(&area->slots, at / SEGMENT_SLOTS), at % SEGMENT_SLOTS,
		    (unsigned)n);
	describe(&pool->notes[base + at], req, orig);
	claimed_locked(pool, area, at, n);
	*slot = base + at;
	return true;
}

/* Rules 5.4-5.6 in area @number of @pool. */
static inline bool swiotlb_slot_claim(struct swiotlb_pool *pool, uint64_t number,
				      struct swiotlb_request *req, dmp_phys_t orig,
				      struct swiotlb_mapping *m)
{
	struct swiotlb_area *area = swiotlb_area_at(pool, number);
	uint64_t base = number * pool->area_slots, slot;
	dmp_phys_t start;
	bool found;

	/* relaxed: a look before the lock is worth taking; with fewer free there is no run */
	if (req->need.nslots > pool->area_slots - load_relaxed(&area->used))
		return false;
	count_in_area(req, pool, base);
	dmp_lock_acquire(&area->area_lock);
	found = claim_locked(pool, area, base, req, orig, &slot);
	dmp_lock_release(&area->area_lock);
	if (!found)
		return false;
	start = pool->phys + (slot << SLOT_SHIFT);
	*m = (struct swiotlb_mapping){
		.pool = pool,
		.first = slot,
		.nslots = req->need.nslots,
		.pad = req->offset >> SLOT_SHIFT,
		.phys = start + req->offset,
		.len = req->len,
		.end = start + req->bytes,
		.orig = orig,
	};
	return true;
}

#endif
