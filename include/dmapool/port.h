/* SPDX-License-Identifier: MIT */
/*
 * port.h - the execution contract: who runs, and when
 *
 * Everything that another thread can observe goes through this header: the number
 * of the CPU, locks, atomics, the clock, delayed work, grace periods.  lib/, sim/,
 * a backend and a policy use it; an application does not need it.  C only, and not
 * part of the umbrella header.
 *
 * Two ports implement it, chosen at compile time; each defines what is inline:
 *
 *   port_native.h   threads, C11 atomics, liburcu-bp, a monotonic clock, one worker thread
 *   port_vcpu.h     (DMP_PORT_VCPU) one thread that stands for any number of CPUs
 *
 * A process links code of one port only.
 *
 * The words that the port's headers define, the same in both:
 *
 *   DMP_ATOMIC(type)                   a field that several threads touch
 *   load_relaxed(p)   load_acquire(p)  store_relaxed(p, v)  store_release(p, v)
 *   add_relaxed(p, v)                  returns the value before
 *   add_acq_rel(p, v)                  returns the value before
 *   xchg_acq_rel(p, v)                 returns the value before
 *   cas_acq_rel(p, &expected, v)       strong; true if it stored
 *   fence_seq_cst()
 *   fence_light()                      half of a pair whose other half is dmp_fence_heavy()
 *   dmp_cpu()                          the calling thread's CPU number
 *   dmp_lock_acquire(l)  dmp_lock_release(l)
 *   dmp_rcu_read_lock()  dmp_rcu_read_unlock()   nest; may run in an exit hook
 *   dmp_cpu_relax()                    one turn of a spin loop
 *   dmp_cpu_yield()                    one turn of a wait for a thread that may not be running
 */
#ifndef DMAPOOL_PORT_H
#define DMAPOOL_PORT_H

#ifdef __cplusplus
#error "dmapool/port.h is C only: an application needs <dmapool.h>"
#endif

#include <dmapool/types.h>

/* What is verified while running: 0 nothing; 1 a caller's mistakes that are cheap to see;
 * 2 lock ranks and the backend contract; 3 walkers after every operation. */
#ifndef DMP_CHECKS
#define DMP_CHECKS 0
#endif

#define DMP_CACHE_LINE 64

/*
 * CPU numbers.  A thread gets the lowest free number on first use and gives it back when
 * it exits.  Threads beyond DMP_CPU_MAX share the last number: what a CPU keeps for
 * itself is then kept under a lock, and counters use dmp_percpu_get_own().
 */
#define DMP_CPU_MAX 4096u

/**
 * dmp_cpu_online() - how many CPUs are online now
 *
 * Online: numbers held by live threads; in manual mode those the harness left online.
 *
 * Threads: any thread.
 */
DMP_API unsigned dmp_cpu_online(void);

/**
 * dmp_cpu_limit() - one more than the highest CPU number ever given
 *
 * Threads: any thread.
 */
DMP_API unsigned dmp_cpu_limit(void);

/* Called when a CPU goes offline, on that CPU, before its number can be reused. */
struct dmp_cpu_hook {
	void (*offline)(struct dmp_cpu_hook *hook, unsigned cpu);
	struct dmp_cpu_hook *next, *prev; /* the port's */
};

/**
 * dmp_cpu_hook_add() - ask to be told when a CPU goes offline
 * @hook: @hook->offline set by the caller; stays the caller's
 *
 * Threads: any thread; no lock held.
 */
DMP_API void dmp_cpu_hook_add(struct dmp_cpu_hook *hook);

/**
 * dmp_cpu_hook_remove() - the reverse; waits until no call of @hook is in progress
 *
 * Threads: any thread; no lock held; not from inside a hook.
 */
DMP_API void dmp_cpu_hook_remove(struct dmp_cpu_hook *hook);

/*
 * Lock order: one list for the whole library; a thread takes locks only downwards, and
 * never two of one rank.  docs/concurrency.md says what each guards.
 */
enum dmp_lock_rank {
	RANK_CPU_HOOKS,     /* port: exit hooks; held while they run */
	RANK_MACHINE,       /* hw: buffers of a machine */
	RANK_DEVICE,        /* dma: coherent blocks of a device */
	RANK_DOMAIN,        /* domain: policy */
	RANK_FLUSH_TURN,    /* domain: who flushes for those that wait, one at a time */
	RANK_FLUSHQ,        /* domain: one flush ring */
	RANK_IOVA_DRAIN,    /* iova: who takes other CPUs' caches, one at a time */
	RANK_IOVA_CACHE,    /* iova: one CPU's cache */
	RANK_IOVA_DEPOT,    /* iova: one size's depot */
	RANK_IOVA_POLICY,   /* the address-range policy */
	RANK_SWIOTLB_TURN,  /* swiotlb: whose turn it is, and who waits for it */
	RANK_SWIOTLB_POOL,  /* swiotlb: the list of pools */
	RANK_SWIOTLB_AREA,  /* swiotlb: one area */
	RANK_HW_CHECK,      /* hw: the checking shim's books */
	RANK_BACKEND,       /* a backend's first lock ... */
	RANK_BACKEND_GATE,  /* ... an access of a device under way */
	RANK_BACKEND_SET,   /* ... one set of its IOTLB */
	RANK_BACKEND_QUEUE, /* ... its invalidation queue */
	RANK_BACKEND_MEM,   /* ... its memory */
	RANK_LEAF,          /* queues of the port, log, counters: call nothing while held */
};

struct dmp_lock;
struct dmp_wait;

/* A clock and delayed work. */

/**
 * dmp_clock_now_ns() - nanoseconds since some fixed moment; never goes back
 *
 * In manual mode it moves only by dmp_harness_advance().
 *
 * Threads: any thread.
 */
DMP_API uint64_t dmp_clock_now_ns(void);

/**
 * dmp_clock_spend() - let time pass for the calling thread
 * @ns: at least that much
 *
 * Waits without sleeping and for as long as it takes; for what lasts longer than a few
 * microseconds the processor is offered to others again and again.  In manual mode the clock
 * moves by @ns, short of UINT64_MAX, and no work runs: what falls due runs at the next
 * dmp_harness_advance().
 *
 * Threads: any thread; locks may be held.
 */
DMP_API void dmp_clock_spend(uint64_t ns);

/* Something to be done later, once.  Zero it, set fn; the rest is the port's. */
struct dmp_work {
	void (*fn)(struct dmp_work *work);
	uint64_t due_ns;
	struct dmp_work *next, *prev;
	bool pending;
	bool running;
	bool paused; /* of dmp_work_pause(): it was pending */
};

/**
 * dmp_work_schedule() - have @work->fn called on the worker after a delay
 * @work:     stays the caller's
 * @delay_ns: from now
 *
 * A pending work stays as it is: it is not moved.  A running one may be scheduled again.
 * @work->fn runs without locks and may sleep.
 *
 * Threads: any thread; locks may be held.
 * Returns: true if it was not pending.
 */
DMP_API bool dmp_work_schedule(struct dmp_work *work, uint64_t delay_ns);

/**
 * dmp_work_cancel() - afterwards @work is neither pending nor running
 *
 * Threads: any thread but the worker; no lock held that @work->fn takes.
 */
DMP_API void dmp_work_cancel(struct dmp_work *work);

/**
 * dmp_work_pause() - the same, until dmp_work_resume() has it due when it was
 *
 * For walkers: what @work changes stands still meanwhile.  Nobody else schedules it.
 *
 * Threads: as dmp_work_cancel(); both by the same thread.
 */
DMP_API void dmp_work_pause(struct dmp_work *work);
DMP_API void dmp_work_resume(struct dmp_work *work);

/* Is @work waiting for its time?  A snapshot. */
DMP_API bool dmp_work_is_pending(struct dmp_work *work);

/* Release after a grace period: every reader that was inside has left. */
struct dmp_rcu_head {
	struct dmp_rcu_head *next;
	void (*fn)(struct dmp_rcu_head *head);
};

/**
 * dmp_rcu_defer() - call @fn(@head) once all present readers have left
 *
 * The worker waits for the readers, never the caller.
 *
 * Threads: any thread; locks may be held.
 */
DMP_API void dmp_rcu_defer(struct dmp_rcu_head *head, void (*fn)(struct dmp_rcu_head *head));

/**
 * dmp_rcu_barrier() - wait until everything deferred before has been released
 *
 * Threads: any thread but the worker; no lock held, not inside a read section.
 */
DMP_API void dmp_rcu_barrier(void);

/* Publish and dereference an object that readers reach without a lock. */
#define dmp_rcu_publish(pp, obj) store_release(pp, obj)
#define dmp_rcu_deref(pp)        load_acquire(pp)

/*
 * Sleep until woken.  One thread sleeps, any other wakes it; both hold the lock that guards what
 * is waited for.
 *
 *   the sleeper   dmp_wait_init(&wait)
 *                 under the lock:  while (not yet)  if (!dmp_wait_sleep(&wait, lock))  give up
 *                 dmp_wait_destroy(&wait)
 *   the other     under the lock:  it is so; dmp_wait_wake(&wait)
 *
 * dmp_wait_init(w)  dmp_wait_destroy(w)   the port's; a struct dmp_wait may lie on the stack
 */

/**
 * dmp_wait_sleep() - sleep until dmp_wait_wake(), which may have come before
 * @wait: the caller's
 * @lock: held, the only one; given up meanwhile, and held again on return
 *
 * Uses up one waking.  In manual mode nobody else runs: the hook of dmp_harness_on_wait() is
 * called instead, without the lock.
 *
 * Threads: one thread at a time per handle; not inside a read section.
 * Returns: false if it was not woken and nobody is left who would: in manual mode, the hook has
 *          not brought it about, or there is none.
 */
DMP_API bool dmp_wait_sleep(struct dmp_wait *wait, struct dmp_lock *lock);

/* Ends that sleep, or the next one.  The lock is held. */
DMP_API void dmp_wait_wake(struct dmp_wait *wait);

/* Bookkeeping memory: cleared, failable one by one in tests (harness.h). */
enum dmp_meta {
	DMP_META_OBJECT,   /* handles */
	DMP_META_RANGE,    /* records of IOVA ranges */
	DMP_META_MAGAZINE, /* magazines */
	DMP_META_PERCPU,   /* a CPU's own block */
	DMP_META_BACKEND,  /* whatever a backend needs */
	DMP_META_KINDS,
};

/**
 * dmp_meta_alloc() - cleared memory, cache-line aligned from one cache line upwards
 *
 * Threads: any thread; locks may be held.
 * Returns: NULL when there is none.
 */
DMP_API void *dmp_meta_alloc(enum dmp_meta kind, size_t len);

/* Gives back @mem (may be NULL) of exactly @len bytes. */
DMP_API void dmp_meta_free(void *mem, size_t len);

/* Is the next allocation made to fail?  It counts as one: for who keeps records of @kind to serve
 * it from.  Any thread; locks may be held. */
DMP_API bool dmp_meta_refused(enum dmp_meta kind);

/* Bytes of bookkeeping memory in use. */
DMP_API uint64_t dmp_meta_in_use(void);

/**
 * dmp_opts_load() - take over a caller's options struct
 * @dst:   this library's struct, @known bytes, size field first
 * @known: its size
 * @src:   the caller's, src->size bytes; NULL: all defaults
 *
 * A shorter struct is filled up with zeros; a longer one must be zero beyond @known.
 *
 * Threads: any thread.
 * Errors:  -EINVAL the size field is shorter than itself; -E2BIG.
 */
DMP_API int dmp_opts_load(void *dst, uint32_t known, const void *src);

/* Log one line; no newline at its end. */
DMP_API void dmp_log(enum dmp_log_level level, const char *fmt, ...) DMP_PRINTF(2, 3);

#ifdef DMP_PORT_VCPU
#include <dmapool/port_vcpu.h>
#else
#include <dmapool/port_native.h>
#endif

/*
 * Per-CPU blocks.  Each CPU that asks gets a cleared block of its own, cache-line
 * aligned, made on first use and kept until destroy.  Only its CPU writes a block's
 * counters, so that adding needs no atomic read-modify-write:
 *
 *   struct stats { DMP_ATOMIC(uint64_t) maps; };
 *   struct stats *s = dmp_percpu_get_own(&dev->stats);
 *   if (s)
 *           count_local(&s->maps, 1);
 *   else
 *           add_relaxed(&dev->common.maps, 1);
 */
#define DMP_PERCPU_CHUNK 64u

struct dmp_percpu_chunk {
	DMP_ATOMIC(void *) block[DMP_PERCPU_CHUNK];
};

struct dmp_percpu {
	size_t block_bytes; /* (c) */
	DMP_ATOMIC(struct dmp_percpu_chunk *) chunk[DMP_CPU_MAX / DMP_PERCPU_CHUNK];
};

static inline void dmp_percpu_init(struct dmp_percpu *percpu, size_t block_bytes)
{
	percpu->block_bytes = block_bytes;
}

/* Frees all blocks; no thread may use them any more. */
DMP_API void dmp_percpu_destroy(struct dmp_percpu *percpu);

/* Makes the block of @cpu; NULL when there is no memory. */
DMP_API void *dmp_percpu_make(struct dmp_percpu *percpu, unsigned cpu);

/* The block of @cpu, NULL if that CPU never asked. */
static inline void *dmp_percpu_peek(struct dmp_percpu *percpu, unsigned cpu)
{
	struct dmp_percpu_chunk *chunk = load_acquire(&percpu->chunk[cpu / DMP_PERCPU_CHUNK]);

	return chunk ? load_acquire(&chunk->block[cpu % DMP_PERCPU_CHUNK]) : NULL;
}

/* The calling CPU's block; NULL when there is no memory for it. */
static inline void *dmp_percpu_get(struct dmp_percpu *percpu)
{
	unsigned cpu = dmp_cpu();
	void *block = dmp_percpu_peek(percpu, cpu);

	return block ? block : dmp_percpu_make(percpu, cpu);
}

/* The same, if no other thread writes it at once: NULL also for the number that is shared. */
static inline void *dmp_percpu_get_own(struct dmp_percpu *percpu)
{
	return dmp_cpu() == DMP_CPU_MAX - 1 ? NULL : dmp_percpu_get(percpu);
}

#define DMP_PERCPU_FOREACH(block, percpu, cpu)                                                     \
	for ((cpu) = 0; (cpu) < dmp_cpu_limit(); (cpu)++)                                          \
		if (((block) = dmp_percpu_peek(percpu, cpu)) != NULL)

/* Add to a counter that only this CPU writes; others may read it at any time. */
static inline void count_local(DMP_ATOMIC(uint64_t) * counter, uint64_t n)
{
	/* relaxed: read for reports only */
	store_relaxed(counter, load_relaxed(counter) + n);
}

/*
 * Bias: a CPU enters a block of its own with a few plain loads and stores.  Whoever else
 * wants to enter takes the bias away first, and pays for both sides.  A slot stands for one
 * object that has such blocks; beside each block is a lock of the user's.
 *
 *   the CPU       self = dmp_bias_self;
 *                 block = dmp_bias_enter(self, slot);
 *                 ...                                   loads and stores, no call
 *                 dmp_bias_leave(self);
 *   not its own   the lock; under it what was to be done, and dmp_bias_grant(slot, block)
 *
 *   another       under the lock:  dmp_bias_revoke(slot, cpu); and see that the CPU is not
 *                                  granted it anew before the end
 *                 without a lock:  dmp_fence_heavy(), one for any number of blocks
 *                 under the lock:  dmp_bias_wait(cpu); what was to be done
 *
 * A CPU without the bias enters the slot's `none`: a block in which nothing can be done, so
 * that there is no question to ask.  A CPU has the bias of any number of slots at once, and
 * is inside one of them at a time.  Slots are few, and need a system that has the heavy
 * fence; who gets none takes the lock each time.
 */
#define DMP_BIAS_SLOTS 128u

struct dmp_bias_cpu {
	DMP_ATOMIC(uint32_t) inside; /* (a) written by its CPU only, at each visit */
	bool is_nobody;              /* (c) no CPU: nothing is granted */

	/* Written by others too, when an object comes, goes or is revoked */
	_Alignas(DMP_CACHE_LINE) DMP_ATOMIC(void *) block[DMP_BIAS_SLOTS]; /* (a) by slot */
};

/* [BIAS] inside, then the block is looked up; base_bias.c has the other end. */
static inline void *dmp_bias_enter(struct dmp_bias_cpu *self, unsigned slot)
{
	DMP_ATOMIC(void *) *block = self->block;

	store_relaxed(&self->inside, 1); /* relaxed, both: ordered by the fence */
	fence_light();
	return load_relaxed(&block[slot]);
}

static inline void dmp_bias_leave(struct dmp_bias_cpu *self)
{
	store_release(&self->inside, 0); /* [LEAVE] what was done inside before */
}

/**
 * dmp_bias_open() - a slot for a new object
 * @none: what CPUs enter that have no block of the object, until it is closed
 *
 * Threads: any thread.
 * Returns: 1 .. DMP_BIAS_SLOTS - 1, to be entered from here on; 0 when there is no slot or no
 *          heavy fence: nothing may be entered or granted.
 */
DMP_API unsigned dmp_bias_open(void *none);

/* The reverse, also of 0; no thread may use the slot any more. */
DMP_API void dmp_bias_close(unsigned slot);

/* Lets the calling CPU enter @block from here on; false, and nothing is granted, for slot 0, a
 * number that threads share, or while the heavy fence fails.  The block's lock is held. */
DMP_API bool dmp_bias_grant(unsigned slot, void *block);

/* Takes the block of @cpu away, sooner or later; at the latest with the next heavy fence that
 * succeeds.  The block's lock is held. */
DMP_API void dmp_bias_revoke(unsigned slot, unsigned cpu);

/* Waits until @cpu is not inside a block from which it was barred before a heavy fence. */
DMP_API void dmp_bias_wait(unsigned cpu);

/**
 * dmp_fence_prepare() - may dmp_fence_heavy() be called from here on, without a slot?
 *
 * Threads: any thread.
 * Returns: false: this system has none; whoever has a fence_light() uses fence_seq_cst() there.
 */
DMP_API bool dmp_fence_prepare(void);

/**
 * dmp_fence_heavy() - a full fence here and in every thread of the process
 *
 * Stands for a full fence in place of each fence_light() in another thread.  A system call;
 * up to some microseconds while other threads run.
 *
 * Threads: any thread; while a slot is open, or after dmp_fence_prepare().
 * Returns: false if the system refuses it since (a sandbox that was closed after the slot was
 *          opened): nothing is ordered, and no block of another CPU may be touched that it
 *          may be inside.
 */
DMP_API bool dmp_fence_heavy(void);

/**
 * dmp_lock_init() - make a lock
 * @rank: its place in the order
 * @name: what it guards; static storage
 */
DMP_API void dmp_lock_init(struct dmp_lock *lock, enum dmp_lock_rank rank, const char *name);
DMP_API void dmp_lock_destroy(struct dmp_lock *lock);

#endif
