// SPDX-License-Identifier: MIT
/*
 * test_base_counter.c - proves what base_counter.h says of counts, and [PENDING]
 *
 * The linker sends dmp_cpu_limit() here.  A sum asks it once more than there are CPUs, and
 * after the last time reads nothing: there another thread's counts are put between the two
 * sums of counter_pending().
 */
#include "dmptest.h"

#include "base_counter.h"

#include <dmapool/harness.h>

enum { OPENED, CLOSED };

static struct counter_set counts;
static unsigned asked, act_at; /* 0: never */

unsigned __real_dmp_cpu_limit(void); // NOLINT: the linker's names
unsigned __wrap_dmp_cpu_limit(void); // NOLINT

unsigned __wrap_dmp_cpu_limit(void) // NOLINT
{
	if (++asked == act_at)
		for (int i = 0; i < 3; i++) {
			counter_add(&counts, OPENED, 1);
			counter_add(&counts, CLOSED, 1);
		}
	return __real_dmp_cpu_limit();
}

static int up(void **state)
{
	(void)state;
	asked = act_at = 0;
	counts = (struct counter_set){0};
	counter_init(&counts);
	return 0;
}

static int down(void **state)
{
	(void)state;
	counter_destroy(&counts);
	return dmp_meta_in_use() != 0;
}

static void test_pending_is_what_was_opened_and_not_closed(void **state)
{
	(void)state;
	counter_add(&counts, OPENED, 5);
	counter_add(&counts, CLOSED, 2);
	assert_int_equal(counter_pending(&counts, OPENED, CLOSED), 3);
}

/*
 *   one open    sum of closings | 3 opened, 3 closed | sum of openings      4, never -2
 */
static void test_pending_is_never_less_than_what_stays_open(void **state)
{
	(void)state;
	counter_add(&counts, OPENED, 1);
	act_at = dmp_cpu_limit() + 2; /* that one, and one sum's */
	assert_in_range(counter_pending(&counts, OPENED, CLOSED), 1, 4);
}

static void test_a_count_without_memory_for_a_block_is_not_lost(void **state)
{
	(void)state;
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 1, UINT64_MAX);
	counter_add(&counts, OPENED, 5);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 0, 0);
	counter_add(&counts, OPENED, 2);
	assert_int_equal(counter_sum(&counts, OPENED), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(test) cmocka_unit_test_setup_teardown(test, up, down)
		CASE(test_pending_is_what_was_opened_and_not_closed),
		CASE(test_pending_is_never_less_than_what_stays_open),
		CASE(test_a_count_without_memory_for_a_block_is_not_lost),
	};

	return cmocka_run_group_tests_name("base_counter", tests, NULL, NULL);
}
