// SPDX-License-Identifier: MIT
/*
 * dma_attach.c - a device joins an address space and leaves it, beside requests of other threads
 *
 *           attach                    map, alloc_coherent
 *   direct --------> translated       nothing live ---> something live
 *          <--------                               <---
 *           detach                    unmap, free_coherent
 *
 * A device changes its address space only while nothing is live: what was mapped in one world
 * cannot be unmapped in the other.  Behind an identity domain a device is in the direct world, but
 * without the range of its bus (dma_window.c).  Live is what has begun, not what has an answer, so
 * that a request never meets two worlds and none is left behind in a domain that its device has
 * left:
 *
 *   request                               attach, detach
 *   counted as begun                      the gate is shut, by one at a time
 *     (light fence)                         (heavy fence)
 *   is the gate shut?                     is anything live?
 *    |- yes: -EBUSY, counted as failed     |- yes: -EBUSY, the gate is opened
 *    `- no: its work, in the world         `- no: the world changes, the gate is opened
 *       that it finds
 *
 * With a fence between the steps on both sides one of them sees the other, or both do.  The
 * request's costs nothing where the system has the heavy one, which only changes pay for.
 *
 * An unmap, a sync, a free does not ask: what it is for is live, so the world cannot change
 * before it has counted itself as done, which is the last thing that it does.
 *
 * Invariants:
 *  A1  dom changes only with the gate shut and nothing live: from its begin to its end a request
 *      finds the same domain, and every mapping ends where it began;
 *  A2  when detach has returned 0 no request of the device uses the domain any more, nor does an
 *      access: it may be destroyed beside requests that go on;
 *  A3  a change that is refused, or fails, leaves the device where it is.
 *
 * Ordering:
 *  [ATTACH] attach: the machine has attached the device, then dom is stored
 *           every request: dom is loaded, then the domain is used
 *  [GATE]   dma_begin: the begin is counted; fence; then the gate is looked at
 *           shut_gate: the gate is shut; fence; then the counts are read.  And back: dom is
 *           stored, then the gate is opened; the gate is found open, then dom is loaded.
 *  [PENDING] of base_counter.h: what a request did in its domain, then its end is counted;
 *           counts are read, then the device leaves.
 *
 * Locking: none.  Where the heavy fence is refused after it was granted, requests run a full
 *  fence from then on; the change that finds out about it relies on the caller to keep the two
 *  apart.
 *
 * Differs from Linux: the domain is chosen by the caller and not by a bus's notifier; leaving
 *  with live mappings is refused, and a map beside a change too, where there no driver may be
 *  bound.
 *
 * Source: spec-iova 2.1.5 (a change needs the group idle).
 */
#include "dma_internal.h"

/* A difference of counts; one below zero has wrapped. */
uint64_t dma_not_below_zero(uint64_t pending)
{
	return pending > INT64_MAX ? 0 : pending;
}

/* Begun, and neither failed nor closed: at least as many as were all through the call. */
static uint64_t pending(struct dmp_device *dev, enum dma_count begun, enum dma_count failed,
			enum dma_count closed)
{
	uint64_t gone = counter_sum(&dev->counts, failed) + counter_sum(&dev->counts, closed);

	return dma_not_below_zero(counter_sum(&dev->counts, begun) - gone); /* [PENDING] */
}

bool dma_has_maps(struct dmp_device *dev)
{
	return pending(dev, DMA_MAPS, DMA_MAP_FAILURES, DMA_UNMAPS) != 0;
}

bool dma_is_live(struct dmp_device *dev)
{
	return dma_has_maps(dev) ||
	       pending(dev, DMA_COHERENT_ALLOCS, DMA_COHERENT_FAILURES, DMA_COHERENT_FREES) != 0;
}

void dma_gate_init(struct dmp_device *dev)
{
	store_relaxed(&dev->fences, !dmp_fence_prepare()); /* relaxed: nobody has it yet */
}

/* The fence of whoever changes the device. */
static void fence_for_all(struct dmp_device *dev)
{
	if (!load_relaxed(&dev->fences) && !dmp_fence_heavy())
		store_relaxed(&dev->fences, true); /* relaxed, both: see Locking */
	fence_seq_cst();
}

static void open_gate(struct dmp_device *dev)
{
	store_release(&dev->changing, 0); /* [GATE] */
}

/* -EBUSY: another thread changes the device, or something is live.  The first look spares
 * requests a gate that would be shut in vain. */
static int shut_gate(struct dmp_device *dev)
{
	uint32_t open = 0;

	if (dma_is_live(dev) || !cas_acq_rel(&dev->changing, &open, 1)) /* [GATE] */
		return -EBUSY;
	fence_for_all(dev);
	if (!dma_is_live(dev))
		return 0;
	open_gate(dev);
	return -EBUSY;
}

/* V3 of dma_device.c */
static int hold_strict(struct dmp_device *dev, struct dmp_domain *dom)
{
	int err = dev->limits.untrusted ? dmp_domain_hold_strict(dom) : 0;

	if (err)
		dmp_log(DMP_LOG_WARN,
			"dma: device %u is untrusted and the domain %s: it needs a strict one",
			dev->number, dmp_domain_is_identity(dom) ? "an identity" : "not strict");
	return err;
}

static void release_strict(struct dmp_device *dev, struct dmp_domain *dom)
{
	if (dev->limits.untrusted)
		dmp_domain_release_strict(dom);
}

/* What requests find from here on: for an identity domain the direct route. */
static void enter_world(struct dmp_device *dev, struct dmp_domain *dom)
{
	if (dmp_domain_is_identity(dom)) {
		store_release(&dev->identity, dom); /* [ATTACH] */
		return;
	}
	store_relaxed(&dev->granule, dmp_domain_granule(dom)); /* relaxed, as below: a number */
	dma_first32_begin(dev);
	dev->counts_neighbours = dmp_domain_counts_neighbours(dom);
	store_release(&dev->dom, dom); /* [ATTACH] */
}

static void leave_world(struct dmp_device *dev)
{
	store_release(&dev->identity, NULL); /* [ATTACH] */
	store_release(&dev->dom, NULL);      /* [ATTACH] */
	store_relaxed(&dev->granule, 0);
	store_relaxed(&dev->first32, 0);
}

/* The gate is shut. */
static int join(struct dmp_device *dev, struct dmp_domain *dom)
{
	int err = dma_attached(dev) ? -EBUSY : hold_strict(dev, dom);

	if (err)
		return err;
	err = dmp_domain_attach(dom, dev->number);
	if (err)
		goto undo_strict;
	enter_world(dev, dom);
	return 0;

undo_strict:
	release_strict(dev, dom);
	return err;
}

static int leave(struct dmp_device *dev)
{
	struct dmp_domain *dom = dma_attached(dev);
	int err = dom ? dmp_domain_detach(dom, dev->number) : -ENOENT;

	if (err)
		return err;
	leave_world(dev);
	release_strict(dev, dom);
	return 0;
}

int dmp_device_attach(struct dmp_device *dev, struct dmp_domain *dom)
{
	int err;

	if (!dev || !dom || dmp_domain_hw(dom) != dev->hw)
		return -EINVAL;
	err = shut_gate(dev);
	if (err)
		return err;
	err = join(dev, dom);
	open_gate(dev);
	return err;
}

int dmp_device_detach(struct dmp_device *dev)
{
	int err;

	if (!dev)
		return -EINVAL;
	if (!dma_attached(dev))
		return -ENOENT;
	err = shut_gate(dev);
	if (err)
		return err;
	err = leave(dev);
	open_gate(dev);
	return err;
}
