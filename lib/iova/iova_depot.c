// SPDX-License-Identifier: MIT
/*
 * iova_depot.c - what the CPUs of a domain share of one size: a depot, and its reclaim
 *
 *     CPU ---put---> depot ---get---> CPU          one magazine at a time, always full
 *             |        |
 *             |        `-- reclaim: one a delay, while there are more than the threshold
 *             v                    v
 *          refused              the policy
 *
 * A depot is of fixed size (depot_limit, as Linux before 6.7) or grows and is reclaimed in the
 * background (as Linux since).  With inflight_limit the depots of a domain together keep no
 * more ranges than its device can ever have in use at once: more can never be asked for.
 *
 * Invariants, walked by iova_check_cache():
 *  I2  a depot holds full magazines only, as many as it says, and no more than depot_limit;
 *  I4  depot_ranges is the ranges in all depots and never above inflight_limit; it is kept
 *      only if that is set.
 *
 * Locking: (d) depot_lock, held for pointer moves only; a magazine's entries go back to the
 *  policy after it has left the depot and depot_lock was dropped; (a) atomic, changed under
 *  some depot_lock.
 *
 * Source: spec-iova 1.6, 1.9.
 */
#include "iova_internal.h"

static struct iova_class *class_of_work(struct dmp_work *work)
{
	return (struct iova_class *)((char *)work - offsetof(struct iova_class, reclaim));
}

/* I4: one magazine more in the depots of the domain, if it may be kept. */
static bool claim_ranges(struct dmp_iova_domain *dom)
{
	uint64_t was = load_relaxed(&dom->depot_ranges); /* relaxed: the exchange checks it */

	if (!dom->opts.inflight_limit)
		return true;
	do
		if (was + dom->opts.magazine_size > dom->opts.inflight_limit)
			return false;
	while (!cas_acq_rel(&dom->depot_ranges, &was, was + dom->opts.magazine_size));
	return true;
}

/* I4: @n magazines less. */
static void release_ranges(struct dmp_iova_domain *dom, uint64_t n)
{
	if (dom->opts.inflight_limit) /* relaxed: a bound, no data hangs on it */
		add_relaxed(&dom->depot_ranges, -(n * dom->opts.magazine_size));
}

static bool claim_room_locked(struct iova_class *class)
{
	uint32_t limit = class->dom->opts.depot_limit;

	dmp_lock_assert_held(&class->depot_lock);
	return (!limit || class->depot.nfull < limit) && claim_ranges(class->dom);
}

static struct iova_magazine *pop_locked(struct iova_class *class)
{
	struct iova_magazine *mag = iova_depot_pop(&class->depot, class->dom->opts.magazine_size);

	dmp_lock_assert_held(&class->depot_lock);
	if (mag)
		release_ranges(class->dom, 1);
	return mag;
}

/* The magazine that came last, for a CPU; NULL from an empty depot. */
struct iova_magazine *iova_class_get(struct iova_class *class)
{
	struct iova_magazine *mag;

	dmp_lock_acquire(&class->depot_lock);
	mag = pop_locked(class);
	class->ngot += mag != NULL;
	class->used = true;
	dmp_lock_release(&class->depot_lock);
	return mag;
}

/* Keeps a full magazine of a CPU; false when there is no room for it. */
bool iova_class_put(struct iova_class *class, struct iova_magazine *mag)
{
	bool kept;

	dmp_lock_acquire(&class->depot_lock);
	kept = claim_room_locked(class);
	if (kept)
		iova_depot_push(&class->depot, mag);
	class->nput += kept;
	class->nrefused += !kept;
	class->used = true;
	dmp_lock_release(&class->depot_lock);
	if (kept && !class->dom->opts.depot_limit)
		dmp_work_schedule(&class->reclaim, class->dom->opts.reclaim_delay_ns);
	return kept;
}

/* The magazine that reclaim takes next, if there are too many; spec-iova 1.9. */
static struct iova_magazine *take_surplus(struct iova_class *class)
{
	uint32_t threshold = class->dom->opts.reclaim_threshold;
	struct iova_magazine *mag = NULL;

	if (threshold == 0)
		threshold = dmp_cpu_online();
	dmp_lock_acquire(&class->depot_lock);
	if (class->depot.nfull > threshold) {
		mag = pop_locked(class);
		class->nreclaimed++;
	}
	dmp_lock_release(&class->depot_lock);
	return mag;
}

static uint64_t give_back(struct iova_class *class, struct iova_magazine *mag)
{
	uint64_t nfreed = iova_drain_magazine(class->dom, mag);

	iova_magazine_destroy(mag, class->dom->opts.magazine_size);
	return nfreed;
}

static void reclaim(struct dmp_work *work)
{
	struct iova_class *class = class_of_work(work);
	struct iova_magazine *mag = take_surplus(class);

	if (!mag)
		return;
	give_back(class, mag);
	dmp_work_schedule(&class->reclaim, class->dom->opts.reclaim_delay_ns);
}

/* All of it, in one piece. */
static struct iova_depot take_all(struct iova_class *class)
{
	struct iova_depot all;

	dmp_lock_acquire(&class->depot_lock);
	all = class->depot;
	class->depot = (struct iova_depot){0};
	release_ranges(class->dom, all.nfull);
	dmp_lock_release(&class->depot_lock);
	return all;
}

/* Empties the depot into the policy; returns how many ranges. */
uint64_t iova_class_drain(struct iova_class *class)
{
	struct iova_depot all = take_all(class);
	struct iova_magazine *mag;
	uint64_t nfreed = 0;

	while ((mag = iova_depot_pop(&all, class->dom->opts.magazine_size)) != NULL)
		nfreed += give_back(class, mag);
	return nfreed;
}

/* Has no CPU come since the last time this was asked? */
bool iova_class_is_idle(struct iova_class *class)
{
	bool idle;

	dmp_lock_acquire(&class->depot_lock);
	idle = !class->used;
	class->used = false;
	dmp_lock_release(&class->depot_lock);
	return idle;
}

void iova_class_create(struct dmp_iova_domain *dom, struct iova_class *class)
{
	class->dom = dom;
	class->reclaim.fn = reclaim;
	dmp_lock_init(&class->depot_lock, RANK_IOVA_DEPOT, "iova: one size's depot");
}

/* What it holds is forgotten. */
void iova_class_destroy(struct iova_class *class)
{
	unsigned size = class->dom->opts.magazine_size;
	struct iova_magazine *mag;

	dmp_work_cancel(&class->reclaim);
	while ((mag = iova_depot_pop(&class->depot, size)) != NULL)
		iova_magazine_destroy(mag, size);
	dmp_lock_destroy(&class->depot_lock);
}
