// SPDX-License-Identifier: MIT
/*
 * test_replay_print.c - proves that the table says what was replayed and what was left out
 */
#include "test_replay_answer.h"

static char *printed(const struct replay_opts *opts, const struct replay_answer *answer)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	replay_print(to, opts, answer);
	fclose(to);
	return text;
}

static void test_a_trace_is_named_without_folder_and_ending(void **state)
{
	static const struct {
		const char *path, *name;
	} cases[] = {
		{"/a/b/net.txt.xz", "net"}, {"net.txt", "net"}, {"net.xz", "net"}, {"a.b/c", "c"},
		{".txt", ".txt"},
	};
	char name[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		replay_trace_name(cases[i].path, name, sizeof(name));
		assert_string_equal(name, cases[i].name);
	}
}

static void test_the_table_has_a_column_a_route(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	char *text = printed(&opts, &answer);

	(void)state;
	assert_non_null(strstr(text, "mixed: 3 calls of 2 CPUs in "));
	assert_non_null(strstr(text, ", 1 device\n"));
	assert_non_null(strstr(text, "direct      strict\n"));
	assert_non_null(
		strstr(text, "wrong bytes                                 0           0\n"));
	assert_non_null(strstr(text, "<=512 50%  <=2K 50%"));
	free(text);
	replay_answer_free(&answer);
}

static void test_what_was_left_out_stands_below_the_table(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	char *text = printed(&opts, &answer);

	(void)state;
	assert_non_null(strstr(text, "skipped: 1 x "));
	assert_non_null(strstr(text, "the first in line 3\n"));
	assert_non_null(strstr(text, "the first in line 5\n"));
	assert_null(strstr(text, "failed:"));
	free(text);
	replay_answer_free(&answer);
}

static void test_failed_requests_are_told_by_reason_and_the_first_is_named(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	char *text;

	(void)state;
	replay_blame_note(&answer.results[1].blame, "dmp_dma_map", -ENOSPC, 17);
	replay_blame_note(&answer.results[1].blame, "dmp_dma_map", -ERANGE, 18);
	replay_blame_note(&answer.results[1].blame, "dmp_dma_map", -ENOSPC, 19);
	text = printed(&opts, &answer);
	assert_non_null(strstr(text, "strict: 2 requests failed: no slots or addresses free"));
	assert_non_null(strstr(text, "strict: 1 request failed: out of the device's reach"));
	assert_non_null(
		strstr(text, "strict: the first of them: dmp_dma_map of line 17: no slots "));
	free(text);
	replay_answer_free(&answer);
}

static size_t longest_line(const char *text)
{
	size_t longest = 0;

	for (size_t at = 0, len; text[at]; at += len + 1) {
		len = strcspn(&text[at], "\n");
		longest = len > longest ? len : longest;
	}
	return longest;
}

/* Five columns fit a terminal of 100 characters. */
static void test_no_line_of_the_table_is_too_long(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;
	char *text;

	(void)state;
	opts.routes = 1u << REPLAY_DIRECT | 1u << REPLAY_BOUNCE | 1u << REPLAY_STRICT |
		      1u << REPLAY_LAZY | AS_RECORDED;
	answer = replayed(MIXED_TRACE, &opts);
	text = printed(&opts, &answer);
	assert_true(longest_line(text) < 100);
	free(text);
	replay_answer_free(&answer);
}

static void test_as_recorded_says_which_way_and_why(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;
	char *text;

	(void)state;
	opts.routes = 1u << (replay_nroutes - 1);
	answer = replayed(MIXED_TRACE, &opts);
	text = printed(&opts, &answer);
	assert_non_null(strstr(text, " as-recorded\n"));
	assert_non_null(strstr(text, "      direct\n"));
	assert_non_null(strstr(text, "as recorded: direct, since it has no iommu lines\n"));
	free(text);
	replay_answer_free(&answer);
}

/* Each of them is a reason for a bad status, or needs an explanation. */
static void test_quiet_rows_are_there_when_one_column_has_something(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	char *text;

	(void)state;
	answer.results[1].not_done = 7;
	answer.results[0].late_maps = 9;
	text = printed(&opts, &answer);
	assert_non_null(
		strstr(text, "steps not done: no mapping                  0           7\n"));
	assert_non_null(
		strstr(text, "maps late: no room at first                 9           0\n"));
	free(text);
	replay_answer_free(&answer);
}

static void test_the_pool_is_told_if_something_bounces(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	char *text = printed(&opts, &answer);

	(void)state;
	assert_null(strstr(text, "slots"));
	free(text);
	answer.results[1].way = REPLAY_BOUNCE;
	text = printed(&opts, &answer);
	assert_non_null(strstr(text, ", pool of 32768 slots in 4 areas\n"));
	free(text);
	opts.grow = true;
	text = printed(&opts, &answer);
	assert_non_null(strstr(text, ", growing pool of 32768 slots in 4 areas\n"));
	free(text);
	replay_answer_free(&answer);
}

static unsigned occurrences(const char *text, const char *what)
{
	unsigned n = 0;

	for (; *text; text++)
		n += strncmp(text, what, strlen(what)) == 0;
	return n;
}

/* Maps of every size: what does not fit goes on below the first line. */
static void test_sizes_take_as_many_lines_as_they_need(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	char *text;

	(void)state;
	for (unsigned i = 0; i < TRACE_NSIZES; i++)
		answer.plan->facts.sizes[i] = 1000 + i;
	text = printed(&opts, &answer);
	assert_non_null(strstr(text, "  sizes of maps  <=512 "));
	assert_non_null(strstr(text, "\n                 <="));
	assert_int_equal(occurrences(text, "  <="), TRACE_NSIZES);
	assert_true(longest_line(text) < 100);
	free(text);
	replay_answer_free(&answer);
}

static void test_rows_that_mean_nothing_in_any_column_are_left_out(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;
	char *text;

	(void)state;
	opts.serial = true;
	opts.routes = 1u << REPLAY_DIRECT | 1u << REPLAY_BOUNCE;
	answer = replayed(MIXED_TRACE, &opts);
	text = printed(&opts, &answer);
	assert_non_null(
		strstr(text, "peak slots in use                           -           2\n"));
	assert_null(strstr(text, "IOTLB hits"));
	assert_null(strstr(text, "flushes"));
	assert_null(strstr(text, "syncs"));
	assert_null(strstr(text, "steps not done"));
	assert_null(strstr(text, "maps late"));
	free(text);
	replay_answer_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_trace_is_named_without_folder_and_ending),
		cmocka_unit_test(test_the_table_has_a_column_a_route),
		cmocka_unit_test(test_what_was_left_out_stands_below_the_table),
		cmocka_unit_test(test_failed_requests_are_told_by_reason_and_the_first_is_named),
		cmocka_unit_test(test_no_line_of_the_table_is_too_long),
		cmocka_unit_test(test_as_recorded_says_which_way_and_why),
		cmocka_unit_test(test_quiet_rows_are_there_when_one_column_has_something),
		cmocka_unit_test(test_the_pool_is_told_if_something_bounces),
		cmocka_unit_test(test_sizes_take_as_many_lines_as_they_need),
		cmocka_unit_test(test_rows_that_mean_nothing_in_any_column_are_left_out),
	};

	return cmocka_run_group_tests_name("replay_print", tests, NULL, NULL);
}
