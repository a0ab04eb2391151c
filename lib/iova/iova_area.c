// SPDX-License-Identifier: MIT
/*
 * iova_area.c - what each granule of a stretch of pfns is, changed without a lock
 *
 *   word   | .. | g2 | g1 | g0 |      granule n in bits 2n and 2n + 1:
 *                                     00 free, 01 one, 10 many, 11 stale
 *
 * A set of granules is a mask of the even bits.  Two states differ in one or both bits, so
 * that changing a set of granules from one to the other is an exclusive or with the mask times
 * that difference.
 *
 *          one -----.
 *         ^          v
 *   free -|           stale --> free       each arrow a compare-and-swap of one word; the
 *         v          ^                     one from stale back is called reviving
 *          many ----'
 *
 * Ordering: every change acquires and releases its word, so that who finds a granule as it
 *  was left sees what was done before.
 *  [LEAF]  iova_area_add_leaf: words written, then the leaf is published
 *          iova_area_leaf: pointer read, then words
 *
 * Progress: lock-free; a change is repeated only when another one of its word succeeded.
 *
 * Beside whom: everything beside everything, but two of iova_area_add_leaf() for one leaf.
 */
#include "iova_area.h"

#include <dmapool/bits.h>

#include <assert.h>

#define EVEN_BITS UINT64_C(0x5555555555555555)

static_assert(IOVA_WORD_GRANULES == 64 / 2, "two bits a granule");

void iova_area_init(struct iova_area *area, uint64_t first)
{
	area->base = dmp_align_down(first, IOVA_LEAF_GRANULES);
}

void iova_area_clear(struct iova_area *area)
{
	unsigned i;

	for (i = 0; i < IOVA_AREA_LEAVES; i++) /* relaxed: nobody else is left */
		dmp_meta_free(load_relaxed(&area->leaf[i]), sizeof(struct iova_leaf));
}

/* Words. */

uint64_t iova_word_mask(unsigned first, unsigned last)
{
	return (EVEN_BITS << 2 * first) & (EVEN_BITS >> 2 * (IOVA_WORD_GRANULES - 1 - last));
}

static uint64_t mask_of_state(uint64_t word, enum iova_state state)
{
	uint64_t differs = word ^ (EVEN_BITS * state);

	return ~(differs | differs >> 1) & EVEN_BITS;
}

/* Those of @mask that are @from become @to; returns which. */
static uint64_t change_word(iova_word *word, uint64_t mask, enum iova_state from,
			    enum iova_state to)
{
	uint64_t was = load_relaxed(word), which; /* relaxed: the exchange checks it */

	do {
		which = mask_of_state(was, from) & mask;
		if (!which)
			return 0;
	} while (!cas_acq_rel(word, &was, was ^ which * (from ^ to)));
	return which;
}

/* The piece of a stretch that stands in one word. */
struct piece {
	iova_word *word; /* NULL: in a leaf that is not there */
	uint64_t mask;
	uint64_t last; /* its last pfn */
};

static iova_word *word_of(struct iova_leaf *leaf, uint64_t pfn)
{
	return &leaf->word[pfn % IOVA_LEAF_GRANULES / IOVA_WORD_GRANULES];
}

/* The piece that begins at @lo, of what ends at @hi; a missing leaf is one piece. */
static struct piece piece_from(struct iova_area *area, uint64_t lo, uint64_t hi)
{
	struct iova_leaf *leaf = iova_area_leaf(area, lo);
	uint64_t last = lo | ((leaf ? IOVA_WORD_GRANULES : IOVA_LEAF_GRANULES) - 1);
	struct piece piece = {.last = last < hi ? last : hi};

	if (!leaf)
		return piece;
	piece.word = word_of(leaf, lo);
	piece.mask = iova_word_mask(lo % IOVA_WORD_GRANULES, piece.last % IOVA_WORD_GRANULES);
	return piece;
}

/* Leaves. */

struct iova_leaf *iova_leaf_create(void)
{
	return dmp_meta_alloc(DMP_META_RANGE, sizeof(struct iova_leaf));
}

void iova_leaf_fill(struct iova_leaf *leaf, uint64_t pfn, uint64_t lo, uint64_t hi)
{
	uint64_t first = dmp_align_down(pfn, IOVA_LEAF_GRANULES);
	uint64_t last = first | (IOVA_LEAF_GRANULES - 1), end;

	if (lo < first)
		lo = first;
	if (hi > last)
		hi = last;
	for (; lo <= hi; lo = end + 1) {
		end = (lo | (IOVA_WORD_GRANULES - 1)) < hi ? lo | (IOVA_WORD_GRANULES - 1) : hi;
		change_word(word_of(leaf, lo),
			    iova_word_mask(lo % IOVA_WORD_GRANULES, end % IOVA_WORD_GRANULES),
			    IOVA_FREE, IOVA_MANY);
	}
}

void iova_area_add_leaf(struct iova_area *area, uint64_t pfn, struct iova_leaf *leaf)
{
	store_release(&area->leaf[(pfn - area->base) >> IOVA_LEAF_SHIFT], leaf); /* [LEAF] */
}

/* Looking. */

uint64_t iova_area_mask(struct iova_area *area, uint64_t pfn, enum iova_state state)
{
	struct piece piece = piece_from(area, pfn, pfn | (IOVA_WORD_GRANULES - 1));

	if (piece.word)
		return mask_of_state(load_acquire(piece.word), state);
	return state == IOVA_FREE ? EVEN_BITS : 0;
}

enum iova_state iova_area_get(struct iova_area *area, uint64_t pfn)
{
	struct iova_leaf *leaf = iova_area_leaf(area, pfn);

	if (!leaf)
		return IOVA_FREE;
	return load_acquire(word_of(leaf, pfn)) >> 2 * (pfn % IOVA_WORD_GRANULES) & 3;
}

bool iova_area_lowest(struct iova_area *area, uint64_t lo, uint64_t hi, enum iova_state state,
		      uint64_t *pfn)
{
	struct piece piece;
	uint64_t which;

	for (; lo <= hi; lo = piece.last + 1) {
		piece = piece_from(area, lo, hi);
		if (!piece.word && state == IOVA_FREE) {
			*pfn = lo;
			return true;
		}
		which = piece.word ? mask_of_state(load_acquire(piece.word), state) & piece.mask
				   : 0;
		if (which) {
			*pfn = dmp_align_down(lo, IOVA_WORD_GRANULES) +
			       (unsigned)__builtin_ctzll(which) / 2;
			return true;
		}
	}
	return false;
}

/* The piece that ends at @hi, of what begins at @lo. */
static struct piece piece_to(struct iova_area *area, uint64_t lo, uint64_t hi, uint64_t *first)
{
	struct iova_leaf *leaf = iova_area_leaf(area, hi);

	*first = dmp_align_down(hi, leaf ? IOVA_WORD_GRANULES : IOVA_LEAF_GRANULES);
	if (*first < lo)
		*first = lo;
	return piece_from(area, *first, hi);
}

bool iova_area_highest_used(struct iova_area *area, uint64_t lo, uint64_t hi, uint64_t *pfn)
{
	struct piece piece;
	uint64_t first, used;

	for (;; hi = first - 1) {
		piece = piece_to(area, lo, hi, &first);
		used = piece.word ? piece.mask & ~mask_of_state(load_acquire(piece.word), IOVA_FREE)
				  : 0;
		if (used) {
			*pfn = dmp_align_down(hi, IOVA_WORD_GRANULES) + dmp_log2_floor(used) / 2;
			return true;
		}
		if (first == lo)
			return false;
	}
}

/* Changing. */

uint64_t iova_area_change(struct iova_area *area, uint64_t lo, uint64_t hi, enum iova_state from,
			  enum iova_state to)
{
	struct piece piece;
	uint64_t n = 0;

	for (; lo <= hi; lo = piece.last + 1) {
		piece = piece_from(area, lo, hi);
		if (piece.word)
			n += (unsigned)__builtin_popcountll(
				change_word(piece.word, piece.mask, from, to));
	}
	return n;
}

bool iova_area_claim_one(struct iova_area *area, uint64_t lo, uint64_t hi, uint64_t *pfn)
{
	uint64_t at;

	while (iova_area_lowest(area, lo, hi, IOVA_FREE, &at)) {
		if (iova_area_change(area, at, at, IOVA_FREE, IOVA_ONE)) {
			*pfn = at;
			return true;
		}
		lo = at;
	}
	return false;
}

/* All of @mask from free to many, or none. */
static bool claim_word(iova_word *word, uint64_t mask)
{
	uint64_t was = load_relaxed(word); /* relaxed: the exchange checks it */

	do {
		if ((mask_of_state(was, IOVA_FREE) & mask) != mask)
			return false;
	} while (!cas_acq_rel(word, &was, was ^ mask * IOVA_MANY));
	return true;
}

bool iova_area_claim(struct iova_area *area, uint64_t lo, uint64_t hi)
{
	struct piece piece;
	uint64_t at;

	for (at = lo; at <= hi; at = piece.last + 1) {
		piece = piece_from(area, at, hi);
		if (claim_word(piece.word, piece.mask))
			continue;
		if (at > lo)
			iova_area_change(area, lo, at - 1, IOVA_MANY, IOVA_FREE);
		return false;
	}
	return true;
}
