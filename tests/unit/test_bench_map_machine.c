// SPDX-License-Identifier: MIT
/*
 * test_bench_map_machine.c - proves what a route is made of, which cases there is no room for, and
 * what a pair costs by a profile
 */
#include "dmptest.h"
#include "bench_map.h"

#include <dmapool/port.h>

#include <errno.h>
#include <math.h>

static struct bench_map map;
static struct bench_result result;

static int no_memory_is_left(void **state)
{
	(void)state;
	return dmp_meta_in_use() != 0;
}

static struct bench_map_case case_of(enum bench_map_route route, uint64_t bytes)
{
	return (struct bench_map_case){.route = route,
				       .mask_bits = 32,
				       .mix = bench_mix_of(bytes),
				       .batch = 1,
				       .slots = 1024};
}

static void test_each_route_has_its_parts_and_each_policy_is_in_force(void **state)
{
	(void)state;
	for (unsigned route = 0; route < BENCH_MAP_ROUTES; route++)
		for (unsigned flush = 0; flush < BENCH_MAP_FLUSHES; flush++) {
			struct bench_map_case use = case_of((enum bench_map_route)route, 4096);

			use.flush = (enum bench_map_policy)flush;
			assert_int_equal(bench_map_open(&map, &use, 2), 0);
			assert_int_equal(map.tlb != NULL, bench_map_bounces(use.route));
			assert_int_equal(map.domain != NULL, bench_map_translates(use.route));
			if (map.domain)
				assert_int_equal(dmp_domain_get_flush(map.domain),
						 bench_map_flushes[flush].flush);
			assert_int_equal(bench_map_close(&map), 0);
		}
	assert_true(bench_map_bounces(BENCH_MAP_IOMMU_BOUNCE));
	assert_true(bench_map_translates(BENCH_MAP_IOMMU_BOUNCE));
	assert_false(bench_map_bounces(BENCH_MAP_IOMMU));
	assert_false(bench_map_translates(BENCH_MAP_SWIOTLB));
}

static void test_what_there_is_no_room_for_is_not_opened(void **state)
{
	struct bench_map_case use = case_of(BENCH_MAP_SWIOTLB, 4096u << 6);

	(void)state;
	assert_int_equal(bench_map_open(&map, &use, 1), 0);
	assert_int_equal(bench_map_close(&map), 0);
	use.mix = bench_mix_of((4096u << 6) + 1);
	assert_int_equal(bench_map_open(&map, &use, 1), -ERANGE);
	use = case_of(BENCH_MAP_DIRECT, 4096u << 10);
	use.batch = 512;
	assert_int_equal(bench_map_open(&map, &use, 1), 0);
	assert_int_equal(bench_map_close(&map), 0);
	assert_int_equal(bench_map_open(&map, &use, 2), -EFBIG);
	use.profile = "no such profile";
	assert_int_equal(bench_map_open(&map, &use, 1), -ENOENT);
	use = case_of(BENCH_MAP_SWIOTLB, 4096);
	use.slots = UINT64_C(1) << 22; /* twice as much memory as the machine has */
	assert_int_equal(bench_map_open(&map, &use, 1), -ENOMEM);
}

static void test_entries_of_lists_lie_a_page_apart_and_buffers_are_as_long_as_aligned(void **state)
{
	struct bench_map_case use = case_of(BENCH_MAP_DIRECT, 3 * 4096);

	(void)state;
	use.batch = 3;
	assert_int_equal(bench_map_bytes(&use, 2), 2 * 16 * 4096); /* three times four pages */
	use.mix = bench_mix_of(4096);
	use.batch = 2;
	use.entries = 4;
	assert_int_equal(bench_map_bytes(&use, 1), 2 * 4 * 2 * 4096);
}

static void test_the_pool_has_an_area_a_thread_while_each_has_a_segment(void **state)
{
	const struct bench_map_case use = case_of(BENCH_MAP_SWIOTLB, 4096);
	struct dmp_swiotlb_stats stats;

	(void)state;
	assert_int_equal(bench_map_areas(&use, 1), 1);
	assert_int_equal(bench_map_areas(&use, 3), 4);
	assert_int_equal(bench_map_areas(&use, 1000), 8);
	assert_int_equal(bench_map_open(&map, &use, 1000), 0);
	assert_int_equal(dmp_swiotlb_get_stats(map.tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.slots, 1024);
	assert_int_equal(stats.areas, 8);
	assert_int_equal(bench_map_close(&map), 0);
}

/* 8 rounds before the sample, and 8 in it. */
static void count(const struct bench_map_case *use, double ns[BENCH_MAP_PHASES])
{
	const struct bench_plan plan = {.samples = 1, .rounds = 8};
	struct bench_map_books before;

	assert_int_equal(bench_map_open(&map, use, 1), 0);
	bench_map_look(&map, &before);
	assert_int_equal(
		bench_run(&plan, &(struct bench_job){&bench_map_pairs, &map, 1}, 1, &result), 0);
	assert_int_equal(map.pairs, 16 * use->batch);
	bench_map_costs(&map, &before, ns);
	assert_int_equal(bench_map_close(&map), 0);
}

static bool is_near(double a, double b)
{
	return fabs(a - b) < 0.01;
}

static void test_a_pair_costs_what_the_profile_says(void **state)
{
	struct bench_map_case use = case_of(BENCH_MAP_IOMMU, 4096);
	double ns[BENCH_MAP_PHASES];

	(void)state;
	use.profile = "vtd-modern";
	count(&use, ns);
	assert_true(is_near(ns[BENCH_MAP_TABLES], 53));
	assert_true(is_near(ns[BENCH_MAP_CLEAR], 67));
	assert_true(is_near(ns[BENCH_MAP_INVALIDATE], 2000));
	assert_true(ns[BENCH_MAP_IOVA] >= 4);
	assert_true(ns[BENCH_MAP_COPY] == 0);
}

/* 20.8 ps a byte, in whole ps: of 2,048 bytes there, of 4,096 there and back. */
static void test_copies_cost_by_the_byte_in_each_direction_that_they_go(void **state)
{
	struct bench_map_case use = case_of(BENCH_MAP_SWIOTLB, 2048);
	double ns[BENCH_MAP_PHASES];

	(void)state;
	use.profile = "vtd-modern";
	use.dir = DMP_TO_DEVICE;
	count(&use, ns);
	assert_true(is_near(ns[BENCH_MAP_COPY], 2048 * 0.021));
	assert_true(ns[BENCH_MAP_TABLES] == 0 && ns[BENCH_MAP_IOVA] == 0);
	use.mix = (struct bench_mix){.count = 2, .bytes = {1024, 5120}, .upto = {1, 4}};
	use.dir = DMP_FROM_DEVICE;
	use.entries = 2;
	count(&use, ns);
	assert_true(is_near(ns[BENCH_MAP_COPY], 2.0 * 2 * 4096 * 0.021));
}

static void test_costs_of_no_pair_are_none(void **state)
{
	const struct bench_map_case use = case_of(BENCH_MAP_DIRECT, 4096);
	struct bench_map_books before;
	double ns[BENCH_MAP_PHASES];

	(void)state;
	assert_int_equal(bench_map_open(&map, &use, 1), 0);
	bench_map_look(&map, &before);
	bench_map_costs(&map, &before, ns);
	assert_true(isnan(ns[BENCH_MAP_TABLES]));
	assert_int_equal(bench_map_close(&map), 0);
}

#define machine_test(f) cmocka_unit_test_teardown(f, no_memory_is_left)

int main(void)
{
	const struct CMUnitTest tests[] = {
		machine_test(test_each_route_has_its_parts_and_each_policy_is_in_force),
		machine_test(test_what_there_is_no_room_for_is_not_opened),
		machine_test(
			test_entries_of_lists_lie_a_page_apart_and_buffers_are_as_long_as_aligned),
		machine_test(test_the_pool_has_an_area_a_thread_while_each_has_a_segment),
		machine_test(test_a_pair_costs_what_the_profile_says),
		machine_test(test_copies_cost_by_the_byte_in_each_direction_that_they_go),
		machine_test(test_costs_of_no_pair_are_none),
	};

	return cmocka_run_group_tests_name("bench_map_machine", tests, NULL, NULL);
}
