// SPDX-License-Identifier: MIT
/*
 * swiotlb_report.c - requests that found no slots: counted, and told in one line
 *
 * The line says what an operator can act on: which allocator, whose request, how full it is, the
 * largest run of free slots, and the setting that would have helped:
 *
 *   largest run        growth              what would help
 *   >= what is asked   any                 less alignment, or another boundary
 *   less               none: carved        more blocks
 *   less               none: restricted    a larger range
 *   less               not asked for       more slots, or DMP_SWIOTLB_GROWS
 *   less               switched off        DMP_SWIOTLB_GROWS of dmp_swiotlb_tune()
 *   less               capped              max_slots of dmp_swiotlb_tune()
 *   less               on its way          more slots from the start
 *
 * To find the largest run all segments are looked at, so that is told once a second at most,
 * with the number of failures that were not told.
 *
 * Locking: (l) area_lock of one area at a time; (a) atomic.
 *
 * Source: spec-bounce 4.4, 13; the line is our own.
 */
#include "swiotlb_internal.h"

#define NS_BETWEEN_LINES UINT64_C(1000000000)

/* The longest run of free slots in an area, if it is longer than @longest; the end of a segment
 * cuts.  A segment is asked for one slot more than is known, and seldom has it. */
uint64_t swiotlb_report_longest_run_locked(struct swiotlb_area *area, uint64_t longest)
{
	const struct dmp_swiotlb_area *slots = &area->slots;
	uint64_t seg, nsegments = (slots->nslots + SEGMENT_SLOTS - 1) / SEGMENT_SLOTS;
	const uint64_t *w;
	struct bits128 free;

	dmp_lock_assert_held(&area->area_lock);
	for (seg = 0; seg < nsegments; seg++) {
		w = swiotlb_segment_at(slots, seg)->free;
		free = (struct bits128){{w[0], w[1]}};
		while (longest < SEGMENT_SLOTS &&
		       bits_any(bits_runs_of(free, (unsigned)longest + 1)))
			longest++;
	}
	return longest;
}

/* Over all permanent pools, one area at a time. */
static uint64_t longest_run(struct dmp_swiotlb *tlb)
{
	struct swiotlb_area *area;
	struct swiotlb_pool *pool;
	uint64_t longest = 0, i;

	swiotlb_read_lock(tlb);
	SWIOTLB_FOREACH_POOL(pool, tlb)
	{
		for (i = 0; i < pool->nareas; i++) {
			area = swiotlb_area_at(pool, i);
			dmp_lock_acquire(&area->area_lock);
			longest = swiotlb_report_longest_run_locked(area, longest);
			dmp_lock_release(&area->area_lock);
		}
	}
	swiotlb_read_unlock(tlb);
	return longest;
}

int dmp_swiotlb_longest_run(struct dmp_swiotlb *tlb, uint64_t *nslots)
{
	if (!tlb || !nslots)
		return -EINVAL;
	*nslots = longest_run(tlb);
	return 0;
}

static const char *advice(const struct dmp_swiotlb *tlb, bool is_long_enough)
{
	if (is_long_enough)
		return "no free run suits: ask for less alignment or another boundary";
	if (tlb->parent)
		return "carve more for it";
	if (tlb->is_restricted)
		return "its range is fixed: give the device a larger one";
	if (!tlb->is_dynamic)
		return "create it with more slots or with DMP_SWIOTLB_GROWS";
	if (!load_relaxed(&tlb->grows)) /* relaxed: a setting */
		return "let it grow: DMP_SWIOTLB_GROWS of dmp_swiotlb_tune()";
	if (swiotlb_grow_is_capped(tlb))
		return "raise max_slots by dmp_swiotlb_tune()";
	return "it is growing: create it with more slots, as memory for the meantime is short";
}

/* Is it time for another line? */
static bool is_due(struct dmp_swiotlb *tlb)
{
	uint64_t now = dmp_clock_now_ns();
	uint64_t next = load_relaxed(&tlb->next_log_ns); /* relaxed: the exchange checks it */

	return now >= next && cas_acq_rel(&tlb->next_log_ns, &next, now + NS_BETWEEN_LINES);
}

/* @used: of the permanent pools. */
static void tell(struct dmp_swiotlb *tlb, const struct swiotlb_request *req,
		 const struct dmp_swiotlb_device *dev, uint64_t used)
{
	const char *name = swiotlb_device_name(dev);
	uint64_t longest = longest_run(tlb);

	dmp_log(DMP_LOG_WARN,
		"swiotlb '%s': %s%sno room for %llu bytes (%llu slots): %llu of %llu slots are in "
		"use, "
		"and %llu transient ones; the largest free run is %llu; %s "
		"(%llu failures not told before)",
		tlb->name, name, *name ? ": " : "", (unsigned long long)req->bytes,
		(unsigned long long)req->need.nslots, (unsigned long long)used,
		(unsigned long long)load_relaxed(&tlb->counts.slots), /* relaxed, both: reports */
		(unsigned long long)load_relaxed(&tlb->counts.transient),
		(unsigned long long)longest, advice(tlb, longest >= req->need.nslots),
		(unsigned long long)xchg_acq_rel(&tlb->untold, 0));
}

/* A request that may succeed another time. */
static void report_full(struct dmp_swiotlb *tlb, const struct swiotlb_request *req,
			const struct dmp_swiotlb_device *dev, bool is_told)
{
	/* relaxed, all: reports */
	uint64_t used = swiotlb_usage_now(tlb) - load_relaxed(&tlb->counts.transient);
	bool is_full = load_relaxed(&tlb->counts.slots) < used + req->need.nslots;

	add_relaxed(
		&tlb->counts.failures[is_full ? DMP_SWIOTLB_FAIL_FULL : DMP_SWIOTLB_FAIL_NO_RUN],
		1);
	if (!is_told)
		return;
	if (is_due(tlb))
		tell(tlb, req, dev, used);
	else
		add_relaxed(&tlb->untold, 1);
}

/*
 * A map that came as far as -ENOSPC or -ERANGE with @req, zeroed where it was not made, fails;
 * any other @err is not counted.  @dev: whose request, or NULL.  Returns what to tell the caller:
 * a search in vain for what has no place in any pool was one for the impossible.
 */
int swiotlb_report_failure(struct dmp_swiotlb *tlb, const struct swiotlb_request *req,
			   const struct dmp_swiotlb_device *dev, int err, bool is_told)
{
	bool has_place = req->need.nslots && swiotlb_request_can_fit(req, tlb->base);

	if (err == -ENOSPC && !has_place)
		err = -ERANGE;
	if (err == -ENOSPC)
		report_full(tlb, req, dev, is_told);
	else if (err == -ERANGE) /* relaxed: a report */
		add_relaxed(&tlb->counts.failures[has_place ? DMP_SWIOTLB_FAIL_REACH
							    : DMP_SWIOTLB_FAIL_SIZE],
			    1);
	return err;
}
