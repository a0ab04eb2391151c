// SPDX-License-Identifier: MIT
/*
 * hw_mem.c - buffers of a machine, and coherent memory where the machine has no own kind
 *
 * Both ask mem_alloc() for a block, zone by zone: ANY first, since that is the largest and
 * may happen to lie low enough, then DMA32, then DMA.  Asking in this order leaves the small
 * zones to those who need them.
 *
 *   limit         16 MiB          4 GiB                       top
 *   zones     DMA   |   DMA32       |   ANY
 *             <- 3rd   <- 2nd           <- 1st: taken if it ends at or below the limit
 */
#include "hw_internal.h"
#include "base_tree.h"

#include <dmapool/bits.h>

#include <string.h>

static uint64_t whole_pages(uint64_t len)
{
	return dmp_align_up(len, DMP_PAGE_BYTES);
}

static int clear_pages(struct dmp_hw *hw, dmp_phys_t phys, uint64_t len)
{
	void *buf;
	int err = hw_phys_to_buf(hw, phys, whole_pages(len), &buf);

	if (!err)
		memset(buf, 0, whole_pages(len));
	return err;
}

static int block_from_zone(struct dmp_hw *hw, enum dmp_zone zone, uint64_t len, uint64_t limit,
			   unsigned flags, dmp_phys_t *phys)
{
	unsigned order = dmp_page_order(len);
	dmp_phys_t block;
	int err = hw_mem_alloc(hw, zone, order, flags, &block);

	if (err)
		return err;
	err = dmp_range_fits(block, len, limit) ? clear_pages(hw, block, len) : -ENOMEM;
	if (err) {
		hw_mem_free(hw, block, order);
		return err;
	}
	*phys = block;
	return 0;
}

int hw_block_alloc(struct dmp_hw *hw, uint64_t len, uint64_t limit, unsigned flags,
		   dmp_phys_t *phys)
{
	static const enum dmp_zone zones[] = {DMP_ZONE_ANY, DMP_ZONE_DMA32, DMP_ZONE_DMA};
	int err = -ENOMEM;

	if (dmp_page_order(len) > HW_ORDER_MAX)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]) && err == -ENOMEM; i++)
		err = block_from_zone(hw, zones[i], len, limit, flags, phys);
	return err;
}

/* Coherent memory. */

int hw_coherent_alloc(struct dmp_hw *hw, uint64_t len, uint64_t limit, unsigned flags,
		      dmp_phys_t *phys)
{
	dmp_phys_t block;
	int err;

	if (hw->ops.coherent_alloc)
		return hw_answer(hw->ops.coherent_alloc(hw->be, len, limit, flags, phys));
	err = hw_block_alloc(hw, len, limit, flags, &block);
	if (err)
		return err;
	err = hw_make_shared(hw, block, whole_pages(len) >> DMP_PAGE_SHIFT);
	if (err) {
		hw_mem_free(hw, block, dmp_page_order(len));
		return err;
	}
	*phys = block;
	return 0;
}

void hw_coherent_free(struct dmp_hw *hw, dmp_phys_t phys, uint64_t len)
{
	if (hw->ops.coherent_free) {
		hw->ops.coherent_free(hw->be, phys, len);
		return;
	}
	/* Memory that stays shared must not be given out as private again. */
	if (hw_make_private(hw, phys, whole_pages(len) >> DMP_PAGE_SHIFT)) {
		dmp_log(DMP_LOG_WARN, "hw %s: %#llx stays shared and is lost", hw->ops.name,
			(unsigned long long)phys);
		return;
	}
	hw_mem_free(hw, phys, dmp_page_order(len));
}

/* Buffers. */

/* What dmp_hw_alloc() gave out. */
struct hw_buffer {
	RB_ENTRY(hw_buffer) link; /* (b) */
	uintptr_t buf;            /* (c) */
	dmp_phys_t phys;          /* (c) */
	uint64_t len;             /* (c) as asked for */
};

static int compare_buffers(const struct hw_buffer *a, const struct hw_buffer *b)
{
	return a->buf < b->buf ? -1 : a->buf > b->buf;
}

BASE_TREE_GENERATE(hw_buffer_tree, hw_buffer, link, compare_buffers)

static int buffer_take(struct dmp_hw *hw, struct hw_buffer *made)
{
	void *buf;
	int err = hw_block_alloc(hw, made->len, UINT64_MAX, DMP_MEM_MAY_BLOCK, &made->phys);

	if (err)
		return err;
	err = hw_phys_to_buf(hw, made->phys, made->len, &buf);
	if (err)
		hw_mem_free(hw, made->phys, dmp_page_order(made->len));
	else
		made->buf = (uintptr_t)buf;
	return err;
}

int dmp_hw_alloc(struct dmp_hw *hw, uint64_t len, void **buf)
{
	struct hw_buffer *made;
	int err;

	if (!hw || !len || !buf)
		return -EINVAL;
	made = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->len = len;
	err = buffer_take(hw, made);
	if (err) {
		dmp_meta_free(made, sizeof(*made));
		return err;
	}
	dmp_lock_acquire(&hw->buffers_lock);
	RB_INSERT(hw_buffer_tree, &hw->buffers, made);
	dmp_lock_release(&hw->buffers_lock);
	*buf = (void *)made->buf;
	return 0;
}

/* Out of the books, for whoever frees it; else @err says why not. */
static struct hw_buffer *buffer_forget(struct dmp_hw *hw, void *buf, uint64_t len, int *err)
{
	struct hw_buffer key = {.buf = (uintptr_t)buf}, *found;

	dmp_lock_acquire(&hw->buffers_lock);
	found = RB_FIND(hw_buffer_tree, &hw->buffers, &key);
	*err = !found ? -EFAULT : found->len != len ? -EINVAL : 0;
	if (!*err)
		RB_REMOVE(hw_buffer_tree, &hw->buffers, found);
	dmp_lock_release(&hw->buffers_lock);
	return *err ? NULL : found;
}

int dmp_hw_free(struct dmp_hw *hw, void *buf, uint64_t len)
{
	struct hw_buffer *gone;
	int err;

	if (!hw || !buf || !len)
		return -EINVAL;
	gone = buffer_forget(hw, buf, len, &err);
	if (!gone) {
		dmp_log(DMP_LOG_BUG,
			"dmp_hw_free(): %p of %llu bytes is not a buffer of "
			"dmp_hw_alloc()%s",
			buf, (unsigned long long)len,
			err == -EINVAL ? ": its length is another" : "");
		return err;
	}
	hw_mem_free(hw, gone->phys, dmp_page_order(len));
	dmp_meta_free(gone, sizeof(*gone));
	return 0;
}
