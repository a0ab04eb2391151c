// SPDX-License-Identifier: MIT
/*
 * test_check_file.c - proves what a file's addresses mean for the exit status, and that the
 * command's option leads here
 */
#include "test_check_rig.h"
#include "command.h"
#include "json_file.h"

#include <jansson.h>

static int status_of(const char *text, struct json_file *json)
{
	struct trace_file file = file_with(text, strlen(text));
	FILE *to = fopen("/dev/null", "w");
	int status;

	assert_non_null(to);
	status = check_file(file.path, to, json);
	fclose(to);
	unlink(file.path);
	return status;
}

static void test_equal_addresses_are_good(void **state)
{
	struct json_file json = {.answers = json_array()};

	(void)state;
	assert_int_equal(status_of(IOVA_ALLOC(0, 01, 1, fffff), &json), EXIT_GOOD);
	assert_int_equal(json_array_size(json.answers), 1);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(json.answers, 0), "equal")), 1);
	json_decref(json.answers);
}

/* A file that was cut may have all addresses right and still not be what was recorded. */
static void test_lines_that_could_not_be_read_are_told(void **state)
{
	const char text[] = IOVA_ALLOC(0, 01, 1, fffff) "CPU:0 [LOST 7 EVENTS]\n" ON(
		0, 02, "iova_free: (a) iovad=0x1 pfm=0xfffff size=1");
	struct json_file json = {.answers = json_array()};
	const json_t *answer, *skip;

	(void)state;
	assert_int_equal(status_of(text, &json), EXIT_GOOD);
	answer = json_array_get(json.answers, 0);
	assert_int_equal(json_integer_value(json_object_get(answer, "lost_events")), 7);
	skip = json_array_get(json_object_get(answer, "skipped"), 0);
	assert_string_equal(json_string_value(json_object_get(skip, "reason")),
			    trace_skip_text(TRACE_SKIP_MALFORMED));
	assert_int_equal(json_integer_value(json_object_get(skip, "first_line")), 3);
	json_decref(json.answers);
}

static void test_an_unexplained_address_is_bad(void **state)
{
	(void)state;
	assert_int_equal(status_of(IOVA_ALLOC(0, 01, 1, fffff) IOVA_ALLOC(0, 02, 1, 12345), NULL),
			 EXIT_BAD);
}

/* ... and a damaged first line would otherwise make a whole file good. */
static void test_a_file_in_which_nothing_can_be_compared_is_no_good_answer(void **state)
{
	struct json_file json = {.answers = json_array()};

	(void)state;
	assert_int_equal(status_of(IOVA_ALLOC(0, 01, 1, ffffe), &json), EXIT_USAGE);
	assert_int_equal(json_array_size(json.answers), 1);
	json_decref(json.answers);
}

static void test_one_space_that_was_in_use_before_spoils_no_other(void **state)
{
	(void)state;
	assert_int_equal(status_of(IOVA_ALLOC_OF(1, 0, 01, 1, ffffe)
					   IOVA_ALLOC_OF(2, 0, 02, 1, fffff),
				   NULL),
			 EXIT_GOOD);
}

static void test_a_trace_without_allocator_lines_is_no_failure(void **state)
{
	(void)state;
	assert_int_equal(status_of(BOUNCED(0, 01, 5000, 512), NULL), EXIT_GOOD);
}

static void test_a_file_that_is_no_trace_cannot_be_checked(void **state)
{
	struct json_file json = {.answers = json_array()};

	(void)state;
	assert_int_equal(status_of("nothing\n", &json), EXIT_USAGE);
	assert_int_equal(json_array_size(json.answers), 0);
	json_decref(json.answers);
}

static void test_the_option_checks_instead_of_replaying(void **state)
{
	const char text[] = IOVA_ALLOC(0, 01, 1, fffff) IOVA_ALLOC(0, 02, 1, 12345);
	struct trace_file file = file_with(text, strlen(text));
	const char *argv[] = {"dmapool replay", "--check-addresses", file.path, NULL};

	(void)state;
	assert_int_equal(replay_main(3, argv), EXIT_BAD);
	unlink(file.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_addresses_are_good),
		cmocka_unit_test(test_lines_that_could_not_be_read_are_told),
		cmocka_unit_test(test_an_unexplained_address_is_bad),
		cmocka_unit_test(test_a_file_in_which_nothing_can_be_compared_is_no_good_answer),
		cmocka_unit_test(test_one_space_that_was_in_use_before_spoils_no_other),
		cmocka_unit_test(test_a_trace_without_allocator_lines_is_no_failure),
		cmocka_unit_test(test_a_file_that_is_no_trace_cannot_be_checked),
		cmocka_unit_test(test_the_option_checks_instead_of_replaying),
	};

	return cmocka_run_group_tests_name("check_file", tests, NULL, NULL);
}
