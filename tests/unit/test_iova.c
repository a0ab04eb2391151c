// SPDX-License-Identifier: MIT
/*
 * test_iova.c - proves what include/dmapool/iova.h promises of the calls in lib/iova/iova.c
 */
#include "iova_space.h"

#define ALL_ONES UINT64_MAX

static int setup(void **state)
{
	static struct iova_space s;

	iova_space_open(&s, 2, &DMP_IOVA_OPTS(.start_pfn = 1));
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	iova_space_close(*state);
	return 0;
}

static int create_error(const struct dmp_iova_opts *opts)
{
	struct dmp_iova_domain *dom = NULL;
	int err = dmp_iova_create(opts, &dom);

	assert_null(dom);
	return err;
}

static void test_options_that_make_no_sense_are_refused(void **state)
{
	struct dmp_iova_policy partial = dmp_iova_policy_linux;

	(void)state;
	partial.free_many = NULL;
	assert_int_equal(create_error(&DMP_IOVA_OPTS(.granule = 3000)), -EINVAL);
	assert_int_equal(create_error(&DMP_IOVA_OPTS(.granule = UINT64_C(1) << 33)), -EINVAL);
	assert_int_equal(create_error(&DMP_IOVA_OPTS(.flags = 0x80)), -EINVAL);
	assert_int_equal(create_error(&DMP_IOVA_OPTS(.start_pfn = UINT64_C(1) << 52)), -EINVAL);
	assert_int_equal(create_error(&DMP_IOVA_OPTS(.policy = &partial)), -EINVAL);
	assert_int_equal(create_error(&(struct dmp_iova_opts){.size = 2}), -EINVAL);
	assert_int_equal(dmp_iova_create(NULL, NULL), -EINVAL);
	assert_int_equal(dmp_meta_in_use(), 0);
}

static void test_an_option_of_a_newer_header_is_e2big(void **state)
{
	struct {
		struct dmp_iova_opts known;
		uint64_t newer;
	} opts = {.known.size = sizeof(opts), .newer = 1};

	(void)state;
	assert_int_equal(create_error(&opts.known), -E2BIG);
}

static void test_a_policy_that_defers_reuse_is_refused_behind_a_cache(void **state)
{
	struct dmp_iova_policy deferring = dmp_iova_policy_linux;
	struct dmp_iova_domain *dom;

	(void)state;
	deferring.caps = DMP_IOVA_POLICY_DEFERS_REUSE;
	assert_int_equal(create_error(&DMP_IOVA_OPTS(.policy = &deferring)), -EINVAL);
	assert_int_equal(
		dmp_iova_create(&DMP_IOVA_OPTS(.policy = &deferring, .flags = DMP_IOVA_NO_CACHE),
				&dom),
		0);
	assert_int_equal(dmp_iova_destroy(dom), 0);
}

static void test_a_policy_of_an_older_header_lacks_the_optional_members(void **state)
{
	struct dmp_iova_policy older = dmp_iova_policy_linux;
	struct dmp_iova_policy_state shown;
	struct dmp_iova_stats stats;
	struct dmp_iova_domain *dom;
	uint64_t pfn;

	(void)state;
	older.size = offsetof(struct dmp_iova_policy, inspect);
	assert_int_equal(dmp_iova_create(&DMP_IOVA_OPTS(.policy = &older), &dom), 0);
	assert_int_equal(dmp_iova_alloc(dom, 1, 0xfffff, 0, &pfn), 0);
	assert_int_equal(dmp_iova_inspect_policy(dom, &shown), -ENOTSUP);
	assert_int_equal(dmp_iova_get_stats(dom, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.nranges, 1);
	assert_int_equal(dmp_iova_destroy(dom), 0);
}

static void test_a_policy_of_a_newer_header_may_not_ask_for_what_is_not_known(void **state)
{
	struct {
		struct dmp_iova_policy known;
		void *member; /* of that header */
	} newer = {.known = dmp_iova_policy_linux};
	struct dmp_iova_domain *dom;

	(void)state;
	newer.known.size = sizeof(newer);
	assert_int_equal(dmp_iova_create(&DMP_IOVA_OPTS(.policy = &newer.known), &dom), 0);
	assert_int_equal(dmp_iova_destroy(dom), 0);
	newer.member = &newer;
	assert_int_equal(create_error(&DMP_IOVA_OPTS(.policy = &newer.known)), -E2BIG);
	newer.member = NULL;
	newer.known.caps = 1u << 31;
	assert_int_equal(
		create_error(&DMP_IOVA_OPTS(.policy = &newer.known, .flags = DMP_IOVA_NO_CACHE)),
		-EINVAL);
}

static void test_requests_that_make_no_sense_are_refused(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = 77;

	assert_int_equal(dmp_iova_alloc(s->dom, 0, 0xfffff, 0, &pfn), -EINVAL);
	assert_int_equal(dmp_iova_alloc(s->dom, 1, 0xfffff, DMP_IOVA_ALIGNED, &pfn), -EINVAL);
	if (DMP_CHECKS >= 1) /* an instruction in twenty: not below */
		assert_int_equal(dmp_iova_alloc(NULL, 1, 0xfffff, 0, &pfn), -EINVAL);
	assert_int_equal(dmp_iova_alloc_uncached(s->dom, 0, 0xfffff, 0, &pfn), -EINVAL);
	assert_int_equal(dmp_iova_alloc_uncached(s->dom, 1, 0xfffff, DMP_IOVA_FLUSH, &pfn),
			 -EINVAL);
	assert_int_equal(dmp_iova_free(s->dom, 5, 0), -EINVAL);
	assert_int_equal(dmp_iova_destroy(NULL), -EINVAL);
	assert_int_equal(pfn, 77);
}

static void test_a_domain_without_a_cache_has_the_uncached_calls_only(void **state)
{
	struct dmp_iova_domain *dom;
	uint64_t pfn;

	(void)state;
	assert_int_equal(dmp_iova_create(&DMP_IOVA_OPTS(.flags = DMP_IOVA_NO_CACHE), &dom), 0);
	assert_int_equal(dmp_iova_alloc(dom, 1, 0xfffff, 0, &pfn), -EINVAL);
	assert_int_equal(dmp_iova_free(dom, 5, 1), -EINVAL);
	assert_int_equal(dmp_iova_flush(dom), 0);
	assert_int_equal(dmp_iova_alloc_uncached(dom, 1, 0xfffff, 0, &pfn), 0);
	assert_int_equal(dmp_iova_free_pfn(dom, pfn, NULL), 0);
	assert_int_equal(dmp_iova_check(dom), 0);
	assert_int_equal(dmp_iova_destroy(dom), 0);
}

static void test_sizes_below_32_are_rounded_up_to_a_power_of_two(void **state)
{
	struct iova_space *s = *state;
	static const struct {
		uint64_t asked, given;
	} cases[] = {{1, 1}, {3, 4}, {5, 8}, {17, 32}, {31, 32}, {32, 32}, {33, 33}};
	struct dmp_iova_range range;
	uint64_t pfn;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pfn = iova_space_alloc(s, 0, cases[i].asked);
		assert_int_equal(dmp_iova_find(s->dom, pfn, &range), 0);
		assert_int_equal(range.hi - range.lo + 1, cases[i].given);
		iova_space_free(s, 0, pfn, cases[i].asked);
	}
}

static void test_sizes_above_32_are_given_back_at_once(void **state)
{
	struct iova_space *s = *state;

	iova_space_free(s, 0, iova_space_alloc(s, 0, 33), 33);
	assert_int_equal(iova_space_stats(s).nranges, 0);
}

static void test_a_limit_of_all_ones_is_erange_and_changes_nothing(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = 77;

	iova_space_free(s, 0, iova_space_alloc(s, 0, 1), 1);
	assert_int_equal(dmp_iova_alloc(s->dom, 1, ALL_ONES, DMP_IOVA_FLUSH, &pfn), -ERANGE);
	assert_int_equal(dmp_iova_alloc_uncached(s->dom, 1, ALL_ONES, 0, &pfn), -ERANGE);
	assert_int_equal(pfn, 77);
	assert_int_equal(iova_space_state(s).ceiling, 0x100000);
	assert_int_equal(iova_space_stats(s).cached, 1);
	assert_int_equal(iova_space_stats(s).flushes, 0);
}

static void test_a_size_beyond_the_limit_is_erange_and_moves_the_ceiling(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = 77;

	assert_int_equal(dmp_iova_alloc(s->dom, 32, 0xf, 0, &pfn), -ERANGE);
	assert_int_equal(pfn, 77);
	assert_int_equal(iova_space_state(s).ceiling, 32);
	assert_int_equal(dmp_iova_alloc_uncached(s->dom, 16, 0xf, 0, &pfn), -ERANGE);
	assert_int_equal(iova_space_state(s).ceiling, 16);
	assert_int_equal(dmp_iova_alloc_uncached(s->dom, 8, 0x8, DMP_IOVA_ALIGNED, &pfn), -ERANGE);
	assert_int_equal(dmp_iova_alloc_uncached(s->dom, 16, 0xfffff, 0, &pfn), -ENOSPC);
}

static void test_a_huge_aligned_size_is_erange(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn;

	assert_int_equal(dmp_iova_alloc(s->dom, (UINT64_C(1) << 63) + 1, ALL_ONES - 1, 0, &pfn),
			 -ERANGE);
	assert_int_equal(dmp_iova_alloc(s->dom, ALL_ONES, ALL_ONES - 1, 0, &pfn), -ERANGE);
}

static void test_a_cached_range_beyond_the_limit_is_not_given_out(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 32);

	iova_space_free(s, 0, pfn, 32);
	assert_int_equal(dmp_iova_alloc(s->dom, 32, 0xf, 0, &pfn), -ERANGE);
	assert_int_equal(iova_space_stats(s).cached, 1);
}

static void test_a_full_space_is_enospc_and_a_flush_helps(void **state)
{
	struct dmp_iova_domain *dom;
	uint64_t pfn, other;

	(void)state;
	assert_int_equal(dmp_iova_create(&DMP_IOVA_OPTS(.start_pfn = 0xffffe), &dom), 0);
	assert_int_equal(dmp_iova_alloc(dom, 2, 0xfffff, 0, &pfn), 0);
	assert_int_equal(dmp_iova_alloc(dom, 1, 0xfffff, DMP_IOVA_FLUSH, &other), -ENOSPC);
	assert_int_equal(dmp_iova_free(dom, pfn, 2), 0);
	assert_int_equal(dmp_iova_alloc(dom, 1, 0xfffff, 0, &other), -ENOSPC);
	assert_int_equal(dmp_iova_alloc(dom, 1, 0xfffff, DMP_IOVA_FLUSH, &other), 0);
	assert_int_equal(other, 0xfffff);
	assert_int_equal(dmp_iova_destroy(dom), 0);
}

static void test_pfn_0_is_an_address(void **state)
{
	struct dmp_iova_domain *dom;
	uint64_t pfn = 77;

	(void)state;
	assert_int_equal(dmp_iova_create(NULL, &dom), 0);
	assert_int_equal(dmp_iova_alloc(dom, 1, 0, 0, &pfn), 0);
	assert_int_equal(pfn, 0);
	assert_int_equal(dmp_iova_free(dom, 0, 1), 0);
	assert_int_equal(dmp_iova_destroy(dom), 0);
}

static void test_a_large_free_of_what_is_not_live_is_reported(void **state)
{
	struct iova_space *s = *state;

	assert_int_equal(dmp_iova_free(s->dom, 0x5, 64), -ENOENT);
	assert_int_equal(dmp_iova_free_pfn(s->dom, 0x5, NULL), -ENOENT);
	assert_int_equal(s->nbugs, 2);
}

static void test_a_limit_below_the_start_is_erange(void **state)
{
	struct dmp_iova_domain *dom;
	uint64_t pfn = 77;

	(void)state;
	assert_int_equal(dmp_iova_create(&DMP_IOVA_OPTS(.start_pfn = 0x100), &dom), 0);
	assert_int_equal(dmp_iova_alloc(dom, 1, 0xff, 0, &pfn), -ERANGE);
	assert_int_equal(dmp_iova_alloc_uncached(dom, 1, 0xff, 0, &pfn), -ERANGE);
	assert_int_equal(pfn, 77);
	assert_int_equal(dmp_iova_destroy(dom), 0);
}

static void test_a_range_of_the_policy_is_given_back_once(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn;

	assert_int_equal(dmp_iova_alloc_uncached(s->dom, 5, 0xfffff, 0, &pfn), 0);
	assert_int_equal(dmp_iova_free_pfn(s->dom, pfn + 4, NULL), 0);
	assert_int_equal(dmp_iova_free_pfn(s->dom, pfn + 4, NULL), -ENOENT);
	pfn = iova_space_alloc(s, 0, 64);
	iova_space_free(s, 0, pfn, 64);
	assert_int_equal(dmp_iova_free(s->dom, pfn, 64), -ENOENT);
	assert_int_equal(s->nbugs, 2);
}

/* What a domain shows of itself, in one piece. */
struct shown {
	struct dmp_iova_stats stats;
	struct dmp_iova_gaps gaps;
	struct dmp_iova_policy_state policy;
};

static struct shown show(struct iova_space *s)
{
	struct shown shown;

	shown.stats = iova_space_stats(s);
	shown.policy = iova_space_state(s);
	assert_int_equal(dmp_iova_get_gaps(s->dom, &shown.gaps, sizeof(shown.gaps)), 0);
	return shown;
}

/* All but -ERANGE and -ENOSPC of an allocation, which are counted and move the ceiling. */
static void test_a_refused_call_leaves_the_domain_as_it_was(void **state)
{
	struct iova_space *s = *state;
	uint64_t held = iova_space_alloc(s, 0, 4), pfn = 77;
	struct dmp_iova_range range = {7, 7};
	struct shown before, after;

	iova_space_fill(s, 0, 3, 4);
	before = show(s);
	assert_int_equal(dmp_iova_alloc(s->dom, 0, 0xfffff, 0, &pfn), -EINVAL);
	assert_int_equal(dmp_iova_alloc(s->dom, 1, 0xfffff, 1u << 7, &pfn), -EINVAL);
	assert_int_equal(dmp_iova_alloc_uncached(s->dom, 0, 0xfffff, 0, &pfn), -EINVAL);
	assert_int_equal(dmp_iova_alloc_uncached(s->dom, 1, 0xfffff, 1u << 7, &pfn), -EINVAL);
	assert_int_equal(dmp_iova_reserve(s->dom, 6, 5, &range), -EINVAL);
	assert_int_equal(dmp_iova_reserve(s->dom, 6, UINT64_C(1) << 52, &range), -ERANGE);
	assert_int_equal(dmp_iova_find(s->dom, 0x5, &range), -ENOENT);
	assert_int_equal(dmp_iova_free_pfn(s->dom, 0x5, &range), -ENOENT);
	assert_int_equal(dmp_iova_free(s->dom, held, 0), -EINVAL);
	assert_int_equal(dmp_iova_free(s->dom, 0x5, 64), -ENOENT);
	if (DMP_CHECKS >= 1)
		assert_int_equal(dmp_iova_free(s->dom, held, 2), -EINVAL);
	after = show(s);
	assert_memory_equal(&after, &before, sizeof(after));
	assert_int_equal(pfn, 77);
	assert_int_equal(range.lo, 7);
	iova_space_free(s, 0, held, 4);
}

static void test_a_reservation_is_kept_from_being_given_out(void **state)
{
	struct iova_space *s = *state;
	struct dmp_iova_range range;

	assert_int_equal(dmp_iova_reserve(s->dom, 0xffff0, 0xfffff, &range), 0);
	assert_int_equal(range.lo, 0xffff0);
	assert_int_equal(iova_space_alloc(s, 0, 1), 0xfffef);
	assert_int_equal(dmp_iova_free_pfn(s->dom, 0xfffff, &range), 0);
	assert_int_equal(range.lo, 0xffff0);
}

static void test_reservations_out_of_the_space_are_refused(void **state)
{
	struct iova_space *s = *state;
	struct dmp_iova_domain *bytes;
	const uint64_t top = UINT64_C(1) << 52;

	assert_int_equal(dmp_iova_reserve(s->dom, 6, 5, NULL), -EINVAL);
	assert_int_equal(dmp_iova_reserve(s->dom, top - 1, top, NULL), -ERANGE);
	assert_int_equal(dmp_iova_reserve(s->dom, top - 1, top - 1, NULL), 0);
	assert_int_equal(dmp_iova_create(&DMP_IOVA_OPTS(.granule = 1), &bytes), 0);
	assert_int_equal(dmp_iova_reserve(bytes, 5, ALL_ONES, NULL), -EINVAL);
	assert_int_equal(dmp_iova_destroy(bytes), 0);
}

static void test_a_cached_range_is_given_out_again_in_spite_of_a_reservation(void **state)
{
	struct iova_space s;
	uint64_t pfn;

	(void)state;
	iova_space_open(&s, 1, NULL);
	pfn = iova_space_alloc(&s, 0, 1);
	iova_space_free(&s, 0, pfn, 1);
	assert_int_equal(dmp_iova_reserve(s.dom, pfn, pfn, NULL), 0);
	assert_int_equal(iova_space_alloc(&s, 0, 1), pfn);
	iova_space_free(&s, 0, pfn, 1);
	assert_int_equal(dmp_iova_flush(s.dom), 1);
	assert_int_equal(dmp_iova_reserve(s.dom, pfn, pfn, NULL), 0);
	assert_int_not_equal(iova_space_alloc(&s, 0, 1), pfn);
	iova_space_close(&s);
}

/* Two pfns: what is given back comes again when both have been given out, an epoch later. */
static void test_an_epoch_comes_with_each_address_of_a_policy_that_has_them(void **state)
{
	uint64_t pfn = 77, epoch = 77, first, at;
	struct dmp_iova_domain *dom;

	(void)state;
	assert_int_equal(dmp_iova_create(&DMP_IOVA_OPTS(.policy = &dmp_iova_policy_bitmap,
							.flags = DMP_IOVA_NO_CACHE),
					 &dom),
			 0);
	assert_int_equal(dmp_iova_alloc_epoch(dom, 1, 1, 0, &first, &epoch), 0);
	assert_int_equal(epoch, 0);
	assert_int_equal(dmp_iova_alloc_epoch(dom, 1, 1, 0, &pfn, &epoch), 0);
	assert_int_equal(epoch, 0);
	epoch = 77;
	assert_int_equal(dmp_iova_alloc_epoch(dom, 1, 1, 0, &at, &epoch), -ENOSPC);
	assert_int_equal(epoch, 77);
	assert_int_equal(dmp_iova_free_pfn(dom, first, NULL), 0);
	assert_int_equal(dmp_iova_alloc_epoch(dom, 1, 1, 0, &at, &epoch), 0);
	assert_int_equal(at, first);
	assert_int_equal(epoch, 1);
	assert_int_equal(dmp_iova_destroy(dom), 0);
}

static void test_without_epochs_it_is_always_0(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = 77, epoch = 77;

	assert_int_equal(dmp_iova_alloc_epoch(s->dom, 0, 0xfffff, 0, &pfn, &epoch), -EINVAL);
	assert_int_equal(dmp_iova_alloc_epoch(s->dom, 1, 0xfffff, 0, &pfn, NULL), -EINVAL);
	assert_int_equal(dmp_iova_alloc_epoch(s->dom, 1, 0xfffff, 0, NULL, &epoch), -EINVAL);
	assert_int_equal(dmp_iova_alloc_epoch(NULL, 1, 0xfffff, 0, &pfn, &epoch), -EINVAL);
	assert_int_equal(dmp_iova_alloc_epoch(s->dom, 1, 0xfffff, DMP_IOVA_FLUSH, &pfn, &epoch),
			 -EINVAL);
	assert_int_equal(dmp_iova_alloc_epoch(s->dom, 1, ALL_ONES, 0, &pfn, &epoch), -ERANGE);
	assert_int_equal(pfn, 77);
	assert_int_equal(epoch, 77);
	assert_int_equal(dmp_iova_alloc_epoch(s->dom, 3, 0xfffff, DMP_IOVA_ALIGNED, &pfn, &epoch),
			 0);
	assert_int_equal(epoch, 0);
	assert_int_equal(pfn % 4, 0);
	assert_int_equal(dmp_iova_free_pfn(s->dom, pfn, NULL), 0);
}

static void test_bitmap_alone_defers_reuse(void **state)
{
	struct dmp_iova_policy stub = dmp_iova_policy_bitmap;

	(void)state;
	assert_true(dmp_iova_policy_defers_reuse(&dmp_iova_policy_bitmap));
	assert_false(dmp_iova_policy_defers_reuse(&dmp_iova_policy_linux));
	assert_false(dmp_iova_policy_defers_reuse(&dmp_iova_policy_gap));
	assert_false(dmp_iova_policy_defers_reuse(&dmp_iova_policy_chunk));
	assert_false(dmp_iova_policy_defers_reuse(NULL));
	stub.size = offsetof(struct dmp_iova_policy, caps);
	assert_false(dmp_iova_policy_defers_reuse(&stub));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_that_make_no_sense_are_refused),
		cmocka_unit_test(test_an_option_of_a_newer_header_is_e2big),
		cmocka_unit_test(test_a_policy_that_defers_reuse_is_refused_behind_a_cache),
		cmocka_unit_test(test_a_policy_of_an_older_header_lacks_the_optional_members),
		cmocka_unit_test(test_a_policy_of_a_newer_header_may_not_ask_for_what_is_not_known),
		TEST(test_requests_that_make_no_sense_are_refused),
		cmocka_unit_test(test_a_domain_without_a_cache_has_the_uncached_calls_only),
		TEST(test_sizes_below_32_are_rounded_up_to_a_power_of_two),
		TEST(test_sizes_above_32_are_given_back_at_once),
		TEST(test_a_limit_of_all_ones_is_erange_and_changes_nothing),
		TEST(test_a_size_beyond_the_limit_is_erange_and_moves_the_ceiling),
		TEST(test_a_huge_aligned_size_is_erange),
		TEST(test_a_cached_range_beyond_the_limit_is_not_given_out),
		cmocka_unit_test(test_a_full_space_is_enospc_and_a_flush_helps),
		cmocka_unit_test(test_pfn_0_is_an_address),
		TEST(test_a_large_free_of_what_is_not_live_is_reported),
		cmocka_unit_test(test_a_limit_below_the_start_is_erange),
		TEST(test_a_range_of_the_policy_is_given_back_once),
		TEST(test_a_refused_call_leaves_the_domain_as_it_was),
		TEST(test_a_reservation_is_kept_from_being_given_out),
		TEST(test_reservations_out_of_the_space_are_refused),
		cmocka_unit_test(test_a_cached_range_is_given_out_again_in_spite_of_a_reservation),
		cmocka_unit_test(test_an_epoch_comes_with_each_address_of_a_policy_that_has_them),
		TEST(test_without_epochs_it_is_always_0),
		cmocka_unit_test(test_bitmap_alone_defers_reuse),
	};

	return cmocka_run_group_tests_name("iova", tests, NULL, NULL);
}
