/* SPDX-License-Identifier: MIT */
/*
 * base_counter.h - counters that never lose a count and that no request shares
 *
 * A block of counters per CPU, written by its CPU alone, and one for all CPUs that have
 * none of their own: no memory for a block, or a number that several threads share.
 *
 *   struct counter_set counts;                    zeroed
 *   counter_init(&counts);                        an enum numbers them
 *   counter_add(&counts, MAPS, 1);
 *   live = counter_pending(&counts, MAPS, UNMAPS);
 *
 * Ordering:
 *  [PENDING] counter_add: a thing's opening is counted, then (the caller's order) its closing
 *            counter_pending: closings are read, then openings.  A closing that is seen has
 *            its opening seen: the difference is never less than what was open meanwhile.
 */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <dmapool/port.h>

#include <string.h>

/* One cache line a block. */
#define COUNTERS_MAX (DMP_CACHE_LINE / sizeof(uint64_t))

typedef DMP_ATOMIC(uint64_t) counter_word;

struct counter_set {
	struct dmp_percpu own;             /* blocks of counter_word[COUNTERS_MAX] */
	counter_word common[COUNTERS_MAX]; /* (a) of CPUs without a block */
};

static inline void counter_init(struct counter_set *set)
{
	dmp_percpu_init(&set->own, COUNTERS_MAX * sizeof(counter_word));
}

static inline void counter_destroy(struct counter_set *set)
{
	dmp_percpu_destroy(&set->own);
}

/* The rare case of counter_add(): release, as there. */
static inline void counter_add_common(counter_word *counter, uint64_t n)
{
	uint64_t was = load_relaxed(counter); /* relaxed: the exchange checks it */

	while (!cas_acq_rel(counter, &was, was + n))
		dmp_cpu_relax();
}

static inline void counter_add(struct counter_set *set, unsigned which, uint64_t n)
{
	counter_word *own = dmp_percpu_get_own(&set->own);

	if (own) /* relaxed: only this CPU writes it */
		store_release(&own[which], load_relaxed(&own[which]) + n); /* [PENDING] */
	else
		counter_add_common(&set->common[which], n);
}

/* A sum, not of one moment while others count. */
static inline uint64_t counter_sum(struct counter_set *set, unsigned which)
{
	uint64_t sum = load_acquire(&set->common[which]); /* [PENDING] */
	counter_word *own;
	unsigned cpu;

	DMP_PERCPU_FOREACH(own, &set->own, cpu)
		sum += load_acquire(&own[which]); /* [PENDING] */
	return sum;
}

/* Opened and not closed: at least as many as were open all through the call. */
static inline uint64_t counter_pending(struct counter_set *set, unsigned opened, unsigned closed)
{
	uint64_t nclosed = counter_sum(set, closed);

	return counter_sum(set, opened) - nclosed;
}

/* Hands out a snapshot struct to a caller whose header may be older or newer. */
static inline int stats_store(void *dst, size_t size, const void *src, size_t known)
{
	if (!dst || size == 0)
		return -EINVAL;
	memset(dst, 0, size);
	memcpy(dst, src, size < known ? size : known);
	return 0;
}

#endif
