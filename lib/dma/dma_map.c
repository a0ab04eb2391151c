// SPDX-License-Identifier: MIT
/*
 * dma_map.c - map and unmap one buffer: does what the route says, decides nothing
 *
 *   map:    check -> phys of buffer -> route -> [slots] -> expose (direct)  -> count
 *                                                        | domain map
 *   unmap:  check -> something live -> expose undone -> [slots] -> count
 *                                    | domain unmap
 *
 * Slots are those of dma_bounce.c, and stand for the buffer from there on.  The device loses
 * them before they are copied back and freed.
 *
 * Unmap remembers nothing of the map: whether the device has a domain says which way the
 * address came; the domain, or the machine's own count of what it exposed, says whether it is
 * mapped; and the bounce allocator whether the memory behind it is its own.
 *
 * DMP_ATTR_SKIP_SYNC: without it, map and unmap are also the moments when the buffer's
 * bytes change hands, as if dmp_dma_sync_for_device() and dmp_dma_sync_for_cpu() of the
 * whole buffer had been called; with it the caller makes those calls itself, and what it
 * has not synced may be stale.  Where CPU and device use the same memory (dma_sync.c says
 * what orders them), nothing is moved either way.  Where the buffer bounces, the attribute
 * spares the copy back at unmap; the copy in at map is made all the same.
 *
 * Invariants: V1, V2 of dma_device.c.
 *
 * Locking: none; nothing shared is written in the direct route without slots.
 *
 * Differs from Linux: errors are returned and told apart; an unknown address is noticed.
 *
 * Source: spec-bounce 11.1, 11.4, 11b; spec-iova 2.4, 2.6.
 */
#include "dma_internal.h"

#include "hw_call.h"

struct dma_route dma_route_for(const struct dma_job *job, dmp_phys_t phys, uint64_t len)
{
	const struct dma_request request = {
		.phys = phys,
		.len = len,
		.granule = job->dom ? dmp_domain_granule(job->dom) : 0,
		.bounce_ready = job->dev->swiotlb != NULL,
	};

	return dma_route_choose(&job->dev->limits, &request);
}

int dma_expose(struct dmp_device *dev, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	return hw_mem_map(dev->hw, dev->number, phys, len, dir);
}

/* Undoes dma_unexpose(). */
void dma_expose_again(struct dmp_device *dev, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	if (dma_expose(dev, phys, len, dir))
		dmp_log(DMP_LOG_WARN, "dma: device %u: %#llx can no longer be reached", dev->number,
			(unsigned long long)phys);
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

/* What the route ends with: the device is given @len bytes at @phys, buffer or slots. */
static int give_address(const struct dma_job *job, dmp_phys_t phys, uint64_t len, dmp_addr_t *addr)
{
	struct dmp_device *dev = job->dev;
	int err;

	if (job->dom)
		return dmp_domain_map(job->dom, phys, len, dma_prot(job->dir), dev->limits.reach,
				      addr);
	err = dma_expose(dev, phys, len, job->dir);
	if (err)
		return err;
	*addr = phys;
	return 0;
}

int dma_map_piece(const struct dma_job *job, dmp_phys_t phys, uint64_t len, dmp_addr_t *addr)
{
	struct dma_route route = dma_route_for(job, phys, len);
	dmp_phys_t slot;
	int err;

	if (route.err)
		return route.err;
	if (!route.bounce)
		return give_address(job, phys, len, addr);
	err = dma_bounce_in(job, phys, len, &slot);
	if (err)
		return err;
	err = give_address(job, slot, len, addr);
	if (err)
		goto undo_bounce;
	return 0;

undo_bounce:
	dma_bounce_undo(job, slot, len, err);
	return err;
}

static int map_buf(struct dmp_device *dev, const void *buf, uint64_t len, enum dmp_dir dir,
		   unsigned attrs, dmp_addr_t *addr)
{
	const struct dma_job job = dma_job(dev, dir, attrs);
	dmp_phys_t phys;
	int err = dma_request_check(len, dir, attrs);

	if (!err && (!buf || !addr))
		err = -EINVAL;
	if (!err)
		err = hw_buf_to_phys(dev->hw, buf, len, &phys);
	return err ? err : dma_map_piece(&job, phys, len, addr);
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

/* Counts an unmap if the mapping is gone; returns @err. */
int dma_unmap_done(struct dmp_device *dev, uint64_t len, bool is_gone, int err)
{
	if (!is_gone)
		return dma_unmap_refused(dev, len, err);
	counter_add(&dev->counts, DMA_UNMAPS, 1);
	return err;
}

static int unmap_translated(const struct dma_job *job, dmp_addr_t addr, uint64_t len, bool *is_gone)
{
	dmp_phys_t slot;
	bool bounced = dma_bounce_find(job->dev, job->dom, addr, &slot);
	int err = dmp_domain_unmap(job->dom, addr, len);

	*is_gone = dma_unmap_took_effect(job->dom, err);
	return *is_gone && bounced ? dma_bounce_out_unmapped(job, slot, len, err) : err;
}

/* Slots that are no mapping's were never exposed, where the machine counts: that is put back. */
static int unmap_direct(const struct dma_job *job, dmp_addr_t addr, uint64_t len, bool *is_gone)
{
	dmp_phys_t slot;
	int err = dma_unexpose(job->dev, addr, len, job->dir);

	*is_gone = err == 0;
	if (err || !dma_bounce_find(job->dev, NULL, addr, &slot))
		return err;
	err = dma_bounce_out(job, slot, len);
	if (err == -ENOENT) {
		*is_gone = false;
		dma_expose_again(job->dev, addr, len, job->dir);
	}
	return err;
}

/* @is_gone: whether the mapping is, also with an error. */
int dma_unmap_piece(const struct dma_job *job, dmp_addr_t addr, uint64_t len, bool *is_gone)
{
	return job->dom ? unmap_translated(job, addr, len, is_gone)
			: unmap_direct(job, addr, len, is_gone);
}

int dmp_dma_unmap(struct dmp_device *dev, dmp_addr_t addr, uint64_t len, enum dmp_dir dir,
		  unsigned attrs)
{
	bool is_gone = false;
	int err = dma_unmap_checked(dev, len, dir, attrs);
	struct dma_job job;

	if (!err && DMP_CHECKS >= 1 && dma_is_coherent(dev, addr))
		err = -ENOENT;
	if (err)
		return dma_unmap_refused(dev, len, err);
	job = dma_job(dev, dir, attrs);
	err = dma_unmap_piece(&job, addr, len, &is_gone);
	return dma_unmap_done(dev, len, is_gone, err);
}
