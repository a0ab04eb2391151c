// SPDX-License-Identifier: MIT
/*
 * test_dma_sync.c - proves of lib/dma/dma_sync.c: a live part is handed over without moving
 * a byte, anything else is refused
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
		cmocka_unit_test(test_wrong_syncs_are_refused),
		cmocka_unit_test(test_part_that_ends_beyond_the_mapping_is_enoent),
		cmocka_unit_test(test_sync_with_nothing_live_is_enoent_at_checks_1),
	};

	return cmocka_run_group_tests_name("dma_sync", tests, NULL, NULL);
}
