// SPDX-License-Identifier: MIT
/*
 * test_base_tally.c - proves what tally.h says of windows that many threads count
 */
#include "dmptest.h"

#include <dmapool/harness.h>
#include <dmapool/tally.h>

#include <string.h>

static struct dmp_tally tally;
static struct dmp_exposure_side side, expected;

static int up(void **state)
{
	(void)state;
	tally = (struct dmp_tally){0};
	memset(&side, 0, sizeof(side));
	memset(&expected, 0, sizeof(expected));
	assert_int_equal(dmp_harness_enter(DMP_CPU_MAX), 0);
	dmp_tally_init(&tally);
	return 0;
}

static int down(void **state)
{
	(void)state;
	dmp_tally_destroy(&tally);
	dmp_harness_leave();
	return dmp_meta_in_use() != 0;
}

/* The same window in the tally, and in what it is to say. */
static void add(uint64_t bytes, uint64_t ns)
{
	dmp_tally_add(&tally, bytes, ns);
	expected.windows++;
	expected.bytes += bytes;
	expected.byte_ns += bytes * ns;
	dmp_spread_add(&expected.ns, ns);
}

static void expect_same(void)
{
	dmp_tally_get(&tally, &side);
	assert_memory_equal(&side, &expected, sizeof(side));
}

static void test_an_empty_one_adds_nothing(void **state)
{
	(void)state;
	expect_same();
}

static void test_windows_of_every_cpu_are_added_up(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		dmp_harness_become(i % 4);
		add(4096 + i, i * 37 % 64 * 1000); /* up and down */
	}
	expect_same();
}

static void test_what_was_in_the_side_before_stays(void **state)
{
	(void)state;
	add(100, 7);
	dmp_tally_get(&tally, &side);
	add(100, 7);
	expected.windows++;
	expected.bytes += 100;
	expected.byte_ns += 700;
	dmp_spread_add(&expected.ns, 7);
	expect_same();
}

static void test_a_window_without_memory_for_a_block_is_not_lost(void **state)
{
	(void)state;
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 1, UINT64_MAX);
	add(4096, 300);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 0, 0);
	add(8192, 200);
	expect_same();
}

/* The last number is of all threads for which there was no other. */
static void test_a_number_that_threads_share_has_no_block_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(dmp_harness_become(DMP_CPU_MAX - 1), 0);
	add(4096, 300);
	assert_null(dmp_percpu_peek(&tally.own, DMP_CPU_MAX - 1));
	expect_same();
}

static void test_sums_stay_at_their_end(void **state)
{
	(void)state;
	dmp_tally_add(&tally, UINT64_MAX, UINT64_MAX);
	dmp_harness_become(1);
	dmp_tally_add(&tally, UINT64_MAX, 2);
	dmp_tally_add(&tally, 1, 1);
	dmp_tally_get(&tally, &side);
	assert_int_equal(side.windows, 3);
	assert_int_equal(side.bytes, UINT64_MAX);
	assert_int_equal(side.byte_ns, UINT64_MAX);
	assert_int_equal(side.ns.sum, UINT64_MAX);
	assert_int_equal(side.ns.max, UINT64_MAX);
}

static void test_sums_of_one_cpu_stay_at_their_end(void **state)
{
	(void)state;
	dmp_tally_add(&tally, UINT64_MAX - 1, 1);
	dmp_tally_add(&tally, 7, 3);
	dmp_tally_add(&tally, 0, UINT64_MAX - 1);
	dmp_tally_get(&tally, &side);
	assert_int_equal(side.bytes, UINT64_MAX);
	assert_int_equal(side.byte_ns, UINT64_MAX);
	assert_int_equal(side.ns.sum, UINT64_MAX);
	assert_int_equal(side.ns.max, UINT64_MAX - 1);
}

/* 2^40 bytes for 2^40 ns: 64 bits hold neither that nor what is left of it. */
static void test_a_product_that_would_overflow_stays_at_its_end(void **state)
{
	(void)state;
	dmp_tally_add(&tally, UINT64_C(1) << 40, UINT64_C(1) << 40);
	dmp_tally_get(&tally, &side);
	assert_int_equal(side.byte_ns, UINT64_MAX);
	assert_int_equal(side.bytes, UINT64_C(1) << 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(test) cmocka_unit_test_setup_teardown(test, up, down)
		CASE(test_an_empty_one_adds_nothing),
		CASE(test_windows_of_every_cpu_are_added_up),
		CASE(test_what_was_in_the_side_before_stays),
		CASE(test_a_window_without_memory_for_a_block_is_not_lost),
		CASE(test_a_number_that_threads_share_has_no_block_of_its_own),
		CASE(test_sums_stay_at_their_end),
		CASE(test_sums_of_one_cpu_stay_at_their_end),
		CASE(test_a_product_that_would_overflow_stays_at_its_end),
	};

	return cmocka_run_group_tests_name("base_tally", tests, NULL, NULL);
}
