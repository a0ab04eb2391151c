/* SPDX-License-Identifier: MIT */
/*
 * bench_range.h - the patterns in which threads use an address space: bench_range.c
 */
#ifndef BENCH_BENCH_RANGE_H
#define BENCH_BENCH_RANGE_H

#include "bench.h"

#include <dmapool/iova.h>

enum bench_pattern {
	BENCH_SAME,   /* a thread allocates a batch and frees it, the first one first */
	BENCH_LIFO,   /* the same, the last one first */
	BENCH_PASS,   /* threads in twos: one allocates, the other frees */
	BENCH_GATHER, /* one thread frees what all others allocate */
	BENCH_RANDOM, /* a thread frees a random one of its live ranges, then allocates one */
	BENCH_PATTERNS,
};

/* Their names on the command line. */
extern const char *const bench_pattern_names[BENCH_PATTERNS];

struct bench_range_case {
	enum bench_pattern pattern;
	struct dmp_iova_opts opts;
	bool cached;    /* the cached calls; not together with DMP_IOVA_NO_CACHE */
	uint64_t size;  /* granules */
	uint64_t limit; /* last pfn */
	unsigned batch; /* of SAME and LIFO: 1 .. BENCH_BATCH_MAX */
	uint64_t live;  /* of RANDOM, of all threads */
};

struct bench_ring;

/* An address space in use. */
struct bench_range {
	const struct bench_range_case *use;
	uint64_t size, limit;        /* use's: at hand for the loop that is measured */
	struct dmp_iova_domain *dom; /* owned */
	struct bench_ring *rings;    /* owned; one a thread that passes on; NULL: none does */
	_Atomic(int) err;            /* a request that failed; 0: none */
};

/* -EINVAL: the pattern does not work with so many threads; what dmp_iova_create() returns. */
int bench_range_open(struct bench_range *range, const struct bench_range_case *use,
		     unsigned nthreads);
void bench_range_close(struct bench_range *range);

/* What the threads of a job do whose `shared` is a range with @use. */
const struct bench_work *bench_range_work(const struct bench_range_case *use);

#endif
