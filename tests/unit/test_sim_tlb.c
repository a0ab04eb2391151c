// SPDX-License-Identifier: MIT
/*
 * test_sim_tlb.c - proves B1, B2 and [BEGIN] of sim/sim_tlb.c, its pages of any size, and [MARK] of
 * sim/sim_reach.c: what a fill does beside an unmap
 */
#include "test_sim_reach_rig.h"

/* A cache beside those of the machine, which only lends its counters. */
struct cache {
	struct machine *m;
	struct sim_tlb tlb;
};

static struct cache make(uint32_t nsets, uint32_t nways)
{
	struct cache c = {.m = machine_create(NULL)};

	assert_int_equal(sim_tlb_create(&c.tlb, TLB_DEVICE,
					&(struct sim_tlb_shape){.nsets = nsets,
								.nways = nways,
								.replace = DMP_SIM_REPLACE_LRU}),
			 0);
	return c;
}

/* B2: what is there is what the counters say. */
static uint64_t count(struct cache *c)
{
	uint64_t nentries = 0;

	assert_int_equal(sim_tlb_check(&c->tlb, &nentries), 0);
	assert_int_equal(nentries,
			 sim_count_sum(c->m->sim, sim_tlb_counter(&c->tlb, TLB_FILLS)) -
				 sim_count_sum(c->m->sim, sim_tlb_counter(&c->tlb, TLB_EVICTIONS)) -
				 sim_count_sum(c->m->sim, sim_tlb_counter(&c->tlb, TLB_DROPPED)));
	return nentries;
}

static void drop(struct cache *c, uint64_t id, uint64_t first, uint64_t last)
{
	struct sim_pages pages = {id, first, last};

	sim_tlb_drop(c->m->sim, &c->tlb, &(struct sim_drop){pages, pages, NULL});
}

static void destroy(struct cache *c)
{
	count(c);
	drop(c, 0, 0, UINT64_MAX);
	assert_int_equal(count(c), 0);
	sim_tlb_destroy(&c->tlb);
	machine_destroy(c->m);
}

static void fill(struct cache *c, uint64_t id, uint64_t page, uint32_t order)
{
	struct sim_tlb_entry entry = {
		.id = id, .page = page, .order = order, .phys = page << 13, .prot = RW};

	sim_tlb_fill(c->m->sim, &c->tlb, &entry, sim_tlb_begin(&c->tlb));
}

static bool finds(struct cache *c, uint64_t id, uint64_t page)
{
	struct sim_tlb_entry entry;

	return sim_tlb_find(&c->tlb, id, page, &entry);
}

static void test_what_was_filled_is_found_by_domain_and_page(void **state)
{
	struct cache c = make(16, 4);
	struct sim_tlb_entry entry;

	(void)state;
	fill(&c, 1, 100, 0);
	assert_true(sim_tlb_find(&c.tlb, 1, 100, &entry));
	assert_int_equal(entry.phys, 100 << 13);
	assert_int_equal(entry.prot, RW);
	assert_false(finds(&c, 1, 101));
	assert_false(finds(&c, 2, 100));
	fill(&c, 1, 100, 0);
	assert_int_equal(count(&c), 1);
	destroy(&c);
}

/*
 *   pages   0 ... 512         519 ...  1023 1024        an entry of 2^9 pages, one of 2^0 in it
 *                [=======|=|==============]
 */
static void test_one_entry_holds_all_pages_of_its_size(void **state)
{
	struct cache c = make(16, 4);
	struct sim_tlb_entry entry;

	(void)state;
	fill(&c, 1, 512, 9);
	assert_true(finds(&c, 1, 512));
	assert_true(finds(&c, 1, 1023));
	assert_false(finds(&c, 1, 511));
	assert_false(finds(&c, 1, 1024));
	fill(&c, 1, 519, 0);
	assert_true(sim_tlb_find(&c.tlb, 1, 519, &entry));
	assert_int_equal(entry.order, 0);
	assert_true(sim_tlb_find(&c.tlb, 1, 520, &entry));
	assert_int_equal(entry.order, 9);
	assert_int_equal(count(&c), 2);
	destroy(&c);
}

static void test_a_drop_takes_every_entry_with_a_page_in_its_range(void **state)
{
	struct cache c = make(16, 4);
	static const struct {
		uint64_t first, last;
		bool small_stays, big_stays;
	} drops[] = {{511, 511, true, true},    {1024, 1100, true, true},
		     {1023, 1023, true, false}, {519, 519, false, false},
		     {520, 600, true, false},   {0, 518, true, false},
		     {500, 511, true, true},    {0, 1000, false, false},
		     {518, 520, false, false},  {0, UINT64_MAX, false, false}};

	(void)state;
	for (unsigned i = 0; i < sizeof(drops) / sizeof(drops[0]); i++) {
		drop(&c, 1, 0, UINT64_MAX);
		fill(&c, 1, 512, 9);
		fill(&c, 1, 519, 0);
		fill(&c, 2, 519, 0);
		drop(&c, 1, drops[i].first, drops[i].last);
		assert_int_equal(count(&c), 1 + drops[i].small_stays + drops[i].big_stays);
		assert_int_equal(finds(&c, 1, 600), drops[i].big_stays);
		assert_true(finds(&c, 2, 519));
	}
	destroy(&c);
}

static void test_a_drop_of_domain_0_takes_those_of_all(void **state)
{
	struct cache c = make(16, 4);

	(void)state;
	for (uint64_t id = 1; id < 10; id++)
		fill(&c, id, 7, 0);
	drop(&c, 0, 8, 9);
	assert_int_equal(count(&c), 9);
	drop(&c, 0, 7, 7);
	assert_int_equal(count(&c), 0);
	destroy(&c);
}

/* [BEGIN]: the fill of a translation that began before an invalidation may be of old tables. */
static void test_a_fill_that_an_invalidation_overtook_is_not_stored(void **state)
{
	struct cache c = make(16, 4);
	struct sim_tlb_entry entry = {.id = 1, .page = 5, .prot = RW};
	uint64_t begun = sim_tlb_begin(&c.tlb);

	(void)state;
	drop(&c, 1, 1000, 1000);
	sim_tlb_fill(c.m->sim, &c.tlb, &entry, begun);
	assert_false(finds(&c, 1, 5));
	sim_tlb_fill(c.m->sim, &c.tlb, &entry, sim_tlb_begin(&c.tlb));
	assert_true(finds(&c, 1, 5));
	destroy(&c);
}

static void test_what_goes_beside_the_pages_asked_for_is_counted(void **state)
{
	struct cache c = make(16, 4);
	struct sim_pages asked = {1, 2, 4}, block = {1, 0, 7};

	(void)state;
	for (uint64_t page = 0; page < 8; page++)
		fill(&c, 1, page, 0);
	sim_tlb_drop(c.m->sim, &c.tlb, &(struct sim_drop){block, asked, NULL});
	assert_int_equal(machine_stats(c.m).over_invalidated_entries, 5);
	assert_int_equal(machine_stats(c.m).devtlb_invalidated, 8);
	destroy(&c);
}

/* 87 sets, as of a walk cache of 348 entries: no power of two. */
static void test_any_number_of_sets_works(void **state)
{
	struct cache c = make(87, 4);

	(void)state;
	for (uint64_t page = 0; page < 348; page++)
		fill(&c, 1, page << 9, 9);
	assert_int_equal(count(&c), 348);
	fill(&c, 1, 348 << 9, 9);
	assert_int_equal(count(&c), 348);
	assert_false(finds(&c, 1, 0));
	drop(&c, 1, 10 << 9, (20 << 9) - 1);
	assert_int_equal(count(&c), 338);
	destroy(&c);
}

static void test_a_cache_without_sets_remembers_nothing(void **state)
{
	struct cache c = make(0, 0);

	(void)state;
	fill(&c, 1, 1, 0);
	assert_false(finds(&c, 1, 1));
	destroy(&c);
}

static void
test_the_check_finds_an_entry_in_the_wrong_set_and_a_tag_that_is_there_twice(void **state)
{
	struct cache c = make(16, 2);
	uint64_t nentries;

	(void)state;
	fill(&c, 1, 3, 0);
	fill(&c, 1, 19, 0);
	for (unsigned i = 0; i < 32; i++)
		c.tlb.store[i].page ^= 1;
	assert_int_equal(sim_tlb_check(&c.tlb, &nentries), -EIO);
	for (unsigned i = 0; i < 32; i++)
		c.tlb.store[i].page ^= 1;
	assert_int_equal(sim_tlb_check(&c.tlb, &nentries), 0);
	for (unsigned i = 0; i < 32; i++)
		if (c.tlb.store[i].page == 19)
			c.tlb.store[i].page = 3;
	assert_int_equal(sim_tlb_check(&c.tlb, &nentries), -EIO);
	for (unsigned i = 31; i > 0; i--)
		if (c.tlb.store[i].id && c.tlb.store[i].page == 3) {
			c.tlb.store[i].page = 19;
			break;
		}
	destroy(&c);
}

/* Walks that race with an unmap. */

static void store(struct reach_rig *rig, dmp_phys_t phys, uint64_t begun, uint64_t nunmaps)
{
	struct dmp_sim *sim = rig->m->sim;
	struct sim_domain *dom = rig->m->dom;

	sim_tlb_fill_of(sim, &sim->units[0].iotlb, dom,
			&(struct sim_tlb_entry){
				.id = dom->id,
				.page = IOVA >> DMP_PAGE_SHIFT,
				.phys = phys,
				.prot = RW,
			},
			begun, nunmaps);
}

/*
 *   walk: counts, tables                                    stores
 *                           unmap: no entry to mark
 */
static void test_a_walk_that_raced_with_the_unmap_opens_a_window(void **state)
{
	struct reach_rig *rig = *state;
	struct sim_tlb *iotlb = &rig->m->sim->units[0].iotlb;
	dmp_phys_t phys = machine_ram(rig->m, 0, NULL);
	uint64_t begun, nunmaps;

	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 1, RW), 0);
	begun = sim_tlb_begin(iotlb);
	nunmaps = sim_reach_begin(rig->m->dom);
	rig_unmap(rig, IOVA, PAGE, 1);
	assert_int_equal(rig_seen(rig).did.windows, 0);
	dmp_harness_advance(5);
	store(rig, phys, begun, nunmaps);
	assert_int_equal(rig_seen(rig).did.open, 1);
	dmp_harness_advance(7);
	rig_flush(rig);
	assert_int_equal(rig->told.window.opened_ns, 5);
	assert_int_equal(rig->told.window.iova, IOVA);
	assert_int_equal(rig_seen(rig).did.ns.max, 7);
	rig_free(rig, phys, 0);
}

static void test_a_walk_beside_the_unmap_of_another_page_opens_none(void **state)
{
	struct reach_rig *rig = *state;
	struct sim_tlb *iotlb = &rig->m->sim->units[0].iotlb;
	dmp_phys_t phys = machine_ram(rig->m, 1, NULL);
	uint64_t begun, nunmaps;

	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 2, RW), 0);
	begun = sim_tlb_begin(iotlb);
	nunmaps = sim_reach_begin(rig->m->dom);
	rig_unmap(rig, IOVA + PAGE, PAGE, 1);
	store(rig, phys, begun, nunmaps);
	assert_int_equal(rig_seen(rig).did.windows, 0);
	rig_unmap(rig, IOVA, PAGE, 1);
	assert_int_equal(rig_seen(rig).did.windows, 1);
	rig_free(rig, phys, 1);
}

static void test_a_second_fill_of_the_same_translation_changes_nothing(void **state)
{
	struct reach_rig *rig = *state;
	struct sim_tlb *iotlb = &rig->m->sim->units[0].iotlb;
	uint64_t begun = sim_tlb_begin(iotlb), nunmaps = sim_reach_begin(rig->m->dom);
	dmp_phys_t phys = rig_leave_open(rig, IOVA);

	dmp_harness_advance(5);
	store(rig, phys, begun, nunmaps);
	assert_int_equal(rig_seen(rig).did.open, 1);
	assert_int_equal(rig_seen(rig).did.windows, 1);
	assert_int_equal(rig->told.nended, 0);
	assert_int_equal(dmp_sim_check(rig->m->sim), 0);
	rig_free(rig, phys, 0);
}

static void test_a_fill_of_another_translation_takes_its_place(void **state)
{
	struct reach_rig *rig = *state;
	struct sim_tlb *iotlb = &rig->m->sim->units[0].iotlb;
	dmp_phys_t phys = rig_leave_open(rig, IOVA), other = machine_ram(rig->m, 0, NULL);

	assert_int_equal(machine_map(rig->m, IOVA, other, PAGE, 1, RW), 0);
	store(rig, other, sim_tlb_begin(iotlb), sim_reach_begin(rig->m->dom));
	assert_int_equal(rig_seen(rig).did.open, 0);
	assert_int_equal(rig->told.window.end, DMP_EXPOSURE_EVICTED);
	assert_int_equal(rig_read(rig, IOVA), 0);
	machine_unmap_strict(rig->m, IOVA, PAGE, 1);
	rig_free(rig, phys, 0);
	rig_free(rig, other, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test(name)
#define IN(name)   cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_what_was_filled_is_found_by_domain_and_page),
		TEST(test_one_entry_holds_all_pages_of_its_size),
		TEST(test_a_drop_takes_every_entry_with_a_page_in_its_range),
		TEST(test_a_drop_of_domain_0_takes_those_of_all),
		TEST(test_a_fill_that_an_invalidation_overtook_is_not_stored),
		TEST(test_what_goes_beside_the_pages_asked_for_is_counted),
		TEST(test_any_number_of_sets_works),
		TEST(test_a_cache_without_sets_remembers_nothing),
		TEST(test_the_check_finds_an_entry_in_the_wrong_set_and_a_tag_that_is_there_twice),
		IN(test_a_walk_that_raced_with_the_unmap_opens_a_window),
		IN(test_a_walk_beside_the_unmap_of_another_page_opens_none),
		IN(test_a_second_fill_of_the_same_translation_changes_nothing),
		IN(test_a_fill_of_another_translation_takes_its_place),
	};

	return cmocka_run_group_tests_name("sim_tlb", tests, NULL, NULL);
}
