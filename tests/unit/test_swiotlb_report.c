// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_report.c - proves that a failed map is counted by reason, and told in one line
 * that says what would help
 */
#include "growth_rig.h"

#define SECOND UINT64_C(1000000000)

/* A map of @len bytes fails, and its line says @advice.  Lines are a second apart. */
static void assert_told(struct swiotlb_rig *rig, const struct dmp_swiotlb_limits *limits,
			uint64_t len, const char *advice)
{
	rig->hw.line[0] = '\0';
	dmp_harness_advance(SECOND);
	assert_int_equal(growth_rig_try(rig, limits, len), -ENOSPC);
	assert_non_null(strstr(rig->hw.line, advice));
}

/* 100 slots of 128 are in use, with holes of 3 and 25. */
static void make_holes(struct swiotlb_rig *rig)
{
	dmp_phys_t hole;

	swiotlb_rig_map(rig, NULL, RIG_ORIG, 50 * SLOT);
	hole = swiotlb_rig_map(rig, &DMP_SWIOTLB_LIMITS(.boundary_mask = UINT64_MAX), RIG_ORIG,
			       3 * SLOT);
	swiotlb_rig_map(rig, NULL, RIG_ORIG, 49 * SLOT);
	swiotlb_rig_unmap(rig, hole);
}

static void test_the_line_says_who_how_full_and_the_largest_run(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_begin(&rig);
	assert_int_equal(dmp_swiotlb_create(rig.hw.hw,
					    &DMP_SWIOTLB_OPTS(.slots = 128, .areas = 1,
							      .name = "nvme and its friends"),
					    &rig.tlb),
			 0);
	make_holes(&rig);
	assert_told(&rig, NULL, 30 * SLOT,
		    "swiotlb 'nvme and its fr': no room for 61440 bytes (30 slots): 99 of 128 "
		    "slots are in use, and 0 transient ones; the largest free run is 25; ");
	assert_int_equal(swiotlb_report_longest_run(rig.tlb), 25);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_the_line_says_whose_request_it_was(void **state)
{
	struct dmp_swiotlb_limits limits = DMP_SWIOTLB_LIMITS(.flags = 0);
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	make_holes(&rig);
	assert_int_equal(dmp_swiotlb_device_create(rig.tlb, &limits.device), 0);
	assert_told(&rig, &limits, 30 * SLOT, ": no room for 61440 bytes");
	dmp_swiotlb_device_name(limits.device, "device 12345678901");
	assert_told(&rig, &limits, 30 * SLOT, "': device 12345678: no room for 61440 bytes");
	dmp_swiotlb_device_name(limits.device, NULL);
	assert_told(&rig, &limits, 30 * SLOT, "': no room for 61440 bytes");
	dmp_swiotlb_device_name(NULL, "nobody");
	assert_int_equal(dmp_swiotlb_device_destroy(limits.device), 0);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_the_largest_run_ends_with_its_segment(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 2);
	assert_int_equal(swiotlb_report_longest_run(rig.tlb), 128);
	swiotlb_rig_map(&rig, NULL, RIG_ORIG, 1);
	swiotlb_rig_map(&rig, NULL, RIG_ORIG, 128 * SLOT);
	assert_int_equal(swiotlb_report_longest_run(rig.tlb), 128);
	dmp_harness_become(1);
	swiotlb_rig_map(&rig, NULL, RIG_ORIG, 1);
	swiotlb_rig_map(&rig, NULL, RIG_ORIG, 128 * SLOT);
	assert_int_equal(swiotlb_report_longest_run(rig.tlb), 127);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_the_line_says_what_would_help(void **state)
{
	const struct dmp_swiotlb_limits wide = DMP_SWIOTLB_LIMITS(.alloc_align_mask = 0x7fff);
	struct swiotlb_rig rig;
	dmp_phys_t hole;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	make_holes(&rig);
	assert_told(&rig, NULL, 128 * SLOT, "with more slots or with DMP_SWIOTLB_GROWS");
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
	swiotlb_rig_up(&rig, 128, 1); /* a hole of slots 10 .. 29 */
	swiotlb_rig_map(&rig, NULL, RIG_ORIG, 10 * SLOT);
	hole = swiotlb_rig_map(&rig, NULL, RIG_ORIG, 20 * SLOT);
	swiotlb_rig_map(&rig, NULL, RIG_ORIG, 98 * SLOT);
	swiotlb_rig_unmap(&rig, hole);
	assert_told(&rig, &wide, 1, "ask for less alignment");
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512));
	double_script(rig.hw.d, DOUBLE_MEM_ALLOC,
		      &(struct double_reply){
			      .nth = 1, .count = 100, .replace_ret = true, .ret = -ENOMEM});
	assert_told(&rig, NULL, 1, "it is growing");
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_GROWS,
								       .max_slots = 512)),
			 0);
	assert_told(&rig, NULL, 1, "raise max_slots");
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = 0)), 0);
	assert_told(&rig, NULL, 1, "let it grow: DMP_SWIOTLB_GROWS of dmp_swiotlb_tune()");
	growth_rig_down(&rig);
	swiotlb_rig_begin(&rig);
	assert_int_equal(dmp_swiotlb_create_restricted(rig.hw.hw, RIG_POOL, 0x1000, &rig.tlb), 0);
	assert_told(&rig, NULL, 3 * SLOT, "give the device a larger one");
	swiotlb_rig_down(&rig);
}

/* Three failures at one moment, one without a word, and one a second later. */
static void test_a_line_a_second_counts_those_that_were_not_told(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	swiotlb_rig_map(&rig, NULL, RIG_ORIG, 128 * SLOT);
	assert_told(&rig, NULL, 1, "(0 failures not told before)");
	assert_int_equal(growth_rig_try(&rig, NULL, 1), -ENOSPC);
	assert_int_equal(growth_rig_try(&rig, NULL, 1), -ENOSPC);
	assert_int_equal(
		dmp_swiotlb_map(rig.tlb, NULL, RIG_ORIG, 1, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &phys),
		-ENOSPC);
	assert_int_equal(rig.hw.warnings, 1);
	assert_told(&rig, NULL, 1, "(2 failures not told before)");
	assert_int_equal(rig.hw.warnings, 2);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_failures_are_counted_by_reason(void **state)
{
	const struct dmp_swiotlb_limits low = DMP_SWIOTLB_LIMITS(.addr_limit = 0xffff);
	const struct dmp_swiotlb_limits near = DMP_SWIOTLB_LIMITS(.boundary_mask = 0xfff);
	struct dmp_swiotlb_stats stats;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	make_holes(&rig);
	assert_int_equal(growth_rig_try(&rig, NULL, 30 * SLOT), -ENOSPC);
	assert_int_equal(growth_rig_try(&rig, NULL, 28 * SLOT), -ENOSPC);
	assert_int_equal(growth_rig_try(&rig, NULL, 27 * SLOT), -ENOSPC);
	assert_int_equal(growth_rig_try(&rig, NULL, 262145), -ERANGE);
	assert_int_equal(growth_rig_try(&rig, &near, 4097), -ERANGE);
	assert_int_equal(growth_rig_try(&rig, &low, 1), -ERANGE);
	stats = swiotlb_rig_stats(&rig);
	assert_int_equal(stats.failures[DMP_SWIOTLB_FAIL_FULL], 1);
	assert_int_equal(stats.failures[DMP_SWIOTLB_FAIL_NO_RUN], 2);
	assert_int_equal(stats.failures[DMP_SWIOTLB_FAIL_SIZE], 2);
	assert_int_equal(stats.failures[DMP_SWIOTLB_FAIL_REACH], 1);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_line_says_who_how_full_and_the_largest_run),
		cmocka_unit_test(test_the_line_says_whose_request_it_was),
		cmocka_unit_test(test_the_largest_run_ends_with_its_segment),
		cmocka_unit_test(test_the_line_says_what_would_help),
		cmocka_unit_test(test_a_line_a_second_counts_those_that_were_not_told),
		cmocka_unit_test(test_failures_are_counted_by_reason),
	};

	return cmocka_run_group_tests_name("swiotlb_report", tests, NULL, NULL);
}
