// SPDX-License-Identifier: MIT
/*
 * bench_map_crew.c - threads that write, map, wait and unmap
 *
 *    batch:   write, map   write, map   ...   transfer   unmap   unmap   ...   commit
 *                    |-|          |-|                    |---|   |---|         |----|   timed
 *
 * The loop of the kernel's map_benchmark, which has batches of 1: the buffer is written if the
 * device will read it, mapped, given to the device for a while, and unmapped.  A domain that is
 * told when to flush is told once a batch.  What a call took is
 * the difference of two looks at the clock less what two looks one after the other differ by.
 *
 * A thread keeps its figures to itself and adds them to all others' when it ends.  Its first run
 * is before the first sample, and warms it up: its calls are not among the figures.
 *
 * A round is a batch; with a slice of time it is as many batches as fit, so that a sample of n
 * rounds ends n slices after the thread's start, whatever a batch takes.
 */
#include "bench_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FILLER        0x66
#define CLOCK_SAMPLES 1001u

struct mapper {
	struct bench_map *map;
	struct dmp_device *device;
	const struct bench_map_case *use;
	struct dmp_domain *commit; /* the domain, if it is told when to flush */
	unsigned nbufs, entries;   /* of all lists, of each: 1 if there are none */
	char *memory;              /* owned; own_bytes */
	struct dmp_sg *sg;         /* owned; a buffer each, of lists one behind the other */
	size_t *nmapped;           /* owned; of each list */
	uint64_t random;
	uint64_t pairs;
	bool warm; /* it has run */
	struct bench_latency maps, unmaps, commits;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t bench_map_clock_ns(void)
{
	uint64_t took[CLOCK_SAMPLES];

	for (unsigned i = 0; i < CLOCK_SAMPLES; i++) {
		uint64_t start = now_ns();

		took[i] = now_ns() - start;
	}
	qsort(took, CLOCK_SAMPLES, sizeof(*took), compare);
	return took[CLOCK_SAMPLES / 2];
}

static void note_err(struct mapper *m, int err)
{
	atomic_store_explicit(&m->map->err, err, memory_order_relaxed); /* any of them will do */
}

/* A map of list or buffer @i, and its unmap. */
static int map_one(struct mapper *m, unsigned i)
{
	struct dmp_sg *sg = &m->sg[i * m->entries];

	if (m->use->entries)
		return dmp_dma_map_sg(m->device, sg, m->entries, m->use->dir, DMP_ATTR_NO_WARN,
				      &m->nmapped[i]);
	return dmp_dma_map(m->device, sg->buf, sg->len, m->use->dir, DMP_ATTR_NO_WARN, &sg->addr);
}

static int unmap_one(struct mapper *m, unsigned i)
{
	struct dmp_sg *sg = &m->sg[i * m->entries];

	if (m->use->entries)
		return dmp_dma_unmap_sg(m->device, sg, m->entries, m->use->dir, 0);
	return dmp_dma_unmap(m->device, sg->addr, sg->len, m->use->dir, 0);
}

/* The bytes that the device is to read, and how many they are this time. */
static void prepare(struct mapper *m, unsigned i)
{
	struct dmp_sg *sg = &m->sg[i * m->entries];

	for (unsigned k = 0; k < m->entries; k++) {
		sg[k].len = bench_mix_pick(&m->use->mix, &m->random);
		if (m->use->dir != DMP_FROM_DEVICE)
			memset(sg[k].buf, FILLER, sg[k].len);
	}
}

static void note(struct mapper *m, struct bench_latency *l, uint64_t start, uint64_t end)
{
	uint64_t took = end - start;

	if (m->warm)
		bench_latency_add(l, took > m->map->clock_ns ? took - m->map->clock_ns : 0);
}

static void transfer(uint64_t ns)
{
	uint64_t end = ns ? now_ns() + ns : 0;

	while (ns && now_ns() < end)
		;
}

static inline __attribute__((always_inline)) int map_batch(struct mapper *m, bool timed,
							   unsigned *mapped)
{
	uint64_t start = 0;
	int err = 0;

	for (*mapped = 0; !err && *mapped < m->use->batch; *mapped += !err) {
		if (timed) {
			prepare(m, *mapped);
			start = now_ns();
		}
		err = map_one(m, *mapped);
		if (timed)
			note(m, &m->maps, start, now_ns());
	}
	return err;
}

static inline __attribute__((always_inline)) int unmap_batch(struct mapper *m, bool timed,
							     unsigned mapped)
{
	uint64_t start = 0;
	int first = 0;

	for (unsigned i = 0; i < mapped; i++) {
		int err;

		if (timed)
			start = now_ns();
		err = unmap_one(m, i);
		if (timed)
			note(m, &m->unmaps, start, now_ns());
		first = first ? first : err;
	}
	return first;
}

/* For policies that are told when to flush: once a batch. */
static inline __attribute__((always_inline)) int commit_batch(struct mapper *m, bool timed)
{
	uint64_t start = timed ? now_ns() : 0;
	int err = dmp_domain_commit(m->commit);

	if (timed)
		note(m, &m->commits, start, now_ns());
	return err;
}

/* False: a request failed. */
static inline __attribute__((always_inline)) bool run_batch(struct mapper *m, bool timed)
{
	unsigned mapped;
	int err = map_batch(m, timed, &mapped), unmap_err;

	if (timed)
		transfer(m->use->transfer_ns);
	unmap_err = unmap_batch(m, timed, mapped);
	err = err ? err : unmap_err;
	if (!err && m->commit)
		err = commit_batch(m, timed);
	if (err)
		note_err(m, err);
	return !err;
}

static uint64_t run_calls(struct bench_thread *t, uint64_t rounds)
{
	struct mapper *m = t->own;
	uint64_t slice = m->map->slice_ns, end = slice ? now_ns() + rounds * slice : 0, done = 0;

	do {
		if (!run_batch(m, true))
			break;
		done++;
	} while (slice ? now_ns() < end : done < rounds);
	m->warm = true;
	m->pairs += done * m->use->batch;
	return done * m->use->batch;
}

static uint64_t run_pairs(struct bench_thread *t, uint64_t rounds)
{
	struct mapper *m = t->own;
	uint64_t done = 0;

	while (done < rounds && run_batch(m, false))
		done++;
	m->pairs += done * m->use->batch;
	return done * m->use->batch;
}

static int make(struct mapper *m)
{
	void *memory;
	int err;

	m->sg = calloc(m->nbufs, sizeof(*m->sg));
	m->nmapped = calloc(m->use->batch, sizeof(*m->nmapped));
	if (!m->sg || !m->nmapped)
		return -ENOMEM;
	err = dmp_hw_alloc(dmp_sim_hw(m->map->sim), m->map->own_bytes, &memory);
	if (err)
		return err;
	m->memory = memory;
	/* A page that nobody has written to is the one page of zeros. */
	memset(m->memory, FILLER, m->map->own_bytes);
	for (unsigned i = 0; i < m->nbufs; i++)
		m->sg[i] = (struct dmp_sg){.buf = m->memory + i * m->map->stride,
					   .len = bench_mix_pick(&m->use->mix, &m->random)};
	return 0;
}

static int begin(struct bench_thread *t)
{
	struct bench_map *map = t->shared;
	struct mapper *m = calloc(1, sizeof(*m));

	t->own = m;
	if (!m)
		return -ENOMEM;
	m->map = map;
	m->device = map->device;
	m->use = map->use;
	m->commit = bench_map_flushes[map->use->flush].commits ? map->domain : NULL;
	m->random = t->random;
	m->entries = map->use->entries ? map->use->entries : 1;
	m->nbufs = map->use->batch * m->entries;
	return make(m);
}

static void end(struct bench_thread *t)
{
	struct mapper *m = t->own;

	if (!m)
		return;
	pthread_mutex_lock(&m->map->lock);
	bench_latency_merge(&m->map->map, &m->maps);
	bench_latency_merge(&m->map->unmap, &m->unmaps);
	bench_latency_merge(&m->map->commit, &m->commits);
	m->map->pairs += m->pairs;
	pthread_mutex_unlock(&m->map->lock);
	if (m->memory)
		dmp_hw_free(dmp_sim_hw(m->map->sim), m->memory, m->map->own_bytes);
	free(m->nmapped);
	free(m->sg);
	free(m);
}

const struct bench_work bench_map_calls = {.begin = begin, .run = run_calls, .end = end};
const struct bench_work bench_map_pairs = {.begin = begin, .run = run_pairs, .end = end};
