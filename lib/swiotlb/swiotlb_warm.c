// SPDX-License-Identifier: MIT
/*
 * swiotlb_warm.c - the policy `warm`: first fit, the lowest slots
 *
 *      linux   used ........>                  goes round: each buffer is in memory that was
 *                  ........used ..>            longest not touched
 *      warm    used >                          as many slots from the bottom as are needed
 *              used >                          at once, over and over: they stay in the cache
 *
 * A copy to memory that is in the cache costs a part of one that is not, and a device that
 * is done soon gets its next buffer where its last one was.
 *
 * It keeps nothing: what is lowest the area knows, and full segments are skipped eight at a
 * time.
 *
 * Source: our own.
 */
#include "swiotlb_internal.h"

static bool find_lowest(void *state, struct dmp_swiotlb_area *area,
			const struct dmp_swiotlb_need *need, uint64_t *slot)
{
	(void)state;
	return dmp_swiotlb_area_find(area, need, 0, area->nslots, slot);
}

const struct dmp_swiotlb_policy dmp_swiotlb_policy_warm = {
	.size = sizeof(struct dmp_swiotlb_policy),
	.name = "warm",
	.find = find_lowest,
};
