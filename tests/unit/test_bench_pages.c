// SPDX-License-Identifier: MIT
/*
 * test_bench_pages.c - proves that bench/bench_pages.c measures what it says, and which pages a
 * format does not have
 */
#include "dmptest.h"

#include "bench_pages.h"

#include <errno.h>
#include <math.h>

/* A round of each way, in as many threads. */
static uint64_t pairs_of(const struct bench_pages_case *use, unsigned nthreads,
			 struct dmp_sim_stats *stats)
{
	static struct bench_pages pages;
	static struct bench_result result;
	const struct bench_plan plan = {.samples = 1, .rounds = 1};
	const struct bench_job job = {&bench_pages_work, &pages, nthreads};

	assert_int_equal(bench_pages_open(&pages, use, nthreads), 0);
	assert_int_equal(bench_run(&plan, &job, 1, &result), 0);
	assert_int_equal(atomic_load(&pages.err), 0);
	assert_int_equal(dmp_sim_get_stats(pages.sim, stats, sizeof(*stats)), 0);
	assert_false(isnan(bench_phases_ns(&pages.first, false, 1)));
	assert_false(isnan(bench_phases_ns(&pages.first, true, 2)));
	assert_true(isnan(bench_phases_ns(&pages.first, false, 3)));
	bench_pages_close(&pages);
	return result.pairs;
}

/* One round before, and the one that is measured. */
static void test_a_round_maps_its_pages_in_as_many_calls(void **state)
{
	const struct bench_pages_case calls = {"vtd-48", 4096, 256, BENCH_PAGES_CALL};
	const struct bench_pages_case lists = {"vtd-48", 4096, 16, BENCH_PAGES_LIST};
	const struct bench_pages_case loops = {"vtd-48", 4096, 16, BENCH_PAGES_LOOP};
	struct dmp_sim_stats stats;

	(void)state;
	assert_int_equal(pairs_of(&calls, 1, &stats), 2048);
	assert_int_equal(stats.map_calls, 2 * 8);
	assert_int_equal(stats.map_pages, 2 * 2048);
	assert_int_equal(stats.unmap_pages, 2 * 2048);
	assert_int_equal(pairs_of(&lists, 2, &stats), 2 * 2048);
	assert_int_equal(stats.map_calls, 2 * 2 * 128);
	assert_int_equal(stats.map_pages, 2 * 2 * 2048);
	assert_int_equal(stats.unmap_pages, 2 * 2 * 2048);
	assert_int_equal(pairs_of(&loops, 1, &stats), 2048);
	assert_int_equal(stats.map_calls, 2 * 2048);
	assert_int_equal(stats.map_pages, 2 * 2048);
	assert_int_equal(stats.unmap_calls, 2 * 128);
}

static void test_pages_that_a_format_does_not_have_are_einval(void **state)
{
	static struct bench_pages pages;
	const struct bench_pages_case odd = {"vtd-48", 8192, 1, BENCH_PAGES_CALL};
	const struct bench_pages_case much = {"riscv-sv39", UINT64_C(1) << 30, 256,
					      BENCH_PAGES_CALL};
	const struct bench_pages_case other = {"vtd", 4096, 1, BENCH_PAGES_CALL};

	(void)state;
	assert_int_equal(bench_pages_open(&pages, &odd, 1), -EINVAL);
	assert_int_equal(bench_pages_open(&pages, &much, 1), -EINVAL);
	assert_int_equal(bench_pages_open(&pages, &other, 1), -ENOENT);
}

static void test_the_floor_stores_as_many_entries(void **state)
{
	static struct bench_pages pages;
	static struct bench_stores stores;
	static struct bench_result result;
	const struct bench_pages_case use = {"smmu-4k", 65536, 16, BENCH_PAGES_CALL};
	const struct bench_plan plan = {.samples = 1, .rounds = 1};
	const struct bench_job job = {&bench_stores_work, &stores, 1};

	(void)state;
	assert_int_equal(bench_pages_open(&pages, &use, 1), 0);
	assert_int_equal(bench_stores_open(&stores, &pages), 0);
	assert_int_equal(stores.count, 2048 * 16);
	assert_int_equal(bench_run(&plan, &job, 1, &result), 0);
	assert_int_equal(result.pairs, 2048);
	assert_int_equal(stores.entries[2048 * 16 - 1], 0);
	assert_false(isnan(bench_phases_ratio(&stores.phases, &stores.phases, true, 1)));
	bench_stores_close(&stores, &pages);
	bench_pages_close(&pages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_round_maps_its_pages_in_as_many_calls),
		cmocka_unit_test(test_pages_that_a_format_does_not_have_are_einval),
		cmocka_unit_test(test_the_floor_stores_as_many_entries),
	};

	return cmocka_run_group_tests_name("bench_pages", tests, NULL, NULL);
}
