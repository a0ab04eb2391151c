// SPDX-License-Identifier: MIT
/*
 * test_conform_swiotlb.c - proves what the operations of bench/conform_swiotlb.c answer; the vectors
 * prove the rest
 */
#include "test_conform_rig.h"

#define BEGIN  BOUNCE_HEADER "reset\nram 140000000 100000\ncpus 2\n"
#define POOL   "pool 512 2 40000000 - 0 = 512 2 256 512\n"
#define DEVICE "dev 0 mem=0 mask=ffffffff bus=0 minalign=fff segb=0 enc=0\n"

/* Sums are those of zeros, and of what the device wrote. */
static void test_operations_answer_in_the_words_of_the_vectors(void **state)
{
	(void)state;
	assert_passes(BEGIN POOL DEVICE "cpu 5\n"
					"map 3 0 140000a34 5000 fff b - = 40080a34 0 256 1 4\n"
					"used 0 = 256-259\n"
					"areas 0 = 0/0 4/4\n"
					"stat 0 = 512 4 4 0\n"
					"hiwater0 0\n"
					"stat 0 = 512 4 0 0\n"
					"lookup 0 40080a34 = 0\n"
					"lookup 0 140000000 = none\n"
					"maxmap 0 = 258048\n"
					"bsum 3 0 1 = af63bd4c8601b7df\n"
					"bfill 3 0 1 9e3779b1\n"
					"sync 3 c 0 1 f\n"
					"sum 140000a35 1 = af63bd4c8601b7df\n"
					"unmap 3 5000 f - = ok\n"
					"used 0 = -\n"
					"map 0 0 140000000 262145 0 b - = fail\n"
					"end 22\n");
}

static void test_pools_that_fail_answer_so(void **state)
{
	(void)state;
	assert_passes(BOUNCE_HEADER "reset\npool 0 0 40000000 - 9 = fail\nend 2\n");
	assert_passes(BOUNCE_HEADER "reset\npool 0 0 40000000 - 6 = 512 1 512 512\nend 2\n");
}

static void test_wrong_answers_fail(void **state)
{
	(void)state;
	assert_fails(BEGIN POOL "used 0 = 0-0\nend 5\n");
	assert_fails(BEGIN POOL "unmap 0 1 b - = ok\nend 5\n");
	assert_fails(BEGIN "pool 512 2 40000000 - 0 = fail\nend 4\n");
	assert_fails(BEGIN POOL "sync 0 c 0 1 f\nend 5\n");
	assert_fails(BEGIN POOL "fill 1 1 1\nend 5\n");
}

/* What is still mapped at the end of a block is given back, and is no failure. */
static void test_a_block_may_end_with_mappings(void **state)
{
	(void)state;
	assert_passes(BEGIN POOL DEVICE "map 0 0 140000000 1 0 b - = 40000000 0 0 0 1\nend 6\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operations_answer_in_the_words_of_the_vectors),
		cmocka_unit_test(test_pools_that_fail_answer_so),
		cmocka_unit_test(test_wrong_answers_fail),
		cmocka_unit_test(test_a_block_may_end_with_mappings),
	};

	return cmocka_run_group_tests_name("conform_swiotlb", tests, NULL, NULL);
}
