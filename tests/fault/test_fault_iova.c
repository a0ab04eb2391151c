// SPDX-License-Identifier: MIT
/*
 * test_fault_iova.c - the n-th bookkeeping allocation fails, for every n: the call that
 * needed it either does without or says -ENOMEM and changes nothing, and nothing leaks
 */
#include "iova_space.h"

#define MAGAZINE 127u
#define NRANGES  (3 * MAGAZINE)

/* What the script could not get; the rest it gives back. */
struct tally {
	unsigned nfailed;
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
static void use_caches(struct iova_space *s, struct tally *tally)
{
	uint64_t pfns[NRANGES], pfn;
	unsigned i, n = 0;

	for (i = 0; i < NRANGES; i++)
		n += try_alloc(s, tally, 0, &pfns[n]);
	for (i = 0; i < n; i++)
		assert_int_equal(dmp_iova_free(s->dom, pfns[i], 1), 0);
	dmp_harness_become(1);
	if (try_alloc(s, tally, DMP_IOVA_FLUSH, &pfn))
		assert_int_equal(dmp_iova_free(s->dom, pfn, 1), 0);
	dmp_harness_advance(UINT64_C(1000000000));
}

/* One life of a domain; false if it could not be created. */
static bool live(struct tally *tally, unsigned flags)
{
	struct iova_space s = {0};
	int err = dmp_iova_create(&DMP_IOVA_OPTS(.start_pfn = 1, .flags = flags), &s.dom);

	if (err) {
		assert_int_equal(err, -ENOMEM);
		return false;
	}
	reserve(&s, tally);
	if (!(flags & DMP_IOVA_NO_CACHE))
		use_caches(&s, tally);
	assert_int_equal(dmp_iova_destroy(s.dom), 0);
	return true;
}

/* Fails the n-th allocation of @kind, for n = 1, 2, ... until none fails. */
static void fail_each(enum dmp_harness_alloc kind, unsigned flags)
{
	struct tally tally = {0};
	uint64_t n = 0;

	do {
		assert_int_equal(dmp_harness_enter(2), 0);
		assert_int_equal(dmp_harness_fail_alloc(kind, ++n, 1), 0);
		live(&tally, flags);
		assert_int_equal(dmp_meta_in_use(), 0);
		assert_int_equal(dmp_harness_leave(), 0);
	} while (dmp_harness_failed(kind) > 0);
	assert_true(n > 1);
	assert_int_equal(dmp_harness_fail_alloc(kind, 0, 0), 0);
}

static void test_a_domain_survives_each_failed_object(void **state)
{
	(void)state;
	fail_each(DMP_HARNESS_ALLOC_OBJECT, 0);
}

static void test_a_domain_survives_each_failed_range_record(void **state)
{
	(void)state;
	fail_each(DMP_HARNESS_ALLOC_RANGE, 0);
	fail_each(DMP_HARNESS_ALLOC_RANGE, DMP_IOVA_NO_CACHE);
}

static void test_a_domain_survives_each_failed_magazine(void **state)
{
	(void)state;
	fail_each(DMP_HARNESS_ALLOC_MAGAZINE, 0);
}

static void test_a_domain_survives_each_failed_cpu_block(void **state)
{
	(void)state;
	fail_each(DMP_HARNESS_ALLOC_PERCPU, 0);
}

static void test_a_domain_survives_without_any_memory_for_caches(void **state)
{
	struct tally tally = {0};

	(void)state;
	assert_int_equal(dmp_harness_enter(2), 0);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_MAGAZINE, 1, UINT64_MAX);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 1, UINT64_MAX);
	assert_true(live(&tally, 0));
	assert_int_equal(tally.nfailed, 0);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_MAGAZINE, 0, 0);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 0, 0);
	assert_int_equal(dmp_harness_leave(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_domain_survives_each_failed_object),
		cmocka_unit_test(test_a_domain_survives_each_failed_range_record),
		cmocka_unit_test(test_a_domain_survives_each_failed_magazine),
		cmocka_unit_test(test_a_domain_survives_each_failed_cpu_block),
		cmocka_unit_test(test_a_domain_survives_without_any_memory_for_caches),
	};

	return cmocka_run_group_tests_name("fault_iova", tests, NULL, NULL);
}
