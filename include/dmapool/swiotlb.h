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
 * An allocator begins with one pool.  One that grows (DMP_SWIOTLB_GROWS) has the library's worker
 * make another when a request finds no slots; that request is served from a transient pool,
 * made for it alone without waiting.  A restricted allocator owns a range of the platform: its
 * devices bounce everything there, and it never grows.  A device can have slots of its own, carved
 * from an allocator: dmp_swiotlb_carve().
 *
 * The unit is a slot of 2 KiB; no bounce buffer crosses a segment of 128 slots.  The pool is
 * split into areas, each with its own lock; a thread starts in the area of its CPU.  The
 * placements are those of Linux 6.12 slot for slot (docs/spec-bounce.md; what differs:
 * docs/linux-map.md), unless another policy is asked for (swiotlb_policy.h).
 *
 * A broken promise of the caller is logged, returned, and changes nothing, in any build.
 */
#ifndef DMAPOOL_SWIOTLB_H
#define DMAPOOL_SWIOTLB_H

#include <dmapool/hw.h>
#include <dmapool/swiotlb_policy.h>
#include <dmapool/swiotlb_stats.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dmp_swiotlb;
struct dmp_swiotlb_device;

#define DMP_SWIOTLB_SLOT_BYTES    UINT64_C(2048)
#define DMP_SWIOTLB_SEGMENT_SLOTS UINT64_C(128)
/* The largest bounce buffer, padding and rounding included. */
#define DMP_SWIOTLB_MAX_BYTES     (DMP_SWIOTLB_SLOT_BYTES * DMP_SWIOTLB_SEGMENT_SLOTS)

struct dmp_swiotlb_opts {
	uint32_t size;  /* bytes; set by DMP_SWIOTLB_OPTS() */
	uint32_t flags; /* DMP_SWIOTLB_*; unknown bits: -EINVAL */
	uint64_t
		slots; /* 0 .. 2^31, rounded up to a power of two, 128 at least; 0: 32768, 64 MiB */
	uint64_t areas; /* 0 .. 2^24, rounded up to a power of two, and at least 128 slots are made
			 * for each; 0: one for each CPU number that has been given so far */
	uint64_t max_slots; /* of all pools but transient ones, where growth ends; 0: nowhere */
	uint64_t idle_ns;   /* a grown pool that nobody used for this long, up to twice as long, is
			   * given back; 0: it stays */
	const char *name;   /* for messages, 15 characters are kept; NULL: "default" */
	const struct dmp_swiotlb_policy *policy; /* copied; NULL: linux; see swiotlb_policy.h */
	uint32_t throttle_high; /* with DMP_SWIOTLB_THROTTLES; per cent of the slots, 1 .. 100,
				 * 0: 70 */
	uint32_t
		throttle_low; /* the same, throttle_high at most; 0: 5 less than that, 0 at least */
	uint64_t throttle_turn_ns; /* how long a turn lasts while others wait for theirs; 0: as long
				    * as its mapping; see dmp_swiotlb_tune() */
};
#define DMP_SWIOTLB_OPTS(...)                                                                      \
	((struct dmp_swiotlb_opts){.size = sizeof(struct dmp_swiotlb_opts), __VA_ARGS__})

#define DMP_SWIOTLB_ANY          1u  /* the memory may lie anywhere, not just below 4 GiB */
#define DMP_SWIOTLB_GROWS        2u  /* more pools, and transient ones, when all slots are in use */
#define DMP_SWIOTLB_LATE         4u  /* made from what a running machine has, see below */
#define DMP_SWIOTLB_FORCE_BOUNCE 8u  /* every streaming mapping of its devices bounces */
#define DMP_SWIOTLB_NO_COPY      16u /* no byte moves, ever: to measure the slots alone */
#define DMP_SWIOTLB_THROTTLES    32u /* requests that may block wait for each other, see tuning */

/**
 * dmp_swiotlb_create() - an allocator with one pool
 * @hw:   the machine
 * @opts: NULL for defaults
 * @out:  the allocator; untouched on error
 *
 * While the machine has no block of the wanted size, half of it is tried, down to 512 slots
 * (1 MiB), and areas of less than 128 slots are joined.  What came of it:
 * dmp_swiotlb_get_stats().  The memory is one block, shared with devices where it has to be, and
 * cleared.
 *
 * DMP_SWIOTLB_LATE rounds slots, truncated from bytes by the caller, up to a power of two; blocks
 * of 512 slots or fewer are not tried, so a request for so few fails.
 *
 * A pool that grows has as many slots as the first one (a late allocator: 32768), 2048 at
 * most; half of it is tried while there is no memory, down to 512.
 *
 * Ownership: borrows @hw until dmp_swiotlb_destroy().
 * Threads:   any thread; may sleep.
 * Errors:    -EINVAL @hw, @out, an unknown flag, slots or areas out of their range; -E2BIG;
 *            -ENOMEM no memory for bookkeeping, or no block of 512 slots (of fewer, if fewer
 *            were asked for); the backend's own.
 * Cost:      O(slots), and clears the memory; 12.5 bytes of bookkeeping a slot,
 *            13 in areas of 128 slots.
 * Source:    Linux swiotlb_init_remap(), spec-bounce 2.2, 3.1-3.4.
 */
DMP_API int dmp_swiotlb_create(struct dmp_hw *hw, const struct dmp_swiotlb_opts *opts,
			       struct dmp_swiotlb **out);

/**
 * dmp_swiotlb_create_restricted() - an allocator over a range that the platform set apart
 * @phys, @len: whole pages of 4 KiB, memory of the machine
 *
 * One area, any number of slots; it never grows, and its devices bounce everything, and take
 * their coherent memory from it: dmp_swiotlb_alloc_pages().
 *
 * Ownership: borrows @hw, and the range, until dmp_swiotlb_destroy().
 * Threads:   any thread; may sleep.
 * Errors:    -EINVAL @hw, @out, or no whole pages; -EFAULT the machine does not have the range
 *            in one piece; -ENOMEM; the backend's own of make_shared().
 * Cost:      O(slots), and clears the memory.
 * Source:    Linux rmem_swiotlb_device_init(), spec-bounce 3.7.
 */
DMP_API int dmp_swiotlb_create_restricted(struct dmp_hw *hw, dmp_phys_t phys, uint64_t len,
					  struct dmp_swiotlb **out);

struct dmp_swiotlb_carve_opts {
	uint32_t size;    /* bytes; set by DMP_SWIOTLB_CARVE_OPTS() */
	uint32_t flags;   /* 0 */
	uint64_t bytes;   /* 0 .. 2^42, rounded up to whole blocks; 0: as the queues need */
	uint64_t queues;  /* 0 .. 2^16, rounded up to a power of two of areas; 0: 1 */
	const char *name; /* for messages; NULL: "carved" */
	const struct dmp_swiotlb_policy *policy; /* copied; NULL: that of the parent */
};
#define DMP_SWIOTLB_CARVE_OPTS(...)                                                                \
	((struct dmp_swiotlb_carve_opts){.size = sizeof(struct dmp_swiotlb_carve_opts),            \
					 __VA_ARGS__})

/* What is carved at a time. */
#define DMP_SWIOTLB_BLOCK_BYTES UINT64_C(0x200000)

/**
 * dmp_swiotlb_carve() - an allocator for one device, from the slots of another
 * @parent: any allocator, also one that was carved
 * @opts:   NULL for defaults: one block of 2 MiB, one area
 * @out:    the allocator; untouched on error
 *
 * A run of free blocks of 2 MiB in one pool of @parent becomes the only pool of an allocator
 * with an area, and a lock, for each queue of the device.  A thread starts in the area of its CPU,
 * as everywhere.  Each queue gets a segment (256 KiB) at least; with more than one, the
 * blocks are rounded up to a power of two.
 *
 * Its devices bounce every streaming mapping, and take their coherent memory from it.  It never
 * grows, and nothing grows for it.
 *
 * As long as it lives its slots are in use in @parent, which refuses to sync and unmap
 * there; dmp_swiotlb_owns() says yes of both.  Other requests of @parent go on meanwhile; one
 * may miss slots that the search takes for a moment and gives back.
 *
 * dmp_swiotlb_destroy() gives the blocks back.
 *
 * Ownership: borrows @parent until dmp_swiotlb_destroy().
 * Threads:   any thread; may sleep.
 * Errors:    -EINVAL @parent, @out, a flag, bytes or queues out of their range, a policy without
 *            name or find(); -E2BIG; -ENOMEM no memory for bookkeeping; -ENOSPC no run of so
 *            many free blocks; -ERANGE no pool of @parent has so many; the policy's own.
 * Cost:      O(blocks of the parent), each looked at twice at most under an area's lock, and
 *            clears what is carved; 12.5 bytes of bookkeeping a slot,
 *            13 in areas of 128 slots.
 * Source:    a proposal for Linux that was not merged, spec-bounce P2.
 */
DMP_API int dmp_swiotlb_carve(struct dmp_swiotlb *parent, const struct dmp_swiotlb_carve_opts *opts,
			      struct dmp_swiotlb **out);

/**
 * dmp_swiotlb_parent() - the allocator that it was carved from; NULL: from none
 *
 * Threads: any thread.
 */
DMP_API struct dmp_swiotlb *dmp_swiotlb_parent(const struct dmp_swiotlb *tlb);

/**
 * dmp_swiotlb_destroy() - give the memory back
 *
 * Waits for pools that wait for a grace period.  Memory that the machine cannot make private
 * again is not given back: logged.
 *
 * Threads: set-up only; may sleep.
 * Errors:  -EINVAL NULL; -EBUSY slots are in use, or a device or an allocator carved from it
 *          exists.
 * Cost:    O(areas).
 * Source:  Linux swiotlb_exit(), which does not look whether slots are in use.
 */
DMP_API int dmp_swiotlb_destroy(struct dmp_swiotlb *tlb);

/*
 * What a bounce buffer must meet, all in bytes.  Every mask is 2^k - 1 or 0.  Alignment and
 * boundary are judged on device addresses, which are phys + addr_offset.  The area is searched
 * without regard to addr_limit; slots beyond it are given back, and the next search starts
 * behind them (spec-bounce 11.2, 11.3).
 */
struct dmp_swiotlb_limits {
	uint32_t size;             /* bytes; set by DMP_SWIOTLB_LIMITS() */
	uint32_t flags;            /* DMP_SWIOTLB_NEEDS_SHARED or 0; unknown bits: -EINVAL */
	uint64_t min_align_mask;   /* bits in which the result agrees with the original address */
	uint64_t alloc_align_mask; /* units that the buffer owns whole, its data anywhere inside */
	uint64_t boundary_mask;    /* that the buffer must not cross; 0: none */
	uint64_t addr_limit;       /* highest device address of its data; 0: no limit */
	uint64_t addr_offset;      /* device address - phys, modulo 2^64; a multiple of 2048 */
	uint64_t transient_limit;  /* highest phys of a transient pool; 0: addr_limit */
	struct dmp_swiotlb_device *device; /* whose request it is; NULL: nobody's in particular */
};
#define DMP_SWIOTLB_LIMITS(...)                                                                    \
	((struct dmp_swiotlb_limits){.size = sizeof(struct dmp_swiotlb_limits), __VA_ARGS__})

/* The device reaches shared memory only, and the request cannot wait for pages to be shared: a
 * transient pool comes from the machine's coherent memory. */
#define DMP_SWIOTLB_NEEDS_SHARED 1u

/**
 * dmp_swiotlb_map() - find slots and copy a buffer there
 * @limits: NULL: none
 * @orig:   the buffer: memory of the machine, but not of the allocator
 * @len:    bytes, 1 .. dmp_swiotlb_max_mapping() to be sure
 * @dir:    which way the data will go; the copy is made for every direction, so that a device
 *          that writes a part of the buffer leaves the rest as it was
 * @attrs:  DMP_ATTR_* bits, or 0; DMP_ATTR_SKIP_SYNC does not spare the copy; with
 *          DMP_ATTR_MAY_BLOCK it may have to wait for its turn, see dmp_swiotlb_tune()
 * @phys:   out: where the copy starts; untouched on error
 *
 * A buffer of a page or more begins at a page if neither mask asks for anything.
 *
 * Ownership: borrows the original buffer until unmap.
 * Threads:   any thread.  Never sleeps without DMP_ATTR_MAY_BLOCK; with it no lock held, and not
 *            by who alone could give back what it waits for.
 * Errors:    -EINVAL @len, @dir, @attrs or @limits, or @orig is memory of the allocator
 *            (logged); -E2BIG; -EFAULT the machine does not know the original; -ERANGE it can
 *            never fit: with padding and rounding more than DMP_SWIOTLB_MAX_BYTES or than
 *            the boundary lets through, or more than follows the place in a segment, or
 *            between two boundaries, where the bits that are kept put it; or the slots found
 *            lie beyond addr_limit; -ENOSPC none free now that suits @limits, and no transient
 *            pool could be had.  -ENOSPC is logged unless DMP_ATTR_NO_WARN, once a second at
 *            most: which device's request, how full it is, the largest free run, and the setting
 *            that would help.
 *            -ECANCELED it would have to wait, or waited, and its device was cancelled.
 *            Nothing is taken, and but for the search index nothing has changed; an
 *            allocator that grows may do so.
 * Cost:      one area lock and O(len) copy; O(segments of the area) where it is nearly full,
 *            and a lock for each area that has slots free but no such run; at a new peak of
 *            an area sometimes O(areas), see dmp_swiotlb_get_stats().
 * Source:    Linux swiotlb_tbl_map_single(), spec-bounce 4, 5, 11.2.
 */
DMP_API int dmp_swiotlb_map(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits,
			    dmp_phys_t orig, uint64_t len, enum dmp_dir dir, unsigned attrs,
			    dmp_phys_t *phys);

/**
 * dmp_swiotlb_unmap() - copy back and free the slots
 * @phys:  as given by dmp_swiotlb_map()
 * @len:   bytes, as mapped, > 0
 * @dir:   DMP_TO_DEVICE: nothing is copied; that of the map is not remembered
 * @attrs: DMP_ATTR_SKIP_SYNC: nothing is copied
 *
 * Pages of dmp_swiotlb_alloc_pages() may come back this way, too: nothing is copied.
 *
 * Ownership: the original buffer is the caller's alone again.
 * Threads:   any thread; one at a time per mapping.  Never sleeps.
 * Errors:    -ENOENT no mapping starts at @phys: it is unmapped already, the middle of one, or
 *            foreign; -EINVAL @len (also: it is not that of the map), @dir or @attrs.  Both
 *            but for 0, @dir and @attrs are logged, and nothing is changed.  -EFAULT the
 *            original is gone: nothing is copied, the slots are freed.
 * Cost:      one area lock and O(len) copy.
 * Source:    Linux swiotlb_tbl_unmap_single(), spec-bounce 7.4, 7.6.
 */
DMP_API int dmp_swiotlb_unmap(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len,
			      enum dmp_dir dir, unsigned attrs);

/**
 * dmp_swiotlb_sync_for_cpu() - copy a part back to the original
 * @phys: inside a live mapping, any offset
 * @len:  bytes, > 0; what goes beyond the mapping is cut off and logged
 * @dir:  DMP_TO_DEVICE: nothing to do
 *
 * As in Linux the mapping ends where rounding by alloc_align_mask ends: a caller that names
 * more bytes than it mapped has those behind its original written, up to there.
 *
 * Threads: any thread; one at a time per mapping.  Never sleeps, takes no lock.
 * Errors:  -EINVAL @len or @dir; -ENOENT @phys is not data of a mapping: logged; -EFAULT the
 *          original is gone.
 * Cost:    O(len) copy.
 * Source:  Linux swiotlb_sync_single_for_cpu(), spec-bounce 7.1-7.5.
 */
DMP_API int dmp_swiotlb_sync_for_cpu(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len,
				     enum dmp_dir dir);

/**
 * dmp_swiotlb_sync_for_device() - copy a part of the original in again
 * @dir: DMP_FROM_DEVICE: nothing to do
 *
 * Everything else as dmp_swiotlb_sync_for_cpu().
 *
 * Source: Linux swiotlb_sync_single_for_device().
 */
DMP_API int dmp_swiotlb_sync_for_device(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len,
					enum dmp_dir dir);

/**
 * dmp_swiotlb_owns() - does @phys lie in the allocator's memory, mapped or not, or carved from it?
 *
 * Threads: any thread; takes no lock.
 * Cost:    O(pools).
 * Source:  Linux is_swiotlb_buffer(), without its flag of the device: spec-bounce 8.
 */
DMP_API bool dmp_swiotlb_owns(const struct dmp_swiotlb *tlb, dmp_phys_t phys);

/**
 * dmp_swiotlb_hw() - the machine that its memory is of
 *
 * Threads: any thread.
 */
DMP_API struct dmp_hw *dmp_swiotlb_hw(const struct dmp_swiotlb *tlb);

/**
 * dmp_swiotlb_max_mapping() - the largest @len that a mapping may be promised
 * @min_align_mask: as in the limits; from 256 KiB - 1 on nothing is promised: 0
 *
 * In bytes.  It knows nothing of alloc_align_mask and boundary_mask.
 *
 * Threads: any thread.
 * Source:  Linux swiotlb_max_mapping_size(), spec-bounce 9.1.
 */
DMP_API uint64_t dmp_swiotlb_max_mapping(uint64_t min_align_mask);

/**
 * dmp_swiotlb_forces_bounce() - does every streaming mapping of its devices bounce?
 * dmp_swiotlb_is_restricted() - is the coherent memory of its devices to be from it too?  That of
 * dmp_swiotlb_create_restricted() and dmp_swiotlb_carve() is.
 *
 * Threads: any thread.
 */
DMP_API bool dmp_swiotlb_forces_bounce(const struct dmp_swiotlb *tlb);
DMP_API bool dmp_swiotlb_is_restricted(const struct dmp_swiotlb *tlb);

/**
 * dmp_swiotlb_device_create() - what the allocator keeps for a device
 *
 * Named in limits.device, it makes lookups of a device that never bounced free, and transient
 * pools of one device unknown to the others.
 *
 * Ownership: borrows @tlb; the caller's until dmp_swiotlb_device_destroy().
 * Threads:   any thread.
 * Errors:    -EINVAL NULL; -ENOMEM.
 */
DMP_API int dmp_swiotlb_device_create(struct dmp_swiotlb *tlb, struct dmp_swiotlb_device **out);

/**
 * dmp_swiotlb_device_destroy() - forget it
 *
 * Threads: set-up only.
 * Errors:  -EINVAL NULL; -EBUSY a transient pool of it has a mapping, or a request of it waits.
 */
DMP_API int dmp_swiotlb_device_destroy(struct dmp_swiotlb_device *dev);

/**
 * dmp_swiotlb_device_cancel() - the device is going: none of its requests waits any more
 *
 * Those that wait for their turn, and from here on those that would have to, return -ECANCELED;
 * all others are served as before.  It cannot be taken back.  The threads that waited may still
 * be on their way out when it returns.
 *
 * Threads: any thread.
 * Errors:  -EINVAL NULL.
 * Cost:    O(requests that wait).
 */
DMP_API int dmp_swiotlb_device_cancel(struct dmp_swiotlb_device *dev);

/**
 * dmp_swiotlb_device_name() - what messages call it
 * @name: copied, 15 characters are kept; NULL: nothing
 *
 * Threads: set-up only.
 */
DMP_API void dmp_swiotlb_device_name(struct dmp_swiotlb_device *dev, const char *name);

/**
 * dmp_swiotlb_device_owns() - does @phys lie in memory that the device's mappings may be in?
 *
 * False until its first mapping, also for memory of the first pool.
 *
 * Threads: any thread; takes no lock.
 * Cost:    O(pools); nothing before the first mapping.
 * Source:  Linux is_swiotlb_buffer(), spec-bounce 8.
 */
DMP_API bool dmp_swiotlb_device_owns(const struct dmp_swiotlb_device *dev, dmp_phys_t phys);

/**
 * dmp_swiotlb_alloc_pages() - whole pages of a pool instead of a copy
 * @limits: of them alloc_align_mask and transient_limit are not looked at
 * @len:    bytes, 1 .. DMP_SWIOTLB_MAX_BYTES
 * @phys:   out: aligned to @len rounded up to a power of two of pages; not cleared
 *
 * From the pools that there are: nothing grows for it.
 *
 * Ownership: the caller's until dmp_swiotlb_free_pages().
 * Threads:   any thread.  Never sleeps.
 * Errors:    -EINVAL; -E2BIG; -ERANGE it can never fit, or what was found is out of reach or
 *            not at a page; -ENOSPC.
 * Source:    Linux swiotlb_alloc(), spec-bounce 10.1.
 */
DMP_API int dmp_swiotlb_alloc_pages(struct dmp_swiotlb *tlb,
				    const struct dmp_swiotlb_limits *limits, uint64_t len,
				    dmp_phys_t *phys);

/**
 * dmp_swiotlb_free_pages() - give them back
 * @len: as asked for
 *
 * Threads: any thread.  Never sleeps.
 * Errors:  -EINVAL NULL or 0, or another @len (logged); -ENOENT no such pages begin at @phys:
 *          logged if it is memory of the allocator at all.
 * Source:  Linux swiotlb_free(), spec-bounce 10.2.
 */
DMP_API int dmp_swiotlb_free_pages(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len);

#ifdef __cplusplus
}
#endif

#endif
