// SPDX-License-Identifier: MIT
/*
 * swiotlb_books.c - make and free the books of a pool
 *
 * Three blocks; in each of them an area has cache lines of its own:
 *
 *      areas     [ area_lock | counters, slots ]                       x nareas
 *      bitmaps   [ segment ... segment | kinds ... | up to the line ]  x nareas
 *      notes     [ note x nslots / nareas ]                            x nareas
 *
 * A segment is 32 bytes and a byte of kinds, so with the note of 12 bytes a slot costs 12.26
 * bytes in large areas, and 12.5 in those of one segment; the area itself is two lines.
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
static_assert(sizeof(struct swiotlb_area) <= 2 * DMP_CACHE_LINE,
	      "lock, and what is counted under it");
static_assert(sizeof(struct swiotlb_segment) == 32, "what a segment costs");
static_assert(DMP_SWIOTLB_MAX_BYTES <= UINT64_C(1) << 18, "a note holds the length less 1");

static uint64_t segments_of(uint64_t nslots)
{
	return (nslots + SEGMENT_SLOTS - 1) / SEGMENT_SLOTS;
}

/* Bytes of the bitmaps of one area. */
static uint64_t bitmap_bytes(const struct swiotlb_pool *pool)
{
	return dmp_align_up(segments_of(pool->area_slots) * (sizeof(struct swiotlb_segment) + 1),
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
		slots->segments[seg].free[0] = free.w[0];
		slots->segments[seg].free[1] = free.w[1];
		swiotlb_kinds_set(slots, seg, swiotlb_kinds_of_run(0, n));
	}
}

static int make_area(struct swiotlb_pool *pool, uint64_t number)
{
	struct swiotlb_area *area = &pool->areas[number];
	int err = 0;

	if (pool->policy->create)
		err = pool->policy->create(pool->area_slots, &area->state);
	if (err)
		return err;
	area->slots.nslots = pool->area_slots;
	area->slots.segments = (void *)(pool->bitmaps + number * bitmap_bytes(pool));
	area->slots.kinds = (void *)(area->slots.segments + segments_of(pool->area_slots));
	fill_bitmaps(&area->slots);
	dmp_lock_init(&area->area_lock, RANK_SWIOTLB_AREA, "swiotlb: an area");
	return 0;
}

/* The first @nareas areas, which are made, and the blocks. */
static void free_books(struct swiotlb_pool *pool, uint64_t nareas)
{
	while (nareas--) {
		if (pool->policy->destroy)
			pool->policy->destroy(pool->areas[nareas].state);
		dmp_lock_destroy(&pool->areas[nareas].area_lock);
	}
	dmp_meta_free(pool->notes, pool->nslots * sizeof(*pool->notes));
	dmp_meta_free(pool->bitmaps, pool->nareas * bitmap_bytes(pool));
	dmp_meta_free(pool->areas, pool->nareas * sizeof(*pool->areas));
}

static int alloc_blocks(struct swiotlb_pool *pool)
{
	pool->areas = dmp_meta_alloc(DMP_META_OBJECT, pool->nareas * sizeof(*pool->areas));
	pool->bitmaps = dmp_meta_alloc(DMP_META_OBJECT, pool->nareas * bitmap_bytes(pool));
	pool->notes = dmp_meta_alloc(DMP_META_OBJECT, pool->nslots * sizeof(*pool->notes));
	return pool->areas && pool->bitmaps && pool->notes ? 0 : -ENOMEM;
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
	pool->area_slots = pool->nslots / pool->nareas;
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
