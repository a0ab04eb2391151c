// SPDX-License-Identifier: MIT
/*
 * test_sim_pgtable.c - proves T1, T2, T3 of sim/sim_pgtable.c, and what map and unmap answer
 */
#include "test_sim_machine.h"

#include <pthread.h>
#include <sched.h>

#define IOVA GIB(5)
#define PHYS GIB(6)

static uint64_t phys_of(struct machine *m, dmp_iova_t iova)
{
	dmp_phys_t phys = 1; /* no page begins there */

	(void)m->ops->iova_to_phys(m->sim, m->dom, iova, &phys);
	return phys;
}

static uint64_t live_tables(struct machine *m)
{
	struct dmp_sim_stats stats = machine_stats(m);

	return stats.tables_allocated - stats.tables_freed;
}

static void test_what_was_mapped_leads_to_its_memory_and_nothing_else_does(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 3, RW), 0);
	assert_int_equal(phys_of(m, IOVA), PHYS);
	assert_int_equal(phys_of(m, IOVA + 2 * PAGE + 7), PHYS + 2 * PAGE + 7);
	assert_int_equal(phys_of(m, IOVA + 3 * PAGE), 1);
	assert_int_equal(phys_of(m, IOVA - 1), 1);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 3), 3 * PAGE);
	assert_int_equal(phys_of(m, IOVA), 1);
}

static void test_a_run_goes_on_in_the_next_table(void **state)
{
	struct machine *m = *state;
	dmp_iova_t iova = IOVA + MIB(2) - 2 * PAGE;

	assert_int_equal(machine_map(m, iova, PHYS, PAGE, 516, RW), 0);
	assert_int_equal(phys_of(m, iova + 515 * PAGE), PHYS + 515 * PAGE);
	assert_int_equal(live_tables(m), 1 + 2 + 3);
	assert_int_equal(machine_unmap_strict(m, iova, PAGE, 516), 516 * PAGE);
}

/* | 2 MiB | 4K 4K | hole | 2 MiB |         | 1 GiB |  */
static void test_pages_of_all_sizes_stand_beside_each_other(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, MIB(2), 1, RW), 0);
	assert_int_equal(machine_map(m, IOVA + MIB(2), PHYS + KIB(12), PAGE, 2, RW), 0);
	assert_int_equal(machine_map(m, IOVA + MIB(4), PHYS + MIB(2), MIB(2), 1, RW), 0);
	assert_int_equal(machine_map(m, IOVA + GIB(1), PHYS, GIB(1), 1, RW), 0);
	assert_int_equal(phys_of(m, IOVA + MIB(1) + 5), PHYS + MIB(1) + 5);
	assert_int_equal(phys_of(m, IOVA + MIB(2) + PAGE), PHYS + KIB(16));
	assert_int_equal(phys_of(m, IOVA + MIB(5)), PHYS + MIB(3));
	assert_int_equal(phys_of(m, IOVA + GIB(1) + MIB(700)), PHYS + MIB(700));
	/* up to the hole */
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1024), MIB(2) + 2 * PAGE);
	assert_int_equal(machine_unmap_strict(m, IOVA + MIB(4), MIB(2), 1), MIB(2));
	assert_int_equal(machine_unmap_strict(m, IOVA + GIB(1), GIB(1), 1), GIB(1));
}

static void test_mapping_what_is_mapped_stops_there_with_eexist(void **state)
{
	struct machine *m = *state;
	uint64_t mapped = 0;

	assert_int_equal(machine_map(m, IOVA + 2 * PAGE, PHYS, PAGE, 1, RW), 0);
	assert_int_equal(
		m->ops->map_pages(m->sim, m->dom, IOVA, PHYS + MIB(2), PAGE, 4, RW, &mapped),
		-EEXIST);
	assert_int_equal(mapped, 2 * PAGE);
	assert_int_equal(phys_of(m, IOVA + 2 * PAGE), PHYS);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 3), 3 * PAGE);
	assert_int_equal(machine_map(m, IOVA, PHYS, MIB(2), 1, RW), 0);
	assert_int_equal(machine_map(m, IOVA + PAGE, PHYS, PAGE, 1, RW), -EEXIST);
	assert_int_equal(machine_map(m, IOVA, PHYS, GIB(1), 1, RW), -EEXIST);
	assert_int_equal(machine_unmap_strict(m, IOVA, MIB(2), 1), MIB(2));
}

static void test_a_big_page_over_small_ones_is_refused(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA + 7 * PAGE, PHYS, PAGE, 1, RW), 0);
	assert_int_equal(machine_map(m, IOVA, PHYS, MIB(2), 1, RW), -EEXIST);
	assert_int_equal(machine_map(m, IOVA, PHYS, GIB(1), 1, RW), -EEXIST);
	assert_int_equal(phys_of(m, IOVA + 7 * PAGE), PHYS);
	assert_int_equal(machine_unmap_strict(m, IOVA + 7 * PAGE, PAGE, 1), PAGE);
}

static void test_a_big_page_replaces_an_empty_table_after_a_flush(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 512, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 512), MIB(2));
	assert_int_equal(live_tables(m), 4);
	uint64_t before = machine_stats(m).invalidations;

	assert_int_equal(machine_map(m, IOVA, PHYS, MIB(2), 1, RW), 0);
	assert_int_equal(live_tables(m), 3);
	assert_int_equal(machine_stats(m).invalidations, before + 1);
	assert_int_equal(machine_unmap_strict(m, IOVA, MIB(2), 1), MIB(2));
	/* two levels of empty tables beneath */
	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 1, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	assert_int_equal(machine_map(m, IOVA, PHYS, GIB(1), 1, RW), 0);
	assert_int_equal(live_tables(m), 2);
	assert_int_equal(machine_unmap_strict(m, IOVA, GIB(1), 1), GIB(1));
}

static void test_a_table_stays_if_the_flush_that_would_free_it_fails(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 1, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	dmp_sim_fail(m->sim, DMP_SIM_CALL_INVALIDATE, 1, 1, 0);
	assert_int_equal(machine_map(m, IOVA, PHYS, MIB(2), 1, RW), -ETIMEDOUT);
	assert_int_equal(live_tables(m), 4);
	assert_int_equal(dmp_sim_check(m->sim), 0);
	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 1, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
}

static void test_unmap_stops_at_a_hole_and_leaves_what_lies_behind(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 2, RW), 0);
	assert_int_equal(machine_map(m, IOVA + 3 * PAGE, PHYS, PAGE, 1, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, MIB(2), 1), 2 * PAGE);
	assert_int_equal(phys_of(m, IOVA + 3 * PAGE), PHYS);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA + 3 * PAGE, PAGE, 1), PAGE);
}

/*
 *   |------------ 2 MiB page ------------|
 *   ^ from here all of it     ^ from here nothing
 */
static void test_a_big_page_is_never_split(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, MIB(2), 1, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA + PAGE, PAGE, 1), 0);
	assert_int_equal(phys_of(m, IOVA), PHYS);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), MIB(2));
	assert_int_equal(phys_of(m, IOVA + MIB(1)), 1);
}

static void test_tables_beneath_a_big_unmap_go_to_the_gather_and_live_until_freed(void **state)
{
	struct machine *m = *state;
	struct dmp_gather gather = EMPTY_GATHER;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 1024, RW), 0);
	assert_int_equal(live_tables(m), 5);
	assert_int_equal(machine_unmap(m, IOVA, MIB(2), 2, &gather), MIB(4));
	assert_non_null(gather.tables);
	assert_int_equal(live_tables(m), 5);
	assert_int_equal(dmp_sim_check(m->sim), 0);
	assert_int_equal(machine_flush(m, &gather), 0);
	assert_int_equal(live_tables(m), 3);
}

static void test_a_1_gib_unmap_of_2_mib_and_4_kib_pages_frees_both_levels(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, MIB(2), 511, RW), 0);
	assert_int_equal(machine_map(m, IOVA + 511 * MIB(2), PHYS, PAGE, 512, RW), 0);
	assert_int_equal(live_tables(m), 4);
	assert_int_equal(machine_unmap_strict(m, IOVA, GIB(1), 1), GIB(1));
	assert_int_equal(live_tables(m), 2);
}

static void test_unmaps_of_small_pages_keep_their_tables(void **state)
{
	struct machine *m = *state;
	struct dmp_gather gather = EMPTY_GATHER;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 512, RW), 0);
	assert_int_equal(machine_unmap(m, IOVA, PAGE, 512, &gather), MIB(2));
	assert_null(gather.tables);
	assert_int_equal(machine_flush(m, &gather), 0);
	assert_int_equal(live_tables(m), 4);
}

static void test_arguments_that_make_no_sense_are_refused(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, KIB(64), 1, RW), -EINVAL);
	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 0, RW), -EINVAL);
	assert_int_equal(machine_map(m, IOVA + 1, PHYS, PAGE, 1, RW), -EINVAL);
	assert_int_equal(machine_map(m, IOVA, PHYS + PAGE, MIB(2), 1, RW), -EINVAL);
	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 1, 0), -EINVAL);
	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 1, 4), -EINVAL);
	assert_int_equal(machine_map(m, DMP_MASK(48) + 1, PHYS, PAGE, 1, RW), -ERANGE);
	assert_int_equal(machine_map(m, DMP_MASK(48) + 1 - PAGE, PHYS, PAGE, 2, RW), -ERANGE);
	assert_int_equal(machine_map(m, IOVA, PHYS, GIB(1), UINT64_MAX, RW), -ERANGE);
	assert_int_equal(live_tables(m), 1);
}

static void test_a_failed_table_leaves_what_was_mapped_and_says_how_much(void **state)
{
	struct machine *m = *state;
	uint64_t mapped = 0;

	dmp_sim_fail(m->sim, DMP_SIM_CALL_TABLE_ALLOC, 4, 1, 0);
	assert_int_equal(
		m->ops->map_pages(m->sim, m->dom, IOVA + MIB(1), PHYS, PAGE, 512, RW, &mapped),
		-ENOMEM);
	assert_int_equal(mapped, MIB(1));
	assert_int_equal(machine_unmap_strict(m, IOVA + MIB(1), PAGE, 512), MIB(1));
}

/* Armed far in the future, the injector counts how often a table was asked for. */
#define FAR 1000

static uint64_t tables_asked_for(struct machine *m)
{
	struct sim_injector *injector = &m->sim->injector;

	dmp_lock_acquire(&injector->lock);
	uint64_t asked = FAR - 1 - injector->kind[DMP_SIM_CALL_TABLE_ALLOC].skip;

	dmp_lock_release(&injector->lock);
	return asked;
}

static void *map_second_page(void *arg)
{
	return machine_map(arg, IOVA + PAGE, PHYS + PAGE, PAGE, 1, RW) ? arg : NULL;
}

/*
 *   other thread   sees no table ...... makes one ... installs: too late ... uses this one
 *   this thread         the table of its own page goes in ^
 *
 * The memory's lock holds the other thread where it makes its table.
 */
static void test_who_installs_a_table_too_late_goes_on_with_the_winners(void **state)
{
	struct machine *m = *state;
	struct sim_domain *dom = m->dom;
	sim_pte *slot;
	pthread_t thread;
	void *failed;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 1, RW), 0);
	slot = sim_table_at(&m->sim->mem, dom->root);
	slot = sim_table_at(&m->sim->mem, load_acquire(&slot[0]) & PTE_PHYS_MASK);
	slot = sim_table_at(&m->sim->mem, load_acquire(&slot[5]) & PTE_PHYS_MASK);
	uint64_t table = xchg_acq_rel(&slot[0], 0);

	dmp_sim_fail(m->sim, DMP_SIM_CALL_TABLE_ALLOC, FAR, 1, 0);
	dmp_lock_acquire(&m->sim->mem.lock);
	int err = pthread_create(&thread, NULL, map_second_page, m);

	while (!err && !tables_asked_for(m))
		sched_yield();
	store_release(&slot[0], table);
	dmp_lock_release(&m->sim->mem.lock);
	assert_int_equal(err, 0);
	assert_int_equal(pthread_join(thread, &failed), 0);
	dmp_sim_fail(m->sim, DMP_SIM_CALL_TABLE_ALLOC, 0, 0, 0);
	assert_null(failed);
	assert_int_equal(machine_stats(m).tables_freed, 1);
	assert_int_equal(live_tables(m), 4);
	assert_int_equal(phys_of(m, IOVA), PHYS);
	assert_int_equal(phys_of(m, IOVA + PAGE), PHYS + PAGE);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 2), 2 * PAGE);
}

/* Each thread maps every second page of the same 64 MiB. */
struct half {
	struct machine *m;
	unsigned odd;
	unsigned nfailed;
};

static void *map_half(void *arg)
{
	struct half *half = arg;
	struct machine *m = half->m;

	for (uint64_t i = half->odd; i < MIB(64) / PAGE; i += 2) {
		uint64_t mapped;

		if (m->ops->map_pages(m->sim, m->dom, IOVA + i * PAGE, PHYS + i * PAGE, PAGE, 1, RW,
				      &mapped))
			half->nfailed++;
	}
	return NULL;
}

static void test_two_threads_map_pages_of_the_same_tables(void **state)
{
	struct machine *m = *state;
	struct half half[2] = {{m, 0, 0}, {m, 1, 0}};
	pthread_t thread[2];

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, map_half, &half[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(half[0].nfailed + half[1].nfailed, 0);
	assert_int_equal(live_tables(m), 3 + 32);
	for (uint64_t i = 0; i < MIB(64) / PAGE; i++)
		assert_int_equal(phys_of(m, IOVA + i * PAGE), PHYS + i * PAGE);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, MIB(64) / PAGE), MIB(64));
}

static void test_the_check_finds_a_malformed_entry(void **state)
{
	struct machine *m = *state;
	struct sim_domain *dom = m->dom;
	sim_pte *root = sim_table_at(&m->sim->mem, dom->root);

	store_release(&root[9], GIB(9) | PTE_PRESENT);
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
		TEST(test_what_was_mapped_leads_to_its_memory_and_nothing_else_does),
		TEST(test_a_run_goes_on_in_the_next_table),
		TEST(test_pages_of_all_sizes_stand_beside_each_other),
		TEST(test_mapping_what_is_mapped_stops_there_with_eexist),
		TEST(test_a_big_page_over_small_ones_is_refused),
		TEST(test_a_big_page_replaces_an_empty_table_after_a_flush),
		TEST(test_a_table_stays_if_the_flush_that_would_free_it_fails),
		TEST(test_unmap_stops_at_a_hole_and_leaves_what_lies_behind),
		TEST(test_a_big_page_is_never_split),
		TEST(test_tables_beneath_a_big_unmap_go_to_the_gather_and_live_until_freed),
		TEST(test_a_1_gib_unmap_of_2_mib_and_4_kib_pages_frees_both_levels),
		TEST(test_unmaps_of_small_pages_keep_their_tables),
		TEST(test_arguments_that_make_no_sense_are_refused),
		TEST(test_a_failed_table_leaves_what_was_mapped_and_says_how_much),
		TEST(test_who_installs_a_table_too_late_goes_on_with_the_winners),
		TEST(test_two_threads_map_pages_of_the_same_tables),
		TEST(test_the_check_finds_a_malformed_entry),
		TEST(test_the_check_finds_a_table_that_nobody_points_to),
	};

	return cmocka_run_group_tests_name("sim_pgtable", tests, NULL, NULL);
}
