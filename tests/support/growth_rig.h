/* SPDX-License-Identifier: MIT */
/*
 * growth_rig.h - a bounce allocator that grows, full, on a test double
 *
 *   struct swiotlb_rig rig;
 *   growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));   GROWS is added; all slots are in use
 *   phys = growth_rig_map(&rig, NULL, 4096);                a transient pool
 *   growth_rig_work(&rig, 1);                               the worker makes a pool
 *   ...
 *   growth_rig_down(&rig);                                  unmaps what is left
 *
 * Originals lie in the double's lowest window, so that pools may have the two others from
 * their start on.
 */
#ifndef DMAPOOL_TEST_GROWTH_RIG_H
#define DMAPOOL_TEST_GROWTH_RIG_H

#include "swiotlb_rig.h"

#define GROWTH_ORIG  DOUBLE_PHYS_DMA
#define GROWTH_FIRST DOUBLE_PHYS_DMA32 /* the first pool */
#define GROWTH_NEXT  DOUBLE_PHYS_ANY   /* a transient pool without a limit */

/* Unmaps whatever is mapped, in the pools of one list. */
static inline void growth_rig_empty(struct swiotlb_rig *rig, swiotlb_pool_link *list)
{
	struct swiotlb_pool *pool = load_acquire(list), *next;
	struct swiotlb_mapping m;
	uint64_t slot, nslots;

	for (; pool; pool = next) {
		next = load_acquire(&pool->next);
		nslots = pool->nslots; /* a transient pool may go with its mapping */
		for (slot = 0; slot < nslots; slot++) {
			if (!swiotlb_slot_find(pool, slot, &m))
				continue;
			slot = m.first + m.nslots - 1;
			swiotlb_rig_unmap(rig, m.phys);
		}
	}
}

static inline dmp_phys_t growth_rig_map(struct swiotlb_rig *rig,
					const struct dmp_swiotlb_limits *limits, uint64_t len)
{
	return swiotlb_rig_map(rig, limits, GROWTH_ORIG, len);
}

static inline int growth_rig_try(struct swiotlb_rig *rig, const struct dmp_swiotlb_limits *limits,
				 uint64_t len)
{
	dmp_phys_t phys = 0xdead;
	int err = dmp_swiotlb_map(rig->tlb, limits, GROWTH_ORIG, len, DMP_TO_DEVICE, 0, &phys);

	if (err)
		assert_int_equal(phys, 0xdead);
	return err;
}

/* Without a request that asks for growth. */
static inline void growth_rig_fill(struct swiotlb_rig *rig)
{
	struct dmp_swiotlb_stats stats;

	for (;;) {
		stats = swiotlb_rig_stats(rig);
		if (stats.used - stats.transient == stats.slots)
			return;
		growth_rig_map(rig, NULL, SLOT);
	}
}

static inline void growth_rig_up(struct swiotlb_rig *rig, const struct dmp_swiotlb_opts *given)
{
	struct dmp_swiotlb_opts opts = *given;

	opts.flags |= DMP_SWIOTLB_GROWS;
	opts.areas = opts.areas ? opts.areas : 1;
	swiotlb_rig_begin(rig);
	assert_int_equal(dmp_swiotlb_create(rig->hw.hw, &opts, &rig->tlb), 0);
	growth_rig_fill(rig);
	double_clear(rig->hw.d);
}

/* The worker does @n things. */
static inline void growth_rig_work(struct swiotlb_rig *rig, uint64_t n)
{
	(void)rig;
	assert_int_equal(dmp_harness_run_pending(), n);
}

static inline struct dmp_swiotlb_pool_view growth_rig_pool(struct swiotlb_rig *rig, unsigned number)
{
	struct dmp_swiotlb_pool_view view;

	assert_int_equal(dmp_swiotlb_inspect_pool(rig->tlb, number, &view), 0);
	return view;
}

/* The number of the pool that has @phys. */
static inline unsigned growth_rig_pool_of(struct swiotlb_rig *rig, dmp_phys_t phys)
{
	struct dmp_swiotlb_mapping_view m;

	assert_int_equal(dmp_swiotlb_inspect_mapping(rig->tlb, phys, &m), 0);
	return m.pool;
}

static inline void growth_rig_down(struct swiotlb_rig *rig)
{
	assert_int_equal(dmp_swiotlb_check(rig->tlb), 0);
	growth_rig_empty(rig, &rig->tlb->pools);
	growth_rig_empty(rig, &rig->tlb->transients);
	swiotlb_rig_down(rig);
}

#endif
