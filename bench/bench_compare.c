// SPDX-License-Identifier: MIT
/*
 * bench_compare.c - two jobs side by side, as rows of a table
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
#include "progress.h"

#include <string.h>

#define SPOILT_MAX 0.25

void bench_compare_run(struct bench_compare *c, const char *what, const struct bench_job jobs[2])
{
	progress_show("%s", what);
	c->done = bench_run(&c->plan, jobs, 2, c->results) == 0;
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
