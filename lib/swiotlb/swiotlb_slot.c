// SPDX-License-Identifier: MIT
/*
 * swiotlb_slot.c - claim a run of slots in one area, release it, find it again
 *
 * Where a run begins the policy says (swiotlb_linux.c and its like); what it is, is
 * written here:
 *
 *      free    1 1 1 1 0 0 0 0 0 0 0 1 1 1     a bit a slot
 *      first           1         1             where mappings begin
 *      notes           what was asked for
 *
 * The mapping of a slot is the one that begins at the nearest bit of `first` at or below
 * it, if it is long enough.  Padding, length and end follow from its note:
 *
 *      offset  so many low bits of the original address, rule 4.2
 *      end     offset + length, rounded up to the unit
 *
 * Invariants, walked by swiotlb_check_area_locked():
 *  S1  every used slot belongs to exactly one mapping, every free one to none;
 *  S2  a mapping lies inside one segment, with a bit of `first` at its first slot;
 *  S3  area->used is the number of used slots of the area.
 *
 * Locking: (l) area_lock; (m) written under it, then the mapping's alone: whoever got the
 *  address of a mapping may read what stands there without the lock, until its release.
 *  The words of `first` are shared with other mappings, and therefore atomics: a mapping's
 *  own bits do not change while it lives.
 *
 * Differs from Linux: bitmaps instead of a run length per slot; original address and
 *  lengths stand once per mapping.  Same slots.
 *
 * Source: spec-bounce 2.1, 4.2, 4.5, 5.4-5.6, 7.6.
 */
#include "swiotlb_claim.h"

static dmp_phys_t orig_of(const struct swiotlb_note *note)
{
	return note->orig[0] | (uint64_t)note->orig[1] << 32;
}

static uint64_t offset_of(const struct swiotlb_note *note)
{
	return note->orig[0] & ((UINT32_C(1) << swiotlb_shape_offset_bits(note->shape)) - 1);
}

/* From the start of the first slot to the end of rounding. */
static uint64_t bytes_of(const struct swiotlb_note *note)
{
	return dmp_align_up(offset_of(note) + swiotlb_shape_len(note->shape),
			    UINT64_C(1) << swiotlb_shape_unit_log2(note->shape));
}

static uint64_t nslots_of(const struct swiotlb_note *note)
{
	return (bytes_of(note) + SLOT_MASK) >> SLOT_SHIFT;
}

/* False, and logged: where the policy wants it, it cannot be. */
bool swiotlb_slot_answer_fits_locked(const struct swiotlb_pool *pool, struct swiotlb_area *area,
				     const struct dmp_swiotlb_need *need, uint64_t slot)
{
	if (dmp_swiotlb_area_fits(&area->slots, need, slot))
		return true;
	dmp_log(DMP_LOG_BUG, "swiotlb: policy %s wants %llu slots at slot %llu, which do not fit",
		pool->policy->name, (unsigned long long)need->nslots, (unsigned long long)slot);
	return false;
}

/* Slots @from .. @to - 1 of segment @seg have joined what is free around them. */
void swiotlb_slot_add_kinds_locked(struct dmp_swiotlb_area *slots, uint64_t seg, unsigned from,
				   unsigned to)
{
	const uint64_t *w = swiotlb_segment_at(slots, seg)->free;
	struct bits128 free = {{w[0], w[1]}};

	if (swiotlb_kinds_get(slots, seg) == SWIOTLB_ALL_KINDS)
		return;
	swiotlb_kinds_set(
		slots, seg,
		swiotlb_kinds_of_run(bits_behind_clear(free, from), bits_next_clear(free, to)));
}

/* Rule 7.6.  -ENOENT: it is not there any more; nothing is changed. */
int swiotlb_slot_release(const struct swiotlb_mapping *m)
{
	uint64_t slot = swiotlb_slot_in_area(m->pool, m->first);
	struct swiotlb_segment *segment = swiotlb_segment_of(m->pool, m->first);
	struct swiotlb_area *area = swiotlb_area_of(m->pool, m->first);
	bool is_live;

	dmp_lock_acquire(&area->area_lock);
	is_live = begins_at(segment, slot % SEGMENT_SLOTS) &&
		  nslots_of(&m->pool->notes[m->first]) == m->nslots;
	if (is_live)
		release_locked(m->pool, area, segment, slot, m->nslots);
	dmp_lock_release(&area->area_lock);
	return is_live ? 0 : -ENOENT;
}

/* How far before slot @bit of @segment a mapping begins, at the nearest; false: none does. */
static bool find_first(const struct swiotlb_segment *segment, unsigned bit, unsigned *back)
{
	unsigned w = bit / 64;
	/* relaxed: as in begins_at() */
	uint64_t word = load_relaxed(&segment->first[w]) & UINT64_MAX >> (63 - bit % 64);

	if (!word && w == 1) {
		w = 0;
		word = load_relaxed(&segment->first[0]);
	}
	if (!word)
		return false;
	*back = bit - (w * 64 + dmp_log2_floor(word));
	return true;
}

/* The mapping that @slot belongs to; false for a free slot. */
bool swiotlb_slot_find(struct swiotlb_pool *pool, uint64_t slot, struct swiotlb_mapping *m)
{
	const struct swiotlb_segment *segment = swiotlb_segment_of(pool, slot);
	const struct swiotlb_note *note;
	uint64_t first, offset, bytes;
	unsigned back = 0;
	dmp_phys_t start;

	if (!begins_at(segment, slot % SEGMENT_SLOTS) &&
	    !find_first(segment, slot % SEGMENT_SLOTS, &back))
		return false;
	first = slot - back;
	note = &pool->notes[first];
	bytes = bytes_of(note);
	if (back >= (bytes + SLOT_MASK) >> SLOT_SHIFT)
		return false;
	offset = offset_of(note);
	start = pool->phys + (first << SLOT_SHIFT);
	*m = (struct swiotlb_mapping){
		.pool = pool,
		.first = first,
		.nslots = (bytes + SLOT_MASK) >> SLOT_SHIFT,
		.pad = offset >> SLOT_SHIFT,
		.phys = start + offset,
		.len = swiotlb_shape_len(note->shape),
		.end = start + bytes,
		.orig = orig_of(note),
		.throttled = (note->shape & SWIOTLB_SHAPE_THROTTLED) != 0,
	};
	return true;
}

/* A segment that is free from @slot, its first, on becomes a child's: a mapping that no request
 * made, so the index stays. */
void swiotlb_slot_carve_locked(struct swiotlb_pool *pool, uint64_t slot)
{
	static const struct swiotlb_request whole = {.bytes = DMP_SWIOTLB_MAX_BYTES,
						     .len = DMP_SWIOTLB_MAX_BYTES};
	struct swiotlb_area *area = swiotlb_area_of(pool, slot);

	dmp_lock_assert_held(&area->area_lock);
	flip_locked(swiotlb_segment_of(pool, slot), 0, SEGMENT_SLOTS);
	describe(&pool->notes[slot], &whole, SWIOTLB_CARVED);
	if (pool->policy->claimed)
		pool->policy->claimed(area->state, swiotlb_slot_in_area(pool, slot), SEGMENT_SLOTS);
	/* relaxed: under the lock */
	area_changed_locked(pool, area, load_relaxed(&area->used) + SEGMENT_SLOTS);
}
