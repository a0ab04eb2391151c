// SPDX-License-Identifier: MIT
/*
 * bench_floor.c - what nothing can be faster than: an array of the thread, a ring between two
 *
 * The array is what a cache of numbers comes down to if nobody else may look: a pop, a push,
 * and a barrier that keeps the compiler from dropping both.  The loop is the one in which the
 * allocators are measured (bench_range.c).
 */
#include "bench.h"
#include "bench_ring.h"

#define ARRAY 1024u

static _Thread_local struct {
	unsigned count;
	uint64_t number[ARRAY];
} array;

static inline void push(uint64_t number)
{
	array.number[array.count++] = number;
}

static inline uint64_t pop(void)
{
	uint64_t number = array.number[--array.count];

	__asm__ volatile("" ::: "memory");
	return number;
}

static int fill(struct bench_thread *t)
{
	(void)t;
	for (array.count = 0; array.count < ARRAY;)
		push(array.count);
	return 0;
}

static uint64_t run_array(struct bench_thread *t, uint64_t rounds)
{
	unsigned batch = *(const unsigned *)t->shared;
	uint64_t held[BENCH_BATCH_MAX];

	for (uint64_t r = 0; r < rounds; r++) {
		for (unsigned i = 0; i < batch; i++)
			held[i] = pop();
		for (unsigned i = 0; i < batch; i++)
			push(held[i]);
	}
	return rounds * batch;
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
