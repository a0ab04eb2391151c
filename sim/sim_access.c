// SPDX-License-Identifier: MIT
/*
 * sim_access.c - one access of a device, inside one 4 KiB page: route, translate, move
 *
 *   tag of the device = 0 ---> direct:  addr is phys; RAM, or what is exposed to it
 *                    != 0 ---> translated:
 *
 *      IOTLB hit, and the tables agree -----------------------------> use it
 *      IOTLB hit, and the tables say something else ----------------> stale
 *      IOTLB miss, walk succeeds ------------> fill ----------------> use it
 *      IOTLB miss, walk fails ---------------> a fault with the walk's reason
 *
 * A stale access is one that a flush would have made impossible: the translation that the
 * IOTLB remembers is not the one that the tables hold.  It is recorded and not performed,
 * or recorded and performed on the old memory with DMP_SIM_TOUCH_STALE.  The look at the
 * tables is the simulator's own and costs the device nothing.
 *
 * Whichever way a page was found, one that is private is a bus error: see sim_share.c.
 *
 * With DMP_SIM_CACHE_NOT_PRESENT an entry with no permission remembers that nothing was
 * mapped, as some machines do: until it is invalidated the device faults.
 *
 * Locking: a translated access holds the lock of its IOTLB set (s), a direct one the
 *  device's (d), from the decision to the last byte moved.
 *
 * Ordering:
 *  [DRAIN]  sim_access: set locked; lookup, on a miss the walk and the fill, the last byte
 *           moved; set unlocked.  The other end, and what follows, stand in sim_iotlb.c.
 *  [DOMAIN] sim_device: domain filled in, then published in device->dom
 *           sim_access: dom loaded under a set's lock, then the domain read; detach takes
 *           that lock after clearing dom and before the domain can be destroyed
 *
 * Progress: a device whose domain changes between the two looks at it begins again.
 */
#include "sim_internal.h"

#include <string.h>

static void refuse(struct sim_access *access, enum dmp_fault_reason reason)
{
	access->failed = true;
	access->reason = reason;
}

/* Move the first @len bytes to or from @phys. */
static void move(struct dmp_sim *sim, struct sim_access *access, dmp_phys_t phys, uint64_t len)
{
	void *buf;

	if (sim_share_hides(sim, phys) || sim_phys_to_buf(sim, phys, len, &buf) ||
	    !sim_mem_is_there(&sim->mem, buf, len, access->prot)) {
		refuse(access, DMP_FAULT_BUS);
		return;
	}
	if (access->prot == DMP_PROT_READ)
		memcpy(access->device_bytes, buf, len);
	else
		memcpy(buf, access->device_bytes, len);
	access->moved = len;
}

static bool is_driven(const struct sim_access *access)
{
	return dmp_range_fits(access->addr, access->len, access->dev->dma_mask);
}

/* Direct. */

static void direct_locked(struct dmp_sim *sim, struct sim_access *access)
{
	struct sim_device *dev = access->dev;
	uint64_t reach = access->len;

	dmp_lock_assert_held(&dev->lock);
	if ((sim->flags & DMP_SIM_REQUIRE_DOMAIN) && !dev->passthrough) {
		refuse(access, DMP_FAULT_NO_DOMAIN);
		return;
	}
	if (!sim_mem_has(&sim->mem, access->addr, access->len))
		reach = sim_expose_reach(dev, access->addr, access->len, access->prot);
	if (reach && !dev->gone && is_driven(access))
		move(sim, access, access->addr, reach);
	if (access->moved < access->len)
		refuse(access, DMP_FAULT_BUS);
}

/* False: the device has a domain by now. */
static bool try_direct(struct dmp_sim *sim, struct sim_access *access)
{
	struct sim_device *dev = access->dev;

	dmp_lock_acquire(&dev->lock);
	bool is_direct = load_relaxed(&dev->tag) == 0; /* under its lock */

	if (is_direct)
		direct_locked(sim, access);
	dmp_lock_release(&dev->lock);
	return is_direct;
}

/* Translated. */

/* Does a hit say what the tables say now? */
static bool agrees(const struct sim_iotlb_entry *entry, bool present, const struct sim_walk *walk)
{
	return present && walk->phys == entry->phys && walk->prot == entry->prot;
}

static void use(struct dmp_sim *sim, struct sim_access *access, dmp_phys_t page, uint32_t prot)
{
	if (prot & access->prot)
		move(sim, access, page | (access->addr & (DMP_PAGE_BYTES - 1)), access->len);
	else
		refuse(access, DMP_FAULT_PERMISSION);
}

static void hit(struct dmp_sim *sim, struct sim_domain *dom, struct sim_access *access,
		const struct sim_iotlb_entry *entry)
{
	struct sim_walk now;
	bool present = sim_walk(sim, dom->root, access->addr, &now);

	sim_count(sim, COUNT_IOTLB_HITS, 1);
	if (entry->prot == 0) {
		refuse(access, DMP_FAULT_NOT_PRESENT);
	} else if (agrees(entry, present, &now) || !(entry->prot & access->prot)) {
		use(sim, access, entry->phys, entry->prot);
	} else {
		if (sim->flags & DMP_SIM_TOUCH_STALE)
			use(sim, access, entry->phys, entry->prot);
		refuse(access, DMP_FAULT_STALE);
	}
}

static void miss(struct dmp_sim *sim, struct sim_domain *dom, struct sim_iotlb_set *set,
		 struct sim_access *access)
{
	uint64_t page = access->addr >> DMP_PAGE_SHIFT;
	struct sim_walk walk;
	bool present = sim_walk(sim, dom->root, access->addr, &walk);

	sim_count(sim, COUNT_IOTLB_MISSES, 1);
	sim_charge_walk(sim, walk.levels);
	if (present ||
	    (walk.reason == DMP_FAULT_NOT_PRESENT && (sim->flags & DMP_SIM_CACHE_NOT_PRESENT)))
		sim_iotlb_fill_locked(sim, set, dom->id, page, &walk);
	if (present)
		use(sim, access, walk.phys, walk.prot);
	else
		refuse(access, walk.reason);
}

static void translated_locked(struct dmp_sim *sim, struct sim_domain *dom,
			      struct sim_iotlb_set *set, struct sim_access *access)
{
	const struct sim_iotlb_entry *entry =
		sim_iotlb_find_locked(&sim->iotlb, set, dom->id, access->addr >> DMP_PAGE_SHIFT);

	dmp_lock_assert_held(&set->lock);
	if (entry)
		hit(sim, dom, access, entry);
	else
		miss(sim, dom, set, access);
}

/* False: the device's domain is not the one with this tag any more. */
static bool try_translated(struct dmp_sim *sim, struct sim_access *access, uint64_t tag)
{
	struct sim_device *dev = access->dev;

	if (!dmp_range_fits(access->addr, access->len, sim->format.iova_last)) {
		refuse(access, DMP_FAULT_APERTURE);
		return true;
	}
	if (!is_driven(access)) {
		refuse(access, DMP_FAULT_BUS);
		return true;
	}
	struct sim_iotlb_set *set =
		sim_iotlb_lock(&sim->iotlb, tag, access->addr >> DMP_PAGE_SHIFT); /* [DRAIN] */
	struct sim_domain *dom = load_acquire(&dev->dom); /* [DOMAIN] under the set's lock */
	bool is_current = dom && dom->id == tag;

	if (is_current)
		translated_locked(sim, dom, set, access);
	sim_iotlb_unlock(set);
	return is_current;
}

static void count_access(struct dmp_sim *sim, const struct sim_access *access)
{
	sim_count(sim, COUNT_ACCESSES, 1);
	sim_count(sim, access->prot == DMP_PROT_READ ? COUNT_BYTES_READ : COUNT_BYTES_WRITTEN,
		  access->moved);
	if (access->failed)
		sim_count(sim, access->reason == DMP_FAULT_STALE ? COUNT_STALE : COUNT_FAULTS, 1);
}

void sim_access_perform(struct dmp_sim *sim, struct sim_access *access)
{
	bool done = false;

	access->failed = false;
	access->moved = 0;
	if (sim_inject(sim, DMP_SIM_CALL_ACCESS)) {
		refuse(access, DMP_FAULT_BUS);
		done = true;
	}
	while (!done) {
		/* relaxed: looked at again under the lock that it leads to */
		uint64_t tag = load_relaxed(&access->dev->tag);

		done = tag ? try_translated(sim, access, tag) : try_direct(sim, access);
		if (!done)
			dmp_cpu_relax();
	}
	count_access(sim, access);
}
