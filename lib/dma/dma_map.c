// SPDX-License-Identifier: MIT
/*
 * dma_map.c - map one buffer: does what the route says, decides nothing
 *
 *   count -> check -> phys of buffer -> route -> [slots] -> expose (direct)
 *                                                         | domain map
 *
 * It is counted as begun before it looks at the device's world, dma_attach.c; so what is counted
 * at the end is a failure only.
 *
 * Slots are those of dma_bounce.c, and stand for the buffer from there on.
 *
 * A failure is one line of the log: the errno, and why, if the route or a step knows more than
 * an errno says.  That no slots are free is told by their allocator, which knows the device and
 * what would help, once a second at most.
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
 * Differs from Linux: errors are returned and told apart.
 *
 * Source: spec-bounce 11.1, 11b; spec-iova 2.4.
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

	return dma_route_choose(dma_limits(job->dev), &request);
}

int dma_expose(struct dmp_device *dev, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	return hw_mem_map(dev->hw, dev->number, phys, len, dir);
}

const char dma_told[] = "told";

/* Counts and says that what began has failed, if there is a device; returns @err. */
int dma_failed(struct dmp_device *dev, enum dma_count what, uint64_t len, unsigned attrs, int err,
	       const char *why)
{
	if (!dev)
		return err;
	counter_add(&dev->counts, what, 1);
	if (!(attrs & DMP_ATTR_NO_WARN) && why != dma_told)
		dmp_log(err == -EINVAL ? DMP_LOG_BUG : DMP_LOG_WARN,
			"dma: device %u: mapping %llu bytes: error %d%s%s", dev->number,
			(unsigned long long)len, err, why ? ": " : "", why ? why : "");
	return err;
}

int dma_map_failed(struct dmp_device *dev, uint64_t len, unsigned attrs, int err, const char *why)
{
	return dma_failed(dev, DMA_MAP_FAILURES, len, attrs, err, why);
}

/* What the route ends with: the device is given @len bytes at @phys, buffer or slots. */
static int give_address(const struct dma_job *job, dmp_phys_t phys, uint64_t len, dmp_addr_t *addr)
{
	struct dmp_device *dev = job->dev;
	dmp_addr_t bus_addr;
	int err;

	if (job->dom)
		return dma_place(job, &(struct dmp_phys_run){phys, len}, 1, dev->limits.reach,
				 addr);
	if (!dma_window_addr(&dma_limits(dev)->window, phys, len, &bus_addr))
		return dma_because(job, "its bus does not carry what it would have to use",
				   -ERANGE);
	err = dma_expose(dev, phys, len, job->dir);
	if (err)
		return err;
	*addr = bus_addr;
	return 0;
}

/* The buffer itself: what shares its granules is within reach, too. */
static int give_beside(const struct dma_job *job, dmp_phys_t phys, uint64_t len, dmp_addr_t *addr)
{
	int err = give_address(job, phys, len, addr);

	if (!err)
		dma_neighbours_come(&job->dev->neighbours, dma_beside(job, *addr, len));
	return err;
}

int dma_map_piece(const struct dma_job *job, dmp_phys_t phys, uint64_t len, dmp_addr_t *addr)
{
	struct dma_route route = dma_route_for(job, phys, len);
	dmp_phys_t slot;
	int err;

	if (route.err)
		return dma_because(job, route.why, route.err);
	if (!route.bounce)
		return dma_counts_neighbours(job) ? give_beside(job, phys, len, addr)
						  : give_address(job, phys, len, addr);
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
		   unsigned attrs, dmp_addr_t *addr, const char **why)
{
	const struct dma_job job = dma_job(dev, dir, attrs, why);
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
	const char *why = NULL;
	int err = dev ? dma_begin(dev, DMA_MAPS, &why) : -EINVAL;

	if (!err)
		err = map_buf(dev, buf, len, dir, attrs, addr, &why);
	return err ? dma_map_failed(dev, len, attrs, err, why) : 0;
}
