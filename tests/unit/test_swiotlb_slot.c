// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_slot.c - proves S1-S3 of lib/swiotlb/swiotlb_slot.c, and where runs are found
 *
 * The pool begins at a page, and its device address is its address, so slot numbers and device
 * slots have the same alignment.
 */
#include "swiotlb_rig.h"

static const struct dmp_swiotlb_limits *const none = NULL;

/*
 * Sizes in order: below a page at the next slot, from a page on at the next page:
 *
 *   0 1 2 3-4 5-6 . 8-9 10-12 . 14-16        index 17
 */
static void test_a_search_goes_on_where_the_latest_ended(void **state)
{
	static const uint64_t sizes[] = {1, 2047, 2048, 2049, 4095, 4096, 4097, 6143};
	static const uint64_t slots[] = {0, 1, 2, 3, 5, 8, 10, 14};
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_int_equal(swiotlb_rig_slot(&rig, none, RIG_ORIG, sizes[i]), slots[i]);
	assert_int_equal(swiotlb_rig_area(&rig, 0).index, 17);
	assert_int_equal(swiotlb_rig_area(&rig, 0).used, 15);
	swiotlb_rig_unmap_all(&rig);
	assert_int_equal(swiotlb_rig_area(&rig, 0).index, 17);
	swiotlb_rig_down(&rig);
}

/*
 *   segment 0           segment 1            segment 2
 *   0 ... 93 | 94-126 . | 128-191 ...        | 256-383
 *              33         64                   128
 */
static void test_no_run_crosses_a_segment(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	assert_int_equal(swiotlb_rig_slot(&rig, none, RIG_ORIG, 94 * SLOT), 0);
	assert_int_equal(swiotlb_rig_slot(&rig, none, RIG_ORIG, 65537), 94);
	assert_int_equal(swiotlb_rig_slot(&rig, none, RIG_ORIG, 131072), 128);
	assert_int_equal(swiotlb_rig_slot(&rig, none, RIG_ORIG, 262143), 256);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_a_search_wraps_to_the_start_of_its_area(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t low;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	low = swiotlb_rig_map(&rig, none, RIG_ORIG, 128 * SLOT);
	for (int i = 0; i < 3; i++)
		swiotlb_rig_map(&rig, none, RIG_ORIG, 128 * SLOT);
	assert_int_equal(swiotlb_rig_area(&rig, 0).index, 0);
	swiotlb_rig_unmap(&rig, low);
	assert_int_equal(swiotlb_rig_slot(&rig, none, RIG_ORIG, 100 * SLOT), 0);
	assert_int_equal(swiotlb_rig_slot(&rig, none, RIG_ORIG, 27 * SLOT), 100);
	assert_int_equal(swiotlb_rig_slot(&rig, none, RIG_ORIG, 1), 127);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* A pool of 512 slots in use but for 32 from @hole on, and a search from @index for units of
 * 64 KiB: the slot that it finds, or -1. */
static long search_hole(const struct dmp_swiotlb_limits *limits, dmp_phys_t orig, uint64_t hole,
			uint64_t index)
{
	dmp_phys_t slots[512], phys = 0;
	struct swiotlb_rig rig;
	int err;

	swiotlb_rig_up(&rig, 512, 1);
	for (int i = 0; i < 512; i++)
		slots[i] = swiotlb_rig_map(&rig, none, RIG_ORIG, 1);
	for (uint64_t i = hole; i < hole + 32; i++)
		swiotlb_rig_unmap(&rig, slots[i]);
	rig.tlb->pools->areas[0].index = index;
	err = dmp_swiotlb_map(rig.tlb, limits, orig, 1, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &phys);
	assert_true(err == 0 || err == -ENOSPC);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
	return err ? -1 : (long)((phys - RIG_POOL) / SLOT);
}

/*
 * The last step of a tour leaves the area and counts in full, so the tour ends as many slots
 * before its starting point.  Runs may begin at slots
 *
 *   1 modulo 32, steps of 32     the last is 481, its step ends at 513: one slot is lost
 *   32 modulo 64, steps of 33    480, 513: one
 *   0 modulo 64, steps of 33     448, 481, then one by one: none
 */
static void test_a_tour_can_end_before_its_starting_point(void **state)
{
	const struct dmp_swiotlb_limits odd =
		DMP_SWIOTLB_LIMITS(.alloc_align_mask = 0xffff, .addr_offset = 31 * SLOT);
	const struct dmp_swiotlb_limits wide =
		DMP_SWIOTLB_LIMITS(.alloc_align_mask = 0xffff, .min_align_mask = 0x1ffff);

	(void)state;
	assert_int_equal(search_hole(&odd, RIG_ORIG, 65, 66), -1);
	assert_int_equal(search_hole(&odd, RIG_ORIG, 65, 67), 65);
	assert_int_equal(search_hole(&wide, RIG_ORIG + 0x10000, 32, 33), -1);
	assert_int_equal(search_hole(&wide, RIG_ORIG + 0x10000, 32, 34), 32);
	assert_int_equal(search_hole(&wide, RIG_ORIG, 64, 65), 64);
	assert_int_equal(search_hole(&wide, RIG_ORIG, 64, 490), 64);
}

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
	rig.tlb->pools->areas[0].index = 0;
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
		cmocka_unit_test(test_a_search_goes_on_where_the_latest_ended),
		cmocka_unit_test(test_no_run_crosses_a_segment),
		cmocka_unit_test(test_a_search_wraps_to_the_start_of_its_area),
		cmocka_unit_test(test_a_tour_can_end_before_its_starting_point),
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
