// SPDX-License-Identifier: MIT
/*
 * test_check.c - proves that all spaces of a trace are checked, and nobody else's objects touched
 *
 * The addresses of the bundled traces are in test_check_bundled.c.
 */
#include "test_check_rig.h"

static void test_spaces_are_counted_together(void **state)
{
	struct trace *trace = READ(
		IOVA_ALLOC_OF(1, 0, 01, 1, fffff) IOVA_ALLOC_OF(2, 0, 02, 1, 12345)
			IOVA_ALLOC_OF(3, 0, 03, 1, fffff) SLOTS_MAP(0, 04, 5000, 512, 7d200000));
	struct check_result r;

	(void)state;
	assert_int_equal(check_addresses(trace, &r), 0);
	assert_int_equal(r.nspaces, 4);
	assert_int_equal(r.equal, 3);
	assert_int_equal(r.in_use_before, 1);
	check_result_free(&r);
	trace_free(trace);
}

/* Somebody has entered manual mode already. */
static void test_a_library_in_use_is_not_disturbed(void **state)
{
	struct trace *trace = READ(IOVA_ALLOC(0, 01, 1, fffff));
	struct check_result r = {.equal = 77};

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	assert_int_equal(check_addresses(trace, &r), -EBUSY);
	assert_int_equal(r.equal, 77);
	assert_int_equal(dmp_harness_leave(), 0);
	trace_free(trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spaces_are_counted_together),
		cmocka_unit_test(test_a_library_in_use_is_not_disturbed),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
