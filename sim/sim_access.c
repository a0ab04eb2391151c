// SPDX-License-Identifier: MIT
/*
 * sim_access.c - one access of a device, inside one 4 KiB page: route, translate, move
 *
 *   tag of the device = 0 ---> direct:  addr is phys, or lies in the device's range of it; RAM, or
 *                              what is exposed to it
 *                    != 0 ---> translated:
 *
 *      device TLB, IOTLB or a walk from a remembered table, and the
 *        tables agree -----------------------------------------------> use it
 *        the tables say something else -------------------------------> stale
 *        nothing was mapped, and that is remembered ------------------> a fault
 *      a walk from the root -------------> use it, or a fault with the walk's reason
 *
 * A stale access is one that a flush would have made impossible: the translation that a
 * cache remembers is not the one that the tables hold.  It is recorded and not performed,
 * or recorded and performed on the old memory with DMP_SIM_TOUCH_STALE.  The look at the
 * tables is the simulator's own and costs the device nothing.
 *
 * Whichever way a page was found, one that is private is a bus error: see sim_share.c.
 *
 * Locking: a translated access is inside its gate, a direct one holds the device's lock (d),
 *  from the decision to the last byte moved.
 *
 * Ordering:
 *  [DRAIN]  sim_access: gate entered; lookups, on a miss the walk and the fill, the last byte
 *           moved; gate left.  The other end, and what follows, stand in sim_gate.c.
 *  [DOMAIN] sim_device: domain filled in, then published in device->dom
 *           sim_access: dom loaded inside a gate, then the domain read; detach passes that
 *           gate after clearing dom and before the domain can be destroyed
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

/* Where in memory the access is; false: nowhere.  A range begins and ends with a page. */
static bool find_direct(const struct sim_access *access, dmp_phys_t *phys)
{
	const struct dmp_hw_device *desc = &access->dev->desc;
	uint64_t offset = access->addr - desc->range_addr;

	*phys = access->addr;
	if (!desc->range_len || access->dev->passthrough)
		return true;
	*phys = desc->range_phys + offset;
	return access->addr >= desc->range_addr && offset < desc->range_len;
}

static void direct_locked(struct dmp_sim *sim, struct sim_access *access)
{
	struct sim_device *dev = access->dev;
	uint64_t reach = access->len;
	dmp_phys_t phys;

	dmp_lock_assert_held(&dev->lock);
	if ((sim->flags & DMP_SIM_REQUIRE_DOMAIN) && !dev->passthrough) {
		refuse(access, DMP_FAULT_NO_DOMAIN);
		return;
	}
	if (!find_direct(access, &phys))
		reach = 0;
	else if (!sim_mem_has(&sim->mem, phys, access->len))
		reach = sim_expose_reach(dev, phys, access->len, access->prot);
	if (reach && !dev->gone && is_driven(access))
		move(sim, access, phys, reach);
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

static void use(struct dmp_sim *sim, struct sim_access *access, const struct sim_translation *to)
{
	if (to->prot & access->prot)
		move(sim, access, to->phys | (access->addr & (DMP_PAGE_BYTES - 1)), access->len);
	else
		refuse(access, DMP_FAULT_PERMISSION);
}

/* Does what is remembered say what the tables say now?  The look costs the device nothing. */
static bool agrees(struct dmp_sim *sim, const struct sim_domain *dom, dmp_iova_t iova,
		   const struct sim_translation *to)
{
	struct sim_walk now;

	return sim_walk(sim, dom->root, iova, &now) && now.phys == to->phys && now.prot == to->prot;
}

/* A translation that leads somewhere. */
static void use_if_fresh(struct dmp_sim *sim, const struct sim_domain *dom,
			 struct sim_access *access, const struct sim_translation *to)
{
	bool is_stale = to->remembered && (to->prot & access->prot) &&
			!agrees(sim, dom, access->addr, to);

	if (!is_stale || (sim->flags & DMP_SIM_TOUCH_STALE))
		use(sim, access, to);
	if (is_stale) {
		refuse(access, DMP_FAULT_STALE);
		if (load_acquire(&dom->reach)) /* [REACH] of sim_reach.c */
			sim_reuse_stale(sim, dom, access, to);
	}
}

static void translated_inside(struct dmp_sim *sim, const struct sim_domain *dom,
			      struct sim_access *access)
{
	struct sim_translation to;
	struct sim_walk now;

	sim_translate(sim, access->dev->id, dom, access->addr, &to);
	if (to.prot) {
		use_if_fresh(sim, dom, access, &to);
		return;
	}
	refuse(access, to.reason);
	if (to.remembered && to.reason == DMP_FAULT_NOT_PRESENT &&
	    sim_walk(sim, dom->root, access->addr, &now))
		sim_count(sim, COUNT_UNSYNCED, 1);
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
	struct sim_gate *gate =
		sim_gate_enter(sim, tag, access->addr >> DMP_PAGE_SHIFT); /* [DRAIN] */
	struct sim_domain *dom = load_acquire(&dev->dom); /* [DOMAIN] inside a gate */
	bool is_current = dom && dom->id == tag;

	if (is_current)
		translated_inside(sim, dom, access);
	sim_gate_leave(gate);
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
