/* SPDX-License-Identifier: MIT */
/*
 * bench_latency.h - how long calls took: mean, standard deviation, percentiles: bench_latency.c
 */
#ifndef BENCH_BENCH_LATENCY_H
#define BENCH_BENCH_LATENCY_H

#include <stdint.h>

#define BENCH_LATENCY_BITS 5u  /* a bin is 1/32 as wide ... */
#define BENCH_LATENCY_MAX  40u /* ... up to 2^40 ns */
#define BENCH_LATENCY_BINS ((BENCH_LATENCY_MAX - BENCH_LATENCY_BITS + 1) << BENCH_LATENCY_BITS)

/* All zero: of no call. */
struct bench_latency {
	uint64_t count;
	uint64_t max_ns;
	double mean_ns;
	double squares; /* sum of the squared distances from the mean */
	uint64_t bin[BENCH_LATENCY_BINS];
};

/* One call more. */
void bench_latency_add(struct bench_latency *l, uint64_t ns);
/* Those of @from as well. */
void bench_latency_merge(struct bench_latency *into, const struct bench_latency *from);

/* Of all calls, not of a sample of them; NAN: there are none. */
double bench_latency_mean(const struct bench_latency *l);
double bench_latency_deviation(const struct bench_latency *l);
/* The ns that @share of the calls, 0 .. 1, took at most: the middle of a bin, so 1/64 off at most. */
double bench_latency_quantile(const struct bench_latency *l, double share);

#endif
