/* SPDX-License-Identifier: MIT */
/*
 * bench_bounce.h - threads that bounce buffers, one at a time each: bench_bounce.c
 */
#ifndef BENCH_BENCH_BOUNCE_H
#define BENCH_BENCH_BOUNCE_H

#include "bench_fill.h"
#include "bench_rings.h"

#include <dmapool/swiotlb.h>

#include <stdatomic.h>

/* A pool of bounce slots, and how it is used. */
struct bench_bounce_case {
	struct dmp_swiotlb_opts opts; /* DMP_SWIOTLB_ANY is added, as the host has no zones */
	uint64_t bytes;               /* of a buffer: 1 .. DMP_SWIOTLB_MAX_BYTES */
	enum dmp_dir dir;
	enum bench_fill_pattern fill;
	unsigned percent; /* of the slots, in use by others */
	unsigned batch;   /* buffers that a thread has mapped at once: 1 .. BENCH_BATCH_MAX */
};

/* It, in use: a machine that is the host, so that phys is a pointer. */
struct bench_bounce {
	const struct bench_bounce_case *use;
	const struct bench_rings *rings; /* buffers are of the source */
	struct dmp_hw *hw;               /* owned */
	struct dmp_swiotlb *tlb;         /* owned */
	struct bench_fill fill;
	_Atomic(int) err; /* a request that failed; 0: none */
};

/*
 * -ENOSPC: what is in use leaves no room for a batch of @nthreads threads at once; -EINVAL: the
 * rings have less than a buffer for each; else what dmp_swiotlb_create() returns.
 */
int bench_bounce_open(struct bench_bounce *bounce, const struct bench_bounce_case *use,
		      const struct bench_rings *rings, unsigned nthreads);
/* The same for requests that are to find no room. */
int bench_bounce_open_full(struct bench_bounce *bounce, const struct bench_bounce_case *use,
			   const struct bench_rings *rings);
void bench_bounce_close(struct bench_bounce *bounce);

/* A pair is a map and its unmap, in batches; `shared` is a struct bench_bounce. */
extern const struct bench_work bench_bounce_pairs;
/* A pair is a map that finds no room; that it finds some is an error: -EEXIST. */
extern const struct bench_work bench_bounce_searches;

#endif
