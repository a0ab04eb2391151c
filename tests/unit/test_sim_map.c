// SPDX-License-Identifier: MIT
/*
 * test_sim_map.c - proves sim/sim_map.c: what map answers, and tables installed by two at once
 */
#include "test_sim_machine.h"

#include <pthread.h>
#include <sched.h>

#define IOVA GIB(5)
#define PHYS GIB(6)

static void test_what_was_mapped_leads_to_its_memory_and_nothing_else_does(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 3, RW), 0);
	assert_int_equal(machine_phys_of(m, IOVA), PHYS);
	assert_int_equal(machine_phys_of(m, IOVA + 2 * PAGE + 7), PHYS + 2 * PAGE + 7);
	assert_int_equal(machine_phys_of(m, IOVA + 3 * PAGE), 1);
	assert_int_equal(machine_phys_of(m, IOVA - 1), 1);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 3), 3 * PAGE);
	assert_int_equal(machine_phys_of(m, IOVA), 1);
}

static void test_a_run_goes_on_in_the_next_table(void **state)
{
	struct machine *m = *state;
	dmp_iova_t iova = IOVA + MIB(2) - 2 * PAGE;

	assert_int_equal(machine_map(m, iova, PHYS, PAGE, 516, RW), 0);
	assert_int_equal(machine_phys_of(m, iova + 515 * PAGE), PHYS + 515 * PAGE);
	assert_int_equal(machine_live_tables(m), 1 + 2 + 3);
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
	assert_int_equal(machine_phys_of(m, IOVA + MIB(1) + 5), PHYS + MIB(1) + 5);
	assert_int_equal(machine_phys_of(m, IOVA + MIB(2) + PAGE), PHYS + KIB(16));
	assert_int_equal(machine_phys_of(m, IOVA + MIB(5)), PHYS + MIB(3));
	assert_int_equal(machine_phys_of(m, IOVA + GIB(1) + MIB(700)), PHYS + MIB(700));
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
	assert_int_equal(machine_phys_of(m, IOVA + 2 * PAGE), PHYS);
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
	assert_int_equal(machine_phys_of(m, IOVA + 7 * PAGE), PHYS);
	assert_int_equal(machine_unmap_strict(m, IOVA + 7 * PAGE, PAGE, 1), PAGE);
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
	assert_int_equal(machine_live_tables(m), 1);
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
	slot = sim_table_at(&m->sim->mem, sim_pte_phys(&m->sim->format, load_acquire(&slot[0])));
	slot = sim_table_at(&m->sim->mem, sim_pte_phys(&m->sim->format, load_acquire(&slot[5])));
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
	assert_int_equal(machine_live_tables(m), 4);
	assert_int_equal(machine_phys_of(m, IOVA), PHYS);
	assert_int_equal(machine_phys_of(m, IOVA + PAGE), PHYS + PAGE);
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
	assert_int_equal(machine_live_tables(m), 3 + 32);
	for (uint64_t i = 0; i < MIB(64) / PAGE; i++)
		assert_int_equal(machine_phys_of(m, IOVA + i * PAGE), PHYS + i * PAGE);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, MIB(64) / PAGE), MIB(64));
}

/* A machine with tables of another format. */
static int setup_of(void **state, const char *name)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.format = name));

	machine_add_all(m);
	*state = m;
	return 0;
}

static int setup_amd(void **state)
{
	return setup_of(state, "amd-v1");
}

static int setup_smmu_64k(void **state)
{
	return setup_of(state, "smmu-64k");
}

static int map_list(struct machine *m, dmp_iova_t iova, const struct dmp_phys_run *runs, size_t n,
		    uint64_t *mapped)
{
	return m->ops->map_list(m->sim, m->dom, iova, runs, n, RW, mapped);
}

/* | 4K | 2 pages of 4K | 2M | 4K |   the second of the two begins another table */
static void test_a_list_is_one_call_that_goes_on_in_other_tables(void **state)
{
	struct machine *m = *state;
	const struct dmp_phys_run runs[] = {
		{PHYS, PAGE}, {PHYS + KIB(64), 2 * PAGE + MIB(2)}, {PHYS + GIB(1), PAGE}};
	dmp_iova_t iova = IOVA + MIB(2) - 2 * PAGE;
	uint64_t mapped = 0;

	assert_int_equal(map_list(m, iova, runs, 3, &mapped), 0);
	assert_int_equal(mapped, 4 * PAGE + MIB(2));
	assert_int_equal(machine_phys_of(m, iova), PHYS);
	assert_int_equal(machine_phys_of(m, iova + PAGE), PHYS + KIB(64));
	assert_int_equal(machine_phys_of(m, iova + 2 * PAGE + MIB(1)), PHYS + KIB(68) + MIB(1));
	assert_int_equal(machine_phys_of(m, iova + 3 * PAGE + MIB(2)), PHYS + GIB(1));
	assert_int_equal(machine_stats(m).map_calls, 1);
	assert_int_equal(machine_live_tables(m), 1 + 2 + 3);
	assert_int_equal(machine_unmap_strict(m, iova, PAGE, 4 + 512), mapped);
}

/* | 4K | 4K | 4K | 4K |   the third begins another table; then the last but one is taken */
static void test_scattered_pages_stand_next_door_to_the_end_of_a_table(void **state)
{
	struct machine *m = *state;
	struct dmp_phys_run runs[4];
	dmp_iova_t iova = IOVA + MIB(2) - 2 * PAGE;
	uint64_t mapped = 0;

	for (uint64_t i = 0; i < 4; i++)
		runs[i] = (struct dmp_phys_run){PHYS + i * KIB(64), PAGE};
	assert_int_equal(map_list(m, iova, runs, 4, &mapped), 0);
	assert_int_equal(mapped, 4 * PAGE);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(machine_phys_of(m, iova + i * PAGE), PHYS + i * KIB(64));
	assert_int_equal(machine_stats(m).map_pages, 4);
	assert_int_equal(map_list(m, iova - 2 * PAGE, runs, 4, &mapped), -EEXIST);
	assert_int_equal(mapped, 2 * PAGE);
	assert_int_equal(machine_phys_of(m, iova), PHYS);
	assert_int_equal(machine_unmap_strict(m, iova - 2 * PAGE, PAGE, 6), 6 * PAGE);
}

static void test_a_list_that_cannot_be_touches_nothing(void **state)
{
	struct machine *m = *state;
	const struct dmp_phys_run good = {PHYS, PAGE}, empty = {PHYS, 0}, odd = {PHYS + 1, PAGE};
	const struct dmp_phys_run far = {DMP_MASK(52) + 1, PAGE};
	const struct dmp_phys_run wrong[][2] = {{good, empty}, {good, odd}, {odd, good}};
	uint64_t mapped;

	for (unsigned i = 0; i < 3; i++) {
		mapped = 77;
		assert_int_equal(map_list(m, IOVA, wrong[i], 2, &mapped), -EINVAL);
		assert_int_equal(mapped, 0);
	}
	assert_int_equal(map_list(m, IOVA, &good, 0, &mapped), -EINVAL);
	assert_int_equal(map_list(m, IOVA + 1, &good, 1, &mapped), -EINVAL);
	assert_int_equal(map_list(m, IOVA, (const struct dmp_phys_run[]){good, far}, 2, &mapped),
			 -ERANGE);
	assert_int_equal(map_list(m, DMP_MASK(48) + 1 - PAGE,
				  (const struct dmp_phys_run[]){good, good}, 2, &mapped),
			 -ERANGE);
	assert_int_equal(m->ops->map_list(m->sim, m->dom, IOVA, &good, 1, 0, &mapped), -EINVAL);
	assert_int_equal(machine_live_tables(m), 1);
	assert_int_equal(machine_phys_of(m, IOVA), 1);
}

static void test_a_list_that_fails_says_how_much_it_has_mapped(void **state)
{
	struct machine *m = *state;
	const struct dmp_phys_run runs[] = {
		{PHYS, PAGE}, {PHYS, PAGE}, {PHYS, 3 * PAGE}, {PHYS, PAGE}};
	uint64_t mapped = 0;

	assert_int_equal(machine_map(m, IOVA + 3 * PAGE, PHYS, PAGE, 1, RW), 0);
	assert_int_equal(map_list(m, IOVA, runs, 4, &mapped), -EEXIST);
	assert_int_equal(mapped, 3 * PAGE);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 4), 4 * PAGE);
	dmp_sim_fail(m->sim, DMP_SIM_CALL_MAP_PAGES, 1, 1, -EXDEV);
	assert_int_equal(map_list(m, IOVA, runs, 4, &mapped), -EXDEV);
	assert_int_equal(mapped, 2 * PAGE);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 2), 2 * PAGE);
}

/* A page of 4 MiB is two entries, and behind each an empty table is left. */
static void test_empty_tables_make_room_for_each_entry_of_a_wide_page(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, GIB(4), PHYS, PAGE, 1024, RW), 0);
	assert_int_equal(machine_map(m, GIB(4), PHYS, MIB(4), 1, RW), -EEXIST);
	assert_int_equal(machine_unmap_strict(m, GIB(4), PAGE, 1023), 1023 * PAGE);
	assert_int_equal(machine_map(m, GIB(4), PHYS, MIB(4), 1, RW), -EEXIST);
	assert_int_equal(machine_unmap_strict(m, GIB(4) + 1023 * PAGE, PAGE, 1), PAGE);
	assert_int_equal(machine_map(m, GIB(4), PHYS, MIB(4), 1, RW), 0);
	assert_int_equal(machine_live_tables(m), 3);
	assert_int_equal(machine_phys_of(m, GIB(4) + MIB(3)), PHYS + MIB(3));
	assert_int_equal(machine_unmap_strict(m, GIB(4), PAGE, 1), MIB(4));
}

static void test_tables_are_as_big_as_the_smallest_page_and_are_counted(void **state)
{
	struct machine *m = *state;
	unsigned char *buf;
	dmp_phys_t phys = machine_ram(m, 5, &buf);

	/* what the tables will be made of */
	memset(buf, 0xff, KIB(128));
	m->ops->mem_free(m->sim, phys, 5);
	assert_int_equal(machine_stats(m).table_bytes, KIB(64));
	assert_int_equal(machine_map(m, GIB(4), PHYS, KIB(64), 8192 + 1, RW), 0);
	assert_int_equal(machine_stats(m).table_bytes, 4 * KIB(64));
	assert_int_equal(machine_phys_of(m, GIB(4) + MIB(512)), PHYS + MIB(512));
	assert_int_equal(machine_unmap_strict(m, GIB(4), KIB(64), 8192 + 1), MIB(512) + KIB(64));
	assert_int_equal(machine_map(m, GIB(4), PHYS, PAGE, 1, RW), -EINVAL);
}

/* Formats that no name has: five levels, and three of 16 KiB. */
static void test_a_format_of_ones_own_is_mapped_in_too(void **state)
{
	const struct dmp_sim_format own[] = {
		{.size = sizeof(own[0]),
		 .encoding = DMP_SIM_ENCODING_RISCV,
		 .granule_shift = 12,
		 .levels = 5,
		 .iova_bits = 56,
		 .leaf_levels = 0x1b},
		{.size = sizeof(own[0]),
		 .encoding = DMP_SIM_ENCODING_SMMU,
		 .granule_shift = 14,
		 .levels = 3,
		 .iova_bits = 47,
		 .leaf_levels = 1},
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct machine *m = machine_create(&DMP_SIM_OPTS(.custom_format = &own[i]));
		dmp_iova_t iova = m->sim->format.iova_last + 1 - KIB(32);

		machine_add_all(m);
		assert_int_equal(machine_map(m, iova, PHYS, KIB(4) << 2 * i, 2, RW), 0);
		assert_int_equal(machine_phys_of(m, iova + 5), PHYS + 5);
		assert_int_equal(machine_live_tables(m), own[i].levels);
		assert_int_equal(machine_map(m, iova, PHYS, KIB(4) << 2 * i, 9, RW), -ERANGE);
		assert_int_equal(machine_map(m, 0, PHYS, GIB(1), 1, RW), -EINVAL);
		assert_int_equal(machine_unmap_strict(m, iova, KIB(4) << 2 * i, 2),
				 KIB(8) << 2 * i);
		machine_destroy(m);
	}
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
		TEST(test_arguments_that_make_no_sense_are_refused),
		TEST(test_a_failed_table_leaves_what_was_mapped_and_says_how_much),
		TEST(test_who_installs_a_table_too_late_goes_on_with_the_winners),
		TEST(test_two_threads_map_pages_of_the_same_tables),
		TEST(test_a_list_is_one_call_that_goes_on_in_other_tables),
		TEST(test_scattered_pages_stand_next_door_to_the_end_of_a_table),
		TEST(test_a_list_that_cannot_be_touches_nothing),
		TEST(test_a_list_that_fails_says_how_much_it_has_mapped),
		cmocka_unit_test(test_a_format_of_ones_own_is_mapped_in_too),
		cmocka_unit_test_setup_teardown(
			test_empty_tables_make_room_for_each_entry_of_a_wide_page, setup_amd,
			machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_tables_are_as_big_as_the_smallest_page_and_are_counted, setup_smmu_64k,
			machine_teardown),
	};

	return cmocka_run_group_tests_name("sim_map", tests, NULL, NULL);
}
