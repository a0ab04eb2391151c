// SPDX-License-Identifier: MIT
/*
 * bench_side.c - two uses of address spaces side by side
 *
 *    side -> an address space, or the ring without one -> job
 *         -> both jobs in turn (bench_compare.c) -> taken down again
 */
#include "bench_side.h"
#include "bench_ring.h"

#include <dmapool/bits.h>

#define WIDE   (DMP_MASK(52))
#define NARROW (DMP_MASK(20)) /* what a 32-bit device reaches, in pages */

struct bench_side bench_side_cached(unsigned nthreads, unsigned batch)
{
	return (struct bench_side){.use = {.pattern = BENCH_SAME,
					   .opts = DMP_IOVA_OPTS(.start_pfn = 1),
					   .cached = true,
					   .size = 1,
					   .limit = NARROW,
					   .batch = batch},
				   .nthreads = nthreads};
}

struct bench_side bench_side_replacing(uint64_t live)
{
	struct bench_side side = bench_side_cached(1, 1);

	side.use.opts.flags = DMP_IOVA_NO_CACHE;
	side.use.pattern = BENCH_RANDOM;
	side.use.cached = false;
	side.use.limit = WIDE;
	side.use.live = live;
	return side;
}

static int open_side(const struct bench_side *side, struct bench_range *range,
		     struct bench_job *job)
{
	if (side->ring) {
		*job = (struct bench_job){&bench_ring_alone, side->ring, side->nthreads};
		return 0;
	}
	*job = (struct bench_job){bench_range_work(&side->use), range, side->nthreads};
	return bench_range_open(range, &side->use, side->nthreads);
}

/* What went wrong with it; 0: nothing. */
static int close_side(const struct bench_side *side, struct bench_range *range)
{
	int err;

	if (side->ring)
		return 0;
	err = atomic_load(&range->err);
	bench_range_close(range);
	return err;
}

void bench_side_compare(struct bench_compare *c, const char *what, struct bench_side a,
			struct bench_side b)
{
	const struct bench_side sides[2] = {a, b};
	struct bench_range ranges[2];
	struct bench_job jobs[2];
	unsigned open = 0;
	int err = 0;

	c->done = false;
	while (!err && open < 2) {
		err = open_side(&sides[open], &ranges[open], &jobs[open]);
		open += !err;
	}
	if (!err)
		bench_compare_run(c, what, jobs);
	while (open > 0) {
		open--;
		if (close_side(&sides[open], &ranges[open]))
			c->done = false;
	}
}
