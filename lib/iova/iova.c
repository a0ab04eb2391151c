// SPDX-License-Identifier: MIT
/*
 * iova.c - the public calls of the IOVA allocator: check, then caches or policy
 *
 *                         size <= cached_max granules
 *   dmp_iova_alloc() ----------------------------> this CPU's cache
 *          |                                             | miss
 *          | larger                                      v
 *          `-------------------------------------> the policy, always aligned
 *                                                        | none, and DMP_IOVA_FLUSH
 *                                                        v
 *                                            flush all caches, the policy again
 *
 * A size below cached_max (32 by default) is rounded up to a power of two on the way in,
 * 17 .. 31 to 32: the same rounding on free finds the class again.
 *
 * The first thing that both calls try is inline and validates only what it needs
 * (iova_fast.h); whatever that leaves goes through every check of the rest.
 *
 * What an error says is decided last.  The policy is asked even when the request can
 * never fit, since its failure moves the policy's ceiling; "none now" is then turned into
 * "never" (-ERANGE) by can_ever_fit().
 *
 * Locking: none here; counters of requests that reach the policy are each CPU's own.
 *
 * Differs from Linux:
 *  -  a limit of all ones is -ERANGE at once and changes nothing; the original makes a
 *     32-bit request of it that fails and moves the ceiling, or takes any cached range;
 *  -  a cached range beyond the limit is a miss, also when size > limit + 1;
 *  -  pfn 0 is an address like any other: errors are returned, not encoded;
 *  -  a reservation that reaches pfn 2^64-1 is -EINVAL.
 *
 * Source: spec-iova 1.1, 1.7, 1.8; the answers of Linux v6.12 drivers/iommu/iova.c.
 */
#include "iova_fast.h"

#include <assert.h>

static_assert(sizeof(struct dmp_iova_opts) == 72, "append only");
static_assert(DMP_IOVA_CACHED_GRANULES == 1u << (DMP_IOVA_CLASSES - 1), "a class a power of two");

/* Create and destroy. */

static bool policy_is_complete(const struct dmp_iova_policy *policy)
{
	return policy->name && policy->create && policy->destroy && policy->alloc && policy->free &&
	       policy->free_many && policy->find && policy->reserve && policy->next &&
	       policy->check;
}

/* Copies the caller's table; members that a shorter one lacks stay NULL. */
static int adopt_policy(struct dmp_iova_domain *dom, const struct dmp_iova_policy *policy)
{
	int err = dmp_opts_load(&dom->policy, sizeof(dom->policy), policy);

	if (err)
		return err;
	if (!policy_is_complete(&dom->policy) || dom->policy.caps & ~DMP_IOVA_POLICY_DEFERS_REUSE)
		return -EINVAL;
	if (dom->has_cache && dom->policy.caps & DMP_IOVA_POLICY_DEFERS_REUSE)
		return -EINVAL;
	return 0;
}

bool dmp_iova_policy_defers_reuse(const struct dmp_iova_policy *policy)
{
	return policy && policy->size >= offsetof(struct dmp_iova_policy, name) &&
	       policy->caps & DMP_IOVA_POLICY_DEFERS_REUSE;
}

int dmp_iova_create(const struct dmp_iova_opts *user_opts, struct dmp_iova_domain **out)
{
	struct dmp_iova_domain *dom;
	struct dmp_iova_opts opts;
	int err = dmp_opts_load(&opts, sizeof(opts), user_opts);

	if (!err)
		err = out ? iova_opts_check(&opts) : -EINVAL;
	if (err)
		return err;
	dom = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*dom));
	if (!dom)
		return -ENOMEM;
	dom->has_cache = !(opts.flags & DMP_IOVA_NO_CACHE);
	dom->space.granule = opts.granule;
	dom->space.start_pfn = opts.start_pfn;
	dom->opts = opts;
	err = adopt_policy(dom, opts.policy);
	if (!err)
		err = dom->policy.create(&dom->space, &dom->policy_state);
	if (err)
		goto undo_domain;
	counter_init(&dom->counts);
	if (dom->has_cache)
		iova_cache_create(dom);
	*out = dom;
	return 0;

undo_domain:
	dmp_meta_free(dom, sizeof(*dom));
	return err;
}

int dmp_iova_destroy(struct dmp_iova_domain *dom)
{
	if (!dom)
		return -EINVAL;
	if (dom->has_cache)
		iova_cache_destroy(dom);
	dmp_percpu_destroy(&dom->cpus);
	counter_destroy(&dom->counts);
	dom->policy.destroy(dom->policy_state);
	dmp_meta_free(dom, sizeof(*dom));
	return 0;
}

/* Alloc. */

/* Could an empty space hold the request at all? */
static bool can_ever_fit(const struct dmp_iova_domain *dom, uint64_t size, uint64_t limit_pfn,
			 bool aligned)
{
	uint64_t lowest = dom->space.start_pfn;

	/* A power of two beyond 64 bits is 0: only pfn 0 is a multiple of it. */
	if (aligned && !dmp_align_up_checked(lowest, dmp_pow2_ceil(size), &lowest))
		return false;
	return dmp_range_fits(lowest, size, limit_pfn);
}

static int alloc_from_policy(struct dmp_iova_domain *dom, uint64_t size, uint64_t limit_pfn,
			     bool aligned, uint64_t *pfn)
{
	uint64_t epoch; /* 0 behind a cache; else whoever wants it asks for it */

	return dom->policy.alloc(dom->policy_state, size, limit_pfn, aligned, pfn, &epoch);
}

/* Counts a request that the policy has answered, and says what its error means. */
static int finish_alloc(struct dmp_iova_domain *dom, int err, bool fits)
{
	counter_add(&dom->counts, err ? IOVA_ALLOC_FAILED : IOVA_ALLOC_POLICY, 1);
	return err == -ENOSPC && !fits ? -ERANGE : err;
}

static uint64_t cached_size(const struct dmp_iova_domain *dom, uint64_t size)
{
	return size < dom->cached_max ? dmp_pow2_ceil(size) : size;
}

/* From this CPU's cache, if the size has a class and may end at or below the limit. */
static bool alloc_from_cache(struct dmp_iova_domain *dom, uint64_t size, uint64_t limit_pfn,
			     uint64_t *pfn)
{
	if (size > dom->cached_max || size - 1 > limit_pfn)
		return false;
	return iova_cache_take(dom, dmp_log2_ceil(size), limit_pfn - (size - 1), pfn);
}

/* A NULL handle is a caller's mistake, which costs the inline part an instruction in thirty. */
static inline bool is_given(const void *handle)
{
	return DMP_CHECKS == 0 || handle;
}

/* What the inline part does not serve: the request must end below @end. */
static __attribute__((noinline)) int alloc_rest(struct dmp_iova_domain *dom, uint64_t size,
						uint64_t end, unsigned flags, uint64_t *pfn)
{
	uint64_t limit_pfn = end - 1;
	int err;

	if (!dom || !pfn || size == 0 || flags & ~DMP_IOVA_FLUSH || !dom->has_cache)
		return -EINVAL;
	if (limit_pfn == UINT64_MAX)
		return finish_alloc(dom, -ERANGE, false);
	size = cached_size(dom, size);
	if (alloc_from_cache(dom, size, limit_pfn, pfn))
		return 0;
	err = alloc_from_policy(dom, size, limit_pfn, true, pfn);
	if (err && flags & DMP_IOVA_FLUSH) {
		iova_drain_all(dom);
		err = alloc_from_policy(dom, size, limit_pfn, true, pfn);
	}
	return finish_alloc(dom, err, can_ever_fit(dom, size, limit_pfn, true));
}

int dmp_iova_alloc(struct dmp_iova_domain *dom, uint64_t size, uint64_t limit_pfn, unsigned flags,
		   uint64_t *pfn)
{
	uint64_t end = limit_pfn + 1;

	if (is_given(dom) && is_given(pfn) && IOVA_MOSTLY(!(flags & ~DMP_IOVA_FLUSH)) &&
	    IOVA_MOSTLY(iova_fast_take(dom, size, end, pfn)))
		return 0;
	return alloc_rest(dom, size, end, flags, pfn);
}

int dmp_iova_alloc_epoch(struct dmp_iova_domain *dom, uint64_t size, uint64_t limit_pfn,
			 unsigned flags, uint64_t *pfn, uint64_t *epoch)
{
	bool aligned = flags & DMP_IOVA_ALIGNED;
	uint64_t first, told = 0;
	int err;

	if (!dom || !pfn || !epoch || size == 0 || flags & ~DMP_IOVA_ALIGNED)
		return -EINVAL;
	if (limit_pfn == UINT64_MAX)
		return finish_alloc(dom, -ERANGE, false);
	err = dom->policy.alloc(dom->policy_state, size, limit_pfn, aligned, &first, &told);
	if (!err) {
		*pfn = first;
		*epoch = told;
	}
	return finish_alloc(dom, err, can_ever_fit(dom, size, limit_pfn, aligned));
}

int dmp_iova_alloc_uncached(struct dmp_iova_domain *dom, uint64_t size, uint64_t limit_pfn,
			    unsigned flags, uint64_t *pfn)
{
	uint64_t epoch;

	return dmp_iova_alloc_epoch(dom, size, limit_pfn, flags, pfn, &epoch);
}

/* Free. */

static int free_to_policy(struct dmp_iova_domain *dom, uint64_t pfn, struct dmp_iova_range *removed)
{
	struct dmp_iova_range range;
	int err = dom->policy.free(dom->policy_state, pfn, &range);

	if (err) {
		dmp_log(DMP_LOG_BUG, "iova: free of pfn 0x%llx: no range contains it",
			(unsigned long long)pfn);
		return err;
	}
	counter_add(&dom->counts, IOVA_FREE_POLICY, 1);
	if (removed)
		*removed = range;
	return 0;
}

/* What the inline part does not serve. */
static __attribute__((noinline)) int free_rest(struct dmp_iova_domain *dom, uint64_t pfn,
					       uint64_t size)
{
	if (!dom || size == 0 || !dom->has_cache)
		return -EINVAL;
	size = cached_size(dom, size);
	if (size <= dom->cached_max && iova_cache_put(dom, dmp_log2_ceil(size), pfn))
		return 0;
	return free_to_policy(dom, pfn, NULL);
}

static bool is_free_of_nothing(struct dmp_iova_domain *dom, uint64_t pfn, uint64_t size, int *err)
{
	if (!dom || size == 0 || !dom->has_cache)
		return false;
	*err = iova_check_free(dom, pfn, cached_size(dom, size));
	return *err != 0;
}

int dmp_iova_free(struct dmp_iova_domain *dom, uint64_t pfn, uint64_t size)
{
	int err;

	if (DMP_CHECKS >= 1 && is_free_of_nothing(dom, pfn, size, &err))
		return err;
	if (is_given(dom) && IOVA_MOSTLY(iova_fast_put(dom, size, pfn)))
		return 0;
	return free_rest(dom, pfn, size);
}

int dmp_iova_free_pfn(struct dmp_iova_domain *dom, uint64_t pfn, struct dmp_iova_range *removed)
{
	if (!dom)
		return -EINVAL;
	if (DMP_CHECKS >= 2 && iova_check_free_pfn(dom, pfn))
		return -ENOENT;
	return free_to_policy(dom, pfn, removed);
}

uint64_t dmp_iova_flush(struct dmp_iova_domain *dom)
{
	return dom && dom->has_cache ? iova_drain_all(dom) : 0;
}

uint64_t dmp_iova_trim(struct dmp_iova_domain *dom)
{
	return dom && dom->has_cache ? iova_drain_idle(dom) : 0;
}

/* Lookup and reservation. */

int dmp_iova_find(struct dmp_iova_domain *dom, uint64_t pfn, struct dmp_iova_range *range)
{
	if (!dom || !range)
		return -EINVAL;
	return dom->policy.find(dom->policy_state, pfn, range);
}

int dmp_iova_next(struct dmp_iova_domain *dom, uint64_t from, struct dmp_iova_range *range)
{
	if (!dom || !range)
		return -EINVAL;
	return dom->policy.next(dom->policy_state, from, range);
}

int dmp_iova_reserve(struct dmp_iova_domain *dom, uint64_t lo, uint64_t hi,
		     struct dmp_iova_range *range)
{
	struct dmp_iova_range ended;
	int err;

	if (!dom || lo > hi)
		return -EINVAL;
	if (hi > UINT64_MAX / dom->space.granule)
		return -ERANGE;
	if (hi == UINT64_MAX)
		return -EINVAL;
	err = dom->policy.reserve(dom->policy_state, lo, hi, &ended);
	if (!err && range)
		*range = ended;
	return err;
}
