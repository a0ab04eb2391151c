/* SPDX-License-Identifier: MIT */
/*
 * domain_internal.h - what the files of lib/domain share
 *
 *   struct dmp_domain
 *     |- iova     which addresses are free          lib/iova
 *     |- iommu    what stands behind an address     lib/iommu
 *     `- flush    when an unmapped range is retired domain_unmap.c
 *
 * Everything inside is counted in whole granules, the machine's smallest pages.
 *
 * Letters of fields: (c) constant after create; (a) atomic.
 */
#ifndef DMAPOOL_DOMAIN_INTERNAL_H
#define DMAPOOL_DOMAIN_INTERNAL_H

#include <dmapool/bits.h>
#include <dmapool/domain.h>
#include <dmapool/port.h>

#include "base_counter.h"

/* Numbers of the domain's counters. */
enum domain_count {
	DOMAIN_MAPS,
	DOMAIN_UNMAPS,
	DOMAIN_BYTES_MAPPED,
	DOMAIN_BYTES_UNMAPPED,
	DOMAIN_FLUSHES,
	DOMAIN_WITHHELD, /* ranges whose address is never given out again */
	DOMAIN_COUNTS,
};

struct dmp_domain {
	/* Constant after create */
	struct dmp_hw *hw;            /* (c) */
	struct dmp_iommu *iommu;      /* (c) */
	struct dmp_iova_domain *iova; /* (c) */
	enum dmp_flush_policy flush;  /* (c) */
	unsigned granule_shift;       /* (c) log2 of the granule's bytes */
	dmp_iova_t aperture_end;      /* (c) last address that can be translated */

	/* Written by requests, each CPU its own block */
	struct counter_set counts;

	/* Set-up only */
	DMP_ATOMIC(uint64_t) nreserves; /* (a) reservations made, each adds a range or none */
};

/* Whole granules. */
struct domain_span {
	uint64_t start; /* bytes, a multiple of the granule */
	uint64_t len;   /* likewise, > 0 */
};

/* The granules that @len bytes from @start touch; false: none, or beyond 64 bits. */
static inline bool domain_cover(const struct dmp_domain *dom, uint64_t start, uint64_t len,
				struct domain_span *span)
{
	uint64_t granule = UINT64_C(1) << dom->granule_shift, end;

	if (len == 0 || len > UINT64_MAX - start ||
	    !dmp_align_up_checked(start + len, granule, &end))
		return false;
	span->start = dmp_align_down(start, granule);
	span->len = end - span->start;
	return true;
}

static inline uint64_t domain_pfn(const struct dmp_domain *dom, dmp_iova_t iova)
{
	return iova >> dom->granule_shift;
}

static inline bool domain_is_mapped(struct dmp_domain *dom, dmp_iova_t iova)
{
	dmp_phys_t phys;

	return dmp_iommu_iova_to_phys(dom->iommu, iova, &phys) == 0;
}

/* domain_unmap.c: the address is never given out again; says so with @err, the reason. */
void domain_withhold(struct dmp_domain *dom, const struct domain_span *span, int err);

#endif
