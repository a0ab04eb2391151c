// SPDX-License-Identifier: MIT
/*
 * swiotlb_bounce.c - the bytes of a mapping: in, out, a part of them
 *
 *      original            orig                     orig + (phys - m->phys)
 *                           |.......................|############|
 *      pool        padding  |.......................|############|   rounding |
 *                           m->phys                 phys         phys + len   m->end
 *
 * A part begins anywhere in the data and ends at m->end at the latest.  Between the end of the
 * buffer and m->end lies what rounding by alloc_align_mask added; it is copied only for a
 * caller that names more bytes than it mapped.  Nothing in front of the data is ever copied.
 * Pages of swiotlb_pages.c have no original: for them there is nothing to do.
 *
 * Differs from Linux: an address in the padding, or in front of or behind the data in its
 *  slots, is no mapping's: -ENOENT; there it does nothing, or copies beside the buffer.
 *
 * Locking: none; a mapping belongs to its owner.
 *
 * Source: spec-bounce 7.1-7.3.
 */
#include "swiotlb_internal.h"

#include <string.h>

/* The mapping that has data at @phys; -ENOENT: none.  Inside swiotlb_read_lock(). */
int swiotlb_bounce_find(const struct dmp_swiotlb *tlb, dmp_phys_t phys, struct swiotlb_mapping *m)
{
	struct swiotlb_pool *pool = swiotlb_list_find(tlb, phys);

	if (!pool || !swiotlb_slot_find(pool, swiotlb_slot_of(pool, phys), m))
		return -ENOENT;
	/* What a child has is mapped there, if at all. */
	return phys >= m->phys && phys < m->end && m->orig != SWIOTLB_CARVED ? 0 : -ENOENT;
}

static unsigned char *bounce_buf(const struct swiotlb_mapping *m, dmp_phys_t phys)
{
	return m->pool->buf + (phys - m->pool->phys);
}

/* The first fill, from a buffer that was looked up before slots were taken. */
void swiotlb_bounce_fill(const struct swiotlb_mapping *m, const void *from, uint64_t len)
{
	memcpy(bounce_buf(m, m->phys), from, len);
}

/* Rule 7.2: where in the original the part at @phys lies, and how much of @len there is. */
static int original(struct dmp_hw *hw, const struct swiotlb_mapping *m, dmp_phys_t phys,
		    uint64_t *len, void **buf)
{
	uint64_t available = m->end - phys;

	if (*len > available) {
		dmp_log(DMP_LOG_BUG, "swiotlb: %llu bytes at %#llx, but the mapping has %llu",
			(unsigned long long)*len, (unsigned long long)phys,
			(unsigned long long)available);
		*len = available;
	}
	return hw_phys_to_buf(hw, m->orig + (phys - m->phys), *len, buf);
}

int swiotlb_bounce_in(struct dmp_hw *hw, const struct swiotlb_mapping *m, dmp_phys_t phys,
		      uint64_t len)
{
	void *buf;
	int err;

	if (m->orig == NO_ORIGINAL)
		return 0;
	err = original(hw, m, phys, &len, &buf);
	if (!err)
		memcpy(bounce_buf(m, phys), buf, len);
	return err;
}

int swiotlb_bounce_out(struct dmp_hw *hw, const struct swiotlb_mapping *m, dmp_phys_t phys,
		       uint64_t len)
{
	void *buf;
	int err;

	if (m->orig == NO_ORIGINAL)
		return 0;
	err = original(hw, m, phys, &len, &buf);
	if (!err)
		memcpy(buf, bounce_buf(m, phys), len);
	return err;
}
