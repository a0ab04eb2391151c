// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_slot.c - proves S1-S3 of lib/swiotlb/swiotlb_slot.c, and where runs may begin
 *
 * The pool begins at a page, and its device address is its address, so slot numbers and device
 * slots have the same alignment.
 */
#include "swiotlb_rig.h"

static const struct dmp_swiotlb_limits *const none = NULL;

/* Two slots of a page of 4 KiB: a pair at an odd slot would cross. */
static void test_no_run_crosses_the_boundary(void **state)
{
	const struct dmp_swiotlb_limits page = DMP_SWIOTLB_LIMITS(.boundary_mask = 0xfff);
	const struct dmp_swiotlb_limits half =
		DMP_SWIOTLB_LIMITS(.boundary_mask = 0x1fff, .addr_offset = SLOT);
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	assert_int_equal(swiotlb_rig_slot(&rig, none, RIG_ORIG, 1), 0);
	assert_int_equal(swiotlb_rig_slot(&rig, &page, RIG_ORIG, 2049), 2);
	assert_int_equal(swiotlb_rig_slot(&rig, &page, RIG_ORIG, 1), 4);
	/* The device sees slot 3 where a boundary of four slots is. */
	assert_int_equal(swiotlb_rig_slot(&rig, &half, RIG_ORIG, 3 * 1365 - 1), 5);
	assert_int_equal(swiotlb_rig_slot(&rig, &half, RIG_ORIG, 2049), 7);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* min-align 4 KiB - 1, orig at 0xa34 of its page: the slot of the data has bit 11 set. */
static void test_data_agrees_with_the_original_in_the_min_align_bits(void **state)
{
	const struct dmp_swiotlb_limits plain = DMP_SWIOTLB_LIMITS(.min_align_mask = 0xfff);
	const struct dmp_swiotlb_limits whole =
		DMP_SWIOTLB_LIMITS(.min_align_mask = 0xfff, .alloc_align_mask = 0xfff);
	struct dmp_swiotlb_mapping_view m;
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	phys = swiotlb_rig_map(&rig, &plain, RIG_ORIG + 0x30a34, 5000);
	assert_int_equal(phys, RIG_POOL + 0xa34);
	phys = swiotlb_rig_map(&rig, &whole, RIG_ORIG + 0x30a34, 5000);
	assert_int_equal(phys, RIG_POOL + 0x2a34);
	assert_int_equal(dmp_swiotlb_inspect_mapping(rig.tlb, phys, &m), 0);
	assert_int_equal(m.first, 4);
	assert_int_equal(m.pad, 1);
	assert_int_equal(m.slots, 4);
	assert_int_equal(m.orig, RIG_ORIG + 0x30a34);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* Its min-align bits are clear, so from slot 1 on the next place is at 64 KiB. */
static void test_address_0_is_an_original_like_any_other(void **state)
{
	const struct dmp_swiotlb_limits limits = DMP_SWIOTLB_LIMITS(.min_align_mask = 0xffff);
	struct swiotlb_mapping m;
	struct swiotlb_request req;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	assert_int_equal(swiotlb_rig_slot(&rig, none, RIG_ORIG, 1), 0);
	assert_int_equal(swiotlb_request_make(&req, &limits, 0, 100), 0);
	assert_int_equal(swiotlb_pool_claim(rig.tlb, &req, 0, &m), 0);
	assert_int_equal(m.first, 32);
	assert_int_equal(m.orig, 0);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* Every slot of a mapping leads to it, its neighbours to themselves. */
static void test_a_mapping_is_found_from_each_of_its_slots(void **state)
{
	const struct dmp_swiotlb_limits limits =
		DMP_SWIOTLB_LIMITS(.min_align_mask = 0xffff, .alloc_align_mask = 0xffff);
	struct swiotlb_mapping m;
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	phys = swiotlb_rig_map(&rig, &limits, RIG_ORIG + 0xf800, 100000);
	assert_int_equal(phys, RIG_POOL + 0xf800);
	for (uint64_t slot = 0; slot < 96; slot++) {
		assert_true(swiotlb_slot_find(rig.tlb->pools, slot, &m));
		assert_int_equal(m.first, 0);
		assert_int_equal(m.pad, 31);
		assert_int_equal(m.nslots, 96);
		assert_int_equal(m.phys, phys);
		assert_int_equal(m.end, RIG_POOL + 96 * SLOT);
	}
	assert_false(swiotlb_slot_find(rig.tlb->pools, 96, &m));
	assert_false(swiotlb_slot_find(rig.tlb->pools, 128, &m));
	assert_int_equal(swiotlb_rig_slot(&rig, none, RIG_ORIG, 1), 96);
	assert_true(swiotlb_slot_find(rig.tlb->pools, 96, &m));
	assert_int_equal(m.first, 96);
	swiotlb_rig_unmap_all(&rig);
	assert_false(swiotlb_slot_find(rig.tlb->pools, 0, &m));
	swiotlb_rig_down(&rig);
}

static void test_released_slots_merge_with_their_neighbours(void **state)
{
	dmp_phys_t phys[512];
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	for (int i = 0; i < 512; i++)
		phys[i] = swiotlb_rig_map(&rig, none, RIG_ORIG, SLOT);
	for (int i = 199; i >= 140; i -= 2)
		swiotlb_rig_unmap(&rig, phys[i]);
	for (int i = 140; i < 200; i += 2)
		swiotlb_rig_unmap(&rig, phys[i]);
	assert_int_equal(swiotlb_rig_slot(&rig, none, RIG_ORIG, 60 * SLOT), 140);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_a_mapping_is_released_once(void **state)
{
	struct swiotlb_mapping m;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	swiotlb_rig_map(&rig, none, RIG_ORIG, 3 * SLOT);
	assert_true(swiotlb_slot_find(rig.tlb->pools, 0, &m));
	assert_int_equal(swiotlb_slot_release(&m), 0);
	assert_int_equal(swiotlb_slot_release(&m), -ENOENT);
	assert_int_equal(swiotlb_rig_area(&rig, 0).used, 0);
	/* Somebody else's mapping at the same place is not this one. */
	swiotlb_area_at(rig.tlb->pools, 0)->slots.index = 0;
	assert_int_equal(swiotlb_rig_slot(&rig, none, RIG_ORIG, 4 * SLOT), m.first);
	assert_int_equal(swiotlb_slot_release(&m), -ENOENT);
	assert_int_equal(swiotlb_rig_area(&rig, 0).used, 4);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_an_area_with_too_few_slots_is_passed_without_moving_its_index(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys = 1;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	for (int i = 0; i < 4; i++)
		swiotlb_rig_map(&rig, none, RIG_ORIG, 120 * SLOT);
	assert_int_equal(swiotlb_rig_area(&rig, 0).index, 504);
	assert_int_equal(dmp_swiotlb_map(rig.tlb, none, RIG_ORIG, 40 * SLOT, DMP_TO_DEVICE,
					 DMP_ATTR_NO_WARN, &phys),
			 -ENOSPC);
	assert_int_equal(dmp_swiotlb_map(rig.tlb, none, RIG_ORIG, 9 * SLOT, DMP_TO_DEVICE,
					 DMP_ATTR_NO_WARN, &phys),
			 -ENOSPC);
	assert_int_equal(phys, 1);
	assert_int_equal(swiotlb_rig_area(&rig, 0).index, 504);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_run_crosses_the_boundary),
		cmocka_unit_test(test_data_agrees_with_the_original_in_the_min_align_bits),
		cmocka_unit_test(test_address_0_is_an_original_like_any_other),
		cmocka_unit_test(test_a_mapping_is_found_from_each_of_its_slots),
		cmocka_unit_test(test_released_slots_merge_with_their_neighbours),
		cmocka_unit_test(test_a_mapping_is_released_once),
		cmocka_unit_test(
			test_an_area_with_too_few_slots_is_passed_without_moving_its_index),
	};

	return cmocka_run_group_tests_name("swiotlb_slot", tests, NULL, NULL);
}
