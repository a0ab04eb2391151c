// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_warm.c - proves that the policy of lib/swiotlb/swiotlb_warm.c takes the lowest slots
 */
#include "swiotlb_rig.h"

/*
 *   linux   0 1 2 3 ...      warm   0 0 0 0 ...
 */
static void test_an_empty_pool_hands_out_the_same_slots_again(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up_policy(&rig, 512, 1, &dmp_swiotlb_policy_warm);
	for (int i = 0; i < 1000; i++) {
		phys = swiotlb_rig_map(&rig, NULL, RIG_ORIG, 4096);
		assert_int_equal(phys, RIG_POOL);
		swiotlb_rig_unmap(&rig, phys);
	}
	assert_int_equal(swiotlb_rig_area(&rig, 0).index, 2);
	swiotlb_rig_down(&rig);
}

/*
 *   0 1 2-3 4-6 7          2-3 released, and 0
 *   a . b b c c c d        one slot: 0.  two: 2
 */
static void test_the_lowest_place_that_fits_is_taken(void **state)
{
	dmp_phys_t a, b;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up_policy(&rig, 512, 1, &dmp_swiotlb_policy_warm);
	a = swiotlb_rig_map(&rig, NULL, RIG_ORIG, SLOT);
	b = swiotlb_rig_map(&rig, NULL, RIG_ORIG, 2 * SLOT);
	assert_int_equal(b, RIG_POOL + 2 * SLOT);
	assert_int_equal(swiotlb_rig_slot(&rig, NULL, RIG_ORIG, 3 * SLOT), 4);
	assert_int_equal(swiotlb_rig_slot(&rig, NULL, RIG_ORIG, SLOT), 1);
	assert_int_equal(swiotlb_rig_slot(&rig, NULL, RIG_ORIG, SLOT), 7);
	swiotlb_rig_unmap(&rig, b);
	swiotlb_rig_unmap(&rig, a);
	assert_int_equal(swiotlb_rig_slot(&rig, NULL, RIG_ORIG, 2 * SLOT), 2);
	assert_int_equal(swiotlb_rig_slot(&rig, NULL, RIG_ORIG, SLOT), 0);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_pool_hands_out_the_same_slots_again),
		cmocka_unit_test(test_the_lowest_place_that_fits_is_taken),
	};

	return cmocka_run_group_tests_name("swiotlb_warm", tests, NULL, NULL);
}
