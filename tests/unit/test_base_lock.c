// SPDX-License-Identifier: MIT
/*
 * test_base_lock.c - proves what base_lock.c says: a lock out of order, taken twice, or not
 * held is reported, and the right order is not
 *
 * The notes are called directly, so that the test says the same at every level of checks.
 */
#include "dmptest.h"

#include <dmapool/port.h>

static int bugs;
static char last_line[256];

static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	bugs += level == DMP_LOG_BUG;
	strncpy(last_line, line, sizeof(last_line) - 1);
}

struct locks {
	struct dmp_lock outer, inner, twin;
};

static int setup(void **state)
{
	static struct locks locks;

	dmp_lock_init(&locks.outer, RANK_DEVICE, "outer");
	dmp_lock_init(&locks.inner, RANK_IOVA_POLICY, "inner");
	dmp_lock_init(&locks.twin, RANK_IOVA_POLICY, "twin");
	bugs = 0;
	dmp_log_set_sink(count_bugs, NULL);
	*state = &locks;
	return 0;
}

static int teardown(void **state)
{
	struct locks *locks = *state;

	dmp_log_set_sink(NULL, NULL);
	dmp_lock_destroy(&locks->outer);
	dmp_lock_destroy(&locks->inner);
	dmp_lock_destroy(&locks->twin);
	return 0;
}

static void note_taken(struct dmp_lock *lock)
{
	dmp_lock_note_acquire(lock);
	dmp_lock_note_held(lock);
}

static void test_downwards_is_in_order(void **state)
{
	struct locks *l = *state;

	note_taken(&l->outer);
	note_taken(&l->inner);
	dmp_lock_check_held(&l->outer);
	dmp_lock_note_release(&l->outer);
	dmp_lock_note_release(&l->inner);
	assert_int_equal(bugs, 0);
}

static void test_upwards_is_reported_with_both_names(void **state)
{
	struct locks *l = *state;

	note_taken(&l->inner);
	note_taken(&l->outer);
	assert_int_equal(bugs, 1);
	assert_non_null(strstr(last_line, "outer"));
	assert_non_null(strstr(last_line, "inner"));
	dmp_lock_note_release(&l->outer);
	dmp_lock_note_release(&l->inner);
}

static void test_two_locks_of_one_rank_are_reported(void **state)
{
	struct locks *l = *state;

	note_taken(&l->inner);
	note_taken(&l->twin);
	assert_int_equal(bugs, 1);
	dmp_lock_note_release(&l->twin);
	dmp_lock_note_release(&l->inner);
}

static void test_taking_a_lock_twice_is_reported(void **state)
{
	struct locks *l = *state;

	note_taken(&l->inner);
	dmp_lock_note_acquire(&l->inner);
	assert_int_equal(bugs, 1);
	dmp_lock_note_release(&l->inner);
}

static void test_a_lock_that_is_not_held_is_reported(void **state)
{
	struct locks *l = *state;

	dmp_lock_check_held(&l->outer);
	assert_int_equal(bugs, 1);
	dmp_lock_note_release(&l->outer);
	assert_int_equal(bugs, 2);
}

static void test_a_lock_taken_in_the_middle_can_be_released_first(void **state)
{
	struct locks *l = *state;

	note_taken(&l->outer);
	note_taken(&l->inner);
	dmp_lock_note_release(&l->outer);
	note_taken(&l->twin); /* inner is still held */
	assert_int_equal(bugs, 1);
	dmp_lock_note_release(&l->twin);
	dmp_lock_note_release(&l->inner);
	note_taken(&l->outer); /* nothing is */
	dmp_lock_note_release(&l->outer);
	assert_int_equal(bugs, 1);
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_of(test_downwards_is_in_order),
		case_of(test_upwards_is_reported_with_both_names),
		case_of(test_two_locks_of_one_rank_are_reported),
		case_of(test_taking_a_lock_twice_is_reported),
		case_of(test_a_lock_that_is_not_held_is_reported),
		case_of(test_a_lock_taken_in_the_middle_can_be_released_first),
	};

	return cmocka_run_group_tests_name("base_lock", tests, NULL, NULL);
}
