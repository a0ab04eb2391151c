// SPDX-License-Identifier: MIT
/*
 * dma_device.c - a device from create to destroy: its limits, its address space, its counts
 *
 *           attach                    map, alloc_coherent
 *   direct --------> translated       nothing live ---> something live
 *          <--------                               <---
 *           detach                    unmap, free_coherent
 *
 * A device changes its address space, or goes, only while nothing is live: what was mapped
 * in one world cannot be unmapped in the other.
 *
 * Invariants:
 *  V1  maps - unmaps is the number of live mappings, and coherent likewise, whichever
 *      threads mapped and unmapped; an unmap too many that the direct route cannot see
 *      counts too, and makes the difference 0, never less;
 *  V2  a call that returns an error has counted nothing but a failure;
 *  V3  the domain of an untrusted device is strict while it is attached: what was unmapped, by
 *      whichever device of the domain, is out of its reach.
 *
 * Ordering:
 *  [ATTACH] attach: the machine has attached the device, then dom is stored
 *           every request: dom is loaded, then the domain is used
 *
 * Locking: none here.  Attach, detach and destroy are one at a time per device; a request that
 *  runs beside them is the caller's mistake, since its address would be of neither world.
 *
 * Differs from Linux: the domain is chosen by the caller and not by a bus's notifier;
 *  leaving with live mappings is refused.  Which memory a machine has is not known: a device
 *  counts as limited when its reach is, and is promised a bounce buffer's size from then on.
 *
 * Source: spec-iova 2.2.2 (the limit is the smaller of mask and bus limit); spec-bounce 9.1, 9.2.
 */
#include "dma_internal.h"

#include "hw_call.h"

#include <assert.h>
#include <stdio.h>

static_assert(sizeof(struct dmp_device_opts) == 88, "append only");
static_assert(sizeof(struct dmp_device_stats) == 88, "append only");
static_assert(DMA_COUNTS <= COUNTERS_MAX, "one block a CPU");

#define KNOWN_FLAGS (DMP_DEVICE_UNTRUSTED | DMP_DEVICE_FORCE_BOUNCE)

/* 2^k - 1 for some k, 0 and 64 included. */
static bool is_mask(uint64_t mask)
{
	return (mask & (mask + 1)) == 0;
}

static struct dma_window window_of(const struct dmp_device_opts *opts)
{
	return (struct dma_window){opts->range_phys, opts->range_addr, opts->range_len};
}

static bool opts_make_sense(const struct dmp_device_opts *opts)
{
	const struct dma_window window = window_of(opts);

	return dma_window_makes_sense(&window) && (opts->flags & ~KNOWN_FLAGS) == 0 &&
	       is_mask(opts->dma_mask) && is_mask(opts->coherent_mask) &&
	       is_mask(opts->min_align_mask) && is_mask(opts->segment_boundary);
}

/* Slots of another machine's memory would lead nowhere. */
static bool bounce_makes_sense(const struct dmp_hw *hw, const struct dmp_device_opts *opts)
{
	if (!opts->swiotlb)
		return (opts->flags & DMP_DEVICE_FORCE_BOUNCE) == 0;
	return dmp_swiotlb_hw(opts->swiotlb) == hw;
}

/* In options 0 is "no limit". */
static uint64_t limit_or_none(uint64_t limit)
{
	return limit ? limit : UINT64_MAX;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static struct dma_limits limits_of(const struct dmp_device_opts *opts)
{
	uint64_t mask = limit_or_none(opts->dma_mask);
	uint64_t coherent_mask = opts->coherent_mask ? opts->coherent_mask : mask;
	uint64_t bus = limit_or_none(opts->bus_limit);

	return (struct dma_limits){
		.reach = smaller(mask, bus),
		.coherent_reach = smaller(coherent_mask, bus),
		.min_align_mask = opts->min_align_mask,
		.max_segment_bytes = limit_or_none(opts->max_segment_bytes),
		.segment_boundary = limit_or_none(opts->segment_boundary),
		.window = window_of(opts),
		.untrusted = (opts->flags & DMP_DEVICE_UNTRUSTED) != 0,
		.force_bounce = (opts->flags & DMP_DEVICE_FORCE_BOUNCE) != 0 ||
				dmp_swiotlb_forces_bounce(opts->swiotlb),
	};
}

/* The machine has one mask for all that the device drives: the larger, of which the smaller is
 * a part. */
static int add_to_machine(struct dmp_device *dev, const struct dmp_device_opts *opts)
{
	uint64_t mask = limit_or_none(opts->dma_mask);
	struct dmp_hw_device desc = {
		.size = sizeof(desc),
		.dma_mask = mask | opts->coherent_mask,
		.range_phys = opts->range_phys,
		.range_addr = opts->range_addr,
		.range_len = opts->range_len,
	};

	return hw_device_add(dev->hw, &desc, &dev->number);
}

/* What the machine alone knows of it. */
static void ask_machine(struct dmp_device *dev)
{
	char name[32];

	snprintf(name, sizeof(name), "device %u", dev->number);
	dmp_swiotlb_device_name(dev->bounces, name);
	dev->limits.needs_shared = hw_needs_shared(dev->hw, dev->number);
	dev->limits.force_bounce |= dev->limits.needs_shared;
}

/* Its part in the allocator's books. */
static int add_to_swiotlb(struct dmp_device *dev)
{
	return dev->swiotlb ? dmp_swiotlb_device_create(dev->swiotlb, &dev->bounces) : 0;
}

/* -EBUSY: slots of a pool of its own are in use, which a failed flush has left. */
static int remove_from_swiotlb(struct dmp_device *dev)
{
	return dev->swiotlb ? dmp_swiotlb_device_destroy(dev->bounces) : 0;
}

int dmp_device_create(struct dmp_hw *hw, const struct dmp_device_opts *given,
		      struct dmp_device **out)
{
	struct dmp_device_opts opts;
	struct dmp_device *dev;
	int err = dmp_opts_load(&opts, sizeof(opts), given);

	if (err)
		return err;
	if (!hw || !out || !opts_make_sense(&opts) || !bounce_makes_sense(hw, &opts))
		return -EINVAL;
	dev = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*dev));
	if (!dev)
		return -ENOMEM;
	dev->hw = hw;
	dev->swiotlb = opts.swiotlb;
	dev->limits = limits_of(&opts);
	err = add_to_swiotlb(dev);
	if (err)
		goto undo_object;
	err = add_to_machine(dev, &opts);
	if (err)
		goto undo_swiotlb;
	ask_machine(dev);
	counter_init(&dev->counts);
	dma_coherent_init(dev);
	*out = dev;
	return 0;

undo_swiotlb:
	remove_from_swiotlb(dev);
undo_object:
	dmp_meta_free(dev, sizeof(*dev));
	return err;
}

/* A difference of counts; one below zero has wrapped. */
static uint64_t not_below_zero(uint64_t pending)
{
	return pending > INT64_MAX ? 0 : pending;
}

bool dma_has_maps(struct dmp_device *dev)
{
	return not_below_zero(counter_pending(&dev->counts, DMA_MAPS, DMA_UNMAPS)) != 0;
}

static bool has_coherent(struct dmp_device *dev)
{
	return counter_pending(&dev->counts, DMA_COHERENT_ALLOCS, DMA_COHERENT_FREES) != 0;
}

static bool is_live(struct dmp_device *dev)
{
	return dma_has_maps(dev) || has_coherent(dev);
}

int dmp_device_destroy(struct dmp_device *dev)
{
	int err;

	if (!dev)
		return -EINVAL;
	if (dma_domain(dev) || is_live(dev))
		return -EBUSY;
	err = remove_from_swiotlb(dev);
	if (err)
		return err;
	hw_device_remove(dev->hw, dev->number);
	dma_coherent_destroy(dev);
	counter_destroy(&dev->counts);
	dmp_meta_free(dev, sizeof(*dev));
	return 0;
}

/* V3 */
static int hold_strict(struct dmp_device *dev, struct dmp_domain *dom)
{
	int err = dev->limits.untrusted ? dmp_domain_hold_strict(dom) : 0;

	if (err)
		dmp_log(DMP_LOG_WARN,
			"dma: device %u is untrusted and the domain lazy: it needs a strict one",
			dev->number);
	return err;
}

static void release_strict(struct dmp_device *dev, struct dmp_domain *dom)
{
	if (dev->limits.untrusted)
		dmp_domain_release_strict(dom);
}

int dmp_device_attach(struct dmp_device *dev, struct dmp_domain *dom)
{
	int err;

	if (!dev || !dom || dmp_domain_hw(dom) != dev->hw)
		return -EINVAL;
	if (dma_domain(dev) || is_live(dev))
		return -EBUSY;
	err = hold_strict(dev, dom);
	if (err)
		return err;
	err = dmp_iommu_attach(dmp_domain_iommu(dom), dev->number);
	if (err)
		goto undo_strict;
	store_release(&dev->dom, dom); /* [ATTACH] */
	return 0;

undo_strict:
	release_strict(dev, dom);
	return err;
}

int dmp_device_detach(struct dmp_device *dev)
{
	struct dmp_domain *dom = dev ? dma_domain(dev) : NULL;
	int err;

	if (!dom)
		return dev ? -ENOENT : -EINVAL;
	if (is_live(dev))
		return -EBUSY;
	err = dmp_iommu_detach(dmp_domain_iommu(dom), dev->number);
	if (err)
		return err;
	store_release(&dev->dom, NULL); /* [ATTACH] */
	release_strict(dev, dom);
	return 0;
}

int dmp_device_cancel(struct dmp_device *dev)
{
	if (!dev)
		return -EINVAL;
	return dev->swiotlb ? dmp_swiotlb_device_cancel(dev->bounces) : 0;
}

/* Where only some of its buffers bounce, the others would gain nothing by blocking; behind a
 * domain none of them does. */
bool dmp_device_recommend_may_block(struct dmp_device *dev)
{
	return dev && dev->limits.force_bounce && !dma_domain(dev);
}

uint64_t dmp_device_max_mapping(struct dmp_device *dev)
{
	struct dmp_domain *dom = dma_domain(dev);

	if (!dev->swiotlb || !dma_may_bounce(&dev->limits, dom != NULL))
		return UINT64_MAX;
	if (dom && dmp_domain_granule(dom) > DMP_SWIOTLB_MAX_BYTES)
		return 0;
	return dmp_swiotlb_max_mapping(dev->limits.min_align_mask);
}

uint32_t dmp_device_id(const struct dmp_device *dev)
{
	return dev->number;
}

int dmp_device_get_stats(struct dmp_device *dev, struct dmp_device_stats *stats, size_t size)
{
	struct dmp_device_stats now;
	struct counter_set *counts;

	if (!dev)
		return -EINVAL;
	counts = &dev->counts;
	/* What closes is read before what opens: no difference is below zero. [PENDING] */
	now.unmaps = counter_sum(counts, DMA_UNMAPS);
	now.maps = counter_sum(counts, DMA_MAPS);
	now.coherent_frees = counter_sum(counts, DMA_COHERENT_FREES);
	now.coherent_allocs = counter_sum(counts, DMA_COHERENT_ALLOCS);
	now.live_maps = not_below_zero(now.maps - now.unmaps);
	now.live_coherent = now.coherent_allocs - now.coherent_frees;
	now.map_failures = counter_sum(counts, DMA_MAP_FAILURES);
	now.syncs = counter_sum(counts, DMA_SYNCS);
	return stats_store(stats, size, &now, sizeof(now));
}
