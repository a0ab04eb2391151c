// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_linux.c - proves the tour of lib/swiotlb/swiotlb_linux.c
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
	swiotlb_area_at(rig.tlb->pools, 0)->slots.index = index;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_search_goes_on_where_the_latest_ended),
		cmocka_unit_test(test_no_run_crosses_a_segment),
		cmocka_unit_test(test_a_search_wraps_to_the_start_of_its_area),
		cmocka_unit_test(test_a_tour_can_end_before_its_starting_point),
	};

	return cmocka_run_group_tests_name("swiotlb_linux", tests, NULL, NULL);
}
