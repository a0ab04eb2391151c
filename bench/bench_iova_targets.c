// SPDX-License-Identifier: MIT
/*
 * bench_iova_targets.c - what the IOVA allocator promises, measured
 *
 *   linked rows   by a helper program that is linked so, beside the floor in the same process
 *   instructions  of the same helper, counted by callgrind
 *   ratios        two cases in this process, sample by sample
 *
 * A floor of more than FLOOR_MAX instructions would make everything look good: then the rows
 * that stand on it are not judged.
 */
#include "bench_child.h"
#include "bench_range.h"
#include "bench_ring.h"
#include "bench_target.h"
#include "command.h"
#include "progress.h"

#include <dmapool/bits.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLOOR_MAX 40.0
#define WIDE      (DMP_MASK(52))
#define NARROW    (DMP_MASK(20)) /* what a 32-bit device reaches, in pages */

struct rows {
	const struct bench_plan *plan;
	struct bench_target row[32];
	unsigned count;
	bool floor_is_good;
};

static struct bench_target *add(struct rows *rows, const char *name, const char *unit, double must,
				double hope)
{
	struct bench_target *t = &rows->row[rows->count++];

	*t = (struct bench_target){
		.name = name, .unit = unit, .must = must, .hope = hope, .figure = NAN};
	progress_show("%s", name);
	return t;
}

static struct bench_target *add_least(struct rows *rows, const char *name, double must, double hope)
{
	struct bench_target *t = add(rows, name, "x", must, hope);

	t->at_least = true;
	return t;
}

/* ---- by helper programs ---- */

static void judge_floor(struct rows *rows, const char *name, unsigned batch)
{
	struct bench_target *t = add(rows, name, "instr.", FLOOR_MAX, NAN);
	int err = bench_child_count(BENCH_CHILD_SHARED, true, batch, &t->figure);

	if (err)
		t->why = err == -ENOENT ? "no valgrind here" : "the helper program failed";
	else if (t->figure > FLOOR_MAX)
		rows->floor_is_good = false;
}

static void count(struct rows *rows, const char *name, unsigned batch)
{
	struct bench_target *t = add(rows, name, "instr.", 70, 45);

	if (bench_child_count(BENCH_CHILD_SHARED, false, batch, &t->figure))
		t->why = "no valgrind, or the helper program failed";
}

/* Beside the floor, in the helper's process; the time itself is a row without bounds. */
static void linked(struct rows *rows, enum bench_child child, unsigned batch, const char *name,
		   double must, double hope)
{
	struct bench_target *t = add(rows, name, "x", must, hope);
	struct bench_pair pair;
	int err = bench_child_measure(child, rows->plan, batch, &pair);

	if (err)
		t->why = "the helper program failed";
	else if (!rows->floor_is_good)
		t->why = "the floor has too many instructions to judge by";
	else
		t->figure = pair.ratio;
}

/* ---- two cases in this process ---- */

/* What one side of a comparison is. */
struct side {
	struct bench_range_case use;
	unsigned nthreads;
};

static struct side cached(unsigned nthreads, unsigned batch)
{
	return (struct side){.use = {.pattern = BENCH_SAME,
				     .opts = DMP_IOVA_OPTS(.start_pfn = 1),
				     .cached = true,
				     .size = 1,
				     .limit = NARROW,
				     .batch = batch},
			     .nthreads = nthreads};
}

static struct side never_cached(unsigned nthreads)
{
	struct side side = cached(nthreads, 1);

	side.use.size = 33;
	return side;
}

static struct side replacing(uint64_t live)
{
	struct side side = cached(1, 1);

	side.use.opts.flags = DMP_IOVA_NO_CACHE;
	side.use.pattern = BENCH_RANDOM;
	side.use.cached = false;
	side.use.limit = WIDE;
	side.use.live = live;
	return side;
}

/* Two cases side by side; false: it could not be done. */
static bool compare(const struct rows *rows, const struct side sides[2],
		    struct bench_result results[2])
{
	struct bench_range ranges[2];
	struct bench_job jobs[2];
	unsigned open = 0;
	int err = 0;

	for (; !err && open < 2; open += !err) {
		err = bench_range_open(&ranges[open], &sides[open].use, sides[open].nthreads);
		jobs[open] = (struct bench_job){bench_range_work(&sides[open].use), &ranges[open],
						sides[open].nthreads};
	}
	if (!err)
		err = bench_run(rows->plan, jobs, 2, results);
	while (open > 0) {
		open--;
		err = err ? err : atomic_load(&ranges[open].err);
		bench_range_close(&ranges[open]);
	}
	return !err;
}

/* CPU time a pair of the first side against the second; and pairs a second, at least. */
static void scale(struct rows *rows, const struct side sides[2], const char *cpu_name, double must,
		  double hope, const char *rate_name, double least, double least_hope)
{
	struct bench_result *results = calloc(2, sizeof(*results));
	bool done = results && compare(rows, sides, results);
	unsigned n = done ? results[0].samples : 0;
	struct bench_target *t;

	if (cpu_name) {
		t = add(rows, cpu_name, "x", must, hope);
		t->figure = bench_ratio(results[0].cpu, results[1].cpu, n);
	}
	t = add_least(rows, rate_name, least, least_hope);
	t->figure = bench_ratio(results[1].wall, results[0].wall, n);
	free(results);
}

static void replace(struct rows *rows)
{
	struct side sides[] = {replacing(65536), replacing(1024)};
	struct bench_result *results = calloc(2, sizeof(*results));
	bool done = results && compare(rows, sides, results);
	unsigned n = done ? results[0].samples : 0;
	struct bench_target *t;

	t = add(rows, "random replacement, linux, 64k live ranges", "ns", 1000, 300);
	t->figure = bench_median(results[0].cpu, n);
	t = add(rows, "the same against 1k live ranges", "x", 3, NAN);
	t->figure = bench_ratio(results[0].cpu, results[1].cpu, n);
	free(results);
}

/* One thread allocates and another frees, against the ring between them. */
static void pass(struct rows *rows)
{
	static struct bench_ring ring;
	struct side side = cached(2, 1);
	struct bench_result *results = calloc(2, sizeof(*results));
	struct bench_target *t =
		add(rows, "producer/consumer pair, 2 threads, against the ring alone", "x", 8, 4);
	struct bench_range range;

	side.use.pattern = BENCH_PASS;
	if (results && bench_range_open(&range, &side.use, 2) == 0) {
		struct bench_job jobs[] = {{bench_range_work(&side.use), &range, 2},
					   {&bench_ring_alone, &ring, 2}};

		if (bench_run(rows->plan, jobs, 2, results) == 0 && !atomic_load(&range.err))
			t->figure =
				bench_ratio(results[0].wall, results[1].wall, results[0].samples);
		bench_range_close(&range);
	}
	free(results);
}

static void measure_linked(struct rows *rows)
{
	judge_floor(rows, "floor, batch 1", 1);
	judge_floor(rows, "floor, batch 128", 128);
	linked(rows, BENCH_CHILD_SHARED, 1, "cached pair, 1 thread, shared library, batch 1", 2.5,
	       2);
	linked(rows, BENCH_CHILD_SHARED, 128, "cached pair, 1 thread, shared library, batch 128", 5,
	       3);
	linked(rows, BENCH_CHILD_STATIC, 1, "cached pair, 1 thread, static library, batch 1", 2,
	       1.3);
	linked(rows, BENCH_CHILD_STATIC, 128, "cached pair, 1 thread, static library, batch 128", 4,
	       2);
	linked(rows, BENCH_CHILD_GLIBC, 1, "malloc(64) of glibc, batch 1", NAN, NAN);
	linked(rows, BENCH_CHILD_GLIBC, 128, "malloc(64) of glibc, batch 128", NAN, NAN);
	linked(rows, BENCH_CHILD_JEMALLOC, 1, "malloc(64) of jemalloc, batch 1", NAN, NAN);
	linked(rows, BENCH_CHILD_JEMALLOC, 128, "malloc(64) of jemalloc, batch 128", NAN, NAN);
	count(rows, "cached pair, shared library, batch 1", 1);
	count(rows, "cached pair, shared library, batch 128", 128);
}

static void measure_threads(struct rows *rows)
{
	const struct side two[] = {cached(2, 128), cached(1, 128)};
	const struct side eight[] = {cached(8, 128), cached(2, 128)};
	const struct side uncached[] = {never_cached(2), never_cached(1)};

	scale(rows, two, "cached pair, 2 threads, CPU time against 1", 1.1, 1,
	      "cached pair, 2 threads, throughput against 1", 1, NAN);
	scale(rows, eight, NULL, 0, 0, "cached pair, 8 threads, throughput against 2", 0.9, 1);
	pass(rows);
	scale(rows, uncached, "never-cached size 33, 2 threads, CPU time against 1", 5, 2,
	      "never-cached size 33, 2 threads, throughput against 1", 0.5, NAN);
}

int bench_iova_targets(const struct bench_plan *plan, struct json_file *json)
{
	struct rows rows = {.plan = plan, .floor_is_good = true};

	if (bench_cpus() < 2)
		return complain("the targets are for 2 cores or more, and this process has one");
	measure_linked(&rows);
	measure_threads(&rows);
	replace(&rows);
	progress_clear();
	return bench_target_print(stdout, rows.row, rows.count, json);
}
