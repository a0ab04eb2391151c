/* SPDX-License-Identifier: MIT */
/*
 * bench_mix.h - sizes of buffers and how often each comes: bench_mix.c
 */
#ifndef BENCH_BENCH_MIX_H
#define BENCH_BENCH_MIX_H

#include "bench_pick.h"

#include <stdint.h>

#define BENCH_MIX_MAX    16u
#define BENCH_MIX_WEIGHT 1000u /* the most that one size weighs */

struct bench_mix {
	unsigned count; /* 1 .. BENCH_MIX_MAX */
	uint64_t bytes[BENCH_MIX_MAX];
	unsigned upto[BENCH_MIX_MAX]; /* sum of the weights so far, its own among them */
};

/* One size alone. */
struct bench_mix bench_mix_of(uint64_t bytes);

/* "512:3,4k,64k:2": bytes up to @most, k for 1024 of them, m for 1024 k; a weight of 1 is left
 * out.  Complains and returns EXIT_USAGE if @text is no such list; @option is its name. */
int bench_mix_parse(const char *option, const char *text, uint64_t most, struct bench_mix *mix);

uint64_t bench_mix_largest(const struct bench_mix *mix);

/* The next size; @state is not 0. */
static inline uint64_t bench_mix_pick(const struct bench_mix *mix, uint64_t *state)
{
	unsigned i = 0;
	uint64_t n;

	if (mix->count == 1)
		return mix->bytes[0];
	n = bench_pick(state, mix->upto[mix->count - 1]);
	while (n >= mix->upto[i])
		i++;
	return mix->bytes[i];
}

#endif
