// SPDX-License-Identifier: MIT
/*
 * domain_exposure.c - how long devices could reach what was unmapped, and the snapshot
 *
 *   unmap --own flush---------------------> ended          strict
 *     |      `--failed--flush of the domain-> ended        stuck until then: domain_waiting.c
 *     |---queued---flush of the domain----> ended          counted when it is released, and by a
 *     |                                                    look into the queue before
 *     `---waits----flush of the domain----> ended          on reuse: domain_waiting.c
 *
 * The time starts before the tables are cleared and ends after the flush, so it is never shorter
 * than what the machine sees (did).
 *
 * Nothing here is reached unless the domain was made with DMP_DOMAIN_EXPOSURE.
 *
 * What is stuck waits for a flush of the whole domain that begins after its own has failed, or for
 * the last device to leave.  These flushes are numbered as they begin, under the lock with which
 * what is stuck is noted: a flush with a higher number sees its tables cleared.
 *
 * Ends of ranges are tallied by CPU, without a lock; those that come many at once, on reuse and
 * after failures, with one.
 *
 * Locking: (x) exposure_lock, a leaf; (t) its own, see tally.h.
 */
#include "domain_waiting.h"

#include "base_port.h"

#include <dmapool/tally.h>

struct domain_exposure {
	bool is_seen;                  /* (c) the machine tells what devices really reach */
	DMP_ATOMIC(uint32_t) is_mixed; /* (a) the policy has changed */
	struct dmp_tally ended;        /* (t) one by one */
	struct dmp_lock exposure_lock;

	uint64_t nflushes;                   /* (x) of the whole domain that have begun */
	struct domain_waiting waiting;       /* (x) on reuse; numbered by the queue */
	struct domain_waiting stuck;         /* (x) their flush failed; numbered by nflushes */
	struct dmp_exposure_side ended_many; /* (x) of both; nothing of it is open */
};

/* Has the machine watch, if it can; -ENOTSUP only if somebody wants to be told. */
static int start_watch(struct dmp_domain *dom)
{
	const struct dmp_exposure_watch *watch = dom->opts.exposure_watch;
	int err = dmp_iommu_expose_start(dom->iommu, watch, dom->opts.exposure_ctx);

	dom->exposure->is_seen = err == 0;
	return err == -ENOTSUP && !watch ? 0 : err;
}

int domain_exposure_create(struct dmp_domain *dom)
{
	int err;

	if (!(dom->opts.flags & DMP_DOMAIN_EXPOSURE))
		return 0;
	dom->exposure = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*dom->exposure));
	if (!dom->exposure)
		return -ENOMEM;
	dmp_tally_init(&dom->exposure->ended);
	dmp_lock_init(&dom->exposure->exposure_lock, RANK_LEAF, "domain: exposure");
	err = start_watch(dom);
	if (err)
		domain_exposure_destroy(dom);
	return err;
}

void domain_exposure_destroy(struct dmp_domain *dom)
{
	if (!dom->exposure)
		return;
	dmp_lock_destroy(&dom->exposure->exposure_lock);
	dmp_tally_destroy(&dom->exposure->ended);
	dmp_meta_free(dom->exposure, sizeof(*dom->exposure));
	dom->exposure = NULL;
}

/* Windows end. */

void domain_exposure_ended(struct dmp_domain *dom, uint64_t bytes, uint64_t ns)
{
	dmp_tally_add(&dom->exposure->ended, bytes, ns);
}

void domain_exposure_stuck(struct dmp_domain *dom, uint64_t bytes, uint64_t since_ns)
{
	struct domain_exposure *x = dom->exposure;

	dmp_lock_acquire(&x->exposure_lock);
	waiting_add(&x->stuck, x->nflushes, bytes, since_ns);
	dmp_lock_release(&x->exposure_lock);
}

uint64_t domain_exposure_flush_begins(struct dmp_domain *dom)
{
	struct domain_exposure *x = dom->exposure;
	uint64_t number;

	dmp_lock_acquire(&x->exposure_lock);
	number = ++x->nflushes;
	dmp_lock_release(&x->exposure_lock);
	return number;
}

void domain_exposure_unstick(struct dmp_domain *dom, uint64_t number)
{
	struct domain_exposure *x = dom->exposure;

	dmp_lock_acquire(&x->exposure_lock);
	if (x->stuck.ngroups) /* or the clock is not needed */
		waiting_end(&x->stuck, number, dmp_clock_now_ns(), &x->ended_many);
	dmp_lock_release(&x->exposure_lock);
}

void domain_exposure_waits(struct dmp_domain *dom, const struct flushq_range *range,
			   uint64_t number)
{
	struct domain_exposure *x = dom->exposure;

	dmp_lock_acquire(&x->exposure_lock);
	waiting_add(&x->waiting, number, range->npages << dom->granule_shift, range->unmapped_ns);
	dmp_lock_release(&x->exposure_lock);
}

void domain_exposure_flushed(struct dmp_domain *dom, uint64_t number, uint64_t now_ns)
{
	struct domain_exposure *x = dom->exposure;

	dmp_lock_acquire(&x->exposure_lock);
	waiting_end(&x->waiting, number, now_ns, &x->ended_many);
	dmp_lock_release(&x->exposure_lock);
}

void domain_exposure_policy_changed(struct dmp_domain *dom)
{
	if (dom->exposure)
		store_relaxed(&dom->exposure->is_mixed, 1); /* relaxed: for the flags */
}

/* Snapshot. */

static void add_queued(struct dmp_domain *dom, struct dmp_exposure_side *could)
{
	struct flushq *fq;

	dmp_lock_acquire(&dom->policy_lock);
	fq = domain_queue(dom);
	if (fq)
		flushq_exposure(fq, could);
	dmp_lock_release(&dom->policy_lock);
}

/* What waits is looked at first: a range that is released meanwhile is told twice, not never.  The
 * clock is read with the lock: whatever waits by then began before. */
static void get_could(struct dmp_domain *dom, struct dmp_exposure_side *could)
{
	struct domain_exposure *x = dom->exposure;
	uint64_t now_ns;

	add_queued(dom, could);
	dmp_lock_acquire(&x->exposure_lock);
	now_ns = dmp_clock_now_ns();
	waiting_look(&x->waiting, now_ns, could);
	waiting_look(&x->stuck, now_ns, could);
	exposure_join_side(could, &x->ended_many);
	dmp_lock_release(&x->exposure_lock);
	dmp_tally_get(&x->ended, could);
}

static int get_seen(struct dmp_domain *dom, struct dmp_exposure *e)
{
	int err;

	if (!dom->exposure->is_seen)
		return 0;
	err = dmp_iommu_get_exposure(dom->iommu, &e->seen, sizeof(e->seen));
	if (!err)
		e->flags |= DMP_EXPOSURE_SEEN;
	return err;
}

int dmp_domain_get_exposure(struct dmp_domain *dom, struct dmp_exposure *exposure, size_t size)
{
	struct dmp_exposure now = {0};
	int err;

	if (!dom || !exposure || size == 0)
		return -EINVAL;
	if (!dom->exposure)
		return -ENOTSUP;
	err = get_seen(dom, &now);
	if (err)
		return err;
	now.unmaps = counter_sum(&dom->counts, DOMAIN_UNMAPS);
	now.unmapped_bytes = counter_sum(&dom->counts, DOMAIN_BYTES_UNMAPPED);
	get_could(dom, &now.could);
	now.flags |= harness_is_manual() ? DMP_EXPOSURE_MANUAL : 0;
	now.flags |= load_relaxed(&dom->exposure->is_mixed) ? DMP_EXPOSURE_MIXED : 0; /* relaxed */
	now.flags |= exposure_is_saturated(&now) ? DMP_EXPOSURE_SATURATED : 0;
	return stats_store(exposure, size, &now, sizeof(now));
}

uint64_t dmp_domain_exposure_bound(struct dmp_domain *dom)
{
	struct flushq *fq;
	uint64_t bound_ns;

	if (!dom)
		return 0;
	if (domain_is_identity(dom))
		return UINT64_MAX;
	dmp_lock_acquire(&dom->policy_lock);
	fq = domain_queue(dom);
	bound_ns = fq ? flushq_bound_ns(fq) : 0;
	dmp_lock_release(&dom->policy_lock);
	return bound_ns;
}
