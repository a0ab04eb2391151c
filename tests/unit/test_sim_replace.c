// SPDX-License-Identifier: MIT
/*
 * test_sim_replace.c - proves which way makes room under each policy of sim/sim_replace.c
 */
#include "test_sim_machine.h"

#define WAYS 4u

/* One set, full. */
struct full {
	struct sim_tlb tlb;
	struct sim_tlb_set *set;
};

static struct full make_full(uint32_t replace, uint64_t seed)
{
	struct full f;
	struct sim_tlb_shape shape = {.nsets = 1, .nways = WAYS, .replace = replace, .seed = seed};

	assert_int_equal(sim_tlb_create(&f.tlb, TLB_IOTLB, &shape), 0);
	f.set = &f.tlb.sets[0];
	for (uint32_t way = 0; way < WAYS; way++)
		f.set->entries[way].id = way + 1;
	return f;
}

static void touch(struct full *f, uint32_t way)
{
	dmp_lock_acquire(&f->set->lock);
	f->set->turn++;
	sim_replace_touch_locked(&f->tlb, f->set, way);
	dmp_lock_release(&f->set->lock);
}

static uint32_t victim(struct full *f)
{
	dmp_lock_acquire(&f->set->lock);
	uint32_t way = sim_replace_victim_locked(&f->tlb, f->set);

	dmp_lock_release(&f->set->lock);
	return way;
}

static void test_lru_takes_the_way_whose_last_use_lies_furthest_back(void **state)
{
	struct full f = make_full(DMP_SIM_REPLACE_LRU, 0);
	static const uint32_t uses[] = {2, 0, 3, 1, 2, 0};

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		touch(&f, uses[i]);
	assert_int_equal(victim(&f), 3);
	touch(&f, 3);
	assert_int_equal(victim(&f), 1);
	sim_tlb_destroy(&f.tlb);
}

/*
 *            1              uses 0, 1, 2, 3, 0:  the root points right, to 2 or 3;
 *         2     3           3 was the later of these, so 2 goes.  LRU would take 1.
 *        0 1   2 3
 */
static void test_the_tree_takes_the_older_half_of_the_older_half(void **state)
{
	struct full f = make_full(DMP_SIM_REPLACE_TREE, 0);

	(void)state;
	for (uint32_t way = 0; way < WAYS; way++)
		touch(&f, way);
	assert_int_equal(victim(&f), 0);
	touch(&f, 0);
	assert_int_equal(victim(&f), 2);
	touch(&f, 2);
	assert_int_equal(victim(&f), 1);
	sim_tlb_destroy(&f.tlb);
}

static void test_random_repeats_with_its_seed_and_takes_every_way(void **state)
{
	struct full f = make_full(DMP_SIM_REPLACE_RANDOM, 5);
	struct full same = make_full(DMP_SIM_REPLACE_RANDOM, 5);
	struct full other = make_full(DMP_SIM_REPLACE_RANDOM, 6);
	unsigned taken = 0, nunlike = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		uint32_t way = victim(&f);

		assert_true(way < WAYS);
		assert_int_equal(way, victim(&same));
		nunlike += way != victim(&other);
		taken |= 1u << way;
	}
	assert_int_equal(taken, 15);
	assert_true(nunlike > 0);
	sim_tlb_destroy(&f.tlb);
	sim_tlb_destroy(&same.tlb);
	sim_tlb_destroy(&other.tlb);
}

static void test_an_empty_way_is_taken_first(void **state)
{
	(void)state;
	for (uint32_t replace = DMP_SIM_REPLACE_LRU; replace <= DMP_SIM_REPLACE_RANDOM; replace++) {
		struct full f = make_full(replace, 0);

		f.set->entries[2].id = 0;
		touch(&f, 2);
		assert_int_equal(victim(&f), 2);
		sim_tlb_destroy(&f.tlb);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lru_takes_the_way_whose_last_use_lies_furthest_back),
		cmocka_unit_test(test_the_tree_takes_the_older_half_of_the_older_half),
		cmocka_unit_test(test_random_repeats_with_its_seed_and_takes_every_way),
		cmocka_unit_test(test_an_empty_way_is_taken_first),
	};

	return cmocka_run_group_tests_name("sim_replace", tests, NULL, NULL);
}
