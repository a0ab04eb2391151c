// SPDX-License-Identifier: MIT
/*
 * dma_device.c - a device from create to destroy: its limits, its counts
 *
 *   opts --check--> limits          what routes are chosen by, dma_route.c
 *     |--> the machine: a number
 *     `--> the bounce allocator: its part in the books
 *
 * A device goes only while nothing is live and no domain is attached: dma_attach.c.
 *
 * Invariants:
 *  V1  maps - map failures - unmaps is the number of live mappings, of those that have begun and
 *      have no answer yet too, and coherent likewise, whichever threads mapped and unmapped; an
 *      unmap too many that the direct route cannot see counts too, and makes the difference 0,
 *      never less;
 *  V2  a call that returns an error has counted a failure, and its begin if it would have made
 *      something live: nothing else;
 *  V3  the domain of an untrusted device is strict while it is attached: what was unmapped, by
 *      whichever device of the domain, is out of its reach.
 *
 * Locking: none here.
 *
 * Differs from Linux: which memory a machine has is not known: a device counts as limited when
 *  its reach is, and is promised a bounce buffer's size from then on.
 *
 * Source: spec-iova 2.2.2 (the limit is the smaller of mask and bus limit); spec-bounce 9.1, 9.2.
 */
#include "dma_internal.h"

#include "hw_call.h"

#include <assert.h>
#include <stdio.h>

static_assert(sizeof(struct dmp_device_opts) == 88, "append only");
static_assert(sizeof(struct dmp_device_stats) == 112, "append only");
static_assert(DMA_COUNTS <= COUNTERS_MAX, "one block a CPU");

#define KNOWN_FLAGS (DMP_DEVICE_UNTRUSTED | DMP_DEVICE_FORCE_BOUNCE | DMP_DEVICE_FIRST_32BIT)

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
		.first32 = (opts->flags & DMP_DEVICE_FIRST_32BIT) != 0,
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
	dev->physical = dev->limits;
	dev->physical.window = (struct dma_window){0};
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

/* Joins the allocator and the machine; what is left needs no undoing. */
static int join_all(struct dmp_device *dev, const struct dmp_device_opts *opts)
{
	int err = add_to_swiotlb(dev);

	if (err)
		return err;
	err = add_to_machine(dev, opts);
	if (err)
		goto undo_swiotlb;
	ask_machine(dev);
	counter_init(&dev->counts);
	dma_gate_init(dev);
	dma_coherent_init(dev);
	dma_neighbours_init(&dev->neighbours);
	return 0;

undo_swiotlb:
	remove_from_swiotlb(dev);
	return err;
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
	err = join_all(dev, &opts);
	if (err)
		dmp_meta_free(dev, sizeof(*dev));
	else
		*out = dev;
	return err;
}

int dmp_device_destroy(struct dmp_device *dev)
{
	int err;

	if (!dev)
		return -EINVAL;
	if (dma_attached(dev) || dma_is_live(dev))
		return -EBUSY;
	err = remove_from_swiotlb(dev);
	if (err)
		return err;
	hw_device_remove(dev->hw, dev->number);
	dma_coherent_destroy(dev);
	dma_neighbours_destroy(&dev->neighbours);
	counter_destroy(&dev->counts);
	dmp_meta_free(dev, sizeof(*dev));
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
	uint64_t granule = load_relaxed(&dev->granule); /* relaxed: of one moment or another */

	if (!dev->swiotlb || !dma_may_bounce(dma_limits(dev), granule != 0))
		return UINT64_MAX;
	if (granule > DMP_SWIOTLB_MAX_BYTES)
		return 0;
	return dmp_swiotlb_max_mapping(dev->limits.min_align_mask);
}

uint32_t dmp_device_id(const struct dmp_device *dev)
{
	return dev->number;
}

int dmp_device_get_stats(struct dmp_device *dev, struct dmp_device_stats *stats, size_t size)
{
	uint64_t map_failures, coherent_failures;
	struct dmp_device_stats now;
	struct counter_set *counts;

	if (!dev)
		return -EINVAL;
	counts = &dev->counts;
	/* What closes is read before what opens: no difference is below zero. [PENDING] */
	now.unmaps = counter_sum(counts, DMA_UNMAPS);
	map_failures = counter_sum(counts, DMA_MAP_FAILURES);
	now.maps = counter_sum(counts, DMA_MAPS) - map_failures;
	now.coherent_frees = counter_sum(counts, DMA_COHERENT_FREES);
	coherent_failures = counter_sum(counts, DMA_COHERENT_FAILURES);
	now.coherent_allocs = counter_sum(counts, DMA_COHERENT_ALLOCS) - coherent_failures;
	now.live_maps = dma_not_below_zero(now.maps - now.unmaps);
	now.live_coherent = now.coherent_allocs - now.coherent_frees;
	now.map_failures = map_failures + coherent_failures;
	now.syncs = counter_sum(counts, DMA_SYNCS);
	now.maps_32bit = counter_sum(counts, DMA_MAPS_32BIT);
	now.losses_32bit = load_relaxed(&dev->losses32); /* relaxed, both: reports */
	now.first_32bit = load_relaxed(&dev->first32);
	dma_neighbours_get(&dev->neighbours, &now);
	return stats_store(stats, size, &now, sizeof(now));
}
