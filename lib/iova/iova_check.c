// SPDX-License-Identifier: MIT
/*
 * iova_check.c - walkers over the caches: what a free may not be, and what must hold
 *
 * A range keeps its last pfn for life: a reservation over it moves the first one down.  So
 * "the range that starts at pfn with this size" is the range that contains pfn and ends at
 * pfn + size - 1; and what ends where a cached range does, is that range, whatever its size is
 * said to be.  A free of the end of a live range looks like that of one that has grown.
 *
 * iova_check_cache() proves I1, I3 of iova_cache.c and I2, I4 of iova_depot.c: it asks the
 * policy for every cached range, copies its last pfn out, and sorts those to find a range that
 * stands twice.
 *
 * Locking: one CPU's or depot's lock at a time, by iova_look_visit(); the policy's below.
 */
#include "iova_internal.h"

#include <stdlib.h>

static bool count_visit(void *ctx, unsigned order, const struct iova_magazine *mag, uint64_t count)
{
	uint64_t *total = ctx;

	(void)order;
	(void)mag;
	*total += count;
	return true;
}

/* Ranges in magazines now. */
uint64_t iova_check_cached(struct dmp_iova_domain *dom)
{
	uint64_t total = 0;

	iova_look_visit(dom, count_visit, &total);
	return total;
}

static uint64_t last_of(uint64_t pfn, unsigned order)
{
	return pfn + (UINT64_C(1) << order) - 1;
}

/* True while no entry has been met whose range ends at the pfn that is wanted. */
static bool search_visit(void *ctx, unsigned order, const struct iova_magazine *mag, uint64_t count)
{
	const uint64_t *last = ctx;
	uint64_t i;

	for (i = 0; i < count; i++)
		if (last_of(mag->pfns[i], order) == *last)
			return false;
	return true;
}

/* Is the range that ends at @last in a magazine? */
static bool is_cached(struct dmp_iova_domain *dom, uint64_t last)
{
	return dom->has_cache && !iova_look_visit(dom, search_visit, &last);
}

/* Is there a live range that ends as one of @size granules at @pfn does? */
static int check_live(struct dmp_iova_domain *dom, uint64_t pfn, uint64_t size)
{
	struct dmp_iova_range range;

	if (dom->policy.find(dom->policy_state, pfn, &range))
		return -ENOENT;
	return range.hi == pfn + size - 1 ? 0 : -EINVAL;
}

/*
 * What is wrong with a free of @size granules at @pfn: at checks >= 1 that it is not live
 * or of another size, at checks >= 2 that it has been freed into a magazine before.
 */
int iova_check_free(struct dmp_iova_domain *dom, uint64_t pfn, uint64_t size)
{
	int err = DMP_CHECKS >= 1 ? check_live(dom, pfn, size) : 0;

	if (!err && DMP_CHECKS >= 2 && is_cached(dom, pfn + size - 1))
		err = -ENOENT;
	if (err)
		dmp_log(DMP_LOG_BUG, "iova: free of %llu granules at pfn 0x%llx: %s",
			(unsigned long long)size, (unsigned long long)pfn,
			err == -ENOENT ? "not live" : "not the size that was given out");
	return err;
}

/* A free by pfn of what has been freed into a magazine before: -ENOENT. */
int iova_check_free_pfn(struct dmp_iova_domain *dom, uint64_t pfn)
{
	struct dmp_iova_range range;

	if (dom->policy.find(dom->policy_state, pfn, &range) || !is_cached(dom, range.hi))
		return 0;
	dmp_log(DMP_LOG_BUG, "iova: free of pfn 0x%llx: in a magazine, not live",
		(unsigned long long)pfn);
	return -ENOENT;
}

/* The last pfn of every cached range of a domain, being copied out. */
struct census {
	struct dmp_iova_domain *dom;
	uint64_t *lasts;
	uint64_t n, room;
	const char *wrong;
};

static bool census_visit(void *ctx, unsigned order, const struct iova_magazine *mag, uint64_t count)
{
	struct census *census = ctx;
	uint64_t i;

	if (count > census->dom->opts.magazine_size)
		census->wrong = "a magazine holds more than it can";
	for (i = 0; i < count && !census->wrong; i++) {
		if (census->n == census->room)
			census->wrong = "ranges came while walking";
		else if (check_live(census->dom, mag->pfns[i], UINT64_C(1) << order))
			census->wrong = "a cached range is not live at its full size";
		else
			census->lasts[census->n++] = last_of(mag->pfns[i], order);
	}
	return !census->wrong;
}

static int compare_pfns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool has_twins(uint64_t *lasts, uint64_t n)
{
	uint64_t i;

	qsort(lasts, n, sizeof(*lasts), compare_pfns);
	for (i = 1; i < n; i++)
		if (lasts[i - 1] == lasts[i])
			return true;
	return false;
}

/* I2 of one depot. */
static bool depot_agrees(struct iova_class *class)
{
	const struct dmp_iova_opts *opts = &class->dom->opts;
	unsigned nfull;
	bool agrees;

	dmp_lock_acquire(&class->depot_lock);
	nfull = class->depot.nfull;
	agrees = !iova_depot_peek(&class->depot, nfull) &&
		 (!nfull || iova_depot_peek(&class->depot, nfull - 1)) &&
		 (!opts->depot_limit || nfull <= opts->depot_limit);
	dmp_lock_release(&class->depot_lock);
	return agrees;
}

/* I2 and I4. */
static bool depots_agree(struct dmp_iova_domain *dom)
{
	struct iova_class *class;
	uint64_t ranges = 0;

	IOVA_CLASS_FOREACH(class, dom)
	{
		if (!depot_agrees(class))
			return false;
		ranges += (uint64_t) class->depot.nfull * dom->opts.magazine_size;
	}
	return !dom->opts.inflight_limit ||
	       (ranges == load_relaxed(&dom->depot_ranges) && /* relaxed: set-up only */
		ranges <= dom->opts.inflight_limit);
}

/* I1-I4: 0, -EIO after logging what is wrong, or -ENOMEM. */
int iova_check_cache(struct dmp_iova_domain *dom)
{
	struct census census = {.dom = dom, .room = iova_check_cached(dom)};
	size_t len = (census.room + 1) * sizeof(*census.lasts);

	census.lasts = dmp_meta_alloc(DMP_META_OBJECT, len);
	if (!census.lasts)
		return -ENOMEM;
	iova_look_visit(dom, census_visit, &census);
	if (!census.wrong && has_twins(census.lasts, census.n))
		census.wrong = "a range is cached twice";
	if (!census.wrong && !depots_agree(dom))
		census.wrong = "a depot does not hold as many magazines as it says";
	dmp_meta_free(census.lasts, len);
	if (!census.wrong)
		return 0;
	dmp_log(DMP_LOG_BUG, "iova cache: %s", census.wrong);
	return -EIO;
}
