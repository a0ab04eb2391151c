// SPDX-License-Identifier: MIT
/*
 * test_replay_summary.c - proves that several traces become one table, in which a call that a
 * route has lost is seen
 */
#include "test_replay_answer.h"

static void add(struct replay_summary *summary, uint32_t routes)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;

	opts.routes = routes;
	answer = replayed(MIXED_TRACE, &opts);
	assert_int_equal(replay_summary_add(summary, &answer), 0);
	replay_answer_free(&answer);
}

/* The table, written and read back; the caller's. */
static char *printed(const struct replay_summary *summary)
{
	char *text = calloc(1, 4096);
	FILE *to = fmemopen(text, 4096, "w");

	assert_non_null(text);
	assert_non_null(to);
	replay_summary_print(to, summary);
	fclose(to);
	return text;
}

static void test_one_trace_needs_no_table_of_all(void **state)
{
	struct replay_summary summary = {0};
	char *text;

	(void)state;
	add(&summary, 1u << REPLAY_DIRECT);
	text = printed(&summary);
	assert_string_equal(text, "");
	free(text);
	replay_summary_free(&summary);
}

static void test_a_row_a_trace_a_column_a_way_and_a_star_at_the_recorded_one(void **state)
{
	struct replay_summary summary = {0};
	char *text;

	(void)state;
	add(&summary, 1u << REPLAY_DIRECT | 1u << REPLAY_STRICT);
	add(&summary, 1u << REPLAY_DIRECT);
	text = printed(&summary);
	assert_non_null(strstr(text, "      calls      direct      strict\n"));
	assert_non_null(strstr(text, "          3        *0.0         0.0\n"));
	assert_non_null(strstr(text, "          3        *0.0           -\n"));
	assert_null(strstr(text, "lazy"));
	free(text);
	replay_summary_free(&summary);
}

/* As-recorded is a star, and no replay of its own. */
static void test_as_recorded_has_no_column(void **state)
{
	struct replay_summary summary = {0};
	char *text;

	(void)state;
	add(&summary, 1u << (replay_nroutes - 1));
	add(&summary, 1u << (replay_nroutes - 1) | 1u << REPLAY_DIRECT);
	text = printed(&summary);
	assert_null(strstr(text, "as-recorded"));
	assert_non_null(strstr(text, "2 traces, 2 replays: 0 wrong bytes, 0 faults"));
	assert_non_null(strstr(text, "the same on all of its routes"));
	free(text);
	replay_summary_free(&summary);
}

static void test_a_call_that_one_route_lost_is_named(void **state)
{
	struct replay_summary summary = {0};
	char *text;

	(void)state;
	add(&summary, 1u << REPLAY_DIRECT | 1u << REPLAY_STRICT);
	add(&summary, 1u << REPLAY_DIRECT | 1u << REPLAY_STRICT);
	summary.rows[1].results[1].unmaps--;
	summary.rows[1].results[1].wrong_bytes = 5;
	summary.rows[0].results[1].not_done = 3;
	text = printed(&summary);
	assert_non_null(strstr(text, "mixed: direct and strict differ in their calls\n"));
	assert_null(strstr(text, "the same on all of its routes"));
	assert_non_null(strstr(text, " 5 wrong bytes, 0 faults"));
	assert_non_null(strstr(text, " 3 steps not done"));
	free(text);
	replay_summary_free(&summary);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_trace_needs_no_table_of_all),
		cmocka_unit_test(test_a_row_a_trace_a_column_a_way_and_a_star_at_the_recorded_one),
		cmocka_unit_test(test_as_recorded_has_no_column),
		cmocka_unit_test(test_a_call_that_one_route_lost_is_named),
	};

	return cmocka_run_group_tests_name("replay_summary", tests, NULL, NULL);
}
