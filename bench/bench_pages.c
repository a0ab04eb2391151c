// SPDX-License-Identifier: MIT
/*
 * bench_pages.c - threads that map pages and unmap them again
 *
 *   round:   map map map ...        unmap unmap unmap ...       untimed: give tables back
 *            |-- phase 0 --|        |----- phase 1 -----|
 *
 * A round maps ROUND_PAGES pages, a batch a call, and unmaps them by the same calls; both phases
 * are timed, with two looks at the clock for all calls of a phase.  Each thread has addresses of
 * its own in one domain.  An unmap leaves its flush to a gather that is never flushed: what an
 * invalidation costs is another bench's business.
 *
 * Physical addresses are one page ahead of the IOVAs, so that no bigger page ever fits.  A batch
 * that covers a whole table gives it back, and the next round makes it anew.
 *
 * The floor stores as many entries of 8 bytes, one by one since hardware may be reading them,
 * and clears them again.
 */
#include "bench_pages.h"

#include <dmapool/bits.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

const char *const bench_pages_way_names[BENCH_PAGES_WAYS] = {
	[BENCH_PAGES_CALL] = "call",
	[BENCH_PAGES_LIST] = "list",
	[BENCH_PAGES_LOOP] = "loop",
};

/* Of a round: their entries, 16 KiB, stay in the nearest cache. */
#define ROUND_PAGES 2048u
#define STRIDE_MAX  (UINT64_C(1) << 41)

/* Figures. */

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void note_round(struct bench_phases *phases, double start, double mapped, double end,
		       double npages)
{
	if (phases->nrounds == BENCH_ROUNDS_KEPT)
		return;
	phases->round[0][phases->nrounds] = (mapped - start) / npages;
	phases->round[1][phases->nrounds++] = (end - mapped) / npages;
}

/* The run is over: its figures. */
static void note_run(struct bench_phases *phases)
{
	for (unsigned phase = 0; phase < 2 && phases->nrounds; phase++) {
		double *round = phases->round[phase];

		qsort(round, phases->nrounds, sizeof(*round), compare);
		phases->figure[phase][phases->nfigures % BENCH_SAMPLES_MAX] =
			round[phases->nrounds / 2];
	}
	phases->nfigures += phases->nrounds > 0;
	phases->nrounds = 0;
}

/* The latest @samples figures; false: there are not so many. */
static bool latest(const struct bench_phases *phases, bool unmap, unsigned samples, double *figures)
{
	if (phases->nfigures < samples || samples > BENCH_SAMPLES_MAX)
		return false;
	for (unsigned i = 0; i < samples; i++)
		figures[i] =
			phases->figure[unmap][(phases->nfigures - samples + i) % BENCH_SAMPLES_MAX];
	return true;
}

double bench_phases_ns(const struct bench_phases *phases, bool unmap, unsigned samples)
{
	double figures[BENCH_SAMPLES_MAX];

	return latest(phases, unmap, samples, figures) ? bench_median(figures, samples) : NAN;
}

double bench_phases_ratio(const struct bench_phases *a, const struct bench_phases *b, bool unmap,
			  unsigned samples)
{
	double x[BENCH_SAMPLES_MAX], y[BENCH_SAMPLES_MAX];

	return latest(a, unmap, samples, x) && latest(b, unmap, samples, y)
		       ? bench_ratio(x, y, samples)
		       : NAN;
}

/* Tables. */

/* Entries of a page: by the biggest size below that a level has of its own. */
static unsigned entries_of(const struct dmp_sim_format *format, uint64_t page_bytes)
{
	unsigned shift = format->granule_shift, index_bits = format->granule_shift - 3;

	for (unsigned level = 2; level <= format->levels; level++)
		if ((format->leaf_levels & 1u << (level - 1)) && page_bytes >> (shift + index_bits))
			shift += index_bits;
	return (unsigned)(page_bytes >> shift);
}

static int open_tables(struct bench_pages *pages, unsigned nthreads)
{
	const struct bench_pages_case *use = pages->use;
	struct dmp_hw_domain_info info;
	uint64_t round;
	int err = dmp_iommu_create(dmp_sim_hw(pages->sim), DMP_DOMAIN_TRANSLATED, &pages->iommu);

	if (err)
		return err;
	dmp_iommu_info(pages->iommu, &info);
	pages->stride = UINT64_C(1) << dmp_log2_floor(info.aperture_end / (nthreads + 1) + 1);
	if (pages->stride > STRIDE_MAX)
		pages->stride = STRIDE_MAX;
	round = pages->stride / use->page_bytes;
	pages->calls = (unsigned)((round < ROUND_PAGES ? round : ROUND_PAGES) / use->batch);
	if ((info.page_sizes & use->page_bytes) && pages->calls)
		return 0;
	dmp_iommu_destroy(pages->iommu);
	return -EINVAL;
}

int bench_pages_open(struct bench_pages *pages, const struct bench_pages_case *use,
		     unsigned nthreads)
{
	struct dmp_sim_format format;
	int err = dmp_sim_format_find(use->format, &format);

	*pages = (struct bench_pages){.use = use};
	if (!err)
		err = dmp_sim_create(&DMP_SIM_OPTS(.format = use->format), &pages->sim);
	if (err)
		return err;
	pages->entries = entries_of(&format, use->page_bytes);
	err = open_tables(pages, nthreads);
	if (err)
		dmp_sim_destroy(pages->sim);
	return err;
}

void bench_pages_close(struct bench_pages *pages)
{
	dmp_iommu_destroy(pages->iommu);
	dmp_sim_destroy(pages->sim);
}

/* A thread's own. */
struct mapper {
	struct bench_pages *pages;
	dmp_iova_t iova;
	struct bench_phases *phases; /* NULL: not the first */
	struct dmp_gather gather;
	struct dmp_phys_run *runs; /* owned; scattered pages; NULL: none */
};

static int begin(struct bench_thread *t)
{
	struct bench_pages *pages = t->shared;
	struct mapper *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	t->own = m;
	m->pages = pages;
	m->iova = (t->number + 1) * pages->stride;
	m->phases = t->number == 0 ? &pages->first : NULL;
	dmp_gather_init(&m->gather);
	m->gather.queued = 1;
	if (pages->use->way != BENCH_PAGES_CALL) {
		m->runs = calloc(pages->use->batch, sizeof(*m->runs));
		for (unsigned i = 0; m->runs && i < pages->use->batch; i++)
			m->runs[i] = (struct dmp_phys_run){(2 * i + UINT64_C(1)) *
								   pages->use->page_bytes,
							   pages->use->page_bytes};
		return m->runs ? 0 : -ENOMEM;
	}
	return 0;
}

static void end(struct bench_thread *t)
{
	struct mapper *m = t->own;

	if (m)
		free(m->runs);
	free(m);
}

static void note(struct bench_pages *pages, int err)
{
	atomic_store_explicit(&pages->err, err, memory_order_relaxed); /* any of them will do */
}

#define PROT (DMP_PROT_READ | DMP_PROT_WRITE)

static int map_loop(struct mapper *m, uint64_t off)
{
	const struct bench_pages_case *use = m->pages->use;
	int err = 0;

	for (unsigned i = 0; !err && i < use->batch; i++)
		err = dmp_iommu_map(m->pages->iommu, m->iova + off + i * use->page_bytes,
				    m->runs[i].phys, use->page_bytes, PROT);
	return err;
}

static int map_call(struct mapper *m, uint64_t off, uint64_t len)
{
	const struct bench_pages_case *use = m->pages->use;
	dmp_iova_t iova = m->iova + off;

	switch (use->way) {
	case BENCH_PAGES_LIST:
		return dmp_iommu_map_range(m->pages->iommu, iova, m->runs, use->batch, PROT);
	case BENCH_PAGES_LOOP: return map_loop(m, off);
	default: return dmp_iommu_map(m->pages->iommu, iova, off + use->page_bytes, len, PROT);
	}
}

/* False: a call failed. */
static bool run_round(struct mapper *m)
{
	struct bench_pages *pages = m->pages;
	uint64_t len = pages->use->page_bytes * pages->use->batch, unmapped = 0;
	double start = now_ns(), mapped;
	int err = 0;

	for (unsigned i = 0; !err && i < pages->calls; i++)
		err = map_call(m, i * len, len);
	mapped = now_ns();
	for (unsigned i = 0; !err && i < pages->calls; i++)
		err = dmp_iommu_unmap_gather(pages->iommu, m->iova + i * len, len, &m->gather,
					     &unmapped);
	if (m->phases)
		note_round(m->phases, start, mapped, now_ns(),
			   (double)pages->calls * pages->use->batch);
	if (!err && m->gather.tables)
		err = dmp_iommu_sync(pages->iommu, &m->gather);
	m->gather.queued = 1;
	if (!err && unmapped != len)
		err = -EIO;
	if (err)
		note(pages, err);
	return !err;
}

static uint64_t run(struct bench_thread *t, uint64_t rounds)
{
	struct mapper *m = t->own;
	uint64_t done = 0;

	while (done < rounds && run_round(m))
		done++;
	if (m->phases)
		note_run(m->phases);
	return done * m->pages->calls * m->pages->use->batch;
}

const struct bench_work bench_pages_work = {.begin = begin, .run = run, .end = end};

/* The floor. */

int bench_stores_open(struct bench_stores *stores, struct bench_pages *pages)
{
	void *buf;
	int err;

	*stores = (struct bench_stores){
		.count = pages->calls * pages->use->batch * pages->entries,
		.a_page = pages->entries,
	};
	err = dmp_hw_alloc(dmp_sim_hw(pages->sim), stores->count * sizeof(uint64_t), &buf);
	if (!err)
		stores->entries = buf;
	return err;
}

void bench_stores_close(struct bench_stores *stores, struct bench_pages *pages)
{
	dmp_hw_free(dmp_sim_hw(pages->sim), stores->entries, stores->count * sizeof(uint64_t));
}

static inline void store(uint64_t *at, uint64_t entry)
{
	__atomic_store_n(at, entry, __ATOMIC_RELAXED);
}

/* A cache line at a time, written out: compilers do not unroll loops over atomics. */
static void store_all(struct bench_stores *stores, uint64_t entry, uint64_t step)
{
	uint64_t *at = stores->entries, *last = at + stores->count;

	for (; last - at >= 8; at += 8, entry += step) {
		store(&at[0], entry);
		store(&at[1], entry += step);
		store(&at[2], entry += step);
		store(&at[3], entry += step);
		store(&at[4], entry += step);
		store(&at[5], entry += step);
		store(&at[6], entry += step);
		store(&at[7], entry += step);
	}
	for (; at < last; at++, entry += step)
		store(at, entry);
}

static uint64_t run_stores(struct bench_thread *t, uint64_t rounds)
{
	struct bench_stores *stores = t->shared;
	uint64_t npages = stores->count / stores->a_page;

	for (uint64_t r = 0; r < rounds; r++) {
		double start = now_ns(), stored;

		store_all(stores, r, DMP_PAGE_BYTES);
		stored = now_ns();
		store_all(stores, 0, 0);
		note_round(&stores->phases, start, stored, now_ns(), (double)npages);
	}
	note_run(&stores->phases);
	return rounds * npages;
}

const struct bench_work bench_stores_work = {.run = run_stores};
