/* SPDX-License-Identifier: MIT */
/*
 * shrink.h - a random script that goes wrong, made as short as it can be
 *
 * Whatever follows the first wrong answer goes; then halves, quarters, ... single operations are
 * dropped for as long as a run without them still goes wrong, wherever.  One pass over single
 * operations that drops none ends it.
 */
#ifndef DMAPOOL_TEST_SHRINK_H
#define DMAPOOL_TEST_SHRINK_H

#include <stdbool.h>

/* A script: @n operations, and a flag for each that says whether it is passed over. */
struct shrink {
	void *ctx;
	unsigned *n;
	bool *(*dropped)(void *ctx, unsigned index);
	/* Runs it from the start; returns where it went wrong: an index, or *n. */
	unsigned (*run)(void *ctx);
};

/* Leaves a script that goes wrong at its end, and has no operation that could go without all
 * being right; of one that is right, nothing.  Returns how many are left, after a last run. */
unsigned shrink(const struct shrink *s);

#endif
