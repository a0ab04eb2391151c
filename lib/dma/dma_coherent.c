// SPDX-License-Identifier: MIT
/*
 * dma_coherent.c - memory that CPU and device see alike at any time
 *
 *   alloc:  memory of the machine -> address: phys, exposed | IOVA of the domain
 *   free:   address taken back    -> memory
 *
 * Where the memory must lie is a question of the route: an address given as phys must be
 * within the coherent reach, so the machine is asked for memory there (which zone that
 * is, and which other one to fall back to, lib/hw knows); behind a domain any memory does,
 * and the reach limits the IOVA.
 *
 * Free verifies before it changes anything: the address must lead to the buffer.  If the
 * flush after that fails, the device may still write there, and the memory is given up
 * with the address: a leak that is logged, instead of memory that changes under its next
 * owner.
 *
 * Invariants: V1, V2 of dma_device.c.
 *
 * Locking: none.
 *
 * Differs from Linux: no atomic pool, since the caller can sleep; an impossible size is
 *  -ERANGE before memory is asked for.
 *
 * Source: Linux dma_alloc_attrs(), without attributes; zones: spec-bounce 1, 12.
 */
#include "dma_internal.h"

#include "hw_call.h"

/* Coherent memory comes in whole pages of the CPU and, translated, of the domain. */
static bool whole_bytes(struct dmp_domain *dom, uint64_t len, uint64_t *bytes)
{
	uint64_t unit = DMP_PAGE_BYTES;

	if (dom && dmp_domain_granule(dom) > unit)
		unit = dmp_domain_granule(dom);
	return dmp_align_up_checked(len, unit, bytes);
}

static int take_memory(struct dmp_device *dev, uint64_t bytes, uint64_t limit, dmp_phys_t *phys,
		       void **buf)
{
	int err = hw_coherent_alloc(dev->hw, bytes, limit, DMP_MEM_MAY_BLOCK, phys);

	if (err)
		return err;
	err = hw_phys_to_buf(dev->hw, *phys, bytes, buf);
	if (err)
		goto undo_memory;
	return 0;

undo_memory:
	hw_coherent_free(dev->hw, *phys, bytes);
	return err;
}

static int take_address(struct dmp_device *dev, struct dmp_domain *dom, dmp_phys_t phys,
			uint64_t bytes, dmp_addr_t *addr)
{
	uint64_t reach = dev->limits.coherent_reach;
	int err;

	if (dom)
		return dmp_domain_map(dom, phys, bytes, dma_prot(DMP_BIDIRECTIONAL), reach, addr);
	if (!dmp_range_fits(phys, bytes, reach))
		return -ENOMEM;
	err = dma_expose(dev, phys, bytes, DMP_BIDIRECTIONAL);
	if (err)
		return err;
	*addr = phys;
	return 0;
}

static int alloc_coherent(struct dmp_device *dev, uint64_t len, void **buf, dmp_addr_t *addr)
{
	struct dmp_domain *dom = dma_domain(dev);
	uint64_t limit = dom ? UINT64_MAX : dev->limits.coherent_reach, bytes;
	dmp_phys_t phys;
	void *mem;
	int err;

	if (!whole_bytes(dom, len, &bytes) || !dmp_range_fits(0, bytes, dev->limits.coherent_reach))
		return -ERANGE;
	err = take_memory(dev, bytes, limit, &phys, &mem);
	if (err)
		return err;
	err = take_address(dev, dom, phys, bytes, addr);
	if (err)
		goto undo_memory;
	*buf = mem;
	return 0;

undo_memory:
	hw_coherent_free(dev->hw, phys, bytes);
	return err;
}

int dmp_dma_alloc_coherent(struct dmp_device *dev, uint64_t len, void **buf, dmp_addr_t *addr)
{
	int err = len && buf && addr ? alloc_coherent(dev, len, buf, addr) : -EINVAL;

	if (err)
		return dma_map_failed(dev, len, 0, err);
	counter_add(&dev->counts, DMA_COHERENT_ALLOCS, 1);
	return 0;
}

/* Does @addr lead to @phys?  In the direct route that is the same number. */
static bool leads_to(struct dmp_domain *dom, dmp_addr_t addr, dmp_phys_t phys)
{
	dmp_phys_t there = addr;

	return (!dom || dmp_domain_iova_to_phys(dom, addr, &there) == 0) && there == phys;
}

static int free_coherent(struct dmp_device *dev, struct dmp_domain *dom, uint64_t len, void *buf,
			 dmp_addr_t addr)
{
	dmp_phys_t phys;
	uint64_t bytes;
	int err;

	if (len == 0 || !whole_bytes(dom, len, &bytes))
		return -EINVAL;
	if (!dma_has_coherent(dev) || hw_buf_to_phys(dev->hw, buf, bytes, &phys) ||
	    !leads_to(dom, addr, phys))
		return -ENOENT;
	err = dom ? dmp_domain_unmap(dom, addr, bytes)
		  : dma_unexpose(dev, phys, bytes, DMP_BIDIRECTIONAL);
	if (!err)
		hw_coherent_free(dev->hw, phys, bytes);
	return err;
}

int dmp_dma_free_coherent(struct dmp_device *dev, uint64_t len, void *buf, dmp_addr_t addr)
{
	struct dmp_domain *dom = dma_domain(dev);
	int err = free_coherent(dev, dom, len, buf, addr);

	if (!dma_unmap_took_effect(dom, err))
		return dma_unmap_refused(dev, len, err);
	counter_add(&dev->counts, DMA_COHERENT_FREES, 1);
	if (err)
		dmp_log(DMP_LOG_WARN, "dma: device %u: %llu coherent bytes are given up: error %d",
			dev->number, (unsigned long long)len, err);
	return err;
}
