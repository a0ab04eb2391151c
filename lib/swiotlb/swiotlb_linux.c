// SPDX-License-Identifier: MIT
/*
 * swiotlb_linux.c - the policy `linux`: next fit, the slots of Linux 6.12
 *
 * A search makes one tour of the area from the index on, over the slots at which the request
 * may begin, and takes the first that starts a long enough run:
 *
 *      0          end of 2nd part   index                    nslots
 *      |--------------->|    .    .    |------------------------->|
 *          2nd part                            1st part
 *
 * The tour is counted in steps.  At the end of the area the last step, of `stride` slots,
 * counts in full though fewer are left; so the second part ends that many slots before
 * the index.
 *
 * The index is where the latest claim ended.  Nothing else moves it, so an empty area hands
 * out all its slots in turn, and what it hands out is in no cache.
 *
 * Source: spec-bounce 5.4, 5.6.
 */
#include "swiotlb_internal.h"

/* By how much the last step from the slots behind the index on leaves the area. */
static uint64_t overshoot(const struct dmp_swiotlb_area *area, const struct dmp_swiotlb_need *need)
{
	uint64_t top = area->nslots - 1;
	uint64_t back = (top - need->residue) & (need->period - 1);

	if (back > top || top - back < area->index)
		return 0; /* it steps slot by slot */
	return need->stride > back + 1 ? need->stride - back - 1 : 0;
}

/* Whole pages agree with no original, yet a search for them jumps as if they did: over slots
 * where they may begin.  Slot by slot, rule 5.4b to the letter. */
static bool make_jumps(const struct dmp_swiotlb_area *area, const struct dmp_swiotlb_need *need,
		       uint64_t *slot)
{
	uint64_t at = area->index, visited = 0, step;

	for (; visited < area->nslots; visited += step) {
		if (dmp_swiotlb_area_fits(area, need, at)) {
			*slot = at;
			return true;
		}
		step = ((at - need->residue) & (need->period - 1)) == 0 ? need->stride : 1;
		at = at + step < area->nslots ? at + step : 0;
	}
	return false;
}

bool swiotlb_linux_tour(struct dmp_swiotlb_area *area, const struct dmp_swiotlb_need *need,
			uint64_t *slot)
{
	uint64_t index = area->index, lost;

	if (need->stride > need->period)
		return make_jumps(area, need, slot);
	if (dmp_swiotlb_area_find(area, need, index, area->nslots, slot))
		return true;
	lost = overshoot(area, need);
	return lost < index && dmp_swiotlb_area_find(area, need, 0, index - lost, slot);
}

static bool find_next(void *state, struct dmp_swiotlb_area *area,
		      const struct dmp_swiotlb_need *need, uint64_t *slot)
{
	(void)state;
	return swiotlb_linux_find(area, need, slot);
}

const struct dmp_swiotlb_policy dmp_swiotlb_policy_linux = {
	.size = sizeof(struct dmp_swiotlb_policy),
	.name = "linux",
	.find = find_next,
};
