/* SPDX-License-Identifier: MIT */
/*
 * bench_loop.h - the loop in which allocators are measured, and the floor with them
 *
 *    take take take ... give give give        a batch, a round; the first taken is given back
 *                                             first, or last (lifo)
 *
 * One text for all, so that a difference between two figures is none of their loops: what
 * takes and gives is known when this is compiled, and inlined as far as it can be.
 */
#ifndef BENCH_BENCH_LOOP_H
#define BENCH_BENCH_LOOP_H

#include "bench.h"

/* Instead of a number: there was none. */
#define BENCH_NOTHING UINT64_MAX

/* Takes a number of @from into @number, or BENCH_NOTHING. */
typedef void (*bench_take_fn)(void *from, uint64_t *number);
/* Gives it back: how many pairs that makes, 0 or 1. */
typedef unsigned (*bench_give_fn)(void *to, uint64_t number);

/* The pairs of @rounds batches. */
static inline __attribute__((always_inline)) uint64_t bench_loop(void *of, bench_take_fn take,
								 bench_give_fn give, bool lifo,
								 unsigned batch, uint64_t rounds)
{
	uint64_t held[BENCH_BATCH_MAX], pairs = 0;

	for (uint64_t r = 0; r < rounds; r++) {
		for (unsigned i = 0; i < batch; i++)
			take(of, &held[i]);
		for (unsigned i = 0; i < batch; i++)
			pairs += give(of, held[lifo ? batch - 1 - i : i]);
	}
	return pairs;
}

#endif
