// SPDX-License-Identifier: MIT
/*
 * iova_opts.c - options of an IOVA domain: defaults, and what makes no sense; pure
 */
#include "iova_internal.h"

#define DEFAULT_GRANULE  UINT64_C(4096)
#define DEFAULT_MAGAZINE 127u                          /* a record of 1024 bytes */
#define DEFAULT_DELAY_NS (UINT64_C(100) * 1000 * 1000) /* of reclaim */
#define MAGAZINE_MIN     7u                            /* a cache line with its count */
#define MAGAZINE_MAX     1023u                         /* two pages with its count */
#define GRANULE_MAX      (UINT64_C(1) << 32)           /* the 32-bit boundary is at least one */

static int check_space(struct dmp_iova_opts *opts)
{
	if (opts->granule == 0)
		opts->granule = DEFAULT_GRANULE;
	if (!opts->policy)
		opts->policy = &dmp_iova_policy_linux;
	if (!dmp_is_pow2(opts->granule) || opts->granule > GRANULE_MAX)
		return -EINVAL;
	return opts->start_pfn <= UINT64_MAX / opts->granule ? 0 : -EINVAL;
}

/* Nothing about a cache that is not there. */
static int check_no_cache(const struct dmp_iova_opts *opts)
{
	return opts->magazine_size || opts->classes || opts->depot_limit ||
			       opts->reclaim_threshold || opts->reclaim_delay_ns ||
			       opts->trim_period_ns || opts->inflight_limit
		       ? -EINVAL
		       : 0;
}

static int check_cache(struct dmp_iova_opts *opts)
{
	/* A depot of fixed size is not reclaimed. */
	if (opts->depot_limit && (opts->reclaim_threshold || opts->reclaim_delay_ns))
		return -EINVAL;
	if (opts->magazine_size == 0)
		opts->magazine_size = DEFAULT_MAGAZINE;
	if (opts->classes == 0)
		opts->classes = DMP_IOVA_CLASSES;
	if (opts->reclaim_delay_ns == 0)
		opts->reclaim_delay_ns = DEFAULT_DELAY_NS;
	if (opts->magazine_size < MAGAZINE_MIN || opts->magazine_size > MAGAZINE_MAX)
		return -EINVAL;
	return opts->classes <= DMP_IOVA_CLASSES_MAX ? 0 : -EINVAL;
}

/* Fills the defaults in: 0 or -EINVAL. */
int iova_opts_check(struct dmp_iova_opts *opts)
{
	int err = opts->flags & ~DMP_IOVA_NO_CACHE ? -EINVAL : check_space(opts);

	if (err)
		return err;
	return opts->flags & DMP_IOVA_NO_CACHE ? check_no_cache(opts) : check_cache(opts);
}
