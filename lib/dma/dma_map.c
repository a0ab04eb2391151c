// SPDX-License-Identifier: MIT
/*
 * dma_map.c - map and unmap one buffer: does what the route says, decides nothing
 *
 *   map:    check -> phys of buffer -> route -> expose (direct) | domain map  -> count
 *   unmap:  check -> something live -> expose undone            | domain unmap -> count
 *
 * Unmap remembers nothing of the map: whether the device has a domain says which way the
 * address came, and the domain, or the machine's own count of what it exposed, says
 * whether it is mapped.
 *
 * DMP_ATTR_SKIP_SYNC: without it, map and unmap are also the moments when the buffer's
 * bytes change hands, as if dmp_dma_sync_for_device() and dmp_dma_sync_for_cpu() of the
 * whole buffer had been called; with it the caller makes those calls itself, and what it
 * has not synced may be stale.  Neither moves bytes here, since in both routes CPU and
 * device use the same memory (dma_sync.c says what orders them), so the attribute changes
 * nothing that happens, only what the caller may rely on.
 *
 * Invariants: V1, V2 of dma_device.c.
 *
 * Locking: none; nothing shared is written in the direct route.
 *
 * Differs from Linux: errors are returned and told apart; an unknown address is noticed.
 *
 * Source: spec-bounce 11.1, 11.4; spec-iova 2.4, 2.6.
 */
#include "dma_internal.h"

#include "hw_call.h"

/* The route of @len bytes at @phys; slots to bounce through do not exist. */
struct dma_route dma_route_for(struct dmp_device *dev, struct dmp_domain *dom, dmp_phys_t phys,
			       uint64_t len)
{
	const struct dma_request request = {
		.phys = phys,
		.len = len,
		.granule = dom ? dmp_domain_granule(dom) : 0,
		.bounce_ready = false,
	};

	return dma_route_choose(&dev->limits, &request);
}

int dma_expose(struct dmp_device *dev, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	return hw_mem_map(dev->hw, dev->number, phys, len, dir);
}

/* -ENOENT: the machine does not know @phys, or had not exposed it. */
int dma_unexpose(struct dmp_device *dev, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	void *buf;

	if (hw_phys_to_buf(dev->hw, phys, len, &buf))
		return -ENOENT;
	return hw_mem_unmap(dev->hw, dev->number, phys, len, dir);
}

/* Counts and says that a map failed, if there is a device; returns @err. */
int dma_map_failed(struct dmp_device *dev, uint64_t len, unsigned attrs, int err)
{
	if (!dev)
		return err;
	counter_add(&dev->counts, DMA_MAP_FAILURES, 1);
	if (!(attrs & DMP_ATTR_NO_WARN))
		dmp_log(err == -EINVAL ? DMP_LOG_BUG : DMP_LOG_WARN,
			"dma: device %u: mapping %llu bytes: error %d", dev->number,
			(unsigned long long)len, err);
	return err;
}

static int map_phys(struct dmp_device *dev, dmp_phys_t phys, uint64_t len, enum dmp_dir dir,
		    dmp_addr_t *addr)
{
	struct dmp_domain *dom = dma_domain(dev);
	struct dma_route route = dma_route_for(dev, dom, phys, len);
	int err;

	if (route.err)
		return route.err;
	if (route.translate)
		return dmp_domain_map(dom, phys, len, dma_prot(dir), dev->limits.reach, addr);
	err = dma_expose(dev, phys, len, dir);
	if (err)
		return err;
	*addr = phys;
	return 0;
}

static int map_buf(struct dmp_device *dev, const void *buf, uint64_t len, enum dmp_dir dir,
		   unsigned attrs, dmp_addr_t *addr)
{
	dmp_phys_t phys;
	int err = dma_request_check(len, dir, attrs);

	if (!err && (!buf || !addr))
		err = -EINVAL;
	if (!err)
		err = hw_buf_to_phys(dev->hw, buf, len, &phys);
	return err ? err : map_phys(dev, phys, len, dir, addr);
}

int dmp_dma_map(struct dmp_device *dev, void *buf, uint64_t len, enum dmp_dir dir, unsigned attrs,
		dmp_addr_t *addr)
{
	int err = dev ? map_buf(dev, buf, len, dir, attrs, addr) : -EINVAL;

	if (err)
		return dma_map_failed(dev, len, attrs, err);
	counter_add(&dev->counts, DMA_MAPS, 1);
	return 0;
}

/* Before an unmap: its arguments, and at checks >= 1 that anything is live at all.  At
 * checks 0 that would cost reading every CPU's counts. */
int dma_unmap_checked(struct dmp_device *dev, uint64_t len, enum dmp_dir dir, unsigned attrs)
{
	int err = dev ? dma_request_check(len, dir, attrs) : -EINVAL;

	if (!err && DMP_CHECKS >= 1 && !dma_has_maps(dev))
		err = -ENOENT;
	return err;
}

/*
 * Is the mapping gone after an unmap that returned @err?  dmp_domain_unmap() leaves all as it
 * was with two errors only, the direct route with any.
 */
bool dma_unmap_took_effect(const struct dmp_domain *dom, int err)
{
	return dom ? err != -EINVAL && err != -ENOENT : err == 0;
}

/* Says why an unmap was refused, if there is a device; returns @err. */
int dma_unmap_refused(struct dmp_device *dev, uint64_t len, int err)
{
	if (!dev)
		return err;
	dmp_log(DMP_LOG_BUG, "dma: device %u: unmapping %llu bytes: error %d", dev->number,
		(unsigned long long)len, err);
	return err;
}

/* Counts an unmap that took effect; returns @err. */
int dma_unmap_done(struct dmp_device *dev, const struct dmp_domain *dom, uint64_t len, int err)
{
	if (!dma_unmap_took_effect(dom, err))
		return dma_unmap_refused(dev, len, err);
	counter_add(&dev->counts, DMA_UNMAPS, 1);
	return err;
}

static int unmap_addr(struct dmp_device *dev, struct dmp_domain *dom, dmp_addr_t addr, uint64_t len,
		      enum dmp_dir dir)
{
	return dom ? dmp_domain_unmap(dom, addr, len) : dma_unexpose(dev, addr, len, dir);
}

int dmp_dma_unmap(struct dmp_device *dev, dmp_addr_t addr, uint64_t len, enum dmp_dir dir,
		  unsigned attrs)
{
	int err = dma_unmap_checked(dev, len, dir, attrs);
	struct dmp_domain *dom;

	if (!err && DMP_CHECKS >= 1 && dma_is_coherent(dev, addr))
		err = -ENOENT;
	if (err)
		return dma_unmap_refused(dev, len, err);
	dom = dma_domain(dev);
	return dma_unmap_done(dev, dom, len, unmap_addr(dev, dom, addr, len, dir));
}
