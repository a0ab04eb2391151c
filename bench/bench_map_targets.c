// SPDX-License-Identifier: MIT
/*
 * bench_map_targets.c - what map and unmap promise: measured, printed, judged
 *
 *   threads   two that map in one domain against one: lazy, and strict, on a machine that
 *             costs nothing
 *   profiles  simulated ns of a call as published for the machine that a profile stands for
 *
 * Both sides of a ratio take turns in one run.  Simulated costs are counted, not measured: a few
 * rounds say all, and they are the same on every machine.  How far they may be off is what the
 * fitted curves are allowed, docs/sim-costs.md 2.
 */
#include "bench_compare.h"
#include "bench_map.h"
#include "command.h"
#include "progress.h"

#include <dmapool/bits.h>

#include <math.h>
#include <stdlib.h>

#define ROUNDS 64u

static struct bench_map_case case_of(enum bench_map_policy flush, uint64_t bytes)
{
	return (struct bench_map_case){.route = BENCH_MAP_IOMMU,
				       .flush = flush,
				       .dir = DMP_BIDIRECTIONAL,
				       .mask_bits = 32,
				       .mix = bench_mix_of(bytes),
				       .batch = 1};
}

/* Two threads in one domain against one in another; @queues of the machine. */
static void compare(struct bench_compare *c, enum bench_map_policy flush, unsigned queues)
{
	struct bench_map_case use = case_of(flush, DMP_PAGE_BYTES);
	static struct bench_map sides[2];
	const struct bench_job jobs[] = {{&bench_map_pairs, &sides[0], 2},
					 {&bench_map_pairs, &sides[1], 1}};

	use.queues = queues;
	c->done = false;
	if (bench_map_open(&sides[0], &use, 2))
		return;
	if (bench_map_open(&sides[1], &use, 1) == 0) {
		bench_compare_run(c, bench_map_flush_names[flush], jobs);
		if (atomic_load(&sides[0].err) || atomic_load(&sides[1].err))
			c->done = false;
		bench_map_close(&sides[1]);
	}
	bench_map_close(&sides[0]);
}

static void threads(struct bench_compare *c)
{
	compare(c, BENCH_MAP_LAZY, 1);
	bench_compare_cpu(c, "lazy, 2 threads in a domain: CPU time to 1", 1.3, 1.05);
	bench_compare_rate(c, "lazy, 2 threads in a domain: throughput to 1", 1.5, NAN);
	compare(c, BENCH_MAP_STRICT, 1);
	bench_compare_cpu(c, "strict, 2 threads in a domain: CPU time to 1", 1.3, 1.05);
	bench_compare_rate(c, "strict, 2 threads in a domain: throughput to 1", 1.5, NAN);
	compare(c, BENCH_MAP_STRICT, 2);
	bench_compare_cpu(c, "strict, 2 threads, a queue each: CPU time to 1", NAN, NAN);
	bench_compare_rate(c, "strict, 2 threads, a queue each: throughput to 1", NAN, NAN);
}

/* What is published of a machine. */
struct published {
	const char *name, *profile;
	uint64_t bytes;
	double map_ns, unmap_ns; /* NAN: nothing is */
	bool flush;              /* the unmap's figure holds its invalidation */
};

#define KIB(n) (UINT64_C(1024) * (n))

static const struct published published[] = {
	{"VT-d, 4 KiB", "vtd-modern", KIB(4), 53, 67, false},
	{"VT-d, 2 MiB", "vtd-modern", KIB(2048), 59, 64, false},
	{"VT-d, 256 x 4 KiB in one call", "vtd-modern", KIB(1024), 384, 216, false},
	{"AMD v1, 4 KiB", "amd-v1", KIB(4), 65, 76, false},
	{"AMD v1, 64 KiB", "amd-v1", KIB(64), 89, NAN, false},
	{"AMD v1, 1 MiB", "amd-v1", KIB(1024), 444, NAN, false},
	{"AMD v1, 2 MiB", "amd-v1", KIB(2048), 60, NAN, false},
	{"SMMUv3, 4 KiB, flush included", "smmuv3-1queue", KIB(4), NAN, 1956, true},
	{"trapped, 4 KiB, flush included", "viommu-trapped", KIB(4), NAN, 35700, true},
};

#define NPUBLISHED (sizeof(published) / sizeof(published[0]))

/* Costs of a pair, or false. */
static bool count(const struct published *p, double ns[BENCH_MAP_PHASES])
{
	static struct bench_map map;
	static struct bench_result result;
	const struct bench_plan plan = {.samples = 1, .rounds = ROUNDS};
	const struct bench_job job = {&bench_map_pairs, &map, 1};
	struct bench_map_case use = case_of(BENCH_MAP_STRICT, p->bytes);
	struct bench_map_books before;
	int err;

	use.profile = p->profile;
	if (bench_map_open(&map, &use, 1))
		return false;
	bench_map_look(&map, &before);
	err = bench_run(&plan, &job, 1, &result);
	err = atomic_load(&map.err) ? atomic_load(&map.err) : err;
	bench_map_costs(&map, &before, ns);
	bench_map_close(&map);
	return !err;
}

/* How far @ours is from @theirs. */
static void add(struct bench_table *table, const char *name, bool done, double ours, double theirs)
{
	struct bench_target *t;

	if (isnan(theirs))
		return;
	t = bench_table_add(table, name, "%", 15, 1);
	if (!done)
		return;
	t->figure = fabs(ours / theirs - 1) * 100;
	snprintf(t->note, sizeof(t->note), "simulated %.1f ns, published %.0f ns", ours, theirs);
}

static void profiles(struct bench_table *table)
{
	static char names[NPUBLISHED][2][64];

	for (unsigned i = 0; i < NPUBLISHED; i++) {
		const struct published *p = &published[i];
		double ns[BENCH_MAP_PHASES] = {0};
		bool done = count(p, ns);

		snprintf(names[i][0], sizeof(names[i][0]), "map, %s: off by", p->name);
		snprintf(names[i][1], sizeof(names[i][1]), "unmap, %s: off by", p->name);
		add(table, names[i][0], done, ns[BENCH_MAP_TABLES], p->map_ns);
		add(table, names[i][1], done,
		    ns[BENCH_MAP_CLEAR] + (p->flush ? ns[BENCH_MAP_INVALIDATE] : 0), p->unmap_ns);
	}
}

int bench_map_targets(const struct bench_plan *plan, struct json_file *json)
{
	static struct bench_compare c;
	struct bench_table *table;
	int status;

	if (bench_cpus() < 2)
		return complain("the targets need 2 CPUs, and this process may use one");
	table = calloc(1, sizeof(*table));
	if (!table)
		return complain("no memory for the figures");
	c = (struct bench_compare){.plan = *plan, .table = table};
	threads(&c);
	profiles(table);
	progress_clear();
	status = bench_table_print(stdout, table, json);
	free(table);
	return status;
}
