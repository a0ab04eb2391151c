// SPDX-License-Identifier: MIT
/*
 * domain_policy.c - which flush policy is in force, and how it changes
 *
 *                    at any time, others map and unmap
 *   guest <---------- strict ------------------------> lazy, lazy single, manual, on reuse
 *   for     any time         <------------------------  |   ^
 *   good <---------------------------------------------'`---' one to another
 *                    no device, no other call; all that waits is flushed and released first
 *
 * The policy is the queue: a domain without one is strict, a guest's for good.  An unmap looks
 * once, and what it saw holds for it; a queue that is published while it runs is for the next.
 * A map looks when it has its address: whoever unmapped on reuse what it is given has seen the
 * queue before, so it sees it, too.
 *
 * Whoever holds the domain strict keeps it from getting a queue until it is released.
 *
 * Invariant: a queue that is taken away is empty, or its domain is being destroyed.
 *
 * Locking: (p) policy_lock, rank RANK_DOMAIN, held while the policy changes, also during the
 *  flush which that needs, while it is asked for, and while the counts of past and present queues
 *  are added up.
 *
 * Ordering: [QUEUE], see domain_internal.h.
 *
 * Differs from Linux: from lazy to strict without a device instead of with a group whose
 *  drivers are unbound; to lazy without memory is an error of the call, and no silence;
 *  somebody who asks for a flush gets one, in a strict domain, too; manual, on reuse and guest
 *  are not there.
 *
 * Source: spec-iova 2.1.4, 2.1.5, 3.2.10.
 */
#include "domain_internal.h"

int domain_check_policy(const struct dmp_domain *dom, enum dmp_flush_policy policy)
{
	switch (policy) {
	case DMP_FLUSH_STRICT: return 0;
	case DMP_FLUSH_LAZY:
	case DMP_FLUSH_LAZY_SINGLE:
	case DMP_FLUSH_MANUAL:
	case DMP_FLUSH_GUEST: return dom->opts.flags & DMP_DOMAIN_IDENTITY ? -EINVAL : 0;
	case DMP_FLUSH_ON_REUSE: return dom->defers_reuse ? 0 : -EINVAL;
	}
	return -EINVAL;
}

/* Strict policies need no queue. */
static bool has_queue(enum dmp_flush_policy policy)
{
	return policy != DMP_FLUSH_STRICT && policy != DMP_FLUSH_GUEST;
}

/* spec-iova 2.1.4: without a queue the domain is strict. */
void domain_start_policy(struct dmp_domain *dom)
{
	struct flushq *fq;

	dom->is_guest = dom->opts.flush == DMP_FLUSH_GUEST; /* nobody else is here */
	if (!has_queue(dom->opts.flush))
		return;
	fq = flushq_create(dom, dom->opts.flush);
	if (!fq)
		dmp_log(DMP_LOG_WARN, "domain: no memory for a flush queue: it is strict");
	store_release(&dom->queue, fq); /* [QUEUE] */
}

void domain_stop_queue(struct dmp_domain *dom)
{
	struct flushq *fq = domain_queue(dom);

	if (!fq)
		return;
	flushq_tally(fq, &dom->past);
	store_release(&dom->queue, NULL); /* [QUEUE] nobody else is here */
	flushq_destroy(fq);
}

static enum dmp_flush_policy policy_locked(struct dmp_domain *dom)
{
	struct flushq *fq = domain_queue(dom);

	dmp_lock_assert_held(&dom->policy_lock);
	if (fq)
		return flushq_policy(fq);
	return dom->is_guest ? DMP_FLUSH_GUEST : DMP_FLUSH_STRICT;
}

/* With the lock: a queue that is looked at does not go meanwhile. */
enum dmp_flush_policy dmp_domain_get_flush(struct dmp_domain *dom)
{
	enum dmp_flush_policy policy;

	dmp_lock_acquire(&dom->policy_lock);
	policy = policy_locked(dom);
	dmp_lock_release(&dom->policy_lock);
	return policy;
}

/* The queue in force empties and goes; nobody else uses the domain. */
static int retire_queue(struct dmp_domain *dom)
{
	int err = flushq_flush(domain_queue(dom));

	if (!err)
		domain_stop_queue(dom);
	return err;
}

static bool may_change_locked(struct dmp_domain *dom, enum dmp_flush_policy policy)
{
	if (domain_queue(dom))
		return !domain_has_devices_locked(dom);
	if (dom->is_guest)
		return false;
	return dom->nstrict == 0 || !has_queue(policy);
}

static int change_policy_locked(struct dmp_domain *dom, enum dmp_flush_policy policy)
{
	struct flushq *fq = NULL;
	int err;

	dmp_lock_assert_held(&dom->policy_lock);
	if (policy == policy_locked(dom))
		return 0;
	if (!may_change_locked(dom, policy))
		return -EBUSY;
	if (has_queue(policy)) {
		fq = flushq_create(dom, policy);
		if (!fq)
			return -ENOMEM;
	}
	err = domain_queue(dom) ? retire_queue(dom) : 0;
	if (err)
		goto undo_queue;
	dom->is_guest = policy == DMP_FLUSH_GUEST;
	store_release(&dom->queue, fq); /* [QUEUE] */
	domain_exposure_policy_changed(dom);
	return 0;

undo_queue:
	if (fq)
		flushq_destroy(fq);
	return err;
}

int dmp_domain_set_flush(struct dmp_domain *dom, enum dmp_flush_policy policy)
{
	int err;

	if (!dom || domain_check_policy(dom, policy))
		return -EINVAL;
	dmp_lock_acquire(&dom->policy_lock);
	err = change_policy_locked(dom, policy);
	dmp_lock_release(&dom->policy_lock);
	return err;
}

int dmp_domain_hold_strict(struct dmp_domain *dom)
{
	bool is_strict;

	if (!dom)
		return -EINVAL;
	dmp_lock_acquire(&dom->policy_lock);
	is_strict = !domain_queue(dom) && !domain_is_identity(dom);
	dom->nstrict += is_strict;
	dmp_lock_release(&dom->policy_lock);
	return is_strict ? 0 : -EINVAL;
}

void dmp_domain_release_strict(struct dmp_domain *dom)
{
	bool is_held;

	if (!dom)
		return;
	dmp_lock_acquire(&dom->policy_lock);
	is_held = dom->nstrict > 0;
	dom->nstrict -= is_held;
	dmp_lock_release(&dom->policy_lock);
	if (!is_held)
		dmp_log(DMP_LOG_BUG, "domain: released, but nobody holds it strict");
}

int dmp_domain_commit(struct dmp_domain *dom)
{
	struct flushq *fq;

	if (!dom)
		return -EINVAL;
	fq = domain_queue(dom);
	return fq ? flushq_commit(fq) : 0;
}

int dmp_domain_flush(struct dmp_domain *dom)
{
	struct flushq *fq;

	if (!dom)
		return -EINVAL;
	fq = domain_queue(dom);
	return fq ? flushq_flush(fq) : domain_flush_all(dom, DMP_FLUSH_CAUSE_ASKED);
}

int dmp_domain_inspect_flushq(struct dmp_domain *dom, unsigned cpu, struct dmp_flushq_state *state)
{
	struct flushq *fq;

	if (!dom || !state)
		return -EINVAL;
	fq = domain_queue(dom);
	if (!fq)
		return -ENOENT;
	if (cpu >= DMP_CPU_MAX)
		return -EINVAL;
	flushq_inspect(fq, cpu, state);
	return 0;
}

struct flushq_tally domain_tally(struct dmp_domain *dom)
{
	struct flushq_tally sum;
	struct flushq *fq;

	dmp_lock_acquire(&dom->policy_lock);
	sum = dom->past;
	fq = domain_queue(dom);
	if (fq) {
		flushq_tally(fq, &sum);
		flushq_unflushed(fq, &sum);
	}
	dmp_lock_release(&dom->policy_lock);
	return sum;
}
