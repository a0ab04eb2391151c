/* SPDX-License-Identifier: MIT */
/*
 * domain.h - one address space as devices see it: IOVAs, page tables, and when to flush
 *
 *   map:     alloc IOVA  ->  map pages
 *   unmap:   unmap pages ->  flush  ->  free IOVA                          (strict, guest)
 *            unmap pages ->  queue  ...  one flush for many  ->  free IOVA (lazy, manual)
 *            unmap pages ->  free IOVA  ...  one flush for an epoch        (on reuse)
 *
 * Strict pays for an invalidation in every unmap.  The others pay once for many, and until then a
 * device may still reach what was unmapped.  What ends that window:
 *
 *   lazy      a full queue or the timeout, whichever comes first; dmp_domain_commit()
 *   manual    dmp_domain_commit(), or a full queue
 *   on reuse  the first address of the IOVA space's next epoch, when all of it has been gone
 *             through once; dmp_domain_commit(), or a queue full of table pages
 *
 * With all of them an address is given out again only after the flush: no device ever reaches a
 * mapping through what it knows of an earlier one.
 *
 * A queue that cannot be built means strict, and says so:
 *
 *   no memory in ...           then
 *   dmp_domain_create()        the domain is strict; one warning, no error
 *   dmp_domain_set_flush()     -ENOMEM, the policy is as before
 *   a CPU's first unmap        that unmap is strict, and the next tries again; one warning
 *
 * An identity domain (DMP_DOMAIN_IDENTITY, Linux: passthrough) is for devices that shall go without
 * translation on a machine that has it: addresses are physical, and so there is nothing to map, to
 * unmap and to flush.  dma.h maps for its devices as for those without a domain; here
 * dmp_domain_map(), _unmap() and _reserve() are -EINVAL.
 *
 * Several devices may share a domain.
 */
#ifndef DMAPOOL_DOMAIN_H
#define DMAPOOL_DOMAIN_H

#include <dmapool/exposure.h>
#include <dmapool/hw.h>
#include <dmapool/iova.h>
#include <dmapool/iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dmp_domain;

/* When an unmapped range is invalidated and its IOVA may be given out again. */
enum dmp_flush_policy {
	DMP_FLUSH_STRICT,      /* before the unmap returns */
	DMP_FLUSH_LAZY,        /* later, for many: a queue per CPU; 256 entries, 10 ms */
	DMP_FLUSH_LAZY_SINGLE, /* the same with one queue for all CPUs; 32768 entries, 1 s */
	DMP_FLUSH_ON_REUSE,    /* when an address of a new epoch is about to be given out; needs
				* an IOVA policy that defers reuse, dmp_iova_policy_bitmap */
	DMP_FLUSH_MANUAL,      /* when dmp_domain_commit() says so: a queue per CPU, 256 entries,
				* without a timeout */
	DMP_FLUSH_GUEST,       /* as strict, for a domain that is given to a guest: for good */
};

/* Why a whole domain was flushed. */
enum dmp_flush_cause {
	DMP_FLUSH_CAUSE_FULL,   /* a queue had no room */
	DMP_FLUSH_CAUSE_TIMER,  /* the timeout since the first entry */
	DMP_FLUSH_CAUSE_ASKED,  /* dmp_domain_flush(), _set_flush(), _reserve(), _attach() */
	DMP_FLUSH_CAUSE_COMMIT, /* dmp_domain_commit() */
	DMP_FLUSH_CAUSE_REUSE,  /* an address of a new epoch */
	DMP_FLUSH_CAUSES,
};

/*
 * Somebody who looks on while a domain flushes and releases: for distributions that the sums
 * of struct dmp_domain_stats do not give, and for tests.
 *
 * Called with locks held: a member must not call the library, except port.h, and takes locks
 * of RANK_BACKEND and below only.  Several threads may call at once.  Not told: what is
 * unmapped strictly or on reuse, and ranges that a destroyed domain takes with it.
 */
struct dmp_flush_watch {
	uint32_t size;      /* bytes of this struct */
	uint32_t reserved0; /* zero */
	/* A flush of the whole domain has ended with @err, 0 or the backend's errno.  May be
	 * NULL. */
	void (*flushed)(void *ctx, enum dmp_flush_cause cause, int err);
	/* @len bytes at @iova left a queue: the address is free again.  @exposed_ns: from its
	 * unmap to the end of the flush that covered it; 0 without DMP_DOMAIN_EXPOSURE.  May be
	 * NULL. */
	void (*released)(void *ctx, dmp_iova_t iova, uint64_t len, uint64_t exposed_ns);
};

struct dmp_domain_opts {
	uint32_t size;                        /* bytes; set by DMP_DOMAIN_OPTS() */
	uint32_t flags;                       /* DMP_DOMAIN_*; unknown bits: -EINVAL */
	enum dmp_flush_policy flush;          /* default strict */
	uint32_t flushq_entries;              /* of one queue, one of them stays empty: a power of
					       * two, 2 .. 2^20; 0: the policy's.  On reuse: unmaps
					       * whose table pages wait; 256 */
	const struct dmp_iova_policy *policy; /* NULL: linux */
	uint64_t flushq_timeout_ns;           /* lazy: longest wait in a queue; 0: the policy's.
					       * Manual and on reuse nothing waits for time */
	const struct dmp_flush_watch *watch;  /* copied; NULL: nobody */
	void *watch_ctx;                      /* handed to its members */
	uint64_t flushq_bytes;                /* unmapped bytes in one queue that make it full, one
					       * range may have more; 0: any number.  On reuse:
					       * of unmaps whose table pages wait; 1 GiB */
	const struct dmp_exposure_watch *exposure_watch; /* needs DMP_DOMAIN_EXPOSURE and a machine
							  * that can tell; copied; NULL: nobody */
	void *exposure_ctx;                              /* handed to its members */
};
#define DMP_DOMAIN_EXPOSURE   1u /* measure what exposure.h defines, and exposed_ns */
#define DMP_DOMAIN_IDENTITY   2u /* addresses are physical; strict, and without an IOVA policy */
#define DMP_DOMAIN_NEIGHBOURS 4u /* count bytes beside buffers: dmp_device_get_stats() */

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
 * Without memory for a queue the domain is strict, which is logged, and no error: see
 * dmp_domain_get_flush().  An IOVA policy that defers reuse works with every flush policy, and
 * without a cache of free addresses.
 *
 * Ownership: borrows @hw until dmp_domain_destroy().
 * Threads:   any thread; may sleep.
 * Errors:    -ENOTSUP no IOMMU, or one that has no passthrough domains; -EINVAL NULL, an
 *            unknown flag or policy, a queue's size, on reuse without an IOVA policy that
 *            defers reuse, identity with an IOVA policy or a flush policy that is not strict;
 *            -E2BIG; -ENOMEM; the backend's own.
 * Source:    spec-iova 2.1.
 */
DMP_API int dmp_domain_create(struct dmp_hw *hw, const struct dmp_domain_opts *opts,
			      struct dmp_domain **out);

/**
 * dmp_domain_destroy() - the reverse
 *
 * What is still queued goes with it, without a flush: no device is left.  What a failed flush
 * left behind, page tables and coherent memory, is freed: nothing can reach it any more.  The
 * timer has stopped when it returns.
 *
 * Threads: set-up only; may sleep; no lock held; not from the worker.  Threads that used it through
 *          a device may go on: of one whose dmp_device_detach() has returned 0 no request uses
 *          the domain any more.
 * Errors:  -EBUSY a device is attached or something is mapped, and a lazy domain works on;
 *          -EINVAL NULL.
 * Source:  spec-iova 3.2.9.
 */
DMP_API int dmp_domain_destroy(struct dmp_domain *dom);

/**
 * dmp_domain_attach() - a device of the machine joins the domain
 * @device: its number, see dmp_device_id(); dmp_device_attach() does this, for its device
 *
 * The regions that the machine keeps for @device (device_region of hw.h) are applied first: none of
 * their addresses is given out from here on, and each of a direct one leads to itself.  They stay
 * when the device leaves.
 *
 * Threads: any thread beside maps, unmaps, changes of policy, other attaches and detaches; may
 *          sleep; no lock held.  A device with regions that are new to the domain: no map and no
 *          unmap may be in progress there, as for dmp_domain_reserve().
 * Errors:  -EINVAL NULL.  -EBUSY @device is attached already; or it has a new region, and
 *          another device is attached or something is mapped in it.  -ERANGE a direct region
 *          beyond the aperture; -EEXIST one over another direct region with other rights; -EIO
 *          one that makes no sense, or no end of them; -ENOMEM; the flush's, of a lazy domain;
 *          the backend's own.  Nothing is attached; of the regions, those that could be applied
 *          may have been.
 * Cost:    O(regions), and for new ones a flush, and O(granules) if they are direct.
 * Source:  spec-iova 2.3; there only the first device's regions are reserved.
 */
DMP_API int dmp_domain_attach(struct dmp_domain *dom, uint32_t device);

/* The reverse, whoever attached it to these tables, dmp_domain_attach() or dmp_iommu_attach(); a
 * struct dmp_device leaves by dmp_device_detach().  -ENOENT @device is not attached here; -EINVAL
 * NULL. */
DMP_API int dmp_domain_detach(struct dmp_domain *dom, uint32_t device);

/**
 * dmp_domain_region() - a region that is applied, as the machine named it
 * @n:      from 0, the latest first
 * @region: out: whole; untouched on error
 *
 * Threads: any thread.
 * Errors:  -ENOENT there are @n; -EINVAL NULL.
 */
DMP_API int dmp_domain_region(struct dmp_domain *dom, uint32_t n, struct dmp_hw_region *region);

/**
 * dmp_domain_reserve() - keep addresses from being given out
 * @first, @last: bytes, inclusive; every granule they touch is kept
 *
 * A domain with a queue is flushed first, and the caches of free addresses are emptied: what was
 * unmapped before never stands in the way.  Reservations may overlap.
 *
 * Threads: any thread, but no map and no unmap on the domain may be in progress: an address
 *          that is on its way in or out of the range takes the reservation with it when it is
 *          freed.
 * Errors:  -EINVAL first > last; -EBUSY something is mapped there: nothing is reserved;
 *          -ENOMEM; with a queue: the flush's, nothing is reserved either.
 * Cost:    a flush, and O(ranges).
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
 * On reuse the first address of an epoch costs a flush of the whole domain, if anything was
 * unmapped since the last, for which others wait that have one of that epoch.  If that fails,
 * nothing is mapped, the address goes back, and the next map tries again.
 *
 * Threads: any thread; on reuse locks above RANK_FLUSH_TURN may be held.
 * Errors:  -EINVAL; -ERANGE can never fit below @limit; -ENOSPC no IOVA free now, where those
 *          that wait in a queue are taken; -ENOMEM; on reuse the flush's;
 *          -ENOTRECOVERABLE nothing is mapped, but what the attempt had mapped could not be
 *          flushed: a device may still reach the memory until a flush of the whole domain
 *          works, dmp_domain_flush(), or the domain is destroyed, and the address is never
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

/* Where an address may lie. */
struct dmp_domain_place {
	uint64_t limit;   /* highest address that the device can use */
	bool first32;     /* in: if the limit is above 4 GiB try below it first, and leave caches of
			   * free addresses as they are for that; out: false: it did not succeed */
	bool reserved[7]; /* false */
};

/**
 * dmp_domain_map_place() - dmp_domain_map() or dmp_domain_map_runs(), and where
 * @nruns: 1: the run may have any alignment, and @iova keeps its offset in the granule
 * @place: in and out
 *
 * A first try below 4 GiB is of the address alone: @place->first32 says whether it found one, also
 * where something that came after failed.
 *
 * Threads: any thread.
 * Errors:  those of dmp_domain_map(); -EINVAL also for what is reserved in @place.
 * Source:  spec-iova 2.2.
 */
DMP_API int dmp_domain_map_place(struct dmp_domain *dom, const struct dmp_phys_run *runs,
				 size_t nruns, unsigned prot, struct dmp_domain_place *place,
				 dmp_iova_t *iova);

/**
 * dmp_domain_unmap() - take the address back
 * @iova, @len: as mapped
 *
 * Strict: when it returns no device can reach the memory.
 * Else:   a device that has used the address lately may still reach the memory, until the
 *         flush.  A CPU without memory for its queue unmaps strictly, which is logged once.
 *
 * Threads: any thread; one at a time per mapping.
 * Errors:  -ENOENT nothing is mapped at @iova; -EINVAL @len, seen to differ from what is mapped
 *          if its last granule is not, or is a direct region's, always at checks >= 1: the state
 *          is as before.
 *          Any other, from the flush (-ETIMEDOUT, the backend's own): the range is unmapped,
 *          a device may still reach the memory, and the address is never given out again.
 *          With a queue: only if it is full and stays so, because its flush failed.
 *          -EIO also if less or more was unmapped than asked for.
 * Cost:    O(pages) for the tables.  Strict: and one invalidation of the range.  With a queue:
 *          and the lock of the CPU's own (of the one queue, if single; on reuse only if table
 *          pages must wait); each time the queue is full one invalidation of the domain and the
 *          release of what it held.
 * Source:  spec-iova 2.6, 3.2.3.
 */
DMP_API int dmp_domain_unmap(struct dmp_domain *dom, dmp_iova_t iova, uint64_t len);

/**
 * dmp_domain_can_unmap() - would dmp_domain_unmap() refuse this?
 *
 * For who unmaps several ranges, all or none.
 *
 * Threads: any thread; the mapping is not unmapped meanwhile.
 * Errors:  those of dmp_domain_unmap() that leave the state as before, not logged.
 * Cost:    two look-ups in the tables; at checks >= 1 and one in the IOVA space.
 */
DMP_API int dmp_domain_can_unmap(struct dmp_domain *dom, dmp_iova_t iova, uint64_t len);

/**
 * dmp_domain_set_flush() - change the policy
 *
 *   from                  to itself   to another that queues   to strict   to guest
 *   strict                0           at any time              0           at any time
 *   one that queues       0           without devices          the same    the same
 *   guest                 0           -EBUSY                   -EBUSY      0
 *
 * Those that queue are lazy, lazy single, manual and on reuse.  At any time: an unmap that began
 * before is strict.  Without devices: -EBUSY while one is attached, and whatever is queued is
 * flushed and released first.  What a guest was given stays strict until the domain goes: nobody
 * can ask the guest whether it relies on that.  A queue has the sizes and the timeout of struct
 * dmp_domain_opts.
 *
 * Threads: from strict, and whatever is refused because a device is attached, any thread;
 *          any other change beside dmp_domain_attach(), which waits for it, and statistics, but
 *          beside nothing else on the domain.  May sleep; no lock held; not from the worker.
 * Errors:  -EINVAL unknown policy, on reuse without an IOVA policy that defers reuse, an
 *          identity domain to anything but strict; -EBUSY a device is attached, the domain is a
 *          guest's, or somebody holds it strict; -ENOMEM no memory for the queue; the flush's.  On
 *          any of them the policy is as before, and what is queued is not lost.
 * Cost:    from a queue a flush, and the release of what is queued.
 * Source:  spec-iova 2.1.5, 3.2.10.
 */
DMP_API int dmp_domain_set_flush(struct dmp_domain *dom, enum dmp_flush_policy policy);

/**
 * dmp_domain_hold_strict() - keep a strict domain, or a guest's, from getting a queue
 *
 * For a device that must not reach anything after its unmap.  Holds are counted.
 *
 * Threads: any thread; no lock held.
 * Errors:  -EINVAL NULL, the domain has a queue, or it is an identity domain, where a device
 *          reaches everything at all times: it is not held.
 */
DMP_API int dmp_domain_hold_strict(struct dmp_domain *dom);

/* The reverse, once for each hold; one too many is logged and changes nothing, NULL is nothing.
 * Any thread; no lock held. */
DMP_API void dmp_domain_release_strict(struct dmp_domain *dom);

/* The policy in force; strict for an identity domain.  Any thread; locks above RANK_DOMAIN. */
DMP_API enum dmp_flush_policy dmp_domain_get_flush(struct dmp_domain *dom);

/**
 * dmp_domain_commit() - flush if anything was unmapped since the last flush
 *
 * When it returns 0, no device reaches what was unmapped before the call, and the addresses are
 * free; on reuse they are free for the next epoch.  "Before": the unmap had returned 0 to
 * somebody who then called this, or then did something that the caller knows of.
 *
 * Beside other threads: what they unmap meanwhile is either covered or waits for the next commit,
 * which finds it.  Of several commits at once one flushes, and the others return when that flush,
 * or where it may have missed what they unmapped one more, is over.
 *
 * Every policy keeps the promise.  Strict and guest: 0 at once, since every unmap has kept it.
 * Lazy: as manual, ahead of the timer, which stays armed.  An identity domain: 0.
 *
 * What an unmap could not flush and has said so is not part of it: that is for dmp_domain_flush(),
 * which always asks the machine.
 *
 * Threads: any thread; locks above RANK_FLUSH_TURN may be held.
 * Errors:  -EINVAL NULL; the flush's: everything waits on, and the next commit tries again.
 * Cost:    nothing was unmapped since the last: two loads and no store, no lock, no machine.
 *          Else, unless a full queue's flush has covered everything already, one invalidation
 *          of the whole domain; and the release of all queues.
 * Source:  no counterpart in Linux.
 */
DMP_API int dmp_domain_commit(struct dmp_domain *dom);

/**
 * dmp_domain_flush() - flush now
 *
 * When it returns 0 no device can reach what was unmapped before the call, each such address
 * that was queued is free, and so is what an earlier flush that failed left behind.
 *
 * It always asks the machine, in a strict domain and with an empty queue, too: memory that a
 * failed flush left within a device's reach may have left no other trace, and the promise is
 * worth more than a flush saved.
 *
 * Threads: any thread; locks above RANK_FLUSHQ may be held.
 * Errors:  -EINVAL NULL; the flush's: everything stays queued, and the timer tries again.
 * Cost:    one invalidation of the whole domain; with queues: and the release of all.
 * Source:  spec-iova 3.2.1, 3.2.2.
 */
DMP_API int dmp_domain_flush(struct dmp_domain *dom);

/* Where @iova leads: in an identity domain to itself; -ENOENT nowhere.  Any thread. */
DMP_API int dmp_domain_iova_to_phys(struct dmp_domain *dom, dmp_iova_t iova, dmp_phys_t *phys);

/* The machine that it translates for. */
DMP_API struct dmp_hw *dmp_domain_hw(const struct dmp_domain *dom);

/* The parts, for statistics and tests: they stay the domain's.  No IOVA space, NULL: identity. */
DMP_API struct dmp_iova_domain *dmp_domain_iova(struct dmp_domain *dom);
DMP_API struct dmp_iommu *dmp_domain_iommu(struct dmp_domain *dom);

/* Was it made with DMP_DOMAIN_IDENTITY?  NULL was not. */
DMP_API bool dmp_domain_is_identity(const struct dmp_domain *dom);

/* Was it made with DMP_DOMAIN_NEIGHBOURS?  NULL was not. */
DMP_API bool dmp_domain_counts_neighbours(const struct dmp_domain *dom);

/* Bytes per IOVA granule; 1 where addresses are physical. */
DMP_API uint64_t dmp_domain_granule(const struct dmp_domain *dom);

struct dmp_domain_stats {
	uint64_t maps, unmaps;
	uint64_t mapped_bytes; /* whole granules mapped now */
	uint64_t flushes;      /* invalidations asked of the machine */
	/* With a queue. */
	uint64_t flushes_by[DMP_FLUSH_CAUSES]; /* of the whole domain, by cause, failed ones too */
	uint64_t flush_failures;               /* those of them that failed */
	uint64_t queued;                       /* ranges in queues now ... */
	uint64_t queued_bytes;                 /* ... that devices may still reach, or could */
	uint64_t released;                     /* ranges that left a queue */
	uint64_t exposed_ns;                   /* sum over these, from the unmap to the end of
						* the flush that covered it; needs
						* DMP_DOMAIN_EXPOSURE */
	uint64_t exposed_max_ns;               /* the longest of them */
	/* On reuse: unmapped since the last flush that worked began, or a little more. */
	uint64_t unflushed;       /* ranges that devices may still reach ... */
	uint64_t unflushed_bytes; /* ... and their size */
};

/**
 * dmp_domain_get_stats() - a snapshot; not one moment while other threads run
 * @size: sizeof(struct dmp_domain_stats) of the caller
 *
 * Counts outlive a change of policy.  A CPU that releases after more than 64 flushes in which
 * it unmapped nothing may tell a longer exposure than there was, never a shorter one.
 *
 * Threads: any thread; locks above RANK_DOMAIN may be held.
 * Errors:  -EINVAL.
 * Cost:    O(CPUs); with queues: the lock of each.
 */
DMP_API int dmp_domain_get_stats(struct dmp_domain *dom, struct dmp_domain_stats *stats,
				 size_t size);

/* A domain's flush queue. */
struct dmp_flushq_state {
	uint64_t started;  /* flushes begun since the queue was made */
	uint64_t finished; /* the last begun of those that have ended without error, counted like
			    * started; 0: none */
	uint64_t queued;   /* entries in the queue that was asked for */
	bool timer_armed;
	uint64_t wanted;      /* the flush that dmp_domain_commit() wants, counted like started;
			       * nothing to do if it has finished; 0: none */
	uint64_t clean_epoch; /* on reuse: addresses up to this epoch are given out as they come */
};

/**
 * dmp_domain_inspect_flushq() - counters, timer and one queue, for tests
 * @cpu:   whose queue; 0 where one serves all; a CPU that never queued has 0 entries
 *
 * Threads: set-up only.
 * Errors:  -ENOENT the domain has no queue; -EINVAL no such CPU.
 */
DMP_API int dmp_domain_inspect_flushq(struct dmp_domain *dom, unsigned cpu,
				      struct dmp_flushq_state *state);

/**
 * dmp_domain_check() - walk the parts and compare the books
 *
 * A lazy domain's timer waits meanwhile, and is due when it was.
 *
 * Threads: set-up only; no lock held; not from the worker.
 * Errors:  -EINVAL NULL; -EIO after logging; -ENOMEM for the walk.
 */
DMP_API int dmp_domain_check(struct dmp_domain *dom);

#ifdef __cplusplus
}
#endif

#endif
