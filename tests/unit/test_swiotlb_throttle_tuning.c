// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_throttle_tuning.c - proves what swiotlb_throttle.c says of its thresholds: which
 * there may be, what they are if nobody says, and from when they hold
 */
#include "throttle_rig.h"

static void test_settings_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		uint32_t flags, high, low;
	} bad[] = {
		{DMP_SWIOTLB_THROTTLES, 101, 0},  {DMP_SWIOTLB_THROTTLES, 0, 71},
		{DMP_SWIOTLB_THROTTLES, 50, 51},  {0, UINT32_MAX, 0},
		{DMP_SWIOTLB_THROTTLES, 80, 101}, {64, 0, 0},
	};
	struct dmp_swiotlb_tuning before, after;
	struct dmp_swiotlb *tlb = NULL;
	struct throttle_rig rig;

	(void)state;
	throttle_rig_up_full(&rig, 0, 7);
	assert_int_equal(dmp_swiotlb_get_tuning(rig.tlb, &before, sizeof(before)), 0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
			dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = bad[i].flags,
								      .throttle_high = bad[i].high,
								      .throttle_low = bad[i].low)),
			-EINVAL);
		assert_int_equal(dmp_swiotlb_create(rig.bare.hw.hw,
						    &DMP_SWIOTLB_OPTS(.flags = bad[i].flags,
								      .throttle_high = bad[i].high,
								      .throttle_low = bad[i].low),
						    &tlb),
				 -EINVAL);
	}
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_GROWS,
								       .throttle_high = 50)),
			 -ENOTSUP);
	assert_int_equal(dmp_swiotlb_get_tuning(rig.tlb, &after, sizeof(after)), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_null(tlb);
	throttle_rig_down(&rig);
}

static void assert_thresholds(struct throttle_rig *rig, unsigned high, unsigned low, unsigned is,
			      unsigned is_low)
{
	struct dmp_swiotlb_tuning t = DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_THROTTLES,
							 .throttle_high = high, .throttle_low = low,
							 .throttle_turn_ns = 9);

	assert_int_equal(dmp_swiotlb_tune(rig->tlb, &t), 0);
	assert_int_equal(dmp_swiotlb_get_tuning(rig->tlb, &t, sizeof(t)), 0);
	assert_int_equal(t.flags, DMP_SWIOTLB_THROTTLES);
	assert_int_equal(t.throttle_high, is);
	assert_int_equal(t.throttle_low, is_low);
	assert_int_equal(t.throttle_turn_ns, 9);
}

static void test_thresholds_have_defaults(void **state)
{
	struct throttle_rig rig;

	(void)state;
	throttle_rig_up_full(&rig, 0, 0);
	assert_thresholds(&rig, 0, 0, 70, 65);
	assert_thresholds(&rig, 0, 1, 70, 1);
	assert_thresholds(&rig, 90, 0, 90, 85);
	assert_thresholds(&rig, 100, 100, 100, 100);
	assert_thresholds(&rig, 6, 0, 6, 1);
	assert_thresholds(&rig, 3, 0, 3, 0);
	throttle_rig_down(&rig);
}

/* An older caller's struct ends before them: it wants what it says, and nothing else. */
static void test_settings_of_an_older_caller_leave_it_off(void **state)
{
	struct dmp_swiotlb_tuning t = DMP_SWIOTLB_TUNING(.flags = 0, .throttle_high = 200);
	struct throttle_rig rig;

	(void)state;
	throttle_rig_up_full(&rig, 0, 0);
	t.size = offsetof(struct dmp_swiotlb_tuning, throttle_high);
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &t), 0);
	assert_int_equal(dmp_swiotlb_get_tuning(rig.tlb, &t, sizeof(t)), 0);
	assert_int_equal(t.flags, 0);
	assert_int_equal(t.throttle_high, 70);
	throttle_rig_down(&rig);
}

static void test_thresholds_hold_from_the_moment_they_are_changed(void **state)
{
	struct throttle_rig rig;
	dmp_phys_t a, b;

	(void)state;
	throttle_rig_up_full(&rig, 100, 0);
	throttle_rig_unmap(&rig, throttle_rig_must_map(&rig, MAY_BLOCK));
	assert_int_equal(throttle_rig_stats(&rig).turns, 0);
	assert_int_equal(
		dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_THROTTLES,
							      .throttle_high = 30)),
		0);
	a = throttle_rig_must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_stats(&rig).turns, 1);
	assert_int_equal(
		dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_THROTTLES,
							      .throttle_high = 60)),
		0);
	b = throttle_rig_must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_stats(&rig).turns, 1);
	throttle_rig_unmap(&rig, a);
	throttle_rig_unmap(&rig, b);
	throttle_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings_that_make_no_sense_are_refused),
		cmocka_unit_test(test_thresholds_have_defaults),
		cmocka_unit_test(test_settings_of_an_older_caller_leave_it_off),
		cmocka_unit_test(test_thresholds_hold_from_the_moment_they_are_changed),
	};

	return cmocka_run_group_tests_name("swiotlb_throttle_tuning", tests, NULL, NULL);
}
