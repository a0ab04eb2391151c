/* SPDX-License-Identifier: MIT */
/*
 * bench_row.h - a case beside its floor: what every sweep says of it, bench_row.c
 */
#ifndef BENCH_BENCH_ROW_H
#define BENCH_BENCH_ROW_H

#include "bench.h"

struct bench_row {
	unsigned nthreads;
	bool by_wall; /* it is compared with the floor by the clock on the wall; else by CPU time */
	const char *floor_name; /* NULL: there is none, and nothing of it in the JSON */
	struct bench_result ours, floor;
};

/* Measures both in turn; what bench_run() returns. */
int bench_row_run(struct bench_row *row, const struct bench_plan *plan,
		  const struct bench_job *ours, const struct bench_job *floor);

/* ns a pair, a median; the floor's, of the clock that they are compared by; the ratio to it. */
double bench_row_wall(const struct bench_row *row);
double bench_row_floor(const struct bench_row *row);
double bench_row_ratio(const struct bench_row *row);
/* "  more threads than CPUs", or what others took, or nothing; until the next call. */
const char *bench_row_remark(const struct bench_row *row);

/* The columns "ns", "CPU ns", "spread" and "cores", and their heads. */
#define BENCH_ROW_HEAD "      ns   CPU ns  spread  cores "
void bench_row_print(FILE *to, const struct bench_row *row);

struct json_t;

/* @about, which is taken, with the figures behind; NULL: no memory. */
struct json_t *bench_row_json(const struct bench_row *row, struct json_t *about);

#endif
