// SPDX-License-Identifier: MIT
/*
 * base_work.c - things to be done later: delayed work and deferred releases
 *
 *   pending    circular list of works, the earliest first; equal times in the order
 *              of scheduling
 *   deferred   releases that wait for a grace period, oldest first
 *
 * In native operation one worker thread calls work_run_due_locked(): releases first, as
 * they hold memory, then one work after another.  In manual mode the harness does the
 * same in pieces, and the worker runs nothing.
 *
 * Invariants:
 *  W1  a work is in a list if and only if its pending is set;
 *  W2  at most one work is running, and it is not pending unless it was scheduled anew;
 *  W3  a release runs after a grace period that began after it was deferred.
 *
 * Locking: (w) queue_lock, a leaf, dropped while a work, a release or a grace period
 *  runs.
 */
#include "base_port.h"

static struct dmp_lock queue_lock = DMP_LOCK_INITIALIZER(RANK_LEAF, "work queue");

static struct dmp_work pending = {.next = &pending, .prev = &pending}; /* (w) head */
static struct dmp_rcu_head *deferred;                                  /* (w) oldest */
static struct dmp_rcu_head **deferred_end = &deferred;                 /* (w) */
static bool releasing;                                                 /* (w) taken, not yet run */
static bool running;                                                   /* (w) a work is */

struct dmp_lock *work_queue_lock(void)
{
	return &queue_lock;
}

static void unlink_locked(struct dmp_work *work)
{
	dmp_lock_assert_held(&queue_lock);
	work->prev->next = work->next;
	work->next->prev = work->prev;
	work->pending = false;
}

static void link_before_locked(struct dmp_work *at, struct dmp_work *work)
{
	dmp_lock_assert_held(&queue_lock);
	work->next = at;
	work->prev = at->prev;
	at->prev->next = work;
	at->prev = work;
	work->pending = true;
}

/* From the end, since delays are mostly equal and the newest is the latest. */
static void insert_by_time_locked(struct dmp_work *work)
{
	struct dmp_work *at = &pending;

	dmp_lock_assert_held(&queue_lock);
	while (at->prev != &pending && at->prev->due_ns > work->due_ns)
		at = at->prev;
	link_before_locked(at, work);
}

bool dmp_work_schedule(struct dmp_work *work, uint64_t delay_ns)
{
	uint64_t now_ns = dmp_clock_now_ns();
	bool idle;

	dmp_lock_acquire(&queue_lock);
	idle = !work->pending;
	if (idle) {
		work->due_ns = delay_ns < WORK_NEVER - now_ns ? now_ns + delay_ns : WORK_NEVER;
		insert_by_time_locked(work);
		if (!harness_is_manual())
			port_worker_kick(&queue_lock);
	}
	dmp_lock_release(&queue_lock);
	return idle;
}

/* True if it was pending, or has become so while it was waited for. */
static bool cancel(struct dmp_work *work)
{
	bool was_pending = false;

	dmp_lock_acquire(&queue_lock);
	for (;;) {
		was_pending |= work->pending;
		if (work->pending)
			unlink_locked(work);
		if (!work->running || harness_is_manual())
			break;
		port_worker_wait(&queue_lock, WORK_NEVER);
	}
	dmp_lock_release(&queue_lock);
	return was_pending;
}

void dmp_work_cancel(struct dmp_work *work)
{
	cancel(work);
}

void dmp_work_pause(struct dmp_work *work)
{
	work->paused = cancel(work);
}

void dmp_work_resume(struct dmp_work *work)
{
	uint64_t now_ns = dmp_clock_now_ns();

	if (work->paused)
		dmp_work_schedule(work, work->due_ns > now_ns ? work->due_ns - now_ns : 0);
	work->paused = false;
}

bool dmp_work_is_pending(struct dmp_work *work)
{
	bool is_pending;

	dmp_lock_acquire(&queue_lock);
	is_pending = work->pending;
	dmp_lock_release(&queue_lock);
	return is_pending;
}

void dmp_rcu_defer(struct dmp_rcu_head *head, void (*fn)(struct dmp_rcu_head *head))
{
	head->next = NULL;
	head->fn = fn;
	dmp_lock_acquire(&queue_lock);
	*deferred_end = head;
	deferred_end = &head->next;
	if (!harness_is_manual())
		port_worker_kick(&queue_lock);
	dmp_lock_release(&queue_lock);
}

static struct dmp_rcu_head *take_deferred_locked(void)
{
	struct dmp_rcu_head *first = deferred;

	dmp_lock_assert_held(&queue_lock);
	deferred = NULL;
	deferred_end = &deferred;
	return first;
}

static uint64_t run_releases(struct dmp_rcu_head *head)
{
	uint64_t count = 0;

	while (head) {
		struct dmp_rcu_head *next = head->next;

		head->fn(head);
		head = next;
		count++;
	}
	return count;
}

/* W3: taken, then a grace period, then run. */
static uint64_t release_deferred_locked(void)
{
	struct dmp_rcu_head *first = take_deferred_locked();
	uint64_t count;

	dmp_lock_assert_held(&queue_lock);
	releasing = true;
	dmp_lock_release(&queue_lock);
	port_synchronize();
	count = run_releases(first);
	dmp_lock_acquire(&queue_lock);
	releasing = false;
	return count;
}

static void run_one_locked(struct dmp_work *work)
{
	dmp_lock_assert_held(&queue_lock);
	unlink_locked(work);
	work->running = true;
	running = true;
	dmp_lock_release(&queue_lock);
	work->fn(work);
	dmp_lock_acquire(&queue_lock);
	work->running = false;
	running = false;
}

uint64_t work_run_due_locked(void)
{
	dmp_lock_assert_held(&queue_lock);
	while (!harness_is_manual()) { /* looked at under the lock: what it has queued waits */
		if (deferred)
			release_deferred_locked();
		else if (pending.next != &pending && pending.next->due_ns <= dmp_clock_now_ns())
			run_one_locked(pending.next);
		else
			return pending.next != &pending ? pending.next->due_ns : WORK_NEVER;
		port_worker_kick(&queue_lock); /* for those who wait for this one */
	}
	return WORK_NEVER;
}

void dmp_rcu_barrier(void)
{
	if (harness_is_manual()) {
		while (work_manual_release() > 0)
			;
		return;
	}
	dmp_lock_acquire(&queue_lock);
	while (deferred || releasing)
		port_worker_wait(&queue_lock, WORK_NEVER);
	dmp_lock_release(&queue_lock);
}

bool work_is_idle(void)
{
	bool idle;

	dmp_lock_acquire(&queue_lock);
	idle = pending.next == &pending && !deferred && !releasing && !running;
	dmp_lock_release(&queue_lock);
	return idle;
}

uint64_t work_manual_release(void)
{
	uint64_t count;

	dmp_lock_acquire(&queue_lock);
	count = deferred ? release_deferred_locked() : 0;
	dmp_lock_release(&queue_lock);
	return count;
}

uint64_t work_manual_advance(uint64_t ns)
{
	uint64_t now_ns = harness_clock_ns();
	uint64_t end_ns = ns < WORK_NEVER - now_ns ? now_ns + ns : WORK_NEVER - 1;
	uint64_t count = 0;

	dmp_lock_acquire(&queue_lock);
	while (pending.next != &pending && pending.next->due_ns <= end_ns) {
		if (pending.next->due_ns > harness_clock_ns())
			harness_clock_set(pending.next->due_ns);
		run_one_locked(pending.next);
		count++;
	}
	dmp_lock_release(&queue_lock);
	harness_clock_set(end_ns);
	return count;
}

/* Move all to a list of their own: a work that is cancelled by one before it still finds
 * its neighbours, and one that is scheduled anew lands in the queue. */
uint64_t work_manual_run_pending(void)
{
	struct dmp_work batch = {.next = &batch, .prev = &batch};
	uint64_t count = 0;

	dmp_lock_acquire(&queue_lock);
	while (pending.next != &pending) {
		struct dmp_work *work = pending.next;

		unlink_locked(work);
		link_before_locked(&batch, work);
	}
	for (; batch.next != &batch; count++)
		run_one_locked(batch.next);
	dmp_lock_release(&queue_lock);
	return count;
}
