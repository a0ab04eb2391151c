// SPDX-License-Identifier: MIT
/*
 * test_dma_window.c - proves what lib/dma/dma_window.c moves, at both ends and beyond them
 *
 *   memory   0x8000 |####| 0xbfff
 *   bus      0x1000 |####| 0x4fff
 */
#include "dmptest.h"

#include "dma_internal.h"

static const struct dma_window window = {0x8000, 0x1000, 0x4000};
static const struct dma_window none = {0, 0, 0};

static void test_memory_of_the_window_has_an_address_and_no_other_memory_has(void **state)
{
	static const struct {
		uint64_t phys, len;
		bool is_inside;
		uint64_t addr;
	} rows[] = {
		{0x8000, 1, true, 0x1000},
		{0x8123, 0x100, true, 0x1123},
		{0x8000, 0x4000, true, 0x1000},
		{0xbfff, 1, true, 0x4fff},
		{0x7fff, 1, false, 0},
		{0x7fff, 2, false, 0},
		{0xc000, 1, false, 0},
		{0xbfff, 2, false, 0},
		{0x8000, 0x4001, false, 0},
		{0x8001, UINT64_MAX, false, 0},
		{UINT64_MAX, UINT64_MAX, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t addr = 7, phys = 7;

		assert_int_equal(dma_window_addr(&window, rows[i].phys, rows[i].len, &addr),
				 rows[i].is_inside);
		assert_int_equal(addr, rows[i].is_inside ? rows[i].addr : 7);
		if (!rows[i].is_inside)
			continue;
		assert_true(dma_window_phys(&window, addr, rows[i].len, &phys));
		assert_int_equal(phys, rows[i].phys);
	}
	assert_false(dma_window_phys(&window, 0xfff, 1, &(uint64_t){0}));
	assert_false(dma_window_phys(&window, 0x5000, 1, &(uint64_t){0}));
}

static void test_without_a_window_everything_is_at_its_own_address(void **state)
{
	uint64_t at = 0;

	(void)state;
	assert_true(dma_window_addr(&none, UINT64_MAX, 1, &at));
	assert_int_equal(at, UINT64_MAX);
	assert_true(dma_window_phys(&none, 0x1234, 1, &at));
	assert_int_equal(at, 0x1234);
	assert_int_equal(dma_window_highest(&none, 0xffff), 0xffff);
}

static void test_the_highest_byte_in_reach_is_memorys_and_not_the_bus_s(void **state)
{
	(void)state;
	assert_int_equal(dma_window_highest(&window, UINT64_MAX), 0xbfff);
	assert_int_equal(dma_window_highest(&window, 0x4fff), 0xbfff);
	assert_int_equal(dma_window_highest(&window, 0x1fff), 0x8fff);
	assert_int_equal(dma_window_highest(&window, 0x1000), 0x8000);
	assert_int_equal(dma_window_highest(&window, 0xfff), 0);
}

static void test_a_window_is_whole_pages_that_do_not_wrap_or_nothing(void **state)
{
	static const struct {
		struct dma_window window;
		bool makes_sense;
	} rows[] = {
		{{0, 0, 0}, true},
		{{0x8000, 0x1000, 0x4000}, true},
		{{0, 0, UINT64_C(0xfffffffffffff000)}, true},
		{{UINT64_C(0xfffffffffffff000), 0, 0x1000}, true},
		{{0x1000, 0, 0}, false},
		{{0, 0x1000, 0}, false},
		{{0x8001, 0x1000, 0x4000}, false},
		{{0x8000, 0x1800, 0x4000}, false},
		{{0x8000, 0x1000, 0x4800}, false},
		{{UINT64_C(0xfffffffffffff000), 0, 0x2000}, false},
		{{0, UINT64_C(0xfffffffffffff000), 0x2000}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(dma_window_makes_sense(&rows[i].window), rows[i].makes_sense);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_of_the_window_has_an_address_and_no_other_memory_has),
		cmocka_unit_test(test_without_a_window_everything_is_at_its_own_address),
		cmocka_unit_test(test_the_highest_byte_in_reach_is_memorys_and_not_the_bus_s),
		cmocka_unit_test(test_a_window_is_whole_pages_that_do_not_wrap_or_nothing),
	};

	return cmocka_run_group_tests_name("dma_window", tests, NULL, NULL);
}
