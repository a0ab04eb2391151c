// SPDX-License-Identifier: MIT
/*
 * port_vcpu.c - the stub of the virtual-CPU port: one thread, time by hand
 *
 * There is no worker and nothing sleeps: work and releases run when the harness says so,
 * the clock is the harness's.  A lock that is taken twice is a bug, and base_lock.c
 * reports it.
 */
#include "base_port.h"

static struct dmp_thread the_thread;

struct dmp_thread *dmp_thread_self;
struct dmp_bias_cpu *dmp_bias_self = &bias_nobody;

struct dmp_thread *dmp_thread_attach(void)
{
	dmp_thread_self = &the_thread;
	the_thread.cpu = cpu_slot_take();
	dmp_bias_self = bias_of_cpu(the_thread.cpu);
	return &the_thread;
}

void dmp_lock_init(struct dmp_lock *lock, enum dmp_lock_rank rank, const char *name)
{
	lock->rank = rank;
	lock->name = name;
	store_relaxed(&lock->holder, NULL); /* relaxed: not shared yet */
}

void dmp_lock_destroy(struct dmp_lock *lock)
{
	(void)lock;
}

uint64_t port_clock_ns(void)
{
	return harness_clock_ns();
}

void port_clock_wait(uint64_t until_ns)
{
	harness_clock_set(until_ns);
}

void port_synchronize(void)
{
}

bool port_heavy_prepare(void)
{
	return true;
}

bool port_heavy_fence(void)
{
	dmp_vcpu_point(NULL);
	return true;
}

void port_worker_kick(struct dmp_lock *lock)
{
	(void)lock;
}

void port_worker_wait(struct dmp_lock *lock, uint64_t deadline_ns)
{
	(void)deadline_ns;
	/* Nobody else could end the wait: do now what the worker would do. */
	work_run_due_locked();
	(void)lock;
}

void port_wait_sleep(struct dmp_wait *wait, struct dmp_lock *lock)
{
	dmp_vcpu_point(wait);
	(void)lock;
}

void port_wait_wake(struct dmp_wait *wait)
{
	dmp_vcpu_point(wait);
}

/* Until other virtual CPUs exist. */
bool port_is_alone(void)
{
	return true;
}

unsigned port_count_workers(void)
{
	return 0;
}
