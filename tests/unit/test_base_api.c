// SPDX-License-Identifier: MIT
/*
 * test_base_api.c - proves what base_api.c says: short options are filled up with zeros,
 * long ones are refused only if their unknown part says something
 */
#include "dmptest.h"

#include <dmapool/port.h>
#include <dmapool/version.h>

struct options {
	uint32_t size;
	uint32_t flags;
	uint64_t limit;
};

struct newer_options {
	struct options known;
	uint64_t unknown;
};

static void test_null_options_are_all_defaults(void **state)
{
	struct options got;

	(void)state;
	memset(&got, 0xff, sizeof(got));
	assert_int_equal(dmp_opts_load(&got, sizeof(got), NULL), 0);
	assert_int_equal(got.size, sizeof(got));
	assert_int_equal(got.flags, 0);
	assert_int_equal(got.limit, 0);
}

static void test_a_short_struct_is_filled_up_with_zeros(void **state)
{
	struct options given = {.size = 8, .flags = 3, .limit = 77}, got;

	(void)state;
	assert_int_equal(dmp_opts_load(&got, sizeof(got), &given), 0);
	assert_int_equal(got.flags, 3);
	assert_int_equal(got.limit, 0);
	assert_int_equal(got.size, sizeof(got));
}

static void test_a_newer_struct_is_taken_while_its_tail_is_zero(void **state)
{
	struct newer_options given = {.known = {.size = sizeof(given), .limit = 5}};
	struct options got;

	(void)state;
	assert_int_equal(dmp_opts_load(&got, sizeof(got), &given), 0);
	assert_int_equal(got.limit, 5);
}

static void test_an_unknown_field_that_is_set_is_e2big_and_changes_nothing(void **state)
{
	struct newer_options given = {.known = {.size = sizeof(given)}, .unknown = 1};
	struct options got = {.limit = 9};

	(void)state;
	assert_int_equal(dmp_opts_load(&got, sizeof(got), &given), -E2BIG);
	assert_int_equal(got.limit, 9);
}

static void test_a_size_shorter_than_itself_is_einval(void **state)
{
	struct options given = {.size = 3}, got;

	(void)state;
	assert_int_equal(dmp_opts_load(&got, sizeof(got), &given), -EINVAL);
}

static void test_the_library_and_its_header_agree_on_the_version(void **state)
{
	(void)state;
	assert_string_equal(dmp_version(), DMP_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_null_options_are_all_defaults),
		cmocka_unit_test(test_a_short_struct_is_filled_up_with_zeros),
		cmocka_unit_test(test_a_newer_struct_is_taken_while_its_tail_is_zero),
		cmocka_unit_test(test_an_unknown_field_that_is_set_is_e2big_and_changes_nothing),
		cmocka_unit_test(test_a_size_shorter_than_itself_is_einval),
		cmocka_unit_test(test_the_library_and_its_header_agree_on_the_version),
	};

	return cmocka_run_group_tests_name("base_api", tests, NULL, NULL);
}
