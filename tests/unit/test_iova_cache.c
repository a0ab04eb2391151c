// SPDX-License-Identifier: MIT
/*
 * test_iova_cache.c - proves I1, I3, I5, I6 of lib/iova/iova_cache.c, spec-iova 1.7 and 1.8; what
 * is served inline is in test_iova_fast
 */
#include "test_iova_cache_rig.h"

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

	fill(s, 0, MAGAZINE);
	assert_counts(s, 0, MAGAZINE, 0, 0);
	dmp_iova_flush(s->dom);
	fill(s, 0, MAGAZINE + 1);
	assert_counts(s, 0, 1, MAGAZINE, 0);
}

/*
 *   128 frees, 1 taken   loaded [0]    prev [127]
 *   one more taken       loaded [126]  prev [0]
 */
static void test_an_empty_loaded_magazine_is_swapped_for_prev(void **state)
{
	struct iova_space *s = *state;

	fill(s, 0, MAGAZINE + 1);
	iova_space_alloc(s, 0, 1);
	assert_counts(s, 0, 0, MAGAZINE, 0);
	iova_space_alloc(s, 0, 1);
	assert_counts(s, 0, MAGAZINE - 1, 0, 0);
}

/*
 *   254 frees   loaded [127]  prev [127]  depot -
 *   one more    loaded [1]    prev [127]  depot [127]
 */
static void test_depot_holds_only_full_magazines(void **state)
{
	struct iova_space *s = *state;

	fill(s, 0, 2 * MAGAZINE + 1);
	assert_counts(s, 0, 1, MAGAZINE, 1);
	assert_int_equal(iova_space_count(s, DMP_IOVA_DEPOT, 0, 0), MAGAZINE);
}

static void test_an_empty_cpu_takes_the_latest_magazine_of_the_depot(void **state)
{
	struct iova_space *s = *state;

	fill(s, 0, 2 * MAGAZINE + 1);
	iova_space_alloc(s, 1, 1);
	assert_counts(s, 1, MAGAZINE - 1, 0, 0);
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

	fill(s, 0, 2 * MAGAZINE);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_MAGAZINE, 1, UINT64_MAX);
	iova_space_free(s, 0, extra, 1);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_MAGAZINE, 0, 0);
	assert_counts(s, 0, MAGAZINE, MAGAZINE, 0);
	assert_int_equal(iova_space_stats(s).nranges, 2 * MAGAZINE);
}

static void test_magazines_have_the_size_that_was_asked_for(void **state)
{
	static const unsigned sizes[] = {7, 1023};
	struct iova_space s;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		iova_space_open(&s, 1, &DMP_IOVA_OPTS(.magazine_size = sizes[i]));
		fill(&s, 0, sizes[i] + 1);
		assert_counts(&s, 0, 1, sizes[i], 0);
		iova_space_close(&s);
	}
}

static void assert_cached(struct iova_space *s, uint64_t size, bool cached)
{
	uint64_t before = iova_space_stats(s).cached;

	iova_space_fill(s, 0, 1, size);
	assert_int_equal(iova_space_stats(s).cached - before, cached);
}

static void test_sizes_up_to_the_highest_class_are_cached(void **state)
{
	struct iova_space s;
	unsigned classes;

	(void)state;
	for (classes = 1; classes <= DMP_IOVA_CLASSES_MAX; classes++) {
		iova_space_open(&s, 1, &DMP_IOVA_OPTS(.classes = classes));
		assert_cached(&s, UINT64_C(1) << (classes - 1), true);
		assert_cached(&s, (UINT64_C(1) << (classes - 1)) + 1, false);
		iova_space_close(&s);
	}
}

static void test_a_class_of_1024_granules_gives_its_ranges_out_again(void **state)
{
	struct iova_space s;
	uint64_t pfn;

	(void)state;
	iova_space_open(&s, 1, &DMP_IOVA_OPTS(.classes = DMP_IOVA_CLASSES_MAX));
	pfn = iova_space_alloc(&s, 0, 1000);
	assert_int_equal(pfn % 1024, 0);
	iova_space_free(&s, 0, pfn, 1000);
	assert_int_equal(iova_space_alloc(&s, 0, 513), pfn);
	iova_space_free(&s, 0, pfn, 513);
	iova_space_close(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_freed_range_is_the_next_one_given_out),
		TEST(test_a_cached_range_stays_allocated_for_the_policy),
		TEST(test_classes_do_not_serve_each_other),
		TEST(test_a_full_loaded_magazine_is_swapped_for_prev),
		TEST(test_an_empty_loaded_magazine_is_swapped_for_prev),
		TEST(test_depot_holds_only_full_magazines),
		TEST(test_an_empty_cpu_takes_the_latest_magazine_of_the_depot),
		TEST(test_a_range_freed_on_another_cpu_is_cached_there),
		TEST(test_a_cached_range_above_the_limit_is_a_miss_that_changes_nothing),
		TEST(test_without_a_block_for_the_cpu_the_policy_serves),
		TEST(test_with_one_magazine_of_two_a_cpu_has_neither),
		TEST(test_without_a_magazine_for_the_depot_a_range_goes_to_the_policy),
		cmocka_unit_test(test_magazines_have_the_size_that_was_asked_for),
		cmocka_unit_test(test_sizes_up_to_the_highest_class_are_cached),
		cmocka_unit_test(test_a_class_of_1024_granules_gives_its_ranges_out_again),
	};

	return cmocka_run_group_tests_name("iova_cache", tests, NULL, NULL);
}
