/* SPDX-License-Identifier: MIT */
/*
 * bench_latency.h - how long calls took: mean, standard deviation, percentiles: bench_latency.c
 */
#ifndef BENCH_BENCH_LATENCY_H
#define BENCH_BENCH_LATENCY_H

#include <dmapool/exposure.h>

/* All zero: of no call. */
struct bench_latency {
	struct dmp_spread spread; /* count, maximum, percentiles */
	double mean_ns;
	double squares; /* sum of the squared distances from the mean */
};

/* One call more. */
void bench_latency_add(struct bench_latency *l, uint64_t ns);
/* Those of @from as well. */
void bench_latency_merge(struct bench_latency *into, const struct bench_latency *from);

/* Of all calls, not of a sample of them; NAN: there are none. */
double bench_latency_mean(const struct bench_latency *l);
double bench_latency_deviation(const struct bench_latency *l);

#endif
