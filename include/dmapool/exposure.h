/* SPDX-License-Identifier: MIT */
/*
 * exposure.h - what a device can still reach after an unmap: how long, how many bytes, and what
 * was done with that memory meanwhile
 *
 *   unmap ---------------------------- flush begins ---- flush ends          could
 *     |<---------------------- could -------------------------->|
 *     |<------------ did ------------->|
 *   an entry leads there          it is evicted, or invalidated              did
 *
 *   could   from the unmap to the end of the flush that covered it: what no machine exceeds.
 *           The library measures it.
 *   did     from the unmap to the moment when the last entry of an IOTLB or a device TLB that led
 *           there was evicted or invalidated.  A window opens only if there is such an entry, at
 *           the unmap or by a walk that raced with it; where the flush follows at once (strict,
 *           guest), if the flush finds one, and it ends with that.  The machine measures it, if it
 *           can.
 *
 * Measured in domains with DMP_DOMAIN_EXPOSURE.  Time is the clock of port.h: real, or in manual
 * mode what dmp_harness_advance() was given, for instance the times of a recorded trace; the
 * snapshot says which.
 *
 * A window of could is one unmap, or one map that failed and could not be undone.  A window of did
 * is what one unmap_pages() of hw.h took back, a run of pages of one size, or, where the flush
 * follows at once, what one flush_gather() covers; most unmaps are one of either.  Its bytes are
 * those that entries led to when it opened, and it ends with the last of them.
 *
 * docs/exposure.md has the definitions in full, and says what is not modelled.
 */
#ifndef DMAPOOL_EXPOSURE_H
#define DMAPOOL_EXPOSURE_H

#include <dmapool/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dmp_domain;

/*
 * A distribution of times: exact below 16, from there on 16 classes for each power of two.  What
 * dmp_spread_at() answers is never below the truth, and above it by less than 1/16.  Counters
 * that would overflow stay at UINT64_MAX.
 */
#define DMP_SPREAD_CLASSES 976u

struct dmp_spread {
	uint64_t count;
	uint64_t sum; /* UINT64_MAX: at least that */
	uint64_t max; /* exact */
	uint64_t in[DMP_SPREAD_CLASSES];
};

/* One more, or @count of the same.  One thread at a time per handle, all five. */
DMP_API void dmp_spread_add(struct dmp_spread *spread, uint64_t ns);
DMP_API void dmp_spread_add_many(struct dmp_spread *spread, uint64_t ns, uint64_t count);
/* All of @more, too. */
DMP_API void dmp_spread_join(struct dmp_spread *spread, const struct dmp_spread *more);
/* The time that @per_mille of a thousand do not exceed: 500 the median, 990 p99, 1000 and beyond
 * the longest; 0 if there are none. */
DMP_API uint64_t dmp_spread_at(const struct dmp_spread *spread, unsigned per_mille);

/* One of the two measures: windows of one kind. */
struct dmp_exposure_side {
	uint64_t windows, bytes;   /* that ever opened; bytes as they opened */
	uint64_t open, open_bytes; /* those that are open now; what of their bytes still is */
	uint64_t open_oldest_ns;   /* how long the oldest of these has been */
	uint64_t byte_ns;          /* bytes times nanoseconds, those that are open up to now */
	struct dmp_spread ns;      /* how long those were open that are not any more */
};

/* What the machine sees. */
struct dmp_exposure_seen {
	struct dmp_exposure_side did;

	/* While an entry led there: a page of an IOVA was mapped again to something else; a page of
	 * the memory was mapped again, in the domain or in another, or given back to the machine.
	 * Counted for each page that an entry leads to, when what has become of it changes: mapped
	 * again and again, it counts once. */
	uint64_t iova_reused;
	uint64_t memory_mapped, memory_mapped_elsewhere, memory_freed;

	/* Accesses that went through a stale entry, whether the machine performs them or not; of
	 * 4 KiB at most. */
	uint64_t stale_reads, stale_writes, stale_bytes;
	uint64_t stale_oldest_ns; /* the longest time from an unmap to such an access */

	uint64_t untracked; /* entries that were left out for want of memory: did is too small */

	/* Windows of did in which an address or memory was reused, once each: never more than
	 * there are windows. */
	uint64_t windows_reused;
};

struct dmp_exposure {
	uint32_t flags; /* DMP_EXPOSURE_* */
	uint32_t reserved0;
	uint64_t unmaps, unmapped_bytes; /* whole granules */
	struct dmp_exposure_side could;
	struct dmp_exposure_seen seen; /* zero without DMP_EXPOSURE_SEEN, unless joined */
};

#define DMP_EXPOSURE_SEEN      1u /* the machine tells what devices could really reach */
#define DMP_EXPOSURE_MANUAL    2u /* times were handed in: manual mode; else they are real */
#define DMP_EXPOSURE_SATURATED 4u /* a counter is at UINT64_MAX and stands for more */
#define DMP_EXPOSURE_MIXED     8u /* the flush policy has changed: windows of each are in it */

/**
 * dmp_domain_get_exposure() - a snapshot; not one moment while other threads run
 * @size: sizeof(struct dmp_exposure) of the caller
 *
 * A window that is still open is in open, open_bytes, open_oldest_ns and, up to now, in byte_ns,
 * but not in the distribution.
 *
 * It is of the domain's life.  After a change of the flush policy it has DMP_EXPOSURE_MIXED: the
 * windows of each policy are in it.  Whoever wants those of one takes a snapshot after the change
 * and subtracts it from later ones, counters and classes of times; the longest ones cannot be
 * subtracted.  Where policies are compared, a domain for each is simpler.
 *
 * A range that a failed flush left behind stays open in `could` until a flush of the whole domain
 * works that began after the failure, one of its queue's or dmp_domain_flush(), or until the last
 * device is detached; what dmp_iommu_flush() does past the domain is not seen.  So does one whose
 * map failed and could not be undone (-ENOTRECOVERABLE), from the failure on.
 *
 * What waits in a queue has ended with the flush that covered it, also while it still waits to be
 * released, and that end is exact for the latest 64 flushes.  If more have followed before it is
 * released, or looked at, it is told to have ended with the oldest of these 64: too long, never too
 * short.  Only flushes of other CPUs' full queues leave it behind: the timer, a commit, and
 * dmp_domain_flush() release all queues.
 *
 * Threads: any thread; locks above RANK_DOMAIN may be held.
 * Errors:  -EINVAL NULL, or @size 0; -ENOTSUP the domain was made without DMP_DOMAIN_EXPOSURE, or
 *          is an identity domain, where all memory is within reach all the time; the machine's.
 * Cost:    copies 16 KiB, and adds up 8 KiB for each CPU that has ended a window, of could and of
 *          did; the locks of the domain's queues, one after another.
 */
DMP_API int dmp_domain_get_exposure(struct dmp_domain *dom, struct dmp_exposure *exposure,
				    size_t size);

/**
 * dmp_exposure_join() - several domains' snapshots as one
 * @sum: the first snapshot as it was read, to which the others are added one by one;
 *       counters and sums saturate, and the flags say so; of longest times the longest stays
 *
 * DMP_EXPOSURE_SEEN stays only if all have it; without it @sum->seen tells of those that have it
 * alone.  A zeroed @sum is no beginning: it is the snapshot of a domain that did nothing yet on a
 * machine that tells nothing, so that the sum has no DMP_EXPOSURE_SEEN either.
 *
 * Threads: one thread at a time per handle.
 */
DMP_API void dmp_exposure_join(struct dmp_exposure *sum, const struct dmp_exposure *more);

/**
 * dmp_domain_exposure_bound() - the longest time from an unmap until its flush begins
 *
 * Of ranges that are unmapped under the policy in force, by its parameters: 0 strict, guest; lazy
 * the timeout; UINT64_MAX where nothing bounds it, as when the flush waits to be asked for, and in
 * an identity domain, where all memory is within reach all the time.  Nothing is said of what was
 * unmapped under a policy before.
 *
 * `could` never exceeds the bound by more than it takes to clear the range's tables and to flush:
 * strictly, it is just that.  `did` never exceeds `could`.  Both as long as flushes work, and the
 * worker runs when it is due.
 *
 * Threads: any thread.  0 for NULL.
 */
DMP_API uint64_t dmp_domain_exposure_bound(struct dmp_domain *dom);

/* Watching. */

/* How a window ended. */
enum dmp_exposure_end {
	DMP_EXPOSURE_INVALIDATED, /* by a flush, of its own range or of more */
	DMP_EXPOSURE_EVICTED,     /* another translation needed the room */
	DMP_EXPOSURE_RESTORED,    /* the same memory was mapped there again */
	DMP_EXPOSURE_ENDS,
};

struct dmp_exposure_window {
	dmp_iova_t iova; /* of the unmapped run */
	uint64_t len;
	uint64_t bytes;               /* of these, what entries led to */
	uint64_t opened_ns, ended_ns; /* of the clock */
	enum dmp_exposure_end end;    /* of the last entry */
	bool reused;                  /* an address or memory of it was given out meanwhile */
};

/* What has become of the memory since its unmap: the latest. */
enum dmp_exposure_memory {
	DMP_EXPOSURE_IDLE,             /* none of these */
	DMP_EXPOSURE_MAPPED,           /* mapped again in the domain */
	DMP_EXPOSURE_MAPPED_ELSEWHERE, /* mapped again in another domain */
	DMP_EXPOSURE_FREED,            /* given back to the machine, maybe given out since */
	DMP_EXPOSURE_MEMORY_STATES,
};

/* Memory, or an address, was given out while an entry led there. */
struct dmp_exposure_reuse {
	dmp_iova_t iova; /* of the page that the entry leads from */
	dmp_phys_t phys; /* and to */
	uint64_t len;
	uint64_t age_ns;                 /* since the unmap */
	enum dmp_exposure_memory memory; /* IDLE: it is the address that was given out again */
	uint32_t reserved0;
};

/* A device's access through a stale entry. */
struct dmp_exposure_stale {
	uint32_t device; /* dmp_device_id() */
	uint32_t access; /* DMP_PROT_READ or DMP_PROT_WRITE */
	dmp_iova_t iova;
	dmp_phys_t phys; /* where the entry leads */
	uint64_t len;
	uint64_t age_ns;                 /* since the unmap */
	enum dmp_exposure_memory memory; /* what it is by now */
	bool iova_reused;                /* the address leads elsewhere by now */
	bool performed;                  /* bytes were moved: DMP_SIM_TOUCH_STALE */
};

/*
 * Somebody who looks on, set in struct dmp_domain_opts.  Called by the thread that unmaps, maps,
 * flushes or accesses, with locks held: a member must not call the library, except port.h, and
 * takes locks of RANK_LEAF only.  One call at a time for all domains of a machine.  Any may be
 * NULL.
 */
struct dmp_exposure_watch {
	uint32_t size;      /* bytes of this struct */
	uint32_t reserved0; /* zero */
	void (*ended)(void *ctx, const struct dmp_exposure_window *window);
	void (*reused)(void *ctx, const struct dmp_exposure_reuse *reuse);
	void (*stale)(void *ctx, const struct dmp_exposure_stale *stale);
};

#ifdef __cplusplus
}
#endif

#endif
