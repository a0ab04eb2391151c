// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_device.c - proves what lib/swiotlb/swiotlb_device.c keeps for a device
 */
#include "growth_rig.h"

static struct dmp_swiotlb_limits limits_of(struct swiotlb_rig *rig)
{
	struct dmp_swiotlb_limits limits = DMP_SWIOTLB_LIMITS(.flags = 0);

	assert_int_equal(dmp_swiotlb_device_create(rig->tlb, &limits.device), 0);
	return limits;
}

static void test_a_device_that_never_bounced_owns_nothing(void **state)
{
	struct dmp_swiotlb_limits limits, other;
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	limits = limits_of(&rig);
	other = limits_of(&rig);
	assert_false(dmp_swiotlb_device_owns(NULL, RIG_POOL));
	assert_false(dmp_swiotlb_device_owns(limits.device, RIG_POOL));
	phys = swiotlb_rig_map(&rig, &limits, RIG_ORIG, 1);
	assert_true(dmp_swiotlb_device_owns(limits.device, RIG_POOL));
	assert_true(dmp_swiotlb_device_owns(limits.device, RIG_POOL + 512 * SLOT - 1));
	assert_false(dmp_swiotlb_device_owns(limits.device, RIG_POOL + 512 * SLOT));
	assert_false(dmp_swiotlb_device_owns(other.device, RIG_POOL));
	swiotlb_rig_unmap(&rig, phys);
	assert_true(dmp_swiotlb_device_owns(limits.device, RIG_POOL));
	assert_int_equal(dmp_swiotlb_device_destroy(limits.device), 0);
	assert_int_equal(dmp_swiotlb_device_destroy(other.device), 0);
	swiotlb_rig_down(&rig);
}

static void test_pages_make_a_device_one_that_bounced(void **state)
{
	struct dmp_swiotlb_limits limits;
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	limits = limits_of(&rig);
	assert_int_equal(dmp_swiotlb_alloc_pages(rig.tlb, &limits, 4096, &phys), 0);
	assert_true(dmp_swiotlb_device_owns(limits.device, phys));
	assert_int_equal(dmp_swiotlb_free_pages(rig.tlb, phys, 4096), 0);
	assert_int_equal(dmp_swiotlb_device_destroy(limits.device), 0);
	swiotlb_rig_down(&rig);
}

static void test_a_transient_pool_is_known_to_its_device_alone(void **state)
{
	struct dmp_swiotlb_limits limits, other;
	struct swiotlb_rig rig;
	dmp_phys_t own, nobodys;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	limits = limits_of(&rig);
	other = limits_of(&rig);
	own = growth_rig_map(&rig, &limits, 1);
	nobodys = growth_rig_map(&rig, NULL, 1);
	swiotlb_rig_unmap(&rig, growth_rig_map(&rig, &other, 1));
	assert_true(dmp_swiotlb_device_owns(limits.device, own));
	assert_false(dmp_swiotlb_device_owns(limits.device, nobodys));
	assert_false(dmp_swiotlb_device_owns(other.device, own));
	assert_true(dmp_swiotlb_device_owns(other.device, GROWTH_FIRST));
	assert_true(dmp_swiotlb_owns(rig.tlb, own));
	assert_true(dmp_swiotlb_owns(rig.tlb, nobodys));
	assert_int_equal(dmp_swiotlb_device_destroy(limits.device), -EBUSY);
	swiotlb_rig_unmap(&rig, own);
	assert_int_equal(dmp_swiotlb_device_destroy(limits.device), 0);
	assert_int_equal(dmp_swiotlb_device_destroy(other.device), 0);
	growth_rig_down(&rig);
}

static void test_a_device_of_another_allocator_is_refused(void **state)
{
	struct dmp_swiotlb *second;
	struct dmp_swiotlb_limits limits;
	struct swiotlb_rig rig;
	dmp_phys_t phys = 0;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	limits = limits_of(&rig);
	assert_int_equal(
		dmp_swiotlb_create(rig.hw.hw, &DMP_SWIOTLB_OPTS(.slots = 128, .areas = 1), &second),
		0);
	assert_int_equal(dmp_swiotlb_map(second, &limits, RIG_ORIG, 1, DMP_TO_DEVICE, 0, &phys),
			 -EINVAL);
	assert_int_equal(dmp_swiotlb_alloc_pages(second, &limits, 1, &phys), -EINVAL);
	assert_int_equal(phys, 0);
	assert_int_equal(dmp_swiotlb_destroy(second), 0);
	assert_int_equal(dmp_swiotlb_device_destroy(limits.device), 0);
	swiotlb_rig_down(&rig);
}

static void test_an_allocator_with_a_device_is_not_destroyed(void **state)
{
	struct dmp_swiotlb_device *dev = NULL;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	assert_int_equal(dmp_swiotlb_device_create(NULL, &dev), -EINVAL);
	assert_int_equal(dmp_swiotlb_device_create(rig.tlb, NULL), -EINVAL);
	assert_int_equal(dmp_swiotlb_device_destroy(NULL), -EINVAL);
	assert_int_equal(dmp_swiotlb_device_create(rig.tlb, &dev), 0);
	assert_int_equal(dmp_swiotlb_destroy(rig.tlb), -EBUSY);
	assert_int_equal(dmp_swiotlb_device_destroy(dev), 0);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_device_that_never_bounced_owns_nothing),
		cmocka_unit_test(test_pages_make_a_device_one_that_bounced),
		cmocka_unit_test(test_a_transient_pool_is_known_to_its_device_alone),
		cmocka_unit_test(test_a_device_of_another_allocator_is_refused),
		cmocka_unit_test(test_an_allocator_with_a_device_is_not_destroyed),
	};

	return cmocka_run_group_tests_name("swiotlb_device", tests, NULL, NULL);
}
