// SPDX-License-Identifier: MIT
/*
 * swiotlb_policy.c - what stands between the allocator and its policy
 *
 * What is taken for one, its choice for the whole allocator, and the few things of an area
 * that it may know.  A transient pool is made for one request, which is given its only place:
 * it is `linux`.
 *
 * Locking: (c) constant; (l) area_lock, held by whoever called the policy.
 */
#include "swiotlb_internal.h"

#include <assert.h>

static_assert(sizeof(struct dmp_swiotlb_policy) == 16 + 9 * sizeof(void *), "append only");

static int load(struct dmp_swiotlb_policy *policy, const struct dmp_swiotlb_policy *given)
{
	int err = dmp_opts_load(policy, sizeof(*policy), given ? given : &dmp_swiotlb_policy_linux);

	if (err)
		return err;
	return policy->name && policy->find && !policy->caps ? 0 : -EINVAL;
}

/* Before there are pools.  -EINVAL: @given lacks what all need; the policy's own errors. */
int swiotlb_policy_begin(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_policy *given)
{
	struct dmp_swiotlb_policy policy;
	int err = load(&policy, given);

	if (!err && policy.choice_create)
		err = policy.choice_create(&tlb->choice);
	if (!err)
		tlb->policy = policy;
	return err;
}

/* When there are none any more. */
void swiotlb_policy_end(struct dmp_swiotlb *tlb)
{
	if (tlb->policy.choice_destroy)
		tlb->policy.choice_destroy(tlb->choice);
}

uint64_t dmp_swiotlb_area_slots(const struct dmp_swiotlb_area *area)
{
	return area->nslots;
}

uint64_t dmp_swiotlb_area_index(const struct dmp_swiotlb_area *area)
{
	return area->index;
}
