// SPDX-License-Identifier: MIT
/*
 * hw_region.c - the regions of addresses that a machine keeps for itself, one by one
 *
 * Believed as far as they make sense, with the shim or without: they are asked for once an
 * attachment.  A machine that never comes to an end of them is not asked for ever.
 *
 * Source: hw.h; spec-iova 2.3.
 */
#include "hw_call.h"

#include <dmapool/bits.h>

/* Only what is translated has rights. */
static bool prot_makes_sense(const struct dmp_hw_region *region)
{
	const uint32_t both = DMP_PROT_READ | DMP_PROT_WRITE;

	if (region->kind != DMP_REGION_DIRECT)
		return region->prot == 0;
	return region->prot != 0 && (region->prot & ~both) == 0;
}

bool hw_region_makes_sense(const struct dmp_hw_region *region)
{
	return region->kind <= DMP_REGION_SOFTWARE_MSI && prot_makes_sense(region) &&
	       region->reserved0 == 0 && region->len != 0 &&
	       region->len - 1 <= UINT64_MAX - region->start;
}

int hw_device_region(struct dmp_hw *hw, uint32_t device, uint32_t n, struct dmp_hw_region *region)
{
	struct dmp_hw_region answer = {.size = sizeof(answer)};
	int err = hw->ops.device_region
			  ? hw_answer(hw->ops.device_region(hw->be, device, n, &answer))
			  : -ENOENT;

	if (err)
		return err;
	if (n >= DMP_HW_REGIONS_MAX || !hw_region_makes_sense(&answer))
		return -EIO;
	*region = answer;
	return 0;
}
