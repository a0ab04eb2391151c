// SPDX-License-Identifier: MIT
/*
 * swiotlb_throttle_level.c - how full is too full, and who has to ask
 *
 *      0 %                low     high      brim     100 %
 *      |-------------------|-------|---------|---------|
 *        nobody waits       only if           waiters are let in by others' unmaps
 *                           someone does      only, not by time
 *
 * What is in use is a sum over the areas, of which each is written by another CPU: too dear for
 * every request.  But an area that uses more than its quota has the sum looked at anyway, for
 * the high-water mark (swiotlb_usage.c), and what matters here is also a mark that the sum must
 * not pass unseen.  So quotas are dealt out up to the high threshold at most, as long as the
 * sum is below it:
 *
 *      quotas      |-- area 0 --|---- area 1 ----|- 2 -|-- 3 --|     high
 *      used        |=====       |==========      |=    |=======|       |
 *
 *   asks = false   the quotas add up to the threshold: nobody can pass it without outgrowing
 *                  a quota.  A request reads `asks`, which no request writes, and goes on.
 *   asks = true    the sum was above the threshold: requests that may block add it up
 *                  themselves, under turn_lock, where they are to wait for each other anyway.
 *                  The first of them to find it at or below the low one deals anew.
 *
 * The nearer the sum is to the threshold, the smaller are the quotas, and the oftener is it
 * looked at; where threads meet over that, the margin of swiotlb_usage.c lets them pass.
 *
 * Invariants:
 *  L1  while throttling is on and nobody has to ask, the quotas add up to the high threshold
 *      and the margin at most, so that with one thread at a time the sum is never above the
 *      threshold unseen;
 *  L2  throttling that is off asks nobody.
 *
 * A percentage is of the slots of permanent pools; what is in use counts transient ones too, and
 * what was carved.
 * The test is of one moment, nothing is reserved: requests that pass it together may exceed a
 * threshold by their sum.
 *
 * Locking: (u) usage_lock for `asks`, beside the quotas that it stands for; (a) atomic.
 *
 * Source: spec-bounce P1; the way of looking is our own.
 */
#include "swiotlb_internal.h"

/* @percent of all slots; relaxed: a report */
static uint64_t slots_of(const struct dmp_swiotlb *tlb, unsigned percent)
{
	return load_relaxed(&tlb->counts.slots) * percent / 100;
}

/* relaxed, all: settings */

enum swiotlb_level swiotlb_level_now(const struct dmp_swiotlb *tlb)
{
	unsigned high = load_relaxed(&tlb->throttle.high);
	uint64_t used = swiotlb_usage_now(tlb);

	if (used <= slots_of(tlb, load_relaxed(&tlb->throttle.low)))
		return SWIOTLB_LOW;
	if (used <= slots_of(tlb, high))
		return SWIOTLB_MIDDLE;
	return used <= slots_of(tlb, (high + 100) / 2) ? SWIOTLB_HIGH : SWIOTLB_BRIM;
}

/* @used slots are in use: up to which sum quotas may be dealt. */
uint64_t swiotlb_level_watch_locked(struct dmp_swiotlb *tlb, uint64_t used)
{
	uint64_t high = slots_of(tlb, load_relaxed(&tlb->throttle.high));

	dmp_lock_assert_held(&tlb->usage_lock);
	if (!load_relaxed(&tlb->throttle.is_on) || load_relaxed(&tlb->asks))
		return tlb->high_water;
	if (used > high) {
		store_relaxed(&tlb->asks, true); /* relaxed: who misses it is early by a moment */
		return tlb->high_water;
	}
	return high < tlb->high_water ? high : tlb->high_water;
}

/* A threshold has changed: the quotas may say nothing of it. */
void swiotlb_level_unsettle(struct dmp_swiotlb *tlb)
{
	dmp_lock_acquire(&tlb->usage_lock);
	store_relaxed(&tlb->asks, load_relaxed(&tlb->throttle.is_on)); /* L2 */
	dmp_lock_release(&tlb->usage_lock);
}

/* L1, L2: 0, or -EIO after logging what is wrong. */
int swiotlb_level_check(struct dmp_swiotlb *tlb)
{
	uint64_t most = slots_of(tlb, load_relaxed(&tlb->throttle.high)) + tlb->margin, quotas = 0;
	bool is_on = load_relaxed(&tlb->throttle.is_on), asks = load_relaxed(&tlb->asks);
	struct swiotlb_pool *pool;
	uint64_t i;

	SWIOTLB_FOREACH_POOL(pool, tlb)
	for (i = 0; i < pool->nareas; i++)
		quotas += load_relaxed(&swiotlb_area_of(pool, i * pool->area_slots)->quota);
	if (is_on ? asks || quotas <= most : !asks)
		return 0;
	dmp_log(DMP_LOG_BUG, "swiotlb: quotas of %llu slots, where throttling has to see %llu",
		(unsigned long long)quotas, (unsigned long long)most);
	return -EIO;
}
