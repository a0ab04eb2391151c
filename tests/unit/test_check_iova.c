// SPDX-License-Identifier: MIT
/*
 * test_check_iova.c - proves that the IOVA model is the traced machines' address space
 */
#include "test_check_rig.h"

static int setup(void **state)
{
	const struct check_space space = {.model = &check_model_iova, .ncpus = 2};

	assert_int_equal(dmp_harness_enter(2), 0);
	return check_model_iova.open(&space, state);
}

static int teardown(void **state)
{
	check_model_iova.close(*state);
	dmp_harness_run_pending();
	dmp_harness_grace_period();
	assert_int_equal(dmp_meta_in_use(), 0);
	return dmp_harness_leave();
}

static uint64_t alloc(void *model, uint64_t size, uint64_t limit)
{
	struct trace_event event = {.size = size, .phys = limit};

	return check_model_iova.alloc(model, &event);
}

/*
 *    0 | ... bf fff | c0000 PCI window febff | fec00 .. fedff | fee00 interrupts feeff | ... fffff
 */
static void test_the_windows_of_a_pc_are_never_given_out(void **state)
{
	assert_int_equal(alloc(*state, 0x1000, 0xfffff), 0xff000);
	assert_int_equal(alloc(*state, 0x100, 0xfffff), 0xfef00);
	assert_int_equal(alloc(*state, 0x100, 0xfffff), 0xfed00);
	assert_int_equal(alloc(*state, 0x100, 0xfffff), 0xfec00);
	assert_int_equal(alloc(*state, 0x100, 0xfffff), 0xbff00);
}

static void test_nothing_is_answered_as_pfn_0(void **state)
{
	assert_int_equal(alloc(*state, 2, 1), 0);
}

static void test_page_0_is_left_out(void **state)
{
	assert_int_equal(alloc(*state, 1, 1), 1);
}

static void test_a_freed_range_comes_back_on_the_cpu_that_freed_it(void **state)
{
	struct trace_event event = {.size = 1};

	assert_int_equal(alloc(*state, 1, 0xfffff), 0xfffff);
	check_model_iova.free(*state, &event, 0xfffff);
	assert_int_equal(dmp_harness_become(1), 0);
	assert_int_equal(alloc(*state, 1, 0xfffff), 0xffffe);
	assert_int_equal(dmp_harness_become(0), 0);
	assert_int_equal(alloc(*state, 1, 0xfffff), 0xfffff);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_the_windows_of_a_pc_are_never_given_out),
		TEST(test_nothing_is_answered_as_pfn_0),
		TEST(test_page_0_is_left_out),
		TEST(test_a_freed_range_comes_back_on_the_cpu_that_freed_it),
	};

	return cmocka_run_group_tests_name("check_iova", tests, NULL, NULL);
}
