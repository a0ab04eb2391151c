/* SPDX-License-Identifier: MIT */
/*
 * region_rig.h - a domain on a test double that keeps regions of addresses from its devices
 *
 *   region_up(&rig);
 *   region_add(1, DMP_REGION_MSI, 0xfee00000, 0x100000);    of the first device
 *   device = region_device(&rig);
 *   dmp_domain_attach(rig.dom, device) ...
 */
#ifndef DMAPOOL_TEST_REGION_RIG_H
#define DMAPOOL_TEST_REGION_RIG_H

#include "double_rig.h"

#include "hw_call.h"

#define REGIONS 4u

/* Of a device with the same number. */
struct region_list {
	struct dmp_hw_region regions[REGIONS];
	uint32_t n;
};

/* Tests are single-threaded, and a backend's member has no room for a context of ours. */
static struct region_list region_lists[4]; /* by number: 1 for the first device */

static inline int region_op(void *be, uint32_t device, uint32_t n, struct dmp_hw_region *region)
{
	(void)be;
	if (n >= region_lists[device].n)
		return -ENOENT;
	*region = region_lists[device].regions[n];
	return 0;
}

static inline void region_begin(struct rig *rig)
{
	memset(region_lists, 0, sizeof(region_lists));
	rig_begin(rig);
	rig->d->ops.device_region = region_op;
}

static inline void region_up(struct rig *rig)
{
	region_begin(rig);
	rig_domain(rig);
}

/* Of @bytes from @from on; a direct one for reading and writing. */
static inline void region_add(uint32_t device, enum dmp_region_kind kind, uint64_t from,
			      uint64_t bytes)
{
	struct region_list *list = &region_lists[device];

	list->regions[list->n++] = (struct dmp_hw_region){
		.size = sizeof(struct dmp_hw_region),
		.kind = kind,
		.start = from,
		.len = bytes,
		.prot = kind == DMP_REGION_DIRECT ? DMP_PROT_READ | DMP_PROT_WRITE : 0,
	};
}

static inline uint32_t region_device(struct rig *rig)
{
	struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = UINT64_MAX};
	uint32_t device = 99;

	assert_int_equal(hw_device_add(rig->hw, &desc, &device), 0);
	return device;
}

static inline void region_device_gone(struct rig *rig, uint32_t device)
{
	dmp_domain_detach(rig->dom, device);
	hw_device_remove(rig->hw, device);
}

/* How many regions are applied. */
static inline uint32_t region_count(struct rig *rig)
{
	struct dmp_hw_region region;
	uint32_t n = 0;

	while (dmp_domain_region(rig->dom, n, &region) == 0)
		n++;
	return n;
}

#endif
