// SPDX-License-Identifier: MIT
/*
 * test_conform_pages.c - proves what the operations of bench/conform_pages.c answer; the
 * p vectors prove the rest
 */
#include "test_conform_rig.h"

#define MAP   "map 0x201000 0x1ff000 0x1ff000 0x201000 0 0\n"
#define SMALL "  call 0x1ff000 0x1ff000 0x1000 1 = ok\n"
#define BIG   "  call 0x200000 0x200000 0x200000 1 = ok\n"

static void test_calls_and_results_are_compared_in_their_order(void **state)
{
	(void)state;
	assert_passes(IOVA_HEADER MAP SMALL BIG "ret = 0\n");
	assert_passes(IOVA_HEADER "map 0x1000 0x0 0x0 0x4000 1 3\n"
				  "  call 0x0 0x0 0x1000 4 = error 0x3000\n"
				  "  uncall 0x0 0x1000 3 = 0x3000\n"
				  "ret = -12\n");
	assert_passes(IOVA_HEADER "map 0x1000 0x800 0x0 0x4000 0 0\nret = -22\n");
	assert_passes(IOVA_HEADER "map 0x1000 0x0 0x0 0x1000 0 0\n"
				  "  call 0x0 0x0 0x1000 1 = ok\n"
				  "ret = 0\n"
				  "unmap 0x1000 0x0 0x1000\n"
				  "  uncall 0x0 0x1000 1 = 0x1000\n"
				  "ret = 0x1000\n");
}

static void test_another_call_than_the_file_has_fails(void **state)
{
	(void)state;
	assert_fails(IOVA_HEADER MAP BIG SMALL "ret = 0\n");
	assert_fails(IOVA_HEADER MAP SMALL "  call 0x200000 0x200000 0x1000 512 = ok\nret = 0\n");
	assert_fails(IOVA_HEADER MAP SMALL "  uncall 0x200000 0x200000 1 = 0x200000\nret = 0\n");
	assert_fails(IOVA_HEADER MAP SMALL "  call 0x200000 0x201000 0x200000 1 = ok\nret = 0\n");
}

static void test_a_call_too_many_or_too_few_fails(void **state)
{
	(void)state;
	assert_fails(IOVA_HEADER MAP SMALL "ret = 0\n");
	assert_fails(IOVA_HEADER MAP SMALL BIG BIG "ret = 0\n");
	assert_fails(IOVA_HEADER "domain 4096 1 1 0\n" SMALL);
	assert_fails(IOVA_HEADER "domain 4096 1 1 0\nret = 0\n");
}

static void test_another_result_fails(void **state)
{
	(void)state;
	assert_fails(IOVA_HEADER MAP SMALL BIG "ret = -12\n");
	assert_fails(IOVA_HEADER "map 0x1000 0x0 0x0 0x4000 1 3\n"
				 "  call 0x0 0x0 0x1000 4 = error 0x2000\n"
				 "  uncall 0x0 0x1000 3 = 0x3000\n"
				 "ret = -12\n");
	assert_fails(IOVA_HEADER "map 0x1000 0x0 0x0 0x4000 1 3\n"
				 "  call 0x0 0x0 0x1000 4 = error 0x3000\n"
				 "  uncall 0x0 0x1000 3 = 0x2000\n"
				 "ret = -12\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_and_results_are_compared_in_their_order),
		cmocka_unit_test(test_another_call_than_the_file_has_fails),
		cmocka_unit_test(test_a_call_too_many_or_too_few_fails),
		cmocka_unit_test(test_another_result_fails),
	};

	return cmocka_run_group_tests_name("conform_pages", tests, NULL, NULL);
}
