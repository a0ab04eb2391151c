// SPDX-License-Identifier: MIT
/*
 * test_dma_bounce.c - proves B2 of lib/dma/dma_bounce.c, what surrounds a copy, and where slots lie
 * for which device; B1 is in test_dma_bounce_kept
 */
#include "bounce_rig.h"

static void assert_all_zero(const unsigned char *bytes, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		assert_int_equal(bytes[i], 0);
}

/*
 *   granule   |0000####|####0000|        the offset is kept: min_align_mask 0xfff
 *             |####000000000000|        it is not: the copy begins the granule
 */
static void check_padding(uint64_t page_bytes, uint64_t min_align_mask)
{
	struct bounce_rig b;
	const unsigned char *seen;
	uint64_t before, after;
	dmp_addr_t addr;

	rig_begin(&b.r.rig);
	b.r.rig.d->page_sizes = page_bytes;
	rig_domain(&b.r.rig);
	device_rig_add_bouncing(&b.r, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED,
						      .min_align_mask = min_align_mask));
	b.buf = zone_buf(&b.r, DMP_ZONE_ANY, 0, &b.phys);
	bounce_fill(b.buf, PAGE);
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf + 3000, 700, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(addr & min_align_mask, 3000 & min_align_mask);
	before = addr % page_bytes;
	after = page_bytes - before - 700;
	seen = device_view(&b.r, addr - before);
	assert_int_equal(double_mapped_bytes(b.r.rig.d), page_bytes);
	assert_all_zero(seen, before);
	assert_memory_equal(seen + before, b.buf + 3000, 700);
	assert_all_zero(seen + before + 700, after);
	assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 700, DMP_TO_DEVICE, 0), 0);
	bounce_down(&b);
}

static void test_what_surrounds_a_copy_in_its_granules_is_zero(void **state)
{
	(void)state;
	check_padding(0x1000, 0xfff);
	check_padding(0x1000, 0x1ff);
	check_padding(0x1000, 0);
	check_padding(0x10000, 0xfff);
	check_padding(0x10000, 0);
}

/* The copy is the slots' only change: neighbours in the pool are others'. */
static void test_direct_copy_leaves_the_rest_of_its_slots_alone(void **state)
{
	struct bounce_rig b;
	const unsigned char *seen;
	dmp_addr_t addr;

	(void)state;
	bounce_up(&b, false, DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32), .min_align_mask = 0x7ff));
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf + 100, 500, DMP_TO_DEVICE, 0, &addr), 0);
	seen = device_view(&b.r, addr);
	assert_int_equal(seen[-1], 0xa5);
	assert_int_equal(seen[500], 0xa5);
	assert_memory_equal(seen, b.buf + 100, 500);
	assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 500, DMP_TO_DEVICE, 0), 0);
	bounce_down(&b);
}

static void test_slots_keep_the_address_bits_that_the_device_asks_for(void **state)
{
	const uint64_t masks[] = {0, 0x1ff, 0xfff};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bounce_rig b;
		dmp_addr_t addr;

		bounce_up(&b, false,
			  DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32), .min_align_mask = masks[i]));
		assert_int_equal(dmp_dma_map(b.r.dev, b.buf + 0xabc, 8, DMP_TO_DEVICE, 0, &addr),
				 0);
		assert_int_equal(addr & masks[i], (b.phys + 0xabc) & masks[i]);
		assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 8, DMP_TO_DEVICE, 0), 0);
		bounce_down(&b);
	}
}

/*
 *   boundary every 4 KiB, copies of three quarters of a page: one a page, never across
 */
static void test_direct_slots_stay_between_segment_boundaries(void **state)
{
	struct bounce_rig b;
	dmp_addr_t addr[3];

	(void)state;
	bounce_up(&b, false,
		  DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32), .segment_boundary = PAGE - 1));
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 3072, DMP_TO_DEVICE, 0, &addr[i]), 0);
		assert_true(addr[i] % PAGE + 3072 <= PAGE);
	}
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(dmp_dma_unmap(b.r.dev, addr[i], 3072, DMP_TO_DEVICE, 0), 0);
	bounce_down(&b);
}

/* What the device sees there are IOVAs. */
static void test_translated_slots_know_no_segment_boundary(void **state)
{
	struct bounce_rig b;
	dmp_addr_t addr;

	(void)state;
	bounce_up(&b, true,
		  DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED, .segment_boundary = 0x7ff));
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 100, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 100, DMP_TO_DEVICE, 0), 0);
	bounce_down(&b);
}

/* The pool lies at 2 GiB. */
static void test_slots_beyond_the_reach_are_erange_and_free_again(void **state)
{
	struct bounce_rig b;
	dmp_addr_t addr = 7;

	(void)state;
	bounce_up(&b, false, DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(31)));
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 100, DMP_TO_DEVICE, 0, &addr), -ERANGE);
	assert_int_equal(addr, 7);
	bounce_down(&b);
}

/* Behind a domain only the IOVA must be in reach. */
static void test_translated_slots_may_lie_beyond_the_reach(void **state)
{
	struct bounce_rig b;
	dmp_addr_t addr;

	(void)state;
	bounce_up(&b, true,
		  DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED, .dma_mask = DMP_MASK(24)));
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 100, DMP_TO_DEVICE, 0, &addr), 0);
	assert_true(addr <= DMP_MASK(24));
	assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 100, DMP_TO_DEVICE, 0), 0);
	bounce_down(&b);
}

/* Whichever look-up it is, that of the buffer, for the copy, or of the slots, for the zeros. */
static void test_failed_lookup_of_memory_frees_the_slots(void **state)
{
	struct bounce_rig b;
	dmp_addr_t addr = 7;
	uint64_t nth = 0;
	int err;

	(void)state;
	bounce_up(&b, true, UNTRUSTED);
	do {
		double_fail(b.r.rig.d, DOUBLE_PHYS_TO_BUF, ++nth, -EIO);
		err = dmp_dma_map(b.r.dev, b.buf, 100, DMP_TO_DEVICE, 0, &addr);
		if (err) {
			assert_int_equal(err, -EIO);
			assert_int_equal(addr, 7);
			assert_int_equal(slots_in_use(&b.r), 0);
			assert_string_equal(double_trace(b.r.rig.d), "");
		}
	} while (err);
	assert_true(nth > 2);
	double_fail(b.r.rig.d, DOUBLE_PHYS_TO_BUF, 0, 0);
	assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 100, DMP_TO_DEVICE, 0), 0);
	bounce_down(&b);
}

static void check_failed_map(bool translated, enum double_call call)
{
	struct bounce_rig b;
	dmp_addr_t addr = 7;

	bounce_up(&b, translated, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE));
	double_fail(b.r.rig.d, call, 1, -ENOMEM);
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 900, DMP_FROM_DEVICE, 0, &addr), -ENOMEM);
	assert_int_equal(addr, 7);
	assert_int_equal(slots_in_use(&b.r), 0);
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 900, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 900, DMP_FROM_DEVICE, 0), 0);
	bounce_down(&b);
}

static void test_map_that_fails_behind_the_copy_frees_the_slots(void **state)
{
	(void)state;
	check_failed_map(false, DOUBLE_MEM_MAP);
	check_failed_map(true, DOUBLE_MAP_PAGES);
}

/* Somebody writes to the buffer while its map is on its way to fail. */
static unsigned char *written;

static int fail_beside_a_writer(void *be, uint32_t device, dmp_phys_t phys, uint64_t len,
				enum dmp_dir dir)
{
	(void)be, (void)device, (void)phys, (void)len, (void)dir;
	memset(written, 0x33, PAGE);
	return -ENOMEM;
}

/* B2 */
static void test_map_that_fails_behind_the_copy_changes_no_byte(void **state)
{
	struct bounce_rig b;
	dmp_addr_t addr;

	(void)state;
	rig_begin(&b.r.rig);
	b.r.rig.d->ops.mem_map = fail_beside_a_writer;
	rig_adopt(&b.r.rig);
	device_rig_add_bouncing(&b.r, DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	b.buf = zone_buf(&b.r, DMP_ZONE_ANY, 0, &b.phys);
	written = b.buf;
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 900, DMP_FROM_DEVICE, 0, &addr), -ENOMEM);
	for (size_t i = 0; i < PAGE; i++)
		assert_int_equal(b.buf[i], 0x33);
	bounce_down(&b);
}

/* Its bytes cannot be copied back: an error, but nothing is left. */
static void test_buffer_that_is_gone_at_unmap_is_an_error_and_frees_the_slots(void **state)
{
	struct bounce_rig b;
	dmp_addr_t addr;

	(void)state;
	bounce_up(&b, true, UNTRUSTED);
	assert_int_equal(dmp_dma_map(b.r.dev, b.buf, 900, DMP_FROM_DEVICE, 0, &addr), 0);
	double_fail(b.r.rig.d, DOUBLE_PHYS_TO_BUF, 1, -EFAULT);
	assert_int_equal(dmp_dma_unmap(b.r.dev, addr, 900, DMP_FROM_DEVICE, 0), -EFAULT);
	assert_int_equal(device_stats(&b.r).live_maps, 0);
	bounce_down(&b);
}

/* The tables are asked once more for a device that may bounce, and for no other. */
static void test_only_a_device_that_may_bounce_is_asked(void **state)
{
	uint64_t lookups[2];

	(void)state;
	for (int untrusted = 0; untrusted < 2; untrusted++) {
		struct bounce_rig b;
		dmp_addr_t addr;

		bounce_up(&b, true, DMP_DEVICE_OPTS(.flags = untrusted ? DMP_DEVICE_UNTRUSTED : 0));
		assert_int_equal(dmp_dma_map(b.r.dev, b.buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
		double_clear(b.r.rig.d);
		assert_int_equal(dmp_dma_unmap(b.r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
		lookups[untrusted] = double_count(b.r.rig.d, DOUBLE_IOVA_TO_PHYS);
		bounce_down(&b);
	}
	assert_int_equal(lookups[1], lookups[0] + 1);
}

/* Four mappings of a segment each fill the pool; one that goes makes room. */
static void test_full_pool_is_enospc_and_changes_nothing(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		const uint64_t len = DMP_SWIOTLB_MAX_BYTES;
		dmp_addr_t addr[SLOTS / 128], none = 7;
		struct device_rig r;
		dmp_phys_t phys;
		void *buf;

		device_rig_up_bouncing(&r, translated,
				       DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE));
		buf = zone_buf(&r, DMP_ZONE_ANY, 6, &phys);
		for (size_t i = 0; i < SLOTS / 128; i++)
			assert_int_equal(dmp_dma_map(r.dev, buf, len, DMP_TO_DEVICE, 0, &addr[i]),
					 0);
		double_clear(r.rig.d);
		assert_int_equal(dmp_dma_map(r.dev, buf, 1, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &none),
				 -ENOSPC);
		assert_int_equal(none, 7);
		assert_int_equal(r.rig.warnings, 0);
		assert_string_equal(double_trace(r.rig.d), "");
		assert_int_equal(device_stats(&r).live_maps, SLOTS / 128);
		for (size_t i = 0; i < SLOTS / 128; i++)
			assert_int_equal(dmp_dma_unmap(r.dev, addr[i], len, DMP_TO_DEVICE, 0), 0);
		assert_int_equal(dmp_dma_map(r.dev, buf, len + 1, DMP_TO_DEVICE, 0, &none),
				 -ERANGE);
		zone_free(&r, phys, 6);
		device_rig_down(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_surrounds_a_copy_in_its_granules_is_zero),
		cmocka_unit_test(test_direct_copy_leaves_the_rest_of_its_slots_alone),
		cmocka_unit_test(test_slots_keep_the_address_bits_that_the_device_asks_for),
		cmocka_unit_test(test_direct_slots_stay_between_segment_boundaries),
		cmocka_unit_test(test_translated_slots_know_no_segment_boundary),
		cmocka_unit_test(test_slots_beyond_the_reach_are_erange_and_free_again),
		cmocka_unit_test(test_translated_slots_may_lie_beyond_the_reach),
		cmocka_unit_test(test_failed_lookup_of_memory_frees_the_slots),
		cmocka_unit_test(test_map_that_fails_behind_the_copy_frees_the_slots),
		cmocka_unit_test(test_map_that_fails_behind_the_copy_changes_no_byte),
		cmocka_unit_test(test_buffer_that_is_gone_at_unmap_is_an_error_and_frees_the_slots),
		cmocka_unit_test(test_only_a_device_that_may_bounce_is_asked),
		cmocka_unit_test(test_full_pool_is_enospc_and_changes_nothing),
	};

	return cmocka_run_group_tests_name("dma_bounce", tests, NULL, NULL);
}
