// SPDX-License-Identifier: MIT
/*
 * sim_found.c - windows of unmaps whose flush follows at once
 *
 *   tables cleared --- flush: the hardware notes what it drops of the range --- over
 *     |<-------------------------- the window ------------------------------>|
 *
 * Strictly, everything that leads to an unmapped page is dropped within the unmap.  Nothing is
 * looked for before and nothing marked: what the hardware finds of the range when it drops it is
 * the window, from before the tables were cleared to the end of the flush, whose time the library
 * is told, so that one look at the clock ends both measures.
 *
 * The hardware sets a bit for each page that an entry leads to; another unit's, or a device TLB's
 * entry of the same page sets the same bit.  A range of more pages than there are bits is marked
 * before the flush instead (sim_reach.c); so is what is left when a flush fails.
 *
 * So this is not seen: what another thread does while the unmap runs.  An entry that it evicts is
 * missing, of an access through one no age is known.
 *
 * Locking: sim_found is the submitter's; (h) between submission and the end of the wait.  The
 *  lock of the books is taken if a watch is told, and never else.
 */
#include "sim_internal.h"

bool sim_found_begin(struct sim_found *found, const struct dmp_gather *gather)
{
	*found = (struct sim_found){.first = gather->start >> DMP_PAGE_SHIFT};
	return (gather->end >> DMP_PAGE_SHIFT) - found->first < SIM_FOUND_PAGES;
}

/* @entry leads to one of these pages, or to more. */
void sim_found_note(struct sim_found *found, const struct sim_tlb_entry *entry)
{
	uint64_t last = entry->page + ((UINT64_C(1) << entry->order) - 1) - found->first;
	uint64_t first = entry->page < found->first ? 0 : entry->page - found->first;

	for (uint64_t i = first; i <= last && i < SIM_FOUND_PAGES; i++)
		found->reached |= UINT64_C(1) << i;
}

static uint64_t count_pages(uint64_t reached)
{
	uint64_t n = 0;

	for (; reached; reached &= reached - 1)
		n++;
	return n;
}

static void tell_ended(struct dmp_sim *sim, struct sim_reach *reach,
		       const struct dmp_exposure_window *window)
{
	if (!reach->watch.ended)
		return;
	dmp_lock_acquire(&sim->reaches.lock);
	reach->watch.ended(reach->ctx, window);
	dmp_lock_release(&sim->reaches.lock);
}

/* The flush is over. */
void sim_found_end(struct dmp_sim *sim, struct sim_reach *reach, const struct dmp_gather *gather,
		   const struct sim_found *found)
{
	uint64_t bytes = count_pages(found->reached) << DMP_PAGE_SHIFT;
	uint64_t now_ns;

	if (!bytes)
		return;
	now_ns = dmp_clock_now_ns();
	if (gather->ended_ns)
		*gather->ended_ns = now_ns;
	dmp_tally_add(&reach->found, bytes, now_ns - gather->begun_ns);
	tell_ended(sim, reach,
		   &(struct dmp_exposure_window){
			   .iova = gather->start,
			   .len = gather->end - gather->start + 1,
			   .bytes = bytes,
			   .opened_ns = gather->begun_ns,
			   .ended_ns = now_ns,
			   .end = DMP_EXPOSURE_INVALIDATED,
		   });
}
