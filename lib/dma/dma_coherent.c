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
 * Every block has a record on the device: free looks it up, and a free that is not of just
 * such a block changes nothing.
 *
 *   dev->blocks   addr -> [ len, buf ] [ phys, bytes ]     a tree, no two overlap
 *
 * A lazy domain is flushed before the memory is freed, as it is for slots (dma_bounce.c).
 *
 * If a flush fails, on free or while a failed alloc is undone, the device may still write
 * there, and the memory is given up with the address: a warning, instead of memory that
 * changes under its next owner.  The record then waits in the domain for a flush of the
 * whole that works, or for the domain's end, and takes the memory with it.
 *
 * Invariants: V1, V2 of dma_device.c, and
 *  C1  a block is in the tree from the end of its alloc to the begin of its free.
 *
 * Locking: blocks_lock (b), of RANK_DEVICE, for tree operations only.
 *
 * Differs from Linux: no atomic pool, since the caller can sleep; an impossible size is
 *  -ERANGE before memory is asked for; the blocks are remembered.
 *
 * Source: Linux dma_alloc_attrs(), without attributes; zones: spec-bounce 1, 12.
 */
#include "dma_internal.h"

#include "hw_call.h"

#include <string.h>

struct dma_block {
	struct dmp_iommu_head deferred; /* first: the one is the other; once given up */
	RB_ENTRY(dma_block) node;       /* (b) */

	/* Constant in the tree */
	struct dmp_hw *hw;
	struct dmp_swiotlb *tlb; /* restricted, that the memory is from; NULL: the machine's */
	dmp_addr_t addr;
	uint64_t len; /* as asked for */
	void *buf;
	dmp_phys_t phys;
	uint64_t bytes; /* whole pages */
};

static int compare_blocks(const struct dma_block *a, const struct dma_block *b)
{
	return (a->addr > b->addr) - (a->addr < b->addr);
}

BASE_TREE_GENERATE(dma_block_tree, dma_block, node, compare_blocks)

void dma_coherent_init(struct dmp_device *dev)
{
	RB_INIT(&dev->blocks);
	dmp_lock_init(&dev->blocks_lock, RANK_DEVICE, "device: coherent blocks");
}

void dma_coherent_destroy(struct dmp_device *dev)
{
	dmp_lock_destroy(&dev->blocks_lock);
}

static void put_block(struct dmp_device *dev, struct dma_block *block)
{
	dmp_lock_acquire(&dev->blocks_lock);
	RB_INSERT(dma_block_tree, &dev->blocks, block);
	dmp_lock_release(&dev->blocks_lock);
}

/* The block that @addr lies in; NULL: none. */
static struct dma_block *find_block_locked(struct dmp_device *dev, dmp_addr_t addr)
{
	struct dma_block *block = RB_ROOT(&dev->blocks);

	dmp_lock_assert_held(&dev->blocks_lock);
	while (block && (addr < block->addr || addr - block->addr >= block->bytes))
		block = addr < block->addr ? RB_LEFT(block, node) : RB_RIGHT(block, node);
	return block;
}

bool dma_is_coherent(struct dmp_device *dev, dmp_addr_t addr)
{
	bool is_coherent;

	dmp_lock_acquire(&dev->blocks_lock);
	is_coherent = find_block_locked(dev, addr) != NULL;
	dmp_lock_release(&dev->blocks_lock);
	return is_coherent;
}

/* Takes the block that was allocated as this one out of the tree. */
static int take_block(struct dmp_device *dev, uint64_t len, const void *buf, dmp_addr_t addr,
		      struct dma_block **out)
{
	struct dma_block *block;
	int err = 0;

	dmp_lock_acquire(&dev->blocks_lock);
	block = find_block_locked(dev, addr);
	if (!block || block->addr != addr || block->buf != buf)
		err = -ENOENT;
	else if (block->len != len)
		err = -EINVAL;
	else
		RB_REMOVE(dma_block_tree, &dev->blocks, block);
	dmp_lock_release(&dev->blocks_lock);
	if (!err)
		*out = block;
	return err;
}

static void free_memory(const struct dma_block *block)
{
	if (block->tlb)
		dmp_swiotlb_free_pages(block->tlb, block->phys, block->bytes);
	else
		hw_coherent_free(block->hw, block->phys, block->bytes);
}

static void free_block(struct dma_block *block)
{
	free_memory(block);
	dmp_meta_free(block, sizeof(*block));
}

static void free_deferred(struct dmp_iommu_head *head)
{
	free_block((struct dma_block *)head);
}

/* A device may still reach the memory. */
static void give_up(struct dmp_domain *dom, struct dma_block *block, int err)
{
	dmp_log(DMP_LOG_WARN,
		"dma: %llu coherent bytes are given up until all is flushed: error %d",
		(unsigned long long)block->bytes, err);
	dmp_iommu_defer(dmp_domain_iommu(dom), &block->deferred, free_deferred);
}

/* Coherent memory comes in whole pages of the CPU and, translated, of the domain. */
static uint64_t page_bytes(const struct dmp_domain *dom)
{
	uint64_t granule = dom ? dmp_domain_granule(dom) : 0;

	return granule > DMP_PAGE_BYTES ? granule : DMP_PAGE_BYTES;
}

/* A device with a restricted allocator has no other memory; its slots are not clear. */
static int take_restricted(struct dma_block *block, uint64_t highest)
{
	struct dmp_swiotlb_limits limits = DMP_SWIOTLB_LIMITS(.addr_limit = highest);
	void *buf;
	int err = dmp_swiotlb_alloc_pages(block->tlb, &limits, block->bytes, &block->phys);

	if (err)
		return -ENOMEM;
	err = hw_phys_to_buf(block->hw, block->phys, block->bytes, &buf);
	if (err)
		free_memory(block);
	else
		memset(buf, 0, block->bytes);
	return err;
}

/* @highest: byte of memory that it may use. */
static int take_pages(struct dma_block *block, uint64_t highest)
{
	if (block->tlb)
		return take_restricted(block, highest);
	return hw_coherent_alloc(block->hw, block->bytes, highest, DMP_MEM_MAY_BLOCK, &block->phys);
}

/* Memory that begins inside a page would show the device whatever lies before it. */
static int take_memory(struct dma_block *block, const struct dmp_domain *dom, uint64_t highest)
{
	int err = take_pages(block, highest);

	if (err)
		return err;
	if (!dmp_is_aligned(block->phys, page_bytes(dom))) {
		err = -EIO;
		goto undo_memory;
	}
	err = hw_phys_to_buf(block->hw, block->phys, block->bytes, &block->buf);
	if (err)
		goto undo_memory;
	return 0;

undo_memory:
	free_memory(block);
	return err;
}

static int take_address(struct dmp_device *dev, struct dmp_domain *dom, struct dma_block *block)
{
	uint64_t reach = dev->limits.coherent_reach;

	const struct dma_job job = {.dev = dev, .dom = dom, .dir = DMP_BIDIRECTIONAL};

	if (dom)
		return dma_place(&job, &(struct dmp_phys_run){block->phys, block->bytes}, 1, reach,
				 &block->addr);
	if (!dma_window_addr(&dma_limits(dev)->window, block->phys, block->bytes, &block->addr) ||
	    !dmp_range_fits(block->addr, block->bytes, reach))
		return -ENOMEM;
	return dma_expose(dev, block->phys, block->bytes, DMP_BIDIRECTIONAL);
}

/* Memory and address for @block, whose sizes are set; frees or gives it up on error. */
static int fill_block(struct dmp_device *dev, struct dma_block *block)
{
	struct dmp_domain *dom = dma_domain(dev);
	uint64_t highest = dma_window_highest(&dma_limits(dev)->window, dev->limits.coherent_reach);
	int err = take_memory(block, dom, dom ? UINT64_MAX : highest);

	if (err)
		goto undo_block;
	err = take_address(dev, dom, block);
	if (err)
		goto undo_memory;
	return 0;

undo_memory:
	if (dom && err == -ENOTRECOVERABLE)
		give_up(dom, block, err);
	else
		free_block(block);
	return err;
undo_block:
	dmp_meta_free(block, sizeof(*block));
	return err;
}

static int alloc_coherent(struct dmp_device *dev, uint64_t len, void **buf, dmp_addr_t *addr)
{
	struct dma_block *block;
	uint64_t bytes;
	int err;

	if (!dmp_align_up_checked(len, page_bytes(dma_domain(dev)), &bytes) ||
	    !dmp_range_fits(0, bytes, dev->limits.coherent_reach))
		return -ERANGE;
	block = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*block));
	if (!block)
		return -ENOMEM;
	block->hw = dev->hw;
	block->tlb = dmp_swiotlb_is_restricted(dev->swiotlb) ? dev->swiotlb : NULL;
	block->len = len;
	block->bytes = bytes;
	err = fill_block(dev, block);
	if (err)
		return err;
	*buf = block->buf;
	*addr = block->addr;
	put_block(dev, block);
	return 0;
}

int dmp_dma_alloc_coherent(struct dmp_device *dev, uint64_t len, void **buf, dmp_addr_t *addr)
{
	const char *why = NULL;
	int err = dev ? dma_begin(dev, DMA_COHERENT_ALLOCS, &why) : -EINVAL;

	if (!err)
		err = len && buf && addr ? alloc_coherent(dev, len, buf, addr) : -EINVAL;
	return err ? dma_failed(dev, DMA_COHERENT_FAILURES, len, 0, err, why) : 0;
}

static int free_coherent(struct dmp_device *dev, uint64_t len, void *buf, dmp_addr_t addr)
{
	struct dmp_domain *dom = dma_domain(dev);
	struct dma_block *block;
	int err = len ? take_block(dev, len, buf, addr, &block) : -EINVAL;

	if (err)
		return dma_unmap_refused(dev, len, err);
	err = dom ? dmp_domain_unmap(dom, block->addr, block->bytes)
		  : dma_unexpose(dev, block->phys, block->bytes, DMP_BIDIRECTIONAL);
	if (!dma_unmap_took_effect(dom, err)) {
		put_block(dev, block);
		return dma_unmap_refused(dev, len, err);
	}
	if (dom && !err)
		err = dma_after_the_fact(dma_wait_until_unreachable(dom));
	if (err)
		give_up(dom, block, err);
	else
		free_block(block);
	counter_add(&dev->counts, DMA_COHERENT_FREES, 1);
	return err;
}

int dmp_dma_free_coherent(struct dmp_device *dev, uint64_t len, void *buf, dmp_addr_t addr)
{
	return dev ? free_coherent(dev, len, buf, addr) : -EINVAL;
}
