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
	uint64_t used = 0, i;

	for (pool = tlb->pools; pool; pool = pool->next)
		for (i = 0; i < pool->nareas; i++)
			used += load_relaxed(&pool->areas[i].used); /* relaxed: a report */
	return used;
}

/* Areas and slots of all pools. */
static struct dmp_swiotlb_stats count_all(const struct dmp_swiotlb *tlb)
{
	struct dmp_swiotlb_stats all = {0};
	const struct swiotlb_pool *pool;

	for (pool = tlb->pools; pool; pool = pool->next) {
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

/* Every quota becomes what its area uses.  Returns the sum, and that of all rooms. */
static uint64_t take_back_locked(struct dmp_swiotlb *tlb, uint64_t *room)
{
	struct swiotlb_pool *pool;
	struct swiotlb_area *area;
	uint64_t sum = 0, used;

	dmp_lock_assert_held(&tlb->usage_lock);
	*room = 0;
	for (pool = tlb->pools; pool; pool = pool->next) {
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

/* Deals out @left slots, in proportion to the rooms, whose sum is @room; the rest to @grown. */
static void deal_locked(struct dmp_swiotlb *tlb, uint64_t left, uint64_t room,
			struct swiotlb_area *grown)
{
	uint64_t whole = left < room ? left : room, share;
	struct swiotlb_pool *pool;
	struct swiotlb_area *area;

	dmp_lock_assert_held(&tlb->usage_lock);
	for (pool = tlb->pools; pool && room; pool = pool->next) {
		for (area = pool->areas; area < pool->areas + pool->nareas; area++) {
			share = room_of(area, load_relaxed(&area->quota)) * whole / room;
			share = share < left ? share : left; /* a peak may have risen */
			add_quota_locked(area, share);
			left -= share;
		}
	}
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

/* @grown has outgrown its quota. */
void swiotlb_usage_raise(struct dmp_swiotlb *tlb, struct swiotlb_area *grown)
{
	bool meets = add_relaxed(&tlb->nraising, 1) > 0; /* relaxed: a hint that there is a crowd */
	uint64_t used, room;

	dmp_lock_acquire(&tlb->usage_lock);
	if (meets)
		widen_locked(tlb);
	used = take_back_locked(tlb, &room);
	if (used > tlb->high_water)
		tlb->high_water = used;
	deal_locked(tlb, tlb->high_water + tlb->margin - used, room, grown);
	dmp_lock_release(&tlb->usage_lock);
	add_relaxed(&tlb->nraising, -1u);
}

void dmp_swiotlb_reset_high_water(struct dmp_swiotlb *tlb)
{
	struct swiotlb_pool *pool;
	uint64_t i;

	if (!tlb)
		return;
	dmp_lock_acquire(&tlb->usage_lock);
	tlb->high_water = 0;
	tlb->margin = 0;
	for (pool = tlb->pools; pool; pool = pool->next) {
		for (i = 0; i < pool->nareas; i++) {
			/* relaxed, both: the next map raises */
			store_relaxed(&pool->areas[i].quota, 0);
			store_relaxed(&pool->areas[i].peak, 0);
		}
	}
	dmp_lock_release(&tlb->usage_lock);
}

int dmp_swiotlb_get_stats(struct dmp_swiotlb *tlb, struct dmp_swiotlb_stats *stats, size_t size)
{
	struct dmp_swiotlb_stats s;

	if (!tlb)
		return -EINVAL;
	s = count_all(tlb);
	s.used = swiotlb_usage_now(tlb);
	dmp_lock_acquire(&tlb->usage_lock);
	s.high_water = tlb->high_water;
	dmp_lock_release(&tlb->usage_lock);
	return stats_store(stats, size, &s, sizeof(s));
}
