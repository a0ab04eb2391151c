// SPDX-License-Identifier: MIT
/*
 * iova_magazine.c - magazines and depots as plain containers
 *
 *   magazine   pfns[0] ... pfns[count - 1]      push and take at the top end
 *   depot      full -> mag -> mag -> NULL       full magazines, last in first out
 *
 * Invariants:
 *  M1  count <= IOVA_MAG_SIZE;
 *  M2  a magazine in a depot is full, and its count's word is the link; leaving the depot
 *      it is given its count again;
 *  M3  nfull is the length of the list.
 *
 * Locking: none here; whoever owns the container has it locked.
 *
 * Source: spec-iova 1.6; Bonwick and Adams, "Magazines and Vmem", USENIX 2001.
 */
#include "iova_internal.h"

#include <assert.h>

static_assert(sizeof(struct iova_magazine) == 1024, "127 pfns and one word");

/* An empty magazine; NULL when there is no memory. */
struct iova_magazine *iova_magazine_create(void)
{
	return dmp_meta_alloc(DMP_META_MAGAZINE, sizeof(struct iova_magazine));
}

/* @mag may be NULL; its entries are forgotten. */
void iova_magazine_destroy(struct iova_magazine *mag)
{
	dmp_meta_free(mag, sizeof(*mag));
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

/* The magazine pushed last; NULL from an empty depot. */
struct iova_magazine *iova_depot_pop(struct iova_depot *depot)
{
	struct iova_magazine *mag = depot->full;

	if (!mag)
		return NULL;
	depot->full = mag->next;
	depot->nfull--;
	mag->count = IOVA_MAG_SIZE;
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
