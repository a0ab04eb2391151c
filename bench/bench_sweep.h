/* SPDX-License-Identifier: MIT */
/*
 * bench_sweep.h - every combination of what `dmapool bench iova` was asked for
 */
#ifndef BENCH_BENCH_SWEEP_H
#define BENCH_BENCH_SWEEP_H

#include "bench.h"
#include "bench_list.h"

#define BENCH_POLICIES 4u

extern const char *const bench_policy_names[BENCH_POLICIES];
extern const char *const bench_cache_names[2];

struct bench_sweep {
	struct bench_list threads, sizes, batches;
	struct bench_list patterns, policies, caches; /* indexes of their names */
	struct bench_list magazines, depots;          /* of a cache; a depot of 0: unbounded */
	uint64_t live;                                /* ranges of a random replacement */
	uint64_t limit;                               /* last pfn of a request */
	struct bench_plan plan;
	unsigned left_out; /* combinations that make no sense */
};

struct json_file;

/* Prints a table and adds an object a row to @json unless that is NULL; the exit status. */
int bench_sweep_run(struct bench_sweep *sweep, struct json_file *json);

#endif
