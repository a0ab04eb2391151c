/* SPDX-License-Identifier: MIT */
/*
 * linux/iova.h - the kernel's own names for the IOVA allocator, as thin inline calls
 *
 * Code that was written against the kernel's <linux/iova.h> compiles with this header and
 * gets the addresses that Linux 6.12 would have given it:
 *
 *   alloc_iova_fast(), free_iova_fast()      dmp_iova_alloc(), dmp_iova_free(): nothing added
 *   the others                               dmp_iova_*(), and a struct iova for a range
 *
 * All sizes and pfns are in granules, every limit is the last pfn that a range may contain.
 *
 * A struct iova belongs to its domain: two calls that name one range give the same pointer,
 * whose pfn_lo the later call brings up to date (a reservation may have grown the range down;
 * its pfn_hi is for ever).  It ends with free_iova(), __free_iova() or put_iova_domain(); after
 * free_iova_fast() it stays in memory until then, and means nothing.
 *
 * Threads: any thread, except init_iova_domain() and put_iova_domain(), which are set-up only.
 * The calls that deal in struct iova take a lock of the domain.
 *
 * Differs from Linux, see docs/linux-map.md: a range at pfn 0 is given back rather than lost
 * when 0 has to mean failure; init_iova_domain() makes the caches too; what goes wrong in it
 * is told by iova_domain_init_rcaches(), and until then every request fails.
 *
 * Not part of dmapool.h: these names have no prefix.
 */
#ifndef DMAPOOL_LINUX_IOVA_H
#define DMAPOOL_LINUX_IOVA_H

#include <dmapool/iova.h>

#include <limits.h>
#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#if ULONG_MAX < UINT64_MAX
#error "a pfn needs an unsigned long of 64 bits"
#endif

/* A range, both ends inclusive. */
struct iova {
	unsigned long pfn_hi;
	unsigned long pfn_lo;
};

struct iova_domain {
	unsigned long granule;   /* bytes */
	unsigned long start_pfn; /* lowest pfn that a search gives */

	/* Not the user's */
	struct dmp_iova_domain *dmp; /* NULL: not made, see error */
	int error;
	pthread_mutex_t lock; /* of handles, and of what creates or ends one */
	void *handles;        /* every struct iova: a tree of <search.h>, by pfn_hi */
};

/* The rest of this file's own: names that no kernel code has. */

static inline int dmp_linux_iova_compare(const void *a, const void *b)
{
	const struct iova *x = (const struct iova *)a, *y = (const struct iova *)b;

	return (x->pfn_hi > y->pfn_hi) - (x->pfn_hi < y->pfn_hi);
}

/* A new handle for a range that ends at @hi; NULL: no memory. */
static inline struct iova *dmp_linux_iova_add(struct iova_domain *iovad, unsigned long hi)
{
	struct iova *iova = (struct iova *)malloc(sizeof(*iova));

	if (!iova)
		return NULL;
	iova->pfn_lo = iova->pfn_hi = hi;
	if (tsearch(iova, &iovad->handles, dmp_linux_iova_compare))
		return iova;
	free(iova);
	return NULL;
}

static inline struct iova *dmp_linux_iova_handle(struct iova_domain *iovad,
						 const struct dmp_iova_range *range)
{
	struct iova key = {range->hi, range->lo}, *iova;
	void *found = tfind(&key, &iovad->handles, dmp_linux_iova_compare);

	iova = found ? *(struct iova **)found : dmp_linux_iova_add(iovad, range->hi);
	if (iova && iova->pfn_lo != range->lo) /* who has it may be reading */
		iova->pfn_lo = range->lo;
	return iova;
}

/* The handle of a range that ended at @hi goes, if there is one. */
static inline void dmp_linux_iova_forget(struct iova_domain *iovad, unsigned long hi)
{
	struct iova key = {hi, 0}, *iova;
	void *found = tfind(&key, &iovad->handles, dmp_linux_iova_compare);

	if (!found)
		return;
	iova = *(struct iova **)found;
	tdelete(&key, &iovad->handles, dmp_linux_iova_compare);
	free(iova);
}

/* Frees the whole range that contains @pfn. */
static inline void dmp_linux_iova_remove(struct iova_domain *iovad, unsigned long pfn)
{
	struct dmp_iova_range removed;

	if (dmp_iova_free_pfn(iovad->dmp, pfn, &removed) == 0)
		dmp_linux_iova_forget(iovad, removed.hi);
}

/* The kernel's names. */

/* @granule: bytes, a power of two.  Check the answer of iova_domain_init_rcaches(). */
static inline void init_iova_domain(struct iova_domain *iovad, unsigned long granule,
				    unsigned long start_pfn)
{
	struct dmp_iova_opts opts;

	memset(&opts, 0, sizeof(opts));
	opts.size = sizeof(opts);
	opts.granule = granule;
	opts.start_pfn = start_pfn;
	memset(iovad, 0, sizeof(*iovad));
	iovad->granule = granule;
	iovad->start_pfn = start_pfn;
	pthread_mutex_init(&iovad->lock, NULL);
	iovad->error = granule ? dmp_iova_create(&opts, &iovad->dmp) : -EINVAL;
}

/* 0, or the negative errno with which init_iova_domain() failed. */
static inline int iova_domain_init_rcaches(struct iova_domain *iovad)
{
	return iovad->error;
}

/* Drops the domain with everything in it. */
static inline void put_iova_domain(struct iova_domain *iovad)
{
	struct iova *iova;

	while (iovad->handles) {
		iova = *(struct iova **)iovad->handles;
		tdelete(iova, &iovad->handles, dmp_linux_iova_compare);
		free(iova);
	}
	if (iovad->dmp)
		dmp_iova_destroy(iovad->dmp);
	iovad->dmp = NULL;
	pthread_mutex_destroy(&iovad->lock);
}

/* NULL: no range, or no memory. */
static inline struct iova *alloc_iova(struct iova_domain *iovad, unsigned long size,
				      unsigned long limit_pfn, bool size_aligned)
{
	unsigned flags = size_aligned ? DMP_IOVA_ALIGNED : 0;
	struct dmp_iova_range range;
	struct iova *iova = NULL;

	pthread_mutex_lock(&iovad->lock);
	if (dmp_iova_alloc_uncached(iovad->dmp, size, limit_pfn, flags, &range.lo) == 0) {
		range.hi = range.lo + size - 1;
		iova = dmp_linux_iova_handle(iovad, &range);
		if (!iova)
			dmp_iova_free_pfn(iovad->dmp, range.lo, NULL);
	}
	pthread_mutex_unlock(&iovad->lock);
	return iova;
}

/* The first pfn; 0: failed. */
static inline unsigned long alloc_iova_fast(struct iova_domain *iovad, unsigned long size,
					    unsigned long limit_pfn, bool flush_rcache)
{
	unsigned flags = flush_rcache ? DMP_IOVA_FLUSH : 0;
	uint64_t pfn;

	if (!iovad->dmp || dmp_iova_alloc(iovad->dmp, size, limit_pfn, flags, &pfn))
		return 0;
	if (pfn == 0)
		dmp_iova_free_pfn(iovad->dmp, 0, NULL);
	return pfn;
}

/* @size: as asked for. */
static inline void free_iova_fast(struct iova_domain *iovad, unsigned long pfn, unsigned long size)
{
	dmp_iova_free(iovad->dmp, pfn, size);
}

/* The whole range that contains @pfn, if there is one. */
static inline void free_iova(struct iova_domain *iovad, unsigned long pfn)
{
	pthread_mutex_lock(&iovad->lock);
	dmp_linux_iova_remove(iovad, pfn);
	pthread_mutex_unlock(&iovad->lock);
}

static inline void __free_iova(struct iova_domain *iovad, struct iova *iova)
{
	free_iova(iovad, iova->pfn_hi);
}

/* NULL: no range contains @pfn, or no memory for the first that names it. */
static inline struct iova *find_iova(struct iova_domain *iovad, unsigned long pfn)
{
	struct dmp_iova_range range;
	struct iova *iova = NULL;

	pthread_mutex_lock(&iovad->lock);
	if (dmp_iova_find(iovad->dmp, pfn, &range) == 0)
		iova = dmp_linux_iova_handle(iovad, &range);
	pthread_mutex_unlock(&iovad->lock);
	return iova;
}

/* The range with which the reservation ended, perhaps an older one that has grown; NULL: not
 * reserved, or only in part, or no memory to name it. */
static inline struct iova *reserve_iova(struct iova_domain *iovad, unsigned long pfn_lo,
					unsigned long pfn_hi)
{
	struct dmp_iova_range range;
	struct iova *iova = NULL;

	pthread_mutex_lock(&iovad->lock);
	if (dmp_iova_reserve(iovad->dmp, pfn_lo, pfn_hi, &range) == 0)
		iova = dmp_linux_iova_handle(iovad, &range);
	pthread_mutex_unlock(&iovad->lock);
	return iova;
}

#endif
