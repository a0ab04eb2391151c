/* SPDX-License-Identifier: MIT */
/*
 * iova_area.h - what each granule of a stretch of pfns is, two bits each, changed without a lock
 *
 *   area    leaf[0]         leaf[1]    ...     leaf[IOVA_AREA_LEAVES - 1]
 *             |               |
 *             v               (none: all free)
 *           word[0] word[1] ...                32 granules a word, 2^15 a leaf
 *
 * A granule is free, a range of its own, part of a longer range, or stale: given back, and not
 * to be given out before somebody revives it.  Every change is one compare-and-swap of a word
 * that says what the granules were, so that of two who want one, one gets it.
 *
 * Leaves come and are not taken away again while the area lives.
 */
#ifndef DMAPOOL_IOVA_AREA_H
#define DMAPOOL_IOVA_AREA_H

#include <dmapool/port.h>

enum iova_state { IOVA_FREE, IOVA_ONE, IOVA_MANY, IOVA_STALE };

#define IOVA_WORD_GRANULES 32u
#define IOVA_LEAF_SHIFT    15u /* 8 KiB a leaf; 128 MiB of pages of 4 KiB */
#define IOVA_LEAF_GRANULES (UINT64_C(1) << IOVA_LEAF_SHIFT)
#define IOVA_LEAF_WORDS    (IOVA_LEAF_GRANULES / IOVA_WORD_GRANULES)
/* With the pointers to them an area takes two pages of its own, and 8 MiB when full. */
#define IOVA_AREA_LEAVES   1024u

typedef DMP_ATOMIC(uint64_t) iova_word;

struct iova_leaf {
	iova_word word[IOVA_LEAF_WORDS];
};

struct iova_area {
	uint64_t base;                                         /* (c) first pfn, a leaf's */
	DMP_ATOMIC(struct iova_leaf *) leaf[IOVA_AREA_LEAVES]; /* (a) set once */
};

/* @first: a pfn of the lowest leaf. */
void iova_area_init(struct iova_area *area, uint64_t first);
void iova_area_clear(struct iova_area *area);

static inline bool iova_area_covers(const struct iova_area *area, uint64_t pfn)
{
	return pfn >= area->base && (pfn - area->base) >> IOVA_LEAF_SHIFT < IOVA_AREA_LEAVES;
}

/* The leaf of @pfn, which the area covers; NULL: none yet. */
static inline struct iova_leaf *iova_area_leaf(struct iova_area *area, uint64_t pfn)
{
	/* [LEAF] its words are those of when it was added, or later */
	return load_acquire(&area->leaf[(pfn - area->base) >> IOVA_LEAF_SHIFT]);
}

struct iova_leaf *iova_leaf_create(void);
/* The part of @lo .. @hi that is in the leaf of @pfn is of longer ranges; before it is added. */
void iova_leaf_fill(struct iova_leaf *leaf, uint64_t pfn, uint64_t lo, uint64_t hi);
void iova_area_add_leaf(struct iova_area *area, uint64_t pfn, struct iova_leaf *leaf);

/* All below: lo .. hi are covered, and where there is no leaf, granules are free and stay so. */

enum iova_state iova_area_get(struct iova_area *area, uint64_t pfn);
/* The lowest granule that is @state; the highest that is not free. */
bool iova_area_lowest(struct iova_area *area, uint64_t lo, uint64_t hi, enum iova_state state,
		      uint64_t *pfn);
bool iova_area_highest_used(struct iova_area *area, uint64_t lo, uint64_t hi, uint64_t *pfn);
/* Those granules that are @from become @to; returns how many. */
uint64_t iova_area_change(struct iova_area *area, uint64_t lo, uint64_t hi, enum iova_state from,
			  enum iova_state to);
/* The lowest free granule becomes a range of its own.  There are leaves. */
bool iova_area_claim_one(struct iova_area *area, uint64_t lo, uint64_t hi, uint64_t *pfn);
/* All or none: free granules become part of a longer range.  There are leaves. */
bool iova_area_claim(struct iova_area *area, uint64_t lo, uint64_t hi);

/* Which of the 32 granules from @pfn on, a word's, are @state: bit 2n for the n-th. */
uint64_t iova_area_mask(struct iova_area *area, uint64_t pfn, enum iova_state state);
/* That mask for granules @first .. @last of a word. */
uint64_t iova_word_mask(unsigned first, unsigned last);

#endif
