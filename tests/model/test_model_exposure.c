// SPDX-License-Identifier: MIT
/*
 * test_model_exposure.c - random work of four devices behind three domains, against a model of what
 * exposure.h defines: windows, bytes, times, what was done meanwhile, and what a watch is told
 *
 * In manual time, where everything is exact.  Each test is a machine, tried with every policy.
 * DMP_TEST_ROUNDS is the number of steps, DMP_TEST_SEED the first of the seeds.
 */
#include "dmptest.h"

#include "exposure_match.h"
#include "rng.h"

#define ROUNDS 3000u
#define SEEDS  2u

#define PAGES_4K  (UINT64_C(1) << 12 | UINT64_C(1) << 21 | UINT64_C(1) << 30)
#define PAGES_64K (UINT64_C(1) << 16 | UINT64_C(1) << 21 | UINT64_C(1) << 29 | UINT64_C(1) << 34)

static const struct {
	enum dmp_flush_policy flush;
	uint32_t entries;
} policies[] = {
	{DMP_FLUSH_STRICT, 0},  {DMP_FLUSH_GUEST, 0},       {DMP_FLUSH_LAZY, 0},
	{DMP_FLUSH_LAZY, 16},   {DMP_FLUSH_LAZY_SINGLE, 0}, {DMP_FLUSH_MANUAL, 0},
	{DMP_FLUSH_MANUAL, 16}, {DMP_FLUSH_ON_REUSE, 0},
};

#define NPOLICIES (sizeof(policies) / sizeof(policies[0]))

/* Was there something of everything that can be? */
static void expect_seen(const struct exposure_case *c, const struct exposure_seen *seen)
{
	bool defers = c->flush != DMP_FLUSH_STRICT && c->flush != DMP_FLUSH_GUEST;

	assert_true(seen->could_windows > 0 && seen->did_windows > 0);
	assert_true(!c->ways || seen->evictions > 0);
	assert_true(!c->big || seen->big > 0);
	if (defers)
		assert_true(seen->stale && seen->mapped && seen->elsewhere && seen->freed);
	else
		assert_int_equal(seen->stale + seen->mapped + seen->elsewhere + seen->freed, 0);
}

static void match_machine(struct exposure_case machine)
{
	uint64_t rounds = rng_rounds_from_env(ROUNDS), seed = rng_seed_from_env(1);
	struct exposure_seen seen;

	for (size_t i = 0; i < NPOLICIES; i++)
		for (unsigned n = 0; n < SEEDS; n++) {
			struct exposure_case c = machine;

			c.flush = policies[i].flush;
			c.entries = policies[i].entries;
			c.big = machine.big && c.flush != DMP_FLUSH_ON_REUSE;
			c.touches = n;
			print_message("policy %u, %u entries, seed %llu\n", (unsigned)c.flush,
				      c.entries, (unsigned long long)(seed + n));
			exposure_match(&c, seed + n, rounds, &seen);
			if (rounds >= ROUNDS)
				expect_seen(&c, &seen);
		}
}

static void test_one_iotlb_without_evictions(void **state)
{
	(void)state;
	match_machine((struct exposure_case){
		.format = "vtd-48", .page_sizes = PAGES_4K, .iotlbs = 1, .big = true});
}

static void test_a_small_iotlb_that_evicts(void **state)
{
	(void)state;
	match_machine((struct exposure_case){
		.format = "vtd-48", .page_sizes = PAGES_4K, .iotlbs = 1, .ways = 12, .big = true});
}

static void test_two_iotlbs_and_device_tlbs(void **state)
{
	(void)state;
	match_machine((struct exposure_case){.format = "vtd-48",
					     .page_sizes = PAGES_4K,
					     .iotlbs = 2,
					     .devtlbs = true,
					     .big = true});
}

static void test_three_iotlbs_and_small_device_tlbs(void **state)
{
	(void)state;
	match_machine((struct exposure_case){.format = "vtd-48",
					     .page_sizes = PAGES_4K,
					     .iotlbs = 3,
					     .ways = 16,
					     .devtlbs = true,
					     .devtlb_ways = 6,
					     .big = true});
}

static void test_entries_of_big_pages(void **state)
{
	(void)state;
	match_machine((struct exposure_case){.format = "vtd-48",
					     .page_sizes = PAGES_4K,
					     .iotlbs = 2,
					     .ways = 8,
					     .iotlb_page_bytes = UINT64_C(2) << 20,
					     .big = true});
}

static void test_granules_of_64_kib(void **state)
{
	(void)state;
	match_machine((struct exposure_case){.format = "smmu-64k",
					     .page_sizes = PAGES_64K,
					     .iotlbs = 1,
					     .ways = 10,
					     .big = true});
}

static void test_granules_of_64_kib_in_one_entry(void **state)
{
	(void)state;
	match_machine((struct exposure_case){.format = "smmu-64k",
					     .page_sizes = PAGES_64K,
					     .iotlbs = 3,
					     .ways = 6,
					     .iotlb_page_bytes = UINT64_C(64) << 10,
					     .big = true});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_iotlb_without_evictions),
		cmocka_unit_test(test_a_small_iotlb_that_evicts),
		cmocka_unit_test(test_two_iotlbs_and_device_tlbs),
		cmocka_unit_test(test_three_iotlbs_and_small_device_tlbs),
		cmocka_unit_test(test_entries_of_big_pages),
		cmocka_unit_test(test_granules_of_64_kib),
		cmocka_unit_test(test_granules_of_64_kib_in_one_entry),
	};

	return cmocka_run_group_tests_name("model_exposure", tests, NULL, NULL);
}
