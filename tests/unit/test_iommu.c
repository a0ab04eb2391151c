// SPDX-License-Identifier: MIT
/*
 * test_iommu.c - proves M1-M3 of lib/iommu/iommu.c
 */
#include "hw_rig.h"

#include <dmapool/iommu.h>

struct fixture {
	struct hw_rig rig;
	struct dmp_iommu *iommu;
	uint32_t device;
};

static int up(void **state)
{
	static struct fixture f;
	struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = UINT64_MAX};

	hw_rig_begin(&f.rig);
	hw_rig_adopt(&f.rig, DMP_HW_CHECK);
	assert_int_equal(hw_device_add(f.rig.hw, &desc, &f.device), 0);
	assert_int_equal(dmp_iommu_create(f.rig.hw, DMP_DOMAIN_TRANSLATED, &f.iommu), 0);
	*state = &f;
	return 0;
}

static int down(void **state)
{
	struct fixture *f = *state;

	if (f->iommu)
		assert_int_equal(dmp_iommu_destroy(f->iommu), 0);
	hw_device_remove(f->rig.hw, f->device);
	hw_rig_down(&f->rig);
	return 0;
}

static void test_info_is_what_the_machine_said(void **state)
{
	struct fixture *f = *state;
	struct dmp_hw_domain_info info;

	dmp_iommu_info(f->iommu, &info);
	assert_int_equal(info.page_sizes, f->rig.d->page_sizes);
	assert_int_equal(info.aperture_start, 0);
	assert_int_equal(info.aperture_end, DMP_MASK(48));
}

static void test_create_refuses_bad_arguments(void **state)
{
	struct fixture *f = *state;
	struct dmp_iommu *out = (void *)1;

	assert_int_equal(dmp_iommu_create(NULL, DMP_DOMAIN_TRANSLATED, &out), -EINVAL);
	assert_int_equal(dmp_iommu_create(f->rig.hw, 7, &out), -EINVAL);
	assert_int_equal(dmp_iommu_create(f->rig.hw, DMP_DOMAIN_TRANSLATED, NULL), -EINVAL);
	assert_ptr_equal(out, (void *)1);
	assert_int_equal(dmp_iommu_destroy(NULL), -EINVAL);
}

static void test_create_passes_on_the_machines_errno(void **state)
{
	struct fixture *f = *state;
	struct dmp_iommu *out = (void *)1;

	double_fail(f->rig.d, DOUBLE_DOMAIN_CREATE, 1, -EPERM);
	assert_int_equal(dmp_iommu_create(f->rig.hw, DMP_DOMAIN_TRANSLATED, &out), -EPERM);
	assert_ptr_equal(out, (void *)1);
}

static void test_create_without_memory_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t before = dmp_meta_in_use();
	struct dmp_iommu *out = NULL;
	uint64_t nth = 0;

	do {
		assert_null(out);
		assert_int_equal(dmp_meta_in_use(), before);
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, ++nth, 1);
	} while (dmp_iommu_create(f->rig.hw, DMP_DOMAIN_TRANSLATED, &out) == -ENOMEM);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0);
	assert_true(nth > 1);
	assert_int_equal(dmp_iommu_destroy(out), 0);
}

static void test_a_device_is_attached_once(void **state)
{
	struct fixture *f = *state;
	struct dmp_iommu *other;

	assert_int_equal(dmp_iommu_create(f->rig.hw, DMP_DOMAIN_TRANSLATED, &other), 0);
	assert_int_equal(dmp_iommu_attach(f->iommu, f->device), 0);
	assert_int_equal(dmp_iommu_attach(f->iommu, f->device), -EBUSY);
	assert_int_equal(dmp_iommu_attach(other, f->device), -EBUSY);
	assert_int_equal(dmp_iommu_detach(f->iommu, f->device), 0);
	assert_int_equal(dmp_iommu_attach(other, f->device), 0);
	assert_int_equal(dmp_iommu_detach(other, f->device), 0);
	assert_int_equal(dmp_iommu_destroy(other), 0);
}

static void test_detaching_another_device_is_enoent(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dmp_iommu_detach(f->iommu, f->device), -ENOENT);
	assert_int_equal(double_count(f->rig.d, DOUBLE_DOMAIN_DETACH), 0);
}

static void test_a_domain_with_a_device_is_not_destroyed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dmp_iommu_attach(f->iommu, f->device), 0);
	assert_int_equal(dmp_iommu_destroy(f->iommu), -EBUSY);
	assert_int_equal(double_count(f->rig.d, DOUBLE_DOMAIN_DESTROY), 0);
	assert_int_equal(dmp_iommu_detach(f->iommu, f->device), 0);
}

static void test_attached_devices_are_counted(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dmp_iommu_attached(f->iommu), 0);
	assert_int_equal(dmp_iommu_attach(f->iommu, f->device), 0);
	assert_int_equal(dmp_iommu_attached(f->iommu), 1);
	assert_int_equal(dmp_iommu_detach(f->iommu, f->device), 0);
	assert_int_equal(dmp_iommu_attached(f->iommu), 0);
}

static void test_several_devices_come_and_go_in_any_order(void **state)
{
	struct fixture *f = *state;
	struct dmp_hw_device desc = {.size = sizeof(desc)};
	uint32_t id[3];

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(hw_device_add(f->rig.hw, &desc, &id[i]), 0);
		assert_int_equal(dmp_iommu_attach(f->iommu, id[i]), 0);
	}
	assert_int_equal(dmp_iommu_detach(f->iommu, id[1]), 0);
	assert_int_equal(dmp_iommu_detach(f->iommu, id[1]), -ENOENT);
	assert_int_equal(dmp_iommu_detach(f->iommu, id[2]), 0);
	assert_int_equal(dmp_iommu_detach(f->iommu, id[0]), 0);
	for (unsigned i = 0; i < 3; i++)
		hw_device_remove(f->rig.hw, id[i]);
}

static void test_a_failed_attach_leaves_the_device_free(void **state)
{
	struct fixture *f = *state;

	double_fail(f->rig.d, DOUBLE_DOMAIN_ATTACH, 1, -EPERM);
	assert_int_equal(dmp_iommu_attach(f->iommu, f->device), -EPERM);
	assert_int_equal(dmp_iommu_detach(f->iommu, f->device), -ENOENT);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 1, 1);
	assert_int_equal(dmp_iommu_attach(f->iommu, f->device), -ENOMEM);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 0, 0);
	assert_int_equal(dmp_iommu_attach(f->iommu, f->device), 0);
	assert_int_equal(dmp_iommu_detach(f->iommu, f->device), 0);
}

static void test_look_up_finds_what_is_mapped_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	dmp_phys_t phys = 99;
	uint64_t unmapped;

	assert_int_equal(dmp_iommu_iova_to_phys(f->iommu, 0x1000, &phys), -ENOENT);
	assert_int_equal(dmp_iommu_iova_to_phys(f->iommu, DMP_MASK(48) + 1, &phys), -ENOENT);
	assert_int_equal(phys, 99);
	assert_int_equal(dmp_iommu_map(f->iommu, 0x1000, 0x7000, 0x1000, DMP_PROT_READ), 0);
	assert_int_equal(dmp_iommu_iova_to_phys(f->iommu, 0x1234, &phys), 0);
	assert_int_equal(phys, 0x7234);
	assert_int_equal(dmp_iommu_unmap(f->iommu, 0x1000, 0x1000, &unmapped), 0);
	assert_int_equal(dmp_iommu_iova_to_phys(f->iommu, 0x1000, &phys), -ENOENT);
}

static void test_flush_is_of_the_whole_domain(void **state)
{
	struct fixture *f = *state;

	double_clear(f->rig.d);
	assert_int_equal(dmp_iommu_flush(f->iommu), 0);
	assert_string_equal(double_trace(f->rig.d), "flush_domain");
	double_fail(f->rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(dmp_iommu_flush(f->iommu), -ETIMEDOUT);
	assert_int_equal(dmp_iommu_flush(NULL), -EINVAL);
}

static void test_a_machine_without_an_iommu_has_no_domains(void **state)
{
	struct dmp_hw *hw;
	struct dmp_iommu *iommu;

	(void)state;
	assert_int_equal(dmp_hw_host_create(NULL, &hw), 0);
	assert_int_equal(dmp_iommu_create(hw, DMP_DOMAIN_TRANSLATED, &iommu), -ENOTSUP);
	assert_int_equal(dmp_iommu_create(hw, DMP_DOMAIN_PASSTHROUGH, &iommu), -ENOTSUP);
	assert_int_equal(dmp_hw_destroy(hw), 0);
}

static void refuse_facts(uint64_t page_sizes, uint64_t start, uint64_t end)
{
	struct hw_rig rig;
	struct dmp_iommu *iommu;

	hw_rig_begin(&rig);
	rig.d->page_sizes = page_sizes;
	rig.d->aperture_start = start;
	rig.d->aperture_end = end;
	hw_rig_adopt(&rig, 0);
	assert_int_equal(dmp_iommu_create(rig.hw, DMP_DOMAIN_TRANSLATED, &iommu), -EIO);
	hw_rig_down(&rig);
}

static void test_a_domain_without_pages_or_aperture_is_refused(void **state)
{
	(void)state;
	refuse_facts(0, 0, DMP_MASK(48));
	refuse_facts(KB4, 0x2000, 0x1fff);
}

/* What devices still reach. */

static int start(void *be, void *dom, const struct dmp_exposure_watch *watch, void *ctx)
{
	(void)be;
	(void)dom;
	(void)ctx;
	return watch && watch->size == sizeof(*watch) && !watch->ended ? 0 : -EPERM;
}

static int get(void *be, void *dom, struct dmp_exposure_seen *seen)
{
	(void)be;
	(void)dom;
	seen->did.windows = seen->did.open = 4;
	return 0;
}

/* An older caller's watch ends before its members, and its snapshot after one counter. */
static void test_exposure_is_asked_of_the_machine_in_the_callers_size(void **state)
{
	struct dmp_exposure_watch old = {.size = 8};
	struct dmp_exposure_seen seen = {.did.bytes = 77};
	struct dmp_iommu *iommu;
	struct hw_rig rig;

	(void)state;
	hw_rig_begin(&rig);
	rig.d->ops.exposure_start = start;
	rig.d->ops.exposure_get = get;
	hw_rig_adopt(&rig, DMP_HW_CHECK);
	assert_int_equal(dmp_iommu_create(rig.hw, DMP_DOMAIN_TRANSLATED, &iommu), 0);
	assert_int_equal(dmp_iommu_expose_start(iommu, &old, NULL), 0);
	assert_int_equal(dmp_iommu_get_exposure(iommu, &seen, 8), 0);
	assert_int_equal(seen.did.windows, 4);
	assert_int_equal(seen.did.bytes, 77);
	assert_int_equal(dmp_iommu_destroy(iommu), 0);
	hw_rig_down(&rig);
}

static void test_exposure_refuses_bad_arguments(void **state)
{
	struct fixture *f = *state;
	struct dmp_exposure_watch odd = {.size = sizeof(odd), .reserved0 = 1}, none = {.size = 1};
	struct dmp_exposure_seen seen = {.stale_reads = 77};
	struct dmp_iommu *identity;

	assert_int_equal(dmp_iommu_expose_start(NULL, NULL, NULL), -EINVAL);
	assert_int_equal(dmp_iommu_expose_start(f->iommu, &odd, NULL), -EINVAL);
	assert_int_equal(dmp_iommu_expose_start(f->iommu, &none, NULL), -EINVAL);
	assert_int_equal(dmp_iommu_expose_start(f->iommu, NULL, NULL), -ENOTSUP);
	assert_int_equal(dmp_iommu_get_exposure(NULL, &seen, sizeof(seen)), -EINVAL);
	assert_int_equal(dmp_iommu_get_exposure(f->iommu, NULL, sizeof(seen)), -EINVAL);
	assert_int_equal(dmp_iommu_get_exposure(f->iommu, &seen, 0), -EINVAL);
	assert_int_equal(dmp_iommu_get_exposure(f->iommu, &seen, sizeof(seen)), -ENOTSUP);
	assert_int_equal(seen.stale_reads, 77);
	assert_int_equal(dmp_iommu_create(f->rig.hw, DMP_DOMAIN_PASSTHROUGH, &identity), 0);
	assert_int_equal(dmp_iommu_expose_start(identity, NULL, NULL), -EINVAL);
	assert_int_equal(dmp_iommu_destroy(identity), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(test) cmocka_unit_test_setup_teardown(test, up, down)
		WITH(test_info_is_what_the_machine_said),
		WITH(test_create_refuses_bad_arguments),
		WITH(test_create_passes_on_the_machines_errno),
		WITH(test_create_without_memory_leaves_nothing),
		WITH(test_a_device_is_attached_once),
		WITH(test_attached_devices_are_counted),
		WITH(test_detaching_another_device_is_enoent),
		WITH(test_a_domain_with_a_device_is_not_destroyed),
		WITH(test_several_devices_come_and_go_in_any_order),
		WITH(test_a_failed_attach_leaves_the_device_free),
		WITH(test_look_up_finds_what_is_mapped_and_nothing_else),
		WITH(test_flush_is_of_the_whole_domain),
		cmocka_unit_test(test_exposure_is_asked_of_the_machine_in_the_callers_size),
		WITH(test_exposure_refuses_bad_arguments),
		cmocka_unit_test(test_a_machine_without_an_iommu_has_no_domains),
		cmocka_unit_test(test_a_domain_without_pages_or_aperture_is_refused),
	};

	return cmocka_run_group_tests_name("iommu", tests, NULL, NULL);
}
