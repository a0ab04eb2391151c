// SPDX-License-Identifier: MIT
/*
 * test_bench_rings.c - proves which bytes are copied from ring to ring, and by whom
 */
#include "dmptest.h"
#include "bench_rings.h"

#define BYTES 16384u

static struct bench_rings rings;

static int open_rings(void **state)
{
	(void)state;
	return bench_rings_open(&rings, BYTES);
}

static int close_rings(void **state)
{
	(void)state;
	bench_rings_close(&rings);
	return 0;
}

/* 16384 = 3 x 5 x 1000 + 1384 */
static void test_shares_do_not_overlap_and_are_whole_buffers(void **state)
{
	uint64_t last_end = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct bench_thread t = {.number = i, .nthreads = 3};
		struct bench_share share;

		assert_true(bench_share_make(&share, &rings, &t, 1000));
		assert_int_equal(share.first, last_end);
		assert_int_equal(share.end, share.first + 5000);
		last_end = share.end;
	}
	assert_true(last_end <= BYTES);
}

static void test_a_share_is_gone_around_in_order(void **state)
{
	const struct bench_thread t = {.number = 1, .nthreads = 2};
	struct bench_share share;

	(void)state;
	assert_true(bench_share_make(&share, &rings, &t, 4096));
	assert_int_equal(bench_share_next(&share), 8192);
	assert_int_equal(bench_share_next(&share), 12288);
	assert_int_equal(bench_share_next(&share), 8192);
}

static void test_a_share_of_less_than_a_buffer_is_none(void **state)
{
	const struct bench_thread t = {.number = 0, .nthreads = 5};
	struct bench_share share;

	(void)state;
	assert_false(bench_share_make(&share, &rings, &t, 4096));
}

/* One round to find out, one as the sample: two buffers of four are copied. */
static void copy(bool back)
{
	const struct bench_plan plan = {.samples = 1, .rounds = 1};
	struct bench_copy_case use = {.rings = &rings, .bytes = 4096, .back = back};
	struct bench_result result;

	rings.source[1] = 77;
	assert_int_equal(bench_run(&plan, &(struct bench_job){&bench_copy, &use, 1}, 1, &result),
			 0);
	assert_int_equal(result.pairs, 1);
}

static void test_a_pair_is_a_buffer_from_the_source_to_the_target(void **state)
{
	(void)state;
	copy(false);
	assert_memory_equal(rings.source, rings.target, 2 * 4096);
	assert_int_equal(rings.target[1], 77);
	assert_int_not_equal(rings.target[2 * 4096], rings.source[2 * 4096]);
}

static void test_back_leaves_the_source_as_it_was(void **state)
{
	(void)state;
	copy(true);
	assert_int_equal(rings.source[1], 77);
	assert_int_equal(rings.target[1], 77);
}

#define rings_test(f) cmocka_unit_test_setup_teardown(f, open_rings, close_rings)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rings_test(test_shares_do_not_overlap_and_are_whole_buffers),
		rings_test(test_a_share_is_gone_around_in_order),
		rings_test(test_a_share_of_less_than_a_buffer_is_none),
		rings_test(test_a_pair_is_a_buffer_from_the_source_to_the_target),
		rings_test(test_back_leaves_the_source_as_it_was),
	};

	return cmocka_run_group_tests_name("bench_rings", tests, NULL, NULL);
}
