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
 * A device that goes takes its waiters with it: they are woken, and later ones do not wait.
 *
 * Ordering:
 *  [CANCEL] cancel: is_cancelled set, then turn_lock taken and the queue cleared of the device
 *           a request: under turn_lock is_cancelled looked at, then the queue joined.  One of
 *           the two sees the other: nobody waits for a device that is gone.
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
	DMP_ATOMIC(uint64_t) nwaiting;    /* (a) its requests that wait for their turn */
	DMP_ATOMIC(bool) is_cancelled;    /* (a) written once: none of them waits any more */
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
	/* relaxed, both: nothing else runs, but for who waits in spite of that */
	if (load_relaxed(&dev->ntransients) || load_relaxed(&dev->nwaiting))
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

/* relaxed, both: for who destroys it too early */

void swiotlb_device_waits(struct dmp_swiotlb_device *dev)
{
	add_relaxed(&dev->nwaiting, 1);
}

void swiotlb_device_waited(struct dmp_swiotlb_device *dev)
{
	add_relaxed(&dev->nwaiting, UINT64_MAX);
}

/* [CANCEL] under turn_lock, before it joins the queue. */
bool swiotlb_device_is_cancelled(const struct dmp_swiotlb_device *dev)
{
	return load_relaxed(&dev->is_cancelled); /* relaxed: the lock orders it */
}

int dmp_swiotlb_device_cancel(struct dmp_swiotlb_device *dev)
{
	if (!dev)
		return -EINVAL;
	store_relaxed(&dev->is_cancelled, true); /* [CANCEL] relaxed: the lock orders it */
	swiotlb_throttle_cancel(dev->tlb, dev);
	return 0;
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
