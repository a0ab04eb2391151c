// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_check.c - proves that lib/swiotlb/swiotlb_check.c sees S1-S4 and U1 broken
 */
#include "swiotlb_rig.h"

static void assert_seen(struct swiotlb_rig *rig, const char *text)
{
	assert_int_equal(dmp_swiotlb_check(rig->tlb), -EIO);
	hw_rig_expect_bug(&rig->hw, text);
}

/* Three mappings, of slots 0-9, 10-19 and 20-29. */
static struct swiotlb_segment *broken_pool(struct swiotlb_rig *rig)
{
	swiotlb_rig_up(rig, 512, 1);
	for (int i = 0; i < 3; i++)
		swiotlb_rig_map(rig, NULL, RIG_ORIG, 10 * SLOT);
	assert_int_equal(dmp_swiotlb_check(rig->tlb), 0);
	return swiotlb_segment_at(&swiotlb_area_at(rig->tlb->pools, 0)->slots, 0);
}

static void repaired(struct swiotlb_rig *rig)
{
	assert_int_equal(dmp_swiotlb_check(rig->tlb), 0);
	swiotlb_rig_unmap_all(rig);
	swiotlb_rig_down(rig);
}

static void test_a_used_slot_without_a_mapping_is_seen(void **state)
{
	struct swiotlb_rig rig;
	struct swiotlb_segment *segment = broken_pool(&rig);

	(void)state;
	segment->free[0] ^= 1u << 30;
	assert_seen(&rig, "belongs to no mapping");
	segment->free[0] ^= 1u << 30;
	repaired(&rig);
}

static void test_a_free_slot_of_a_mapping_is_seen(void **state)
{
	struct swiotlb_rig rig;
	struct swiotlb_segment *segment = broken_pool(&rig);

	(void)state;
	segment->free[0] ^= 1u << 15;
	assert_seen(&rig, "a slot of a mapping is free");
	segment->free[0] ^= 1u << 15;
	repaired(&rig);
}

static void test_a_mapping_inside_another_is_seen(void **state)
{
	struct swiotlb_rig rig;
	struct swiotlb_segment *segment = broken_pool(&rig);

	(void)state;
	store_relaxed(&segment->first[0], load_relaxed(&segment->first[0]) ^ 1u << 12);
	assert_seen(&rig, "of two mappings");
	store_relaxed(&segment->first[0], load_relaxed(&segment->first[0]) ^ 1u << 12);
	repaired(&rig);
}

static void test_a_mapping_that_begins_at_a_free_slot_is_seen(void **state)
{
	struct swiotlb_rig rig;
	struct swiotlb_segment *segment = broken_pool(&rig);

	(void)state;
	store_relaxed(&segment->first[1], 1);
	assert_seen(&rig, "begins at a free slot");
	store_relaxed(&segment->first[1], 0);
	repaired(&rig);
}

static void test_a_mapping_that_leaves_its_segment_is_seen(void **state)
{
	struct swiotlb_rig rig;
	struct swiotlb_note note;

	(void)state;
	broken_pool(&rig);
	note = rig.tlb->pools->notes[20];
	rig.tlb->pools->notes[20].shape = swiotlb_shape(109 * SLOT, 0, 0);
	assert_seen(&rig, "leaves its segment");
	rig.tlb->pools->notes[20] = note;
	repaired(&rig);
}

static void test_wrong_counts_are_seen(void **state)
{
	struct swiotlb_area *area;
	struct swiotlb_rig rig;

	(void)state;
	broken_pool(&rig);
	area = swiotlb_area_at(rig.tlb->pools, 0);
	store_relaxed(&area->used, 31);
	assert_seen(&rig, "number of used slots");
	store_relaxed(&area->used, 30);
	area->slots.index = 512;
	assert_seen(&rig, "index");
	area->slots.index = 30;
	store_relaxed(&area->quota, 31);
	assert_seen(&rig, "quotas of 31 slots, where 30 may be dealt");
	store_relaxed(&area->quota, 30);
	repaired(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_used_slot_without_a_mapping_is_seen),
		cmocka_unit_test(test_a_free_slot_of_a_mapping_is_seen),
		cmocka_unit_test(test_a_mapping_inside_another_is_seen),
		cmocka_unit_test(test_a_mapping_that_begins_at_a_free_slot_is_seen),
		cmocka_unit_test(test_a_mapping_that_leaves_its_segment_is_seen),
		cmocka_unit_test(test_wrong_counts_are_seen),
	};

	return cmocka_run_group_tests_name("swiotlb_check", tests, NULL, NULL);
}
