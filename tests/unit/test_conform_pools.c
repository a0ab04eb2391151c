// SPDX-License-Identifier: MIT
/*
 * test_conform_pools.c - proves what the operations of bench/conform_pools.c answer; the vectors
 * prove the rest
 */
#include "test_conform_rig.h"

#define BEGIN  BOUNCE_HEADER "reset\nram 140000000 100000\ncpus 1\n"
#define POOL   "pool 128 1 40000000 g 0 = 128 1 128 128\n"
#define DEVICE "dev 0 mem=0 mask=ffffffffffffffff bus=0 minalign=0 segb=0 enc=0\n"
#define FULL   "map 0 0 140000000 262144 0 t - = 40000000 0 0 0 128\n"

static void test_a_late_pool_has_a_power_of_two_of_more_than_512_slots(void **state)
{
	(void)state;
	assert_passes(BOUNCE_HEADER "reset\ncpus 4\n"
				    "latepool 3145728 48000000 - = 2048 4 512 32768\nend 3\n");
	assert_passes(BOUNCE_HEADER "reset\ncpus 4\nlatepool 1048576 48000000 - = fail\nend 3\n");
}

static void test_pages_come_from_a_restricted_pool(void **state)
{
	(void)state;
	assert_passes(BEGIN POOL "restricted 1 50000000 130 = 1 130 1 130\n"
				 "dev 1 mem=1 mask=ffffffff bus=0 minalign=0 segb=0 enc=0\n"
				 "palloc 3 1 8192 = 50000000 1 0 0 4\n"
				 "used 1 = 0-3\nstat 1 = 130 4 4 0\n"
				 "pfree 3 8192 = ok\nstat 0 = 128 0 0 0\n"
				 "palloc 3 1 262145 = fail\nend 12\n");
}

static void test_pages_that_are_left_are_given_back_at_the_end(void **state)
{
	(void)state;
	assert_passes(BEGIN POOL DEVICE "palloc 3 0 8192 = 40000000 0 0 0 4\nend 6\n");
}

static void test_a_worker_that_has_nothing_to_do_is_idle(void **state)
{
	(void)state;
	assert_passes(BEGIN POOL "work = idle\nrcu = 0\nend 6\n");
}

static void test_a_grown_pool_and_one_that_failed_are_told(void **state)
{
	(void)state;
	assert_passes(BEGIN POOL DEVICE FULL "map 1 0 140000000 1 0 t - = fail\n@ work\n"
					     "@ pages any nowait 0 = fail\n"
					     "work = fail\n@ pages dma32 block 6 = fail\n"
					     "map 1 0 140000000 1 0 t - = fail\n@ work\n"
					     "@ pages any nowait 0 = fail\n"
					     "work = 1 60000000 128 1 128\n"
					     "@ pages dma32 block 6 = 60000000\n"
					     "@ dec 60000000 64\nlookup 0 60000000 = 1\nend 11\n");
}

static void test_a_device_that_has_not_bounced_finds_nothing(void **state)
{
	(void)state;
	assert_passes(BEGIN POOL DEVICE "lookup 0 40000000 = none\n" FULL
					"lookup 0 40000000 = 0\nlookup 0 40040000 = none\n" DEVICE
					"lookup 0 40000000 = none\nend 11\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_late_pool_has_a_power_of_two_of_more_than_512_slots),
		cmocka_unit_test(test_pages_come_from_a_restricted_pool),
		cmocka_unit_test(test_pages_that_are_left_are_given_back_at_the_end),
		cmocka_unit_test(test_a_worker_that_has_nothing_to_do_is_idle),
		cmocka_unit_test(test_a_grown_pool_and_one_that_failed_are_told),
		cmocka_unit_test(test_a_device_that_has_not_bounced_finds_nothing),
	};

	return cmocka_run_group_tests_name("conform_pools", tests, NULL, NULL);
}
