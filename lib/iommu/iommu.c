// SPDX-License-Identifier: MIT
/*
 * iommu.c - the handle on one translation domain: create, attach, look up, flush, watch
 *
 * Invariants:
 *  M1  a translated domain has a page size and an aperture (H3 of hw.c);
 *  M2  devices lists exactly those attached here, so that a detach of another is refused
 *      and never reaches the backend;
 *  M3  what is deferred is done after a flush of the whole domain that began later, or when
 *      nothing is attached.
 *
 * A passthrough domain has no tables: its addresses are physical, it can be attached and
 * flushed, and every map or unmap is -EINVAL.
 *
 * Locking: list_lock, see iommu_internal.h.  A device's entry is listed before the backend
 *  is asked to attach, and unlisted before it is asked to detach: of two threads that
 *  attach one device at once, one sees the other's entry.
 *
 * Source: spec-iova 4.
 */
#include "iommu_internal.h"

#include <dmapool/bits.h>

#include "base_counter.h"

int dmp_iommu_create(struct dmp_hw *hw, enum dmp_domain_type type, struct dmp_iommu **out)
{
	struct dmp_iommu *iommu;
	int err;

	if (!hw || !out || (type != DMP_DOMAIN_TRANSLATED && type != DMP_DOMAIN_PASSTHROUGH))
		return -EINVAL;
	iommu = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*iommu));
	if (!iommu)
		return -ENOMEM;
	iommu->hw = hw;
	iommu->type = type;
	err = hw_domain_create(hw, type, &iommu->dom, &iommu->info);
	if (err) {
		dmp_meta_free(iommu, sizeof(*iommu));
		return err;
	}
	if (type == DMP_DOMAIN_TRANSLATED)
		iommu->min_page = iommu->info.page_sizes & -iommu->info.page_sizes;
	dmp_lock_init(&iommu->list_lock, RANK_LEAF, "iommu lists");
	*out = iommu;
	return 0;
}

int dmp_iommu_destroy(struct dmp_iommu *iommu)
{
	if (!iommu)
		return -EINVAL;
	if (iommu->devices)
		return -EBUSY;
	iommu_do_deferred(iommu_take_deferred(iommu));
	hw_domain_destroy(iommu->hw, iommu->dom);
	dmp_lock_destroy(&iommu->list_lock);
	dmp_meta_free(iommu, sizeof(*iommu));
	return 0;
}

void dmp_iommu_info(const struct dmp_iommu *iommu, struct dmp_hw_domain_info *info)
{
	*info = iommu->info;
}

/* Devices. */

/* Where the entry of @device hangs; its end if there is none. */
static struct iommu_device **find_device_locked(struct dmp_iommu *iommu, uint32_t device)
{
	struct iommu_device **at = &iommu->devices;

	dmp_lock_assert_held(&iommu->list_lock);
	while (*at && (*at)->device != device)
		at = &(*at)->next;
	return at;
}

/* False: it is listed already. */
static bool list_device(struct dmp_iommu *iommu, struct iommu_device *entry)
{
	struct iommu_device **at;
	bool is_new;

	dmp_lock_acquire(&iommu->list_lock);
	at = find_device_locked(iommu, entry->device);
	is_new = *at == NULL;
	if (is_new)
		*at = entry;
	dmp_lock_release(&iommu->list_lock);
	return is_new;
}

/* NULL: it is not listed. */
static struct iommu_device *unlist_device(struct dmp_iommu *iommu, uint32_t device)
{
	struct iommu_device **at, *entry;

	dmp_lock_acquire(&iommu->list_lock);
	at = find_device_locked(iommu, device);
	entry = *at;
	if (entry)
		*at = entry->next;
	dmp_lock_release(&iommu->list_lock);
	return entry;
}

int dmp_iommu_attach(struct dmp_iommu *iommu, uint32_t device)
{
	struct iommu_device *entry;
	int err = -EBUSY;

	if (!iommu)
		return -EINVAL;
	entry = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->device = device;
	if (!list_device(iommu, entry))
		goto free_entry;
	err = hw_domain_attach(iommu->hw, iommu->dom, device);
	if (!err)
		return 0;
	unlist_device(iommu, device);
free_entry:
	dmp_meta_free(entry, sizeof(*entry));
	return err;
}

int dmp_iommu_detach(struct dmp_iommu *iommu, uint32_t device)
{
	struct iommu_device *entry;

	if (!iommu)
		return -EINVAL;
	entry = unlist_device(iommu, device);
	if (!entry)
		return -ENOENT;
	hw_domain_detach(iommu->hw, iommu->dom, device);
	dmp_meta_free(entry, sizeof(*entry));
	return 0;
}

unsigned dmp_iommu_attached(struct dmp_iommu *iommu)
{
	unsigned n = 0;

	dmp_lock_acquire(&iommu->list_lock);
	for (struct iommu_device *entry = iommu->devices; entry; entry = entry->next)
		n++;
	dmp_lock_release(&iommu->list_lock);
	return n;
}

/* Look-up and flush. */

int dmp_iommu_iova_to_phys(struct dmp_iommu *iommu, dmp_iova_t iova, dmp_phys_t *phys)
{
	dmp_phys_t found;
	int err;

	if (!iommu || !phys)
		return -EINVAL;
	if (iommu->type == DMP_DOMAIN_PASSTHROUGH) {
		*phys = iova;
		return 0;
	}
	if (iova < iommu->info.aperture_start || iova > iommu->info.aperture_end)
		return -ENOENT;
	err = hw_iova_to_phys(iommu->hw, iommu->dom, iova, &found);
	if (!err)
		*phys = found;
	return err;
}

int dmp_iommu_flush(struct dmp_iommu *iommu)
{
	struct dmp_iommu_head *deferred;
	int err;

	if (!iommu)
		return -EINVAL;
	deferred = iommu_take_deferred(iommu);
	err = hw_flush_domain(iommu->hw, iommu->dom);
	if (err)
		iommu_keep_deferred(iommu, deferred);
	else
		iommu_do_deferred(deferred);
	return err;
}

/* What devices still reach. */

int dmp_iommu_expose_start(struct dmp_iommu *iommu, const struct dmp_exposure_watch *given,
			   void *ctx)
{
	struct dmp_exposure_watch watch;
	int err;

	if (!iommu || iommu->type != DMP_DOMAIN_TRANSLATED)
		return -EINVAL;
	err = dmp_opts_load(&watch, sizeof(watch), given);
	if (!err && watch.reserved0)
		err = -EINVAL;
	if (err)
		return err;
	return hw_exposure_start(iommu->hw, iommu->dom, given ? &watch : NULL, ctx);
}

int dmp_iommu_get_exposure(struct dmp_iommu *iommu, struct dmp_exposure_seen *seen, size_t size)
{
	struct dmp_exposure_seen now = {0};
	int err;

	if (!iommu || !seen || size == 0)
		return -EINVAL;
	err = hw_exposure_get(iommu->hw, iommu->dom, &now);
	return err ? err : stats_store(seen, size, &now, sizeof(now));
}
