// SPDX-License-Identifier: MIT
/*
 * test_sim_pgtable.c - proves T1, T2, T3 of sim/sim_pgtable.c, a table that makes room, and that
 * none is freed beneath a walker
 */
#include "test_sim_machine.h"

#include <pthread.h>

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

/*
 * A walker inside a table of level 1:
 *
 *   walker     gate entered, table reached ..................... entry read, gate left
 *   driver            entry of level 2 cleared, invalidation: waits ............ table freed
 */
struct beside {
	struct machine *m;
	uint64_t (*free_table)(struct machine *m);
	DMP_ATOMIC(uint32_t) begun, ended;
	uint64_t done;
};

static void *run_beside(void *arg)
{
	struct beside *b = arg;

	store_relaxed(&b->begun, 1); /* relaxed: the other waits for that alone */
	b->done = b->free_table(b->m);
	store_release(&b->ended, 1);
	return NULL;
}

/* The table behind IOVA, of level 1. */
static dmp_phys_t lowest_table(struct machine *m)
{
	struct sim_domain *dom = m->dom;
	struct sim_walk walk;

	sim_walk(m->sim, dom->root, IOVA, &walk);
	assert_int_equal(walk.step[walk.levels - 1].level, 1);
	return walk.step[walk.levels - 1].table;
}

/* Was the table freed while the walker stood in it?  A yes is always right. */
static bool is_freed_beneath(struct machine *m, uint64_t (*free_table)(struct machine *m))
{
	struct beside b = {.m = m, .free_table = free_table};
	uint64_t id = ((struct sim_domain *)m->dom)->id, page = (IOVA + 7 * PAGE) / PAGE;
	struct sim_gate *gate = sim_gate_enter(m->sim, id, page);
	dmp_phys_t table = lowest_table(m);
	pthread_t thread;
	bool freed;

	assert_int_equal(pthread_create(&thread, NULL, run_beside, &b), 0);
	while (!load_relaxed(&b.begun)) /* relaxed: see run_beside() */
		dmp_cpu_yield();
	for (unsigned i = 0; i < 200; i++)
		dmp_cpu_yield();
	freed = load_acquire(&b.ended) || machine_stats(m).tables_freed ||
		m->sim->mem.pages[table >> DMP_PAGE_SHIFT].use != PAGE_TABLE;
	sim_gate_leave(gate);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(b.done, MIB(2));
	assert_int_equal(machine_stats(m).tables_freed, 1);
	return freed;
}

static uint64_t unmap_whole_table(struct machine *m)
{
	struct dmp_gather gather = EMPTY_GATHER;
	uint64_t done = machine_unmap(m, IOVA, MIB(2), 1, &gather);
	int err = machine_flush(m, &gather);

	return err ? 0 : done;
}

static uint64_t replace_table(struct machine *m)
{
	uint64_t mapped = 0;
	int err = m->ops->map_pages(m->sim, m->dom, IOVA, PHYS, MIB(2), 1, RW, &mapped);

	return err ? 0 : mapped;
}

static void test_a_table_that_makes_room_outlives_its_walkers(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 512, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 512), MIB(2));
	assert_false(is_freed_beneath(m, replace_table));
	assert_int_equal(machine_unmap_strict(m, IOVA, MIB(2), 1), MIB(2));
}

static void test_a_table_that_was_unmapped_outlives_its_walkers(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 512, RW), 0);
	assert_false(is_freed_beneath(m, unmap_whole_table));
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
		TEST(test_a_table_that_makes_room_outlives_its_walkers),
		TEST(test_a_table_that_was_unmapped_outlives_its_walkers),
		TEST(test_the_check_finds_a_malformed_entry),
		TEST(test_the_check_finds_a_table_that_nobody_points_to),
	};

	return cmocka_run_group_tests_name("sim_pgtable", tests, NULL, NULL);
}
