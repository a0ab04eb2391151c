// SPDX-License-Identifier: MIT
/*
 * test_base_work.c - proves W1-W3 of base_work.c, time moved by hand
 */
#include "dmptest.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

#define MS UINT64_C(1000000)

struct noted {
	struct dmp_work work;
	unsigned runs;
	uint64_t ran_at_ns;
	uint64_t again_after_ns; /* schedules itself anew if not 0 */
	struct noted *victim;    /* cancels that one */
	unsigned order;
};

static unsigned next_order;

static void note(struct dmp_work *work)
{
	struct noted *n = (struct noted *)work;

	n->runs++;
	n->ran_at_ns = dmp_clock_now_ns();
	n->order = next_order++;
	if (n->again_after_ns)
		dmp_work_schedule(work, n->again_after_ns);
	if (n->victim)
		dmp_work_cancel(&n->victim->work);
}

static int setup(void **state)
{
	(void)state;
	next_order = 0;
	return dmp_harness_enter(2);
}

static int teardown(void **state)
{
	(void)state;
	return dmp_harness_leave();
}

static void test_a_work_runs_when_it_is_due_and_not_before(void **state)
{
	struct noted a = {.work = {.fn = note}};

	(void)state;
	assert_true(dmp_work_schedule(&a.work, 100 * MS));
	assert_int_equal(dmp_harness_advance(100 * MS - 1), 0);
	assert_int_equal(a.runs, 0);
	assert_int_equal(dmp_harness_advance(1), 1);
	assert_int_equal(a.runs, 1);
	assert_int_equal(a.ran_at_ns, 100 * MS);
	assert_int_equal(dmp_harness_advance(1000 * MS), 0);
}

static void test_scheduling_a_pending_work_does_not_move_it(void **state)
{
	struct noted a = {.work = {.fn = note}};

	(void)state;
	assert_true(dmp_work_schedule(&a.work, 100 * MS));
	dmp_harness_advance(50 * MS);
	assert_false(dmp_work_schedule(&a.work, 100 * MS));
	assert_int_equal(dmp_harness_advance(50 * MS), 1);
	assert_false(dmp_work_is_pending(&a.work));
}

/*
 *   scheduled  a@30  b@10  c@30  d@20        runs  b d a c, each at its own time
 */
static void test_works_run_in_order_of_time_then_of_scheduling(void **state)
{
	struct noted n[4] = {0};
	static const uint64_t delay[4] = {30, 10, 30, 20};
	static const unsigned order[4] = {2, 0, 3, 1};

	(void)state;
	for (int i = 0; i < 4; i++) {
		n[i].work.fn = note;
		dmp_work_schedule(&n[i].work, delay[i] * MS);
	}
	assert_int_equal(dmp_harness_advance(100 * MS), 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(n[i].order, order[i]);
		assert_int_equal(n[i].ran_at_ns, delay[i] * MS);
	}
	assert_int_equal(dmp_clock_now_ns(), 100 * MS);
}

static void test_a_work_that_schedules_itself_runs_again_in_the_same_advance(void **state)
{
	struct noted a = {.work = {.fn = note}, .again_after_ns = 10 * MS};

	(void)state;
	dmp_work_schedule(&a.work, 10 * MS);
	assert_int_equal(dmp_harness_advance(35 * MS), 3);
	assert_true(dmp_work_is_pending(&a.work));
	dmp_work_cancel(&a.work);
	assert_false(dmp_work_is_pending(&a.work));
}

static void test_a_paused_work_is_due_when_it_was(void **state)
{
	struct noted a = {.work = {.fn = note}}, idle = {.work = {.fn = note}};

	(void)state;
	dmp_work_schedule(&a.work, 10 * MS);
	dmp_harness_advance(4 * MS);
	dmp_work_pause(&a.work);
	dmp_work_pause(&idle.work);
	assert_int_equal(dmp_harness_advance(3 * MS), 0);
	assert_false(dmp_work_is_pending(&a.work));
	dmp_work_resume(&a.work);
	dmp_work_resume(&idle.work);
	assert_int_equal(dmp_harness_advance(3 * MS), 1);
	assert_int_equal(a.ran_at_ns, 10 * MS);
	assert_int_equal(idle.runs, 0);
}

static void test_run_pending_runs_each_once_whatever_its_time(void **state)
{
	struct noted a = {.work = {.fn = note}, .again_after_ns = MS}, b = {.work = {.fn = note}};

	(void)state;
	dmp_work_schedule(&a.work, 5 * MS);
	dmp_work_schedule(&b.work, 50000 * MS);
	assert_int_equal(dmp_harness_run_pending(), 2);
	assert_int_equal(a.runs, 1);
	assert_int_equal(b.runs, 1);
	assert_int_equal(dmp_clock_now_ns(), 0);
	assert_true(dmp_work_is_pending(&a.work));
	dmp_work_cancel(&a.work);
}

static void test_a_cancelled_work_does_not_run_even_from_a_batch(void **state)
{
	struct noted b = {.work = {.fn = note}}, a = {.work = {.fn = note}, .victim = &b};

	(void)state;
	dmp_work_schedule(&a.work, MS);
	dmp_work_schedule(&b.work, 2 * MS);
	assert_int_equal(dmp_harness_run_pending(), 1);
	assert_int_equal(b.runs, 0);
	assert_false(dmp_work_is_pending(&b.work));
}

struct released {
	struct dmp_rcu_head head;
	struct released *then; /* deferred by the release itself */
	unsigned order;
};

static void release(struct dmp_rcu_head *head)
{
	struct released *r = (struct released *)head;

	r->order = ++next_order;
	if (r->then)
		dmp_rcu_defer(&r->then->head, release);
}

static void test_releases_wait_for_the_grace_period_and_run_in_order(void **state)
{
	struct released b = {0}, a = {0};

	(void)state;
	dmp_rcu_defer(&a.head, release);
	dmp_rcu_defer(&b.head, release);
	dmp_harness_advance(1000 * MS);
	assert_int_equal(a.order, 0);
	assert_int_equal(dmp_harness_leave(), -EBUSY);
	assert_int_equal(dmp_harness_grace_period(), 2);
	assert_int_equal(a.order, 1);
	assert_int_equal(b.order, 2);
}

static void test_what_a_release_defers_waits_for_the_next_grace_period(void **state)
{
	struct released b = {0}, a = {.then = &b};

	(void)state;
	dmp_rcu_defer(&a.head, release);
	assert_int_equal(dmp_harness_grace_period(), 1);
	assert_int_equal(b.order, 0);
	assert_int_equal(dmp_harness_grace_period(), 1);
	assert_int_equal(b.order, 2);
}

static void test_the_barrier_leaves_nothing_deferred(void **state)
{
	struct released b = {0}, a = {.then = &b};

	(void)state;
	dmp_rcu_defer(&a.head, release);
	dmp_rcu_barrier();
	assert_int_equal(b.order, 2);
	assert_int_equal(dmp_harness_grace_period(), 0);
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_of(test_a_work_runs_when_it_is_due_and_not_before),
		case_of(test_scheduling_a_pending_work_does_not_move_it),
		case_of(test_works_run_in_order_of_time_then_of_scheduling),
		case_of(test_a_work_that_schedules_itself_runs_again_in_the_same_advance),
		case_of(test_run_pending_runs_each_once_whatever_its_time),
		case_of(test_a_paused_work_is_due_when_it_was),
		case_of(test_a_cancelled_work_does_not_run_even_from_a_batch),
		case_of(test_releases_wait_for_the_grace_period_and_run_in_order),
		case_of(test_what_a_release_defers_waits_for_the_next_grace_period),
		case_of(test_the_barrier_leaves_nothing_deferred),
	};

	return cmocka_run_group_tests_name("base_work", tests, NULL, NULL);
}
