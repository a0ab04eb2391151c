// SPDX-License-Identifier: MIT
/*
 * dma_unmap.c - unmap one buffer: the reverse of whatever way its address came
 *
 *   check -> something live -> expose undone -> [slots] -> count
 *                            | domain unmap
 *
 * The device loses slots before they are copied back and freed.
 *
 * Nothing is remembered of the map: whether the device has a domain says which way the
 * address came; the domain, or the machine's own count of what it exposed, says whether it is
 * mapped; and the bounce allocator whether the memory behind it is its own.  What they can say
 * is asked before anything is taken back.
 *
 * DMP_ATTR_SKIP_SYNC: see dma_map.c.
 *
 * Invariants: V1, V2 of dma_device.c.
 *
 * Locking: none; nothing shared is written in the direct route without slots.
 *
 * Differs from Linux: an address that is not mapped, or lies inside a bounce buffer, is noticed.
 *
 * Source: spec-bounce 11.4, 11b; spec-iova 2.6.
 */
#include "dma_internal.h"

#include "hw_call.h"

/* -ENOENT: the machine does not know @phys, or had not exposed it. */
int dma_unexpose(struct dmp_device *dev, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	void *buf;

	if (hw_phys_to_buf(dev->hw, phys, len, &buf))
		return -ENOENT;
	return hw_mem_unmap(dev->hw, dev->number, phys, len, dir);
}

/* The same of what the device has at @addr, without a domain. */
int dma_unexpose_addr(struct dmp_device *dev, dmp_addr_t addr, uint64_t len, enum dmp_dir dir)
{
	dmp_phys_t phys;

	if (!dma_window_phys(&dma_limits(dev)->window, addr, len, &phys))
		return -ENOENT;
	return dma_unexpose(dev, phys, len, dir);
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
	int err = bounced ? dma_bounce_check_whole(job->dev, slot, len) : 0;

	*is_gone = false;
	if (err)
		return err;
	err = dmp_domain_unmap(job->dom, addr, len);
	*is_gone = dma_unmap_took_effect(job->dom, err);
	if (*is_gone && !bounced && dma_counts_neighbours(job))
		dma_neighbours_go(&job->dev->neighbours, dma_beside(job, addr, len));
	return *is_gone && bounced ? dma_bounce_out_unmapped(job, slot, len, err) : err;
}

static int unmap_direct(const struct dma_job *job, dmp_addr_t addr, uint64_t len, bool *is_gone)
{
	dmp_phys_t slot;
	bool bounced = dma_bounce_find(job->dev, NULL, addr, &slot);
	int err = bounced ? dma_bounce_check_whole(job->dev, slot, len) : 0;

	*is_gone = false;
	if (!err)
		err = dma_unexpose_addr(job->dev, addr, len, job->dir);
	if (err)
		return err;
	*is_gone = true;
	return bounced ? dma_bounce_out(job, slot, len) : 0;
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
	job = dma_job(dev, dir, attrs, NULL);
	err = dma_unmap_piece(&job, addr, len, &is_gone);
	return dma_unmap_done(dev, len, is_gone, err);
}
