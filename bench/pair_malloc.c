// SPDX-License-Identifier: MIT
/*
 * pair_malloc.c - a helper program: malloc(64) and free, beside the floor
 *
 * Whose malloc it is, is decided by what it is linked with.
 */
#include "bench_child.h"

#include <stdlib.h>

#define BYTES 64u

static uint64_t run(struct bench_thread *t, uint64_t rounds)
{
	unsigned batch = *(const unsigned *)t->shared;
	void *held[BENCH_BATCH_MAX];
	uint64_t pairs = 0;

	for (uint64_t r = 0; r < rounds; r++) {
		for (unsigned i = 0; i < batch; i++) {
			held[i] = malloc(BYTES);
			pairs += held[i] != NULL;
		}
		for (unsigned i = 0; i < batch; i++)
			free(held[i]);
	}
	return pairs;
}

static const struct bench_work *work(void)
{
	static const struct bench_work batches = {.run = run};

	return &batches;
}

static void *keep_batch(unsigned batch)
{
	static unsigned kept;

	kept = batch;
	return &kept;
}

static void forget_batch(void *shared)
{
	(void)shared;
}

int main(int argc, char **argv)
{
	static const struct bench_subject subject = {work, keep_batch, forget_batch};

	return pair_main(argc, argv, &subject);
}
