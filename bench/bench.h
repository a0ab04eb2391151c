/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what the parts of `dmapool bench` share
 *
 *   bench.c           the sub-commands
 *   bench_line.c      a command line: texts, lists, numbers
 *   bench_crew.c      threads that do one thing over and over, sample after sample
 *   bench_sample.c    medians and ratios of samples, and how long one should be
 *   bench_loop.h      the loop around whatever takes and gives back
 *   bench_floor.c     what nothing can be faster than: an array, a ring; bench_rings.c: memcpy
 *   bench_row.c       a case beside its floor: its figures in a table and in JSON
 *   bench_child.c     the same measured by another program: linked otherwise, or counted
 *   bench_target.c    a table of bounds, and who keeps them
 *   bench_compare.c   two jobs side by side, as rows of such a table
 *
 *   bench_iova.c      `bench iova`: options
 *   bench_sweep.c     every combination of them
 *   bench_range.c     the patterns of use of an address space; bench_side.c: two of them
 *   bench_iova_targets.c   its bounds: its rows in bench_iova_linked.c, _ratios.c
 *   bench_iova_growth.c    others: what live ranges cost
 *
 *   bench_swiotlb.c   `bench swiotlb`: options
 *   bench_bounce_sweep.c   every combination of them; bench_malloc.c: malloc instead
 *   bench_bounce.c    threads that bounce buffers
 *   bench_fill.c      slots that are in use meanwhile
 *   bench_swiotlb_targets.c   its bounds
 *   bench_pgtable.c   `bench pgtable`: options, every combination; its table in _targets.c
 *   bench_pages.c     pages that are mapped and unmapped, and the plain stores beside them
 *   bench_map.c       `bench map`: options; its parts in bench_map.h
 *   bench_latency.c   how long calls took; bench_mix.c: sizes by weight; bench_node.c: NUMA
 *
 * A pair is one allocation and the free of it, or one map and its unmap.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define BENCH_SAMPLES_MAX 101u
#define BENCH_THREADS_MAX 1024u
#define BENCH_BATCH_MAX   1024u

/* ---- bench_crew.c ---- */

struct bench_thread {
	unsigned number; /* from 0 */
	unsigned nthreads;
	void *shared;    /* of the job */
	void *own;       /* what begin() leaves for run() and end() */
	uint64_t random; /* a seed of its own */
};

/* What the threads of a job do, each on its thread. */
struct bench_work {
	int (*begin)(struct bench_thread *t); /* before the first sample; NULL: nothing */
	/* Returns the pairs that this thread has brought to their end; 0 in all: it failed. */
	uint64_t (*run)(struct bench_thread *t, uint64_t rounds);
	void (*end)(struct bench_thread *t); /* last, also after a failed begin(); NULL: nothing */
};

struct bench_job {
	const struct bench_work *work;
	void *shared;
	unsigned nthreads;
};

struct bench_plan {
	unsigned samples;   /* 1 .. BENCH_SAMPLES_MAX */
	uint64_t sample_ns; /* a sample lasts about as long, on CPUs of its own */
	uint64_t
		rounds; /* exactly so many in one sample, unmeasured before; 0: as sample_ns says */
};

/* Nanoseconds a pair: of each sample. */
struct bench_result {
	unsigned samples, nthreads;
	uint64_t rounds, pairs;         /* of one sample */
	double cpu[BENCH_SAMPLES_MAX];  /* CPU time of all threads / pairs */
	double wall[BENCH_SAMPLES_MAX]; /* first start to last end / pairs */
	double lost[BENCH_SAMPLES_MAX]; /* share of the threads' time in which they could have run
					 * and another had the CPU */
};

/**
 * bench_run() - measure jobs side by side
 * @results: one a job
 *
 * The threads of all jobs are made first and pinned, a thread a CPU in turn.  Each job finds out
 * how many rounds a sample needs, which warms it up; then comes the first sample of each job, the
 * second of each, and so on, so that jobs can be compared sample by sample.
 *
 * If others took more than BENCH_LOST_MAX of the CPUs from a job, this sample of all jobs is
 * taken again, until three times as many were taken as are asked for.  Not with exact rounds.
 *
 * Returns: 0; a negative errno: a thread could not be made, a job could not begin, or -EIO: one
 * has not done a pair.
 */
int bench_run(const struct bench_plan *plan, const struct bench_job *jobs, unsigned njobs,
	      struct bench_result *results);

/* How many CPUs this process may use. */
unsigned bench_cpus(void);

/* ---- bench_sample.c ---- */

/* Each reorders nothing; NAN: no samples. */
double bench_median(const double *samples, unsigned n);
/* Median of a[i] / b[i]. */
double bench_ratio(const double *a, const double *b, unsigned n);
/* Half of the distance between the quartiles, as a share of the median. */
double bench_spread(const double *samples, unsigned n);
/* CPUs that were really busy: median of CPU time / time. */
double bench_cores(const struct bench_result *result);

/* A sample that others took more of the CPUs from is worth repeating. */
#define BENCH_LOST_MAX 0.05

/* The share of its CPUs that others had, a median; 0 if its threads had to share @ncpus CPUs
 * themselves, since who had them then cannot be told. */
double bench_lost(const struct bench_result *result, unsigned ncpus);
/* Is the sample number `samples` of one of @results spoiled? */
bool bench_is_spoiled(const struct bench_result *results, unsigned n, unsigned ncpus);

#define BENCH_ROUNDS_MAX (UINT64_C(1) << 40)

/* How many rounds to try next after @rounds of them took @took_ns; @rounds: they do, for samples
 * of about @sample_ns. */
uint64_t bench_more_rounds(uint64_t rounds, uint64_t took_ns, uint64_t sample_ns);

/* ---- bench_floor.c ---- */

/* Batches taken from a thread's own array and put back; shared: unsigned, the batch. */
extern const struct bench_work bench_floor;
/* Numbers from one thread to another through a ring; shared: struct bench_ring. */
extern const struct bench_work bench_ring_alone;

#endif
