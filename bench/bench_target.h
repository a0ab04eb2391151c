/* SPDX-License-Identifier: MIT */
/*
 * bench_target.h - bounds that figures have to keep: bench_target.c
 */
#ifndef BENCH_BENCH_TARGET_H
#define BENCH_BENCH_TARGET_H

#include "bench.h"

/* A row.  `must` is a promise; `hope` is what is possible. */
struct bench_target {
	const char *name;
	const char *unit;  /* "x", "ns", "instructions" */
	double must, hope; /* at most; NAN: there is none */
	bool at_least;     /* the bounds are from below */
	double figure;     /* NAN: could not be measured */
	const char *why;   /* then: why */
};

enum bench_verdict {
	BENCH_BETTER, /* than hoped */
	BENCH_KEPT,
	BENCH_MISSED,
	BENCH_UNKNOWN, /* not measured: no promise kept */
};

enum bench_verdict bench_target_verdict(const struct bench_target *target);

struct json_file;

/* Prints the rows; EXIT_BAD: a must is missed, or unknown. */
int bench_target_print(FILE *to, const struct bench_target *targets, unsigned n,
		       struct json_file *json);

/* ---- bench_iova_targets.c ---- */

/* Measures and prints what `bench iova --preset targets` promises; the exit status. */
int bench_iova_targets(const struct bench_plan *plan, struct json_file *json);

#endif
