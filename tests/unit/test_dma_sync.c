// SPDX-License-Identifier: MIT
/*
 * test_dma_sync.c - proves of lib/dma/dma_sync.c: a live part is handed over, in place without
 * moving a byte, in slots by copying just that part; anything else is refused
 */
#include "device_rig.h"

static void check_sync_of_a_live_part(bool translated)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf;

	device_rig_up(&r, translated, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 1, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, 2 * PAGE, DMP_BIDIRECTIONAL, 0, &addr), 0);
	memset(buf, 0x5a, 2 * PAGE);
	double_clear(r.rig.d);
	assert_int_equal(dmp_dma_sync_for_cpu(r.dev, addr + 7, PAGE, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(dmp_dma_sync_for_device(r.dev, addr + 7, PAGE, DMP_BIDIRECTIONAL), 0);
	assert_string_equal(double_trace(r.rig.d), "");
	assert_int_equal(buf[7], 0x5a);
	assert_int_equal(device_stats(&r).syncs, 2);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 2 * PAGE, DMP_BIDIRECTIONAL, 0), 0);
	zone_free(&r, phys, 1);
	device_rig_down(&r);
}

static void test_live_part_changes_hands_in_place(void **state)
{
	(void)state;
	check_sync_of_a_live_part(false);
	check_sync_of_a_live_part(true);
}

#define BEFORE 0x11
#define CPU    0x33
#define DEVICE 0x22

static void assert_bytes(const unsigned char *bytes, uint64_t len, unsigned char value)
{
	for (uint64_t i = 0; i < len; i++)
		assert_int_equal(bytes[i], value);
}

/*
 *   |....####......|    a part of one page, anywhere: moved if the direction says so, and
 *    ^   ^   ^          the rest never
 *        off +len
 */
static void check_part(struct device_rig *r, unsigned char *buf, enum dmp_dir dir, uint64_t off,
		       uint64_t len)
{
	unsigned char to_cpu = dir == DMP_TO_DEVICE ? CPU : DEVICE;
	unsigned char to_device = dir == DMP_FROM_DEVICE ? DEVICE : CPU;
	unsigned char *seen;
	dmp_addr_t addr;

	memset(buf, BEFORE, PAGE);
	assert_int_equal(dmp_dma_map(r->dev, buf, PAGE, dir, 0, &addr), 0);
	seen = device_view(r, addr);
	memset(buf, CPU, PAGE);
	memset(seen, DEVICE, PAGE);
	assert_int_equal(dmp_dma_sync_for_cpu(r->dev, addr + off, len, dir), 0);
	assert_bytes(buf, off, CPU);
	assert_bytes(buf + off, len, to_cpu);
	assert_bytes(buf + off + len, PAGE - off - len, CPU);
	memset(buf, CPU, PAGE);
	assert_int_equal(dmp_dma_sync_for_device(r->dev, addr + off, len, dir), 0);
	assert_bytes(seen, off, DEVICE);
	assert_bytes(seen + off, len, to_device);
	assert_bytes(seen + off + len, PAGE - off - len, DEVICE);
	assert_int_equal(dmp_dma_unmap(r->dev, addr, PAGE, dir, DMP_ATTR_SKIP_SYNC), 0);
}

static void test_part_in_slots_is_copied_the_way_of_the_data(void **state)
{
	const uint64_t parts[][2] = {{0, 4096}, {0, 1}, {4095, 1}, {2047, 2}, {100, 3000}};

	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct device_rig r;
		dmp_phys_t phys;
		unsigned char *buf;

		device_rig_up_bouncing(&r, translated,
				       DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE));
		buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
		for (size_t i = 0; i < 15; i++)
			check_part(&r, buf, (enum dmp_dir)(i % 3), parts[i / 3][0],
				   parts[i / 3][1]);
		assert_int_equal(device_stats(&r).syncs, 30);
		zone_free(&r, phys, 0);
		device_rig_down(&r);
	}
}

/*
 *   granule  |0000####|      the zeros are mapped, but nobody's data
 *               ^ addr - 1
 */
static void test_padding_in_front_of_slots_is_enoent(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	char *buf;

	(void)state;
	device_rig_up_bouncing(
		&r, true, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED, .min_align_mask = 0xfff));
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf + 3000, 100, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_sync_for_device(r.dev, addr - 1, 1, DMP_TO_DEVICE), -ENOENT);
	assert_int_equal(dmp_dma_sync_for_device(r.dev, addr, 1, DMP_TO_DEVICE), 0);
	assert_int_equal(device_stats(&r).syncs, 1);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 100, DMP_TO_DEVICE, 0), 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

/*
 *   memory   |##|nnnnnnn|      neighbours in the granule
 *   slots    |##|0000000|      one byte too many would show the device the first of them, or
 *                              overwrite it
 */
static void test_part_that_ends_behind_the_buffer_moves_no_byte(void **state)
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
		memset(buf, CPU, PAGE);
		assert_int_equal(dmp_dma_map(r.dev, buf, 100, DMP_BIDIRECTIONAL, 0, &addr), 0);
		memset(device_view(&r, addr), DEVICE, 101);
		assert_int_equal(dmp_dma_sync_for_cpu(r.dev, addr, 101, DMP_BIDIRECTIONAL),
				 -ENOENT);
		assert_int_equal(dmp_dma_sync_for_device(r.dev, addr + 99, 2, DMP_BIDIRECTIONAL),
				 -ENOENT);
		assert_bytes(buf, PAGE, CPU);
		assert_bytes(device_view(&r, addr), 101, DEVICE);
		assert_int_equal(dmp_dma_sync_for_cpu(r.dev, addr + 99, 1, DMP_BIDIRECTIONAL), 0);
		assert_int_equal(dmp_dma_unmap(r.dev, addr, 100, DMP_BIDIRECTIONAL, 0), 0);
		zone_free(&r, phys, 0);
		device_rig_down(&r);
	}
}

static void test_slots_whose_buffer_is_gone_are_efault(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	char *buf;

	(void)state;
	device_rig_up_bouncing(&r, true, DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED));
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, 100, DMP_BIDIRECTIONAL, 0, &addr), 0);
	double_fail(r.rig.d, DOUBLE_PHYS_TO_BUF, 1, -EFAULT);
	assert_int_equal(dmp_dma_sync_for_cpu(r.dev, addr, 100, DMP_BIDIRECTIONAL), -EFAULT);
	assert_int_equal(device_stats(&r).syncs, 0);
	assert_int_equal(dmp_dma_sync_for_cpu(r.dev, addr, 100, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 100, DMP_BIDIRECTIONAL, 0), 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

static void check_misuse(bool translated)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	void *buf;

	device_rig_up(&r, translated, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_sync_for_cpu(r.dev, addr, 0, DMP_TO_DEVICE), -EINVAL);
	assert_int_equal(dmp_dma_sync_for_cpu(r.dev, addr, 1, (enum dmp_dir)5), -EINVAL);
	assert_int_equal(dmp_dma_sync_for_cpu(r.dev, addr, UINT64_MAX, DMP_TO_DEVICE), -EINVAL);
	assert_int_equal(dmp_dma_sync_for_device(r.dev, 0x70000, 1, DMP_TO_DEVICE), -ENOENT);
	assert_int_equal(device_stats(&r).syncs, 0);
	assert_int_equal(r.rig.bugs, 4);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

static void test_wrong_syncs_are_refused(void **state)
{
	(void)state;
	check_misuse(false);
	check_misuse(true);
}

/*
 *   mapped   |####|
 *   synced     |####|    the last byte leads nowhere
 */
static void test_part_that_ends_beyond_the_mapping_is_enoent(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, true, NULL);
	buf = zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_sync_for_cpu(r.dev, addr + 8, PAGE, DMP_TO_DEVICE), -ENOENT);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

static void test_sync_with_nothing_live_is_enoent_at_checks_1(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;

	(void)state;
	if (DMP_CHECKS < 1)
		skip();
	device_rig_up(&r, false, NULL);
	zone_buf(&r, DMP_ZONE_ANY, 0, &phys);
	assert_int_equal(dmp_dma_sync_for_cpu(r.dev, phys, PAGE, DMP_TO_DEVICE), -ENOENT);
	zone_free(&r, phys, 0);
	device_rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live_part_changes_hands_in_place),
		cmocka_unit_test(test_part_in_slots_is_copied_the_way_of_the_data),
		cmocka_unit_test(test_padding_in_front_of_slots_is_enoent),
		cmocka_unit_test(test_part_that_ends_behind_the_buffer_moves_no_byte),
		cmocka_unit_test(test_slots_whose_buffer_is_gone_are_efault),
		cmocka_unit_test(test_wrong_syncs_are_refused),
		cmocka_unit_test(test_part_that_ends_beyond_the_mapping_is_enoent),
		cmocka_unit_test(test_sync_with_nothing_live_is_enoent_at_checks_1),
	};

	return cmocka_run_group_tests_name("dma_sync", tests, NULL, NULL);
}
