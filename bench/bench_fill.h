/* SPDX-License-Identifier: MIT */
/*
 * bench_fill.h - bounce slots that are in use while others are measured: bench_fill.c
 */
#ifndef BENCH_BENCH_FILL_H
#define BENCH_BENCH_FILL_H

#include <dmapool/swiotlb.h>

#include <stddef.h>

enum bench_fill_pattern {
	BENCH_FILL_RANDOM,      /* buffers of 1 to 16 slots, random ones of them freed */
	BENCH_FILL_SEGMENTS,    /* whole segments, random ones of them freed */
	BENCH_FILL_EVERY_OTHER, /* F1: every other slot is free */
	BENCH_FILL_ODD_PAIRS,   /* F2: every free pair begins at an odd slot */
};

/* How many of them may be asked for on the command line, and their names there. */
#define BENCH_FILL_NAMES 2u
extern const char *const bench_fill_names[BENCH_FILL_NAMES];

/* Mappings that stay. */
struct bench_fill {
	struct dmp_swiotlb *tlb;
	dmp_phys_t orig;           /* what all of them are copies of: DMP_SWIOTLB_MAX_BYTES of it */
	struct bench_filled *live; /* owned */
	size_t nlive;
	uint64_t used, slots; /* of the pool: in use by them, and all */
	uint64_t random;
};

/**
 * bench_fill_open() - fill a pool that is empty, then free down to a figure
 * @percent: 0 .. 99, of the slots; the F patterns have their own
 *
 * All slots are in use at some time, so that none of the pool's memory is untouched.  With
 * BENCH_FILL_RANDOM 4 KiB can be served in the end: if they cannot, two more mappings go that
 * are neighbours, and so on.
 *
 * Returns: 0; -ENOMEM; what dmp_swiotlb_map() returned.
 */
int bench_fill_open(struct bench_fill *fill, struct dmp_swiotlb *tlb, dmp_phys_t orig,
		    enum bench_fill_pattern pattern, unsigned percent);
void bench_fill_close(struct bench_fill *fill);

#endif
