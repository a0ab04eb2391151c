// SPDX-License-Identifier: MIT
/*
 * bench_swiotlb_targets.c - what the bounce allocator promises: measured, printed, judged
 *
 *   slots       map and unmap of 4 KiB without the copy: empty, nearly full, in vain
 *   threads     two of them against one, in 1, 2 and 8 areas
 *   copy        map and unmap to the device against memcpy over the same rings
 *   memory      what the library keeps for a pool
 *
 * Both sides of a ratio take turns in one run (bench_compare.c).  Instructions are counted of
 * helper programs, by callgrind.
 */
#include "bench_bounce.h"
#include "bench_child.h"
#include "bench_compare.h"
#include "command.h"
#include "progress.h"

#include <dmapool/port.h>

#include <math.h>
#include <stdlib.h>

#define SLOTS      UINT64_C(32768)
#define RING_BYTES (SLOTS * DMP_SWIOTLB_SLOT_BYTES)
#define PAGE       4096u
#define META_AREAS 8u

struct targets {
	struct bench_compare c;
	struct bench_rings rings;
};

static struct bench_bounce_case case_of(unsigned areas, uint64_t bytes)
{
	return (struct bench_bounce_case){.opts = DMP_SWIOTLB_OPTS(.slots = SLOTS, .areas = areas),
					  .bytes = bytes,
					  .dir = DMP_TO_DEVICE,
					  .fill = BENCH_FILL_SEGMENTS,
					  .batch = 1};
}

/* The slots alone. */
static struct bench_bounce_case slots_of(unsigned areas)
{
	struct bench_bounce_case use = case_of(areas, PAGE);

	use.opts.flags = DMP_SWIOTLB_NO_COPY;
	return use;
}

/* Ends with what went wrong: the latest run has no figures then. */
static void close_side(struct bench_compare *c, struct bench_bounce *bounce)
{
	if (atomic_load(&bounce->err))
		c->done = false;
	bench_bounce_close(bounce);
}

/* Pairs of two uses, on so many threads each. */
static void compare(struct targets *t, const char *what, const struct bench_bounce_case uses[2],
		    unsigned nthreads, unsigned other_nthreads)
{
	struct bench_bounce sides[2];

	t->c.done = false;
	if (bench_bounce_open(&sides[0], &uses[0], &t->rings, nthreads))
		return;
	if (bench_bounce_open(&sides[1], &uses[1], &t->rings, other_nthreads) == 0) {
		bench_compare_run(&t->c, what,
				  (const struct bench_job[]){
					  {&bench_bounce_pairs, &sides[0], nthreads},
					  {&bench_bounce_pairs, &sides[1], other_nthreads}});
		close_side(&t->c, &sides[1]);
	}
	close_side(&t->c, &sides[0]);
}

static void count(struct targets *t, enum bench_child child, const char *name, double must,
		  double hope)
{
	struct bench_target *row = bench_table_add(t->c.table, name, "instr.", must, hope);
	int err;

	progress_show("%s", name);
	err = bench_child_count(child, false, 1, &row->figure);
	if (err)
		row->why = bench_child_reason(err);
}

static void slots(struct targets *t)
{
	const char *empty = "slot work, 4 KiB, empty pool";
	const char *full = "slot work, 4 KiB, 99 % in use at random, 1 area";
	struct bench_bounce_case uses[2] = {slots_of(1), slots_of(1)};

	uses[1].fill = BENCH_FILL_RANDOM;
	uses[1].percent = 99;
	compare(t, "slot work", uses, 1, 1);
	bench_compare_ns(&t->c, 0, empty, 50, 25);
	count(t, BENCH_CHILD_BOUNCE_EMPTY, empty, 400, 200);
	bench_compare_ns(&t->c, 1, full, 100, 50);
	count(t, BENCH_CHILD_BOUNCE_FULL, full, 1000, 500);
}

static void searches(struct targets *t)
{
	struct bench_bounce_case uses[2] = {slots_of(1), slots_of(1)};
	struct bench_bounce sides[2];

	uses[0].fill = BENCH_FILL_EVERY_OTHER;
	uses[1].fill = BENCH_FILL_ODD_PAIRS;
	t->c.done = false;
	if (bench_bounce_open_full(&sides[0], &uses[0], &t->rings) == 0) {
		if (bench_bounce_open_full(&sides[1], &uses[1], &t->rings) == 0) {
			bench_compare_run(
				&t->c, "searches in vain",
				(const struct bench_job[]){{&bench_bounce_searches, &sides[0], 1},
							   {&bench_bounce_searches, &sides[1], 1}});
			close_side(&t->c, &sides[1]);
		}
		close_side(&t->c, &sides[0]);
	}
	bench_compare_ns(&t->c, 0, "search in vain, F1: every other slot in use", 150, 30);
	bench_compare_ns(&t->c, 1, "search in vain, F2: free pairs at odd slots", 1500, 300);
}

static void two_threads(struct targets *t, unsigned areas, const char *cpu, double must,
			double hope, const char *rate, double least)
{
	const struct bench_bounce_case uses[2] = {slots_of(areas), slots_of(areas)};

	compare(t, cpu, uses, 2, 1);
	bench_compare_cpu(&t->c, cpu, must, hope);
	bench_compare_rate(&t->c, rate, least, NAN);
}

static void threads(struct targets *t)
{
	two_threads(t, 2, "slot work, 2 threads, 2 areas: CPU time to 1", 1.2, 1.05,
		    "slot work, 2 threads, 2 areas: throughput to 1", 1);
	two_threads(t, 8, "slot work, 2 threads, 8 areas: CPU time to 1", 1.2, 1.05,
		    "slot work, 2 threads, 8 areas: throughput to 1", 1);
	two_threads(t, 1, "slot work, 2 threads, 1 area: CPU time to 1", 4, 2,
		    "slot work, 2 threads, 1 area: throughput to 1", 0.5);
}

static void against_memcpy(struct targets *t, const char *name, uint64_t bytes, double must,
			   double hope)
{
	const struct bench_bounce_case use = case_of(1, bytes);
	struct bench_copy_case copy = {.rings = &t->rings, .bytes = bytes};
	struct bench_bounce bounce;

	t->c.done = false;
	if (bench_bounce_open(&bounce, &use, &t->rings, 1) == 0) {
		bench_compare_run(&t->c, name,
				  (const struct bench_job[]){{&bench_bounce_pairs, &bounce, 1},
							     {&bench_copy, &copy, 1}});
		close_side(&t->c, &bounce);
	}
	bench_compare_cpu(&t->c, name, must, hope);
}

/* What malloc would take instead: no bounds. */
static void malloc_of(struct targets *t, enum bench_child child, const char *name, unsigned bytes)
{
	struct bench_target *row = bench_table_add(t->c.table, name, "x", NAN, NAN);
	struct bench_pair pair;
	int err;

	progress_show("%s", name);
	err = bench_child_measure(child, &t->c.plan, bytes, 1, &pair);
	row->why = err ? bench_child_reason(err) : NULL;
	if (err)
		return;
	row->figure = pair.ratio;
	snprintf(row->note, sizeof(row->note), "%.1f ns to %.1f ns", pair.ours, pair.floor);
}

static void copies(struct targets *t)
{
	against_memcpy(t, "map and unmap to the device, 4 KiB, to memcpy", PAGE, 1.25, 1.1);
	malloc_of(t, BENCH_CHILD_COPY_GLIBC, "malloc and free of glibc, 4 KiB, to memcpy", PAGE);
	malloc_of(t, BENCH_CHILD_COPY_JEMALLOC, "malloc and free of jemalloc, 4 KiB, to memcpy",
		  PAGE);
	against_memcpy(t, "map and unmap to the device, 64 KiB, to memcpy", 16 * PAGE, 1.03, 1.01);
	against_memcpy(t, "map and unmap to the device, 256 KiB, to memcpy", 64 * PAGE, 1.03, 1.01);
}

static void warm(struct targets *t)
{
	struct bench_bounce_case uses[2] = {case_of(1, PAGE), case_of(1, PAGE)};

	uses[0].opts.policy = &dmp_swiotlb_policy_warm;
	compare(t, "warm against linux", uses, 1, 1);
	bench_compare_cpu(&t->c, "policy warm to linux, 4 KiB to the device, empty", 0.9, 0.6);
}

/* All that the library keeps, from before the allocator was made. */
static void memory(struct targets *t)
{
	struct bench_target *row =
		bench_table_add(t->c.table, "metadata a slot, 64 MiB pool", "bytes", 12.5, 8);
	const struct bench_bounce_case use = slots_of(META_AREAS);
	uint64_t before = dmp_meta_in_use(), after;
	struct bench_bounce bounce;

	if (bench_bounce_open_full(&bounce, &use, &t->rings))
		return;
	after = dmp_meta_in_use();
	bench_bounce_close(&bounce);
	row->figure = (double)(after - before) / (double)SLOTS;
	snprintf(row->note, sizeof(row->note), "%llu bytes, %u areas and the handles among them",
		 (unsigned long long)(after - before), META_AREAS);
}

static int measure(const struct bench_plan *plan, struct targets *t, struct json_file *json)
{
	struct bench_table *table = calloc(1, sizeof(*table));
	int status;

	if (!table)
		return complain("no memory for the figures");
	t->c = (struct bench_compare){.plan = *plan, .table = table};
	slots(t);
	searches(t);
	threads(t);
	copies(t);
	warm(t);
	memory(t);
	progress_clear();
	status = bench_table_print(stdout, table, json);
	free(table);
	return status;
}

int bench_swiotlb_targets(const struct bench_plan *plan, struct json_file *json)
{
	static struct targets t;
	int status;

	if (bench_cpus() < 2)
		return complain("the targets need 2 CPUs, and this process may use one");
	if (bench_rings_open(&t.rings, RING_BYTES))
		return complain("no memory for the buffers: twice 64 MiB");
	status = measure(plan, &t, json);
	bench_rings_close(&t.rings);
	return status;
}
