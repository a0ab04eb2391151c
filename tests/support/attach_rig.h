/* SPDX-License-Identifier: MIT */
/*
 * attach_rig.h - a device in the domain of lazy_rig.h, for the unit tests of its flush policy
 */
#ifndef DMAPOOL_TEST_ATTACH_RIG_H
#define DMAPOOL_TEST_ATTACH_RIG_H

#include "lazy_rig.h"

#include "hw_call.h"

static inline uint32_t attach_a_device(struct lazy *lazy)
{
	struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = UINT64_MAX};
	uint32_t device;

	assert_int_equal(hw_device_add(lazy->rig.hw, &desc, &device), 0);
	assert_int_equal(dmp_iommu_attach(dmp_domain_iommu(lazy->rig.dom), device), 0);
	return device;
}

static inline void detach_it(struct lazy *lazy, uint32_t device)
{
	assert_int_equal(dmp_iommu_detach(dmp_domain_iommu(lazy->rig.dom), device), 0);
	hw_device_remove(lazy->rig.hw, device);
}

static inline enum dmp_flush_policy policy_of(struct lazy *lazy)
{
	return dmp_domain_get_flush(lazy->rig.dom);
}

#endif
