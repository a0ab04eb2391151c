// SPDX-License-Identifier: MIT
/*
 * test_replay_json.c - proves that the JSON holds what replay.h says, under names that
 * other programs rely on
 */
#include "test_replay_answer.h"
#include "command.h"

#include <jansson.h>

/* Written to a file and read back. */
static json_t *written(const struct replay_opts *opts, const struct replay_answer *answer)
{
	struct trace_file file = file_with("", 0);
	json_t *all = json_array(), *json;
	json_error_t error;

	if (answer)
		json_array_append_new(all, replay_json_answer(opts, answer));
	assert_int_equal(replay_json_write(file.path, all), EXIT_GOOD);
	json_decref(all);
	json = json_load_file(file.path, 0, &error);
	assert_non_null(json);
	unlink(file.path);
	return json;
}

static json_int_t number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static void test_names_and_numbers_of_a_route(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	json_t *json = written(&opts, &answer);
	json_t *trace = json_array_get(json, 0);
	json_t *route = json_array_get(json_object_get(trace, "routes"), 1);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(trace, "trace")), "mixed");
	assert_int_equal(number(trace, "events"), 3);
	assert_string_equal(json_string_value(json_object_get(route, "name")), "strict");
	assert_string_equal(json_string_value(json_object_get(route, "way")), "strict");
	assert_null(json_object_get(route, "failed"));
	assert_int_equal(number(route, "maps"), 3);
	assert_int_equal(number(route, "unmaps"), 1);
	assert_int_equal(number(route, "coherent_allocs"), 0);
	assert_int_equal(number(route, "live_at_end"), 1);
	assert_int_equal(number(route, "unmatched"), 1);
	assert_int_equal(number(route, "failed_in_trace"), 1);
	assert_int_equal(number(route, "wrong_bytes"), 0);
	assert_int_equal(number(route, "faults"), 0);
	assert_int_equal(number(route, "stale_accesses"), 0);
	assert_true(number(route, "peak_in_flight") >= 1);
	assert_true(json_real_value(json_object_get(route, "events_per_second")) > 0);
	json_decref(json);
	replay_answer_free(&answer);
}

static void test_what_does_not_exist_is_null(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	json_t *json = written(&opts, &answer);
	json_t *direct = json_array_get(json_object_get(json_array_get(json, 0), "routes"), 0);

	(void)state;
	assert_true(json_is_null(json_object_get(direct, "tree_allocs")));
	assert_true(json_is_null(json_object_get(direct, "iotlb_hit_share")));
	assert_true(json_is_null(json_object_get(direct, "peak_slots")));
	assert_true(json_is_null(json_object_get(direct, "entries_per_flush")));
	json_decref(json);
	replay_answer_free(&answer);
}

static void test_what_was_skipped_is_told_with_its_first_line(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	json_t *json = written(&opts, &answer);
	json_t *skipped = json_object_get(json_array_get(json, 0), "skipped");

	(void)state;
	assert_int_equal(json_array_size(skipped), 2);
	assert_int_equal(number(json_array_get(skipped, 0), "count"), 1);
	assert_int_equal(number(json_array_get(skipped, 0), "first_line"), 3);
	assert_int_equal(number(json_array_get(skipped, 1), "first_line"), 5);
	json_decref(json);
	replay_answer_free(&answer);
}

static void test_no_answer_is_an_empty_array(void **state)
{
	struct replay_opts opts = answer_opts();
	json_t *json = written(&opts, NULL);

	(void)state;
	assert_true(json_is_array(json));
	assert_int_equal(json_array_size(json), 0);
	json_decref(json);
}

static void test_a_place_that_cannot_be_written_is_complained_about(void **state)
{
	json_t *all = json_array();

	(void)state;
	assert_int_equal(replay_json_write("/nonexistent/x.json", all), EXIT_USAGE);
	json_decref(all);
}

static void test_the_way_it_was_recorded_stands_beside_the_routes(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	json_t *json = written(&opts, &answer);
	json_t *trace = json_array_get(json, 0);
	json_t *recorded = json_object_get(trace, "recorded");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(recorded, "way")), "direct");
	assert_true(json_is_string(json_object_get(recorded, "why")));
	assert_int_equal(number(trace, "slots"), 32768);
	assert_int_equal(number(trace, "areas"), 4);
	json_decref(json);
	replay_answer_free(&answer);
}

static void test_failed_requests_are_there_by_reason(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	json_t *json, *failed;

	(void)state;
	replay_blame_note(&answer.results[0].blame, "dmp_dma_map", -ENOSPC, 17);
	json = written(&opts, &answer);
	failed = json_array_get(json_object_get(json_array_get(json, 0), "routes"), 0);
	failed = json_object_get(failed, "failed");
	assert_int_equal(number(failed, "line"), 17);
	assert_int_equal(number(failed, "no_room"), 1);
	assert_int_equal(number(failed, "out_of_reach"), 0);
	assert_string_equal(json_string_value(json_object_get(failed, "call")), "dmp_dma_map");
	json_decref(json);
	replay_answer_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_numbers_of_a_route),
		cmocka_unit_test(test_what_does_not_exist_is_null),
		cmocka_unit_test(test_what_was_skipped_is_told_with_its_first_line),
		cmocka_unit_test(test_no_answer_is_an_empty_array),
		cmocka_unit_test(test_a_place_that_cannot_be_written_is_complained_about),
		cmocka_unit_test(test_the_way_it_was_recorded_stands_beside_the_routes),
		cmocka_unit_test(test_failed_requests_are_there_by_reason),
	};

	return cmocka_run_group_tests_name("replay_json", tests, NULL, NULL);
}
