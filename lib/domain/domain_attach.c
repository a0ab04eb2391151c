// SPDX-License-Identifier: MIT
/*
 * domain_attach.c - devices come to a domain and leave it
 *
 *   attach   on its way -> its regions applied -> listed, the machine attaches it -> there
 *   detach   on its way -> no more listed, the machine detaches it -> gone
 *
 * On its way or listed with the tables, a device holds what it relies on: the flush policy does not
 * leave its queue, and no regions of others are applied beside its requests.  It is on its way
 * under the lock that both of these hold, and from before the machine knows it until after, so that
 * neither comes between.  Whoever attaches or detaches past this file, at the tables, leaves
 * nothing behind that is counted here.
 *
 * Locking: (p) policy_lock, also while regions are applied; not while the machine attaches.
 *
 * Source: spec-iova 2.1.5, 2.3.
 */
#include "domain_internal.h"

bool domain_has_devices_locked(struct dmp_domain *dom)
{
	dmp_lock_assert_held(&dom->policy_lock);
	return dom->nchanges > 0 || dmp_iommu_attached(dom->iommu) > 0;
}

bool domain_has_devices(struct dmp_domain *dom)
{
	bool has_devices;

	dmp_lock_acquire(&dom->policy_lock);
	has_devices = domain_has_devices_locked(dom);
	dmp_lock_release(&dom->policy_lock);
	return has_devices;
}

static void begin_locked(struct dmp_domain *dom)
{
	dmp_lock_assert_held(&dom->policy_lock);
	dom->nchanges++;
}

static void begin(struct dmp_domain *dom)
{
	dmp_lock_acquire(&dom->policy_lock);
	begin_locked(dom);
	dmp_lock_release(&dom->policy_lock);
}

static void end(struct dmp_domain *dom)
{
	dmp_lock_acquire(&dom->policy_lock);
	dom->nchanges--;
	dmp_lock_release(&dom->policy_lock);
}

/* Begins, with @device's regions applied; on error it does not.  In an identity domain every
 * address leads to itself, and none is given out. */
static int enter(struct dmp_domain *dom, uint32_t device)
{
	int err = 0;

	dmp_lock_acquire(&dom->policy_lock);
	if (!domain_is_identity(dom))
		err = domain_regions_apply_locked(dom, device, !domain_has_devices_locked(dom));
	if (!err)
		begin_locked(dom);
	dmp_lock_release(&dom->policy_lock);
	return err;
}

int dmp_domain_attach(struct dmp_domain *dom, uint32_t device)
{
	int err = dom ? enter(dom, device) : -EINVAL;

	if (err)
		return err;
	err = dmp_iommu_attach(dom->iommu, device);
	end(dom);
	return err;
}

/* The machine remembers nothing of a domain without devices. */
static void end_detach(struct dmp_domain *dom)
{
	dmp_lock_acquire(&dom->policy_lock);
	dom->nchanges--;
	if (dom->exposure && !domain_has_devices_locked(dom))
		domain_exposure_unstick(dom, UINT64_MAX);
	dmp_lock_release(&dom->policy_lock);
}

int dmp_domain_detach(struct dmp_domain *dom, uint32_t device)
{
	int err;

	if (!dom)
		return -EINVAL;
	begin(dom);
	err = dmp_iommu_detach(dom->iommu, device);
	end_detach(dom);
	return err;
}
