// SPDX-License-Identifier: MIT
/*
 * test_base_spread.c - proves what base_spread.c and exposure.h say of distributions
 */
#include "dmptest.h"

#include <dmapool/exposure.h>

#include <string.h>

static struct dmp_spread spread, more;

static int up(void **state)
{
	(void)state;
	memset(&spread, 0, sizeof(spread));
	memset(&more, 0, sizeof(more));
	return 0;
}

/* What a distribution says of one time that a longer one hides from its maximum. */
static uint64_t answer_for(uint64_t ns)
{
	memset(&spread, 0, sizeof(spread));
	dmp_spread_add(&spread, ns);
	dmp_spread_add(&spread, UINT64_MAX);
	return dmp_spread_at(&spread, 500);
}

static void test_an_empty_one_answers_0(void **state)
{
	(void)state;
	assert_int_equal(dmp_spread_at(&spread, 0), 0);
	assert_int_equal(dmp_spread_at(&spread, 500), 0);
	assert_int_equal(dmp_spread_at(&spread, 1000), 0);
}

static void test_times_below_32_are_exact(void **state)
{
	(void)state;
	for (uint64_t ns = 0; ns < 32; ns++)
		assert_int_equal(answer_for(ns), ns);
}

static void expect_close(uint64_t ns)
{
	uint64_t said = answer_for(ns);

	assert_true(said >= ns);
	assert_true(said - ns < ns / 16 + 1);
}

/* Around each power of two, and around each border of classes within. */
static void test_an_answer_is_never_below_the_truth_nor_a_16th_above(void **state)
{
	(void)state;
	for (unsigned k = 5; k < 64; k++) {
		for (uint64_t sub = 0; sub < 16; sub++) {
			uint64_t ns = (16 + sub) << (k - 4);

			expect_close(ns - 1);
			expect_close(ns);
			expect_close(ns + 1);
		}
	}
	expect_close(UINT64_MAX - 1);
}

static void test_ranks_are_rounded_up(void **state)
{
	(void)state;
	for (uint64_t ns = 1; ns <= 10; ns++)
		dmp_spread_add(&spread, ns);
	assert_int_equal(dmp_spread_at(&spread, 0), 1);
	assert_int_equal(dmp_spread_at(&spread, 100), 1);
	assert_int_equal(dmp_spread_at(&spread, 101), 2);
	assert_int_equal(dmp_spread_at(&spread, 500), 5);
	assert_int_equal(dmp_spread_at(&spread, 990), 10);
	assert_int_equal(dmp_spread_at(&spread, 5000), 10);
}

static void test_the_longest_is_exact(void **state)
{
	(void)state;
	dmp_spread_add(&spread, 1000001);
	assert_int_equal(dmp_spread_at(&spread, 500), 1000001);
	assert_int_equal(spread.max, 1000001);
	assert_int_equal(spread.sum, 1000001);
}

static void test_joined_they_are_as_if_added_to_one(void **state)
{
	struct dmp_spread both = {0};

	(void)state;
	for (uint64_t ns = 1; ns < 100000; ns += 77) {
		dmp_spread_add(ns & 1 ? &spread : &more, ns);
		dmp_spread_add(&both, ns);
	}
	dmp_spread_join(&spread, &more);
	assert_memory_equal(&spread, &both, sizeof(both));
}

static void test_many_of_one_time_are_as_many_calls(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		dmp_spread_add(&spread, 1000);
	dmp_spread_add_many(&more, 1000, 5);
	dmp_spread_add_many(&more, 7777, 0);
	assert_memory_equal(&spread, &more, sizeof(more));
}

static void test_counters_stay_at_their_end(void **state)
{
	(void)state;
	dmp_spread_add(&spread, UINT64_MAX);
	dmp_spread_add(&spread, 1);
	assert_int_equal(spread.sum, UINT64_MAX);
	more = spread;
	more.count = more.in[1] = UINT64_MAX;
	dmp_spread_join(&spread, &more);
	assert_int_equal(spread.count, UINT64_MAX);
	assert_int_equal(spread.in[1], UINT64_MAX);
	dmp_spread_add(&spread, 1);
	assert_int_equal(spread.in[1], UINT64_MAX);
	assert_int_equal(dmp_spread_at(&spread, 990), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_an_empty_one_answers_0, up),
		cmocka_unit_test_setup(test_times_below_32_are_exact, up),
		cmocka_unit_test_setup(test_an_answer_is_never_below_the_truth_nor_a_16th_above,
				       up),
		cmocka_unit_test_setup(test_ranks_are_rounded_up, up),
		cmocka_unit_test_setup(test_the_longest_is_exact, up),
		cmocka_unit_test_setup(test_joined_they_are_as_if_added_to_one, up),
		cmocka_unit_test_setup(test_many_of_one_time_are_as_many_calls, up),
		cmocka_unit_test_setup(test_counters_stay_at_their_end, up),
	};

	return cmocka_run_group_tests_name("base_spread", tests, NULL, NULL);
}
