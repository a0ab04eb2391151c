// SPDX-License-Identifier: MIT
/*
 * test_flow_grow.c - proves what a device's maps make of a bounce allocator that grows: where its
 * transient pools lie, who finds them, and when they and the device may go
 *
 *   first pool, full -> | a transient pool of the device | the worker's pool
 *
 * On the double, whose every call is recorded, in manual mode.
 */
#include "device_rig.h"

#include <dmapool/port.h>

#define GROWING_SLOTS 128u
#define LEN           4096u

struct grow {
	struct device_rig r;
	dmp_phys_t phys;
	unsigned char *buf; /* one page, above 4 GiB */
	dmp_phys_t filler;  /* all slots of the first pool */
};

static bool everybody_needs_shared(void *be, uint32_t device)
{
	(void)be;
	(void)device;
	return true;
}

static void fill_pool(struct grow *g)
{
	assert_int_equal(dmp_swiotlb_map(g->r.tlb, NULL, g->phys, DMP_SWIOTLB_MAX_BYTES,
					 DMP_TO_DEVICE, 0, &g->filler),
			 0);
}

static void add_device(struct grow *g, struct dmp_device_opts opts)
{
	opts.swiotlb = g->r.tlb;
	assert_int_equal(dmp_device_create(g->r.rig.hw, &opts, &g->r.dev), 0);
	if (g->r.rig.dom)
		assert_int_equal(dmp_device_attach(g->r.dev, g->r.rig.dom), 0);
}

/* Another that bounces into the same allocator. */
static struct dmp_device *second_device(struct grow *g)
{
	struct dmp_device_opts opts =
		DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE, .swiotlb = g->r.tlb);
	struct dmp_device *other = NULL;

	assert_int_equal(dmp_device_create(g->r.rig.hw, &opts, &other), 0);
	return other;
}

static void grow_up(struct grow *g, bool translated, bool is_encrypted, struct dmp_device_opts opts)
{
	assert_int_equal(dmp_harness_enter(1), 0);
	rig_begin(&g->r.rig);
	if (is_encrypted)
		g->r.rig.d->ops.needs_shared = everybody_needs_shared;
	if (translated)
		rig_domain(&g->r.rig);
	else
		rig_adopt(&g->r.rig);
	assert_int_equal(dmp_swiotlb_create(g->r.rig.hw,
					    &DMP_SWIOTLB_OPTS(.slots = GROWING_SLOTS, .areas = 1,
							      .flags = DMP_SWIOTLB_GROWS),
					    &g->r.tlb),
			 0);
	add_device(g, opts);
	g->buf = zone_buf(&g->r, DMP_ZONE_ANY, 6, &g->phys);
	memset(g->buf, 0x5a, LEN);
	fill_pool(g);
	double_clear(g->r.rig.d);
}

static void grow_down(struct grow *g)
{
	assert_int_equal(
		dmp_swiotlb_unmap(g->r.tlb, g->filler, DMP_SWIOTLB_MAX_BYTES, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(slots_in_use(&g->r), 0);
	dmp_harness_grace_period();
	zone_free(&g->r, g->phys, 6);
	device_rig_down(&g->r);
	assert_int_equal(dmp_harness_leave(), 0);
}

static struct dmp_swiotlb_stats pool_stats(struct grow *g)
{
	struct dmp_swiotlb_stats stats;

	assert_int_equal(dmp_swiotlb_get_stats(g->r.tlb, &stats, sizeof(stats)), 0);
	return stats;
}

static dmp_addr_t map_page(struct grow *g)
{
	dmp_addr_t addr;

	assert_int_equal(dmp_dma_map(g->r.dev, g->buf, LEN, DMP_BIDIRECTIONAL, 0, &addr), 0);
	return addr;
}

static void unmap_page(struct grow *g, dmp_addr_t addr)
{
	assert_int_equal(dmp_dma_unmap(g->r.dev, addr, LEN, DMP_BIDIRECTIONAL, 0), 0);
}

/* Rule 6.1: within the device's own limits, though behind a domain it never sees the address. */
static void check_where(bool translated, struct dmp_device_opts opts, enum dmp_zone zone)
{
	struct grow g;
	dmp_addr_t addr;

	grow_up(&g, translated, false, opts);
	addr = map_page(&g);
	assert_int_equal(pool_stats(&g).transient, LEN / DMP_SWIOTLB_SLOT_BYTES);
	assert_int_equal(double_last(g.r.rig.d, DOUBLE_MEM_ALLOC)->zone, zone);
	assert_memory_equal(device_view(&g.r, addr), g.buf, LEN);
	unmap_page(&g, addr);
	assert_int_equal(pool_stats(&g).transient, 0);
	grow_down(&g);
}

static void test_a_transient_pool_lies_within_mask_and_bus_limit(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		check_where(translated, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE),
			    DMP_ZONE_ANY);
		check_where(
			translated,
			DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE, .dma_mask = DMP_MASK(32)),
			DMP_ZONE_DMA32);
		check_where(translated,
			    DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE,
					    .dma_mask = DMP_MASK(32), .bus_limit = DMP_MASK(24)),
			    DMP_ZONE_DMA);
	}
}

/* Two devices, one allocator: what is made for the first is nothing that the second may unmap. */
static void test_a_transient_pool_is_its_devices_alone(void **state)
{
	struct grow g;
	struct dmp_device *other;
	dmp_addr_t addr, others;

	(void)state;
	grow_up(&g, false, false, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE));
	other = second_device(&g);
	addr = map_page(&g);
	assert_int_equal(dmp_dma_map(other, g.buf, LEN, DMP_BIDIRECTIONAL, 0, &others), 0);
	assert_int_equal(dmp_dma_unmap(other, addr, LEN, DMP_BIDIRECTIONAL, 0), -ENOENT);
	assert_int_equal(pool_stats(&g).transient, 2 * LEN / DMP_SWIOTLB_SLOT_BYTES);
	assert_int_equal(dmp_dma_unmap(other, others, LEN, DMP_BIDIRECTIONAL, 0), 0);
	unmap_page(&g, addr);
	assert_int_equal(dmp_device_destroy(other), 0);
	grow_down(&g);
}

/* A mistake of the second's driver: the first's bytes stay where they are. */
static void test_a_sync_of_another_devices_pool_moves_no_byte(void **state)
{
	struct grow g;
	struct dmp_device *other;
	dmp_addr_t addr, others;

	(void)state;
	grow_up(&g, false, false, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE));
	other = second_device(&g);
	addr = map_page(&g);
	assert_int_equal(dmp_dma_map(other, g.buf, LEN, DMP_TO_DEVICE, 0, &others), 0);
	memset(device_view(&g.r, addr), 0x77, LEN);
	assert_int_equal(dmp_dma_sync_for_cpu(other, addr, LEN, DMP_FROM_DEVICE), 0);
	assert_int_equal(g.buf[0], 0x5a);
	assert_int_equal(dmp_dma_sync_for_cpu(g.r.dev, addr, LEN, DMP_FROM_DEVICE), 0);
	assert_int_equal(g.buf[0], 0x77);
	assert_int_equal(dmp_dma_unmap(other, others, LEN, DMP_TO_DEVICE, 0), 0);
	unmap_page(&g, addr);
	assert_int_equal(dmp_device_destroy(other), 0);
	grow_down(&g);
}

/* Rule 8: the tables' answer is looked up in no list before the first bounce. */
static void test_a_device_that_never_bounced_owns_no_slots(void **state)
{
	struct grow g;
	dmp_addr_t addr;

	(void)state;
	grow_up(&g, false, false, DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	assert_int_equal(dmp_dma_unmap(g.r.dev, g.filler, DMP_SWIOTLB_MAX_BYTES, DMP_TO_DEVICE, 0),
			 -ENOENT);
	assert_int_equal(pool_stats(&g).used, GROWING_SLOTS);
	addr = map_page(&g);
	unmap_page(&g, addr);
	grow_down(&g);
}

/* A flush fails: the transient pool stays in use, and so does the device that it belongs to. */
static void test_a_device_stays_while_slots_of_its_own_pool_are_left(void **state)
{
	struct grow g;
	struct dmp_device *dev;
	dmp_addr_t addr;

	(void)state;
	grow_up(&g, true, false, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED));
	dev = g.r.dev;
	assert_int_equal(dmp_dma_map(dev, g.buf, 100, DMP_FROM_DEVICE, 0, &addr), 0);
	double_fail(g.r.rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_dma_unmap(dev, addr, 100, DMP_FROM_DEVICE, 0), -ETIMEDOUT);
	assert_int_equal(dmp_device_detach(dev), 0);
	assert_int_equal(dmp_device_destroy(dev), -EBUSY);
	assert_int_equal(dmp_device_attach(dev, g.r.rig.dom), 0);
	assert_int_equal(dmp_domain_flush(g.r.rig.dom), 0);
	assert_int_equal(pool_stats(&g).transient, 0);
	grow_down(&g);
}

/* Rule 6.4: nothing is converted for a request that cannot wait. */
static void check_coherent(uint64_t coherent_mask, uint64_t limit)
{
	struct grow g;
	dmp_addr_t addr;

	grow_up(&g, false, true,
		DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32), .coherent_mask = coherent_mask));
	addr = map_page(&g);
	assert_string_equal(double_trace(g.r.rig.d), "coherent_alloc mem_map");
	assert_true(addr + LEN - 1 <= limit);
	assert_memory_equal(device_view(&g.r, addr), g.buf, LEN);
	double_clear(g.r.rig.d);
	unmap_page(&g, addr);
	dmp_harness_grace_period();
	assert_string_equal(double_trace(g.r.rig.d), "mem_unmap coherent_free");
	grow_down(&g);
}

static void test_what_reaches_shared_memory_only_gets_coherent_memory(void **state)
{
	(void)state;
	check_coherent(0, DMP_MASK(32));
	check_coherent(DMP_MASK(24), DMP_MASK(24));
}

/* In reach or not, behind a domain or not. */
static void test_what_reaches_shared_memory_only_always_bounces(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct grow g;
		dmp_addr_t addr;

		grow_up(&g, translated, true, DMP_DEVICE_OPTS(.flags = 0));
		addr = map_page(&g);
		assert_int_equal(pool_stats(&g).used, GROWING_SLOTS + 2);
		assert_int_equal(dmp_device_max_mapping(g.r.dev), DMP_SWIOTLB_MAX_BYTES);
		unmap_page(&g, addr);
		grow_down(&g);
	}
}

static void test_without_an_allocator_it_says_why_it_cannot_map(void **state)
{
	struct device_rig r;
	dmp_addr_t addr = 7;
	dmp_phys_t phys;
	void *buf;

	(void)state;
	rig_begin(&r.rig);
	r.rig.d->ops.needs_shared = everybody_needs_shared;
	rig_adopt(&r.rig);
	device_rig_add(&r, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, LEN, DMP_TO_DEVICE, 0, &addr), -ERANGE);
	assert_int_equal(addr, 7);
	assert_non_null(strstr(r.rig.line, "shared memory only"));
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

/*
 * One line for the operator, with the device and what would help; none is added by the layer above,
 * and none at all where a failure is expected.
 */
static void test_a_failed_map_is_one_line_with_device_and_advice(void **state)
{
	struct dmp_sg sg[2];
	struct grow g;
	dmp_addr_t addr;
	char who[32];
	size_t n;

	(void)state;
	grow_up(&g, false, false, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE));
	assert_int_equal(dmp_swiotlb_tune(g.r.tlb, &DMP_SWIOTLB_TUNING(.flags = 0)), 0);
	assert_int_equal(dmp_dma_map(g.r.dev, g.buf, LEN, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &addr),
			 -ENOSPC);
	assert_int_equal(g.r.rig.warnings, 0);
	assert_int_equal(dmp_dma_map(g.r.dev, g.buf, LEN, DMP_TO_DEVICE, 0, &addr), -ENOSPC);
	assert_int_equal(g.r.rig.warnings, 1);
	snprintf(who, sizeof(who), "'default': device %u: no room", dmp_device_id(g.r.dev));
	assert_non_null(strstr(g.r.rig.line, who));
	assert_non_null(strstr(g.r.rig.line, "let it grow"));
	/* Within the second nothing more is said, whatever fails. */
	for (size_t i = 0; i < 2; i++)
		sg[i] = (struct dmp_sg){.buf = g.buf, .len = LEN};
	assert_int_equal(dmp_dma_map_sg(g.r.dev, sg, 2, DMP_TO_DEVICE, 0, &n), -ENOSPC);
	assert_int_equal(g.r.rig.warnings, 1);
	dmp_harness_advance(UINT64_C(1000000000));
	assert_int_equal(dmp_dma_map(g.r.dev, g.buf, LEN, DMP_TO_DEVICE, 0, &addr), -ENOSPC);
	assert_int_equal(g.r.rig.warnings, 2);
	assert_int_equal(device_stats(&g.r).map_failures, 4);
	grow_down(&g);
}

/* The allocator knows of each device, and of none that could not be made. */
static void test_an_allocator_stays_until_its_devices_have_gone(void **state)
{
	struct grow g;
	struct dmp_device *dev = NULL;
	struct dmp_swiotlb *tlb;

	(void)state;
	grow_up(&g, false, false, DMP_DEVICE_OPTS(.flags = 0));
	assert_int_equal(
		dmp_swiotlb_create(g.r.rig.hw, &DMP_SWIOTLB_OPTS(.slots = 128, .areas = 1), &tlb),
		0);
	for (uint64_t nth = 1; nth <= 2; nth++) {
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, nth, 1);
		assert_int_equal(
			dmp_device_create(g.r.rig.hw, &DMP_DEVICE_OPTS(.swiotlb = tlb), &dev),
			-ENOMEM);
	}
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 0, 0);
	double_fail(g.r.rig.d, DOUBLE_DEVICE_ADD, 1, -EXDEV);
	assert_int_equal(dmp_device_create(g.r.rig.hw, &DMP_DEVICE_OPTS(.swiotlb = tlb), &dev),
			 -EXDEV);
	assert_null(dev);
	assert_int_equal(dmp_device_create(g.r.rig.hw, &DMP_DEVICE_OPTS(.swiotlb = tlb), &dev), 0);
	assert_int_equal(dmp_swiotlb_destroy(tlb), -EBUSY);
	assert_int_equal(dmp_device_destroy(dev), 0);
	assert_int_equal(dmp_swiotlb_destroy(tlb), 0);
	grow_down(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_transient_pool_lies_within_mask_and_bus_limit),
		cmocka_unit_test(test_a_transient_pool_is_its_devices_alone),
		cmocka_unit_test(test_a_sync_of_another_devices_pool_moves_no_byte),
		cmocka_unit_test(test_a_device_that_never_bounced_owns_no_slots),
		cmocka_unit_test(test_a_device_stays_while_slots_of_its_own_pool_are_left),
		cmocka_unit_test(test_what_reaches_shared_memory_only_gets_coherent_memory),
		cmocka_unit_test(test_what_reaches_shared_memory_only_always_bounces),
		cmocka_unit_test(test_without_an_allocator_it_says_why_it_cannot_map),
		cmocka_unit_test(test_a_failed_map_is_one_line_with_device_and_advice),
		cmocka_unit_test(test_an_allocator_stays_until_its_devices_have_gone),
	};

	return cmocka_run_group_tests_name("flow_grow", tests, NULL, NULL);
}
