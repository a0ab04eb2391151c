/* SPDX-License-Identifier: MIT */
/*
 * hw.h - the hardware contract: what a machine must offer, and handles on machines
 *
 * A backend fills a struct dmp_hw_ops and adopts it with dmp_hw_create().  The library
 * never looks past the table: a backend may be a simulator, the host's memory, VFIO or a
 * test double.  No member assumes that anybody above can see a page table.
 *
 *   member group    required                         when NULL
 *   memory          mem_alloc mem_free               -
 *                   buf_to_phys phys_to_buf          -
 *                   coherent_alloc coherent_free     mem_alloc from the zone that fits
 *                   make_shared make_private         all memory is reachable by devices
 *                   needs_shared                     the same, whatever is converted
 *   exposure        mem_map mem_unmap                devices reach everything
 *   devices         device_add device_remove         numbers are given by the library
 *   regions         device_region                    no address is kept from domains
 *   translation     domain_create domain_destroy     no IOMMU: calls that need one say
 *                   domain_attach domain_detach      -ENOTSUP; all eight or none
 *                   map_pages unmap_pages
 *                   iova_to_phys flush_domain
 *                   map_list                         map_pages in a loop
 *                   sync_map                         nothing to do after a map
 *                   flush_gather flush_range         flush_domain
 *                   free_tables                      gathers carry no tables
 *   faults          set_fault_handler fault_next     none are reported
 *   reach           exposure_start exposure_get      what devices really reached after an
 *                                                    unmap is not known
 *
 * Order that the library keeps: an IOVA is given out again, and memory behind it is the
 * caller's again, only after the flush that follows its unmap has returned.  A backend's
 * flush therefore returns only when no device can use, and none is still using, what was
 * unmapped before.
 *
 * Threads: every member may be called by several threads at once, also for one domain,
 * but never for overlapping IOVA ranges of one domain at once.  A backend may use locks of
 * rank RANK_BACKEND and below (port.h) and must not call the library from inside, except
 * port.h.  Only members that say so may sleep.
 */
#ifndef DMAPOOL_HW_H
#define DMAPOOL_HW_H

#include <dmapool/exposure.h>
#include <dmapool/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dmp_hw;

/* Where memory lies; which zone falls back to which is the caller's business. */
enum dmp_zone {
	DMP_ZONE_ANY,   /* anywhere */
	DMP_ZONE_DMA32, /* last byte below 4 GiB */
	DMP_ZONE_DMA,   /* last byte below 16 MiB */
};

/* Flags of memory requests: bits. */
#define DMP_MEM_MAY_BLOCK 1u /* the caller can sleep */

/* What a domain is for. */
enum dmp_domain_type {
	DMP_DOMAIN_TRANSLATED,  /* addresses go through page tables */
	DMP_DOMAIN_PASSTHROUGH, /* addr is phys */
};

/* Facts of a domain, filled by domain_create(). */
struct dmp_hw_domain_info {
	uint32_t size;           /* bytes of the caller's struct */
	uint32_t flags;          /* DMP_HW_DOMAIN_* */
	uint64_t page_sizes;     /* bitmap of bytes: 0x40201000 is 4 KiB, 2 MiB, 1 GiB */
	uint64_t aperture_start; /* first iova */
	uint64_t aperture_end;   /* last iova, inclusive */
};

#define DMP_HW_DOMAIN_CACHES_NOT_PRESENT 1u /* a map must be followed by sync_map() */

/* Physically contiguous bytes. */
struct dmp_phys_run {
	dmp_phys_t phys;
	uint64_t len;
};

/*
 * What unmaps have left to invalidate.  Empty: start all ones, end 0, no tables.
 * The library keeps the range and the page size; a backend's unmap_pages() chains the
 * table pages that it emptied to tables, and its flush_gather() invalidates table
 * entries, not leaves only, when there are any.
 */
struct dmp_gather {
	dmp_iova_t start;    /* first byte */
	dmp_iova_t end;      /* last byte, inclusive */
	uint64_t page_bytes; /* page size the unmaps asked with, a hint: what was there may have
			      * been smaller or bigger pages; 0: none yet */
	void *tables;        /* the backend's own chain of table pages, free after the flush */
	uint32_t queued;     /* the flush will be of the whole domain: ranges need not be kept */
	uint32_t reserved0;

	/* Of the clock, if exposure is measured.  begun_ns: before the tables were cleared, 0: nobody
	 * asked; if it says something and queued does not, flush_gather() follows in the same
	 * call.  ended_ns: where flush_gather() may leave when it was over; NULL: nobody asks. */
	uint64_t begun_ns;
	uint64_t *ended_ns;
};

/* Why an access of a device failed. */
enum dmp_fault_reason {
	DMP_FAULT_NOT_PRESENT, /* no translation */
	DMP_FAULT_PERMISSION,  /* a write through a read-only translation, or the reverse */
	DMP_FAULT_APERTURE,    /* beyond the domain's aperture */
	DMP_FAULT_NO_DOMAIN,   /* the device is attached to nothing and the machine requires it */
	DMP_FAULT_BAD_TABLE,   /* a malformed table entry */
	DMP_FAULT_BUS,         /* no memory there, or memory that was not exposed */
	DMP_FAULT_STALE,       /* through an IOTLB entry whose page is unmapped; not performed */
};

struct dmp_fault {
	uint32_t device;   /* number given by device_add() */
	uint32_t reason;   /* enum dmp_fault_reason */
	dmp_addr_t addr;   /* first byte that failed */
	uint32_t access;   /* DMP_PROT_READ or DMP_PROT_WRITE */
	uint32_t overflow; /* 1: records before this one were lost */
};

typedef void (*dmp_fault_fn)(void *ctx, const struct dmp_fault *fault);

/* What a machine is told about a device. */
struct dmp_hw_device {
	uint32_t size;     /* bytes of the caller's struct */
	uint32_t flags;    /* zero */
	uint64_t dma_mask; /* highest address it can drive */

	/* While it is behind no domain it reaches range_len bytes of memory from range_phys on, and
	 * these at range_addr; whole pages, else -EINVAL; 0: all memory, at phys. */
	uint64_t range_phys, range_addr, range_len;
};

/* Why a machine keeps addresses from the domains of a device. */
enum dmp_region_kind {
	DMP_REGION_RESERVED,     /* they do not reach the IOMMU, for instance a bridge's window */
	DMP_REGION_DIRECT,       /* the device uses them itself: each must lead to itself */
	DMP_REGION_MSI,          /* writes there are interrupts */
	DMP_REGION_SOFTWARE_MSI, /* where somebody else's software may map interrupts: ignored */
};

/* The most regions of one device. */
#define DMP_HW_REGIONS_MAX 1024u

struct dmp_hw_region {
	uint32_t size;       /* bytes of the caller's struct */
	uint32_t kind;       /* enum dmp_region_kind */
	uint64_t start, len; /* bytes, > 0; it may end with the last address of 64 bits */
	uint32_t prot;       /* direct: DMP_PROT_* bits, at least one; others: 0 */
	uint32_t reserved0;  /* zero */
};

struct dmp_hw_ops {
	uint32_t size; /* bytes of this struct as the backend knows it */
	uint32_t reserved0;
	const char *name; /* one word, for messages */

	/* Memory.  Blocks are 4 KiB << order bytes, naturally aligned, not cleared.
	 * mem_alloc and coherent_alloc: -ENOMEM when there is none; may sleep only if asked. */
	int (*mem_alloc)(void *be, enum dmp_zone zone, unsigned order, unsigned flags,
			 dmp_phys_t *phys);
	void (*mem_free)(void *be, dmp_phys_t phys, unsigned order);
	/* Already shared with devices; cleared; last byte at or below @limit. */
	int (*coherent_alloc)(void *be, uint64_t len, uint64_t limit, unsigned flags,
			      dmp_phys_t *phys);
	void (*coherent_free)(void *be, dmp_phys_t phys, uint64_t len);
	/* -EFAULT: not one contiguous piece of this machine's memory. */
	int (*buf_to_phys)(void *be, const void *buf, uint64_t len, dmp_phys_t *phys);
	int (*phys_to_buf)(void *be, dmp_phys_t phys, uint64_t len, void **buf);
	/* Encrypted memory: 4 KiB pages become readable by devices, or private again. */
	int (*make_shared)(void *be, dmp_phys_t phys, uint64_t npages);
	int (*make_private)(void *be, dmp_phys_t phys, uint64_t npages);

	/* Exposure: which bytes a device may reach without translation, from mem_map until
	 * mem_unmap of the same range.  mem_unmap: -ENOENT never mapped. */
	int (*mem_map)(void *be, uint32_t device, dmp_phys_t phys, uint64_t len, enum dmp_dir dir);
	int (*mem_unmap)(void *be, uint32_t device, dmp_phys_t phys, uint64_t len,
			 enum dmp_dir dir);

	/* Devices.  May sleep.  device_add: -ENOMEM no room for another device; -ENOTSUP a range,
	 * where the machine has none. */
	int (*device_add)(void *be, const struct dmp_hw_device *desc, uint32_t *device);
	void (*device_remove)(void *be, uint32_t device);

	/* Translation.  create, destroy, attach, detach may sleep.  A device is attached to at
	 * most one domain (-EBUSY); a domain is destroyed when nothing is attached.  When detach
	 * returns the device reaches nothing through the domain any more, and when the last has
	 * left, none does that is attached later by what is remembered from before.
	 * map_pages maps @npages pages of one size @page_bytes, stops early on error, and
	 * always says in @mapped how many bytes it did.  Mapping what is mapped: -EEXIST.
	 * unmap_pages returns the bytes unmapped from @iova on: less than asked for where it
	 * meets a hole, more where a bigger page begins, which it never splits; 0 if @iova lies
	 * inside a bigger page.  It may be asked with a bigger page size than was mapped. */
	int (*domain_create)(void *be, enum dmp_domain_type type, void **dom,
			     struct dmp_hw_domain_info *info);
	void (*domain_destroy)(void *be, void *dom);
	int (*domain_attach)(void *be, void *dom, uint32_t device);
	void (*domain_detach)(void *be, void *dom, uint32_t device);
	int (*map_pages)(void *be, void *dom, dmp_iova_t iova, dmp_phys_t phys, uint64_t page_bytes,
			 uint64_t npages, unsigned prot, uint64_t *mapped);
	int (*map_list)(void *be, void *dom, dmp_iova_t iova, const struct dmp_phys_run *runs,
			size_t nruns, unsigned prot, uint64_t *mapped);
	uint64_t (*unmap_pages)(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes,
				uint64_t npages, struct dmp_gather *gather);
	int (*iova_to_phys)(void *be, void *dom, dmp_iova_t iova, dmp_phys_t *phys);

	/* Invalidation.  Each returns when it has taken effect; -ETIMEDOUT: the queue is stuck. */
	int (*sync_map)(void *be, void *dom, dmp_iova_t iova, uint64_t len);
	int (*flush_gather)(void *be, void *dom, const struct dmp_gather *gather);
	int (*flush_range)(void *be, void *dom, dmp_iova_t iova, uint64_t len, bool leaf_only);
	int (*flush_domain)(void *be, void *dom);
	void (*free_tables)(void *be, void *dom, void *tables);

	/* Faults.  The handler is called by the thread whose access failed.  fault_next takes
	 * the oldest record off the machine's queue: -ENOENT when it is empty. */
	void (*set_fault_handler)(void *be, dmp_fault_fn fn, void *ctx);
	int (*fault_next)(void *be, struct dmp_fault *fault);

	/* Encrypted memory: does the device reach shared pages only?  The same answer for as long
	 * as the device exists.  Needs make_shared.  Pages of tables are not meant: what the
	 * machine walks it can read. */
	bool (*needs_shared)(void *be, uint32_t device);

	/* Region @n, from 0, of addresses that domains of @device leave alone; -ENOENT: @n are all,
	 * DMP_HW_REGIONS_MAX at most.  The same answers from device_add to device_remove, however
	 * regions overlap.  Asked when the device is attached; must not sleep. */
	int (*device_region)(void *be, uint32_t device, uint32_t n, struct dmp_hw_region *region);
	/* What devices can still reach after an unmap, see exposure.h.  Start: of a translated
	 * domain that has mapped nothing yet, once; @watch is copied, NULL: nobody; -ENOMEM.
	 * Get: of a domain that was started, at any time, all of @seen; sums stay at
	 * UINT64_MAX. */
	int (*exposure_start)(void *be, void *dom, const struct dmp_exposure_watch *watch,
			      void *ctx);
	int (*exposure_get)(void *be, void *dom, struct dmp_exposure_seen *seen);
};

struct dmp_hw_opts {
	uint32_t size;  /* bytes; set by DMP_HW_OPTS() */
	uint32_t flags; /* DMP_HW_*; unknown bits: -EINVAL */
};
#ifndef __cplusplus
#define DMP_HW_OPTS(...) ((struct dmp_hw_opts){.size = sizeof(struct dmp_hw_opts), __VA_ARGS__})
#endif

#define DMP_HW_CHECK 1u /* verify every call and every answer against this page */

/**
 * dmp_hw_create() - adopt a backend
 * @ops:  copied; ops->size bytes of it
 * @be:   handed to every member
 * @opts: NULL for defaults
 * @out:  the machine; untouched on error
 *
 * Ownership: borrows @be until dmp_hw_destroy().
 * Threads:   any thread.
 * Errors:    -EINVAL a required member is missing, half of a group is there, or an
 *            unknown flag; -E2BIG; -ENOMEM.
 */
DMP_API int dmp_hw_create(const struct dmp_hw_ops *ops, void *be, const struct dmp_hw_opts *opts,
			  struct dmp_hw **out);

/**
 * dmp_hw_destroy() - let go of a backend
 *
 * Threads: set-up only.
 * Errors:  -EBUSY a device, a domain or a buffer of dmp_hw_alloc() still exists.
 */
DMP_API int dmp_hw_destroy(struct dmp_hw *hw);

/**
 * dmp_hw_host_create() - the host's own memory, without an IOMMU
 *
 * phys is the pointer itself, every byte of the process is memory, devices reach
 * everything that their mask allows.
 *
 * Threads: any thread.
 * Errors:  -ENOMEM; -EINVAL, -E2BIG as dmp_hw_create().
 */
DMP_API int dmp_hw_host_create(const struct dmp_hw_opts *opts, struct dmp_hw **out);

/**
 * dmp_hw_alloc() - a buffer in the machine's memory
 * @len: bytes, > 0
 * @buf: out: 4 KiB aligned, cleared; physically contiguous
 *
 * Ownership: the caller's until dmp_hw_free().
 * Threads:   any thread.
 * Errors:    -EINVAL; -ENOMEM.
 */
DMP_API int dmp_hw_alloc(struct dmp_hw *hw, uint64_t len, void **buf);

/**
 * dmp_hw_free() - give it back
 * @len: as asked for
 *
 * Threads: any thread.
 * Errors:  -EFAULT @buf is not a buffer of dmp_hw_alloc() of this machine, or is free by now;
 *          -EINVAL another @len.
 */
DMP_API int dmp_hw_free(struct dmp_hw *hw, void *buf, uint64_t len);

/**
 * dmp_hw_set_fault_handler() - be told of every failed access of a device
 * @fn: called by the thread whose access failed; NULL: nobody
 *
 * Threads: set-up only.
 * Errors:  -ENOTSUP the machine reports none.
 */
DMP_API int dmp_hw_set_fault_handler(struct dmp_hw *hw, dmp_fault_fn fn, void *ctx);

/**
 * dmp_hw_fault_next() - take the oldest fault record
 *
 * Threads: any thread.
 * Errors:  -ENOENT none waits; -ENOTSUP the machine reports none.
 */
DMP_API int dmp_hw_fault_next(struct dmp_hw *hw, struct dmp_fault *fault);

/* Does the machine translate? */
DMP_API bool dmp_hw_has_iommu(const struct dmp_hw *hw);

#ifdef __cplusplus
}
#endif

#endif
