// SPDX-License-Identifier: MIT
/*
 * test_sim_walk_cache.c - proves what sim/sim_iotlb.c says of walk caches: shorter walks, and
 * nothing of a table that went
 */
#include "test_sim_machine.h"

#define IOVA GIB(2)

static int read_at(struct machine *m, dmp_iova_t iova)
{
	unsigned char byte;

	return dmp_sim_agent_read(m->agent, iova, &byte, 1);
}

static int setup_walk_caches(void **state)
{
	struct machine *m = machine_create(
		&DMP_SIM_OPTS(.iotlb_sets = 1, .iotlb_ways = 1, .walk_entries = {2, 2, 1, 1}));

	machine_add_all(m);
	*state = m;
	return 0;
}

/* Entries read by the walk of one access. */
static uint64_t levels_of(struct machine *m, dmp_iova_t iova)
{
	uint64_t before = machine_stats(m).walk_levels;

	assert_int_equal(read_at(m, iova), 0);
	return machine_stats(m).walk_levels - before;
}

/*
 *   IOVA, IOVA + 4 KiB   one table of level 1
 *   IOVA + 2 MiB         another, in the same table of level 2
 *   IOVA + 1 GiB         another of level 2, in the same one of level 3
 */
static void test_a_walk_begins_at_the_lowest_table_that_is_remembered(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	static const dmp_iova_t at[] = {IOVA, IOVA + PAGE, IOVA + MIB(2), IOVA + GIB(1)};
	static const uint64_t levels[] = {4, 1, 2, 3};

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(machine_map(m, at[i], phys, PAGE, 1, RW), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(levels_of(m, at[i]), levels[i]);
	assert_int_equal(machine_stats(m).walks, 4);
	assert_int_equal(machine_stats(m).walk_cache_hits, 3);
	assert_int_equal(machine_stats(m).walk_cache_evictions, 1);
	/* level 1 of IOVA made room, its level 2 did not */
	assert_int_equal(levels_of(m, IOVA), 2);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_an_invalidation_of_leaves_leaves_the_walk_caches_alone(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(levels_of(m, IOVA), 4);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA, PAGE, true), 0);
	assert_int_equal(levels_of(m, IOVA), 1);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA, PAGE, false), 0);
	assert_int_equal(levels_of(m, IOVA), 4);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(levels_of(m, IOVA), 1); /* no table went: that was of leaves, too */
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_the_flush_of_a_gather_with_tables_is_not_of_leaves_only(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 9, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 512, RW), 0);
	assert_int_equal(levels_of(m, IOVA), 4);
	assert_int_equal(machine_unmap_strict(m, IOVA, MIB(2), 1), MIB(2));
	assert_int_equal(machine_stats(m).walk_cache_invalidated, 3);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(levels_of(m, IOVA), 4);
	m->ops->mem_free(m->sim, phys, 9);
}

/* The driver's mistake: tables are gone, leaves were invalidated. */
static void test_a_table_that_is_remembered_after_it_went_shows_as_stale(void **state)
{
	struct machine *m = *state;
	struct dmp_gather gather = EMPTY_GATHER;
	dmp_phys_t phys = machine_ram(m, 9, NULL), table;
	uint64_t *entry;
	void *buf;

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 512, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(machine_unmap(m, IOVA, MIB(2), 1, &gather), MIB(2));
	assert_non_null(gather.tables);
	table = (dmp_phys_t)((unsigned char *)gather.tables - m->sim->mem.ram);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA, MIB(2), true), 0);
	assert_int_equal(read_at(m, IOVA), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_NOT_PRESENT);
	/* what comes to lie in the page looks like an entry */
	assert_int_equal(machine_map(m, IOVA + GIB(1), phys, PAGE, 1, RW), 0);
	assert_int_equal(m->ops->phys_to_buf(m->sim, table, PAGE, &buf), 0);
	entry = buf;
	entry[0] = sim_leaf_encode(&m->sim->format, 1, 0, phys, RW);
	assert_int_equal(read_at(m, IOVA), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_STALE);
	entry[0] = 0;
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA, MIB(2), false), 0);
	assert_int_equal(machine_flush(m, &gather), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA + GIB(1), PAGE, 1), PAGE);
	m->ops->mem_free(m->sim, phys, 9);
}

/* What a device does beside an invalidation, or the other way round. */
static void (*beside_a_drop)(void);
static void (*beside_a_walk)(void);
static struct machine *machine_beside;

void __real_sim_tlb_drop(struct dmp_sim *sim, struct sim_tlb *tlb, const struct sim_drop *drop);
void __wrap_sim_tlb_drop(struct dmp_sim *sim, struct sim_tlb *tlb, const struct sim_drop *drop);
bool __real_sim_walk_from(const struct dmp_sim *sim, const struct sim_step *first, dmp_iova_t iova,
			  struct sim_walk *walk);
bool __wrap_sim_walk_from(const struct dmp_sim *sim, const struct sim_step *first, dmp_iova_t iova,
			  struct sim_walk *walk);

void __wrap_sim_tlb_drop(struct dmp_sim *sim, struct sim_tlb *tlb, const struct sim_drop *drop)
{
	__real_sim_tlb_drop(sim, tlb, drop);
	if (beside_a_drop)
		beside_a_drop();
}

bool __wrap_sim_walk_from(const struct dmp_sim *sim, const struct sim_step *first, dmp_iova_t iova,
			  struct sim_walk *walk)
{
	if (beside_a_walk)
		beside_a_walk();
	return __real_sim_walk_from(sim, first, iova, walk);
}

static bool is_remembered(struct machine *m, unsigned level)
{
	struct sim_tlb_entry entry;

	return sim_tlb_find(&m->sim->units[0].walk[level - 1], m->sim->domains->id,
			    IOVA >> DMP_PAGE_SHIFT, &entry);
}

/* An invalidation that was counted before the walk began finds the table only now. */
static void drop_level_1(void)
{
	struct machine *m = machine_beside;
	struct sim_tlb *tlb = &m->sim->units[0].walk[0];
	struct sim_pages all = {.id = m->sim->domains->id, .last = UINT64_MAX};
	uint64_t counted = load_relaxed(&tlb->invalidated);

	__real_sim_tlb_drop(m->sim, tlb, &(struct sim_drop){all, all, NULL});
	store_relaxed(&tlb->invalidated, counted);
}

static void test_a_table_that_a_walk_was_given_by_a_cache_is_not_stored_again(void **state)
{
	struct machine *m = machine_beside = *state;
	dmp_phys_t phys = machine_ram(m, 1, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 2, RW), 0);
	assert_int_equal(levels_of(m, IOVA), 4);
	assert_true(is_remembered(m, 1));
	beside_a_walk = drop_level_1;
	assert_int_equal(levels_of(m, IOVA + PAGE), 1);
	beside_a_walk = NULL;
	assert_false(is_remembered(m, 1));
	m->ops->mem_free(m->sim, phys, 1);
}

static void access_page(void)
{
	assert_int_equal(read_at(machine_beside, IOVA), -EFAULT);
}

/* A page of 1 GiB takes the place of empty tables of two levels, between each two drops of
 * which the device looks for its page. */
static void test_what_is_walked_during_an_invalidation_is_gone_after_it(void **state)
{
	struct machine *m = machine_beside = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	assert_true(is_remembered(m, 1) && is_remembered(m, 2));
	beside_a_drop = access_page;
	assert_int_equal(machine_map(m, IOVA, GIB(1), GIB(1), 1, RW), 0);
	beside_a_drop = NULL;
	assert_false(is_remembered(m, 1) || is_remembered(m, 2));
	assert_int_equal(machine_unmap_strict(m, IOVA, GIB(1), 1), GIB(1));
	m->ops->mem_free(m->sim, phys, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_walk_caches, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_walk_begins_at_the_lowest_table_that_is_remembered),
		TEST(test_an_invalidation_of_leaves_leaves_the_walk_caches_alone),
		TEST(test_the_flush_of_a_gather_with_tables_is_not_of_leaves_only),
		TEST(test_a_table_that_is_remembered_after_it_went_shows_as_stale),
		TEST(test_a_table_that_a_walk_was_given_by_a_cache_is_not_stored_again),
		TEST(test_what_is_walked_during_an_invalidation_is_gone_after_it),
	};

	return cmocka_run_group_tests_name("sim_walk_cache", tests, NULL, NULL);
}
