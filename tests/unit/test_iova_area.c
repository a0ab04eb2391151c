// SPDX-License-Identifier: MIT
/*
 * test_iova_area.c - proves lib/iova/iova_area.c: states of granules, one by one and in rows
 *
 * The area begins at BASE; its first leaf is there, its second and third are not.
 */
#include "dmptest.h"
#include "iova_area.h"

#define BASE UINT64_C(0x40000)
#define LEAF IOVA_LEAF_GRANULES

static int setup(void **state)
{
	static struct iova_area area;

	memset(&area, 0, sizeof(area));
	iova_area_init(&area, BASE + 77);
	iova_area_add_leaf(&area, BASE, iova_leaf_create());
	*state = &area;
	return iova_area_leaf(&area, BASE) ? 0 : -1;
}

static int teardown(void **state)
{
	iova_area_clear(*state);
	return dmp_meta_in_use() == 0 ? 0 : -1;
}

static void set(struct iova_area *area, uint64_t lo, uint64_t hi, enum iova_state state)
{
	assert_int_equal(iova_area_change(area, lo, hi, IOVA_FREE, state), hi - lo + 1);
}

static void assert_lowest(struct iova_area *area, uint64_t lo, uint64_t hi, enum iova_state state,
			  uint64_t wanted)
{
	uint64_t pfn = 0;

	assert_true(iova_area_lowest(area, lo, hi, state, &pfn));
	assert_int_equal(pfn, wanted);
}

static void assert_none(struct iova_area *area, uint64_t lo, uint64_t hi, enum iova_state state)
{
	uint64_t pfn;

	assert_false(iova_area_lowest(area, lo, hi, state, &pfn));
}

static void test_an_area_covers_its_leaves_and_nothing_else(void **state)
{
	assert_false(iova_area_covers(*state, BASE - 1));
	assert_true(iova_area_covers(*state, BASE));
	assert_true(iova_area_covers(*state, BASE + IOVA_AREA_LEAVES * LEAF - 1));
	assert_false(iova_area_covers(*state, BASE + IOVA_AREA_LEAVES * LEAF));
}

static void test_a_granule_changes_and_its_neighbours_do_not(void **state)
{
	set(*state, BASE + 31, BASE + 31, IOVA_ONE);
	set(*state, BASE + 33, BASE + 33, IOVA_MANY);
	set(*state, BASE + 34, BASE + 34, IOVA_STALE);
	assert_int_equal(iova_area_get(*state, BASE + 30), IOVA_FREE);
	assert_int_equal(iova_area_get(*state, BASE + 31), IOVA_ONE);
	assert_int_equal(iova_area_get(*state, BASE + 32), IOVA_FREE);
	assert_int_equal(iova_area_get(*state, BASE + 33), IOVA_MANY);
	assert_int_equal(iova_area_get(*state, BASE + 34), IOVA_STALE);
}

static void test_a_change_leaves_granules_in_another_state_alone(void **state)
{
	set(*state, BASE + 3, BASE + 99, IOVA_ONE);
	assert_int_equal(iova_area_change(*state, BASE, BASE + 40, IOVA_ONE, IOVA_STALE), 38);
	assert_int_equal(iova_area_change(*state, BASE, BASE + 40, IOVA_ONE, IOVA_STALE), 0);
	assert_int_equal(iova_area_get(*state, BASE + 2), IOVA_FREE);
	assert_int_equal(iova_area_get(*state, BASE + 40), IOVA_STALE);
	assert_int_equal(iova_area_get(*state, BASE + 41), IOVA_ONE);
	assert_int_equal(iova_area_change(*state, BASE, BASE + 99, IOVA_STALE, IOVA_FREE), 38);
}

static void test_the_lowest_of_a_state_is_found_across_words_and_leaves(void **state)
{
	set(*state, BASE, BASE + 200, IOVA_ONE);
	assert_lowest(*state, BASE, BASE + 300, IOVA_FREE, BASE + 201);
	assert_lowest(*state, BASE + 7, BASE + 300, IOVA_ONE, BASE + 7);
	assert_none(*state, BASE, BASE + 200, IOVA_FREE);
	assert_none(*state, BASE + 201, BASE + 3 * LEAF, IOVA_ONE);
	set(*state, BASE + 201, BASE + LEAF - 1, IOVA_MANY);
	assert_lowest(*state, BASE, BASE + 2 * LEAF, IOVA_FREE, BASE + LEAF);
	assert_none(*state, BASE, BASE + 2 * LEAF, IOVA_STALE);
}

static void test_the_highest_in_use_is_found_across_words_and_leaves(void **state)
{
	uint64_t pfn = 0;

	assert_false(iova_area_highest_used(*state, BASE, BASE + 3 * LEAF - 1, &pfn));
	set(*state, BASE + 5, BASE + 5, IOVA_STALE);
	set(*state, BASE + 64, BASE + 66, IOVA_MANY);
	assert_true(iova_area_highest_used(*state, BASE + 5, BASE + 3 * LEAF - 1, &pfn));
	assert_int_equal(pfn, BASE + 66);
	assert_true(iova_area_highest_used(*state, BASE + 5, BASE + 65, &pfn));
	assert_int_equal(pfn, BASE + 65);
	assert_true(iova_area_highest_used(*state, BASE + 5, BASE + 63, &pfn));
	assert_int_equal(pfn, BASE + 5);
	assert_false(iova_area_highest_used(*state, BASE + 6, BASE + 63, &pfn));
}

static void test_one_granule_is_claimed_from_below(void **state)
{
	uint64_t pfn = 0;

	set(*state, BASE + 31, BASE + 31, IOVA_STALE);
	assert_true(iova_area_claim_one(*state, BASE + 30, BASE + 32, &pfn));
	assert_int_equal(pfn, BASE + 30);
	assert_true(iova_area_claim_one(*state, BASE + 30, BASE + 32, &pfn));
	assert_int_equal(pfn, BASE + 32);
	assert_false(iova_area_claim_one(*state, BASE + 30, BASE + 32, &pfn));
	assert_int_equal(iova_area_get(*state, BASE + 32), IOVA_ONE);
}

static void test_a_run_is_claimed_whole(void **state)
{
	assert_true(iova_area_claim(*state, BASE + 5, BASE + 100));
	assert_int_equal(iova_area_get(*state, BASE + 5), IOVA_MANY);
	assert_int_equal(iova_area_get(*state, BASE + 100), IOVA_MANY);
	assert_none(*state, BASE + 5, BASE + 100, IOVA_FREE);
	assert_lowest(*state, BASE + 5, BASE + 101, IOVA_FREE, BASE + 101);
}

static void test_a_run_with_a_granule_in_use_is_not_claimed_at_all(void **state)
{
	uint64_t pfn = 0;

	set(*state, BASE + 90, BASE + 90, IOVA_ONE);
	assert_false(iova_area_claim(*state, BASE + 5, BASE + 100));
	assert_none(*state, BASE, BASE + 200, IOVA_MANY);
	assert_true(iova_area_highest_used(*state, BASE, BASE + 200, &pfn));
	assert_int_equal(pfn, BASE + 90);
	assert_false(iova_area_highest_used(*state, BASE, BASE + 89, &pfn));
}

/*
 *   ranges   ----]   [--------------]   [----
 *   leaf     [ second leaf ....................]
 */
static void test_a_leaf_begins_with_the_granules_of_longer_ranges(void **state)
{
	struct iova_leaf *leaf = iova_leaf_create();
	uint64_t from = BASE + LEAF;

	iova_leaf_fill(leaf, from + 9, BASE, from + 2);
	iova_leaf_fill(leaf, from + 9, from + 30, from + 70);
	iova_leaf_fill(leaf, from + 9, from + LEAF - 1, from + 2 * LEAF);
	iova_area_add_leaf(*state, from, leaf);
	assert_lowest(*state, from, from + LEAF, IOVA_FREE, from + 3);
	assert_lowest(*state, from + 3, from + LEAF, IOVA_MANY, from + 30);
	assert_lowest(*state, from + 30, from + LEAF, IOVA_FREE, from + 71);
	assert_lowest(*state, from + 71, from + LEAF, IOVA_MANY, from + LEAF - 1);
	assert_none(*state, BASE, from - 1, IOVA_MANY);
}

static void test_a_mask_says_which_granules_of_a_word_are_a_state(void **state)
{
	set(*state, BASE + 32, BASE + 32, IOVA_ONE);
	set(*state, BASE + 63, BASE + 63, IOVA_ONE);
	set(*state, BASE + 40, BASE + 40, IOVA_MANY);
	assert_int_equal(iova_area_mask(*state, BASE + 32, IOVA_ONE),
			 iova_word_mask(0, 0) | iova_word_mask(31, 31));
	assert_int_equal(iova_area_mask(*state, BASE + 32, IOVA_MANY), iova_word_mask(8, 8));
	assert_int_equal(iova_area_mask(*state, BASE + LEAF, IOVA_FREE), iova_word_mask(0, 31));
	assert_int_equal(iova_area_mask(*state, BASE + LEAF, IOVA_ONE), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_area_covers_its_leaves_and_nothing_else),
		TEST(test_a_granule_changes_and_its_neighbours_do_not),
		TEST(test_a_change_leaves_granules_in_another_state_alone),
		TEST(test_the_lowest_of_a_state_is_found_across_words_and_leaves),
		TEST(test_the_highest_in_use_is_found_across_words_and_leaves),
		TEST(test_one_granule_is_claimed_from_below),
		TEST(test_a_run_is_claimed_whole),
		TEST(test_a_run_with_a_granule_in_use_is_not_claimed_at_all),
		TEST(test_a_leaf_begins_with_the_granules_of_longer_ranges),
		TEST(test_a_mask_says_which_granules_of_a_word_are_a_state),
	};

	return cmocka_run_group_tests_name("iova_area", tests, NULL, NULL);
}
