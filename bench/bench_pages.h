/* SPDX-License-Identifier: MIT */
/*
 * bench_pages.h - threads that map pages and unmap them again: bench_pages.c
 */
#ifndef BENCH_BENCH_PAGES_H
#define BENCH_BENCH_PAGES_H

#include "bench.h"

#include <dmapool/iommu.h>
#include <dmapool/sim.h>

#include <stdatomic.h>

enum bench_pages_way {
	BENCH_PAGES_CALL, /* equal pages in one call */
	BENCH_PAGES_LIST, /* scattered pages in one list; unmapped in one call */
	BENCH_PAGES_LOOP, /* the same pages, mapped one by one */
	BENCH_PAGES_WAYS,
};

extern const char *const bench_pages_way_names[BENCH_PAGES_WAYS];

#define BENCH_PAGES_BATCH_MAX 2048u

struct bench_pages_case {
	const char *format; /* a name of dmp_sim_format_name() */
	uint64_t page_bytes;
	unsigned batch; /* pages of a call: 1 .. BENCH_PAGES_BATCH_MAX */
	enum bench_pages_way way;
};

/* What a thread's map phases take, and its unmap phases: of one run() a figure each, the median
 * of its rounds, so that who takes the CPU meanwhile does not count. */
#define BENCH_ROUNDS_KEPT 512u

struct bench_phases {
	double round[2][BENCH_ROUNDS_KEPT]; /* of the run in progress: ns an entry */
	unsigned nrounds;
	double figure[2][BENCH_SAMPLES_MAX]; /* the latest, around */
	unsigned nfigures;
};

/* Median of the latest @samples figures: ns a page; NAN: there are not so many. */
double bench_phases_ns(const struct bench_phases *phases, bool unmap, unsigned samples);
/* Median of the ratios of @a to @b, figure by figure. */
double bench_phases_ratio(const struct bench_phases *a, const struct bench_phases *b, bool unmap,
			  unsigned samples);

/* Tables in use. */
struct bench_pages {
	const struct bench_pages_case *use;
	struct dmp_sim *sim;       /* owned */
	struct dmp_iommu *iommu;   /* owned */
	uint64_t stride;           /* addresses of one thread */
	unsigned calls;            /* in a round: one after the other, as many pages as fit */
	unsigned entries;          /* of a page */
	struct bench_phases first; /* of thread 0 */
	_Atomic(int) err;          /* a request that failed; 0: none */
};

/* -EINVAL: the format has no such pages; what dmp_sim_create() returns. */
int bench_pages_open(struct bench_pages *pages, const struct bench_pages_case *use,
		     unsigned nthreads);
void bench_pages_close(struct bench_pages *pages);

/* shared: struct bench_pages.  A pair is a page mapped and unmapped. */
extern const struct bench_work bench_pages_work;

/* As many entries as the tables have of that, stored and cleared one by one. */
struct bench_stores {
	uint64_t *entries; /* RAM of the same machine; borrowed from it */
	unsigned count;
	unsigned a_page; /* entries of a page: figures are those of pages, too */
	struct bench_phases phases;
};

int bench_stores_open(struct bench_stores *stores, struct bench_pages *pages);
void bench_stores_close(struct bench_stores *stores, struct bench_pages *pages);

/* shared: struct bench_stores; one thread. */
extern const struct bench_work bench_stores_work;

#endif
