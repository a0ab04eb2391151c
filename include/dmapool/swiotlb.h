/* SPDX-License-Identifier: MIT */
/*
 * swiotlb.h - bounce buffers on their own
 *
 * A bounce allocator owns memory that devices can reach.  A buffer that a device cannot
 * reach is copied there, and back:
 *
 *   dmp_swiotlb_map()     finds slots, copies the buffer in      -> phys of the bounce buffer
 *   dmp_swiotlb_sync_*()  copies a part, either way
 *   dmp_swiotlb_unmap()   copies back, frees the slots
 *
 * The unit is a slot of 2 KiB; no bounce buffer crosses a segment of 128 slots.  The pool is
 * split into areas, each with its own lock; a thread starts in the area of its CPU.  The
 * placements are those of Linux 6.12 slot for slot (docs/spec-bounce.md).
 */
#ifndef DMAPOOL_SWIOTLB_H
#define DMAPOOL_SWIOTLB_H

#include <dmapool/hw.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dmp_swiotlb;

#define DMP_SWIOTLB_SLOT_BYTES    UINT64_C(2048)
#define DMP_SWIOTLB_SEGMENT_SLOTS UINT64_C(128)
/* The largest bounce buffer, padding and rounding included. */
#define DMP_SWIOTLB_MAX_BYTES     (DMP_SWIOTLB_SLOT_BYTES * DMP_SWIOTLB_SEGMENT_SLOTS)

struct dmp_swiotlb_opts {
	uint32_t size;  /* bytes; set by DMP_SWIOTLB_OPTS() */
	uint32_t flags; /* DMP_SWIOTLB_*; unknown bits: -EINVAL */
	uint64_t slots; /* rounded up to a power of two; 0: 32768, which is 64 MiB */
	uint64_t areas; /* rounded up to a power of two, and at least 128 slots are made for
			 * each; 0: one for each CPU number that has been given so far */
};
#define DMP_SWIOTLB_OPTS(...)                                                                      \
	((struct dmp_swiotlb_opts){.size = sizeof(struct dmp_swiotlb_opts), __VA_ARGS__})

#define DMP_SWIOTLB_ANY 1u /* the memory may lie anywhere, not just below 4 GiB */

/**
 * dmp_swiotlb_create() - an allocator with one pool
 * @opts: NULL for defaults
 * @out:  the allocator; untouched on error
 *
 * While the machine has no block of the wanted size, half of it is tried, down to 512 slots
 * (1 MiB).  What came of it: dmp_swiotlb_get_stats().
 *
 * Ownership: borrows @hw until dmp_swiotlb_destroy().
 * Threads:   any thread; may sleep.
 * Errors:    -EINVAL unknown flag, more than 2^31 slots; -E2BIG; -ENOMEM no memory for
 *            bookkeeping, or no block of 512 slots; the backend's own.
 */
DMP_API int dmp_swiotlb_create(struct dmp_hw *hw, const struct dmp_swiotlb_opts *opts,
			       struct dmp_swiotlb **out);

/**
 * dmp_swiotlb_destroy() - give the memory back
 *
 * Threads: set-up only; may sleep.
 * Errors:  -EINVAL NULL; -EBUSY slots are in use.
 */
DMP_API int dmp_swiotlb_destroy(struct dmp_swiotlb *tlb);

/*
 * What a bounce buffer must meet.  Every mask is 2^k - 1 or 0.  Alignment and boundary are
 * judged on device addresses, which are phys + addr_offset.
 */
struct dmp_swiotlb_limits {
	uint32_t size;             /* bytes; set by DMP_SWIOTLB_LIMITS() */
	uint32_t reserved0;        /* zero */
	uint64_t min_align_mask;   /* bits in which the result agrees with the original address */
	uint64_t alloc_align_mask; /* units that the buffer owns whole, its data anywhere inside */
	uint64_t boundary_mask;    /* that the buffer must not cross; 0: none */
	uint64_t addr_limit;       /* highest device address of its data; 0: no limit */
	uint64_t addr_offset;      /* device address - phys, modulo 2^64 */
};
#define DMP_SWIOTLB_LIMITS(...)                                                                    \
	((struct dmp_swiotlb_limits){.size = sizeof(struct dmp_swiotlb_limits), __VA_ARGS__})

/**
 * dmp_swiotlb_map() - find slots and copy a buffer there
 * @limits: NULL: none
 * @orig:   the buffer
 * @len:    bytes, > 0
 * @dir:    which way the data will go; the copy is made for every direction, so that a device
 *          that writes a part of the buffer leaves the rest as it was
 * @attrs:  DMP_ATTR_* bits, or 0; DMP_ATTR_SKIP_SYNC does not spare the copy
 * @phys:   out: where the copy starts; untouched on error
 *
 * Ownership: borrows the original buffer until unmap.
 * Threads:   any thread.  Never sleeps.
 * Errors:    -EINVAL @len, @dir, @attrs or @limits; -E2BIG; -EFAULT the machine does not know
 *            the original; -ERANGE it can never fit: more than DMP_SWIOTLB_MAX_BYTES, the
 *            boundary, or the slots found lie beyond addr_limit; -ENOSPC none free now.
 *            -ENOSPC is logged unless DMP_ATTR_NO_WARN.
 * Cost:      one area lock, O(len) copy; O(segments of the area) when it is nearly full.
 * Source:    Linux swiotlb_tbl_map_single().
 */
DMP_API int dmp_swiotlb_map(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits,
			    dmp_phys_t orig, uint64_t len, enum dmp_dir dir, unsigned attrs,
			    dmp_phys_t *phys);

/**
 * dmp_swiotlb_unmap() - copy back and free the slots
 * @phys: as given by dmp_swiotlb_map()
 * @len:  bytes to copy back, > 0; as mapped
 * @dir:  DMP_TO_DEVICE: nothing is copied
 * @attrs: DMP_ATTR_SKIP_SYNC: nothing is copied
 *
 * More bytes than the mapping has are cut down to those, and logged; what it has is @len of
 * the map, rounded up by alloc_align_mask.
 *
 * Threads: any thread; one at a time per mapping.  Never sleeps.
 * Errors:  -EINVAL @len, @dir or @attrs; -ENOENT no mapping starts at @phys: logged, nothing
 *          is changed; -EFAULT the original is gone: the slots are freed.
 */
DMP_API int dmp_swiotlb_unmap(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len,
			      enum dmp_dir dir, unsigned attrs);

/**
 * dmp_swiotlb_sync_for_cpu() - copy a part back to the original
 * @phys: inside a live mapping, any offset
 * @len:  bytes, > 0; cut down as in dmp_swiotlb_unmap()
 * @dir:  DMP_TO_DEVICE: nothing to do
 *
 * Threads: any thread; one at a time per mapping.
 * Errors:  -EINVAL @len or @dir; -ENOENT @phys is not data of a mapping: logged; -EFAULT the
 *          original is gone.
 */
DMP_API int dmp_swiotlb_sync_for_cpu(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len,
				     enum dmp_dir dir);

/* Copy a part of the original in again; DMP_FROM_DEVICE: nothing to do.  Otherwise the same. */
DMP_API int dmp_swiotlb_sync_for_device(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len,
					enum dmp_dir dir);

/**
 * dmp_swiotlb_owns() - does @phys lie in the allocator's memory, mapped or not?
 *
 * Threads: any thread; takes no lock.
 */
DMP_API bool dmp_swiotlb_owns(const struct dmp_swiotlb *tlb, dmp_phys_t phys);

/* The machine that its memory is of. */
DMP_API struct dmp_hw *dmp_swiotlb_hw(const struct dmp_swiotlb *tlb);

/**
 * dmp_swiotlb_max_mapping() - the largest @len that a mapping may be promised
 * @min_align_mask: as in the limits; from 256 KiB on nothing is promised: 0
 *
 * It knows nothing of alloc_align_mask.
 *
 * Threads: any thread.
 */
DMP_API uint64_t dmp_swiotlb_max_mapping(uint64_t min_align_mask);

struct dmp_swiotlb_stats {
	uint64_t slots;      /* of all pools */
	uint64_t areas;      /* of the first pool */
	uint64_t used;       /* slots in use now */
	uint64_t high_water; /* the most that were in use at once */
};

/**
 * dmp_swiotlb_get_stats() - a snapshot; not one moment while other threads run
 * @size: sizeof(struct dmp_swiotlb_stats) of the caller
 *
 * high_water is exact as long as one thread maps at a time; with several a short peak can be
 * missed, as nothing that all CPUs write stands in a request's way.
 *
 * Threads: any thread.
 * Errors:  -EINVAL.
 */
DMP_API int dmp_swiotlb_get_stats(struct dmp_swiotlb *tlb, struct dmp_swiotlb_stats *stats,
				  size_t size);

/**
 * dmp_swiotlb_reset_high_water() - from here on high_water is that of later maps
 *
 * It reads 0 until the next map.
 *
 * Threads: any thread.
 */
DMP_API void dmp_swiotlb_reset_high_water(struct dmp_swiotlb *tlb);

/**
 * dmp_swiotlb_check() - walk everything and compare the books
 *
 * Threads: set-up only.
 * Errors:  -EIO after logging what is wrong.
 * Cost:    O(slots).
 */
DMP_API int dmp_swiotlb_check(struct dmp_swiotlb *tlb);

/* A pool, an area and a mapping as tests see them. */
struct dmp_swiotlb_pool_view {
	dmp_phys_t phys;
	uint64_t slots, areas, area_slots;
};

struct dmp_swiotlb_area_view {
	uint64_t used;
	uint64_t index; /* slot of the area where the next search starts */
};

struct dmp_swiotlb_mapping_view {
	unsigned pool;
	uint64_t first; /* slot of that pool, padding included */
	uint64_t pad;   /* leading slots of padding */
	uint64_t slots; /* padding included */
	dmp_phys_t orig;
	dmp_phys_t phys; /* as given by dmp_swiotlb_map() */
};

/**
 * dmp_swiotlb_inspect_pool() - the @pool-th pool, for tests; likewise its areas and slots
 *
 * Threads: set-up only.
 * Errors:  -ENOENT no such pool, area or slot; inspect_mapping: @phys is not data of a mapping.
 */
DMP_API int dmp_swiotlb_inspect_pool(struct dmp_swiotlb *tlb, unsigned pool,
				     struct dmp_swiotlb_pool_view *view);
DMP_API int dmp_swiotlb_inspect_area(struct dmp_swiotlb *tlb, unsigned pool, uint64_t area,
				     struct dmp_swiotlb_area_view *view);
DMP_API int dmp_swiotlb_inspect_slot(struct dmp_swiotlb *tlb, unsigned pool, uint64_t slot,
				     bool *in_use);
DMP_API int dmp_swiotlb_inspect_mapping(struct dmp_swiotlb *tlb, dmp_phys_t phys,
					struct dmp_swiotlb_mapping_view *view);

#ifdef __cplusplus
}
#endif

#endif
