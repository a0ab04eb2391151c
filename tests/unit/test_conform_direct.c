// SPDX-License-Identifier: MIT
/*
 * test_conform_direct.c - proves what the operations of bench/conform_direct.c answer; the vectors
 * prove the rest
 */
#include "test_conform_rig.h"

#define BEGIN BOUNCE_HEADER "reset\nram 140000000 100000\ncpus 2\n"
#define POOL  "pool 512 2 40000000 - 0 = 512 2 256 512\n"

static void test_a_buffer_in_reach_is_direct_and_another_bounces(void **state)
{
	(void)state;
	assert_passes(BEGIN POOL "dev 0 mem=0 mask=ffffffffffffffff bus=0 minalign=0 segb=0 enc=0\n"
				 "dev 1 mem=0 mask=ffffffff bus=0 minalign=0 segb=0 enc=0\n"
				 "dmap 3 0 140000a34 5000 b - = direct 140000a34\n"
				 "dmap 4 1 140000a34 5000 b - = bounce 40000000 40000000 0 0 0 3\n"
				 "used 0 = 0-2\n"
				 "dunmap 4 5000 b -\n"
				 "dunmap 3 5000 b s\n"
				 "used 0 = -\n"
				 "end 12\n");
}

static void test_a_range_moves_addresses_and_hides_the_rest(void **state)
{
	(void)state;
	assert_passes(BEGIN POOL "dev 0 mem=0 mask=ffffffff bus=0 minalign=0 segb=0 enc=0 "
				 "range=40000000:1000:100000000\n"
				 "dmap 0 0 140000000 100 t - = bounce 1000 40000000 0 0 0 1\n"
				 "dev 1 mem=0 mask=ffffffffffffffff bus=0 minalign=0 segb=0 enc=0 "
				 "range=140000000:1000:100000\n"
				 "dmap 1 1 140000010 100 t - = direct 1010\n"
				 "end 8\n");
}

static void test_what_cannot_be_mapped_fails(void **state)
{
	(void)state;
	assert_passes(BEGIN POOL "dev 0 mem=0 mask=fffffff bus=0 minalign=0 segb=0 enc=0\n"
				 "dmap 0 0 140000000 100 t - = fail\n"
				 "used 0 = -\n"
				 "areas 0 = 0/1 0/0\n"
				 "end 8\n");
}

static void test_wrong_answers_fail(void **state)
{
#define DEVICE "dev 0 mem=0 mask=ffffffff bus=0 minalign=0 segb=0 enc=0\n"
	(void)state;
	assert_fails(BEGIN POOL DEVICE "dmap 0 0 140000000 1 t - = direct 140000000\nend 6\n");
	assert_fails(BEGIN POOL DEVICE "dunmap 0 1 t -\nend 6\n");
	assert_fails(BEGIN POOL DEVICE "dmap 0 0 240000000 1 t - = fail\nend 6\n");
	assert_fails(BEGIN POOL DEVICE "dmap 0 16 140000000 1 t - = fail\nend 6\n");
	assert_fails(BEGIN POOL DEVICE "map 0 0 140000000 1 0 b - = 40000000 0 0 0 1\n"
				       "dunmap 0 1 b -\nend 7\n");
	assert_fails(BEGIN POOL "dev 0 mem=0 mask=ffffffff bus=0 minalign=0 segb=0 enc=1\n"
				"dmap 0 0 140000000 1 t - = bounce 40000000 40000000 0 0 0 1\n"
				"end 6\n");
}

/* Given back at its end, as those of the allocator's own operations are. */
static void test_a_block_may_end_with_mappings_of_devices(void **state)
{
	(void)state;
	assert_passes(BEGIN POOL DEVICE
		      "dmap 0 0 140000000 1 t - = bounce 40000000 40000000 0 0 0 1\nend 6\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_buffer_in_reach_is_direct_and_another_bounces),
		cmocka_unit_test(test_a_range_moves_addresses_and_hides_the_rest),
		cmocka_unit_test(test_what_cannot_be_mapped_fails),
		cmocka_unit_test(test_wrong_answers_fail),
		cmocka_unit_test(test_a_block_may_end_with_mappings_of_devices),
	};

	return cmocka_run_group_tests_name("conform_direct", tests, NULL, NULL);
}
