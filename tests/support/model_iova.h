/* SPDX-License-Identifier: MIT */
/*
 * model_iova.h - the IOVA allocator, slow and obvious
 *
 * A sorted array of ranges, magazines as plain arrays, no locks, no tree, no memory
 * failures; one call for each rule of spec-iova part 1, with the library's own answers
 * where it leaves the original.  For comparison, operation by operation.
 *
 * Which range a request gets is one of three kinds:
 *
 *   MODEL_LINUX  the one of spec-iova 1.2
 *   MODEL_GAP    the highest free one under the limit
 *   MODEL_ANY    any that is free, aligned and under the limit; none only where none need be
 *                found.  The library is asked first, and its answer judged.
 */
#ifndef DMAPOOL_TEST_MODEL_IOVA_H
#define DMAPOOL_TEST_MODEL_IOVA_H

#include <dmapool/iova.h>

struct model_iova;

enum model_iova_kind { MODEL_LINUX, MODEL_GAP, MODEL_ANY };

struct model_iova_opts {
	enum model_iova_kind kind;
	uint64_t granule, start_pfn;
	unsigned ncpus;
	/* The caches; classes 0: there are none. */
	unsigned magazine_size, classes;
	unsigned depot_limit;       /* 0: any number, and reclaim */
	unsigned reclaim_threshold; /* 0: as many as CPUs are online */
	uint64_t inflight_limit;    /* ranges in all depots together; 0: any number */
	uint64_t sure_last;         /* MODEL_ANY: a place at or below this must be found */
};

/* What the library did; only MODEL_ANY looks at it. */
struct model_iova_answer {
	bool given, flushed;
	uint64_t pfn;
};

struct model_iova *model_iova_create(const struct model_iova_opts *opts);
void model_iova_destroy(struct model_iova *m);

/* Is a range to be given, and which? */
bool model_iova_alloc(struct model_iova *m, uint64_t size, uint64_t limit, bool aligned,
		      const struct model_iova_answer *got, uint64_t *pfn);
bool model_iova_free_pfn(struct model_iova *m, uint64_t pfn, struct dmp_iova_range *removed);
bool model_iova_find(const struct model_iova *m, uint64_t pfn, struct dmp_iova_range *range);
void model_iova_reserve(struct model_iova *m, uint64_t lo, uint64_t hi,
			struct dmp_iova_range *range);

bool model_iova_alloc_fast(struct model_iova *m, unsigned cpu, uint64_t size, uint64_t limit,
			   bool flush, const struct model_iova_answer *got, uint64_t *pfn);
void model_iova_free_fast(struct model_iova *m, unsigned cpu, uint64_t pfn, uint64_t size);
void model_iova_offline(struct model_iova *m, unsigned cpu);
void model_iova_flush(struct model_iova *m);
/* Every pending reclaim, once, with @online CPUs; returns how many ran. */
unsigned model_iova_reclaim(struct model_iova *m, unsigned online, unsigned *nmagazines);

/* Hints and ceiling: MODEL_LINUX only. */
void model_iova_state(const struct model_iova *m, struct dmp_iova_policy_state *state);
/* The @i-th range from below. */
bool model_iova_range(const struct model_iova *m, uint64_t i, struct dmp_iova_range *range);
/* Entries of a magazine of CPU @cpu, and the magazines of a depot. */
unsigned model_iova_count(const struct model_iova *m, unsigned cpu, unsigned order, bool prev);
unsigned model_iova_depot(const struct model_iova *m, unsigned order);
/* Ranges that all searches so far have walked past. */
uint64_t model_iova_steps(const struct model_iova *m);

#endif
