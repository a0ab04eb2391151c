/* SPDX-License-Identifier: MIT */
/*
 * bench_child.h - the same measured by another program: bench_child.c, pair.c
 */
#ifndef BENCH_BENCH_CHILD_H
#define BENCH_BENCH_CHILD_H

#include "bench.h"

/* Where helper programs are; NULL: beside the `dmapool` command. */
void bench_child_look_in(const char *dir);

/* A helper program. */
enum bench_child {
	BENCH_CHILD_SHARED,        /* cached ranges, from the shared library */
	BENCH_CHILD_STATIC,        /* the same, linked in */
	BENCH_CHILD_GLIBC,         /* malloc(64) of the C library */
	BENCH_CHILD_JEMALLOC,      /* of jemalloc */
	BENCH_CHILD_BOUNCE_EMPTY,  /* slots for 4 KiB without the copy, in an empty pool */
	BENCH_CHILD_BOUNCE_FULL,   /* in one of 99 % */
	BENCH_CHILD_COPY_GLIBC,    /* malloc, memcpy and free of the C library */
	BENCH_CHILD_COPY_JEMALLOC, /* of jemalloc */
};

/* What it has measured beside the floor; CPU ns a pair, medians. */
struct bench_pair {
	double ours, floor, ratio;
	double lost; /* share of the time in which others had its CPU */
	double wall; /* ns a pair by the clock on the wall */
};

/**
 * bench_child_measure() - have helper @child measure
 * @n: its batch; bytes to be copied for those that copy
 *
 * Returns: 0, or a negative errno: -ENOENT the program is not there, -EIO it failed; @pair is
 * undefined then.
 */
int bench_child_measure(enum bench_child child, const struct bench_plan *plan, unsigned n,
			unsigned nthreads, struct bench_pair *pair);

/* Why one could not: what bench_child_measure() or bench_child_count() returned. */
const char *bench_child_reason(int err);

/* Instructions a pair, counted by icount.sh; -ENOENT: that is not there, -EIO: no valgrind, or it
 * failed; @instructions is untouched then. */
int bench_child_count(enum bench_child child, bool floor, unsigned batch, double *instructions);

/* ---- pair.c: main() of a helper program ---- */

/* What it measures: @work, whose `shared` is made by @open from the number that is given. */
struct bench_subject {
	const struct bench_work *(*work)(void);
	void *(*open)(unsigned n, unsigned nthreads); /* NULL: it cannot */
	void (*close)(void *shared);
	const struct bench_work *floor; /* of the same `shared`; NULL: the array, @n a batch */
	unsigned most;                  /* that @n may be; 0: BENCH_BATCH_MAX */
};

int pair_main(int argc, char **argv, const struct bench_subject *subject);

#endif
