// SPDX-License-Identifier: MIT
/*
 * test_iova_stats.c - proves what a domain shows of itself, lib/iova/iova_stats.c
 */
#include "iova_space.h"

#include "iova_internal.h"

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

static void test_every_request_is_counted_once(void **state)
{
	struct iova_space *s = *state;
	struct dmp_iova_stats stats;
	uint64_t pfn = iova_space_alloc(s, 0, 1);

	iova_space_free(s, 0, pfn, 1);
	iova_space_free(s, 1, iova_space_alloc(s, 0, 1), 1);
	iova_space_free(s, 0, iova_space_alloc(s, 0, 64), 64);
	assert_int_equal(dmp_iova_alloc(s->dom, 1, UINT64_MAX, 0, &pfn), -ERANGE);
	stats = iova_space_stats(s);
	assert_int_equal(stats.alloc_policy, 2);
	assert_int_equal(stats.alloc_cached, 1);
	assert_int_equal(stats.alloc_failed, 1);
	assert_int_equal(stats.free_cached, 2);
	assert_int_equal(stats.free_policy, 1);
	assert_int_equal(stats.cached, 1);
	assert_int_equal(stats.nranges, 1);
}

static void test_magazines_are_counted_as_they_move(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfns[3 * MAGAZINE];
	unsigned i;

	for (i = 0; i < 3 * MAGAZINE; i++)
		pfns[i] = iova_space_alloc(s, 0, 1);
	for (i = 0; i < 3 * MAGAZINE; i++)
		iova_space_free(s, 0, pfns[i], 1);
	iova_space_alloc(s, 1, 1);
	assert_int_equal(iova_space_stats(s).depot_put, 1);
	assert_int_equal(iova_space_stats(s).depot_got, 1);
	dmp_iova_flush(s->dom);
	assert_int_equal(iova_space_stats(s).flushes, 1);
	assert_int_equal(iova_space_stats(s).cached, 0);
}

/*
 *   given out 3   reserved 1   cached: 130 of size 1 (two magazines and 3), 5 of size 8
 */
static void test_ranges_are_live_or_cached_by_class_or_in_a_depot(void **state)
{
	struct iova_space *s = *state;
	struct dmp_iova_stats stats;
	unsigned order;

	iova_space_fill(s, 0, 2 * MAGAZINE + 3, 1);
	iova_space_fill(s, 1, 5, 8);
	for (order = 1; order < 4; order++)
		iova_space_alloc(s, 1, UINT64_C(1) << (order == 3 ? 5 : order));
	assert_int_equal(dmp_iova_reserve(s->dom, 0x100000, 0x100010, NULL), 0);
	stats = iova_space_stats(s);
	assert_int_equal(stats.live, 3 + 1);
	assert_int_equal(stats.cached_by_class[0], 2 * MAGAZINE + 3);
	assert_int_equal(stats.cached_by_class[3], 5);
	assert_int_equal(stats.cached, 2 * MAGAZINE + 3 + 5);
	assert_int_equal(stats.depot, MAGAZINE);
	assert_int_equal(stats.nranges, stats.live + stats.cached);
}

static void test_what_a_flush_and_a_trim_gave_back_is_counted(void **state)
{
	struct iova_space *s = *state;

	iova_space_fill(s, 0, 4, 1);
	dmp_iova_trim(s->dom);
	dmp_iova_trim(s->dom);
	iova_space_fill(s, 0, 3, 1);
	dmp_iova_flush(s->dom);
	assert_int_equal(iova_space_stats(s).trimmed, 4);
	assert_int_equal(iova_space_stats(s).flushes, 1);
	assert_int_equal(iova_space_stats(s).free_cached, 4 + 3);
	assert_int_equal(iova_space_stats(s).alloc_cached, 0);
}

/*
 *   0x10        0x20..0x2f    0x50..0x5f          0xfff00 .. 0x1000ff        2^52 - 1
 *   | 16 free   | reserved    | reserved          | reserved over 4 GiB      |
 *               32 free between      0xffea0 free                the rest free
 */
static void test_gaps_are_measured_from_the_start_to_the_end_and_below_4_gib(void **state)
{
	struct iova_space s;
	struct dmp_iova_gaps gaps;
	const uint64_t above = (UINT64_C(1) << 52) - 0x100100, below = 0xfff00 - 0x60;

	(void)state;
	iova_space_open(&s, 1, &DMP_IOVA_OPTS(.start_pfn = 0x10));
	dmp_iova_reserve(s.dom, 0x20, 0x2f, NULL);
	dmp_iova_reserve(s.dom, 0x50, 0x5f, NULL);
	dmp_iova_reserve(s.dom, 0xfff00, 0x1000ff, NULL);
	assert_int_equal(dmp_iova_get_gaps(s.dom, &gaps, sizeof(gaps)), 0);
	assert_int_equal(gaps.ngaps, 4);
	assert_int_equal(gaps.free, 16 + 32 + below + above);
	assert_int_equal(gaps.largest, above);
	assert_int_equal(gaps.free32, 16 + 32 + below);
	assert_int_equal(gaps.largest32, below);
	assert_int_equal(gaps.fragmentation32, 1000 * 48 / (below + 48));
	iova_space_close(&s);
}

/* A limit may lie above the last pfn that has a 64-bit address; what is given there is in no gap,
 * and makes none longer. */
static void test_gaps_end_where_addresses_do(void **state)
{
	struct iova_space s;
	struct dmp_iova_gaps gaps;
	uint64_t pfn;

	(void)state;
	iova_space_open(&s, 1, &DMP_IOVA_OPTS(.start_pfn = 0x10));
	assert_int_equal(dmp_iova_alloc_uncached(s.dom, 1, UINT64_C(1) << 60, 0, &pfn), 0);
	assert_int_equal(pfn, UINT64_C(1) << 60);
	assert_int_equal(dmp_iova_get_gaps(s.dom, &gaps, sizeof(gaps)), 0);
	assert_int_equal(gaps.ngaps, 1);
	assert_int_equal(gaps.free, (UINT64_C(1) << 52) - 0x10);
	assert_int_equal(dmp_iova_free_pfn(s.dom, pfn, NULL), 0);
	iova_space_close(&s);
}

/* One range in two is given back: half of the space is free, in pieces of one granule. */
static void test_fragmentation_is_what_lies_outside_of_the_largest_gap(void **state)
{
	struct iova_space s;
	struct dmp_iova_gaps gaps;
	unsigned i;

	(void)state;
	iova_space_open(&s, 1, &DMP_IOVA_OPTS(.start_pfn = 0xfff00));
	assert_int_equal(dmp_iova_get_gaps(s.dom, &gaps, sizeof(gaps)), 0);
	assert_int_equal(gaps.ngaps, 1);
	assert_int_equal(gaps.fragmentation32, 0);
	for (i = 0; i < 0x100; i++)
		iova_space_alloc(&s, 0, 1);
	assert_int_equal(dmp_iova_get_gaps(s.dom, &gaps, sizeof(gaps)), 0);
	assert_int_equal(gaps.free32, 0);
	assert_int_equal(gaps.fragmentation32, 0);
	for (i = 0; i < 0x100; i += 2)
		assert_int_equal(dmp_iova_free_pfn(s.dom, 0xfff00 + i, NULL), 0);
	assert_int_equal(dmp_iova_get_gaps(s.dom, &gaps, sizeof(gaps)), 0);
	assert_int_equal(gaps.free32, 0x80);
	assert_int_equal(gaps.largest32, 1);
	assert_int_equal(gaps.fragmentation32, 1000 * 0x7f / 0x80);
	assert_int_equal(dmp_iova_get_gaps(NULL, &gaps, sizeof(gaps)), -EINVAL);
	assert_int_equal(dmp_iova_get_gaps(s.dom, &gaps, 0), -EINVAL);
	iova_space_close(&s);
}

/* Into the cache of the current CPU, past the search that a free makes at higher checks. */
static void cache_one(struct iova_space *s, unsigned order)
{
	uint64_t size = UINT64_C(1) << order, pfn;

	assert_int_equal(dmp_iova_alloc_uncached(s->dom, size, UINT32_MAX, DMP_IOVA_ALIGNED, &pfn),
			 0);
	assert_true(iova_cache_put(s->dom, order, pfn));
}

static void fill_all_magazines(struct iova_space *s, unsigned ncpus, unsigned ndepot, unsigned size)
{
	unsigned cpu, order, i, n;

	for (cpu = 0; cpu < ncpus; cpu++) {
		assert_int_equal(dmp_harness_become(cpu), 0);
		n = (cpu == 0 ? 2 + ndepot : 2) * size;
		for (order = 0; order < DMP_IOVA_CLASSES; order++)
			for (i = 0; i < n; i++)
				cache_one(s, order);
	}
}

/*
 * sim-costs T10: 256 CPUs with two magazines of six classes each, and 32 in each depot, keep 17
 * times the 24 K ranges that are ever needed.
 */
static void test_256_cpus_keep_as_many_ranges_as_was_published(void **state)
{
	static const struct {
		unsigned magazine;
		uint64_t cached;
	} cases[] = {{128, 417792}, {127, 414528}};
	struct iova_space s;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		iova_space_open(&s, 256,
				&DMP_IOVA_OPTS(.start_pfn = 1, .depot_limit = 32,
					       .magazine_size = cases[i].magazine));
		fill_all_magazines(&s, 256, 32, cases[i].magazine);
		assert_int_equal(iova_space_stats(&s).cached, cases[i].cached);
		assert_int_equal(iova_space_stats(&s).depot, 32 * 6 * cases[i].magazine);
		assert_int_equal(iova_space_stats(&s).depot_refused, 0);
		iova_space_close(&s);
	}
	assert_int_equal(cases[0].cached / (24 * 1024), 17);
}

static void test_a_shorter_struct_of_an_older_caller_gets_its_part(void **state)
{
	struct iova_space *s = *state;
	struct dmp_iova_stats stats;

	iova_space_alloc(s, 0, 1);
	memset(&stats, 0xff, sizeof(stats));
	assert_int_equal(dmp_iova_get_stats(s->dom, &stats, 2 * sizeof(uint64_t)), 0);
	assert_int_equal(stats.alloc_policy, 1);
	assert_int_equal(stats.alloc_failed, UINT64_MAX);
	assert_int_equal(dmp_iova_get_stats(s->dom, &stats, 0), -EINVAL);
	assert_int_equal(dmp_iova_get_stats(NULL, &stats, sizeof(stats)), -EINVAL);
}

static void test_a_magazine_shows_its_entries_bottom_to_top(void **state)
{
	struct iova_space *s = *state;
	struct dmp_iova_magazine_view view;
	uint64_t a = iova_space_alloc(s, 0, 2), b = iova_space_alloc(s, 0, 2);

	iova_space_free(s, 0, a, 2);
	iova_space_free(s, 0, b, 2);
	assert_int_equal(dmp_iova_inspect_magazine(s->dom, DMP_IOVA_LOADED, 0, 1, &view), 0);
	assert_int_equal(view.count, 2);
	assert_int_equal(view.pfns[0], a);
	assert_int_equal(view.pfns[1], b);
}

static void test_a_cpu_that_never_came_shows_empty_magazines(void **state)
{
	struct iova_space *s = *state;
	struct dmp_iova_magazine_view view;

	assert_int_equal(dmp_iova_inspect_magazine(s->dom, DMP_IOVA_PREV, 1, 0, &view), 0);
	assert_int_equal(view.count, 0);
}

static void test_magazines_that_cannot_be_are_refused(void **state)
{
	struct iova_space *s = *state;
	struct dmp_iova_magazine_view view;
	const unsigned order = DMP_IOVA_CLASSES;

	assert_int_equal(dmp_iova_inspect_magazine(s->dom, DMP_IOVA_PREV, 0, order, &view),
			 -EINVAL);
	assert_int_equal(dmp_iova_inspect_magazine(s->dom, DMP_IOVA_LOADED, DMP_CPU_MAX, 0, &view),
			 -EINVAL);
	assert_int_equal(dmp_iova_inspect_magazine(s->dom, DMP_IOVA_DEPOT, 0, 0, &view), -ENOENT);
	assert_false(dmp_iova_inspect_reclaim(s->dom, order));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_request_is_counted_once),
		TEST(test_magazines_are_counted_as_they_move),
		TEST(test_ranges_are_live_or_cached_by_class_or_in_a_depot),
		TEST(test_what_a_flush_and_a_trim_gave_back_is_counted),
		cmocka_unit_test(test_gaps_are_measured_from_the_start_to_the_end_and_below_4_gib),
		cmocka_unit_test(test_gaps_end_where_addresses_do),
		cmocka_unit_test(test_fragmentation_is_what_lies_outside_of_the_largest_gap),
		cmocka_unit_test(test_256_cpus_keep_as_many_ranges_as_was_published),
		TEST(test_a_shorter_struct_of_an_older_caller_gets_its_part),
		TEST(test_a_magazine_shows_its_entries_bottom_to_top),
		TEST(test_a_cpu_that_never_came_shows_empty_magazines),
		TEST(test_magazines_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests_name("iova_stats", tests, NULL, NULL);
}
