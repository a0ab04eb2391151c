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
	BENCH_CHILD_SHARED,   /* cached ranges, from the shared library */
	BENCH_CHILD_STATIC,   /* the same, linked in */
	BENCH_CHILD_GLIBC,    /* malloc(64) of the C library */
	BENCH_CHILD_JEMALLOC, /* of jemalloc */
};

/* What it has measured beside the floor, on one thread; CPU ns a pair, medians. */
struct bench_pair {
	double ours, floor, ratio;
	double lost; /* share of the time in which others had its CPU */
};

/* 0, or a negative errno: -ENOENT the program is not there, -EIO it failed; @pair is undefined
 * then. */
int bench_child_measure(enum bench_child child, const struct bench_plan *plan, unsigned batch,
			struct bench_pair *pair);

/* Instructions a pair, counted by icount.sh; -ENOENT: that is not there, -EIO: no valgrind, or it
 * failed; @instructions is untouched then. */
int bench_child_count(enum bench_child child, bool floor, unsigned batch, double *instructions);

/* ---- pair.c: main() of a helper program that measures @work, whose `shared` is made by
 * @open from the batch ---- */

struct bench_subject {
	const struct bench_work *(*work)(void);
	void *(*open)(unsigned batch); /* NULL: it cannot */
	void (*close)(void *shared);
};

int pair_main(int argc, char **argv, const struct bench_subject *subject);

#endif
