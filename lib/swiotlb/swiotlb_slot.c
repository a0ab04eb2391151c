// SPDX-License-Identifier: MIT
/*
 * swiotlb_slot.c - find and claim a run of slots in one area, release it, find it again
 *
 * A search is next fit: it makes one tour of the area from the index on, over the slots at
 * which the request may begin, and takes the first that starts a long enough run of free
 * slots of its segment:
 *
 *      0          end of 2nd part   index                    area_slots
 *      |--------------->|    .    .    |------------------------->|
 *          2nd part                            1st part
 *
 * The tour is counted in steps.  At the end of the area the last step, of `stride` slots,
 * counts in full though fewer are left; so the second part ends that many slots before
 * the index.
 *
 * No slot is looked at by itself.  Per segment, the 128 bits of `free` are folded until a
 * bit stands for a run of n free slots, and masked with the slots that fit the alignment.
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
 *  padding stand once per mapping.  Same slots.
 *
 * Source: spec-bounce 2.1, 4.5, 5.4-5.6, 7.6.
 */
#include "swiotlb_internal.h"

/* The slots of a segment. */
struct bits128 {
	uint64_t w[SEGMENT_WORDS];
};

/* Bits from @bit on, 0 .. 128. */
static struct bits128 bits_from(unsigned bit)
{
	if (bit < 64)
		return (struct bits128){{UINT64_MAX << bit, UINT64_MAX}};
	return (struct bits128){{0, bit < 128 ? UINT64_MAX << (bit - 64) : 0}};
}

static struct bits128 bits_and(struct bits128 a, struct bits128 b)
{
	return (struct bits128){{a.w[0] & b.w[0], a.w[1] & b.w[1]}};
}

/* Bits @bit .. @bit + @n - 1. */
static struct bits128 bits_run(unsigned bit, unsigned n)
{
	struct bits128 from = bits_from(bit), beyond = bits_from(bit + n);

	return (struct bits128){{from.w[0] & ~beyond.w[0], from.w[1] & ~beyond.w[1]}};
}

/* Each bit moves down by 1 .. 64. */
static struct bits128 bits_down(struct bits128 x, unsigned by)
{
	if (by == 64)
		return (struct bits128){{x.w[1], 0}};
	return (struct bits128){{x.w[0] >> by | x.w[1] << (64 - by), x.w[1] >> by}};
}

static bool bits_any(struct bits128 x)
{
	return x.w[0] | x.w[1];
}

static unsigned bits_lowest(struct bits128 x)
{
	return x.w[0] ? (unsigned)__builtin_ctzll(x.w[0]) : 64 + (unsigned)__builtin_ctzll(x.w[1]);
}

/* Where @n free slots follow each other; the end of the segment cuts, rule 2.1. */
static struct bits128 runs_of(struct bits128 free, unsigned n)
{
	unsigned have, step;

	for (have = 1; have < n; have += step) {
		step = have < n - have ? have : n - have;
		free = bits_and(free, bits_down(free, step));
	}
	return free;
}

/* The bits that are @first modulo @period, a power of two. */
static struct bits128 bits_periodic(uint64_t first, uint64_t period)
{
	uint64_t word;

	if (first >= SEGMENT_SLOTS)
		return (struct bits128){{0, 0}};
	if (period > 64)
		return bits_run((unsigned)first, 1);
	word = period == 64 ? 1 : UINT64_MAX / ((UINT64_C(1) << period) - 1);
	return (struct bits128){{word << first, word << first}};
}

/* A request in the terms of one area; slots count from the area's start. */
struct tour {
	const struct swiotlb_request *req;
	struct swiotlb_segment *segments; /* the area's */
	uint64_t area_slots;
	uint64_t device_slot; /* device address of the area, as far as the boundary sees it */
	uint64_t residue;     /* of the slots at which a run may begin, modulo req->period */
};

static struct tour tour_of(struct swiotlb_pool *pool, uint64_t area,
			   const struct swiotlb_request *req)
{
	dmp_addr_t addr = (pool->phys + req->addr_offset) & req->boundary_mask;
	uint64_t first = area * pool->area_slots;
	struct tour tour = {
		.req = req,
		.segments = &pool->segments[first / SEGMENT_SLOTS],
		.area_slots = pool->area_slots,
		.device_slot = (addr >> SLOT_SHIFT) + first,
	};

	tour.residue = (req->residue - tour.device_slot) & (req->period - 1);
	return tour;
}

static bool crosses_boundary(const struct tour *tour, uint64_t slot)
{
	uint64_t from = (tour->device_slot + slot) & (tour->req->boundary_slots - 1);

	return from + tour->req->nslots > tour->req->boundary_slots;
}

/* The first place in segment @seg from slot @lo of the area on, before @hi. */
static bool find_in_segment(const struct tour *tour, uint64_t seg, uint64_t lo, uint64_t hi,
			    uint64_t *slot)
{
	const struct swiotlb_segment *segment = &tour->segments[seg];
	uint64_t base = seg * SEGMENT_SLOTS;
	struct bits128 bits = {{segment->free[0], segment->free[1]}};
	unsigned bit;

	if (!bits_any(bits))
		return false;
	bits = runs_of(bits, (unsigned)tour->req->nslots);
	bits = bits_and(bits, bits_from(lo > base ? (unsigned)(lo - base) : 0));
	bits = bits_and(bits, bits_periodic((tour->residue - base) & (tour->req->period - 1),
					    tour->req->period));
	while (bits_any(bits)) {
		bit = bits_lowest(bits);
		*slot = base + bit;
		if (*slot >= hi)
			return false;
		if (!crosses_boundary(tour, *slot))
			return true;
		bits.w[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
	}
	return false;
}

static bool find_between(const struct tour *tour, uint64_t lo, uint64_t hi, uint64_t *slot)
{
	uint64_t seg;

	for (seg = lo / SEGMENT_SLOTS; seg * SEGMENT_SLOTS < hi; seg++)
		if (find_in_segment(tour, seg, lo, hi, slot))
			return true;
	return false;
}

/* By how much the last step from the slots behind @index on leaves the area. */
static uint64_t overshoot(const struct tour *tour, uint64_t index)
{
	uint64_t top = tour->area_slots - 1;
	uint64_t back = (top - tour->residue) & (tour->req->period - 1);

	if (back > top || top - back < index)
		return 0; /* it steps slot by slot */
	return top - back + tour->req->stride > tour->area_slots
		       ? top - back + tour->req->stride - tour->area_slots
		       : 0;
}

/* One tour, rule 5.4b. */
static bool find_run_locked(const struct tour *tour, uint64_t index, uint64_t *slot)
{
	uint64_t lost;

	if (find_between(tour, index, tour->area_slots, slot))
		return true;
	lost = overshoot(tour, index);
	return lost < index && find_between(tour, 0, index - lost, slot);
}

/* Marks a run used, or free, and its first slot as such. */
static void mark_locked(struct swiotlb_pool *pool, uint64_t first, uint64_t nslots, bool used)
{
	struct swiotlb_segment *segment = &pool->segments[first / SEGMENT_SLOTS];
	unsigned bit = first % SEGMENT_SLOTS, w;
	struct bits128 run = bits_run(bit, (unsigned)nslots);
	uint64_t start = UINT64_C(1) << (bit % 64);

	dmp_lock_assert_held(&swiotlb_area_of(pool, first)->area_lock);
	for (w = 0; w < SEGMENT_WORDS; w++)
		segment->free[w] ^= run.w[w];
	w = bit / 64;
	/* relaxed: who looks for a mapping got its address from whoever set the bit */
	store_relaxed(&segment->first[w], used ? load_relaxed(&segment->first[w]) | start
					       : load_relaxed(&segment->first[w]) & ~start);
}

static void describe(const struct swiotlb_mapping *m, const struct swiotlb_request *req)
{
	struct swiotlb_note *note = &m->pool->notes[m->first];

	if (req->pad) {
		*note = (struct swiotlb_note){.pad = (uint32_t)req->pad};
		note += req->pad;
	}
	*note = (struct swiotlb_note){
		.orig = m->orig,
		.len = (uint32_t)req->len,
		.low = (uint32_t)req->low,
		.end = (uint32_t)(req->bytes - (req->pad << SLOT_SHIFT)),
	};
}

static void area_changed_locked(struct swiotlb_pool *pool, struct swiotlb_area *area, uint64_t used)
{
	/* relaxed, all: read for reports, and to spare the lock of a full area */
	store_relaxed(&area->used, used);
	if (used > load_relaxed(&area->peak))
		store_relaxed(&area->peak, used);
	/* At checks >= 3: walks once for as many changes as there are slots, O(1) a change. */
	if (DMP_CHECKS >= 3 && ++area->unwalked > pool->area_slots) {
		area->unwalked = 0;
		swiotlb_check_area_locked(pool, (uint64_t)(area - pool->areas));
	}
}

static bool claim_locked(struct swiotlb_pool *pool, uint64_t number,
			 const struct swiotlb_request *req, struct swiotlb_mapping *m)
{
	struct swiotlb_area *area = &pool->areas[number];
	struct tour tour = tour_of(pool, number, req);
	uint64_t used = load_relaxed(&area->used), slot = 0; /* relaxed: under the lock */

	if (req->nslots > pool->area_slots - used || !find_run_locked(&tour, area->index, &slot))
		return false;
	m->first = number * pool->area_slots + slot;
	mark_locked(pool, m->first, req->nslots, true);
	describe(m, req);
	slot += req->nslots;
	area->index = slot < pool->area_slots ? slot : 0; /* rule 5.6 */
	area_changed_locked(pool, area, used + req->nslots);
	return true;
}

/* Rules 5.4-5.6 in area @number of @pool. */
bool swiotlb_slot_claim(struct swiotlb_pool *pool, uint64_t number,
			const struct swiotlb_request *req, dmp_phys_t orig,
			struct swiotlb_mapping *m)
{
	struct swiotlb_area *area = &pool->areas[number];
	bool found;

	/* relaxed: a look before the lock is worth taking; repeated under it */
	if (req->nslots > pool->area_slots - load_relaxed(&area->used))
		return false;
	*m = (struct swiotlb_mapping){
		.pool = pool,
		.nslots = req->nslots,
		.pad = req->pad,
		.len = req->len,
		.orig = orig,
	};
	dmp_lock_acquire(&area->area_lock);
	found = claim_locked(pool, number, req, m);
	dmp_lock_release(&area->area_lock);
	if (!found)
		return false;
	m->phys = pool->phys + ((m->first + req->pad) << SLOT_SHIFT) + req->low;
	m->end = pool->phys + (m->first << SLOT_SHIFT) + req->bytes;
	return true;
}

/* Rule 7.6.  -ENOENT: it is not there any more; nothing is changed. */
int swiotlb_slot_release(const struct swiotlb_mapping *m)
{
	struct swiotlb_area *area = swiotlb_area_of(m->pool, m->first);
	struct swiotlb_mapping now = {0};
	bool is_live;

	dmp_lock_acquire(&area->area_lock);
	is_live = swiotlb_slot_find(m->pool, m->first, &now) && now.first == m->first &&
		  now.nslots == m->nslots;
	if (is_live) {
		mark_locked(m->pool, m->first, m->nslots, false);
		area_changed_locked(m->pool, area, load_relaxed(&area->used) - m->nslots);
	}
	dmp_lock_release(&area->area_lock);
	return is_live ? 0 : -ENOENT;
}

/* The nearest slot at or below @slot of its segment where a mapping begins. */
static bool find_first(const struct swiotlb_pool *pool, uint64_t slot, uint64_t *first)
{
	const struct swiotlb_segment *segment = &pool->segments[slot / SEGMENT_SLOTS];
	unsigned bit = slot % SEGMENT_SLOTS, w = bit / 64;
	/* relaxed: a live mapping's own bits have not changed since its address was given */
	uint64_t word = load_relaxed(&segment->first[w]) & UINT64_MAX >> (63 - bit % 64);

	if (!word && w == 1) {
		w = 0;
		word = load_relaxed(&segment->first[0]);
	}
	if (!word)
		return false;
	*first = slot - bit + w * 64 + dmp_log2_floor(word);
	return true;
}

/* The mapping that @slot belongs to; false for a free slot. */
bool swiotlb_slot_find(struct swiotlb_pool *pool, uint64_t slot, struct swiotlb_mapping *m)
{
	uint64_t first = 0, pad, nslots;
	struct swiotlb_note note;
	dmp_phys_t data;

	if (!find_first(pool, slot, &first))
		return false;
	pad = pool->notes[first].pad;
	note = pool->notes[first + pad];
	nslots = pad + ((note.end + SLOT_MASK) >> SLOT_SHIFT);
	if (slot >= first + nslots)
		return false;
	data = pool->phys + ((first + pad) << SLOT_SHIFT);
	*m = (struct swiotlb_mapping){
		.pool = pool,
		.first = first,
		.nslots = nslots,
		.pad = pad,
		.phys = data + note.low,
		.len = note.len,
		.end = data + note.end,
		.orig = note.orig,
	};
	return true;
}
