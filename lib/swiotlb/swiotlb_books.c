// SPDX-License-Identifier: MIT
/*
 * swiotlb_books.c - make and free the books of a pool
 *
 * Two blocks; in each of them an area has cache lines of its own:
 *
 *      areas     [ area_lock, counters, slots, kinds ... | segment ... segment ]  x nareas
 *      notes     [ note x nslots / nareas ]                                       x nareas
 *
 * Kinds of eight segments fit in the line of the lock, the segments begin at the next one: two
 * of them to a line.  A segment is 32 bytes and a byte of kinds, so with the note of 12 bytes a
 * slot costs
 *
 *      slots of the area            128     512    2048   32768
 *      bytes a slot, all in all    13.00   12.38   12.31   12.27
 *
 * A pool of one area may have any number of slots.  In its last segment those that do not
 * exist are never free.
 *
 * Locking: none: a pool is whole before it is linked.
 */
#include "swiotlb_internal.h"

#include <assert.h>

static_assert(sizeof(struct swiotlb_note) == 12, "what a slot costs");
static_assert(SEGMENT_SLOTS * sizeof(struct swiotlb_note) % DMP_CACHE_LINE == 0,
	      "no two areas share a line of notes");
static_assert(sizeof(struct swiotlb_area) + sizeof(uint64_t) == DMP_CACHE_LINE,
	      "lock, what is counted under it, and kinds of eight segments");
static_assert(offsetof(struct swiotlb_area, slots) + sizeof(struct dmp_swiotlb_area) ==
		      sizeof(struct swiotlb_area),
	      "kinds follow at once");
static_assert(sizeof(struct swiotlb_segment) == 32, "what a segment costs");
static_assert(DMP_SWIOTLB_MAX_BYTES <= UINT64_C(1) << 18, "a note holds the length less 1");

static uint64_t segments_of(uint64_t nslots)
{
	return (nslots + SEGMENT_SLOTS - 1) / SEGMENT_SLOTS;
}

/* From the start of an area to its segments: the area itself, and kinds, in whole words. */
static uint64_t head_bytes(uint64_t nslots)
{
	return dmp_align_up(sizeof(struct swiotlb_area) + dmp_align_up(segments_of(nslots), 8),
			    DMP_CACHE_LINE);
}

static uint64_t area_bytes(uint64_t nslots)
{
	return dmp_align_up(head_bytes(nslots) +
				    segments_of(nslots) * sizeof(struct swiotlb_segment),
			    DMP_CACHE_LINE);
}

/* All slots of an area free. */
static void fill_bitmaps(struct dmp_swiotlb_area *slots)
{
	uint64_t seg, left = slots->nslots;
	struct bits128 free;
	unsigned n;

	for (seg = 0; left; seg++, left -= n) {
		n = left < SEGMENT_SLOTS ? (unsigned)left : SEGMENT_SLOTS;
		free = bits_run(0, n);
		swiotlb_segment_at(slots, seg)->free[0] = free.w[0];
		swiotlb_segment_at(slots, seg)->free[1] = free.w[1];
		swiotlb_kinds_set(slots, seg, swiotlb_kinds_of_run(0, n));
	}
}

static int make_area(struct swiotlb_pool *pool, uint64_t number)
{
	struct swiotlb_area *area = swiotlb_area_at(pool, number);
	int err = 0;

	if (pool->policy->create)
		err = pool->policy->create(pool->area_slots, &area->state);
	if (err)
		return err;
	area->slots.nslots = (uint32_t)pool->area_slots;
	area->slots.segments_at =
		(uint32_t)(head_bytes(pool->area_slots) - offsetof(struct swiotlb_area, slots));
	fill_bitmaps(&area->slots);
	dmp_lock_init(&area->area_lock, RANK_SWIOTLB_AREA, "swiotlb: an area");
	return 0;
}

/* The first @nareas areas, which are made, and the blocks. */
static void free_books(struct swiotlb_pool *pool, uint64_t nareas)
{
	while (nareas--) {
		if (pool->policy->destroy)
			pool->policy->destroy(swiotlb_area_at(pool, nareas)->state);
		dmp_lock_destroy(&swiotlb_area_at(pool, nareas)->area_lock);
	}
	dmp_meta_free(pool->notes, pool->nslots * sizeof(*pool->notes));
	dmp_meta_free(pool->areas, pool->nareas * pool->area_bytes);
}

static int alloc_blocks(struct swiotlb_pool *pool)
{
	pool->areas = dmp_meta_alloc(DMP_META_OBJECT, pool->nareas * pool->area_bytes);
	pool->notes = dmp_meta_alloc(DMP_META_OBJECT, pool->nslots * sizeof(*pool->notes));
	return pool->areas && pool->notes ? 0 : -ENOMEM;
}

/*
 * Of a pool with nslots, nareas and policy (NULL: linux) set: nslots / nareas is a power of
 * two of segments, or there is one area.
 */
int swiotlb_books_make(struct swiotlb_pool *pool)
{
	uint64_t made = 0;
	int err;

	if (!pool->policy)
		pool->policy = &dmp_swiotlb_policy_linux;
	pool->is_linux = pool->policy->find == dmp_swiotlb_policy_linux.find &&
			 !pool->policy->claimed && !pool->policy->released;
	pool->area_slots = pool->nslots / pool->nareas;
	pool->area_bytes = (uint32_t)area_bytes(pool->area_slots);
	pool->area_shift = pool->nareas == 1 ? 63 : dmp_log2_floor(pool->area_slots);
	err = alloc_blocks(pool);
	for (; !err && made < pool->nareas; made += !err)
		err = make_area(pool, made);
	if (err)
		free_books(pool, made);
	return err;
}

void swiotlb_books_free(struct swiotlb_pool *pool)
{
	free_books(pool, pool->nareas);
}
