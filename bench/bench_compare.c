// SPDX-License-Identifier: MIT
/*
 * bench_compare.c - two uses of address spaces side by side, as rows of a table
 *
 *   CPU time     a pair of the one against a pair of the other
 *   throughput   the same by the clock on the wall, the other way round: pairs a second
 *
 * Both sides take turns, sample by sample (bench_crew.c).  A note says what the ratio is made
 * of, how many CPUs were really busy, and how much of them other programs had.  Threads that
 * seldom run at the same time do not get into each other's way: if others had more than
 * SPOILT_MAX, what two threads do is not judged.
 */
#include "bench_compare.h"
#include "bench_ring.h"
#include "progress.h"

#include <dmapool/bits.h>

#include <string.h>

#define WIDE       (DMP_MASK(52))
#define NARROW     (DMP_MASK(20)) /* what a 32-bit device reaches, in pages */
#define SPOILT_MAX 0.25

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

/* Both sides in turn; false: it could not be done. */
static bool compare(struct bench_compare *c, const struct bench_side sides[2])
{
	struct bench_range ranges[2];
	struct bench_job jobs[2];
	unsigned open = 0;
	int err = 0, side_err;

	while (!err && open < 2) {
		err = open_side(&sides[open], &ranges[open], &jobs[open]);
		open += !err;
	}
	if (!err)
		err = bench_run(&c->plan, jobs, 2, c->results);
	while (open > 0) {
		open--;
		side_err = close_side(&sides[open], &ranges[open]);
		err = err ? err : side_err;
	}
	return !err;
}

void bench_compare_run(struct bench_compare *c, const char *what, struct bench_side a,
		       struct bench_side b)
{
	const struct bench_side sides[2] = {a, b};

	progress_show("%s", what);
	c->done = compare(c, sides);
}

/* "12.1 ns to 6.0 ns; 1.99 to 1.00 CPUs busy" */
static void note(struct bench_target *t, const struct bench_result results[2], bool wall)
{
	const struct bench_result *a = &results[0], *b = &results[1];
	double lost_a = bench_lost(a, bench_cpus()), lost_b = bench_lost(b, bench_cpus());
	double most = lost_a > lost_b ? lost_a : lost_b;
	unsigned n = a->samples;
	size_t used;

	snprintf(t->note, sizeof(t->note), "%.1f ns to %.1f ns; %.2f to %.2f CPUs busy",
		 bench_median(wall ? a->wall : a->cpu, n), bench_median(wall ? b->wall : b->cpu, n),
		 bench_cores(a), bench_cores(b));
	used = strlen(t->note);
	if (most > BENCH_LOST_MAX)
		snprintf(t->note + used, sizeof(t->note) - used, "; others had %.0f %%",
			 100 * most);
	if (most > SPOILT_MAX && a->nthreads > 1)
		t->why = "too many other programs run";
}

/* Fills a row: samples of one side by those of the other. */
static struct bench_target *fill_ratio(struct bench_compare *c, struct bench_target *t,
				       const double *samples, const double *of, bool wall)
{
	if (!c->done)
		return t;
	t->figure = bench_ratio(samples, of, c->results[0].samples);
	note(t, c->results, wall);
	return t;
}

struct bench_target *bench_compare_cpu(struct bench_compare *c, const char *name, double must,
				       double hope)
{
	return fill_ratio(c, bench_table_add(c->table, name, "x", must, hope), c->results[0].cpu,
			  c->results[1].cpu, false);
}

struct bench_target *bench_compare_wall(struct bench_compare *c, const char *name, double must,
					double hope)
{
	return fill_ratio(c, bench_table_add(c->table, name, "x", must, hope), c->results[0].wall,
			  c->results[1].wall, true);
}

struct bench_target *bench_compare_rate(struct bench_compare *c, const char *name, double must,
					double hope)
{
	struct bench_target *t = bench_table_add(c->table, name, "x", must, hope);

	t->at_least = true;
	return fill_ratio(c, t, c->results[1].wall, c->results[0].wall, true);
}

struct bench_target *bench_compare_ns(struct bench_compare *c, unsigned i, const char *name,
				      double must, double hope)
{
	struct bench_target *t = bench_table_add(c->table, name, "ns", must, hope);

	if (c->done)
		t->figure = bench_median(c->results[i].cpu, c->results[i].samples);
	return t;
}
