// SPDX-License-Identifier: MIT
/*
 * test_iova_stats.c - proves what a domain shows of itself, lib/iova/iova_stats.c
 */
#include "iova_space.h"

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
		TEST(test_a_shorter_struct_of_an_older_caller_gets_its_part),
		TEST(test_a_magazine_shows_its_entries_bottom_to_top),
		TEST(test_a_cpu_that_never_came_shows_empty_magazines),
		TEST(test_magazines_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests_name("iova_stats", tests, NULL, NULL);
}
