// SPDX-License-Identifier: MIT
/*
 * bench_latency.c - how long calls took: mean, standard deviation, percentiles
 *
 * Percentiles are the library's distribution of times.  Mean and deviation are those of all calls,
 * kept up to date call by call: a sum of squares less the square of the sum would lose the
 * deviation of calls that take nearly the same.
 *
 * Source: Welford, "Note on a Method for Calculating Corrected Sums of Squares and Products",
 *  Technometrics 4, 1962; of two parts: Chan, Golub and LeVeque, 1979.
 */
#include "bench_latency.h"

#include <math.h>

void bench_latency_add(struct bench_latency *l, uint64_t ns)
{
	double off = (double)ns - l->mean_ns;

	dmp_spread_add(&l->spread, ns);
	l->mean_ns += off / (double)l->spread.count;
	l->squares += off * ((double)ns - l->mean_ns);
}

void bench_latency_merge(struct bench_latency *into, const struct bench_latency *from)
{
	double off = from->mean_ns - into->mean_ns, of_from = (double)from->spread.count;
	double of_into = (double)into->spread.count, all = of_into + of_from;

	if (from->spread.count == 0)
		return;
	into->squares += from->squares + off * off * of_into * of_from / all;
	into->mean_ns += off * of_from / all;
	dmp_spread_join(&into->spread, &from->spread);
}

double bench_latency_mean(const struct bench_latency *l)
{
	return l->spread.count ? l->mean_ns : NAN;
}

double bench_latency_deviation(const struct bench_latency *l)
{
	return l->spread.count ? sqrt(l->squares / (double)l->spread.count) : NAN;
}
