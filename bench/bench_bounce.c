// SPDX-License-Identifier: MIT
/*
 * bench_bounce.c - threads that bounce buffers, one at a time each
 *
 *    source ring  [ ... | buffer | next | ... ]       of the thread's share
 *                           |        ^
 *                      map, copied   | copied back, unmapped: from the device
 *                           v        |
 *    pool         [ x x x | slots | x x x x . . ]     x: in use by others (bench_fill.c)
 *
 * Through the public calls, on the host's memory, without limits of a device.  A request that
 * fails is told by `err` and counts as no pair.
 *
 * A thread takes its CPU number when it begins, and crews begin one after the other: the
 * threads of a crew start in areas of their own if there are as many.
 */
#include "bench_bounce.h"
#include "bench_loop.h"

#include <dmapool/port.h>

#include <errno.h>
#include <stdlib.h>

struct bouncer {
	struct bench_share share;
	struct bench_bounce *bounce;
	struct dmp_swiotlb *tlb;
	dmp_phys_t source;
	enum dmp_dir dir;
	unsigned batch;
};

static void note(struct bench_bounce *bounce, int err)
{
	atomic_store_explicit(&bounce->err, err, memory_order_relaxed); /* any of them will do */
}

static void take(void *of, uint64_t *phys)
{
	struct bouncer *b = of;
	int err = dmp_swiotlb_map(b->tlb, NULL, b->source + bench_share_next(&b->share),
				  b->share.bytes, b->dir, DMP_ATTR_NO_WARN, phys);

	if (err) {
		*phys = BENCH_NOTHING;
		note(b->bounce, err);
	}
}

static unsigned give(void *of, uint64_t phys)
{
	struct bouncer *b = of;
	int err;

	if (phys == BENCH_NOTHING)
		return 0;
	err = dmp_swiotlb_unmap(b->tlb, phys, b->share.bytes, b->dir, 0);
	if (err)
		note(b->bounce, err);
	return !err;
}

static int begin(struct bench_thread *t)
{
	struct bench_bounce *bounce = t->shared;
	struct bouncer *b = aligned_alloc(_Alignof(struct bouncer), sizeof(*b));

	t->own = b;
	if (!b)
		return -ENOMEM;
	*b = (struct bouncer){.bounce = bounce,
			      .tlb = bounce->tlb,
			      .source = (uintptr_t)bounce->rings->source,
			      .dir = bounce->use->dir,
			      .batch = bounce->use->batch};
	(void)dmp_cpu(); /* given on first use */
	return bench_share_make(&b->share, bounce->rings, t, bounce->use->bytes) ? 0 : -EINVAL;
}

static void end(struct bench_thread *t)
{
	free(t->own);
}

static uint64_t run_pairs(struct bench_thread *t, uint64_t rounds)
{
	struct bouncer *b = t->own;

	return bench_loop(b, take, give, false, b->batch, rounds);
}

const struct bench_work bench_bounce_pairs = {.begin = begin, .run = run_pairs, .end = end};

static uint64_t run_searches(struct bench_thread *t, uint64_t rounds)
{
	struct bouncer *b = t->own;
	dmp_phys_t phys;

	for (uint64_t r = 0; r < rounds; r++) {
		int err = dmp_swiotlb_map(b->tlb, NULL, b->source, b->share.bytes, b->dir,
					  DMP_ATTR_NO_WARN, &phys);

		if (err != -ENOSPC) {
			note(b->bounce, err ? err : -EEXIST);
			return err ? 0 : give(b, phys);
		}
	}
	return rounds;
}

const struct bench_work bench_bounce_searches = {.begin = begin, .run = run_searches, .end = end};

/* Is there room for @n buffers at once? */
static int try_room(struct bench_bounce *bounce, unsigned n)
{
	const struct bench_bounce_case *use = bounce->use;
	dmp_phys_t *phys = calloc(n, sizeof(*phys));
	unsigned done = 0;
	int err = phys ? 0 : -ENOMEM;

	while (!err && done < n) {
		err = dmp_swiotlb_map(bounce->tlb, NULL, bounce->fill.orig, use->bytes,
				      DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &phys[done]);
		done += !err;
	}
	while (done > 0)
		dmp_swiotlb_unmap(bounce->tlb, phys[--done], use->bytes, DMP_TO_DEVICE, 0);
	free(phys);
	return err;
}

int bench_bounce_open_full(struct bench_bounce *bounce, const struct bench_bounce_case *use,
			   const struct bench_rings *rings)
{
	struct dmp_swiotlb_opts opts = use->opts;
	int err;

	*bounce = (struct bench_bounce){.use = use, .rings = rings};
	opts.flags |= DMP_SWIOTLB_ANY;
	err = dmp_hw_host_create(NULL, &bounce->hw);
	if (err)
		return err;
	err = dmp_swiotlb_create(bounce->hw, &opts, &bounce->tlb);
	if (err)
		goto undo_hw;
	err = bench_fill_open(&bounce->fill, bounce->tlb, (uintptr_t)rings->source, use->fill,
			      use->percent);
	if (err)
		goto undo_tlb;
	return 0;

undo_tlb:
	dmp_swiotlb_destroy(bounce->tlb);
undo_hw:
	dmp_hw_destroy(bounce->hw);
	return err;
}

int bench_bounce_open(struct bench_bounce *bounce, const struct bench_bounce_case *use,
		      const struct bench_rings *rings, unsigned nthreads)
{
	int err;

	if (rings->bytes / nthreads < use->bytes)
		return -EINVAL;
	err = bench_bounce_open_full(bounce, use, rings);
	if (err)
		return err;
	err = try_room(bounce, nthreads * use->batch);
	if (err)
		bench_bounce_close(bounce);
	return err;
}

void bench_bounce_close(struct bench_bounce *bounce)
{
	bench_fill_close(&bounce->fill);
	dmp_swiotlb_destroy(bounce->tlb);
	dmp_hw_destroy(bounce->hw);
}
