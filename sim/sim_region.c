// SPDX-License-Identifier: MIT
/*
 * sim_region.c - addresses that the machine keeps from the domains of a device
 *
 *   dmp_sim_set_regions()  ->  a copy at the device  ->  device_region(), one by one
 *
 * They are told, and nothing else: a device's access to one of them goes the way of every other,
 * through the tables, where a direct region is mapped and no other is.
 *
 * Locking: (b) books_lock.
 *
 * Source: spec-iova 2.3.
 */
#include "sim_internal.h"

#include <string.h>

static bool makes_sense(const struct dmp_hw_region *region)
{
	const uint32_t both = DMP_PROT_READ | DMP_PROT_WRITE;
	bool has_rights = region->prot != 0 && (region->prot & ~both) == 0;

	if (region->size != sizeof(*region) || region->reserved0)
		return false;
	if (region->kind > DMP_REGION_SOFTWARE_MSI || region->len == 0 ||
	    region->len - 1 > UINT64_MAX - region->start)
		return false;
	return region->kind == DMP_REGION_DIRECT ? has_rights : region->prot == 0;
}

static bool all_make_sense(const struct dmp_hw_region *regions, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!makes_sense(&regions[i]))
			return false;
	return true;
}

static size_t list_bytes(uint32_t n)
{
	return n * sizeof(struct dmp_hw_region);
}

void sim_region_drop(struct sim_device *dev)
{
	dmp_meta_free(dev->regions, list_bytes(dev->nregions));
	dev->regions = NULL;
	dev->nregions = 0;
}

/* @copy becomes the device's, unless it may not. */
static int replace_locked(struct dmp_sim *sim, uint32_t device, struct dmp_hw_region *copy,
			  uint32_t n)
{
	struct sim_device *dev = sim_device_find(sim, device);

	dmp_lock_assert_held(&sim->books_lock);
	if (!dev)
		return -ENOENT;
	if (dev->attached)
		return -EBUSY;
	sim_region_drop(dev);
	dev->regions = copy;
	dev->nregions = n;
	return 0;
}

int dmp_sim_set_regions(struct dmp_sim *sim, uint32_t device, const struct dmp_hw_region *regions,
			uint32_t n)
{
	struct dmp_hw_region *copy = NULL;
	int err;

	if (!sim || (n && !regions) || n > DMP_SIM_REGIONS_MAX || !all_make_sense(regions, n))
		return -EINVAL;
	if (n) {
		copy = dmp_meta_alloc(DMP_META_BACKEND, list_bytes(n));
		if (!copy)
			return -ENOMEM;
		memcpy(copy, regions, list_bytes(n));
	}
	dmp_lock_acquire(&sim->books_lock);
	err = replace_locked(sim, device, copy, n);
	dmp_lock_release(&sim->books_lock);
	if (err)
		dmp_meta_free(copy, list_bytes(n));
	return err;
}

int sim_device_region(void *be, uint32_t device, uint32_t n, struct dmp_hw_region *region)
{
	size_t bytes = region->size < sizeof(*region) ? region->size : sizeof(*region);
	struct dmp_sim *sim = be;
	struct sim_device *dev;
	int err = -ENOENT;

	dmp_lock_acquire(&sim->books_lock);
	dev = sim_device_find(sim, device);
	if (dev && n < dev->nregions) {
		memcpy(region, &dev->regions[n], bytes);
		err = 0;
	}
	dmp_lock_release(&sim->books_lock);
	return err;
}
