/* SPDX-License-Identifier: MIT */
/*
 * port_vcpu.h - the execution contract on one thread that stands for many CPUs
 *
 * Included by port.h only, when DMP_PORT_VCPU is defined.  Until the engine that
 * schedules virtual CPUs exists, this is a stub: the one thread is whichever CPU the
 * harness made it, locks only note who holds them, work and releases run when the
 * harness says so.  Every atomic and lock already passes through dmp_vcpu_point(),
 * the place where a schedule will switch and a cost model will charge.
 */
#ifndef DMAPOOL_PORT_VCPU_H
#define DMAPOOL_PORT_VCPU_H

#ifndef DMAPOOL_PORT_H
#error "include <dmapool/port.h>"
#endif

#include <stdatomic.h>

#define DMP_ATOMIC(type) _Atomic(type)

/* A place where another CPU could see or change @what. */
static inline void dmp_vcpu_point(const volatile void *what)
{
	(void)what;
}

#define load_relaxed(p) (dmp_vcpu_point(p), atomic_load_explicit((p), memory_order_relaxed))
#define load_acquire(p) (dmp_vcpu_point(p), atomic_load_explicit((p), memory_order_acquire))
#define store_relaxed(p, v)                                                                        \
	(dmp_vcpu_point(p), atomic_store_explicit((p), (v), memory_order_relaxed))
#define store_release(p, v)                                                                        \
	(dmp_vcpu_point(p), atomic_store_explicit((p), (v), memory_order_release))
#define add_relaxed(p, v)                                                                          \
	(dmp_vcpu_point(p), atomic_fetch_add_explicit((p), (v), memory_order_relaxed))
#define add_acq_rel(p, v)                                                                          \
	(dmp_vcpu_point(p), atomic_fetch_add_explicit((p), (v), memory_order_acq_rel))
#define xchg_acq_rel(p, v)                                                                         \
	(dmp_vcpu_point(p), atomic_exchange_explicit((p), (v), memory_order_acq_rel))
#define cas_acq_rel(p, e, v)                                                                       \
	(dmp_vcpu_point(p), atomic_compare_exchange_strong_explicit(                               \
				    (p), (e), (v), memory_order_acq_rel, memory_order_acquire))
#define fence_seq_cst() (dmp_vcpu_point(NULL), atomic_thread_fence(memory_order_seq_cst))

#define fence_light() dmp_vcpu_point(NULL)

static inline void dmp_cpu_relax(void)
{
	dmp_vcpu_point(NULL);
}

static inline void dmp_cpu_yield(void)
{
	dmp_vcpu_point(NULL);
}

#define DMP_HELD_MAX 16u

struct dmp_lock {
	const char *name;          /* (c) what it guards */
	uint32_t rank;             /* (c) enum dmp_lock_rank */
	DMP_ATOMIC(void *) holder; /* the holding thread */
};

/* For a lock in static storage. */
#define DMP_LOCK_INITIALIZER(r, n)                                                                 \
	{                                                                                          \
		.name = (n), .rank = (r)                                                           \
	}

struct dmp_thread {
	unsigned cpu;
	unsigned nheld;
	struct dmp_lock *held[DMP_HELD_MAX];
	bool is_shared; /* (c) by threads without a record of their own: held is not kept */
};

extern DMP_API struct dmp_thread *dmp_thread_self;
extern DMP_API struct dmp_bias_cpu *dmp_bias_self; /* never NULL */

DMP_API struct dmp_thread *dmp_thread_attach(void);

static inline unsigned dmp_cpu(void)
{
	struct dmp_thread *self = dmp_thread_self;

	return self ? self->cpu : dmp_thread_attach()->cpu;
}

DMP_API void dmp_lock_note_acquire(struct dmp_lock *lock);
DMP_API void dmp_lock_note_held(struct dmp_lock *lock);
DMP_API void dmp_lock_note_release(struct dmp_lock *lock);
DMP_API void dmp_lock_check_held(struct dmp_lock *lock);

static inline void dmp_lock_acquire(struct dmp_lock *lock)
{
	dmp_vcpu_point(lock);
	dmp_lock_note_acquire(lock);
	dmp_lock_note_held(lock);
}

static inline void dmp_lock_release(struct dmp_lock *lock)
{
	dmp_lock_note_release(lock);
	dmp_vcpu_point(lock);
}

struct dmp_wait {
	bool is_woken; /* the lock of dmp_wait_sleep() */
};

static inline void dmp_wait_init(struct dmp_wait *wait)
{
	wait->is_woken = false;
}

static inline void dmp_wait_destroy(struct dmp_wait *wait)
{
	(void)wait;
}

static inline void dmp_lock_assert_held(struct dmp_lock *lock)
{
	dmp_lock_check_held(lock);
}

static inline void dmp_rcu_read_lock(void)
{
	dmp_vcpu_point(NULL);
}

static inline void dmp_rcu_read_unlock(void)
{
	dmp_vcpu_point(NULL);
}

#endif
