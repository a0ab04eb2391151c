// SPDX-License-Identifier: MIT
/*
 * bench_pgtable_targets.c - what the page tables promise: measured, printed, judged
 *
 *   batch     256 pages of 4 KiB in one call against one by one, and against plain stores
 *   single    one page of 4 KiB
 *   big       256 pages of 2 MiB against plain stores
 *   list      256 scattered pages in one list against a loop that maps the same ones
 *   threads   two in one domain against one
 *
 * Both sides of a ratio take turns in one run.  The further entries of a batch are those behind
 * the first: what a call of 256 costs more than a call of 1, by 255.
 */
#include "bench_compare.h"
#include "bench_pages.h"
#include "bench_pgtable.h"
#include "command.h"
#include "progress.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define FORMAT "vtd-48"
#define PAGE   UINT64_C(4096)
#define BIG    (UINT64_C(2) << 20)
#define BATCH  256u

/* Two uses, each in a domain of its own, and the stores of the first. */
struct sides {
	struct bench_pages_case use[2];
	struct bench_pages pages[2];
	struct bench_stores stores;
	struct bench_result results[3];
};

static struct bench_pages_case case_of(uint64_t page, unsigned batch, enum bench_pages_way way)
{
	return (struct bench_pages_case){FORMAT, page, batch, way};
}

/* In turn: the uses, and the floor; 0 or what went wrong. */
static int run_sides(struct sides *s, const struct bench_plan *plan)
{
	const struct bench_job jobs[] = {{&bench_pages_work, &s->pages[0], 1},
					 {&bench_pages_work, &s->pages[1], 1},
					 {&bench_stores_work, &s->stores, 1}};
	int err = bench_stores_open(&s->stores, &s->pages[0]);

	if (err)
		return err;
	err = bench_run(plan, jobs, 3, s->results);
	bench_stores_close(&s->stores, &s->pages[0]);
	for (unsigned i = 0; !err && i < 2; i++)
		err = atomic_load(&s->pages[i].err);
	return err;
}

/* The figures of both uses; false: they could not be measured. */
static bool measure(struct sides *s, const struct bench_plan *plan, struct bench_pages_case a,
		    struct bench_pages_case b)
{
	int err;

	s->use[0] = a;
	s->use[1] = b;
	err = bench_pages_open(&s->pages[0], &s->use[0], 1);
	if (err)
		return false;
	err = bench_pages_open(&s->pages[1], &s->use[1], 1);
	if (!err) {
		err = run_sides(s, plan);
		bench_pages_close(&s->pages[1]);
	}
	bench_pages_close(&s->pages[0]);
	return !err;
}

static double figure(const struct sides *s, unsigned side, bool unmap, unsigned samples)
{
	return bench_phases_ns(&s->pages[side].first, unmap, samples);
}

/* How much faster a page of side 0 is than one of side 1. */
static void add_speed_up(struct bench_table *table, const struct sides *s, bool unmap,
			 unsigned samples, const char *name, double must, double hope)
{
	struct bench_target *t = bench_table_add(table, name, "x", must, hope);

	t->at_least = true;
	if (!s)
		return;
	t->figure = bench_phases_ratio(&s->pages[1].first, &s->pages[0].first, unmap, samples);
	snprintf(t->note, sizeof(t->note), "%.2f ns a page to %.2f ns",
		 figure(s, 0, unmap, samples), figure(s, 1, unmap, samples));
}

/* What each page behind the first of a call costs, against a store. */
static void add_further(struct bench_table *table, const struct sides *s, bool unmap,
			unsigned samples, const char *name)
{
	struct bench_target *t = bench_table_add(table, name, "x", 2, 1.2);
	double further, store;

	if (!s)
		return;
	further = (BATCH * figure(s, 0, unmap, samples) - figure(s, 1, unmap, samples)) /
		  (BATCH - 1);
	store = bench_phases_ns(&s->stores.phases, unmap, samples);
	t->figure = further / store;
	snprintf(t->note, sizeof(t->note), "%.2f ns to %.2f ns", further, store);
}

static void add_single(struct bench_table *table, const struct sides *s, bool unmap,
		       unsigned samples, const char *name)
{
	struct bench_target *t = bench_table_add(table, name, "ns", 150, 60);

	if (s)
		t->figure = figure(s, 1, unmap, samples);
}

static void batches(struct sides *sides, const struct bench_plan *plan, struct bench_table *table)
{
	const struct sides *s = sides;
	unsigned n = plan->samples;

	progress_show("a batch against one by one");
	if (!measure(sides, plan, case_of(PAGE, BATCH, BENCH_PAGES_CALL),
		     case_of(PAGE, 1, BENCH_PAGES_CALL)))
		s = NULL;
	add_speed_up(table, s, false, n, "map of 256 x 4 KiB in one call, to one by one", 4, 8);
	add_speed_up(table, s, true, n, "unmap of 256 x 4 KiB in one call, to one by one", NAN,
		     NAN);
	add_further(table, s, false, n, "map: each further entry of a batch, to a store");
	add_further(table, s, true, n, "unmap: each further entry of a batch, to a store");
	add_single(table, s, false, n, "one 4 KiB map");
	add_single(table, s, true, n, "one 4 KiB unmap");
}

static void big_pages(struct sides *sides, const struct bench_plan *plan, struct bench_table *table)
{
	const struct sides *s = sides;

	progress_show("pages of 2 MiB");
	if (!measure(sides, plan, case_of(BIG, BATCH, BENCH_PAGES_CALL),
		     case_of(BIG, 1, BENCH_PAGES_CALL)))
		s = NULL;
	add_further(table, s, false, plan->samples, "map: each further 2 MiB page, to a store");
	add_further(table, s, true, plan->samples, "unmap: each further 2 MiB page, to a store");
}

static void lists(struct sides *sides, const struct bench_plan *plan, struct bench_table *table)
{
	const struct sides *s = sides;

	progress_show("a list against a loop");
	if (!measure(sides, plan, case_of(PAGE, BATCH, BENCH_PAGES_LIST),
		     case_of(PAGE, BATCH, BENCH_PAGES_LOOP)))
		s = NULL;
	add_speed_up(table, s, false, plan->samples,
		     "map_range of 256 scattered pages, to a loop of maps", NAN, NAN);
}

/* Two threads in one domain against one in another. */
static void threads(struct bench_compare *c, struct sides *s)
{
	const struct bench_pages_case use = case_of(PAGE, 1, BENCH_PAGES_CALL);
	const struct bench_job jobs[] = {{&bench_pages_work, &s->pages[0], 2},
					 {&bench_pages_work, &s->pages[1], 1}};

	c->done = false;
	if (bench_pages_open(&s->pages[0], &use, 2) == 0) {
		if (bench_pages_open(&s->pages[1], &use, 1) == 0) {
			bench_compare_run(c, "2 threads", jobs);
			if (atomic_load(&s->pages[0].err) || atomic_load(&s->pages[1].err))
				c->done = false;
			bench_pages_close(&s->pages[1]);
		}
		bench_pages_close(&s->pages[0]);
	}
	bench_compare_cpu(c, "map and unmap, 2 threads in a domain: CPU time to 1", 1.3, 1.05);
	bench_compare_rate(c, "map and unmap, 2 threads in a domain: throughput to 1", 1.5, NAN);
}

static void fill_table(const struct bench_plan *plan, struct bench_table *table,
		       struct sides *sides)
{
	static struct bench_compare c;

	batches(sides, plan, table);
	big_pages(sides, plan, table);
	lists(sides, plan, table);
	c = (struct bench_compare){.plan = *plan, .table = table};
	threads(&c, sides);
	progress_clear();
}

int bench_pgtable_targets(const struct bench_plan *plan, struct json_file *json)
{
	struct bench_table *table;
	struct sides *sides;
	int status;

	if (bench_cpus() < 2)
		return complain("the targets need 2 CPUs, and this process may use one");
	table = calloc(1, sizeof(*table));
	sides = calloc(1, sizeof(*sides));
	if (table && sides) {
		fill_table(plan, table, sides);
		status = bench_table_print(stdout, table, json);
	} else {
		status = complain("no memory for the figures");
	}
	free(sides);
	free(table);
	return status;
}
