// SPDX-License-Identifier: MIT
/*
 * pair_malloc.c - a helper program: malloc(64) and free, beside the floor
 *
 * Whose malloc it is, is decided by what it is linked with.
 */
#include "bench_child.h"
#include "bench_loop.h"

#include <stdlib.h>

#define BYTES 64u

static void take(void *unused, uint64_t *number)
{
	void *memory = malloc(BYTES);

	(void)unused;
	*number = memory ? (uintptr_t)memory : BENCH_NOTHING;
}

static unsigned give(void *unused, uint64_t memory)
{
	(void)unused;
	if (memory == BENCH_NOTHING)
		return 0;
	free((void *)(uintptr_t)memory);
	return 1;
}

static uint64_t run(struct bench_thread *t, uint64_t rounds)
{
	return bench_loop(NULL, take, give, false, *(const unsigned *)t->shared, rounds);
}

static const struct bench_work *work(void)
{
	static const struct bench_work batches = {.run = run};

	return &batches;
}

static void *keep_batch(unsigned batch, unsigned nthreads)
{
	static unsigned kept;

	(void)nthreads;
	kept = batch;
	return &kept;
}

static void forget_batch(void *shared)
{
	(void)shared;
}

int main(int argc, char **argv)
{
	static const struct bench_subject subject = {
		.work = work, .open = keep_batch, .close = forget_batch};

	return pair_main(argc, argv, &subject);
}
