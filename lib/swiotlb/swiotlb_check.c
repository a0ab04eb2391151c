// SPDX-License-Identifier: MIT
/*
 * swiotlb_check.c - the walker
 *
 * The walker goes through an area from slot to slot: at a free one to the next, at a used
 * one past the mapping that begins there.  S1, S2 and S3 of swiotlb_slot.c hold if it always
 * lands on one or the other, and meets as many used slots as the area counts.  S4 of
 * swiotlb_find.c holds if no free run of a segment is of a kind that its byte denies.
 *
 * Locking: (l) area_lock, held for the walk of its area.
 */
#include "swiotlb_internal.h"

static bool has_first_bit(const struct swiotlb_pool *pool, uint64_t slot)
{
	const struct swiotlb_segment *segment = swiotlb_segment_of(pool, slot);
	unsigned bit = slot % SEGMENT_SLOTS;

	return load_relaxed(&segment->first[bit / 64]) >> (bit % 64) & 1; /* relaxed: locked */
}

/* What is wrong with the mapping that begins at @first, or NULL. */
static const char *walk_mapping(struct swiotlb_pool *pool, uint64_t first, uint64_t *nslots)
{
	struct swiotlb_mapping m;
	uint64_t slot;

	if (!has_first_bit(pool, first) || !swiotlb_slot_find(pool, first, &m))
		return "a used slot belongs to no mapping";
	if (m.pad >= m.nslots || first % SEGMENT_SLOTS + m.nslots > SEGMENT_SLOTS)
		return "a mapping leaves its segment";
	for (slot = first; slot < first + m.nslots; slot++)
		if (swiotlb_slot_is_free(pool, slot) || (slot > first && has_first_bit(pool, slot)))
			return "a slot of a mapping is free, or of two mappings";
	*nslots = m.nslots;
	return NULL;
}

/* S4 for segment @seg. */
static bool kinds_are_right(struct dmp_swiotlb_area *slots, uint64_t seg)
{
	const struct swiotlb_segment *segment = swiotlb_segment_at(slots, seg);
	struct bits128 free = {{segment->free[0], segment->free[1]}};
	unsigned from, to, kinds = 0;

	for (from = 0; from < SEGMENT_SLOTS; from = to + 1) {
		to = bits_next_clear(free, from);
		if (to > from)
			kinds |= swiotlb_kinds_of_run(from, to);
	}
	return !(kinds & ~swiotlb_kinds_get(slots, seg));
}

/* S1-S3 for a whole area: what is wrong, or NULL; @slot: where. */
static const char *walk_slots(struct swiotlb_pool *pool, uint64_t number, uint64_t *slot)
{
	uint64_t end = (number + 1) * pool->area_slots, used = 0, nslots;
	const char *wrong = NULL;

	for (*slot = end - pool->area_slots; *slot < end; *slot += nslots) {
		nslots = 1;
		if (!swiotlb_slot_is_free(pool, *slot)) {
			wrong = walk_mapping(pool, *slot, &nslots);
			used += nslots;
		} else if (has_first_bit(pool, *slot)) {
			wrong = "a mapping begins at a free slot";
		}
		if (wrong)
			return wrong;
	}
	/* relaxed: under the lock */
	return used == load_relaxed(&swiotlb_area_at(pool, number)->used)
		       ? NULL
		       : "the number of used slots is wrong";
}

/* 0, or -EIO after logging what is wrong. */
int swiotlb_check_area_locked(struct swiotlb_pool *pool, uint64_t number)
{
	struct swiotlb_area *area = swiotlb_area_at(pool, number);
	uint64_t slot = 0, seg;
	const char *wrong;

	dmp_lock_assert_held(&area->area_lock);
	wrong = walk_slots(pool, number, &slot);
	for (seg = 0; !wrong && seg * SEGMENT_SLOTS < pool->area_slots; seg++)
		if (!kinds_are_right(&area->slots, seg))
			wrong = "a segment has a free run that its kinds deny";
	if (!wrong && area->slots.index >= pool->area_slots)
		wrong = "the index lies outside the area";
	if (!wrong)
		return pool->policy->check ? pool->policy->check(area->state, &area->slots) : 0;
	dmp_log(DMP_LOG_BUG, "swiotlb: area %llu, slot %llu: %s", (unsigned long long)number,
		(unsigned long long)slot, wrong);
	return -EIO;
}

/* U1 of swiotlb_usage.c. */
static int check_usage(struct dmp_swiotlb *tlb)
{
	struct swiotlb_pool *pool;
	uint64_t quotas = 0, most, i;

	SWIOTLB_FOREACH_POOL(pool, tlb)
	for (i = 0; i < pool->nareas; i++)
		quotas += load_relaxed(&swiotlb_area_at(pool, i)->quota); /* relaxed: set-up only */
	dmp_lock_acquire(&tlb->usage_lock);
	most = tlb->high_water + tlb->margin;
	dmp_lock_release(&tlb->usage_lock);
	if (quotas <= most)
		return 0;
	dmp_log(DMP_LOG_BUG, "swiotlb: quotas of %llu slots, where %llu may be dealt",
		(unsigned long long)quotas, (unsigned long long)most);
	return -EIO;
}

static int check_pool(struct swiotlb_pool *pool)
{
	uint64_t i;
	int err = 0;

	for (i = 0; !err && i < pool->nareas; i++) {
		dmp_lock_acquire(&swiotlb_area_at(pool, i)->area_lock);
		err = swiotlb_check_area_locked(pool, i);
		dmp_lock_release(&swiotlb_area_at(pool, i)->area_lock);
	}
	return err;
}

/* L1 of swiotlb_list.c, T1 and T2 of swiotlb_transient.c. */
static int check_lists(struct dmp_swiotlb *tlb)
{
	uint64_t slots = 0, transient = 0;
	struct swiotlb_pool *pool;
	bool is_linked = true, is_used = true;

	SWIOTLB_FOREACH_POOL(pool, tlb)
	{
		is_linked &= load_relaxed(pool->from) == pool; /* relaxed, all: set-up only */
		slots += pool->nslots;
	}
	SWIOTLB_FOREACH_TRANSIENT(pool, tlb)
	{
		is_linked &= load_relaxed(pool->from) == pool;
		is_used &= load_relaxed(&swiotlb_area_at(pool, 0)->used) == pool->nslots;
		transient += pool->nslots;
	}
	if (is_linked && is_used && slots == load_relaxed(&tlb->counts.slots) &&
	    transient == load_relaxed(&tlb->counts.transient))
		return 0;
	dmp_log(DMP_LOG_BUG, "swiotlb: the lists of pools do not agree with what is counted");
	return -EIO;
}

static int check_all(struct dmp_swiotlb *tlb)
{
	struct swiotlb_pool *pool;
	int err = check_usage(tlb);

	if (!err)
		err = check_lists(tlb);
	if (!err)
		err = swiotlb_blocks_check(tlb);
	if (!err)
		err = swiotlb_throttle_check(tlb);
	SWIOTLB_FOREACH_POOL(pool, tlb)
	err = err ? err : check_pool(pool);
	SWIOTLB_FOREACH_TRANSIENT(pool, tlb)
	err = err ? err : check_pool(pool);
	return err;
}

/* Its own worker, which makes pools and gives them back, waits meanwhile. */
int dmp_swiotlb_check(struct dmp_swiotlb *tlb)
{
	int err;

	if (!tlb)
		return -EINVAL;
	swiotlb_grow_pause(tlb);
	err = check_all(tlb);
	swiotlb_grow_resume(tlb);
	return err;
}
