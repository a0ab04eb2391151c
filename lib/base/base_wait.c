// SPDX-License-Identifier: MIT
/*
 * base_wait.c - sleep until woken
 *
 *   sleeper   lock .. not woken: lock given up, asleep, lock taken .. waking used up
 *   waker     lock .. woken := true, signal .. unlock
 *
 * A waking is kept until it is used, so that one which comes before the sleep is not lost, and
 * a sleep that ends for no reason goes on.
 *
 * In manual mode the one thread plays the others while it would sleep (harness.h).  That is
 * done once a sleep: a hook that ended nothing would end nothing the second time either.
 *
 * Locking: is_woken by the caller's lock.
 */
#include "base_port.h"

/* A lock that is held asleep is held for as long as others please. */
static void check_locks(struct dmp_lock *lock)
{
	struct dmp_thread *self = dmp_thread_self;

	dmp_lock_assert_held(lock);
	if (DMP_CHECKS >= 2 && !self->is_shared && self->nheld > 1)
		dmp_log(DMP_LOG_BUG, "a thread goes to sleep with lock %s", self->held[0]->name);
}

static void play_others(struct dmp_lock *lock)
{
	dmp_lock_release(lock);
	harness_waits();
	dmp_lock_acquire(lock);
}

bool dmp_wait_sleep(struct dmp_wait *wait, struct dmp_lock *lock)
{
	bool is_woken;

	check_locks(lock);
	if (!wait->is_woken && port_is_alone())
		play_others(lock);
	while (!wait->is_woken && !port_is_alone())
		port_wait_sleep(wait, lock);
	is_woken = wait->is_woken;
	wait->is_woken = false;
	return is_woken;
}

void dmp_wait_wake(struct dmp_wait *wait)
{
	wait->is_woken = true;
	port_wait_wake(wait);
}
