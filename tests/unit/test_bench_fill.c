// SPDX-License-Identifier: MIT
/*
 * test_bench_fill.c - proves which slots are in use behind each pattern, and that they come back
 */
#include "dmptest.h"
#include "bench_fill.h"

#include <dmapool/port.h>

#include <errno.h>
#include <stdlib.h>

#define SLOTS 1024u

static struct dmp_hw *hw;
static struct dmp_swiotlb *tlb;
static struct bench_fill fill;
static void *orig;

static int open_pool(void **state)
{
	(void)state;
	orig = calloc(1, DMP_SWIOTLB_MAX_BYTES);
	return !orig || dmp_hw_host_create(NULL, &hw) ||
	       dmp_swiotlb_create(
		       hw, &DMP_SWIOTLB_OPTS(.flags = DMP_SWIOTLB_ANY, .slots = SLOTS, .areas = 2),
		       &tlb);
}

static int close_pool(void **state)
{
	int err = dmp_swiotlb_check(tlb);

	(void)state;
	free(orig);
	return err || dmp_swiotlb_destroy(tlb) || dmp_hw_destroy(hw) || dmp_meta_in_use() != 0;
}

static void filled(enum bench_fill_pattern pattern, unsigned percent)
{
	assert_int_equal(bench_fill_open(&fill, tlb, (uintptr_t)orig, pattern, percent), 0);
}

static bool in_use(uint64_t slot)
{
	bool used = false;

	assert_int_equal(dmp_swiotlb_inspect_slot(tlb, 0, slot, &used), 0);
	return used;
}

static uint64_t used_slots(void)
{
	struct dmp_swiotlb_stats stats;

	assert_int_equal(dmp_swiotlb_get_stats(tlb, &stats, sizeof(stats)), 0);
	return stats.used;
}

/* 0, or what it says; nothing stays mapped. */
static int served(uint64_t len)
{
	dmp_phys_t phys;
	int err = dmp_swiotlb_map(tlb, NULL, (uintptr_t)orig, len, DMP_TO_DEVICE, DMP_ATTR_NO_WARN,
				  &phys);

	return err ? err : dmp_swiotlb_unmap(tlb, phys, len, DMP_TO_DEVICE, 0);
}

/* A run of 16 slots at most goes at a time. */
static void test_random_is_the_figure_or_one_buffer_less(void **state)
{
	static const unsigned percents[] = {0, 50, 90, 99};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		filled(BENCH_FILL_RANDOM, percents[i]);
		assert_true(used_slots() * 100 <= SLOTS * percents[i]);
		assert_true(percents[i] == 99 || (used_slots() + 16) * 100 > SLOTS * percents[i]);
		assert_int_equal(fill.used, used_slots());
		assert_int_equal(served(4096), 0);
		bench_fill_close(&fill);
		assert_int_equal(used_slots(), 0);
	}
}

/* Each buffer is smaller than 17 slots, and they differ. */
static void test_random_buffers_are_of_1_to_16_slots(void **state)
{
	struct dmp_swiotlb_pool_view pool;
	struct dmp_swiotlb_mapping_view view;
	uint64_t seen = 0;

	(void)state;
	filled(BENCH_FILL_RANDOM, 99);
	assert_int_equal(dmp_swiotlb_inspect_pool(tlb, 0, &pool), 0);
	for (uint64_t slot = 0; slot < SLOTS; slot++)
		if (dmp_swiotlb_inspect_mapping(tlb, pool.phys + slot * DMP_SWIOTLB_SLOT_BYTES,
						&view) == 0)
			seen |= UINT64_C(1) << view.slots;
	assert_int_equal(seen >> 17, 0);
	assert_int_equal(seen & 1, 0);
	assert_true(seen & 1u << 1 && seen & 1u << 16);
	bench_fill_close(&fill);
}

static void test_segments_are_used_whole(void **state)
{
	unsigned used = 0;

	(void)state;
	filled(BENCH_FILL_SEGMENTS, 50);
	for (uint64_t first = 0; first < SLOTS; first += DMP_SWIOTLB_SEGMENT_SLOTS) {
		bool is_used = in_use(first);

		used += is_used;
		for (uint64_t i = 1; i < DMP_SWIOTLB_SEGMENT_SLOTS; i++)
			assert_true(in_use(first + i) == is_used);
	}
	assert_int_equal(used, 4);
	bench_fill_close(&fill);
}

/* [. a . b . c] */
static void test_f1_leaves_no_two_slots_in_a_row(void **state)
{
	(void)state;
	filled(BENCH_FILL_EVERY_OTHER, 0);
	for (uint64_t slot = 0; slot < SLOTS; slot++)
		assert_true(in_use(slot) == (slot % 2 == 1));
	assert_int_equal(served(2048), 0);
	assert_int_equal(served(4096), -ENOSPC);
	bench_fill_close(&fill);
}

/* [a . . b c . . d]: two in a row for what need not begin at a page, none for a page */
static void test_f2_leaves_pairs_that_begin_at_odd_slots(void **state)
{
	(void)state;
	filled(BENCH_FILL_ODD_PAIRS, 0);
	for (uint64_t slot = 0; slot < SLOTS; slot++)
		assert_true(in_use(slot) == (slot % 4 == 0 || slot % 4 == 3));
	assert_int_equal(served(4095), 0);
	assert_int_equal(served(4096), -ENOSPC);
	bench_fill_close(&fill);
}

/* 128 slots, 99 %: two are free, side by side only if two neighbours went. */
static void test_neighbours_go_until_4_kib_can_be_served(void **state)
{
	struct dmp_swiotlb *small;
	struct dmp_swiotlb_stats stats;
	dmp_phys_t phys;

	(void)state;
	assert_int_equal(dmp_swiotlb_create(hw,
					    &DMP_SWIOTLB_OPTS(.flags = DMP_SWIOTLB_ANY,
							      .slots = 128, .areas = 1),
					    &small),
			 0);
	assert_int_equal(bench_fill_open(&fill, small, (uintptr_t)orig, BENCH_FILL_RANDOM, 99), 0);
	assert_int_equal(
		dmp_swiotlb_map(small, NULL, (uintptr_t)orig, 4096, DMP_TO_DEVICE, 0, &phys), 0);
	assert_int_equal(dmp_swiotlb_unmap(small, phys, 4096, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_swiotlb_get_stats(small, &stats, sizeof(stats)), 0);
	assert_true(stats.used > 64);
	bench_fill_close(&fill);
	assert_int_equal(dmp_swiotlb_destroy(small), 0);
}

#define pool_test(f) cmocka_unit_test_setup_teardown(f, open_pool, close_pool)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pool_test(test_random_is_the_figure_or_one_buffer_less),
		pool_test(test_random_buffers_are_of_1_to_16_slots),
		pool_test(test_segments_are_used_whole),
		pool_test(test_f1_leaves_no_two_slots_in_a_row),
		pool_test(test_f2_leaves_pairs_that_begin_at_odd_slots),
		pool_test(test_neighbours_go_until_4_kib_can_be_served),
	};

	return cmocka_run_group_tests_name("bench_fill", tests, NULL, NULL);
}
