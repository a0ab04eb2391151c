// SPDX-License-Identifier: MIT
/*
 * test_conform_pattern.c - proves bench/conform_pattern.c against published and worked numbers
 */
#include "dmptest.h"

#include "conform.h"

/* The test values of FNV's authors. */
static void test_sums_are_fnv_1a(void **state)
{
	(void)state;
	assert_int_equal(conform_pattern_sum("", 0), UINT64_C(0xcbf29ce484222325));
	assert_int_equal(conform_pattern_sum("a", 1), UINT64_C(0xaf63dc4c8601ec8c));
	assert_int_equal(conform_pattern_sum("foobar", 6), UINT64_C(0x85944171f73967e8));
}

/* Byte 0 of seed 1: 85ebca6b xor 85ebca6b >> 15, its lowest byte. */
static void test_fills_are_those_of_the_vectors(void **state)
{
	unsigned char bytes[3] = {0, 0, 0x55};

	(void)state;
	conform_pattern_fill(bytes, 1, 1);
	assert_int_equal(bytes[0], 0x6b ^ ((0x85ebca6bu >> 15) & 0xff));
	assert_int_equal(bytes[1], 0);
	/* seed equal to the factor of byte 1 makes that byte 0 */
	conform_pattern_fill(bytes, 2, UINT32_C(0x9e3779b1));
	assert_int_equal(bytes[1], 0);
	assert_int_not_equal(bytes[0], 0);
	assert_int_equal(bytes[2], 0x55);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums_are_fnv_1a),
		cmocka_unit_test(test_fills_are_those_of_the_vectors),
	};

	return cmocka_run_group_tests_name("conform_pattern", tests, NULL, NULL);
}
