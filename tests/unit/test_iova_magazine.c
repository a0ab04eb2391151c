// SPDX-License-Identifier: MIT
/*
 * test_iova_magazine.c - proves M1-M5 of lib/iova/iova_magazine.c
 */
#include "dmptest.h"

#include "iova_internal.h"

#define SIZE 127u

static struct iova_magazine *full_magazine(uint64_t first_pfn)
{
	struct iova_magazine *mag = iova_magazine_create(SIZE);
	uint64_t i;

	assert_non_null(mag);
	for (i = 0; i < SIZE; i++)
		iova_magazine_push(mag, first_pfn + i);
	return mag;
}

static int no_leak(void **state)
{
	(void)state;
	return dmp_meta_in_use() == 0 ? 0 : -1;
}

static void test_127_entries_and_a_word_are_1024_bytes(void **state)
{
	uint64_t before = dmp_meta_in_use();
	struct iova_magazine *mag = iova_magazine_create(SIZE);

	(void)state;
	assert_int_equal(dmp_meta_in_use() - before, 1024);
	assert_int_equal(mag->count, 0);
	iova_magazine_destroy(mag, SIZE);
}

/*
 *   bottom  5 9 7 3  top      take(6) -> 3
 *           5 9 7             take(6) -> 5, and 7 fills its place
 *           7 9               take(6) -> none
 */
static void test_take_gives_the_topmost_that_fits_and_the_top_fills_its_place(void **state)
{
	struct iova_magazine *mag = iova_magazine_create(SIZE);
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
	iova_magazine_destroy(mag, SIZE);
}

static void test_take_from_an_empty_magazine_finds_nothing(void **state)
{
	struct iova_magazine *mag = iova_magazine_create(SIZE);
	uint64_t pfn = 1;

	(void)state;
	assert_false(iova_magazine_take(mag, UINT64_MAX, &pfn));
	assert_int_equal(pfn, 1);
	iova_magazine_destroy(mag, SIZE);
}

static void test_a_depot_gives_the_latest_magazine_first_and_full(void **state)
{
	struct iova_magazine *first = full_magazine(1000), *second = full_magazine(2000);
	struct iova_depot depot = {0};

	(void)state;
	iova_depot_push(&depot, first);
	iova_depot_push(&depot, second);
	assert_int_equal(depot.nfull, 2);
	assert_ptr_equal(iova_depot_pop(&depot, SIZE), second);
	assert_int_equal(second->count, SIZE);
	assert_ptr_equal(iova_depot_pop(&depot, SIZE), first);
	assert_int_equal(first->count, SIZE);
	assert_null(iova_depot_pop(&depot, SIZE));
	assert_int_equal(depot.nfull, 0);
	iova_magazine_destroy(first, SIZE);
	iova_magazine_destroy(second, SIZE);
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
	iova_magazine_destroy(first, SIZE);
	iova_magazine_destroy(second, SIZE);
}

/* As the owner does it. */
static void push_open(struct iova_pair *pair, uint64_t pfn)
{
	*pair->top++ = pfn;
}

/*
 *   closed   loaded->count [2]
 *   open     floor 10 11 top ..... full      one push
 *   closed   loaded->count [3]
 */
static void test_what_is_pushed_while_a_pair_is_open_is_counted_when_it_closes(void **state)
{
	struct iova_pair pair;

	(void)state;
	iova_pair_init(&pair, 0);
	assert_true(iova_pair_make(&pair, SIZE));
	iova_magazine_push(pair.loaded, 10);
	iova_magazine_push(pair.loaded, 11);
	iova_pair_open(&pair, SIZE);
	assert_int_equal(iova_pair_count(&pair), 2);
	assert_ptr_equal(pair.full - SIZE + 2, pair.top);
	push_open(&pair, 12);
	assert_int_equal(iova_pair_count(&pair), 3);
	iova_pair_close(&pair);
	assert_int_equal(pair.loaded->count, 3);
	assert_int_equal(pair.loaded->pfns[2], 12);
	iova_pair_drop(&pair, SIZE);
}

/* Nothing is below the top that ends at or below a limit, and there is no room above it. */
static void assert_empty(const struct iova_pair *pair)
{
	assert_int_equal(pair->top[-1] + pair->last, UINT64_MAX);
	assert_int_equal(iova_pair_count(pair), 0);
}

static void test_a_pair_without_magazines_is_empty_and_full(void **state)
{
	struct iova_pair pair;

	(void)state;
	iova_pair_init(&pair, 3);
	iova_pair_close(&pair);
	iova_pair_open(&pair, SIZE);
	assert_empty(&pair);
	assert_ptr_equal(pair.top, pair.full);
	assert_true(iova_pair_make(&pair, SIZE));
	iova_pair_open(&pair, SIZE);
	iova_pair_drop(&pair, SIZE);
	assert_empty(&pair);
	assert_ptr_equal(pair.top, pair.full);
	assert_null(pair.loaded);
	assert_null(pair.prev);
}

static void test_below_the_entries_of_an_open_pair_there_is_no_pfn_for_any_limit(void **state)
{
	struct iova_pair pair;
	unsigned order;

	(void)state;
	for (order = 0; order < DMP_IOVA_CLASSES_MAX; order++) {
		iova_pair_init(&pair, order);
		assert_true(iova_pair_make(&pair, SIZE));
		iova_pair_open(&pair, SIZE);
		assert_empty(&pair);
		assert_ptr_equal(pair.top + SIZE, pair.full);
		iova_pair_drop(&pair, SIZE);
	}
}

/*
 *   3 put, 1 taken                          loaded [2]
 *   a magazine of 5 comes, with prev [0]    loaded [2] prev [5]     5 moved in
 *   the 2 leave                             loaded [0] prev [5]     2 moved out
 */
static void test_what_was_put_follows_from_what_was_taken_held_and_moved(void **state)
{
	struct iova_pair pair;
	unsigned i;

	(void)state;
	iova_pair_init(&pair, 0);
	assert_int_equal(iova_pair_nput(&pair), 0);
	assert_true(iova_pair_make(&pair, SIZE));
	iova_pair_open(&pair, SIZE);
	for (i = 0; i < 3; i++)
		push_open(&pair, i);
	pair.top--;
	pair.ntaken++;
	assert_int_equal(iova_pair_nput(&pair), 3);
	for (i = 0; i < 5; i++)
		iova_magazine_push(pair.prev, i);
	pair.nmoved += 5;
	assert_int_equal(iova_pair_nput(&pair), 3);
	pair.top -= 2;
	pair.nmoved -= 2;
	assert_int_equal(iova_pair_nput(&pair), 3);
	iova_pair_drop(&pair, SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_127_entries_and_a_word_are_1024_bytes, no_leak),
		cmocka_unit_test_teardown(
			test_take_gives_the_topmost_that_fits_and_the_top_fills_its_place, no_leak),
		cmocka_unit_test_teardown(test_take_from_an_empty_magazine_finds_nothing, no_leak),
		cmocka_unit_test_teardown(test_a_depot_gives_the_latest_magazine_first_and_full,
					  no_leak),
		cmocka_unit_test_teardown(test_peek_counts_from_the_latest_and_ends_at_the_bottom,
					  no_leak),
		cmocka_unit_test_teardown(
			test_what_is_pushed_while_a_pair_is_open_is_counted_when_it_closes,
			no_leak),
		cmocka_unit_test_teardown(test_a_pair_without_magazines_is_empty_and_full, no_leak),
		cmocka_unit_test_teardown(
			test_below_the_entries_of_an_open_pair_there_is_no_pfn_for_any_limit,
			no_leak),
		cmocka_unit_test_teardown(
			test_what_was_put_follows_from_what_was_taken_held_and_moved, no_leak),
	};

	return cmocka_run_group_tests_name("iova_magazine", tests, NULL, NULL);
}
