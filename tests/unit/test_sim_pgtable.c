// SPDX-License-Identifier: MIT
/*
 * test_sim_pgtable.c - proves T1, T2, T3 of sim/sim_pgtable.c, and a table that makes room
 */
#include "test_sim_machine.h"

#define IOVA GIB(5)
#define PHYS GIB(6)

static void test_a_big_page_replaces_an_empty_table_after_a_flush(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 512, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 512), MIB(2));
	assert_int_equal(machine_live_tables(m), 4);
	uint64_t before = machine_stats(m).invalidations;

	assert_int_equal(machine_map(m, IOVA, PHYS, MIB(2), 1, RW), 0);
	assert_int_equal(machine_live_tables(m), 3);
	assert_int_equal(machine_stats(m).invalidations, before + 1);
	assert_int_equal(machine_unmap_strict(m, IOVA, MIB(2), 1), MIB(2));
	/* two levels of empty tables beneath */
	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 1, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	assert_int_equal(machine_map(m, IOVA, PHYS, GIB(1), 1, RW), 0);
	assert_int_equal(machine_live_tables(m), 2);
	assert_int_equal(machine_unmap_strict(m, IOVA, GIB(1), 1), GIB(1));
}

static void test_a_table_stays_if_the_flush_that_would_free_it_fails(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 1, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	dmp_sim_fail(m->sim, DMP_SIM_CALL_INVALIDATE, 1, 1, 0);
	assert_int_equal(machine_map(m, IOVA, PHYS, MIB(2), 1, RW), -ETIMEDOUT);
	assert_int_equal(machine_live_tables(m), 4);
	assert_int_equal(dmp_sim_check(m->sim), 0);
	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 1, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
}

static void test_the_check_finds_a_malformed_entry(void **state)
{
	struct machine *m = *state;
	struct sim_domain *dom = m->dom;
	sim_pte *root = sim_table_at(&m->sim->mem, dom->root);

	store_release(&root[9], sim_table_encode(&m->sim->format, 4, GIB(9)));
	assert_int_equal(dmp_sim_check(m->sim), -EIO);
	store_release(&root[9], 0);
}

static void test_the_check_finds_a_table_that_nobody_points_to(void **state)
{
	struct machine *m = *state;
	struct sim_domain *dom = m->dom;
	sim_pte *slot = &sim_table_at(&m->sim->mem, dom->root)[0];

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 1, RW), 0);
	uint64_t pte = load_acquire(slot);

	store_release(slot, 0);
	assert_int_equal(dmp_sim_check(m->sim), -EIO);
	store_release(slot, pte);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_big_page_replaces_an_empty_table_after_a_flush),
		TEST(test_a_table_stays_if_the_flush_that_would_free_it_fails),
		TEST(test_the_check_finds_a_malformed_entry),
		TEST(test_the_check_finds_a_table_that_nobody_points_to),
	};

	return cmocka_run_group_tests_name("sim_pgtable", tests, NULL, NULL);
}
