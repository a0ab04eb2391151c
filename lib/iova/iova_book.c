// SPDX-License-Identifier: MIT
/*
 * iova_book.c - the ranges of a stretch of pfns, by pfn: what a policy writes down
 *
 *      lowest                                        highest
 *        |   [a]     [b][c]          [d]                |[ lid .............. ]A
 *
 * The tree knows one end of the space, the anchor.  A book that ends earlier has a lid, a
 * range from there to the anchor that no caller ever sees: without it every search would
 * find the endless gap above the book's last range.
 *
 * A reservation takes what is free and leaves what is there as it is:
 *
 *   before            [a]       [b]
 *   reserve     lo ...................... hi
 *   after       [    ][a][     ][b][     ]      each part is a range of its own
 *
 * so that a later free of a removes a, and nothing that was reserved.
 *
 * Invariants, walked by iova_book_check(): T1-T5 of iova_tree.c, and
 *  K1  no range but the lid reaches beyond highest; the lid covers all the rest.
 *
 * Locking: the caller's.
 */
#include "iova_book.h"

struct iova_node *iova_record_create(void)
{
	return dmp_meta_alloc(DMP_META_RANGE, sizeof(struct iova_node));
}

void iova_record_destroy(struct iova_node *record)
{
	dmp_meta_free(record, sizeof(*record));
}

void iova_book_init(struct iova_book *book, uint64_t lowest, uint64_t highest)
{
	struct iova_cursor cur;

	iova_tree_init(&book->tree, lowest);
	book->highest = highest;
	book->unwalked = 0;
	if (!iova_book_has_lid(book))
		return;
	iova_tree_seek(&book->tree, highest, &cur);
	iova_cursor_insert(&cur, &book->lid, highest + 1, IOVA_ANCHOR_PFN - 1);
}

void iova_book_clear(struct iova_book *book)
{
	struct iova_cursor cur;

	if (iova_book_has_lid(book)) {
		iova_tree_seek(&book->tree, book->highest + 1, &cur);
		iova_cursor_remove(&cur);
	}
	iova_tree_clear(&book->tree, iova_record_destroy);
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

bool iova_book_take(struct iova_book *book, struct iova_node *record,
		    const struct iova_request *req, uint64_t limit, uint64_t *lo)
{
	struct iova_cursor cur;

	if (!iova_tree_fit(&book->tree, req, limit + 1, &cur, lo))
		return false;
	iova_cursor_insert(&cur, record, *lo, *lo + req->size - 1);
	book_changed(book);
	return true;
}

void iova_book_add(struct iova_book *book, struct iova_node *record, uint64_t lo, uint64_t hi)
{
	struct iova_cursor cur;

	iova_tree_seek(&book->tree, lo, &cur);
	iova_cursor_insert(&cur, record, lo, hi);
	book_changed(book);
}

bool iova_book_reserve(struct iova_book *book, uint64_t lo, uint64_t hi)
{
	struct dmp_iova_range there;
	struct iova_node *record;
	uint64_t last;

	for (;; lo = there.hi + 1) {
		if (!iova_book_reaching(book, lo, &there) || there.lo > hi)
			there.lo = there.hi = hi + 1;
		last = there.lo - 1;
		if (lo < there.lo) {
			record = iova_record_create();
			if (!record)
				return false;
			iova_book_add(book, record, lo, last);
		}
		if (there.hi >= hi)
			return true;
	}
}

struct iova_node *iova_book_remove(struct iova_book *book, uint64_t pfn,
				   struct dmp_iova_range *removed)
{
	struct iova_node *record;
	struct iova_cursor cur;

	if (pfn > book->highest || !iova_tree_find(&book->tree, pfn, &cur))
		return NULL;
	*removed = iova_cursor_range(&cur);
	record = iova_cursor_remove(&cur);
	book_changed(book);
	return record;
}

bool iova_book_find(struct iova_book *book, uint64_t pfn, struct dmp_iova_range *range)
{
	struct iova_cursor cur;

	if (pfn > book->highest || !iova_tree_find(&book->tree, pfn, &cur))
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
	struct dmp_iova_range found;

	if (!iova_tree_next(&book->tree, from, &found) || found.lo > book->highest)
		return false;
	*range = found;
	return true;
}

const char *iova_book_check(const struct iova_book *book)
{
	const char *wrong = iova_tree_check(&book->tree);

	if (wrong || !iova_book_has_lid(book))
		return wrong;
	if (book->lid.lo != book->highest + 1 || book->lid.floor > book->lid.lo)
		return "a range reaches beyond its stretch of the space";
	return book->tree.anchor.floor == IOVA_ANCHOR_PFN ? NULL : "the lid leaves a gap open";
}
