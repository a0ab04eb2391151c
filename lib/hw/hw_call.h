/* SPDX-License-Identifier: MIT */
/*
 * hw_call.h - calls into a machine: the one place where the library crosses to hardware
 *
 * One thin function a member of struct dmp_hw_ops.  Where hw.h's table gives a default for
 * a missing member, the default is here, so that nobody above asks what a backend offers:
 *
 *   hw_make_shared, hw_make_private, hw_mem_map, hw_mem_unmap, hw_sync_map    0
 *   hw_flush_gather, hw_flush_range                                           flush_domain
 *   hw_free_tables                                                            nothing
 *   hw_needs_shared                                                           false
 *   hw_device_region                                                          -ENOENT
 *   hw_coherent_alloc, hw_coherent_free, hw_device_add, hw_device_remove,
 *   hw_domain_create, hw_domain_destroy                                       see hw.c
 *
 * A member that returns an errno may return 0 or a negative one; a positive answer is
 * nonsense and becomes -EIO.  Everything else of the contract is believed, unless the
 * machine was adopted with DMP_HW_CHECK: then ops is the shim's table and be its books.
 *
 * Locking: (c) constant after dmp_hw_create(); (b) buffers_lock, rank RANK_MACHINE; (a)
 *  atomic, relaxed: it counts what exists, and is compared with 0 only by dmp_hw_destroy(),
 *  which nothing else runs beside.
 */
#ifndef HW_CALL_H
#define HW_CALL_H

#include <dmapool/hw.h>
#include <dmapool/port.h>

struct hw_check;
struct hw_buffer;
struct hw_buffer_tree {
	struct hw_buffer *rbh_root;
};

struct dmp_hw {
	struct dmp_hw_ops ops;  /* (c) zero where the backend's table ends */
	void *be;               /* (c) first argument of every member */
	struct hw_check *check; /* (c) the shim; NULL without DMP_HW_CHECK */

	/* Written when something is made or removed, never by a request. */
	struct dmp_lock buffers_lock;
	struct hw_buffer_tree buffers;    /* (b) of dmp_hw_alloc(), see hw_mem.c */
	DMP_ATOMIC(uint64_t) ndevices;    /* (a) */
	DMP_ATOMIC(uint64_t) ndomains;    /* (a) */
	DMP_ATOMIC(uint32_t) next_device; /* (a) number given next where device_add is missing */
};

/* A negative errno passes unchanged, a positive answer is nonsense. */
static inline int hw_answer(int ret)
{
	return ret > 0 ? -EIO : ret;
}

/* Memory. */

static inline int hw_mem_alloc(struct dmp_hw *hw, enum dmp_zone zone, unsigned order,
			       unsigned flags, dmp_phys_t *phys)
{
	return hw_answer(hw->ops.mem_alloc(hw->be, zone, order, flags, phys));
}

static inline void hw_mem_free(struct dmp_hw *hw, dmp_phys_t phys, unsigned order)
{
	hw->ops.mem_free(hw->be, phys, order);
}

/* Shared with devices, cleared, last byte at or below @limit; -ENOMEM: none there. */
int hw_coherent_alloc(struct dmp_hw *hw, uint64_t len, uint64_t limit, unsigned flags,
		      dmp_phys_t *phys);
void hw_coherent_free(struct dmp_hw *hw, dmp_phys_t phys, uint64_t len);

static inline int hw_buf_to_phys(struct dmp_hw *hw, const void *buf, uint64_t len, dmp_phys_t *phys)
{
	return hw_answer(hw->ops.buf_to_phys(hw->be, buf, len, phys));
}

static inline int hw_phys_to_buf(struct dmp_hw *hw, dmp_phys_t phys, uint64_t len, void **buf)
{
	return hw_answer(hw->ops.phys_to_buf(hw->be, phys, len, buf));
}

static inline int hw_make_shared(struct dmp_hw *hw, dmp_phys_t phys, uint64_t npages)
{
	return hw->ops.make_shared ? hw_answer(hw->ops.make_shared(hw->be, phys, npages)) : 0;
}

static inline int hw_make_private(struct dmp_hw *hw, dmp_phys_t phys, uint64_t npages)
{
	return hw->ops.make_private ? hw_answer(hw->ops.make_private(hw->be, phys, npages)) : 0;
}

static inline bool hw_needs_shared(struct dmp_hw *hw, uint32_t device)
{
	return hw->ops.needs_shared && hw->ops.needs_shared(hw->be, device);
}

/* Exposure. */

static inline int hw_mem_map(struct dmp_hw *hw, uint32_t device, dmp_phys_t phys, uint64_t len,
			     enum dmp_dir dir)
{
	return hw->ops.mem_map ? hw_answer(hw->ops.mem_map(hw->be, device, phys, len, dir)) : 0;
}

static inline int hw_mem_unmap(struct dmp_hw *hw, uint32_t device, dmp_phys_t phys, uint64_t len,
			       enum dmp_dir dir)
{
	return hw->ops.mem_unmap ? hw_answer(hw->ops.mem_unmap(hw->be, device, phys, len, dir)) : 0;
}

/* Devices and domains: counted, so that the machine outlives them. */

int hw_device_add(struct dmp_hw *hw, const struct dmp_hw_device *desc, uint32_t *device);
void hw_device_remove(struct dmp_hw *hw, uint32_t device);

/* -ENOENT behind the last region; -EIO one that makes no sense, or too many.  @region is whole. */
int hw_device_region(struct dmp_hw *hw, uint32_t device, uint32_t n, struct dmp_hw_region *region);
bool hw_region_makes_sense(const struct dmp_hw_region *region);

/* -ENOTSUP without an IOMMU; -EIO a domain without pages or aperture.  @info is whole. */
int hw_domain_create(struct dmp_hw *hw, enum dmp_domain_type type, void **dom,
		     struct dmp_hw_domain_info *info);
void hw_domain_destroy(struct dmp_hw *hw, void *dom);

/* Translation: @dom came from hw_domain_create(), so all required members are there. */

static inline int hw_domain_attach(struct dmp_hw *hw, void *dom, uint32_t device)
{
	return hw_answer(hw->ops.domain_attach(hw->be, dom, device));
}

static inline void hw_domain_detach(struct dmp_hw *hw, void *dom, uint32_t device)
{
	hw->ops.domain_detach(hw->be, dom, device);
}

static inline int hw_map_pages(struct dmp_hw *hw, void *dom, dmp_iova_t iova, dmp_phys_t phys,
			       uint64_t page_bytes, uint64_t npages, unsigned prot,
			       uint64_t *mapped)
{
	return hw_answer(
		hw->ops.map_pages(hw->be, dom, iova, phys, page_bytes, npages, prot, mapped));
}

static inline bool hw_has_map_list(const struct dmp_hw *hw)
{
	return hw->ops.map_list != NULL;
}

static inline int hw_map_list(struct dmp_hw *hw, void *dom, dmp_iova_t iova,
			      const struct dmp_phys_run *runs, size_t nruns, unsigned prot,
			      uint64_t *mapped)
{
	return hw_answer(hw->ops.map_list(hw->be, dom, iova, runs, nruns, prot, mapped));
}

static inline uint64_t hw_unmap_pages(struct dmp_hw *hw, void *dom, dmp_iova_t iova,
				      uint64_t page_bytes, uint64_t npages,
				      struct dmp_gather *gather)
{
	return hw->ops.unmap_pages(hw->be, dom, iova, page_bytes, npages, gather);
}

static inline int hw_iova_to_phys(struct dmp_hw *hw, void *dom, dmp_iova_t iova, dmp_phys_t *phys)
{
	return hw_answer(hw->ops.iova_to_phys(hw->be, dom, iova, phys));
}

/* Invalidation. */

static inline int hw_sync_map(struct dmp_hw *hw, void *dom, dmp_iova_t iova, uint64_t len)
{
	return hw->ops.sync_map ? hw_answer(hw->ops.sync_map(hw->be, dom, iova, len)) : 0;
}

static inline int hw_flush_domain(struct dmp_hw *hw, void *dom)
{
	return hw_answer(hw->ops.flush_domain(hw->be, dom));
}

static inline int hw_flush_gather(struct dmp_hw *hw, void *dom, const struct dmp_gather *gather)
{
	return hw->ops.flush_gather ? hw_answer(hw->ops.flush_gather(hw->be, dom, gather))
				    : hw_flush_domain(hw, dom);
}

static inline int hw_flush_range(struct dmp_hw *hw, void *dom, dmp_iova_t iova, uint64_t len,
				 bool leaf_only)
{
	return hw->ops.flush_range
		       ? hw_answer(hw->ops.flush_range(hw->be, dom, iova, len, leaf_only))
		       : hw_flush_domain(hw, dom);
}

static inline void hw_free_tables(struct dmp_hw *hw, void *dom, void *tables)
{
	if (hw->ops.free_tables)
		hw->ops.free_tables(hw->be, dom, tables);
}

/* What devices still reach: -ENOTSUP the machine cannot tell. */

static inline int hw_exposure_start(struct dmp_hw *hw, void *dom,
				    const struct dmp_exposure_watch *watch, void *ctx)
{
	return hw->ops.exposure_start ? hw_answer(hw->ops.exposure_start(hw->be, dom, watch, ctx))
				      : -ENOTSUP;
}

static inline int hw_exposure_get(struct dmp_hw *hw, void *dom, struct dmp_exposure_seen *seen)
{
	return hw->ops.exposure_get ? hw_answer(hw->ops.exposure_get(hw->be, dom, seen)) : -ENOTSUP;
}

#endif
