// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_transient.c - proves T1 and T2 of lib/swiotlb/swiotlb_transient.c, and where
 * the memory of a transient pool comes from
 */
#include "growth_rig.h"

static void test_a_full_allocator_makes_a_pool_of_the_slots_that_are_needed(void **state)
{
	struct dmp_swiotlb_pool_view pool;
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	phys = growth_rig_map(&rig, NULL, 100000); /* worked example 14.8 */
	pool = growth_rig_pool(&rig, growth_rig_pool_of(&rig, phys));
	assert_int_equal(phys, GROWTH_NEXT);
	assert_int_equal(pool.slots, 49);
	assert_int_equal(pool.areas, 1);
	assert_int_equal(pool.kind, DMP_SWIOTLB_POOL_TRANSIENT);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MEM_ALLOC)->npages, 5); /* the order */
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MEM_ALLOC)->flags, 0);
	growth_rig_down(&rig);
}

/* Also for a request that the first pool could serve at once. */
static void test_its_memory_is_no_original(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys, other = 7;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	phys = growth_rig_map(&rig, NULL, 2 * SLOT);
	swiotlb_rig_unmap(&rig, GROWTH_FIRST);
	assert_int_equal(dmp_swiotlb_map(rig.tlb, NULL, phys, SLOT, DMP_TO_DEVICE, 0, &other),
			 -EINVAL);
	hw_rig_expect_bug(&rig.hw, "the allocator's own");
	assert_int_equal(other, 7);
	growth_rig_down(&rig);
}

static void test_its_slots_count_until_it_is_unmapped(void **state)
{
	struct dmp_swiotlb_stats stats;
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	phys = growth_rig_map(&rig, NULL, 5 * SLOT);
	stats = swiotlb_rig_stats(&rig);
	assert_int_equal(stats.slots, 128);
	assert_int_equal(stats.transient, 5);
	assert_int_equal(stats.used, 133);
	assert_int_equal(stats.high_water, 133);
	assert_int_equal(dmp_swiotlb_destroy(rig.tlb), -EBUSY);
	swiotlb_rig_unmap(&rig, phys);
	stats = swiotlb_rig_stats(&rig);
	assert_int_equal(stats.transient, 0);
	assert_int_equal(stats.used, 128);
	assert_int_equal(stats.high_water, 133);
	growth_rig_down(&rig);
}

/* A transient one, a release in the first pool, and as many again: the mark stays exact. */
static void test_the_mark_is_exact_with_transient_pools(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	phys = growth_rig_map(&rig, NULL, 3 * SLOT);
	swiotlb_rig_unmap(&rig, GROWTH_FIRST);
	swiotlb_rig_unmap(&rig, phys);
	growth_rig_map(&rig, NULL, 1);
	assert_int_equal(swiotlb_rig_stats(&rig).high_water, 131);
	dmp_swiotlb_reset_high_water(rig.tlb);
	growth_rig_map(&rig, NULL, 4 * SLOT);
	assert_int_equal(swiotlb_rig_stats(&rig).high_water, 132);
	growth_rig_down(&rig);
}

static void test_its_memory_goes_back_after_a_grace_period(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	phys = growth_rig_map(&rig, NULL, 1);
	swiotlb_rig_unmap(&rig, phys);
	assert_false(dmp_swiotlb_owns(rig.tlb, phys));
	assert_int_equal(swiotlb_rig_stats(&rig).waiting, 1);
	assert_int_equal(double_count(rig.hw.d, DOUBLE_MEM_FREE), 0);
	assert_int_equal(dmp_harness_grace_period(), 1);
	assert_int_equal(swiotlb_rig_stats(&rig).waiting, 0);
	assert_int_equal(double_count(rig.hw.d, DOUBLE_MEM_FREE), 1);
	growth_rig_down(&rig);
}

static void test_no_other_request_is_served_from_it(void **state)
{
	const struct dmp_swiotlb_limits pages = DMP_SWIOTLB_LIMITS(.alloc_align_mask = 0xfff);
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	phys = growth_rig_map(&rig, &pages, 1);
	assert_int_not_equal(growth_rig_pool_of(&rig, growth_rig_map(&rig, NULL, 1)),
			     growth_rig_pool_of(&rig, phys));
	assert_int_equal(swiotlb_rig_stats(&rig).transients_made, 2);
	growth_rig_down(&rig);
}

/* The block lies at a page, not at 64 KiB. */
static void test_one_that_does_not_suit_is_gone_at_once(void **state)
{
	const struct dmp_swiotlb_limits wide = DMP_SWIOTLB_LIMITS(.min_align_mask = 0xffff);
	struct swiotlb_rig rig;
	dmp_phys_t phys = 0;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	double_clear(rig.hw.d);
	assert_int_equal(
		dmp_swiotlb_map(rig.tlb, &wide, GROWTH_ORIG + 0x2000, 1, DMP_TO_DEVICE, 0, &phys),
		-ENOSPC);
	assert_string_equal(double_trace(rig.hw.d), "mem_alloc make_shared make_private mem_free");
	assert_int_equal(swiotlb_rig_stats(&rig).waiting, 0);
	assert_int_equal(swiotlb_rig_stats(&rig).transient_failures, 1);
	assert_int_equal(swiotlb_rig_stats(&rig).growth_pending, 1);
	assert_int_equal(growth_rig_pool_of(&rig, growth_rig_map(&rig, NULL, 1)), 1);
	growth_rig_down(&rig);
}

/* transient_limit counts, or else addr_limit; neither is a device address here. */
static void test_its_memory_is_in_reach_of_the_device(void **state)
{
	struct dmp_swiotlb_limits limits = DMP_SWIOTLB_LIMITS(.transient_limit = UINT32_MAX);
	struct swiotlb_rig rig;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	growth_rig_map(&rig, &limits, 1);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MEM_ALLOC)->zone, DMP_ZONE_DMA32);
	limits = DMP_SWIOTLB_LIMITS(.addr_limit = 0xffffff);
	growth_rig_map(&rig, &limits, 1);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MEM_ALLOC)->zone, DMP_ZONE_DMA);
	growth_rig_down(&rig);
}

static void test_a_device_that_needs_shared_memory_gets_coherent_memory(void **state)
{
	struct dmp_swiotlb_limits limits = DMP_SWIOTLB_LIMITS(.flags = DMP_SWIOTLB_NEEDS_SHARED);
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	phys = growth_rig_map(&rig, &limits, 3 * SLOT);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_COHERENT_ALLOC)->len, 3 * SLOT);
	swiotlb_rig_unmap(&rig, phys);
	assert_int_equal(dmp_harness_grace_period(), 1);
	assert_string_equal(double_trace(rig.hw.d), "coherent_alloc coherent_free");
	double_fail(rig.hw.d, DOUBLE_COHERENT_ALLOC, 1, -ENOMEM);
	assert_int_equal(growth_rig_try(&rig, &limits, 1), -ENOSPC);
	limits.transient_limit = 0xfff;
	assert_int_equal(growth_rig_try(&rig, &limits, 1), -ENOSPC);
	growth_rig_down(&rig);
}

/* Pools of odd sizes: 1 slot, 3, and a whole segment. */
static void test_every_policy_serves_them(void **state)
{
	const struct dmp_swiotlb_policy *const policies[] = {
		&dmp_swiotlb_policy_linux, &dmp_swiotlb_policy_lifo, &dmp_swiotlb_policy_warm,
		&dmp_swiotlb_policy_round_robin};
	struct swiotlb_rig rig;

	(void)state;
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128, .policy = policies[i]));
		assert_int_equal(growth_rig_try(&rig, NULL, 1), 0);
		assert_int_equal(growth_rig_try(&rig, NULL, 3 * SLOT), 0);
		assert_int_equal(growth_rig_try(&rig, NULL, 128 * SLOT), 0);
		assert_int_equal(swiotlb_rig_stats(&rig).transient, 132);
		growth_rig_work(&rig, 1);
		assert_int_equal(growth_rig_try(&rig, NULL, 128 * SLOT), 0);
		assert_int_equal(swiotlb_rig_stats(&rig).transient, 132);
		growth_rig_down(&rig);
	}
}

/* Rule 11.2: what the device does not reach after all goes as if it had been unmapped. */
static void test_one_out_of_reach_is_given_back(void **state)
{
	const struct dmp_swiotlb_limits far =
		DMP_SWIOTLB_LIMITS(.addr_limit = 0xffff, .transient_limit = UINT64_MAX);
	struct swiotlb_rig rig;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	assert_int_equal(growth_rig_try(&rig, &far, 1), -ERANGE);
	assert_int_equal(swiotlb_rig_stats(&rig).transient, 0);
	assert_int_equal(swiotlb_rig_stats(&rig).high_water, 129);
	assert_int_equal(swiotlb_rig_stats(&rig).waiting, 1);
	assert_false(dmp_swiotlb_owns(rig.tlb, GROWTH_NEXT));
	growth_rig_down(&rig);
}

/* T1: whoever comes second finds nothing, before the grace period and after it. */
static void test_a_second_unmap_is_told(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	phys = growth_rig_map(&rig, NULL, 1);
	swiotlb_rig_unmap(&rig, phys);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 1, DMP_TO_DEVICE, 0), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "where nothing is mapped");
	dmp_harness_grace_period();
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 1, DMP_TO_DEVICE, 0), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "where nothing is mapped");
	growth_rig_down(&rig);
}

static void test_of_two_releases_one_takes_the_pool_away(void **state)
{
	struct swiotlb_mapping m;
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	phys = growth_rig_map(&rig, NULL, 1);
	assert_int_equal(swiotlb_bounce_find(rig.tlb, phys, &m), 0);
	assert_int_equal(swiotlb_transient_release(&m), 0);
	assert_int_equal(swiotlb_transient_release(&m), -ENOENT);
	assert_int_equal(swiotlb_rig_stats(&rig).waiting, 1);
	growth_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_allocator_makes_a_pool_of_the_slots_that_are_needed),
		cmocka_unit_test(test_its_memory_is_no_original),
		cmocka_unit_test(test_its_slots_count_until_it_is_unmapped),
		cmocka_unit_test(test_the_mark_is_exact_with_transient_pools),
		cmocka_unit_test(test_its_memory_goes_back_after_a_grace_period),
		cmocka_unit_test(test_no_other_request_is_served_from_it),
		cmocka_unit_test(test_one_that_does_not_suit_is_gone_at_once),
		cmocka_unit_test(test_its_memory_is_in_reach_of_the_device),
		cmocka_unit_test(test_a_device_that_needs_shared_memory_gets_coherent_memory),
		cmocka_unit_test(test_every_policy_serves_them),
		cmocka_unit_test(test_one_out_of_reach_is_given_back),
		cmocka_unit_test(test_a_second_unmap_is_told),
		cmocka_unit_test(test_of_two_releases_one_takes_the_pool_away),
	};

	return cmocka_run_group_tests_name("swiotlb_transient", tests, NULL, NULL);
}
