// SPDX-License-Identifier: MIT
/*
 * base_spread.c - a distribution of times in classes, linear within each power of two
 *
 *   time    0 1 2 ... 15 | 16 17 ... 31 | 32-33 34-35 ... 62-63 | 64-67 ... | ...
 *   class   0 1 2 ... 15 | 16 17 ... 31 | 32    33    ... 47    | 48    ... | ... 975
 *
 * Each power of two from 16 on has 16 classes, so a class from t on is narrower than t / 16.  What
 * is asked for is answered by the last time of its class, or the longest of all if that is less.
 *
 * Invariant: the classes add up to count, unless one of them is saturated.
 *
 * Locking: none; the caller's.
 *
 * Source: the histograms of fio and of HdrHistogram are log-linear as well.
 */
#include "base_spread.h"

/* The last time of a class. */
static uint64_t class_last(unsigned class)
{
	unsigned shift;
	uint64_t first;

	if (class < SPREAD_LINEAR)
		return class;
	shift = class / SPREAD_LINEAR - 1;
	first = (uint64_t)(SPREAD_LINEAR + class % SPREAD_LINEAR) << shift;
	return first + DMP_MASK(shift);
}

void dmp_spread_add_many(struct dmp_spread *spread, uint64_t ns, uint64_t count)
{
	uint64_t *in = &spread->in[spread_class(ns)];

	*in = dmp_add_saturated(*in, count);
	spread->count = dmp_add_saturated(spread->count, count);
	spread->sum = dmp_add_saturated(spread->sum, dmp_mul_saturated(ns, count));
	if (count && spread->max < ns)
		spread->max = ns;
}

void dmp_spread_add(struct dmp_spread *spread, uint64_t ns)
{
	uint64_t *in = &spread->in[spread_class(ns)];

	*in += *in != UINT64_MAX;
	spread->count += spread->count != UINT64_MAX;
	spread->sum = dmp_add_saturated(spread->sum, ns);
	spread->max = spread->max < ns ? ns : spread->max;
}

void dmp_spread_join(struct dmp_spread *spread, const struct dmp_spread *more)
{
	for (unsigned i = 0; i < DMP_SPREAD_CLASSES; i++)
		spread->in[i] = dmp_add_saturated(spread->in[i], more->in[i]);
	spread->count = dmp_add_saturated(spread->count, more->count);
	spread->sum = dmp_add_saturated(spread->sum, more->sum);
	if (spread->max < more->max)
		spread->max = more->max;
}

/* How many of @count are @per_mille of them, rounded up, without leaving 64 bits. */
static uint64_t rank_of(uint64_t count, unsigned per_mille)
{
	return count / 1000 * per_mille + (count % 1000 * per_mille + 999) / 1000;
}

uint64_t dmp_spread_at(const struct dmp_spread *spread, unsigned per_mille)
{
	uint64_t rank = rank_of(spread->count, per_mille < 1000 ? per_mille : 1000), sum = 0;

	for (unsigned i = 0; spread->count && i < DMP_SPREAD_CLASSES; i++) {
		sum = dmp_add_saturated(sum, spread->in[i]);
		if (sum && sum >= rank)
			return class_last(i) < spread->max ? class_last(i) : spread->max;
	}
	return spread->max;
}
