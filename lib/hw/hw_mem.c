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

int dmp_hw_alloc(struct dmp_hw *hw, uint64_t len, void **buf)
{
	dmp_phys_t phys;
	int err;

	if (!hw || !len || !buf)
		return -EINVAL;
	err = hw_block_alloc(hw, len, UINT64_MAX, DMP_MEM_MAY_BLOCK, &phys);
	if (err)
		return err;
	err = hw_phys_to_buf(hw, phys, len, buf);
	if (err) {
		hw_mem_free(hw, phys, dmp_page_order(len));
		return err;
	}
	add_relaxed(&hw->nbuffers, 1); /* relaxed: compared at destroy only */
	return 0;
}

int dmp_hw_free(struct dmp_hw *hw, void *buf, uint64_t len)
{
	dmp_phys_t phys;
	int err;

	if (!hw || !buf || !len)
		return -EINVAL;
	err = hw_buf_to_phys(hw, buf, len, &phys);
	if (err)
		return err;
	/* relaxed: a count that is 0 here is 0 for whoever frees what it has */
	if (!dmp_is_aligned(phys, DMP_PAGE_BYTES) || !load_relaxed(&hw->nbuffers)) {
		dmp_log(DMP_LOG_BUG, "dmp_hw_free(): %p is not a buffer of dmp_hw_alloc()", buf);
		return -EINVAL;
	}
	hw_mem_free(hw, phys, dmp_page_order(len));
	add_relaxed(&hw->nbuffers, -1); /* relaxed: as above */
	return 0;
}
