// SPDX-License-Identifier: MIT
/*
 * swiotlb_list.c - the lists of pools: add and take out without stopping readers
 *
 *   tlb->pools       -> grown 2 -> grown 1 -> first     searched for slots, newest first
 *   tlb->transients  -> t 7 -> t 5                      never searched for slots
 *
 * Whoever looks for the pool of an address walks both lists without a lock.  A pool that is
 * taken out keeps its own link, so that a reader that stands on it walks on, and is freed
 * after a grace period.
 *
 * Invariants:
 *  L1  *pool->from is the link that leads to pool, of every linked pool;
 *  L2  a pool is linked whole: its memory, books and number do not change any more;
 *  L3  a pool is taken out only when no slot of it is in use, and none can be claimed.
 *
 * An address found by a thread leads to its pool there: the maker linked the pool before it, or
 * the claimer, which found it in the list, got the address.  To pass an address to another
 * thread a driver synchronizes with it, as with any memory, and what the first thread saw
 * the other sees.  So no barrier is needed here.
 *
 * Ordering:
 *  [POOL]  swiotlb_list_add: pool whole, then published
 *          readers: dereferenced, then looked at
 *
 * Locking: (p) pools_lock; readers inside swiotlb_read_lock().
 *
 * Source: spec-bounce 5.2, 6.6, 6.7, 8.
 */
#include "swiotlb_internal.h"

static swiotlb_pool_link *head_of(struct swiotlb_pool *pool)
{
	return pool->kind == SWIOTLB_TRANSIENT ? &pool->tlb->transients : &pool->tlb->pools;
}

static void link_first_locked(swiotlb_pool_link *head, struct swiotlb_pool *pool)
{
	struct swiotlb_pool *next = load_relaxed(head); /* relaxed: under the lock */

	dmp_lock_assert_held(&pool->tlb->pools_lock);
	pool->from = head;
	store_relaxed(&pool->next, next); /* relaxed: published below */
	if (next)
		next->from = &pool->next;
	dmp_rcu_publish(head, pool); /* [POOL] */
}

/* Numbers a new pool and makes it known. */
void swiotlb_list_add(struct swiotlb_pool *pool)
{
	struct dmp_swiotlb *tlb = pool->tlb;

	dmp_lock_acquire(&tlb->pools_lock);
	pool->number = tlb->next_number++;
	link_first_locked(head_of(pool), pool);
	dmp_lock_release(&tlb->pools_lock);
	/* relaxed, all: reports */
	if (pool->kind == SWIOTLB_TRANSIENT)
		return;
	add_relaxed(&tlb->counts.pools, 1);
	add_relaxed(&tlb->counts.slots, pool->nslots);
}

/* L3 is the caller's. */
void swiotlb_list_remove(struct swiotlb_pool *pool)
{
	struct dmp_swiotlb *tlb = pool->tlb;
	struct swiotlb_pool *next;

	dmp_lock_acquire(&tlb->pools_lock);
	next = load_relaxed(&pool->next); /* relaxed: under the lock */
	if (next)
		next->from = pool->from;
	dmp_rcu_publish(pool->from, next);
	dmp_lock_release(&tlb->pools_lock);
	if (pool->kind == SWIOTLB_TRANSIENT)
		return;
	/* relaxed, both: reports */
	add_relaxed(&tlb->counts.pools, UINT64_MAX);
	add_relaxed(&tlb->counts.slots, -pool->nslots);
}

static void release(struct dmp_rcu_head *head)
{
	struct swiotlb_pool *pool =
		(struct swiotlb_pool *)((char *)head - offsetof(struct swiotlb_pool, deferred));
	struct dmp_swiotlb *tlb = pool->tlb;

	swiotlb_pool_destroy(pool);
	add_relaxed(&tlb->counts.waiting, UINT64_MAX); /* relaxed: a report */
}

/* Destroys what has been taken out, after a grace period. */
void swiotlb_list_defer(struct swiotlb_pool *pool)
{
	add_relaxed(&pool->tlb->counts.waiting, 1); /* relaxed: a report */
	dmp_rcu_defer(&pool->deferred, release);
}
