// SPDX-License-Identifier: MIT
/*
 * test_dma_unmap.c - proves of lib/dma/dma_unmap.c: what is not mapped as said is refused and
 * nothing changes, on each route; what was taken back counts as such, also with an error; and
 * the bytes of a bounce buffer come back as direction and attributes say
 */
#include "device_rig.h"

static void check_unmap_misuse(bool translated)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	void *buf;

	device_rig_up(&r, translated, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 1, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	double_clear(r.rig.d);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 0, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, (enum dmp_dir)9, 0), -EINVAL);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 16), -EINVAL);
	assert_int_equal(dmp_dma_unmap(r.dev, 0x70000, PAGE, DMP_TO_DEVICE, 0), -ENOENT);
	assert_int_equal(r.rig.warnings, 0);
	assert_true(r.rig.bugs >= 4);
	assert_int_equal(double_count(r.rig.d, DOUBLE_UNMAP_PAGES), 0);
	assert_int_equal(device_stats(&r).unmaps, 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), -ENOENT);
	assert_int_equal(device_stats(&r).unmaps, 1);
	zone_free(&r, phys, 1);
	device_rig_down(&r);
}

static void test_wrong_unmaps_change_nothing(void **state)
{
	(void)state;
	check_unmap_misuse(false);
	check_unmap_misuse(true);
}

/* A machine that keeps no count of what it exposed; the device is still to come. */
static void uncounted_up(struct device_rig *r)
{
	rig_begin(&r->rig);
	r->rig.d->ops.mem_map = NULL;
	r->rig.d->ops.mem_unmap = NULL;
	rig_adopt(&r->rig);
}

/* There the device still knows that nothing is live ... */
static void test_unmap_with_nothing_live_is_enoent_at_checks_1(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;

	(void)state;
	if (DMP_CHECKS < 1)
		skip();
	uncounted_up(&r);
	device_rig_add(&r, NULL);
	zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_unmap(r.dev, phys, PAGE, DMP_TO_DEVICE, 0), -ENOENT);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

/* ... and the machine what is no memory of its. */
static void test_unmap_of_no_memory_is_enoent(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	uncounted_up(&r);
	device_rig_add(&r, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_unmap(r.dev, 0x7000, PAGE, DMP_TO_DEVICE, 0), -ENOENT);
	assert_int_equal(device_stats(&r).live_maps, 1);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

/* An unmap of other memory is not seen there, and counts in the place of the true one. */
static void test_live_mappings_are_never_counted_below_zero(void **state)
{
	struct device_rig r;
	dmp_phys_t phys, other;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	uncounted_up(&r);
	device_rig_add(&r, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	zone_buf(&r, DMP_ZONE_ANY, 0, &other);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_unmap(r.dev, other, PAGE, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0),
			 DMP_CHECKS >= 1 ? -ENOENT : 0);
	assert_int_equal(device_stats(&r).live_maps, 0);
	zone_free(&r, phys, 0);
	zone_free(&r, other, 0);
	device_rig_down(&r);
}

/*
 *   |..####..|........|       mapped, at @addr
 *      ^in     ^free
 */
static void check_slot_misuse(struct device_rig *r)
{
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf = zone_buf(r, DMP_ZONE_ANY, 0, &phys);

	memset(buf, 0x11, PAGE);
	assert_int_equal(dmp_dma_map(r->dev, buf, 5 * 512, DMP_FROM_DEVICE, 0, &addr), 0);
	memset(device_view(r, addr), 0x22, 5 * 512);
	assert_int_equal(dmp_dma_unmap(r->dev, addr + 2048, 512, DMP_FROM_DEVICE, 0), -ENOENT);
	assert_int_equal(dmp_dma_unmap(r->dev, addr + 8 * PAGE, 512, DMP_FROM_DEVICE, 0), -ENOENT);
	assert_int_equal(dmp_dma_unmap(r->dev, addr, 0, DMP_FROM_DEVICE, 0), -EINVAL);
	assert_int_equal(buf[0], 0x11);
	assert_int_equal(slots_in_use(r), 2);
	assert_int_equal(device_stats(r).live_maps, 1);
	assert_int_equal(dmp_dma_unmap(r->dev, addr, 5 * 512, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(buf[0], 0x22);
	assert_int_equal(dmp_dma_unmap(r->dev, addr, 5 * 512, DMP_FROM_DEVICE, 0), -ENOENT);
	assert_int_equal(slots_in_use(r), 0);
	assert_int_equal(device_stats(r).unmaps, 1);
	zone_free(r, phys, 0);
	device_rig_down(r);
}

/* On a machine that counts exposures that one knows, and on any other the bounce allocator. */
static void test_wrong_unmaps_of_slots_change_nothing(void **state)
{
	struct device_rig r;

	(void)state;
	device_rig_up_bouncing(&r, false, DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	check_slot_misuse(&r);
	uncounted_up(&r);
	device_rig_add_bouncing(&r, DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	check_slot_misuse(&r);
}

/* Two granules were asked for, one is mapped. */
static void test_refused_translated_unmap_keeps_the_slots(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf;

	(void)state;
	device_rig_up_bouncing(&r, true, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED));
	buf = zone_buf(&r, DMP_ZONE_ANY, 1, &phys);
	memset(buf, 0x11, 2 * PAGE);
	assert_int_equal(dmp_dma_map(r.dev, buf, 100, DMP_FROM_DEVICE, 0, &addr), 0);
	memset(device_view(&r, addr), 0x22, 100);
	r.rig.warnings = 0;
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 2 * PAGE, DMP_FROM_DEVICE, 0), -EINVAL);
	assert_int_equal(r.rig.warnings, 0);
	assert_int_equal(buf[0], 0x11);
	assert_int_equal(slots_in_use(&r), 2);
	assert_int_equal(device_stats(&r).live_maps, 1);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 100, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(buf[0], 0x22);
	zone_free(&r, phys, 1);
	device_rig_down(&r);
}

/*
 *   granule   |####....|     both lead to the same granule, and one begins a bounce buffer
 *              ^ addr
 *                ^ addr + 2
 */
static void test_translated_unmap_inside_a_bounce_buffer_is_enoent(void **state)
{
	struct device_rig r;
	struct dmp_sg sg;
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf;

	(void)state;
	device_rig_up_bouncing(&r, true, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED));
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, 100, DMP_FROM_DEVICE, 0, &addr), 0);
	memset(device_view(&r, addr), 0x22, 100);
	assert_int_equal(dmp_dma_unmap(r.dev, addr + 2, 98, DMP_FROM_DEVICE, 0), -ENOENT);
	sg = (struct dmp_sg){.buf = buf + 2, .len = 98, .addr = addr + 2, .mapped_len = 98};
	assert_int_equal(dmp_dma_unmap_sg(r.dev, &sg, 1, DMP_FROM_DEVICE, 0), -ENOENT);
	assert_int_equal(double_mapped_bytes(r.rig.d), PAGE);
	assert_int_equal(slots_in_use(&r), 2);
	assert_int_equal(device_stats(&r).live_maps, 1);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 100, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(buf[99], 0x22);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

/*
 *   memory    |1111111111111|      a granule, and so are the slots
 *   mapped     ^^^^^^^             100 bytes
 *   unmapped   ^^^^^^^^^^          200 would overwrite what lies behind the buffer
 */
static void check_other_length(struct device_rig *r)
{
	struct dmp_sg sg;
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf = zone_buf(r, DMP_ZONE_ANY, 0, &phys);

	memset(buf, 0x11, PAGE);
	assert_int_equal(dmp_dma_map(r->dev, buf, 100, DMP_FROM_DEVICE, 0, &addr), 0);
	memset(device_view(r, addr), 0x22, 200);
	for (uint64_t len = 99; len <= 200; len += 101) {
		sg = (struct dmp_sg){.buf = buf, .len = len, .addr = addr, .mapped_len = len};
		assert_int_equal(dmp_dma_unmap(r->dev, addr, len, DMP_FROM_DEVICE, 0), -EINVAL);
		assert_int_equal(dmp_dma_unmap_sg(r->dev, &sg, 1, DMP_FROM_DEVICE, 0), -EINVAL);
	}
	assert_int_equal(buf[0], 0x11);
	assert_int_equal(slots_in_use(r), r->rig.dom ? 2 : 1);
	assert_int_equal(device_stats(r).live_maps, 1);
	assert_int_equal(dmp_dma_unmap(r->dev, addr, 100, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(buf[99], 0x22);
	assert_int_equal(buf[100], 0x11);
	zone_free(r, phys, 0);
	device_rig_down(r);
}

static void test_unmap_of_another_length_than_the_bounce_buffers_is_einval(void **state)
{
	struct device_rig r;

	(void)state;
	device_rig_up_bouncing(&r, true, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED));
	check_other_length(&r);
	device_rig_up_bouncing(&r, false, DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	check_other_length(&r);
	uncounted_up(&r);
	device_rig_add_bouncing(&r, DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	check_other_length(&r);
}

static void test_reach_that_is_not_given_up_keeps_the_slots(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf;

	(void)state;
	device_rig_up_bouncing(&r, false, DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	memset(buf, 0x11, PAGE);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_FROM_DEVICE, 0, &addr), 0);
	memset(device_view(&r, addr), 0x22, PAGE);
	double_fail(r.rig.d, DOUBLE_MEM_UNMAP, 1, -EIO);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_FROM_DEVICE, 0), -EIO);
	assert_int_equal(buf[0], 0x11);
	assert_int_equal(slots_in_use(&r), 2);
	assert_int_equal(device_stats(&r).live_maps, 1);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(buf[0], 0x22);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

/* The mapping is gone although the call failed: it counts as unmapped. */
static void test_unmap_whose_flush_fails_counts_as_unmapped(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, true, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	double_fail(r.rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), -ETIMEDOUT);
	assert_int_equal(device_stats(&r).live_maps, 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

/* What a machine refuses to take back stays exposed, and stays counted. */
static void test_direct_unmap_that_fails_stays_mapped(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, false, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	double_fail(r.rig.d, DOUBLE_MEM_UNMAP, 1, -EIO);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), -EIO);
	assert_int_equal(device_stats(&r).live_maps, 1);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

static void test_skip_sync_spares_the_copy_back_alone(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct device_rig r;
		dmp_phys_t phys;
		dmp_addr_t addr;
		unsigned char *buf;

		device_rig_up_bouncing(&r, translated,
				       DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE));
		buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
		memset(buf, 0x11, PAGE);
		assert_int_equal(
			dmp_dma_map(r.dev, buf, PAGE, DMP_FROM_DEVICE, DMP_ATTR_SKIP_SYNC, &addr),
			0);
		assert_memory_equal(device_view(&r, addr), buf, PAGE);
		memset(device_view(&r, addr), 0x22, PAGE);
		assert_int_equal(
			dmp_dma_unmap(r.dev, addr, PAGE, DMP_FROM_DEVICE, DMP_ATTR_SKIP_SYNC), 0);
		assert_int_equal(buf[0], 0x11);
		assert_int_equal(slots_in_use(&r), 0);
		zone_free(&r, phys, 0);
		device_rig_down(&r);
	}
}

static void test_copy_back_goes_the_way_of_the_data(void **state)
{
	const unsigned char expected[] = {
		[DMP_BIDIRECTIONAL] = 0x22, [DMP_TO_DEVICE] = 0x11, [DMP_FROM_DEVICE] = 0x22};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		enum dmp_dir dir = (enum dmp_dir)(i / 2);
		struct device_rig r;
		dmp_phys_t phys;
		dmp_addr_t addr;
		unsigned char *buf;

		device_rig_up_bouncing(&r, i % 2,
				       DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE));
		buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
		memset(buf, 0x11, PAGE);
		assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, dir, 0, &addr), 0);
		memset(device_view(&r, addr), 0x22, PAGE);
		assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, dir, 0), 0);
		assert_int_equal(buf[PAGE / 2], expected[dir]);
		zone_free(&r, phys, 0);
		device_rig_down(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_unmaps_change_nothing),
		cmocka_unit_test(test_unmap_with_nothing_live_is_enoent_at_checks_1),
		cmocka_unit_test(test_unmap_of_no_memory_is_enoent),
		cmocka_unit_test(test_live_mappings_are_never_counted_below_zero),
		cmocka_unit_test(test_wrong_unmaps_of_slots_change_nothing),
		cmocka_unit_test(test_refused_translated_unmap_keeps_the_slots),
		cmocka_unit_test(test_translated_unmap_inside_a_bounce_buffer_is_enoent),
		cmocka_unit_test(test_unmap_of_another_length_than_the_bounce_buffers_is_einval),
		cmocka_unit_test(test_reach_that_is_not_given_up_keeps_the_slots),
		cmocka_unit_test(test_unmap_whose_flush_fails_counts_as_unmapped),
		cmocka_unit_test(test_direct_unmap_that_fails_stays_mapped),
		cmocka_unit_test(test_skip_sync_spares_the_copy_back_alone),
		cmocka_unit_test(test_copy_back_goes_the_way_of_the_data),
	};

	return cmocka_run_group_tests_name("dma_unmap", tests, NULL, NULL);
}
