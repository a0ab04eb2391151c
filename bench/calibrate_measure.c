// SPDX-License-Identifier: MIT
/*
 * calibrate_measure.c - the costs of this machine that a process can measure
 *
 *   page tables   map and unmap of the simulator's own, one page and a run of them in a call:
 *                 first = one page, next = (a run - one page) / further pages
 *   IOVA          pairs of alloc and free, from the caches and, among 1,000 live ranges, from
 *                 the policy
 *   copy          64 KiB, hot
 *   transfer      an atomic addition to one word: two threads, and one for comparison
 *
 * What is missing needs a device: invalidations and walks cost nothing in this profile.
 *
 * A sample repeats the operation until it has lasted SAMPLE_NS; the median of the samples
 * counts.  Distortions: the second thread of "transfer" may share a core with the first; the
 * page tables are those of one domain on one CPU, their lines hot.
 */
#include "calibrate.h"
#include "bench.h"

#include <dmapool/iommu.h>
#include <dmapool/iova.h>
#include <dmapool/sim.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLE_NS   200000
#define COPY_BYTES  (64u << 10)
#define LIVE_RANGES 1000u
#define LIMIT_PFN   UINT64_C(0xffffffff)
#define BOTH        (DMP_PROT_READ | DMP_PROT_WRITE)

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Does something @n times; a negative errno if it cannot.  Returns what of it took how long. */
typedef int (*measure_fn)(void *of, unsigned n, double *ns);

/* Nanoseconds of one: the median of the samples. */
static int median_of(measure_fn measure, void *of, unsigned samples, double *ns)
{
	double sample[BENCH_SAMPLES_MAX], took = 0;
	unsigned n = 1;
	int err = 0;

	/* How many make a sample; warms up, too. */
	while (!err && took < SAMPLE_NS && n < 1u << 24) {
		n *= 2;
		err = measure(of, n, &took);
	}
	for (unsigned i = 0; !err && i < samples; i++) {
		err = measure(of, n, &took);
		sample[i] = took / n;
	}
	if (!err)
		*ns = bench_median(sample, samples);
	return err;
}

static void add(struct calibrate_costs *costs, const char *name, double ns, const char *how)
{
	costs->cost[costs->n++] = (struct calibrate_cost){name, how, ns > 0 ? ns : 0};
}

/* Page tables. */

struct tables {
	struct dmp_iommu *iommu;
	uint64_t page_bytes, npages;
	bool times_unmap; /* else the map */
};

static int measure_tables(void *of, unsigned n, double *ns)
{
	struct tables *t = of;
	uint64_t len = t->page_bytes * t->npages, unmapped;
	dmp_iova_t at = UINT64_C(1) << 40;
	struct dmp_gather gather;
	int err = 0;

	*ns = 0;
	dmp_gather_init(&gather);
	gather.queued = 1; /* no flush in between */
	for (unsigned i = 0; !err && i < n; i++) {
		double start = now_ns(), middle;

		err = dmp_iommu_map(t->iommu, at, at, len, BOTH);
		middle = now_ns();
		if (!err)
			err = dmp_iommu_unmap_gather(t->iommu, at, len, &gather, &unmapped);
		*ns += t->times_unmap ? now_ns() - middle : middle - start;
	}
	return err ? err : dmp_iommu_sync(t->iommu, &gather);
}

struct table_fields {
	uint64_t page_bytes, run;
	const char *map_first, *map_next, *unmap_first, *unmap_next;
};

static const struct table_fields table_fields[] = {
	{1u << 12, 256, "map_first_4k", "map_next_4k", "unmap_first_4k", "unmap_next_4k"},
	{1u << 21, 256, "map_first_2m", "map_next_2m", "unmap_first_2m", "unmap_next_2m"},
	{1u << 30, 16, "map_first_1g", "map_next_1g", "unmap_first_1g", "unmap_next_1g"},
};

/* What reading the clock twice takes, which each of the times above holds. */
static double clock_ns(void)
{
	double start = now_ns();

	for (unsigned i = 0; i < 1000; i++)
		now_ns();
	return (now_ns() - start) / 1001;
}

static int table_costs(struct dmp_iommu *iommu, const struct table_fields *f, bool unmap,
		       unsigned samples, struct calibrate_costs *costs)
{
	struct tables one = {iommu, f->page_bytes, 1, unmap};
	struct tables run = {iommu, f->page_bytes, f->run, unmap};
	double first, all;
	int err = median_of(measure_tables, &one, samples, &first);

	if (!err)
		err = median_of(measure_tables, &run, samples, &all);
	if (err)
		return err;
	add(costs, unmap ? f->unmap_first : f->map_first, first - clock_ns(),
	    "one page of the simulator's tables, in a call");
	add(costs, unmap ? f->unmap_next : f->map_next, (all - first) / (double)(f->run - 1),
	    "each further page of a run, in the same call");
	return 0;
}

static int measure_page_tables(unsigned samples, struct calibrate_costs *costs)
{
	size_t nsizes = sizeof(table_fields) / sizeof(table_fields[0]);
	struct dmp_iommu *iommu;
	struct dmp_sim *sim;
	int err = dmp_sim_create(NULL, &sim);

	if (err)
		return err;
	err = dmp_iommu_create(dmp_sim_hw(sim), DMP_DOMAIN_TRANSLATED, &iommu);
	if (!err) {
		for (size_t i = 0; !err && i < 2 * nsizes; i++)
			err = table_costs(iommu, &table_fields[i / 2], i % 2, samples, costs);
		dmp_iommu_destroy(iommu);
	}
	dmp_sim_destroy(sim);
	return err;
}

/* IOVA. */

static int measure_cached(void *of, unsigned n, double *ns)
{
	double start = now_ns();
	uint64_t pfn;
	int err = 0;

	for (unsigned i = 0; !err && i < n; i++) {
		err = dmp_iova_alloc(of, 1, LIMIT_PFN, 0, &pfn);
		if (!err)
			err = dmp_iova_free(of, pfn, 1);
	}
	*ns = now_ns() - start;
	return err;
}

static int measure_policy(void *of, unsigned n, double *ns)
{
	double start = now_ns();
	uint64_t pfn;
	int err = 0;

	for (unsigned i = 0; !err && i < n; i++) {
		err = dmp_iova_alloc_uncached(of, 1, LIMIT_PFN, DMP_IOVA_ALIGNED, &pfn);
		if (!err)
			err = dmp_iova_free_pfn(of, pfn, NULL);
	}
	*ns = now_ns() - start;
	return err;
}

static int measure_iova(unsigned samples, struct calibrate_costs *costs)
{
	struct dmp_iova_domain *dom;
	double cached, policy;
	uint64_t pfn;
	int err = dmp_iova_create(&DMP_IOVA_OPTS(.start_pfn = 1), &dom);

	if (err)
		return err;
	for (unsigned i = 0; !err && i < LIVE_RANGES; i++)
		err = dmp_iova_alloc_uncached(dom, 1, LIMIT_PFN, DMP_IOVA_ALIGNED, &pfn);
	if (!err)
		err = median_of(measure_cached, dom, samples, &cached);
	if (!err)
		err = median_of(measure_policy, dom, samples, &policy);
	dmp_iova_destroy(dom);
	if (err)
		return err;
	add(costs, "iova_cached", cached / 2, "half of a pair of calls, from the caches");
	add(costs, "iova_tree", policy / 2, "half of a pair of calls, 1,000 live ranges");
	return 0;
}

/* Copies. */

struct copy {
	unsigned char *from, *to;
};

static int measure_copies(void *of, unsigned n, double *ns)
{
	struct copy *copy = of;
	double start = now_ns();

	for (unsigned i = 0; i < n; i++) {
		memcpy(copy->to, copy->from, COPY_BYTES);
		__asm__ volatile("" : : "r"(copy->to) : "memory"); /* it is really done */
	}
	*ns = now_ns() - start;
	return 0;
}

static int measure_copy(unsigned samples, struct calibrate_costs *costs)
{
	struct copy copy = {calloc(1, COPY_BYTES), calloc(1, COPY_BYTES)};
	double ns;
	int err = copy.from && copy.to ? median_of(measure_copies, &copy, samples, &ns) : -ENOMEM;

	free(copy.from);
	free(copy.to);
	if (!err)
		add(costs, "copy_byte", ns / COPY_BYTES, "memcpy of 64 KiB, hot");
	return err;
}

/* Transfers. */

static uint64_t add_up(struct bench_thread *t, uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++)
		atomic_fetch_add((_Atomic(uint64_t) *)t->shared, 1);
	return rounds;
}

static int measure_transfer(unsigned samples, struct calibrate_costs *costs)
{
	static const struct bench_work work = {.run = add_up};
	struct bench_plan plan = {.samples = samples, .sample_ns = SAMPLE_NS};
	_Atomic(uint64_t) alone = 0, shared = 0;
	struct bench_job jobs[] = {{&work, &alone, 1}, {&work, &shared, 2}};
	struct bench_result results[2];
	int err;

	if (bench_cpus() < 2)
		return 0;
	for (unsigned i = 0; i < 2; i++) { /* not beside each other */
		err = bench_run(&plan, &jobs[i], 1, &results[i]);
		if (err)
			return err;
	}
	add(costs, "queue_transfer",
	    bench_median(results[1].wall, results[1].samples) -
		    bench_median(results[0].wall, results[0].samples),
	    "an atomic addition of two threads to one word, less that of one alone");
	return 0;
}

int calibrate_measure(unsigned samples, struct calibrate_costs *costs)
{
	int err;

	costs->n = 0;
	err = measure_page_tables(samples, costs);
	if (!err)
		err = measure_iova(samples, costs);
	if (!err)
		err = measure_copy(samples, costs);
	return err ? err : measure_transfer(samples, costs);
}
