// SPDX-License-Identifier: MIT
/*
 * test_iova_chunk.c - proves C3, C4 and the order of choices of lib/iova/iova_chunk.c
 *
 *   CPU 0's first chunk is slot 0, LOW + 1 up; CPU 1's is slot 1.
 */
#include "iova_chunk.h"
#include "policy_rig.h"

#define LOW    UINT64_C(0xfffff)
#define SLOT   CHUNK_SLOT_GRANULES
#define END(n) (LOW + (n)*SLOT) /* the last pfn of the n-th slot, counted from 1 */
#define WIDE   (UINT64_C(1) << 52)

static int setup(void **state)
{
	static struct policy_rig rig;

	assert_int_equal(dmp_harness_enter(2), 0);
	policy_rig_open(&rig, &dmp_iova_policy_chunk, 0x10);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	policy_rig_close(*state);
	return dmp_harness_leave();
}

static void test_a_limit_below_the_boundary_is_served_from_the_shared_region(void **state)
{
	policy_rig_place(*state, 1, LOW, true, LOW);
	dmp_harness_become(1);
	policy_rig_place(*state, 1, LOW, true, LOW - 1);
	policy_rig_place(*state, 4, 0x1000, true, 0xffc);
}

static void test_each_cpu_allocates_from_a_chunk_of_its_own(void **state)
{
	policy_rig_place(*state, 1, WIDE, true, END(1));
	dmp_harness_become(1);
	policy_rig_place(*state, 1, WIDE, true, END(2));
	policy_rig_place(*state, 4, WIDE, true, END(2) - 7);
	dmp_harness_become(0);
	policy_rig_place(*state, 1, WIDE, true, END(1) - 1);
}

static void test_a_cpu_whose_chunk_is_full_takes_a_new_one(void **state)
{
	policy_rig_place(*state, SLOT - 1, WIDE, false, END(1) - SLOT + 2);
	policy_rig_place(*state, 2, WIDE, true, END(2) - 1);
	policy_rig_place(*state, 1, WIDE, true, END(2) - 2);
}

static void test_a_request_longer_than_a_slot_gets_a_chunk_of_several(void **state)
{
	policy_rig_place(*state, 1, WIDE, true, END(1));
	policy_rig_place(*state, 2 * SLOT + 5, WIDE, false, END(4) - 2 * SLOT - 4);
	policy_rig_finds(*state, END(3), END(4) - 2 * SLOT - 4, END(4));
	policy_rig_place(*state, 2 * SLOT, WIDE, true, END(6) - 2 * SLOT + 1);
}

/* The limit leaves room for two slots: the third choice and the fourth. */
static void test_when_no_slot_is_left_others_chunks_are_used_and_then_the_region_below(void **state)
{
	policy_rig_place(*state, SLOT, END(2), true, END(1) - SLOT + 1);
	dmp_harness_become(1);
	policy_rig_place(*state, 1, END(2), true, END(2));
	dmp_harness_become(0);
	policy_rig_place(*state, 1, END(2), true, END(2) - 1);
	policy_rig_place(*state, SLOT, END(2), true, LOW - SLOT + 1);
}

static void test_a_chunk_above_the_limit_is_not_used(void **state)
{
	policy_rig_reserve(*state, END(1), END(1), END(1), END(1));
	policy_rig_place(*state, 1, WIDE, true, END(2));
	policy_rig_place(*state, 1, END(1), true, LOW);
	policy_rig_free(*state, END(1), END(1), END(1));
	policy_rig_place(*state, 1, END(1), true, END(1));
}

static void test_any_cpu_may_give_back(void **state)
{
	policy_rig_place(*state, SLOT, WIDE, true, END(1) - SLOT + 1);
	dmp_harness_become(1);
	policy_rig_free(*state, END(1) - 5, END(1) - SLOT + 1, END(1));
	dmp_harness_become(0);
	policy_rig_place(*state, SLOT, WIDE, true, END(1) - SLOT + 1);
}

static void test_a_chunk_knows_that_its_gaps_have_grown_again(void **state)
{
	policy_rig_place(*state, SLOT - 1, WIDE, false, END(1) - SLOT + 2);
	policy_rig_free(*state, END(1), END(1) - SLOT + 2, END(1));
	policy_rig_place(*state, SLOT, WIDE, false, END(1) - SLOT + 1);
}

/*
 *            low |  slot 1 (taken)          | slot 2 (not)
 *   [LOW-1..LOW] | [..][ END(1)-1 ][END(1)] | [END(1)+1 .. +5]
 */
static void test_a_reservation_is_cut_at_the_edges_of_chunks(void **state)
{
	static const struct dmp_iova_range ranges[] = {
		{LOW - 1, LOW},   {LOW + 1, END(1) - 2},    {END(1) - 1, END(1) - 1},
		{END(1), END(1)}, {END(1) + 1, END(1) + 5},
	};

	policy_rig_place(*state, 1, WIDE, true, END(1));
	policy_rig_place(*state, 1, WIDE, true, END(1) - 1);
	policy_rig_reserve(*state, LOW - 1, END(1) + 5, END(1) + 1, END(1) + 5);
	policy_rig_walks(*state, ranges, 5);
	assert_int_equal(policy_rig_count(*state), 5);
	policy_rig_finds_none(*state, END(1) + 6);
}

static void test_a_reservation_may_lie_beyond_all_slots(void **state)
{
	uint64_t far = UINT64_C(1) << 50;
	const struct dmp_iova_range ranges[] = {{0x5, 0x6}, {END(1), END(1)}, {far, far + 9}};

	policy_rig_reserve(*state, 0x5, 0x6, 0x5, 0x6);
	policy_rig_reserve(*state, far, far + 9, far, far + 9);
	policy_rig_place(*state, 1, WIDE, true, END(1));
	policy_rig_walks(*state, ranges, 3);
	policy_rig_free(*state, far + 3, far, far + 9);
}

static void test_free_many_visits_every_chunk_and_skips_what_is_not_live(void **state)
{
	struct policy_rig *rig = *state;
	const uint64_t pfns[] = {END(1), END(1) - 1, LOW, 0x55, END(1), END(3) + 1};

	policy_rig_place(rig, 1, WIDE, true, END(1));
	policy_rig_place(rig, 1, WIDE, true, END(1) - 1);
	policy_rig_place(rig, 1, LOW, true, LOW);
	policy_rig_reserve(rig, END(3), END(3) + 9, END(3), END(3) + 9);
	assert_int_equal(rig->policy->free_many(rig->space, pfns, 6), 4);
	assert_int_equal(policy_rig_count(rig), 0);
}

static void test_without_memory_for_a_chunk_the_request_is_met_elsewhere(void **state)
{
	dmp_harness_become(1);
	policy_rig_place(*state, 1, WIDE, true, END(1));
	dmp_harness_become(0);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 1, UINT64_MAX), 0);
	policy_rig_place(*state, 1, WIDE, true, END(1) - 1);
	policy_rig_none(*state, 2 * LOW, WIDE, false, -ENOMEM);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 0, 0), 0);
	policy_rig_place(*state, 1, WIDE, true, END(2));
}

static void test_without_memory_for_a_cpu_the_chunks_are_common(void **state)
{
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 1, UINT64_MAX), 0);
	policy_rig_place(*state, 1, WIDE, true, END(1));
	dmp_harness_become(1);
	policy_rig_place(*state, 1, WIDE, true, END(1) - 1);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 0, 0), 0);
}

static void test_the_walk_notices_a_chunk_with_a_wrong_longest_gap(void **state)
{
	struct policy_rig *rig = *state;
	struct chunk_space *space = rig->space;
	struct iova_space s = {0};
	uint64_t longest = load_relaxed(&space->low.longest);

	dmp_log_set_sink(iova_space_log, &s);
	store_relaxed(&space->low.longest, longest - 1);
	assert_int_equal(rig->policy->check(rig->space), -EIO);
	store_relaxed(&space->low.longest, longest);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(s.nbugs, 1);
}

static void test_bad_input_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	policy_rig_refuses_bad_input(&dmp_iova_policy_chunk);
}

static void test_each_failed_allocation_leaves_the_space_whole(void **state)
{
	(void)state;
	assert_true(policy_rig_fail_each(&dmp_iova_policy_chunk, DMP_HARNESS_ALLOC_ANY) >= 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_limit_below_the_boundary_is_served_from_the_shared_region),
		TEST(test_each_cpu_allocates_from_a_chunk_of_its_own),
		TEST(test_a_cpu_whose_chunk_is_full_takes_a_new_one),
		TEST(test_a_request_longer_than_a_slot_gets_a_chunk_of_several),
		TEST(test_when_no_slot_is_left_others_chunks_are_used_and_then_the_region_below),
		TEST(test_a_chunk_above_the_limit_is_not_used),
		TEST(test_any_cpu_may_give_back),
		TEST(test_a_chunk_knows_that_its_gaps_have_grown_again),
		TEST(test_a_reservation_is_cut_at_the_edges_of_chunks),
		TEST(test_a_reservation_may_lie_beyond_all_slots),
		TEST(test_free_many_visits_every_chunk_and_skips_what_is_not_live),
		TEST(test_without_memory_for_a_chunk_the_request_is_met_elsewhere),
		TEST(test_without_memory_for_a_cpu_the_chunks_are_common),
		TEST(test_the_walk_notices_a_chunk_with_a_wrong_longest_gap),
		cmocka_unit_test(test_bad_input_is_refused_and_changes_nothing),
		cmocka_unit_test(test_each_failed_allocation_leaves_the_space_whole),
	};

	return cmocka_run_group_tests_name("iova_chunk", tests, NULL, NULL);
}
