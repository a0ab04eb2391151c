// SPDX-License-Identifier: MIT
/*
 * bench_latency.c - how long calls took: mean, standard deviation, percentiles
 *
 *    ns     0 1 2 ... 31 | 32 33 ... 63 | 64 66 ... 126 | 128 132 ...
 *    bin    each its own | each its own | two each      | four each
 *
 * Mean and deviation are those of all calls, kept up to date call by call: a sum of squares less
 * the square of the sum would lose the deviation of calls that take nearly the same.  Percentiles
 * come from bins whose width grows with what they hold.
 *
 * Invariant: count is the sum of all bins.
 *
 * Source: Welford, "Note on a Method for Calculating Corrected Sums of Squares and Products",
 *  Technometrics 4, 1962; of two parts: Chan, Golub and LeVeque, 1979.
 */
#include "bench_latency.h"

#include <dmapool/bits.h>

#include <math.h>

#define BINS_A_POWER (1u << BENCH_LATENCY_BITS)

static unsigned bin_of(uint64_t ns)
{
	unsigned shift;

	if (ns < BINS_A_POWER)
		return (unsigned)ns;
	shift = dmp_log2_floor(ns) - BENCH_LATENCY_BITS;
	if (shift > BENCH_LATENCY_MAX - BENCH_LATENCY_BITS - 1)
		return BENCH_LATENCY_BINS - 1;
	return (shift << BENCH_LATENCY_BITS) + (unsigned)(ns >> shift);
}

static double middle_of(unsigned bin)
{
	unsigned shift = bin >> BENCH_LATENCY_BITS;

	if (shift <= 1) /* a bin of one value */
		return bin;
	shift--;
	return ldexp(BINS_A_POWER + bin % BINS_A_POWER + 0.5, (int)shift);
}

void bench_latency_add(struct bench_latency *l, uint64_t ns)
{
	double off = (double)ns - l->mean_ns;

	l->count++;
	l->mean_ns += off / (double)l->count;
	l->squares += off * ((double)ns - l->mean_ns);
	l->max_ns = ns > l->max_ns ? ns : l->max_ns;
	l->bin[bin_of(ns)]++;
}

void bench_latency_merge(struct bench_latency *into, const struct bench_latency *from)
{
	double all = (double)(into->count + from->count), off = from->mean_ns - into->mean_ns;

	if (from->count == 0)
		return;
	into->squares += from->squares +
			 off * off * (double)into->count * (double)from->count / all;
	into->mean_ns += off * (double)from->count / all;
	into->count += from->count;
	into->max_ns = from->max_ns > into->max_ns ? from->max_ns : into->max_ns;
	for (unsigned i = 0; i < BENCH_LATENCY_BINS; i++)
		into->bin[i] += from->bin[i];
}

double bench_latency_mean(const struct bench_latency *l)
{
	return l->count ? l->mean_ns : NAN;
}

double bench_latency_deviation(const struct bench_latency *l)
{
	return l->count ? sqrt(l->squares / (double)l->count) : NAN;
}

double bench_latency_quantile(const struct bench_latency *l, double share)
{
	uint64_t wanted = (uint64_t)ceil(share * (double)l->count), seen = 0;

	for (unsigned i = 0; i < BENCH_LATENCY_BINS; i++) {
		seen += l->bin[i];
		if (seen && seen >= wanted)
			return fmin(middle_of(i), (double)l->max_ns);
	}
	return NAN;
}
