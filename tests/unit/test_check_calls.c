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

static void test_a_free_of_what_no_line_allocates_is_left_out_and_counted(void **state)
{
	struct trace *trace = READ(IOVA_ALLOC(0, 01, 1, fffff) IOVA_FREE(0, 02, ffffe, 1)
					   IOVA_FREE(0, 03, fffff, 1) IOVA_FREE(0, 04, fffff, 1));
	struct check_space space = space_of(trace);

	(void)state;
	assert_int_equal(space.ncalls, 2);
	assert_int_equal(space.calls[1].alloc, 0);
	assert_int_equal(space.nstrays, 2);
	assert_int_equal(space.stray_line, 2);
	assert_false(space.in_use_before);
	check_calls_free(&space);
	trace_free(trace);
}

/* The kernel never frees another size than it gave out: one of the two lines is damaged. */
static void test_a_free_of_another_size_frees_nothing(void **state)
{
	struct trace *trace = READ(IOVA_ALLOC(0, 01, 1, fffff) IOVA_FREE(0, 02, fffff, 2)
					   IOVA_FREE(0, 03, fffff, 1));
	struct check_space space = space_of(trace);

	(void)state;
	assert_int_equal(space.ncalls, 2);
	assert_int_equal(space.calls[1].event->line, 3);
	assert_int_equal(space.nstrays, 1);
	assert_int_equal(space.stray_line, 2);
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

/* CPU 0: a task, an interrupt of it, the task again; CPU 1 is another one. */
static void test_a_call_began_after_its_cpus_line_that_no_interrupt_wrote(void **state)
{
	struct trace *trace =
		READ(BOUNCED(0, 01, 5000, 512) IN_SOFTIRQ(0, 02, IOVA_ALLOC_FIELDS(1, 1, fffff))
			     BOUNCED(1, 03, 6000, 512) IOVA_ALLOC(0, 04, 1, ffffe)
				     IOVA_ALLOC(0, 05, 1, ffffd) IOVA_FREE(0, 06, ffffd, 1));
	struct check_space space = space_of(trace);

	(void)state;
	assert_int_equal(space.calls[0].after_line, 1);
	assert_int_equal(space.calls[1].after_line, 1);
	assert_int_equal(space.calls[2].after_line, 4);
	assert_int_equal(space.calls[3].after_line, 6); /* a free begins at its line */
	check_calls_free(&space);
	trace_free(trace);
}

static void test_the_first_call_of_a_cpu_may_have_begun_before_all_lines(void **state)
{
	struct trace *trace = READ(BOUNCED(1, 01, 5000, 512) IOVA_ALLOC(0, 02, 1, fffff));
	struct check_space space = space_of(trace);

	(void)state;
	assert_int_equal(space.calls[0].after_line, 0);
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

/* Areas of 256 slots: CPU 0's first bounce is not at the start of its own. */
static void test_a_stray_shows_earlier_use_of_a_pool_unless_its_areas_were_empty(void **state)
{
#define STRAY SLOTS_UNMAP(2, 04, 7d3f0000, 512)
	struct trace *empty = READ(SLOTS_MAP(1, 01, 5000, 512, 7d280000)
					   SLOTS_MAP(0, 02, 5000, 512, 7d200000) STRAY),
		     *used = READ(SLOTS_MAP(1, 01, 5000, 512, 7d280000)
					  SLOTS_MAP(3, 02, 5000, 512, 7d380000)
						  SLOTS_MAP(0, 03, 5000, 512, 7d201000) STRAY),
		     *one_cpu = READ(SLOTS_MAP(1, 01, 5000, 512, 7d280000) STRAY);
	struct check_space a = space_of(empty), b = space_of(used), c = space_of(one_cpu);

	(void)state;
	assert_false(a.in_use_before);
	assert_int_equal(a.nstrays, 1);
	assert_true(b.in_use_before);
	assert_true(c.in_use_before);
	check_calls_free(&a);
	check_calls_free(&b);
	check_calls_free(&c);
	trace_free(empty);
	trace_free(used);
	trace_free(one_cpu);
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
		cmocka_unit_test(test_a_free_of_what_no_line_allocates_is_left_out_and_counted),
		cmocka_unit_test(test_a_free_of_another_size_frees_nothing),
		cmocka_unit_test(test_a_first_range_below_the_top_shows_earlier_use),
		cmocka_unit_test(test_the_top_may_be_given_to_a_call_that_came_at_once),
		cmocka_unit_test(test_a_call_began_after_its_cpus_line_that_no_interrupt_wrote),
		cmocka_unit_test(test_the_first_call_of_a_cpu_may_have_begun_before_all_lines),
		cmocka_unit_test(test_the_pool_is_found_from_the_areas_of_two_cpus),
		cmocka_unit_test(test_one_cpu_means_a_pool_of_the_default_size),
		cmocka_unit_test(
			test_a_stray_shows_earlier_use_of_a_pool_unless_its_areas_were_empty),
		cmocka_unit_test(test_a_device_preserves_page_offsets_if_it_always_did),
	};

	return cmocka_run_group_tests_name("check_calls", tests, NULL, NULL);
}
