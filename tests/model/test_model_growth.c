// SPDX-License-Identifier: MIT
/*
 * test_model_growth.c - what allocation costs in the bad pattern of long-lived ranges: it grows
 * with their number without a cache, and does not with one (T12 of docs/sim-costs.md)
 *
 *   live:  n single granules in a row          the limit
 *          [.][.][.][.] ... [.][.][.][.][.][.]|
 *   turn:  the next but one from the limit goes, which moves the search's start there; a pair of
 *          granules does not fit into its place, and the search walks past all that are live
 *
 * Costs are counted: ranges that the walk of spec-iova 1.2 passes, by the model, whose addresses
 * are the library's; requests that reach the policy, by the library's statistics.  What the
 * augmented trees of `linux` and `gap` make of the walk is a matter of `dmapool bench iova`.
 */
#include "iova_space.h"
#include "model_iova.h"

#define FEW   500u
#define MANY  2000u /* four times as many */
#define TURNS 100u
#define LIMIT UINT64_C(0xfffff)

/* Takes the same place on both sides. */
static uint64_t take(struct iova_space *s, struct model_iova *m, uint64_t size)
{
	const struct model_iova_answer any = {0};
	uint64_t want = 0, pfn = 0;

	assert_true(model_iova_alloc(m, size, LIMIT, true, &any, &want));
	assert_int_equal(dmp_iova_alloc_uncached(s->dom, size, LIMIT, DMP_IOVA_ALIGNED, &pfn), 0);
	assert_int_equal(pfn, want);
	return pfn;
}

static void give_back(struct iova_space *s, struct model_iova *m, uint64_t pfn)
{
	struct dmp_iova_range removed;

	assert_true(model_iova_free_pfn(m, pfn, &removed));
	assert_int_equal(dmp_iova_free_pfn(s->dom, pfn, NULL), 0);
}

/* Ranges passed in one turn, on the average, with @n ranges live. */
static uint64_t steps_a_turn(unsigned n)
{
	const struct model_iova_opts opts = {
		.kind = MODEL_LINUX, .granule = 4096, .start_pfn = 1, .ncpus = 1};
	struct model_iova *m = model_iova_create(&opts);
	uint64_t *live = test_calloc(n + TURNS, sizeof(*live)), before, pair;
	struct iova_space s;
	unsigned i;

	iova_space_open(&s, 1, &DMP_IOVA_OPTS(.flags = DMP_IOVA_NO_CACHE, .start_pfn = 1));
	for (i = 0; i < n; i++)
		live[i] = take(&s, m, 1);
	before = model_iova_steps(m);
	for (i = 0; i < TURNS; i++) {
		give_back(&s, m, live[2 * i]);
		pair = take(&s, m, 2);
		live[n + i] = take(&s, m, 1);
		give_back(&s, m, pair);
	}
	before = model_iova_steps(m) - before;
	iova_space_close(&s);
	model_iova_destroy(m);
	test_free(live);
	return before / TURNS;
}

static void test_the_walk_of_linux_grows_with_the_number_of_live_ranges(void **state)
{
	uint64_t few = steps_a_turn(FEW), many = steps_a_turn(MANY);

	(void)state;
	assert_in_range(few, FEW / 2, 2 * FEW);
	assert_in_range(many, 3 * few, 5 * few);
}

/* Requests that reach the policy in all turns, with @n ranges live. */
static uint64_t policy_requests(const struct dmp_iova_policy *policy, unsigned n)
{
	uint64_t *live = test_calloc(n, sizeof(*live)), pair, before;
	struct iova_space s;
	unsigned i;

	iova_space_open(&s, 1, &DMP_IOVA_OPTS(.start_pfn = 1, .policy = policy));
	for (i = 0; i < n; i++)
		live[i] = iova_space_alloc(&s, 0, 1);
	pair = iova_space_alloc(&s, 0, 2);
	iova_space_free(&s, 0, pair, 2);
	before = iova_space_stats(&s).alloc_policy;
	for (i = 0; i < TURNS; i++) {
		iova_space_free(&s, 0, live[2 * i], 1);
		pair = iova_space_alloc(&s, 0, 2);
		live[2 * i] = iova_space_alloc(&s, 0, 1);
		iova_space_free(&s, 0, pair, 2);
	}
	before = iova_space_stats(&s).alloc_policy - before;
	iova_space_close(&s);
	test_free(live);
	return before;
}

static void test_behind_a_cache_no_request_walks_however_many_are_live(void **state)
{
	(void)state;
	assert_int_equal(policy_requests(&dmp_iova_policy_linux, FEW), 0);
	assert_int_equal(policy_requests(&dmp_iova_policy_linux, MANY), 0);
	assert_int_equal(policy_requests(&dmp_iova_policy_gap, FEW), 0);
	assert_int_equal(policy_requests(&dmp_iova_policy_gap, MANY), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_walk_of_linux_grows_with_the_number_of_live_ranges),
		cmocka_unit_test(test_behind_a_cache_no_request_walks_however_many_are_live),
	};

	return cmocka_run_group_tests_name("model_growth", tests, NULL, NULL);
}
