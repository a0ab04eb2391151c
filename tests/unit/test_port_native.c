// SPDX-License-Identifier: MIT
/*
 * test_port_native.c - proves what port_native.c says of threads, locks, the worker and
 * grace periods
 *
 * Nothing here waits for a length of time: threads meet at barriers, and what the worker
 * does is waited for with the library's own cancel and barrier.
 */
#include "dmptest.h"

#include <dmapool/port.h>

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
		cmocka_unit_test(test_the_clock_does_not_go_back),
		cmocka_unit_test(test_the_worker_runs_a_work_and_cancel_waits_for_its_end),
		cmocka_unit_test(test_a_work_cancelled_in_time_never_runs),
		cmocka_unit_test(test_no_reader_sees_an_object_after_its_release),
		cmocka_unit_test(test_a_thread_may_call_the_library_after_its_exit_hook),
	};

	return cmocka_run_group_tests_name("port_native", tests, NULL, NULL);
}
