// SPDX-License-Identifier: MIT
/*
 * test_dma_map.c - proves of lib/dma/dma_map.c: each route acts on the machine as the table
 * says, each error leaves everything as it was and says why, and a correct call works afterwards
 */
#include "device_rig.h"

static void test_direct_map_exposes_just_the_buffer(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	char *buf;

	(void)state;
	device_rig_up(&r, false, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	double_clear(r.rig.d);
	assert_int_equal(dmp_dma_map(r.dev, buf + 10, 100, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(addr, phys + 10);
	assert_string_equal(double_trace(r.rig.d), "mem_map");
	assert_int_equal(double_last(r.rig.d, DOUBLE_MEM_MAP)->phys, phys + 10);
	assert_int_equal(double_exposed_bytes(r.rig.d, dmp_device_id(r.dev)), 100);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 100, DMP_FROM_DEVICE, 0), 0);
	assert_string_equal(double_trace(r.rig.d), "mem_map mem_unmap");
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

static void test_translated_map_exposes_nothing_directly(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	char *buf;

	(void)state;
	device_rig_up(&r, true, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	double_clear(r.rig.d);
	assert_int_equal(dmp_dma_map(r.dev, buf + 10, 100, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_string_equal(double_trace(r.rig.d), "map_pages sync_map");
	assert_int_equal(rig_phys_at(&r.rig, addr), phys + 10);
	assert_int_equal(rig_prot_at(&r.rig, addr), DMP_PROT_WRITE);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 100, DMP_FROM_DEVICE, 0), 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

static void test_iova_stays_within_mask_and_bus_limit(void **state)
{
	const struct dmp_device_opts limits[] = {
		DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(16)),
		DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32), .bus_limit = 0xffff),
		DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(16), .bus_limit = 0xfffff)};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct device_rig r;
		dmp_phys_t phys;
		dmp_addr_t addr;
		void *buf;

		device_rig_up(&r, true, &limits[i]);
		buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
		assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
		assert_int_equal(addr, 0xf000);
		assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
		zone_free(&r, phys, 0);
		device_rig_down(&r);
	}
}

static void test_direct_buffer_beyond_mask_or_bus_is_erange_without_slots(void **state)
{
	const struct dmp_device_opts limits[] = {DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)),
						 DMP_DEVICE_OPTS(.bus_limit = DMP_MASK(32))};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct device_rig r;
		dmp_phys_t high, low;
		dmp_addr_t addr = 7;
		void *far, *near;

		device_rig_up(&r, false, &limits[i]);
		far = zone_buf(&r, DMP_ZONE_ANY, 0, &high);
		near = zone_buf(&r, DMP_ZONE_DMA32, 0, &low);
		assert_int_equal(dmp_dma_map(r.dev, far, PAGE, DMP_TO_DEVICE, 0, &addr), -ERANGE);
		assert_int_equal(addr, 7);
		assert_int_equal(dmp_dma_map(r.dev, near, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
		assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
		zone_free(&r, high, 0);
		zone_free(&r, low, 0);
		device_rig_down(&r);
	}
}

/* A 32-bit device, a buffer above 4 GiB, and slots below. */
static void test_direct_buffer_beyond_the_reach_is_bounced(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf;

	(void)state;
	device_rig_up_bouncing(&r, false, DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	memset(buf, 0x11, PAGE);
	double_clear(r.rig.d);
	assert_int_equal(dmp_dma_map(r.dev, buf, 100, DMP_BIDIRECTIONAL, 0, &addr), 0);
	assert_true(dmp_swiotlb_owns(r.tlb, addr));
	assert_string_equal(double_trace(r.rig.d), "mem_map");
	assert_int_equal(double_last(r.rig.d, DOUBLE_MEM_MAP)->phys, addr);
	assert_int_equal(double_exposed_bytes(r.rig.d, dmp_device_id(r.dev)), 100);
	assert_memory_equal(device_view(&r, addr), buf, 100);
	memset(device_view(&r, addr), 0x22, 100);
	assert_int_equal(buf[0], 0x11);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 100, DMP_BIDIRECTIONAL, 0), 0);
	assert_string_equal(double_trace(r.rig.d), "mem_map mem_unmap");
	assert_int_equal(buf[99], 0x22);
	assert_int_equal(buf[100], 0x11);
	assert_int_equal(slots_in_use(&r), 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

static void test_what_needs_no_bounce_is_used_in_place(void **state)
{
	const struct dmp_device_opts opts[] = {DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(33)),
					       DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED)};

	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct device_rig r;
		dmp_phys_t phys;
		dmp_addr_t addr;
		void *buf;

		device_rig_up_bouncing(&r, translated, opts[translated]);
		buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
		assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
		assert_int_equal(slots_in_use(&r), 0);
		assert_ptr_equal(device_view(&r, addr), buf);
		assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
		zone_free(&r, phys, 0);
		device_rig_down(&r);
	}
}

static void test_forced_device_uses_nothing_in_place(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct device_rig r;
		dmp_phys_t phys;
		dmp_addr_t addr;
		void *buf;

		device_rig_up_bouncing(&r, translated,
				       DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE));
		buf = zone_buf(&r, DMP_ZONE_DMA32, 0, &phys);
		assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
		assert_int_equal(slots_in_use(&r), 2);
		assert_ptr_not_equal(device_view(&r, addr), buf);
		assert_memory_equal(device_view(&r, addr), buf, PAGE);
		assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
		assert_int_equal(slots_in_use(&r), 0);
		zone_free(&r, phys, 0);
		device_rig_down(&r);
	}
}

static void test_untrusted_part_of_a_granule_is_bounced_behind_the_domain(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf;

	(void)state;
	device_rig_up_bouncing(&r, true, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED));
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	memset(buf, 0x11, PAGE);
	double_clear(r.rig.d);
	assert_int_equal(dmp_dma_map(r.dev, buf + 10, 100, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_string_equal(double_trace(r.rig.d), "map_pages sync_map");
	assert_true(dmp_swiotlb_owns(r.tlb, rig_phys_at(&r.rig, addr)));
	assert_int_equal(rig_prot_at(&r.rig, addr), DMP_PROT_WRITE);
	memset(device_view(&r, addr), 0x22, 100);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 100, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(buf[9], 0x11);
	assert_int_equal(buf[10], 0x22);
	assert_int_equal(buf[109], 0x22);
	assert_int_equal(buf[110], 0x11);
	assert_int_equal(slots_in_use(&r), 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

static void test_untrusted_device_without_slots_gets_whole_granules_only(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, true, &DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED));
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, 100, DMP_TO_DEVICE, 0, &addr), -ERANGE);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

static void test_alignment_beyond_the_granule_is_erange_when_translated(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, true, &DMP_DEVICE_OPTS(.min_align_mask = 0x1fff));
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), -ERANGE);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

/* Every mistake in both routes: its errno, no call that changes the machine, no count but that
 * of the failure, one log line, and then a correct call works. */
static void check_map_misuse(bool translated)
{
	char outside[64];
	struct device_rig r;
	struct dmp_device_stats stats;
	dmp_phys_t phys;
	dmp_addr_t addr = 7;
	void *buf;

	device_rig_up(&r, translated, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	double_clear(r.rig.d);
	assert_int_equal(dmp_dma_map(r.dev, buf, 0, DMP_TO_DEVICE, 0, &addr), -EINVAL);
	assert_int_equal(dmp_dma_map(r.dev, buf, 8, (enum dmp_dir)3, 0, &addr), -EINVAL);
	assert_int_equal(dmp_dma_map(r.dev, buf, 8, DMP_TO_DEVICE, 8, &addr), -EINVAL);
	assert_int_equal(dmp_dma_map(r.dev, NULL, 8, DMP_TO_DEVICE, 0, &addr), -EINVAL);
	assert_int_equal(dmp_dma_map(r.dev, outside, 8, DMP_TO_DEVICE, 0, &addr), -EFAULT);
	stats = device_stats(&r);
	assert_string_equal(double_trace(r.rig.d), "");
	assert_int_equal(addr, 7);
	assert_int_equal(stats.maps, 0);
	assert_int_equal(stats.map_failures, 5);
	assert_int_equal(r.rig.bugs + r.rig.warnings, 5);
	assert_int_equal(dmp_dma_map(r.dev, buf, 8, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 8, DMP_TO_DEVICE, 0), 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

static void test_wrong_maps_change_nothing(void **state)
{
	(void)state;
	check_map_misuse(false);
	check_map_misuse(true);
}

static void test_null_is_einval(void **state)
{
	struct device_rig r;
	unsigned char *buf;
	dmp_phys_t phys;
	dmp_addr_t addr;

	(void)state;
	device_rig_up(&r, true, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(NULL, buf, PAGE, DMP_TO_DEVICE, 0, &addr), -EINVAL);
	assert_int_equal(dmp_dma_map(r.dev, NULL, PAGE, DMP_TO_DEVICE, 0, &addr), -EINVAL);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, NULL), -EINVAL);
	assert_int_equal(dmp_dma_unmap(NULL, phys, PAGE, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(dmp_dma_sync_for_cpu(NULL, phys, PAGE, DMP_TO_DEVICE), -EINVAL);
	assert_int_equal(dmp_dma_sync_for_device(NULL, phys, PAGE, DMP_TO_DEVICE), -EINVAL);
	assert_int_equal(device_stats(&r).maps, 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

/*
 * What a log line says beside the errno, for each limit that can be the reason.
 */
static void test_failure_of_a_limit_says_which_in_one_line(void **state)
{
	const struct {
		struct dmp_device_opts opts;
		bool translated, bounces;
		uint64_t len;
		const char *why;
	} rows[] = {
		{DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)), false, false, PAGE,
		 "beyond the device's reach, and no bounce allocator"},
		{DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)), false, true, 65 * PAGE,
		 "longer than a bounce buffer"},
		{DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(31)), false, true, PAGE,
		 "bounce buffers are out of its reach"},
		{DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED), true, false, 100,
		 "part of a granule, and no bounce allocator"},
		{DMP_DEVICE_OPTS(.min_align_mask = 0x1fff), true, false, PAGE,
		 "more address bits than a granule"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct device_rig r;
		dmp_phys_t phys;
		dmp_addr_t addr;
		void *buf;

		if (rows[i].bounces)
			device_rig_up_bouncing(&r, rows[i].translated, rows[i].opts);
		else
			device_rig_up(&r, rows[i].translated, &rows[i].opts);
		buf = zone_buf(&r, DMP_ZONE_ANY, 7, &phys);
		assert_int_equal(dmp_dma_map(r.dev, buf, rows[i].len, DMP_TO_DEVICE, 0, &addr),
				 -ERANGE);
		assert_int_equal(r.rig.warnings + r.rig.bugs, 1);
		assert_non_null(strstr(r.rig.line, rows[i].why));
		zone_free(&r, phys, 7);
		device_rig_down(&r);
	}
}

static void test_full_pool_is_told_in_one_line(void **state)
{
	const uint64_t len = DMP_SWIOTLB_MAX_BYTES;
	const unsigned nbufs = SLOTS * DMP_SWIOTLB_SLOT_BYTES / DMP_SWIOTLB_MAX_BYTES;
	dmp_addr_t addr[nbufs + 1];
	struct device_rig r;
	dmp_phys_t phys;
	void *buf;

	(void)state;
	device_rig_up_bouncing(&r, false, DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	buf = zone_buf(&r, DMP_ZONE_ANY, 7, &phys);
	for (unsigned i = 0; i < nbufs; i++)
		assert_int_equal(dmp_dma_map(r.dev, buf, len, DMP_TO_DEVICE, 0, &addr[i]), 0);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr[nbufs]), -ENOSPC);
	assert_int_equal(r.rig.warnings + r.rig.bugs, 1);
	assert_non_null(strstr(r.rig.line, "no room for 4096 bytes"));
	assert_non_null(strstr(r.rig.line, "create it with more slots"));
	for (unsigned i = 0; i < nbufs; i++)
		assert_int_equal(dmp_dma_unmap(r.dev, addr[i], len, DMP_TO_DEVICE, 0), 0);
	zone_free(&r, phys, 7);
	device_rig_down(&r);
}

static void test_no_warn_fails_in_silence(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, false, &DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &addr),
			 -ERANGE);
	assert_int_equal(r.rig.warnings, 0);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), -ERANGE);
	assert_int_equal(r.rig.warnings, 1);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

static void test_skip_sync_changes_nothing_in_place(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, true, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	double_clear(r.rig.d);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, DMP_ATTR_SKIP_SYNC, &addr),
			 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, DMP_ATTR_SKIP_SYNC), 0);
	assert_string_equal(double_trace(r.rig.d), "map_pages sync_map unmap_pages flush_gather");
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

static void test_failed_exposure_is_passed_on(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr = 7;
	void *buf;

	(void)state;
	device_rig_up(&r, false, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	double_fail(r.rig.d, DOUBLE_MEM_MAP, 1, -ENOMEM);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), -ENOMEM);
	assert_int_equal(addr, 7);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_direct_map_exposes_just_the_buffer),
		cmocka_unit_test(test_translated_map_exposes_nothing_directly),
		cmocka_unit_test(test_iova_stays_within_mask_and_bus_limit),
		cmocka_unit_test(test_direct_buffer_beyond_mask_or_bus_is_erange_without_slots),
		cmocka_unit_test(test_direct_buffer_beyond_the_reach_is_bounced),
		cmocka_unit_test(test_what_needs_no_bounce_is_used_in_place),
		cmocka_unit_test(test_forced_device_uses_nothing_in_place),
		cmocka_unit_test(test_untrusted_part_of_a_granule_is_bounced_behind_the_domain),
		cmocka_unit_test(test_untrusted_device_without_slots_gets_whole_granules_only),
		cmocka_unit_test(test_alignment_beyond_the_granule_is_erange_when_translated),
		cmocka_unit_test(test_wrong_maps_change_nothing),
		cmocka_unit_test(test_null_is_einval),
		cmocka_unit_test(test_failure_of_a_limit_says_which_in_one_line),
		cmocka_unit_test(test_full_pool_is_told_in_one_line),
		cmocka_unit_test(test_no_warn_fails_in_silence),
		cmocka_unit_test(test_skip_sync_changes_nothing_in_place),
		cmocka_unit_test(test_failed_exposure_is_passed_on),
	};

	return cmocka_run_group_tests_name("dma_map", tests, NULL, NULL);
}
