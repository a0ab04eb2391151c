// SPDX-License-Identifier: MIT
/*
 * test_base_harness.c - proves what harness.h promises of manual mode itself
 */
#include "dmptest.h"
#include "stay.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

static void test_entering_makes_the_thread_cpu_0_at_time_0(void **state)
{
	unsigned own = dmp_cpu();

	(void)state;
	assert_int_equal(dmp_harness_enter(3), 0);
	assert_int_equal(dmp_cpu(), 0);
	assert_int_equal(dmp_cpu_online(), 3);
	assert_int_equal(dmp_clock_now_ns(), 0);
	assert_int_equal(dmp_harness_leave(), 0);
	assert_int_equal(dmp_cpu(), own);
	assert_int_not_equal(dmp_clock_now_ns(), 0);
}

static void do_nothing(struct dmp_work *work)
{
	(void)work;
}

static void test_time_that_is_spent_passes_and_runs_nothing(void **state)
{
	struct dmp_work work = {.fn = do_nothing};

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	dmp_work_schedule(&work, 500);
	dmp_clock_spend(1000);
	assert_int_equal(dmp_clock_now_ns(), 1000);
	assert_true(dmp_work_is_pending(&work));
	assert_int_equal(dmp_harness_advance(0), 1);
	assert_int_equal(dmp_clock_now_ns(), 1000);
	dmp_clock_spend(UINT64_MAX);
	assert_int_equal(dmp_clock_now_ns(), UINT64_MAX - 1);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_outside_of_manual_mode_time_that_is_spent_has_really_passed(void **state)
{
	uint64_t before = dmp_clock_now_ns();

	(void)state;
	dmp_clock_spend(0);
	dmp_clock_spend(300);
	dmp_clock_spend(20000);
	assert_true(dmp_clock_now_ns() - before >= 20300);
}

static void test_entering_with_a_senseless_count_is_einval(void **state)
{
	(void)state;
	assert_int_equal(dmp_harness_enter(0), -EINVAL);
	assert_int_equal(dmp_harness_enter(DMP_CPU_MAX + 1), -EINVAL);
}

static void test_entering_while_anything_exists_is_ebusy(void **state)
{
	void *mem = dmp_meta_alloc(DMP_META_OBJECT, 8);

	(void)state;
	assert_int_equal(dmp_harness_enter(2), -EBUSY);
	dmp_meta_free(mem, 8);
	assert_int_equal(dmp_harness_enter(2), 0);
	assert_int_equal(dmp_harness_enter(2), -EBUSY);
	mem = dmp_meta_alloc(DMP_META_OBJECT, 8);
	assert_int_equal(dmp_harness_leave(), -EBUSY);
	dmp_meta_free(mem, 8);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_entering_beside_another_thread_is_ebusy(void **state)
{
	static struct stay stay;

	(void)state;
	stay_begin(&stay);
	assert_int_equal(dmp_harness_enter(2), -EBUSY);
	stay_end(&stay);
	assert_int_equal(dmp_harness_enter(2), 0);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_the_clock_never_goes_back(void **state)
{
	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	dmp_harness_advance(10);
	dmp_harness_advance(UINT64_MAX);
	assert_true(dmp_clock_now_ns() > UINT64_MAX / 2);
	dmp_harness_advance(UINT64_MAX);
	assert_true(dmp_clock_now_ns() > UINT64_MAX / 2);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_outside_manual_mode_nothing_can_be_steered(void **state)
{
	(void)state;
	assert_int_equal(dmp_harness_leave(), -EINVAL);
	assert_int_equal(dmp_harness_become(0), -EINVAL);
	assert_int_equal(dmp_harness_set_online(0, false), -EINVAL);
	assert_int_equal(dmp_harness_advance(1), 0);
	assert_int_equal(dmp_harness_run_pending(), 0);
	assert_int_equal(dmp_harness_grace_period(), 0);
}

static void test_the_thread_is_the_cpu_it_became(void **state)
{
	(void)state;
	assert_int_equal(dmp_harness_enter(3), 0);
	assert_int_equal(dmp_harness_become(2), 0);
	assert_int_equal(dmp_cpu(), 2);
	assert_int_equal(dmp_harness_become(3), -EINVAL);
	assert_int_equal(dmp_cpu(), 2);
	assert_int_equal(dmp_harness_leave(), 0);
}

struct told {
	struct dmp_cpu_hook hook;
	unsigned calls, ran_on;
};

static void tell(struct dmp_cpu_hook *hook, unsigned cpu)
{
	struct told *told = (struct told *)hook;

	told->calls++;
	told->ran_on = cpu == dmp_cpu() ? cpu : DMP_CPU_MAX;
}

static void test_going_offline_runs_the_hooks_there_and_leaves_the_count(void **state)
{
	struct told told = {.hook = {.offline = tell}};

	(void)state;
	assert_int_equal(dmp_harness_enter(3), 0);
	dmp_cpu_hook_add(&told.hook);
	assert_int_equal(dmp_harness_set_online(1, false), 0);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.ran_on, 1);
	assert_int_equal(dmp_cpu(), 0);
	assert_int_equal(dmp_cpu_online(), 2);
	assert_int_equal(dmp_cpu_limit(), 3);
	assert_int_equal(dmp_harness_set_online(1, true), 0);
	assert_int_equal(dmp_cpu_online(), 3);
	assert_int_equal(told.calls, 1);
	assert_int_equal(dmp_harness_set_online(3, true), -EINVAL);
	dmp_cpu_hook_remove(&told.hook);
	assert_int_equal(dmp_harness_leave(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entering_makes_the_thread_cpu_0_at_time_0),
		cmocka_unit_test(test_time_that_is_spent_passes_and_runs_nothing),
		cmocka_unit_test(test_outside_of_manual_mode_time_that_is_spent_has_really_passed),
		cmocka_unit_test(test_entering_with_a_senseless_count_is_einval),
		cmocka_unit_test(test_entering_while_anything_exists_is_ebusy),
		cmocka_unit_test(test_entering_beside_another_thread_is_ebusy),
		cmocka_unit_test(test_the_clock_never_goes_back),
		cmocka_unit_test(test_outside_manual_mode_nothing_can_be_steered),
		cmocka_unit_test(test_the_thread_is_the_cpu_it_became),
		cmocka_unit_test(test_going_offline_runs_the_hooks_there_and_leaves_the_count),
	};

	return cmocka_run_group_tests_name("base_harness", tests, NULL, NULL);
}
