// SPDX-License-Identifier: MIT
/*
 * hw_check_domain.c - the shim's rules of devices and domains
 *
 *  D1  a device's number is given out once; only a device that exists, attached to
 *      nothing, is removed;
 *  D2  a domain is a pointer not in use, with page sizes and an aperture, and with known
 *      facts only; it needs sync_map() if it caches what is not present;
 *  D3  every call names a live domain; a domain is destroyed when nothing is attached;
 *  D4  a device is attached to at most one domain, and detached where it is attached;
 *  D5  a region is of a known kind, does not wrap, has rights if it is direct, and is one
 *      of DMP_HW_REGIONS_MAX.
 */
#include "hw_check.h"

#include "hw_call.h"

static int compare_devices(const struct check_device *a, const struct check_device *b)
{
	return a->device < b->device ? -1 : a->device > b->device;
}

BASE_TREE_GENERATE(check_device_tree, check_device, node, compare_devices)

static int compare_domains(const struct check_domain *a, const struct check_domain *b)
{
	return (uintptr_t)a->dom < (uintptr_t)b->dom ? -1 : (uintptr_t)a->dom > (uintptr_t)b->dom;
}

BASE_TREE_GENERATE(check_domain_tree, check_domain, node, compare_domains)

static struct check_device *find_device_locked(struct hw_check *check, uint32_t device)
{
	struct check_device key = {.device = device};

	dmp_lock_assert_held(&check->books_lock);
	return RB_FIND(check_device_tree, &check->devices, &key);
}

struct check_domain *check_domain_find_locked(struct hw_check *check, void *dom)
{
	struct check_domain key = {.dom = dom};

	dmp_lock_assert_held(&check->books_lock);
	return RB_FIND(check_domain_tree, &check->domains, &key);
}

/* Devices: D1. */

static int shim_device_add(void *be, const struct dmp_hw_device *desc, uint32_t *device)
{
	struct hw_check *check = be;
	struct check_device *entry, *other;
	int ret;

	if (!desc || desc->size < sizeof(*desc) || desc->flags)
		return check_caller_bug(check, "device_add", "a malformed description");
	entry = check_record(check_device);
	if (!entry)
		return -ENOMEM;
	ret = check_errno(check, "device_add",
			  check->ops.device_add(check->be, desc, &entry->device));
	if (ret)
		goto free_entry;
	dmp_lock_acquire(&check->books_lock);
	other = RB_INSERT(check_device_tree, &check->devices, entry);
	dmp_lock_release(&check->books_lock);
	if (!other) {
		*device = entry->device;
		return 0;
	}
	ret = check_backend_bug(check, "device_add", "a number that is in use");
free_entry:
	dmp_meta_free(entry, sizeof(*entry));
	return ret;
}

static void shim_device_remove(void *be, uint32_t device)
{
	struct hw_check *check = be;
	struct check_device *entry;

	dmp_lock_acquire(&check->books_lock);
	entry = find_device_locked(check, device);
	if (entry && entry->dom)
		entry = NULL;
	if (entry)
		RB_REMOVE(check_device_tree, &check->devices, entry);
	dmp_lock_release(&check->books_lock);
	if (entry)
		check->ops.device_remove(check->be, device);
	else
		check_caller_bug(check, "device_remove", "no such device, or it is attached");
	dmp_meta_free(entry, sizeof(*entry));
}

/* Regions: D5.  That the device exists is not asked: it may be numbered by the library. */

static int shim_device_region(void *be, uint32_t device, uint32_t n, struct dmp_hw_region *region)
{
	struct hw_check *check = be;
	int ret;

	if (region->size < sizeof(*region))
		return check_caller_bug(check, "device_region", "a short region");
	ret = check_errno(check, "device_region",
			  check->ops.device_region(check->be, device, n, region));
	if (!ret && n >= DMP_HW_REGIONS_MAX)
		return check_backend_bug(check, "device_region", "more regions than may be");
	if (!ret && !hw_region_makes_sense(region))
		return check_backend_bug(check, "device_region", "a region that makes no sense");
	return ret;
}

/* Domains: D2, D3. */

static const char *info_fault(const struct hw_check *check, enum dmp_domain_type type,
			      const struct dmp_hw_domain_info *info)
{
	if (info->flags & ~DMP_HW_DOMAIN_CACHES_NOT_PRESENT)
		return "unknown bits in the domain's facts";
	if (info->flags & DMP_HW_DOMAIN_CACHES_NOT_PRESENT && !check->ops.sync_map)
		return "caches what is not present but has no sync_map";
	if (type == DMP_DOMAIN_PASSTHROUGH)
		return NULL;
	if (!info->page_sizes)
		return "a domain without page sizes";
	if (info->aperture_start > info->aperture_end)
		return "an aperture that ends before it starts";
	return NULL;
}

static const char *domain_enter(struct hw_check *check, struct check_domain *domain)
{
	struct check_domain *other;

	if (!domain->dom)
		return "no domain";
	dmp_lock_acquire(&check->books_lock);
	other = RB_INSERT(check_domain_tree, &check->domains, domain);
	dmp_lock_release(&check->books_lock);
	return other ? "a domain that is in use" : NULL;
}

static int shim_domain_create(void *be, enum dmp_domain_type type, void **dom,
			      struct dmp_hw_domain_info *info)
{
	struct hw_check *check = be;
	struct check_domain *domain;
	const char *fault;
	int ret;

	if (type > DMP_DOMAIN_PASSTHROUGH || info->size < sizeof(*info))
		return check_caller_bug(check, "domain_create", "unknown type or a short info");
	domain = check_record(check_domain);
	if (!domain)
		return -ENOMEM;
	ret = check_errno(check, "domain_create",
			  check->ops.domain_create(check->be, type, &domain->dom, info));
	if (ret)
		goto free_domain;
	domain->type = type;
	domain->info = *info;
	fault = info_fault(check, type, info);
	if (fault)
		check->ops.domain_destroy(check->be, domain->dom);
	else
		fault = domain_enter(check, domain);
	if (!fault) {
		*dom = domain->dom;
		return 0;
	}
	ret = check_backend_bug(check, "domain_create", fault);
free_domain:
	dmp_meta_free(domain, sizeof(*domain));
	return ret;
}

static void domain_drop(struct check_domain *domain)
{
	check_tables_drop(domain);
	check_pages_drop(domain);
	dmp_meta_free(domain, sizeof(*domain));
}

static void shim_domain_destroy(void *be, void *dom)
{
	struct hw_check *check = be;
	struct check_domain *domain;

	dmp_lock_acquire(&check->books_lock);
	domain = check_domain_find_locked(check, dom);
	if (domain && domain->nattached)
		domain = NULL;
	if (domain)
		RB_REMOVE(check_domain_tree, &check->domains, domain);
	dmp_lock_release(&check->books_lock);
	if (!domain) {
		check_caller_bug(check, "domain_destroy",
				 "no such domain, or a device is attached");
		return;
	}
	if (!RB_EMPTY(&domain->tables))
		check_caller_bug(check, "domain_destroy", "table pages were never freed");
	domain_drop(domain);
	check->ops.domain_destroy(check->be, dom);
}

/* Attachments: D4. */

/* The entry of @device; where the library gives the numbers, one is made of @fresh. */
static struct check_device *known_device_locked(struct hw_check *check, uint32_t device,
						struct check_device **fresh)
{
	struct check_device *entry = find_device_locked(check, device);

	dmp_lock_assert_held(&check->books_lock);
	if (!entry && !check->ops.device_add) {
		entry = *fresh;
		entry->device = device;
		RB_INSERT(check_device_tree, &check->devices, entry);
		*fresh = NULL;
	}
	return entry;
}

/* NULL: @dom and @device exist.  @was: where the device is attached now. */
static const char *attach_begin(struct hw_check *check, void *dom, uint32_t device,
				struct check_device **fresh, void **was)
{
	struct check_device *entry = NULL;
	const char *fault = NULL;

	dmp_lock_acquire(&check->books_lock);
	if (!check_domain_find_locked(check, dom))
		fault = "no live domain";
	else if (!(entry = known_device_locked(check, device, fresh)))
		fault = "no such device";
	else
		*was = entry->dom;
	dmp_lock_release(&check->books_lock);
	return fault;
}

static void attach_end(struct hw_check *check, void *dom, uint32_t device)
{
	struct check_device *entry;
	struct check_domain *domain;

	dmp_lock_acquire(&check->books_lock);
	entry = find_device_locked(check, device);
	domain = check_domain_find_locked(check, dom);
	if (entry && domain) {
		entry->dom = dom;
		domain->nattached++;
	}
	dmp_lock_release(&check->books_lock);
}

static int shim_domain_attach(void *be, void *dom, uint32_t device)
{
	struct hw_check *check = be;
	struct check_device *fresh = check_record(check_device);
	const char *fault;
	void *was = NULL;
	int ret;

	if (!fresh)
		return -ENOMEM;
	fault = attach_begin(check, dom, device, &fresh, &was);
	dmp_meta_free(fresh, sizeof(*fresh));
	if (fault)
		return check_caller_bug(check, "domain_attach", fault);
	ret = check_errno(check, "domain_attach", check->ops.domain_attach(check->be, dom, device));
	if (ret)
		return ret;
	if (was)
		return check_backend_bug(check, "domain_attach", "attached a device twice");
	attach_end(check, dom, device);
	return 0;
}

/* False: @device is not attached to @dom. */
static bool is_attached(struct hw_check *check, void *dom, uint32_t device)
{
	struct check_device *entry;
	bool found;

	dmp_lock_acquire(&check->books_lock);
	entry = find_device_locked(check, device);
	found = dom && entry && entry->dom == dom;
	dmp_lock_release(&check->books_lock);
	return found;
}

static void detach_end(struct hw_check *check, void *dom, uint32_t device)
{
	struct check_device *entry;
	struct check_domain *domain;

	dmp_lock_acquire(&check->books_lock);
	domain = check_domain_find_locked(check, dom);
	entry = find_device_locked(check, device);
	if (entry && entry->dom == dom) {
		entry->dom = NULL;
		if (domain)
			domain->nattached--;
	}
	/* One that was added stays until it is removed. */
	if (entry && !check->ops.device_add)
		RB_REMOVE(check_device_tree, &check->devices, entry);
	else
		entry = NULL;
	dmp_lock_release(&check->books_lock);
	dmp_meta_free(entry, sizeof(*entry));
}

static void shim_domain_detach(void *be, void *dom, uint32_t device)
{
	struct hw_check *check = be;

	if (!is_attached(check, dom, device)) {
		check_caller_bug(check, "domain_detach", "the device is not attached there");
		return;
	}
	check->ops.domain_detach(check->be, dom, device);
	detach_end(check, dom, device);
}

void check_domain_members(struct dmp_hw_ops *shim, const struct dmp_hw_ops *ops)
{
	shim->device_add = ops->device_add ? shim_device_add : NULL;
	shim->device_remove = ops->device_remove ? shim_device_remove : NULL;
	shim->device_region = ops->device_region ? shim_device_region : NULL;
	shim->domain_create = ops->domain_create ? shim_domain_create : NULL;
	shim->domain_destroy = ops->domain_destroy ? shim_domain_destroy : NULL;
	shim->domain_attach = ops->domain_attach ? shim_domain_attach : NULL;
	shim->domain_detach = ops->domain_detach ? shim_domain_detach : NULL;
}

void check_domain_drop(struct hw_check *check)
{
	struct check_device *device;
	struct check_domain *domain;

	while ((device = RB_MIN(check_device_tree, &check->devices))) {
		RB_REMOVE(check_device_tree, &check->devices, device);
		dmp_meta_free(device, sizeof(*device));
	}
	while ((domain = RB_MIN(check_domain_tree, &check->domains))) {
		RB_REMOVE(check_domain_tree, &check->domains, domain);
		domain_drop(domain);
	}
}
