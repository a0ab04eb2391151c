// SPDX-License-Identifier: MIT
/*
 * conform_direct.c - the operations of the bounce vectors that go through the DMA API
 *
 *   vectors                       here
 *   dev I mem=K mask= bus= ...    at its first dmap: a struct dmp_device
 *   dmap H DEV PHYS SIZE ...      dmp_dma_map()
 *   dunmap H SIZE ...             dmp_dma_unmap()
 *
 * Whether a buffer bounced is seen from outside: its address then leads to a mapping of the
 * allocator.
 *
 * The devices of these operations are others than those of map and lookup, though the file gives
 * them one number: none of the recorded blocks uses both.  One that reaches shared memory only
 * is -ENOTSUP: here it would bounce everything, there that is a setting of the allocator.
 *
 * Uses the public calls alone.
 */
#include "conform_swiotlb.h"

#include <errno.h>
#include <inttypes.h>

static int get_device(struct conform_bounce *bounce, struct bounce_device *dev)
{
	struct dmp_device_opts opts = dev->opts;
	struct dmp_hw *hw;
	int err = dev->limits.flags & DMP_SWIOTLB_NEEDS_SHARED ? -ENOTSUP : 0;

	if (err || dev->dma)
		return err;
	opts.swiotlb = bounce_tlb(bounce, dev);
	err = conform_machine_adopt(bounce->machine, &hw);
	return err ? err : dmp_device_create(hw, &opts, &dev->dma);
}

int conform_direct_drop(struct bounce_device *dev)
{
	int err = dev->dma ? dmp_device_destroy(dev->dma) : 0;

	if (!err)
		dev->dma = NULL;
	return err;
}

static void say_mapped(struct conform_bounce *bounce, struct handle *handle,
		       struct bounce_device *dev, char *got)
{
	struct dmp_swiotlb_mapping_view m;
	struct dmp_swiotlb *tlb = bounce_tlb(bounce, dev);

	handle->phys = handle->addr - (dev->opts.range_addr - dev->opts.range_phys);
	handle->is_live = true;
	handle->tlb = NULL;
	if (tlb && !dmp_swiotlb_inspect_mapping(tlb, handle->phys, &m)) {
		conform_say(got, "bounce %" PRIx64 " ", handle->addr);
		conform_bounce_mapped(bounce, handle, tlb, got);
	} else {
		conform_say(got, "direct %" PRIx64, handle->addr);
	}
}

void conform_direct_dmap(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct handle *handle = bounce_handle(bounce, line);
	struct bounce_device *dev = &bounce->devices[line->arg[1] % DEVICES];
	void *buf = conform_machine_bytes(bounce->machine, line->arg[2], line->arg[3]);
	int err = handle && !handle->is_live && line->arg[1] < DEVICES ? 0 : -EINVAL;

	if (!err)
		err = get_device(bounce, dev);
	if (!err) {
		handle->len = line->arg[3];
		handle->dir = bounce_dir(&line->arg[4]);
		err = dmp_dma_map(dev->dma, buf, handle->len, handle->dir,
				  bounce_attrs(&line->arg[5]), &handle->addr);
		handle->dev = err ? NULL : dev->dma;
	}
	if (!err)
		say_mapped(bounce, handle, dev, got);
	else if (err == -ENOSPC || err == -ERANGE)
		conform_say(got, "fail");
	else
		conform_say_ok(got, err);
}

void conform_direct_dunmap(void *run, const struct conform_line *line, char *got)
{
	struct handle *handle = bounce_live_handle(run, line);
	int err = -ENOENT;

	if (handle && handle->dev)
		err = dmp_dma_unmap(handle->dev, handle->addr, line->arg[1],
				    bounce_dir(&line->arg[2]), bounce_attrs(&line->arg[3]));
	if (!err) {
		handle->is_live = false;
		handle->dev = NULL;
	}
	conform_say_ok(got, err);
}
