// SPDX-License-Identifier: MIT
/*
 * test_replay_json.c - proves that the JSON holds what replay.h says, under names that
 * other programs rely on
 */
#include "test_replay_answer.h"
#include "command.h"
#include "json_file.h"

#include <jansson.h>

/* Written to a file and read back. */
static json_t *written(const struct replay_opts *opts, const struct replay_answer *answer)
{
	struct trace_file file = file_with("", 0);
	struct json_file out;
	json_error_t error;
	json_t *json;

	assert_int_equal(json_file_open(&out, file.path), EXIT_GOOD);
	assert_int_equal(json_file_add(&out, answer->path, replay_json_answer(opts, answer)),
			 EXIT_GOOD);
	assert_int_equal(json_file_close(&out), EXIT_GOOD);
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

static void test_a_byte_that_is_not_utf_8_is_a_question_mark(void **state)
{
	static const struct {
		const char *name, *told;
	} cases[] = {
		{"/a/b\xff"
		 "c.txt",
		 "b?c"},
		{"/a/\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"/a/\xc3", "?"},
		{"/a/\xc0\x80", "??"},
		{"/a/\xed\xa0\x80", "???"},
		{"/a/\xf4\x90\x80\x80", "????"},
	};
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *json;

		answer.path = cases[i].name;
		json = replay_json_answer(&opts, &answer);
		assert_non_null(json);
		assert_string_equal(json_string_value(json_object_get(json, "trace")),
				    cases[i].told);
		json_decref(json);
	}
	replay_answer_free(&answer);
}

/* 126 letters, and a character of three bytes that 127 bytes would cut. */
static void test_a_long_name_ends_before_a_character_that_does_not_fit(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	char path[160];
	json_t *json;

	(void)state;
	memset(path, 'x', sizeof(path));
	snprintf(path + 126, sizeof(path) - 126, "\xe2\x82\xac.txt");
	answer.path = path;
	json = replay_json_answer(&opts, &answer);
	path[126] = '\0';
	assert_string_equal(json_string_value(json_object_get(json, "trace")), path);
	json_decref(json);
	replay_answer_free(&answer);
}

static void test_a_number_that_is_not_finite_is_null(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);
	json_t *json;

	(void)state;
	answer.read_seconds = answer.match_seconds = 0;
	json = replay_json_answer(&opts, &answer);
	assert_non_null(json);
	assert_true(json_is_null(json_object_get(json, "lines_per_second")));
	json_decref(json);
	replay_answer_free(&answer);
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
	assert_false(json_is_true(json_object_get(trace, "grow")));
	assert_true(json_is_boolean(json_object_get(trace, "grow")));
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
		cmocka_unit_test(test_a_byte_that_is_not_utf_8_is_a_question_mark),
		cmocka_unit_test(test_a_long_name_ends_before_a_character_that_does_not_fit),
		cmocka_unit_test(test_a_number_that_is_not_finite_is_null),
		cmocka_unit_test(test_the_way_it_was_recorded_stands_beside_the_routes),
		cmocka_unit_test(test_failed_requests_are_there_by_reason),
	};

	return cmocka_run_group_tests_name("replay_json", tests, NULL, NULL);
}
