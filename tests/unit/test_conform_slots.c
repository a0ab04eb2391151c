// SPDX-License-Identifier: MIT
/*
 * test_conform_slots.c - proves what bench/conform_slots.c answers about memory and slots
 */
#include "test_conform_rig.h"

/* Two areas of 256 slots; buffer 3 has a slot of padding and three of data in the second. */
#define MAPPED                                                                                     \
	BOUNCE_HEADER "reset\nram 140000000 100000\ncpus 2\n"                                      \
		      "pool 512 2 40000000 - 0 = 512 2 256 512\n"                                  \
		      "dev 0 mem=0 mask=ffffffff bus=0 minalign=fff segb=0 enc=0\n"                \
		      "cpu 1\n"                                                                    \
		      "map 3 0 140000a34 5000 fff b - = 40080a34 0 256 1 4\n"

static void test_slots_in_use_are_told_as_runs_and_by_area(void **state)
{
	(void)state;
	assert_passes(MAPPED "used 0 = 256-259\n"
			     "areas 0 = 0/0 4/4\n"
			     "map 1 0 140000000 2048 0 b - = 40082000 0 260 0 1\n"
			     "unmap 3 5000 b - = ok\n"
			     "map 2 0 140000000 2048 0 b - = 40083000 0 262 0 1\n"
			     "used 0 = 260-260 262-262\n"
			     "end 13\n");
}

static void test_a_map_of_slots_has_a_count_and_a_sum(void **state)
{
	(void)state;
	assert_passes(MAPPED "occ 0 = 4 2bfc5b44547d1389\n"
			     "end 8\n");
}

static void test_the_high_water_mark_falls_to_nothing(void **state)
{
	(void)state;
	assert_passes(MAPPED "stat 0 = 512 4 4 0\n"
			     "hiwater0 0\n"
			     "stat 0 = 512 4 0 0\n"
			     "end 10\n");
}

static void test_a_device_writes_behind_the_padding(void **state)
{
	(void)state;
	assert_passes(MAPPED "fill 140000a34 1 0\n"
			     "bsum 3 1 1 = af63bd4c8601b7df\n"
			     "bfill 3 0 1 9e3779b1\n"
			     "sum 140000a34 1 = af63bd4c8601b7df\n"
			     "sync 3 c 0 1 f\n"
			     "bsum 3 0 1 = af64574c8602bd8d\n"
			     "sum 140000a34 1 = af64574c8602bd8d\n"
			     "end 14\n");
}

static void test_memory_that_is_not_there_is_no_answer(void **state)
{
	(void)state;
	assert_fails(MAPPED "sum 140100000 1 = 0\nend 8\n");
	assert_fails(MAPPED "bsum 4 0 1 = 0\nend 8\n");
	assert_fails(MAPPED "bsum 3 18446744073709551615 1 = 0\nend 8\n");
}

static void test_without_a_pool_there_are_no_slots(void **state)
{
	(void)state;
	assert_passes(BOUNCE_HEADER "reset\nused 0 = -\nend 2\n");
	assert_fails(BOUNCE_HEADER "reset\nhiwater0 0\nend 2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_in_use_are_told_as_runs_and_by_area),
		cmocka_unit_test(test_a_map_of_slots_has_a_count_and_a_sum),
		cmocka_unit_test(test_the_high_water_mark_falls_to_nothing),
		cmocka_unit_test(test_a_device_writes_behind_the_padding),
		cmocka_unit_test(test_memory_that_is_not_there_is_no_answer),
		cmocka_unit_test(test_without_a_pool_there_are_no_slots),
	};

	return cmocka_run_group_tests_name("conform_slots", tests, NULL, NULL);
}
