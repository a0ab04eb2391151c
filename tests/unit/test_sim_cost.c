// SPDX-License-Identifier: MIT
/*
 * test_sim_cost.c - proves what sim/sim_cost.c charges, with the published numbers
 */
#include "test_sim_machine.h"

#include <dmapool/harness.h>

#define IOVA GIB(1)

static int setup_modern(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.profile = "vtd-modern"));

	machine_add_all(m);
	*state = m;
	return 0;
}

static uint64_t phase_ns(struct machine *m, enum dmp_sim_phase phase)
{
	return machine_stats(m).phase_ns[phase];
}

/* Linux commit 5448c1558f60: 256 x 4 KiB in one call, 384 ns to map and 216 ns to unmap. */
static void test_256_small_pages_in_one_call_cost_what_was_published(void **state)
{
	struct machine *m = *state;
	struct dmp_gather gather = EMPTY_GATHER;

	assert_int_equal(machine_map(m, IOVA, GIB(2), PAGE, 256, RW), 0);
	assert_in_range(phase_ns(m, DMP_SIM_PHASE_MAP), 383, 384);
	assert_int_equal(machine_unmap(m, IOVA, PAGE, 256, &gather), MIB(1));
	assert_in_range(phase_ns(m, DMP_SIM_PHASE_UNMAP), 215, 216);
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_INVALIDATE), 0);
	assert_int_equal(machine_flush(m, &gather), 0);
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_INVALIDATE), 2000);
	assert_int_equal(machine_stats(m).map_pages, 256);
	assert_int_equal(machine_stats(m).unmap_pages, 256);
}

static void test_one_page_of_each_size_costs_what_was_published(void **state)
{
	struct machine *m = *state;
	static const uint64_t bytes[] = {KIB(4), MIB(2), GIB(1)};
	static const uint64_t map_ns[] = {53, 59, 54}, unmap_ns[] = {67, 64, 59};
	uint64_t mapped = 0, unmapped = 0;

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(machine_map(m, GIB(i + 1), GIB(2), bytes[i], 1, RW), 0);
		assert_int_equal(machine_unmap_strict(m, GIB(i + 1), bytes[i], 1), bytes[i]);
		assert_int_equal(phase_ns(m, DMP_SIM_PHASE_MAP) - mapped, map_ns[i]);
		assert_int_equal(phase_ns(m, DMP_SIM_PHASE_UNMAP) - unmapped, unmap_ns[i]);
		mapped += map_ns[i];
		unmapped += unmap_ns[i];
	}
}

static void test_a_call_that_does_nothing_costs_nothing(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), 0);
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_UNMAP), 0);
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_INVALIDATE), 0);
	assert_int_equal(machine_stats(m).unmap_calls, 1);
}

static void test_a_miss_costs_a_walk_and_a_hit_nothing(void **state)
{
	struct machine *m = *state;
	unsigned char byte;

	assert_int_equal(machine_map(m, IOVA, GIB(2), PAGE, 1, RW), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(dmp_sim_agent_read(m->agent, IOVA, &byte, 1), 0);
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_WALK), 465);
}

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

static void test_software_asks_for_its_prices(void **state)
{
	struct machine *m = *state;

	assert_int_equal(dmp_sim_price_ps(m->sim, DMP_SIM_PRICE_COPY_BYTE), 21);
	assert_int_equal(dmp_sim_price_ps(m->sim, DMP_SIM_PRICE_IOVA_TREE), 135000);
	assert_int_equal(dmp_sim_price_ps(m->sim, DMP_SIM_PRICES), 0);
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_COPY), 0);
}

static void test_everything_is_free_without_a_profile(void **state)
{
	struct machine *m = machine_create(NULL);

	(void)state;
	machine_add_all(m);
	assert_int_equal(machine_map(m, IOVA, GIB(2), PAGE, 256, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 256), MIB(1));
	for (unsigned phase = 0; phase < DMP_SIM_PHASES; phase++)
		assert_int_equal(phase_ns(m, phase), 0);
	machine_destroy(m);
}

static void test_stats_fit_the_struct_that_the_caller_knows(void **state)
{
	struct machine *m = *state;
	uint64_t stats[40];

	memset(stats, 0xff, sizeof(stats));
	assert_int_equal(machine_map(m, IOVA, GIB(2), PAGE, 1, RW), 0);
	assert_int_equal(dmp_sim_get_stats(m->sim, (void *)stats, 7 * sizeof(*stats)), 0);
	assert_int_equal(stats[DMP_SIM_PHASES], 1); /* map_calls */
	assert_int_equal(stats[7], UINT64_MAX);
	assert_int_equal(dmp_sim_get_stats(m->sim, (void *)stats, sizeof(stats)), 0);
	assert_int_equal(stats[39], 0);
	assert_int_equal(dmp_sim_get_stats(m->sim, (void *)stats, 4), -EINVAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_modern, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_256_small_pages_in_one_call_cost_what_was_published),
		TEST(test_one_page_of_each_size_costs_what_was_published),
		TEST(test_a_call_that_does_nothing_costs_nothing),
		TEST(test_a_miss_costs_a_walk_and_a_hit_nothing),
		TEST(test_software_asks_for_its_prices),
		cmocka_unit_test(test_the_number_that_threads_share_counts_where_no_count_is_lost),
		cmocka_unit_test(test_everything_is_free_without_a_profile),
		TEST(test_stats_fit_the_struct_that_the_caller_knows),
	};

	return cmocka_run_group_tests_name("sim_cost", tests, NULL, NULL);
}
