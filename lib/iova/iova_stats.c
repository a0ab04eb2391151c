// SPDX-License-Identifier: MIT
/*
 * iova_stats.c - what a domain shows of itself: counters, walkers, contents
 *
 * Counters of caches and depots are read under their lock, the others summed.  Nothing
 * here changes a domain.
 *
 * Invariants, walked by dmp_iova_check(): the policy's own, and I1-I3 of iova_cache.c.
 *
 * Locking: one CPU's or depot's lock at a time.  The inspect calls take none: they are for
 *  set-up, when no other call is in progress.
 */
#include "iova_internal.h"

static void add_class(struct dmp_iova_stats *stats, struct iova_class *class)
{
	dmp_lock_acquire(&class->depot_lock);
	stats->depot_put += class->nput;
	stats->depot_got += class->ngot;
	stats->depot_reclaimed += class->nreclaimed;
	dmp_lock_release(&class->depot_lock);
}

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
	unsigned order;

	for (order = 0; order < DMP_IOVA_CLASSES; order++)
		add_class(stats, &dom->classes[order]);
	iova_cache_count(dom, &stats->alloc_cached, &stats->free_cached);
	stats->cached = iova_check_cached(dom);
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
	sum.nranges = count_ranges(dom);
	if (dom->has_cache)
		add_cache(dom, &sum);
	return stats_store(stats, size, &sum, sizeof(sum));
}

int dmp_iova_check(struct dmp_iova_domain *dom)
{
	int err;

	if (!dom)
		return -EINVAL;
	err = dom->policy.check(dom->policy_state);
	return err || !dom->has_cache ? err : iova_check_cache(dom);
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

/* A CPU that never came has no magazines: they show as empty. */
static const struct iova_magazine *peek_pair(struct dmp_iova_domain *dom,
					     enum dmp_iova_magazine_place place, unsigned number,
					     unsigned order)
{
	struct iova_cpu *cpu = dmp_percpu_peek(&dom->cpus, number);

	if (!cpu)
		return NULL;
	return place == DMP_IOVA_LOADED ? cpu->pair[order].loaded : cpu->pair[order].prev;
}

int dmp_iova_inspect_magazine(struct dmp_iova_domain *dom, enum dmp_iova_magazine_place place,
			      unsigned index, unsigned order, struct dmp_iova_magazine_view *view)
{
	const struct iova_magazine *mag;

	if (!dom || !view || !dom->has_cache || order >= DMP_IOVA_CLASSES)
		return -EINVAL;
	if (place == DMP_IOVA_DEPOT) {
		mag = iova_depot_peek(&dom->classes[order].depot, index);
		if (!mag)
			return -ENOENT;
		*view = (struct dmp_iova_magazine_view){mag->pfns, IOVA_MAG_SIZE};
		return 0;
	}
	if ((place != DMP_IOVA_LOADED && place != DMP_IOVA_PREV) || index >= DMP_CPU_MAX)
		return -EINVAL;
	mag = peek_pair(dom, place, index, order);
	*view = (struct dmp_iova_magazine_view){mag ? mag->pfns : NULL,
						mag ? (uint32_t)mag->count : 0};
	return 0;
}

bool dmp_iova_inspect_reclaim(struct dmp_iova_domain *dom, unsigned order)
{
	return dom && dom->has_cache && order < DMP_IOVA_CLASSES &&
	       dmp_work_is_pending(&dom->classes[order].reclaim);
}
