/* SPDX-License-Identifier: MIT */
/*
 * iova_fast.h - the owner's side of a CPU's cache while nothing is in the way, inline
 *
 *   inside: the pair of the size, one entry of loaded, out again
 *
 * Anything else is false, and nothing has changed: no bias, no magazines, loaded empty or
 * full, a top entry above the limit.  iova_cache.c does the same under the lock, and the rest.
 *
 * Every instruction here is a fortieth of a pair: bench/icount.sh.  What is put is not counted,
 * since it follows from what is taken (M5 of iova_magazine.c).
 */
#ifndef DMAPOOL_IOVA_FAST_H
#define DMAPOOL_IOVA_FAST_H

#include "iova_internal.h"

/* Lays the code out for what is the case nearly always. */
#define IOVA_MOSTLY(claim) __builtin_expect((claim), 1)

/*
 * The topmost entry of @pair, if its last granule is below @end, one above the limit.  An end
 * of 0, that of a limit of all ones, admits nothing; no end admits what is below the entries.
 */
static inline bool iova_pair_take_local(struct iova_pair *pair, uint64_t end, uint64_t *pfn)
{
	uint64_t top = pair->top[-1];

	fence_light(); /* pair->top is read anew: a register that need not be saved */
	if (!IOVA_MOSTLY(top + pair->last < end))
		return false;
	pair->top--;
	pair->ntaken++;
	*pfn = top;
	return true;
}

static inline bool iova_pair_put_local(struct iova_pair *pair, uint64_t pfn)
{
	uint64_t *top = pair->top;

	if (!IOVA_MOSTLY(top != pair->full))
		return false;
	fence_light(); /* as above */
	pair->top++;
	*top = pfn;
	return true;
}

static inline bool iova_fast_take(struct dmp_iova_domain *dom, uint64_t size, uint64_t end,
				  uint64_t *pfn)
{
	struct dmp_bias_cpu *self = dmp_bias_self;
	struct iova_pairs *pairs;
	bool taken;

	if (!IOVA_MOSTLY(size < dom->fast_end))
		return false;
	pairs = dmp_bias_enter(self, dom->bias);
	taken = iova_pair_take_local(pairs->of_size[size], end, pfn);
	dmp_bias_leave(self);
	return taken;
}

static inline bool iova_fast_put(struct dmp_iova_domain *dom, uint64_t size, uint64_t pfn)
{
	struct dmp_bias_cpu *self = dmp_bias_self;
	struct iova_pairs *pairs;
	bool kept;

	if (!IOVA_MOSTLY(size < dom->fast_end))
		return false;
	pairs = dmp_bias_enter(self, dom->bias);
	kept = iova_pair_put_local(pairs->of_size[size], pfn);
	dmp_bias_leave(self);
	return kept;
}

#endif
