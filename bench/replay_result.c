// SPDX-License-Identifier: MIT
/*
 * replay_result.c - what one run did, from the counters of everybody who counts
 *
 * Picture, in time:
 *
 *    machine made --> books read --> clock: replay --> books read --> tidy up --> destroyed
 *                     `------ their difference is the replay's -----'   |           |
 *                                                         faults, wrong bytes   broken books
 *
 * Simulated costs per call: page tables and invalidations are charged by the machine as
 * they happen; IOVAs are this library's counters times the profile's prices.  Allocations
 * of coherent memory are calls like maps.  An invalidation is the unmap's: only a machine
 * that caches absent entries makes one for a map, and no machine here does.  Copying is
 * bytes that a bouncing device's calls had to move (swiotlb.h says which: all of them at the
 * map, those that the device may have written at the unmap) times the profile's price.
 *
 * The books of a bounce pool are a high-water mark since it was made, so that there is no
 * difference to build.
 */
#include "replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void iova_stats_add(struct dmp_iova_stats *sum, const struct dmp_iova_stats *add)
{
	sum->alloc_cached += add->alloc_cached;
	sum->alloc_policy += add->alloc_policy;
	sum->free_cached += add->free_cached;
	sum->free_policy += add->free_policy;
}

static void domain_stats_add(struct dmp_domain_stats *sum, const struct dmp_domain_stats *add)
{
	for (unsigned cause = 0; cause < DMP_FLUSH_CAUSES; cause++)
		sum->flushes_by[cause] += add->flushes_by[cause];
	sum->released += add->released;
	sum->exposed_ns += add->exposed_ns;
	if (add->exposed_max_ns > sum->exposed_max_ns)
		sum->exposed_max_ns = add->exposed_max_ns;
}

static void read_domain(struct dmp_domain *domain, struct replay_books *books)
{
	struct dmp_domain_stats stats;
	struct dmp_iova_stats iova;

	dmp_domain_get_stats(domain, &stats, sizeof(stats));
	domain_stats_add(&books->domain, &stats);
	if (dmp_domain_is_identity(domain))
		return;
	dmp_iova_get_stats(dmp_domain_iova(domain), &iova, sizeof(iova));
	iova_stats_add(&books->iova, &iova);
}

void replay_books_read(const struct replay_machine *machine, struct replay_books *books)
{
	memset(books, 0, sizeof(*books));
	dmp_sim_get_stats(machine->sim, &books->sim, sizeof(books->sim));
	for (uint32_t i = 0; i < machine->ndevices; i++)
		if (machine->domains[i])
			read_domain(machine->domains[i], books);
	if (machine->tlb)
		dmp_swiotlb_get_stats(machine->tlb, &books->tlb, sizeof(books->tlb));
}

static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : NAN;
}

static double per_call(double sum, uint64_t calls)
{
	return calls ? sum / (double)calls : 0;
}

static struct replay_counts sum_lanes(const struct replay_job *job)
{
	struct replay_counts sum = {0};

	for (uint32_t i = 0; i < job->nlanes; i++) {
		const struct replay_counts *c = &job->lanes[i].counts;

		sum.maps += c->maps;
		sum.unmaps += c->unmaps;
		sum.allocs += c->allocs;
		sum.frees += c->frees;
		sum.syncs += c->syncs;
		sum.late_maps += c->late_maps;
		sum.map_copied += c->map_copied;
		sum.unmap_copied += c->unmap_copied;
		sum.sync_copied += c->sync_copied;
		sum.wrong_bytes += c->wrong_bytes;
		sum.not_done += c->not_done;
		replay_blame_add(&sum.blame, &c->blame);
	}
	return sum;
}

/* Map calls of the trace that the kernel refused, or that are too long for us. */
static uint64_t maps_left_out(const struct replay_job *job)
{
	uint64_t tried = 0;

	for (uint32_t i = 0; i < job->plan->nmappings; i++)
		tried += job->mappings[i].nsteps && !replay_is_alloc(job->mappings[i].shape);
	return job->plan->facts.maps - tried;
}

static void fill_calls(const struct replay_job *job, const struct replay_counts *counts,
		       struct replay_result *r)
{
	const struct trace_facts *facts = &job->plan->facts;

	r->maps_replayed = counts->maps;
	r->maps = counts->maps + maps_left_out(job);
	r->unmaps = counts->unmaps;
	r->syncs = counts->syncs;
	r->allocs = counts->allocs;
	r->frees = counts->frees;
	r->live_at_end = counts->maps + counts->allocs - counts->unmaps - counts->frees;
	r->failed_in_trace = facts->failed_in_trace;
	r->unmatched = facts->unmatched;
	r->late_maps = counts->late_maps;
	r->copied_bytes = counts->map_copied + counts->unmap_copied + counts->sync_copied;
	r->cross_cpu_share = ratio(facts->cross_cpu_unmaps, (double)counts->unmaps);
}

static void fill_caches(const struct replay_books *before, const struct replay_books *after,
			struct replay_result *r)
{
	r->magazine_allocs = after->iova.alloc_cached - before->iova.alloc_cached;
	r->tree_allocs = after->iova.alloc_policy - before->iova.alloc_policy;
	r->magazine_share =
		ratio((double)r->magazine_allocs, (double)(r->magazine_allocs + r->tree_allocs));
	r->iotlb_hits = after->sim.iotlb_hits - before->sim.iotlb_hits;
	r->iotlb_misses = after->sim.iotlb_misses - before->sim.iotlb_misses;
	r->iotlb_share = ratio((double)r->iotlb_hits, (double)(r->iotlb_hits + r->iotlb_misses));
	r->invalidations = after->sim.invalidations - before->sim.invalidations;
	r->invalidated_entries = after->sim.invalidated_entries - before->sim.invalidated_entries;
}

/* Flushes by cause; returns how many of all causes. */
static uint64_t fill_causes(const uint64_t *before, const uint64_t *after, struct replay_result *r)
{
	uint64_t by[DMP_FLUSH_CAUSES], sum = 0;

	for (unsigned cause = 0; cause < DMP_FLUSH_CAUSES; cause++) {
		by[cause] = after[cause] - before[cause];
		sum += by[cause];
	}
	r->flushes_full = by[DMP_FLUSH_CAUSE_FULL];
	r->flushes_timer = by[DMP_FLUSH_CAUSE_TIMER];
	r->flushes_commit = by[DMP_FLUSH_CAUSE_COMMIT];
	r->flushes_reuse = by[DMP_FLUSH_CAUSE_REUSE];
	r->flushes_asked = by[DMP_FLUSH_CAUSE_ASKED];
	return sum;
}

static void fill_flushes(const struct replay_books *before, const struct replay_books *after,
			 struct replay_result *r)
{
	const struct dmp_domain_stats *a = &before->domain, *b = &after->domain;
	double released = (double)(b->released - a->released);
	uint64_t flushes = fill_causes(a->flushes_by, b->flushes_by, r);

	/* On reuse nothing waits in a queue: a flush is for what was unmapped */
	r->entries_per_flush =
		ratio(r->way == REPLAY_ON_REUSE ? (double)r->unmaps : released, (double)flushes);
	r->exposed_us = ratio((double)(b->exposed_ns - a->exposed_ns) / 1000, released);
	r->exposed_max_us = (double)b->exposed_max_ns / 1000;
	if (b->exposed_max_ns == 0)
		r->exposed_us = r->exposed_max_us = NAN;
}

static double iova_ns(const struct dmp_sim *sim, uint64_t cached, uint64_t policy)
{
	return ((double)cached * (double)dmp_sim_price_ps(sim, DMP_SIM_PRICE_IOVA_CACHED) +
		(double)policy * (double)dmp_sim_price_ps(sim, DMP_SIM_PRICE_IOVA_TREE)) /
	       1000;
}

static double phase_ns(const struct replay_books *before, const struct replay_books *after,
		       enum dmp_sim_phase phase)
{
	return (double)(after->sim.phase_ns[phase] - before->sim.phase_ns[phase]);
}

static void fill_copies(const struct dmp_sim *sim, const struct replay_counts *counts,
			struct replay_result *r)
{
	double ns = (double)dmp_sim_price_ps(sim, DMP_SIM_PRICE_COPY_BYTE) / 1000;

	r->map_copy_ns = per_call((double)counts->map_copied * ns, r->maps_replayed + r->allocs);
	r->unmap_copy_ns = per_call((double)counts->unmap_copied * ns, r->unmaps + r->frees);
	r->sync_copy_ns = per_call((double)counts->sync_copied * ns, r->syncs);
}

static void fill_costs(const struct replay_run *run, const struct replay_books *before,
		       const struct replay_books *after, struct replay_result *r)
{
	uint64_t maps = r->maps_replayed + r->allocs, unmaps = r->unmaps + r->frees;
	const struct dmp_sim *sim = run->machine->sim;

	r->map_allocate_ns =
		per_call(iova_ns(sim, after->iova.alloc_cached - before->iova.alloc_cached,
				 after->iova.alloc_policy - before->iova.alloc_policy),
			 maps);
	r->unmap_allocate_ns =
		per_call(iova_ns(sim, after->iova.free_cached - before->iova.free_cached,
				 after->iova.free_policy - before->iova.free_policy),
			 unmaps);
	r->map_table_ns = per_call(phase_ns(before, after, DMP_SIM_PHASE_MAP), maps);
	r->unmap_table_ns = per_call(phase_ns(before, after, DMP_SIM_PHASE_UNMAP), unmaps);
	r->unmap_invalidate_ns =
		per_call(phase_ns(before, after, DMP_SIM_PHASE_INVALIDATE), unmaps);
}

void replay_result_fill(const struct replay_run *run, const struct replay_books *before,
			double seconds, struct replay_result *r)
{
	struct replay_counts counts = sum_lanes(run->job);
	struct replay_books after;

	replay_books_read(run->machine, &after);
	fill_calls(run->job, &counts, r);
	fill_caches(before, &after, r);
	fill_flushes(before, &after, r);
	fill_costs(run, before, &after, r);
	fill_copies(run->machine->sim, &counts, r);
	r->peak_slots = after.tlb.high_water;
	r->grown_pools = after.tlb.grown;
	r->transient_pools = after.tlb.transients_made;
	/* relaxed: the threads have ended */
	r->peak_in_flight = atomic_load_explicit(&run->peak, memory_order_relaxed);
	r->seconds = seconds;
	r->events_per_second = ratio((double)run->job->nevents, seconds);
	r->runs = 1;
}

void replay_result_blame(const struct replay_run *run, struct replay_result *r)
{
	struct replay_counts counts = sum_lanes(run->job);
	struct replay_books now;

	replay_books_read(run->machine, &now);
	r->faults = now.sim.faults;
	r->stale_accesses = now.sim.stale_accesses;
	r->wrong_bytes = counts.wrong_bytes;
	r->not_done = counts.not_done;
	r->blame = counts.blame;
}

static int by_speed(const void *a, const void *b)
{
	const struct replay_result *x = a, *y = b;

	return (x->events_per_second > y->events_per_second) -
	       (x->events_per_second < y->events_per_second);
}

static void add_failures(const struct replay_result *from, struct replay_result *to)
{
	to->wrong_bytes += from->wrong_bytes;
	to->faults += from->faults;
	to->stale_accesses += from->stale_accesses;
	to->not_done += from->not_done;
	to->broken_books += from->broken_books;
	replay_blame_add(&to->blame, &from->blame);
}

void replay_result_median(struct replay_result *runs, unsigned nruns, struct replay_result *out)
{
	unsigned middle = (nruns - 1) / 2;

	qsort(runs, nruns, sizeof(*runs), by_speed);
	*out = runs[middle];
	for (unsigned i = 0; i < nruns; i++) {
		if (i == middle)
			continue;
		add_failures(&runs[i], out);
		replay_result_free(&runs[i]);
	}
	out->events_per_second =
		(runs[middle].events_per_second + runs[nruns / 2].events_per_second) / 2;
	out->slowest = runs[0].events_per_second;
	out->fastest = runs[nruns - 1].events_per_second;
	out->runs = nruns;
}

void replay_result_free(struct replay_result *result)
{
	free(result->exposed);
	free(result->beside);
	result->exposed = NULL;
	result->beside = NULL;
}

bool replay_result_is_bad(const struct replay_result *r)
{
	return r->wrong_bytes || r->faults || r->stale_accesses || r->blame.requests ||
	       r->not_done || r->broken_books;
}
