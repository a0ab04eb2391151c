/* SPDX-License-Identifier: MIT */
/*
 * bench_malloc.h - what malloc would take to copy buffers to: bench_malloc.c
 */
#ifndef BENCH_BENCH_MALLOC_H
#define BENCH_BENCH_MALLOC_H

#include "bench.h"

struct json_file;

/* Has the helper programs measure malloc, memcpy and free of @bytes, a row each under those of
 * bench_bounce_sweep.c; without a helper a row that says so.  The exit status. */
int bench_malloc_run(const struct bench_plan *plan, uint64_t bytes, unsigned nthreads,
		     struct json_file *json);

/* GB a second, if @bytes are moved in so many ns. */
static inline double bench_malloc_speed(uint64_t bytes, double ns)
{
	return (double)bytes / ns;
}

#endif
