/* SPDX-License-Identifier: MIT */
/*
 * iova_fast.h - the owner's side of a CPU's cache while nothing is in the way, inline
 *
 *   inside: the pair of the size, one entry of loaded, out again
 *
 * Anything else is false, and nothing has changed: no bias, no magazines, loaded empty or full, a top entry above the limit.  iova_cache.c does the same
 * under the lock, and the rest.
 */
#ifndef DMAPOOL_IOVA_FAST_H
#define DMAPOOL_IOVA_FAST_H

#include "iova_internal.h"

/*
 * The topmost entry of @pair, if its last granule is below @end, one above the limit.  An end
 * of 0, that of a limit of all ones, admits nothing.
 */
static inline bool iova_pair_take_local(struct iova_pair *pair, uint64_t end, uint64_t *pfn)
{
	uint64_t top;

	if (pair->top == pair->base)
		return false;
	top = pair->top[-1];
	fence_light(); /* pair->top is read anew: a register that need not be saved */
	if (top + pair->last >= end)
		return false;
	pair->top--;
	pair->ntaken++;
	*pfn = top;
	return true;
}

static inline bool iova_pair_put_local(struct iova_pair *pair, uint64_t pfn)
{
	if (pair->top == pair->full)
		return false;
	*pair->top++ = pfn;
	pair->nput++;
	return true;
}

static inline bool iova_fast_take(struct dmp_iova_domain *dom, uint64_t size, uint64_t end,
				  uint64_t *pfn)
{
	struct dmp_bias_cpu *self = dmp_bias_self;
	struct iova_pairs *pairs;
	bool taken;

	if (size - 1 >= dom->fast_max)
		return false;
	pairs = dmp_bias_enter(self, dom->bias);
	taken = iova_pair_take_local(pairs->of_size[size - 1], end, pfn);
	dmp_bias_leave(self);
	return taken;
}

static inline bool iova_fast_put(struct dmp_iova_domain *dom, uint64_t size, uint64_t pfn)
{
	struct dmp_bias_cpu *self = dmp_bias_self;
	struct iova_pairs *pairs;
	bool kept;

	if (size - 1 >= dom->fast_max)
		return false;
	pairs = dmp_bias_enter(self, dom->bias);
	kept = iova_pair_put_local(pairs->of_size[size - 1], pfn);
	dmp_bias_leave(self);
	return kept;
}

#endif
