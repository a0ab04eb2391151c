// SPDX-License-Identifier: MIT
/*
 * test_dma_bounce_kept.c - proves B1 of lib/dma/dma_bounce.c: slots that a device may still reach
 * come free with a flush of the whole domain, or with its end
 */
#include "bounce_rig.h"

/* Fills the pool with pages of two slots each: none is at @slot, all others are. */
static void assert_is_kept(struct bounce_rig *b, dmp_phys_t slot)
{
	const struct dmp_swiotlb_limits pages = DMP_SWIOTLB_LIMITS(.alloc_align_mask = PAGE - 1);
	struct dmp_swiotlb *tlb = b->r.tlb;
	dmp_phys_t others[SLOTS / 2];
	size_t n = 0;

	assert_int_equal(slots_in_use(&b->r), 2);
	while (n < SLOTS / 2 && dmp_swiotlb_map(tlb, &pages, b->phys, PAGE, DMP_TO_DEVICE,
						DMP_ATTR_NO_WARN, &others[n]) == 0)
		assert_int_not_equal(others[n++], dmp_align_down(slot, PAGE));
	assert_int_equal(n, SLOTS / 2 - 1);
	while (n-- > 0)
		assert_int_equal(dmp_swiotlb_unmap(tlb, others[n], PAGE, DMP_TO_DEVICE, 0), 0);
}

/* ... until all is flushed.  Before that its allocator stays. */
static void assert_is_free_after_a_flush(struct bounce_rig *b)
{
	assert_int_equal(dmp_swiotlb_destroy(b->r.tlb), -EBUSY);
	assert_int_equal(dmp_domain_flush(b->r.rig.dom), 0);
	assert_int_equal(slots_in_use(&b->r), 0);
}

/* B1; the buffer has its bytes all the same, unless nobody asked for them. */
static void check_flush_that_fails(unsigned attrs)
{
	struct bounce_rig b;
	dmp_addr_t addr;
	dmp_phys_t slot;

	bounce_up(&b, true, UNTRUSTED);
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 900, DMP_FROM_DEVICE, 0, &addr), 0);
	slot = rig_phys_at(&b.r.rig, addr);
	memset(device_view(&b.r, addr), 0xdd, 900);
	double_fail(b.r.rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	b.r.rig.warnings = 0;
	assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 900, DMP_FROM_DEVICE, attrs), -ETIMEDOUT);
	assert_int_equal(device_stats(&b.r).live_maps, 0);
	assert_int_equal(b.r.rig.warnings, 2); /* the address, and the slots */
	assert_int_equal(b.buf[899], attrs & DMP_ATTR_SKIP_SYNC ? 1 + 899 % 251 : 0xdd);
	assert_int_equal(b.buf[900], 1 + 900 % 251);
	assert_is_kept(&b, slot);
	assert_is_free_after_a_flush(&b);
	bounce_down(&b);
}

static void test_slots_that_a_device_may_still_reach_wait_for_a_whole_flush(void **state)
{
	(void)state;
	check_flush_that_fails(0);
	check_flush_that_fails(DMP_ATTR_SKIP_SYNC);
}

static void test_flush_that_fails_again_keeps_the_slots(void **state)
{
	struct bounce_rig b;
	dmp_addr_t addr;
	dmp_phys_t slot;

	(void)state;
	bounce_up(&b, true, UNTRUSTED);
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 900, DMP_FROM_DEVICE, 0, &addr), 0);
	slot = rig_phys_at(&b.r.rig, addr);
	double_fail(b.r.rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 900, DMP_FROM_DEVICE, 0), -ETIMEDOUT);
	double_fail(b.r.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_flush(b.r.rig.dom), -ETIMEDOUT);
	assert_is_kept(&b, slot);
	assert_is_free_after_a_flush(&b);
	bounce_down(&b);
}

/* Nothing can reach them any more: the device has been detached, the domain goes. */
static void test_slots_that_nobody_flushed_are_free_when_the_domain_goes(void **state)
{
	struct bounce_rig b;
	dmp_addr_t addr;

	(void)state;
	bounce_up(&b, true, UNTRUSTED);
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 900, DMP_FROM_DEVICE, 0, &addr), 0);
	double_fail(b.r.rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 900, DMP_FROM_DEVICE, 0), -ETIMEDOUT);
	assert_int_equal(dmp_device_detach(b.r.dev), 0);
	assert_int_equal(slots_in_use(&b.r), 2);
	assert_int_equal(dmp_domain_destroy(b.r.rig.dom), 0);
	b.r.rig.dom = NULL;
	bounce_down(&b);
}

/* One line says so: with their address, for whoever wants them back. */
static void test_slots_without_memory_to_remember_them_stay_for_good(void **state)
{
	struct bounce_rig b;
	dmp_addr_t addr;
	dmp_phys_t slot;

	(void)state;
	bounce_up(&b, true, UNTRUSTED);
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 900, DMP_FROM_DEVICE, 0, &addr), 0);
	slot = rig_phys_at(&b.r.rig, addr);
	double_fail(b.r.rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 1, 1);
	assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 900, DMP_FROM_DEVICE, 0), -ETIMEDOUT);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 0, 0);
	assert_non_null(strstr(b.r.rig.line, "for good"));
	assert_int_equal(dmp_domain_flush(b.r.rig.dom), 0);
	assert_is_kept(&b, slot);
	assert_int_equal(dmp_swiotlb_unmap(b.r.tlb, slot, 900, DMP_TO_DEVICE, 0), 0);
	bounce_down(&b);
}

/* B1 where the map fails and cannot be undone; the buffer's bytes stay as they were. */
static void test_slots_of_a_map_that_cannot_be_undone_wait_for_a_whole_flush(void **state)
{
	struct bounce_rig b;
	dmp_addr_t addr = 7;

	(void)state;
	bounce_up(&b, true, UNTRUSTED);
	double_fail(b.r.rig.d, DOUBLE_SYNC_MAP, 1, -ETIMEDOUT);
	double_fail(b.r.rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 900, DMP_FROM_DEVICE, 0, &addr),
			 -ENOTRECOVERABLE);
	assert_int_equal(addr, 7);
	assert_int_equal(device_stats(&b.r).live_maps, 0);
	assert_is_kept(&b, double_last(b.r.rig.d, DOUBLE_MAP_PAGES)->phys);
	assert_is_free_after_a_flush(&b);
	bounce_down(&b);
}

/* In manual mode, where no timer runs unasked.  Untrusted devices have no lazy domain. */
static void lazy_up(struct bounce_rig *b)
{
	assert_int_equal(dmp_harness_enter(1), 0);
	rig_begin(&b->r.rig);
	rig_domain_as(&b->r.rig, &DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY));
	device_rig_add_bouncing(&b->r, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE));
	b->buf = zone_buf(&b->r, DMP_ZONE_ANY, 0, &b->phys);
	bounce_fill(b->buf, PAGE);
	double_clear(b->r.rig.d);
}

static void lazy_down(struct bounce_rig *b)
{
	bounce_down(b);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_lazy_domain_is_flushed_before_slots_are_freed(void **state)
{
	struct bounce_rig b;
	dmp_addr_t addr;

	(void)state;
	lazy_up(&b);
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 900, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 900, DMP_FROM_DEVICE, 0), 0);
	assert_string_equal(double_trace(b.r.rig.d), "map_pages sync_map unmap_pages flush_domain");
	lazy_down(&b);
}

/* What the queue then flushes in its own time frees the slots as well. */
static void test_lazy_domain_whose_flush_fails_keeps_the_slots_until_the_timer(void **state)
{
	struct bounce_rig b;
	dmp_addr_t addr;
	dmp_phys_t slot;

	(void)state;
	lazy_up(&b);
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 900, DMP_FROM_DEVICE, 0, &addr), 0);
	slot = rig_phys_at(&b.r.rig, addr);
	double_fail(b.r.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 900, DMP_FROM_DEVICE, 0), -ETIMEDOUT);
	assert_int_equal(device_stats(&b.r).live_maps, 0);
	assert_is_kept(&b, slot);
	dmp_harness_advance(20 * 1000000);
	lazy_down(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_that_a_device_may_still_reach_wait_for_a_whole_flush),
		cmocka_unit_test(test_flush_that_fails_again_keeps_the_slots),
		cmocka_unit_test(test_slots_that_nobody_flushed_are_free_when_the_domain_goes),
		cmocka_unit_test(test_slots_without_memory_to_remember_them_stay_for_good),
		cmocka_unit_test(test_slots_of_a_map_that_cannot_be_undone_wait_for_a_whole_flush),
		cmocka_unit_test(test_lazy_domain_is_flushed_before_slots_are_freed),
		cmocka_unit_test(
			test_lazy_domain_whose_flush_fails_keeps_the_slots_until_the_timer),
	};

	return cmocka_run_group_tests_name("dma_bounce_kept", tests, NULL, NULL);
}
