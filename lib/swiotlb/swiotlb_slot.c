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
 *      offset  the lowest offset_bits bits of the original address, rule 4.2
 *      end     offset + length, rounded up to 2^unit_log2
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
#include "swiotlb_internal.h"

static dmp_phys_t orig_of(const struct swiotlb_note *note)
{
	return note->orig[0] | (uint64_t)note->orig[1] << 32;
}

static uint64_t offset_of(const struct swiotlb_note *note)
{
	return note->orig[0] & ((UINT32_C(1) << note->offset_bits) - 1);
}

/* From the start of the first slot to the end of rounding. */
static uint64_t bytes_of(const struct swiotlb_note *note)
{
	return dmp_align_up(offset_of(note) + note->len_less_1 + 1, UINT64_C(1) << note->unit_log2);
}

static uint64_t nslots_of(const struct swiotlb_note *note)
{
	return (bytes_of(note) + SLOT_MASK) >> SLOT_SHIFT;
}

/*
 * As many low bits of the original as the offset has give it again.  And a sum that was
 * rounded up to `bytes` is so by every power of two that divides it, not below the unit.
 */
static void describe(struct swiotlb_note *note, const struct swiotlb_request *req, dmp_phys_t orig)
{
	uint64_t offset = (req->pad << SLOT_SHIFT) + req->low;

	*note = (struct swiotlb_note){
		.orig = {(uint32_t)orig, (uint32_t)(orig >> 32)},
		.len_less_1 = (uint32_t)(req->len - 1) & 0x3ffff,
		.offset_bits = offset ? (dmp_log2_floor(offset) + 1) & 0x1f : 0,
		.unit_log2 = (unsigned)__builtin_ctzll(req->bytes) & 0x1f,
	};
}

/* A request in the slots of area @number. */
static struct dmp_swiotlb_need need_of(const struct swiotlb_pool *pool, uint64_t number,
				       const struct swiotlb_request *req)
{
	dmp_addr_t addr = (pool->phys + req->addr_offset) & req->boundary_mask;
	uint64_t device_slot = (addr >> SLOT_SHIFT) + number * pool->area_slots;

	return (struct dmp_swiotlb_need){
		.nslots = req->nslots,
		.period = req->period,
		.residue = (req->residue - device_slot) & (req->period - 1),
		.stride = req->stride,
		.device_slot = device_slot,
		.boundary_slots = req->boundary_slots,
	};
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
	store_relaxed(&area->used, used);
	if (used > load_relaxed(&area->peak))
		store_relaxed(&area->peak, used);
	/* At checks >= 3: walks once for as many changes as there are slots, O(1) a change. */
	if (DMP_CHECKS >= 3 && ++area->slots.unwalked > pool->area_slots) {
		area->slots.unwalked = 0;
		swiotlb_check_area_locked(pool, (uint64_t)(area - pool->areas));
	}
}

/* Where the policy wants it; false: nowhere, or where it cannot be. */
static bool find_locked(struct swiotlb_pool *pool, struct swiotlb_area *area,
			const struct dmp_swiotlb_need *need, uint64_t *slot)
{
	if (!pool->policy->find(area->state, &area->slots, need, slot))
		return false;
	if (pool->policy->find == dmp_swiotlb_policy_linux.find ||
	    dmp_swiotlb_area_fits(&area->slots, need, *slot))
		return true;
	dmp_log(DMP_LOG_BUG, "swiotlb: policy %s wants %llu slots at slot %llu, which do not fit",
		pool->policy->name, (unsigned long long)need->nslots, (unsigned long long)*slot);
	return false;
}

static bool claim_locked(struct swiotlb_pool *pool, uint64_t number,
			 const struct swiotlb_request *req, dmp_phys_t orig, uint64_t *slot)
{
	struct swiotlb_area *area = &pool->areas[number];
	struct dmp_swiotlb_need need = need_of(pool, number, req);
	uint64_t used = load_relaxed(&area->used), end; /* relaxed: under the lock */

	dmp_lock_assert_held(&area->area_lock);
	if (req->nslots > pool->area_slots - used || !find_locked(pool, area, &need, slot))
		return false;
	flip_locked(&area->slots.segments[*slot / SEGMENT_SLOTS], *slot % SEGMENT_SLOTS,
		    (unsigned)req->nslots);
	describe(&pool->notes[number * pool->area_slots + *slot], req, orig);
	end = *slot + req->nslots;
	area->slots.index = end < pool->area_slots ? end : 0; /* rule 5.6 */
	if (pool->policy->claimed)
		pool->policy->claimed(area->state, *slot, req->nslots);
	area_changed_locked(pool, area, used + req->nslots);
	return true;
}

/* Rules 5.4-5.6 in area @number of @pool. */
bool swiotlb_slot_claim(struct swiotlb_pool *pool, uint64_t number,
			const struct swiotlb_request *req, dmp_phys_t orig,
			struct swiotlb_mapping *m)
{
	struct swiotlb_area *area = &pool->areas[number];
	uint64_t slot = 0;
	dmp_phys_t start;
	bool found;

	/* relaxed: a look before the lock is worth taking; repeated under it */
	if (req->nslots > pool->area_slots - load_relaxed(&area->used))
		return false;
	dmp_lock_acquire(&area->area_lock);
	found = claim_locked(pool, number, req, orig, &slot);
	dmp_lock_release(&area->area_lock);
	if (!found)
		return false;
	slot += number * pool->area_slots;
	start = pool->phys + (slot << SLOT_SHIFT);
	*m = (struct swiotlb_mapping){
		.pool = pool,
		.first = slot,
		.nslots = req->nslots,
		.pad = req->pad,
		.phys = start + (req->pad << SLOT_SHIFT) + req->low,
		.len = req->len,
		.end = start + req->bytes,
		.orig = orig,
	};
	return true;
}

/* Slots @from .. @to - 1 of segment @seg have joined what is free around them. */
static void add_kinds_locked(struct dmp_swiotlb_area *slots, uint64_t seg, unsigned from,
			     unsigned to)
{
	const uint64_t *w = slots->segments[seg].free;
	struct bits128 free = {{w[0], w[1]}};

	swiotlb_kinds_set(
		slots, seg,
		swiotlb_kinds_of_run(bits_behind_clear(free, from), bits_next_clear(free, to)));
}

/* The slots are free again, in one run with free neighbours of their segment. */
static inline void release_locked(struct swiotlb_pool *pool, struct swiotlb_area *area,
				  uint64_t slot, uint64_t nslots)
{
	uint64_t seg = slot / SEGMENT_SLOTS;
	unsigned bit = slot % SEGMENT_SLOTS;

	dmp_lock_assert_held(&area->area_lock);
	flip_locked(&area->slots.segments[seg], bit, (unsigned)nslots);
	if (swiotlb_kinds_get(&area->slots, seg) != SWIOTLB_ALL_KINDS)
		add_kinds_locked(&area->slots, seg, bit, bit + (unsigned)nslots);
	if (pool->policy->released)
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

/* Rule 7.6.  -ENOENT: it is not there any more; nothing is changed. */
int swiotlb_slot_release(const struct swiotlb_mapping *m)
{
	struct swiotlb_pool *pool = m->pool;
	struct swiotlb_area *area = swiotlb_area_of(pool, m->first);
	uint64_t slot = swiotlb_slot_in_area(pool, m->first), nslots = m->nslots;
	bool is_live;

	dmp_lock_acquire(&area->area_lock);
	is_live = begins_at(&area->slots.segments[slot / SEGMENT_SLOTS], slot % SEGMENT_SLOTS) &&
		  nslots_of(&pool->notes[m->first]) == nslots;
	if (is_live)
		release_locked(pool, area, slot, nslots);
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
		.len = note->len_less_1 + 1,
		.end = start + bytes,
		.orig = orig_of(note),
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
