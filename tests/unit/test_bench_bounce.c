// SPDX-License-Identifier: MIT
/*
 * test_bench_bounce.c - proves what a pair is, what fails, and that nothing stays behind
 */
#include "dmptest.h"
#include "bench_bounce.h"

#include <dmapool/port.h>

#include <errno.h>

#define SLOTS 512u
#define BYTES (SLOTS * DMP_SWIOTLB_SLOT_BYTES)

static const struct bench_plan tiny = {.samples = 2, .rounds = 3};
static struct bench_rings rings;
static struct bench_result result;

static int open_rings(void **state)
{
	(void)state;
	return bench_rings_open(&rings, BYTES);
}

static int close_rings(void **state)
{
	(void)state;
	bench_rings_close(&rings);
	return dmp_meta_in_use() != 0;
}

static struct bench_bounce_case case_of(uint64_t bytes, enum dmp_dir dir)
{
	return (struct bench_bounce_case){.opts = DMP_SWIOTLB_OPTS(.slots = SLOTS, .areas = 2),
					  .bytes = bytes,
					  .dir = dir,
					  .fill = BENCH_FILL_SEGMENTS,
					  .batch = 1};
}

/* What bench_run() says of @work, and @bounce's own. */
static int run(struct bench_bounce *bounce, const struct bench_work *work, unsigned nthreads)
{
	int err = bench_run(&tiny, &(struct bench_job){work, bounce, nthreads}, 1, &result);

	assert_true(err == 0 || err == -EIO);
	return atomic_load(&bounce->err);
}

static void test_each_thread_maps_and_unmaps_its_batch(void **state)
{
	struct bench_bounce_case use = case_of(4096, DMP_TO_DEVICE);
	struct bench_bounce bounce;
	struct dmp_swiotlb_stats stats;

	(void)state;
	use.batch = 4;
	assert_int_equal(bench_bounce_open(&bounce, &use, &rings, 2), 0);
	assert_int_equal(run(&bounce, &bench_bounce_pairs, 2), 0);
	assert_int_equal(result.pairs, 2 * 4 * 3);
	assert_int_equal(dmp_swiotlb_get_stats(bounce.tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.used, 0);
	bench_bounce_close(&bounce);
}

/* Does @area begin with the first nine pages of the source? */
static bool has_first_pages(const unsigned char *area)
{
	bool has = true;

	for (unsigned page = 0; page < 9; page++)
		has &= area[page * 4096] == page + 1;
	return has;
}

/* Three rounds to find out, two samples of three; in the area that the thread starts in. */
static void test_buffers_are_copied_in_the_order_of_the_source(void **state)
{
	const struct bench_bounce_case use = case_of(4096, DMP_TO_DEVICE);
	struct dmp_swiotlb_pool_view pool;
	struct bench_bounce bounce;
	const unsigned char *bytes;

	(void)state;
	assert_int_equal(bench_bounce_open_full(&bounce, &use, &rings), 0);
	assert_int_equal(dmp_swiotlb_inspect_pool(bounce.tlb, 0, &pool), 0);
	for (uint64_t at = 0; at < BYTES; at++)
		rings.source[at] = (unsigned char)(at / 4096 + 1);
	assert_int_equal(run(&bounce, &bench_bounce_pairs, 1), 0);
	bytes = (const unsigned char *)(uintptr_t)pool.phys;
	assert_true(has_first_pages(bytes) || has_first_pages(bytes + BYTES / 2));
	bench_bounce_close(&bounce);
}

/* A device that writes nothing gives back what was copied in. */
static void test_from_the_device_the_bytes_come_back(void **state)
{
	const struct bench_bounce_case use = case_of(65536, DMP_FROM_DEVICE);
	struct bench_bounce bounce;

	(void)state;
	assert_int_equal(bench_bounce_open(&bounce, &use, &rings, 2), 0);
	assert_int_equal(run(&bounce, &bench_bounce_pairs, 2), 0);
	assert_int_equal(result.pairs, 2 * 3);
	for (uint64_t at = 0; at < BYTES; at++)
		assert_int_equal(rings.source[at], 0x5a);
	bench_bounce_close(&bounce);
}

static void test_where_there_is_no_room_nothing_is_opened(void **state)
{
	struct bench_bounce_case use = case_of(DMP_SWIOTLB_MAX_BYTES, DMP_TO_DEVICE);
	struct bench_bounce bounce;

	(void)state;
	assert_int_equal(bench_bounce_open(&bounce, &use, &rings, 5), -EINVAL);
	use.percent = 99; /* of four segments */
	assert_int_equal(bench_bounce_open(&bounce, &use, &rings, 1), 0);
	bench_bounce_close(&bounce);
	assert_int_equal(bench_bounce_open(&bounce, &use, &rings, 2), -ENOSPC);
	use.fill = BENCH_FILL_RANDOM;
	assert_int_equal(bench_bounce_open(&bounce, &use, &rings, 1), -ENOSPC);
	use.opts.slots = UINT64_C(1) << 32;
	assert_int_equal(bench_bounce_open(&bounce, &use, &rings, 1), -EINVAL);
	assert_int_equal(dmp_meta_in_use(), 0);
}

static void test_a_search_in_vain_is_a_pair_and_one_that_finds_room_an_error(void **state)
{
	struct bench_bounce_case use = case_of(4096, DMP_TO_DEVICE);
	struct bench_bounce bounce;

	(void)state;
	use.fill = BENCH_FILL_ODD_PAIRS;
	assert_int_equal(bench_bounce_open(&bounce, &use, &rings, 1), -ENOSPC);
	assert_int_equal(bench_bounce_open_full(&bounce, &use, &rings), 0);
	assert_int_equal(run(&bounce, &bench_bounce_searches, 1), 0);
	assert_int_equal(result.pairs, 3);
	bench_bounce_close(&bounce);
	use.bytes = 4095;
	assert_int_equal(bench_bounce_open_full(&bounce, &use, &rings), 0);
	assert_int_equal(run(&bounce, &bench_bounce_searches, 1), -EEXIST);
	bench_bounce_close(&bounce);
}

static void test_a_map_that_fails_is_told_and_is_no_pair(void **state)
{
	struct bench_bounce_case use = case_of(4096, DMP_TO_DEVICE);
	struct bench_bounce bounce;

	(void)state;
	use.fill = BENCH_FILL_EVERY_OTHER;
	assert_int_equal(bench_bounce_open_full(&bounce, &use, &rings), 0);
	assert_int_equal(run(&bounce, &bench_bounce_pairs, 1), -ENOSPC);
	assert_int_equal(result.pairs, 0);
	bench_bounce_close(&bounce);
}

#define rings_test(f) cmocka_unit_test_setup_teardown(f, open_rings, close_rings)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rings_test(test_each_thread_maps_and_unmaps_its_batch),
		rings_test(test_buffers_are_copied_in_the_order_of_the_source),
		rings_test(test_from_the_device_the_bytes_come_back),
		rings_test(test_where_there_is_no_room_nothing_is_opened),
		rings_test(test_a_search_in_vain_is_a_pair_and_one_that_finds_room_an_error),
		rings_test(test_a_map_that_fails_is_told_and_is_no_pair),
	};

	return cmocka_run_group_tests_name("bench_bounce", tests, NULL, NULL);
}
