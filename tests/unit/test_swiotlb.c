// SPDX-License-Identifier: MIT
/*
 * test_swiotlb.c - proves what the public calls of lib/swiotlb/swiotlb.c refuse, and in which
 * state they leave the allocator then
 */
#include "swiotlb_rig.h"

static int map(struct swiotlb_rig *rig, const struct dmp_swiotlb_limits *limits, dmp_phys_t orig,
	       uint64_t len)
{
	dmp_phys_t phys = 1;
	int err = dmp_swiotlb_map(rig->tlb, limits, orig, len, DMP_TO_DEVICE, 0, &phys);

	if (err)
		assert_int_equal(phys, 1);
	return err;
}

static void assert_untouched(struct swiotlb_rig *rig)
{
	assert_int_equal(swiotlb_rig_stats(rig).used, 0);
	assert_int_equal(swiotlb_rig_stats(rig).high_water, 0);
	assert_int_equal(swiotlb_rig_area(rig, 0).index, 0);
}

static void test_create_refuses_options_that_make_no_sense(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_begin(&rig);
	assert_int_equal(dmp_swiotlb_create(NULL, NULL, &rig.tlb), -EINVAL);
	assert_int_equal(dmp_swiotlb_create(rig.hw.hw, NULL, NULL), -EINVAL);
	assert_int_equal(
		dmp_swiotlb_create(rig.hw.hw, &DMP_SWIOTLB_OPTS(.flags = 1u << 31), &rig.tlb),
		-EINVAL);
	assert_int_equal(
		dmp_swiotlb_create(rig.hw.hw, &DMP_SWIOTLB_OPTS(.slots = UINT64_MAX), &rig.tlb),
		-EINVAL);
	assert_int_equal(
		dmp_swiotlb_create(rig.hw.hw, &DMP_SWIOTLB_OPTS(.areas = UINT64_MAX), &rig.tlb),
		-EINVAL);
	assert_null(rig.tlb);
	swiotlb_rig_down(&rig);
}

/* A struct of a newer header: what is behind the known fields must be zero. */
static void test_fields_that_are_not_known_are_refused(void **state)
{
	struct {
		struct dmp_swiotlb_opts opts;
		uint64_t later;
	} opts = {DMP_SWIOTLB_OPTS(.slots = 512), 1};
	struct {
		struct dmp_swiotlb_limits limits;
		uint64_t later;
	} limits = {DMP_SWIOTLB_LIMITS(0), 1};
	struct swiotlb_rig rig;

	(void)state;
	opts.opts.size = sizeof(opts);
	limits.limits.size = sizeof(limits);
	swiotlb_rig_begin(&rig);
	assert_int_equal(dmp_swiotlb_create(rig.hw.hw, &opts.opts, &rig.tlb), -E2BIG);
	assert_null(rig.tlb);
	opts.later = 0;
	assert_int_equal(dmp_swiotlb_create(rig.hw.hw, &opts.opts, &rig.tlb), 0);
	assert_int_equal(map(&rig, &limits.limits, RIG_ORIG, 1), -E2BIG);
	assert_untouched(&rig);
	swiotlb_rig_down(&rig);
}

static void test_a_null_allocator_is_refused(void **state)
{
	dmp_phys_t phys;

	(void)state;
	assert_int_equal(dmp_swiotlb_destroy(NULL), -EINVAL);
	assert_int_equal(dmp_swiotlb_check(NULL), -EINVAL);
	assert_int_equal(dmp_swiotlb_map(NULL, NULL, 0, 1, DMP_TO_DEVICE, 0, &phys), -EINVAL);
	assert_int_equal(dmp_swiotlb_unmap(NULL, 0, 1, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(dmp_swiotlb_sync_for_cpu(NULL, 0, 1, DMP_TO_DEVICE), -EINVAL);
	assert_int_equal(dmp_swiotlb_sync_for_device(NULL, 0, 1, DMP_TO_DEVICE), -EINVAL);
	assert_null(dmp_swiotlb_hw(NULL));
}

static void test_destroy_refuses_while_slots_are_in_use(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 512, 2);
	phys = swiotlb_rig_map(&rig, NULL, RIG_ORIG, 1);
	assert_int_equal(dmp_swiotlb_destroy(rig.tlb), -EBUSY);
	swiotlb_rig_unmap(&rig, phys);
	swiotlb_rig_down(&rig);
}

static void test_arguments_that_make_no_sense_change_nothing(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys = 0;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	assert_int_equal(map(&rig, NULL, RIG_ORIG, 0), -EINVAL);
	assert_int_equal(dmp_swiotlb_map(rig.tlb, NULL, RIG_ORIG, 1, (enum dmp_dir)3, 0, &phys),
			 -EINVAL);
	assert_int_equal(dmp_swiotlb_map(rig.tlb, NULL, RIG_ORIG, 1, DMP_TO_DEVICE, 8, &phys),
			 -EINVAL);
	assert_int_equal(dmp_swiotlb_map(rig.tlb, NULL, RIG_ORIG, 1, DMP_TO_DEVICE, 0, NULL),
			 -EINVAL);
	assert_untouched(&rig);
	phys = swiotlb_rig_map(&rig, NULL, RIG_ORIG, 1);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 0, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 1, (enum dmp_dir)3, 0), -EINVAL);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 1, DMP_TO_DEVICE, 8), -EINVAL);
	assert_int_equal(dmp_swiotlb_sync_for_cpu(rig.tlb, phys, 0, DMP_TO_DEVICE), -EINVAL);
	assert_int_equal(dmp_swiotlb_sync_for_cpu(rig.tlb, phys, 1, (enum dmp_dir)3), -EINVAL);
	assert_int_equal(dmp_swiotlb_sync_for_device(rig.tlb, phys, 0, DMP_TO_DEVICE), -EINVAL);
	assert_int_equal(dmp_swiotlb_sync_for_device(rig.tlb, phys, 1, (enum dmp_dir)3), -EINVAL);
	assert_int_equal(swiotlb_rig_stats(&rig).used, 1);
	swiotlb_rig_unmap(&rig, phys);
	swiotlb_rig_down(&rig);
}

static void test_limits_that_are_no_masks_are_refused(void **state)
{
	const struct dmp_swiotlb_limits bad[] = {
		DMP_SWIOTLB_LIMITS(.min_align_mask = 0x1000),
		DMP_SWIOTLB_LIMITS(.alloc_align_mask = 0x5),
		DMP_SWIOTLB_LIMITS(.boundary_mask = 0xfffffffe),
		DMP_SWIOTLB_LIMITS(.addr_offset = 1024),
		DMP_SWIOTLB_LIMITS(.flags = 2),
		{.size = 2},
	};
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(map(&rig, &bad[i], RIG_ORIG, 1), -EINVAL);
	assert_untouched(&rig);
	swiotlb_rig_down(&rig);
}

static void test_what_can_never_fit_changes_nothing(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	assert_int_equal(map(&rig, NULL, RIG_ORIG, DMP_SWIOTLB_MAX_BYTES + 1), -ERANGE);
	assert_int_equal(map(&rig, &DMP_SWIOTLB_LIMITS(.boundary_mask = 0xfff), RIG_ORIG, 4097),
			 -ERANGE);
	assert_untouched(&rig);
	swiotlb_rig_down(&rig);
}

/* All bits are to agree, but no slot lies where the original does. */
static void test_too_large_a_min_align_mask_takes_nothing(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	assert_int_equal(map(&rig, &DMP_SWIOTLB_LIMITS(.min_align_mask = UINT64_MAX), RIG_ORIG, 1),
			 -ENOSPC);
	assert_untouched(&rig);
	swiotlb_rig_down(&rig);
}

static void test_an_unknown_original_takes_no_slots(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	assert_int_equal(map(&rig, NULL, RIG_ORIG + DOUBLE_WINDOW_BYTES - 1, 2), -EFAULT);
	assert_untouched(&rig);
	swiotlb_rig_down(&rig);
}

/* In a free slot, in a used one, and with its last byte in the first slot. */
static void test_the_allocators_own_memory_is_no_original(void **state)
{
	static const dmp_phys_t own[] = {RIG_POOL, RIG_POOL + 511 * SLOT, RIG_POOL - 1};
	struct swiotlb_rig rig;
	dmp_phys_t below;

	(void)state;
	swiotlb_rig_begin(&rig);
	assert_int_equal(hw_mem_alloc(rig.hw.hw, DMP_ZONE_DMA32, 8, DMP_MEM_MAY_BLOCK, &below), 0);
	assert_int_equal(dmp_swiotlb_create(rig.hw.hw, &DMP_SWIOTLB_OPTS(.slots = 512, .areas = 1),
					    &rig.tlb),
			 0);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		assert_int_equal(map(&rig, NULL, own[i] + 512 * SLOT, 2), -EINVAL);
		hw_rig_expect_bug(&rig.hw, "the allocator's own");
	}
	assert_untouched(&rig);
	assert_int_equal(map(&rig, NULL, RIG_POOL + 512 * SLOT - 2, 2), 0);
	swiotlb_rig_unmap_all(&rig);
	hw_mem_free(rig.hw.hw, below, 8);
	swiotlb_rig_down(&rig);
}

/* As in the original: the slots were really taken, so index and mark have moved. */
static void test_slots_out_of_reach_are_given_back(void **state)
{
	const struct dmp_swiotlb_limits exact = DMP_SWIOTLB_LIMITS(.addr_limit = RIG_POOL + 99);
	const struct dmp_swiotlb_limits moved =
		DMP_SWIOTLB_LIMITS(.addr_limit = 0xffff, .addr_offset = 0 - RIG_POOL);
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	assert_int_equal(map(&rig, &exact, RIG_ORIG, 101), -ERANGE);
	assert_int_equal(swiotlb_rig_stats(&rig).used, 0);
	assert_int_equal(swiotlb_rig_stats(&rig).high_water, 1);
	assert_int_equal(swiotlb_rig_area(&rig, 0).index, 1);
	swiotlb_area_at(rig.tlb->first, 0)->slots.index = 0;
	assert_int_equal(map(&rig, &exact, RIG_ORIG, 100), 0);
	assert_int_equal(map(&rig, &moved, RIG_ORIG, 100), 0);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* A small mask: each request takes the next slots, looks, and gives them back. */
static void test_every_search_out_of_reach_starts_behind_the_last(void **state)
{
	const struct dmp_swiotlb_limits isa = DMP_SWIOTLB_LIMITS(.addr_limit = DMP_MASK(24));
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 2);
	for (unsigned i = 1; i <= 300; i++) {
		assert_int_equal(map(&rig, &isa, RIG_ORIG, 3 * SLOT - 1), -ERANGE);
		assert_int_equal(swiotlb_rig_area(&rig, 0).used, 0);
		assert_int_equal(swiotlb_rig_area(&rig, 1).index, 0);
		assert_int_equal(swiotlb_rig_stats(&rig).high_water, 3);
		assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	}
	swiotlb_rig_down(&rig);
}

static void test_a_full_pool_is_told_unless_nobody_wants_to_know(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	for (int i = 0; i < 4; i++)
		swiotlb_rig_map(&rig, NULL, RIG_ORIG, 128 * SLOT);
	assert_int_equal(
		dmp_swiotlb_map(rig.tlb, NULL, RIG_ORIG, 1, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &phys),
		-ENOSPC);
	assert_int_equal(rig.hw.warnings, 0);
	assert_int_equal(map(&rig, NULL, RIG_ORIG, 1), -ENOSPC);
	assert_int_equal(rig.hw.warnings, 1);
	assert_non_null(strstr(rig.hw.line, "512 slots are in use"));
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* Twice, inside, beside: nothing is released, nothing copied. */
static void test_an_unmap_of_no_mapping_is_told_and_changes_nothing(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys, other;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	phys = swiotlb_rig_map(&rig, NULL, RIG_ORIG, 5000);
	other = swiotlb_rig_map(&rig, NULL, RIG_ORIG, 5000);
	swiotlb_rig_unmap(&rig, phys);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 5000, DMP_TO_DEVICE, 0), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "unmap at 0x80000000, where nothing is mapped");
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, other + SLOT, 1, DMP_TO_DEVICE, 0), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "inside the mapping");
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, RIG_ORIG, 1, DMP_TO_DEVICE, 0), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "nothing is mapped");
	assert_int_equal(dmp_swiotlb_sync_for_cpu(rig.tlb, phys, 1, DMP_FROM_DEVICE), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "sync for cpu");
	assert_int_equal(dmp_swiotlb_sync_for_device(rig.tlb, phys, 1, DMP_TO_DEVICE), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "sync for device");
	assert_int_equal(swiotlb_rig_stats(&rig).used, 3);
	swiotlb_rig_unmap(&rig, other);
	swiotlb_rig_down(&rig);
}

/* Somebody who unmaps the mapping in the middle of its unmap, once. */
static struct {
	int (*phys_to_buf)(void *be, dmp_phys_t phys, uint64_t len, void **buf);
	struct dmp_swiotlb *tlb;
	dmp_phys_t phys;
} rival;

static int unmap_meanwhile(void *be, dmp_phys_t phys, uint64_t len, void **buf)
{
	struct dmp_swiotlb *tlb = rival.tlb;

	rival.tlb = NULL;
	if (tlb)
		assert_int_equal(dmp_swiotlb_unmap(tlb, rival.phys, len, DMP_TO_DEVICE, 0), 0);
	return rival.phys_to_buf(be, phys, len, buf);
}

static void test_of_two_unmaps_at_once_one_is_told(void **state)
{
	struct swiotlb_rig rig = {.tlb = NULL};

	(void)state;
	assert_int_equal(dmp_harness_enter(8), 0);
	hw_rig_begin(&rig.hw);
	rival.phys_to_buf = rig.hw.d->ops.phys_to_buf;
	rig.hw.d->ops.phys_to_buf = unmap_meanwhile;
	hw_rig_adopt(&rig.hw, DMP_HW_CHECK);
	assert_int_equal(dmp_swiotlb_create(rig.hw.hw, &DMP_SWIOTLB_OPTS(.slots = 512, .areas = 1),
					    &rig.tlb),
			 0);
	rival.phys = swiotlb_rig_map(&rig, NULL, RIG_ORIG, 5000);
	rival.tlb = rig.tlb;
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, rival.phys, 5000, DMP_FROM_DEVICE, 0), -ENOENT);
	hw_rig_expect_bug(&rig.hw, "second unmap");
	assert_int_equal(swiotlb_rig_stats(&rig).used, 0);
	swiotlb_rig_down(&rig);
}

static void test_the_largest_promise_leaves_room_for_the_min_align_bits(void **state)
{
	static const struct {
		uint64_t mask, bytes;
	} table[] = {
		{0, 262144},      {1, 260096},       {0x7ff, 260096}, {0xfff, 258048},
		{0xffff, 196608}, {0x1ffff, 131072}, {UINT64_MAX, 0}, {0x3ffff, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(dmp_swiotlb_max_mapping(table[i].mask), table[i].bytes);
}

static void test_an_allocator_knows_its_machine(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	assert_ptr_equal(dmp_swiotlb_hw(rig.tlb), rig.hw.hw);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_refuses_options_that_make_no_sense),
		cmocka_unit_test(test_fields_that_are_not_known_are_refused),
		cmocka_unit_test(test_a_null_allocator_is_refused),
		cmocka_unit_test(test_destroy_refuses_while_slots_are_in_use),
		cmocka_unit_test(test_arguments_that_make_no_sense_change_nothing),
		cmocka_unit_test(test_limits_that_are_no_masks_are_refused),
		cmocka_unit_test(test_what_can_never_fit_changes_nothing),
		cmocka_unit_test(test_too_large_a_min_align_mask_takes_nothing),
		cmocka_unit_test(test_an_unknown_original_takes_no_slots),
		cmocka_unit_test(test_the_allocators_own_memory_is_no_original),
		cmocka_unit_test(test_slots_out_of_reach_are_given_back),
		cmocka_unit_test(test_every_search_out_of_reach_starts_behind_the_last),
		cmocka_unit_test(test_a_full_pool_is_told_unless_nobody_wants_to_know),
		cmocka_unit_test(test_an_unmap_of_no_mapping_is_told_and_changes_nothing),
		cmocka_unit_test(test_of_two_unmaps_at_once_one_is_told),
		cmocka_unit_test(test_the_largest_promise_leaves_room_for_the_min_align_bits),
		cmocka_unit_test(test_an_allocator_knows_its_machine),
	};

	return cmocka_run_group_tests_name("swiotlb", tests, NULL, NULL);
}
