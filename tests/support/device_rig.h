/* SPDX-License-Identifier: MIT */
/*
 * device_rig.h - a device on a test double, direct or translated, for the unit tests of
 * lib/dma
 */
#ifndef DMAPOOL_TEST_DEVICE_RIG_H
#define DMAPOOL_TEST_DEVICE_RIG_H

#include "double_rig.h"

#include <dmapool/dma.h>

struct device_rig {
	struct rig rig;
	struct dmp_device *dev;
};

static inline void device_rig_up(struct device_rig *r, bool translated,
				 const struct dmp_device_opts *opts)
{
	rig_begin(&r->rig);
	if (translated)
		rig_domain(&r->rig);
	else
		rig_adopt(&r->rig);
	assert_int_equal(dmp_device_create(r->rig.hw, opts, &r->dev), 0);
	if (translated)
		assert_int_equal(dmp_device_attach(r->dev, r->rig.dom), 0);
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
