// SPDX-License-Identifier: MIT
/*
 * test_sim_region.c - proves that sim/sim_region.c tells the regions that were set, and keeps those
 * of an attached device
 */
#include "test_sim_machine.h"

#define REGION(...) ((struct dmp_hw_region){.size = sizeof(struct dmp_hw_region), __VA_ARGS__})

static const struct dmp_hw_region two[] = {
	{.size = sizeof(two[0]), .kind = DMP_REGION_MSI, .start = 0xfee00000, .len = MIB(1)},
	{.size = sizeof(two[0]), .kind = DMP_REGION_DIRECT, .start = 5, .len = 9, .prot = RW},
};

static int region_of(struct machine *m, uint32_t device, uint32_t n, struct dmp_hw_region *region)
{
	*region = REGION(.start = 7);
	return m->ops->device_region(m->sim, device, n, region);
}

static void test_regions_are_told_as_they_were_set(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_region region;

	machine_add_device(m);
	assert_int_equal(region_of(m, m->device, 0, &region), -ENOENT);
	assert_int_equal(region.start, 7);
	assert_int_equal(dmp_sim_set_regions(m->sim, m->device, two, 2), 0);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(region_of(m, m->device, i, &region), 0);
		assert_memory_equal(&region, &two[i], sizeof(region));
	}
	assert_int_equal(region_of(m, m->device, 2, &region), -ENOENT);
	assert_int_equal(region_of(m, m->device + 1, 0, &region), -ENOENT);
	assert_int_equal(dmp_sim_set_regions(m->sim, m->device, two + 1, 1), 0);
	assert_int_equal(region_of(m, m->device, 0, &region), 0);
	assert_int_equal(region.kind, DMP_REGION_DIRECT);
	assert_int_equal(dmp_sim_set_regions(m->sim, m->device, NULL, 0), 0);
	assert_int_equal(region_of(m, m->device, 0, &region), -ENOENT);
	assert_int_equal(dmp_sim_set_regions(m->sim, m->device, two, 2), 0); /* goes with it */
}

static void test_those_of_an_attached_device_stay(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_region region;

	machine_add_all(m);
	assert_int_equal(dmp_sim_set_regions(m->sim, m->device, two, 2), -EBUSY);
	assert_int_equal(region_of(m, m->device, 0, &region), -ENOENT);
}

static void test_what_makes_no_sense_changes_nothing(void **state)
{
	const struct dmp_hw_region bad[] = {
		{.len = PAGE},
		REGION(.kind = 4, .len = PAGE),
		REGION(.kind = DMP_REGION_RESERVED),
		REGION(.start = UINT64_MAX, .len = 2),
		REGION(.kind = DMP_REGION_DIRECT, .len = PAGE),
		REGION(.kind = DMP_REGION_DIRECT, .len = PAGE, .prot = 8),
		REGION(.kind = DMP_REGION_MSI, .len = PAGE, .prot = RW),
		REGION(.len = PAGE, .reserved0 = 1),
	};
	struct machine *m = *state;
	struct dmp_hw_region region;

	machine_add_device(m);
	assert_int_equal(dmp_sim_set_regions(m->sim, m->device, two, 2), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dmp_sim_set_regions(m->sim, m->device, &bad[i], 1), -EINVAL);
	assert_int_equal(dmp_sim_set_regions(m->sim, m->device, two, DMP_SIM_REGIONS_MAX + 1),
			 -EINVAL);
	assert_int_equal(dmp_sim_set_regions(m->sim, m->device, NULL, 1), -EINVAL);
	assert_int_equal(dmp_sim_set_regions(NULL, m->device, two, 2), -EINVAL);
	assert_int_equal(dmp_sim_set_regions(m->sim, m->device + 1, two, 2), -ENOENT);
	assert_int_equal(region_of(m, m->device, 1, &region), 0);
	assert_int_equal(region_of(m, m->device, 2, &region), -ENOENT);
}

static void test_a_machine_without_an_iommu_has_no_regions(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.flags = DMP_SIM_NO_IOMMU));

	(void)state;
	assert_null(m->ops->device_region);
	machine_destroy(m);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup_bare, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_regions_are_told_as_they_were_set),
		TEST(test_those_of_an_attached_device_stay),
		TEST(test_what_makes_no_sense_changes_nothing),
		cmocka_unit_test(test_a_machine_without_an_iommu_has_no_regions),
	};

	return cmocka_run_group_tests_name("sim_region", tests, NULL, NULL);
}
