/* SPDX-License-Identifier: MIT */
/*
 * iova_book.h - the ranges of a stretch of pfns, by pfn: what a policy writes down
 *
 * A tree of ranges and what every policy does with one.  Not locked: each call under the lock
 * of the policy that owns the book, also those that allocate.
 */
#ifndef DMAPOOL_IOVA_BOOK_H
#define DMAPOOL_IOVA_BOOK_H

#include "iova_tree.h"

struct iova_book {
	struct iova_tree tree;
	uint64_t unwalked; /* changes since the last walk; checks >= 3 only */
};

/* Free pfns are @lowest .. @highest; a range may be written down below @lowest too. */
void iova_book_init(struct iova_book *book, uint64_t lowest, uint64_t highest);
/* Strikes out everything. */
void iova_book_clear(struct iova_book *book);

/* Takes the highest free place that ends at or below @limit, which is not all ones: 0, -ENOSPC
 * or -ENOMEM. */
int iova_book_take(struct iova_book *book, const struct iova_request *req, uint64_t limit,
		   uint64_t *lo);
/* Writes @lo .. @hi down: free until then; iova_book_prepare() said yes. */
void iova_book_add(struct iova_book *book, uint64_t lo, uint64_t hi);
/* Writes every part of @lo .. @hi down that no range covers; false: no memory, some are. */
bool iova_book_reserve(struct iova_book *book, uint64_t lo, uint64_t hi);
/* Strikes out the whole range that contains @pfn; false: none does. */
bool iova_book_remove(struct iova_book *book, uint64_t pfn, struct dmp_iova_range *removed);

/* The range that contains @pfn. */
bool iova_book_find(struct iova_book *book, uint64_t pfn, struct dmp_iova_range *range);
/* The lowest range that starts at or above @from. */
bool iova_book_next(struct iova_book *book, uint64_t from, struct dmp_iova_range *range);
/* The lowest range with a pfn at or above @from. */
bool iova_book_reaching(struct iova_book *book, uint64_t from, struct dmp_iova_range *range);

/* NULL, or what is wrong; O(ranges). */
const char *iova_book_check(const struct iova_book *book);

/* Is there memory to write one more range down? */
static inline bool iova_book_prepare(struct iova_book *book)
{
	return iova_tree_prepare(&book->tree);
}

static inline uint64_t iova_book_nranges(const struct iova_book *book)
{
	return book->tree.nranges;
}

/* No free run is longer; exact below IOVA_ROOM_MAX. */
static inline uint64_t iova_book_longest(const struct iova_book *book)
{
	uint32_t longest = iova_tree_largest_gap(&book->tree);

	return longest < IOVA_ROOM_MAX ? longest : UINT64_MAX;
}

#endif
