// SPDX-License-Identifier: MIT
/*
 * bench_floor.c - what nothing can be faster than: an array of the thread, a ring between two
 *
 * The array is what a cache of numbers comes down to if nobody else may look: a push that
 * refuses when it is full, a pop that refuses when it is empty, inline, with a barrier after
 * each that keeps the compiler from merging it with the next.  The loop is the one in which the
 * allocators are measured.
 */
#include "bench_loop.h"
#include "bench_ring.h"

#define ARRAY 1024u

static _Thread_local struct {
	unsigned count;
	uint64_t number[ARRAY];
} array;

/* What was done is in memory now. */
static inline void barrier(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline unsigned push(void *unused, uint64_t number)
{
	(void)unused;
	if (number == BENCH_NOTHING || array.count == ARRAY)
		return 0;
	array.number[array.count++] = number;
	barrier();
	return 1;
}

static inline uint64_t top(void)
{
	uint64_t number;

	if (array.count == 0)
		return BENCH_NOTHING;
	number = array.number[--array.count];
	barrier();
	return number;
}

static inline void pop(void *unused, uint64_t *number)
{
	(void)unused;
	*number = top();
}

static int fill(struct bench_thread *t)
{
	(void)t;
	for (array.count = 0; array.count < ARRAY;)
		push(NULL, array.count);
	return 0;
}

static uint64_t run_array(struct bench_thread *t, uint64_t rounds)
{
	return bench_loop(NULL, pop, push, false, *(const unsigned *)t->shared, rounds);
}

const struct bench_work bench_floor = {.begin = fill, .run = run_array};

static uint64_t run_ring(struct bench_thread *t, uint64_t rounds)
{
	struct bench_ring *ring = t->shared;

	for (uint64_t r = 0; r < rounds; r++)
		if (t->number == 0)
			bench_ring_put(ring, r);
		else
			bench_ring_take(ring);
	return t->number == 0 ? 0 : rounds;
}

const struct bench_work bench_ring_alone = {.run = run_ring};
