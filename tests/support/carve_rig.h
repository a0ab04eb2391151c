/* SPDX-License-Identifier: MIT */
/*
 * carve_rig.h - an allocator of four blocks on a test double, to carve from
 *
 *   struct swiotlb_rig rig;
 *   carve_rig_up(&rig, 16, NULL);            16 areas of 256 slots, no bytes are copied
 *   phys = carve_rig_occupy(&rig, 1024, 1);  the first slot of block 1 is in use
 *   child = carve_rig_carve(&rig, 2, 1);     blocks 2 and 3, in one area
 *   ...
 *   carve_rig_down(&rig);                    everything has been given back
 */
#ifndef DMAPOOL_TEST_CARVE_RIG_H
#define DMAPOOL_TEST_CARVE_RIG_H

#include "swiotlb_rig.h"

#define BLOCK   SWIOTLB_BLOCK_SLOTS
#define NBLOCKS 4u
#define NSLOTS  (NBLOCKS * BLOCK)

static inline void carve_rig_up(struct swiotlb_rig *rig, uint64_t areas,
				const struct dmp_swiotlb_policy *policy)
{
	swiotlb_rig_begin(rig);
	assert_int_equal(dmp_swiotlb_create(rig->hw.hw,
					    &DMP_SWIOTLB_OPTS(.slots = NSLOTS, .areas = areas,
							      .flags = DMP_SWIOTLB_NO_COPY,
							      .policy = policy),
					    &rig->tlb),
			 0);
}

/* @nslots slots from @slot on, in one segment of the first pool; returns their address. */
static inline dmp_phys_t carve_rig_occupy(struct swiotlb_rig *rig, uint64_t slot, uint64_t nslots)
{
	struct swiotlb_pool *pool = rig->tlb->pools;
	struct swiotlb_request req = {
		.nslots = nslots,
		.bytes = nslots * SLOT,
		.len = nslots * SLOT,
		.period = NSLOTS,
		.residue = (slot + (pool->phys >> SLOT_SHIFT)) & (NSLOTS - 1),
		.stride = 1,
		.boundary_mask = UINT64_MAX,
		.boundary_slots = (UINT64_MAX >> SLOT_SHIFT) + 1,
	};
	struct swiotlb_mapping m;

	assert_true(swiotlb_slot_claim(pool, slot / pool->area_slots, &req, RIG_ORIG, &m));
	assert_int_equal(m.first, slot);
	return m.phys;
}

static inline int carve_rig_try(struct swiotlb_rig *rig, uint64_t nblocks, uint64_t queues,
				struct dmp_swiotlb **child)
{
	return dmp_swiotlb_carve(rig->tlb,
				 &DMP_SWIOTLB_CARVE_OPTS(.bytes = nblocks * DMP_SWIOTLB_BLOCK_BYTES,
							 .queues = queues),
				 child);
}

static inline struct dmp_swiotlb *carve_rig_carve(struct swiotlb_rig *rig, uint64_t nblocks,
						  uint64_t queues)
{
	struct dmp_swiotlb *child = NULL;

	assert_int_equal(carve_rig_try(rig, nblocks, queues, &child), 0);
	assert_int_equal(dmp_swiotlb_check(rig->tlb), 0);
	assert_int_equal(dmp_swiotlb_check(child), 0);
	return child;
}

static inline void carve_rig_return(struct swiotlb_rig *rig, struct dmp_swiotlb *child)
{
	assert_int_equal(dmp_swiotlb_check(child), 0);
	assert_int_equal(dmp_swiotlb_destroy(child), 0);
	assert_int_equal(dmp_swiotlb_check(rig->tlb), 0);
}

/* The block of the parent at which @child begins. */
static inline uint64_t carve_rig_block(struct swiotlb_rig *rig, struct dmp_swiotlb *child)
{
	uint64_t bytes = child->pools->phys - rig->tlb->pools->phys;

	assert_true(dmp_is_aligned(bytes, DMP_SWIOTLB_BLOCK_BYTES));
	return bytes / DMP_SWIOTLB_BLOCK_BYTES;
}

static inline void carve_rig_down(struct swiotlb_rig *rig)
{
	struct dmp_swiotlb_stats stats = swiotlb_rig_stats(rig);

	assert_int_equal(stats.children, 0);
	assert_int_equal(stats.carved, 0);
	swiotlb_rig_unmap_all(rig);
	swiotlb_rig_down(rig);
}

#endif
