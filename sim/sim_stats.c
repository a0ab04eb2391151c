// SPDX-License-Identifier: MIT
/*
 * sim_stats.c - counters
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

static_assert(sizeof(struct dmp_sim_stats) == 50 * 8, "append only");

unsigned sim_tlb_counter_of(enum sim_tlb_kind kind, enum sim_tlb_event event)
{
	return COUNT_TLB + (unsigned)kind * TLB_EVENTS + (unsigned)event;
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

static uint64_t sum_of(struct dmp_sim *sim, enum sim_tlb_kind kind, enum sim_tlb_event event)
{
	return sim_count_sum(sim, sim_tlb_counter_of(kind, event));
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
		.iotlb_evictions = sum_of(sim, TLB_IOTLB, TLB_EVICTIONS),
		.invalidations = sim_count_sum(sim, COUNT_INVALIDATIONS),
		.invalidated_entries = sum_of(sim, TLB_IOTLB, TLB_DROPPED),
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
		.walks = sim_count_sum(sim, COUNT_WALKS),
		.walk_levels = sim_count_sum(sim, COUNT_WALK_LEVELS),
		.walk_cache_hits = sim_count_sum(sim, COUNT_WALK_CACHE_HITS),
		.walk_cache_evictions = sum_of(sim, TLB_WALK, TLB_EVICTIONS),
		.walk_cache_invalidated = sum_of(sim, TLB_WALK, TLB_DROPPED),
		.devtlb_hits = sim_count_sum(sim, COUNT_DEVTLB_HITS),
		.devtlb_misses = sim_count_sum(sim, COUNT_DEVTLB_MISSES),
		.devtlb_evictions = sum_of(sim, TLB_DEVICE, TLB_EVICTIONS),
		.devtlb_invalidated = sum_of(sim, TLB_DEVICE, TLB_DROPPED),
		.unsynced_accesses = sim_count_sum(sim, COUNT_UNSYNCED),
		.commands = sim_count_sum(sim, COUNT_COMMANDS),
		.pages_asked = sim_count_sum(sim, COUNT_PAGES_ASKED),
		.pages_over = sim_count_sum(sim, COUNT_PAGES_OVER),
		.over_invalidated_entries = sim_count_sum(sim, COUNT_OVER_INVALIDATED_ENTRIES),
		.ranges_as_domain = sim_count_sum(sim, COUNT_RANGES_AS_DOMAIN),
		.queue_retries = sim_count_sum(sim, COUNT_QUEUE_RETRIES),
		.queue_timeouts = sim_count_sum(sim, COUNT_QUEUE_TIMEOUTS),
		.conversions = sim_count_sum(sim, COUNT_CONVERSIONS),
		.shared_pages = sim_count_sum(sim, COUNT_SHARED_PAGES),
		.private_pages = sim_count_sum(sim, COUNT_PRIVATE_PAGES),
		.convert_ns = sim_count_sum(sim, COUNT_CONVERT_PS) / 1000,
		.ram_shared = load_relaxed(&sim->mem.nshared) << DMP_PAGE_SHIFT, /* for reports */
		.faults_lost = sim_count_sum(sim, COUNT_FAULTS_LOST),
		.spun_ns = sim_count_sum(sim, COUNT_SPUN_PS) / 1000,
	};

	if (size < sizeof(uint64_t))
		return -EINVAL;
	for (unsigned phase = 0; phase < DMP_SIM_PHASES; phase++)
		full.phase_ns[phase] = sim_count_sum(sim, COUNT_PHASE_PS + phase) / 1000;
	memset(stats, 0, size);
	memcpy(stats, &full, size < sizeof(full) ? size : sizeof(full));
	return 0;
}
