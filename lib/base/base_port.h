/* SPDX-License-Identifier: MIT */
/*
 * base_port.h - what lib/base shares within itself
 *
 * The port-neutral part (CPU numbers, the queue of work, the harness) stands on a few
 * functions that each port defines:
 *
 *   port_native.c / port_vcpu.c   threads, the clock, the worker, grace periods
 *          ^            |
 *          |            v
 *   base_work.c      base_cpu.c      base_harness.c
 */
#ifndef DMAPOOL_BASE_PORT_H
#define DMAPOOL_BASE_PORT_H

#include <dmapool/port.h>

/* Defined by each port. */
uint64_t port_clock_ns(void);
/* The calling thread waits until the clock says so; not in manual mode. */
void port_clock_wait(uint64_t until_ns);
/* A grace period: readers inside now have left when it returns. */
void port_synchronize(void);
/* Makes port_heavy_fence() ready; false if the system has none. */
bool port_heavy_prepare(void);
/* A full fence in every thread of the process; false if the system refuses. */
bool port_heavy_fence(void);
/* Work was queued, or a work ended: the worker runs (it is started the first time) and
 * waiters look again.  @lock is held. */
void port_worker_kick(struct dmp_lock *lock);
/* Sleep on @lock until kicked or @deadline_ns; in a port that cannot sleep: return. */
void port_worker_wait(struct dmp_lock *lock, uint64_t deadline_ns);
/* Sleep on @lock until port_wait_wake(), or for no reason; in a port that cannot sleep: return. */
void port_wait_sleep(struct dmp_wait *wait, struct dmp_lock *lock);
void port_wait_wake(struct dmp_wait *wait);
/* Does every thread but the caller stand still, whatever it waits for? */
bool port_is_alone(void);
/* How many worker threads there are, 0 or 1; each holds a CPU number.  May sleep. */
unsigned port_count_workers(void);

/* base_cpu.c: CPU numbers. */
unsigned cpu_slot_take(void);
/* The number that threads share, whatever is free. */
unsigned cpu_slot_share(void);
void cpu_slot_release(unsigned cpu);
void cpu_run_hooks(unsigned cpu);
bool cpu_hooks_exist(void);
unsigned cpu_slots_taken(void);
/* Manual mode: CPUs 0 .. ncpus - 1 exist, all online; 0 ends it. */
void cpu_manual_set(unsigned ncpus);
int cpu_manual_online(unsigned cpu, bool online);

/* base_bias.c: what a CPU may enter. */
extern struct dmp_bias_cpu bias_nobody;
/* Never NULL: a number without a record is nobody. */
struct dmp_bias_cpu *bias_of_cpu(unsigned cpu);

/* base_work.c: the queue. */
#define WORK_NEVER UINT64_MAX
/* Worker: do what is due; returns when the next thing is due, WORK_NEVER if nothing waits.
 * The lock is held on entry and return. */
uint64_t work_run_due_locked(void);
struct dmp_lock *work_queue_lock(void);
bool work_is_idle(void);
uint64_t work_manual_advance(uint64_t ns);
uint64_t work_manual_run_pending(void);
uint64_t work_manual_release(void);

/* base_harness.c: manual mode. */
bool harness_is_manual(void);
uint64_t harness_clock_ns(void);
void harness_clock_set(uint64_t now_ns);

/* In place of a sleep in manual mode: the test's own doing, if it has any. */
void harness_waits(void);

/* base_mem.c: failing on purpose; kind DMP_META_KINDS stands for any. */
void mem_fail_set(unsigned kind, uint64_t nth, uint64_t count);
uint64_t mem_failed(unsigned kind);

#endif
