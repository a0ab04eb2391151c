// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_round_robin.c - proves that the policy of lib/swiotlb/swiotlb_round_robin.c takes
 * the areas in turn
 */
#include "swiotlb_rig.h"

/* The area of a new mapping of CPU @cpu. */
static uint64_t area_of_next(struct swiotlb_rig *rig, unsigned cpu)
{
	assert_int_equal(dmp_harness_become(cpu), 0);
	return swiotlb_rig_slot(rig, NULL, RIG_ORIG, SLOT) / 128;
}

/* CPU 1 begins at its own area, and its turns are not those of CPU 2. */
static void test_each_cpu_has_turns_of_its_own(void **state)
{
	static const uint64_t of_1[] = {1, 2, 3, 0, 1, 2}, of_2[] = {2, 3, 0};
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up_policy(&rig, 512, 4, &dmp_swiotlb_policy_round_robin);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(area_of_next(&rig, 1), of_1[i]);
		if (i < 3)
			assert_int_equal(area_of_next(&rig, 2), of_2[i]);
	}
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* Area 1 is full: its turns go to area 2. */
static void test_a_full_area_passes_its_turn_on(void **state)
{
	static const uint64_t areas[] = {0, 2, 2, 3, 0};
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up_policy(&rig, 512, 4, &dmp_swiotlb_policy_round_robin);
	assert_int_equal(dmp_harness_become(1), 0);
	assert_int_equal(swiotlb_rig_slot(&rig, NULL, RIG_ORIG, 128 * SLOT), 128);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(area_of_next(&rig, 0), areas[i]);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* No memory for its turns: always where linux begins. */
static void test_a_cpu_without_a_count_begins_at_its_own_area(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up_policy(&rig, 512, 4, &dmp_swiotlb_policy_round_robin);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 1, UINT64_MAX), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(area_of_next(&rig, 3), 3);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 0, 0), 0);
	assert_int_equal(area_of_next(&rig, 3), 3);
	assert_int_equal(area_of_next(&rig, 3), 0);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* The places in an area are those of linux: next fit. */
static void test_an_area_is_searched_as_by_linux(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up_policy(&rig, 512, 1, &dmp_swiotlb_policy_round_robin);
	for (uint64_t i = 0; i < 512; i++) {
		phys = swiotlb_rig_map(&rig, NULL, RIG_ORIG, SLOT);
		assert_int_equal(phys, RIG_POOL + i * SLOT);
		swiotlb_rig_unmap(&rig, phys);
	}
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_cpu_has_turns_of_its_own),
		cmocka_unit_test(test_a_full_area_passes_its_turn_on),
		cmocka_unit_test(test_a_cpu_without_a_count_begins_at_its_own_area),
		cmocka_unit_test(test_an_area_is_searched_as_by_linux),
	};

	return cmocka_run_group_tests_name("swiotlb_round_robin", tests, NULL, NULL);
}
