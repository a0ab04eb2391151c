// SPDX-License-Identifier: MIT
/*
 * test_iova_book.c - proves the ends and the reservations of lib/iova/iova_book.c; the policies'
 * tests prove the rest
 */
#include "dmptest.h"
#include "iova_book.h"

#include <dmapool/harness.h>

static int setup(void **state)
{
	static struct iova_book book;

	iova_book_init(&book, 0x10, 0xff);
	*state = &book;
	return 0;
}

static int teardown(void **state)
{
	const char *wrong = iova_book_check(*state);

	iova_book_clear(*state);
	return !wrong && dmp_meta_in_use() == 0 ? 0 : -1;
}

static int take(struct iova_book *book, uint64_t size, uint64_t limit, uint64_t *lo)
{
	struct iova_request req = iova_request(size, false);

	return iova_book_take(book, &req, limit, lo);
}

static void test_nothing_is_taken_beyond_the_highest(void **state)
{
	uint64_t lo = 0;

	assert_int_equal(take(*state, 0xe0, UINT64_MAX - 1, &lo), 0);
	assert_int_equal(lo, 0x20);
	assert_int_equal(take(*state, 0x11, UINT64_MAX - 1, &lo), -ENOSPC);
}

static void test_nothing_is_found_beyond_the_highest(void **state)
{
	struct dmp_iova_range range;

	assert_int_equal(iova_book_nranges(*state), 0);
	assert_false(iova_book_find(*state, 0x100, &range));
	assert_false(iova_book_next(*state, 0, &range));
	assert_false(iova_book_next(*state, 0x101, &range));
	assert_false(iova_book_reaching(*state, 0x80, &range));
	assert_false(iova_book_remove(*state, 0x100, &range));
}

static void test_a_place_without_memory_to_write_it_down_is_not_taken(void **state)
{
	uint64_t lo = 77;

	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 1, 1), 0);
	assert_int_equal(take(*state, 0x101, 0xff, &lo), -ENOSPC);
	assert_int_equal(take(*state, 0x10, 0xff, &lo), -ENOMEM);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 0, 0), 0);
	assert_int_equal(lo, 77);
	assert_int_equal(iova_book_nranges(*state), 0);
}

static void test_the_longest_run_does_not_count_what_is_beyond_the_highest(void **state)
{
	uint64_t lo;

	assert_int_equal(iova_book_longest(*state), 0xf0);
	assert_int_equal(take(*state, 0x10, 0x8f, &lo), 0);
	assert_int_equal(iova_book_longest(*state), 0x70);
	assert_int_equal(take(*state, 0x70, 0x7f, &lo), 0);
	assert_int_equal(take(*state, 0x70, 0xff, &lo), 0);
	assert_int_equal(iova_book_longest(*state), 0);
}

static void test_reaching_counts_a_range_that_began_before(void **state)
{
	struct dmp_iova_range range;

	assert_true(iova_book_reserve(*state, 0x20, 0x2f));
	assert_true(iova_book_reaching(*state, 0x28, &range));
	assert_int_equal(range.lo, 0x20);
	assert_false(iova_book_next(*state, 0x28, &range));
	assert_false(iova_book_reaching(*state, 0x30, &range));
}

static void test_a_reservation_of_what_is_covered_needs_no_memory(void **state)
{
	assert_true(iova_book_reserve(*state, 0x20, 0x2f));
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 1, UINT64_MAX), 0);
	assert_true(iova_book_reserve(*state, 0x22, 0x2f));
	assert_false(iova_book_reserve(*state, 0x22, 0x30));
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 0, 0), 0);
	assert_int_equal(iova_book_nranges(*state), 1);
}

/* Of the two parts beside [20..2f] the first is there and the second is not. */
static void test_a_reservation_that_runs_out_of_memory_keeps_what_it_has(void **state)
{
	struct dmp_iova_range range;

	assert_true(iova_book_reserve(*state, 0x20, 0x2f));
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 2, 1), 0);
	assert_false(iova_book_reserve(*state, 0x1c, 0x33));
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 0, 0), 0);
	assert_true(iova_book_find(*state, 0x1c, &range));
	assert_int_equal(range.hi, 0x1f);
	assert_false(iova_book_find(*state, 0x30, &range));
}

static void test_the_walk_notices_an_anchor_that_is_not_above_the_highest(void **state)
{
	struct iova_book *book = *state;

	assert_null(iova_book_check(book));
	book->tree.end = 0xf0;
	assert_non_null(iova_book_check(book));
	book->tree.end = 0x100;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_taken_beyond_the_highest),
		TEST(test_nothing_is_found_beyond_the_highest),
		TEST(test_a_place_without_memory_to_write_it_down_is_not_taken),
		TEST(test_the_longest_run_does_not_count_what_is_beyond_the_highest),
		TEST(test_reaching_counts_a_range_that_began_before),
		TEST(test_a_reservation_of_what_is_covered_needs_no_memory),
		TEST(test_a_reservation_that_runs_out_of_memory_keeps_what_it_has),
		TEST(test_the_walk_notices_an_anchor_that_is_not_above_the_highest),
	};

	return cmocka_run_group_tests_name("iova_book", tests, NULL, NULL);
}
