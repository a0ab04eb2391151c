/* SPDX-License-Identifier: MIT */
/*
 * port_native.h - the execution contract on real threads: what of it is inline
 *
 * Included by port.h only.  Atomics are C11's; a lock is a word, which is tried for a while before
 * its waiter sleeps; readers are liburcu-bp's, which needs no registration of an application's
 * threads.
 *
 * Two pointers stand in initial-exec TLS, so that the library can still be loaded with
 * dlopen(); everything else of a thread hangs from them.
 */
#ifndef DMAPOOL_PORT_NATIVE_H
#define DMAPOOL_PORT_NATIVE_H

#ifndef DMAPOOL_PORT_H
#error "include <dmapool/port.h>"
#endif

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <urcu/urcu-bp.h>

#define DMP_ATOMIC(type) _Atomic(type)

#define load_relaxed(p)     atomic_load_explicit((p), memory_order_relaxed)
#define load_acquire(p)     atomic_load_explicit((p), memory_order_acquire)
#define store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define add_relaxed(p, v)   atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define add_acq_rel(p, v)   atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define xchg_acq_rel(p, v)  atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define cas_acq_rel(p, e, v)                                                                       \
	atomic_compare_exchange_strong_explicit((p), (e), (v), memory_order_acq_rel,               \
						memory_order_acquire)

#if defined(__SANITIZE_THREAD__)
#define DMP_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DMP_TSAN 1
#endif
#endif

static inline void fence_seq_cst(void)
{
#ifdef DMP_TSAN
	/* It knows no fences.  An exchange with a word of our own is one for the machine, and
	 * hides no race from it. */
	DMP_ATOMIC(int) word = 0;

	atomic_exchange(&word, 1);
#else
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* Keeps the compiler from moving anything across; the processor is dmp_fence_heavy()'s. */
static inline void fence_light(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

static inline void dmp_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

static inline void dmp_cpu_yield(void)
{
	sched_yield();
}

/* Locks of a thread, innermost last; kept at checks >= 2 only. */
#define DMP_HELD_MAX 16u

/*
 * A word: free, held, or held and perhaps waited for.  Taking and giving back a lock that nobody
 * waits for are one exchange each, inline.  Many locks are made, one for each area of a pool
 * among them, so a lock is small: who must sleep does so in a place apart.
 */
#define DMP_LOCK_FREE   0u
#define DMP_LOCK_HELD   1u
#define DMP_LOCK_WAITED 2u /* its release looks for sleepers */

struct dmp_lock {
	DMP_ATOMIC(uint32_t) word;
	uint32_t rank;             /* (c) enum dmp_lock_rank */
	const char *name;          /* (c) what it guards */
	DMP_ATOMIC(void *) holder; /* the holding thread; kept at checks >= 2 only */
};

/* For a lock in static storage. */
#define DMP_LOCK_INITIALIZER(r, n)                                                                 \
	{                                                                                          \
		.rank = (r), .name = (n)                                                           \
	}

/* What a thread carries. */
struct dmp_thread {
	unsigned cpu;   /* its number; changed by the harness only */
	unsigned nheld; /* locks held */
	struct dmp_lock *held[DMP_HELD_MAX];
	bool is_shared; /* (c) by threads without a record of their own: held is not kept */
};

extern DMP_API _Thread_local struct dmp_thread *dmp_thread_self
	__attribute__((tls_model("initial-exec")));

/* What the calling thread's CPU may enter; never NULL. */
extern DMP_API _Thread_local struct dmp_bias_cpu *dmp_bias_self
	__attribute__((tls_model("initial-exec")));

/* Gives the calling thread a number; never NULL. */
DMP_API struct dmp_thread *dmp_thread_attach(void);

static inline unsigned dmp_cpu(void)
{
	struct dmp_thread *self = dmp_thread_self;

	return self ? self->cpu : dmp_thread_attach()->cpu;
}

DMP_API void dmp_lock_note_acquire(struct dmp_lock *lock); /* checks the rank, before locking */
DMP_API void dmp_lock_note_held(struct dmp_lock *lock);    /* after locking */
DMP_API void dmp_lock_note_release(struct dmp_lock *lock);
DMP_API void dmp_lock_check_held(struct dmp_lock *lock);
/* Locks what another thread holds. */
DMP_API void dmp_lock_wait(struct dmp_lock *lock);
/* Wakes who sleeps for @lock, which is not looked at. */
DMP_API void dmp_lock_wake(struct dmp_lock *lock);

/* False: another thread holds it. */
static inline bool dmp_lock_try(struct dmp_lock *lock)
{
	uint32_t expected = DMP_LOCK_FREE;

	return cas_acq_rel(&lock->word, &expected, DMP_LOCK_HELD);
}

static inline void dmp_lock_acquire(struct dmp_lock *lock)
{
	if (DMP_CHECKS >= 2)
		dmp_lock_note_acquire(lock);
	if (__builtin_expect(!dmp_lock_try(lock), 0))
		dmp_lock_wait(lock);
	if (DMP_CHECKS >= 2)
		dmp_lock_note_held(lock);
}

static inline void dmp_lock_release(struct dmp_lock *lock)
{
	if (DMP_CHECKS >= 2)
		dmp_lock_note_release(lock);
	if (__builtin_expect(xchg_acq_rel(&lock->word, DMP_LOCK_FREE) == DMP_LOCK_WAITED, 0))
		dmp_lock_wake(lock);
}

/* Of a thread that sleeps until woken. */
struct dmp_wait {
	pthread_mutex_t sleep; /* from before the lock is given up until asleep */
	pthread_cond_t wake;
	bool is_woken; /* the lock of dmp_wait_sleep() */
};

static inline void dmp_wait_init(struct dmp_wait *wait)
{
	pthread_mutex_init(&wait->sleep, NULL);
	pthread_cond_init(&wait->wake, NULL);
	wait->is_woken = false;
}

static inline void dmp_wait_destroy(struct dmp_wait *wait)
{
	pthread_cond_destroy(&wait->wake);
	pthread_mutex_destroy(&wait->sleep);
}

/* For functions named _locked: the calling thread holds @lock. */
static inline void dmp_lock_assert_held(struct dmp_lock *lock)
{
	if (DMP_CHECKS >= 2)
		dmp_lock_check_held(lock);
}

/* ThreadSanitizer cannot see liburcu's grace period: leaving a read section releases to,
 * and a grace period acquires from, one address. */
#ifdef DMP_TSAN
void __tsan_release(void *addr);
extern DMP_API char dmp_rcu_tsan_token;
#endif

static inline void dmp_rcu_read_lock(void)
{
	urcu_bp_read_lock();
}

static inline void dmp_rcu_read_unlock(void)
{
#ifdef DMP_TSAN
	__tsan_release(&dmp_rcu_tsan_token);
#endif
	urcu_bp_read_unlock();
}

#endif
