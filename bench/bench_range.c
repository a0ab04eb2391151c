// SPDX-License-Identifier: MIT
/*
 * bench_range.c - the patterns in which threads use an address space
 *
 *   same, lifo   T0: a a a f f f          T1: the same, with ranges of its own
 *   pass         T0: a a a ...  --ring--> T1: f f f ...          T2 --ring--> T3
 *   gather       T1: a a a ...  --ring--> T0: f f f ...  <--ring-- T2: a a a ...
 *   random       T0: f a f a ...          T1: the same, each among ranges of its own
 *
 * Batches, where a pair takes nanoseconds, have a function for the cached calls and another for
 * the others, so that no thread asks which while it is measured.
 *
 * A request that fails is told by `err` and counts as no pair; who waits for its range gets
 * BENCH_NOTHING, so that nobody waits for ever.
 */
#include "bench_range.h"
#include "bench_loop.h"
#include "bench_pick.h"
#include "bench_ring.h"

#include <errno.h>
#include <stdlib.h>

const char *const bench_pattern_names[BENCH_PATTERNS] = {
	[BENCH_SAME] = "same",     [BENCH_LIFO] = "lifo",     [BENCH_PASS] = "pass",
	[BENCH_GATHER] = "gather", [BENCH_RANDOM] = "random",
};

static void note(struct bench_range *range, int err)
{
	atomic_store_explicit(&range->err, err, memory_order_relaxed); /* any of them will do */
}

static inline void take_into(struct bench_range *range, bool cached, uint64_t *pfn)
{
	int err = cached ? dmp_iova_alloc(range->dom, range->size, range->limit, 0, pfn)
			 : dmp_iova_alloc_uncached(range->dom, range->size, range->limit, 0, pfn);

	if (err) {
		*pfn = BENCH_NOTHING;
		note(range, err);
	}
}

static inline uint64_t take(struct bench_range *range, bool cached)
{
	uint64_t pfn;

	take_into(range, cached, &pfn);
	return pfn;
}

/* How many pairs that makes. */
static inline unsigned give(struct bench_range *range, bool cached, uint64_t pfn)
{
	if (pfn == BENCH_NOTHING)
		return 0;
	if (cached)
		dmp_iova_free(range->dom, pfn, range->size);
	else
		dmp_iova_free_pfn(range->dom, pfn, NULL);
	return 1;
}

static void take_cached(void *range, uint64_t *pfn)
{
	take_into(range, true, pfn);
}

static unsigned give_cached(void *range, uint64_t pfn)
{
	return give(range, true, pfn);
}

static void take_uncached(void *range, uint64_t *pfn)
{
	take_into(range, false, pfn);
}

static unsigned give_uncached(void *range, uint64_t pfn)
{
	return give(range, false, pfn);
}

static uint64_t run_same_cached(struct bench_thread *t, uint64_t rounds)
{
	struct bench_range *range = t->shared;

	return bench_loop(range, take_cached, give_cached, false, range->use->batch, rounds);
}

static uint64_t run_same(struct bench_thread *t, uint64_t rounds)
{
	struct bench_range *range = t->shared;

	return bench_loop(range, take_uncached, give_uncached, false, range->use->batch, rounds);
}

static uint64_t run_lifo_cached(struct bench_thread *t, uint64_t rounds)
{
	struct bench_range *range = t->shared;

	return bench_loop(range, take_cached, give_cached, true, range->use->batch, rounds);
}

static uint64_t run_lifo(struct bench_thread *t, uint64_t rounds)
{
	struct bench_range *range = t->shared;

	return bench_loop(range, take_uncached, give_uncached, true, range->use->batch, rounds);
}

static void put_many(struct bench_range *range, struct bench_ring *ring, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		bench_ring_put(ring, take(range, range->use->cached));
}

static uint64_t run_pass(struct bench_thread *t, uint64_t rounds)
{
	struct bench_range *range = t->shared;
	struct bench_ring *ring = &range->rings[t->number / 2];
	uint64_t pairs = 0;

	if (t->number % 2 == 0)
		put_many(range, ring, rounds);
	else
		for (uint64_t r = 0; r < rounds; r++)
			pairs += give(range, range->use->cached, bench_ring_take(ring));
	return pairs;
}

static uint64_t run_gather(struct bench_thread *t, uint64_t rounds)
{
	struct bench_range *range = t->shared;
	uint64_t pairs = 0;

	if (t->number > 0)
		put_many(range, &range->rings[t->number - 1], rounds);
	else
		for (uint64_t r = 0; r < rounds; r++)
			for (unsigned i = 1; i < t->nthreads; i++)
				pairs += give(range, range->use->cached,
					      bench_ring_take(&range->rings[i - 1]));
	return pairs;
}

/* The ranges of a thread that replaces them at random. */
struct own_ranges {
	uint64_t count;
	uint64_t pfn[];
};

static int begin_random(struct bench_thread *t)
{
	struct bench_range *range = t->shared;
	uint64_t count = range->use->live / t->nthreads;
	struct own_ranges *own = malloc(sizeof(*own) + count * sizeof(own->pfn[0]));

	t->own = own;
	if (!own)
		return -ENOMEM;
	for (own->count = 0; own->count < count; own->count++)
		own->pfn[own->count] = take(range, range->use->cached);
	return atomic_load_explicit(&range->err, memory_order_relaxed);
}

static void end_random(struct bench_thread *t)
{
	struct bench_range *range = t->shared;
	struct own_ranges *own = t->own;

	for (uint64_t i = 0; own && i < own->count; i++)
		give(range, range->use->cached, own->pfn[i]);
	free(own);
}

static uint64_t run_random(struct bench_thread *t, uint64_t rounds)
{
	struct bench_range *range = t->shared;
	struct own_ranges *own = t->own;
	uint64_t *pfn = &own->pfn[bench_pick(&t->random, own->count)], *next;
	uint64_t pairs = 0;

	for (uint64_t r = 0; r < rounds; r++) {
		next = &own->pfn[bench_pick(&t->random, own->count)];
		__builtin_prefetch(next, 1); /* a miss of the bench's own is not measured */
		pairs += give(range, range->use->cached, *pfn);
		*pfn = take(range, range->use->cached);
		pfn = next;
	}
	return pairs;
}

static const struct bench_work works[BENCH_PATTERNS][2] = {
	[BENCH_SAME] = {{.run = run_same}, {.run = run_same_cached}},
	[BENCH_LIFO] = {{.run = run_lifo}, {.run = run_lifo_cached}},
	[BENCH_PASS] = {{.run = run_pass}, {.run = run_pass}},
	[BENCH_GATHER] = {{.run = run_gather}, {.run = run_gather}},
	[BENCH_RANDOM] = {{.begin = begin_random, .run = run_random, .end = end_random},
			  {.begin = begin_random, .run = run_random, .end = end_random}},
};

const struct bench_work *bench_range_work(const struct bench_range_case *use)
{
	return &works[use->pattern][use->cached];
}

static bool fits(const struct bench_range_case *use, unsigned nthreads)
{
	switch (use->pattern) {
	case BENCH_PASS: return nthreads % 2 == 0;
	case BENCH_GATHER: return nthreads > 1;
	case BENCH_RANDOM: return use->live >= nthreads;
	default: return use->batch > 0 && use->batch <= BENCH_BATCH_MAX;
	}
}

int bench_range_open(struct bench_range *range, const struct bench_range_case *use,
		     unsigned nthreads)
{
	size_t align = _Alignof(struct bench_ring);
	int err;

	*range = (struct bench_range){.use = use, .size = use->size, .limit = use->limit};
	if (!fits(use, nthreads))
		return -EINVAL;
	if (use->pattern == BENCH_PASS || use->pattern == BENCH_GATHER) {
		range->rings = aligned_alloc(align, nthreads * sizeof(*range->rings));
		if (!range->rings)
			return -ENOMEM;
		for (unsigned i = 0; i < nthreads; i++) {
			atomic_init(&range->rings[i].head, 0);
			atomic_init(&range->rings[i].tail, 0);
		}
	}
	err = dmp_iova_create(&use->opts, &range->dom);
	if (err)
		free(range->rings);
	return err;
}

void bench_range_close(struct bench_range *range)
{
	dmp_iova_destroy(range->dom);
	free(range->rings);
}
