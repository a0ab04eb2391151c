// SPDX-License-Identifier: MIT
/*
 * base_lock.c - the order of locks, checked while running
 *
 * At checks >= 2 every thread keeps the locks it holds, in the order of taking:
 *
 *   held[0]  held[1]  ...  held[nheld - 1]     ranks strictly ascending
 *
 * A lock whose rank is not above that of the innermost one is reported before it is
 * taken, so that the report comes out even where the order would deadlock.
 *
 * A record that several threads share (is_shared) keeps no list: of such a thread only
 * dmp_lock_check_held() says something, and takes one for the other.
 *
 * Locking: held and nheld belong to their thread; holder is written by the thread that
 *  has the lock and compared by others with their own address only.
 */
#include "base_port.h"

static struct dmp_thread *self_or_attach(void)
{
	struct dmp_thread *self = dmp_thread_self;

	return self ? self : dmp_thread_attach();
}

void dmp_lock_note_acquire(struct dmp_lock *lock)
{
	struct dmp_thread *self = self_or_attach();
	struct dmp_lock *inner = self->nheld ? self->held[self->nheld - 1] : NULL;

	if (self->is_shared)
		return;
	if (load_relaxed(&lock->holder) == self) /* relaxed: equal only if this thread wrote it */
		dmp_log(DMP_LOG_BUG, "lock %s is taken twice by one thread", lock->name);
	else if (inner && inner->rank >= lock->rank)
		dmp_log(DMP_LOG_BUG, "lock order: %s (rank %u) is taken under %s (rank %u)",
			lock->name, lock->rank, inner->name, inner->rank);
}

void dmp_lock_note_held(struct dmp_lock *lock)
{
	struct dmp_thread *self = dmp_thread_self;

	store_relaxed(&lock->holder, self); /* relaxed: for this thread's own checks */
	if (self->is_shared)
		return;
	if (self->nheld < DMP_HELD_MAX)
		self->held[self->nheld++] = lock;
	else
		dmp_log(DMP_LOG_BUG, "lock %s: a thread holds more than %u locks", lock->name,
			DMP_HELD_MAX);
}

void dmp_lock_note_release(struct dmp_lock *lock)
{
	struct dmp_thread *self = self_or_attach();
	unsigned i = self->nheld;

	dmp_lock_check_held(lock);
	store_relaxed(&lock->holder, NULL); /* relaxed: see note_held */
	while (i > 0 && self->held[i - 1] != lock)
		i--;
	if (i == 0)
		return;
	for (self->nheld--; i <= self->nheld; i++)
		self->held[i - 1] = self->held[i];
}

void dmp_lock_check_held(struct dmp_lock *lock)
{
	if (load_relaxed(&lock->holder) != self_or_attach()) /* relaxed: see note_acquire */
		dmp_log(DMP_LOG_BUG, "lock %s is not held by this thread", lock->name);
}
