// SPDX-License-Identifier: MIT
/*
 * iova_book.c - the ranges of a stretch of pfns, by pfn: what a policy writes down
 *
 *      lowest                                        highest
 *        |   [a]     [b][c]          [d]                |[anchor
 *
 * A reservation takes what is free and leaves what is there as it is:
 *
 *   before            [a]       [b]
 *   reserve     lo ...................... hi
 *   after       [    ][a][     ][b][     ]      each part is a range of its own
 *
 * so that a later free of a removes a, and nothing that was reserved.
 *
 * Invariants, walked by iova_book_check(): those of iova_tree.c.
 *
 * Locking: the caller's.
 */
#include "iova_book.h"

void iova_book_init(struct iova_book *book, uint64_t lowest, uint64_t highest)
{
	iova_tree_init(&book->tree, lowest, highest + 1);
	book->unwalked = 0;
}

void iova_book_clear(struct iova_book *book)
{
	iova_tree_clear(&book->tree);
}

/* At checks >= 3: walks once for as many changes as there are ranges, O(1) a change. */
static void book_changed(struct iova_book *book)
{
	const char *wrong;

	if (DMP_CHECKS < 3 || ++book->unwalked <= book->tree.nranges)
		return;
	book->unwalked = 0;
	wrong = iova_book_check(book);
	if (wrong)
		dmp_log(DMP_LOG_BUG, "iova: %s", wrong);
}

int iova_book_take(struct iova_book *book, const struct iova_request *req, uint64_t limit,
		   uint64_t *lo)
{
	struct iova_cursor cur;
	uint64_t place;

	if (!iova_tree_fit(&book->tree, req, limit + 1, &cur, &place))
		return -ENOSPC;
	if (!iova_book_prepare(book))
		return -ENOMEM;
	iova_cursor_insert(&cur, place, place + req->size - 1);
	book_changed(book);
	*lo = place;
	return 0;
}

void iova_book_add(struct iova_book *book, uint64_t lo, uint64_t hi)
{
	struct iova_cursor cur;

	iova_tree_seek(&book->tree, lo, &cur);
	iova_cursor_insert(&cur, lo, hi);
	book_changed(book);
}

bool iova_book_reserve(struct iova_book *book, uint64_t lo, uint64_t hi)
{
	struct dmp_iova_range there;

	for (;; lo = there.hi + 1) {
		if (!iova_book_reaching(book, lo, &there) || there.lo > hi)
			there.lo = there.hi = hi + 1;
		if (lo < there.lo) {
			if (!iova_book_prepare(book))
				return false;
			iova_book_add(book, lo, there.lo - 1);
		}
		if (there.hi >= hi)
			return true;
	}
}

bool iova_book_remove(struct iova_book *book, uint64_t pfn, struct dmp_iova_range *removed)
{
	struct iova_cursor cur;

	if (!iova_tree_find(&book->tree, pfn, &cur))
		return false;
	*removed = iova_cursor_range(&cur);
	iova_cursor_remove(&cur);
	book_changed(book);
	return true;
}

bool iova_book_find(struct iova_book *book, uint64_t pfn, struct dmp_iova_range *range)
{
	struct iova_cursor cur;

	if (!iova_tree_find(&book->tree, pfn, &cur))
		return false;
	*range = iova_cursor_range(&cur);
	return true;
}

bool iova_book_reaching(struct iova_book *book, uint64_t from, struct dmp_iova_range *range)
{
	return iova_book_find(book, from, range) || iova_book_next(book, from, range);
}

bool iova_book_next(struct iova_book *book, uint64_t from, struct dmp_iova_range *range)
{
	return iova_tree_next(&book->tree, from, range);
}

const char *iova_book_check(const struct iova_book *book)
{
	return iova_tree_check(&book->tree);
}
