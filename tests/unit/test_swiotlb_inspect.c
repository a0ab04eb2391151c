// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_inspect.c - proves what the views of lib/swiotlb/swiotlb_inspect.c show
 */
#include "growth_rig.h"

/* Slots 0 .. 9, 10 .. 19 and 20 .. 29 of 512 are in use. */
static void three_mappings(struct swiotlb_rig *rig)
{
	swiotlb_rig_up(rig, 512, 1);
	for (int i = 0; i < 3; i++)
		swiotlb_rig_map(rig, NULL, RIG_ORIG, 10 * SLOT);
}

static void test_views_are_of_what_there_is(void **state)
{
	struct dmp_swiotlb_mapping_view mapping;
	struct dmp_swiotlb_pool_view pool;
	struct dmp_swiotlb_area_view area;
	struct swiotlb_rig rig;
	bool used = false;

	(void)state;
	three_mappings(&rig);
	assert_int_equal(dmp_swiotlb_inspect_pool(rig.tlb, 0, &pool), 0);
	assert_int_equal(pool.slots, 512);
	assert_int_equal(pool.used, 30);
	assert_int_equal(pool.kind, DMP_SWIOTLB_POOL_FIRST);
	assert_int_equal(dmp_swiotlb_inspect_pool(rig.tlb, 1, &pool), -ENOENT);
	assert_int_equal(dmp_swiotlb_inspect_area(rig.tlb, 0, 0, &area), 0);
	assert_int_equal(area.used, 30);
	assert_int_equal(dmp_swiotlb_inspect_area(rig.tlb, 0, 1, &area), -ENOENT);
	assert_int_equal(dmp_swiotlb_inspect_area(rig.tlb, 1, 0, &area), -ENOENT);
	assert_int_equal(dmp_swiotlb_inspect_slot(rig.tlb, 0, 29, &used), 0);
	assert_true(used);
	assert_int_equal(dmp_swiotlb_inspect_slot(rig.tlb, 0, 30, &used), 0);
	assert_false(used);
	assert_int_equal(dmp_swiotlb_inspect_slot(rig.tlb, 0, 512, &used), -ENOENT);
	assert_int_equal(dmp_swiotlb_inspect_mapping(rig.tlb, RIG_POOL + 15 * SLOT, &mapping), 0);
	assert_int_equal(mapping.first, 10);
	assert_int_equal(mapping.phys, RIG_POOL + 10 * SLOT);
	assert_int_equal(mapping.len, 10 * SLOT);
	assert_int_equal(dmp_swiotlb_inspect_mapping(rig.tlb, RIG_POOL + 30 * SLOT, &mapping),
			 -ENOENT);
	assert_int_equal(dmp_swiotlb_inspect_mapping(rig.tlb, RIG_ORIG, &mapping), -ENOENT);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_views_of_nothing_are_refused(void **state)
{
	struct dmp_swiotlb_mapping_view mapping;
	struct dmp_swiotlb_pool_view pool;
	struct dmp_swiotlb_area_view area;
	struct swiotlb_rig rig;
	bool used;

	(void)state;
	three_mappings(&rig);
	assert_int_equal(dmp_swiotlb_inspect_pool(NULL, 0, &pool), -EINVAL);
	assert_int_equal(dmp_swiotlb_inspect_pool(rig.tlb, 0, NULL), -EINVAL);
	assert_int_equal(dmp_swiotlb_inspect_area(NULL, 0, 0, &area), -EINVAL);
	assert_int_equal(dmp_swiotlb_inspect_area(rig.tlb, 0, 0, NULL), -EINVAL);
	assert_int_equal(dmp_swiotlb_inspect_slot(NULL, 0, 0, &used), -EINVAL);
	assert_int_equal(dmp_swiotlb_inspect_slot(rig.tlb, 0, 0, NULL), -EINVAL);
	assert_int_equal(dmp_swiotlb_inspect_mapping(NULL, RIG_POOL, &mapping), -EINVAL);
	assert_int_equal(dmp_swiotlb_inspect_mapping(rig.tlb, RIG_POOL, NULL), -EINVAL);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* Two areas: 3 and 5 slots at most, but never 8 at once. */
static void test_peaks_are_of_each_area_and_a_pool_has_their_sum(void **state)
{
	struct dmp_swiotlb_pool_view pool;
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 512, 2);
	phys = swiotlb_rig_map(&rig, NULL, RIG_ORIG, 3 * SLOT);
	swiotlb_rig_unmap(&rig, phys);
	dmp_harness_become(1);
	phys = swiotlb_rig_map(&rig, NULL, RIG_ORIG, 5 * SLOT);
	assert_int_equal(swiotlb_rig_area(&rig, 0).peak, 3);
	assert_int_equal(swiotlb_rig_area(&rig, 1).peak, 5);
	assert_int_equal(dmp_swiotlb_inspect_pool(rig.tlb, 0, &pool), 0);
	assert_int_equal(pool.peak, 8);
	assert_int_equal(swiotlb_rig_stats(&rig).high_water, 5);
	swiotlb_rig_unmap(&rig, phys);
	dmp_swiotlb_reset_high_water(rig.tlb);
	swiotlb_rig_unmap(&rig, swiotlb_rig_map(&rig, NULL, RIG_ORIG, SLOT));
	assert_int_equal(swiotlb_rig_area(&rig, 0).peak, 0);
	assert_int_equal(swiotlb_rig_area(&rig, 1).peak, 1);
	swiotlb_rig_down(&rig);
}

static void test_the_longest_run_is_of_each_area(void **state)
{
	struct swiotlb_rig rig;
	uint64_t longest = 0;

	(void)state;
	swiotlb_rig_up(&rig, 512, 4);
	swiotlb_rig_map(&rig, NULL, RIG_ORIG, 100 * SLOT);
	dmp_harness_become(3);
	swiotlb_rig_map(&rig, NULL, RIG_ORIG, 128 * SLOT);
	assert_int_equal(swiotlb_rig_area(&rig, 0).longest_run, 28);
	assert_int_equal(swiotlb_rig_area(&rig, 1).longest_run, 128);
	assert_int_equal(swiotlb_rig_area(&rig, 3).longest_run, 0);
	assert_int_equal(dmp_swiotlb_longest_run(rig.tlb, &longest), 0);
	assert_int_equal(longest, 128);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* The first pool, a transient one and a grown one; the transient one goes. */
static void test_pools_are_met_in_the_order_of_their_numbers(void **state)
{
	struct dmp_swiotlb_pool_view pool;
	struct swiotlb_rig rig;
	unsigned number = 9;
	dmp_phys_t phys;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	phys = growth_rig_map(&rig, NULL, 1);
	growth_rig_work(&rig, 1);
	assert_int_equal(dmp_swiotlb_next_pool(rig.tlb, 0, &number), 0);
	assert_int_equal(number, 0);
	assert_int_equal(dmp_swiotlb_next_pool(rig.tlb, 1, &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(dmp_swiotlb_inspect_pool(rig.tlb, 1, &pool), 0);
	assert_int_equal(pool.kind, DMP_SWIOTLB_POOL_TRANSIENT);
	swiotlb_rig_unmap(&rig, phys);
	assert_int_equal(dmp_swiotlb_inspect_pool(rig.tlb, 1, &pool), -ENOENT);
	assert_int_equal(dmp_swiotlb_next_pool(rig.tlb, 1, &number), 0);
	assert_int_equal(number, 2);
	assert_int_equal(dmp_swiotlb_next_pool(rig.tlb, 3, &number), -ENOENT);
	assert_int_equal(number, 2);
	assert_int_equal(dmp_swiotlb_next_pool(NULL, 0, &number), -EINVAL);
	assert_int_equal(dmp_swiotlb_next_pool(rig.tlb, 0, NULL), -EINVAL);
	growth_rig_down(&rig);
}

static void test_an_allocator_says_its_name(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 1024, 1);
	assert_string_equal(dmp_swiotlb_name(rig.tlb), "default");
	assert_int_equal(dmp_swiotlb_carve(rig.tlb, &DMP_SWIOTLB_CARVE_OPTS(.name = "nic"), &child),
			 0);
	assert_string_equal(dmp_swiotlb_name(child), "nic");
	assert_null(dmp_swiotlb_name(NULL));
	assert_int_equal(dmp_swiotlb_destroy(child), 0);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_views_are_of_what_there_is),
		cmocka_unit_test(test_views_of_nothing_are_refused),
		cmocka_unit_test(test_peaks_are_of_each_area_and_a_pool_has_their_sum),
		cmocka_unit_test(test_the_longest_run_is_of_each_area),
		cmocka_unit_test(test_pools_are_met_in_the_order_of_their_numbers),
		cmocka_unit_test(test_an_allocator_says_its_name),
	};

	return cmocka_run_group_tests_name("swiotlb_inspect", tests, NULL, NULL);
}
