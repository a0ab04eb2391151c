// SPDX-License-Identifier: MIT
/*
 * sim_cost.c - counters, and what the profile asks for each operation
 *
 *   map, unmap     first[size] + (entries - 1) * next[size]     a call, by the size asked for;
 *                                                               a page of a run has many entries
 *   invalidation   command + wait                               a submission
 *   IOTLB miss     miss + level * entries read                  the device's time, not the CPU's
 *   conversion     page * pages                                 beside the phases
 *
 * Costs are counted in virtual picoseconds per phase; nobody waits for them.  What only
 * software can know, where an IOVA came from and how many bytes it copied, has a price that
 * can be asked for, and is charged by whoever knows.
 *
 * Every counter stands in the calling CPU's own block, so that a map writes no line that
 * another CPU writes; a sum is made when somebody reads.
 *
 * Locking: (a) atomic, relaxed: counters are read for reports, and for the walkers when
 *  nothing else runs.
 */
#include "sim_internal.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct dmp_sim_stats) == 31 * 8, "append only");

static void charge(struct dmp_sim *sim, enum dmp_sim_phase phase, uint64_t ps)
{
	if (ps)
		sim_count(sim, COUNT_PHASE_PS + (unsigned)phase, ps);
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
	charge(sim, DMP_SIM_PHASE_MAP,
	       run_ps(sim->costs.map_first, sim->costs.map_next, page_bytes, nentries));
}

void sim_charge_unmap(struct dmp_sim *sim, uint64_t page_bytes, uint64_t nentries)
{
	charge(sim, DMP_SIM_PHASE_UNMAP,
	       run_ps(sim->costs.unmap_first, sim->costs.unmap_next, page_bytes, nentries));
}

void sim_charge_invalidate(struct dmp_sim *sim)
{
	charge(sim, DMP_SIM_PHASE_INVALIDATE,
	       sim->costs.invalidate_command + sim->costs.invalidate_wait);
}

void sim_charge_walk(struct dmp_sim *sim, unsigned levels)
{
	charge(sim, DMP_SIM_PHASE_WALK, sim->costs.walk_miss + levels * sim->costs.walk_level);
}

void sim_charge_convert(struct dmp_sim *sim, uint64_t npages)
{
	if (sim->costs.convert_page)
		sim_count(sim, COUNT_CONVERT_PS, npages * sim->costs.convert_page);
}

uint64_t dmp_sim_price_ps(const struct dmp_sim *sim, enum dmp_sim_price price)
{
	return (unsigned)price < DMP_SIM_PRICES ? sim->costs.price[price] : 0;
}

uint64_t sim_count_sum(struct dmp_sim *sim, unsigned counter)
{
	uint64_t sum = load_relaxed(&sim->spare.count[counter]); /* for reports */
	struct sim_counters *block;
	unsigned cpu;

	DMP_PERCPU_FOREACH(block, &sim->counters, cpu)
		sum += load_relaxed(&block->count[counter]); /* for reports */
	return sum;
}

int dmp_sim_get_stats(struct dmp_sim *sim, struct dmp_sim_stats *stats, size_t size)
{
	struct dmp_sim_stats full = {
		.map_calls = sim_count_sum(sim, COUNT_MAP_CALLS),
		.map_pages = sim_count_sum(sim, COUNT_MAP_PAGES),
		.unmap_calls = sim_count_sum(sim, COUNT_UNMAP_CALLS),
		.unmap_pages = sim_count_sum(sim, COUNT_UNMAP_PAGES),
		.tables_allocated = sim_count_sum(sim, COUNT_TABLES_ALLOCATED),
		.tables_freed = sim_count_sum(sim, COUNT_TABLES_FREED),
		.iotlb_hits = sim_count_sum(sim, COUNT_IOTLB_HITS),
		.iotlb_misses = sim_count_sum(sim, COUNT_IOTLB_MISSES),
		.iotlb_evictions = sim_count_sum(sim, COUNT_IOTLB_EVICTIONS),
		.invalidations = sim_count_sum(sim, COUNT_INVALIDATIONS),
		.invalidated_entries = sim_count_sum(sim, COUNT_INVALIDATED_ENTRIES),
		.queue_waits = sim_count_sum(sim, COUNT_QUEUE_WAITS),
		.accesses = sim_count_sum(sim, COUNT_ACCESSES),
		.bytes_read = sim_count_sum(sim, COUNT_BYTES_READ),
		.bytes_written = sim_count_sum(sim, COUNT_BYTES_WRITTEN),
		.faults = sim_count_sum(sim, COUNT_FAULTS),
		.stale_accesses = sim_count_sum(sim, COUNT_STALE),
		.ram_in_use = (sim_mem_given_pages(&sim->mem) + sim_mem_table_pages(&sim->mem))
			      << DMP_PAGE_SHIFT,
		.tables_waiting = sim_count_sum(sim, COUNT_TABLES_UNLINKED) -
				  sim_count_sum(sim, COUNT_TABLES_FREED),
		.table_bytes = sim_mem_table_pages(&sim->mem) << DMP_PAGE_SHIFT,
		.conversions = sim_count_sum(sim, COUNT_CONVERSIONS),
		.shared_pages = sim_count_sum(sim, COUNT_SHARED_PAGES),
		.private_pages = sim_count_sum(sim, COUNT_PRIVATE_PAGES),
		.convert_ns = sim_count_sum(sim, COUNT_CONVERT_PS) / 1000,
		.ram_shared = load_relaxed(&sim->mem.nshared) << DMP_PAGE_SHIFT, /* for reports */
	};

	if (size < sizeof(uint64_t))
		return -EINVAL;
	for (unsigned phase = 0; phase < DMP_SIM_PHASES; phase++)
		full.phase_ns[phase] = sim_count_sum(sim, COUNT_PHASE_PS + phase) / 1000;
	memset(stats, 0, size);
	memcpy(stats, &full, size < sizeof(full) ? size : sizeof(full));
	return 0;
}
