// SPDX-License-Identifier: MIT
/*
 * test_attack_print.c - proves that the table tells what was attacked, what was reached, and
 * what that means
 */
#include "test_attack_rig.h"

static char *printed(const struct attack_result *r)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	attack_print_result(to, r);
	attack_print_notes(to, r);
	fclose(to);
	return text;
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
	EXPECT(text, "  lazy                  98        11        12        13      9000     10000"
		     "         4        14        15        16        17      kept\n");
	free(text);
	attack_result_free(&r);
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
	       "  flush           attempts      live  stale rd  stale wr oldest us  bound us");
	free(text);
	attack_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_row_has_the_policy_its_counts_and_the_verdict),
		cmocka_unit_test(test_what_is_broken_stands_below),
		cmocka_unit_test(test_a_machine_without_an_iommu_says_so),
		cmocka_unit_test(test_what_is_open_at_the_end_is_told),
		cmocka_unit_test(test_the_head_names_trace_clock_and_seed),
	};

	return cmocka_run_group_tests_name("attack_print", tests, NULL, NULL);
}
