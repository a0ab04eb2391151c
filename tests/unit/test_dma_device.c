// SPDX-License-Identifier: MIT
/*
 * test_dma_device.c - proves V1, V2 and V3 of lib/dma/dma_device.c, and that a device changes
 * its address space only while nothing is live
 */
#include "device_rig.h"

static void test_options_without_sense_are_einval(void **state)
{
	const struct dmp_device_opts bad[] = {DMP_DEVICE_OPTS(.dma_mask = 0xfffe),
					      DMP_DEVICE_OPTS(.coherent_mask = 5),
					      DMP_DEVICE_OPTS(.min_align_mask = 0x1000),
					      DMP_DEVICE_OPTS(.segment_boundary = 2),
					      DMP_DEVICE_OPTS(.flags = 1u << 31),
					      DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE)};
	struct dmp_device *dev = NULL;
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	rig_adopt(&rig);
	double_clear(rig.d);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dmp_device_create(rig.hw, &bad[i], &dev), -EINVAL);
	assert_int_equal(dmp_device_create(NULL, NULL, &dev), -EINVAL);
	assert_null(dev);
	assert_string_equal(double_trace(rig.d), "");
	rig_down(&rig);
}

static void test_slots_of_another_machine_are_einval(void **state)
{
	struct dmp_device *dev = NULL;
	struct device_rig r;
	struct dmp_hw *host;

	(void)state;
	device_rig_up_bouncing(&r, false, DMP_DEVICE_OPTS());
	assert_ptr_equal(dmp_swiotlb_hw(r.tlb), r.rig.hw);
	assert_int_equal(dmp_hw_host_create(NULL, &host), 0);
	assert_int_equal(dmp_device_create(host, &DMP_DEVICE_OPTS(.swiotlb = r.tlb), &dev),
			 -EINVAL);
	assert_null(dev);
	assert_int_equal(dmp_hw_destroy(host), 0);
	device_rig_down(&r);
}

/* What may bounce is promised a bounce buffer's size, less what alignment costs. */
static void test_largest_promise_is_that_of_what_may_have_to_bounce(void **state)
{
	const struct {
		struct dmp_device_opts opts;
		uint64_t direct, translated;
	} rows[] = {
		{DMP_DEVICE_OPTS(), UINT64_MAX, UINT64_MAX},
		{DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)), 262144, UINT64_MAX},
		{DMP_DEVICE_OPTS(.bus_limit = DMP_MASK(40)), 262144, UINT64_MAX},
		{DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED), UINT64_MAX, 262144},
		{DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE), 262144, 262144},
		{DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE, .min_align_mask = 0xfff), 258048,
		 258048},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct device_rig r;

		device_rig_up_bouncing(&r, true, rows[i].opts);
		assert_int_equal(dmp_device_max_mapping(r.dev), rows[i].translated);
		assert_int_equal(dmp_device_detach(r.dev), 0);
		assert_int_equal(dmp_device_max_mapping(r.dev), rows[i].direct);
		assert_int_equal(dmp_device_attach(r.dev, r.rig.dom), 0);
		device_rig_down(&r);
	}
}

/* No bounce buffer owns a whole granule there. */
static void test_nothing_is_promised_where_a_granule_is_longer_than_a_bounce_buffer(void **state)
{
	struct device_rig r;

	(void)state;
	rig_begin(&r.rig);
	r.rig.d->page_sizes = HUGE;
	rig_domain(&r.rig);
	device_rig_add_bouncing(&r, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED));
	assert_int_equal(dmp_device_max_mapping(r.dev), 0);
	device_rig_down(&r);
}

/* Without slots nothing bounces: what cannot be reached fails, however short. */
static void test_without_slots_any_length_is_promised(void **state)
{
	struct device_rig r;

	(void)state;
	device_rig_up(&r, false, &DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	assert_int_equal(dmp_device_max_mapping(r.dev), UINT64_MAX);
	device_rig_down(&r);
}

static void test_newer_options_are_e2big(void **state)
{
	struct {
		struct dmp_device_opts opts;
		uint64_t newer;
	} longer = {DMP_DEVICE_OPTS(), 1};
	struct dmp_device *dev = NULL;
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	rig_adopt(&rig);
	longer.opts.size = sizeof(longer);
	assert_int_equal(dmp_device_create(rig.hw, &longer.opts, &dev), -E2BIG);
	assert_null(dev);
	rig_down(&rig);
}

static void test_failed_device_add_leaves_nothing(void **state)
{
	struct dmp_device *dev = NULL;
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	rig_adopt(&rig);
	double_fail(rig.d, DOUBLE_DEVICE_ADD, 1, -ENXIO);
	assert_int_equal(dmp_device_create(rig.hw, NULL, &dev), -ENXIO);
	assert_null(dev);
	rig_down(&rig);
}

static void test_attach_and_detach_change_the_kind_of_address(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, true, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(rig_phys_at(&r.rig, addr), phys);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_device_detach(r.dev), 0);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(addr, phys);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_device_attach(r.dev, r.rig.dom), 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

static void test_attach_to_another_machine_is_einval(void **state)
{
	struct device_rig r;
	struct dmp_device *dev;
	struct dmp_hw *host;

	(void)state;
	device_rig_up(&r, true, NULL);
	assert_int_equal(dmp_hw_host_create(NULL, &host), 0);
	assert_int_equal(dmp_device_create(host, NULL, &dev), 0);
	assert_int_equal(dmp_device_attach(dev, r.rig.dom), -EINVAL);
	assert_int_equal(dmp_device_attach(dev, NULL), -EINVAL);
	assert_int_equal(dmp_device_detach(dev), -ENOENT);
	assert_int_equal(dmp_device_destroy(dev), 0);
	assert_int_equal(dmp_hw_destroy(host), 0);
	device_rig_down(&r);
}

static void test_attached_device_is_neither_attached_again_nor_destroyed(void **state)
{
	struct device_rig r;

	(void)state;
	device_rig_up(&r, true, NULL);
	assert_int_equal(dmp_device_attach(r.dev, r.rig.dom), -EBUSY);
	assert_int_equal(dmp_device_destroy(r.dev), -EBUSY);
	device_rig_down(&r);
}

static void test_failed_attach_stays_direct(void **state)
{
	struct device_rig r;

	(void)state;
	device_rig_up(&r, true, NULL);
	assert_int_equal(dmp_device_detach(r.dev), 0);
	double_fail(r.rig.d, DOUBLE_DOMAIN_ATTACH, 1, -EIO);
	assert_int_equal(dmp_device_attach(r.dev, r.rig.dom), -EIO);
	assert_int_equal(dmp_device_detach(r.dev), -ENOENT);
	assert_int_equal(dmp_device_attach(r.dev, r.rig.dom), 0);
	device_rig_down(&r);
}

/* V3 */
static void test_untrusted_device_does_not_join_a_lazy_domain(void **state)
{
	struct device_rig r;

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	device_rig_up(&r, true, &DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED));
	assert_int_equal(dmp_device_detach(r.dev), 0);
	assert_int_equal(dmp_domain_set_flush(r.rig.dom, DMP_FLUSH_LAZY), 0);
	double_clear(r.rig.d);
	assert_int_equal(dmp_device_attach(r.dev, r.rig.dom), -EINVAL);
	assert_int_equal(r.rig.warnings, 1);
	assert_non_null(strstr(r.rig.line, "needs a strict one"));
	assert_string_equal(double_trace(r.rig.d), "");
	assert_int_equal(dmp_device_detach(r.dev), -ENOENT);
	assert_int_equal(dmp_domain_set_flush(r.rig.dom, DMP_FLUSH_STRICT), 0);
	assert_int_equal(dmp_device_attach(r.dev, r.rig.dom), 0);
	device_rig_down(&r);
	assert_int_equal(dmp_harness_leave(), 0);
}

/* V3, from its attach to its detach, and not after an attach that failed. */
static void test_domain_of_an_untrusted_device_does_not_become_lazy(void **state)
{
	struct device_rig r;

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	device_rig_up(&r, true, &DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED));
	assert_int_equal(dmp_domain_set_flush(r.rig.dom, DMP_FLUSH_LAZY), -EBUSY);
	assert_int_equal(dmp_domain_set_flush(r.rig.dom, DMP_FLUSH_STRICT), 0);
	assert_int_equal(dmp_device_detach(r.dev), 0);
	double_fail(r.rig.d, DOUBLE_DOMAIN_ATTACH, 1, -EIO);
	assert_int_equal(dmp_device_attach(r.dev, r.rig.dom), -EIO);
	assert_int_equal(dmp_domain_set_flush(r.rig.dom, DMP_FLUSH_LAZY), 0);
	assert_int_equal(dmp_domain_set_flush(r.rig.dom, DMP_FLUSH_STRICT), 0);
	assert_int_equal(dmp_device_attach(r.dev, r.rig.dom), 0);
	device_rig_down(&r);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_nothing_moves_while_a_buffer_is_mapped(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct device_rig r;
		dmp_phys_t phys;
		dmp_addr_t addr;
		void *buf;

		device_rig_up(&r, translated, NULL);
		buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
		assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
		assert_int_equal(dmp_device_destroy(r.dev), -EBUSY);
		if (translated)
			assert_int_equal(dmp_device_detach(r.dev), -EBUSY);
		assert_int_equal(device_stats(&r).live_maps, 1);
		assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
		zone_free(&r, phys, 0);
		device_rig_down(&r);
	}
}

static void test_nothing_moves_while_coherent_memory_is_held(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, true, NULL);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), 0);
	assert_int_equal(dmp_device_detach(r.dev), -EBUSY);
	assert_int_equal(dmp_device_destroy(r.dev), -EBUSY);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, addr), 0);
	assert_int_equal(dmp_device_detach(r.dev), 0);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), 0);
	assert_int_equal(dmp_device_attach(r.dev, r.rig.dom), -EBUSY);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, addr), 0);
	assert_int_equal(dmp_device_attach(r.dev, r.rig.dom), 0);
	device_rig_down(&r);
}

/* An old caller's snapshot is shorter, a newer one's longer: neither reads or loses a byte. */
static void test_snapshot_has_the_callers_size(void **state)
{
	struct {
		struct dmp_device_stats stats;
		uint64_t newer;
	} longer;
	struct {
		uint64_t maps, guard;
	} shorter = {0, 77};
	struct device_rig r;

	(void)state;
	device_rig_up(&r, false, NULL);
	memset(&longer, 0xff, sizeof(longer));
	assert_int_equal(dmp_device_get_stats(r.dev, &longer.stats, sizeof(longer)), 0);
	assert_int_equal(longer.newer, 0);
	assert_int_equal(dmp_device_get_stats(r.dev, (struct dmp_device_stats *)&shorter,
					      sizeof(shorter.maps)),
			 0);
	assert_int_equal(shorter.guard, 77);
	assert_int_equal(dmp_device_get_stats(r.dev, NULL, 8), -EINVAL);
	device_rig_down(&r);
}

static void test_null_is_einval(void **state)
{
	struct dmp_device_stats stats;

	(void)state;
	assert_int_equal(dmp_device_destroy(NULL), -EINVAL);
	assert_int_equal(dmp_device_attach(NULL, NULL), -EINVAL);
	assert_int_equal(dmp_device_detach(NULL), -EINVAL);
	assert_int_equal(dmp_device_get_stats(NULL, &stats, sizeof(stats)), -EINVAL);
}

/* A restricted allocator, and one that was made so. */
static void test_an_allocator_can_force_its_devices_to_bounce(void **state)
{
	struct dmp_device_opts opts = DMP_DEVICE_OPTS(.flags = 0);
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	void *mem;

	(void)state;
	rig_begin(&r.rig);
	rig_adopt(&r.rig);
	assert_int_equal(dmp_swiotlb_create(r.rig.hw,
					    &DMP_SWIOTLB_OPTS(.slots = 128, .areas = 1,
							      .flags = DMP_SWIOTLB_FORCE_BOUNCE),
					    &opts.swiotlb),
			 0);
	device_rig_add(&r, &opts);
	r.tlb = opts.swiotlb;
	mem = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, mem, 10, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(addr, DOUBLE_PHYS_DMA32);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 10, DMP_TO_DEVICE, 0), 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

/* Only where each of its buffers bounces, and its address is not translated. */
static void test_blocking_is_recommended_where_everything_bounces(void **state)
{
	struct device_rig r;

	(void)state;
	assert_false(dmp_device_recommend_may_block(NULL));
	device_rig_up_bouncing(&r, false, DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	assert_false(dmp_device_recommend_may_block(r.dev));
	device_rig_down(&r);
	device_rig_up_bouncing(&r, false, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE));
	assert_true(dmp_device_recommend_may_block(r.dev));
	device_rig_down(&r);
	device_rig_up_bouncing(&r, true, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE));
	assert_false(dmp_device_recommend_may_block(r.dev));
	assert_int_equal(dmp_device_detach(r.dev), 0);
	assert_true(dmp_device_recommend_may_block(r.dev));
	assert_int_equal(dmp_device_attach(r.dev, r.rig.dom), 0);
	device_rig_down(&r);
}

static void test_a_device_without_slots_can_be_cancelled_as_well(void **state)
{
	struct device_rig r;

	(void)state;
	assert_int_equal(dmp_device_cancel(NULL), -EINVAL);
	device_rig_up(&r, false, NULL);
	assert_int_equal(dmp_device_cancel(r.dev), 0);
	device_rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_null_is_einval),
		cmocka_unit_test(test_options_without_sense_are_einval),
		cmocka_unit_test(test_slots_of_another_machine_are_einval),
		cmocka_unit_test(test_largest_promise_is_that_of_what_may_have_to_bounce),
		cmocka_unit_test(
			test_nothing_is_promised_where_a_granule_is_longer_than_a_bounce_buffer),
		cmocka_unit_test(test_without_slots_any_length_is_promised),
		cmocka_unit_test(test_newer_options_are_e2big),
		cmocka_unit_test(test_failed_device_add_leaves_nothing),
		cmocka_unit_test(test_attach_and_detach_change_the_kind_of_address),
		cmocka_unit_test(test_attach_to_another_machine_is_einval),
		cmocka_unit_test(test_attached_device_is_neither_attached_again_nor_destroyed),
		cmocka_unit_test(test_failed_attach_stays_direct),
		cmocka_unit_test(test_untrusted_device_does_not_join_a_lazy_domain),
		cmocka_unit_test(test_domain_of_an_untrusted_device_does_not_become_lazy),
		cmocka_unit_test(test_nothing_moves_while_a_buffer_is_mapped),
		cmocka_unit_test(test_nothing_moves_while_coherent_memory_is_held),
		cmocka_unit_test(test_snapshot_has_the_callers_size),
		cmocka_unit_test(test_an_allocator_can_force_its_devices_to_bounce),
		cmocka_unit_test(test_blocking_is_recommended_where_everything_bounces),
		cmocka_unit_test(test_a_device_without_slots_can_be_cancelled_as_well),
	};

	return cmocka_run_group_tests_name("dma_device", tests, NULL, NULL);
}
