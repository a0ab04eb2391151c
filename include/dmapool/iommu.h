/* SPDX-License-Identifier: MIT */
/*
 * iommu.h - page tables on their own: map and unmap at an IOVA that the caller chose
 *
 * An iommu handle is one translation domain of the hardware.  Mapping splits a request
 * by the page sizes that the hardware offers and undoes everything if one step fails;
 * unmapping collects what is to be invalidated in a gather.  Choosing the IOVA, and
 * when to flush, is the business of domain.h.
 */
#ifndef DMAPOOL_IOMMU_H
#define DMAPOOL_IOMMU_H

#include <dmapool/hw.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dmp_iommu;

/* One step of a mapping: @count pages of @page_bytes each. */
struct dmp_page_step {
	uint64_t page_bytes;
	uint64_t count;
};

/**
 * dmp_iommu_page_step() - the next step: page size and how many of it
 * @page_sizes: bitmap of page sizes offered
 * @iova, @phys: where the rest starts; for an unmap @phys is @iova
 * @len: bytes that remain, > 0, a multiple of the smallest page size, as are the addresses
 *
 * Pure.
 * Source: spec-iova 4.1: the largest page that the addresses and the rest allow, and as
 *         many as come before a boundary where a bigger page could follow.
 */
DMP_API struct dmp_page_step dmp_iommu_page_step(uint64_t page_sizes, dmp_iova_t iova,
						 dmp_phys_t phys, uint64_t len);

/**
 * dmp_iommu_create() - a translation domain of a machine
 *
 * Threads: any thread; may sleep.
 * Errors:  -ENOTSUP the machine does not translate; -ENOMEM; -EIO the backend offers no
 *          page sizes, or an aperture that ends before it starts; the backend's own.
 */
DMP_API int dmp_iommu_create(struct dmp_hw *hw, enum dmp_domain_type type, struct dmp_iommu **out);

/**
 * dmp_iommu_destroy()
 *
 * Threads: set-up only; may sleep.
 * Errors:  -EBUSY a device is attached.
 */
DMP_API int dmp_iommu_destroy(struct dmp_iommu *iommu);

/* Facts of the domain: page sizes and aperture. */
DMP_API void dmp_iommu_info(const struct dmp_iommu *iommu, struct dmp_hw_domain_info *info);

/**
 * dmp_iommu_attach() - from here on @device's accesses go through these tables
 * @device: number of the device in its machine, see dmp_device_id()
 *
 * Threads: any thread; may sleep.
 * Errors:  -EBUSY it is attached already; the backend's own.
 */
DMP_API int dmp_iommu_attach(struct dmp_iommu *iommu, uint32_t device);

/* The reverse; -ENOENT if @device was not attached here. */
DMP_API int dmp_iommu_detach(struct dmp_iommu *iommu, uint32_t device);

/* How many devices are attached now.  Any thread. */
DMP_API unsigned dmp_iommu_attached(struct dmp_iommu *iommu);

/**
 * dmp_iommu_map() - map a physically contiguous range
 * @iova, @phys, @len: bytes, multiples of the smallest page size; @len > 0
 * @prot: DMP_PROT_* bits, at least one
 *
 * On error everything this call had mapped is unmapped and flushed.  -ENOTRECOVERABLE: that
 * failed, too, for instance because the queue is stuck; the error that began it is logged.
 * Then a device may still reach the memory through what was mapped, until a flush of the
 * whole domain works or the domain is destroyed: neither the IOVA nor the memory may be
 * used for anything else before.
 *
 * Threads: any thread, but one at a time per IOVA range.
 * Errors:  -EINVAL alignment, @len or @prot; -ERANGE outside the aperture; -EEXIST something is
 *          mapped there; -ENOMEM no table; -ENOTRECOVERABLE; the backend's own.
 * Cost:    O(pages); one call of the backend per run of equal pages.
 */
DMP_API int dmp_iommu_map(struct dmp_iommu *iommu, dmp_iova_t iova, dmp_phys_t phys, uint64_t len,
			  unsigned prot);

/**
 * dmp_iommu_map_range() - map physically contiguous runs one behind the other
 *
 * Neighbours that continue each other are joined; one sync for all; with a backend that has
 * map_list(), one walk of the tables where neighbours share them.  Otherwise as dmp_iommu_map().
 */
DMP_API int dmp_iommu_map_range(struct dmp_iommu *iommu, dmp_iova_t iova,
				const struct dmp_phys_run *runs, size_t nruns, unsigned prot);

/**
 * dmp_iommu_map_measured() - dmp_iommu_map_range(), and since when what failed has to be gone
 * @failed_ns: of the clock, when it had failed and nothing was undone yet: what -ENOTRECOVERABLE
 *             leaves within reach has been so since then.  Written only if the backend had been
 *             asked and it failed; NULL: nobody asks
 */
DMP_API int dmp_iommu_map_measured(struct dmp_iommu *iommu, dmp_iova_t iova,
				   const struct dmp_phys_run *runs, size_t nruns, unsigned prot,
				   uint64_t *failed_ns);

/**
 * dmp_iommu_unmap() - unmap and flush
 * @unmapped: out: bytes that were unmapped from @iova on: less than @len if a hole was met,
 *            more if a bigger page lay at the end, since it is never split
 *
 * When it returns no device can reach the memory through what was unmapped.
 *
 * Threads: any thread, but one at a time per IOVA range.
 * Errors:  -EINVAL alignment or @len; -ERANGE outside the aperture; -ETIMEDOUT and the
 *          backend's own from the flush, the range is unmapped then but a device may still
 *          reach it.
 */
DMP_API int dmp_iommu_unmap(struct dmp_iommu *iommu, dmp_iova_t iova, uint64_t len,
			    uint64_t *unmapped);

/**
 * dmp_iommu_unmap_gather() - unmap, and leave the flush to dmp_iommu_sync()
 * @gather: begun by dmp_gather_init()
 *
 * A gather holds one range of one page size: where another follows it is synced in between.
 * If that sync fails the gather goes on holding everything, and dmp_iommu_sync() tells.
 * One whose @gather->queued is set is never synced here.
 */
DMP_API int dmp_iommu_unmap_gather(struct dmp_iommu *iommu, dmp_iova_t iova, uint64_t len,
				   struct dmp_gather *gather, uint64_t *unmapped);

/**
 * dmp_iommu_sync() - invalidate what @gather holds, free its tables, empty it
 * @gather: if queued, the whole domain is flushed
 *
 * Threads: any thread.
 * Errors:  -ETIMEDOUT and the backend's own; the gather keeps what it held.
 */
DMP_API int dmp_iommu_sync(struct dmp_iommu *iommu, struct dmp_gather *gather);

/**
 * dmp_iommu_free_tables() - give back table pages that were taken out of a queued gather
 * @tables: its tables; NULL: nothing to do
 *
 * For whoever keeps them until dmp_iommu_flush(): a flush that began after their unmap has
 * ended without error, or no device is attached.
 *
 * Threads: any thread.
 */
DMP_API void dmp_iommu_free_tables(struct dmp_iommu *iommu, void *tables);

/**
 * dmp_iommu_flush() - invalidate the whole domain; what was deferred before is done then
 *
 * Threads: any thread; locks of RANK_FLUSHQ and above may be held.
 * Errors:  -EINVAL NULL; -ETIMEDOUT and the backend's own: what is deferred waits on.
 */
DMP_API int dmp_iommu_flush(struct dmp_iommu *iommu);

/* Something to be done when no device can reach what is unmapped now. */
struct dmp_iommu_head {
	struct dmp_iommu_head *next;
	void (*fn)(struct dmp_iommu_head *head);
};

/**
 * dmp_iommu_defer() - call @fn(@head) after the next flush of the whole domain that works
 *
 * For what a failed flush leaves behind.  The flush begins after this call, and is one of
 * dmp_iommu_flush() or of a queued gather; if none comes @fn is called by
 * dmp_iommu_destroy(), when nothing is attached.
 *
 * Ownership: @head is the domain's until @fn is called.
 * Threads:   any thread; locks may be held.  @fn is called by whoever flushes, maybe with the
 *            lock of a full queue held: it takes locks below RANK_FLUSHQ only, as a backend's
 *            members do, does not sleep, and calls nothing on @iommu.  It may free @head.
 */
DMP_API void dmp_iommu_defer(struct dmp_iommu *iommu, struct dmp_iommu_head *head,
			     void (*fn)(struct dmp_iommu_head *head));

/**
 * dmp_iommu_abandon() - let go of a gather whose sync failed
 * @gather: empty afterwards
 *
 * Its tables are freed as dmp_iommu_defer() says.  Without memory to remember them they are
 * lost until the machine goes, which is logged.
 *
 * Threads: any thread; locks may be held.
 */
DMP_API void dmp_iommu_abandon(struct dmp_iommu *iommu, struct dmp_gather *gather);

/**
 * dmp_iommu_iova_to_phys() - where @iova leads
 *
 * Threads: any thread.
 * Errors:  -ENOENT not mapped.
 */
DMP_API int dmp_iommu_iova_to_phys(struct dmp_iommu *iommu, dmp_iova_t iova, dmp_phys_t *phys);

/**
 * dmp_iommu_expose_start() - have the machine watch what devices still reach after an unmap
 * @watch: copied; NULL: nobody is told
 *
 * Threads: set-up only, once, before anything is mapped.
 * Errors:  -EINVAL NULL, a passthrough domain, or what is reserved in @watch is set; -E2BIG;
 *          -ENOTSUP the machine cannot tell; -ENOMEM.
 */
DMP_API int dmp_iommu_expose_start(struct dmp_iommu *iommu, const struct dmp_exposure_watch *watch,
				   void *ctx);

/**
 * dmp_iommu_get_exposure() - what it has seen
 * @size: sizeof(struct dmp_exposure_seen) of the caller
 *
 * Threads: any thread; after dmp_iommu_expose_start().
 * Errors:  -EINVAL; -ENOTSUP the machine cannot tell; the backend's own.
 */
DMP_API int dmp_iommu_get_exposure(struct dmp_iommu *iommu, struct dmp_exposure_seen *seen,
				   size_t size);

/* Gathers: begin one, and, for backends, add to one. */
static inline void dmp_gather_init(struct dmp_gather *gather)
{
	gather->start = UINT64_MAX;
	gather->end = 0;
	gather->page_bytes = 0;
	gather->tables = NULL;
	gather->queued = 0;
	gather->reserved0 = 0;
	gather->begun_ns = 0;
	gather->ended_ns = NULL;
}

static inline bool dmp_gather_is_empty(const struct dmp_gather *gather)
{
	return gather->start > gather->end && gather->tables == NULL;
}

#ifdef __cplusplus
}
#endif

#endif
