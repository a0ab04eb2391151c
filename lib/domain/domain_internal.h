/* SPDX-License-Identifier: MIT */
/*
 * domain_internal.h - what the files of lib/domain share
 *
 *   struct dmp_domain
 *     |- iova     which addresses are free          lib/iova; NULL: identity
 *     |- iommu    what stands behind an address     lib/iommu
 *     `- queue    what waits for a flush            domain_flushq.h; NULL: strict
 *
 *   an unmap:  queue? --NULL--> flush its range ------------------------> address free
 *                |---lazy, manual--> entry ... flush of the domain ... --> address free
 *                `---on reuse------> address free, of a later epoch
 *   a map:                                         ... flush of the domain ... --> given out
 *
 * Everything inside is counted in whole granules, the machine's smallest pages.
 *
 * Letters of fields: (c) constant after create; (a) atomic; (p) policy_lock.
 *
 * Ordering:
 *  [QUEUE] dmp_domain_set_flush: queue made; then it is published
 *          domain_queue: queue loaded; then its fields are used.  A queue is taken away only
 *          when no device is attached and no other call on the domain is in progress.
 */
#ifndef DMAPOOL_DOMAIN_INTERNAL_H
#define DMAPOOL_DOMAIN_INTERNAL_H

#include <dmapool/bits.h>
#include <dmapool/domain.h>
#include <dmapool/port.h>

#include "base_counter.h"

/* Numbers of the domain's counters. */
enum domain_count {
	DOMAIN_MAPS,
	DOMAIN_UNMAPS,
	DOMAIN_BYTES_MAPPED,
	DOMAIN_BYTES_UNMAPPED,
	DOMAIN_FLUSHES,
	DOMAIN_WITHHELD, /* ranges whose address is never given out again */
	DOMAIN_COUNTS,
};

/* The queue's sizes where the options do not say, spec-iova 3.1. */
#define FLUSHQ_ENTRIES           256u
#define FLUSHQ_TIMEOUT_NS        (UINT64_C(10) * 1000000)
#define FLUSHQ_SINGLE_ENTRIES    32768u
#define FLUSHQ_SINGLE_TIMEOUT_NS (UINT64_C(1000) * 1000000)
#define FLUSHQ_REUSE_BYTES       (UINT64_C(1) << 30) /* of pages of 4 KiB: 2 MiB of tables */
#define FLUSHQ_ENTRIES_MAX       (UINT32_C(1) << 20) /* 40 MiB a ring */

struct flushq;
struct flushq_ring;
struct domain_region;
struct domain_exposure;

/* A range that is unmapped but not yet flushed. */
struct flushq_range {
	uint64_t pfn, npages;
	uint64_t unmapped_ns; /* before its tables were cleared; 0 unless exposure is measured */
	void *tables;         /* the backend's chain, free after the flush */
	bool is_free;         /* its address does not wait: its tables only */
};

/* What a queue counts. */
struct flushq_tally {
	uint64_t nqueued, nreleased;           /* ranges that came, and that went */
	uint64_t pages_queued, pages_released; /* the same in granules */
	uint64_t exposed_ns, exposed_max_ns;   /* of those that went */
	uint64_t nunflushed, pages_unflushed;  /* on reuse: unmapped since the latest flush */
};

struct dmp_domain {
	/* Constant after create */
	struct dmp_hw *hw;                /* (c) */
	struct dmp_iommu *iommu;          /* (c) */
	struct dmp_iova_domain *iova;     /* (c) NULL: an identity domain */
	struct dmp_domain_opts opts;      /* (c) as given, but see watch */
	struct dmp_flush_watch watch;     /* (c) a copy: members a short table lacks are NULL */
	struct domain_exposure *exposure; /* (c) NULL: not measured */
	unsigned granule_shift;           /* (c) log2 of the granule's bytes */
	dmp_iova_t aperture_end;          /* (c) last address that can be translated */
	bool defers_reuse;                /* (c) addresses have epochs, and no caches */

	/* Read by every unmap, written when the policy changes */
	DMP_ATOMIC(struct flushq *) queue; /* (a) NULL: strict */

	/* Written by requests, each CPU its own block */
	struct counter_set counts;

	/* Written by flushes of the whole domain */
	_Alignas(DMP_CACHE_LINE) DMP_ATOMIC(uint64_t) flushes_by[DMP_FLUSH_CAUSES]; /* (a) */
	DMP_ATOMIC(uint64_t) flush_failures;                                        /* (a) */

	/* Set-up only */
	struct dmp_lock policy_lock;
	struct flushq_tally past;       /* (p) of queues that are no more */
	bool is_guest;                  /* (p) strict for good */
	uint64_t nstrict;               /* (p) holds on a strict domain; 0: it may become lazy */
	uint64_t nchanges;              /* (p) devices that are just being attached or detached */
	DMP_ATOMIC(uint64_t) nreserved; /* (a) ranges that reservations have added */

	/* Read by every unmap; written when a device brings addresses that are its machine's */
	DMP_ATOMIC(struct domain_region *) regions; /* (p) to write; (a) to read; domain_region.c */
};

/* Whole granules. */
struct domain_span {
	uint64_t start; /* bytes, a multiple of the granule */
	uint64_t len;   /* likewise, > 0 */
};

/* The granules that @len bytes from @start touch; false: none, or beyond 64 bits. */
static inline bool domain_cover(const struct dmp_domain *dom, uint64_t start, uint64_t len,
				struct domain_span *span)
{
	uint64_t granule = UINT64_C(1) << dom->granule_shift, end;

	if (len == 0 || len > UINT64_MAX - start ||
	    !dmp_align_up_checked(start + len, granule, &end))
		return false;
	span->start = dmp_align_down(start, granule);
	span->len = end - span->start;
	return true;
}

static inline uint64_t domain_pfn(const struct dmp_domain *dom, dmp_iova_t iova)
{
	return iova >> dom->granule_shift;
}

/* Addresses are physical: nothing to take, to fill or to flush. */
static inline bool domain_is_identity(const struct dmp_domain *dom)
{
	return dom->iova == NULL;
}

/* An address goes back to the space. */
static inline int domain_free_pfn(struct dmp_domain *dom, uint64_t pfn, uint64_t npages)
{
	return dom->defers_reuse ? dmp_iova_free_pfn(dom->iova, pfn, NULL)
				 : dmp_iova_free(dom->iova, pfn, npages);
}

/* NULL: the domain is strict. */
static inline struct flushq *domain_queue(struct dmp_domain *dom)
{
	return load_acquire(&dom->queue); /* [QUEUE] */
}

static inline bool domain_is_mapped(struct dmp_domain *dom, dmp_iova_t iova)
{
	dmp_phys_t phys;

	return dmp_iommu_iova_to_phys(dom->iommu, iova, &phys) == 0;
}

/* domain_region.c */
bool domain_region_is_direct(const struct dmp_domain *dom, dmp_iova_t iova);
/* @is_alone: no other device is attached.  Needs no map, unmap in progress. */
int domain_regions_apply_locked(struct dmp_domain *dom, uint32_t device, bool is_alone);
void domain_regions_destroy(struct dmp_domain *dom);

/* Does @iova lead to itself, for a device that uses it unasked?  Nearly always there is no region,
 * and this is one load. */
static inline bool domain_is_direct(struct dmp_domain *dom, dmp_iova_t iova)
{
	return load_acquire(&dom->regions) && domain_region_is_direct(dom, iova); /* [REGION] */
}

/* domain.c: does a range that was mapped, and is no direct region, touch pfns @lo .. @hi? */
bool domain_touches_live(struct dmp_domain *dom, uint64_t lo, uint64_t hi);

/* domain_unmap.c: the address is never given out again; says so with @err, the reason. */
void domain_withhold(struct dmp_domain *dom, const struct domain_span *span, int err);

/* domain_policy.c */
/* 0; -EINVAL: there is no such policy, or it cannot be this domain's. */
int domain_check_policy(const struct dmp_domain *dom, enum dmp_flush_policy policy);
/* A new domain's, as its options ask; without memory for a queue it is strict, and says so. */
void domain_start_policy(struct dmp_domain *dom);
/* The queue goes, with what is still in it; its counts stay. */
void domain_stop_queue(struct dmp_domain *dom);
/* What all queues that the domain ever had have counted. */
struct flushq_tally domain_tally(struct dmp_domain *dom);

/* domain_attach.c: is a device attached, or on its way in or out? */
bool domain_has_devices_locked(struct dmp_domain *dom);
bool domain_has_devices(struct dmp_domain *dom);

/* domain_exposure.c.  Nothing to do where it is not measured. */
int domain_exposure_create(struct dmp_domain *dom);
void domain_exposure_destroy(struct dmp_domain *dom);
/* Flushed @ns after the unmap; its flush has failed, unmapped at @since_ns. */
void domain_exposure_ended(struct dmp_domain *dom, uint64_t bytes, uint64_t ns);
void domain_exposure_stuck(struct dmp_domain *dom, uint64_t bytes, uint64_t since_ns);
/* The number of a flush of the whole domain that is about to begin, from 1 on. */
uint64_t domain_exposure_flush_begins(struct dmp_domain *dom);
/* What was stuck before @number began is out of reach; UINT64_MAX: all that is stuck. */
void domain_exposure_unstick(struct dmp_domain *dom, uint64_t number);
/* On reuse: @range waits for a flush with a higher number; the flush @number has worked. */
void domain_exposure_waits(struct dmp_domain *dom, const struct flushq_range *range,
			   uint64_t number);
void domain_exposure_flushed(struct dmp_domain *dom, uint64_t number, uint64_t now_ns);
/* Another flush policy is in force: for the flags. */
void domain_exposure_policy_changed(struct dmp_domain *dom);
/* domain_exposure_join.c */
void exposure_join_side(struct dmp_exposure_side *sum, const struct dmp_exposure_side *more);
bool exposure_is_saturated(const struct dmp_exposure *e);

/* domain_unmap.c: invalidate the whole domain, count it, tell the watch. */
int domain_flush_all(struct dmp_domain *dom, enum dmp_flush_cause cause);

/*
 * The queue, domain_flushq.h.  Beside whom: ring, add, flush, policy, tally beside each other
 * and the timer; the rest is set-up only.
 */
/* NULL: no memory. */
struct flushq *flushq_create(struct dmp_domain *dom, enum dmp_flush_policy policy);
/* Drops what is queued: no device is attached, and the addresses go with the domain. */
void flushq_destroy(struct flushq *fq);
enum dmp_flush_policy flushq_policy(const struct flushq *fq);
/* The calling CPU's ring, or the only one; NULL: there is none now. */
struct flushq_ring *flushq_ring(struct flushq *fq);
/* @range's tables are cleared: it will be freed after a flush, or its tables will, if
 * @range->is_free.  On error it is the caller's still, and no flush has covered it. */
int flushq_add(struct flushq *fq, struct flushq_ring *ring, const struct flushq_range *range);
/* Flushes, and releases what had been queued before; on error nothing is lost. */
int flushq_flush(struct flushq *fq);
/* The same, unless a flush has covered all that was queued before. */
int flushq_commit(struct flushq *fq);
/* On reuse: no device reaches what was unmapped before an address of @epoch was given out. */
int flushq_admit(struct flushq *fq, uint64_t epoch);
/* The timer waits: for walkers. */
void flushq_pause(struct flushq *fq);
void flushq_resume(struct flushq *fq); /* due when it was */
/* Adds what waits to @could: it is open, or has ended unless it was released. */
void flushq_exposure(struct flushq *fq, struct dmp_exposure_side *could);
/* The longest wait; UINT64_MAX: until somebody asks. */
uint64_t flushq_bound_ns(const struct flushq *fq);
/* Adds what the rings have counted to @sum. */
void flushq_tally(struct flushq *fq, struct flushq_tally *sum);
/* On reuse: notes in @sum what devices may still reach, or a little more. */
void flushq_unflushed(struct flushq *fq, struct flushq_tally *sum);
/* The counters, the timer, and @cpu's ring. */
void flushq_inspect(struct flushq *fq, unsigned cpu, struct dmp_flushq_state *state);

#endif
