// SPDX-License-Identifier: MIT
/*
 * test_check_swiotlb.c - proves that the model of the pool answers with the trace's addresses
 */
#include "test_check_rig.h"

#define BASE UINT64_C(0x7d200000)

/* 1024 slots in 4 areas of 512 KiB. */
static uint64_t masks[] = {0xfff, 0};
static const struct check_space space = {
	.model = &check_model_swiotlb,
	.ncpus = 4,
	.pool = {.base = BASE, .slots = 1024, .areas = 4, .min_align_masks = masks},
};

static int setup(void **state)
{
	assert_int_equal(dmp_harness_enter(4), 0);
	return check_model_swiotlb.open(&space, state);
}

static int teardown(void **state)
{
	check_model_swiotlb.close(*state);
	dmp_harness_run_pending();
	dmp_harness_grace_period();
	assert_int_equal(dmp_meta_in_use(), 0);
	return dmp_harness_leave();
}

static uint64_t map(void *model, uint32_t dev, uint64_t orig, uint64_t size)
{
	struct trace_event event = {.dev = dev, .phys = orig, .size = size};

	return check_model_swiotlb.alloc(model, &event);
}

static void unmap(void *model, uint64_t addr, uint64_t size)
{
	struct trace_event event = {.size = size};

	check_model_swiotlb.free(model, &event, addr);
}

static void test_a_cpu_begins_in_its_own_area(void **state)
{
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		uint64_t addr;

		assert_int_equal(dmp_harness_become(cpu), 0);
		addr = map(*state, 0, 0x123456000, 4096);
		assert_int_equal(addr, BASE + cpu * 0x80000);
		unmap(*state, addr, 4096);
	}
}

static void test_the_offset_in_the_page_is_kept_where_the_device_wants_it(void **state)
{
	uint64_t a = map(*state, 0, 0x123456a34, 512), b = map(*state, 1, 0x123456a34, 512);

	assert_int_equal(a, BASE + 0xa34);
	assert_int_equal(b, BASE + 0x1000);
	unmap(*state, a, 512);
	unmap(*state, b, 512);
}

/* Buffers of 64 KiB: 32 of them fill the pool. */
static void test_a_full_pool_answers_all_ones_and_its_peak_is_known(void **state)
{
	uint64_t addrs[32];

	for (unsigned i = 0; i < 32; i++) {
		addrs[i] = map(*state, 0, 0, 65536);
		assert_int_not_equal(addrs[i], TRACE_ADDR_FAILED);
	}
	assert_int_equal(map(*state, 0, 0, 4096), TRACE_ADDR_FAILED);
	for (unsigned i = 0; i < 32; i++)
		unmap(*state, addrs[i], 65536);
	assert_int_equal(check_model_swiotlb.peak(*state), 1024);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_cpu_begins_in_its_own_area),
		TEST(test_the_offset_in_the_page_is_kept_where_the_device_wants_it),
		TEST(test_a_full_pool_answers_all_ones_and_its_peak_is_known),
	};

	return cmocka_run_group_tests_name("check_swiotlb", tests, NULL, NULL);
}
