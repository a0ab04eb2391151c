// SPDX-License-Identifier: MIT
/*
 * swiotlb_pages.c - whole pages of a pool instead of a copy
 *
 * What a device with a restricted pool shares with its driver for good, rings and the like, is
 * taken from the pool too.  Such pages are a mapping without an original: nothing is ever
 * copied.  They are aligned to their own size, rounded up to a power of two of pages, and
 * come from permanent pools only: nothing grows for them.
 *
 * Source: spec-bounce 10.
 */
#include "swiotlb_internal.h"

static int take_pages(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits,
		      struct swiotlb_request *req, uint64_t len, struct swiotlb_mapping *m)
{
	int err;

	swiotlb_read_lock(tlb);
	err = swiotlb_pool_claim(tlb, req, NO_ORIGINAL, m);
	swiotlb_read_unlock(tlb);
	if (err)
		return err;
	if (dmp_is_aligned(m->phys, DMP_PAGE_BYTES) && swiotlb_is_in_reach(m, limits, len))
		return 0;
	swiotlb_transient_release(m);
	return -ERANGE;
}

int dmp_swiotlb_alloc_pages(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *given,
			    uint64_t len, dmp_phys_t *phys)
{
	const struct dmp_swiotlb_limits *limits;
	struct dmp_swiotlb_limits room;
	struct swiotlb_request req;
	struct swiotlb_mapping m;
	int err;

	if (!tlb || !phys || len == 0)
		return -EINVAL;
	err = swiotlb_request_limits(tlb, given, &room, &limits);
	if (err)
		return err;
	err = swiotlb_request_pages(&req, limits, len);
	if (!err)
		err = take_pages(tlb, limits, &req, len, &m);
	if (err)
		return swiotlb_report_failure(tlb, &req, limits->device, err, false);
	if (limits->device)
		swiotlb_device_bounced(limits->device);
	*phys = m.phys;
	return 0;
}

/* The pages at @phys; -ENOENT: none begin there, or it is a copy. */
static int find_pages(const struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len,
		      struct swiotlb_mapping *m)
{
	if (swiotlb_bounce_find(tlb, phys, m) || m->phys != phys || m->orig != NO_ORIGINAL)
		return -ENOENT;
	return m->len == len ? 0 : -EINVAL;
}

int dmp_swiotlb_free_pages(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len)
{
	struct swiotlb_mapping m;
	int err;

	if (!tlb || len == 0)
		return -EINVAL;
	swiotlb_read_lock(tlb);
	err = find_pages(tlb, phys, len, &m);
	if (!err)
		err = swiotlb_transient_release(&m);
	swiotlb_read_unlock(tlb);
	if (err && dmp_swiotlb_owns(tlb, phys))
		dmp_log(DMP_LOG_BUG,
			"swiotlb: free of %llu bytes at %#llx, which are no such pages",
			(unsigned long long)len, (unsigned long long)phys);
	return err;
}
