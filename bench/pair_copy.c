// SPDX-License-Identifier: MIT
/*
 * pair_copy.c - a helper program: malloc, memcpy and free, beside memcpy from ring to ring
 *
 * The number it is given is bytes.  Whose malloc it is, is decided by what it is linked with.
 */
#include "bench_child.h"
#include "bench_loop.h"
#include "bench_rings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RING_BYTES (UINT64_C(64) << 20)

struct taker {
	struct bench_share share;
	const unsigned char *source;
};

static void take(void *of, uint64_t *number)
{
	struct taker *t = of;
	void *memory = malloc(t->share.bytes);

	*number = memory ? (uintptr_t)memory : BENCH_NOTHING;
	if (memory)
		memcpy(memory, t->source + bench_share_next(&t->share), t->share.bytes);
}

static unsigned give(void *unused, uint64_t memory)
{
	(void)unused;
	if (memory == BENCH_NOTHING)
		return 0;
	/* Or the compiler sees that nobody reads it, and copies nothing. */
	__asm__ volatile("" : : "r"((void *)(uintptr_t)memory) : "memory");
	free((void *)(uintptr_t)memory);
	return 1;
}

static int begin(struct bench_thread *t)
{
	const struct bench_copy_case *use = t->shared;
	struct taker *own = aligned_alloc(_Alignof(struct taker), sizeof(*own));

	t->own = own;
	if (!own)
		return -ENOMEM;
	own->source = use->rings->source;
	return bench_share_make(&own->share, use->rings, t, use->bytes) ? 0 : -EINVAL;
}

static uint64_t run(struct bench_thread *t, uint64_t rounds)
{
	return bench_loop(t->own, take, give, false, 1, rounds);
}

static void end(struct bench_thread *t)
{
	free(t->own);
}

static const struct bench_work *work(void)
{
	static const struct bench_work copying = {.begin = begin, .run = run, .end = end};

	return &copying;
}

static void *open_rings(unsigned bytes, unsigned nthreads)
{
	static struct bench_rings rings;
	static struct bench_copy_case use;

	(void)nthreads;
	use = (struct bench_copy_case){.rings = &rings, .bytes = bytes};
	return bench_rings_open(&rings, RING_BYTES) ? NULL : &use;
}

static void close_rings(void *shared)
{
	struct bench_copy_case *use = shared;

	bench_rings_close((struct bench_rings *)use->rings);
}

int main(int argc, char **argv)
{
	static const struct bench_subject subject = {.work = work,
						     .open = open_rings,
						     .close = close_rings,
						     .floor = &bench_copy,
						     .most = RING_BYTES};

	return pair_main(argc, argv, &subject);
}
