// SPDX-License-Identifier: MIT
/*
 * bench_sample.c - medians and ratios of samples
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
