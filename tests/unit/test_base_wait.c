// SPDX-License-Identifier: MIT
/*
 * test_base_wait.c - proves what base_wait.c says: a waking is never lost, and in manual mode a
 * sleep that nobody ends is told
 */
#include "dmptest.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

struct bed {
	struct dmp_lock lock;
	struct dmp_wait wait;
	unsigned calls;
	bool wakes;
	uint64_t turn;
};

static unsigned bugs;

static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)line;
	bugs += level == DMP_LOG_BUG;
}

static void bed_make(struct bed *bed)
{
	*bed = (struct bed){.calls = 0};
	dmp_lock_init(&bed->lock, RANK_DEVICE, "bed");
	dmp_wait_init(&bed->wait);
	bugs = 0;
	dmp_log_set_sink(count_bugs, NULL);
}

static void bed_strip(struct bed *bed)
{
	dmp_log_set_sink(NULL, NULL);
	dmp_wait_destroy(&bed->wait);
	dmp_lock_destroy(&bed->lock);
}

static void others(void *arg)
{
	struct bed *bed = arg;

	bed->calls++;
	assert_int_equal(dmp_harness_become(2), 0);
	dmp_lock_acquire(&bed->lock); /* it is free while another sleeps */
	if (bed->wakes)
		dmp_wait_wake(&bed->wait);
	dmp_lock_release(&bed->lock);
}

static bool sleep_once(struct bed *bed)
{
	bool is_woken;

	dmp_lock_acquire(&bed->lock);
	is_woken = dmp_wait_sleep(&bed->wait, &bed->lock);
	dmp_lock_assert_held(&bed->lock);
	dmp_lock_release(&bed->lock);
	return is_woken;
}

static void test_in_manual_mode_the_hook_plays_the_others(void **state)
{
	struct bed bed;

	(void)state;
	assert_int_equal(dmp_harness_on_wait(others, &bed), -EINVAL);
	assert_int_equal(dmp_harness_enter(4), 0);
	bed_make(&bed);
	bed.wakes = true;
	assert_int_equal(dmp_harness_become(1), 0);
	assert_int_equal(dmp_harness_on_wait(others, &bed), 0);
	assert_true(sleep_once(&bed));
	assert_int_equal(bed.calls, 1);
	assert_int_equal(dmp_cpu(), 1);
	assert_int_equal(bugs, 0);
	bed_strip(&bed);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_a_sleep_that_nobody_ends_is_no_hang_in_manual_mode(void **state)
{
	struct bed bed;

	(void)state;
	assert_int_equal(dmp_harness_enter(4), 0);
	bed_make(&bed);
	assert_false(sleep_once(&bed));
	assert_int_equal(dmp_harness_on_wait(others, &bed), 0);
	assert_false(sleep_once(&bed));
	assert_int_equal(bed.calls, 1);
	bed_strip(&bed);
	assert_int_equal(dmp_harness_leave(), 0);
	assert_int_equal(dmp_harness_enter(4), 0); /* the hook has gone with the mode */
	bed_make(&bed);
	assert_false(sleep_once(&bed));
	assert_int_equal(bed.calls, 0);
	bed_strip(&bed);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_a_waking_before_the_sleep_is_kept_and_used_once(void **state)
{
	struct bed bed;

	(void)state;
	assert_int_equal(dmp_harness_enter(4), 0);
	bed_make(&bed);
	assert_int_equal(dmp_harness_on_wait(others, &bed), 0);
	dmp_lock_acquire(&bed.lock);
	dmp_wait_wake(&bed.wait);
	dmp_wait_wake(&bed.wait);
	dmp_lock_release(&bed.lock);
	assert_true(sleep_once(&bed));
	assert_int_equal(bed.calls, 0);
	assert_false(sleep_once(&bed));
	bed_strip(&bed);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_sleeping_with_another_lock_is_told(void **state)
{
	struct dmp_lock outer;
	struct bed bed;

	(void)state;
	if (DMP_CHECKS < 2)
		skip();
	assert_int_equal(dmp_harness_enter(4), 0);
	bed_make(&bed);
	dmp_lock_init(&outer, RANK_MACHINE, "outer");
	dmp_lock_acquire(&outer);
	assert_false(sleep_once(&bed));
	dmp_lock_release(&outer);
	dmp_lock_destroy(&outer);
	assert_int_equal(bugs, 1);
	bed_strip(&bed);
	assert_int_equal(dmp_harness_leave(), 0);
}

#define ROUNDS 2000u

/* Two threads take turns, each waking the other. */
static struct bed table[2];
static struct dmp_lock table_lock;

static void *play(void *arg)
{
	unsigned me = arg ? 1 : 0;
	bool all_woken = true;

	for (unsigned i = 0; i < ROUNDS; i++) {
		dmp_lock_acquire(&table_lock);
		while (table[me].turn <= i)
			all_woken &= dmp_wait_sleep(&table[me].wait, &table_lock);
		table[!me].turn++;
		dmp_wait_wake(&table[!me].wait);
		dmp_lock_release(&table_lock);
	}
	return all_woken ? arg : &table_lock;
}

static void test_no_waking_between_threads_is_lost(void **state)
{
	pthread_t thread;
	void *answer;

	(void)state;
	dmp_lock_init(&table_lock, RANK_DEVICE, "table");
	bed_make(&table[0]);
	bed_make(&table[1]);
	table[0].turn = 1;
	assert_int_equal(pthread_create(&thread, NULL, play, table), 0);
	assert_null(play(NULL));
	assert_int_equal(pthread_join(thread, &answer), 0);
	assert_ptr_equal(answer, table);
	bed_strip(&table[0]);
	bed_strip(&table[1]);
	dmp_lock_destroy(&table_lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_manual_mode_the_hook_plays_the_others),
		cmocka_unit_test(test_a_sleep_that_nobody_ends_is_no_hang_in_manual_mode),
		cmocka_unit_test(test_a_waking_before_the_sleep_is_kept_and_used_once),
		cmocka_unit_test(test_sleeping_with_another_lock_is_told),
		cmocka_unit_test(test_no_waking_between_threads_is_lost),
	};

	return cmocka_run_group_tests_name("base_wait", tests, NULL, NULL);
}
