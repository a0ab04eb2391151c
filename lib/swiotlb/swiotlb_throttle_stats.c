// SPDX-License-Identifier: MIT
/*
 * swiotlb_throttle_stats.c - waits for the turn, counted by how long they took
 *
 *   by_ns[i]   2^i .. 2^(i+1) - 1 ns; [0] from 0 on, the last one all that is longer
 *
 * A wait is counted once, by the request itself, when it is over.
 *
 * Locking: (t) turn_lock.
 */
#include "swiotlb_internal.h"

static unsigned bucket_of(uint64_t ns)
{
	unsigned i = ns ? dmp_log2_floor(ns) : 0;

	return i < DMP_SWIOTLB_WAIT_BUCKETS ? i : DMP_SWIOTLB_WAIT_BUCKETS - 1;
}

void swiotlb_waits_count_locked(struct swiotlb_waits *waits, uint64_t ns, bool is_cancelled)
{
	waits->waits++;
	waits->cancelled += is_cancelled;
	waits->by_ns[bucket_of(ns)]++;
	if (ns > waits->longest_ns)
		waits->longest_ns = ns;
}

void swiotlb_waits_report(struct dmp_swiotlb *tlb, struct dmp_swiotlb_stats *stats)
{
	struct swiotlb_throttle *throttle = &tlb->throttle;
	const struct swiotlb_waits *waits = &throttle->waits;

	dmp_lock_acquire(&throttle->turn_lock);
	stats->turns = waits->turns;
	stats->turns_passed_on = waits->passed_on;
	stats->waits = waits->waits;
	stats->waits_cancelled = waits->cancelled;
	stats->waiters = throttle->turn.nwaiting;
	stats->longest_wait_ns = waits->longest_ns;
	for (unsigned i = 0; i < DMP_SWIOTLB_WAIT_BUCKETS; i++)
		stats->wait_ns[i] = waits->by_ns[i];
	dmp_lock_release(&throttle->turn_lock);
}
