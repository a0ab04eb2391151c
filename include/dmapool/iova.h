/* SPDX-License-Identifier: MIT */
/*
 * iova.h - the IOVA allocator on its own
 *
 * A domain hands out ranges of an address space, counted in granules: a pfn is an
 * address divided by the granule.  Below, a policy decides which range; in front, an
 * optional cache per CPU keeps freed ranges of up to 32 granules (1024 by option).
 *
 *   dmp_iova_alloc()  ->  this CPU's magazines  ->  depot  ->  policy
 *   dmp_iova_alloc_uncached()  --------------------------->  policy
 *
 * A CPU takes from its own magazines, and puts into them, without a lock, an atomic
 * read-modify-write or a fence.  Whoever looks into another CPU's magazines (flush, trim,
 * statistics, check) pays for that: some microseconds.  This holds for sizes of up to 32
 * granules, in the first 127 domains of a process at a time, where the system has membarrier;
 * elsewhere a request takes one lock that nobody else wants.  A thread may take turns between
 * domains at no cost.
 *
 * The policy `linux` gives the answers of Linux 6.12 bit for bit (docs/spec-iova.md).
 */
#ifndef DMAPOOL_IOVA_H
#define DMAPOOL_IOVA_H

#include <dmapool/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dmp_iova_domain;

/* pfns lo .. hi, both inclusive. */
struct dmp_iova_range {
	uint64_t lo, hi;
};

/* Largest size, in granules, that the cache keeps by default, and its number of size classes;
 * the most classes that the option allows: sizes up to 1024. */
#define DMP_IOVA_CACHED_GRANULES 32u
#define DMP_IOVA_CLASSES         6u
#define DMP_IOVA_CLASSES_MAX     11u

/* Flags of one request: bits. */
#define DMP_IOVA_ALIGNED 1u /* uncached: start at a multiple of the power of two >= size */
#define DMP_IOVA_FLUSH   2u /* cached: before failing, empty all caches and try once more */

/* What a policy is told of its space. */
struct dmp_iova_space {
	uint64_t granule;   /* bytes, a power of two */
	uint64_t start_pfn; /* lowest pfn that may be given out */
};

/* Start hints and ceiling of the `linux` policy; a policy without them leaves it alone. */
struct dmp_iova_policy_state {
	uint64_t nranges; /* ranges in the tree */
	uint64_t hint32;  /* first pfn of the range where a 32-bit search starts */
	uint64_t hint_wide;
	uint64_t ceiling; /* 32-bit requests of this size and more fail at once */
};
#define DMP_IOVA_TOP UINT64_MAX /* a hint that designates the top of the space */

/*
 * A policy: which range a request gets.  Unstable until 1.0.
 *
 * Every member may be called by several threads at once; a policy locks for itself, with
 * locks of rank RANK_IOVA_POLICY (port.h), and calls nothing else of the library.
 */
struct dmp_iova_policy {
	uint32_t size; /* bytes of this struct */
	uint32_t caps; /* DMP_IOVA_POLICY_* */
	const char *name;

	int (*create)(const struct dmp_iova_space *space, void **state);
	void (*destroy)(void *state); /* with everything in it */
	/* -ENOSPC none now; -ENOMEM no record.  @limit_pfn: never all ones.
	 * @aligned: a multiple of the power of two >= size.
	 * @epoch: 0, unless the policy defers reuse. */
	int (*alloc)(void *state, uint64_t size, uint64_t limit_pfn, bool aligned, uint64_t *pfn,
		     uint64_t *epoch);
	/* Removes the whole range that contains @pfn: -ENOENT none. */
	int (*free)(void *state, uint64_t pfn, struct dmp_iova_range *removed);
	/* The same for each of @n pfns, under one hold of its lock; returns how many. */
	size_t (*free_many)(void *state, const uint64_t *pfns, size_t n);
	int (*find)(void *state, uint64_t pfn, struct dmp_iova_range *range);
	int (*reserve)(void *state, uint64_t lo, uint64_t hi, struct dmp_iova_range *range);
	/* First range whose lo is >= @from: -ENOENT none. */
	int (*next)(void *state, uint64_t from, struct dmp_iova_range *range);
	/* Walks everything: 0, or -EIO after logging what is wrong. */
	int (*check)(void *state);
	void (*inspect)(void *state, struct dmp_iova_policy_state *out); /* may be NULL */
};

#define DMP_IOVA_POLICY_DEFERS_REUSE 1u /* an address returns only in a later epoch: no cache */

extern DMP_API const struct dmp_iova_policy dmp_iova_policy_linux;
/* The highest free place under the limit, in O(log ranges); no hints. */
extern DMP_API const struct dmp_iova_policy dmp_iova_policy_gap;
/* Round robin over a bitmap; defers reuse: DMP_IOVA_NO_CACHE, dmp_iova_alloc_epoch().  At most
 * 2^25 granules from start_pfn on; one granule is taken and given back without a lock. */
extern DMP_API const struct dmp_iova_policy dmp_iova_policy_bitmap;
/* Each CPU from chunks of its own above the 32-bit boundary, all from one region below it. */
extern DMP_API const struct dmp_iova_policy dmp_iova_policy_chunk;

struct dmp_iova_opts {
	uint32_t size;                        /* bytes; set by DMP_IOVA_OPTS() */
	uint32_t flags;                       /* DMP_IOVA_NO_CACHE; unknown bits: -EINVAL */
	uint64_t granule;                     /* bytes, a power of two; 0: 4096 */
	uint64_t start_pfn;                   /* lowest pfn to give out; 0 is pfn 0 itself */
	const struct dmp_iova_policy *policy; /* NULL: linux */

	/* The cache.  With DMP_IOVA_NO_CACHE all of these are zero. */
	uint32_t magazine_size;     /* ranges in a magazine, 7 .. 1023; 0: 127 */
	uint32_t classes;           /* sizes 2^0 .. 2^(classes - 1), 1 .. 11; 0: 6 */
	uint32_t depot_limit;       /* magazines that a class's depot keeps, the rest go back to
				     * the policy (Linux before 6.7: 32); 0: any number,
				     * reclaimed in the background */
	uint32_t reclaim_threshold; /* magazines that reclaim leaves; 0: one a CPU online */
	uint64_t reclaim_delay_ns;  /* between two magazines; 0: 100 ms */
	uint64_t trim_period_ns;    /* what is not used for so long goes back, after at most twice
				     * the time; 0: never, see dmp_iova_trim() */
	uint64_t inflight_limit;    /* ranges that the device can have in use at once: the depots
				     * together keep no more; 0: unknown */
};
#ifndef __cplusplus
#define DMP_IOVA_OPTS(...)                                                                         \
	((struct dmp_iova_opts){.size = sizeof(struct dmp_iova_opts), __VA_ARGS__})
#endif

#define DMP_IOVA_NO_CACHE 1u /* no magazines: only the uncached calls work */

/**
 * dmp_iova_create() - an empty address space
 * @opts: NULL for defaults
 * @out:  the domain; untouched on error
 *
 * Threads: any thread.
 * Errors:  -EINVAL granule, unknown flag, an option of the cache out of its bounds or without
 *          a cache, reclaim of a depot of fixed size, policy without a required member or
 *          with an unknown caps bit, or a policy that defers reuse behind a cache; -E2BIG, of
 *          the policy too; -ENOMEM.
 */
DMP_API int dmp_iova_create(const struct dmp_iova_opts *opts, struct dmp_iova_domain **out);

/**
 * dmp_iova_destroy() - drop the space with every range in it, live or cached
 *
 * Threads that have ranges in their caches may go on, and need not exit: nothing of the domain
 * stays with them.
 *
 * Threads: set-up only; no lock held.
 * Errors:  -EINVAL NULL.
 */
DMP_API int dmp_iova_destroy(struct dmp_iova_domain *dom);

/**
 * dmp_iova_alloc() - a range through the caches
 * @size:      granules, > 0; below the largest cached size it is rounded up to a power of two
 * @limit_pfn: last pfn that the range may contain
 * @flags:     DMP_IOVA_FLUSH or 0
 * @pfn:       out: first pfn, a multiple of the power of two >= @size; untouched on error
 *
 * Threads: any thread; not from a signal handler that may interrupt another call on a domain.
 * Errors:  -EINVAL size 0, unknown flag, a domain without a cache, or (at checks >= 1, here and
 *          in dmp_iova_free()) NULL; -ERANGE @size cannot fit between start_pfn and
 *          @limit_pfn, or @limit_pfn is all ones; -ENOSPC; -ENOMEM.
 * Cost:    a few ns from a magazine; else the policy's.
 * Source:  Linux alloc_iova_fast(); differences in docs/linux-map.md.
 */
DMP_API int dmp_iova_alloc(struct dmp_iova_domain *dom, uint64_t size, uint64_t limit_pfn,
			   unsigned flags, uint64_t *pfn);

/**
 * dmp_iova_free() - give back a range of dmp_iova_alloc()
 * @pfn:  as given
 * @size: as asked for
 *
 * Threads: any thread.
 * Errors:  -EINVAL size 0 or a domain without a cache.  -ENOENT not live, seen for sizes
 *          that are not cached always, for others at checks >= 1; -EINVAL then also for a wrong
 *          size, but for the end of a live range, which passes for one that a reservation has
 *          grown.  At checks >= 2 -ENOENT also for what is in a magazine already.
 */
DMP_API int dmp_iova_free(struct dmp_iova_domain *dom, uint64_t pfn, uint64_t size);

/**
 * dmp_iova_alloc_uncached() - a range from the policy
 * @size:  granules, > 0; not rounded
 * @flags: DMP_IOVA_ALIGNED or 0
 *
 * Otherwise as dmp_iova_alloc().
 * Source: Linux alloc_iova().
 */
DMP_API int dmp_iova_alloc_uncached(struct dmp_iova_domain *dom, uint64_t size, uint64_t limit_pfn,
				    unsigned flags, uint64_t *pfn);

/**
 * dmp_iova_alloc_epoch() - a range from the policy, and the epoch that it is given out in
 * @epoch: out; untouched on error
 *
 * With a policy that defers reuse: if the range, or a part of it, was ever given back, then
 * before anybody was told this epoch.  So what is done once, an invalidation, by who is first
 * told an epoch is done for every range of that epoch.  Other policies promise nothing and say 0.
 *
 * Otherwise as dmp_iova_alloc_uncached().
 */
DMP_API int dmp_iova_alloc_epoch(struct dmp_iova_domain *dom, uint64_t size, uint64_t limit_pfn,
				 unsigned flags, uint64_t *pfn, uint64_t *epoch);

/* Does @policy, NULL: linux, defer reuse?  One of which nothing is known does not. */
DMP_API bool dmp_iova_policy_defers_reuse(const struct dmp_iova_policy *policy);

/**
 * dmp_iova_free_pfn() - give back the whole range that contains @pfn
 * @removed: out, may be NULL: what was removed
 *
 * Threads: any thread.
 * Errors:  -ENOENT no range contains @pfn; at checks >= 2 also for what is in a magazine.
 * Source:  Linux free_iova().
 */
DMP_API int dmp_iova_free_pfn(struct dmp_iova_domain *dom, uint64_t pfn,
			      struct dmp_iova_range *removed);

/**
 * dmp_iova_find() - the range that contains @pfn; cached ranges count
 *
 * Threads: any thread.
 * Errors:  -ENOENT.
 */
DMP_API int dmp_iova_find(struct dmp_iova_domain *dom, uint64_t pfn, struct dmp_iova_range *range);

/**
 * dmp_iova_next() - the lowest range that starts at or above @from
 *
 * Threads: any thread; between two calls ranges may come and go.
 * Errors:  -ENOENT.
 */
DMP_API int dmp_iova_next(struct dmp_iova_domain *dom, uint64_t from, struct dmp_iova_range *range);

/**
 * dmp_iova_reserve() - keep pfns lo .. hi from being given out
 * @range: out, may be NULL: the range with which the reservation ended
 *
 * What is in use stays in use: a cached range is given out again, unless dmp_iova_flush() came
 * first; the pfns of a live one are free once it is, and with the policy `linux`, where it
 * grows, the free ones below it that it took in as well.
 *
 * Threads: any thread; meant for set-up, O(ranges).
 * Errors:  -EINVAL lo > hi or pfn 2^64 - 1; -ERANGE beyond 64-bit addresses;
 *          -ENOMEM, what was reserved so far stays.
 * Source:  Linux reserve_iova().
 */
DMP_API int dmp_iova_reserve(struct dmp_iova_domain *dom, uint64_t lo, uint64_t hi,
			     struct dmp_iova_range *range);

/**
 * dmp_iova_flush() - give everything in the CPUs' caches and in the depots back
 *
 * What others put into their caches meanwhile may stay there.
 *
 * Threads: any thread.
 * Returns: ranges given back.
 * Cost:    owners of caches take a lock once afterwards.
 */
DMP_API uint64_t dmp_iova_flush(struct dmp_iova_domain *dom);

/**
 * dmp_iova_trim() - give back what was not used since this was last done
 *
 * CPUs' caches and depots; magazines of an idle CPU are freed too.  The first call gives
 * nothing back that was ever used, as it does not know since when.  With trim_period_ns the
 * same is done in the background, and both count as "last done".
 *
 * Threads: any thread.
 * Returns: ranges given back.
 * Cost:    owners of caches in use take a lock once afterwards.
 */
DMP_API uint64_t dmp_iova_trim(struct dmp_iova_domain *dom);

struct dmp_iova_stats {
	uint64_t alloc_cached; /* requests met by a magazine */
	uint64_t alloc_policy; /* requests met by the policy */
	uint64_t alloc_failed;
	uint64_t free_cached;     /* ranges put into a magazine */
	uint64_t free_policy;     /* ranges given to the policy at once */
	uint64_t depot_put;       /* magazines moved to a depot ... */
	uint64_t depot_got;       /* ... taken from one ... */
	uint64_t depot_reclaimed; /* ... emptied by the reclaim work */
	uint64_t flushes;         /* times all caches were emptied */
	uint64_t cached;          /* ranges in magazines now */
	uint64_t nranges;         /* ranges in the space now: live, reserved and cached */
	uint64_t live;            /* of them given out or reserved */
	uint64_t depot;           /* of the cached ones in depots */
	uint64_t depot_refused;   /* magazines that found no room in a depot */
	uint64_t trimmed;         /* ranges given back by trim */
	uint64_t cached_by_class[DMP_IOVA_CLASSES_MAX]; /* ranges in magazines now, by order */
};

/**
 * dmp_iova_get_stats() - a snapshot; not one moment while other threads run
 * @size: sizeof(struct dmp_iova_stats) of the caller
 *
 * Threads: any thread.
 * Errors:  -EINVAL.
 * Cost:    owners of caches take a lock once afterwards; a policy that does not say how many
 *          ranges it has is walked.
 */
DMP_API int dmp_iova_get_stats(struct dmp_iova_domain *dom, struct dmp_iova_stats *stats,
			       size_t size);

/* Where nothing is: pfns from start_pfn to the end of 64-bit addresses. */
struct dmp_iova_gaps {
	uint64_t ngaps;           /* runs of free pfns */
	uint64_t free, largest;   /* granules in all of them, in the largest */
	uint64_t free32;          /* the same of what lies below 4 GiB ... */
	uint64_t largest32;       /* ... runs cut there */
	uint64_t fragmentation32; /* thousandths of free32 outside of largest32 */
};

/**
 * dmp_iova_get_gaps() - how fragmented the space is
 * @size: sizeof(struct dmp_iova_gaps) of the caller
 *
 * Cached ranges count as used.
 *
 * Threads: any thread; between two steps of the walk ranges may come and go.
 * Errors:  -EINVAL.
 * Cost:    O(ranges).
 */
DMP_API int dmp_iova_get_gaps(struct dmp_iova_domain *dom, struct dmp_iova_gaps *gaps, size_t size);

/**
 * dmp_iova_check() - walk everything and compare the books
 *
 * Threads: set-up only.
 * Errors:  -EIO after logging what is wrong; -ENOMEM no memory to sort the cached ranges in.
 * Cost:    O(ranges).
 */
DMP_API int dmp_iova_check(struct dmp_iova_domain *dom);

/* Contents of a magazine, bottom to top. */
struct dmp_iova_magazine_view {
	const uint64_t *pfns;
	uint32_t count;
};

enum dmp_iova_magazine_place { DMP_IOVA_LOADED, DMP_IOVA_PREV, DMP_IOVA_DEPOT };

/**
 * dmp_iova_inspect_policy() - the policy's hints, for tests
 *
 * Threads: set-up only.
 * Errors:  -ENOTSUP the policy shows none.
 */
DMP_API int dmp_iova_inspect_policy(struct dmp_iova_domain *dom,
				    struct dmp_iova_policy_state *state);

/**
 * dmp_iova_inspect_magazine() - one magazine, for tests
 * @place: whose: loaded or prev of CPU @index, or the @index-th of the depot, 0 the latest
 * @order: size class, from 0
 * @view:  out: valid until the next call on the domain; a CPU that never came has count 0
 *
 * Threads: set-up only.
 * Errors:  -EINVAL; -ENOENT no such magazine in the depot.
 */
DMP_API int dmp_iova_inspect_magazine(struct dmp_iova_domain *dom,
				      enum dmp_iova_magazine_place place, unsigned index,
				      unsigned order, struct dmp_iova_magazine_view *view);

/* Is reclaim of the depot of @order scheduled?  For tests. */
DMP_API bool dmp_iova_inspect_reclaim(struct dmp_iova_domain *dom, unsigned order);

#ifdef __cplusplus
}
#endif

#endif
