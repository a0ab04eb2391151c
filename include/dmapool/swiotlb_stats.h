/* SPDX-License-Identifier: MIT */
/*
 * swiotlb_stats.h - a bounce allocator while it works: what it tells, what can be changed
 *
 *   dmp_swiotlb_tune()        how it grows and throttles
 *   dmp_swiotlb_get_stats()   counts of the whole allocator: use, growth, failures by reason, waits
 *   dmp_swiotlb_inspect_*()   one pool, area, slot, mapping
 *   dmp_swiotlb_check()       the walker
 *
 * Included by swiotlb.h.
 */
#ifndef DMAPOOL_SWIOTLB_STATS_H
#define DMAPOOL_SWIOTLB_STATS_H

#include <dmapool/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dmp_swiotlb;

/* What may be changed while the allocator works; the options of these names begin it. */
struct dmp_swiotlb_tuning {
	uint32_t size; /* bytes; set by DMP_SWIOTLB_TUNING() */
	uint32_t
		flags; /* DMP_SWIOTLB_GROWS, DMP_SWIOTLB_THROTTLES, or 0: neither pools nor transient
			 * ones from here on, and nobody waits */
	uint64_t max_slots;
	uint64_t idle_ns;
	uint32_t throttle_high;
	uint32_t throttle_low;
	uint64_t throttle_turn_ns;
};
#define DMP_SWIOTLB_TUNING(...)                                                                    \
	((struct dmp_swiotlb_tuning){.size = sizeof(struct dmp_swiotlb_tuning), __VA_ARGS__})

/**
 * dmp_swiotlb_tune() - change how it grows and throttles; dmp_swiotlb_get_tuning() - how it does
 * @size: sizeof(struct dmp_swiotlb_tuning) of the caller, > 0
 *
 * A lower cap takes nothing away; idle_ns counts anew from here.
 *
 * Throttling keeps slots free for those who cannot wait, by having those wait who can
 * (DMP_ATTR_MAY_BLOCK).  While more than throttle_high per cent of the slots are in use, and after
 * that down to throttle_low as long as somebody has the turn, they are served one at a time,
 * in the order in which they came: who has the turn keeps it until its mapping is unmapped, by
 * whomever, and the next one is let in.  At or below throttle_low nobody begins to wait (who waits
 * already is let in by the turn's end), nor does at any time who may not block.
 *
 * throttle_turn_ns bounds what a slow holder costs the others: while somebody waits the turn also
 * passes on when it has lasted that long, and when a newcomer finds use at or below
 * throttle_low, which it may then overtake only one waiter for each.  So a request with k others
 * before it is let in after k such times at the latest; unless more than half of what lies
 * above throttle_high is in use, when only unmaps let anybody in.
 *
 * Switching it off lets everybody in who waits.
 *
 * Threads: any thread.
 * Errors:  -EINVAL NULL, an unknown flag, a threshold above 100, or low above high; -E2BIG;
 *          -ENOTSUP growth is asked for (a flag, a cap or a time), and it was made without
 *          DMP_SWIOTLB_GROWS.
 * Source:  throttling: a proposal for Linux that was not merged, spec-bounce P1.
 */
DMP_API int dmp_swiotlb_tune(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_tuning *tuning);
DMP_API int dmp_swiotlb_get_tuning(const struct dmp_swiotlb *tlb, struct dmp_swiotlb_tuning *tuning,
				   size_t size);

/* Why a map, or a request for pages, had no slots. */
enum dmp_swiotlb_fail {
	DMP_SWIOTLB_FAIL_FULL,   /* fewer were free than it needed */
	DMP_SWIOTLB_FAIL_NO_RUN, /* enough were, but none in a row that suited */
	DMP_SWIOTLB_FAIL_SIZE,   /* it can never fit */
	DMP_SWIOTLB_FAIL_REACH,  /* those found were out of the device's reach */
	DMP_SWIOTLB_FAIL_REASONS,
};

/* Waits by duration: [i] are those of 2^i ns up to twice that, the last also the longer ones. */
#define DMP_SWIOTLB_WAIT_BUCKETS 40u

struct dmp_swiotlb_stats {
	uint64_t slots;      /* of all pools but transient ones */
	uint64_t areas;      /* of the same */
	uint64_t used;       /* slots in use now, those of transient pools among them */
	uint64_t high_water; /* the most that were in use at once */

	uint64_t pools;              /* but transient ones */
	uint64_t grow_slots;         /* what a grown pool asks for, before it is cut to 2048 */
	uint64_t growth_pending;     /* 1: the worker has been asked for a pool, 0: not */
	uint64_t grown;              /* pools that it made, all told */
	uint64_t growth_failures;    /* and could not make */
	uint64_t given_back;         /* grown pools that were idle */
	uint64_t transient;          /* slots of live transient pools */
	uint64_t transients_made;    /* such pools, all told */
	uint64_t transient_failures; /* requests that got none */
	uint64_t waiting;            /* pools that wait for a grace period to be freed */
	uint64_t conversions;        /* make_shared() and make_private(), calls */
	uint64_t shared_pages;       /* of the former, all told */
	uint64_t private_pages;      /* of the latter */
	uint64_t lost_pages;         /* that could not be made private, and were kept */
	uint64_t failures[DMP_SWIOTLB_FAIL_REASONS]; /* maps and requests for pages, by reason */
	uint64_t children;                           /* allocators carved from it */
	uint64_t carved;                             /* slots that they have: in use, here */

	uint64_t turns;           /* maps that needed a turn, and got it */
	uint64_t turns_passed_on; /* of these, those whose turn ended before their mapping */
	uint64_t waits;           /* maps that had to wait for it, and do no longer */
	uint64_t waits_cancelled; /* of these, those that returned -ECANCELED */
	uint64_t waiters;         /* maps that wait now */
	uint64_t longest_wait_ns;
	uint64_t wait_ns[DMP_SWIOTLB_WAIT_BUCKETS]; /* waits by duration */
};

/**
 * dmp_swiotlb_get_stats() - a snapshot; not one moment while other threads run
 * @size: sizeof(struct dmp_swiotlb_stats) of the caller, > 0
 *
 * high_water is exact as long as one thread maps at a time.  Threads that keep meeting over it
 * are let pass, as nothing that all CPUs write should stand in a request's way: from then
 * until dmp_swiotlb_reset_high_water() it may be too low, by about a sixteenth of the slots
 * at most.
 *
 * Threads: any thread.
 * Errors:  -EINVAL NULL, or @size is 0.
 * Cost:    O(areas).
 * Source:  spec-bounce 13.
 */
DMP_API int dmp_swiotlb_get_stats(struct dmp_swiotlb *tlb, struct dmp_swiotlb_stats *stats,
				  size_t size);

/**
 * dmp_swiotlb_reset_high_water() - from here on high_water is that of later maps
 *
 * It reads 0 until the next map.
 *
 * Threads: any thread.
 * Cost:    O(areas).
 */
DMP_API void dmp_swiotlb_reset_high_water(struct dmp_swiotlb *tlb);

/**
 * dmp_swiotlb_check() - walk everything and compare the books
 *
 * No pool is made or given back meanwhile.
 *
 * Threads: set-up only.
 * Errors:  -EINVAL NULL; -EIO after logging what is wrong.
 * Cost:    O(slots).
 */
DMP_API int dmp_swiotlb_check(struct dmp_swiotlb *tlb);

enum dmp_swiotlb_pool_kind {
	DMP_SWIOTLB_POOL_FIRST,     /* made with the allocator */
	DMP_SWIOTLB_POOL_GROWN,     /* made by the worker */
	DMP_SWIOTLB_POOL_TRANSIENT, /* made for one mapping */
};

/* A pool, an area and a mapping as they can be looked at.  Pools are numbered in the order in
 * which they were made, transient ones among them; a number is not given again. */
struct dmp_swiotlb_pool_view {
	dmp_phys_t phys;
	uint64_t slots, areas, area_slots;
	uint64_t used; /* slots in use */
	enum dmp_swiotlb_pool_kind kind;
	uint64_t peak; /* no more of them were in use at once since the high-water mark was reset:
			* the sum over its areas */
};

struct dmp_swiotlb_area_view {
	uint64_t used;
	uint64_t index; /* slot of the area where the next search starts */
	uint64_t peak;  /* the most that were in use at once since the high-water mark was reset */
	uint64_t longest_run; /* of free slots; no longer than a segment */
};

struct dmp_swiotlb_mapping_view {
	unsigned pool;  /* its number */
	uint64_t first; /* slot of that pool, padding included */
	uint64_t pad;   /* leading slots of padding */
	uint64_t slots; /* padding included */
	dmp_phys_t orig;
	dmp_phys_t phys; /* as given by dmp_swiotlb_map() */
	uint64_t len;    /* bytes that were mapped */
};

/**
 * dmp_swiotlb_inspect_pool() - the pool of number @pool; likewise its areas and slots
 *
 * Threads: any thread; takes the lock of an area for an area or a slot.
 * Errors:  -EINVAL NULL; -ENOENT no such pool, area or slot, or it is gone.
 * Cost:    O(pools), and of a pool O(areas), of an area O(segments).
 */
DMP_API int dmp_swiotlb_inspect_pool(struct dmp_swiotlb *tlb, unsigned pool,
				     struct dmp_swiotlb_pool_view *view);
DMP_API int dmp_swiotlb_inspect_area(struct dmp_swiotlb *tlb, unsigned pool, uint64_t area,
				     struct dmp_swiotlb_area_view *view);
DMP_API int dmp_swiotlb_inspect_slot(struct dmp_swiotlb *tlb, unsigned pool, uint64_t slot,
				     bool *in_use);

/**
 * dmp_swiotlb_next_pool() - the lowest number of a pool that is @from or more
 * @number: out: untouched on error
 *
 * To look at all pools: from 0, and then from the last number plus 1.
 *
 * Threads: any thread.
 * Errors:  -EINVAL NULL; -ENOENT no pool has such a number.
 * Cost:    O(pools).
 */
DMP_API int dmp_swiotlb_next_pool(struct dmp_swiotlb *tlb, unsigned from, unsigned *number);

/**
 * dmp_swiotlb_longest_run() - the longest run of free slots of all pools but transient ones
 * @nslots: out: 0 .. 128: no run goes beyond a segment; untouched on error
 *
 * A request for more fails or grows, however many slots are free.
 *
 * Threads: any thread; takes the lock of one area after the other.
 * Errors:  -EINVAL NULL.
 * Cost:    O(segments): a microsecond for 64 MiB or so.
 */
DMP_API int dmp_swiotlb_longest_run(struct dmp_swiotlb *tlb, uint64_t *nslots);

/**
 * dmp_swiotlb_name() - its name, as messages say it; NULL for NULL
 *
 * Ownership: the allocator's.
 * Threads:   any thread.
 */
DMP_API const char *dmp_swiotlb_name(const struct dmp_swiotlb *tlb);

/**
 * dmp_swiotlb_inspect_mapping() - the mapping that has data at @phys
 * @phys: any offset
 *
 * Threads: any thread, for a mapping that is not unmapped meanwhile; takes no lock.
 * Errors:  -EINVAL NULL; -ENOENT @phys is not data of a mapping: not logged.
 * Cost:    O(pools).
 */
DMP_API int dmp_swiotlb_inspect_mapping(struct dmp_swiotlb *tlb, dmp_phys_t phys,
					struct dmp_swiotlb_mapping_view *view);

#ifdef __cplusplus
}
#endif

#endif
