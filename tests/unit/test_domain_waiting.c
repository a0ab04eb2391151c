// SPDX-License-Identifier: MIT
/*
 * test_domain_waiting.c - proves what lib/domain/domain_waiting.c says of ranges that wait for a
 * flush in any number
 */
#include "dmptest.h"

#include "domain_waiting.h"

static struct domain_waiting waiting;
static struct dmp_exposure_side side;

static int up(void **state)
{
	(void)state;
	memset(&waiting, 0, sizeof(waiting));
	memset(&side, 0, sizeof(side));
	return 0;
}

static void test_up_to_as_many_as_there_are_groups_each_is_exact(void **state)
{
	uint64_t sum = 0;

	(void)state;
	for (uint64_t i = 0; i < WAITING_GROUPS; i++) {
		waiting_add(&waiting, 0, 4096, i);
		sum += (1000 - i) * 4096;
	}
	waiting_end(&waiting, 1, 1000, &side);
	assert_int_equal(side.windows, WAITING_GROUPS);
	assert_int_equal(side.bytes, WAITING_GROUPS * 4096);
	assert_int_equal(side.byte_ns, sum);
	assert_int_equal(side.ns.count, WAITING_GROUPS);
	assert_int_equal(side.ns.sum, sum / 4096);
	assert_int_equal(waiting.ngroups, 0);
}

/* 10,000 of them, one a nanosecond: bytes times time stay exact, times are told too long by no
 * more than a group lasts. */
static void test_of_more_no_time_is_told_too_short(void **state)
{
	uint64_t sum = 0, bytes = 0;

	(void)state;
	for (uint64_t i = 0; i < 10000; i++) {
		waiting_add(&waiting, 0, 4096 * (i % 7 + 1), i);
		bytes += 4096 * (i % 7 + 1);
		sum += (20000 - i) * 4096 * (i % 7 + 1);
	}
	waiting_end(&waiting, 1, 20000, &side);
	assert_int_equal(side.windows, 10000);
	assert_int_equal(side.bytes, bytes);
	assert_int_equal(side.byte_ns, sum);
	assert_int_equal(side.ns.count, 10000);
	assert_int_equal(side.ns.max, 20000);
	assert_in_range(side.ns.sum, UINT64_C(10000) * 15000, UINT64_C(10000) * 15100);
}

static void test_what_a_flush_does_not_cover_waits_on(void **state)
{
	(void)state;
	waiting_add(&waiting, 3, 4096, 10);
	waiting_add(&waiting, 4, 8192, 20);
	waiting_end(&waiting, 4, 100, &side);
	assert_int_equal(side.windows, 1);
	assert_int_equal(side.ns.max, 90);
	waiting_look(&waiting, 120, &side);
	assert_int_equal(side.windows, 2);
	assert_int_equal(side.open, 1);
	assert_int_equal(side.open_bytes, 8192);
	assert_int_equal(side.open_oldest_ns, 100);
	assert_int_equal(side.byte_ns, 90 * 4096 + 100 * 8192);
	assert_int_equal(side.ns.count, 1);
}

/* Two neighbours that are joined wait for the flush that the later needs. */
static void test_a_joined_group_waits_for_its_latest(void **state)
{
	(void)state;
	for (uint64_t i = 0; i <= WAITING_GROUPS; i++)
		waiting_add(&waiting, i, 4096, i);
	assert_int_equal(waiting.ngroups, WAITING_GROUPS / 2 + 1);
	waiting_end(&waiting, 1, 1000, &side);
	assert_int_equal(side.windows, 0);
	waiting_end(&waiting, 2, 1000, &side);
	assert_int_equal(side.windows, 2);
	assert_int_equal(side.byte_ns, (1000 + 999) * 4096);
}

static void test_after_a_flush_each_is_exact_again(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		waiting_add(&waiting, 0, 4096, i);
	waiting_end(&waiting, 1, 1000, &side);
	memset(&side, 0, sizeof(side));
	waiting_add(&waiting, 1, 4096, 2000);
	waiting_add(&waiting, 1, 4096, 2010);
	waiting_end(&waiting, 2, 2020, &side);
	assert_int_equal(side.ns.sum, 20 + 10);
}

static void test_a_range_that_comes_late_is_not_told_too_short(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < WAITING_GROUPS + 1; i++)
		waiting_add(&waiting, 0, 4096, 500);
	waiting_add(&waiting, 0, 4096, 300);
	waiting_end(&waiting, 1, 1000, &side);
	assert_int_equal(side.ns.max, 700);
}

static void test_bytes_times_time_are_exact_where_a_range_comes_late(void **state)
{
	uint64_t sum = 0;

	(void)state;
	for (uint64_t i = 0; i < 4 * WAITING_GROUPS; i++) {
		uint64_t ns = i % 2 ? i : i + 100;

		waiting_add(&waiting, 0, 4096, ns);
		sum += (10000 - ns) * 4096;
	}
	waiting_end(&waiting, 1, 10000, &side);
	assert_int_equal(side.byte_ns, sum);
}

static void test_a_product_that_would_overflow_stays_at_its_end(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		waiting_add(&waiting, 0, UINT64_C(1) << 40, i << 40);
	waiting_end(&waiting, 1, UINT64_C(1) << 60, &side);
	assert_int_equal(side.byte_ns, UINT64_MAX);
	assert_int_equal(side.ns.count, 1000);
}

static void test_bytes_that_would_overflow_stay_at_their_end(void **state)
{
	(void)state;
	waiting_add(&waiting, 0, UINT64_MAX - 1, 0);
	waiting_add(&waiting, 0, 2, 0);
	waiting_look(&waiting, 0, &side);
	assert_true(side.open_bytes == UINT64_MAX);
	waiting_end(&waiting, 1, 0, &side);
	assert_true(side.bytes == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_up_to_as_many_as_there_are_groups_each_is_exact, up),
		cmocka_unit_test_setup(test_of_more_no_time_is_told_too_short, up),
		cmocka_unit_test_setup(test_what_a_flush_does_not_cover_waits_on, up),
		cmocka_unit_test_setup(test_a_joined_group_waits_for_its_latest, up),
		cmocka_unit_test_setup(test_after_a_flush_each_is_exact_again, up),
		cmocka_unit_test_setup(test_a_range_that_comes_late_is_not_told_too_short, up),
		cmocka_unit_test_setup(test_bytes_that_would_overflow_stay_at_their_end, up),
		cmocka_unit_test_setup(test_bytes_times_time_are_exact_where_a_range_comes_late,
				       up),
		cmocka_unit_test_setup(test_a_product_that_would_overflow_stays_at_its_end, up),
	};

	return cmocka_run_group_tests_name("domain_waiting", tests, NULL, NULL);
}
