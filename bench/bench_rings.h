/* SPDX-License-Identifier: MIT */
/*
 * bench_rings.h - memory that bytes are copied from, and memory they are copied to
 *
 *    source  [ a a a a a a a a | b b b b b b b b ]      a share a thread; each goes around in
 *    target  [ a a a a a a a a | b b b b b b b b ]      its own, a buffer after the other
 *
 * As large as a pool of bounce slots, so that no side finds in the cache what the other has to
 * fetch, and written to before anything is measured: a page that nobody has written to is the one
 * page of zeros.
 */
#ifndef BENCH_BENCH_RINGS_H
#define BENCH_BENCH_RINGS_H

#include "bench.h"

struct bench_rings {
	unsigned char *source, *target; /* owned */
	uint64_t bytes;                 /* of each; a power of two */
};

/* -ENOMEM. */
int bench_rings_open(struct bench_rings *rings, uint64_t bytes);
void bench_rings_close(struct bench_rings *rings);

/* A thread's way around its share: offsets.  What contains it is aligned as it is. */
struct bench_share {
	_Alignas(128) uint64_t first; /* apart from what other threads write */
	uint64_t end, at;
	uint64_t bytes; /* of a buffer */
};

/* False: its share is less than a buffer. */
bool bench_share_make(struct bench_share *share, const struct bench_rings *rings,
		      const struct bench_thread *t, uint64_t bytes);

/* Where the next buffer is. */
static inline uint64_t bench_share_next(struct bench_share *share)
{
	uint64_t at = share->at;

	share->at += share->bytes;
	if (share->at == share->end)
		share->at = share->first;
	return at;
}

/* What is copied; with it as `shared`, bench_copy is the floor of everything that copies. */
struct bench_copy_case {
	const struct bench_rings *rings;
	uint64_t bytes;
	bool back; /* each buffer also from target to source */
};

/* memcpy of a buffer from ring to ring, a pair. */
extern const struct bench_work bench_copy;

#endif
