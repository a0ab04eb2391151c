// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_create.c - proves what an allocator of lib/swiotlb/swiotlb_create.c begins with,
 * and what is refused
 */
#include "growth_rig.h"

static int create(struct swiotlb_rig *rig, uint64_t slots, uint64_t areas, uint32_t flags)
{
	return dmp_swiotlb_create(rig->hw.hw,
				  &DMP_SWIOTLB_OPTS(.slots = slots, .areas = areas, .flags = flags),
				  &rig->tlb);
}

/* Slots, areas and what growth asks for; then it is gone. */
static void assert_late(struct swiotlb_rig *rig, uint64_t slots, uint64_t areas, uint64_t built,
			uint64_t built_areas)
{
	struct dmp_swiotlb_stats stats;

	assert_int_equal(create(rig, slots, areas, DMP_SWIOTLB_LATE), 0);
	stats = swiotlb_rig_stats(rig);
	assert_int_equal(stats.slots, built);
	assert_int_equal(stats.areas, built_areas);
	assert_int_equal(stats.grow_slots, 32768);
	assert_int_equal(dmp_swiotlb_destroy(rig->tlb), 0);
	rig->tlb = NULL;
}

/* Rule 3.6. */
static void test_a_late_pool_grows_to_a_power_of_two_with_areas_that_fit(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_begin(&rig);
	assert_late(&rig, 1536, 4, 2048, 4);
	assert_late(&rig, 513, 64, 1024, 8);
	assert_late(&rig, 0, 3, 4096, 4); /* the double has no larger block */
	swiotlb_rig_down(&rig);
}

static void test_no_late_pool_has_1_mib_or_less(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_begin(&rig);
	double_clear(rig.hw.d);
	assert_int_equal(create(&rig, 512, 1, DMP_SWIOTLB_LATE), -ENOMEM);
	assert_int_equal(create(&rig, 1, 1, DMP_SWIOTLB_LATE), -ENOMEM);
	assert_int_equal(double_count(rig.hw.d, DOUBLE_MEM_ALLOC), 0);
	double_script(
		rig.hw.d, DOUBLE_MEM_ALLOC,
		&(struct double_reply){.nth = 1, .count = 9, .replace_ret = true, .ret = -ENOMEM});
	assert_int_equal(create(&rig, 4096, 1, DMP_SWIOTLB_LATE), -ENOMEM);
	assert_int_equal(double_count(rig.hw.d, DOUBLE_MEM_ALLOC), 3); /* 4096, 2048, 1024 */
	assert_null(rig.tlb);
	swiotlb_rig_down(&rig);
}

/* Rule 3.3: what is left of the wish after it was halved. */
static void test_growth_asks_for_what_the_first_pool_got(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_begin(&rig);
	assert_int_equal(create(&rig, 0, 1, DMP_SWIOTLB_GROWS), 0);
	assert_int_equal(swiotlb_rig_stats(&rig).grow_slots, 4096);
	swiotlb_rig_down(&rig);
}

static void test_an_allocator_says_whether_its_devices_must_bounce(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	assert_false(dmp_swiotlb_forces_bounce(rig.tlb));
	assert_false(dmp_swiotlb_is_restricted(rig.tlb));
	assert_false(dmp_swiotlb_forces_bounce(NULL));
	assert_false(dmp_swiotlb_is_restricted(NULL));
	assert_int_equal(dmp_swiotlb_destroy(rig.tlb), 0);
	assert_int_equal(create(&rig, 128, 1, DMP_SWIOTLB_FORCE_BOUNCE), 0);
	assert_true(dmp_swiotlb_forces_bounce(rig.tlb));
	assert_false(dmp_swiotlb_is_restricted(rig.tlb));
	swiotlb_rig_down(&rig);
}

/* 300 slots: two segments and a part of one. */
static void test_a_restricted_pool_has_one_area_and_the_slots_of_its_range(void **state)
{
	struct dmp_swiotlb_pool_view pool;
	struct swiotlb_rig rig;
	uint64_t i;

	(void)state;
	swiotlb_rig_begin(&rig);
	memset(swiotlb_rig_bytes(&rig, RIG_POOL + 0x1000, 300 * SLOT), 0x77, 300 * SLOT);
	assert_int_equal(
		dmp_swiotlb_create_restricted(rig.hw.hw, RIG_POOL + 0x1000, 300 * SLOT, &rig.tlb),
		0);
	assert_string_equal(double_trace(rig.hw.d), "make_shared");
	for (i = 0; i < 300 * SLOT; i++)
		assert_int_equal(*swiotlb_rig_bytes(&rig, RIG_POOL + 0x1000 + i, 1), 0);
	pool = growth_rig_pool(&rig, 0);
	assert_int_equal(pool.phys, RIG_POOL + 0x1000);
	assert_int_equal(pool.slots, 300);
	assert_int_equal(pool.areas, 1);
	assert_true(dmp_swiotlb_forces_bounce(rig.tlb));
	assert_true(dmp_swiotlb_is_restricted(rig.tlb));
	for (i = 0; i < 300; i++)
		swiotlb_rig_map(&rig, NULL, RIG_ORIG, 1);
	double_clear(rig.hw.d);
	assert_int_equal(growth_rig_try(&rig, NULL, 1), -ENOSPC);
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_GROWS)),
			 -ENOTSUP);
	swiotlb_rig_unmap_all(&rig);
	assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	assert_int_equal(dmp_swiotlb_destroy(rig.tlb), 0);
	rig.tlb = NULL;
	assert_string_equal(double_trace(rig.hw.d), "make_private"); /* not freed */
	swiotlb_rig_down(&rig);
}

static void test_a_range_that_the_machine_does_not_have_is_refused(void **state)
{
	struct dmp_swiotlb *tlb = NULL;
	struct swiotlb_rig rig;
	dmp_phys_t end;

	(void)state;
	swiotlb_rig_begin(&rig);
	end = RIG_POOL + DOUBLE_WINDOW_BYTES;
	assert_int_equal(dmp_swiotlb_create_restricted(rig.hw.hw, 0x200000000, 0x1000, &tlb),
			 -EFAULT);
	assert_int_equal(dmp_swiotlb_create_restricted(rig.hw.hw, end - 0x1000, 0x2000, &tlb),
			 -EFAULT);
	assert_int_equal(dmp_swiotlb_create_restricted(NULL, RIG_POOL, 0x1000, &tlb), -EINVAL);
	assert_int_equal(dmp_swiotlb_create_restricted(rig.hw.hw, RIG_POOL, 0x1000, NULL), -EINVAL);
	assert_int_equal(dmp_swiotlb_create_restricted(rig.hw.hw, RIG_POOL, 0, &tlb), -EINVAL);
	assert_int_equal(dmp_swiotlb_create_restricted(rig.hw.hw, RIG_POOL, 0x800, &tlb), -EINVAL);
	assert_int_equal(dmp_swiotlb_create_restricted(rig.hw.hw, RIG_POOL + 0x800, 0x1000, &tlb),
			 -EINVAL);
	assert_int_equal(
		dmp_swiotlb_create_restricted(rig.hw.hw, RIG_POOL, -UINT64_C(0x1000), &tlb),
		-EINVAL);
	assert_int_equal(dmp_swiotlb_create_restricted(rig.hw.hw, -UINT64_C(0x1000), 0x2000, &tlb),
			 -EINVAL);
	assert_null(tlb);
	swiotlb_rig_down(&rig);
}

static void test_a_range_that_cannot_be_shared_leaves_nothing(void **state)
{
	struct dmp_swiotlb *tlb = NULL;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_begin(&rig);
	double_fail(rig.hw.d, DOUBLE_MAKE_SHARED, 1, -EIO);
	assert_int_equal(dmp_swiotlb_create_restricted(rig.hw.hw, RIG_POOL, 0x1000, &tlb), -EIO);
	assert_null(tlb);
	assert_string_equal(double_trace(rig.hw.d), "make_shared make_private");
	swiotlb_rig_down(&rig);
}

static void test_flags_that_are_not_known_are_refused(void **state)
{
	struct swiotlb_rig rig;
	uint32_t known = DMP_SWIOTLB_ANY | DMP_SWIOTLB_GROWS | DMP_SWIOTLB_LATE |
			 DMP_SWIOTLB_FORCE_BOUNCE | DMP_SWIOTLB_NO_COPY;

	(void)state;
	swiotlb_rig_begin(&rig);
	assert_int_equal(create(&rig, 1024, 1, ~known), -EINVAL);
	assert_int_equal(create(&rig, 1024, 1, known), 0);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_late_pool_grows_to_a_power_of_two_with_areas_that_fit),
		cmocka_unit_test(test_no_late_pool_has_1_mib_or_less),
		cmocka_unit_test(test_growth_asks_for_what_the_first_pool_got),
		cmocka_unit_test(test_an_allocator_says_whether_its_devices_must_bounce),
		cmocka_unit_test(test_a_restricted_pool_has_one_area_and_the_slots_of_its_range),
		cmocka_unit_test(test_a_range_that_the_machine_does_not_have_is_refused),
		cmocka_unit_test(test_a_range_that_cannot_be_shared_leaves_nothing),
		cmocka_unit_test(test_flags_that_are_not_known_are_refused),
	};

	return cmocka_run_group_tests_name("swiotlb_create", tests, NULL, NULL);
}
