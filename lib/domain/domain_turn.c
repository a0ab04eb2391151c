// SPDX-License-Identifier: MIT
/*
 * domain_turn.c - flushes that somebody waits for: a commit, the first address of an epoch
 *
 *   dmp_domain_commit()        wanted 0? ------ yes ------------------------------> return 0
 *                                 | no
 *                                 v        no
 *   dmp_domain_map(), on reuse:  turn --> finished < wanted? --> release, wanted = 0
 *     epoch > clean_epoch? yes -->'|                   ^
 *          | no                    `--yes--> flush ----'--failed--> the caller is told
 *          v
 *     the address is given out
 *
 * Of several that wait, one flushes; the others find what they wanted done when it is their
 * turn, unless something was unmapped that this flush may have missed.
 *
 * What a flush that fails would have covered waits as before, and so wanted stays: the next
 * commit tries again, and so does the next map of an epoch that is not clean.
 *
 * An address that is given back while a flush for its epoch is in progress may be one that this
 * flush has missed.  It is given out in a later epoch, and its unmap has raised wanted above the
 * flush's number, so that this later epoch has a flush of its own.
 *
 * Invariants, Locking, Ordering: domain_flushq.h; here are Q7, (t), [EPOCH] and of [WANT] what
 *  looks and what forgets.
 *
 * Differs from Linux: there no domain is flushed by hand, nor on reuse; its AMD driver once did
 *  the latter for an allocator of its own.
 */
#include "domain_flushq.h"

/* Has everything that was unmapped before been covered by a flush that is over? */
static bool is_clean(struct flushq *fq)
{
	uint64_t wanted = load_acquire(&fq->wanted); /* [WANT] */

	return wanted <= load_acquire(&fq->finished); /* [ENDED] */
}

static int flush_in_turn_locked(struct flushq *fq, enum dmp_flush_cause cause)
{
	dmp_lock_assert_held(&fq->turn_lock);
	return is_clean(fq) ? 0 : flushq_run(fq, cause);
}

/* After a release of all rings since @finished was read: what it covers is wanted no more. */
static void forget_wanted(struct flushq *fq, uint64_t finished)
{
	uint64_t wanted = load_relaxed(&fq->wanted); /* relaxed: the exchange checks it */

	while (wanted != 0 && wanted <= finished && !cas_acq_rel(&fq->wanted, &wanted, 0))
		dmp_cpu_relax(); /* [WANT] */
}

static void release(struct flushq *fq)
{
	uint64_t finished = load_acquire(&fq->finished); /* [ENDED] */

	rings_release(fq);
	forget_wanted(fq, finished);
}

static __attribute__((noinline)) int commit_wanted(struct flushq *fq)
{
	int err;

	dmp_lock_acquire(&fq->turn_lock);
	err = flush_in_turn_locked(fq, DMP_FLUSH_CAUSE_COMMIT);
	dmp_lock_release(&fq->turn_lock);
	release(fq);
	return err;
}

int flushq_commit(struct flushq *fq)
{
	return load_acquire(&fq->wanted) == 0 ? 0 : commit_wanted(fq); /* [WANT] */
}

static __attribute__((noinline)) int admit_next(struct flushq *fq, uint64_t epoch)
{
	int err = 0;

	dmp_lock_acquire(&fq->turn_lock);
	if (load_relaxed(&fq->clean_epoch) < epoch) { /* relaxed: under turn_lock */
		err = flush_in_turn_locked(fq, DMP_FLUSH_CAUSE_REUSE);
		if (!err)
			store_release(&fq->clean_epoch, epoch); /* [EPOCH] */
	}
	dmp_lock_release(&fq->turn_lock);
	release(fq);
	return err;
}

int flushq_admit(struct flushq *fq, uint64_t epoch)
{
	if (load_acquire(&fq->clean_epoch) >= epoch) /* [EPOCH] */
		return 0;
	return admit_next(fq, epoch);
}
