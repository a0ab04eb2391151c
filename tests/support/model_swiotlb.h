/* SPDX-License-Identifier: MIT */
/*
 * model_swiotlb.h - the bounce allocator, slow and obvious
 *
 * A flag per slot, looked at one after the other; no locks, no bitmaps, no bytes: only where
 * a mapping goes.  One pool, one call for each rule of spec-bounce parts 4, 5 and 7.6, or
 * for what the other policies say instead of 5.1 and 5.4.  For comparison, operation by
 * operation.
 */
#ifndef DMAPOOL_TEST_MODEL_SWIOTLB_H
#define DMAPOOL_TEST_MODEL_SWIOTLB_H

#include <dmapool/swiotlb.h>

struct model_swiotlb;

/* @nslots slots at @phys in @nareas areas; @policy: by its name. */
struct model_swiotlb *model_swiotlb_create(dmp_phys_t phys, uint64_t nslots, uint64_t nareas,
					   const char *policy);
void model_swiotlb_destroy(struct model_swiotlb *m);

/* False: no room. */
bool model_swiotlb_map(struct model_swiotlb *m, uint64_t cpu,
		       const struct dmp_swiotlb_limits *limits, dmp_phys_t orig, uint64_t len,
		       struct dmp_swiotlb_mapping_view *view);
void model_swiotlb_unmap(struct model_swiotlb *m, const struct dmp_swiotlb_mapping_view *view);

uint64_t model_swiotlb_used(const struct model_swiotlb *m);
uint64_t model_swiotlb_high_water(const struct model_swiotlb *m);
bool model_swiotlb_in_use(const struct model_swiotlb *m, uint64_t slot);
struct dmp_swiotlb_area_view model_swiotlb_area(const struct model_swiotlb *m, uint64_t area);

#endif
