// SPDX-License-Identifier: MIT
/*
 * test_iova_cache.c - proves I1, I3, I5, I6 of lib/iova/iova_cache.c, spec-iova
 * 1.7 and 1.8, and what iova_fast.h serves
 */
#include "heavy_fence.h"
#include "iova_space.h"

#include "iova_fast.h"

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
	struct iova_space *s = *state;

	if (s->nbugs)
		return -1;
	iova_space_close(s);
	return 0;
}

static void assert_counts(struct iova_space *s, unsigned cpu, uint32_t loaded, uint32_t prev,
			  unsigned ndepot)
{
	assert_int_equal(iova_space_count(s, DMP_IOVA_LOADED, cpu, 0), loaded);
	assert_int_equal(iova_space_count(s, DMP_IOVA_PREV, cpu, 0), prev);
	assert_int_equal(iova_space_depot(s, 0), ndepot);
}

static void fill(struct iova_space *s, unsigned cpu, unsigned n)
{
	iova_space_fill(s, cpu, n, 1);
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

/* The inline part. */

/* May the current CPU enter its cache without the lock? */
static bool has_bias(struct iova_space *s)
{
	bool has = dmp_bias_enter(dmp_bias_self, s->dom->bias) != &s->dom->no_pairs;

	dmp_bias_leave(dmp_bias_self);
	return has;
}

static void test_a_cpu_has_the_bias_after_its_first_request(void **state)
{
	struct iova_space *s = *state;

	need_heavy_fence();
	dmp_harness_become(0);
	assert_false(has_bias(s));
	iova_space_alloc(s, 0, 1);
	assert_true(has_bias(s));
	dmp_harness_become(1);
	assert_false(has_bias(s));
}

static void test_without_bias_nothing_is_served_inline(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = 77;

	fill(s, 0, 1);
	dmp_harness_become(1);
	assert_false(iova_fast_take(s->dom, 1, 0x100000, &pfn));
	assert_false(iova_fast_put(s->dom, 1, 5));
	assert_int_equal(pfn, 77);
	assert_int_equal(iova_space_stats(s).cached, 1);
}

/* In loaded, top first: c b a. */
static void test_the_inline_part_takes_the_topmost_and_puts_on_top(void **state)
{
	struct iova_space *s = *state;
	uint64_t a = iova_space_alloc(s, 0, 2), b = iova_space_alloc(s, 0, 2), pfn = 77;

	need_heavy_fence();
	iova_space_free(s, 0, a, 2);
	assert_true(iova_fast_put(s->dom, 2, b));
	assert_int_equal(iova_space_count(s, DMP_IOVA_LOADED, 0, 1), 2);
	assert_true(iova_fast_take(s->dom, 2, 0x100000, &pfn));
	assert_int_equal(pfn, b);
	assert_true(iova_fast_take(s->dom, 2, 0x100000, &pfn));
	assert_int_equal(pfn, a);
	assert_false(iova_fast_take(s->dom, 2, 0x100000, &pfn));
	assert_int_equal(iova_space_stats(s).alloc_cached, 2);
	assert_int_equal(iova_space_stats(s).free_cached, 2);
}

static void test_a_full_loaded_magazine_is_not_served_inline(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 1);

	fill(s, 0, MAGAZINE);
	assert_false(iova_fast_put(s->dom, 1, pfn));
	iova_space_free(s, 0, pfn, 1);
	assert_counts(s, 0, 1, MAGAZINE, 0);
}

/*
 *   one range of 4 granules, @pfn .. @pfn + 3
 *   end            pfn + 3 granules short, + 4 fits, 0 is that of a limit of all ones
 */
static void test_the_whole_range_must_end_below_the_limit_inline_too(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 4), got = 77;

	need_heavy_fence();
	iova_space_free(s, 0, pfn, 4);
	assert_false(iova_fast_take(s->dom, 4, pfn + 3, &got));
	assert_false(iova_fast_take(s->dom, 4, 0, &got));
	assert_int_equal(got, 77);
	assert_true(iova_fast_take(s->dom, 4, pfn + 4, &got));
	assert_int_equal(got, pfn);
	assert_true(iova_fast_put(s->dom, 4, pfn));
}

static void test_sizes_without_a_class_are_not_served_inline(void **state)
{
	static volatile uint64_t sizes[] = {0, 3, 32, 33, UINT64_MAX};
	struct iova_space s;
	uint64_t pfn = 77;
	size_t i;

	(void)state;
	iova_space_open(&s, 1, &DMP_IOVA_OPTS(.classes = 2));
	fill(&s, 0, 1);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_false(iova_fast_put(s.dom, sizes[i], 5));
		assert_false(iova_fast_take(s.dom, sizes[i], 0x100000, &pfn));
	}
	assert_int_equal(pfn, 77);
	assert_int_equal(iova_space_stats(&s).cached, 1);
	iova_space_close(&s);
}

static void test_each_size_finds_the_pair_of_its_class(void **state)
{
	struct iova_space *s = *state;
	uint64_t size, pfn, got = 77;

	need_heavy_fence();
	for (size = 1; size <= IOVA_FAST_GRANULES; size++) {
		pfn = iova_space_alloc(s, 0, size);
		iova_space_free(s, 0, pfn, size);
		assert_true(iova_fast_take(s->dom, size, 0x100000, &got));
		assert_int_equal(got, pfn);
		assert_true(iova_fast_put(s->dom, size, got));
		assert_int_equal(iova_space_count(s, DMP_IOVA_LOADED, 0, dmp_log2_ceil(size)), 1);
	}
}

/* The bias is a CPU's and a domain's: turns between domains cost no lock. */
static void test_a_cpu_keeps_the_bias_of_every_domain_it_uses(void **state)
{
	struct iova_space *s = *state;
	struct dmp_iova_domain *other;
	uint64_t a = iova_space_alloc(s, 0, 1), b = 77, got = 77;

	need_heavy_fence();
	assert_int_equal(dmp_iova_create(NULL, &other), 0);
	assert_int_equal(dmp_iova_alloc(other, 1, 0xfffff, 0, &b), 0);
	assert_true(iova_fast_put(s->dom, 1, a));
	assert_true(iova_fast_put(other, 1, b));
	assert_true(iova_fast_take(s->dom, 1, 0x100000, &got));
	assert_int_equal(got, a);
	assert_true(iova_fast_take(other, 1, 0x100000, &got));
	assert_int_equal(got, b);
	assert_int_equal(dmp_iova_destroy(other), 0);
	assert_true(has_bias(s));
	iova_space_free(s, 0, a, 1);
}

static void test_a_domain_that_goes_gives_its_slot_back(void **state)
{
	struct dmp_iova_domain *dom;
	unsigned i;

	(void)state;
	need_heavy_fence();
	for (i = 0; i < 2 * DMP_BIAS_SLOTS; i++) {
		assert_int_equal(dmp_iova_create(NULL, &dom), 0);
		assert_int_not_equal(dom->bias, 0);
		assert_int_equal(dmp_iova_destroy(dom), 0);
	}
}

/* With one slot a domain, more domains than slots: the others take the lock. */
static void test_domains_beyond_the_slots_work_by_the_lock(void **state)
{
	struct dmp_iova_domain *doms[DMP_BIAS_SLOTS + 1];
	uint64_t pfn, again;
	unsigned i;

	(void)state;
	need_heavy_fence();
	assert_int_equal(dmp_harness_enter(1), 0);
	for (i = 0; i <= DMP_BIAS_SLOTS; i++)
		assert_int_equal(dmp_iova_create(NULL, &doms[i]), 0);
	assert_int_equal(doms[DMP_BIAS_SLOTS]->bias, 0);
	for (i = 0; i <= DMP_BIAS_SLOTS; i++) {
		assert_int_equal(dmp_iova_alloc(doms[i], 1, 0xfffff, 0, &pfn), 0);
		assert_int_equal(dmp_iova_free(doms[i], pfn, 1), 0);
		assert_int_equal(dmp_iova_alloc(doms[i], 1, 0xfffff, 0, &again), 0);
		assert_int_equal(again, pfn);
	}
	for (i = 0; i <= DMP_BIAS_SLOTS; i++)
		assert_int_equal(dmp_iova_destroy(doms[i]), 0);
	assert_int_equal(dmp_harness_leave(), 0);
}

/* The number that threads may share is never biased, and its cache works. */
static void test_the_last_cpu_number_works_by_the_lock(void **state)
{
	struct iova_space s;
	uint64_t pfn;

	(void)state;
	need_heavy_fence();
	iova_space_open(&s, DMP_CPU_MAX, NULL);
	pfn = iova_space_alloc(&s, DMP_CPU_MAX - 1, 1);
	iova_space_free(&s, DMP_CPU_MAX - 1, pfn, 1);
	assert_false(has_bias(&s));
	assert_int_equal(iova_space_alloc(&s, DMP_CPU_MAX - 1, 1), pfn);
	assert_int_equal(iova_space_stats(&s).alloc_cached, 1);
	iova_space_close(&s);
}

/* The system has no membarrier if the test says so; the linker sends the port's calls here. */
static bool no_membarrier;

long __real_syscall(long number, long a, long b, long c); // NOLINT: the linker's names
long __wrap_syscall(long number, long a, long b, long c); // NOLINT

long __wrap_syscall(long number, long a, long b, long c) // NOLINT
{
	if (!no_membarrier)
		return __real_syscall(number, a, b, c);
	errno = ENOSYS;
	return -1;
}

static void test_without_membarrier_a_domain_works_by_the_lock(void **state)
{
	struct iova_space s;

	(void)state;
	need_heavy_fence();
	no_membarrier = true;
	iova_space_open(&s, 2, NULL);
	assert_int_equal(s.dom->bias, 0);
	fill(&s, 0, 3 * MAGAZINE);
	assert_counts(&s, 0, MAGAZINE, MAGAZINE, 1);
	fill(&s, 1, 5);
	assert_int_equal(iova_space_stats(&s).alloc_cached, 5);
	assert_int_equal(dmp_iova_flush(s.dom), 3 * MAGAZINE);
	iova_space_close(&s);
	no_membarrier = false;
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
		TEST(test_a_cpu_has_the_bias_after_its_first_request),
		TEST(test_without_bias_nothing_is_served_inline),
		TEST(test_the_inline_part_takes_the_topmost_and_puts_on_top),
		TEST(test_a_full_loaded_magazine_is_not_served_inline),
		TEST(test_the_whole_range_must_end_below_the_limit_inline_too),
		cmocka_unit_test(test_sizes_without_a_class_are_not_served_inline),
		TEST(test_each_size_finds_the_pair_of_its_class),
		TEST(test_a_cpu_keeps_the_bias_of_every_domain_it_uses),
		cmocka_unit_test(test_a_domain_that_goes_gives_its_slot_back),
		cmocka_unit_test(test_domains_beyond_the_slots_work_by_the_lock),
		cmocka_unit_test(test_the_last_cpu_number_works_by_the_lock),
		cmocka_unit_test(test_without_membarrier_a_domain_works_by_the_lock),
	};

	return cmocka_run_group_tests_name("iova_cache", tests, NULL, NULL);
}
