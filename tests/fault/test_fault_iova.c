// SPDX-License-Identifier: MIT
/*
 * test_fault_iova.c - the n-th bookkeeping allocation fails, for every n: the call that
 * needed it either does without or says -ENOMEM and changes nothing, and nothing leaks
 */
#include "iova_space.h"

#define NRANGES   (3 * 127u) /* three magazines of the default size */
#define NUNCACHED 40u

/* What the script could not get; the rest it gives back. */
struct tally {
	unsigned nfailed;
	bool was_created;
};

static uint64_t nranges(struct iova_space *s)
{
	return iova_space_stats(s).nranges;
}

/* An allocation that may fail for want of memory alone, and then changes nothing. */
static bool try_alloc(struct iova_space *s, struct tally *tally, unsigned flags, uint64_t *pfn)
{
	uint64_t before = nranges(s);
	int err = dmp_iova_alloc(s->dom, 1, 0xfffff, flags, pfn);

	if (!err)
		return true;
	assert_int_equal(err, -ENOMEM);
	assert_int_equal(nranges(s), before);
	tally->nfailed++;
	return false;
}

static void reserve(struct iova_space *s, struct tally *tally)
{
	uint64_t before = nranges(s);
	int err = dmp_iova_reserve(s->dom, 0x100, 0x1ff, NULL);

	if (!err)
		return;
	assert_int_equal(err, -ENOMEM);
	assert_int_equal(nranges(s), before);
	tally->nfailed++;
}

/* Fills two magazines, the depot and a bit more; another CPU lives from the depot. */
static void use_caches(struct iova_space *s, struct tally *tally, unsigned count)
{
	uint64_t pfns[NRANGES], pfn;
	unsigned i, n = 0;

	for (i = 0; i < count; i++)
		n += try_alloc(s, tally, 0, &pfns[n]);
	for (i = 0; i < n; i++)
		assert_int_equal(dmp_iova_free(s->dom, pfns[i], 1), 0);
	dmp_harness_become(1);
	if (try_alloc(s, tally, DMP_IOVA_FLUSH, &pfn))
		assert_int_equal(dmp_iova_free(s->dom, pfn, 1), 0);
	dmp_harness_set_online(0, false);
	dmp_iova_trim(s->dom);
	dmp_harness_advance(UINT64_C(1000000000));
}

/* A domain without a cache: what is taken is given back at once. */
static void use_policy(struct iova_space *s, struct tally *tally)
{
	uint64_t pfns[NUNCACHED];
	unsigned i, n = 0;
	int err;

	for (i = 0; i < NUNCACHED; i++) {
		err = dmp_iova_alloc_uncached(s->dom, 1 + i % 5, 0xfffff, DMP_IOVA_ALIGNED,
					      &pfns[n]);
		assert_true(err == 0 || err == -ENOMEM);
		n += err == 0;
		tally->nfailed += err != 0;
	}
	while (n > 0)
		assert_int_equal(dmp_iova_free_pfn(s->dom, pfns[--n], NULL), 0);
}

/* One life of a domain, while allocations of @kind fail; what is left is as the books say. */
static void live(struct tally *tally, const struct dmp_iova_opts *opts, enum dmp_harness_alloc kind,
		 uint64_t *nfailed)
{
	struct iova_space s = {0};
	int err = dmp_iova_create(opts, &s.dom);

	tally->was_created = err == 0;
	if (!err) {
		reserve(&s, tally);
		if (opts->flags & DMP_IOVA_NO_CACHE)
			use_policy(&s, tally);
		else
			use_caches(&s, tally,
				   opts->magazine_size ? 3 * opts->magazine_size : NRANGES);
	}
	*nfailed = dmp_harness_failed(kind);
	assert_int_equal(dmp_harness_fail_alloc(kind, 0, 0), 0); /* the walker needs memory */
	assert_int_equal(err, err ? -ENOMEM : 0);
	if (err)
		return;
	assert_int_equal(dmp_iova_check(s.dom), 0);
	assert_in_range(iova_space_stats(&s).live, 0, 1);
	assert_int_equal(dmp_iova_destroy(s.dom), 0);
}

static void fail_some(struct tally *tally, const struct dmp_iova_opts *opts,
		      enum dmp_harness_alloc kind, uint64_t nth, uint64_t count, uint64_t *nfailed)
{
	assert_int_equal(dmp_harness_enter(2), 0);
	assert_int_equal(dmp_harness_fail_alloc(kind, nth, count), 0);
	live(tally, opts, kind, nfailed);
	assert_int_equal(dmp_meta_in_use(), 0);
	assert_int_equal(dmp_harness_leave(), 0);
}

/* Fails the n-th allocation of @kind, for n = 1, 2, ... until none fails. */
static void fail_each(enum dmp_harness_alloc kind, const struct dmp_iova_opts *opts)
{
	struct tally tally = {0};
	uint64_t n = 0, nfailed;

	do
		fail_some(&tally, opts, kind, ++n, 1, &nfailed);
	while (nfailed > 0);
	assert_true(n > 1);
}

static const struct dmp_iova_policy *const policies[] = {
	&dmp_iova_policy_linux, &dmp_iova_policy_gap, &dmp_iova_policy_chunk,
	&dmp_iova_policy_bitmap, /* never behind a cache */
};
#define NPOLICIES 4u

/* Of every policy, with and without a cache. */
static void fail_each_everywhere(enum dmp_harness_alloc kind)
{
	for (unsigned i = 0; i < NPOLICIES; i++) {
		const struct dmp_iova_policy *policy = policies[i];

		fail_each(kind, &DMP_IOVA_OPTS(.start_pfn = 1, .policy = policy,
					       .flags = DMP_IOVA_NO_CACHE));
		if (!(policy->caps & DMP_IOVA_POLICY_DEFERS_REUSE))
			fail_each(kind, &DMP_IOVA_OPTS(.start_pfn = 1, .policy = policy,
						       .magazine_size = 7));
	}
}

static void test_a_domain_survives_each_failed_object(void **state)
{
	(void)state;
	fail_each_everywhere(DMP_HARNESS_ALLOC_OBJECT);
}

static void test_a_domain_survives_each_failed_allocation_of_any_kind(void **state)
{
	(void)state;
	fail_each_everywhere(DMP_HARNESS_ALLOC_ANY);
}

static void test_a_domain_survives_each_failed_range_record(void **state)
{
	static const struct dmp_iova_opts opts = {
		.size = sizeof(opts), .flags = DMP_IOVA_NO_CACHE, .start_pfn = 1};

	(void)state;
	fail_each(DMP_HARNESS_ALLOC_RANGE, &opts);
	fail_each(DMP_HARNESS_ALLOC_RANGE, &DMP_IOVA_OPTS(.start_pfn = 1));
}

static void test_a_domain_survives_each_failed_magazine(void **state)
{
	(void)state;
	fail_each(DMP_HARNESS_ALLOC_MAGAZINE, &DMP_IOVA_OPTS(.start_pfn = 1));
	fail_each(DMP_HARNESS_ALLOC_MAGAZINE,
		  &DMP_IOVA_OPTS(.start_pfn = 1, .magazine_size = 7, .depot_limit = 2,
				 .inflight_limit = 14, .trim_period_ns = 1000));
}

static void test_a_domain_survives_each_failed_cpu_block(void **state)
{
	(void)state;
	fail_each(DMP_HARNESS_ALLOC_PERCPU, &DMP_IOVA_OPTS(.start_pfn = 1));
}

static void test_without_any_memory_for_caches_the_policy_serves_all(void **state)
{
	static const enum dmp_harness_alloc kinds[] = {DMP_HARNESS_ALLOC_MAGAZINE,
						       DMP_HARNESS_ALLOC_PERCPU};
	struct tally tally = {0};
	uint64_t nfailed;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		fail_some(&tally, &DMP_IOVA_OPTS(.start_pfn = 1), kinds[i], 1, UINT64_MAX,
			  &nfailed);
		assert_true(nfailed > 0);
	}
	assert_true(tally.was_created);
	assert_int_equal(tally.nfailed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_domain_survives_each_failed_object),
		cmocka_unit_test(test_a_domain_survives_each_failed_range_record),
		cmocka_unit_test(test_a_domain_survives_each_failed_magazine),
		cmocka_unit_test(test_a_domain_survives_each_failed_cpu_block),
		cmocka_unit_test(test_a_domain_survives_each_failed_allocation_of_any_kind),
		cmocka_unit_test(test_without_any_memory_for_caches_the_policy_serves_all),
	};

	return cmocka_run_group_tests_name("fault_iova", tests, NULL, NULL);
}
