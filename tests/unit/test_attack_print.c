// SPDX-License-Identifier: MIT
/*
 * test_attack_print.c - proves that the table tells what was attacked, what was reached, and
 * what that means
 */
#include "test_attack_rig.h"

static struct trace_plan no_plan;

static char *printed_of(const struct attack_opts *opts, const struct attack_result *r)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	attack_print_head(to, opts, &(struct replay_answer){.path = "few", .plan = &no_plan});
	attack_print_result(to, opts, r);
	attack_print_notes(to, r);
	fclose(to);
	return text;
}

static char *printed(const struct attack_result *r)
{
	return printed_of(&(struct attack_opts){.attempts = 20000}, r);
}

#define EXPECT(text, what) assert_non_null(strstr(text, what))

static void test_a_row_has_the_policy_its_counts_and_the_verdict(void **state)
{
	struct attack_result r = attacked(ONE_UNMAP, "lazy");
	char *text;

	(void)state;
	memset(&r.counts, 0, sizeof(r.counts));
	r.counts.by[ATTACK_LIVE][0][ATTACK_DONE] = 11;
	r.counts.by[ATTACK_OPEN][0][DMP_FAULT_STALE] = 12;
	r.counts.by[ATTACK_OPEN][1][DMP_FAULT_STALE] = 13;
	r.counts.by[ATTACK_NEVER][1][DMP_FAULT_NOT_PRESENT] = 14;
	r.counts.by[ATTACK_LIVE][1][DMP_FAULT_PERMISSION] = 15;
	r.counts.by[ATTACK_NEVER][1][DMP_FAULT_APERTURE] = 16;
	r.counts.by[ATTACK_NEVER][1][DMP_FAULT_BUS] = 17;
	r.counts.oldest_stale_ns = 9000000;
	text = printed(&r);
	EXPECT(text, "  lazy                  98        11        12        13  9.000 ms  10.00 ms"
		     "         4        14        15        16        17      kept\n");
	free(text);
	attack_result_free(&r);
}

/* An hour, a million million attempts, and a policy with all its settings. */
static void test_columns_stand_apart_whatever_they_hold(void **state)
{
	struct attack_opts opts = {.attempts = UINT64_C(1000000000000)};
	struct attack_result r;
	char *text;

	(void)state;
	assert_int_equal(attack_policies_parse("lazy-single:entries=64:timeout=3600s", &opts), 0);
	r = attacked(ONE_UNMAP, "lazy-single:entries=64:timeout=3600s");
	r.counts.by[ATTACK_OPEN][0][DMP_FAULT_STALE] = UINT64_C(999999999999);
	r.counts.oldest_stale_ns = UINT64_C(3599999999999);
	text = printed_of(&opts, &r);
	EXPECT(text, "  flush                                      attempts          live");
	EXPECT(text, "  lazy-single:entries=64:timeout=3600s ");
	EXPECT(text, " 999999999999 ");
	EXPECT(text, "        3600 s        3600 s  ");
	free(text);
	attack_result_free(&r);
}

static void test_times_have_four_digits_and_a_unit(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {{1, " 1 ns "},           {999, " 999 ns "},        {1000, " 1.000 us "},
		     {999949, " 999.9 us "},  {999950, " 1.000 ms "},   {9999499, " 9.999 ms "},
		     {9999500, " 10.00 ms "}, {99995000, " 100.0 ms "}, {1500000000, " 1.500 s "}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct attack_result r = attacked(ONE_UNMAP, "lazy");
		char *text;

		r.counts.oldest_stale_ns = cases[i].ns;
		text = printed(&r);
		EXPECT(text, cases[i].text);
		free(text);
		attack_result_free(&r);
	}
}

static void test_what_is_broken_stands_below(void **state)
{
	struct attack_result r = attacked(ONE_UNMAP, "strict");
	char *text;

	(void)state;
	r.counts.by[ATTACK_CLOSED][0][DMP_FAULT_STALE] = 1;
	text = printed(&r);
	EXPECT(text, "BROKEN\n");
	EXPECT(text, "  strict: broken: stale accesses, although every unmap is flushed at once\n");
	EXPECT(text, "  strict: broken: stale accesses after the flush, or where nothing was\n");
	free(text);
	attack_result_free(&r);
}

static void test_a_machine_without_an_iommu_says_so(void **state)
{
	struct attack_result r = attacked(ONE_UNMAP, "none");
	char *text = printed(&r), wanted[64];

	(void)state;
	snprintf(wanted, sizeof(wanted), "%llu were recorded bus errors\n",
		 (unsigned long long)attack_sum_all(&r.counts, DMP_FAULT_BUS));
	EXPECT(text, "  none: nothing is translated, nothing promised: ");
	EXPECT(text, wanted);
	free(text);
}

static void test_what_is_open_at_the_end_is_told(void **state)
{
	struct attack_result r = attacked(ONE_UNMAP, "on-reuse");
	char *text = printed(&r);

	(void)state;
	EXPECT(text, "  on-reuse: 8 KiB were still within reach at the end\n");
	free(text);
	attack_result_free(&r);
}

static void test_the_head_names_trace_clock_and_seed(void **state)
{
	struct attack_rig rig;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	assert_non_null(to);
	attack_rig_up(&rig, ONE_UNMAP, "strict");
	rig.answer.nevents = 4;
	attack_print_head(to, &rig.opts, &rig.answer);
	fclose(to);
	EXPECT(text, "few: 4 calls of 1 CPU, in their own time, seed 1\n");
	EXPECT(text,
	       "  flush           attempts      live  stale rd  stale wr    oldest     bound");
	free(text);
	attack_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_row_has_the_policy_its_counts_and_the_verdict),
		cmocka_unit_test(test_columns_stand_apart_whatever_they_hold),
		cmocka_unit_test(test_times_have_four_digits_and_a_unit),
		cmocka_unit_test(test_what_is_broken_stands_below),
		cmocka_unit_test(test_a_machine_without_an_iommu_says_so),
		cmocka_unit_test(test_what_is_open_at_the_end_is_told),
		cmocka_unit_test(test_the_head_names_trace_clock_and_seed),
	};

	return cmocka_run_group_tests_name("attack_print", tests, NULL, NULL);
}
