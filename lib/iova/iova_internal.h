/* SPDX-License-Identifier: MIT */
/*
 * iova_internal.h - what the files of lib/iova share
 *
 *   struct dmp_iova_domain
 *     |- policy, policy_state        which range a request gets          iova_linux.c, ...
 *     |- cpus: struct iova_cpu x N   loaded and prev by class            iova_cache.c
 *     `- classes: struct iova_class  depot and its reclaim, by class     iova_cache.c
 *                                    containers of both                  iova_magazine.c
 *
 * A size class, or order, o holds ranges of 2^o granules.  A cached range is still
 * allocated as far as the policy knows; only its first pfn is kept.
 *
 * Letters of fields: (c) constant after create; (a) atomic; (k) cache_lock of that CPU's
 * block; (d) depot_lock of that class.
 */
#ifndef DMAPOOL_IOVA_INTERNAL_H
#define DMAPOOL_IOVA_INTERNAL_H

#include <dmapool/bits.h>
#include <dmapool/iova.h>
#include <dmapool/port.h>

#include "base_counter.h"

/* 127 entries and one word make a record of 1024 bytes. */
#define IOVA_MAG_SIZE 127u

/* How long a magazine waits in a depot before reclaim looks at it. */
#define IOVA_RECLAIM_DELAY_NS (UINT64_C(100) * 1000 * 1000)

/* A stack of first pfns.  In a depot it is full, so that the count's word links. */
struct iova_magazine {
	union {
		uint64_t count;             /* outside a depot */
		struct iova_magazine *next; /* inside one */
	};
	uint64_t pfns[IOVA_MAG_SIZE];
};

struct iova_magazine *iova_magazine_create(void);
void iova_magazine_destroy(struct iova_magazine *mag);
void iova_magazine_push(struct iova_magazine *mag, uint64_t pfn);
bool iova_magazine_take(struct iova_magazine *mag, uint64_t highest_pfn, uint64_t *pfn);

static inline bool iova_magazine_is_full(const struct iova_magazine *mag)
{
	return mag->count == IOVA_MAG_SIZE;
}

static inline bool iova_magazine_is_empty(const struct iova_magazine *mag)
{
	return mag->count == 0;
}

/* Full magazines, last in first out. */
struct iova_depot {
	struct iova_magazine *full;
	unsigned nfull;
};

void iova_depot_push(struct iova_depot *depot, struct iova_magazine *mag);
struct iova_magazine *iova_depot_pop(struct iova_depot *depot);
const struct iova_magazine *iova_depot_peek(const struct iova_depot *depot, unsigned index);

/* One size class of a domain: what all CPUs share. */
struct iova_class {
	struct dmp_iova_domain *dom; /* (c) */
	struct dmp_work reclaim;     /* the port's */

	/* Written on every exchange with a CPU */
	_Alignas(DMP_CACHE_LINE) struct dmp_lock depot_lock;
	struct iova_depot depot; /* (d) */
	uint64_t nput;           /* (d) magazines that came ... */
	uint64_t ngot;           /* (d) ... went back to a CPU ... */
	uint64_t nreclaimed;     /* (d) ... were emptied by reclaim */
};

/* A CPU's magazines of one class: both or neither. */
struct iova_pair {
	struct iova_magazine *loaded; /* (k) */
	struct iova_magazine *prev;   /* (k) */
};

/* A CPU's block. */
struct iova_cpu {
	DMP_ATOMIC(uint32_t) cache_state; /* (a) IOVA_CPU_*: is cache_lock made? */
	struct dmp_lock cache_lock;
	struct iova_pair pair[DMP_IOVA_CLASSES]; /* (k) */
	uint64_t ntaken, nput;                   /* (k) ranges, since the start */
};

enum { IOVA_CPU_NEW, IOVA_CPU_STARTING, IOVA_CPU_READY };

/* What a domain counts where no cache is locked. */
enum { IOVA_ALLOC_POLICY, IOVA_ALLOC_FAILED, IOVA_FREE_POLICY, IOVA_FLUSHES };

struct dmp_iova_domain {
	struct dmp_iova_policy policy; /* (c) a copy: members a short table lacks are NULL */
	void *policy_state;            /* (c) */
	struct dmp_iova_space space;   /* (c) */
	bool has_cache;                /* (c) */
	struct dmp_percpu cpus;        /* struct iova_cpu; the port's */
	struct dmp_cpu_hook hook;      /* the port's */
	struct counter_set counts;     /* IOVA_ALLOC_POLICY ... */
	struct iova_class classes[DMP_IOVA_CLASSES];
};

/* iova_cache.c; callers have seen that dom->has_cache. */
void iova_cache_create(struct dmp_iova_domain *dom);
void iova_cache_destroy(struct dmp_iova_domain *dom);
bool iova_cache_take(struct dmp_iova_domain *dom, unsigned order, uint64_t highest_pfn,
		     uint64_t *pfn);
bool iova_cache_put(struct dmp_iova_domain *dom, unsigned order, uint64_t pfn);
uint64_t iova_cache_flush(struct dmp_iova_domain *dom);
void iova_cache_count(struct dmp_iova_domain *dom, uint64_t *taken, uint64_t *put);

/* Called with the lock of one CPU's cache or of one depot held; false ends the visit. */
typedef bool (*iova_cache_visit_fn)(void *ctx, unsigned order, const struct iova_magazine *mag,
				    uint64_t count);
bool iova_cache_visit(struct dmp_iova_domain *dom, iova_cache_visit_fn fn, void *ctx);

/* iova_check.c */
int iova_check_free(struct dmp_iova_domain *dom, uint64_t pfn, uint64_t size);
int iova_check_cache(struct dmp_iova_domain *dom);
uint64_t iova_check_cached(struct dmp_iova_domain *dom);

#endif
