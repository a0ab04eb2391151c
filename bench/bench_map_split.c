// SPDX-License-Identifier: MIT
/*
 * bench_map_split.c - the parts of a pair, each measured alone
 *
 *    whole   map and unmap on the route        |================================|
 *    checks  the same on route direct          |===|
 *    iova    an allocation and a free              |==|
 *    tables  entries stored and cleared               |=====|
 *    slots   bounce slots, without the copy                 |====|
 *    copy    what slots with the copy take more                  |====|
 *    rest    what is left: the flush, and what lies between           |=========|
 *
 * Nothing is put into the whole to see its parts, so that they do not disturb it: each part is
 * done by itself, by as many threads with buffers of the same size, by the loop that the bench of
 * that part has, and all of them take turns, sample by sample.  A part alone finds more in the
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
	struct bench_bounce_case bounce_use[2]; /* without the copy, with it */
	struct bench_bounce bounce[2];
	unsigned nbounces;

	struct bench_job job[1 + BENCH_MAP_PARTS];     /* the whole first */
	enum bench_map_part part[1 + BENCH_MAP_PARTS]; /* which each is, but for the whole */
	unsigned njobs;
	struct bench_result result[1 + BENCH_MAP_PARTS];
};

static void add_job(struct parts *p, enum bench_map_part part, const struct bench_work *work,
		    void *shared)
{
	p->part[p->njobs] = part;
	p->job[p->njobs++] = (struct bench_job){work, shared, p->nthreads};
}

static int open_whole(struct parts *p, const struct bench_map_case *use)
{
	int err = bench_map_open(&p->whole, use, p->nthreads);

	if (err)
		return err;
	add_job(p, BENCH_MAP_PARTS, &bench_map_pairs, &p->whole);
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

/* A policy of its own is one that no cache stands before. */
static int open_range(struct parts *p, const struct bench_map_case *use)
{
	const struct dmp_iova_policy *policy = bench_map_flushes[use->flush].iova;
	int err;

	p->range_use = (struct bench_range_case){
		.pattern = BENCH_SAME,
		.opts = DMP_IOVA_OPTS(.start_pfn = 1, .policy = policy,
				      .flags = policy ? DMP_IOVA_NO_CACHE : 0),
		.cached = !policy,
		.size = p->granules,
		.limit = DMP_MASK(use->mask_bits) >> DMP_PAGE_SHIFT,
		.batch = use->batch};
	err = bench_range_open(&p->range, &p->range_use, p->nthreads);
	if (err)
		return err;
	p->has_range = true;
	add_job(p, BENCH_MAP_PART_IOVA, bench_range_work(&p->range_use), &p->range);
	return 0;
}

static int open_pages(struct parts *p)
{
	int err;

	p->pages_use = (struct bench_pages_case){FORMAT, DMP_PAGE_BYTES, (unsigned)p->granules,
						 BENCH_PAGES_CALL};
	err = bench_pages_open(&p->pages, &p->pages_use, p->nthreads);
	if (err)
		return err;
	p->has_pages = true;
	add_job(p, BENCH_MAP_PART_TABLES, &bench_pages_work, &p->pages);
	return 0;
}

static int open_translation(struct parts *p, const struct bench_map_case *use)
{
	int err = open_range(p, use);

	return err ? err : open_pages(p);
}

static int open_slots(struct parts *p, const struct bench_map_case *use, bool copied)
{
	struct bench_bounce_case *bounce_use = &p->bounce_use[copied];
	int err;

	*bounce_use = (struct bench_bounce_case){
		.opts = DMP_SWIOTLB_OPTS(.slots = use->slots,
					 .areas = bench_map_areas(use, p->nthreads),
					 .flags = copied ? 0 : DMP_SWIOTLB_NO_COPY),
		.bytes = p->bytes,
		.dir = use->dir,
		.fill = BENCH_FILL_SEGMENTS,
		.batch = use->batch};
	err = bench_bounce_open(&p->bounce[copied], bounce_use, &p->rings, p->nthreads);
	if (err)
		return err;
	p->nbounces++;
	add_job(p, copied ? BENCH_MAP_PART_COPY : BENCH_MAP_PART_SLOTS, &bench_bounce_pairs,
		&p->bounce[copied]);
	return 0;
}

/* A thread uses one buffer of the rings, which is as near as ours are; what fills a pool first
 * (bench_fill.c) reads the longest that can bounce. */
static int open_bounce(struct parts *p, const struct bench_map_case *use)
{
	uint64_t used = dmp_pow2_ceil(p->bytes * p->nthreads);
	int err = bench_rings_open(&p->rings,
				   used > DMP_SWIOTLB_MAX_BYTES ? used : DMP_SWIOTLB_MAX_BYTES);

	if (err)
		return err;
	p->has_rings = true;
	p->rings.bytes = used;
	err = open_slots(p, use, false);
	return err ? err : open_slots(p, use, true);
}

static int open_parts(struct parts *p, const struct bench_map_case *use)
{
	int err = open_whole(p, use);

	if (!err && bench_map_translates(use->route) && use->flush != BENCH_MAP_PASSTHROUGH)
		err = open_translation(p, use);
	if (!err && bench_map_bounces(use->route))
		err = open_bounce(p, use);
	return err;
}

static void close_parts(struct parts *p)
{
	while (p->nbounces > 0)
		bench_bounce_close(&p->bounce[--p->nbounces]);
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
	for (unsigned i = 0; !err && i < p->nbounces; i++)
		err = atomic_load(&p->bounce[i].err);
	return err;
}

/* CPU ns a pair of the whole. */
static double ns_of(const struct parts *p, unsigned job)
{
	const struct bench_result *r = &p->result[job];
	double ns = bench_median(r->cpu, r->samples);

	return p->part[job] == BENCH_MAP_PART_TABLES ? ns * (double)p->granules : ns; /* a page */
}

static void fill(const struct parts *p, struct bench_map_split *split)
{
	for (unsigned i = 0; i < BENCH_MAP_PARTS; i++)
		split->part_ns[i] = NAN;
	split->whole_ns = split->rest_ns = ns_of(p, 0);
	for (unsigned i = 1; i < p->njobs; i++)
		split->part_ns[p->part[i]] = ns_of(p, i);
	split->part_ns[BENCH_MAP_PART_COPY] -= split->part_ns[BENCH_MAP_PART_SLOTS];
	for (unsigned i = 1; i < p->njobs; i++)
		split->rest_ns -= split->part_ns[p->part[i]];
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
