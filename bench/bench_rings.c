// SPDX-License-Identifier: MIT
/*
 * bench_rings.c - memory that bytes are copied from, memory they are copied to, and the copy
 *
 * Aligned to its size, as a pool's memory from the host is.
 */
#include "bench_rings.h"
#include "bench_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int bench_rings_open(struct bench_rings *rings, uint64_t bytes)
{
	*rings = (struct bench_rings){.bytes = bytes};
	rings->source = aligned_alloc(bytes, bytes);
	rings->target = aligned_alloc(bytes, bytes);
	if (!rings->source || !rings->target) {
		bench_rings_close(rings);
		return -ENOMEM;
	}
	memset(rings->source, 0x5a, bytes);
	memset(rings->target, 0xa5, bytes);
	return 0;
}

void bench_rings_close(struct bench_rings *rings)
{
	free(rings->source);
	free(rings->target);
}

bool bench_share_make(struct bench_share *share, const struct bench_rings *rings,
		      const struct bench_thread *t, uint64_t bytes)
{
	uint64_t len = rings->bytes / t->nthreads / bytes * bytes;

	share->first = share->at = t->number * len;
	share->end = share->first + len;
	share->bytes = bytes;
	return len > 0;
}

struct copier {
	struct bench_share share;
	unsigned char *source, *target;
	bool back;
};

static void copy_in(void *of, uint64_t *at)
{
	struct copier *c = of;

	*at = bench_share_next(&c->share);
	memcpy(c->target + *at, c->source + *at, c->share.bytes);
}

static unsigned copy_out(void *of, uint64_t at)
{
	struct copier *c = of;

	if (c->back)
		memcpy(c->source + at, c->target + at, c->share.bytes);
	return 1;
}

static int begin(struct bench_thread *t)
{
	const struct bench_copy_case *use = t->shared;
	struct copier *c = aligned_alloc(_Alignof(struct copier), sizeof(*c));

	t->own = c;
	if (!c)
		return -ENOMEM;
	*c = (struct copier){
		.source = use->rings->source, .target = use->rings->target, .back = use->back};
	return bench_share_make(&c->share, use->rings, t, use->bytes) ? 0 : -EINVAL;
}

static uint64_t run(struct bench_thread *t, uint64_t rounds)
{
	return bench_loop(t->own, copy_in, copy_out, false, 1, rounds);
}

static void end(struct bench_thread *t)
{
	free(t->own);
}

const struct bench_work bench_copy = {.begin = begin, .run = run, .end = end};
