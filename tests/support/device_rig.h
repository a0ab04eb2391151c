/* SPDX-License-Identifier: MIT */
/*
 * device_rig.h - a device on a test double, direct or translated, with slots to bounce through
 * or without, for the unit tests of lib/dma
 */
#ifndef DMAPOOL_TEST_DEVICE_RIG_H
#define DMAPOOL_TEST_DEVICE_RIG_H

#include "double_rig.h"

#include <dmapool/dma.h>

struct device_rig {
	struct rig rig;
	struct dmp_device *dev;
	struct dmp_swiotlb *tlb; /* NULL: nothing bounces */
};

/* The device on a machine that has been adopted, attached if that has a domain. */
static inline void device_rig_add(struct device_rig *r, const struct dmp_device_opts *opts)
{
	r->tlb = NULL;
	assert_int_equal(dmp_device_create(r->rig.hw, opts, &r->dev), 0);
	if (r->rig.dom)
		assert_int_equal(dmp_device_attach(r->dev, r->rig.dom), 0);
}

static inline void device_rig_up(struct device_rig *r, bool translated,
				 const struct dmp_device_opts *opts)
{
	rig_begin(&r->rig);
	if (translated)
		rig_domain(&r->rig);
	else
		rig_adopt(&r->rig);
	device_rig_add(r, opts);
}

/* The same with SLOTS slots in one area, below 4 GiB; what lay there before is 0xa5. */
#define SLOTS 512u

static inline void device_rig_add_bouncing(struct device_rig *r, struct dmp_device_opts opts)
{
	struct dmp_swiotlb *tlb;
	struct dmp_swiotlb_pool_view pool;
	void *mem = NULL;

	assert_int_equal(
		dmp_swiotlb_create(r->rig.hw, &DMP_SWIOTLB_OPTS(.slots = SLOTS, .areas = 1), &tlb),
		0);
	assert_int_equal(dmp_swiotlb_inspect_pool(tlb, 0, &pool), 0);
	assert_int_equal(r->rig.d->ops.phys_to_buf(r->rig.d, pool.phys,
						   SLOTS * DMP_SWIOTLB_SLOT_BYTES, &mem),
			 0);
	memset(mem, 0xa5, SLOTS * DMP_SWIOTLB_SLOT_BYTES);
	opts.swiotlb = tlb;
	device_rig_add(r, &opts);
	r->tlb = tlb;
	double_clear(r->rig.d);
}

static inline void device_rig_up_bouncing(struct device_rig *r, bool translated,
					  struct dmp_device_opts opts)
{
	rig_begin(&r->rig);
	if (translated)
		rig_domain(&r->rig);
	else
		rig_adopt(&r->rig);
	device_rig_add_bouncing(r, opts);
}

static inline uint64_t slots_in_use(struct device_rig *r)
{
	struct dmp_swiotlb_stats stats;

	assert_int_equal(dmp_swiotlb_get_stats(r->tlb, &stats, sizeof(stats)), 0);
	return stats.used;
}

/* What the device sees behind @addr. */
static inline unsigned char *device_view(struct device_rig *r, dmp_addr_t addr)
{
	dmp_phys_t phys = r->rig.dom ? rig_phys_at(&r->rig, addr) : addr;
	void *mem = NULL;

	assert_int_equal(r->rig.d->ops.phys_to_buf(r->rig.d, phys, 1, &mem), 0);
	return mem;
}

static inline struct dmp_device_stats device_stats(struct device_rig *r)
{
	struct dmp_device_stats stats;

	assert_int_equal(dmp_device_get_stats(r->dev, &stats, sizeof(stats)), 0);
	return stats;
}

static inline void device_rig_down(struct device_rig *r)
{
	struct dmp_device_stats stats = device_stats(r);

	assert_int_equal(stats.live_maps, 0);
	assert_int_equal(stats.live_coherent, 0);
	assert_int_equal(double_exposed_bytes(r->rig.d, dmp_device_id(r->dev)), 0);
	if (r->rig.dom)
		assert_int_equal(dmp_device_detach(r->dev), 0);
	assert_int_equal(dmp_device_destroy(r->dev), 0);
	if (r->tlb) {
		assert_int_equal(dmp_swiotlb_check(r->tlb), 0);
		assert_int_equal(dmp_swiotlb_destroy(r->tlb), 0);
	}
	rig_down(&r->rig);
}

/* A block of 4 KiB << @order in @zone. */
static inline void *zone_buf(struct device_rig *r, enum dmp_zone zone, unsigned order,
			     dmp_phys_t *phys)
{
	struct double_hw *d = r->rig.d;
	void *buf = NULL;

	assert_int_equal(d->ops.mem_alloc(d, zone, order, 0, phys), 0);
	assert_int_equal(d->ops.phys_to_buf(d, *phys, PAGE << order, &buf), 0);
	return buf;
}

static inline void zone_free(struct device_rig *r, dmp_phys_t phys, unsigned order)
{
	r->rig.d->ops.mem_free(r->rig.d, phys, order);
}

#endif
