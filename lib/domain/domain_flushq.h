/* SPDX-License-Identifier: MIT */
/*
 * domain_flushq.h - a domain's queue: ranges that wait for one flush of the domain
 *
 *   domain_ring.c     where a range waits, and how it leaves
 *   domain_flushq.c   flushes, the timer, the queue from create to destroy
 *   domain_turn.c     flushes that somebody waits for: commit, an epoch's first address
 *
 *   what waits        lazy, manual: ranges      on reuse: table pages of ranges
 *   what ends it      lazy: a timeout           on reuse: an address of a new epoch
 *                     any: a ring that is full, dmp_domain_commit(), dmp_domain_flush()
 *
 *   unmap on CPU 0    unmap on CPU 1         a ring per CPU; LAZY_SINGLE has one for all
 *         |                 |
 *         v tail            v tail
 *     [.33322.....]     [....332..]          the number: flushes begun before it was queued
 *        head               head
 *         |                 |
 *         +-- release: from the head on, what has a lower number than a flush that has ended:
 *             table pages, address
 *
 * Flushes are numbered from 1 as they begin, and may overlap:
 *
 *   flush 1    |----------------------|
 *   a range        x                       gets 1: flush 1 may have missed its table entries
 *   flush 2            |------|            covers it, and ends first: finished is 2 ...
 *                                          ... and stays 2 when flush 1 ends
 *
 * Invariants:
 *  Q1  a flush covers every entry with a lower number: it began after that number was read, so
 *      after the range's table entries were cleared;
 *  Q2  finished is the highest number of a flush that has ended without error.  An entry is
 *      released when finished > its number, so by Q1 after a flush that covers it;
 *  Q3  numbers do not fall from head to tail.  So release stops at the first that is too young,
 *      and whoever has flushed finds nothing that was queued before;
 *  Q4  while something is queued the timer, if there is one, is armed, or runs and will look
 *      at it, or whoever queued it is about to arm it;
 *  Q5  a flush that fails releases nothing and loses nothing: what it would have covered waits
 *      for the next, for which the timer is armed;
 *  Q6  wanted is 0, or above the number of everything unmapped since it was.  So where it is
 *      0, or at most finished, no device reaches what was unmapped before;
 *  Q7  on reuse: no address of an epoch above clean_epoch leaves dmp_domain_map().
 *
 * Locking: (r) ring_lock, one a ring, rank RANK_FLUSHQ.  With it held an unmap that finds its
 *  ring full flushes, and whoever releases frees tables and addresses: all of lower rank.
 *  (t) turn_lock, rank RANK_FLUSH_TURN, held while one flushes for those that wait.
 *  (e) end_lock, a leaf: finished moves.  (a) atomic; (c) constant after create.
 *
 * Ordering:
 *  [UNMAP] flushq_add: table entries cleared by this thread, its ring made; fence; then
 *          `started` is read.  flush: `started` counted; fence; then everything is invalidated,
 *          and rings are looked for.
 *          A flush that is not in a range's number sees its entries cleared, and its ring.
 *  [TIMER] run_timer: flag cleared; fence; then the flush is counted
 *          flushq_add: `started` read; then the flag.  A range whose number has the timer's
 *          flush in it, which will not release it, finds the flag clear and arms the timer.
 *  [ENDED] flush_ended: the invalidation is over; then `finished` is stored
 *          ring_release_locked: `finished` loaded; then addresses and tables are reused
 *  [WANT]  flushq_add: `started` read, after [UNMAP]; wanted raised, or seen high enough; then
 *          the unmap returns, or, on reuse, the address goes back
 *          is_clean: wanted loaded; then `finished`.  Whoever knows of the unmap, or got the
 *          address, sees the flush it needs wanted, or over
 *          forget_wanted: rings released; then wanted becomes 0: what is not wanted has left
 *  [EPOCH] admit_next: a flush has ended; then clean_epoch is stored
 *          flushq_admit: clean_epoch loaded; then the address is given out
 *  [RING]  start_ring: lock made; then the state becomes ready
 *          ring_is_ready: state read; then the lock is taken
 *
 * Differs from Linux: there finished counts the flushes that have ended, whichever, so that
 *  overlapping ones hold entries up, and a ring may stay full; a flush can fail (Q5); a CPU is
 *  a thread's number, its ring is made on first use and outlives the thread.
 *
 * Source: spec-iova 3.
 */
#ifndef DOMAIN_FLUSHQ_H
#define DOMAIN_FLUSHQ_H

#include "domain_internal.h"

/* The ends of this many flushes are known.  If more have begun since a range was queued, its
 * exposure is taken to be longer than it was. */
#define FLUSHQ_ENDS 64u

/* A range that waits. */
struct flushq_entry {
	struct flushq_range range;
	uint64_t number; /* flushes begun before it was queued */
};

struct flushq_ring {
	DMP_ATOMIC(uint32_t) state; /* (a) RING_* of domain_ring.c */
	struct dmp_lock ring_lock;
	uint32_t head, tail;         /* (r) equal: empty */
	uint64_t pages;              /* (r) of all entries, in granules */
	struct flushq_tally tally;   /* (r) */
	struct flushq_entry entry[]; /* (r) as many as flushq.mask + 1 */
};

struct flushq {
	/* Constant after create */
	struct dmp_domain *dom;       /* (c) */
	enum dmp_flush_policy policy; /* (c) which one of those that have a queue */
	uint32_t mask;                /* (c) of a position in a ring */
	uint64_t pages_max;           /* (c) a ring of more granules is full */
	uint64_t timeout_ns;          /* (c) 0: there is no timer */
	struct flushq_ring *single;   /* (c) NULL: a ring per CPU */
	struct dmp_percpu rings;      /* struct flushq_ring; the port's */

	/* Written by flushes */
	_Alignas(DMP_CACHE_LINE) DMP_ATOMIC(uint64_t) started; /* (a) flushes begun */
	DMP_ATOMIC(uint64_t) finished;                         /* (e) to write; (a) to read */
	DMP_ATOMIC(uint64_t)
	ended_ns[FLUSHQ_ENDS];   /* (e) to write; (a) to read: when
								* finished had come to n, at n
								* modulo FLUSHQ_ENDS */
	uint64_t nunmaps, pages; /* (e) unmapped before the latest began; on reuse only */
	struct dmp_lock end_lock;
	struct dmp_lock turn_lock;
	struct dmp_work timer; /* the port's */

	/* Written once an epoch, read by every map */
	_Alignas(DMP_CACHE_LINE) DMP_ATOMIC(uint64_t) clean_epoch; /* (t) to write; (a) to read */

	/* Written once a flush, or once */
	_Alignas(DMP_CACHE_LINE) DMP_ATOMIC(uint64_t) wanted; /* (a) number of the flush that
								 * would do; 0: none */
	DMP_ATOMIC(uint32_t) timer_armed;                     /* (a) */
	DMP_ATOMIC(uint32_t) is_failing;  /* (a) the latest flush failed, which has been logged */
	DMP_ATOMIC(uint32_t) lacked_ring; /* (a) a CPU got no ring, which has been logged */
};

static inline bool flushq_measures_exposure(const struct flushq *fq)
{
	return fq->dom->exposure != NULL;
}

/* Flushes the domain, and releases nothing. */
int flushq_run(struct flushq *fq, enum dmp_flush_cause cause);

/* False: no memory for the only ring.  A ring per CPU needs none yet. */
bool rings_create(struct flushq *fq);
/* Drops what is queued. */
void rings_destroy(struct flushq *fq);
/* Releases in every ring what a flush that has ended covers. */
void rings_release(struct flushq *fq);
/* Entries in the ring of @cpu; nobody else is here. */
uint64_t ring_count(struct flushq *fq, unsigned cpu);

/* Is there no room for @npages more granules? */
bool ring_is_full_locked(struct flushq *fq, struct flushq_ring *ring, uint64_t npages);
/* spec-iova 3.2.2 */
void ring_release_locked(struct flushq *fq, struct flushq_ring *ring);
/* There is room.  After a fence: [UNMAP]. */
void ring_push_locked(struct flushq *fq, struct flushq_ring *ring,
		      const struct flushq_range *range);

#endif
