// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_pages.c - proves what whole pages of lib/swiotlb/swiotlb_pages.c are
 */
#include "growth_rig.h"

static dmp_phys_t pages(struct swiotlb_rig *rig, uint64_t len)
{
	dmp_phys_t phys = 0;

	assert_int_equal(dmp_swiotlb_alloc_pages(rig->tlb, NULL, len, &phys), 0);
	return phys;
}

static void test_pages_are_aligned_to_their_size_rounded_up(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	assert_int_equal(pages(&rig, 1), RIG_POOL);
	assert_int_equal(pages(&rig, 4097), RIG_POOL + 0x2000);
	assert_int_equal(pages(&rig, 0x8001), RIG_POOL + 0x10000);
	assert_int_equal(pages(&rig, 4096), RIG_POOL + 0x19000); /* 17 slots were taken */
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* Rule 5.4 with an original of 0: of 32 slots one is looked at, though others are free. */
static void test_a_search_for_pages_jumps_by_the_min_align_mask(void **state)
{
	const struct dmp_swiotlb_limits wide = DMP_SWIOTLB_LIMITS(.min_align_mask = 0xffff);
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	pages(&rig, 4096);
	swiotlb_area_at(rig.tlb->pools, 0)->slots.index = 0;
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, &wide, 4096, &phys), 0);
	assert_int_equal(phys, RIG_POOL + 0x10000);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_nothing_is_ever_copied_for_pages(void **state)
{
	struct swiotlb_rig rig;
	unsigned char *bytes;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	phys = pages(&rig, 4096);
	bytes = swiotlb_rig_bytes(&rig, phys, 4096);
	memset(bytes, 0x5a, 4096);
	assert_int_equal(dmp_swiotlb_sync_for_cpu(rig.tlb, phys, 4096, DMP_FROM_DEVICE), 0);
	assert_int_equal(dmp_swiotlb_sync_for_device(rig.tlb, phys + 1, 9, DMP_TO_DEVICE), 0);
	assert_int_equal(bytes[1], 0x5a);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 4096, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(swiotlb_rig_stats(&rig).used, 0);
	swiotlb_rig_down(&rig);
}

/* Rule 10.1: a range that begins at an odd page has no block of two pages at its start. */
static void test_pages_of_a_restricted_range_are_aligned_as_the_device_sees_them(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_begin(&rig);
	assert_int_equal(
		dmp_swiotlb_create_restricted(rig.hw.hw, RIG_POOL + 0x1000, 0x10000, &rig.tlb), 0);
	assert_int_equal(pages(&rig, 8192), RIG_POOL + 0x2000);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* The offset of the device makes slot 1 the first that looks like one at a page. */
static void test_slots_that_do_not_begin_at_a_page_are_given_back(void **state)
{
	const struct dmp_swiotlb_limits odd = DMP_SWIOTLB_LIMITS(.addr_offset = SLOT);
	struct swiotlb_rig rig;
	dmp_phys_t phys = 7;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, &odd, 4096, &phys), -ERANGE);
	assert_int_equal(phys, 7);
	assert_int_equal(swiotlb_rig_stats(&rig).used, 0);
	swiotlb_rig_down(&rig);
}

static void test_nothing_grows_for_pages(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys = 7;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, NULL, 4096, &phys), -ENOSPC);
	assert_int_equal(phys, 7);
	assert_int_equal(swiotlb_rig_stats(&rig).growth_pending, 0);
	assert_string_equal(double_trace(rig.hw.d), "");
	growth_rig_down(&rig);
}

static void test_requests_for_pages_that_make_no_sense_are_refused(void **state)
{
	const struct dmp_swiotlb_limits near = DMP_SWIOTLB_LIMITS(.boundary_mask = 0xfff);
	const struct dmp_swiotlb_limits low = DMP_SWIOTLB_LIMITS(.addr_limit = 0xffff);
	struct swiotlb_rig rig;
	dmp_phys_t phys = 7;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	assert_int_equal(dmp_swiotlb_alloc_pages(NULL, NULL, 1, &phys), -EINVAL);
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, NULL, 0, &phys), -EINVAL);
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, NULL, 1, NULL), -EINVAL);
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, NULL, 262145, &phys), -ERANGE);
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, &near, 4097, &phys), -ERANGE);
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, &low, 1, &phys), -ERANGE);
	assert_int_equal(phys, 7);
	assert_int_equal(swiotlb_rig_stats(&rig).used, 0);
	swiotlb_rig_down(&rig);
}

static void test_pages_that_were_not_had_are_counted_by_reason(void **state)
{
	const struct dmp_swiotlb_limits low = DMP_SWIOTLB_LIMITS(.addr_limit = 0xffff);
	struct swiotlb_rig rig;
	dmp_phys_t phys;
	unsigned i;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, NULL, 262145, &phys), -ERANGE);
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, &low, 1, &phys), -ERANGE);
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, NULL, 4096, &phys), 0);
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, NULL, 262144, &phys), -ENOSPC);
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, NULL, 4096 * 32, &phys), 0);
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, NULL, 4096 * 31, &phys), -ENOSPC);
	for (i = 0; i < DMP_SWIOTLB_FAIL_REASONS; i++)
		assert_int_equal(swiotlb_rig_stats(&rig).failures[i], 1);
	assert_int_equal(rig.hw.warnings, 0);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_what_are_no_such_pages_is_not_freed(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys, copy;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	phys = pages(&rig, 8192);
	copy = swiotlb_rig_map(&rig, NULL, RIG_ORIG, 4096);
	assert_int_equal(dmp_swiotlb_free_pages(NULL, phys, 8192), -EINVAL);
	assert_int_equal(dmp_swiotlb_free_pages(rig.tlb, phys, 0), -EINVAL);
	assert_int_equal(dmp_swiotlb_free_pages(rig.tlb, RIG_ORIG, 8192), -ENOENT);
	assert_int_equal(rig.hw.bugs, 0);
	assert_int_equal(dmp_swiotlb_free_pages(rig.tlb, phys, 4096), -EINVAL);
	hw_rig_expect_bug(&rig.hw, "which are no such pages");
	assert_int_equal(dmp_swiotlb_free_pages(rig.tlb, phys + 4096, 8192), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "which are no such pages");
	assert_int_equal(dmp_swiotlb_free_pages(rig.tlb, copy, 4096), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "which are no such pages");
	assert_int_equal(swiotlb_rig_stats(&rig).used, 6);
	assert_int_equal(dmp_swiotlb_free_pages(rig.tlb, phys, 8192), 0);
	assert_int_equal(dmp_swiotlb_free_pages(rig.tlb, phys, 8192), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "which are no such pages");
	swiotlb_rig_unmap(&rig, copy);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_are_aligned_to_their_size_rounded_up),
		cmocka_unit_test(test_a_search_for_pages_jumps_by_the_min_align_mask),
		cmocka_unit_test(test_nothing_is_ever_copied_for_pages),
		cmocka_unit_test(
			test_pages_of_a_restricted_range_are_aligned_as_the_device_sees_them),
		cmocka_unit_test(test_slots_that_do_not_begin_at_a_page_are_given_back),
		cmocka_unit_test(test_nothing_grows_for_pages),
		cmocka_unit_test(test_requests_for_pages_that_make_no_sense_are_refused),
		cmocka_unit_test(test_pages_that_were_not_had_are_counted_by_reason),
		cmocka_unit_test(test_what_are_no_such_pages_is_not_freed),
	};

	return cmocka_run_group_tests_name("swiotlb_pages", tests, NULL, NULL);
}
