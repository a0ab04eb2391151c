// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_carve.c - proves that a child of lib/swiotlb/swiotlb_carve.c is an allocator like any
 * other, that its parent is left as it was, and that none of the defects that spec-bounce P2
 * lists is in it
 */
#include "carve_rig.h"

static struct dmp_swiotlb_stats stats_of(struct dmp_swiotlb *tlb)
{
	struct dmp_swiotlb_stats stats;

	assert_int_equal(dmp_swiotlb_get_stats(tlb, &stats, sizeof(stats)), 0);
	return stats;
}

/* Carves so many bytes and queues; looks at what came of it. */
static void assert_shape(struct swiotlb_rig *rig, uint64_t bytes, uint64_t queues, uint64_t nblocks,
			 uint64_t nareas)
{
	struct dmp_swiotlb *child = NULL;

	assert_int_equal(dmp_swiotlb_carve(
				 rig->tlb,
				 &DMP_SWIOTLB_CARVE_OPTS(.bytes = bytes, .queues = queues), &child),
			 0);
	assert_int_equal(stats_of(child).slots, nblocks * BLOCK);
	assert_int_equal(stats_of(child).areas, nareas);
	assert_int_equal(stats_of(rig->tlb).carved, nblocks * BLOCK);
	carve_rig_return(rig, child);
}

/* A byte too many is a block more: nothing is truncated. */
static void test_bytes_are_rounded_up_to_blocks(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	assert_shape(&rig, 0, 0, 1, 1);
	assert_shape(&rig, 1, 0, 1, 1);
	assert_shape(&rig, MB2, 1, 1, 1);
	assert_shape(&rig, MB2 + 1, 1, 2, 1);
	assert_shape(&rig, 2 * MB2 + 1, 1, 3, 1);
	carve_rig_down(&rig);
}

static void test_each_queue_has_an_area_of_a_segment_at_least(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	assert_shape(&rig, MB2, 2, 1, 2);
	assert_shape(&rig, MB2, 3, 1, 4);
	assert_shape(&rig, MB2, 8, 1, 8);
	assert_shape(&rig, MB2, 9, 2, 16);
	assert_shape(&rig, 0, 32, 4, 32);
	assert_shape(&rig, 3 * MB2, 2, 4, 2);
	carve_rig_down(&rig);
}

static void test_a_thread_starts_in_the_area_of_its_cpu(void **state)
{
	struct dmp_swiotlb_mapping_view m;
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;
	dmp_phys_t phys;
	unsigned cpu;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	child = carve_rig_carve(&rig, 1, 4);
	for (cpu = 0; cpu < 8; cpu++) {
		assert_int_equal(dmp_harness_become(cpu), 0);
		assert_int_equal(dmp_swiotlb_map(child, NULL, RIG_ORIG, 1, DMP_TO_DEVICE, 0, &phys),
				 0);
		assert_int_equal(dmp_swiotlb_inspect_mapping(child, phys, &m), 0);
		assert_int_equal(m.first / 256, cpu % 4);
		assert_int_equal(dmp_swiotlb_unmap(child, phys, 1, DMP_TO_DEVICE, 0), 0);
	}
	assert_int_equal(dmp_harness_become(0), 0);
	carve_rig_return(&rig, child);
	carve_rig_down(&rig);
}

static void test_a_child_bounces_everything_and_never_grows(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	child = carve_rig_carve(&rig, 1, 1);
	assert_true(dmp_swiotlb_forces_bounce(child));
	assert_true(dmp_swiotlb_is_restricted(child));
	assert_ptr_equal(dmp_swiotlb_hw(child), rig.hw.hw);
	assert_int_equal(dmp_swiotlb_tune(child, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_GROWS)),
			 -ENOTSUP);
	carve_rig_return(&rig, child);
	carve_rig_down(&rig);
}

/* The pointer stands in the child, not in the parent itself. */
static void test_a_child_knows_its_parent_and_the_parent_has_none(void **state)
{
	struct dmp_swiotlb *child, *grandchild = NULL;
	struct swiotlb_rig rig;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	child = carve_rig_carve(&rig, 2, 1);
	assert_ptr_equal(dmp_swiotlb_parent(child), rig.tlb);
	assert_null(dmp_swiotlb_parent(rig.tlb));
	assert_null(dmp_swiotlb_parent(NULL));
	assert_int_equal(dmp_swiotlb_carve(child, NULL, &grandchild), 0);
	assert_ptr_equal(dmp_swiotlb_parent(grandchild), child);
	assert_int_equal(dmp_swiotlb_destroy(child), -EBUSY);
	assert_int_equal(dmp_swiotlb_destroy(grandchild), 0);
	assert_int_equal(stats_of(child).used, 0);
	carve_rig_return(&rig, child);
	carve_rig_down(&rig);
}

static void test_a_parent_with_a_child_is_not_destroyed(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	child = carve_rig_carve(&rig, 1, 1);
	assert_int_equal(dmp_swiotlb_destroy(rig.tlb), -EBUSY);
	carve_rig_return(&rig, child);
	carve_rig_down(&rig);
}

static void test_a_child_with_slots_in_use_is_not_destroyed(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	child = carve_rig_carve(&rig, 1, 1);
	assert_int_equal(dmp_swiotlb_map(child, NULL, RIG_ORIG, 1, DMP_TO_DEVICE, 0, &phys), 0);
	assert_int_equal(dmp_swiotlb_destroy(child), -EBUSY);
	assert_int_equal(stats_of(rig.tlb).carved, BLOCK);
	assert_int_equal(dmp_swiotlb_unmap(child, phys, 1, DMP_TO_DEVICE, 0), 0);
	carve_rig_return(&rig, child);
	carve_rig_down(&rig);
}

/* No device is ever left with an allocator that is gone. */
static void test_a_child_with_a_device_is_not_destroyed(void **state)
{
	struct dmp_swiotlb_device *dev;
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	child = carve_rig_carve(&rig, 1, 1);
	assert_int_equal(dmp_swiotlb_device_create(child, &dev), 0);
	assert_int_equal(dmp_swiotlb_destroy(child), -EBUSY);
	assert_int_equal(dmp_swiotlb_device_destroy(dev), 0);
	carve_rig_return(&rig, child);
	carve_rig_down(&rig);
}

/* Bytes go through the child as through any allocator. */
static void test_bytes_go_through_a_child_and_back(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 1024, 1);
	memset(swiotlb_rig_bytes(&rig, RIG_POOL, MB2), 0xee, MB2);
	memset(swiotlb_rig_bytes(&rig, RIG_ORIG, 5000), 0x11, 5000);
	child = carve_rig_carve(&rig, 1, 1);
	assert_int_equal(*swiotlb_rig_bytes(&rig, RIG_POOL, MB2), 0); /* cleared */
	assert_int_equal(swiotlb_rig_bytes(&rig, RIG_POOL, MB2)[MB2 - 1], 0);
	assert_int_equal(dmp_swiotlb_map(child, NULL, RIG_ORIG, 5000, DMP_BIDIRECTIONAL, 0, &phys),
			 0);
	assert_int_equal(swiotlb_rig_bytes(&rig, phys, 5000)[4999], 0x11);
	memset(swiotlb_rig_bytes(&rig, phys, 5000), 0x22, 5000);
	assert_int_equal(dmp_swiotlb_unmap(child, phys, 5000, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(swiotlb_rig_bytes(&rig, RIG_ORIG, 5000)[4999], 0x22);
	carve_rig_return(&rig, child);
	swiotlb_rig_down(&rig);
}

/* Both own the memory; only the child has mappings there. */
static void test_the_parent_refuses_what_is_mapped_in_its_child(void **state)
{
	struct dmp_swiotlb_mapping_view view;
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;
	dmp_phys_t phys, at = 7;

	(void)state;
	swiotlb_rig_up(&rig, 1024, 1);
	child = carve_rig_carve(&rig, 1, 1);
	assert_int_equal(dmp_swiotlb_map(child, NULL, RIG_ORIG, 4096, DMP_TO_DEVICE, 0, &phys), 0);
	assert_true(dmp_swiotlb_owns(child, phys));
	assert_true(dmp_swiotlb_owns(rig.tlb, phys));
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 4096, DMP_TO_DEVICE, 0), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "where nothing is mapped");
	assert_int_equal(dmp_swiotlb_sync_for_cpu(rig.tlb, phys, 1, DMP_FROM_DEVICE), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "where nothing is mapped");
	assert_int_equal(dmp_swiotlb_sync_for_device(rig.tlb, phys, 1, DMP_TO_DEVICE), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "where nothing is mapped");
	assert_int_equal(dmp_swiotlb_free_pages(rig.tlb, phys, DMP_SWIOTLB_MAX_BYTES), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "which are no such pages");
	assert_int_equal(dmp_swiotlb_inspect_mapping(rig.tlb, phys, &view), -ENOENT);
	assert_int_equal(dmp_swiotlb_map(rig.tlb, NULL, phys, 1, DMP_TO_DEVICE, 0, &at), -EINVAL);
	hw_rig_expect_bug(&rig.hw, "which are the allocator's own");
	assert_int_equal(at, 7);
	assert_int_equal(dmp_swiotlb_unmap(child, phys, 4096, DMP_TO_DEVICE, 0), 0);
	carve_rig_return(&rig, child);
	swiotlb_rig_down(&rig);
}

/* It is shared already, and stays so. */
static void test_carving_asks_the_machine_for_nothing(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;
	uint64_t before;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	before = stats_of(rig.tlb).conversions;
	double_clear(rig.hw.d);
	child = carve_rig_carve(&rig, 1, 1);
	assert_int_equal(stats_of(child).conversions, 0);
	carve_rig_return(&rig, child);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MEM_ALLOC) != NULL, false);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MAKE_SHARED) != NULL, false);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MAKE_PRIVATE) != NULL, false);
	assert_int_equal(stats_of(rig.tlb).conversions, before);
	carve_rig_down(&rig);
}

static void test_pages_come_from_a_child(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	child = carve_rig_carve(&rig, 1, 1);
	assert_int_equal(dmp_swiotlb_alloc_pages(child, NULL, 8192, &phys), 0);
	assert_true(dmp_swiotlb_owns(child, phys));
	assert_int_equal(dmp_swiotlb_free_pages(child, phys, 8192), 0);
	carve_rig_return(&rig, child);
	carve_rig_down(&rig);
}

static void test_a_child_has_the_policy_of_its_parent_or_its_own(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;

	(void)state;
	carve_rig_up(&rig, 1, &dmp_swiotlb_policy_lifo);
	child = carve_rig_carve(&rig, 1, 1);
	assert_string_equal(child->policy.name, "lifo");
	carve_rig_return(&rig, child);
	assert_int_equal(dmp_swiotlb_carve(
				 rig.tlb,
				 &DMP_SWIOTLB_CARVE_OPTS(.policy = &dmp_swiotlb_policy_round_robin),
				 &child),
			 0);
	assert_string_equal(child->policy.name, "round_robin");
	carve_rig_return(&rig, child);
	carve_rig_down(&rig);
}

static void test_a_full_child_says_what_would_help(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;
	dmp_phys_t phys[8], more = 7;
	unsigned i;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	assert_int_equal(
		dmp_swiotlb_carve(rig.tlb, &DMP_SWIOTLB_CARVE_OPTS(.name = "disk"), &child), 0);
	for (i = 0; i < 8; i++)
		assert_int_equal(dmp_swiotlb_map(child, NULL, RIG_ORIG, DMP_SWIOTLB_MAX_BYTES,
						 DMP_TO_DEVICE, 0, &phys[i]),
				 0);
	assert_int_equal(dmp_swiotlb_map(child, NULL, RIG_ORIG, 1, DMP_TO_DEVICE, 0, &more),
			 -ENOSPC);
	assert_int_equal(more, 7);
	assert_non_null(strstr(rig.hw.line, "swiotlb 'disk': no room"));
	assert_non_null(strstr(rig.hw.line, "carve more for it"));
	for (i = 0; i < 8; i++)
		assert_int_equal(
			dmp_swiotlb_unmap(child, phys[i], DMP_SWIOTLB_MAX_BYTES, DMP_TO_DEVICE, 0),
			0);
	carve_rig_return(&rig, child);
	carve_rig_down(&rig);
}

/* Whatever fails, it is the child that is undone: the parent has all its slots. */
static void test_a_child_that_cannot_be_made_leaves_its_parent_as_it_was(void **state)
{
	struct dmp_swiotlb *child = NULL;
	struct swiotlb_rig rig;
	uint64_t meta, nth = 0, failed;
	int err;

	(void)state;
	carve_rig_up(&rig, 4, &dmp_swiotlb_policy_lifo);
	meta = dmp_meta_in_use();
	do {
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, ++nth, 1);
		err = carve_rig_try(&rig, 2, 4, &child);
		failed = dmp_harness_failed(DMP_HARNESS_ALLOC_ANY);
		assert_int_equal(err, failed ? -ENOMEM : 0);
		assert_int_equal(child == NULL, failed);
		if (child)
			carve_rig_return(&rig, child);
		assert_int_equal(stats_of(rig.tlb).used, 0);
		assert_int_equal(stats_of(rig.tlb).children, 0);
		assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
		assert_int_equal(dmp_meta_in_use(), meta);
	} while (failed);
	assert_int_equal(nth, 18); /* handle, pool, three books, four areas' lists; then none */
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0);
	carve_rig_down(&rig);
}

static void test_a_machine_that_forgot_its_memory_leaves_the_parent_as_it_was(void **state)
{
	struct dmp_swiotlb *child = NULL;
	struct swiotlb_rig rig;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	double_fail(rig.hw.d, DOUBLE_PHYS_TO_BUF, 1, -EFAULT);
	assert_int_equal(carve_rig_try(&rig, 1, 1, &child), -EFAULT);
	assert_null(child);
	assert_int_equal(stats_of(rig.tlb).used, 0);
	carve_rig_down(&rig);
}

static void test_options_without_sense_are_refused(void **state)
{
	const struct dmp_swiotlb_policy nameless = {.size = sizeof(nameless)};
	struct dmp_swiotlb_carve_opts large[2] = {{.size = sizeof(large)}, {.size = 1}};
	struct dmp_swiotlb *child = NULL;
	struct swiotlb_rig rig;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	assert_int_equal(dmp_swiotlb_carve(NULL, NULL, &child), -EINVAL);
	assert_int_equal(dmp_swiotlb_carve(rig.tlb, NULL, NULL), -EINVAL);
	assert_int_equal(dmp_swiotlb_carve(rig.tlb, &DMP_SWIOTLB_CARVE_OPTS(.flags = 1), &child),
			 -EINVAL);
	assert_int_equal(
		dmp_swiotlb_carve(rig.tlb, &DMP_SWIOTLB_CARVE_OPTS(.queues = 65537), &child),
		-EINVAL);
	assert_int_equal(
		dmp_swiotlb_carve(
			rig.tlb, &DMP_SWIOTLB_CARVE_OPTS(.bytes = (UINT64_C(1) << 42) + 1), &child),
		-EINVAL);
	assert_int_equal(
		dmp_swiotlb_carve(rig.tlb, &DMP_SWIOTLB_CARVE_OPTS(.bytes = UINT64_MAX), &child),
		-EINVAL);
	assert_int_equal(
		dmp_swiotlb_carve(rig.tlb, &DMP_SWIOTLB_CARVE_OPTS(.policy = &nameless), &child),
		-EINVAL);
	assert_int_equal(dmp_swiotlb_carve(rig.tlb, large, &child), -E2BIG);
	assert_int_equal(dmp_swiotlb_carve(rig.tlb,
					   &DMP_SWIOTLB_CARVE_OPTS(.bytes = UINT64_C(1) << 42),
					   &child),
			 -ERANGE);
	assert_int_equal(
		dmp_swiotlb_carve(rig.tlb, &DMP_SWIOTLB_CARVE_OPTS(.queues = 65536), &child),
		-ERANGE);
	assert_null(child);
	assert_int_equal(stats_of(rig.tlb).used, 0);
	carve_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_are_rounded_up_to_blocks),
		cmocka_unit_test(test_each_queue_has_an_area_of_a_segment_at_least),
		cmocka_unit_test(test_a_thread_starts_in_the_area_of_its_cpu),
		cmocka_unit_test(test_a_child_bounces_everything_and_never_grows),
		cmocka_unit_test(test_a_child_knows_its_parent_and_the_parent_has_none),
		cmocka_unit_test(test_a_parent_with_a_child_is_not_destroyed),
		cmocka_unit_test(test_a_child_with_slots_in_use_is_not_destroyed),
		cmocka_unit_test(test_a_child_with_a_device_is_not_destroyed),
		cmocka_unit_test(test_bytes_go_through_a_child_and_back),
		cmocka_unit_test(test_the_parent_refuses_what_is_mapped_in_its_child),
		cmocka_unit_test(test_carving_asks_the_machine_for_nothing),
		cmocka_unit_test(test_pages_come_from_a_child),
		cmocka_unit_test(test_a_child_has_the_policy_of_its_parent_or_its_own),
		cmocka_unit_test(test_a_full_child_says_what_would_help),
		cmocka_unit_test(test_a_child_that_cannot_be_made_leaves_its_parent_as_it_was),
		cmocka_unit_test(test_a_machine_that_forgot_its_memory_leaves_the_parent_as_it_was),
		cmocka_unit_test(test_options_without_sense_are_refused),
	};

	return cmocka_run_group_tests_name("swiotlb_carve", tests, NULL, NULL);
}
