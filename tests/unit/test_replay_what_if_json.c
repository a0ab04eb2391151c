// SPDX-License-Identifier: MIT
/*
 * test_replay_what_if_json.c - proves that the JSON of ways to flush has every number, says null
 * where there is none, names what has no end and what is more than it says, and the frontier
 */
#include "test_replay_what_if_answer.h"

#include <jansson.h>

static json_t *json_of(const char *list, bool data, struct replay_what_if *w)
{
	struct replay_opts opts = what_if_opts(list, w);
	struct replay_answer a;
	json_t *json;

	opts.data = data;
	a = replayed(TWO_UNMAPS, &opts);
	json = replay_what_if_json(&opts, &a);
	assert_non_null(json);
	replay_answer_free(&a);
	return json;
}

static const json_t *row_of(const json_t *json, unsigned i)
{
	return json_array_get(json_object_get(json, "what_if"), i);
}

static double real_of(const json_t *row, const char *name)
{
	assert_true(json_is_real(json_object_get(row, name)));
	return json_real_value(json_object_get(row, name));
}

static json_int_t count_of(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

/* Is @name one of the names in member @list? */
static bool is_in(const json_t *row, const char *list, const char *name)
{
	const json_t *names = json_object_get(row, list);
	bool found = false;

	assert_true(json_is_array(names));
	for (size_t i = 0; i < json_array_size(names); i++)
		found |= strcmp(json_string_value(json_array_get(names, i)), name) == 0;
	return found;
}

static void test_a_row_has_every_number(void **state)
{
	struct replay_what_if w;
	json_t *json = json_of("flush=strict,lazy:entries=64", true, &w);

	(void)state;
	assert_int_equal(json_array_size(json_object_get(json, "what_if")), 2);
	for (unsigned f = 0; f < replay_what_if_nfields; f++)
		assert_non_null(json_object_get(row_of(json, 1), replay_what_if_fields[f].name));
	assert_string_equal(json_string_value(json_object_get(row_of(json, 1), "flush")),
			    "lazy:entries=64");
	assert_string_equal(json_string_value(json_object_get(row_of(json, 1), "policy")), "lazy");
	assert_true(real_of(row_of(json, 1), "could_worst_us") == 10000);
	assert_true(real_of(row_of(json, 1), "bound_us") == 10000);
	assert_false(json_is_true(json_object_get(row_of(json, 1), "bad")));
	json_decref(json);
}

static void test_what_does_not_exist_is_null(void **state)
{
	struct replay_what_if w;
	json_t *json = json_of("flush=lazy-single", true, &w);

	(void)state;
	assert_true(json_is_null(json_object_get(row_of(json, 0), "could_p50_us")));
	assert_false(is_in(row_of(json, 0), "endless", "could_p50_us"));
	json_decref(json);
}

static void test_counts_are_whole_numbers(void **state)
{
	struct replay_what_if w;
	json_t *json = json_of("flush=lazy-single", true, &w);

	(void)state;
	assert_int_equal(count_of(row_of(json, 0), "open_at_end"), 2);
	assert_int_equal(count_of(row_of(json, 0), "did_windows"), 2);
	assert_int_equal(count_of(row_of(json, 0), "did_open_at_end"), 2);
	assert_int_equal(count_of(row_of(json, 0), "addresses_reused_while_reachable"), 0);
	assert_int_equal(count_of(row_of(json, 0), "memory_reused_while_reachable"), 2);
	assert_int_equal(count_of(row_of(json, 0), "windows_reused"), 2);
	json_decref(json);
}

static void test_what_has_no_end_is_null_and_named(void **state)
{
	struct replay_what_if w;
	json_t *json = json_of("flush=on-reuse,passthrough,lazy", true, &w);

	(void)state;
	assert_true(json_is_null(json_object_get(row_of(json, 0), "bound_us")));
	assert_true(is_in(row_of(json, 0), "endless", "bound_us"));
	assert_int_equal(json_array_size(json_object_get(row_of(json, 0), "endless")), 1);
	assert_true(json_is_null(json_object_get(row_of(json, 1), "could_worst_us")));
	assert_true(is_in(row_of(json, 1), "endless", "could_worst_us"));
	assert_true(is_in(row_of(json, 1), "endless", "could_mb_seconds"));
	assert_int_equal(json_array_size(json_object_get(row_of(json, 2), "endless")), 0);
	json_decref(json);
}

/* Open at the end of the trace, 12 ms after the unmap. */
static void test_what_is_more_than_it_says_is_named(void **state)
{
	struct replay_what_if w;
	json_t *json = json_of("flush=lazy-single,lazy", true, &w);

	(void)state;
	assert_true(real_of(row_of(json, 0), "could_worst_us") == 12000);
	assert_true(is_in(row_of(json, 0), "at_least", "could_worst_us"));
	assert_true(is_in(row_of(json, 0), "at_least", "did_worst_us"));
	assert_int_equal(json_array_size(json_object_get(row_of(json, 0), "at_least")), 2);
	assert_int_equal(json_array_size(json_object_get(row_of(json, 1), "at_least")), 0);
	json_decref(json);
}

static void test_a_counter_at_its_end_is_told(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=lazy,strict", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	json_t *json;

	(void)state;
	saturate(&a, 0);
	json = replay_what_if_json(&opts, &a);
	assert_true(json_is_true(json_object_get(row_of(json, 0), "saturated")));
	assert_true(is_in(row_of(json, 0), "at_least", "could_mb_seconds"));
	assert_true(is_in(row_of(json, 0), "at_least", "did_mb_seconds"));
	assert_true(json_is_false(json_object_get(row_of(json, 1), "saturated")));
	assert_false(is_in(row_of(json, 1), "at_least", "could_mb_seconds"));
	json_decref(json);
	replay_answer_free(&a);
}

static void test_what_is_missing_of_a_trace_is_told_as_by_a_plain_replay(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=strict", &w);
	struct replay_answer a = replayed(DAMAGED, &opts);
	json_t *json = replay_what_if_json(&opts, &a), *plain = replay_json_answer(&opts, &a);

	(void)state;
	assert_int_equal(count_of(json, "lost_events"), 17);
	assert_int_equal(count_of(json, "overwritten_events"), 4);
	assert_int_equal(json_array_size(json_object_get(json, "skipped")), 3);
	assert_true(
		json_equal(json_object_get(json, "skipped"), json_object_get(plain, "skipped")));
	assert_int_equal(count_of(plain, "lost_events"), 17);
	assert_int_equal(count_of(plain, "overwritten_events"), 4);
	json_decref(plain);
	json_decref(json);
	replay_answer_free(&a);
}

static void test_the_frontier_is_named(void **state)
{
	struct replay_what_if w;
	json_t *json = json_of("flush=lazy,strict", true, &w);

	(void)state;
	assert_true(json_is_false(json_object_get(row_of(json, 0), "on_frontier")));
	assert_string_equal(json_string_value(json_object_get(row_of(json, 0), "beaten_by")),
			    "strict");
	assert_true(json_is_true(json_object_get(row_of(json, 1), "on_frontier")));
	assert_true(json_is_null(json_object_get(row_of(json, 1), "beaten_by")));
	json_decref(json);
}

static void test_who_failed_is_bad_and_not_on_the_frontier(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=strict", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	json_t *json;

	(void)state;
	a.results[0].not_done = 1;
	json = replay_what_if_json(&opts, &a);
	assert_true(json_is_true(json_object_get(row_of(json, 0), "bad")));
	assert_true(json_is_false(json_object_get(row_of(json, 0), "on_frontier")));
	assert_true(json_is_null(json_object_get(row_of(json, 0), "beaten_by")));
	json_decref(json);
	replay_answer_free(&a);
}

static void test_the_clock_and_the_circumstances_are_told(void **state)
{
	struct replay_what_if w;
	json_t *json = json_of("flush=lazy", false, &w);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(json, "clock")), "trace");
	assert_string_equal(json_string_value(json_object_get(json, "profile")), "free");
	assert_true(json_is_false(json_object_get(json, "data_checked")));
	assert_int_equal(json_integer_value(json_object_get(json, "events")), 5);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_row_has_every_number),
		cmocka_unit_test(test_what_does_not_exist_is_null),
		cmocka_unit_test(test_counts_are_whole_numbers),
		cmocka_unit_test(test_what_has_no_end_is_null_and_named),
		cmocka_unit_test(test_what_is_more_than_it_says_is_named),
		cmocka_unit_test(test_a_counter_at_its_end_is_told),
		cmocka_unit_test(test_what_is_missing_of_a_trace_is_told_as_by_a_plain_replay),
		cmocka_unit_test(test_the_frontier_is_named),
		cmocka_unit_test(test_who_failed_is_bad_and_not_on_the_frontier),
		cmocka_unit_test(test_the_clock_and_the_circumstances_are_told),
	};

	return cmocka_run_group_tests_name("replay_what_if_json", tests, NULL, NULL);
}
