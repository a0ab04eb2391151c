// SPDX-License-Identifier: MIT
/*
 * test_bench_range.c - proves that each pattern does as many pairs as it says, and leaves no range
 */
#include "dmptest.h"
#include "bench_range.h"

#include <dmapool/bits.h>
#include <dmapool/port.h>

#include <errno.h>

static struct bench_range_case use_of(enum bench_pattern pattern, bool cached)
{
	return (struct bench_range_case){
		.pattern = pattern,
		.opts = DMP_IOVA_OPTS(.start_pfn = 1, .flags = cached ? 0 : DMP_IOVA_NO_CACHE),
		.cached = cached,
		.size = 2,
		.limit = DMP_MASK(20),
		.batch = 8,
		.live = 16,
	};
}

/* The pairs of a sample of ten rounds; every range has come back. */
static uint64_t pairs_of(const struct bench_range_case *use, unsigned nthreads)
{
	static struct bench_result result;
	struct dmp_iova_range found;
	struct bench_range range;
	struct bench_job job = {bench_range_work(use), &range, nthreads};

	assert_int_equal(bench_range_open(&range, use, nthreads), 0);
	assert_int_equal(
		bench_run(&(struct bench_plan){.samples = 1, .rounds = 10}, &job, 1, &result), 0);
	assert_int_equal(range.err, 0);
	assert_int_equal(dmp_iova_flush(range.dom), 0);
	assert_int_equal(dmp_iova_next(range.dom, 0, &found), -ENOENT);
	assert_int_equal(dmp_iova_check(range.dom), 0);
	bench_range_close(&range);
	assert_int_equal(dmp_meta_in_use(), 0);
	return result.pairs;
}

static void test_a_pattern_does_what_it_says(void **state)
{
	static const struct {
		enum bench_pattern pattern;
		unsigned nthreads;
		uint64_t pairs;
	} cases[] = {
		{BENCH_SAME, 2, 2 * 80}, {BENCH_LIFO, 1, 80},   {BENCH_PASS, 2, 10},
		{BENCH_PASS, 4, 20},     {BENCH_GATHER, 3, 20}, {BENCH_RANDOM, 2, 20},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int cached = 0; cached < 2; cached++) {
			struct bench_range_case use = use_of(cases[i].pattern, cached);

			assert_int_equal(pairs_of(&use, cases[i].nthreads), cases[i].pairs);
		}
}

static void test_a_pattern_without_its_threads_is_refused(void **state)
{
	struct bench_range_case pass = use_of(BENCH_PASS, true),
				gather = use_of(BENCH_GATHER, true);
	struct bench_range_case random = use_of(BENCH_RANDOM, true),
				same = use_of(BENCH_SAME, true);
	struct bench_range range;

	(void)state;
	same.batch = BENCH_BATCH_MAX + 1;
	assert_int_equal(bench_range_open(&range, &pass, 3), -EINVAL);
	assert_int_equal(bench_range_open(&range, &gather, 1), -EINVAL);
	assert_int_equal(bench_range_open(&range, &random, 17), -EINVAL);
	assert_int_equal(bench_range_open(&range, &same, 1), -EINVAL);
	assert_int_equal(dmp_meta_in_use(), 0);
}

/* Room for one range of two, and a batch of eight. */
static void test_a_request_that_fails_is_told_and_no_pair(void **state)
{
	static struct bench_result result;
	struct bench_range_case use = use_of(BENCH_SAME, false);
	struct bench_range range;
	struct bench_job job = {bench_range_work(&use), &range, 1};

	(void)state;
	use.limit = 3;
	assert_int_equal(bench_range_open(&range, &use, 1), 0);
	assert_int_equal(
		bench_run(&(struct bench_plan){.samples = 1, .rounds = 10}, &job, 1, &result), 0);
	assert_int_equal(range.err, -ENOSPC);
	assert_int_equal(result.pairs, 10);
	bench_range_close(&range);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_pattern_does_what_it_says),
		cmocka_unit_test(test_a_pattern_without_its_threads_is_refused),
		cmocka_unit_test(test_a_request_that_fails_is_told_and_no_pair),
	};

	return cmocka_run_group_tests_name("bench_range", tests, NULL, NULL);
}
