// SPDX-License-Identifier: MIT
/*
 * iova_magazine.c - magazines, depots and pairs as plain containers
 *
 *   magazine   pfns[0] ... pfns[count - 1]      push and take at the top end
 *   depot      full -> mag -> mag -> NULL       full magazines, last in first out
 *   pair       base .. top .. full              the entries of loaded, while it is open
 *
 * Invariants, of magazines that hold up to size entries:
 *  M1  count <= size;
 *  M2  a magazine in a depot is full, and its count's word is the link; leaving the depot
 *      it is given its count again;
 *  M3  nfull is the length of the list;
 *  M4  between open and close only base .. top says what loaded holds; after close its count
 *      says the same.
 *
 * Locking: none here; whoever owns the container has it locked.
 *
 * Source: spec-iova 1.6; Bonwick and Adams, "Magazines and Vmem", USENIX 2001.
 */
#include "iova_internal.h"

#include <assert.h>

static_assert(sizeof(struct iova_magazine) == sizeof(uint64_t), "one word and the pfns");
static_assert(sizeof(struct iova_pair) == DMP_CACHE_LINE, "a push or a take touches one line");

static size_t magazine_bytes(unsigned size)
{
	return sizeof(struct iova_magazine) + size * sizeof(uint64_t);
}

/* An empty magazine for @size entries; NULL when there is no memory. */
struct iova_magazine *iova_magazine_create(unsigned size)
{
	return dmp_meta_alloc(DMP_META_MAGAZINE, magazine_bytes(size));
}

/* @mag may be NULL; its entries are forgotten. */
void iova_magazine_destroy(struct iova_magazine *mag, unsigned size)
{
	dmp_meta_free(mag, magazine_bytes(size));
}

/* @mag is not full. */
void iova_magazine_push(struct iova_magazine *mag, uint64_t pfn)
{
	mag->pfns[mag->count++] = pfn;
}

/*
 * Takes the topmost entry that is not above @highest_pfn.  The topmost of all fills its
 * place, so that the order of the rest changes.
 */
bool iova_magazine_take(struct iova_magazine *mag, uint64_t highest_pfn, uint64_t *pfn)
{
	uint64_t i = mag->count;

	while (i > 0 && mag->pfns[i - 1] > highest_pfn)
		i--;
	if (i == 0)
		return false;
	*pfn = mag->pfns[i - 1];
	mag->pfns[i - 1] = mag->pfns[--mag->count];
	return true;
}

/* @mag is full. */
void iova_depot_push(struct iova_depot *depot, struct iova_magazine *mag)
{
	mag->next = depot->full;
	depot->full = mag;
	depot->nfull++;
}

/* The magazine pushed last, of @size entries; NULL from an empty depot. */
struct iova_magazine *iova_depot_pop(struct iova_depot *depot, unsigned size)
{
	struct iova_magazine *mag = depot->full;

	if (!mag)
		return NULL;
	depot->full = mag->next;
	depot->nfull--;
	mag->count = size;
	return mag;
}

/* The @index-th from the top, which stays there; NULL beyond the bottom. */
const struct iova_magazine *iova_depot_peek(const struct iova_depot *depot, unsigned index)
{
	const struct iova_magazine *mag = depot->full;

	while (mag && index-- > 0)
		mag = mag->next;
	return mag;
}

/* Gives a closed @pair its magazines, unless it has them; false when there is no memory. */
bool iova_pair_make(struct iova_pair *pair, unsigned size)
{
	if (pair->loaded)
		return true;
	pair->prev = iova_magazine_create(size);
	pair->loaded = pair->prev ? iova_magazine_create(size) : NULL;
	if (pair->loaded)
		return true;
	iova_magazine_destroy(pair->prev, size);
	pair->prev = NULL;
	return false;
}

/* The reverse; the entries are forgotten. */
void iova_pair_drop(struct iova_pair *pair, unsigned size)
{
	iova_magazine_destroy(pair->loaded, size);
	iova_magazine_destroy(pair->prev, size);
	pair->loaded = pair->prev = NULL;
	pair->base = pair->top = pair->full = NULL;
}

/* From here on the magazines say what they hold. */
void iova_pair_close(struct iova_pair *pair)
{
	if (pair->loaded)
		pair->loaded->count = (uint64_t)(pair->top - pair->base);
}

/* The reverse: the owner may push and take. */
void iova_pair_open(struct iova_pair *pair, unsigned size)
{
	if (!pair->loaded)
		return;
	pair->base = pair->loaded->pfns;
	pair->top = pair->base + pair->loaded->count;
	pair->full = pair->base + size;
}
