// SPDX-License-Identifier: MIT
/*
 * test_port_native.c - proves what port_native.c says of threads, locks, the worker and
 * grace periods
 *
 * Nothing here waits for a length of time: threads meet at barriers, and what the worker
 * does is waited for with the library's own cancel and barrier.
 */
#include "dmptest.h"
#include "stay.h"

#include <dmapool/port.h>

#include <dmapool/harness.h>

#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#define ROUNDS 20000

struct shared {
	struct dmp_lock lock;
	uint64_t plain; /* guarded by lock */
};

static void *add_under_lock(void *arg)
{
	struct shared *shared = arg;

	for (int i = 0; i < ROUNDS; i++) {
		dmp_lock_acquire(&shared->lock);
		shared->plain++;
		dmp_lock_release(&shared->lock);
	}
	return NULL;
}

static void test_a_lock_excludes(void **state)
{
	static struct shared shared;
	pthread_t threads[4];

	(void)state;
	dmp_lock_init(&shared.lock, RANK_DEVICE, "shared");
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, add_under_lock, &shared);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	dmp_lock_destroy(&shared.lock);
	assert_int_equal(shared.plain, 4 * ROUNDS);
}

static void *take_once(void *arg)
{
	struct shared *shared = arg;

	dmp_lock_acquire(&shared->lock);
	shared->plain++;
	dmp_lock_release(&shared->lock);
	return NULL;
}

static void test_a_waiter_that_gave_up_trying_is_woken_by_the_release(void **state)
{
	static struct shared shared;
	pthread_t waiters[2];

	(void)state;
	shared.plain = 0;
	dmp_lock_init(&shared.lock, RANK_DEVICE, "shared");
	dmp_lock_acquire(&shared.lock);
	for (int i = 0; i < 2; i++)
		pthread_create(&waiters[i], NULL, take_once, &shared);
	while (load_relaxed(&shared.lock.word) != DMP_LOCK_WAITED)
		sched_yield();
	dmp_lock_release(&shared.lock);
	for (int i = 0; i < 2; i++)
		pthread_join(waiters[i], NULL);
	assert_int_equal(shared.plain, 2);
	assert_int_equal(load_relaxed(&shared.lock.word), DMP_LOCK_FREE);
}

static void test_the_clock_does_not_go_back(void **state)
{
	uint64_t then = dmp_clock_now_ns();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t now = dmp_clock_now_ns();

		assert_true(now >= then);
		then = now;
	}
}

struct job {
	struct dmp_work work;
	DMP_ATOMIC(unsigned) runs;
	pthread_t ran_on;
	pthread_barrier_t started, may_end;
};

static void run_job(struct dmp_work *work)
{
	struct job *job = (struct job *)work;

	job->ran_on = pthread_self();
	pthread_barrier_wait(&job->started);
	pthread_barrier_wait(&job->may_end);
	add_relaxed(&job->runs, 1);
}

static void *let_end(void *arg)
{
	struct job *job = arg;

	pthread_barrier_wait(&job->may_end);
	return NULL;
}

static void test_the_worker_runs_a_work_and_cancel_waits_for_its_end(void **state)
{
	static struct job job = {.work = {.fn = run_job}};
	pthread_t helper;

	(void)state;
	pthread_barrier_init(&job.started, NULL, 2);
	pthread_barrier_init(&job.may_end, NULL, 2);
	assert_true(dmp_work_schedule(&job.work, 0));
	pthread_barrier_wait(&job.started);
	assert_false(dmp_work_is_pending(&job.work));
	pthread_create(&helper, NULL, let_end, &job);
	dmp_work_cancel(&job.work);
	assert_int_equal(load_relaxed(&job.runs), 1);
	assert_false(pthread_equal(job.ran_on, pthread_self()));
	pthread_join(helper, NULL);
}

static void never(struct dmp_work *work)
{
	(void)work;
	abort();
}

static void test_a_work_cancelled_in_time_never_runs(void **state)
{
	struct dmp_work work = {.fn = never};

	(void)state;
	assert_true(dmp_work_schedule(&work, UINT64_MAX));
	assert_true(dmp_work_is_pending(&work));
	dmp_work_cancel(&work);
	assert_false(dmp_work_is_pending(&work));
}

struct object {
	struct dmp_rcu_head head;
	uint64_t value; /* 1 while readers may see it */
};

static struct object objects[64];
static DMP_ATOMIC(struct object *) current;
static DMP_ATOMIC(bool) stop_reading;
static DMP_ATOMIC(unsigned) bad_reads;

static void bury(struct dmp_rcu_head *head)
{
	((struct object *)head)->value = 0;
}

static void *read_current(void *arg)
{
	(void)arg;
	while (!load_acquire(&stop_reading)) {
		dmp_rcu_read_lock();
		if (dmp_rcu_deref(&current)->value != 1)
			add_relaxed(&bad_reads, 1);
		dmp_rcu_read_unlock();
	}
	return NULL;
}

/* Plain fields on purpose: ThreadSanitizer sees a release that came too early. */
static void test_no_reader_sees_an_object_after_its_release(void **state)
{
	pthread_t readers[2];

	(void)state;
	objects[0].value = 1;
	dmp_rcu_publish(&current, &objects[0]);
	for (int i = 0; i < 2; i++)
		pthread_create(&readers[i], NULL, read_current, NULL);
	for (int i = 1; i < 64; i++) {
		objects[i].value = 1;
		dmp_rcu_publish(&current, &objects[i]);
		dmp_rcu_defer(&objects[i - 1].head, bury);
		if (i % 16 == 0)
			dmp_rcu_barrier();
	}
	store_release(&stop_reading, true);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	dmp_rcu_barrier();
	assert_int_equal(load_relaxed(&bad_reads), 0);
	for (int i = 0; i < 63; i++)
		assert_int_equal(objects[i].value, 0);
	assert_int_equal(objects[63].value, 1);
}

/* Long enough for a caller that does not wait to be gone; one that waits is never hurt. */
static void let_others_run(void)
{
	for (int i = 0; i < 1000; i++)
		sched_yield();
}

struct burial {
	struct dmp_rcu_head head;
	pthread_barrier_t started, may_end;
	DMP_ATOMIC(bool) waiting, done;
};

static void bury_slowly(struct dmp_rcu_head *head)
{
	struct burial *burial = (struct burial *)head;

	pthread_barrier_wait(&burial->started);
	pthread_barrier_wait(&burial->may_end);
	store_release(&burial->done, true);
}

static void *let_burial_end(void *arg)
{
	struct burial *burial = arg;

	while (!load_acquire(&burial->waiting))
		sched_yield();
	let_others_run();
	pthread_barrier_wait(&burial->may_end);
	return NULL;
}

static void test_the_barrier_waits_for_a_release_that_is_being_run(void **state)
{
	static struct burial burial;
	pthread_t helper;

	(void)state;
	pthread_barrier_init(&burial.started, NULL, 2);
	pthread_barrier_init(&burial.may_end, NULL, 2);
	dmp_rcu_defer(&burial.head, bury_slowly);
	pthread_barrier_wait(&burial.started);
	pthread_create(&helper, NULL, let_burial_end, &burial);
	store_release(&burial.waiting, true);
	dmp_rcu_barrier();
	assert_true(load_acquire(&burial.done));
	pthread_join(helper, NULL);
}

struct look {
	struct dmp_work work;
	sigset_t blocked;
};

static void look_at_signals(struct dmp_work *work)
{
	pthread_sigmask(SIG_BLOCK, NULL, &((struct look *)work)->blocked);
}

static void wait_for_an_idle_worker(void)
{
	while (dmp_harness_enter(1) == -EBUSY)
		sched_yield();
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_the_application_s_signals_are_not_handled_on_the_worker(void **state)
{
	static struct look look = {.work = {.fn = look_at_signals}};
	static const int theirs[] = {SIGINT, SIGTERM, SIGUSR1, SIGALRM, SIGCHLD, SIGPIPE};
	sigset_t here;

	(void)state;
	dmp_work_schedule(&look.work, 0);
	wait_for_an_idle_worker();
	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
		assert_true(sigismember(&look.blocked, theirs[i]));
	assert_false(sigismember(&look.blocked, SIGSEGV));
	pthread_sigmask(SIG_BLOCK, NULL, &here);
	assert_false(sigismember(&here, SIGUSR1));
}

static void count_release(struct dmp_rcu_head *head)
{
	((struct object *)head)->value++;
}

static void count_job(struct dmp_work *work)
{
	add_relaxed(&((struct job *)work)->runs, 1);
}

/*
 *   native   work due far away; the worker sleeps towards it; cancelled
 *   manual   a release is deferred, a work is due; then the worker is woken
 */
static void test_in_manual_mode_the_worker_runs_nothing(void **state)
{
	static struct job far = {.work = {.fn = count_job}}, due = {.work = {.fn = count_job}};
	static struct object object;

	(void)state;
	dmp_work_schedule(&far.work, 1000 * 1000); /* 1 ms: it wakes in manual mode */
	dmp_work_cancel(&far.work);
	wait_for_an_idle_worker();
	assert_int_equal(dmp_harness_enter(2), 0);
	dmp_rcu_defer(&object.head, count_release);
	dmp_work_schedule(&due.work, 0);
	for (uint64_t i = 0; i < 20; i++)
		let_others_run();
	assert_int_equal(dmp_harness_grace_period(), 1);
	assert_int_equal(object.value, 1);
	assert_int_equal(load_relaxed(&due.runs), 0);
	assert_int_equal(dmp_harness_advance(0), 1);
	assert_int_equal(dmp_harness_leave(), 0);
}

/* The worker, which exists by now, does not hide it. */
static void test_manual_mode_is_refused_beside_another_thread(void **state)
{
	static struct stay stay;

	(void)state;
	wait_for_an_idle_worker();
	stay_begin(&stay);
	assert_int_equal(dmp_harness_enter(2), -EBUSY);
	stay_end(&stay);
	assert_int_equal(dmp_harness_enter(2), 0);
	assert_int_equal(dmp_harness_leave(), 0);
}

/* calloc() fails on a thread that says so; the linker sends the port's calls here. */
static _Thread_local bool no_memory;

void *__real_calloc(size_t n, size_t len); // NOLINT: the linker's names
void *__wrap_calloc(size_t n, size_t len); // NOLINT

void *__wrap_calloc(size_t n, size_t len) // NOLINT
{
	return no_memory ? NULL : __real_calloc(n, len);
}

static struct dmp_percpu blocks;
static DMP_ATOMIC(unsigned) ndrained;
static unsigned nlogged;

static void *work_without_a_record(void *arg)
{
	static struct dmp_lock lock = DMP_LOCK_INITIALIZER(RANK_DEVICE, "test");

	no_memory = true;
	*(unsigned *)arg = dmp_cpu();
	dmp_percpu_get(&blocks);
	for (int i = 0; i < 100; i++) {
		dmp_lock_acquire(&lock);
		dmp_lock_assert_held(&lock);
		sched_yield();
		dmp_lock_release(&lock);
	}
	no_memory = false;
	return NULL;
}

static void drained(struct dmp_cpu_hook *hook, unsigned cpu)
{
	(void)hook;
	if (cpu == DMP_CPU_MAX - 1)
		add_relaxed(&ndrained, 1);
}

static void count_line(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
	nlogged++;
}

static void test_threads_without_a_record_share_the_last_number_and_are_seen(void **state)
{
	struct dmp_cpu_hook hook = {.offline = drained};
	unsigned cpu[3], online = dmp_cpu_online(), seen = 0, at;
	pthread_t threads[3];
	void *block;

	(void)state;
	dmp_log_set_sink(count_line, NULL);
	dmp_percpu_init(&blocks, 64);
	dmp_cpu_hook_add(&hook);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, work_without_a_record, &cpu[i]);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	dmp_cpu_hook_remove(&hook);
	dmp_log_set_sink(NULL, NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(cpu[i], DMP_CPU_MAX - 1);
	DMP_PERCPU_FOREACH(block, &blocks, at)
		seen++;
	assert_int_equal(seen, 1);
	assert_int_equal(nlogged, 0);
	assert_int_equal(load_relaxed(&ndrained), 3);
	assert_int_equal(dmp_cpu_online(), online);
	dmp_percpu_destroy(&blocks);
}

/* The library's key runs first, the test's key then calls the library again. */
static void call_again(void *arg)
{
	*(unsigned *)arg = dmp_cpu() + 1;
}

static pthread_key_t late_key;

static void *exit_late(void *arg)
{
	dmp_cpu();
	pthread_setspecific(late_key, arg);
	return NULL;
}

static void test_a_thread_may_call_the_library_after_its_exit_hook(void **state)
{
	unsigned seen = 0, online = dmp_cpu_online();
	pthread_t thread;

	(void)state;
	pthread_key_create(&late_key, call_again);
	pthread_create(&thread, NULL, exit_late, &seen);
	pthread_join(thread, NULL);
	pthread_key_delete(late_key);
	assert_int_not_equal(seen, 0);
	assert_int_equal(dmp_cpu_online(), online);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lock_excludes),
		cmocka_unit_test(test_a_waiter_that_gave_up_trying_is_woken_by_the_release),
		cmocka_unit_test(test_the_clock_does_not_go_back),
		cmocka_unit_test(test_the_worker_runs_a_work_and_cancel_waits_for_its_end),
		cmocka_unit_test(test_a_work_cancelled_in_time_never_runs),
		cmocka_unit_test(test_no_reader_sees_an_object_after_its_release),
		cmocka_unit_test(test_the_barrier_waits_for_a_release_that_is_being_run),
		cmocka_unit_test(test_the_application_s_signals_are_not_handled_on_the_worker),
		cmocka_unit_test(test_in_manual_mode_the_worker_runs_nothing),
		cmocka_unit_test(test_manual_mode_is_refused_beside_another_thread),
		cmocka_unit_test(test_a_thread_may_call_the_library_after_its_exit_hook),
		cmocka_unit_test(test_threads_without_a_record_share_the_last_number_and_are_seen),
	};

	return cmocka_run_group_tests_name("port_native", tests, NULL, NULL);
}
