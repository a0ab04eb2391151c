// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_books.c - proves what lib/swiotlb/swiotlb_books.c says of sizes, cache lines and
 * odd pools
 */
#include "swiotlb_rig.h"

/* Books of a pool without memory. */
static struct swiotlb_pool make_books(uint64_t slots, uint64_t areas)
{
	struct swiotlb_pool pool = {.nslots = slots, .nareas = areas};

	assert_int_equal(swiotlb_books_make(&pool), 0);
	return pool;
}

static void test_a_slot_costs_12_and_a_half_bytes_at_most(void **state)
{
	static const uint64_t sizes[][2] = {{128, 1},  {512, 4},     {512, 1},   {1024, 2},
					    {4096, 4}, {32768, 256}, {32768, 1}, {99, 1}};
	struct swiotlb_pool pool;
	uint64_t before, cost;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		before = dmp_meta_in_use();
		pool = make_books(sizes[i][0], sizes[i][1]);
		cost = dmp_meta_in_use() - before - pool.nareas * sizeof(*pool.areas);
		assert_in_range(cost, 1, dmp_align_up(pool.nslots, SEGMENT_SLOTS) * 25 / 2);
		swiotlb_books_free(&pool);
		assert_int_equal(dmp_meta_in_use(), before);
	}
}

static void assert_own_lines(const void *at, uint64_t len)
{
	assert_int_equal((uintptr_t)at % DMP_CACHE_LINE, 0);
	assert_int_equal(len % DMP_CACHE_LINE, 0);
}

static void test_no_two_areas_share_a_cache_line(void **state)
{
	struct swiotlb_pool pool = make_books(512, 4);
	struct swiotlb_area *area = pool.areas;

	(void)state;
	assert_int_equal(pool.area_slots, SEGMENT_SLOTS);
	assert_own_lines(pool.areas, sizeof(*pool.areas));
	assert_own_lines(area[0].slots.segments,
			 (uint64_t)((unsigned char *)area[1].slots.segments -
				    (unsigned char *)area[0].slots.segments));
	assert_true((unsigned char *)(area[0].slots.kinds + 1) <=
		    (unsigned char *)area[1].slots.segments);
	assert_own_lines(pool.notes, SEGMENT_SLOTS * sizeof(*pool.notes));
	swiotlb_books_free(&pool);
}

/* 200 slots: a segment, and 72 of the next. */
static void test_slots_that_do_not_exist_are_never_free(void **state)
{
	struct swiotlb_pool pool = make_books(200, 1);
	const struct swiotlb_segment *segments = pool.areas[0].slots.segments;
	struct dmp_swiotlb_need need = {
		.nslots = 72, .period = 1, .boundary_slots = UINT64_C(1) << 53};
	uint64_t slot = 0;

	(void)state;
	assert_true(segments[0].free[0] == UINT64_MAX && segments[0].free[1] == UINT64_MAX);
	assert_true(segments[1].free[0] == UINT64_MAX && segments[1].free[1] == 0xff);
	assert_true(dmp_swiotlb_area_find(&pool.areas[0].slots, &need, 100, 200, &slot));
	assert_int_equal(slot, 128);
	need.nslots = 73;
	assert_false(dmp_swiotlb_area_find(&pool.areas[0].slots, &need, 100, 200, &slot));
	assert_ptr_equal(swiotlb_area_of(&pool, 199), &pool.areas[0]);
	assert_int_equal(swiotlb_slot_in_area(&pool, 199), 199);
	swiotlb_books_free(&pool);
}

static void test_no_memory_for_a_block_leaves_nothing(void **state)
{
	struct swiotlb_pool pool = {.nslots = 512, .nareas = 4};

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	for (uint64_t n = 1; n <= 3; n++) {
		assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, n, 1), 0);
		assert_int_equal(swiotlb_books_make(&pool), -ENOMEM);
		assert_int_equal(dmp_meta_in_use(), 0);
	}
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 0, 0), 0);
	assert_int_equal(dmp_harness_leave(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_slot_costs_12_and_a_half_bytes_at_most),
		cmocka_unit_test(test_no_two_areas_share_a_cache_line),
		cmocka_unit_test(test_slots_that_do_not_exist_are_never_free),
		cmocka_unit_test(test_no_memory_for_a_block_leaves_nothing),
	};

	return cmocka_run_group_tests_name("swiotlb_books", tests, NULL, NULL);
}
