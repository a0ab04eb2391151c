// SPDX-License-Identifier: MIT
/*
 * test_json_file.c - proves where the answers of a command are written, and when nothing is
 */
#include "test_trace_files.h"
#include "command.h"
#include "json_file.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Does the file at @path hold @text, and is nothing left beside it? */
static bool holds(const char *path, const char *text)
{
	char beside[300], there[64] = "";
	FILE *in = fopen(path, "r");

	snprintf(beside, sizeof(beside), "%s.tmp", path);
	assert_non_null(in);
	assert_true(fread(there, 1, sizeof(there) - 1, in) < sizeof(there));
	fclose(in);
	return strcmp(there, text) == 0 && access(beside, F_OK) != 0;
}

static void test_without_an_answer_the_old_file_stays(void **state)
{
	struct trace_file file = file_with("old", 3);
	struct json_file out;

	(void)state;
	assert_int_equal(json_file_open(&out, file.path), EXIT_GOOD);
	assert_int_equal(json_file_close(&out), EXIT_GOOD);
	assert_true(holds(file.path, "old"));
	unlink(file.path);
}

static void test_an_answer_alone_is_no_array(void **state)
{
	struct trace_file file = file_with("old", 3);
	struct json_file out;

	(void)state;
	assert_int_equal(json_file_open(&out, file.path), EXIT_GOOD);
	out.alone = true;
	assert_int_equal(json_file_add(&out, "it", json_object()), EXIT_GOOD);
	assert_int_equal(json_file_close(&out), EXIT_GOOD);
	assert_true(holds(file.path, "{}\n"));
	unlink(file.path);
}

static void test_a_link_stays_a_link(void **state)
{
	struct trace_file file = file_with("old", 3);
	struct json_file out;
	char link[sizeof(file.path) + 8];
	char target[8];

	(void)state;
	snprintf(link, sizeof(link), "%s.link", file.path);
	assert_int_equal(symlink(file.path, link), 0);
	assert_int_equal(json_file_open(&out, link), EXIT_GOOD);
	assert_int_equal(json_file_add(&out, "it", json_integer(7)), EXIT_GOOD);
	assert_int_equal(json_file_close(&out), EXIT_GOOD);
	assert_true(readlink(link, target, sizeof(target)) > 0);
	assert_false(holds(file.path, "old"));
	unlink(link);
	unlink(file.path);
}

static void test_what_is_no_regular_file_is_written_straight(void **state)
{
	struct json_file out;

	(void)state;
	assert_int_equal(json_file_open(&out, "/dev/null"), EXIT_GOOD);
	assert_int_equal(access("/dev/null.tmp", F_OK), -1);
	assert_int_equal(json_file_add(&out, "it", json_integer(7)), EXIT_GOOD);
	assert_int_equal(json_file_close(&out), EXIT_GOOD);
	assert_int_equal(access("/dev/null", F_OK), 0);
}

static void test_a_place_that_cannot_be_written_is_complained_about(void **state)
{
	struct json_file out;

	(void)state;
	assert_int_equal(json_file_open(&out, "/nonexistent/x.json"), EXIT_USAGE);
}

static void test_what_could_not_be_opened_is_not_removed(void **state)
{
	char path[] = "/tmp/dmapool-test-XXXXXX", beside[sizeof(path) + 4];
	int fd = mkstemp(path);
	struct json_file out;
	struct stat there;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(beside, sizeof(beside), "%s.tmp", path);
	assert_int_equal(symlink("/nonexistent/x", beside), 0);
	assert_int_equal(json_file_open(&out, path), EXIT_USAGE);
	assert_int_equal(lstat(beside, &there), 0);
	unlink(beside);
	unlink(path);
}

static void test_what_was_added_is_an_array(void **state)
{
	struct trace_file file = file_with("old", 3);
	struct json_file out;
	json_t *json;

	(void)state;
	assert_int_equal(json_file_open(&out, file.path), EXIT_GOOD);
	assert_int_equal(json_file_add(&out, "one", json_integer(7)), EXIT_GOOD);
	assert_int_equal(json_file_add(&out, "two", json_integer(8)), EXIT_GOOD);
	assert_int_equal(json_file_close(&out), EXIT_GOOD);
	json = json_load_file(file.path, 0, NULL);
	assert_int_equal(json_array_size(json), 2);
	assert_int_equal(json_integer_value(json_array_get(json, 1)), 8);
	json_decref(json);
	unlink(file.path);
}

static void test_an_answer_without_memory_is_complained_about(void **state)
{
	struct trace_file file = file_with("old", 3);
	struct json_file out;

	(void)state;
	assert_int_equal(json_file_open(&out, file.path), EXIT_GOOD);
	assert_int_equal(json_file_add(&out, "one", NULL), EXIT_USAGE);
	assert_int_equal(json_file_close(&out), EXIT_GOOD);
	assert_true(holds(file.path, "old"));
	unlink(file.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_added_is_an_array),
		cmocka_unit_test(test_an_answer_without_memory_is_complained_about),
		cmocka_unit_test(test_without_an_answer_the_old_file_stays),
		cmocka_unit_test(test_an_answer_alone_is_no_array),
		cmocka_unit_test(test_a_link_stays_a_link),
		cmocka_unit_test(test_what_is_no_regular_file_is_written_straight),
		cmocka_unit_test(test_a_place_that_cannot_be_written_is_complained_about),
		cmocka_unit_test(test_what_could_not_be_opened_is_not_removed),
	};

	return cmocka_run_group_tests_name("json_file", tests, NULL, NULL);
}
