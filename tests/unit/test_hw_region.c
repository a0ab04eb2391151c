// SPDX-License-Identifier: MIT
/*
 * test_hw_region.c - proves that lib/hw/hw_region.c believes a region only if it makes sense
 */
#include "hw_rig.h"

#define REGION(...)                                                                                \
	{                                                                                          \
		.size = sizeof(struct dmp_hw_region), __VA_ARGS__                                  \
	}

static struct dmp_hw_region answer;
static int answer_ret;

static int answer_op(void *be, uint32_t device, uint32_t n, struct dmp_hw_region *region)
{
	(void)be;
	(void)device;
	if (!answer_ret && n == 0)
		*region = answer;
	return answer_ret ? answer_ret : n == 0 ? 0 : -ENOENT;
}

static void up(struct hw_rig *rig, uint32_t flags)
{
	hw_rig_begin(rig);
	rig->d->ops.device_region = answer_op;
	hw_rig_adopt(rig, flags);
	answer_ret = 0;
}

static void test_a_region_that_makes_sense_is_passed_on(void **state)
{
	static const struct dmp_hw_region good[] = {
		REGION(.kind = DMP_REGION_RESERVED, .start = 0, .len = UINT64_MAX),
		REGION(.kind = DMP_REGION_RESERVED, .start = 1, .len = UINT64_MAX),
		REGION(.kind = DMP_REGION_MSI, .start = 0xfee00000, .len = 0x100000),
		REGION(.kind = DMP_REGION_SOFTWARE_MSI, .start = 0x8000000, .len = 0x100000),
		REGION(.kind = DMP_REGION_DIRECT, .start = 5, .len = 1, .prot = DMP_PROT_READ),
	};
	struct dmp_hw_region region;
	struct hw_rig rig;

	(void)state;
	up(&rig, DMP_HW_CHECK);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		answer = good[i];
		assert_int_equal(hw_device_region(rig.hw, 0, 0, &region), 0);
		assert_memory_equal(&region, &good[i], sizeof(region));
		assert_int_equal(hw_device_region(rig.hw, 0, 1, &region), -ENOENT);
	}
	hw_rig_down(&rig);
}

static const struct dmp_hw_region bad[] = {
	REGION(.kind = 4, .start = 0, .len = 4096),
	REGION(.kind = DMP_REGION_RESERVED, .start = 4096, .len = 0),
	REGION(.kind = DMP_REGION_RESERVED, .start = 0, .len = 0),
	REGION(.kind = DMP_REGION_RESERVED, .start = 2, .len = UINT64_MAX),
	REGION(.kind = DMP_REGION_RESERVED, .start = 0, .len = 4096, .prot = DMP_PROT_READ),
	REGION(.kind = DMP_REGION_DIRECT, .start = 0, .len = 4096),
	REGION(.kind = DMP_REGION_DIRECT, .start = 0, .len = 4096, .prot = 4),
	REGION(.kind = DMP_REGION_RESERVED, .start = 0, .len = 4096, .reserved0 = 1),
};

static void test_nonsense_is_eio_and_the_shim_says_so(void **state)
{
	struct dmp_hw_region region = {.size = 77};
	struct hw_rig rig;

	(void)state;
	for (int checked = 0; checked < 2; checked++) {
		up(&rig, checked ? DMP_HW_CHECK : 0);
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			answer = bad[i];
			assert_int_equal(hw_device_region(rig.hw, 0, 0, &region), -EIO);
			assert_int_equal(region.size, 77);
			if (checked)
				hw_rig_expect_bug(&rig, "a region that makes no sense");
		}
		hw_rig_down(&rig);
	}
}

static int endless_op(void *be, uint32_t device, uint32_t n, struct dmp_hw_region *region)
{
	(void)be;
	(void)device;
	(void)n;
	*region = (struct dmp_hw_region)REGION(.kind = DMP_REGION_RESERVED, .len = 4096);
	return 0;
}

static void test_regions_without_end_are_eio(void **state)
{
	struct hw_rig rig;

	(void)state;
	for (int checked = 0; checked < 2; checked++) {
		struct dmp_hw_region region = {.size = 77};

		hw_rig_begin(&rig);
		rig.d->ops.device_region = endless_op;
		hw_rig_adopt(&rig, checked ? DMP_HW_CHECK : 0);
		assert_int_equal(hw_device_region(rig.hw, 0, DMP_HW_REGIONS_MAX, &region), -EIO);
		assert_int_equal(region.size, 77);
		if (checked)
			hw_rig_expect_bug(&rig, "more regions than may be");
		assert_int_equal(hw_device_region(rig.hw, 0, DMP_HW_REGIONS_MAX - 1, &region), 0);
		hw_rig_down(&rig);
	}
}

static void test_errnos_of_the_backend_pass_and_a_positive_one_is_eio(void **state)
{
	struct dmp_hw_region region;
	struct hw_rig rig;

	(void)state;
	up(&rig, 0);
	answer_ret = -ENODEV;
	assert_int_equal(hw_device_region(rig.hw, 0, 0, &region), -ENODEV);
	answer_ret = 1;
	assert_int_equal(hw_device_region(rig.hw, 0, 0, &region), -EIO);
	hw_rig_down(&rig);
}

static void test_a_machine_without_regions_has_none(void **state)
{
	struct dmp_hw_region region;
	struct hw_rig rig;

	(void)state;
	hw_rig_begin(&rig);
	rig.d->ops.device_region = NULL;
	hw_rig_adopt(&rig, DMP_HW_CHECK);
	assert_int_equal(hw_device_region(rig.hw, 0, 0, &region), -ENOENT);
	hw_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_region_that_makes_sense_is_passed_on),
		cmocka_unit_test(test_nonsense_is_eio_and_the_shim_says_so),
		cmocka_unit_test(test_regions_without_end_are_eio),
		cmocka_unit_test(test_errnos_of_the_backend_pass_and_a_positive_one_is_eio),
		cmocka_unit_test(test_a_machine_without_regions_has_none),
	};

	return cmocka_run_group_tests_name("hw_region", tests, NULL, NULL);
}
