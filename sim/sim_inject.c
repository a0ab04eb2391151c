// SPDX-License-Identifier: MIT
/*
 * sim_inject.c - calls that fail on purpose: the n-th of a kind, and some after it
 *
 *   nth = 3, count = 2:   ok  ok  FAIL  FAIL  ok  ok ...
 *
 * Public, since users test their drivers with it: fail the n-th call for every n until
 * none fails any more, and every way out has been taken once.
 *
 * A kind that is not armed costs its calls one load of a word that nobody writes; calls are
 * counted only while it is armed, and it disarms itself when it is through.
 *
 * Locking: (i) the lock, rank RANK_LEAF; (a) armed, relaxed: whoever arms a kind and expects
 *  another thread's call to see it synchronizes with that thread.
 */
#include "sim_internal.h"

static int default_error(enum dmp_sim_call kind)
{
	return kind == DMP_SIM_CALL_INVALIDATE ? -ETIMEDOUT : -ENOMEM;
}

static void arm_locked(struct sim_injector *injector, enum dmp_sim_call kind, bool armed)
{
	uint32_t bits = load_relaxed(&injector->armed) & ~(1u << kind);

	dmp_lock_assert_held(&injector->lock);
	store_relaxed(&injector->armed, armed ? bits | 1u << kind : bits);
}

int dmp_sim_fail(struct dmp_sim *sim, enum dmp_sim_call kind, uint64_t nth, uint64_t count, int err)
{
	struct sim_injector *injector = &sim->injector;

	if ((unsigned)kind >= DMP_SIM_CALLS || err > 0)
		return -EINVAL;
	dmp_lock_acquire(&injector->lock);
	injector->kind[kind].skip = nth ? nth - 1 : 0;
	injector->kind[kind].count = count;
	injector->kind[kind].failed = 0;
	injector->kind[kind].err = err ? err : default_error(kind);
	arm_locked(injector, kind, nth && count);
	dmp_lock_release(&injector->lock);
	return 0;
}

uint64_t dmp_sim_failed(struct dmp_sim *sim, enum dmp_sim_call kind)
{
	uint64_t failed = 0;

	if ((unsigned)kind >= DMP_SIM_CALLS)
		return 0;
	dmp_lock_acquire(&sim->injector.lock);
	failed = sim->injector.kind[kind].failed;
	dmp_lock_release(&sim->injector.lock);
	return failed;
}

/* A call of an armed kind. */
int sim_inject_slow(struct dmp_sim *sim, enum dmp_sim_call kind)
{
	struct sim_injector *injector = &sim->injector;
	int err = 0;

	dmp_lock_acquire(&injector->lock);
	if (injector->kind[kind].skip) {
		injector->kind[kind].skip--;
	} else if (injector->kind[kind].count) {
		err = injector->kind[kind].err;
		injector->kind[kind].failed++;
		if (--injector->kind[kind].count == 0) /* UINT64_MAX calls never come */
			arm_locked(injector, kind, false);
	}
	dmp_lock_release(&injector->lock);
	return err;
}
