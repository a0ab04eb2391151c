// SPDX-License-Identifier: MIT
/*
 * test_hw.c - proves H1-H3 of lib/hw/hw.c, and the defaults of lib/hw/hw_call.h
 */
#include "hw_rig.h"

static int up(void **state)
{
	static struct hw_rig rig;

	hw_rig_begin(&rig);
	*state = &rig;
	return 0;
}

static int down(void **state)
{
	hw_rig_down(*state);
	return 0;
}

/* Adopting: H1. */

/* The member at @offset of @ops is missing. */
static int create_without(struct hw_rig *rig, size_t offset)
{
	struct dmp_hw_ops ops = rig->d->ops;
	struct dmp_hw *hw = NULL;
	int err;

	memset((char *)&ops + offset, 0, sizeof(void (*)(void)));
	err = dmp_hw_create(&ops, rig->d, NULL, &hw);
	if (!err)
		assert_int_equal(dmp_hw_destroy(hw), 0);
	else
		assert_null(hw);
	return err;
}

#define WITHOUT(rig, member) create_without(rig, offsetof(struct dmp_hw_ops, member))

static void test_a_missing_required_member_is_refused(void **state)
{
	assert_int_equal(WITHOUT(*state, mem_alloc), -EINVAL);
	assert_int_equal(WITHOUT(*state, mem_free), -EINVAL);
	assert_int_equal(WITHOUT(*state, buf_to_phys), -EINVAL);
	assert_int_equal(WITHOUT(*state, phys_to_buf), -EINVAL);
	assert_int_equal(WITHOUT(*state, name), -EINVAL);
}

static void test_half_a_group_is_refused(void **state)
{
	assert_int_equal(WITHOUT(*state, coherent_alloc), -EINVAL);
	assert_int_equal(WITHOUT(*state, coherent_free), -EINVAL);
	assert_int_equal(WITHOUT(*state, make_shared), -EINVAL);
	assert_int_equal(WITHOUT(*state, make_private), -EINVAL);
	assert_int_equal(WITHOUT(*state, mem_map), -EINVAL);
	assert_int_equal(WITHOUT(*state, mem_unmap), -EINVAL);
	assert_int_equal(WITHOUT(*state, device_add), -EINVAL);
	assert_int_equal(WITHOUT(*state, device_remove), -EINVAL);
	assert_int_equal(WITHOUT(*state, domain_create), -EINVAL);
	assert_int_equal(WITHOUT(*state, domain_destroy), -EINVAL);
	assert_int_equal(WITHOUT(*state, domain_attach), -EINVAL);
	assert_int_equal(WITHOUT(*state, domain_detach), -EINVAL);
	assert_int_equal(WITHOUT(*state, map_pages), -EINVAL);
	assert_int_equal(WITHOUT(*state, unmap_pages), -EINVAL);
	assert_int_equal(WITHOUT(*state, iova_to_phys), -EINVAL);
	assert_int_equal(WITHOUT(*state, flush_domain), -EINVAL);
	assert_int_equal(WITHOUT(*state, set_fault_handler), -EINVAL);
	assert_int_equal(WITHOUT(*state, fault_next), -EINVAL);
}

static bool every_second_device(void *be, uint32_t device)
{
	(void)be;
	return device & 1;
}

static void test_shared_memory_is_needed_only_where_memory_can_be_shared(void **state)
{
	struct hw_rig *rig = *state;
	struct dmp_hw *hw = NULL;

	rig->d->ops.needs_shared = every_second_device;
	rig->d->ops.make_shared = NULL;
	rig->d->ops.make_private = NULL;
	assert_int_equal(dmp_hw_create(&rig->d->ops, rig->d, NULL, &hw), -EINVAL);
	assert_null(hw);
}

static void test_the_machine_says_which_device_needs_shared_memory(void **state)
{
	struct hw_rig *rig = *state;

	rig->d->ops.needs_shared = every_second_device;
	hw_rig_adopt(rig, DMP_HW_CHECK);
	assert_false(hw_needs_shared(rig->hw, 4));
	assert_true(hw_needs_shared(rig->hw, 5));
}

static void test_single_optional_members_may_be_missing(void **state)
{
	assert_int_equal(WITHOUT(*state, map_list), 0);
	assert_int_equal(WITHOUT(*state, sync_map), 0);
	assert_int_equal(WITHOUT(*state, flush_gather), 0);
	assert_int_equal(WITHOUT(*state, flush_range), 0);
	assert_int_equal(WITHOUT(*state, free_tables), 0);
}

static void remove_translation(struct dmp_hw_ops *ops)
{
	ops->domain_create = NULL;
	ops->domain_destroy = NULL;
	ops->domain_attach = NULL;
	ops->domain_detach = NULL;
	ops->map_pages = NULL;
	ops->unmap_pages = NULL;
	ops->iova_to_phys = NULL;
	ops->flush_domain = NULL;
	ops->map_list = NULL;
	ops->sync_map = NULL;
	ops->flush_gather = NULL;
	ops->flush_range = NULL;
	ops->free_tables = NULL;
}

static void test_a_part_of_translation_without_translation_is_refused(void **state)
{
	struct hw_rig *rig = *state;
	struct dmp_hw_ops none = rig->d->ops, ops;
	struct dmp_hw *hw;

	remove_translation(&none);
	ops = none;
	ops.map_list = rig->d->ops.map_list;
	assert_int_equal(dmp_hw_create(&ops, rig->d, NULL, &hw), -EINVAL);
	ops = none;
	ops.sync_map = rig->d->ops.sync_map;
	assert_int_equal(dmp_hw_create(&ops, rig->d, NULL, &hw), -EINVAL);
	ops = none;
	ops.flush_gather = rig->d->ops.flush_gather;
	assert_int_equal(dmp_hw_create(&ops, rig->d, NULL, &hw), -EINVAL);
	ops = none;
	ops.flush_range = rig->d->ops.flush_range;
	assert_int_equal(dmp_hw_create(&ops, rig->d, NULL, &hw), -EINVAL);
	ops = none;
	ops.free_tables = rig->d->ops.free_tables;
	assert_int_equal(dmp_hw_create(&ops, rig->d, NULL, &hw), -EINVAL);
	assert_int_equal(dmp_hw_create(&none, rig->d, NULL, &hw), 0);
	assert_false(dmp_hw_has_iommu(hw));
	assert_int_equal(dmp_hw_destroy(hw), 0);
}

/* A backend built when the table ended before the devices. */
static void test_a_shorter_table_ends_where_its_size_says(void **state)
{
	struct hw_rig *rig = *state;
	struct dmp_hw_domain_info info;
	void *dom;

	rig->d->ops.size = offsetof(struct dmp_hw_ops, device_add);
	hw_rig_adopt(rig, 0);
	assert_false(dmp_hw_has_iommu(rig->hw));
	assert_int_equal(hw_domain_create(rig->hw, DMP_DOMAIN_TRANSLATED, &dom, &info), -ENOTSUP);
	assert_int_equal(dmp_hw_set_fault_handler(rig->hw, NULL, NULL), -ENOTSUP);
}

struct longer_ops {
	struct dmp_hw_ops ops;
	uint64_t more;
};

static void test_a_longer_table_is_taken_if_its_tail_is_zero(void **state)
{
	struct hw_rig *rig = *state;
	struct longer_ops longer = {.ops = rig->d->ops, .more = 1};
	struct dmp_hw *hw;

	longer.ops.size = sizeof(longer);
	assert_int_equal(dmp_hw_create(&longer.ops, rig->d, NULL, &hw), -E2BIG);
	longer.more = 0;
	assert_int_equal(dmp_hw_create(&longer.ops, rig->d, NULL, &hw), 0);
	assert_int_equal(dmp_hw_destroy(hw), 0);
}

static void test_unknown_options_are_refused(void **state)
{
	struct hw_rig *rig = *state;
	struct dmp_hw *hw = (void *)1;

	assert_int_equal(double_hw_adopt(rig->d, 2, &hw), -EINVAL);
	assert_int_equal(dmp_hw_create(NULL, rig->d, NULL, &hw), -EINVAL);
	assert_int_equal(dmp_hw_create(&rig->d->ops, rig->d, NULL, NULL), -EINVAL);
	rig->d->ops.reserved0 = 1;
	assert_int_equal(double_hw_adopt(rig->d, 0, &hw), -EINVAL);
	assert_ptr_equal(hw, (void *)1);
	assert_int_equal(dmp_hw_destroy(NULL), -EINVAL);
}

static void test_create_without_memory_leaves_nothing(void **state)
{
	struct hw_rig *rig = *state;
	struct dmp_hw *hw = NULL;
	uint64_t nth = 0;

	do {
		assert_int_equal(dmp_meta_in_use(), rig->meta_before);
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, ++nth, 1);
	} while (double_hw_adopt(rig->d, DMP_HW_CHECK, &hw) == -ENOMEM);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0);
	assert_int_equal(nth, 3);
	assert_int_equal(dmp_hw_destroy(hw), 0);
}

/* Counting: H2. */

static void test_a_machine_in_use_is_not_destroyed(void **state)
{
	struct hw_rig *rig = *state;
	struct dmp_hw_device desc = {.size = sizeof(desc)};
	struct dmp_hw_domain_info info;
	uint32_t device;
	void *dom, *buf;

	hw_rig_adopt(rig, DMP_HW_CHECK);
	assert_int_equal(hw_device_add(rig->hw, &desc, &device), 0);
	assert_int_equal(dmp_hw_destroy(rig->hw), -EBUSY);
	hw_device_remove(rig->hw, device);

	assert_int_equal(hw_domain_create(rig->hw, DMP_DOMAIN_TRANSLATED, &dom, &info), 0);
	assert_int_equal(dmp_hw_destroy(rig->hw), -EBUSY);
	hw_domain_destroy(rig->hw, dom);

	assert_int_equal(dmp_hw_alloc(rig->hw, 1, &buf), 0);
	assert_int_equal(dmp_hw_destroy(rig->hw), -EBUSY);
	assert_int_equal(dmp_hw_free(rig->hw, buf, 1), 0);
}

static void test_what_failed_does_not_count(void **state)
{
	struct hw_rig *rig = *state;
	struct dmp_hw_device desc = {.size = sizeof(desc)};
	struct dmp_hw_domain_info info;
	uint32_t device = 99;
	void *dom = NULL, *buf = NULL;

	hw_rig_adopt(rig, 0);
	double_fail(rig->d, DOUBLE_DEVICE_ADD, 1, -EPERM);
	assert_int_equal(hw_device_add(rig->hw, &desc, &device), -EPERM);
	double_fail(rig->d, DOUBLE_DOMAIN_CREATE, 1, -ENOMEM);
	assert_int_equal(hw_domain_create(rig->hw, DMP_DOMAIN_TRANSLATED, &dom, &info), -ENOMEM);
	double_fail(rig->d, DOUBLE_MEM_ALLOC, 1, -EPERM);
	assert_int_equal(dmp_hw_alloc(rig->hw, 1, &buf), -EPERM);
	assert_int_equal(device, 99);
	assert_null(dom);
	assert_null(buf);
	/* down() destroys the machine */
}

static void test_a_domain_without_facts_goes_back_at_once(void **state)
{
	struct hw_rig *rig = *state;
	struct dmp_hw_domain_info info;
	void *dom;

	rig->d->page_sizes = 0;
	hw_rig_adopt(rig, 0);
	assert_int_equal(hw_domain_create(rig->hw, DMP_DOMAIN_TRANSLATED, &dom, &info), -EIO);
	assert_int_equal(double_count(rig->d, DOUBLE_DOMAIN_DESTROY), 1);
	assert_int_equal(hw_domain_create(rig->hw, DMP_DOMAIN_PASSTHROUGH, &dom, &info), 0);
	hw_domain_destroy(rig->hw, dom);
	rig->d->page_sizes = KB4;
	rig->d->aperture_start = rig->d->aperture_end + 1;
	assert_int_equal(hw_domain_create(rig->hw, DMP_DOMAIN_TRANSLATED, &dom, &info), -EIO);
}

/* Defaults of hw_call.h. */

static void test_the_library_numbers_devices_where_the_machine_does_not(void **state)
{
	struct hw_rig *rig = *state;
	struct dmp_hw_device desc = {.size = sizeof(desc)};
	uint32_t first, second, third;

	rig->d->ops.device_add = NULL;
	rig->d->ops.device_remove = NULL;
	hw_rig_adopt(rig, DMP_HW_CHECK);
	assert_int_equal(hw_device_add(rig->hw, &desc, &first), 0);
	assert_int_equal(hw_device_add(rig->hw, &desc, &second), 0);
	hw_device_remove(rig->hw, first);
	assert_int_equal(hw_device_add(rig->hw, &desc, &third), 0);
	assert_true(first != second && third != second && third != first);
	hw_device_remove(rig->hw, second);
	hw_device_remove(rig->hw, third);
}

static void test_missing_members_have_their_defaults(void **state)
{
	struct hw_rig *rig = *state;
	struct dmp_hw_domain_info info;
	struct dmp_gather gather = {.start = 0, .end = 0xfff, .page_bytes = KB4};
	void *dom;

	rig->d->ops.make_shared = NULL;
	rig->d->ops.make_private = NULL;
	rig->d->ops.mem_map = NULL;
	rig->d->ops.mem_unmap = NULL;
	rig->d->ops.sync_map = NULL;
	rig->d->ops.map_list = NULL;
	rig->d->ops.flush_gather = NULL;
	rig->d->ops.flush_range = NULL;
	rig->d->ops.free_tables = NULL;
	hw_rig_adopt(rig, DMP_HW_CHECK);
	assert_int_equal(hw_domain_create(rig->hw, DMP_DOMAIN_TRANSLATED, &dom, &info), 0);
	double_clear(rig->d);
	assert_int_equal(hw_make_shared(rig->hw, 0, 1), 0);
	assert_int_equal(hw_make_private(rig->hw, 0, 1), 0);
	assert_false(hw_needs_shared(rig->hw, 0));
	assert_int_equal(hw_mem_map(rig->hw, 0, 0, 1, DMP_TO_DEVICE), 0);
	assert_int_equal(hw_mem_unmap(rig->hw, 0, 0, 1, DMP_TO_DEVICE), 0);
	assert_int_equal(hw_sync_map(rig->hw, dom, 0, KB4), 0);
	assert_false(hw_has_map_list(rig->hw));
	hw_free_tables(rig->hw, dom, &gather);
	assert_string_equal(double_trace(rig->d), "");
	assert_int_equal(hw_flush_gather(rig->hw, dom, &gather), 0);
	assert_int_equal(hw_flush_range(rig->hw, dom, 0, KB4, true), 0);
	assert_string_equal(double_trace(rig->d), "flush_domain flush_domain");
	hw_domain_destroy(rig->hw, dom);
}

static void test_a_positive_errno_becomes_eio(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t phys;

	hw_rig_adopt(rig, 0);
	double_fail(rig->d, DOUBLE_MEM_ALLOC, 1, ENOMEM);
	assert_int_equal(hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 0, 0, &phys), -EIO);
	double_fail(rig->d, DOUBLE_MAKE_SHARED, 1, 1);
	assert_int_equal(hw_make_shared(rig->hw, 0, 1), -EIO);
}

/* Faults. */

static void note_fault(void *ctx, const struct dmp_fault *fault)
{
	*(struct dmp_fault *)ctx = *fault;
}

static void test_faults_reach_the_handler_and_the_queue(void **state)
{
	struct hw_rig *rig = *state;
	const struct dmp_fault fault = {
		.device = 3, .reason = DMP_FAULT_PERMISSION, .addr = 0x1234, .access = 1};
	struct dmp_fault seen = {0}, taken = {0};

	hw_rig_adopt(rig, DMP_HW_CHECK);
	assert_int_equal(dmp_hw_set_fault_handler(rig->hw, note_fault, &seen), 0);
	double_raise_fault(rig->d, &fault);
	assert_memory_equal(&seen, &fault, sizeof(fault));
	assert_int_equal(dmp_hw_fault_next(rig->hw, &taken), 0);
	assert_memory_equal(&taken, &fault, sizeof(fault));
	assert_int_equal(dmp_hw_fault_next(rig->hw, &taken), -ENOENT);
	assert_int_equal(taken.addr, 0x1234);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(test) cmocka_unit_test_setup_teardown(test, up, down)
		WITH(test_a_missing_required_member_is_refused),
		WITH(test_half_a_group_is_refused),
		WITH(test_shared_memory_is_needed_only_where_memory_can_be_shared),
		WITH(test_the_machine_says_which_device_needs_shared_memory),
		WITH(test_single_optional_members_may_be_missing),
		WITH(test_a_part_of_translation_without_translation_is_refused),
		WITH(test_a_shorter_table_ends_where_its_size_says),
		WITH(test_a_longer_table_is_taken_if_its_tail_is_zero),
		WITH(test_unknown_options_are_refused),
		WITH(test_create_without_memory_leaves_nothing),
		WITH(test_a_machine_in_use_is_not_destroyed),
		WITH(test_what_failed_does_not_count),
		WITH(test_a_domain_without_facts_goes_back_at_once),
		WITH(test_the_library_numbers_devices_where_the_machine_does_not),
		WITH(test_missing_members_have_their_defaults),
		WITH(test_a_positive_errno_becomes_eio),
		WITH(test_faults_reach_the_handler_and_the_queue),
	};

	return cmocka_run_group_tests_name("hw", tests, NULL, NULL);
}
