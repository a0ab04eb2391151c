// SPDX-License-Identifier: MIT
/*
 * test_sim_tlb.c - proves B1, B2 and [BEGIN] of sim/sim_tlb.c, and its pages of any size
 */
#include "test_sim_machine.h"

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

	sim_tlb_drop(c->m->sim, &c->tlb, &pages, &pages);
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
	sim_tlb_drop(c.m->sim, &c.tlb, &block, &asked);
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

int main(void)
{
#define TEST(name) cmocka_unit_test(name)
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
	};

	return cmocka_run_group_tests_name("sim_tlb", tests, NULL, NULL);
}
