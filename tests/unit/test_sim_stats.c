// SPDX-License-Identifier: MIT
/*
 * test_sim_stats.c - proves where sim/sim_stats.c counts, and what it hands out
 */
#include "test_sim_machine.h"

#include <dmapool/harness.h>

#define IOVA GIB(1)

/* CPU 4095 may be several threads: they may not share a block that is written without care. */
static void test_the_number_that_threads_share_counts_where_no_count_is_lost(void **state)
{
	struct machine *m;

	(void)state;
	assert_int_equal(dmp_harness_enter(DMP_CPU_MAX), 0);
	assert_int_equal(dmp_harness_become(DMP_CPU_MAX - 1), 0);
	m = machine_create(NULL);
	machine_add_all(m);
	assert_int_equal(machine_map(m, IOVA, GIB(2), PAGE, 1, RW), 0);
	assert_null(dmp_percpu_peek(&m->sim->counters, DMP_CPU_MAX - 1));
	assert_int_equal(machine_stats(m).map_calls, 1);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	machine_destroy(m);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_stats_fit_the_struct_that_the_caller_knows(void **state)
{
	struct machine *m = *state;
	uint64_t stats[60];

	memset(stats, 0xff, sizeof(stats));
	assert_int_equal(machine_map(m, IOVA, GIB(2), PAGE, 1, RW), 0);
	assert_int_equal(dmp_sim_get_stats(m->sim, (void *)stats, 7 * sizeof(*stats)), 0);
	assert_int_equal(stats[DMP_SIM_PHASES], 1); /* map_calls */
	assert_int_equal(stats[7], UINT64_MAX);
	assert_int_equal(dmp_sim_get_stats(m->sim, (void *)stats, sizeof(stats)), 0);
	assert_int_equal(stats[59], 0);
	assert_int_equal(dmp_sim_get_stats(m->sim, (void *)stats, 4), -EINVAL);
}

static void test_each_event_of_each_kind_of_cache_has_a_counter_of_its_own(void **state)
{
	uint64_t seen = 0;

	(void)state;
	for (int kind = 0; kind < TLB_KINDS; kind++)
		for (int event = 0; event < TLB_EVENTS; event++)
			seen |= UINT64_C(1) << (sim_tlb_counter_of(kind, event) - COUNT_TLB);
	assert_int_equal(seen, (1u << TLB_KINDS * TLB_EVENTS) - 1);
	assert_true(COUNT_WALKS > sim_tlb_counter_of(TLB_KINDS - 1, TLB_EVENTS - 1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_number_that_threads_share_counts_where_no_count_is_lost),
		TEST(test_stats_fit_the_struct_that_the_caller_knows),
		cmocka_unit_test(test_each_event_of_each_kind_of_cache_has_a_counter_of_its_own),
	};

	return cmocka_run_group_tests_name("sim_stats", tests, NULL, NULL);
}
