// SPDX-License-Identifier: MIT
/*
 * dma_bounce.c - the step between a buffer and the slots that stand for it
 *
 *   map:    buffer -- copied in --> slots [-- padding zeroed]   then exposed, or translated
 *   unmap:  no longer exposed or translated, then   slots -- copied back --> buffer, freed
 *
 * Behind a translation the device sees whole granules, so the slots are whole granules too,
 * and what of them is not the buffer is zeroed:
 *
 *      granule            granule            granule
 *      |000000############|##################|####00000000|
 *             ^ slot                              ^ slot + len
 *
 * Otherwise it would hold bytes of whoever had the slots before.
 *
 * Nothing is remembered of a map: an address leads to slots if the physical address behind it
 * lies in memory that the allocator keeps for the device.  Only a device whose limits let it bounce
 * is asked, and only from its first bounce on.
 *
 *   in use --unmapped, flushed--> free
 *      `-----flush failed------> left: copied back, in use, with a record at the domain
 *                                   `--- a flush of the whole works, or the domain goes ---> free
 *
 * Invariants:
 *  B1  slots are freed only when no device can reach them any more: else the next owner's
 *      bytes would be in a device's hands, or a device's bytes in the next owner's.  Without
 *      memory for the record they are never freed, which is logged;
 *  B2  a map that fails after its copy has changed no byte of the buffer.
 *
 * A lazy domain has not flushed when its unmap returns.  B1 has it flushed at once then, so
 * that a device that is forced to bounce gains nothing from laziness.  Of devices that are
 * untrusted a domain is strict, see dma_device.c.
 *
 * Who may block waits for slots in the direct route only (DMP_ATTR_MAY_BLOCK): behind a domain
 * slots are the exception, and an unmap that a flush has put off would hold the others up.
 *
 * Locking: none; a mapping's slots are its owner's, and those left the domain's.
 *
 * Differs from Linux: an undone map is not copied back; padding is zeroed for a device that is
 *  forced to bounce as well; the segment boundary binds slots only where the device sees their
 *  addresses; a flush can fail.
 *
 * Source: spec-bounce 4.7, 6.1, 6.4, 8, 11.2, 11.4, 11b.
 */
#include "dma_internal.h"

#include "hw_call.h"

#include <string.h>

/* What either way asks of slots.  Rules 6.1, 6.4: a pool of the request's own is within the mask,
 * that of coherent memory where it is made of such, and the bus limit, also where the device does
 * not see its addresses. */
static struct dmp_swiotlb_limits any_limits(const struct dmp_device *dev)
{
	const struct dma_limits *limits = &dev->limits;

	return DMP_SWIOTLB_LIMITS(.flags = limits->needs_shared ? DMP_SWIOTLB_NEEDS_SHARED : 0,
				  .min_align_mask = limits->min_align_mask,
				  .transient_limit = limits->needs_shared ? limits->coherent_reach
									  : limits->reach,
				  .device = dev->bounces);
}

/* @granule 0: the device sees the slots' own addresses.  Else IOVAs, which lib/domain keeps in
 * reach, and whole granules. */
static struct dmp_swiotlb_limits limits_for(struct dmp_device *dev, uint64_t granule)
{
	const struct dma_window *window = &dma_limits(dev)->window;
	struct dmp_swiotlb_limits limits = any_limits(dev);

	if (granule) {
		limits.alloc_align_mask = granule - 1;
	} else {
		limits.boundary_mask = dev->limits.segment_boundary;
		limits.addr_limit = dev->limits.reach;
		limits.addr_offset = window->addr - window->phys;
	}
	return limits;
}

static int zero_padding(struct dmp_hw *hw, dmp_phys_t slot, uint64_t len, uint64_t granule)
{
	dmp_phys_t start = dmp_align_down(slot, granule);
	dmp_phys_t end = dmp_align_up(slot + len, granule);
	void *mem;
	char *bytes;
	int err = hw_phys_to_buf(hw, start, end - start, &mem);

	if (err)
		return err;
	bytes = mem;
	memset(bytes, 0, slot - start);
	memset(bytes + (slot + len - start), 0, end - (slot + len));
	return 0;
}

/* What an errno of dmp_swiotlb_map() means for a device; NULL: just that. */
static const char *why_no_slots(int err)
{
	switch (err) {
	case -ERANGE: return "bounce buffers are out of its reach, or none can lie as it needs";
	case -ENOSPC: return dma_told;
	case -ECANCELED: return "it waited for bounce slots, and the device is going";
	}
	return NULL;
}

/* Slots with a copy of @len bytes at @phys, ready to be seen by the device.  Who asked for the
 * map logs what went wrong. */
int dma_bounce_in(const struct dma_job *job, dmp_phys_t phys, uint64_t len, dmp_phys_t *slot)
{
	struct dmp_device *dev = job->dev;
	uint64_t granule = job->dom ? dmp_domain_granule(job->dom) : 0;
	struct dmp_swiotlb_limits limits = limits_for(dev, granule);
	unsigned attrs = granule ? job->attrs & ~DMP_ATTR_MAY_BLOCK : job->attrs;
	int err = dmp_swiotlb_map(dev->swiotlb, &limits, phys, len, job->dir, attrs, slot);

	if (err)
		return dma_because(job, why_no_slots(err), err);
	if (!granule)
		return 0;
	err = zero_padding(dev->hw, *slot, len, granule);
	if (err)
		goto undo_slots;
	return 0;

undo_slots:
	dma_bounce_undo(job, *slot, len, err);
	return err;
}

/* Does @addr lead to slots?  To be asked before the address is taken back. */
bool dma_bounce_find(struct dmp_device *dev, struct dmp_domain *dom, dmp_addr_t addr,
		     dmp_phys_t *slot)
{
	dmp_phys_t phys;

	if (!dev->swiotlb || !dma_may_bounce(dma_limits(dev), dom != NULL))
		return false;
	if (dom ? dmp_domain_iova_to_phys(dom, addr, &phys) != 0
		: !dma_window_phys(&dma_limits(dev)->window, addr, 1, &phys))
		return false;
	if (!dmp_swiotlb_device_owns(dev->bounces, phys))
		return false;
	*slot = phys;
	return true;
}

/* -ENOENT: not all of @len bytes at @slot are data of one bounce buffer.  What surrounds them in
 * the device's granules is to stay zero. */
int dma_bounce_check_part(struct dmp_device *dev, dmp_phys_t slot, uint64_t len)
{
	struct dmp_swiotlb_mapping_view view;
	int err = dmp_swiotlb_inspect_mapping(dev->swiotlb, slot, &view);

	if (err)
		return err;
	return dmp_range_fits(slot, len, view.phys + (view.len - 1)) ? 0 : -ENOENT;
}

/* -ENOENT: no bounce buffer begins at @slot; -EINVAL: one does, of another length. */
int dma_bounce_check_whole(struct dmp_device *dev, dmp_phys_t slot, uint64_t len)
{
	struct dmp_swiotlb_mapping_view view;
	int err = dmp_swiotlb_inspect_mapping(dev->swiotlb, slot, &view);

	if (!err && view.phys != slot)
		err = -ENOENT;
	if (!err && view.len != len)
		err = -EINVAL;
	return err;
}

/* What dma_bounce_check_whole() has found: it is gone, also with an error. */
int dma_bounce_out(const struct dma_job *job, dmp_phys_t slot, uint64_t len)
{
	return dmp_swiotlb_unmap(job->dev->swiotlb, slot, len, job->dir, job->attrs);
}

/* Slots that a device may still reach. */
struct left_slots {
	struct dmp_iommu_head deferred; /* first: the one is the other */
	struct dmp_swiotlb *tlb;
	dmp_phys_t slot;
	uint64_t len;
};

static void free_left(struct dmp_iommu_head *head)
{
	struct left_slots *left = (struct left_slots *)head;

	dmp_swiotlb_unmap(left->tlb, left->slot, left->len, DMP_TO_DEVICE, 0);
	dmp_meta_free(left, sizeof(*left));
}

/* B1: they stay in use until all is flushed. */
static void leave_slots(const struct dma_job *job, dmp_phys_t slot, uint64_t len, int err)
{
	struct left_slots *left = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*left));

	dmp_log(DMP_LOG_WARN,
		"dma: device %u: %llu bytes of slots at %#llx are in use %s: error %d",
		job->dev->number, (unsigned long long)len, (unsigned long long)slot,
		left ? "until all is flushed" : "for good", err);
	if (!(job->attrs & DMP_ATTR_SKIP_SYNC))
		dmp_swiotlb_sync_for_cpu(job->dev->swiotlb, slot, len, job->dir);
	if (!left)
		return;
	left->tlb = job->dev->swiotlb;
	left->slot = slot;
	left->len = len;
	dmp_iommu_defer(dmp_domain_iommu(job->dom), &left->deferred, free_left);
}

/* Nothing to wait for in a strict domain.  A range that waits for a flush was unmapped before
 * this look at the policy, which cannot have become strict since: a device is attached. */
int dma_wait_until_unreachable(struct dmp_domain *dom)
{
	return dmp_domain_commit(dom);
}

/* After dmp_domain_unmap() took the address of @slot back and returned @err. */
int dma_bounce_out_unmapped(const struct dma_job *job, dmp_phys_t slot, uint64_t len, int err)
{
	if (!err)
		err = dma_wait_until_unreachable(job->dom);
	if (err)
		leave_slots(job, slot, len, err);
	else
		err = dma_bounce_out(job, slot, len);
	return dma_after_the_fact(err);
}

/* A map went no further for @err.  The device has not seen the slots, unless @err says that
 * it may see them still: B1. */
void dma_bounce_undo(const struct dma_job *job, dmp_phys_t slot, uint64_t len, int err)
{
	struct dma_job undo = *job;

	undo.attrs |= DMP_ATTR_SKIP_SYNC; /* B2 */
	if (job->dom && err == -ENOTRECOVERABLE)
		leave_slots(&undo, slot, len, err);
	else
		dmp_swiotlb_unmap(job->dev->swiotlb, slot, len, job->dir, undo.attrs);
}
