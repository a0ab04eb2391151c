// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_lifo.c - proves what lib/swiotlb/swiotlb_lifo.c takes first, and L1 and L2
 */
#include "swiotlb_rig.h"

static void up(struct swiotlb_rig *rig, uint64_t slots)
{
	swiotlb_rig_up_policy(rig, slots, 1, &dmp_swiotlb_policy_lifo);
}

static uint64_t slot_of(dmp_phys_t phys)
{
	return (phys - RIG_POOL) / SLOT;
}

static dmp_phys_t map(struct swiotlb_rig *rig, uint64_t nslots)
{
	return swiotlb_rig_map(rig, NULL, RIG_ORIG, nslots * SLOT);
}

/* Pairs at 0, 2, 4, 6, 8; released 4, 0, 8: taken 8, 0, 4, then a fresh one. */
static void test_the_latest_run_of_a_size_is_taken_first(void **state)
{
	dmp_phys_t phys[5];
	struct swiotlb_rig rig;

	(void)state;
	up(&rig, 512);
	for (unsigned i = 0; i < 5; i++)
		phys[i] = map(&rig, 2);
	swiotlb_rig_unmap(&rig, phys[2]);
	swiotlb_rig_unmap(&rig, phys[0]);
	swiotlb_rig_unmap(&rig, phys[4]);
	assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	assert_int_equal(slot_of(map(&rig, 2)), 8);
	assert_int_equal(slot_of(map(&rig, 2)), 0);
	assert_int_equal(slot_of(map(&rig, 2)), 4);
	/* The index of linux is behind the latest claim. */
	assert_int_equal(slot_of(map(&rig, 2)), 10);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_a_run_of_another_size_is_left_alone(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	up(&rig, 512);
	phys = map(&rig, 4);
	swiotlb_rig_unmap(&rig, phys);
	assert_int_equal(slot_of(map(&rig, 2)), 4);
	assert_int_equal(slot_of(map(&rig, 4)), 0);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* A segment of pairs, all released; then its 128 slots at once: no pair of them is left. */
static void test_runs_that_others_took_are_given_to_nobody(void **state)
{
	dmp_phys_t phys[64], all;
	struct swiotlb_rig rig;

	(void)state;
	up(&rig, 128);
	for (unsigned i = 0; i < 64; i++)
		phys[i] = map(&rig, 2);
	for (unsigned i = 0; i < 64; i++)
		swiotlb_rig_unmap(&rig, phys[i]);
	all = map(&rig, 128);
	assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	swiotlb_rig_unmap(&rig, all);
	assert_int_equal(slot_of(map(&rig, 2)), 0);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* Pairs 0, 2 ... released, slots 1, 3 ... taken by an allocation that wants odd ones. */
static void test_runs_of_which_a_part_is_taken_are_dropped(void **state)
{
	const struct dmp_swiotlb_limits odd = DMP_SWIOTLB_LIMITS(.min_align_mask = 0xfff);
	dmp_phys_t phys[64], got = 0;
	struct swiotlb_rig rig;

	(void)state;
	up(&rig, 128);
	for (unsigned i = 0; i < 64; i++)
		phys[i] = map(&rig, 2);
	for (unsigned i = 0; i < 64; i++)
		swiotlb_rig_unmap(&rig, phys[i]);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(swiotlb_rig_slot(&rig, &odd, RIG_ORIG + SLOT, SLOT) % 2, 1);
	assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	assert_int_equal(dmp_swiotlb_map(rig.tlb, NULL, RIG_ORIG, 2 * SLOT, DMP_TO_DEVICE,
					 DMP_ATTR_NO_WARN, &got),
			 -ENOSPC);
	assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	assert_int_equal(slot_of(map(&rig, 1)) % 2, 0);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* Eight free ones that do not meet the request are looked at, then it is served elsewhere. */
static void test_a_list_of_unsuitable_runs_is_left_soon(void **state)
{
	const struct dmp_swiotlb_limits unit = DMP_SWIOTLB_LIMITS(.alloc_align_mask = 0x3fff);
	dmp_phys_t phys[32];
	struct swiotlb_rig rig;

	(void)state;
	for (unsigned n = 8; n <= 9; n++) {
		up(&rig, 512);
		/* Eight slots at a multiple of 8, the others two behind one. */
		phys[0] = swiotlb_rig_map(&rig, &unit, RIG_ORIG, 8 * SLOT);
		map(&rig, 2);
		for (unsigned i = 1; i < n; i++)
			phys[i] = map(&rig, 8);
		for (unsigned i = 0; i < n; i++)
			swiotlb_rig_unmap(&rig, phys[i]);
		assert_int_equal(slot_of(swiotlb_rig_map(&rig, &unit, RIG_ORIG, 8 * SLOT)) == 0,
				 n == 8);
		swiotlb_rig_unmap_all(&rig);
		swiotlb_rig_down(&rig);
	}
}

static void test_a_broken_list_is_seen(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t a, b;

	(void)state;
	up(&rig, 512);
	a = map(&rig, 2);
	b = map(&rig, 2);
	swiotlb_rig_unmap(&rig, a);
	/* A second release of it, told to the policy alone; L2 is broken for b. */
	rig.tlb->policy.released(swiotlb_area_at(rig.tlb->pools, 0)->state, slot_of(b), 2);
	assert_int_equal(dmp_swiotlb_check(rig.tlb), -EIO);
	hw_rig_expect_bug(&rig.hw, "a list of released runs is broken");
	rig.tlb->policy.claimed(swiotlb_area_at(rig.tlb->pools, 0)->state, slot_of(b), 2);
	assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_latest_run_of_a_size_is_taken_first),
		cmocka_unit_test(test_a_run_of_another_size_is_left_alone),
		cmocka_unit_test(test_runs_that_others_took_are_given_to_nobody),
		cmocka_unit_test(test_runs_of_which_a_part_is_taken_are_dropped),
		cmocka_unit_test(test_a_list_of_unsuitable_runs_is_left_soon),
		cmocka_unit_test(test_a_broken_list_is_seen),
	};

	return cmocka_run_group_tests_name("swiotlb_lifo", tests, NULL, NULL);
}
