/* SPDX-License-Identifier: MIT */
/*
 * domain.h - one address space as devices see it: IOVAs, page tables, and when to flush
 *
 *   map:    alloc IOVA  ->  map pages
 *   unmap:  unmap pages ->  flush  ->  free IOVA        (strict)
 *
 * Several devices may share a domain.
 */
#ifndef DMAPOOL_DOMAIN_H
#define DMAPOOL_DOMAIN_H

#include <dmapool/hw.h>
#include <dmapool/iova.h>
#include <dmapool/iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dmp_domain;

/* When an unmapped range is invalidated and its IOVA may be given out again. */
enum dmp_flush_policy {
	DMP_FLUSH_STRICT, /* before the unmap returns */
};

struct dmp_domain_opts {
	uint32_t size;                        /* bytes; set by DMP_DOMAIN_OPTS() */
	uint32_t flags;                       /* zero */
	enum dmp_flush_policy flush;          /* default strict */
	uint32_t reserved0;                   /* zero */
	const struct dmp_iova_policy *policy; /* NULL: linux */
};
#ifndef __cplusplus
#define DMP_DOMAIN_OPTS(...)                                                                       \
	((struct dmp_domain_opts){.size = sizeof(struct dmp_domain_opts), __VA_ARGS__})
#endif

/**
 * dmp_domain_create() - an empty address space of a machine with an IOMMU
 * @opts: NULL for defaults
 * @out:  the domain; untouched on error
 *
 * The granule is the smallest page size that the machine offers; IOVA page 0 is never used.
 *
 * Ownership: borrows @hw until dmp_domain_destroy().
 * Threads:   any thread; may sleep.
 * Errors:    -ENOTSUP no IOMMU; -EINVAL; -E2BIG; -ENOMEM; the backend's own.
 */
DMP_API int dmp_domain_create(struct dmp_hw *hw, const struct dmp_domain_opts *opts,
			      struct dmp_domain **out);

/**
 * dmp_domain_destroy()
 *
 * What a failed flush left behind, page tables and coherent memory, is freed: nothing can
 * reach it any more.
 *
 * Threads: set-up only; may sleep; no lock held.
 * Errors:  -EBUSY a device is attached or something is mapped; -EINVAL NULL.
 */
DMP_API int dmp_domain_destroy(struct dmp_domain *dom);

/**
 * dmp_domain_reserve() - keep addresses from being given out
 * @first, @last: bytes, inclusive; every granule they touch is kept
 *
 * The caches of free addresses are emptied first.  Reservations may overlap.
 *
 * Threads: any thread; meant for set-up: a mapping that is made meanwhile may get an address
 *          in the range, and keeps it until it is unmapped.
 * Errors:  -EINVAL first > last; -EBUSY something is mapped there: nothing is reserved;
 *          -ENOMEM.
 * Source:  spec-iova 2.3; there live mappings may be reserved over.
 */
DMP_API int dmp_domain_reserve(struct dmp_domain *dom, dmp_iova_t first, dmp_iova_t last);

/**
 * dmp_domain_map() - give memory an address in the domain
 * @phys, @len: bytes; any alignment, @len > 0
 * @prot:  DMP_PROT_* bits, at least one
 * @limit: highest address that the device can use
 * @iova:  out: address of the first byte, with @phys's offset in its granule
 *
 * Threads: any thread.
 * Errors:  -EINVAL; -ERANGE can never fit below @limit; -ENOSPC no IOVA free now; -ENOMEM;
 *          -ENOTRECOVERABLE nothing is mapped, but what the attempt had mapped could not be
 *          flushed: a device may still reach the memory until a flush of the whole domain
 *          works, dmp_iommu_flush(), or the domain is destroyed, and the address is never
 *          given out again; -EIO and the backend's own.
 * Cost:    IOVA from a cache O(1), else the policy's; O(pages) for the tables.
 * Source:  spec-iova 2.2, 2.4.
 */
DMP_API int dmp_domain_map(struct dmp_domain *dom, dmp_phys_t phys, uint64_t len, unsigned prot,
			   uint64_t limit, dmp_iova_t *iova);

/**
 * dmp_domain_map_runs() - several pieces of memory behind one contiguous address
 * @runs:  each starts and ends on a granule
 * @iova:  out: address of the first byte of the first run
 *
 * Otherwise as dmp_domain_map().
 */
DMP_API int dmp_domain_map_runs(struct dmp_domain *dom, const struct dmp_phys_run *runs,
				size_t nruns, unsigned prot, uint64_t limit, dmp_iova_t *iova);

/**
 * dmp_domain_unmap() - take the address back
 * @iova, @len: as mapped
 *
 * Strict: when it returns no device can reach the memory.
 *
 * Threads: any thread; one at a time per mapping.
 * Errors:  -ENOENT nothing is mapped at @iova; -EINVAL @len, seen to differ from what is mapped
 *          if its last granule is not mapped, always at checks >= 1: the state is as before.
 *          Any other, from the flush (-ETIMEDOUT, the backend's own): the range is unmapped,
 *          a device may still reach the memory, and the address is never given out again.
 *          -EIO also if less or more was unmapped than asked for.
 */
DMP_API int dmp_domain_unmap(struct dmp_domain *dom, dmp_iova_t iova, uint64_t len);

/* Where @iova leads; -ENOENT nowhere.  Any thread. */
DMP_API int dmp_domain_iova_to_phys(struct dmp_domain *dom, dmp_iova_t iova, dmp_phys_t *phys);

/* The machine that it translates for. */
DMP_API struct dmp_hw *dmp_domain_hw(const struct dmp_domain *dom);

/* The parts, for statistics and tests: they stay the domain's. */
DMP_API struct dmp_iova_domain *dmp_domain_iova(struct dmp_domain *dom);
DMP_API struct dmp_iommu *dmp_domain_iommu(struct dmp_domain *dom);

/* Bytes per IOVA granule. */
DMP_API uint64_t dmp_domain_granule(const struct dmp_domain *dom);

struct dmp_domain_stats {
	uint64_t maps, unmaps;
	uint64_t mapped_bytes; /* whole granules mapped now */
	uint64_t flushes;      /* invalidations asked of the machine */
};

/**
 * dmp_domain_get_stats() - a snapshot; not one moment while other threads run
 * @size: sizeof(struct dmp_domain_stats) of the caller
 */
DMP_API int dmp_domain_get_stats(struct dmp_domain *dom, struct dmp_domain_stats *stats,
				 size_t size);

/* Walk the parts and compare the books: 0, -EIO after logging, or -ENOMEM for the walk.
 * Set-up only. */
DMP_API int dmp_domain_check(struct dmp_domain *dom);

#ifdef __cplusplus
}
#endif

#endif
