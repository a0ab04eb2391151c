// SPDX-License-Identifier: MIT
/*
 * swiotlb_lifo.c - the policy `lifo`: the run that was released last
 *
 * A list for each number of slots, of the runs that were released with that number:
 *
 *      latest[2]   37 -> 4 -> 90          each a place for two slots, the latest first
 *      latest[32]  256
 *
 * A request takes the first of its list that meets it.  Where there is none it is served as by
 * `linux`, from slots that were never used if there are any.
 *
 * A run may be on a list though it is not free any more as a whole: a request for another
 * number of slots has taken a part of it.  If that has its first slot, it is off the list at
 * once; if not, it is dropped when it is met.  A list can also have many that are free and do
 * not meet the request, in the wrong place for it: after TRIES of them the search gives up
 * looking there.
 *
 * Invariants, walked by check():
 *  L1  a slot is on one list at most, that of count[slot]; 0: on none;
 *  L2  a slot that is on a list is free.
 *
 * A slot costs 9 bytes more.
 *
 * Locking: (l) area_lock.
 *
 * Source: the free lists of allocators of equal objects; here for comparison.
 */
#include "swiotlb_internal.h"

/* Enough to meet a fitting one if one in two is aligned, and still no search. */
#define TRIES 8u
#define NONE  UINT32_MAX

struct link {
	uint32_t next; /* (l) the one released before */
	uint32_t prev; /* (l) the one released after; NONE: latest[] leads here */
};

struct lifo {
	uint64_t nslots;                    /* (c) */
	struct link *links;                 /* (l) by slot */
	unsigned char *count;               /* (l) by slot: whose list it is on */
	uint32_t latest[SEGMENT_SLOTS + 1]; /* (l) by number of slots */
};

static void destroy_lists(void *state)
{
	struct lifo *lifo = state;

	dmp_meta_free(lifo->links, lifo->nslots * sizeof(*lifo->links));
	dmp_meta_free(lifo->count, lifo->nslots);
	dmp_meta_free(lifo, sizeof(*lifo));
}

static int create_lists(uint64_t nslots, void **state)
{
	struct lifo *lifo = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*lifo));
	unsigned n;

	if (!lifo)
		return -ENOMEM;
	lifo->nslots = nslots;
	lifo->links = dmp_meta_alloc(DMP_META_OBJECT, nslots * sizeof(*lifo->links));
	lifo->count = dmp_meta_alloc(DMP_META_OBJECT, nslots);
	for (n = 0; n <= SEGMENT_SLOTS; n++)
		lifo->latest[n] = NONE;
	if (!lifo->links || !lifo->count) {
		destroy_lists(lifo);
		return -ENOMEM;
	}
	*state = lifo;
	return 0;
}

static void add_locked(struct lifo *lifo, uint32_t slot, unsigned n)
{
	uint32_t next = lifo->latest[n];

	lifo->links[slot] = (struct link){.next = next, .prev = NONE};
	if (next != NONE)
		lifo->links[next].prev = slot;
	lifo->latest[n] = slot;
	lifo->count[slot] = (unsigned char)n;
}

static void remove_locked(struct lifo *lifo, uint32_t slot)
{
	struct link link = lifo->links[slot];

	if (link.prev == NONE)
		lifo->latest[lifo->count[slot]] = link.next;
	else
		lifo->links[link.prev].next = link.next;
	if (link.next != NONE)
		lifo->links[link.next].prev = link.prev;
	lifo->count[slot] = 0;
}

/* The latest of the right number that meets @need; those that are not free are dropped. */
static bool find_latest(struct lifo *lifo, const struct dmp_swiotlb_area *area,
			const struct dmp_swiotlb_need *need, uint64_t *slot)
{
	const struct dmp_swiotlb_need anywhere = {
		.nslots = need->nslots, .period = 1, .boundary_slots = UINT64_C(1) << 63};
	uint32_t at, next;
	unsigned tries;

	for (at = lifo->latest[need->nslots], tries = 0; at != NONE && tries < TRIES; at = next) {
		next = lifo->links[at].next;
		if (dmp_swiotlb_area_fits(area, need, at)) {
			*slot = at;
			return true;
		}
		if (dmp_swiotlb_area_fits(area, &anywhere, at))
			tries++;
		else
			remove_locked(lifo, at);
	}
	return false;
}

static bool find(void *state, struct dmp_swiotlb_area *area, const struct dmp_swiotlb_need *need,
		 uint64_t *slot)
{
	return find_latest(state, area, need, slot) ||
	       dmp_swiotlb_policy_linux.find(NULL, area, need, slot);
}

static void claimed(void *state, uint64_t slot, uint64_t nslots)
{
	struct lifo *lifo = state;
	uint64_t i;

	for (i = slot; i < slot + nslots; i++)
		if (lifo->count[i])
			remove_locked(lifo, (uint32_t)i);
}

static void released(void *state, uint64_t slot, uint64_t nslots)
{
	add_locked(state, (uint32_t)slot, (unsigned)nslots);
}

/* How many slots are on the list of @n; UINT64_MAX: L1 or L2 does not hold there. */
static uint64_t walk_list(const struct lifo *lifo, const struct dmp_swiotlb_area *area, unsigned n)
{
	const struct dmp_swiotlb_need one = {
		.nslots = 1, .period = 1, .boundary_slots = UINT64_C(1) << 63};
	uint32_t at, prev = NONE;
	uint64_t met = 0;

	for (at = lifo->latest[n]; at != NONE; prev = at, at = lifo->links[at].next) {
		if (lifo->count[at] != n || lifo->links[at].prev != prev ||
		    !dmp_swiotlb_area_fits(area, &one, at) || ++met > lifo->nslots)
			return UINT64_MAX;
	}
	return met;
}

static int check(void *state, const struct dmp_swiotlb_area *area)
{
	const struct lifo *lifo = state;
	uint64_t slot, nlisted = 0, met;
	unsigned n;

	for (slot = 0; slot < lifo->nslots; slot++)
		nlisted += lifo->count[slot] != 0;
	for (n = 1, met = 0; n <= SEGMENT_SLOTS && met <= nlisted; n++)
		met += walk_list(lifo, area, n) & INT64_MAX;
	if (met == nlisted)
		return 0;
	dmp_log(DMP_LOG_BUG, "swiotlb: a list of released runs is broken");
	return -EIO;
}

const struct dmp_swiotlb_policy dmp_swiotlb_policy_lifo = {
	.size = sizeof(struct dmp_swiotlb_policy),
	.name = "lifo",
	.create = create_lists,
	.destroy = destroy_lists,
	.find = find,
	.claimed = claimed,
	.released = released,
	.check = check,
};
