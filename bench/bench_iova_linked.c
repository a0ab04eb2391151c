// SPDX-License-Identifier: MIT
/*
 * bench_iova_linked.c - rows of the targets that helper programs measure
 *
 *   times          by a helper program that is linked so, the floor beside it in the same
 *                  process, sample by sample
 *   instructions   of the same helpers, counted by callgrind
 *
 * A slow floor would make everything look good.  So its instructions are counted first: with
 * more than FLOOR_MAX, or uncounted, the rows that stand on it have a figure and no verdict.
 */
#include "bench_child.h"
#include "bench_target.h"
#include "progress.h"

#include <math.h>
#include <stdio.h>

#define FLOOR_MAX 40.0

static const unsigned batches[] = {1, 128};

#define NBATCHES (sizeof(batches) / sizeof(batches[0]))

struct linked {
	const struct bench_plan *plan;
	struct bench_table *table;
	const char *unjudged[NBATCHES]; /* why nothing stands on this floor; NULL: it is good */
};

/* One name a batch. */
struct row_name {
	const char *of[NBATCHES];
};

static struct bench_target *add(struct linked *linked, const char *name, const char *unit,
				double must, double hope)
{
	progress_show("%s", name);
	return bench_table_add(linked->table, name, unit, must, hope);
}

static void count(struct linked *linked, enum bench_child child, const char *name, unsigned batch)
{
	struct bench_target *t = add(linked, name, "instr.", 70, 45);
	int err = bench_child_count(child, false, batch, &t->figure);

	if (err)
		t->why = bench_child_reason(err);
}

static void judge_floor(struct linked *linked, const char *name, unsigned i)
{
	struct bench_target *t = add(linked, name, "instr.", FLOOR_MAX, NAN);

	if (bench_child_count(BENCH_CHILD_SHARED, true, batches[i], &t->figure))
		linked->unjudged[i] = "the floor was not counted: see what bench/icount.sh says";
	else if (t->figure > FLOOR_MAX)
		linked->unjudged[i] = "the floor has too many instructions to judge by";
	t->why = linked->unjudged[i];
}

static void time_floor(struct linked *linked, const char *name, unsigned batch)
{
	struct bench_target *t = add(linked, name, "ns", NAN, NAN);
	struct bench_pair pair;
	int err = bench_child_measure(BENCH_CHILD_SHARED, linked->plan, batch, 1, &pair);

	if (err)
		t->why = bench_child_reason(err);
	else
		t->figure = pair.floor;
}

static void against_floor(struct linked *linked, enum bench_child child, const char *name,
			  unsigned i, double must, double hope)
{
	struct bench_target *t = add(linked, name, "x", must, hope);
	struct bench_pair pair;
	int err = bench_child_measure(child, linked->plan, batches[i], 1, &pair);

	t->why = err ? bench_child_reason(err) : linked->unjudged[i];
	if (err)
		return;
	t->figure = pair.ratio;
	if (pair.lost > BENCH_LOST_MAX)
		snprintf(t->note, sizeof(t->note), "%.2f ns to %.2f ns; others had %.0f %%",
			 pair.ours, pair.floor, 100 * pair.lost);
	else
		snprintf(t->note, sizeof(t->note), "%.2f ns to %.2f ns", pair.ours, pair.floor);
}

/* Who is held against the floor, and by how much he may exceed it. */
static const struct {
	enum bench_child child;
	struct row_name name;
	double must[NBATCHES], hope[NBATCHES];
} rows[] = {
	{BENCH_CHILD_SHARED,
	 {{"cached pair, 1 thread, shared library, batch 1",
	   "cached pair, 1 thread, shared library, batch 128"}},
	 {2.5, 5},
	 {2, 3}},
	{BENCH_CHILD_STATIC,
	 {{"cached pair, 1 thread, static library, batch 1",
	   "cached pair, 1 thread, static library, batch 128"}},
	 {2, 4},
	 {1.3, 2}},
	{BENCH_CHILD_GLIBC,
	 {{"malloc(64) of glibc, batch 1", "malloc(64) of glibc, batch 128"}},
	 {NAN, NAN},
	 {NAN, NAN}},
	{BENCH_CHILD_JEMALLOC,
	 {{"malloc(64) of jemalloc, batch 1", "malloc(64) of jemalloc, batch 128"}},
	 {NAN, NAN},
	 {NAN, NAN}},
};

static void measure_linked(struct linked *linked)
{
	static const struct row_name floor = {{"floor, batch 1", "floor, batch 128"}};

	for (unsigned i = 0; i < NBATCHES; i++) {
		time_floor(linked, floor.of[i], batches[i]);
		judge_floor(linked, floor.of[i], i);
	}
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
		for (unsigned i = 0; i < NBATCHES; i++)
			against_floor(linked, rows[r].child, rows[r].name.of[i], i, rows[r].must[i],
				      rows[r].hope[i]);
}

static void count_linked(struct linked *linked)
{
	static const struct row_name shared = {
		{"cached pair, shared library, batch 1", "cached pair, shared library, batch 128"}};
	static const struct row_name fixed = {
		{"cached pair, static library, batch 1", "cached pair, static library, batch 128"}};

	for (unsigned i = 0; i < NBATCHES; i++)
		count(linked, BENCH_CHILD_SHARED, shared.of[i], batches[i]);
	for (unsigned i = 0; i < NBATCHES; i++)
		count(linked, BENCH_CHILD_STATIC, fixed.of[i], batches[i]);
}

void bench_iova_linked(const struct bench_plan *plan, struct bench_table *table)
{
	struct linked linked = {.plan = plan, .table = table};

	measure_linked(&linked);
	count_linked(&linked);
}
