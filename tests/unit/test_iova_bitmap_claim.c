// SPDX-License-Identifier: MIT
/*
 * test_iova_bitmap_claim.c - proves the order of searches and the epochs of
 * lib/iova/iova_bitmap_claim.c, through the policy's table
 */
#include "iova_bitmap.h"
#include "policy_rig.h"

#define LEAF IOVA_LEAF_GRANULES
#define AREA (IOVA_AREA_LEAVES * LEAF) /* all that can be within reach */
#define LOW  UINT64_C(0xfffff)
#define WIDE (UINT64_C(1) << 52)

/* What is asked of the area passes through here: a revival is seen from inside. */
static struct bitmap_space *watched;
static unsigned nrevivals, nodd;

uint64_t __real_iova_area_change(struct iova_area *area, uint64_t lo, uint64_t hi,
				 enum iova_state from, enum iova_state to);
uint64_t __wrap_iova_area_change(struct iova_area *area, uint64_t lo, uint64_t hi,
				 enum iova_state from, enum iova_state to);

uint64_t __wrap_iova_area_change(struct iova_area *area, uint64_t lo, uint64_t hi,
				 enum iova_state from, enum iova_state to)
{
	if (watched && from == IOVA_STALE && to == IOVA_FREE) {
		nrevivals++;
		nodd += load_acquire(&watched->epoch_word) & 1;
	}
	return __real_iova_area_change(area, lo, hi, from, to);
}

static int setup(void **state)
{
	static struct policy_rig rig;

	policy_rig_open(&rig, &dmp_iova_policy_bitmap, 0);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	policy_rig_close(*state);
	return 0;
}

static uint64_t epoch_now(struct policy_rig *rig)
{
	struct bitmap_space *space = rig->space;

	return load_acquire(&space->epoch_word) / 2;
}

static void test_a_block_that_is_used_up_is_followed_by_the_next_with_room(void **state)
{
	uint64_t i;

	policy_rig_reserve(*state, BITMAP_BLOCK_GRANULES, 2 * BITMAP_BLOCK_GRANULES + 4,
			   BITMAP_BLOCK_GRANULES, 2 * BITMAP_BLOCK_GRANULES + 4);
	for (i = 0; i < BITMAP_BLOCK_GRANULES; i++)
		policy_rig_place(*state, 1, WIDE, true, i);
	policy_rig_place(*state, 1, WIDE, true, 2 * BITMAP_BLOCK_GRANULES + 5);
	policy_rig_place(*state, 1, WIDE, true, 2 * BITMAP_BLOCK_GRANULES + 6);
}

static void test_longer_ranges_go_round_on_their_own(void **state)
{
	policy_rig_place(*state, 4, WIDE, true, 0);
	policy_rig_place(*state, 3, WIDE, false, 4);
	policy_rig_place(*state, 4, WIDE, true, 8);
	policy_rig_free(*state, 0, 0, 3);
	policy_rig_place(*state, 40, WIDE, true, 64);
}

/*
 *   0    4    8           13      limit 15: a run of 4, misaligned at 9, is aligned at 4
 *   [....]    [b]          [b]
 */
static void test_a_place_in_use_is_passed_over_with_all_that_share_it(void **state)
{
	policy_rig_reserve(*state, 0, 2, 0, 2);
	policy_rig_reserve(*state, 8, 8, 8, 8);
	policy_rig_reserve(*state, 13, 13, 13, 13);
	policy_rig_place(*state, 4, 15, true, 4);
	policy_rig_none(*state, 4, 15, true, -ENOSPC);
	policy_rig_place(*state, 4, 15, false, 9);
}

static void test_an_epoch_begins_only_where_something_comes_free_by_it(void **state)
{
	policy_rig_place(*state, 8, 7, false, 0);
	policy_rig_none(*state, 1, 7, false, -ENOSPC);
	assert_int_equal(epoch_now(*state), 0);
	policy_rig_free(*state, 0, 0, 7);
	policy_rig_none(*state, 9, 7, false, -ENOSPC);
	assert_int_equal(epoch_now(*state), 0);
	policy_rig_place(*state, 8, 7, false, 0);
	assert_int_equal(epoch_now(*state), 1);
}

/* One end of [EPOCH]: who gets a granule meanwhile sees that a later epoch is to come. */
static void test_no_epoch_is_said_while_granules_are_revived(void **state)
{
	struct policy_rig *rig = *state;

	policy_rig_place(rig, 8, 7, false, 0);
	policy_rig_free(rig, 0, 0, 7);
	watched = rig->space;
	nrevivals = nodd = 0;
	policy_rig_place(rig, 8, 7, false, 0);
	watched = NULL;
	assert_int_equal(nrevivals, 1);
	assert_int_equal(nodd, 1);
}

struct reader {
	struct bitmap_space *space;
	DMP_ATOMIC(bool) started;
	uint64_t epoch;
};

static void *read_epoch(void *arg)
{
	struct reader *reader = arg;

	store_release(&reader->started, true);
	reader->epoch = iova_bitmap_epoch(reader->space);
	return NULL;
}

/* The other end.  However late the reader comes, it says the epoch that begins. */
static void test_who_asks_for_the_epoch_during_a_revival_waits_for_its_end(void **state)
{
	struct policy_rig *rig = *state;
	struct reader reader = {.space = rig->space};
	pthread_t thread;
	unsigned i;

	dmp_lock_acquire(&reader.space->area_lock);
	store_release(&reader.space->epoch_word, 1);
	assert_int_equal(pthread_create(&thread, NULL, read_epoch, &reader), 0);
	while (!load_acquire(&reader.started))
		dmp_cpu_yield();
	for (i = 0; i < 100; i++)
		dmp_cpu_yield();
	store_release(&reader.space->epoch_word, 2);
	dmp_lock_release(&reader.space->area_lock);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(reader.epoch, 1);
}

static void test_an_epoch_revives_nothing_beyond_the_limit(void **state)
{
	policy_rig_place(*state, 16, 15, false, 0);
	policy_rig_free(*state, 0, 0, 15);
	policy_rig_place(*state, 1, 7, false, 0);
	policy_rig_reserve(*state, 16, LOW, 16, LOW);
	policy_rig_place(*state, 8, LOW, true, 8);
	assert_int_equal(epoch_now(*state), 2);
}

static void test_nothing_is_revived_while_there_is_free_space_within_reach(void **state)
{
	policy_rig_place(*state, LEAF, LOW, true, 0);
	policy_rig_free(*state, 0, 0, LEAF - 1);
	policy_rig_place(*state, 31 * LEAF, WIDE, false, LEAF);
	assert_int_equal(epoch_now(*state), 0);
	policy_rig_place(*state, 1, WIDE, false, 0);
	assert_int_equal(epoch_now(*state), 1);
}

static void test_reach_grows_when_all_within_it_is_live(void **state)
{
	policy_rig_place(*state, 32 * LEAF, WIDE, false, 0);
	policy_rig_none(*state, 1, LOW, true, -ENOSPC);
	policy_rig_place(*state, 1, WIDE, true, 32 * LEAF);
	assert_int_equal(epoch_now(*state), 0);
}

/* All live but one granule: what it alone brings is not worth an epoch each time. */
static void test_reach_grows_when_an_epoch_brings_little(void **state)
{
	uint64_t last = 32 * LEAF - 1;

	policy_rig_place(*state, 32 * LEAF - 1, WIDE, false, 0);
	policy_rig_place(*state, 1, WIDE, false, last);
	policy_rig_free(*state, last, last, last);
	policy_rig_place(*state, 1, WIDE, false, last);
	assert_int_equal(epoch_now(*state), 1);
	policy_rig_free(*state, last, last, last);
	policy_rig_place(*state, 1, WIDE, false, last + 1);
	assert_int_equal(epoch_now(*state), 1);
}

static void test_a_limit_keeps_reach_where_it_is_however_short_the_epochs(void **state)
{
	uint64_t i, last = 32 * LEAF - 1;

	policy_rig_place(*state, 32 * LEAF - 1, LOW, false, 0);
	for (i = 0; i < 3; i++) {
		policy_rig_place(*state, 1, LOW, false, last);
		policy_rig_free(*state, last, last, last);
		assert_int_equal(epoch_now(*state), i);
	}
}

static void test_a_range_may_be_as_long_as_the_area_and_no_longer(void **state)
{
	policy_rig_none(*state, AREA + 1, WIDE, false, -ENOSPC);
	policy_rig_place(*state, AREA, WIDE, true, 0);
	policy_rig_none(*state, 1, WIDE, true, -ENOSPC);
	policy_rig_finds(*state, AREA - 1, 0, AREA - 1);
	policy_rig_free(*state, 5, 0, AREA - 1);
}

static void test_a_missing_leaf_is_not_a_full_space(void **state)
{
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 1, 1), 0);
	policy_rig_none(*state, 1, WIDE, false, -ENOMEM);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 2, 1), 0);
	policy_rig_none(*state, 2, WIDE, false, -ENOMEM);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 0, 0), 0);
	policy_rig_place(*state, 2, WIDE, false, 0);
}

static void test_nothing_below_the_start_is_given_out(void **state)
{
	struct policy_rig rig;
	struct dmp_iova_space at = {.granule = 4096, .start_pfn = 3 * LEAF + 5};

	(void)state;
	rig.policy = &dmp_iova_policy_bitmap;
	assert_int_equal(rig.policy->create(&at, &rig.space), 0);
	policy_rig_none(&rig, 1, 3 * LEAF + 4, false, -ENOSPC);
	policy_rig_place(&rig, 1, 3 * LEAF + 6, false, 3 * LEAF + 5);
	policy_rig_place(&rig, 1, 3 * LEAF + 6, false, 3 * LEAF + 6);
	policy_rig_none(&rig, 1, 3 * LEAF + 6, false, -ENOSPC);
	rig.policy->destroy(rig.space);
}

static void test_an_area_ends_with_the_address_space(void **state)
{
	struct policy_rig rig;
	struct dmp_iova_space at = {.granule = 1, .start_pfn = UINT64_MAX - 9};

	(void)state;
	rig.policy = &dmp_iova_policy_bitmap;
	assert_int_equal(rig.policy->create(&at, &rig.space), 0);
	policy_rig_place(&rig, 8, UINT64_MAX - 1, false, UINT64_MAX - 9);
	policy_rig_place(&rig, 1, UINT64_MAX - 1, false, UINT64_MAX - 1);
	policy_rig_none(&rig, 1, UINT64_MAX - 1, false, -ENOSPC);
	policy_rig_free(&rig, UINT64_MAX - 2, UINT64_MAX - 9, UINT64_MAX - 2);
	policy_rig_walks(&rig, &(struct dmp_iova_range){UINT64_MAX - 1, UINT64_MAX - 1}, 1);
	assert_int_equal(rig.policy->check(rig.space), 0);
	rig.policy->destroy(rig.space);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_block_that_is_used_up_is_followed_by_the_next_with_room),
		TEST(test_longer_ranges_go_round_on_their_own),
		TEST(test_a_place_in_use_is_passed_over_with_all_that_share_it),
		TEST(test_an_epoch_begins_only_where_something_comes_free_by_it),
		TEST(test_no_epoch_is_said_while_granules_are_revived),
		TEST(test_who_asks_for_the_epoch_during_a_revival_waits_for_its_end),
		TEST(test_an_epoch_revives_nothing_beyond_the_limit),
		TEST(test_nothing_is_revived_while_there_is_free_space_within_reach),
		TEST(test_reach_grows_when_all_within_it_is_live),
		TEST(test_reach_grows_when_an_epoch_brings_little),
		TEST(test_a_limit_keeps_reach_where_it_is_however_short_the_epochs),
		TEST(test_a_range_may_be_as_long_as_the_area_and_no_longer),
		TEST(test_a_missing_leaf_is_not_a_full_space),
		TEST(test_nothing_below_the_start_is_given_out),
		TEST(test_an_area_ends_with_the_address_space),
	};

	return cmocka_run_group_tests_name("iova_bitmap_claim", tests, NULL, NULL);
}
