// SPDX-License-Identifier: MIT
/*
 * swiotlb_find.c - the first place in an area where a run of free slots can begin
 *
 * No slot is looked at by itself, and no segment that cannot serve the request.
 *
 *      kinds      a byte a segment: which kinds of free runs it may have
 *        |  next byte with the request's kind, eight segments at a time
 *        v
 *      free       128 bits: folded until a bit stands for n free slots in a row, masked
 *        |        with the slots that fit alignment, window and boundary
 *        v  lowest bit
 *      slot
 *
 * The kinds are
 *
 *      bit 0      a slot
 *      bit 1      two, anywhere
 *      bit 2 + k  2^(k+1), beginning at an even slot: 2, 4 ... 64
 *
 * since from a page on a buffer begins at a page, which is an even slot, if the device sees
 * the pool so; and a run of n at an odd slot has one of n - 1 at an even slot in it.
 *
 * A set bit is a hope, a clear one is certain.  A release sets what the run is that it
 * makes.  A claim leaves all as it is; what it made wrong is found by the next search that
 * visits the segment in vain, and cleared.  So each release costs one such visit at most.
 *
 * Invariant, walked by swiotlb_check_area_locked():
 *  S4  a segment has no free run of a kind whose bit is clear.
 *
 * Locking: (l) area_lock, held by the caller.
 *
 * Source: spec-bounce 2.1, 5.4; the kinds are our own.
 */
#include "swiotlb_internal.h"

#define KIND_SLOT    1u
#define KIND_PAIR    2u
#define EVEN_KINDS   6u /* 2 .. 64 */
#define KINDS_A_WORD 8u
#define ALL_BYTES    UINT64_C(0x0101010101010101)
/* The even kinds of 2^@k slots and more. */
#define EVEN_FROM(k) (0xffu & ~((1u << ((k) + 1)) - 1))

/* The kind that a run of @n slots at an even slot is, and that it must be. */
static unsigned even_kind(uint64_t n)
{
	unsigned k = dmp_log2_floor(n);

	return 2u << (k < EVEN_KINDS ? k : EVEN_KINDS);
}

/* A kind that every run for @need is of. */
static unsigned kind_of(const struct dmp_swiotlb_need *need)
{
	bool begins_even = need->period > 1 && need->residue % 2 == 0;
	uint64_t even = begins_even ? need->nslots : need->nslots - 1;

	if (need->nslots == 1)
		return KIND_SLOT;
	return even < 2 ? KIND_PAIR : even_kind(even);
}

/* All kinds that a run of free slots from @from to @to, exclusive, is of. */
unsigned swiotlb_kinds_of_run(unsigned from, unsigned to)
{
	unsigned even = from + from % 2;

	if (to >= even + 2)
		return 2 * even_kind(to - even) - 1;
	return to >= from + 2 ? KIND_SLOT | KIND_PAIR : KIND_SLOT;
}

/* What @runs, the places of @n free slots in a row of a whole segment, have proved absent. */
static unsigned absent_kinds(struct bits128 runs, uint64_t n)
{
	unsigned absent = 0;

	if (!bits_any_even(runs))
		absent = EVEN_FROM(n < 2 ? 1 : dmp_log2_ceil(n));
	if (!bits_any(runs) && n <= 2)
		absent |= n == 1 ? KIND_SLOT | KIND_PAIR : KIND_PAIR;
	return absent;
}

static void clear_kinds(struct dmp_swiotlb_area *area, uint64_t seg, unsigned kinds)
{
	swiotlb_kinds(area)[seg / KINDS_A_WORD] &= ~((uint64_t)kinds << seg % KINDS_A_WORD * 8);
}

void swiotlb_kinds_set(struct dmp_swiotlb_area *area, uint64_t seg, unsigned kinds)
{
	swiotlb_kinds(area)[seg / KINDS_A_WORD] |= (uint64_t)kinds << seg % KINDS_A_WORD * 8;
}

/* The first segment from @seg on, before @end, that may have a run of @kind; else @end. */
static uint64_t next_hope(struct dmp_swiotlb_area *area, unsigned kind, uint64_t seg, uint64_t end)
{
	uint64_t i = seg / KINDS_A_WORD, wanted = ALL_BYTES * kind, word;
	const uint64_t *kinds = swiotlb_kinds(area);

	if (seg >= end)
		return end;
	word = kinds[i] & wanted & UINT64_MAX << seg % KINDS_A_WORD * 8;
	while (!word) {
		if (++i * KINDS_A_WORD >= end)
			return end;
		word = kinds[i] & wanted;
	}
	seg = i * KINDS_A_WORD + (unsigned)__builtin_ctzll(word) / 8;
	return seg < end ? seg : end;
}

/* The first of the places @bits of the segment at slot @base, before slot @hi. */
static bool first_place(const struct dmp_swiotlb_need *need, struct bits128 bits, uint64_t base,
			uint64_t hi, uint64_t *slot)
{
	unsigned bit;

	for (; bits_any(bits); bits.w[bit / 64] &= ~(UINT64_C(1) << bit % 64)) {
		bit = bits_lowest(bits);
		if (base + bit >= hi)
			return false;
		if (!swiotlb_crosses_boundary(need, base + bit)) {
			*slot = base + bit;
			return true;
		}
	}
	return false;
}

static bool find_in_segment(struct dmp_swiotlb_area *area, const struct dmp_swiotlb_need *need,
			    uint64_t seg, uint64_t lo, uint64_t hi, uint64_t *slot)
{
	const struct swiotlb_segment *segment = swiotlb_segment_at(area, seg);
	uint64_t base = seg * SEGMENT_SLOTS;
	struct bits128 free = {{segment->free[0], segment->free[1]}};
	struct bits128 runs = bits_runs_of(free, (unsigned)need->nslots), fit;

	fit = bits_and(runs, bits_from(lo > base ? (unsigned)(lo - base) : 0));
	fit = bits_and(fit,
		       bits_periodic((need->residue - base) & (need->period - 1), need->period));
	if (first_place(need, fit, base, hi, slot))
		return true;
	clear_kinds(area, seg, absent_kinds(runs, need->nslots));
	return false;
}

bool dmp_swiotlb_area_find(struct dmp_swiotlb_area *area, const struct dmp_swiotlb_need *need,
			   uint64_t lo, uint64_t hi, uint64_t *slot)
{
	unsigned kind = kind_of(need);
	uint64_t end, seg;

	hi = hi < area->nslots ? hi : area->nslots;
	end = (hi + SEGMENT_SLOTS - 1) / SEGMENT_SLOTS;
	if (need->nslots > need->boundary_slots)
		return false;
	for (seg = next_hope(area, kind, lo / SEGMENT_SLOTS, end); seg < end;
	     seg = next_hope(area, kind, seg + 1, end))
		if (find_in_segment(area, need, seg, lo, hi, slot))
			return true;
	return false;
}

bool dmp_swiotlb_area_fits(const struct dmp_swiotlb_area *area, const struct dmp_swiotlb_need *need,
			   uint64_t slot)
{
	return (slot & (need->period - 1)) == need->residue && swiotlb_is_room(area, need, slot);
}
