/* SPDX-License-Identifier: MIT */
/*
 * model_iova.h - the IOVA allocator, slow and obvious
 *
 * A sorted array of ranges, magazines as plain arrays, no locks, no tree, no memory
 * failures; one call for each rule of spec-iova part 1, with the library's own answers
 * where it leaves the original.  For comparison, operation by operation.
 */
#ifndef DMAPOOL_TEST_MODEL_IOVA_H
#define DMAPOOL_TEST_MODEL_IOVA_H

#include <dmapool/iova.h>

struct model_iova;

struct model_iova *model_iova_create(uint64_t granule, uint64_t start_pfn, unsigned ncpus);
void model_iova_destroy(struct model_iova *m);

bool model_iova_alloc(struct model_iova *m, uint64_t size, uint64_t limit, bool aligned,
		      uint64_t *pfn);
bool model_iova_free_pfn(struct model_iova *m, uint64_t pfn, struct dmp_iova_range *removed);
void model_iova_reserve(struct model_iova *m, uint64_t lo, uint64_t hi,
			struct dmp_iova_range *range);

bool model_iova_alloc_fast(struct model_iova *m, unsigned cpu, uint64_t size, uint64_t limit,
			   bool flush, uint64_t *pfn);
void model_iova_free_fast(struct model_iova *m, unsigned cpu, uint64_t pfn, uint64_t size);
void model_iova_offline(struct model_iova *m, unsigned cpu);
void model_iova_flush(struct model_iova *m);
/* Every pending reclaim, once; @online is the threshold. */
void model_iova_reclaim(struct model_iova *m, unsigned online);

void model_iova_state(const struct model_iova *m, struct dmp_iova_policy_state *state);
/* The @i-th range from below. */
bool model_iova_range(const struct model_iova *m, uint64_t i, struct dmp_iova_range *range);
/* Entries of a magazine of CPU @cpu, and the magazines of a depot. */
unsigned model_iova_count(const struct model_iova *m, unsigned cpu, unsigned order, bool prev);
unsigned model_iova_depot(const struct model_iova *m, unsigned order);

#endif
