// SPDX-License-Identifier: MIT
/*
 * test_iova_fit.c - lib/iova/iova_fit.h against trial of every size
 */
#include "dmptest.h"
#include "iova_fit.h"

/* By trial: the largest size that fits at a multiple of its power of two. */
static uint64_t aligned_room_by_trial(uint64_t first, uint64_t end)
{
	struct iova_request req;
	uint64_t size, lo;

	for (size = end - first; size > 0; size--) {
		req = iova_request(size, true);
		if (iova_fit_highest(first, end, &req, &lo))
			return size;
	}
	return 0;
}

static void assert_aligned_rooms(uint64_t base, uint64_t length)
{
	uint64_t first, end;

	for (first = 0; first < length; first++)
		for (end = first + 1; end <= length; end++)
			assert_int_equal(iova_aligned_room(base + first, base + end),
					 aligned_room_by_trial(base + first, base + end));
}

static void test_the_aligned_room_of_a_gap_is_what_trial_finds(void **state)
{
	(void)state;
	assert_aligned_rooms(0, 100);
	assert_aligned_rooms(UINT64_MAX - 80, 80);
	assert_aligned_rooms((UINT64_C(1) << 63) - 40, 80);
}

static void test_the_aligned_room_of_half_a_space_and_more(void **state)
{
	const uint64_t half = UINT64_C(1) << 63;

	(void)state;
	assert_int_equal(iova_aligned_room(0, UINT64_MAX), UINT64_MAX);
	assert_int_equal(iova_aligned_room(1, UINT64_MAX), half - 1);
	assert_int_equal(iova_aligned_room(0, half), half);
	assert_int_equal(iova_aligned_room(half, UINT64_MAX), half - 1);
	assert_int_equal(iova_aligned_room(half - 1, UINT64_MAX), half - 1);
}

static void test_each_smaller_size_fits_where_an_aligned_one_does(void **state)
{
	uint64_t first, end, size, lo;
	struct iova_request req;

	(void)state;
	for (first = 0; first < 40; first++)
		for (end = first + 1; end <= 80; end++)
			for (size = 1; size <= end - first; size++) {
				req = iova_request(size, true);
				assert_int_equal(iova_fit_highest(first, end, &req, &lo),
						 size <= iova_aligned_room(first, end));
			}
}

static void test_a_size_beyond_any_power_of_two_is_aligned_at_0_only(void **state)
{
	struct iova_request req = iova_request((UINT64_C(1) << 63) + 1, true);
	uint64_t lo = 7;

	(void)state;
	assert_false(iova_fit_highest(1, UINT64_MAX, &req, &lo));
	assert_int_equal(lo, 7);
	assert_true(iova_fit_highest(0, UINT64_MAX, &req, &lo));
	assert_int_equal(lo, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_aligned_room_of_a_gap_is_what_trial_finds),
		cmocka_unit_test(test_the_aligned_room_of_half_a_space_and_more),
		cmocka_unit_test(test_each_smaller_size_fits_where_an_aligned_one_does),
		cmocka_unit_test(test_a_size_beyond_any_power_of_two_is_aligned_at_0_only),
	};

	return cmocka_run_group_tests_name("iova_fit", tests, NULL, NULL);
}
