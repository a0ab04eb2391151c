// SPDX-License-Identifier: MIT
/*
 * bench_sample.c - medians and ratios of samples, and how long one should be
 *
 * A ratio is the median of the ratios sample by sample, not the ratio of two medians: what
 * slows the machine for a while then slows both sides of each.
 */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value below which @share of the samples lie; of an even number the lower one. */
static double quantile(const double *samples, unsigned n, double share)
{
	double sorted[BENCH_SAMPLES_MAX];

	if (n == 0)
		return NAN;
	memcpy(sorted, samples, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare);
	return sorted[(unsigned)(share * (n - 1))];
}

double bench_median(const double *samples, unsigned n)
{
	return quantile(samples, n, 0.5);
}

double bench_ratio(const double *a, const double *b, unsigned n)
{
	double ratios[BENCH_SAMPLES_MAX];

	for (unsigned i = 0; i < n; i++)
		ratios[i] = a[i] / b[i];
	return bench_median(ratios, n);
}

double bench_spread(const double *samples, unsigned n)
{
	double width = quantile(samples, n, 0.75) - quantile(samples, n, 0.25);

	return width / 2 / bench_median(samples, n);
}

double bench_cores(const struct bench_result *result)
{
	return bench_ratio(result->cpu, result->wall, result->samples);
}

double bench_lost(const struct bench_result *result, unsigned ncpus)
{
	return result->nthreads > ncpus ? 0 : bench_median(result->lost, result->samples);
}

bool bench_is_spoiled(const struct bench_result *results, unsigned n, unsigned ncpus)
{
	for (unsigned i = 0; i < n; i++)
		if (results[i].nthreads <= ncpus &&
		    results[i].lost[results[i].samples] > BENCH_LOST_MAX)
			return true;
	return false;
}

uint64_t bench_more_rounds(uint64_t rounds, uint64_t took_ns, uint64_t sample_ns)
{
	double more = 2 * (double)rounds;

	if (took_ns >= sample_ns - sample_ns / 4)
		return rounds;
	if (took_ns >= sample_ns / 16) /* long enough to tell */
		more = (double)rounds * (double)sample_ns / (double)took_ns + 1;
	return more < (double)BENCH_ROUNDS_MAX ? (uint64_t)more : BENCH_ROUNDS_MAX;
}
