// SPDX-License-Identifier: MIT
/*
 * sim_cost.c - what the profile asks for each operation
 *
 *   map, unmap     first[size] + (entries - 1) * next[size]     a call, by the size asked for;
 *                                                               a page of a run has many entries
 *   invalidation   submit, + transfer if another CPU submitted  the submitter's, at once
 *                  command or device, wait                      the queue's, one after another
 *                  latency                                      the submitter's, at the end
 *   IOTLB miss     miss + level * entries read                  the device's, not the CPU's
 *   conversion     page * pages                                 beside the phases
 *
 * A cost is counted in virtual picoseconds of its phase, or, with DMP_SIM_SPIN, really waited
 * for where it arises: the queue's by whoever is the hardware, with the queue locked, so that
 * others wait behind it.  A machine does one or the other, so that no table holds both.
 *
 * What only software can know, where an IOVA came from and how many bytes it copied, has a
 * price that can be asked for, and is charged by whoever knows.
 *
 * Locking: none of its own.
 */
#include "sim_internal.h"

#define PS_PER_NS 1000u

/* The calling thread pays @ps: in the books, at @counter, or in time. */
static void pay(struct dmp_sim *sim, unsigned counter, uint64_t ps)
{
	if (!ps)
		return;
	if (sim->flags & DMP_SIM_SPIN) {
		dmp_clock_spend((ps + PS_PER_NS / 2) / PS_PER_NS);
		sim_count(sim, COUNT_SPUN_PS, ps);
	} else {
		sim_count(sim, counter, ps);
	}
}

void sim_charge(struct dmp_sim *sim, enum dmp_sim_phase phase, uint64_t ps)
{
	pay(sim, COUNT_PHASE_PS + (unsigned)phase, ps);
}

/* The size in the profile that is the next below; 4 KiB if there is none. */
static unsigned size_class(uint64_t page_bytes)
{
	return page_bytes >> 30 ? 2 : page_bytes >> 21 ? 1 : 0;
}

static uint64_t run_ps(const uint64_t *first, const uint64_t *next, uint64_t page_bytes,
		       uint64_t nentries)
{
	unsigned size = size_class(page_bytes);

	return nentries ? first[size] + (nentries - 1) * next[size] : 0;
}

void sim_charge_map(struct dmp_sim *sim, uint64_t page_bytes, uint64_t nentries)
{
	sim_charge(sim, DMP_SIM_PHASE_MAP,
		   run_ps(sim->costs.map_first, sim->costs.map_next, page_bytes, nentries));
}

void sim_charge_unmap(struct dmp_sim *sim, uint64_t page_bytes, uint64_t nentries)
{
	sim_charge(sim, DMP_SIM_PHASE_UNMAP,
		   run_ps(sim->costs.unmap_first, sim->costs.unmap_next, page_bytes, nentries));
}

void sim_charge_walk(struct dmp_sim *sim, unsigned levels)
{
	sim_charge(sim, DMP_SIM_PHASE_WALK, sim->costs.walk_miss + levels * sim->costs.walk_level);
}

void sim_charge_convert(struct dmp_sim *sim, uint64_t npages)
{
	pay(sim, COUNT_CONVERT_PS, npages * sim->costs.convert_page);
}

uint64_t dmp_sim_price_ps(const struct dmp_sim *sim, enum dmp_sim_price price)
{
	return (unsigned)price < DMP_SIM_PRICES ? sim->costs.price[price] : 0;
}
