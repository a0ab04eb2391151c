// SPDX-License-Identifier: MIT
/*
 * test_port_vcpu.c - proves what port_vcpu.c says: one thread stands for every CPU, locks
 * only note who holds them, work and releases run when told
 */
#include "dmptest.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

static int bugs;

static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)line;
	bugs += level == DMP_LOG_BUG;
}

static void test_the_thread_is_every_cpu_in_turn(void **state)
{
	(void)state;
	assert_int_equal(dmp_harness_enter(1000), 0);
	for (unsigned cpu = 0; cpu < 1000; cpu += 333) {
		assert_int_equal(dmp_harness_become(cpu), 0);
		assert_int_equal(dmp_cpu(), cpu);
	}
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_a_lock_is_noted_and_taking_it_twice_is_reported(void **state)
{
	struct dmp_lock lock;

	(void)state;
	bugs = 0;
	dmp_log_set_sink(count_bugs, NULL);
	dmp_lock_init(&lock, RANK_DEVICE, "lock");
	dmp_lock_acquire(&lock);
	dmp_lock_assert_held(&lock);
	assert_int_equal(bugs, 0);
	dmp_lock_note_acquire(&lock);
	assert_int_equal(bugs, 1);
	dmp_lock_release(&lock);
	dmp_lock_assert_held(&lock);
	assert_int_equal(bugs, 2);
	dmp_lock_destroy(&lock);
	dmp_log_set_sink(NULL, NULL);
}

static void test_a_sleep_that_nobody_ends_returns_at_once(void **state)
{
	struct dmp_lock lock;
	struct dmp_wait wait;

	(void)state;
	dmp_lock_init(&lock, RANK_DEVICE, "lock");
	dmp_wait_init(&wait);
	dmp_lock_acquire(&lock);
	assert_false(dmp_wait_sleep(&wait, &lock));
	dmp_wait_wake(&wait);
	assert_true(dmp_wait_sleep(&wait, &lock));
	dmp_lock_release(&lock);
	dmp_wait_destroy(&wait);
	dmp_lock_destroy(&lock);
}

static unsigned runs;

static void run(struct dmp_work *work)
{
	(void)work;
	runs++;
}

static void test_work_runs_by_the_harness_clock_only(void **state)
{
	struct dmp_work work = {.fn = run};

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	dmp_work_schedule(&work, 5);
	assert_int_equal(runs, 0);
	assert_int_equal(dmp_harness_advance(5), 1);
	assert_int_equal(runs, 1);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void release(struct dmp_rcu_head *head)
{
	(void)head;
	runs++;
}

static void test_the_barrier_releases_without_a_worker(void **state)
{
	struct dmp_rcu_head head;

	(void)state;
	runs = 0;
	dmp_rcu_defer(&head, release);
	assert_int_equal(runs, 0);
	dmp_rcu_barrier();
	assert_int_equal(runs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_thread_is_every_cpu_in_turn),
		cmocka_unit_test(test_a_lock_is_noted_and_taking_it_twice_is_reported),
		cmocka_unit_test(test_a_sleep_that_nobody_ends_returns_at_once),
		cmocka_unit_test(test_work_runs_by_the_harness_clock_only),
		cmocka_unit_test(test_the_barrier_releases_without_a_worker),
	};

	return cmocka_run_group_tests_name("port_vcpu", tests, NULL, NULL);
}
