// SPDX-License-Identifier: MIT
/*
 * test_iova_cache.c - proves I1-I3 of lib/iova/iova_cache.c, and spec-iova 1.7-1.10
 */
#include "iova_space.h"

#include "iova_internal.h"

#define MS UINT64_C(1000000)

static int setup(void **state)
{
	static struct iova_space s;

	iova_space_open(&s, 2, NULL);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	struct iova_space *s = *state;

	if (s->nbugs)
		return -1;
	iova_space_close(s);
	return 0;
}

static uint32_t count(struct iova_space *s, enum dmp_iova_magazine_place place, unsigned index)
{
	struct dmp_iova_magazine_view view = {0};

	dmp_iova_inspect_magazine(s->dom, place, index, 0, &view);
	return view.count;
}

static void assert_counts(struct iova_space *s, unsigned cpu, uint32_t loaded, uint32_t prev,
			  unsigned ndepot)
{
	assert_int_equal(count(s, DMP_IOVA_LOADED, cpu), loaded);
	assert_int_equal(count(s, DMP_IOVA_PREV, cpu), prev);
	assert_int_equal(s->dom->classes[0].depot.nfull, ndepot);
}

/* Allocates @n single granules on CPU @cpu, then frees them there. */
static void fill(struct iova_space *s, unsigned cpu, unsigned n)
{
	uint64_t pfns[8 * IOVA_MAG_SIZE];
	unsigned i;

	assert_true(n <= sizeof(pfns) / sizeof(pfns[0]));
	for (i = 0; i < n; i++)
		pfns[i] = iova_space_alloc(s, cpu, 1);
	for (i = 0; i < n; i++)
		iova_space_free(s, cpu, pfns[i], 1);
}

static void test_a_freed_range_is_the_next_one_given_out(void **state)
{
	struct iova_space *s = *state;
	uint64_t a = iova_space_alloc(s, 0, 4), b = iova_space_alloc(s, 0, 4);

	iova_space_free(s, 0, b, 4);
	iova_space_free(s, 0, a, 4);
	assert_int_equal(iova_space_alloc(s, 0, 4), a);
	assert_int_equal(iova_space_alloc(s, 0, 4), b);
}

static void test_a_cached_range_stays_allocated_for_the_policy(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 4);

	iova_space_free(s, 0, pfn, 4);
	assert_int_equal(iova_space_stats(s).nranges, 1);
	assert_int_equal(iova_space_stats(s).cached, 1);
}

static void test_classes_do_not_serve_each_other(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 4);

	iova_space_free(s, 0, pfn, 4);
	assert_int_not_equal(iova_space_alloc(s, 0, 2), pfn);
}

/*
 *   127 frees   loaded [127]  prev [0]
 *   one more    loaded [1]    prev [127]
 */
static void test_a_full_loaded_magazine_is_swapped_for_prev(void **state)
{
	struct iova_space *s = *state;

	fill(s, 0, IOVA_MAG_SIZE);
	assert_counts(s, 0, IOVA_MAG_SIZE, 0, 0);
	dmp_iova_flush(s->dom);
	fill(s, 0, IOVA_MAG_SIZE + 1);
	assert_counts(s, 0, 1, IOVA_MAG_SIZE, 0);
}

/*
 *   254 frees   loaded [127]  prev [127]  depot -
 *   one more    loaded [1]    prev [127]  depot [127]
 */
static void test_depot_holds_only_full_magazines(void **state)
{
	struct iova_space *s = *state;

	fill(s, 0, 2 * IOVA_MAG_SIZE + 1);
	assert_counts(s, 0, 1, IOVA_MAG_SIZE, 1);
	assert_int_equal(count(s, DMP_IOVA_DEPOT, 0), IOVA_MAG_SIZE);
}

static void test_an_empty_cpu_takes_the_latest_magazine_of_the_depot(void **state)
{
	struct iova_space *s = *state;

	fill(s, 0, 2 * IOVA_MAG_SIZE + 1);
	iova_space_alloc(s, 1, 1);
	assert_counts(s, 1, IOVA_MAG_SIZE - 1, 0, 0);
	assert_int_equal(iova_space_stats(s).depot_got, 1);
}

static void test_a_range_freed_on_another_cpu_is_cached_there(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 1);

	iova_space_free(s, 1, pfn, 1);
	assert_counts(s, 0, 0, 0, 0);
	assert_counts(s, 1, 1, 0, 0);
	assert_int_equal(iova_space_alloc(s, 1, 1), pfn);
}

static void test_a_cached_range_above_the_limit_is_a_miss_that_changes_nothing(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 1), low;

	iova_space_free(s, 0, pfn, 1);
	assert_int_equal(dmp_iova_alloc(s->dom, 1, 0xff, 0, &low), 0);
	assert_int_equal(low, 0xff);
	assert_counts(s, 0, 1, 0, 0);
}

static void test_a_flush_gives_back_every_cpu_and_the_depot(void **state)
{
	struct iova_space *s = *state;

	fill(s, 0, 3 * IOVA_MAG_SIZE);
	fill(s, 1, 5);
	assert_int_equal(dmp_iova_flush(s->dom), 3 * IOVA_MAG_SIZE);
	assert_int_equal(iova_space_stats(s).nranges, 0);
	assert_counts(s, 0, 0, 0, 0);
}

static void test_reclaim_leaves_as_many_magazines_as_cpus_are_online(void **state)
{
	struct iova_space *s = *state;

	fill(s, 0, 6 * IOVA_MAG_SIZE);
	assert_int_equal(s->dom->classes[0].depot.nfull, 4);
	assert_int_equal(dmp_harness_advance(100 * MS - 1), 0);
	assert_int_equal(dmp_harness_advance(1), 1);
	assert_int_equal(s->dom->classes[0].depot.nfull, 3);
	assert_int_equal(dmp_harness_advance(1000 * MS), 2);
	assert_int_equal(s->dom->classes[0].depot.nfull, 2);
	assert_int_equal(iova_space_stats(s).depot_reclaimed, 2);
	assert_false(dmp_iova_inspect_reclaim(s->dom, 0));
}

static void test_a_later_push_does_not_move_the_reclaim(void **state)
{
	struct iova_space *s = *state;

	fill(s, 0, 2 * IOVA_MAG_SIZE + 1);
	assert_true(dmp_iova_inspect_reclaim(s->dom, 0));
	dmp_harness_advance(60 * MS);
	fill(s, 0, 4 * IOVA_MAG_SIZE);
	assert_int_equal(dmp_harness_advance(40 * MS), 1);
}

static void test_a_cpu_that_goes_offline_gives_its_ranges_back(void **state)
{
	struct iova_space *s = *state;

	fill(s, 1, 5);
	fill(s, 0, 3 * IOVA_MAG_SIZE);
	assert_int_equal(dmp_harness_set_online(0, false), 0);
	assert_counts(s, 0, 0, 0, 1);
	assert_counts(s, 1, 5, 0, 1);
	assert_int_equal(iova_space_stats(s).nranges, IOVA_MAG_SIZE + 5);
	dmp_harness_set_online(0, true);
}

static void test_without_a_block_for_the_cpu_the_policy_serves(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn;

	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 1, UINT64_MAX);
	pfn = iova_space_alloc(s, 0, 1);
	iova_space_free(s, 0, pfn, 1);
	assert_int_equal(iova_space_stats(s).nranges, 0);
	assert_int_equal(iova_space_stats(s).alloc_policy, 1);
	assert_int_equal(iova_space_stats(s).free_policy, 1);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 0, 0);
}

static void test_with_one_magazine_of_two_a_cpu_has_neither(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn;

	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_MAGAZINE, 2, 1);
	pfn = iova_space_alloc(s, 0, 1);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_MAGAZINE, 1, UINT64_MAX);
	iova_space_free(s, 0, pfn, 1);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_MAGAZINE, 0, 0);
	assert_int_equal(iova_space_stats(s).nranges, 0);
}

static void test_without_a_magazine_for_the_depot_a_range_goes_to_the_policy(void **state)
{
	struct iova_space *s = *state;
	uint64_t extra = iova_space_alloc(s, 0, 1);

	fill(s, 0, 2 * IOVA_MAG_SIZE);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_MAGAZINE, 1, UINT64_MAX);
	iova_space_free(s, 0, extra, 1);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_MAGAZINE, 0, 0);
	assert_counts(s, 0, IOVA_MAG_SIZE, IOVA_MAG_SIZE, 0);
	assert_int_equal(iova_space_stats(s).nranges, 2 * IOVA_MAG_SIZE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_freed_range_is_the_next_one_given_out),
		TEST(test_a_cached_range_stays_allocated_for_the_policy),
		TEST(test_classes_do_not_serve_each_other),
		TEST(test_a_full_loaded_magazine_is_swapped_for_prev),
		TEST(test_depot_holds_only_full_magazines),
		TEST(test_an_empty_cpu_takes_the_latest_magazine_of_the_depot),
		TEST(test_a_range_freed_on_another_cpu_is_cached_there),
		TEST(test_a_cached_range_above_the_limit_is_a_miss_that_changes_nothing),
		TEST(test_a_flush_gives_back_every_cpu_and_the_depot),
		TEST(test_reclaim_leaves_as_many_magazines_as_cpus_are_online),
		TEST(test_a_later_push_does_not_move_the_reclaim),
		TEST(test_a_cpu_that_goes_offline_gives_its_ranges_back),
		TEST(test_without_a_block_for_the_cpu_the_policy_serves),
		TEST(test_with_one_magazine_of_two_a_cpu_has_neither),
		TEST(test_without_a_magazine_for_the_depot_a_range_goes_to_the_policy),
	};

	return cmocka_run_group_tests_name("iova_cache", tests, NULL, NULL);
}
