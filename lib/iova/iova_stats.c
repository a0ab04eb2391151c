// SPDX-License-Identifier: MIT
/*
 * iova_stats.c - what a domain shows of itself: counters, gaps, walkers, contents
 *
 * Counters of caches and depots are read under their lock, the others summed.  Nothing
 * here changes what a domain holds; owners of caches take their lock once afterwards.
 *
 * Invariants, walked by dmp_iova_check(): the policy's own, I1 and I3 of iova_cache.c, I2 and I4
 *  of iova_depot.c.
 *
 * Locking: one CPU's or depot's lock at a time.  The inspect calls take none: they are for
 *  set-up, when no other call is in progress.
 */
#include "iova_internal.h"

/* A policy without inspect is asked range by range. */
static uint64_t count_ranges(struct dmp_iova_domain *dom)
{
	struct dmp_iova_policy_state state = {0};
	struct dmp_iova_range range;
	uint64_t from = 0, n = 0;

	if (dom->policy.inspect) {
		dom->policy.inspect(dom->policy_state, &state);
		return state.nranges;
	}
	while (dom->policy.next(dom->policy_state, from, &range) == 0) {
		n++;
		from = range.lo + 1;
	}
	return n;
}

static void add_cache(struct dmp_iova_domain *dom, struct dmp_iova_stats *stats)
{
	struct iova_tally tally;
	unsigned order;

	iova_look_tally(dom, &tally);
	stats->alloc_cached = tally.ntaken;
	stats->free_cached = tally.nput;
	stats->depot_put = tally.depot_put;
	stats->depot_got = tally.depot_got;
	stats->depot_reclaimed = tally.depot_reclaimed;
	stats->depot_refused = tally.depot_refused;
	stats->depot = tally.depot;
	for (order = 0; order < dom->opts.classes; order++) {
		stats->cached_by_class[order] = tally.cached[order];
		stats->cached += tally.cached[order];
	}
}

int dmp_iova_get_stats(struct dmp_iova_domain *dom, struct dmp_iova_stats *stats, size_t size)
{
	struct dmp_iova_stats sum = {0};

	if (!dom)
		return -EINVAL;
	sum.alloc_policy = counter_sum(&dom->counts, IOVA_ALLOC_POLICY);
	sum.alloc_failed = counter_sum(&dom->counts, IOVA_ALLOC_FAILED);
	sum.free_policy = counter_sum(&dom->counts, IOVA_FREE_POLICY);
	sum.flushes = counter_sum(&dom->counts, IOVA_FLUSHES);
	sum.trimmed = counter_sum(&dom->counts, IOVA_TRIMMED);
	if (dom->has_cache)
		add_cache(dom, &sum);
	sum.nranges = count_ranges(dom);
	sum.live = sum.nranges > sum.cached ? sum.nranges - sum.cached : 0;
	return stats_store(stats, size, &sum, sizeof(sum));
}

/* Free pfns @lo .. @hi, if there are any: into the books. */
static void add_gap(struct dmp_iova_gaps *gaps, uint64_t lo, uint64_t hi, uint64_t last32)
{
	uint64_t len = hi - lo + 1;

	gaps->ngaps++;
	gaps->free += len;
	if (len > gaps->largest)
		gaps->largest = len;
	if (lo > last32)
		return;
	len = (hi < last32 ? hi : last32) - lo + 1;
	gaps->free32 += len;
	if (len > gaps->largest32)
		gaps->largest32 = len;
}

/* Every policy can be walked: none has to keep books for this. */
static void find_gaps(struct dmp_iova_domain *dom, struct dmp_iova_gaps *gaps)
{
	uint64_t last32 = (UINT64_C(1) << 32) / dom->space.granule - 1;
	uint64_t top = UINT64_MAX / dom->space.granule, lo = dom->space.start_pfn, from = 0;
	struct dmp_iova_range range;

	top -= top == UINT64_MAX; /* that pfn is the anchor's */
	while (dom->policy.next(dom->policy_state, from, &range) == 0 && range.lo <= top) {
		if (range.lo > lo)
			add_gap(gaps, lo, range.lo - 1, last32);
		if (range.hi >= lo)
			lo = range.hi + 1;
		from = range.lo + 1;
	}
	if (lo <= top)
		add_gap(gaps, lo, top, last32);
}

int dmp_iova_get_gaps(struct dmp_iova_domain *dom, struct dmp_iova_gaps *gaps, size_t size)
{
	struct dmp_iova_gaps found = {0};

	if (!dom)
		return -EINVAL;
	find_gaps(dom, &found);
	if (found.free32) /* at most 2^32 granules: no overflow */
		found.fragmentation32 = (uint64_t)1000 * (found.free32 - found.largest32) /
					found.free32;
	return stats_store(gaps, size, &found, sizeof(found));
}

int dmp_iova_check(struct dmp_iova_domain *dom)
{
	int err;

	if (!dom)
		return -EINVAL;
	if (dom->has_cache)
		iova_cache_pause(dom);
	err = dom->policy.check(dom->policy_state);
	if (!dom->has_cache)
		return err;
	err = err ? err : iova_check_cache(dom);
	iova_cache_resume(dom);
	return err;
}

int dmp_iova_inspect_policy(struct dmp_iova_domain *dom, struct dmp_iova_policy_state *state)
{
	if (!dom || !state)
		return -EINVAL;
	if (!dom->policy.inspect)
		return -ENOTSUP;
	dom->policy.inspect(dom->policy_state, state);
	return 0;
}

/* A CPU that never came, or has no magazines, shows empty ones. */
static struct dmp_iova_magazine_view view_pair(struct dmp_iova_domain *dom, bool is_loaded,
					       unsigned number, unsigned order)
{
	struct iova_cpu *cpu = dmp_percpu_peek(&dom->cpus, number);
	struct iova_pair *pair = cpu ? &cpu->pair[order] : NULL;

	if (!pair || !pair->loaded)
		return (struct dmp_iova_magazine_view){NULL, 0};
	if (is_loaded)
		return (struct dmp_iova_magazine_view){pair->loaded->pfns,
						       (uint32_t)iova_pair_count(pair)};
	return (struct dmp_iova_magazine_view){pair->prev->pfns, (uint32_t)pair->prev->count};
}

int dmp_iova_inspect_magazine(struct dmp_iova_domain *dom, enum dmp_iova_magazine_place place,
			      unsigned index, unsigned order, struct dmp_iova_magazine_view *view)
{
	const struct iova_magazine *mag;

	if (!dom || !view || !dom->has_cache || order >= dom->opts.classes)
		return -EINVAL;
	if (place == DMP_IOVA_DEPOT) {
		mag = iova_depot_peek(&dom->classes[order].depot, index);
		if (!mag)
			return -ENOENT;
		*view = (struct dmp_iova_magazine_view){mag->pfns, dom->opts.magazine_size};
		return 0;
	}
	if ((place != DMP_IOVA_LOADED && place != DMP_IOVA_PREV) || index >= DMP_CPU_MAX)
		return -EINVAL;
	*view = view_pair(dom, place == DMP_IOVA_LOADED, index, order);
	return 0;
}

bool dmp_iova_inspect_reclaim(struct dmp_iova_domain *dom, unsigned order)
{
	return dom && dom->has_cache && order < dom->opts.classes &&
	       dmp_work_is_pending(&dom->classes[order].reclaim);
}
