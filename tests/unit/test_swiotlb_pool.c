// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_pool.c - proves how lib/swiotlb/swiotlb_pool.c builds a pool and picks an area
 */
#include "swiotlb_rig.h"

static int create(struct swiotlb_rig *rig, uint64_t slots, uint64_t areas, uint32_t flags)
{
	return dmp_swiotlb_create(rig->hw.hw,
				  &DMP_SWIOTLB_OPTS(.slots = slots, .areas = areas, .flags = flags),
				  &rig->tlb);
}

static void test_the_memory_is_below_4_gib_unless_anywhere_will_do(void **state)
{
	struct dmp_swiotlb_pool_view view;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_begin(&rig);
	assert_int_equal(create(&rig, 512, 1, 0), 0);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MEM_ALLOC)->zone, DMP_ZONE_DMA32);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MEM_ALLOC)->flags, DMP_MEM_MAY_BLOCK);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MEM_ALLOC)->npages, 8); /* the order */
	assert_int_equal(dmp_swiotlb_inspect_pool(rig.tlb, 0, &view), 0);
	assert_int_equal(view.phys, DOUBLE_PHYS_DMA32);
	assert_int_equal(dmp_swiotlb_destroy(rig.tlb), 0);
	assert_int_equal(create(&rig, 512, 1, DMP_SWIOTLB_ANY), 0);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MEM_ALLOC)->zone, DMP_ZONE_ANY);
	swiotlb_rig_down(&rig);
}

static void test_the_memory_is_cleared(void **state)
{
	struct swiotlb_rig rig;
	unsigned char *bytes;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	bytes = swiotlb_rig_bytes(&rig, RIG_POOL, 512 * SLOT);
	for (uint64_t i = 0; i < 512 * SLOT; i++)
		assert_int_equal(bytes[i], 0);
	swiotlb_rig_down(&rig);
}

/* The window has 8 MiB, 4096 slots: 32768 are halved three times, areas follow. */
static void test_half_is_tried_while_the_machine_has_no_such_block(void **state)
{
	struct dmp_swiotlb_pool_view view;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_begin(&rig);
	assert_int_equal(create(&rig, 0, 64, 0), 0);
	assert_int_equal(double_count(rig.hw.d, DOUBLE_MEM_ALLOC), 4);
	assert_int_equal(dmp_swiotlb_inspect_pool(rig.tlb, 0, &view), 0);
	assert_int_equal(view.slots, 4096);
	assert_int_equal(view.areas, 32);
	assert_int_equal(view.area_slots, 128);
	swiotlb_rig_down(&rig);
}

static void test_nothing_below_512_slots_is_tried(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_begin(&rig);
	double_script(rig.hw.d, DOUBLE_MEM_ALLOC,
		      &(struct double_reply){
			      .nth = 1, .count = 100, .replace_ret = true, .ret = -ENOMEM});
	assert_int_equal(create(&rig, 2048, 1, 0), -ENOMEM);
	assert_null(rig.tlb);
	assert_int_equal(double_count(rig.hw.d, DOUBLE_MEM_ALLOC), 3);
	swiotlb_rig_down(&rig);
}

static void test_another_error_of_the_machine_is_passed_on(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_begin(&rig);
	double_fail(rig.hw.d, DOUBLE_MEM_ALLOC, 1, -ETIMEDOUT);
	assert_int_equal(create(&rig, 2048, 1, 0), -ETIMEDOUT);
	double_fail(rig.hw.d, DOUBLE_PHYS_TO_BUF, 1, -EFAULT);
	assert_int_equal(create(&rig, 2048, 1, 0), -EFAULT);
	assert_null(rig.tlb);
	swiotlb_rig_down(&rig);
}

/* The area at which the next map of the calling CPU ends. */
static uint64_t area_of_next(struct swiotlb_rig *rig, unsigned cpu)
{
	assert_int_equal(dmp_harness_become(cpu), 0);
	return swiotlb_rig_slot(rig, NULL, RIG_ORIG, 100 * SLOT) / rig->tlb->pools->area_slots;
}

/* cpu 5 of four areas: 1, then 2, 3, 0. */
static void test_areas_are_tried_from_the_cpus_own_one_on(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 4);
	assert_int_equal(area_of_next(&rig, 5), 1);
	assert_int_equal(swiotlb_rig_area(&rig, 1).index, 100);
	assert_int_equal(swiotlb_rig_area(&rig, 2).index, 0);
	assert_int_equal(area_of_next(&rig, 5), 2);
	assert_int_equal(area_of_next(&rig, 5), 3);
	assert_int_equal(area_of_next(&rig, 5), 0);
	swiotlb_rig_unmap_all(&rig);
	assert_int_equal(area_of_next(&rig, 2), 2);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_without_a_count_there_is_an_area_for_each_cpu(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 1024, 0);
	assert_int_equal(swiotlb_rig_stats(&rig).areas, 8);
	swiotlb_rig_down(&rig);
}

static void test_a_pool_owns_its_bytes_and_no_others(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	assert_false(dmp_swiotlb_owns(rig.tlb, RIG_POOL - 1));
	assert_true(dmp_swiotlb_owns(rig.tlb, RIG_POOL));
	assert_true(dmp_swiotlb_owns(rig.tlb, RIG_POOL + 512 * SLOT - 1));
	assert_false(dmp_swiotlb_owns(rig.tlb, RIG_POOL + 512 * SLOT));
	assert_false(dmp_swiotlb_owns(rig.tlb, 0));
	assert_false(dmp_swiotlb_owns(NULL, RIG_POOL));
	swiotlb_rig_down(&rig);
}

static void assert_pool(struct swiotlb_rig *rig, uint64_t slots, uint64_t areas,
			uint64_t built_slots, uint64_t built_areas)
{
	swiotlb_rig_up(rig, slots, areas);
	assert_int_equal(swiotlb_rig_stats(rig).slots, built_slots);
	assert_int_equal(swiotlb_rig_stats(rig).areas, built_areas);
	swiotlb_rig_down(rig);
}

/* Odd numbers of slots, of areas, and more areas than slots / 128. */
static void test_what_is_asked_for_is_rounded_up(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	assert_pool(&rig, 1, 1, 128, 1);
	assert_pool(&rig, 700, 1, 1024, 1);
	assert_pool(&rig, 1024, 3, 1024, 4);
	assert_pool(&rig, 128, 5, 1024, 8);
}

static void test_what_every_request_reads_is_apart_from_what_some_write(void **state)
{
	(void)state;
	assert_true(offsetof(struct dmp_swiotlb, usage_lock) >= DMP_CACHE_LINE);
	assert_int_equal(offsetof(struct dmp_swiotlb, usage_lock) % DMP_CACHE_LINE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_memory_is_below_4_gib_unless_anywhere_will_do),
		cmocka_unit_test(test_the_memory_is_cleared),
		cmocka_unit_test(test_half_is_tried_while_the_machine_has_no_such_block),
		cmocka_unit_test(test_nothing_below_512_slots_is_tried),
		cmocka_unit_test(test_another_error_of_the_machine_is_passed_on),
		cmocka_unit_test(test_areas_are_tried_from_the_cpus_own_one_on),
		cmocka_unit_test(test_without_a_count_there_is_an_area_for_each_cpu),
		cmocka_unit_test(test_a_pool_owns_its_bytes_and_no_others),
		cmocka_unit_test(test_what_is_asked_for_is_rounded_up),
		cmocka_unit_test(test_what_every_request_reads_is_apart_from_what_some_write),
	};

	return cmocka_run_group_tests_name("swiotlb_pool", tests, NULL, NULL);
}
