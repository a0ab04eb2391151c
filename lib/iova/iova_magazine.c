// SPDX-License-Identifier: MIT
/*
 * iova_magazine.c - magazines, depots and pairs as plain containers
 *
 *   magazine   [count] pfns[0] ... pfns[count - 1]     push and take at the top end
 *   depot      full -> mag -> mag -> NULL              full magazines, last in first out
 *   pair       closed: loaded and prev, two magazines
 *              open:   [floor] pfns[0] ..... top .... full      loaded; prev as it is
 *
 * The floor is no pfn: a range that started there would end at 2^64 - 1, above every limit.
 * So the owner, who compares the entry below top with a limit, need not ask whether there is
 * an entry.  A pair without magazines has its top above such a word of its own.
 *
 * Invariants, of magazines that hold up to size entries:
 *  M1  count <= size;
 *  M2  a magazine in a depot is full, and its count's word is the link; leaving the depot
 *      it is given its count again;
 *  M3  nfull is the length of the list;
 *  M4  between open and close top says what loaded holds, and the floor is in the place of
 *      its count; after close its count says the same;
 *  M5  of a pair at any time: put = taken + held - moved.
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

/* Bottom of the entries of @mag. */
static uint64_t *bottom(struct iova_magazine *mag)
{
	return (uint64_t *)mag + 1;
}

/* A pair of class @order that has no magazines. */
void iova_pair_init(struct iova_pair *pair, unsigned order)
{
	*pair = (struct iova_pair){.last = (UINT64_C(1) << order) - 1};
	pair->nothing = UINT64_MAX - pair->last;
	pair->top = pair->full = &pair->nothing + 1;
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
	pair->top = pair->full = &pair->nothing + 1;
}

/* Entries of loaded, of an open pair. */
uint64_t iova_pair_count(const struct iova_pair *pair)
{
	return pair->loaded ? (uint64_t)(pair->top - bottom(pair->loaded)) : 0;
}

/* Ranges put since the start, of an open pair; M5. */
uint64_t iova_pair_nput(const struct iova_pair *pair)
{
	uint64_t held = iova_pair_count(pair) + (pair->prev ? pair->prev->count : 0);

	return pair->ntaken + held - pair->nmoved;
}

/* From here on the magazines say what they hold. */
void iova_pair_close(struct iova_pair *pair)
{
	if (pair->loaded)
		pair->loaded->count = iova_pair_count(pair);
}

/* The reverse: the owner may push and take. */
void iova_pair_open(struct iova_pair *pair, unsigned size)
{
	if (!pair->loaded)
		return;
	pair->top = bottom(pair->loaded) + pair->loaded->count;
	pair->full = bottom(pair->loaded) + size;
	pair->loaded->floor = pair->nothing;
}
