// SPDX-License-Identifier: MIT
/*
 * test_sim_unmap.c - proves sim/sim_unmap.c: what unmap answers, and which tables go with it
 */
#include "test_sim_machine.h"

#define IOVA GIB(5)
#define PHYS GIB(6)

static void test_unmap_stops_at_a_hole_and_leaves_what_lies_behind(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 2, RW), 0);
	assert_int_equal(machine_map(m, IOVA + 3 * PAGE, PHYS, PAGE, 1, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, MIB(2), 1), 2 * PAGE);
	assert_int_equal(machine_phys_of(m, IOVA + 3 * PAGE), PHYS);
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
	assert_int_equal(machine_phys_of(m, IOVA), PHYS);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), MIB(2));
	assert_int_equal(machine_phys_of(m, IOVA + MIB(1)), 1);
}

static void test_tables_beneath_a_big_unmap_go_to_the_gather_and_live_until_freed(void **state)
{
	struct machine *m = *state;
	struct dmp_gather gather = EMPTY_GATHER;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 1024, RW), 0);
	assert_int_equal(machine_live_tables(m), 5);
	assert_int_equal(machine_unmap(m, IOVA, MIB(2), 2, &gather), MIB(4));
	assert_non_null(gather.tables);
	assert_int_equal(machine_live_tables(m), 5);
	assert_int_equal(dmp_sim_check(m->sim), 0);
	assert_int_equal(machine_flush(m, &gather), 0);
	assert_int_equal(machine_live_tables(m), 3);
}

static void test_a_1_gib_unmap_of_2_mib_and_4_kib_pages_frees_both_levels(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, PHYS, MIB(2), 511, RW), 0);
	assert_int_equal(machine_map(m, IOVA + 511 * MIB(2), PHYS, PAGE, 512, RW), 0);
	assert_int_equal(machine_live_tables(m), 4);
	assert_int_equal(machine_unmap_strict(m, IOVA, GIB(1), 1), GIB(1));
	assert_int_equal(machine_live_tables(m), 2);
}

static void test_unmaps_of_small_pages_keep_their_tables(void **state)
{
	struct machine *m = *state;

	for (uint64_t npages = 512; npages <= 1024; npages += 512) {
		struct dmp_gather gather = EMPTY_GATHER;

		assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, npages, RW), 0);
		assert_int_equal(machine_unmap(m, IOVA, PAGE, npages, &gather), npages * PAGE);
		assert_null(gather.tables);
		assert_int_equal(machine_flush(m, &gather), 0);
		assert_int_equal(machine_live_tables(m), 3 + npages / 512);
	}
}

/* Pages of several entries: 64 KiB, in each format that has them. */
static void test_a_page_of_many_entries_goes_as_a_whole_or_not_at_all(void **state)
{
	static const char *const formats[] = {"amd-v1", "smmu-4k", "riscv-sv39"};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct machine *m = machine_create(&DMP_SIM_OPTS(.format = formats[i]));

		machine_add_all(m);
		assert_int_equal(machine_map(m, IOVA, PHYS, KIB(64), 2, RW), 0);
		assert_int_equal(machine_map(m, IOVA + KIB(128), PHYS, PAGE, 16, RW), 0);
		assert_int_equal(machine_unmap_strict(m, IOVA + PAGE, PAGE, 1), 0);
		assert_int_equal(machine_unmap_strict(m, IOVA + KIB(32), PAGE, 8), 0);
		assert_int_equal(machine_phys_of(m, IOVA + KIB(63)), PHYS + KIB(63));
		assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 17), KIB(128));
		assert_int_equal(machine_phys_of(m, IOVA + KIB(127)), 1);
		assert_int_equal(machine_unmap_strict(m, IOVA + KIB(128), KIB(64), 1), KIB(64));
		assert_int_equal(machine_stats(m).unmap_pages, 2 + 16);
		machine_destroy(m);
	}
}

/*
 *   | 9 big | small pages | 13 big | hole | 10 big |     in every format, read-only and written
 */
static void test_lines_of_big_pages_end_at_tables_and_holes(void **state)
{
	const char *name;

	(void)state;
	for (unsigned i = 0; (name = dmp_sim_format_name(i)); i++) {
		struct machine *m = machine_create(&DMP_SIM_OPTS(.format = name));
		uint64_t big = sim_level_span(&m->sim->format, 2), small = big;
		dmp_iova_t iova = 32 * big;

		while (!(m->sim->format.page_sizes & small) || small == big)
			small >>= 1;
		machine_add_all(m);
		assert_int_equal(machine_map(m, iova, 0, big, 9, DMP_PROT_READ), 0);
		assert_int_equal(machine_map(m, iova + 9 * big, 0, small, big / small, RW), 0);
		assert_int_equal(machine_map(m, iova + 10 * big, 0, big, 13, DMP_PROT_WRITE), 0);
		assert_int_equal(machine_map(m, iova + 24 * big, 0, big, 10, RW), 0);
		assert_int_equal(machine_unmap_strict(m, iova, big, 34), 23 * big);
		assert_int_equal(machine_live_tables(m), m->sim->format.levels - 1);
		assert_int_equal(machine_phys_of(m, iova + 22 * big), 1);
		assert_int_equal(machine_phys_of(m, iova + 24 * big), 0);
		assert_int_equal(
			machine_unmap_strict(m, iova + 24 * big + small, small, 9 * big / small),
			0);
		assert_int_equal(machine_unmap_strict(m, iova + 24 * big, big, 9), 9 * big);
		assert_int_equal(machine_phys_of(m, iova + 33 * big), 9 * big);
		assert_int_equal(machine_unmap_strict(m, iova + 33 * big, big, 1), big);
		assert_int_equal(machine_stats(m).unmap_pages, 32 + big / small);
		machine_destroy(m);
	}
}

/* Addresses that tell no size, or one beyond the table, in an entry that says it is a run. */
static void test_a_malformed_run_takes_no_other_entry_with_it(void **state)
{
	static const struct {
		const char *format;
		uint64_t pte;
	} bad[] = {
		{"amd-v1", 0x700ffffffffffe01},     /* no size at all */
		{"amd-v1", 0x700000001ffffe01},     /* 512 MiB */
		{"riscv-sv39", 0x80000000000000d7}, /* no size at all */
		{"riscv-sv39", 0x80000000080000d7}, /* 1 GiB */
		{"riscv-sv39", 0x80000000048d10d7}, /* 32 KiB */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct machine *m = machine_create(&DMP_SIM_OPTS(.format = bad[i].format));
		sim_pte *slot;
		struct sim_walk walk;

		machine_add_all(m);
		assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 512, RW), 0);
		assert_true(sim_walk(m->sim, ((struct sim_domain *)m->dom)->root, IOVA, &walk));
		slot = sim_table_at(&m->sim->mem, walk.step[walk.levels - 1].table);
		store_release(&slot[0], bad[i].pte);
		assert_int_equal(machine_phys_of(m, IOVA), 1);
		assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
		assert_int_equal(machine_phys_of(m, IOVA + PAGE), PHYS + PAGE);
		assert_int_equal(machine_unmap_strict(m, IOVA + PAGE, PAGE, 511), 511 * PAGE);
		machine_destroy(m);
	}
}

/* IOVAs have 57 bits, memory has 52. */
static void test_more_may_be_unmapped_than_memory_has_addresses(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.format = "vtd-57"));

	(void)state;
	machine_add_all(m);
	assert_int_equal(machine_map(m, 0, PHYS, PAGE, 3, RW), 0);
	assert_int_equal(machine_unmap_strict(m, 0, GIB(1), UINT64_C(1) << 26), 3 * PAGE);
	assert_int_equal(machine_map(m, 0, PHYS, PAGE, 3, RW), 0);
	assert_int_equal(machine_unmap_strict(m, 0, GIB(1), (UINT64_C(1) << 27) + 1), 0);
	assert_int_equal(machine_unmap_strict(m, 0, PAGE, 3), 3 * PAGE);
	machine_destroy(m);
}

static void test_tables_that_wait_for_the_flush_are_counted(void **state)
{
	struct machine *m = *state;
	struct dmp_gather gather = EMPTY_GATHER;

	assert_int_equal(machine_map(m, IOVA, PHYS, PAGE, 1024, RW), 0);
	assert_int_equal(machine_stats(m).table_bytes, 5 * PAGE);
	assert_int_equal(machine_unmap(m, IOVA, MIB(2), 2, &gather), MIB(4));
	assert_int_equal(machine_stats(m).tables_waiting, 2);
	assert_int_equal(machine_stats(m).table_bytes, 5 * PAGE);
	assert_int_equal(machine_flush(m, &gather), 0);
	assert_int_equal(machine_stats(m).tables_waiting, 0);
	assert_int_equal(machine_stats(m).table_bytes, 3 * PAGE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_unmap_stops_at_a_hole_and_leaves_what_lies_behind),
		TEST(test_a_big_page_is_never_split),
		TEST(test_tables_beneath_a_big_unmap_go_to_the_gather_and_live_until_freed),
		TEST(test_a_1_gib_unmap_of_2_mib_and_4_kib_pages_frees_both_levels),
		TEST(test_unmaps_of_small_pages_keep_their_tables),
		TEST(test_tables_that_wait_for_the_flush_are_counted),
		cmocka_unit_test(test_a_page_of_many_entries_goes_as_a_whole_or_not_at_all),
		cmocka_unit_test(test_lines_of_big_pages_end_at_tables_and_holes),
		cmocka_unit_test(test_a_malformed_run_takes_no_other_entry_with_it),
		cmocka_unit_test(test_more_may_be_unmapped_than_memory_has_addresses),
	};

	return cmocka_run_group_tests_name("sim_unmap", tests, NULL, NULL);
}
