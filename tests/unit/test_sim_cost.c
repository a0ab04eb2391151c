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

/* Linux generic page table series, AMDv1: map 4K / 64K / 1M / 2M = 65 / 89 / 444 / 60 ns. */
static void test_a_page_of_many_entries_costs_what_was_published(void **state)
{
	static const uint64_t bytes[] = {KIB(4), KIB(64), MIB(1), MIB(2)};
	static const uint64_t map_ns[] = {65, 89, 444, 60};
	struct machine *m = machine_create(&DMP_SIM_OPTS(.profile = "amd-v1"));
	struct dmp_gather gather = EMPTY_GATHER;
	uint64_t before;

	(void)state;
	machine_add_all(m);
	for (unsigned i = 0; i < 4; i++) {
		before = phase_ns(m, DMP_SIM_PHASE_MAP);
		assert_int_equal(machine_map(m, GIB(i + 1), GIB(2), bytes[i], 1, RW), 0);
		assert_int_equal(phase_ns(m, DMP_SIM_PHASE_MAP) - before, map_ns[i]);
	}
	/* a second page of 64 KiB is 16 entries more, 19.8 ns; there is no cost of an unmap of one */
	before = phase_ns(m, DMP_SIM_PHASE_MAP);
	assert_int_equal(machine_map(m, GIB(8), GIB(2), KIB(64), 2, RW), 0);
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_MAP) - before, 89 + 19);
	assert_int_equal(machine_unmap(m, GIB(8), KIB(64), 1, &gather), KIB(64));
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_UNMAP), 76 + 18);
	/* the pages of 64 KiB that were asked for turn out to be one of 2 MiB */
	m->sim->costs.unmap_wide[0] = 500000;
	before = phase_ns(m, DMP_SIM_PHASE_UNMAP);
	assert_int_equal(machine_unmap(m, GIB(4), KIB(64), 32, &gather), MIB(2));
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_UNMAP) - before, 76);
	assert_int_equal(machine_flush(m, &gather), 0);
	machine_destroy(m);
}

/* gem5: 3 cycles a hit in the TLB, 4 in a walk cache. */
static void test_hits_cost_what_the_profile_says(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.profile = "smmuv3-numa"));
	dmp_phys_t phys = machine_ram(m, 1, NULL);
	unsigned char byte;

	(void)state;
	machine_add_all(m);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 2, RW), 0);
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA, &byte, 1), 0);
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_WALK), 465);
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA, &byte, 1), 0);
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_WALK), 465 + 3);
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA + PAGE, &byte, 1), 0);
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_WALK), 465 + 3 + 4 + 465);
	m->ops->mem_free(m->sim, phys, 1);
	machine_destroy(m);
}

static void test_software_asks_for_its_prices(void **state)
{
	struct machine *m = *state;

	assert_int_equal(dmp_sim_price_ps(m->sim, DMP_SIM_PRICE_COPY_BYTE), 21);
	assert_int_equal(dmp_sim_price_ps(m->sim, DMP_SIM_PRICE_IOVA_TREE), 135000);
	assert_int_equal(dmp_sim_price_ps(m->sim, DMP_SIM_PRICES), 0);
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_COPY), 0);
}

/* In manual mode the clock moves by what is waited for, to the nanosecond. */
static void test_costs_that_are_spun_pass_on_the_clock_and_are_not_counted(void **state)
{
	struct machine *m;

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	m = machine_create(&DMP_SIM_OPTS(.profile = "vtd-modern", .flags = DMP_SIM_SPIN));
	machine_add_all(m);
	assert_int_equal(machine_map(m, IOVA, GIB(2), PAGE, 1, RW), 0);
	assert_int_equal(dmp_clock_now_ns(), 53);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	assert_int_equal(dmp_clock_now_ns(), 53 + 67 + 2000);
	assert_int_equal(machine_stats(m).spun_ns, 53 + 67 + 2000);
	for (unsigned phase = 0; phase < DMP_SIM_PHASES; phase++)
		assert_int_equal(phase_ns(m, phase), 0);
	machine_destroy(m);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_outside_of_manual_mode_spinning_takes_that_long(void **state)
{
	struct machine *m =
		machine_create(&DMP_SIM_OPTS(.profile = "vtd-modern", .flags = DMP_SIM_SPIN));
	uint64_t before = dmp_clock_now_ns();

	(void)state;
	machine_add_all(m);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
	assert_true(dmp_clock_now_ns() - before >= 20000);
	assert_int_equal(machine_stats(m).spun_ns, 20000);
	machine_destroy(m);
}

/* ML B926444035E5E2439431908E3842AFD24B86DB: 1,956 ns for a whole unmap of one, alone. */
static void test_a_lonely_unmap_of_smmuv3_1queue_costs_what_was_published(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.profile = "smmuv3-1queue"));

	(void)state;
	machine_add_all(m);
	assert_int_equal(machine_map(m, IOVA, GIB(2), PAGE, 1, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	assert_int_equal(phase_ns(m, DMP_SIM_PHASE_UNMAP) + phase_ns(m, DMP_SIM_PHASE_INVALIDATE),
			 1956);
	machine_destroy(m);
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_modern, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_256_small_pages_in_one_call_cost_what_was_published),
		TEST(test_one_page_of_each_size_costs_what_was_published),
		TEST(test_a_call_that_does_nothing_costs_nothing),
		TEST(test_a_miss_costs_a_walk_and_a_hit_nothing),
		cmocka_unit_test(test_costs_that_are_spun_pass_on_the_clock_and_are_not_counted),
		cmocka_unit_test(test_outside_of_manual_mode_spinning_takes_that_long),
		cmocka_unit_test(test_a_lonely_unmap_of_smmuv3_1queue_costs_what_was_published),
		cmocka_unit_test(test_a_page_of_many_entries_costs_what_was_published),
		cmocka_unit_test(test_hits_cost_what_the_profile_says),
		TEST(test_software_asks_for_its_prices),
		cmocka_unit_test(test_everything_is_free_without_a_profile),
	};

	return cmocka_run_group_tests_name("sim_cost", tests, NULL, NULL);
}
