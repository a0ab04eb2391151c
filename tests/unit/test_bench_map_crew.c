// SPDX-License-Identifier: MIT
/*
 * test_bench_map_crew.c - proves which calls are made, which of them are among the figures, and
 * that a request that fails leaves nothing behind
 */
#include "dmptest.h"
#include "bench_map.h"

#include <dmapool/port.h>

#include <errno.h>

#define SAMPLES 2u
#define ROUNDS  3u

static struct bench_map map;
static struct bench_result result;

static int no_memory_is_left(void **state)
{
	(void)state;
	return dmp_meta_in_use() != 0;
}

static struct bench_map_case case_of(enum bench_map_route route)
{
	return (struct bench_map_case){.route = route,
				       .mask_bits = 32,
				       .mix = bench_mix_of(4096),
				       .batch = 4,
				       .slots = 1024};
}

/* As often as the plan says, and once before; what bench_run() returns. */
static int run(const struct bench_map_case *use, const struct bench_work *work, unsigned nthreads)
{
	const struct bench_plan plan = {.samples = SAMPLES, .rounds = ROUNDS};

	assert_int_equal(bench_map_open(&map, use, nthreads), 0);
	return bench_run(&plan, &(struct bench_job){work, &map, nthreads}, 1, &result);
}

static uint64_t device_maps(void)
{
	struct dmp_device_stats stats;

	assert_int_equal(dmp_device_get_stats(map.device, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.maps, stats.unmaps);
	return stats.maps;
}

static void test_each_thread_maps_a_batch_and_unmaps_it_on_every_route(void **state)
{
	(void)state;
	for (unsigned route = 0; route < BENCH_MAP_ROUTES; route++)
		for (unsigned flush = 0; flush < BENCH_MAP_FLUSHES; flush++) {
			struct bench_map_case use = case_of((enum bench_map_route)route);

			use.flush = (enum bench_map_policy)flush;
			assert_int_equal(run(&use, &bench_map_calls, 2), 0);
			assert_int_equal(atomic_load(&map.err), 0);
			assert_int_equal(result.pairs, 2 * ROUNDS * use.batch);
			assert_int_equal(device_maps(), 2 * (SAMPLES + 1) * ROUNDS * use.batch);
			assert_int_equal(bench_map_close(&map), 0);
		}
}

static void test_calls_before_the_first_sample_are_not_among_the_figures(void **state)
{
	const struct bench_map_case use = case_of(BENCH_MAP_IOMMU);

	(void)state;
	assert_int_equal(run(&use, &bench_map_calls, 2), 0);
	assert_int_equal(map.map.spread.count, 2 * SAMPLES * ROUNDS * use.batch);
	assert_int_equal(map.unmap.spread.count, map.map.spread.count);
	assert_int_equal(map.pairs, 2 * (SAMPLES + 1) * ROUNDS * use.batch);
	assert_int_equal(map.commit.spread.count, 0);
	assert_true(map.map.spread.max > 0);
	assert_int_equal(bench_map_close(&map), 0);
}

static void test_a_domain_that_is_told_when_to_flush_is_told_once_a_batch(void **state)
{
	struct bench_map_case use = case_of(BENCH_MAP_IOMMU);
	struct dmp_domain_stats stats;

	(void)state;
	use.flush = BENCH_MAP_MANUAL;
	assert_int_equal(run(&use, &bench_map_calls, 1), 0);
	assert_int_equal(map.commit.spread.count, SAMPLES * ROUNDS);
	assert_int_equal(dmp_domain_get_stats(map.domain, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.flushes_by[DMP_FLUSH_CAUSE_COMMIT], (SAMPLES + 1) * ROUNDS);
	assert_int_equal(bench_map_close(&map), 0);
}

static void test_pairs_are_made_without_a_look_at_the_clock(void **state)
{
	const struct bench_map_case use = case_of(BENCH_MAP_IOMMU);

	(void)state;
	assert_int_equal(run(&use, &bench_map_pairs, 2), 0);
	assert_int_equal(map.map.spread.count, 0);
	assert_int_equal(map.unmap.spread.count, 0);
	assert_int_equal(result.pairs, 2 * ROUNDS * use.batch);
	assert_int_equal(device_maps(), 2 * (SAMPLES + 1) * ROUNDS * use.batch);
	assert_int_equal(bench_map_close(&map), 0);
}

static void test_the_time_of_the_clock_is_taken_off_and_nothing_is_below_0(void **state)
{
	const struct bench_map_case use = case_of(BENCH_MAP_DIRECT);
	const struct bench_plan plan = {.samples = SAMPLES, .rounds = ROUNDS};

	(void)state;
	assert_int_equal(bench_map_open(&map, &use, 1), 0);
	map.clock_ns = UINT64_MAX;
	assert_int_equal(
		bench_run(&plan, &(struct bench_job){&bench_map_calls, &map, 1}, 1, &result), 0);
	assert_int_equal(map.map.spread.max, 0);
	assert_int_equal(map.unmap.spread.max, 0);
	assert_int_equal(bench_map_close(&map), 0);
}

/* With a slice that is over at once, a round is a batch. */
static void test_a_sample_of_time_has_a_batch_at_least(void **state)
{
	const struct bench_map_case use = case_of(BENCH_MAP_DIRECT);
	const struct bench_plan plan = {.samples = SAMPLES, .rounds = 1};

	(void)state;
	assert_int_equal(bench_map_open(&map, &use, 1), 0);
	map.slice_ns = 1;
	assert_int_equal(
		bench_run(&plan, &(struct bench_job){&bench_map_calls, &map, 1}, 1, &result), 0);
	assert_true(result.pairs >= use.batch);
	assert_int_equal(map.pairs, device_maps());
	assert_int_equal(bench_map_close(&map), 0);
}

/* A list is one map, and each of its entries is translated. */
static void test_a_list_is_a_pair_of_all_its_entries(void **state)
{
	struct bench_map_case use = case_of(BENCH_MAP_IOMMU);
	struct dmp_sim_stats stats;

	(void)state;
	use.entries = 5;
	assert_int_equal(run(&use, &bench_map_calls, 1), 0);
	assert_int_equal(result.pairs, ROUNDS * use.batch);
	assert_int_equal(device_maps(), (SAMPLES + 1) * ROUNDS * use.batch);
	assert_int_equal(dmp_sim_get_stats(map.sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.map_pages, 5 * device_maps());
	assert_int_equal(bench_map_close(&map), 0);
}

/* Of one page and of three, as often as each other. */
static void test_sizes_are_picked_anew_for_each_map(void **state)
{
	struct bench_map_case use = case_of(BENCH_MAP_IOMMU);
	const struct bench_plan plan = {.samples = 1, .rounds = 200};
	struct dmp_sim_stats stats;
	uint64_t mean_pages;

	(void)state;
	use.mix = (struct bench_mix){.count = 2, .bytes = {4096, 3 * 4096}, .upto = {1, 2}};
	use.batch = 1;
	assert_int_equal(bench_map_open(&map, &use, 1), 0);
	assert_int_equal(
		bench_run(&plan, &(struct bench_job){&bench_map_calls, &map, 1}, 1, &result), 0);
	assert_int_equal(dmp_sim_get_stats(map.sim, &stats, sizeof(stats)), 0);
	mean_pages = 100 * stats.map_pages / device_maps();
	assert_in_range(mean_pages, 180, 220);
	assert_int_equal(bench_map_close(&map), 0);
}

/* 3 MiB: a page of 2 MiB and 256 of 4 KiB, since each of a batch begins at a multiple of 4 MiB. */
static void test_big_buffers_are_aligned_so_that_big_pages_fit(void **state)
{
	struct bench_map_case use = case_of(BENCH_MAP_IOMMU);
	struct dmp_sim_stats stats;

	(void)state;
	use.mix = bench_mix_of(768 * 4096);
	use.batch = 3;
	assert_int_equal(run(&use, &bench_map_pairs, 1), 0);
	assert_int_equal(dmp_sim_get_stats(map.sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.map_pages, 257 * device_maps());
	assert_int_equal(bench_map_close(&map), 0);
}

static _Atomic(unsigned) bugs; /* log lines of broken promises, of any thread */

static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)line;
	if (level == DMP_LOG_BUG)
		atomic_fetch_add(&bugs, 1);
}

/* 1 MiB of addresses, of which the first page is never used: 255 pages. */
static void test_a_batch_that_fails_is_told_and_taken_back(void **state)
{
	struct bench_map_case use = case_of(BENCH_MAP_IOMMU);

	(void)state;
	use.mask_bits = 20;
	use.batch = 300;
	dmp_log_set_sink(count_bugs, NULL);
	assert_int_equal(run(&use, &bench_map_calls, 1), -EIO); /* no pair */
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(atomic_load(&bugs), 0); /* what was not mapped is not unmapped */
	assert_int_equal(atomic_load(&map.err), -ENOSPC);
	assert_int_equal(device_maps(), 255);
	assert_int_equal(bench_map_close(&map), 0);
}

static void test_memory_out_of_reach_is_told(void **state)
{
	struct bench_map_case use = case_of(BENCH_MAP_DIRECT);

	(void)state;
	use.mask_bits = 20;
	assert_int_equal(run(&use, &bench_map_pairs, 1), -EIO);
	assert_int_equal(atomic_load(&map.err), -ERANGE);
	assert_int_equal(bench_map_close(&map), 0);
}

#define crew_test(f) cmocka_unit_test_teardown(f, no_memory_is_left)

int main(void)
{
	const struct CMUnitTest tests[] = {
		crew_test(test_each_thread_maps_a_batch_and_unmaps_it_on_every_route),
		crew_test(test_calls_before_the_first_sample_are_not_among_the_figures),
		crew_test(test_a_domain_that_is_told_when_to_flush_is_told_once_a_batch),
		crew_test(test_pairs_are_made_without_a_look_at_the_clock),
		crew_test(test_the_time_of_the_clock_is_taken_off_and_nothing_is_below_0),
		crew_test(test_a_sample_of_time_has_a_batch_at_least),
		crew_test(test_a_list_is_a_pair_of_all_its_entries),
		crew_test(test_sizes_are_picked_anew_for_each_map),
		crew_test(test_big_buffers_are_aligned_so_that_big_pages_fit),
		crew_test(test_a_batch_that_fails_is_told_and_taken_back),
		crew_test(test_memory_out_of_reach_is_told),
	};

	return cmocka_run_group_tests_name("bench_map_crew", tests, NULL, NULL);
}
