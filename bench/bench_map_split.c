// SPDX-License-Identifier: MIT
/*
 * bench_map_split.c - the parts of a pair, each measured alone
 *
 *    whole   map and unmap on the route        |================================|
 *    checks  the same on route direct          |===|
 *    iova    an allocation and a free              |==|
 *    tables  entries stored and cleared               |=====|
 *    slots   bounce slots, without the copy                 |====|
 *    copy    memcpy of a buffer, and back                        |====|
 *    rest    what is left: the flush, and what lies between           |=========|
 *
 * Nothing is put into the whole to see its parts, so that they do not disturb it: each part is
 * done by itself, by as many threads with buffers of the same size, by the loop that the bench of that
 * part has, and all of them take turns, sample by sample.  A part alone finds more in the
 * cache than it does among the others, and that is in the rest, too, which may come out below 0
 * where the whole is hardly more than its parts.
 */
#include "bench_bounce.h"
#include "bench_map.h"
#include "bench_pages.h"
#include "bench_range.h"
#include "bench_rings.h"

#include <dmapool/bits.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define FORMAT "vtd-48"

const char *const bench_map_part_names[BENCH_MAP_PARTS] = {
	[BENCH_MAP_PART_CHECKS] = "checks", [BENCH_MAP_PART_IOVA] = "iova",
	[BENCH_MAP_PART_TABLES] = "tables", [BENCH_MAP_PART_SLOTS] = "slots",
	[BENCH_MAP_PART_COPY] = "copy",
};

/* What is measured, and what it is done with. */
struct parts {
	unsigned nthreads;
	uint64_t bytes, granules;

	struct bench_map_case direct_use;
	struct bench_map whole, direct; /* each open if it has a `use` */
	struct bench_range_case range_use;
	struct bench_range range;
	bool has_range;
	struct bench_pages_case pages_use;
	struct bench_pages pages;
	bool has_pages;
	struct bench_rings rings;
	bool has_rings;
	struct bench_bounce_case bounce_use;
	struct bench_bounce bounce;
	bool has_bounce;
	struct bench_copy_case copy;

	struct bench_job job[1 + BENCH_MAP_PARTS]; /* the whole first */
	int part[1 + BENCH_MAP_PARTS];             /* which it is */
	unsigned njobs;
	struct bench_result result[1 + BENCH_MAP_PARTS];
};

static void add_job(struct parts *p, int part, const struct bench_work *work, void *shared)
{
	p->part[p->njobs] = part;
	p->job[p->njobs++] = (struct bench_job){work, shared, p->nthreads};
}

static int open_whole(struct parts *p, const struct bench_map_case *use)
{
	int err = bench_map_open(&p->whole, use, p->nthreads);

	if (err)
		return err;
	add_job(p, -1, &bench_map_pairs, &p->whole);
	if (use->route == BENCH_MAP_DIRECT)
		return 0;
	p->direct_use = *use;
	p->direct_use.route = BENCH_MAP_DIRECT;
	p->direct_use.mask_bits = 64;
	err = bench_map_open(&p->direct, &p->direct_use, p->nthreads);
	if (!err)
		add_job(p, BENCH_MAP_PART_CHECKS, &bench_map_pairs, &p->direct);
	return err;
}

static int open_translation(struct parts *p, const struct bench_map_case *use)
{
	int err;

	p->range_use =
		(struct bench_range_case){.pattern = BENCH_SAME,
					  .opts = DMP_IOVA_OPTS(.start_pfn = 1),
					  .cached = true,
					  .size = p->granules,
					  .limit = DMP_MASK(use->mask_bits) >> DMP_PAGE_SHIFT,
					  .batch = use->batch};
	err = bench_range_open(&p->range, &p->range_use, p->nthreads);
	if (err)
		return err;
	p->has_range = true;
	add_job(p, BENCH_MAP_PART_IOVA, bench_range_work(&p->range_use), &p->range);
	p->pages_use = (struct bench_pages_case){FORMAT, DMP_PAGE_BYTES, (unsigned)p->granules,
						 BENCH_PAGES_CALL};
	err = bench_pages_open(&p->pages, &p->pages_use, p->nthreads);
	if (err)
		return err;
	p->has_pages = true;
	add_job(p, BENCH_MAP_PART_TABLES, &bench_pages_work, &p->pages);
	return 0;
}

/* The rings are a buffer a thread, as ours are. */
static int open_bounce(struct parts *p, const struct bench_map_case *use)
{
	int err = bench_rings_open(&p->rings, dmp_pow2_ceil(p->bytes * p->nthreads));

	if (err)
		return err;
	p->has_rings = true;
	p->bounce_use = (struct bench_bounce_case){
		.opts = DMP_SWIOTLB_OPTS(.slots = use->slots,
					 .areas = bench_map_areas(use, p->nthreads),
					 .flags = DMP_SWIOTLB_NO_COPY),
		.bytes = p->bytes,
		.dir = use->dir,
		.fill = BENCH_FILL_SEGMENTS,
		.batch = use->batch};
	err = bench_bounce_open(&p->bounce, &p->bounce_use, &p->rings, p->nthreads);
	if (err)
		return err;
	p->has_bounce = true;
	add_job(p, BENCH_MAP_PART_SLOTS, &bench_bounce_pairs, &p->bounce);
	p->copy = (struct bench_copy_case){&p->rings, p->bytes, use->dir != DMP_TO_DEVICE};
	add_job(p, BENCH_MAP_PART_COPY, &bench_copy, &p->copy);
	return 0;
}

static int open_parts(struct parts *p, const struct bench_map_case *use)
{
	int err = open_whole(p, use);

	if (!err && bench_map_translates(use->route))
		err = open_translation(p, use);
	if (!err && bench_map_bounces(use->route))
		err = open_bounce(p, use);
	return err;
}

static void close_parts(struct parts *p)
{
	if (p->has_bounce)
		bench_bounce_close(&p->bounce);
	if (p->has_rings)
		bench_rings_close(&p->rings);
	if (p->has_pages)
		bench_pages_close(&p->pages);
	if (p->has_range)
		bench_range_close(&p->range);
	if (p->direct.use)
		bench_map_close(&p->direct);
	if (p->whole.use)
		bench_map_close(&p->whole);
}

/* A request that failed, of any part. */
static int err_of(struct parts *p)
{
	int err = atomic_load(&p->whole.err);

	err = err || !p->direct.use ? err : atomic_load(&p->direct.err);
	err = err || !p->has_range ? err : atomic_load(&p->range.err);
	err = err || !p->has_pages ? err : atomic_load(&p->pages.err);
	return err || !p->has_bounce ? err : atomic_load(&p->bounce.err);
}

static void fill(const struct parts *p, struct bench_map_split *split)
{
	for (unsigned i = 0; i < BENCH_MAP_PARTS; i++)
		split->part_ns[i] = NAN;
	for (unsigned i = 0; i < p->njobs; i++) {
		const struct bench_result *r = &p->result[i];
		double ns = bench_median(r->cpu, r->samples);

		if (p->part[i] < 0) {
			split->whole_ns = split->rest_ns = ns;
			continue;
		}
		if (p->part[i] == BENCH_MAP_PART_TABLES) /* a pair was a page */
			ns *= (double)p->granules;
		split->part_ns[p->part[i]] = ns;
		split->rest_ns -= ns;
	}
}

int bench_map_split(const struct bench_plan *plan, const struct bench_map_case *use,
		    unsigned nthreads, struct bench_map_split *split)
{
	struct parts *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->nthreads = nthreads;
	p->bytes = use->mix.bytes[0];
	p->granules = (p->bytes + DMP_PAGE_BYTES - 1) / DMP_PAGE_BYTES;
	err = open_parts(p, use);
	if (!err) {
		err = bench_run(plan, p->job, p->njobs, p->result);
		err = err_of(p) ? err_of(p) : err;
	}
	if (!err)
		fill(p, split);
	close_parts(p);
	free(p);
	return err;
}
