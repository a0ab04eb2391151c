/* SPDX-License-Identifier: MIT */
/*
 * bench_bounce_sweep.h - every combination of what `dmapool bench swiotlb` was asked for
 */
#ifndef BENCH_BENCH_BOUNCE_SWEEP_H
#define BENCH_BENCH_BOUNCE_SWEEP_H

#include "bench.h"
#include "bench_list.h"

#include <dmapool/swiotlb.h>

#define BENCH_BOUNCE_POLICIES   4u
#define BENCH_BOUNCE_DIRECTIONS 3u

extern const char *const bench_bounce_policy_names[BENCH_BOUNCE_POLICIES];
extern const char *const bench_bounce_direction_names[BENCH_BOUNCE_DIRECTIONS];
extern const char *const bench_bounce_copy_names[2]; /* "on", "off" */

/* Of the same indexes. */
extern const struct dmp_swiotlb_policy *const bench_bounce_policies[BENCH_BOUNCE_POLICIES];

struct bench_bounce_sweep {
	struct bench_list threads, areas;
	struct bench_list sizes;                                  /* bytes */
	struct bench_list percents;                               /* of the slots, in use */
	struct bench_list directions, patterns, policies, copies; /* indexes of their names */
	uint64_t slots; /* of the pool, a power of two; the rings are as large */
	struct bench_plan plan;
	unsigned left_out; /* combinations for which there is no room */
};

struct json_file;

/* Prints a table and adds an object a row to @json unless that is NULL; the exit status. */
int bench_bounce_sweep_run(struct bench_bounce_sweep *sweep, struct json_file *json);

#endif
