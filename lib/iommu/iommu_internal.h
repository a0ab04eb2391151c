/* SPDX-License-Identifier: MIT */
/*
 * iommu_internal.h - one translation domain, and what its files share
 *
 *   iommu.c          the handle: create, attach, look up, flush
 *   iommu_map.c      map and unmap, step by step, undone as a whole
 *   iommu_pgsize.c   which page size, how many: pure
 *   iommu_gather.c   what is left to invalidate, and invalidating it
 *
 * Locking: (c) constant; (l) list_lock, of the lowest rank and held for list changes only:
 *  never during a call of the backend, so that an unmap below any lock may take it.
 */
#ifndef IOMMU_INTERNAL_H
#define IOMMU_INTERNAL_H

#include <dmapool/iommu.h>

#include "hw_call.h"

/* A device whose accesses go through the domain. */
struct iommu_device {
	struct iommu_device *next; /* (l) */
	uint32_t device;           /* (c) */
};

struct dmp_iommu {
	struct dmp_hw *hw;              /* (c) */
	void *dom;                      /* (c) the backend's domain */
	enum dmp_domain_type type;      /* (c) */
	struct dmp_hw_domain_info info; /* (c) as the backend filled it */
	uint64_t min_page;              /* (c) smallest page size; 0 for a passthrough domain */

	struct dmp_lock list_lock;
	struct iommu_device *devices;    /* (l) attached */
	struct dmp_iommu_head *deferred; /* (l) until a flush of the whole domain works */
};

/* Unmaps a range of whole pages inside the aperture.  Only -EIO: the backend's count is
 * nonsense; @gather covers what was asked of it all the same. */
int iommu_unmap_range(struct dmp_iommu *iommu, dmp_iova_t iova, uint64_t len,
		      struct dmp_gather *gather, uint64_t *unmapped);

/* May @len bytes at @iova, unmapped by pages of @page_bytes, join @gather as it is?  If not,
 * the gather is synced before they are unmapped. */
bool iommu_gather_fits(const struct dmp_gather *gather, dmp_iova_t iova, uint64_t len,
		       uint64_t page_bytes);

/* They join; @len > 0.  Also right where they do not fit: too much is invalidated then. */
void iommu_gather_extend(struct dmp_gather *gather, dmp_iova_t iova, uint64_t len,
			 uint64_t page_bytes);

/* Syncs a gather that nobody keeps: if that fails it is abandoned. */
int iommu_sync_last(struct dmp_iommu *iommu, struct dmp_gather *gather);

/* Takes what is deferred off the list, puts it back, or does it: then a flush has worked, or
 * nothing is attached. */
struct dmp_iommu_head *iommu_take_deferred(struct dmp_iommu *iommu);
void iommu_keep_deferred(struct dmp_iommu *iommu, struct dmp_iommu_head *deferred);
void iommu_do_deferred(struct dmp_iommu_head *deferred);

#endif
