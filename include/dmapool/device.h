/* SPDX-License-Identifier: MIT */
/*
 * device.h - devices: what they can reach, and which address space they see
 */
#ifndef DMAPOOL_DEVICE_H
#define DMAPOOL_DEVICE_H

#include <dmapool/domain.h>
#include <dmapool/swiotlb.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dmp_device;

struct dmp_device_opts {
	uint32_t size;               /* bytes; set by DMP_DEVICE_OPTS() */
	uint32_t flags;              /* DMP_DEVICE_*; unknown bits: -EINVAL */
	uint64_t dma_mask;           /* highest address driven, 2^k - 1; 0: all 64 bits */
	uint64_t coherent_mask;      /* the same for coherent memory; 0: dma_mask */
	uint64_t bus_limit;          /* highest address that its bus carries; 0: no limit */
	uint64_t min_align_mask;     /* address bits that a bounce must preserve, 2^k - 1 */
	uint64_t max_segment_bytes;  /* longest piece of a scatter list; 0: no limit */
	uint64_t segment_boundary;   /* mask, 2^k - 1, that no piece may cross; 0: none */
	struct dmp_swiotlb *swiotlb; /* bounce allocator of the same machine; NULL: nothing
				      * bounces */

	/* Memory that its bus carries while no domain is attached, not even an identity domain:
	 * range_len bytes, which are at range_phys for the CPU and at range_addr for the device.
	 * What lies outside has no address there.  Whole pages of 4 KiB; all 0: every byte at its
	 * own address. */
	uint64_t range_phys, range_addr, range_len;
};
#ifndef __cplusplus
#define DMP_DEVICE_OPTS(...)                                                                       \
	((struct dmp_device_opts){.size = sizeof(struct dmp_device_opts), __VA_ARGS__})
#endif

/* Untrusted: behind a domain it must never see bytes beside a buffer, nor a buffer after its
 * unmap; the domain must be strict. */
#define DMP_DEVICE_UNTRUSTED    1u
/* Every streaming mapping bounces; needs swiotlb.  So does each of a device whose allocator asks
 * for it (DMP_SWIOTLB_FORCE_BOUNCE, or a restricted one), and of one that reaches shared memory
 * only (needs_shared of hw.h), without the flag. */
#define DMP_DEVICE_FORCE_BOUNCE 2u
/* Behind a domain its addresses are looked for below 4 GiB first, as Linux does for PCI devices, if
 * mask and bus allow higher ones.  The first time that there is none, this ends for as long as it
 * stays attached: see losses_32bit.  Coherent memory and lists are meant as well. */
#define DMP_DEVICE_FIRST_32BIT  4u

/**
 * dmp_device_create() - a device of a machine
 * @opts: NULL for defaults
 * @out:  the device; untouched on error
 *
 * Until it is attached to a domain its addresses are physical (direct route).
 *
 * Ownership: borrows @hw and @opts->swiotlb until dmp_device_destroy(); several devices may
 *            bounce through one allocator.  One that dmp_dma_unmap() left slots of in use cannot
 *            be destroyed (-EBUSY) before a flush of that domain works or it is destroyed; never,
 *            if there was no memory to remember them.
 * Threads:   any thread; may sleep.
 * Errors:    -EINVAL a mask that is not 2^k - 1, an unknown flag, a range of part of a page or
 *            that wraps, a bounce allocator of another
 *            machine, or none for DMP_DEVICE_FORCE_BOUNCE; -E2BIG; -ENOMEM; the backend's.
 */
DMP_API int dmp_device_create(struct dmp_hw *hw, const struct dmp_device_opts *opts,
			      struct dmp_device **out);

/**
 * dmp_device_destroy()
 *
 * Threads: set-up only; may sleep.  Requests that wait: dmp_device_cancel() first.
 * Errors:  -EINVAL NULL; -EBUSY something is mapped, coherent memory is held, or a domain is
 *          attached; or slots that dmp_dma_unmap() left in use lie in a transient pool of it; or a
 *          request of it waits for slots.
 */
DMP_API int dmp_device_destroy(struct dmp_device *dev);

/**
 * dmp_device_attach() - from here on the device's addresses are those of @dom
 *
 * Behind an identity domain they are physical, as without one: what is beyond the device's mask
 * bounces.  An untrusted device does not join it, since there it would reach everything.
 *
 * An untrusted device holds its domain strict, dmp_domain_hold_strict(), until it is detached.
 * Whatever any device of a domain has mapped there all of them can reach: let an untrusted
 * one share it with none that is trusted.
 *
 * What is mapped, held as coherent memory, or just being mapped keeps the device where it is: each
 * mapping ends in the address space where it began.  A map that comes in the moment of a change is
 * refused (-EBUSY) and may be tried again; an unmap or a sync of what is mapped never is.
 *
 *   beside ...        map, alloc      unmap, sync, free   agent access   attach, detach
 *   attach, detach    one of the two  -EBUSY for the      waited for     one of the two
 *                     has -EBUSY      change                             has -EBUSY
 *
 * Ownership: borrows @dom until dmp_device_detach().
 * Threads:   any thread; may sleep; no lock held.  Regions: dmp_domain_attach().
 * Errors:    -EBUSY attached already; something is mapped, or just being mapped; another thread is
 *            attaching or detaching the device; regions, see dmp_domain_attach(), and its others
 *            too.  -EINVAL @dom belongs to another machine, or the device is untrusted and @dom
 *            not strict or an identity domain (which is logged); the backend's own.  The device
 *            stays where it was.
 * Cost:      a full fence in every thread of the process.
 */
DMP_API int dmp_device_attach(struct dmp_device *dev, struct dmp_domain *dom);

/**
 * dmp_device_detach() - the reverse
 *
 * When it returns 0 no request and no access of the device uses the domain any more, and the domain
 * may be destroyed while other threads go on mapping through the device: their addresses are
 * physical.
 *
 * Threads: as dmp_device_attach().
 * Errors:  -ENOENT not attached; -EINVAL NULL; -EBUSY something is mapped, or just being mapped, or
 *          another thread is attaching or detaching the device: it stays attached.
 */
DMP_API int dmp_device_detach(struct dmp_device *dev);

/**
 * dmp_device_cancel() - the device is going: none of its requests waits any more
 *
 * Maps with DMP_ATTR_MAY_BLOCK that wait for bounce slots, and from here on those that would
 * have to, return -ECANCELED; everything else goes on as before, unmaps in particular.  It cannot
 * be taken back.  The threads that waited may still be on their way out when it returns: see that
 * they are out before dmp_device_destroy().
 *
 * Threads: any thread.
 * Errors:  -EINVAL NULL.
 * Cost:    O(requests that wait).
 */
DMP_API int dmp_device_cancel(struct dmp_device *dev);

/**
 * dmp_device_recommend_may_block() - does DMP_ATTR_MAY_BLOCK pay?
 *
 * It does if every mapping bounces, so that the caller's maps alone can fill the allocator; not if
 * only some do, nor behind a domain, where nobody waits.  False for NULL.
 *
 * Threads: any thread; another answer after attach and detach.
 * Source:  a proposal for Linux that was not merged, spec-bounce P1: a query of this name.
 */
DMP_API bool dmp_device_recommend_may_block(struct dmp_device *dev);

/* The device's number in its machine, as in fault records.  Any thread. */
DMP_API uint32_t dmp_device_id(const struct dmp_device *dev);

/**
 * dmp_device_max_mapping() - the most bytes that one mapping, or a piece of a list, is promised
 *
 * What may have to bounce must fit a bounce buffer: the promise is dmp_swiotlb_max_mapping() for
 * a device with a bounce allocator that cannot reach all addresses by itself, or is untrusted
 * and attached, or forced; 0 if a granule is longer than any bounce buffer.  UINT64_MAX for any
 * other.  A longer mapping may still work, if its buffer need not bounce, or lies well; one that
 * must bounce and cannot fit is -ERANGE, and so is a list with such a piece.  It is the caller
 * who cuts.  max_segment_bytes and segment_boundary come on top.
 *
 * Threads: any thread; another answer after attach and detach.
 * Source:  Linux dma_max_mapping_size().
 */
DMP_API uint64_t dmp_device_max_mapping(struct dmp_device *dev);

struct dmp_device_stats {
	uint64_t maps, unmaps; /* of single buffers and lists */
	uint64_t map_failures;
	uint64_t syncs;
	uint64_t coherent_allocs, coherent_frees;
	uint64_t live_maps; /* maps - unmaps; what has begun and has no answer yet counts */
	uint64_t live_coherent;
	/* DMP_DEVICE_FIRST_32BIT */
	uint64_t maps_32bit;   /* mappings that got an address below 4 GiB at the first try */
	uint64_t losses_32bit; /* times that the preference was lost: once an attachment at most */
	uint64_t first_32bit;  /* 1: it is attached, and has the preference */
	/* Behind a domain with DMP_DOMAIN_NEIGHBOURS: bytes beside buffers that share their granules,
	 * which the device reaches, too.  Slots have none: they own whole granules. */
	uint64_t neighbour_bytes;      /* now ... */
	uint64_t neighbour_peak_bytes; /* ... and the most that there were at once */
	uint64_t neighbour_byte_ns;    /* bytes times the time until the unmap, those that are live
					* up to now; UINT64_MAX: at least that */
};

/**
 * dmp_device_get_stats() - a snapshot; not one moment while other threads run
 * @size: sizeof(struct dmp_device_stats) of the caller
 */
DMP_API int dmp_device_get_stats(struct dmp_device *dev, struct dmp_device_stats *stats,
				 size_t size);

#ifdef __cplusplus
}
#endif

#endif
