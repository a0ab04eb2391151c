// SPDX-License-Identifier: MIT
/*
 * test_iova_magazine.c - proves M1-M3 of lib/iova/iova_magazine.c
 */
#include "dmptest.h"

#include "iova_internal.h"

static struct iova_magazine *full_magazine(uint64_t first_pfn)
{
	struct iova_magazine *mag = iova_magazine_create();
	uint64_t i;

	assert_non_null(mag);
	for (i = 0; i < IOVA_MAG_SIZE; i++)
		iova_magazine_push(mag, first_pfn + i);
	return mag;
}

static int no_leak(void **state)
{
	(void)state;
	return dmp_meta_in_use() == 0 ? 0 : -1;
}

static void test_a_magazine_is_full_after_127_entries(void **state)
{
	struct iova_magazine *mag = iova_magazine_create();
	unsigned n;

	(void)state;
	assert_true(iova_magazine_is_empty(mag));
	for (n = 0; !iova_magazine_is_full(mag); n++)
		iova_magazine_push(mag, n);
	assert_int_equal(n, 127);
	iova_magazine_destroy(mag);
}

/*
 *   bottom  5 9 7 3  top      take(6) -> 3
 *           5 9 7             take(6) -> 5, and 7 fills its place
 *           7 9               take(6) -> none
 */
static void test_take_gives_the_topmost_that_fits_and_the_top_fills_its_place(void **state)
{
	struct iova_magazine *mag = iova_magazine_create();
	static const uint64_t pfns[] = {5, 9, 7, 3};
	uint64_t pfn = 0;
	unsigned i;

	(void)state;
	for (i = 0; i < 4; i++)
		iova_magazine_push(mag, pfns[i]);
	assert_true(iova_magazine_take(mag, 6, &pfn));
	assert_int_equal(pfn, 3);
	assert_true(iova_magazine_take(mag, 6, &pfn));
	assert_int_equal(pfn, 5);
	assert_false(iova_magazine_take(mag, 6, &pfn));
	assert_int_equal(pfn, 5);
	assert_int_equal(mag->count, 2);
	assert_int_equal(mag->pfns[0], 7);
	assert_int_equal(mag->pfns[1], 9);
	iova_magazine_destroy(mag);
}

static void test_take_from_an_empty_magazine_finds_nothing(void **state)
{
	struct iova_magazine *mag = iova_magazine_create();
	uint64_t pfn = 1;

	(void)state;
	assert_false(iova_magazine_take(mag, UINT64_MAX, &pfn));
	assert_int_equal(pfn, 1);
	iova_magazine_destroy(mag);
}

static void test_a_depot_gives_the_latest_magazine_first_and_full(void **state)
{
	struct iova_magazine *first = full_magazine(1000), *second = full_magazine(2000);
	struct iova_depot depot = {0};

	(void)state;
	iova_depot_push(&depot, first);
	iova_depot_push(&depot, second);
	assert_int_equal(depot.nfull, 2);
	assert_ptr_equal(iova_depot_pop(&depot), second);
	assert_true(iova_magazine_is_full(second));
	assert_ptr_equal(iova_depot_pop(&depot), first);
	assert_true(iova_magazine_is_full(first));
	assert_null(iova_depot_pop(&depot));
	assert_int_equal(depot.nfull, 0);
	iova_magazine_destroy(first);
	iova_magazine_destroy(second);
}

static void test_peek_counts_from_the_latest_and_ends_at_the_bottom(void **state)
{
	struct iova_magazine *first = full_magazine(1000), *second = full_magazine(2000);
	struct iova_depot depot = {0};

	(void)state;
	assert_null(iova_depot_peek(&depot, 0));
	iova_depot_push(&depot, first);
	iova_depot_push(&depot, second);
	assert_ptr_equal(iova_depot_peek(&depot, 0), second);
	assert_ptr_equal(iova_depot_peek(&depot, 1), first);
	assert_null(iova_depot_peek(&depot, 2));
	iova_magazine_destroy(first);
	iova_magazine_destroy(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_a_magazine_is_full_after_127_entries, no_leak),
		cmocka_unit_test_teardown(
			test_take_gives_the_topmost_that_fits_and_the_top_fills_its_place, no_leak),
		cmocka_unit_test_teardown(test_take_from_an_empty_magazine_finds_nothing, no_leak),
		cmocka_unit_test_teardown(test_a_depot_gives_the_latest_magazine_first_and_full,
					  no_leak),
		cmocka_unit_test_teardown(test_peek_counts_from_the_latest_and_ends_at_the_bottom,
					  no_leak),
	};

	return cmocka_run_group_tests_name("iova_magazine", tests, NULL, NULL);
}
