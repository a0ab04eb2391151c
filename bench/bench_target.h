/* SPDX-License-Identifier: MIT */
/*
 * bench_target.h - bounds that figures have to keep: bench_target.c
 */
#ifndef BENCH_BENCH_TARGET_H
#define BENCH_BENCH_TARGET_H

#include "bench.h"

#define BENCH_ROWS_MAX 48u

/* A row.  `must` is a promise; `hope` is what is possible. */
struct bench_target {
	const char *name;
	const char *unit;  /* "x", "ns", "instr." */
	double must, hope; /* at most; NAN: there is none */
	bool at_least;     /* the bounds are from below */
	double figure;     /* NAN: could not be measured */
	const char *why;   /* it is not judged; NULL: it is */
	char note[96];     /* what the figure comes from */
};

struct bench_table {
	struct bench_target row[BENCH_ROWS_MAX];
	unsigned count;
};

/* A row of @table without a figure as yet; there must be room. */
struct bench_target *bench_table_add(struct bench_table *table, const char *name, const char *unit,
				     double must, double hope);

enum bench_verdict {
	BENCH_TOLD,   /* there are no bounds */
	BENCH_BETTER, /* than hoped */
	BENCH_KEPT,
	BENCH_MISSED,
	BENCH_UNKNOWN, /* not measured, or not judged: no promise kept */
};

enum bench_verdict bench_target_verdict(const struct bench_target *target);

struct json_file;

/* Prints the rows.  EXIT_BAD: a must is missed; else EXIT_USAGE: one was not judged, as is
 * complained about. */
int bench_table_print(FILE *to, const struct bench_table *table, struct json_file *json);

/* ---- bench_iova_targets.c ---- */

/* Measures and prints what `bench iova --preset targets` promises; the exit status. */
int bench_iova_targets(const struct bench_plan *plan, struct json_file *json);

/* ---- bench_swiotlb_targets.c ---- */

/* The same for `bench swiotlb --preset targets`. */
int bench_swiotlb_targets(const struct bench_plan *plan, struct json_file *json);

/* ---- bench_iova_growth.c ---- */

/* The same for `bench iova --preset growth`. */
int bench_iova_growth(const struct bench_plan *plan, struct json_file *json);

/* ---- bench_iova_linked.c ---- */

/* Adds the rows of the helper programs; a figure is NAN where one failed. */
void bench_iova_linked(const struct bench_plan *plan, struct bench_table *table);

/* ---- bench_iova_ratios.c ---- */

/* Adds the rows that are measured in this process; a figure is NAN where it failed. */
void bench_iova_ratios(const struct bench_plan *plan, struct bench_table *table);

#endif
