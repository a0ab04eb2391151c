/* SPDX-License-Identifier: MIT */
/*
 * swiotlb_rig.h - a bounce allocator on a test double, for the unit tests of lib/swiotlb
 *
 *   struct swiotlb_rig rig;
 *   swiotlb_rig_up(&rig, 512, 2);        manual mode with 8 CPUs, this thread is CPU 0
 *   phys = swiotlb_rig_map(&rig, &DMP_SWIOTLB_LIMITS(.min_align_mask = 0xfff), RIG_ORIG, 4096);
 *   ...
 *   swiotlb_rig_down(&rig);
 *
 * Originals lie in the double's window above 4 GiB, the pool in the one below.  Teardown
 * walks everything and sees that nothing is mapped and nothing is left.
 */
#ifndef DMAPOOL_TEST_SWIOTLB_RIG_H
#define DMAPOOL_TEST_SWIOTLB_RIG_H

#include "hw_rig.h"
#include "swiotlb_internal.h"

#define RIG_ORIG DOUBLE_PHYS_ANY
#define RIG_POOL DOUBLE_PHYS_DMA32
#define SLOT     DMP_SWIOTLB_SLOT_BYTES

struct swiotlb_rig {
	struct hw_rig hw;
	struct dmp_swiotlb *tlb;
};

static inline void swiotlb_rig_begin(struct swiotlb_rig *rig)
{
	*rig = (struct swiotlb_rig){.tlb = NULL};
	assert_int_equal(dmp_harness_enter(8), 0);
	hw_rig_begin(&rig->hw);
	hw_rig_adopt(&rig->hw, DMP_HW_CHECK);
}

static inline void swiotlb_rig_up_policy(struct swiotlb_rig *rig, uint64_t slots, uint64_t areas,
					 const struct dmp_swiotlb_policy *policy)
{
	struct dmp_swiotlb_opts opts =
		DMP_SWIOTLB_OPTS(.slots = slots, .areas = areas, .policy = policy);

	swiotlb_rig_begin(rig);
	assert_int_equal(dmp_swiotlb_create(rig->hw.hw, &opts, &rig->tlb), 0);
}

static inline void swiotlb_rig_up(struct swiotlb_rig *rig, uint64_t slots, uint64_t areas)
{
	swiotlb_rig_up_policy(rig, slots, areas, NULL);
}

static inline void swiotlb_rig_down(struct swiotlb_rig *rig)
{
	if (rig->tlb) {
		assert_int_equal(dmp_swiotlb_check(rig->tlb), 0);
		assert_int_equal(dmp_swiotlb_destroy(rig->tlb), 0);
	}
	hw_rig_down(&rig->hw);
	assert_int_equal(dmp_harness_leave(), 0);
}

static inline struct dmp_swiotlb_stats swiotlb_rig_stats(struct swiotlb_rig *rig)
{
	struct dmp_swiotlb_stats stats;

	assert_int_equal(dmp_swiotlb_get_stats(rig->tlb, &stats, sizeof(stats)), 0);
	return stats;
}

static inline struct dmp_swiotlb_area_view swiotlb_rig_area(struct swiotlb_rig *rig, uint64_t area)
{
	struct dmp_swiotlb_area_view view;

	assert_int_equal(dmp_swiotlb_inspect_area(rig->tlb, 0, area, &view), 0);
	return view;
}

static inline dmp_phys_t swiotlb_rig_map(struct swiotlb_rig *rig,
					 const struct dmp_swiotlb_limits *limits, dmp_phys_t orig,
					 uint64_t len)
{
	dmp_phys_t phys = 0;

	assert_int_equal(dmp_swiotlb_map(rig->tlb, limits, orig, len, DMP_BIDIRECTIONAL, 0, &phys),
			 0);
	return phys;
}

/* The first slot of a new mapping, padding included. */
static inline uint64_t swiotlb_rig_slot(struct swiotlb_rig *rig,
					const struct dmp_swiotlb_limits *limits, dmp_phys_t orig,
					uint64_t len)
{
	struct dmp_swiotlb_mapping_view m;
	dmp_phys_t phys = swiotlb_rig_map(rig, limits, orig, len);

	assert_int_equal(dmp_swiotlb_inspect_mapping(rig->tlb, phys, &m), 0);
	return m.first;
}

static inline void swiotlb_rig_unmap(struct swiotlb_rig *rig, dmp_phys_t phys)
{
	struct swiotlb_mapping m;

	assert_int_equal(swiotlb_bounce_find(rig->tlb, phys, &m), 0);
	assert_int_equal(dmp_swiotlb_unmap(rig->tlb, phys, m.len, DMP_TO_DEVICE, 0), 0);
}

/* Unmaps whatever is mapped. */
static inline void swiotlb_rig_unmap_all(struct swiotlb_rig *rig)
{
	struct swiotlb_pool *pool = rig->tlb->pools;
	struct swiotlb_mapping m;
	uint64_t slot;

	for (slot = 0; slot < pool->nslots; slot++)
		if (swiotlb_slot_find(pool, slot, &m))
			swiotlb_rig_unmap(rig, m.phys);
}

/* Memory of the double. */
static inline unsigned char *swiotlb_rig_bytes(struct swiotlb_rig *rig, dmp_phys_t phys,
					       uint64_t len)
{
	void *buf = NULL;

	assert_int_equal(hw_phys_to_buf(rig->hw.hw, phys, len, &buf), 0);
	return buf;
}

#endif
