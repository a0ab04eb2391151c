// SPDX-License-Identifier: MIT
/*
 * domain_attach.c - devices come to a domain and leave it
 *
 *   attach   counted -> its regions applied -> the machine attaches it
 *   detach                                     the machine detaches it -> no longer counted
 *
 * Counted, a device holds what it relies on: the flush policy does not leave its queue, and no
 * regions of others are applied beside its requests.  It is counted under the lock that both of
 * these hold, and from before the machine knows it until after, so that neither comes between.
 *
 * Locking: (p) policy_lock, also while regions are applied; not while the machine attaches.
 *
 * Source: spec-iova 2.1.5, 2.3.
 */
#include "domain_internal.h"

/* Devices that were attached past this file, to the tables, count as well. */
bool domain_has_devices_locked(struct dmp_domain *dom)
{
	dmp_lock_assert_held(&dom->policy_lock);
	return dom->ndevices > 0 || dmp_iommu_attached(dom->iommu) > 0;
}

bool domain_has_devices(struct dmp_domain *dom)
{
	bool has_devices;

	dmp_lock_acquire(&dom->policy_lock);
	has_devices = domain_has_devices_locked(dom);
	dmp_lock_release(&dom->policy_lock);
	return has_devices;
}

/* Counts @device in, with its regions applied; on error it is not.  In an identity domain every
 * address leads to itself, and none is given out. */
static int enter(struct dmp_domain *dom, uint32_t device)
{
	int err = 0;

	dmp_lock_acquire(&dom->policy_lock);
	if (!domain_is_identity(dom))
		err = domain_regions_apply_locked(dom, device, !domain_has_devices_locked(dom));
	dom->ndevices += err == 0;
	dmp_lock_release(&dom->policy_lock);
	return err;
}

static void leave(struct dmp_domain *dom)
{
	dmp_lock_acquire(&dom->policy_lock);
	dom->ndevices--;
	dmp_lock_release(&dom->policy_lock);
}

int dmp_domain_attach(struct dmp_domain *dom, uint32_t device)
{
	int err = dom ? enter(dom, device) : -EINVAL;

	if (err)
		return err;
	err = dmp_iommu_attach(dom->iommu, device);
	if (err)
		leave(dom);
	return err;
}

int dmp_domain_detach(struct dmp_domain *dom, uint32_t device)
{
	int err = dom ? dmp_iommu_detach(dom->iommu, device) : -EINVAL;

	if (!err)
		leave(dom);
	return err;
}
