// SPDX-License-Identifier: MIT
/*
 * test_replay_what_if_print.c - proves what ways to flush are said to cost and to leave open, on a
 * trace whose answers are known, and how the table tells it
 */
#include "test_replay_what_if_answer.h"

#include <math.h>

static char *printed(const struct replay_opts *opts, const struct replay_answer *answer)
{
	char *text = calloc(1, 16384);
	FILE *to = fmemopen(text, 16384, "w");

	assert_non_null(text);
	assert_non_null(to);
	replay_what_if_print(to, opts, answer);
	fclose(to);
	return text;
}

static unsigned occurrences(const char *text, const char *what)
{
	unsigned n = 0;

	for (; *text; text++)
		n += strncmp(text, what, strlen(what)) == 0;
	return n;
}

static void test_strict_leaves_nothing_open(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=strict", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);

	(void)state;
	assert_true(number_of(&a, 0, "invalidations_per_unmap") == 1);
	assert_true(number_of(&a, 0, "could_worst_us") == 0);
	assert_true(number_of(&a, 0, "could_mb_seconds") == 0);
	assert_true(number_of(&a, 0, "open_at_end") == 0);
	assert_true(number_of(&a, 0, "peak_queued_kib") == 0);
	replay_answer_free(&a);
}

static void test_a_queue_leaves_open_until_its_timer(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=lazy,lazy:timeout=1ms", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);

	(void)state;
	assert_true(number_of(&a, 0, "invalidations_per_unmap") == 0.5);
	assert_true(number_of(&a, 0, "ranges_per_flush") == 2);
	assert_true(number_of(&a, 0, "could_worst_us") == 10000);
	assert_true(fabs(number_of(&a, 0, "could_mb_seconds") - 4096 * 0.016 / 1e6) < 1e-12);
	assert_true(number_of(&a, 0, "peak_queued_kib") == 8);
	assert_true(number_of(&a, 0, "open_at_end") == 0);
	assert_true(number_of(&a, 1, "ranges_per_flush") == 1);
	assert_true(number_of(&a, 1, "could_worst_us") == 1000);
	assert_true(number_of(&a, 1, "peak_queued_kib") == 4);
	replay_answer_free(&a);
}

static void test_what_is_open_at_the_end_is_told_as_open(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=lazy-single", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	char *text = printed(&opts, &a);

	(void)state;
	assert_true(number_of(&a, 0, "open_at_end") == 2);
	assert_true(number_of(&a, 0, "could_worst_us") == 12000); /* 1 to 13 ms */
	assert_true(isnan(number_of(&a, 0, "could_p50_us")));     /* of nothing that is over */
	assert_true(fabs(number_of(&a, 0, "could_mb_seconds") - 4096 * 0.020 / 1e6) < 1e-12);
	assert_non_null(strstr(text, " >12000.0 "));
	free(text);
	replay_answer_free(&a);
}

static void test_on_reuse_leaves_open_until_addresses_come_again(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=on-reuse,guest,passthrough", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);

	(void)state;
	assert_int_equal(a.nresults, 3);
	assert_true(number_of(&a, 0, "open_at_end") == 2);
	assert_true(number_of(&a, 0, "could_worst_us") == 12000);
	assert_true(number_of(&a, 0, "peak_queued_kib") == 8);
	assert_true(number_of(&a, 0, "addresses_reused_while_reachable") == 0);
	assert_true(isinf(number_of(&a, 0, "bound_us")));
	assert_true(number_of(&a, 1, "could_worst_us") == 0);
	assert_true(number_of(&a, 1, "invalidations_per_unmap") == 1);
	assert_true(number_of(&a, 2, "invalidations_per_unmap") == 0);
	assert_true(isinf(number_of(&a, 2, "could_worst_us")));
	for (unsigned i = 0; i < 3; i++)
		assert_false(replay_result_is_bad(&a.results[i]));
	replay_answer_free(&a);
}

/* The device reached the first buffer until it was given out again, the second for 8 ms. */
static void test_an_entry_that_is_there_at_the_end_is_marked_too(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=lazy-single", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	char *text;

	(void)state;
	a.results[0].exposed->sum.could.open_oldest_ns = 0;
	a.results[0].exposed->sum.seen.did.open_oldest_ns = 11000000;
	text = printed(&opts, &a);
	assert_non_null(strstr(text, " >11000.0 "));
	assert_null(strstr(text, " >12000.0 "));
	free(text);
	replay_answer_free(&a);
}

static void test_a_counter_at_its_end_is_marked_and_told(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=lazy,strict", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	char *text = printed(&opts, &a);

	(void)state;
	assert_null(strstr(text, ">"));
	assert_null(strstr(text, "has reached its end"));
	free(text);
	saturate(&a, 0);
	text = printed(&opts, &a);
	assert_int_equal(occurrences(text, " >18446.7 "), 2);
	assert_non_null(strstr(text, "  lazy: a counter of exposure has reached its end"));
	assert_null(strstr(text, "  strict: a counter"));
	free(text);
	replay_answer_free(&a);
}

static void test_what_is_missing_of_a_trace_is_told_below_the_table(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=strict", &w);
	struct replay_answer a = replayed(DAMAGED, &opts);
	char *text = printed(&opts, &a), *table = strstr(text, "  on it\n");

	(void)state;
	assert_non_null(table);
	assert_non_null(strstr(table, "  skipped: 1 x unmap or free without its map, the first"));
	assert_non_null(strstr(table, "  skipped: 1 x last line cut off, the first in line"));
	assert_non_null(strstr(table, "  the kernel lost 17 events\n"));
	assert_non_null(strstr(table, "  the kernel overwrote 4 events before the first one"));
	free(text);
	replay_answer_free(&a);
}

static void test_what_is_always_within_reach_is_told_as_that(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=strict,passthrough", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	char *text = printed(&opts, &a), *row = strstr(text, "\n  passthrough ");

	(void)state;
	assert_non_null(row);
	assert_non_null(strstr(row, "         -    always    always         - "));
	assert_int_equal(occurrences(text, "always"), 2);
	free(text);
	replay_answer_free(&a);
}

static void test_the_clock_the_profile_and_the_frontier_are_told(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=strict,lazy-single,lazy", &w);
	struct replay_answer a;
	char *text;

	(void)state;
	opts.profile = "vtd-modern";
	a = replayed(TWO_UNMAPS, &opts);
	text = printed(&opts, &a);
	assert_non_null(strstr(text, "exposure in the time of the trace, costs in simulated ns of "
				     "profile vtd-modern"));
	assert_non_null(strstr(text, "  strict  "));
	assert_non_null(strstr(text, "  on it\n"));
	free(text);
	replay_answer_free(&a);
}

/* "free" costs nothing: strict is as cheap as any, and beats what leaves something open. */
static void test_who_beats_is_named_in_the_row_of_the_beaten(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=lazy,strict", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	char *text = printed(&opts, &a);

	(void)state;
	assert_non_null(strstr(text, "  off it: strict\n"));
	free(text);
	replay_answer_free(&a);
}

static void test_who_failed_is_not_on_the_frontier(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=lazy,strict", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	char *text;

	(void)state;
	a.results[1].not_done = 1;
	text = printed(&opts, &a);
	assert_non_null(strstr(text, "  on it\n"));
	assert_non_null(strstr(text, "  not compared: it failed\n"));
	assert_null(strstr(text, "off it"));
	free(text);
	replay_answer_free(&a);
}

static void test_two_runs_are_told_alike_to_the_last_letter(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=strict,lazy,lazy-single", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts), b = replayed(TWO_UNMAPS, &opts);
	char *one = printed(&opts, &a), *other = printed(&opts, &b);

	(void)state;
	assert_string_equal(one, other);
	free(one);
	free(other);
	replay_answer_free(&a);
	replay_answer_free(&b);
}

static void test_without_data_the_table_says_that_no_device_was_there(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=lazy", &w);
	struct replay_answer a;
	char *text;

	(void)state;
	opts.data = false;
	a = replayed(TWO_UNMAPS, &opts);
	text = printed(&opts, &a);
	assert_non_null(strstr(text, "no data: no device reached anything"));
	assert_true(number_of(&a, 0, "could_worst_us") == 10000);
	free(text);
	replay_answer_free(&a);
}

static void test_several_traces_end_in_one_table(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=strict,lazy", &w);
	struct replay_summary summary = {0};
	char *text = calloc(1, 16384);
	FILE *to = fmemopen(text, 16384, "w");

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct replay_answer a = replayed(TWO_UNMAPS, &opts);

		replay_what_if_summary(to, &w, &summary);
		assert_int_equal(replay_summary_add(&summary, &a), 0);
		replay_answer_free(&a);
	}
	assert_int_equal(ftell(to), 0); /* one is no table */
	replay_what_if_summary(to, &w, &summary);
	fclose(to);
	assert_non_null(strstr(text, "  invalidations an unmap\n    mixed"));
	assert_non_null(strstr(text, "      1.000      0.500\n"));
	replay_summary_free(&summary);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strict_leaves_nothing_open),
		cmocka_unit_test(test_a_queue_leaves_open_until_its_timer),
		cmocka_unit_test(test_what_is_open_at_the_end_is_told_as_open),
		cmocka_unit_test(test_on_reuse_leaves_open_until_addresses_come_again),
		cmocka_unit_test(test_an_entry_that_is_there_at_the_end_is_marked_too),
		cmocka_unit_test(test_a_counter_at_its_end_is_marked_and_told),
		cmocka_unit_test(test_what_is_missing_of_a_trace_is_told_below_the_table),
		cmocka_unit_test(test_what_is_always_within_reach_is_told_as_that),
		cmocka_unit_test(test_the_clock_the_profile_and_the_frontier_are_told),
		cmocka_unit_test(test_who_failed_is_not_on_the_frontier),
		cmocka_unit_test(test_who_beats_is_named_in_the_row_of_the_beaten),
		cmocka_unit_test(test_two_runs_are_told_alike_to_the_last_letter),
		cmocka_unit_test(test_without_data_the_table_says_that_no_device_was_there),
		cmocka_unit_test(test_several_traces_end_in_one_table),
	};

	return cmocka_run_group_tests_name("replay_what_if_print", tests, NULL, NULL);
}
