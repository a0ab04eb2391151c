/* SPDX-License-Identifier: MIT */
/*
 * bench_pick.h - one out of many at random, the same ones in every run
 */
#ifndef BENCH_BENCH_PICK_H
#define BENCH_BENCH_PICK_H

#include <stdint.h>

/* One of @n, less than 2^32; @state is not 0.  Xorshift, since a call of the C library or a
 * division would be measured, too. */
static inline uint64_t bench_pick(uint64_t *state, uint64_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state >> 32) * n >> 32;
}

#endif
