// SPDX-License-Identifier: MIT
/*
 * test_domain_exposure_join.c - proves what lib/domain/domain_exposure_join.c says of several domains'
 * snapshots as one
 */
#include "dmptest.h"

#include <dmapool/exposure.h>

static struct dmp_exposure sum, one;

static int up(void **state)
{
	(void)state;
	memset(&sum, 0, sizeof(sum));
	one = (struct dmp_exposure){
		.flags = DMP_EXPOSURE_SEEN | DMP_EXPOSURE_MANUAL,
		.unmaps = 3,
		.could = {.windows = 3, .bytes = 30, .open = 1, .open_bytes = 10},
		.seen = {.did.windows = 2, .iova_reused = 1, .memory_mapped = 2, .memory_freed = 3},
	};
	one.could.open_oldest_ns = 8;
	one.could.byte_ns = 100;
	dmp_spread_add(&one.could.ns, 50);
	one.seen.memory_mapped_elsewhere = 4;
	one.seen.stale_reads = 5;
	one.seen.stale_writes = 6;
	one.seen.stale_bytes = 7;
	one.seen.stale_oldest_ns = 9;
	one.seen.untracked = 1;
	return 0;
}

static void test_the_first_snapshot_is_the_sum_of_one(void **state)
{
	const struct dmp_exposure none = {.flags = DMP_EXPOSURE_SEEN | DMP_EXPOSURE_MANUAL};

	(void)state;
	sum = one;
	dmp_exposure_join(&sum, &none);
	assert_memory_equal(&sum, &one, sizeof(sum));
}

static void test_of_two_what_is_counted_adds_up_and_the_oldest_counts(void **state)
{
	(void)state;
	sum = one;
	one.could.open_oldest_ns = 4;
	one.seen.stale_oldest_ns = 4;
	dmp_exposure_join(&sum, &one);
	assert_int_equal(sum.unmaps, 6);
	assert_int_equal(sum.could.windows, 6);
	assert_int_equal(sum.could.open_oldest_ns, 8);
	assert_int_equal(sum.could.byte_ns, 200);
	assert_int_equal(sum.could.ns.count, 2);
	assert_int_equal(sum.seen.did.windows, 4);
	assert_int_equal(sum.seen.memory_mapped_elsewhere, 8);
	assert_int_equal(sum.seen.stale_oldest_ns, 9);
	assert_int_equal(sum.flags, one.flags);
}

static void test_one_that_is_not_seen_or_mixed_and_a_sum_at_its_end_are_told(void **state)
{
	(void)state;
	sum = one;
	one.flags = DMP_EXPOSURE_MIXED;
	one.could.byte_ns = UINT64_MAX;
	dmp_exposure_join(&sum, &one);
	assert_int_equal(sum.could.byte_ns, UINT64_MAX);
	assert_int_equal(sum.flags,
			 DMP_EXPOSURE_MANUAL | DMP_EXPOSURE_SATURATED | DMP_EXPOSURE_MIXED);
}

/* Words of a snapshot behind its flags. */
#define WORDS ((sizeof(struct dmp_exposure) - offsetof(struct dmp_exposure, unmaps)) / 8)

/* Those of which the longest is told. */
static bool is_longest(const uint64_t *word)
{
	return word == &sum.could.open_oldest_ns || word == &sum.could.ns.max ||
	       word == &sum.seen.did.open_oldest_ns || word == &sum.seen.did.ns.max ||
	       word == &sum.seen.stale_oldest_ns;
}

static void test_every_counter_stays_at_its_end_and_the_flags_say_so(void **state)
{
	uint64_t *word = (uint64_t *)&sum + 1, *more = (uint64_t *)&one + 1;
	unsigned nlongest = 0;

	(void)state;
	memset(&one, 0, sizeof(one));
	for (size_t i = 0; i < WORDS; i++) {
		memset(&sum, 0, sizeof(sum));
		word[i] = UINT64_MAX - 1;
		more[i] = 2;
		dmp_exposure_join(&sum, &one);
		more[i] = 0;
		nlongest += is_longest(&word[i]);
		assert_int_equal(word[i], UINT64_MAX - is_longest(&word[i]));
		assert_int_equal(sum.flags, is_longest(&word[i]) ? 0 : DMP_EXPOSURE_SATURATED);
	}
	assert_int_equal(nlongest, 5);
}

static void test_every_counter_adds_up(void **state)
{
	uint64_t *word = (uint64_t *)&sum + 1, *more = (uint64_t *)&one + 1;

	(void)state;
	memset(&one, 0, sizeof(one));
	for (size_t i = 0; i < WORDS; i++) {
		word[i] = 5;
		more[i] = 7;
	}
	dmp_exposure_join(&sum, &one);
	for (size_t i = 0; i < WORDS; i++)
		assert_int_equal(word[i], is_longest(&word[i]) ? 7 : 12);
	assert_int_equal(sum.flags, 0);
}

/* All zero: a domain that did nothing yet, in real time, on a machine that tells nothing. */
static void test_a_first_one_that_is_not_seen_is_told_even_if_it_is_all_zero(void **state)
{
	(void)state;
	dmp_exposure_join(&sum, &one);
	assert_int_equal(sum.flags, DMP_EXPOSURE_MANUAL);
	dmp_exposure_join(&sum, &one);
	assert_int_equal(sum.flags, DMP_EXPOSURE_MANUAL);
	assert_int_equal(sum.unmaps, 6);
	assert_int_equal(sum.seen.did.windows, 4);
}

static void test_an_idle_one_that_is_seen_leaves_the_sum_seen_wherever_it_stands(void **state)
{
	const struct dmp_exposure idle = {.flags = DMP_EXPOSURE_SEEN};

	(void)state;
	sum = idle;
	dmp_exposure_join(&sum, &one);
	dmp_exposure_join(&sum, &idle);
	assert_int_equal(sum.flags, one.flags);
	assert_int_equal(sum.unmaps, one.unmaps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_first_snapshot_is_the_sum_of_one, up),
		cmocka_unit_test_setup(test_of_two_what_is_counted_adds_up_and_the_oldest_counts,
				       up),
		cmocka_unit_test_setup(
			test_one_that_is_not_seen_or_mixed_and_a_sum_at_its_end_are_told, up),
		cmocka_unit_test_setup(test_every_counter_adds_up, up),
		cmocka_unit_test_setup(test_every_counter_stays_at_its_end_and_the_flags_say_so,
				       up),
		cmocka_unit_test_setup(
			test_a_first_one_that_is_not_seen_is_told_even_if_it_is_all_zero, up),
		cmocka_unit_test_setup(
			test_an_idle_one_that_is_seen_leaves_the_sum_seen_wherever_it_stands, up),
	};

	return cmocka_run_group_tests_name("domain_exposure_join", tests, NULL, NULL);
}
