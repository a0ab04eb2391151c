// SPDX-License-Identifier: MIT
/*
 * sim_cost.c - what the profile asks for each operation
 *
 *   map, unmap     first[size] + (entries - 1) * next[size]     a call, by the size asked for;
 *                                                               a page of a run has many entries,
 *                                                               its first maybe a cost of its own
 *   invalidation   submit, + transfer if another CPU submitted  the submitter's, at once
 *                  command, domain or device; wait              the queue's, one after another
 *                  latency                                      the submitter's, at the end
 *   IOTLB hit      hit                                          the device's, not the CPU's
 *        miss      miss + level * entries read, + hit of a walk cache
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
#define WIDE_64K  (UINT64_C(1) << 16)
#define WIDE_1M   (UINT64_C(1) << 20)

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

/* A call's pages: entries, of which page_bytes / entry_bytes make a page. */
struct run {
	const uint64_t *first, *next, *wide;
	uint64_t page_bytes, entry_bytes, nentries;
};

/* What the first page costs if it has many entries and the profile knows its size; else 0. */
static uint64_t wide_ps(const struct run *run)
{
	if (run->page_bytes == run->entry_bytes)
		return 0;
	return run->page_bytes == WIDE_64K  ? run->wide[0]
	       : run->page_bytes == WIDE_1M ? run->wide[1]
					    : 0;
}

static uint64_t run_ps(const struct run *run)
{
	unsigned size = size_class(run->entry_bytes);
	uint64_t begin = wide_ps(run);
	uint64_t nbegin = begin ? run->page_bytes / run->entry_bytes : 1;

	if (!run->nentries)
		return 0;
	if (run->nentries < nbegin) { /* it was not such a page that was there */
		begin = 0;
		nbegin = 1;
	}
	return (begin ? begin : run->first[size]) + (run->nentries - nbegin) * run->next[size];
}

void sim_charge_map(struct dmp_sim *sim, uint64_t page_bytes, uint64_t entry_bytes,
		    uint64_t nentries)
{
	const struct sim_costs *costs = &sim->costs;

	sim_charge(sim, DMP_SIM_PHASE_MAP,
		   run_ps(&(struct run){costs->map_first, costs->map_next, costs->map_wide,
					page_bytes, entry_bytes, nentries}));
}

void sim_charge_unmap(struct dmp_sim *sim, uint64_t page_bytes, uint64_t entry_bytes,
		      uint64_t nentries)
{
	const struct sim_costs *costs = &sim->costs;

	sim_charge(sim, DMP_SIM_PHASE_UNMAP,
		   run_ps(&(struct run){costs->unmap_first, costs->unmap_next, costs->unmap_wide,
					page_bytes, entry_bytes, nentries}));
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
