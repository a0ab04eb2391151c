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
	assert_non_null(strstr(text, "mixed: 3 calls of 2 CPUs"));
	assert_non_null(strstr(text, "1 device;"));
	assert_non_null(strstr(text, "direct     strict\n"));
	assert_non_null(strstr(text, "wrong bytes                                0          0\n"));
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
	assert_null(strstr(text, "failed request:"));
	free(text);
	replay_answer_free(&answer);
}

static void test_the_first_failed_request_is_named(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	char *text;

	(void)state;
	answer.results[1].failed_requests = 2;
	answer.results[1].failed_line = 17;
	answer.results[1].failed_call = "dmp_dma_map";
	answer.results[1].failed_err = -ENOSPC;
	text = printed(&opts, &answer);
	assert_non_null(strstr(text, "strict: first failed request: dmp_dma_map of line 17: "));
	free(text);
	replay_answer_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_trace_is_named_without_folder_and_ending),
		cmocka_unit_test(test_the_table_has_a_column_a_route),
		cmocka_unit_test(test_what_was_left_out_stands_below_the_table),
		cmocka_unit_test(test_the_first_failed_request_is_named),
	};

	return cmocka_run_group_tests_name("replay_print", tests, NULL, NULL);
}
