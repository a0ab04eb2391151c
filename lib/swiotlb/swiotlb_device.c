// SPDX-License-Identifier: MIT
/*
 * swiotlb_device.c - what an allocator keeps for a device
 *
 *   has_bounced   false until its first mapping: then no lookup has to walk any list
 *   transients    pools made for its requests: no other device's lookup finds them
 *
 * A request without a device is served all the same; what is made for it is found by
 * dmp_swiotlb_owns() only.
 *
 * has_bounced is set before the first address is returned and never cleared, so a thread that
 * got an address from the one that mapped it sees it set.
 *
 * Locking: (a) atomic.
 *
 * Source: spec-bounce 2, 6.6, 8.
 */
#include "swiotlb_internal.h"

#include <stdio.h>

struct dmp_swiotlb_device {
	struct dmp_swiotlb *tlb;          /* (c) */
	DMP_ATOMIC(bool) has_bounced;     /* (a) written once */
	DMP_ATOMIC(uint64_t) ntransients; /* (a) */
	char name[SWIOTLB_NAME_MAX];      /* (c) for messages; empty: none */
};

int dmp_swiotlb_device_create(struct dmp_swiotlb *tlb, struct dmp_swiotlb_device **out)
{
	struct dmp_swiotlb_device *dev;

	if (!tlb || !out)
		return -EINVAL;
	dev = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*dev));
	if (!dev)
		return -ENOMEM;
	dev->tlb = tlb;
	add_relaxed(&tlb->ndevices, 1); /* relaxed: compared with 0 when nothing else runs */
	*out = dev;
	return 0;
}

int dmp_swiotlb_device_destroy(struct dmp_swiotlb_device *dev)
{
	if (!dev)
		return -EINVAL;
	if (load_relaxed(&dev->ntransients)) /* relaxed: nothing else runs */
		return -EBUSY;
	add_relaxed(&dev->tlb->ndevices, UINT64_MAX); /* relaxed: as above */
	dmp_meta_free(dev, sizeof(*dev));
	return 0;
}

struct dmp_swiotlb *swiotlb_device_tlb(const struct dmp_swiotlb_device *dev)
{
	return dev->tlb;
}

void dmp_swiotlb_device_name(struct dmp_swiotlb_device *dev, const char *name)
{
	if (dev)
		snprintf(dev->name, sizeof(dev->name), "%s", name ? name : "");
}

/* Empty: none. */
const char *swiotlb_device_name(const struct dmp_swiotlb_device *dev)
{
	return dev ? dev->name : "";
}

/* A mapping is about to be returned. */
void swiotlb_device_bounced(struct dmp_swiotlb_device *dev)
{
	/* relaxed, both: passed on with the address */
	if (!load_relaxed(&dev->has_bounced))
		store_relaxed(&dev->has_bounced, true);
}

/* relaxed, both: a device is destroyed when nothing else runs */

void swiotlb_device_gains(struct dmp_swiotlb_device *dev)
{
	add_relaxed(&dev->ntransients, 1);
}

void swiotlb_device_loses(struct dmp_swiotlb_device *dev)
{
	add_relaxed(&dev->ntransients, UINT64_MAX);
}

static bool is_visible(const struct swiotlb_pool *pool, const struct dmp_swiotlb_device *dev)
{
	return pool->kind != SWIOTLB_TRANSIENT || pool->owner == dev;
}

bool dmp_swiotlb_device_owns(const struct dmp_swiotlb_device *dev, dmp_phys_t phys)
{
	const struct swiotlb_pool *pool;
	bool owns;

	if (!dev || !load_relaxed(&dev->has_bounced)) /* relaxed: passed on with the address */
		return false;
	swiotlb_read_lock(dev->tlb);
	pool = swiotlb_list_find(dev->tlb, phys);
	owns = pool && is_visible(pool, dev);
	swiotlb_read_unlock(dev->tlb);
	return owns;
}
