// SPDX-License-Identifier: MIT
/*
 * test_replay_what_if_json.c - proves that the JSON of ways to flush has every number, says null
 * where there is none, and names the frontier
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
	assert_true(real_of(row_of(json, 0), "open_at_end") == 2);
	json_decref(json);
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
		cmocka_unit_test(test_the_frontier_is_named),
		cmocka_unit_test(test_who_failed_is_bad_and_not_on_the_frontier),
		cmocka_unit_test(test_the_clock_and_the_circumstances_are_told),
	};

	return cmocka_run_group_tests_name("replay_what_if_json", tests, NULL, NULL);
}
