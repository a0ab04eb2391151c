// SPDX-License-Identifier: MIT
/*
 * test_hw_check_domain.c - proves D1-D4 of lib/hw/hw_check_domain.c: one test a rule that a
 * backend, or the caller, breaks
 */
#include "hw_rig.h"

struct fixture {
	struct hw_rig rig;
	void *dom;
	uint32_t device;
};

static const struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = UINT64_MAX};

static int up(void **state)
{
	static struct fixture f;
	struct dmp_hw_domain_info info;

	hw_rig_begin(&f.rig);
	hw_rig_adopt(&f.rig, DMP_HW_CHECK);
	assert_int_equal(hw_device_add(f.rig.hw, &desc, &f.device), 0);
	assert_int_equal(hw_domain_create(f.rig.hw, DMP_DOMAIN_TRANSLATED, &f.dom, &info), 0);
	*state = &f;
	return 0;
}

static int down(void **state)
{
	struct fixture *f = *state;

	hw_domain_destroy(f->rig.hw, f->dom);
	hw_device_remove(f->rig.hw, f->device);
	hw_rig_down(&f->rig);
	return 0;
}

/* Devices: D1. */

static void test_a_number_given_out_twice_is_caught(void **state)
{
	struct fixture *f = *state;
	uint32_t device = 99;

	f->rig.may_litter = true;
	double_lie(f->rig.d, DOUBLE_DEVICE_ADD, 1, f->device);
	assert_int_equal(hw_device_add(f->rig.hw, &desc, &device), -EIO);
	assert_int_equal(device, 99);
	hw_rig_expect_bug(&f->rig, "a number that is in use");
}

static void test_a_malformed_description_is_the_callers_fault(void **state)
{
	struct fixture *f = *state;
	struct dmp_hw_device bad = desc;
	uint32_t device;

	bad.flags = 1;
	assert_int_equal(hw_device_add(f->rig.hw, &bad, &device), -EINVAL);
	hw_rig_expect_bug(&f->rig, "a caller of device_add");
	bad.flags = 0;
	bad.size = 4;
	assert_int_equal(hw_device_add(f->rig.hw, &bad, &device), -EINVAL);
	hw_rig_expect_bug(&f->rig, "a caller of device_add");
}

static void test_removing_no_device_or_an_attached_one_is_not_passed_on(void **state)
{
	struct fixture *f = *state;
	struct hw_rig *rig = &f->rig;

	rig->hw->ops.device_remove(rig->hw->be, 12345);
	hw_rig_expect_bug(rig, "no such device");
	assert_int_equal(hw_domain_attach(rig->hw, f->dom, f->device), 0);
	rig->hw->ops.device_remove(rig->hw->be, f->device);
	hw_rig_expect_bug(rig, "or it is attached");
	assert_int_equal(double_count(rig->d, DOUBLE_DEVICE_REMOVE), 0);
	hw_domain_detach(rig->hw, f->dom, f->device);
}

/* Domains: D2. */

static void refuse_domain(enum dmp_domain_type type, void (*spoil)(struct double_hw *d),
			  const char *rule)
{
	struct hw_rig rig;
	struct dmp_hw_domain_info info;
	void *dom = NULL;

	hw_rig_begin(&rig);
	spoil(rig.d);
	hw_rig_adopt(&rig, DMP_HW_CHECK);
	assert_int_equal(hw_domain_create(rig.hw, type, &dom, &info), -EIO);
	assert_null(dom);
	hw_rig_expect_bug(&rig, rule);
	hw_rig_down(&rig);
}

static void no_page_sizes(struct double_hw *d)
{
	d->page_sizes = 0;
}

static void no_aperture(struct double_hw *d)
{
	d->aperture_start = d->aperture_end + 1;
}

static void unknown_bits(struct double_hw *d)
{
	d->info_flags = 2;
}

static void no_sync_map(struct double_hw *d)
{
	d->info_flags = DMP_HW_DOMAIN_CACHES_NOT_PRESENT;
	d->ops.sync_map = NULL;
}

static void test_a_domain_with_bad_facts_is_caught_and_given_back(void **state)
{
	(void)state;
	refuse_domain(DMP_DOMAIN_TRANSLATED, no_page_sizes, "without page sizes");
	refuse_domain(DMP_DOMAIN_TRANSLATED, no_aperture, "an aperture that ends");
	refuse_domain(DMP_DOMAIN_TRANSLATED, unknown_bits, "unknown bits");
	refuse_domain(DMP_DOMAIN_PASSTHROUGH, unknown_bits, "unknown bits");
	refuse_domain(DMP_DOMAIN_TRANSLATED, no_sync_map, "no sync_map");
}

static void test_no_domain_or_one_in_use_is_caught(void **state)
{
	struct fixture *f = *state;
	struct dmp_hw_domain_info info;
	void *dom = NULL;
	uintptr_t lies[] = {0, (uintptr_t)f->dom};

	f->rig.may_litter = true;
	for (unsigned i = 0; i < 2; i++) {
		double_lie(f->rig.d, DOUBLE_DOMAIN_CREATE, 1, lies[i]);
		assert_int_equal(hw_domain_create(f->rig.hw, DMP_DOMAIN_TRANSLATED, &dom, &info),
				 -EIO);
		assert_null(dom);
		hw_rig_expect_bug(&f->rig, i ? "a domain that is in use" : "no domain");
	}
}

static void test_an_unknown_type_is_the_callers_fault(void **state)
{
	struct fixture *f = *state;
	struct dmp_hw_domain_info info;
	void *dom;

	assert_int_equal(hw_domain_create(f->rig.hw, 2, &dom, &info), -EINVAL);
	hw_rig_expect_bug(&f->rig, "a caller of domain_create");
}

/* Lives: D3. */

static void test_a_destroyed_domain_is_not_used_again(void **state)
{
	struct fixture *f = *state;
	struct dmp_hw *hw = f->rig.hw;
	struct dmp_hw_domain_info info;
	struct dmp_gather gather = {.start = 0, .end = 0xfff, .page_bytes = KB4};
	struct dmp_phys_run run = {0x1000, KB4};
	void *dead;
	uint64_t mapped;
	dmp_phys_t phys;

	assert_int_equal(hw_domain_create(hw, DMP_DOMAIN_TRANSLATED, &dead, &info), 0);
	hw_domain_destroy(hw, dead);
	double_clear(f->rig.d);
#define DEAD(call)                                                                                 \
	do {                                                                                       \
		assert_int_equal(call, -EINVAL);                                                   \
		hw_rig_expect_bug(&f->rig, "no live domain");                                      \
	} while (0)
	DEAD(hw_map_pages(hw, dead, 0, 0, KB4, 1, BOTH, &mapped));
	DEAD(hw_map_list(hw, dead, 0, &run, 1, BOTH, &mapped));
	DEAD(hw_iova_to_phys(hw, dead, 0, &phys));
	DEAD(hw_sync_map(hw, dead, 0, KB4));
	DEAD(hw_flush_gather(hw, dead, &gather));
	DEAD(hw_flush_range(hw, dead, 0, KB4, true));
	DEAD(hw_flush_domain(hw, dead));
	DEAD(hw_domain_attach(hw, dead, f->device));
	assert_int_equal(hw_unmap_pages(hw, dead, 0, KB4, 1, &gather), 0);
	hw_rig_expect_bug(&f->rig, "no live domain");
	hw_free_tables(hw, dead, &gather);
	hw_rig_expect_bug(&f->rig, "no such tables");
	hw_domain_detach(hw, dead, f->device);
	hw_rig_expect_bug(&f->rig, "not attached there");
	hw->ops.domain_destroy(hw->be, dead);
	hw_rig_expect_bug(&f->rig, "no such domain");
	assert_string_equal(double_trace(f->rig.d), "");
}

static void test_a_domain_with_a_device_is_not_destroyed(void **state)
{
	struct fixture *f = *state;
	struct dmp_hw *hw = f->rig.hw;

	assert_int_equal(hw_domain_attach(hw, f->dom, f->device), 0);
	hw->ops.domain_destroy(hw->be, f->dom);
	hw_rig_expect_bug(&f->rig, "a device is attached");
	assert_int_equal(double_count(f->rig.d, DOUBLE_DOMAIN_DESTROY), 0);
	hw_domain_detach(hw, f->dom, f->device);
}

/* Attachments: D4. */

static void test_a_second_attach_must_be_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(hw_domain_attach(f->rig.hw, f->dom, f->device), 0);
	assert_int_equal(hw_domain_attach(f->rig.hw, f->dom, f->device), -EBUSY);
	double_fail(f->rig.d, DOUBLE_DOMAIN_ATTACH, 1, 0);
	assert_int_equal(hw_domain_attach(f->rig.hw, f->dom, f->device), -EIO);
	hw_rig_expect_bug(&f->rig, "attached a device twice");
	hw_domain_detach(f->rig.hw, f->dom, f->device);
}

static void test_attaching_no_device_is_the_callers_fault(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(hw_domain_attach(f->rig.hw, f->dom, 12345), -EINVAL);
	hw_rig_expect_bug(&f->rig, "no such device");
}

static void test_detaching_where_it_is_not_attached_is_not_passed_on(void **state)
{
	struct fixture *f = *state;
	struct dmp_hw_domain_info info;
	void *other;

	assert_int_equal(hw_domain_create(f->rig.hw, DMP_DOMAIN_TRANSLATED, &other, &info), 0);
	assert_int_equal(hw_domain_attach(f->rig.hw, f->dom, f->device), 0);
	hw_domain_detach(f->rig.hw, other, f->device);
	hw_rig_expect_bug(&f->rig, "not attached there");
	assert_int_equal(double_count(f->rig.d, DOUBLE_DOMAIN_DETACH), 0);
	hw_domain_detach(f->rig.hw, f->dom, f->device);
	hw_domain_detach(f->rig.hw, f->dom, f->device);
	hw_rig_expect_bug(&f->rig, "not attached there");
	hw_domain_destroy(f->rig.hw, other);
}

static void test_devices_that_the_library_numbers_are_followed_too(void **state)
{
	struct hw_rig rig;
	struct dmp_hw_domain_info info;
	uint32_t device;
	void *dom;

	(void)state;
	hw_rig_begin(&rig);
	rig.d->ops.device_add = NULL;
	rig.d->ops.device_remove = NULL;
	hw_rig_adopt(&rig, DMP_HW_CHECK);
	assert_int_equal(hw_device_add(rig.hw, &desc, &device), 0);
	assert_int_equal(hw_domain_create(rig.hw, DMP_DOMAIN_TRANSLATED, &dom, &info), 0);
	assert_int_equal(hw_domain_attach(rig.hw, dom, device), 0);
	rig.hw->ops.domain_destroy(rig.hw->be, dom);
	hw_rig_expect_bug(&rig, "a device is attached");
	hw_domain_detach(rig.hw, dom, device);
	hw_domain_detach(rig.hw, dom, device);
	hw_rig_expect_bug(&rig, "not attached there");
	hw_domain_destroy(rig.hw, dom);
	hw_device_remove(rig.hw, device);
	hw_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(test) cmocka_unit_test_setup_teardown(test, up, down)
		WITH(test_a_number_given_out_twice_is_caught),
		WITH(test_a_malformed_description_is_the_callers_fault),
		WITH(test_removing_no_device_or_an_attached_one_is_not_passed_on),
		cmocka_unit_test(test_a_domain_with_bad_facts_is_caught_and_given_back),
		WITH(test_no_domain_or_one_in_use_is_caught),
		WITH(test_an_unknown_type_is_the_callers_fault),
		WITH(test_a_destroyed_domain_is_not_used_again),
		WITH(test_a_domain_with_a_device_is_not_destroyed),
		WITH(test_a_second_attach_must_be_refused),
		WITH(test_attaching_no_device_is_the_callers_fault),
		WITH(test_detaching_where_it_is_not_attached_is_not_passed_on),
		cmocka_unit_test(test_devices_that_the_library_numbers_are_followed_too),
	};

	return cmocka_run_group_tests_name("hw_check_domain", tests, NULL, NULL);
}
