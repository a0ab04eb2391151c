// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_throttle_stats.c - proves what swiotlb_throttle_stats.c says of the histogram
 */
#include "swiotlb_rig.h"

static void test_a_wait_is_counted_in_the_bucket_of_its_highest_bit(void **state)
{
	struct swiotlb_waits waits = {.waits = 0};

	(void)state;
	swiotlb_waits_count_locked(&waits, 0, false);
	swiotlb_waits_count_locked(&waits, 1, false);
	swiotlb_waits_count_locked(&waits, 2, false);
	swiotlb_waits_count_locked(&waits, 3, false);
	swiotlb_waits_count_locked(&waits, 4, true);
	swiotlb_waits_count_locked(&waits, 1023, false);
	swiotlb_waits_count_locked(&waits, 1024, false);
	assert_int_equal(waits.by_ns[0], 2);
	assert_int_equal(waits.by_ns[1], 2);
	assert_int_equal(waits.by_ns[2], 1);
	assert_int_equal(waits.by_ns[9], 1);
	assert_int_equal(waits.by_ns[10], 1);
	assert_int_equal(waits.waits, 7);
	assert_int_equal(waits.cancelled, 1);
	assert_int_equal(waits.longest_ns, 1024);
}

static void test_the_last_bucket_has_all_longer_waits(void **state)
{
	struct swiotlb_waits waits = {.waits = 0};
	const unsigned last = DMP_SWIOTLB_WAIT_BUCKETS - 1;

	(void)state;
	swiotlb_waits_count_locked(&waits, (UINT64_C(1) << last) - 1, false);
	assert_int_equal(waits.by_ns[last], 0);
	swiotlb_waits_count_locked(&waits, UINT64_C(1) << last, false);
	swiotlb_waits_count_locked(&waits, UINT64_MAX, false);
	swiotlb_waits_count_locked(&waits, 5, false);
	assert_int_equal(waits.by_ns[last], 2);
	assert_true(waits.longest_ns == UINT64_MAX);
}

static void test_a_report_has_all_of_it(void **state)
{
	struct dmp_swiotlb_stats stats;
	struct swiotlb_rig rig;
	struct swiotlb_waits *waits;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	waits = &rig.tlb->throttle.waits;
	swiotlb_waits_count_locked(waits, 70, true);
	waits->turns = 11;
	waits->passed_on = 12;
	stats = swiotlb_rig_stats(&rig);
	assert_int_equal(stats.turns, 11);
	assert_int_equal(stats.turns_passed_on, 12);
	assert_int_equal(stats.waits, 1);
	assert_int_equal(stats.waits_cancelled, 1);
	assert_int_equal(stats.waiters, 0);
	assert_int_equal(stats.longest_wait_ns, 70);
	assert_int_equal(stats.wait_ns[6], 1);
	assert_int_equal(stats.wait_ns[DMP_SWIOTLB_WAIT_BUCKETS - 1], 0);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_wait_is_counted_in_the_bucket_of_its_highest_bit),
		cmocka_unit_test(test_the_last_bucket_has_all_longer_waits),
		cmocka_unit_test(test_a_report_has_all_of_it),
	};

	return cmocka_run_group_tests_name("swiotlb_throttle_stats", tests, NULL, NULL);
}
