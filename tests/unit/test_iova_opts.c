// SPDX-License-Identifier: MIT
/*
 * test_iova_opts.c - proves the defaults and bounds that lib/iova/iova_opts.c gives options
 */
#include "dmptest.h"

#include "iova_internal.h"

static void test_zero_is_every_default(void **state)
{
	struct dmp_iova_opts opts = {.size = sizeof(opts)};

	(void)state;
	assert_int_equal(iova_opts_check(&opts), 0);
	assert_int_equal(opts.granule, 4096);
	assert_ptr_equal(opts.policy, &dmp_iova_policy_linux);
	assert_int_equal(opts.magazine_size, 127);
	assert_int_equal(opts.classes, 6);
	assert_int_equal(opts.depot_limit, 0);
	assert_int_equal(opts.reclaim_threshold, 0);
	assert_int_equal(opts.reclaim_delay_ns, 100 * 1000 * 1000);
	assert_int_equal(opts.trim_period_ns, 0);
	assert_int_equal(opts.inflight_limit, 0);
}

struct opts_case {
	struct dmp_iova_opts opts;
	int err;
};

static void check_all(const struct opts_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct dmp_iova_opts opts = cases[i].opts;

		assert_int_equal(iova_opts_check(&opts), cases[i].err);
	}
}

#define CHECK_ALL(cases) check_all(cases, sizeof(cases) / sizeof((cases)[0]))

static void test_bounds_are_inclusive(void **state)
{
	static const struct opts_case cases[] = {
		{{.magazine_size = 6}, -EINVAL},
		{{.magazine_size = 7}, 0},
		{{.magazine_size = 1023}, 0},
		{{.magazine_size = 1024}, -EINVAL},
		{{.classes = 1}, 0},
		{{.classes = 11}, 0},
		{{.classes = 12}, -EINVAL},
		{{.granule = 1}, 0},
		{{.granule = 3}, -EINVAL},
		{{.granule = UINT64_C(1) << 32}, 0},
		{{.granule = UINT64_C(1) << 33}, -EINVAL},
		{{.start_pfn = (UINT64_C(1) << 52) - 1}, 0},
		{{.start_pfn = UINT64_C(1) << 52}, -EINVAL},
		{{.flags = 2}, -EINVAL},
	};

	(void)state;
	CHECK_ALL(cases);
}

static void test_a_depot_of_fixed_size_is_not_reclaimed(void **state)
{
	static const struct opts_case cases[] = {
		{{.depot_limit = 32}, 0},
		{{.depot_limit = 32, .reclaim_threshold = 1}, -EINVAL},
		{{.depot_limit = 32, .reclaim_delay_ns = 1}, -EINVAL},
		{{.reclaim_threshold = 1, .reclaim_delay_ns = 1}, 0},
		{{.depot_limit = 32, .inflight_limit = 64, .trim_period_ns = 1}, 0},
	};

	(void)state;
	CHECK_ALL(cases);
}

static void test_without_a_cache_its_options_make_no_sense(void **state)
{
	static const struct opts_case cases[] = {
		{{.flags = DMP_IOVA_NO_CACHE}, 0},
		{{.flags = DMP_IOVA_NO_CACHE, .magazine_size = 127}, -EINVAL},
		{{.flags = DMP_IOVA_NO_CACHE, .classes = 6}, -EINVAL},
		{{.flags = DMP_IOVA_NO_CACHE, .depot_limit = 1}, -EINVAL},
		{{.flags = DMP_IOVA_NO_CACHE, .reclaim_threshold = 1}, -EINVAL},
		{{.flags = DMP_IOVA_NO_CACHE, .reclaim_delay_ns = 1}, -EINVAL},
		{{.flags = DMP_IOVA_NO_CACHE, .trim_period_ns = 1}, -EINVAL},
		{{.flags = DMP_IOVA_NO_CACHE, .inflight_limit = 1}, -EINVAL},
	};

	(void)state;
	CHECK_ALL(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zero_is_every_default),
		cmocka_unit_test(test_bounds_are_inclusive),
		cmocka_unit_test(test_a_depot_of_fixed_size_is_not_reclaimed),
		cmocka_unit_test(test_without_a_cache_its_options_make_no_sense),
	};

	return cmocka_run_group_tests_name("iova_opts", tests, NULL, NULL);
}
