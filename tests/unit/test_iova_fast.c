// SPDX-License-Identifier: MIT
/*
 * test_iova_fast.c - proves what lib/iova/iova_fast.h serves inline, to whom, and that a cache
 * works by its lock where nobody is served so
 */
#include "heavy_fence.h"
#include "no_membarrier.h"
#include "test_iova_cache_rig.h"

#include "iova_fast.h"

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

	return cmocka_run_group_tests_name("iova_fast", tests, NULL, NULL);
}
