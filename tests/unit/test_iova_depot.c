// SPDX-License-Identifier: MIT
/*
 * test_iova_depot.c - proves I2 and I4 of lib/iova/iova_depot.c, and spec-iova 1.9
 */
#include "iova_space.h"

#define MS       UINT64_C(1000000)
#define MAGAZINE 127u

static int setup(void **state)
{
	static struct iova_space s;

	iova_space_open(&s, 2, NULL);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	iova_space_close(*state);
	return 0;
}

/* Ends with @n magazines that wanted to be in the depot of single granules. */
static void fill_depot(struct iova_space *s, unsigned n)
{
	iova_space_fill(s, 0, (n + 2) * MAGAZINE, 1);
}

static void test_the_latest_magazine_is_taken_first(void **state)
{
	struct iova_space *s = *state;
	struct dmp_iova_magazine_view latest;
	uint64_t top;

	fill_depot(s, 3);
	dmp_iova_inspect_magazine(s->dom, DMP_IOVA_DEPOT, 0, 0, &latest);
	top = latest.pfns[MAGAZINE - 1];
	assert_int_equal(iova_space_alloc(s, 1, 1), top);
	assert_int_equal(iova_space_depot(s, 0), 2);
}

static void test_reclaim_leaves_as_many_magazines_as_cpus_are_online(void **state)
{
	struct iova_space *s = *state;

	fill_depot(s, 4);
	assert_int_equal(iova_space_depot(s, 0), 4);
	assert_int_equal(dmp_harness_advance(100 * MS - 1), 0);
	assert_int_equal(dmp_harness_advance(1), 1);
	assert_int_equal(iova_space_depot(s, 0), 3);
	assert_int_equal(dmp_harness_advance(1000 * MS), 2);
	assert_int_equal(iova_space_depot(s, 0), 2);
	assert_int_equal(iova_space_stats(s).depot_reclaimed, 2);
	assert_false(dmp_iova_inspect_reclaim(s->dom, 0));
}

static void test_a_later_push_does_not_move_the_reclaim(void **state)
{
	struct iova_space *s = *state;

	iova_space_fill(s, 0, 2 * MAGAZINE + 1, 1);
	assert_true(dmp_iova_inspect_reclaim(s->dom, 0));
	dmp_harness_advance(60 * MS);
	iova_space_fill(s, 0, 4 * MAGAZINE, 1);
	assert_int_equal(dmp_harness_advance(40 * MS), 1);
}

static void test_threshold_and_delay_of_reclaim_are_options(void **state)
{
	struct iova_space s;

	(void)state;
	iova_space_open(&s, 2, &DMP_IOVA_OPTS(.reclaim_threshold = 3, .reclaim_delay_ns = 5 * MS));
	fill_depot(&s, 5);
	assert_int_equal(dmp_harness_advance(5 * MS - 1), 0);
	assert_int_equal(dmp_harness_advance(1), 1);
	assert_int_equal(iova_space_depot(&s, 0), 4);
	assert_int_equal(dmp_harness_advance(1000 * MS), 2);
	assert_int_equal(iova_space_depot(&s, 0), 3);
	iova_space_close(&s);
}

/*
 *   depot of 2     two magazines stay, those that come later go to the policy
 */
static void test_a_depot_of_fixed_size_gives_the_rest_to_the_policy(void **state)
{
	struct iova_space s;

	(void)state;
	iova_space_open(&s, 1, &DMP_IOVA_OPTS(.depot_limit = 2));
	fill_depot(&s, 5);
	assert_int_equal(iova_space_depot(&s, 0), 2);
	assert_int_equal(iova_space_stats(&s).depot_put, 2);
	assert_int_equal(iova_space_stats(&s).depot_refused, 3);
	assert_int_equal(iova_space_stats(&s).nranges, 4 * MAGAZINE);
	assert_false(dmp_iova_inspect_reclaim(s.dom, 0));
	iova_space_close(&s);
}

/*
 *   at most 3 magazines' worth in flight: two in the depot of size 1, one of size 2, no more
 *   until one is taken
 */
static void test_depots_together_keep_no_more_than_can_be_in_flight(void **state)
{
	struct iova_space s;

	(void)state;
	iova_space_open(&s, 2, &DMP_IOVA_OPTS(.inflight_limit = 4 * MAGAZINE - 1));
	iova_space_fill(&s, 0, 4 * MAGAZINE, 1);
	iova_space_fill(&s, 0, 6 * MAGAZINE, 2);
	assert_int_equal(iova_space_depot(&s, 0), 2);
	assert_int_equal(iova_space_depot(&s, 1), 1);
	assert_int_equal(iova_space_stats(&s).depot, 3 * MAGAZINE);
	iova_space_alloc(&s, 1, 1);
	iova_space_fill(&s, 0, 5 * MAGAZINE, 2);
	assert_int_equal(iova_space_depot(&s, 1), 2);
	dmp_iova_flush(s.dom);
	iova_space_fill(&s, 0, 9 * MAGAZINE, 1);
	assert_int_equal(iova_space_depot(&s, 0), 3);
	iova_space_close(&s);
}

static void test_reclaim_makes_room_under_the_limit_in_flight(void **state)
{
	struct iova_space s;

	(void)state;
	iova_space_open(&s, 1, &DMP_IOVA_OPTS(.inflight_limit = 2 * MAGAZINE));
	fill_depot(&s, 3);
	assert_int_equal(iova_space_depot(&s, 0), 2);
	assert_int_equal(dmp_harness_advance(100 * MS), 1);
	iova_space_fill(&s, 0, 4 * MAGAZINE, 2);
	assert_int_equal(iova_space_depot(&s, 1), 1);
	iova_space_close(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_latest_magazine_is_taken_first),
		TEST(test_reclaim_leaves_as_many_magazines_as_cpus_are_online),
		TEST(test_a_later_push_does_not_move_the_reclaim),
		cmocka_unit_test(test_threshold_and_delay_of_reclaim_are_options),
		cmocka_unit_test(test_a_depot_of_fixed_size_gives_the_rest_to_the_policy),
		cmocka_unit_test(test_depots_together_keep_no_more_than_can_be_in_flight),
		cmocka_unit_test(test_reclaim_makes_room_under_the_limit_in_flight),
	};

	return cmocka_run_group_tests_name("iova_depot", tests, NULL, NULL);
}
