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

/* Bytes of the books of a pool. */
static uint64_t cost_of(uint64_t slots, uint64_t areas)
{
	uint64_t before = dmp_meta_in_use(), cost;
	struct swiotlb_pool pool = make_books(slots, areas);

	cost = dmp_meta_in_use() - before;
	swiotlb_books_free(&pool);
	assert_int_equal(dmp_meta_in_use(), before);
	return cost;
}

static void test_a_slot_costs_12_and_a_half_bytes_at_most_all_in_all(void **state)
{
	static const uint64_t sizes[][2] = {{512, 1},    {1024, 2},   {4096, 4},
					    {32768, 64}, {32768, 16}, {32768, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_in_range(cost_of(sizes[i][0], sizes[i][1]), 1, sizes[i][0] * 25 / 2);
}

/* Half a byte of these is the line that keeps its lock and counters apart from other areas'. */
static void test_a_slot_of_the_smallest_areas_costs_13_bytes(void **state)
{
	static const uint64_t sizes[][2] = {{128, 1}, {512, 4}, {32768, 256}, {99, 1}};
	uint64_t cost;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cost = cost_of(sizes[i][0], sizes[i][1]);
		assert_in_range(cost, 1, dmp_align_up(sizes[i][0], SEGMENT_SLOTS) * 13);
	}
}

/* The first byte behind the segments of area @number. */
static const void *end_of_area(const struct swiotlb_pool *pool, uint64_t number)
{
	return swiotlb_segment_at(&swiotlb_area_at(pool, number)->slots,
				  (pool->area_slots + SEGMENT_SLOTS - 1) / SEGMENT_SLOTS);
}

/* Kinds of one word and of two, segments of half a line and of whole ones. */
static void test_no_two_areas_share_a_cache_line(void **state)
{
	static const uint64_t sizes[][2] = {{512, 4}, {512, 2}, {2048, 2}, {4096, 2}};
	struct swiotlb_pool pool;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		pool = make_books(sizes[i][0], sizes[i][1]);
		assert_int_equal((uintptr_t)pool.areas % DMP_CACHE_LINE, 0);
		assert_int_equal(pool.area_bytes % DMP_CACHE_LINE, 0);
		assert_true((uintptr_t)end_of_area(&pool, 0) <=
			    (uintptr_t)swiotlb_area_at(&pool, 1));
		assert_int_equal((uintptr_t)pool.notes % DMP_CACHE_LINE, 0);
		assert_int_equal(pool.area_slots * sizeof(*pool.notes) % DMP_CACHE_LINE, 0);
		swiotlb_books_free(&pool);
	}
}

/* As many kinds as there are segments, and segments at a line of their own. */
static void test_kinds_end_before_the_segments_begin(void **state)
{
	struct dmp_swiotlb_area *slots;
	struct swiotlb_pool pool;

	(void)state;
	for (uint64_t nslots = 128; nslots <= 65536; nslots *= 2) {
		pool = make_books(nslots, 1);
		slots = &swiotlb_area_at(&pool, 0)->slots;
		assert_int_equal((uintptr_t)swiotlb_segment_at(slots, 0) % DMP_CACHE_LINE, 0);
		assert_true((unsigned char *)swiotlb_kinds(slots) + nslots / SEGMENT_SLOTS <=
			    (unsigned char *)swiotlb_segment_at(slots, 0));
		swiotlb_books_free(&pool);
	}
}

/* 200 slots: a segment, and 72 of the next. */
static void test_slots_that_do_not_exist_are_never_free(void **state)
{
	struct swiotlb_pool pool = make_books(200, 1);
	struct dmp_swiotlb_area *slots = &swiotlb_area_at(&pool, 0)->slots;
	const struct swiotlb_segment *segments = swiotlb_segment_at(slots, 0);
	struct dmp_swiotlb_need need = {
		.nslots = 72, .period = 1, .boundary_slots = UINT64_C(1) << 53};
	uint64_t slot = 0;

	(void)state;
	assert_true(segments[0].free[0] == UINT64_MAX && segments[0].free[1] == UINT64_MAX);
	assert_true(segments[1].free[0] == UINT64_MAX && segments[1].free[1] == 0xff);
	assert_true(dmp_swiotlb_area_find(slots, &need, 100, 200, &slot));
	assert_int_equal(slot, 128);
	need.nslots = 73;
	assert_false(dmp_swiotlb_area_find(slots, &need, 100, 200, &slot));
	assert_ptr_equal(swiotlb_area_of(&pool, 199), pool.areas);
	assert_int_equal(swiotlb_slot_in_area(&pool, 199), 199);
	swiotlb_books_free(&pool);
}

static void test_no_memory_for_a_block_leaves_nothing(void **state)
{
	struct swiotlb_pool pool = {.nslots = 512, .nareas = 4};

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	for (uint64_t n = 1; n <= 2; n++) {
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
		cmocka_unit_test(test_a_slot_costs_12_and_a_half_bytes_at_most_all_in_all),
		cmocka_unit_test(test_a_slot_of_the_smallest_areas_costs_13_bytes),
		cmocka_unit_test(test_no_two_areas_share_a_cache_line),
		cmocka_unit_test(test_kinds_end_before_the_segments_begin),
		cmocka_unit_test(test_slots_that_do_not_exist_are_never_free),
		cmocka_unit_test(test_no_memory_for_a_block_leaves_nothing),
	};

	return cmocka_run_group_tests_name("swiotlb_books", tests, NULL, NULL);
}
