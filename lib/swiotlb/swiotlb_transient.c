// SPDX-License-Identifier: MIT
/*
 * swiotlb_transient.c - a pool for a single request, until the worker has made a real one
 *
 *   no slots anywhere --> memory, without waiting --> pool of n slots --> its search --> linked
 *                                                                          `- in vain: gone
 *   unmap: slots released --> unlinked --> grace period --> memory back
 *
 * It has one area of exactly the slots that the request needs.  It is linked only with its
 * mapping in it, and is never searched by another request.  A device that reads shared memory
 * only gets it from the coherent memory, which is shared already: to share fresh pages may take
 * longer than a request can wait.
 *
 * Invariants:
 *  T1  a linked transient pool has one mapping, whose release unlinks it;
 *  T2  its slots count as in use, and as transient, from the claim to the release.
 *
 * Locking: none of its own.
 *
 * Source: spec-bounce 6.1, 6.2, 6.4.
 */
#include "swiotlb_claim.h"

/* Rule 6.1: the device's own limit, of plain addresses. */
static uint64_t limit_of(const struct dmp_swiotlb_limits *limits)
{
	if (limits->transient_limit)
		return limits->transient_limit;
	return limits->addr_limit ? limits->addr_limit : UINT64_MAX;
}

static struct swiotlb_plan plan_of(const struct dmp_swiotlb_limits *limits,
				   const struct swiotlb_request *req)
{
	return (struct swiotlb_plan){
		.kind = SWIOTLB_TRANSIENT,
		.source = limits->flags & DMP_SWIOTLB_NEEDS_SHARED ? SWIOTLB_COHERENT
								   : SWIOTLB_BLOCK,
		.slots = req->need.nslots,
		.least = req->need.nslots,
		.areas = 1,
		.limit = limit_of(limits),
	};
}

/* -ENOSPC: no memory, or none that suits. */
int swiotlb_transient_claim(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits,
			    struct swiotlb_request *req, dmp_phys_t orig, struct swiotlb_mapping *m)
{
	struct swiotlb_plan plan = plan_of(limits, req);
	struct swiotlb_pool *pool;

	if (swiotlb_pool_create(tlb, &plan, &pool))
		goto failed;
	if (!swiotlb_slot_claim(pool, 0, req, orig, m)) {
		swiotlb_pool_destroy(pool);
		goto failed;
	}
	pool->owner = limits->device;
	if (pool->owner)
		swiotlb_device_gains(pool->owner);
	swiotlb_list_add(pool);
	swiotlb_usage_add_transient(tlb, pool->nslots);
	add_relaxed(&tlb->counts.transients_made, 1); /* relaxed: a report */
	return 0;

failed:
	add_relaxed(&tlb->counts.transient_failures, 1); /* relaxed: a report */
	return -ENOSPC;
}

/* The release of any mapping: a transient pool goes with its own.  -ENOENT: it is not there
 * any more; nothing is changed. */
int swiotlb_transient_release(const struct swiotlb_mapping *m)
{
	struct swiotlb_pool *pool = m->pool;
	int err = swiotlb_slot_release(m);

	if (err || pool->kind != SWIOTLB_TRANSIENT)
		return err;
	swiotlb_list_remove(pool);                                /* T1: one release succeeds */
	add_relaxed(&pool->tlb->counts.transient, -pool->nslots); /* relaxed: a report */
	if (pool->owner)
		swiotlb_device_loses(pool->owner);
	swiotlb_list_defer(pool);
	return 0;
}
