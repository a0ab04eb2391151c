/* SPDX-License-Identifier: MIT */
/*
 * bench_side.h - two uses of address spaces side by side: bench_side.c
 *
 *   bench_side_compare(&c, "2 threads", bench_side_cached(2, 1), bench_side_cached(1, 1));
 */
#ifndef BENCH_BENCH_SIDE_H
#define BENCH_BENCH_SIDE_H

#include "bench_compare.h"
#include "bench_range.h"

struct bench_ring;

/* One side: a use of an address space, or the ring without one. */
struct bench_side {
	struct bench_range_case use;
	unsigned nthreads;
	struct bench_ring *ring; /* NULL: the address space */
};

/* One granule through the default cache of policy linux, below 2^20. */
struct bench_side bench_side_cached(unsigned nthreads, unsigned batch);
/* One thread replaces one of @live ranges at random, without a cache, below 2^52. */
struct bench_side bench_side_replacing(uint64_t live);

/* bench_compare_run() of both, made for it. */
void bench_side_compare(struct bench_compare *c, const char *what, struct bench_side a,
			struct bench_side b);

#endif
