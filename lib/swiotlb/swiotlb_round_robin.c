// SPDX-License-Identifier: MIT
/*
 * swiotlb_round_robin.c - the policy `round_robin`: the areas in turn
 *
 *      CPU 0    requests 0 1 2 3 ...    areas 0 1 2 3 ...
 *      CPU 1    requests 0 1 2 3 ...    areas 1 2 3 4 ...
 *
 * So one busy CPU fills all areas evenly, where with `linux` it fills its own, and only then
 * looks through those of others.  The price: what a CPU maps next lies in an area whose lock
 * and bitmaps it has not in its cache.
 *
 * Each CPU counts its own requests, so no line is written by two of them.  The number that
 * threads beyond DMP_CPU_MAX share, and a CPU without memory for its count, stay where
 * `linux` would begin.  In an area it is `linux`.
 *
 * Locking: (o) its CPU's own.
 *
 * Source: our own.
 */
#include "swiotlb_internal.h"

struct turns {
	uint64_t next; /* (o) requests so far */
	unsigned char apart[DMP_CACHE_LINE - sizeof(uint64_t)];
};

static int create_turns(void **choice)
{
	struct dmp_percpu *turns = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*turns));

	if (!turns)
		return -ENOMEM;
	dmp_percpu_init(turns, sizeof(struct turns));
	*choice = turns;
	return 0;
}

static void destroy_turns(void *choice)
{
	dmp_percpu_destroy(choice);
	dmp_meta_free(choice, sizeof(struct dmp_percpu));
}

static uint64_t choose_next(void *choice, unsigned cpu)
{
	struct turns *own = dmp_percpu_get_own(choice);

	return own ? cpu + own->next++ : cpu;
}

/* In its place in the table of linux. */
static bool find_next(void *state, struct dmp_swiotlb_area *area,
		      const struct dmp_swiotlb_need *need, uint64_t *slot)
{
	return dmp_swiotlb_policy_linux.find(state, area, need, slot);
}

const struct dmp_swiotlb_policy dmp_swiotlb_policy_round_robin = {
	.size = sizeof(struct dmp_swiotlb_policy),
	.name = "round_robin",
	.choice_create = create_turns,
	.choice_destroy = destroy_turns,
	.choose = choose_next,
	.find = find_next,
};
