// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_throttle_level.c - proves L1 and L2 of swiotlb_throttle_level.c, and where the
 * thresholds lie
 */
#include "growth_rig.h"
#include "throttle_rig.h"

static bool asks(struct throttle_rig *rig)
{
	return swiotlb_throttle_asks(rig->tlb, DMP_ATTR_MAY_BLOCK);
}

/* One request that asks if it has to; it must not be in anybody's turn. */
static void ask_once(struct throttle_rig *rig)
{
	dmp_phys_t phys;

	assert_int_equal(throttle_rig_map(rig, NULL, DMP_ATTR_MAY_BLOCK, &phys), 0);
	throttle_rig_unmap(rig, phys);
}

static void test_levels_begin_one_slot_above_their_thresholds(void **state)
{
	struct throttle_rig rig;

	(void)state;
	throttle_rig_up(&rig, &DMP_SWIOTLB_OPTS(.flags = 0));
	throttle_rig_fill(&rig, LOW_SLOTS);
	assert_int_equal(swiotlb_level_now(rig.tlb), SWIOTLB_LOW);
	throttle_rig_fill(&rig, LOW_SLOTS + 1);
	assert_int_equal(swiotlb_level_now(rig.tlb), SWIOTLB_MIDDLE);
	throttle_rig_fill(&rig, HIGH_SLOTS);
	assert_int_equal(swiotlb_level_now(rig.tlb), SWIOTLB_MIDDLE);
	throttle_rig_fill(&rig, HIGH_SLOTS + 1);
	assert_int_equal(swiotlb_level_now(rig.tlb), SWIOTLB_HIGH);
	throttle_rig_fill(&rig, BRIM_SLOTS);
	assert_int_equal(swiotlb_level_now(rig.tlb), SWIOTLB_HIGH);
	throttle_rig_fill(&rig, BRIM_SLOTS + 1);
	assert_int_equal(swiotlb_level_now(rig.tlb), SWIOTLB_BRIM);
	throttle_rig_down(&rig);
}

static void test_nobody_asks_below_the_high_threshold(void **state)
{
	struct throttle_rig rig;

	(void)state;
	throttle_rig_up(&rig, &DMP_SWIOTLB_OPTS(.flags = 0));
	assert_true(asks(&rig)); /* nobody has looked yet */
	assert_false(swiotlb_throttle_asks(rig.tlb, 0));
	ask_once(&rig);
	assert_false(asks(&rig));
	throttle_rig_fill(&rig, HIGH_SLOTS);
	assert_false(asks(&rig));
	throttle_rig_fill(&rig, HIGH_SLOTS + 1);
	assert_true(asks(&rig));
	assert_false(swiotlb_throttle_asks(rig.tlb, 0));
	throttle_rig_down(&rig);
}

/* Whatever the high-water mark was before: the quotas do not reach beyond the threshold. */
static void test_a_second_rise_is_seen_as_the_first_was(void **state)
{
	struct throttle_rig rig;

	(void)state;
	throttle_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 256, .areas = 2));
	throttle_rig_fill(&rig, 256);
	throttle_rig_fill(&rig, 0);
	assert_true(asks(&rig)); /* an unmap does not look */
	ask_once(&rig);
	assert_false(asks(&rig));
	assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	throttle_rig_fill(&rig, HIGH_SLOTS);
	assert_false(asks(&rig));
	throttle_rig_fill(&rig, HIGH_SLOTS + 1);
	assert_true(asks(&rig));
	throttle_rig_down(&rig);
}

/* Area by area: each rise is seen, whichever area it is in. */
static void test_a_rise_is_seen_in_whatever_area_it_is(void **state)
{
	struct throttle_rig rig;

	(void)state;
	throttle_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 256, .areas = 2));
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		assert_int_equal(dmp_harness_become(cpu), 0);
		throttle_rig_fill(&rig, 100);
		ask_once(&rig);
		assert_false(asks(&rig));
		assert_int_equal(dmp_harness_become(!cpu), 0);
		throttle_rig_fill(&rig, HIGH_SLOTS);
		assert_false(asks(&rig));
		throttle_rig_fill(&rig, HIGH_SLOTS + 1);
		assert_true(asks(&rig));
		assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
		throttle_rig_fill(&rig, 0);
	}
	throttle_rig_down(&rig);
}

static void test_between_the_thresholds_requests_go_on_asking(void **state)
{
	struct throttle_rig rig;

	(void)state;
	throttle_rig_up(&rig, &DMP_SWIOTLB_OPTS(.flags = 0));
	throttle_rig_fill(&rig, HIGH_SLOTS + 1);
	throttle_rig_fill(&rig, LOW_SLOTS + 1);
	ask_once(&rig);
	assert_true(asks(&rig));
	assert_int_equal(throttle_rig_stats(&rig).turns, 0);
	throttle_rig_fill(&rig, LOW_SLOTS);
	ask_once(&rig);
	assert_false(asks(&rig));
	throttle_rig_down(&rig);
}

static void test_what_is_off_asks_nobody(void **state)
{
	struct throttle_rig rig;

	(void)state;
	throttle_rig_up(&rig, &DMP_SWIOTLB_OPTS(.flags = 0));
	throttle_rig_fill(&rig, 250);
	assert_true(asks(&rig));
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = 0)), 0);
	assert_false(asks(&rig));
	throttle_rig_fill(&rig, 0);
	throttle_rig_fill(&rig, 256);
	assert_false(asks(&rig));
	assert_int_equal(
		dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_THROTTLES)), 0);
	assert_true(asks(&rig));
	throttle_rig_down(&rig);
}

static void test_the_high_water_mark_stays_exact(void **state)
{
	struct throttle_rig rig;

	(void)state;
	throttle_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 256, .areas = 2));
	for (unsigned n = 10; n <= 256; n += 41) {
		throttle_rig_fill(&rig, n);
		throttle_rig_fill(&rig, 5);
		ask_once(&rig);
		assert_int_equal(throttle_rig_stats(&rig).high_water, n);
	}
	throttle_rig_down(&rig);
}

/* Fewer slots, a lower threshold: what was dealt up to the old one says nothing. */
static void test_a_pool_that_is_given_back_has_requests_ask_again(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512, .flags = DMP_SWIOTLB_THROTTLES,
					      .idle_ns = 100));
	phys = growth_rig_map(&rig, NULL, 1);
	growth_rig_work(&rig, 1);
	swiotlb_rig_unmap(&rig, phys);
	growth_rig_empty(&rig, &rig.tlb->pools);
	assert_int_equal(dmp_swiotlb_map(rig.tlb, NULL, GROWTH_ORIG, 1, DMP_TO_DEVICE,
					 DMP_ATTR_MAY_BLOCK, &phys),
			 0);
	swiotlb_rig_unmap(&rig, phys);
	assert_false(load_relaxed(&rig.tlb->asks));
	dmp_harness_advance(200);
	assert_int_equal(swiotlb_rig_stats(&rig).given_back, 1);
	assert_true(load_relaxed(&rig.tlb->asks));
	growth_rig_down(&rig);
}

static void test_quotas_beyond_the_threshold_are_seen_by_the_walker(void **state)
{
	struct throttle_rig rig;

	(void)state;
	throttle_rig_up(&rig, &DMP_SWIOTLB_OPTS(.flags = 0));
	throttle_rig_fill(&rig, 256);
	assert_int_equal(swiotlb_level_check(rig.tlb), 0);
	store_relaxed(&rig.tlb->asks, false);
	assert_int_equal(swiotlb_level_check(rig.tlb), -EIO);
	store_relaxed(&rig.tlb->asks, true);
	store_relaxed(&rig.tlb->throttle.is_on, false);
	assert_int_equal(swiotlb_level_check(rig.tlb), -EIO);
	store_relaxed(&rig.tlb->throttle.is_on, true);
	assert_int_equal(rig.bugs, 2);
	rig.bugs = 0;
	throttle_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels_begin_one_slot_above_their_thresholds),
		cmocka_unit_test(test_nobody_asks_below_the_high_threshold),
		cmocka_unit_test(test_a_second_rise_is_seen_as_the_first_was),
		cmocka_unit_test(test_a_rise_is_seen_in_whatever_area_it_is),
		cmocka_unit_test(test_between_the_thresholds_requests_go_on_asking),
		cmocka_unit_test(test_what_is_off_asks_nobody),
		cmocka_unit_test(test_the_high_water_mark_stays_exact),
		cmocka_unit_test(test_a_pool_that_is_given_back_has_requests_ask_again),
		cmocka_unit_test(test_quotas_beyond_the_threshold_are_seen_by_the_walker),
	};

	return cmocka_run_group_tests_name("swiotlb_throttle_level", tests, NULL, NULL);
}
