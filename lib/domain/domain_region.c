// SPDX-License-Identifier: MIT
/*
 * domain_region.c - addresses that a device's machine keeps for itself
 *
 *   0                                                        aperture end
 *   |--------|####|------------|dddd|-------|mm|------------------|####
 *             reserved          direct       MSI             beyond: nothing to do
 *
 *   kind           given out   leads to
 *   reserved       never       nothing
 *   direct         never       itself, from before the device is attached
 *   MSI            never       nothing
 *   software MSI   as always   nothing: whoever maps such a window chooses its address
 *
 * Regions are those of hw_device_region(), in whole granules.  They are applied when a device is
 * attached, stay with the domain when it leaves, and are applied once: a device whose regions are
 * there already may join at any time.  New ones need a domain that no other device uses, as
 * a reservation beside maps and unmaps would not hold (domain.c).
 *
 * All regions of a device are looked at before the first is applied.
 *
 * Invariants:
 *  R1  what a published region covers is never given out;
 *  R2  every granule of a published direct region leads to itself, and no unmap takes it away.
 *
 * Locking: (p) policy_lock while regions are applied; the list only grows, and is read without.
 *
 * Ordering:
 *  [REGION] publish: a region is filled in, and mapped; then it is the head of the list
 *           domain_regions: the head is loaded; then regions are read
 *
 * Differs from Linux: those of each further device are applied too, or it is not attached, where
 *  there they are left out; a reservation that fails is an error; a direct region is never
 *  given out, either; windows of a host bridge and gaps between inbound ranges are the machine's
 *  to name, as reserved; for a hardware MSI region no page is recorded, since nothing here
 *  maps one.
 *
 * Source: spec-iova 2.3.
 */
#include "domain_internal.h"

#include "hw_call.h"

struct domain_region {
	struct domain_region *next;  /* (c) once published */
	struct dmp_hw_region region; /* (c) as the machine has it */
	dmp_iova_t first, last;      /* (c) its granules */
};

/* Whole granules, last included. */
struct extent {
	dmp_iova_t first, last;
};

static struct domain_region *domain_regions(const struct dmp_domain *dom)
{
	return load_acquire(&dom->regions); /* [REGION] */
}

static void publish(struct dmp_domain *dom, struct domain_region *entry)
{
	entry->next = domain_regions(dom);
	store_release(&dom->regions, entry); /* [REGION] */
}

static bool is_direct(const struct dmp_hw_region *region)
{
	return region->kind == DMP_REGION_DIRECT;
}

/* Is @iova in @entry; and in one that would do for @want: any, or a direct one with its rights? */
static bool holds(const struct domain_region *entry, dmp_iova_t iova)
{
	return iova >= entry->first && iova <= entry->last;
}

static bool would_do(const struct domain_region *entry, const struct dmp_hw_region *want)
{
	return !is_direct(want) || (is_direct(&entry->region) && entry->region.prot == want->prot);
}

bool domain_region_is_direct(const struct dmp_domain *dom, dmp_iova_t iova)
{
	const struct domain_region *entry = domain_regions(dom);

	while (entry && !(is_direct(&entry->region) && holds(entry, iova)))
		entry = entry->next;
	return entry != NULL;
}

/* Does what is applied already cover @at, with all that @want asks for? */
static bool is_known(const struct dmp_domain *dom, const struct extent *at,
		     const struct dmp_hw_region *want)
{
	const struct domain_region *entry = domain_regions(dom);
	dmp_iova_t first = at->first;

	while (entry) {
		if (!would_do(entry, want) || !holds(entry, first)) {
			entry = entry->next;
			continue;
		}
		if (entry->last >= at->last)
			return true;
		first = entry->last + 1;
		entry = domain_regions(dom);
	}
	return false;
}

/* Is part of @at direct with other rights than @want asks for? */
static bool contradicts(const struct dmp_domain *dom, const struct extent *at,
			const struct dmp_hw_region *want)
{
	const struct domain_region *entry = domain_regions(dom);

	while (entry &&
	       !(is_direct(want) && is_direct(&entry->region) && entry->region.prot != want->prot &&
		 entry->first <= at->last && entry->last >= at->first))
		entry = entry->next;
	return entry != NULL;
}

/* The granules of @region; false: there is nothing to be done for it. */
static bool find_extent(const struct dmp_domain *dom, const struct dmp_hw_region *region,
			struct extent *at)
{
	uint64_t offsets = dmp_domain_granule(dom) - 1;

	at->first = region->start & ~offsets;
	at->last = (region->start + (region->len - 1)) | offsets;
	return region->kind != DMP_REGION_SOFTWARE_MSI &&
	       (is_direct(region) || at->first <= dom->aperture_end);
}

/* What may be translated; a direct region has to be. */
static bool is_in_aperture(const struct dmp_domain *dom, const struct extent *at)
{
	struct dmp_hw_domain_info info;

	dmp_iommu_info(dom->iommu, &info);
	return at->first >= info.aperture_start && at->last <= info.aperture_end;
}

static int check(struct dmp_domain *dom, const struct dmp_hw_region *region, bool is_alone)
{
	struct extent at;

	if (!find_extent(dom, region, &at) || is_known(dom, &at, region))
		return 0;
	if (is_direct(region) && !is_in_aperture(dom, &at))
		return -ERANGE;
	if (contradicts(dom, &at, region))
		return -EEXIST;
	if (!is_alone)
		return -EBUSY;
	return domain_touches_live(dom, domain_pfn(dom, at.first), domain_pfn(dom, at.last))
		       ? -EBUSY
		       : 0;
}

/* Direct regions. */

/* Takes away the first @n granules of @at that no published region maps. */
static void unmap_own(struct dmp_domain *dom, const struct extent *at, uint64_t n)
{
	uint64_t granule = dmp_domain_granule(dom), unmapped;

	for (uint64_t i = 0; i < n; i++) {
		dmp_iova_t iova = at->first + i * granule;

		if (domain_is_mapped(dom, iova) && !domain_is_direct(dom, iova))
			dmp_iommu_unmap(dom->iommu, iova, granule, &unmapped);
	}
}

/* Granules of @at from @i on that lead nowhere, up to the first of @n that does. */
static uint64_t count_empty(struct dmp_domain *dom, const struct extent *at, uint64_t i, uint64_t n)
{
	uint64_t from = i;

	while (i < n && !domain_is_mapped(dom, at->first + (i << dom->granule_shift)))
		i++;
	return i - from;
}

/* R2: what is not mapped yet, in runs as long as they can be. */
static int map_to_itself(struct dmp_domain *dom, const struct extent *at, unsigned prot)
{
	uint64_t n = ((at->last - at->first) >> dom->granule_shift) + 1, run;
	int err = 0;

	for (uint64_t i = 0; !err && i < n; i += run ? run : 1) {
		dmp_iova_t iova = at->first + (i << dom->granule_shift);

		run = count_empty(dom, at, i, n);
		if (run)
			err = dmp_iommu_map(dom->iommu, iova, iova, run << dom->granule_shift,
					    prot);
		if (err)
			unmap_own(dom, at, i);
	}
	return err;
}

/* Apply. */

static int apply_extent(struct dmp_domain *dom, const struct dmp_hw_region *region,
			const struct extent *at)
{
	struct domain_region *entry = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*entry));
	int err;

	if (!entry)
		return -ENOMEM;
	entry->region = *region;
	entry->first = at->first;
	entry->last = at->last;
	err = dmp_domain_reserve(dom, at->first,
				 at->last < dom->aperture_end ? at->last : dom->aperture_end);
	if (!err && is_direct(region))
		err = map_to_itself(dom, at, region->prot);
	if (err)
		dmp_meta_free(entry, sizeof(*entry));
	else
		publish(dom, entry);
	return err;
}

static int apply(struct dmp_domain *dom, const struct dmp_hw_region *region, bool is_alone)
{
	struct extent at;
	int err = check(dom, region, is_alone); /* again: its neighbours in the list are there */

	if (err || !find_extent(dom, region, &at) || is_known(dom, &at, region))
		return err;
	return apply_extent(dom, region, &at);
}

typedef int (*region_fn)(struct dmp_domain *dom, const struct dmp_hw_region *region, bool is_alone);

static int for_each(struct dmp_domain *dom, uint32_t device, bool is_alone, region_fn fn)
{
	struct dmp_hw_region region;
	int err = 0;

	for (uint32_t n = 0; !err; n++) {
		err = hw_device_region(dom->hw, device, n, &region);
		if (err == -ENOENT)
			return 0;
		if (!err)
			err = fn(dom, &region, is_alone);
	}
	return err;
}

int domain_regions_apply_locked(struct dmp_domain *dom, uint32_t device, bool is_alone)
{
	int err;

	dmp_lock_assert_held(&dom->policy_lock);
	err = for_each(dom, device, is_alone, check);
	return err ? err : for_each(dom, device, is_alone, apply);
}

void domain_regions_destroy(struct dmp_domain *dom)
{
	struct domain_region *entry = domain_regions(dom);

	while (entry) {
		struct domain_region *next = entry->next;

		dmp_meta_free(entry, sizeof(*entry));
		entry = next;
	}
}

int dmp_domain_region(struct dmp_domain *dom, uint32_t n, struct dmp_hw_region *region)
{
	const struct domain_region *entry = dom && region ? domain_regions(dom) : NULL;

	if (!dom || !region)
		return -EINVAL;
	for (; entry && n > 0; n--)
		entry = entry->next;
	if (!entry)
		return -ENOENT;
	*region = entry->region;
	return 0;
}
