// SPDX-License-Identifier: MIT
/*
 * test_replay.c - proves the exit status of `dmapool replay`
 */
#include "test_replay_answer.h"
#include "command.h"

#include <jansson.h>

#define ARGS_MAX 12

/* The status of `dmapool replay ARGS`, with its table thrown away. */
static int status_of(const char *const *args)
{
	const char *argv[ARGS_MAX + 2] = {"dmapool replay"};
	int argc = 1, status, saved;

	for (; args[argc - 1]; argc++)
		argv[argc] = args[argc - 1];
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_non_null(freopen("/dev/null", "w", stdout));
	status = replay_main(argc, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	return status;
}

#define STATUS(...) status_of((const char *const[]){__VA_ARGS__, NULL})

static void test_a_good_replay_is_0(void **state)
{
	struct trace_file file = file_with(MIXED_TRACE, strlen(MIXED_TRACE));

	(void)state;
	assert_int_equal(STATUS(file.path), EXIT_GOOD);
	assert_int_equal(
		STATUS("--serial", "--no-data", "--route", "strict", "--repeat", "2", file.path),
		EXIT_GOOD);
	unlink(file.path);
}

/* Without translation a 12-bit device reaches no buffer at all. */
static void test_a_failed_request_is_1(void **state)
{
	struct trace_file file = file_with(MIXED_TRACE, strlen(MIXED_TRACE));

	(void)state;
	assert_int_equal(STATUS("--mask", "12", "--route", "direct", file.path), EXIT_BAD);
	unlink(file.path);
}

static void test_options_that_make_no_sense_are_2(void **state)
{
	(void)state;
	assert_int_equal(STATUS("--no-such-option"), EXIT_USAGE);
	assert_int_equal(STATUS("--serial"), EXIT_USAGE);
	assert_int_equal(STATUS("--slots", "1000", "x"), EXIT_USAGE);
}

static void test_json_that_cannot_be_written_stops_before_the_first_trace(void **state)
{
	struct trace_file file = file_with(MIXED_TRACE, strlen(MIXED_TRACE));

	(void)state;
	assert_int_equal(STATUS("--json", "/nonexistent/x", file.path), EXIT_USAGE);
	unlink(file.path);
}

/* The file that can be replayed still is: its answer is in the JSON. */
static void test_one_bad_file_of_two_is_2(void **state)
{
	struct trace_file file = file_with(MIXED_TRACE, strlen(MIXED_TRACE));
	struct trace_file json = file_with("", 0);
	char text[16] = "";
	FILE *in;

	(void)state;
	assert_int_equal(STATUS("--json", json.path, "/nonexistent", file.path), EXIT_USAGE);
	in = fopen(json.path, "r");
	assert_non_null(in);
	assert_int_equal(fread(text, 1, 8, in), 8);
	assert_non_null(strchr(text, '{'));
	fclose(in);
	unlink(json.path);
	unlink(file.path);
}

/* The pool lies above what a 12-bit device reaches. */
static void test_a_pool_that_is_out_of_reach_is_1(void **state)
{
	struct trace_file file = file_with(MIXED_TRACE, strlen(MIXED_TRACE));

	(void)state;
	assert_int_equal(STATUS("--mask", "12", "--route", "bounce", file.path), EXIT_BAD);
	unlink(file.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_good_replay_is_0),
		cmocka_unit_test(test_a_failed_request_is_1),
		cmocka_unit_test(test_options_that_make_no_sense_are_2),
		cmocka_unit_test(test_json_that_cannot_be_written_stops_before_the_first_trace),
		cmocka_unit_test(test_one_bad_file_of_two_is_2),
		cmocka_unit_test(test_a_pool_that_is_out_of_reach_is_1),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
