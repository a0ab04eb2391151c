// SPDX-License-Identifier: MIT
/*
 * test_bench_linear.c - proves that the policy to compare with gives what `gap` gives
 */
#include "dmptest.h"
#include "bench_linear.h"

#include <dmapool/bits.h>

#include <errno.h>

#define REQUESTS 3000u
#define LIVE     64u

static struct dmp_iova_domain *space_of(const struct dmp_iova_policy *policy)
{
	struct dmp_iova_domain *dom;

	assert_int_equal(dmp_iova_create(&DMP_IOVA_OPTS(.policy = policy, .start_pfn = 3,
							.flags = DMP_IOVA_NO_CACHE),
					 &dom),
			 0);
	return dom;
}

/* One of them freed at random, then a request of 1 to 8 granules, aligned or not, each under
 * a limit that leaves room for most. */
static void test_its_places_are_those_of_gap(void **state)
{
	struct dmp_iova_domain *ours = space_of(&bench_policy_linear);
	struct dmp_iova_domain *gap = space_of(&dmp_iova_policy_gap);
	uint64_t live[LIVE] = {0}, seed = 1;

	(void)state;
	for (unsigned i = 0; i < REQUESTS; i++) {
		uint64_t pfn = 0, wanted = 0;
		uint64_t *slot;
		unsigned flags;
		int err;

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		slot = &live[seed >> 33 & (LIVE - 1)];
		flags = seed >> 43 & 1 ? DMP_IOVA_ALIGNED : 0;
		if (*slot) {
			assert_int_equal(dmp_iova_free_pfn(ours, *slot, NULL), 0);
			assert_int_equal(dmp_iova_free_pfn(gap, *slot, NULL), 0);
		}
		err = dmp_iova_alloc_uncached(gap, 1 + (seed >> 40 & 7), 255, flags, &wanted);
		assert_int_equal(
			dmp_iova_alloc_uncached(ours, 1 + (seed >> 40 & 7), 255, flags, &pfn), err);
		assert_int_equal(pfn, wanted);
		*slot = wanted;
	}
	assert_int_equal(dmp_iova_check(ours), 0);
	assert_int_equal(dmp_iova_destroy(ours), 0);
	assert_int_equal(dmp_iova_destroy(gap), 0);
}

static void test_what_is_not_live_cannot_be_freed(void **state)
{
	struct dmp_iova_domain *dom = space_of(&bench_policy_linear);
	struct dmp_iova_range range;
	uint64_t pfn;

	(void)state;
	assert_int_equal(dmp_iova_alloc_uncached(dom, 4, 15, 0, &pfn), 0);
	assert_int_equal(pfn, 12);
	assert_int_equal(dmp_iova_find(dom, 14, &range), 0);
	assert_int_equal(range.lo, 12);
	assert_int_equal(dmp_iova_find(dom, 11, &range), -ENOENT);
	assert_int_equal(dmp_iova_next(dom, 12, &range), 0);
	assert_int_equal(range.hi, 15);
	assert_int_equal(dmp_iova_next(dom, 13, &range), -ENOENT);
	assert_int_equal(dmp_iova_free_pfn(dom, 14, &range), 0);
	assert_int_equal(dmp_iova_find(dom, 14, &range), -ENOENT);
	assert_int_equal(dmp_iova_destroy(dom), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_its_places_are_those_of_gap),
		cmocka_unit_test(test_what_is_not_live_cannot_be_freed),
	};

	return cmocka_run_group_tests_name("bench_linear", tests, NULL, NULL);
}
