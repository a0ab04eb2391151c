/* SPDX-License-Identifier: MIT */
/*
 * bench_compare.h - two jobs side by side, as rows of a table: bench_compare.c
 *
 *   bench_compare_run(&c, "2 threads against 1", jobs);
 *   bench_compare_cpu(&c, "CPU time to 1", 1.1, 1);
 *   bench_compare_rate(&c, "throughput to 1", 1, NAN);
 */
#ifndef BENCH_BENCH_COMPARE_H
#define BENCH_BENCH_COMPARE_H

#include "bench_target.h"

struct bench_compare {
	struct bench_plan plan;
	struct bench_table *table;
	struct bench_result results[2]; /* of the latest run */
	bool done;                      /* it could be measured */
};

/* Measures both in turn; @what is shown meanwhile. */
void bench_compare_run(struct bench_compare *c, const char *what, const struct bench_job jobs[2]);

/*
 * A row each of the latest run, without a figure if that could not be done: CPU time a pair of
 * the first side against the second; time by the clock on the wall; pairs a second, the bounds
 * from below; CPU ns of side @i.
 */
struct bench_target *bench_compare_cpu(struct bench_compare *c, const char *name, double must,
				       double hope);
struct bench_target *bench_compare_wall(struct bench_compare *c, const char *name, double must,
					double hope);
struct bench_target *bench_compare_rate(struct bench_compare *c, const char *name, double must,
					double hope);
struct bench_target *bench_compare_ns(struct bench_compare *c, unsigned i, const char *name,
				      double must, double hope);

#endif
