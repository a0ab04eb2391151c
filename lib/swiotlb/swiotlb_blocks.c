// SPDX-License-Identifier: MIT
/*
 * swiotlb_blocks.c - blocks of a pool for a child: find, take, give back
 *
 * A block is 8 segments, 1024 slots, 2 MiB.  A child has a run of them, all in one pool:
 *
 *   pool      | block 0 | block 1 | block 2 | block 3 | ...
 *   areas     |                 0 |                 1 |          areas of two blocks
 *             | 0  | 1  | 2  | 3  | 4  | 5  | 6  | 7  |          areas of half a block
 *
 * Neither block nor run knows of areas: what is looked at and taken at a time is the part of a
 * block that lies in one area, under that area's lock, and no two locks are held together.  So
 * requests go on beside it.  A run is first looked at, part by part, and taken only if all of it
 * was free; if a request came in between, the parts that were taken are given back, and
 * the search goes on behind them:
 *
 *   look     . . . x . . .            x: a slot is in use there
 *   look             . . .  -> three
 *   take             # # x            a request came
 *   undo             - -
 *   look                   . . .
 *
 * To the pool a segment of a block is a mapping like any other, of all its slots, whose original is
 * SWIOTLB_CARVED: it counts as in use, the policy hears of it, the walker meets it.  It is no
 * mapping to swiotlb_bounce_find(), so no address of it can be unmapped or synced.
 *
 * The search makes one tour of a pool.  It begins in another area each time, so that what is
 * carved is shared by all areas.  First pools come before grown ones: those could not be given
 * back any more.  In a grown pool [RETIRE] of swiotlb_pool.c holds for a run as for a claim.
 *
 * Invariants, walked by swiotlb_blocks_check():
 *  K1  a segment whose original is SWIOTLB_CARVED belongs to the pool of one child, and all
 *      segments of a child's pool are such;
 *  K2  counts.carved is the number of their slots.
 *
 * Locking: (l) area_lock, for a part of a block at a time; the caller of none holds one.
 *
 * Source: spec-bounce P2, without the defects listed there.
 */
#include "swiotlb_internal.h"

#include <assert.h>

static_assert(SWIOTLB_BLOCK_SLOTS % SEGMENT_SLOTS == 0, "a block is whole segments");
static_assert(SWIOTLB_BLOCK_SLOTS << SLOT_SHIFT == UINT64_C(2) << 20, "as its name says");

/* What a look at slots is for. */
enum purpose {
	LOOK,
	TAKE,
};

static uint64_t nblocks_of(const struct swiotlb_pool *pool)
{
	return pool->nslots / SWIOTLB_BLOCK_SLOTS;
}

static bool segment_is_free(const struct swiotlb_pool *pool, uint64_t slot)
{
	const uint64_t *free = swiotlb_segment_of(pool, slot)->free;

	return (free[0] & free[1]) == UINT64_MAX;
}

static bool is_carved(struct swiotlb_pool *pool, uint64_t slot)
{
	struct swiotlb_mapping m;

	return swiotlb_slot_find(pool, slot, &m) && m.orig == SWIOTLB_CARVED;
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Where the part of a block ends that begins at @slot: with the block or with the area. */
static uint64_t end_of_part(const struct swiotlb_pool *pool, uint64_t slot)
{
	uint64_t area_end = (slot / pool->area_slots + 1) * pool->area_slots;

	return min(area_end, (slot / SWIOTLB_BLOCK_SLOTS + 1) * SWIOTLB_BLOCK_SLOTS);
}

/* Are the slots from @slot to @end, a part of a block, free?  To TAKE: takes them if so. */
static bool visit_part(struct swiotlb_pool *pool, uint64_t slot, uint64_t end, enum purpose purpose)
{
	struct swiotlb_area *area = swiotlb_area_of(pool, slot);
	uint64_t at = slot;

	/* relaxed: a look before the lock is worth taking; repeated under it */
	if (end - slot > pool->area_slots - load_relaxed(&area->used))
		return false;
	dmp_lock_acquire(&area->area_lock);
	while (at < end && segment_is_free(pool, at))
		at += SEGMENT_SLOTS;
	if (at == end && purpose == TAKE)
		for (at = slot; at < end; at += SEGMENT_SLOTS)
			swiotlb_slot_carve_locked(pool, at);
	dmp_lock_release(&area->area_lock);
	return at == end;
}

/* Part by part from @slot to @end, up to one that is not free: where that begins, or @end. */
static uint64_t visit(struct swiotlb_pool *pool, uint64_t slot, uint64_t end, enum purpose purpose)
{
	uint64_t next;

	for (; slot < end; slot = next) {
		next = end_of_part(pool, slot);
		if (!visit_part(pool, slot, next, purpose))
			break;
	}
	return slot;
}

/* Free again, segment by segment. */
static void give_back(struct swiotlb_pool *pool, uint64_t slot, uint64_t end)
{
	struct swiotlb_mapping m = {.pool = pool, .nslots = SEGMENT_SLOTS};

	for (; slot < end; slot += SEGMENT_SLOTS) {
		m.first = slot;
		swiotlb_slot_release(&m);
	}
}

/* All slots from @slot to @end, or none: [RETIRE] of swiotlb_pool.c, or a request was faster. */
static bool take_run(struct swiotlb_pool *pool, uint64_t slot, uint64_t end)
{
	uint64_t got = visit(pool, slot, end, TAKE);

	/* relaxed, both: the areas' locks order retired, and touched is a hint */
	if (got == end && !load_relaxed(&pool->retired)) {
		store_relaxed(&pool->touched, true);
		return true;
	}
	give_back(pool, slot, got);
	return false;
}

/*
 * The tour passes the blocks in front of @from a second time at most: a run may begin there and
 * end behind it.  A run does not go on from the last block to the first.
 */
static bool take_blocks(struct swiotlb_pool *pool, uint64_t from, uint64_t n, uint64_t *slot)
{
	uint64_t all = nblocks_of(pool), run = 0, i, at, end;

	for (i = 0; n <= all && i < all + n - 1; i++) {
		at = (from + i) % all * SWIOTLB_BLOCK_SLOTS;
		end = at + SWIOTLB_BLOCK_SLOTS;
		run = at == 0 ? 0 : run;
		run = visit(pool, at, end, LOOK) == end ? run + 1 : 0;
		if (run < n)
			continue;
		*slot = end - n * SWIOTLB_BLOCK_SLOTS;
		if (take_run(pool, *slot, end))
			return true;
		run = 0;
	}
	return false;
}

/* In one of the pools of that kind; NULL: in none. */
static struct swiotlb_pool *take_from(struct dmp_swiotlb *parent, enum swiotlb_kind kind,
				      uint64_t turn, uint64_t n, uint64_t *slot)
{
	struct swiotlb_pool *pool;
	uint64_t area;

	SWIOTLB_FOREACH_POOL(pool, parent)
	{
		area = turn & (pool->nareas - 1);
		if (pool->kind == kind &&
		    take_blocks(pool, area * pool->area_slots / SWIOTLB_BLOCK_SLOTS, n, slot))
			break;
	}
	return pool;
}

/* Areas that have outgrown their quotas, as after a claim. */
static void count_use(struct dmp_swiotlb *parent, struct swiotlb_pool *pool, uint64_t slot,
		      uint64_t end)
{
	struct swiotlb_area *area = swiotlb_area_of(pool, slot);

	for (; area <= swiotlb_area_of(pool, end - 1); area++)
		/* relaxed, both: what they decide is decided again under usage_lock */
		if (load_relaxed(&area->used) > load_relaxed(&area->quota))
			swiotlb_usage_raise(parent, area);
}

/* -ERANGE: no pool of the parent has so many, free or not. */
static int why_not(const struct dmp_swiotlb *parent, uint64_t n)
{
	const struct swiotlb_pool *pool;

	SWIOTLB_FOREACH_POOL(pool, parent)
	if (n <= nblocks_of(pool))
		return -ENOSPC;
	return -ERANGE;
}

static int take(struct dmp_swiotlb *parent, uint64_t nslots, dmp_phys_t *phys)
{
	uint64_t n = nslots / SWIOTLB_BLOCK_SLOTS, slot = 0;
	uint64_t turn = add_relaxed(&parent->carve_turn, 1); /* relaxed: any order will do */
	struct swiotlb_pool *pool = take_from(parent, SWIOTLB_FIRST, turn, n, &slot);

	if (!pool)
		pool = take_from(parent, SWIOTLB_GROWN, turn, n, &slot);
	if (!pool)
		return why_not(parent, n);
	count_use(parent, pool, slot, slot + nslots);
	*phys = pool->phys + (slot << SLOT_SHIFT);
	return 0;
}

/* Memory for @pool of a child, nslots of whole blocks, from its parent.  -ENOSPC, -ERANGE. */
int swiotlb_blocks_take(struct swiotlb_pool *pool)
{
	struct dmp_swiotlb *parent = pool->tlb->parent;
	int err;

	swiotlb_read_lock(parent);
	err = take(parent, pool->nslots, &pool->phys);
	swiotlb_read_unlock(parent);
	if (err)
		return err;
	/* relaxed, both: reports, and compared with 0 when nothing else runs */
	add_relaxed(&parent->counts.children, 1);
	add_relaxed(&parent->counts.carved, pool->nslots);
	return 0;
}

/* Back to the parent. */
void swiotlb_blocks_give(const struct swiotlb_pool *pool)
{
	struct dmp_swiotlb *parent = pool->tlb->parent;
	struct swiotlb_pool *from;
	uint64_t slot;

	swiotlb_read_lock(parent);
	from = swiotlb_list_find(parent, pool->phys);
	slot = swiotlb_slot_of(from, pool->phys);
	give_back(from, slot, slot + pool->nslots);
	swiotlb_read_unlock(parent);
	/* relaxed, both: as above */
	add_relaxed(&parent->counts.children, UINT64_MAX);
	add_relaxed(&parent->counts.carved, -pool->nslots);
}

/* K1 of a child: its part of the parent. */
static bool is_carved_whole(const struct swiotlb_pool *pool)
{
	struct swiotlb_pool *from = swiotlb_list_find(pool->tlb->parent, pool->phys);
	uint64_t i;

	for (i = 0; from && i < pool->nslots; i += SEGMENT_SLOTS)
		if (!is_carved(from, swiotlb_slot_of(from, pool->phys) + i))
			return false;
	return from != NULL;
}

/* K1, K2: 0, or -EIO after logging what is wrong.  Set-up only. */
int swiotlb_blocks_check(struct dmp_swiotlb *tlb)
{
	uint64_t carved = 0, slot;
	struct swiotlb_pool *pool;
	bool is_right = true;

	SWIOTLB_FOREACH_POOL(pool, tlb)
	{
		for (slot = 0; slot < pool->nslots; slot += SEGMENT_SLOTS)
			carved += is_carved(pool, slot) ? SEGMENT_SLOTS : 0;
		is_right &= pool->source != SWIOTLB_OF_PARENT || is_carved_whole(pool);
	}
	if (is_right && carved == load_relaxed(&tlb->counts.carved)) /* relaxed: set-up only */
		return 0;
	dmp_log(DMP_LOG_BUG, "swiotlb: what is carved does not agree with what children have");
	return -EIO;
}
