// SPDX-License-Identifier: MIT
/*
 * test_domain_region.c - proves R1 and R2 of lib/domain/domain_region.c, and what is refused
 */
#include "region_rig.h"

#include <dmapool/harness.h>

#define LOW 0x100000u /* addresses of these tests are below */

/* Takes every address of whole pages below @limit that can be had; returns how many. */
static unsigned take_all(struct rig *rig, uint64_t limit, dmp_iova_t *iova, unsigned max)
{
	unsigned n = 0;

	while (n < max && dmp_domain_map(rig->dom, 0, PAGE, DMP_PROT_READ, limit, &iova[n]) == 0)
		n++;
	return n;
}

static void give_all(struct rig *rig, const dmp_iova_t *iova, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(dmp_domain_unmap(rig->dom, iova[i], PAGE), 0);
}

/* Of the pages below 0x100000 exactly those of the bits in @kept are never given out; page 0 is
 * not, ever. */
static void expect_kept(struct rig *rig, const bool kept[LOW / PAGE])
{
	static dmp_iova_t iova[LOW / PAGE];
	bool seen[LOW / PAGE] = {false};
	unsigned n = take_all(rig, LOW - 1, iova, LOW / PAGE);

	for (unsigned i = 0; i < n; i++)
		seen[iova[i] / PAGE] = true;
	for (unsigned i = 1; i < LOW / PAGE; i++)
		assert_int_equal(seen[i], !kept[i]);
	give_all(rig, iova, n);
}

/*
 *   region     kind            pages kept
 *   0x10000    reserved, 1 byte    16
 *   0x11fff    MSI, 2 bytes        17, 18     touches
 *   0x12000    reserved, 2 pages   18, 19     overlaps
 *   0x30000    software MSI        none
 */
static void test_no_address_of_a_region_is_given_out(void **state)
{
	bool kept[LOW / PAGE] = {[16] = true, [17] = true, [18] = true, [19] = true};
	struct rig rig;
	uint32_t device;

	(void)state;
	region_up(&rig);
	device = region_device(&rig);
	region_add(device, DMP_REGION_RESERVED, 0x10000, 1);
	region_add(device, DMP_REGION_MSI, 0x11fff, 2);
	region_add(device, DMP_REGION_RESERVED, 0x12000, 2 * PAGE);
	region_add(device, DMP_REGION_SOFTWARE_MSI, 0x30000, PAGE);
	assert_int_equal(dmp_domain_attach(rig.dom, device), 0);
	expect_kept(&rig, kept);
	assert_int_equal(region_count(&rig), 3);
	assert_int_equal(dmp_domain_detach(rig.dom, device), 0);
	expect_kept(&rig, kept); /* they stay */
	region_device_gone(&rig, device);
	rig_down(&rig);
}

static void test_a_direct_region_leads_to_itself_before_the_device_comes(void **state)
{
	bool kept[LOW / PAGE] = {[32] = true, [33] = true};
	struct rig rig;
	uint32_t device;

	(void)state;
	region_up(&rig);
	device = region_device(&rig);
	region_add(device, DMP_REGION_DIRECT, 0x20800, PAGE);
	region_lists[device].regions[0].prot = DMP_PROT_READ;
	double_clear(rig.d);
	assert_int_equal(dmp_domain_attach(rig.dom, device), 0);
	assert_string_equal(double_trace(rig.d), "map_pages sync_map domain_attach");
	assert_int_equal(rig_phys_at(&rig, 0x20000), 0x20000);
	assert_int_equal(rig_phys_at(&rig, 0x21000), 0x21000);
	assert_int_equal(rig_prot_at(&rig, 0x21000), DMP_PROT_READ);
	assert_int_equal(rig_phys_at(&rig, 0x22000), UINT64_MAX);
	expect_kept(&rig, kept);
	region_device_gone(&rig, device);
	rig_down(&rig);
}

/* R2: no length, whole or part, makes it go. */
static void test_a_direct_region_is_nobodys_mapping(void **state)
{
	struct rig rig;
	uint32_t device;

	(void)state;
	region_up(&rig);
	device = region_device(&rig);
	region_add(device, DMP_REGION_DIRECT, 0x20000, 2 * PAGE);
	assert_int_equal(dmp_domain_attach(rig.dom, device), 0);
	assert_int_equal(dmp_domain_unmap(rig.dom, 0x20000, 2 * PAGE), -ENOENT);
	assert_int_equal(dmp_domain_unmap(rig.dom, 0x21000, PAGE), -ENOENT);
	assert_int_equal(dmp_domain_can_unmap(rig.dom, 0x20000, PAGE), -ENOENT);
	assert_int_equal(rig_phys_at(&rig, 0x21000), 0x21000);
	assert_int_equal(rig.bugs, 2);
	assert_int_equal(dmp_domain_reserve(rig.dom, 0x1f000, 0x22fff), 0); /* is there already */
	assert_int_equal(dmp_domain_check(rig.dom), 0);
	region_device_gone(&rig, device);
	rig_down(&rig);
}

/* R2 at any checks: a length that ends in a region is wrong. */
static void test_an_unmap_does_not_reach_into_a_direct_region(void **state)
{
	dmp_iova_t iova = 0;
	struct rig rig;
	uint32_t device;

	(void)state;
	region_up(&rig);
	device = region_device(&rig);
	region_add(device, DMP_REGION_DIRECT, 0x20000, 2 * PAGE);
	assert_int_equal(dmp_domain_attach(rig.dom, device), 0);
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, DMP_PROT_READ, 0x20fff, &iova), 0);
	assert_int_equal(iova, 0x1f000);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 2 * PAGE), -EINVAL);
	assert_int_equal(dmp_domain_can_unmap(rig.dom, iova, 3 * PAGE), -EINVAL);
	assert_int_equal(rig_phys_at(&rig, 0x20000), 0x20000);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, PAGE), 0);
	region_device_gone(&rig, device);
	rig_down(&rig);
}

/*
 *   first device     |dddd|            of these:  mapped once
 *   second device      |dddddd|                      |..dddd|    the rest
 */
static void test_direct_regions_that_overlap_are_mapped_in_the_runs_that_are_left(void **state)
{
	struct rig rig;
	uint32_t one, two;

	(void)state;
	region_up(&rig);
	one = region_device(&rig);
	two = region_device(&rig);
	region_add(one, DMP_REGION_DIRECT, 0x20000, 4 * PAGE);
	region_add(two, DMP_REGION_DIRECT, 0x22000, 6 * PAGE);
	assert_int_equal(dmp_domain_attach(rig.dom, one), 0);
	assert_int_equal(dmp_domain_detach(rig.dom, one), 0);
	double_clear(rig.d);
	assert_int_equal(dmp_domain_attach(rig.dom, two), 0);
	assert_int_equal(double_count(rig.d, DOUBLE_MAP_PAGES), 1);
	assert_int_equal(double_last(rig.d, DOUBLE_MAP_PAGES)->iova, 0x24000);
	assert_int_equal(double_last(rig.d, DOUBLE_MAP_PAGES)->npages, 4);
	for (uint64_t at = 0x20000; at < 0x28000; at += PAGE)
		assert_int_equal(rig_phys_at(&rig, at), at);
	assert_int_equal(dmp_domain_attach(rig.dom, one), 0); /* known: beside the other */
	region_device_gone(&rig, one);
	region_device_gone(&rig, two);
	rig_down(&rig);
}

static void test_other_rights_in_a_direct_region_are_eexist(void **state)
{
	struct rig rig;
	uint32_t one, two;

	(void)state;
	region_up(&rig);
	one = region_device(&rig);
	two = region_device(&rig);
	region_add(one, DMP_REGION_DIRECT, 0x20000, 2 * PAGE);
	region_add(two, DMP_REGION_DIRECT, 0x21000, PAGE);
	region_lists[two].regions[0].prot = DMP_PROT_READ;
	assert_int_equal(dmp_domain_attach(rig.dom, one), 0);
	assert_int_equal(dmp_domain_detach(rig.dom, one), 0);
	assert_int_equal(dmp_domain_attach(rig.dom, two), -EEXIST);
	assert_int_equal(region_count(&rig), 1);
	assert_int_equal(rig_prot_at(&rig, 0x21000), DMP_PROT_READ | DMP_PROT_WRITE);
	region_device_gone(&rig, one);
	region_device_gone(&rig, two);
	rig_down(&rig);
}

/* A mapping in the second region: the first is not applied, either. */
static void test_a_region_over_what_is_mapped_is_ebusy_and_changes_nothing(void **state)
{
	bool none[LOW / PAGE] = {false}, kept[LOW / PAGE] = {[16] = true, [255] = true};
	struct rig rig;
	uint32_t device;
	dmp_iova_t iova;

	(void)state;
	region_up(&rig);
	device = region_device(&rig);
	region_add(device, DMP_REGION_RESERVED, 0x10000, PAGE);
	region_add(device, DMP_REGION_DIRECT, 0xff000, PAGE);
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, DMP_PROT_READ, LOW - 1, &iova), 0);
	assert_int_equal(iova, 0xff000);
	double_clear(rig.d);
	assert_int_equal(dmp_domain_attach(rig.dom, device), -EBUSY);
	assert_string_equal(double_trace(rig.d), "");
	assert_int_equal(region_count(&rig), 0);
	assert_int_equal(rig_phys_at(&rig, iova), 0);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, PAGE), 0);
	expect_kept(&rig, none);
	assert_int_equal(dmp_domain_attach(rig.dom, device), 0);
	expect_kept(&rig, kept);
	region_device_gone(&rig, device);
	rig_down(&rig);
}

static void test_new_regions_beside_another_device_are_ebusy(void **state)
{
	struct rig rig;
	uint32_t one, two, three;

	(void)state;
	region_up(&rig);
	one = region_device(&rig);
	two = region_device(&rig);
	three = region_device(&rig);
	region_add(one, DMP_REGION_RESERVED, 0x10000, 4 * PAGE);
	region_add(two, DMP_REGION_RESERVED, 0x13000, 2 * PAGE);
	region_add(three, DMP_REGION_MSI, 0x11000, 2 * PAGE);
	assert_int_equal(dmp_domain_attach(rig.dom, one), 0);
	assert_int_equal(dmp_domain_attach(rig.dom, two), -EBUSY);
	assert_int_equal(dmp_domain_attach(rig.dom, three), 0); /* inside of what is kept */
	assert_int_equal(region_count(&rig), 1);
	assert_int_equal(dmp_domain_detach(rig.dom, one), 0);
	assert_int_equal(dmp_domain_detach(rig.dom, three), 0);
	assert_int_equal(dmp_domain_attach(rig.dom, two), 0);
	assert_int_equal(dmp_domain_attach(rig.dom, one), 0);
	assert_int_equal(region_count(&rig), 2);
	region_device_gone(&rig, one);
	region_device_gone(&rig, two);
	region_device_gone(&rig, three);
	rig_down(&rig);
}

/*
 *   aperture           0x10000 ............ 0x1ffff
 *   reserved     |########|                   |###########| to the end of 64 bits, and beyond it
 */
static void test_a_reserved_region_may_reach_beyond_the_aperture(void **state)
{
	bool kept[LOW / PAGE] = {false};
	struct rig rig;
	uint32_t device;

	(void)state;
	region_begin(&rig);
	rig.d->aperture_start = 0x10000;
	rig.d->aperture_end = 0x1ffff;
	rig_domain(&rig);
	device = region_device(&rig);
	region_add(device, DMP_REGION_RESERVED, 0, 0x11000);
	region_add(device, DMP_REGION_RESERVED, 0x1f000, UINT64_MAX - 0x1f000 + 1);
	region_add(device, DMP_REGION_MSI, 0x20000, PAGE);
	assert_int_equal(dmp_domain_attach(rig.dom, device), 0);
	for (unsigned i = 0; i < LOW / PAGE; i++)
		kept[i] = i < 0x11 || i > 0x1e;
	expect_kept(&rig, kept);
	region_device_gone(&rig, device);
	rig_down(&rig);
}

static void test_a_direct_region_must_lie_in_the_aperture(void **state)
{
	static const struct {
		uint64_t start, len;
		int err;
	} rows[] = {
		{0xf000, PAGE, -ERANGE},  {0x10000, PAGE, 0},       {0x1f000, PAGE, 0},
		{0x1f800, PAGE, -ERANGE}, {0x20000, PAGE, -ERANGE}, {UINT64_MAX - 99, 100, -ERANGE},
	};
	struct rig rig;
	uint32_t device;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		region_begin(&rig);
		rig.d->aperture_start = 0x10000;
		rig.d->aperture_end = 0x1ffff;
		rig_domain(&rig);
		device = region_device(&rig);
		region_add(device, DMP_REGION_DIRECT, rows[i].start, rows[i].len);
		assert_int_equal(dmp_domain_attach(rig.dom, device), rows[i].err);
		assert_int_equal(region_count(&rig), rows[i].err ? 0 : 1);
		region_device_gone(&rig, device);
		rig_down(&rig);
	}
}

static void test_a_direct_region_at_zero_is_told_from_a_stray_mapping(void **state)
{
	struct rig rig;
	uint32_t device;

	(void)state;
	region_up(&rig);
	device = region_device(&rig);
	region_add(device, DMP_REGION_DIRECT, 0, 2 * PAGE);
	assert_int_equal(dmp_domain_attach(rig.dom, device), 0);
	assert_int_equal(rig_phys_at(&rig, 0), 0);
	assert_int_equal(dmp_domain_check(rig.dom), 0);
	region_device_gone(&rig, device);
	rig_down(&rig);
}

/* Every call that can fail on the way, one after the other: nothing is attached, and when all of
 * them work the regions are as they should be. */
static void test_whatever_fails_the_next_attach_makes_it_good(void **state)
{
	bool kept[LOW / PAGE] = {[16] = true, [32] = true, [33] = true};
	int err = -ENOMEM;
	struct rig rig;

	(void)state;
	for (uint64_t nth = 1; err; nth++) {
		uint32_t device;

		region_up(&rig);
		device = region_device(&rig);
		region_add(device, DMP_REGION_RESERVED, 0x10000, PAGE);
		region_add(device, DMP_REGION_DIRECT, 0x20000, 2 * PAGE);
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, nth, 1);
		err = dmp_domain_attach(rig.dom, device);
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0);
		assert_true(err == 0 || err == -ENOMEM);
		if (err)
			assert_int_equal(dmp_domain_attach(rig.dom, device), 0);
		expect_kept(&rig, kept);
		assert_int_equal(rig_phys_at(&rig, 0x21000), 0x21000);
		region_device_gone(&rig, device);
		rig_down(&rig);
	}
}

/*
 *   older direct region        |dd|
 *   new one                |dd|    |dd|       the second run fails: the first goes again
 */
static void test_a_direct_region_that_cannot_be_mapped_leaves_the_others(void **state)
{
	struct rig rig;
	uint32_t one, two;

	(void)state;
	region_up(&rig);
	one = region_device(&rig);
	two = region_device(&rig);
	region_add(one, DMP_REGION_DIRECT, 0x22000, 2 * PAGE);
	region_add(two, DMP_REGION_DIRECT, 0x20000, 6 * PAGE);
	assert_int_equal(dmp_domain_attach(rig.dom, one), 0);
	assert_int_equal(dmp_domain_detach(rig.dom, one), 0);
	double_fail(rig.d, DOUBLE_MAP_PAGES, 2, -ENOMEM);
	assert_int_equal(dmp_domain_attach(rig.dom, two), -ENOMEM);
	assert_int_equal(rig_phys_at(&rig, 0x20000), UINT64_MAX);
	assert_int_equal(rig_phys_at(&rig, 0x22000), 0x22000);
	assert_int_equal(rig_phys_at(&rig, 0x24000), UINT64_MAX);
	assert_int_equal(dmp_domain_attach(rig.dom, two), 0);
	assert_int_equal(rig_phys_at(&rig, 0x25000), 0x25000);
	region_device_gone(&rig, one);
	region_device_gone(&rig, two);
	rig_down(&rig);
}

static void test_a_region_that_makes_no_sense_is_eio(void **state)
{
	struct dmp_hw_region region;
	struct rig rig;
	uint32_t device;

	(void)state;
	region_up(&rig);
	device = region_device(&rig);
	region_add(device, DMP_REGION_RESERVED, 0x10000, PAGE);
	region_add(device, (enum dmp_region_kind)9, 0x20000, PAGE);
	assert_int_equal(dmp_domain_attach(rig.dom, device), -EIO);
	assert_int_equal(region_count(&rig), 0);
	assert_true(rig.bugs > 0);
	assert_int_equal(dmp_domain_region(rig.dom, 0, &region), -ENOENT);
	assert_int_equal(dmp_domain_region(rig.dom, 0, NULL), -EINVAL);
	assert_int_equal(dmp_domain_region(NULL, 0, &region), -EINVAL);
	region_device_gone(&rig, device);
	rig_down(&rig);
}

static int endless_op(void *be, uint32_t device, uint32_t n, struct dmp_hw_region *region)
{
	(void)be;
	(void)device;
	(void)n;
	*region = (struct dmp_hw_region){
		.size = sizeof(*region),
		.kind = DMP_REGION_RESERVED,
		.start = 0x10000,
		.len = PAGE,
	};
	return 0;
}

static void test_a_machine_that_never_ends_its_regions_is_eio(void **state)
{
	struct rig rig;
	uint32_t device;

	(void)state;
	region_begin(&rig);
	rig.d->ops.device_region = endless_op;
	rig_domain(&rig);
	device = region_device(&rig);
	assert_int_equal(dmp_domain_attach(rig.dom, device), -EIO);
	assert_int_equal(region_count(&rig), 0);
	assert_true(rig.bugs > 0);
	hw_device_remove(rig.hw, device);
	rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_address_of_a_region_is_given_out),
		cmocka_unit_test(test_a_direct_region_leads_to_itself_before_the_device_comes),
		cmocka_unit_test(test_a_direct_region_is_nobodys_mapping),
		cmocka_unit_test(test_an_unmap_does_not_reach_into_a_direct_region),
		cmocka_unit_test(
			test_direct_regions_that_overlap_are_mapped_in_the_runs_that_are_left),
		cmocka_unit_test(test_other_rights_in_a_direct_region_are_eexist),
		cmocka_unit_test(test_a_region_over_what_is_mapped_is_ebusy_and_changes_nothing),
		cmocka_unit_test(test_new_regions_beside_another_device_are_ebusy),
		cmocka_unit_test(test_a_reserved_region_may_reach_beyond_the_aperture),
		cmocka_unit_test(test_a_direct_region_must_lie_in_the_aperture),
		cmocka_unit_test(test_a_direct_region_at_zero_is_told_from_a_stray_mapping),
		cmocka_unit_test(test_whatever_fails_the_next_attach_makes_it_good),
		cmocka_unit_test(test_a_direct_region_that_cannot_be_mapped_leaves_the_others),
		cmocka_unit_test(test_a_region_that_makes_no_sense_is_eio),
		cmocka_unit_test(test_a_machine_that_never_ends_its_regions_is_eio),
	};

	return cmocka_run_group_tests_name("domain_region", tests, NULL, NULL);
}
