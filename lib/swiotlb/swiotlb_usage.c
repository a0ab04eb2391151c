// SPDX-License-Identifier: MIT
/*
 * swiotlb_usage.c - slots in use, and the most there ever were
 *
 * Each area counts its own; what is in use is their sum.  The high-water mark is a maximum
 * over time of that sum, so no area knows it by itself, and a counter that all of them write
 * would be touched by every request.  Instead the slots up to the mark are dealt out:
 *
 *      high_water  |---------------------------------------------|
 *      quotas      |-- area 0 --|---- area 1 ----|- 2 -|-- 3 --|
 *      used        |=====       |==========      |=    |=======|
 *
 * As long as each area keeps to its quota, the sum keeps to the mark.  An area that outgrows
 * its own comes here: the mark rises if the sum is above it, and what is left between the
 * sum and the mark is dealt out anew, to each area in proportion to what it is below its own
 * peak.  Once all areas can reach their peaks, none comes any more.
 *
 * That may never be: areas that come and go by themselves are hardly ever at their peaks
 * together, so the mark lies below the sum of these, and each deal takes from one area what
 * it will miss at its next map.  With one thread that costs a look at each area.  With many,
 * all would wait for usage_lock at almost every map.  So if one finds another here, quotas
 * may from then on exceed the mark, by a margin that doubles each time: they stop meeting
 * when it covers their peaks.  What passes inside the margin is not seen.
 *
 * Invariants:
 *  U1  the quotas add up to high_water + margin at most;
 *  U2  margin is 0 unless two threads have met here since the mark was reset, and at most
 *      the MARGIN_PART-th part of all slots;
 *  U3  while margin is 0 and one thread maps at a time, no area uses more than its quota
 *      after a map: high_water is exact.
 *
 * Locking: (u) usage_lock, a leaf; (a) atomic.
 *
 * Source: spec-bounce 5.5, 13; the way of counting is our own.
 */
#include "swiotlb_internal.h"

#include "base_counter.h"

/* How much of the slots a crowd may hide from the mark: a sixteenth. */
#define MARGIN_PART 16u

/* Slots in use: the sum over the areas, not one moment while other threads run. */
uint64_t swiotlb_usage_now(const struct dmp_swiotlb *tlb)
{
	const struct swiotlb_pool *pool;
	uint64_t used = load_relaxed(&tlb->counts.transient), i; /* relaxed, both: a report */

	swiotlb_read_lock(tlb);
	SWIOTLB_FOREACH_POOL(pool, tlb)
	for (i = 0; i < pool->nareas; i++)
		used += load_relaxed(&pool->areas[i].used);
	swiotlb_read_unlock(tlb);
	return used;
}

/* Areas and slots of all pools. */
static struct dmp_swiotlb_stats count_all(const struct dmp_swiotlb *tlb)
{
	struct dmp_swiotlb_stats all = {0};
	const struct swiotlb_pool *pool;

	SWIOTLB_FOREACH_POOL(pool, tlb)
	{
		all.slots += pool->nslots;
		all.areas += pool->nareas;
	}
	return all;
}

/* By how much an area may grow without a new peak. */
static uint64_t room_of(const struct swiotlb_area *area, uint64_t used)
{
	uint64_t peak = load_relaxed(&area->peak); /* relaxed: a good guess will do */

	return peak > used ? peak - used : 0;
}

/* Every quota becomes what its area uses.  Returns what is in use, and the sum of all rooms. */
static uint64_t take_back_locked(struct dmp_swiotlb *tlb, uint64_t *room)
{
	struct swiotlb_pool *pool;
	struct swiotlb_area *area;
	uint64_t sum = load_relaxed(&tlb->counts.transient), used; /* relaxed: written here */

	dmp_lock_assert_held(&tlb->usage_lock);
	*room = 0;
	SWIOTLB_FOREACH_POOL(pool, tlb)
	{
		for (area = pool->areas; area < pool->areas + pool->nareas; area++) {
			/* relaxed, both: an old count is repaired by the area's next map */
			used = load_relaxed(&area->used);
			store_relaxed(&area->quota, used);
			*room += room_of(area, used);
			sum += used;
		}
	}
	return sum;
}

/* relaxed: quotas are written under usage_lock only */
static void add_quota_locked(struct swiotlb_area *area, uint64_t n)
{
	store_relaxed(&area->quota, load_relaxed(&area->quota) + n);
}

/* Deals out @left slots, in proportion to the rooms, whose sum is @room; the rest to @grown,
 * if there is one. */
static void deal_locked(struct dmp_swiotlb *tlb, uint64_t left, uint64_t room,
			struct swiotlb_area *grown)
{
	uint64_t whole = left < room ? left : room, share;
	struct swiotlb_pool *pool;
	struct swiotlb_area *area;

	dmp_lock_assert_held(&tlb->usage_lock);
	SWIOTLB_FOREACH_POOL(pool, tlb)
	{
		if (room == 0)
			break;
		for (area = pool->areas; area < pool->areas + pool->nareas; area++) {
			share = room_of(area, load_relaxed(&area->quota)) * whole / room;
			share = share < left ? share : left; /* a peak may have risen */
			add_quota_locked(area, share);
			left -= share;
		}
	}
	if (grown)
		add_quota_locked(grown, left);
}

/* U2. */
static void widen_locked(struct dmp_swiotlb *tlb)
{
	struct dmp_swiotlb_stats all = count_all(tlb);
	uint64_t most = all.slots / MARGIN_PART;

	dmp_lock_assert_held(&tlb->usage_lock);
	tlb->margin = tlb->margin ? 2 * tlb->margin : all.areas;
	tlb->margin = tlb->margin < most ? tlb->margin : most;
}

static void raise_locked(struct dmp_swiotlb *tlb, struct swiotlb_area *grown)
{
	uint64_t room, used = take_back_locked(tlb, &room);

	dmp_lock_assert_held(&tlb->usage_lock);
	if (used > tlb->high_water)
		tlb->high_water = used;
	deal_locked(tlb, tlb->high_water + tlb->margin - used, room, grown);
}

/* Slots of a transient pool: they count like those of an area that is full. */
void swiotlb_usage_add_transient(struct dmp_swiotlb *tlb, uint64_t nslots)
{
	swiotlb_read_lock(tlb);
	dmp_lock_acquire(&tlb->usage_lock);
	add_relaxed(&tlb->counts.transient, nslots); /* relaxed: under the lock, but for releases */
	raise_locked(tlb, NULL);
	dmp_lock_release(&tlb->usage_lock);
	swiotlb_read_unlock(tlb);
}

/* @grown has outgrown its quota.  Inside swiotlb_read_lock(). */
void swiotlb_usage_raise(struct dmp_swiotlb *tlb, struct swiotlb_area *grown)
{
	bool meets = add_relaxed(&tlb->nraising, 1) > 0; /* relaxed: a hint that there is a crowd */

	dmp_lock_acquire(&tlb->usage_lock);
	if (meets)
		widen_locked(tlb);
	raise_locked(tlb, grown);
	dmp_lock_release(&tlb->usage_lock);
	add_relaxed(&tlb->nraising, -1u);
}

void dmp_swiotlb_reset_high_water(struct dmp_swiotlb *tlb)
{
	struct swiotlb_pool *pool;
	uint64_t i;

	if (!tlb)
		return;
	swiotlb_read_lock(tlb);
	dmp_lock_acquire(&tlb->usage_lock);
	tlb->high_water = 0;
	tlb->margin = 0;
	SWIOTLB_FOREACH_POOL(pool, tlb)
	{
		for (i = 0; i < pool->nareas; i++) {
			/* relaxed, both: the next map raises */
			store_relaxed(&pool->areas[i].quota, 0);
			store_relaxed(&pool->areas[i].peak, 0);
		}
	}
	dmp_lock_release(&tlb->usage_lock);
	swiotlb_read_unlock(tlb);
}

/* relaxed, all: reports */
static void add_counts(struct dmp_swiotlb *tlb, struct dmp_swiotlb_stats *s)
{
	struct swiotlb_counts *counts = &tlb->counts;
	unsigned i;

	s->pools = load_relaxed(&counts->pools);
	s->grow_slots = tlb->grow_slots;
	s->growth_pending = dmp_work_is_pending(&tlb->grow_work);
	s->grown = load_relaxed(&counts->grown);
	s->growth_failures = load_relaxed(&counts->growth_failures);
	s->given_back = load_relaxed(&counts->given_back);
	s->transient = load_relaxed(&counts->transient);
	s->transients_made = load_relaxed(&counts->transients_made);
	s->transient_failures = load_relaxed(&counts->transient_failures);
	s->waiting = load_relaxed(&counts->waiting);
	s->conversions = load_relaxed(&counts->conversions);
	s->shared_pages = load_relaxed(&counts->shared_pages);
	s->private_pages = load_relaxed(&counts->private_pages);
	s->lost_pages = load_relaxed(&counts->lost_pages);
	s->children = load_relaxed(&counts->children);
	s->carved = load_relaxed(&counts->carved);
	for (i = 0; i < DMP_SWIOTLB_FAIL_REASONS; i++)
		s->failures[i] = load_relaxed(&counts->failures[i]);
}

int dmp_swiotlb_get_stats(struct dmp_swiotlb *tlb, struct dmp_swiotlb_stats *stats, size_t size)
{
	struct dmp_swiotlb_stats s;

	if (!tlb)
		return -EINVAL;
	swiotlb_read_lock(tlb);
	s = count_all(tlb);
	swiotlb_read_unlock(tlb);
	add_counts(tlb, &s);
	s.used = swiotlb_usage_now(tlb);
	dmp_lock_acquire(&tlb->usage_lock);
	s.high_water = tlb->high_water;
	dmp_lock_release(&tlb->usage_lock);
	return stats_store(stats, size, &s, sizeof(s));
}
