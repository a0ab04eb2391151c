// SPDX-License-Identifier: MIT
/*
 * port_native.c - the execution contract on real threads: what of it is not inline
 *
 * Threads: the first call of a thread attaches it: a record, a CPU number, and a
 * thread-specific key whose destructor runs the exit hooks and gives the number back.  A
 * thread that calls the library from another destructor is attached again, and its
 * destructor runs again.  Without memory for a record threads share one, and with it the
 * number that threads share.
 *
 * The worker: one thread, started when something is first queued, joined when the
 * process ends or the library is unloaded.  The application's signals are not handled on
 * it.  A forked child has no worker and may only exec.
 *
 *   schedule, defer --kick--> worker: work_run_due_locked(), sleep until the next is due
 *   cancel, barrier <--kick-- each time something ended
 *
 * Locks: who finds one held tries again some times, then sleeps at the spot of its address, which
 * it shares with waiters for other locks:
 *
 *   waiter   spot mutex; word := WAITED; asleep, unless it was FREE: then the lock is the waiter's
 *   holder   word := FREE; if it was WAITED: spot mutex, wake all that sleep there
 *
 * A waiter holds the spot's mutex from before its mark until it sleeps, so a holder who sees the
 * mark wakes it.  Whoever is woken marks the lock anew, and so its own release wakes the others.
 *
 * Locking: (w) the queue lock of base_work.c; (t) the thread's own.  The mutex worker.sleep is
 *  taken with the queue lock held, never the other way round.
 */
#include "base_port.h"

#include <linux/membarrier.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

/* Turns of a spin loop between two tries of a lock, so that its holder keeps the line for the next
 * few requests too; and tries before sleeping. */
#define LOCK_TURNS 64u
#define LOCK_TRIES 16u
/* Places to sleep: so many that two crowded locks seldom share one. */
#define LOCK_SPOTS 64u

_Thread_local struct dmp_thread *dmp_thread_self;                /* (t) */
_Thread_local struct dmp_bias_cpu *dmp_bias_self = &bias_nobody; /* (t) */

/* Of all threads that found no memory for a record. */
static struct dmp_thread thread_spare = {.cpu = DMP_CPU_MAX - 1, .is_shared = true};

static pthread_key_t exit_key;
static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;

static struct lock_spot {
	pthread_mutex_t mutex;
	pthread_cond_t freed;
} lock_spots[LOCK_SPOTS];
static pthread_once_t lock_spots_once = PTHREAD_ONCE_INIT;

static struct {
	pthread_t thread;
	pid_t pid;             /* (w) the process it runs in; 0: not started */
	bool has_number;       /* (w) it is attached */
	bool stop;             /* (w) */
	pthread_mutex_t sleep; /* held from before the queue lock is given up until asleep */
	pthread_cond_t kick;   /* something was queued, or something ended */
	pthread_once_t once;
} worker = {.sleep = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT};

static void thread_exit(void *arg)
{
	struct dmp_thread *self = arg;

	cpu_run_hooks(self->cpu);
	dmp_bias_self = &bias_nobody;
	cpu_slot_release(self->cpu);
	dmp_thread_self = NULL;
	if (self != &thread_spare)
		free(self);
}

static void exit_key_make(void)
{
	if (pthread_key_create(&exit_key, thread_exit))
		dmp_log(DMP_LOG_WARN, "no thread key left: CPU numbers are not reused");
}

struct dmp_thread *dmp_thread_attach(void)
{
	struct dmp_thread *self = calloc(1, sizeof(*self));

	dmp_thread_self = self ? self : &thread_spare; /* before any lock: locks look at it */
	if (self)
		self->cpu = cpu_slot_take();
	else
		cpu_slot_share();
	dmp_bias_self = bias_of_cpu(dmp_thread_self->cpu);
	pthread_once(&exit_key_once, exit_key_make);
	pthread_setspecific(exit_key, dmp_thread_self);
	return dmp_thread_self;
}

void dmp_lock_init(struct dmp_lock *lock, enum dmp_lock_rank rank, const char *name)
{
	store_relaxed(&lock->word, DMP_LOCK_FREE); /* relaxed, both: not shared yet */
	lock->rank = rank;
	lock->name = name;
	store_relaxed(&lock->holder, NULL);
}

void dmp_lock_destroy(struct dmp_lock *lock)
{
	(void)lock;
}

uint64_t port_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* A wait this long is worth a system call: someone else may have something to do. */
#define YIELD_FROM_NS 5000

void port_clock_wait(uint64_t until_ns)
{
	uint64_t now_ns;

	while ((now_ns = port_clock_ns()) < until_ns) {
		if (until_ns - now_ns >= YIELD_FROM_NS)
			dmp_cpu_yield();
		else
			dmp_cpu_relax();
	}
}

#ifdef DMP_TSAN
void __tsan_acquire(void *addr);
char dmp_rcu_tsan_token;
#endif

void port_synchronize(void)
{
	urcu_bp_synchronize_rcu();
#ifdef DMP_TSAN
	__tsan_acquire(&dmp_rcu_tsan_token);
#endif
}

static void lock_spots_make(void)
{
	for (unsigned i = 0; i < LOCK_SPOTS; i++) {
		pthread_mutex_init(&lock_spots[i].mutex, NULL);
		pthread_cond_init(&lock_spots[i].freed, NULL);
	}
}

static struct lock_spot *lock_spot_of(const struct dmp_lock *lock)
{
	return &lock_spots[(uintptr_t)lock / DMP_CACHE_LINE % LOCK_SPOTS];
}

/* What a lock guards takes less time than to sleep and be woken, unless its holder has lost its
 * processor: it is tried for as long as a sleep would take. */
static bool lock_spin(struct dmp_lock *lock)
{
	unsigned tries, turns;

	for (tries = 0; tries < LOCK_TRIES; tries++) {
		for (turns = 0; turns < LOCK_TURNS; turns++)
			dmp_cpu_relax();
		if (dmp_lock_try(lock))
			return true;
	}
	return false;
}

void dmp_lock_wait(struct dmp_lock *lock)
{
	struct lock_spot *spot = lock_spot_of(lock);

	if (lock_spin(lock))
		return;
	pthread_once(&lock_spots_once, lock_spots_make);
	pthread_mutex_lock(&spot->mutex);
	while (xchg_acq_rel(&lock->word, DMP_LOCK_WAITED) != DMP_LOCK_FREE)
		pthread_cond_wait(&spot->freed, &spot->mutex);
	pthread_mutex_unlock(&spot->mutex);
}

void dmp_lock_wake(struct dmp_lock *lock)
{
	struct lock_spot *spot = lock_spot_of(lock);

	pthread_mutex_lock(&spot->mutex);
	pthread_cond_broadcast(&spot->freed);
	pthread_mutex_unlock(&spot->mutex);
}

/* The numbers of the system call, whether or not the C library knows its name. */
static bool membarrier(int command)
{
#ifdef SYS_membarrier
	return syscall(SYS_membarrier, command, 0, 0) == 0;
#else
	(void)command;
	return false;
#endif
}

bool port_heavy_prepare(void)
{
	return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

bool port_heavy_fence(void)
{
	return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

static void worker_prepare(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&worker.kick, &attr);
	pthread_condattr_destroy(&attr);
}

/* Wakes all that wait in port_worker_wait(). */
static void worker_wake(void)
{
	pthread_mutex_lock(&worker.sleep);
	pthread_cond_broadcast(&worker.kick);
	pthread_mutex_unlock(&worker.sleep);
}

static void *worker_main(void *arg)
{
	struct dmp_lock *lock = arg;

	dmp_cpu(); /* a number, before any work asks for one */
	dmp_lock_acquire(lock);
	worker.has_number = true;
	worker_wake();
	for (;;) {
		uint64_t next_ns = work_run_due_locked();

		if (worker.stop) /* perhaps set meanwhile: looked at before each sleep */
			break;
		port_worker_wait(lock, next_ns);
	}
	dmp_lock_release(lock);
	return NULL;
}

/* With every signal blocked but those of a fault in its own code. */
static int create_without_signals(pthread_t *thread, void *(*fn)(void *arg), void *arg)
{
	static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
	sigset_t blocked, before;
	int err;

	sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&blocked, own[i]);
	pthread_sigmask(SIG_BLOCK, &blocked, &before);
	err = pthread_create(thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static void worker_start(struct dmp_lock *lock)
{
	if (worker.pid)
		return;
	if (create_without_signals(&worker.thread, worker_main, lock)) {
		dmp_log(DMP_LOG_WARN, "the worker thread cannot be started: "
				      "delayed work waits for the next attempt");
		return;
	}
	worker.pid = getpid();
}

void port_worker_kick(struct dmp_lock *lock)
{
	pthread_once(&worker.once, worker_prepare);
	worker_start(lock);
	worker_wake();
}

static void worker_sleep(uint64_t deadline_ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ns / NS_PER_S),
		.tv_nsec = (long)(deadline_ns % NS_PER_S),
	};

	if (deadline_ns == WORK_NEVER)
		pthread_cond_wait(&worker.kick, &worker.sleep);
	else
		pthread_cond_timedwait(&worker.kick, &worker.sleep, &until);
}

void port_worker_wait(struct dmp_lock *lock, uint64_t deadline_ns)
{
	pthread_once(&worker.once, worker_prepare);
	pthread_mutex_lock(&worker.sleep);
	dmp_lock_release(lock);
	worker_sleep(deadline_ns);
	pthread_mutex_unlock(&worker.sleep);
	dmp_lock_acquire(lock);
}

/* Whoever wakes holds the lock, and has to come by `sleep`: the waker finds the other asleep, and
 * is out again before that one has the lock and may take the wait apart. */
void port_wait_sleep(struct dmp_wait *wait, struct dmp_lock *lock)
{
	pthread_mutex_lock(&wait->sleep);
	dmp_lock_release(lock);
	pthread_cond_wait(&wait->wake, &wait->sleep);
	pthread_mutex_unlock(&wait->sleep);
	dmp_lock_acquire(lock);
}

void port_wait_wake(struct dmp_wait *wait)
{
	pthread_mutex_lock(&wait->sleep);
	pthread_cond_signal(&wait->wake);
	pthread_mutex_unlock(&wait->sleep);
}

bool port_is_alone(void)
{
	return harness_is_manual();
}

unsigned port_count_workers(void)
{
	struct dmp_lock *lock = work_queue_lock();
	unsigned count;

	dmp_lock_acquire(lock);
	count = worker.pid != 0;
	while (count && !worker.has_number)
		port_worker_wait(lock, WORK_NEVER);
	dmp_lock_release(lock);
	return count;
}

/* Joined before the process tears down what its works use. */
__attribute__((destructor)) static void worker_stop(void)
{
	struct dmp_lock *lock = work_queue_lock();

	if (worker.pid == 0 || worker.pid != getpid())
		return;
	dmp_lock_acquire(lock);
	worker.stop = true;
	worker_wake();
	dmp_lock_release(lock);
	pthread_join(worker.thread, NULL);
}
