// SPDX-License-Identifier: MIT
/*
 * test_trace_plan.c - proves that the walker of bench/trace_plan.c notices P1 to P4 broken
 */
#include "test_trace_files.h"

#include <errno.h>

#define ARGS(addr) NVME "dir=TO_DEVICE dma_addr=" #addr " size=64"

/* Steps: MAP 0, MAP 1, SYNC 1, UNMAP 0; mapping 1 stays live. */
static struct matched good_plan(void)
{
	return MATCH(ON(1, 01, "dma_map_page: " ARGS(f0000) " phys_addr=5000 attrs="),
		     ON(1, 02, "dma_map_page: " ARGS(f1000) " phys_addr=6000 attrs="),
		     ON(1, 03, "dma_sync_single_for_cpu: " ARGS(f1000)),
		     ON(1, 04, "dma_unmap_page: " ARGS(f0000) " attrs="));
}

static void expect_broken(struct matched *m)
{
	assert_int_equal(trace_plan_check(m->trace, m->plan), -EIO);
	free_matched(m);
}

static void test_good_plan_passes(void **state)
{
	struct matched m = good_plan();

	(void)state;
	assert_int_equal(trace_plan_check(m.trace, m.plan), 0);
	free_matched(&m);
}

static void test_entries_that_do_not_add_up_are_noticed(void **state)
{
	struct matched m = good_plan();

	(void)state;
	m.plan->entries[1].len++;
	expect_broken(&m);
}

static void test_empty_entry_is_noticed(void **state)
{
	struct matched m = good_plan();

	(void)state;
	m.plan->entries[0].len = 0;
	m.plan->mappings[0].len = 0;
	expect_broken(&m);
}

static void test_entries_outside_the_array_are_noticed(void **state)
{
	struct matched m = good_plan();

	(void)state;
	m.plan->mappings[1].first_entry = 2;
	expect_broken(&m);
}

static void test_mappings_out_of_order_are_noticed(void **state)
{
	struct matched m = good_plan();

	(void)state;
	m.plan->mappings[1].map_event = 0;
	expect_broken(&m);
}

static void test_steps_out_of_order_are_noticed(void **state)
{
	struct matched m = good_plan();

	(void)state;
	m.plan->steps[2].event = 0;
	expect_broken(&m);
}

static void test_second_map_of_a_mapping_is_noticed(void **state)
{
	struct matched m = good_plan();

	(void)state;
	m.plan->steps[2].op = TRACE_OP_MAP;
	expect_broken(&m);
}

static void test_sync_behind_the_end_is_noticed(void **state)
{
	struct matched m = good_plan();

	(void)state;
	m.plan->steps[2].offset = 1;
	expect_broken(&m);
}

static void test_unmap_that_its_mapping_denies_is_noticed(void **state)
{
	struct matched m = good_plan();

	(void)state;
	m.plan->mappings[0].unmap_event = TRACE_NONE;
	expect_broken(&m);
}

static void test_mapping_without_its_unmap_step_is_noticed(void **state)
{
	struct matched m = good_plan();

	(void)state;
	m.plan->nsteps--;
	expect_broken(&m);
}

static void test_wrong_count_of_live_mappings_is_noticed(void **state)
{
	struct matched m = good_plan();

	(void)state;
	m.plan->facts.live_at_end = 2;
	expect_broken(&m);
}

static void test_step_of_no_mapping_is_noticed(void **state)
{
	struct matched m = good_plan();

	(void)state;
	m.plan->steps[3].mapping = 2;
	expect_broken(&m);
}

static void test_nothing_can_be_freed(void **state)
{
	(void)state;
	trace_plan_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_plan_passes),
		cmocka_unit_test(test_entries_that_do_not_add_up_are_noticed),
		cmocka_unit_test(test_empty_entry_is_noticed),
		cmocka_unit_test(test_entries_outside_the_array_are_noticed),
		cmocka_unit_test(test_mappings_out_of_order_are_noticed),
		cmocka_unit_test(test_steps_out_of_order_are_noticed),
		cmocka_unit_test(test_second_map_of_a_mapping_is_noticed),
		cmocka_unit_test(test_sync_behind_the_end_is_noticed),
		cmocka_unit_test(test_unmap_that_its_mapping_denies_is_noticed),
		cmocka_unit_test(test_mapping_without_its_unmap_step_is_noticed),
		cmocka_unit_test(test_wrong_count_of_live_mappings_is_noticed),
		cmocka_unit_test(test_step_of_no_mapping_is_noticed),
		cmocka_unit_test(test_nothing_can_be_freed),
	};

	return cmocka_run_group_tests_name("trace_plan", tests, NULL, NULL);
}
