/* SPDX-License-Identifier: MIT */
/*
 * iova_internal.h - what the files of lib/iova share
 *
 *   struct dmp_iova_domain
 *     |- policy, policy_state        which range a request gets          iova_linux.c, ...
 *     |- cpus: struct iova_cpu x N   loaded and prev by class
 *     |                                the owner's side, inline          iova_fast.h
 *     |                                the rest of it                    iova_cache.c
 *     |                                everybody else's side             iova_drain.c, _look.c
 *     `- classes: struct iova_class  depot and its reclaim, by class     iova_depot.c
 *                                    containers of both                  iova_magazine.c
 *
 * A size class, or order, o holds ranges of 2^o granules.  A cached range is still
 * allocated as far as the policy knows; only its first pfn is kept.
 *
 * Letters of fields: (c) constant after create; (a) atomic; (o) the owner, who is inside his
 * biased pairs or has cache_lock, and whoever keeps him out; (k) cache_lock of that CPU's
 * block; (d) depot_lock of that class.
 */
#ifndef DMAPOOL_IOVA_INTERNAL_H
#define DMAPOOL_IOVA_INTERNAL_H

#include <dmapool/bits.h>
#include <dmapool/iova.h>
#include <dmapool/port.h>

#include "base_counter.h"

/* A stack of first pfns.  In a depot it is full, so that the count's word links: with 127
 * entries it is a record of 1024 bytes. */
struct iova_magazine {
	union {
		uint64_t count;             /* outside a depot */
		struct iova_magazine *next; /* inside one */
		uint64_t floor;             /* loaded of an open pair: stops the owner */
	};
	uint64_t pfns[];
};

struct iova_magazine *iova_magazine_create(unsigned size);
void iova_magazine_destroy(struct iova_magazine *mag, unsigned size);
void iova_magazine_push(struct iova_magazine *mag, uint64_t pfn);
bool iova_magazine_take(struct iova_magazine *mag, uint64_t highest_pfn, uint64_t *pfn);

/* Full magazines, last in first out. */
struct iova_depot {
	struct iova_magazine *full;
	unsigned nfull;
};

void iova_depot_push(struct iova_depot *depot, struct iova_magazine *mag);
struct iova_magazine *iova_depot_pop(struct iova_depot *depot, unsigned size);
const struct iova_magazine *iova_depot_peek(const struct iova_depot *depot, unsigned index);

/*
 * A CPU's magazines of one class: both or neither.  What of loaded the owner needs for a
 * push or a take stands here, in one cache line; the magazine's own count is brought up to
 * date by iova_pair_close().  A pair without magazines is empty and full.
 */
struct iova_pair {
	_Alignas(DMP_CACHE_LINE) uint64_t *top; /* (o) above the topmost entry of loaded */
	uint64_t *full;                         /* (o) where top is when loaded is full */
	uint64_t last;                          /* (c) from a range's first pfn to its last */
	uint64_t ntaken;                        /* (o) ranges, since the start */
	uint64_t nmoved;  /* (k) what came in magazines, less what left in them; wraps */
	uint64_t nothing; /* (c) what is below top without magazines: stops the owner */
	struct iova_magazine *loaded; /* (k) */
	struct iova_magazine *prev;   /* (k) */
};

void iova_pair_init(struct iova_pair *pair, unsigned order);
bool iova_pair_make(struct iova_pair *pair, unsigned size);
void iova_pair_drop(struct iova_pair *pair, unsigned size);
void iova_pair_close(struct iova_pair *pair);
void iova_pair_open(struct iova_pair *pair, unsigned size);
uint64_t iova_pair_count(const struct iova_pair *pair);
uint64_t iova_pair_nput(const struct iova_pair *pair);

/* One size class of a domain: what all CPUs share. */
struct iova_class {
	struct dmp_iova_domain *dom; /* (c) */
	struct dmp_work reclaim;     /* the port's */

	/* Written on every exchange with a CPU */
	_Alignas(DMP_CACHE_LINE) struct dmp_lock depot_lock;
	struct iova_depot depot; /* (d) */
	bool used;               /* (d) since the last look of trim */
	uint64_t nput;           /* (d) magazines that came ... */
	uint64_t ngot;           /* (d) ... went back to a CPU ... */
	uint64_t nreclaimed;     /* (d) ... were emptied by reclaim */
	uint64_t nrefused;       /* (d) magazines that found no room */
};

/* Sizes up to this are served inline. */
#define IOVA_FAST_GRANULES 32u

/* What a CPU with bias enters. */
struct iova_pairs {
	struct iova_pair *of_size[IOVA_FAST_GRANULES + 1]; /* (c) never NULL */
};

/* A CPU's block. */
struct iova_cpu {
	DMP_ATOMIC(uint32_t) cache_state; /* (a) IOVA_CPU_*: is the block made? */
	bool used;                        /* (k) since the last look of trim */
	bool biased;                      /* (k) the owner may be inside without the lock */
	bool revoked;                     /* (k) somebody keeps the owner out or is about to */
	struct dmp_lock cache_lock;
	struct iova_pairs pairs;
	struct iova_pair pair[]; /* by order */
};

enum { IOVA_CPU_NEW, IOVA_CPU_STARTING, IOVA_CPU_READY };

/* What a domain counts where no cache is locked. */
enum { IOVA_ALLOC_POLICY, IOVA_ALLOC_FAILED, IOVA_FREE_POLICY, IOVA_FLUSHES, IOVA_TRIMMED };

struct dmp_iova_domain {
	struct dmp_iova_policy policy; /* (c) a copy: members a short table lacks are NULL */
	void *policy_state;            /* (c) */
	struct dmp_iova_space space;   /* (c) */
	struct dmp_iova_opts opts;     /* (c) defaults filled in */
	bool has_cache;                /* (c) */
	unsigned bias;                 /* (c) the port's slot for cpus; 0: none */
	uint64_t fast_end;             /* (c) sizes below it are tried inline; 0: none */
	uint64_t cached_max;           /* (c) largest size that has a class; 0: no cache */
	struct iova_pair no_pair;      /* (c) without magazines, for ever */
	struct iova_pairs no_pairs;    /* (c) what a CPU without bias enters: all no_pair */
	struct dmp_percpu cpus;        /* struct iova_cpu; the port's */
	struct dmp_cpu_hook hook;      /* the port's */
	struct dmp_work trim;          /* the port's */
	struct dmp_lock drain_lock;    /* one at a time takes CPUs' caches */
	struct counter_set counts;     /* IOVA_ALLOC_POLICY ... */

	/* Written on every exchange with a depot, if inflight_limit is set */
	_Alignas(DMP_CACHE_LINE) DMP_ATOMIC(uint64_t) depot_ranges; /* (a) */
	struct iova_class classes[DMP_IOVA_CLASSES_MAX];
};

#define IOVA_CLASS_FOREACH(class, dom)                                                             \
	for ((class) = (dom)->classes; (class) < (dom)->classes + (dom)->opts.classes; (class)++)

/* iova_opts.c */
int iova_opts_check(struct dmp_iova_opts *opts);

/* iova_cache.c; callers have seen that dom->has_cache. */
void iova_cache_create(struct dmp_iova_domain *dom);
void iova_cache_destroy(struct dmp_iova_domain *dom);
/* The domain's own work waits, for walkers; due when it was. */
void iova_cache_pause(struct dmp_iova_domain *dom);
void iova_cache_resume(struct dmp_iova_domain *dom);
bool iova_cache_take(struct dmp_iova_domain *dom, unsigned order, uint64_t highest_pfn,
		     uint64_t *pfn);
bool iova_cache_put(struct dmp_iova_domain *dom, unsigned order, uint64_t pfn);

static inline bool iova_cpu_is_ready(struct iova_cpu *cpu)
{
	return load_acquire(&cpu->cache_state) == IOVA_CPU_READY; /* [START] of iova_cache.c */
}

/* iova_depot.c */
void iova_class_create(struct dmp_iova_domain *dom, struct iova_class *class);
void iova_class_destroy(struct iova_class *class);
struct iova_magazine *iova_class_get(struct iova_class *class);
bool iova_class_put(struct iova_class *class, struct iova_magazine *mag);
uint64_t iova_class_drain(struct iova_class *class);
bool iova_class_is_idle(struct iova_class *class);

/* iova_drain.c */
enum iova_wanted { IOVA_EVERY_CPU, IOVA_IDLE_CPUS };
typedef void (*iova_cpu_fn)(struct dmp_iova_domain *dom, struct iova_cpu *cpu, void *ctx);
unsigned iova_drain_each(struct dmp_iova_domain *dom, enum iova_wanted wanted, iova_cpu_fn fn,
			 void *ctx);
uint64_t iova_drain_magazine(struct dmp_iova_domain *dom, struct iova_magazine *mag);
uint64_t iova_drain_all(struct dmp_iova_domain *dom);
uint64_t iova_drain_idle(struct dmp_iova_domain *dom);
void iova_drain_offline(struct dmp_cpu_hook *hook, unsigned number);
void iova_drain_work(struct dmp_work *work);

/* iova_look.c */
struct iova_tally {
	uint64_t ntaken, nput;                 /* ranges through the CPUs' magazines, ever */
	uint64_t cached[DMP_IOVA_CLASSES_MAX]; /* ranges in magazines now, in depots too */
	uint64_t depot;                        /* of them in depots */
	uint64_t depot_put, depot_got, depot_reclaimed, depot_refused; /* magazines, ever */
};
void iova_look_tally(struct dmp_iova_domain *dom, struct iova_tally *tally);
/* Called with the lock of one CPU's cache or of one depot held; false ends the visit. */
typedef bool (*iova_visit_fn)(void *ctx, unsigned order, const struct iova_magazine *mag,
			      uint64_t count);
bool iova_look_visit(struct dmp_iova_domain *dom, iova_visit_fn fn, void *ctx);

/* iova_check.c */
int iova_check_free(struct dmp_iova_domain *dom, uint64_t pfn, uint64_t size);
int iova_check_free_pfn(struct dmp_iova_domain *dom, uint64_t pfn);
int iova_check_cache(struct dmp_iova_domain *dom);
uint64_t iova_check_cached(struct dmp_iova_domain *dom);

#endif
