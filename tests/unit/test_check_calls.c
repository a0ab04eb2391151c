// SPDX-License-Identifier: MIT
/*
 * test_check_calls.c - proves what bench/check_calls.c concludes from the lines alone
 */
#include "test_check_rig.h"

static void test_a_free_belongs_to_the_latest_allocation_of_its_address(void **state)
{
	struct trace *trace = READ(IOVA_ALLOC(0, 01, 1, fffff) IOVA_ALLOC(0, 02, 1, ffffe)
					   IOVA_FREE(0, 03, fffff, 1) IOVA_ALLOC(0, 04, 1, fffff)
						   IOVA_FREE(0, 05, fffff, 1));
	struct check_space space = space_of(trace);

	(void)state;
	assert_int_equal(space.ncalls, 5);
	assert_int_equal(space.nallocs, 3);
	assert_int_equal(space.calls[0].alloc, TRACE_NONE);
	assert_int_equal(space.calls[2].alloc, 0);
	assert_int_equal(space.calls[4].alloc, 3);
	assert_false(space.in_use_before);
	check_calls_free(&space);
	trace_free(trace);
}

static void test_a_space_has_only_its_own_calls(void **state)
{
	struct trace *trace = READ(IOVA_ALLOC_OF(1, 0, 01, 1, fffff) IOVA_ALLOC_OF(
		2, 0, 02, 2, ffffe) IOVA_FREE_OF(2, 0, 03, ffffe, 2));
	struct check_space space;

	(void)state;
	assert_int_equal(check_calls_iova(trace, 1, &space), 0);
	assert_int_equal(space.ncalls, 2);
	assert_int_equal(space.calls[0].event->size, 2);
	check_calls_free(&space);
	trace_free(trace);
}

static void test_a_free_of_what_nobody_allocated_shows_earlier_use(void **state)
{
	struct trace *trace = READ(IOVA_ALLOC(0, 01, 1, fffff) IOVA_FREE(0, 02, ffffe, 1)
					   IOVA_FREE(0, 03, fffff, 1));
	struct check_space space = space_of(trace);

	(void)state;
	assert_true(space.in_use_before);
	assert_int_equal(space.ncalls, 2);
	assert_int_equal(space.calls[1].alloc, 0);
	check_calls_free(&space);
	trace_free(trace);
}

static void test_a_first_range_below_the_top_shows_earlier_use(void **state)
{
	struct trace *trace = READ(IOVA_ALLOC(0, 01, 1, ffffe));
	struct check_space space = space_of(trace);

	(void)state;
	assert_true(space.in_use_before);
	check_calls_free(&space);
	trace_free(trace);
}

/* Three pages have a range of four; two CPUs came at once, and the first line is the second's. */
static void test_the_top_may_be_given_to_a_call_that_came_at_once(void **state)
{
	struct trace *trace = READ(IOVA_ALLOC(0, 01, 1, ffffb) IOVA_ALLOC(1, 02, 3, ffffc));
	struct check_space space = space_of(trace);

	(void)state;
	assert_false(space.in_use_before);
	check_calls_free(&space);
	trace_free(trace);
}

static void test_a_map_began_when_it_was_decided_to_bounce(void **state)
{
	struct trace *trace =
		READ(BOUNCED(0, 01, 5000, 512) BOUNCED(1, 02, 6000, 512) BOUNCED(0, 03, 7000, 512)
			     SLOTS_MAP(1, 04, 6000, 512, 80000) SLOTS_MAP(0, 05, 9000, 512, 81000));
	struct check_space space = space_of(trace);

	(void)state;
	assert_int_equal(space.calls[0].event->line, 4);
	assert_int_equal(space.calls[0].first_line, 2);
	assert_int_equal(space.calls[1].first_line, 5);
	check_calls_free(&space);
	trace_free(trace);
}

/* Areas of 256 slots, 512 KiB: CPU 3's is 1 MiB above CPU 1's; four areas for four CPUs. */
static void test_the_pool_is_found_from_the_areas_of_two_cpus(void **state)
{
	struct trace *trace = READ(SLOTS_MAP(1, 01, 5000, 4096, 7d280000) SLOTS_MAP(
		1, 02, 5000, 4096, 7d281000) SLOTS_MAP(3, 03, 5a00, 512, 7d380a00));
	struct check_space space = space_of(trace);

	(void)state;
	assert_int_equal(space.pool.areas, 4);
	assert_int_equal(space.pool.slots, 1024);
	assert_int_equal(space.pool.base, 0x7d200000);
	check_calls_free(&space);
	trace_free(trace);
}

/* Two areas of 16,384 slots, 32 MiB. */
static void test_one_cpu_means_a_pool_of_the_default_size(void **state)
{
	struct trace *trace = READ(SLOTS_MAP(1, 01, 5000, 512, ffffffffffffffff)
					   SLOTS_MAP(1, 02, 5000, 512, 7b400000));
	struct check_space space = space_of(trace);

	(void)state;
	assert_int_equal(space.pool.areas, 2);
	assert_int_equal(space.pool.slots, 32768);
	assert_int_equal(space.pool.base, 0x79400000);
	check_calls_free(&space);
	trace_free(trace);
}

static void test_a_device_preserves_page_offsets_if_it_always_did(void **state)
{
	struct trace *trace = READ(SLOTS_MAP_OF(nvme, 0, 01, 5a00, 512, 79400a00) SLOTS_MAP_OF(
		e1000, 0, 02, 6a00, 512, 79402000) SLOTS_MAP_OF(nvme, 0, 03, 7000, 512, 79403000));
	struct check_space space = space_of(trace);

	(void)state;
	assert_int_equal(space.pool.min_align_masks[0], 0xfff);
	assert_int_equal(space.pool.min_align_masks[1], 0);
	check_calls_free(&space);
	trace_free(trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_free_belongs_to_the_latest_allocation_of_its_address),
		cmocka_unit_test(test_a_space_has_only_its_own_calls),
		cmocka_unit_test(test_a_free_of_what_nobody_allocated_shows_earlier_use),
		cmocka_unit_test(test_a_first_range_below_the_top_shows_earlier_use),
		cmocka_unit_test(test_the_top_may_be_given_to_a_call_that_came_at_once),
		cmocka_unit_test(test_a_map_began_when_it_was_decided_to_bounce),
		cmocka_unit_test(test_the_pool_is_found_from_the_areas_of_two_cpus),
		cmocka_unit_test(test_one_cpu_means_a_pool_of_the_default_size),
		cmocka_unit_test(test_a_device_preserves_page_offsets_if_it_always_did),
	};

	return cmocka_run_group_tests_name("check_calls", tests, NULL, NULL);
}
