// SPDX-License-Identifier: MIT
/*
 * sim_replace.c - which way of a full set makes room
 *
 *   LRU      the way whose last use lies furthest back
 *   TREE     pseudo-LRU, as hardware affords it: a bit an inner node of a binary tree over
 *            the ways points to the half that was not used last
 *
 *                 1                 bit 1: 0 left half next, 1 right half next
 *              2     3              node n has the children 2n and 2n + 1
 *             w0 w1 w2 w3           a use turns the bits on its way from it
 *
 *   RANDOM   any, by a generator of the set's own that the seed repeats
 *
 * An empty way is taken first under each of them.
 *
 * Locking: (s) the set's lock.
 *
 * Source: Knuth, The Art of Computer Programming 3, 6.2.3 numbers a tree's nodes so; the
 *  generator is xorshift64* (Marsaglia 2003, Vigna 2016).
 */
#include "sim_tlb.h"

/* The ways are a power of two. */
static void point_away(struct sim_tlb_set *set, uint32_t nways, uint32_t way)
{
	uint32_t node = 1;

	for (uint32_t half = nways / 2; half; half /= 2) {
		bool right = way & half;

		if (right)
			set->tree &= ~(UINT64_C(1) << node);
		else
			set->tree |= UINT64_C(1) << node;
		node = 2 * node + right;
	}
}

static uint32_t pointed_at(const struct sim_tlb_set *set, uint32_t nways)
{
	uint32_t node = 1, way = 0;

	for (uint32_t half = nways / 2; half; half /= 2) {
		bool right = set->tree >> node & 1;

		way += right ? half : 0;
		node = 2 * node + right;
	}
	return way;
}

static uint32_t any_of(struct sim_tlb_set *set, uint32_t nways)
{
	set->random ^= set->random >> 12;
	set->random ^= set->random << 25;
	set->random ^= set->random >> 27;
	return (uint32_t)(set->random * UINT64_C(0x2545f4914f6cdd1d) >> 32) % nways;
}

static uint32_t oldest(const struct sim_tlb_set *set, uint32_t nways)
{
	uint32_t way = 0;

	for (uint32_t w = 1; w < nways; w++)
		if (set->entries[w].used < set->entries[way].used)
			way = w;
	return way;
}

/* @way is used: found or filled. */
void sim_replace_touch_locked(struct sim_tlb *tlb, struct sim_tlb_set *set, uint32_t way)
{
	dmp_lock_assert_held(&set->lock);
	set->entries[way].used = set->turn;
	if (tlb->shape.replace == DMP_SIM_REPLACE_TREE)
		point_away(set, tlb->shape.nways, way);
}

/* The way that makes room. */
uint32_t sim_replace_victim_locked(struct sim_tlb *tlb, struct sim_tlb_set *set)
{
	uint32_t nways = tlb->shape.nways;

	dmp_lock_assert_held(&set->lock);
	for (uint32_t way = 0; way < nways; way++)
		if (!set->entries[way].id)
			return way;
	if (tlb->shape.replace == DMP_SIM_REPLACE_TREE)
		return pointed_at(set, nways);
	if (tlb->shape.replace == DMP_SIM_REPLACE_RANDOM)
		return any_of(set, nways);
	return oldest(set, nways);
}
