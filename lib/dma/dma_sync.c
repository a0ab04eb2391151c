// SPDX-License-Identifier: MIT
/*
 * dma_sync.c - part of a live mapping changes hands between CPU and device
 *
 *   device's -- sync_for_cpu --> CPU's -- sync_for_device --> device's
 *
 * Where the address leads to the buffer itself, CPU and device use the same bytes, and the
 * machine keeps them coherent: a sync moves nothing.  What it does is refuse an address at
 * which nothing is mapped, so that a driver that syncs the wrong thing learns it here and not
 * on a machine where bytes do move.
 *
 * Where it leads to slots, the part is copied: back for the CPU unless the device only reads,
 * in again for the device unless it only writes.
 *
 * Ordering: none of its own, and none is missing.  Each side learns that it is its turn
 *  from something ordered, a doorbell or an interrupt (between threads: whatever handed
 *  the address over), and that orders the bytes as well.
 *
 * Locking: none.
 *
 * Differs from Linux: a part that reaches beyond the buffer is refused, not cut off where its
 *  granule ends: else the bytes behind the buffer would go to the device, and those that the
 *  device put there to whoever has the memory behind the buffer.
 *
 * Source: spec-bounce 7.5, 11b, 11.6 (no sync is needed for an address that is neither bounced nor
 *  of a device that is not coherent).
 */
#include "dma_internal.h"

#include "hw_call.h"

static bool leads_somewhere(struct dmp_domain *dom, dmp_iova_t iova)
{
	dmp_phys_t phys;

	return dmp_domain_iova_to_phys(dom, iova, &phys) == 0;
}

/* Are the first and the last byte mapped, as far as the route can tell? */
static bool is_mapped(struct dmp_device *dev, dmp_addr_t addr, uint64_t len)
{
	struct dmp_domain *dom = dma_domain(dev);
	dmp_phys_t phys;
	void *buf;

	if (DMP_CHECKS >= 1 && !dma_has_maps(dev))
		return false;
	if (dom)
		return leads_somewhere(dom, addr) && leads_somewhere(dom, addr + len - 1);
	return dma_window_phys(&dma_limits(dev)->window, addr, len, &phys) &&
	       hw_phys_to_buf(dev->hw, phys, len, &buf) == 0;
}

static int sync_check(struct dmp_device *dev, dmp_addr_t addr, uint64_t len, enum dmp_dir dir)
{
	int err = dma_request_check(len, dir, 0);

	if (err)
		return err;
	if (len - 1 > UINT64_MAX - addr)
		return -EINVAL;
	return is_mapped(dev, addr, len) ? 0 : -ENOENT;
}

/* The part lies in slots: dmp_swiotlb_sync_for_cpu(), or the reverse. */
typedef int (*copy_fn)(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len, enum dmp_dir dir);

static int hand_over(struct dmp_device *dev, dmp_addr_t addr, uint64_t len, enum dmp_dir dir,
		     copy_fn copy)
{
	dmp_phys_t slot;
	int err;

	if (!dev)
		return -EINVAL;
	err = sync_check(dev, addr, len, dir);
	if (!err && dma_bounce_find(dev, dma_domain(dev), addr, &slot)) {
		err = dma_bounce_check_part(dev, slot, len);
		if (!err)
			err = copy(dev->swiotlb, slot, len, dir);
	}
	if (err) {
		dmp_log(DMP_LOG_BUG, "dma: device %u: sync of %llu bytes at %#llx: error %d",
			dev->number, (unsigned long long)len, (unsigned long long)addr, err);
		return err;
	}
	counter_add(&dev->counts, DMA_SYNCS, 1);
	return 0;
}

int dmp_dma_sync_for_cpu(struct dmp_device *dev, dmp_addr_t addr, uint64_t len, enum dmp_dir dir)
{
	return hand_over(dev, addr, len, dir, dmp_swiotlb_sync_for_cpu);
}

int dmp_dma_sync_for_device(struct dmp_device *dev, dmp_addr_t addr, uint64_t len, enum dmp_dir dir)
{
	return hand_over(dev, addr, len, dir, dmp_swiotlb_sync_for_device);
}
