// SPDX-License-Identifier: MIT
/*
 * swiotlb_check.c - the walker, and what tests look at
 *
 * The walker goes through an area from slot to slot: at a free one to the next, at a used
 * one past the mapping that begins there.  S1, S2 and S3 of swiotlb_slot.c hold if it always
 * lands on one or the other, and meets as many used slots as the area counts.
 *
 * Locking: (l) area_lock, held for the walk of its area.
 */
#include "swiotlb_internal.h"

static bool has_first_bit(const struct swiotlb_pool *pool, uint64_t slot)
{
	const struct swiotlb_segment *segment = &pool->segments[slot / SEGMENT_SLOTS];
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

/* 0, or -EIO after logging what is wrong. */
int swiotlb_check_area_locked(struct swiotlb_pool *pool, uint64_t number)
{
	struct swiotlb_area *area = &pool->areas[number];
	uint64_t slot = number * pool->area_slots, end = slot + pool->area_slots;
	uint64_t used = 0, nslots = 1;
	const char *wrong = NULL;

	dmp_lock_assert_held(&area->area_lock);
	for (; !wrong && slot < end; slot += nslots) {
		nslots = 1;
		if (!swiotlb_slot_is_free(pool, slot)) {
			wrong = walk_mapping(pool, slot, &nslots);
			used += nslots;
		} else if (has_first_bit(pool, slot)) {
			wrong = "a mapping begins at a free slot";
		}
	}
	if (!wrong && used != load_relaxed(&area->used)) /* relaxed: under the lock */
		wrong = "the number of used slots is wrong";
	if (!wrong && area->index >= pool->area_slots)
		wrong = "the index lies outside the area";
	if (!wrong)
		return 0;
	dmp_log(DMP_LOG_BUG, "swiotlb: area %llu, slot %llu: %s", (unsigned long long)number,
		(unsigned long long)slot, wrong);
	return -EIO;
}

/* U1 of swiotlb_usage.c. */
static int check_usage(struct dmp_swiotlb *tlb)
{
	struct swiotlb_pool *pool;
	uint64_t quotas = 0, most, i;

	for (pool = tlb->pools; pool; pool = pool->next)
		for (i = 0; i < pool->nareas; i++)
			quotas += load_relaxed(&pool->areas[i].quota); /* relaxed: set-up only */
	dmp_lock_acquire(&tlb->usage_lock);
	most = tlb->high_water + tlb->margin;
	dmp_lock_release(&tlb->usage_lock);
	if (quotas <= most)
		return 0;
	dmp_log(DMP_LOG_BUG, "swiotlb: quotas of %llu slots, where %llu may be dealt",
		(unsigned long long)quotas, (unsigned long long)most);
	return -EIO;
}

int dmp_swiotlb_check(struct dmp_swiotlb *tlb)
{
	struct swiotlb_pool *pool;
	uint64_t i;
	int err;

	if (!tlb)
		return -EINVAL;
	err = check_usage(tlb);
	for (pool = tlb->pools; pool; pool = pool->next) {
		for (i = 0; !err && i < pool->nareas; i++) {
			dmp_lock_acquire(&pool->areas[i].area_lock);
			err = swiotlb_check_area_locked(pool, i);
			dmp_lock_release(&pool->areas[i].area_lock);
		}
	}
	return err;
}

/* The @number-th pool in the order in which they were made; NULL: there are not so many. */
static struct swiotlb_pool *nth_pool(const struct dmp_swiotlb *tlb, unsigned number)
{
	struct swiotlb_pool *pool, *later;
	unsigned n;

	for (pool = tlb->pools; pool; pool = pool->next) {
		for (n = 0, later = pool->next; later; later = later->next)
			n++;
		if (n == number)
			return pool;
	}
	return NULL;
}

static unsigned number_of(const struct swiotlb_pool *pool)
{
	unsigned n = 0;

	while ((pool = pool->next))
		n++;
	return n;
}

int dmp_swiotlb_inspect_pool(struct dmp_swiotlb *tlb, unsigned number,
			     struct dmp_swiotlb_pool_view *view)
{
	struct swiotlb_pool *pool;

	if (!tlb || !view)
		return -EINVAL;
	pool = nth_pool(tlb, number);
	if (!pool)
		return -ENOENT;
	*view = (struct dmp_swiotlb_pool_view){
		.phys = pool->phys,
		.slots = pool->nslots,
		.areas = pool->nareas,
		.area_slots = pool->area_slots,
	};
	return 0;
}

int dmp_swiotlb_inspect_area(struct dmp_swiotlb *tlb, unsigned number, uint64_t i,
			     struct dmp_swiotlb_area_view *view)
{
	struct swiotlb_pool *pool;
	struct swiotlb_area *area;

	if (!tlb || !view)
		return -EINVAL;
	pool = nth_pool(tlb, number);
	if (!pool || i >= pool->nareas)
		return -ENOENT;
	area = &pool->areas[i];
	dmp_lock_acquire(&area->area_lock);
	view->used = load_relaxed(&area->used); /* relaxed: under the lock */
	view->index = area->index;
	dmp_lock_release(&area->area_lock);
	return 0;
}

int dmp_swiotlb_inspect_slot(struct dmp_swiotlb *tlb, unsigned number, uint64_t slot, bool *in_use)
{
	struct swiotlb_pool *pool;
	struct swiotlb_area *area;

	if (!tlb || !in_use)
		return -EINVAL;
	pool = nth_pool(tlb, number);
	if (!pool || slot >= pool->nslots)
		return -ENOENT;
	area = swiotlb_area_of(pool, slot);
	dmp_lock_acquire(&area->area_lock);
	*in_use = !swiotlb_slot_is_free(pool, slot);
	dmp_lock_release(&area->area_lock);
	return 0;
}

int dmp_swiotlb_inspect_mapping(struct dmp_swiotlb *tlb, dmp_phys_t phys,
				struct dmp_swiotlb_mapping_view *view)
{
	struct swiotlb_mapping m;
	int err = tlb && view ? swiotlb_bounce_find(tlb, phys, &m) : -EINVAL;

	if (err)
		return err;
	*view = (struct dmp_swiotlb_mapping_view){
		.pool = number_of(m.pool),
		.first = m.first,
		.pad = m.pad,
		.slots = m.nslots,
		.orig = m.orig,
		.phys = m.phys,
		.len = m.len,
	};
	return 0;
}
