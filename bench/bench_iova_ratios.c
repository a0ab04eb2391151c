// SPDX-License-Identifier: MIT
/*
 * bench_iova_ratios.c - rows of the targets that are measured in this process
 *
 *   threads     more of them against fewer, a pair of threads against the ring between them
 *   placements  many live ranges against few
 *   idle        what is left of the caches of threads that sleep
 */
#include "bench_ring.h"
#include "bench_side.h"
#include "progress.h"

#include <dmapool/port.h>

#include <math.h>
#include <stdio.h>
#include <time.h>

#define IDLE_THREADS 8u
#define IDLE_ROUNDS  100u
#define TRIM_NS      50000000u
#define IDLE_PERIODS 4u /* a cache is idle for at most two before it goes; and the worker's time */

static void two_threads(struct bench_compare *c)
{
	bench_side_compare(c, "2 threads", bench_side_cached(2, 1), bench_side_cached(1, 1));
	bench_compare_cpu(c, "cached pair, 2 threads, batch 1: CPU time to 1", 1.1, 1);
	bench_compare_rate(c, "cached pair, 2 threads, batch 1: throughput to 1", 1, NAN);
	bench_side_compare(c, "2 threads", bench_side_cached(2, 128), bench_side_cached(1, 128));
	bench_compare_cpu(c, "cached pair, 2 threads, batch 128: CPU time to 1", 1.1, 1);
	bench_compare_rate(c, "cached pair, 2 threads, batch 128: throughput to 1", 1, NAN);
}

static void eight_threads(struct bench_compare *c)
{
	bench_side_compare(c, "8 threads", bench_side_cached(8, 1), bench_side_cached(2, 1));
	bench_compare_rate(c, "cached pair, 8 threads, batch 1: throughput to 2", 0.9, 1);
	bench_side_compare(c, "8 threads", bench_side_cached(8, 128), bench_side_cached(2, 128));
	bench_compare_rate(c, "cached pair, 8 threads, batch 128: throughput to 2", 0.9, 1);
}

/* One thread allocates and another frees, against the ring between them. */
static void pass(struct bench_compare *c)
{
	static struct bench_ring ring;
	struct bench_side passing = bench_side_cached(2, 1);

	passing.use.pattern = BENCH_PASS;
	bench_side_compare(c, "producer and consumer", passing,
			   (struct bench_side){.nthreads = 2, .ring = &ring});
	bench_compare_wall(c, "producer/consumer pair, 2 threads, to the ring alone", 8, 4);
}

static void uncached(struct bench_compare *c)
{
	struct bench_side two = bench_side_cached(2, 1), one = bench_side_cached(1, 1);

	two.use.size = one.use.size = 33;
	bench_side_compare(c, "size 33", two, one);
	bench_compare_cpu(c, "never-cached size 33, 2 threads: CPU time to 1", 5, 2);
	bench_compare_rate(c, "never-cached size 33, 2 threads: throughput to 1", 0.5, NAN);
}

static void replace(struct bench_compare *c)
{
	const struct bench_side few = bench_side_replacing(1024);

	bench_side_compare(c, "16k live ranges", bench_side_replacing(16384), few);
	bench_compare_ns(c, 1, "random replacement, linux, 1k live ranges", NAN, NAN);
	bench_compare_ns(c, 0, "random replacement, linux, 16k live ranges", NAN, NAN);
	bench_side_compare(c, "64k live ranges", bench_side_replacing(65536), few);
	bench_compare_ns(c, 0, "random replacement, linux, 64k live ranges", 1000, 300);
	bench_compare_cpu(c, "random replacement, linux, 64k: CPU time to 1k", 3, NAN);
}

/* What is left of idle threads' caches. */
struct leftover {
	struct dmp_iova_domain *dom;
	uint64_t most_ranges, most_bytes; /* after the trim period, of all samples */
	uint64_t bytes;                   /* of the library before the first use */
};

/* Everybody else sleeps: waits until their caches have been idle for long enough, and looks. */
static uint64_t run_look(struct bench_thread *t, uint64_t rounds)
{
	const uint64_t ns = (uint64_t)TRIM_NS * IDLE_PERIODS;
	const struct timespec while_idle = {.tv_sec = (time_t)(ns / 1000000000u),
					    .tv_nsec = (long)(ns % 1000000000u)};
	struct leftover *left = t->shared;
	struct dmp_iova_stats stats;
	uint64_t bytes;

	nanosleep(&while_idle, NULL);
	bytes = dmp_meta_in_use() - left->bytes;
	if (dmp_iova_get_stats(left->dom, &stats, sizeof(stats)))
		return 0;
	left->most_ranges = stats.cached > left->most_ranges ? stats.cached : left->most_ranges;
	left->most_bytes = bytes > left->most_bytes ? bytes : left->most_bytes;
	return rounds;
}

/* A sample: threads fill their caches and sleep, then somebody looks. */
static void sample_idle(struct bench_compare *c, struct bench_side *side, struct bench_range *range,
			struct bench_target *t)
{
	static const struct bench_work looking = {.run = run_look};
	const struct bench_plan plan = {.samples = c->plan.samples, .rounds = IDLE_ROUNDS};
	struct leftover left = {.dom = range->dom, .bytes = dmp_meta_in_use()};
	const struct bench_job jobs[] = {{bench_range_work(&side->use), range, IDLE_THREADS},
					 {&looking, &left, 1}};

	if (bench_run(&plan, jobs, 2, c->results) || atomic_load(&range->err))
		return;
	t->figure = (double)left.most_ranges;
	snprintf(t->note, sizeof(t->note),
		 "period %u ms; the most of %u times; books of %llu bytes", TRIM_NS / 1000000,
		 plan.samples, (unsigned long long)left.most_bytes);
}

static void idle(struct bench_compare *c)
{
	struct bench_side side = bench_side_cached(IDLE_THREADS, 128);
	struct bench_target *t = bench_table_add(
		c->table, "cached for 8 idle threads after the trim period", "ranges", 0, NAN);
	struct bench_range range;

	progress_show("idle threads");
	side.use.opts.trim_period_ns = TRIM_NS;
	if (bench_range_open(&range, &side.use, IDLE_THREADS))
		return;
	sample_idle(c, &side, &range, t);
	bench_range_close(&range);
}

void bench_iova_ratios(const struct bench_plan *plan, struct bench_table *table)
{
	static struct bench_compare c;

	c = (struct bench_compare){.plan = *plan, .table = table};
	two_threads(&c);
	eight_threads(&c);
	pass(&c);
	uncached(&c);
	replace(&c);
	idle(&c);
}
