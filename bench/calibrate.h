/* SPDX-License-Identifier: MIT */
/*
 * calibrate.h - what the parts of `dmapool calibrate` share
 *
 *   calibrate.c           options, the profile as JSON
 *   calibrate_measure.c   one number after another
 */
#ifndef BENCH_CALIBRATE_H
#define BENCH_CALIBRATE_H

#include <stdint.h>

#define CALIBRATE_MAX 32u

/* One cost of a profile. */
struct calibrate_cost {
	const char *name; /* the profile's field; static */
	const char *how;  /* what was done, for the source; static */
	double ns;
};

struct calibrate_costs {
	unsigned n;
	struct calibrate_cost cost[CALIBRATE_MAX];
};

/**
 * calibrate_measure() - measure what a process can measure of this machine
 * @samples: of each number, of which the median counts; > 0
 *
 * Returns: 0; a negative errno of whatever could not be done.
 */
int calibrate_measure(unsigned samples, struct calibrate_costs *costs);

struct json_t;

/* The profile "host": @costs and where they come from.  The caller's; NULL: no memory. */
struct json_t *calibrate_profile(const struct calibrate_costs *costs, const char *cpu,
				 const char *date);

#endif
