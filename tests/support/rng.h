/* SPDX-License-Identifier: MIT */
/*
 * rng.h - random numbers that a seed repeats
 *
 *   struct rng rng = rng_seeded(rng_seed_from_env(1));
 *   len = rng_range(&rng, 1, 8192);
 *
 * The generator is xorshift64* (Marsaglia 2003, Vigna 2016): one word of state, so that
 * each thread has its own.  DMP_TEST_SEED overrides a test's seed.
 */
#ifndef DMAPOOL_TEST_RNG_H
#define DMAPOOL_TEST_RNG_H

#include <stdint.h>
#include <stdlib.h>

struct rng {
	uint64_t state; /* never 0 */
};

/* Seeds that differ in one bit give unlike streams: the seed is mixed first. */
static inline struct rng rng_seeded(uint64_t seed)
{
	uint64_t z = seed + UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return (struct rng){.state = z ? z : 1};
}

static inline uint64_t rng_next(struct rng *rng)
{
	rng->state ^= rng->state >> 12;
	rng->state ^= rng->state << 25;
	rng->state ^= rng->state >> 27;
	return rng->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* From @lo to @hi, both included; the bias of the modulo does not matter to a test. */
static inline uint64_t rng_range(struct rng *rng, uint64_t lo, uint64_t hi)
{
	uint64_t span = hi - lo + 1;

	return span ? lo + rng_next(rng) % span : rng_next(rng);
}

static inline uint64_t rng_seed_from_env(uint64_t fallback)
{
	const char *text = getenv("DMP_TEST_SEED");

	return text ? strtoull(text, NULL, 0) : fallback;
}

/* How long a random or threaded test runs: DMP_TEST_ROUNDS, or @fallback. */
static inline uint64_t rng_rounds_from_env(uint64_t fallback)
{
	const char *text = getenv("DMP_TEST_ROUNDS");

	return text ? strtoull(text, NULL, 0) : fallback;
}

#endif
