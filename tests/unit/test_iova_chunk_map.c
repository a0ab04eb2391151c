// SPDX-License-Identifier: MIT
/*
 * test_iova_chunk_map.c - proves C1 and C2 of lib/iova/iova_chunk_map.c: pfns, slots, chunks
 */
#include "iova_chunk.h"
#include "policy_rig.h"

#define LOW   UINT64_C(0xfffff)
#define SLOT  CHUNK_SLOT_GRANULES
#define FIRST (LOW + 1)
#define WIDE  (UINT64_C(1) << 52)

static int setup(void **state)
{
	static struct policy_rig rig;

	policy_rig_open(&rig, &dmp_iova_policy_chunk, 1);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	policy_rig_close(*state);
	return 0;
}

static struct chunk_space *space_of(void **state)
{
	struct policy_rig *rig = *state;

	return rig->space;
}

static void test_every_pfn_belongs_to_a_chunk_or_to_what_is_around_them(void **state)
{
	struct chunk_space *space = space_of(state);
	struct chunk *chunk;

	policy_rig_alloc(*state, 2 * SLOT, WIDE, false);
	chunk = iova_chunk_of(space, FIRST);
	assert_ptr_not_equal(chunk, &space->rest);
	assert_int_equal(chunk->lo, FIRST);
	assert_int_equal(chunk->hi, FIRST + 2 * SLOT - 1);
	assert_ptr_equal(iova_chunk_of(space, chunk->hi), chunk);
	assert_ptr_equal(iova_chunk_of(space, chunk->hi + 1), &space->rest);
	assert_ptr_equal(iova_chunk_of(space, 0), &space->low);
	assert_ptr_equal(iova_chunk_of(space, LOW), &space->low);
	assert_ptr_equal(iova_chunk_of(space, UINT64_MAX), &space->rest);
}

static void test_chunks_are_met_from_below(void **state)
{
	struct chunk_space *space = space_of(state);

	policy_rig_alloc(*state, 1, WIDE, false);
	policy_rig_alloc(*state, 300 * SLOT, WIDE, false);
	assert_ptr_equal(iova_chunk_reaching(space, 0), &space->low);
	assert_int_equal(iova_chunk_reaching(space, FIRST)->lo, FIRST);
	assert_int_equal(iova_chunk_reaching(space, FIRST + SLOT)->lo, FIRST + SLOT);
	assert_int_equal(iova_chunk_reaching(space, FIRST + 300 * SLOT)->lo, FIRST + SLOT);
	assert_null(iova_chunk_reaching(space, FIRST + 301 * SLOT));
}

static void test_a_slot_with_a_reservation_is_not_taken_while_it_stands(void **state)
{
	static const struct dmp_iova_range ranges[] = {
		{FIRST + 5, FIRST + 5},
		{FIRST + SLOT, FIRST + 2 * SLOT - 1},
	};

	policy_rig_reserve(*state, FIRST + 5, FIRST + 5, FIRST + 5, FIRST + 5);
	policy_rig_place(*state, SLOT, WIDE, false, FIRST + SLOT);
	policy_rig_walks(*state, ranges, 2);
	policy_rig_free(*state, FIRST + 5, FIRST + 5, FIRST + 5);
	policy_rig_place(*state, SLOT, WIDE, false, FIRST);
}

static void test_a_chunk_of_several_slots_needs_them_in_a_row(void **state)
{
	policy_rig_reserve(*state, FIRST + SLOT, FIRST + SLOT, FIRST + SLOT, FIRST + SLOT);
	policy_rig_place(*state, 2 * SLOT, WIDE, false, FIRST + 2 * SLOT);
	policy_rig_place(*state, SLOT, WIDE, false, FIRST);
}

/* Slot 1 is taken, slot 0 is free again. */
static void test_a_chunk_of_several_slots_does_not_reach_into_another(void **state)
{
	policy_rig_reserve(*state, FIRST, FIRST, FIRST, FIRST);
	policy_rig_place(*state, SLOT, WIDE, false, FIRST + SLOT);
	policy_rig_free(*state, FIRST, FIRST, FIRST);
	policy_rig_place(*state, 2 * SLOT, WIDE, false, FIRST + 2 * SLOT);
	policy_rig_place(*state, SLOT, WIDE, false, FIRST);
}

static void test_slots_in_which_a_request_does_not_fit_are_not_taken(void **state)
{
	struct chunk_space *space = space_of(state);

	policy_rig_place(*state, 20, FIRST + 9, false, LOW - 19);
	assert_ptr_equal(iova_chunk_of(space, FIRST), &space->rest);
	policy_rig_place(*state, 20, FIRST + 19, false, FIRST);
}

static void test_an_aligned_request_gets_slots_where_it_is_aligned(void **state)
{
	policy_rig_place(*state, SLOT, WIDE, false, FIRST);
	policy_rig_place(*state, 3 * SLOT, WIDE, true, FIRST + 4 * SLOT);
	policy_rig_place(*state, SLOT, WIDE, false, FIRST + SLOT);
}

static void test_the_limit_may_lie_inside_a_slot(void **state)
{
	policy_rig_place(*state, 1, FIRST + 9, true, FIRST + 9);
	policy_rig_place(*state, 9, FIRST + 9, false, FIRST);
	policy_rig_place(*state, 1, FIRST + 9, true, LOW);
	policy_rig_none(*state, FIRST, FIRST + 9, false, -ENOSPC);
}

static void test_slots_begin_where_addresses_may(void **state)
{
	struct policy_rig rig;
	struct dmp_iova_space at = {.granule = 4096, .start_pfn = FIRST + 5 * SLOT + 7};
	struct chunk_space *space;

	(void)state;
	rig.policy = &dmp_iova_policy_chunk;
	assert_int_equal(rig.policy->create(&at, &rig.space), 0);
	policy_rig_none(&rig, 1, LOW, true, -ENOSPC);
	policy_rig_none(&rig, 1, at.start_pfn - 1, true, -ENOSPC);
	space = rig.space;
	assert_ptr_equal(iova_chunk_of(space, at.start_pfn), &space->rest);
	policy_rig_place(&rig, 1, at.start_pfn, true, at.start_pfn);
	policy_rig_none(&rig, 1, at.start_pfn, true, -ENOSPC);
	policy_rig_reserve(&rig, LOW, at.start_pfn + 1, at.start_pfn + 1, at.start_pfn + 1);
	policy_rig_place(&rig, 1, at.start_pfn + 2, true, at.start_pfn + 2);
	policy_rig_none(&rig, 1, at.start_pfn + 2, true, -ENOSPC);
	assert_int_equal(rig.policy->check(rig.space), 0);
	rig.policy->destroy(rig.space);
}

/* Of granules of 2^32 bytes the 32-bit space has one: the region below ends with a slot. */
static void test_the_region_below_ends_with_a_slot(void **state)
{
	struct policy_rig rig;
	struct dmp_iova_space at = {.granule = UINT64_C(1) << 32, .start_pfn = 1};

	(void)state;
	rig.policy = &dmp_iova_policy_chunk;
	assert_int_equal(rig.policy->create(&at, &rig.space), 0);
	policy_rig_place(&rig, 1, SLOT - 1, true, SLOT - 1);
	policy_rig_place(&rig, 1, UINT32_MAX, true, 2 * SLOT - 1);
	assert_int_equal(rig.policy->check(rig.space), 0);
	rig.policy->destroy(rig.space);
}

static void test_nothing_is_given_out_beyond_the_last_slot(void **state)
{
	struct policy_rig rig;
	struct dmp_iova_space at = {.granule = 1, .start_pfn = UINT64_MAX - 2 * SLOT + 1};

	(void)state;
	rig.policy = &dmp_iova_policy_chunk;
	assert_int_equal(rig.policy->create(&at, &rig.space), 0);
	policy_rig_place(&rig, SLOT, UINT64_MAX - 1, false, at.start_pfn);
	policy_rig_none(&rig, 1, UINT64_MAX - 1, false, -ENOSPC);
	policy_rig_reserve(&rig, UINT64_MAX - 1, UINT64_MAX - 1, UINT64_MAX - 1, UINT64_MAX - 1);
	assert_int_equal(rig.policy->check(rig.space), 0);
	rig.policy->destroy(rig.space);
}

static void test_the_walk_notices_a_slot_that_leads_nowhere(void **state)
{
	struct chunk_space *space = space_of(state);
	struct chunk *chunk;

	policy_rig_alloc(*state, 2 * SLOT, WIDE, false);
	chunk = iova_chunk_of(space, FIRST);
	assert_null(iova_chunk_map_wrong(space));
	store_relaxed(&load_relaxed(&space->table[0])->slot[1], NULL);
	assert_non_null(iova_chunk_map_wrong(space));
	store_relaxed(&load_relaxed(&space->table[0])->slot[1], chunk);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_pfn_belongs_to_a_chunk_or_to_what_is_around_them),
		TEST(test_chunks_are_met_from_below),
		TEST(test_a_slot_with_a_reservation_is_not_taken_while_it_stands),
		TEST(test_a_chunk_of_several_slots_needs_them_in_a_row),
		TEST(test_a_chunk_of_several_slots_does_not_reach_into_another),
		TEST(test_slots_in_which_a_request_does_not_fit_are_not_taken),
		TEST(test_an_aligned_request_gets_slots_where_it_is_aligned),
		TEST(test_the_limit_may_lie_inside_a_slot),
		TEST(test_slots_begin_where_addresses_may),
		TEST(test_the_region_below_ends_with_a_slot),
		TEST(test_nothing_is_given_out_beyond_the_last_slot),
		TEST(test_the_walk_notices_a_slot_that_leads_nowhere),
	};

	return cmocka_run_group_tests_name("iova_chunk_map", tests, NULL, NULL);
}
