// SPDX-License-Identifier: MIT
/*
 * test_conform.c - proves what bench/conform.c says of a file, and its exit status
 */
#include "dmptest.h"

#include "conform.h"
#include "command.h"

#include <dmapool/port.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEADER "# iova-vectors 1\n# a test\n"

/* What conform_text() makes of a text. */
struct outcome {
	struct conform_totals totals;
	char line[1024];
	int err;
};

static struct outcome run(const char *text)
{
	struct outcome o = {0};
	char *copy = strdup(text), *said = NULL;
	size_t len;
	FILE *out = open_memstream(&said, &len);

	assert_non_null(copy);
	assert_non_null(out);
	o.err = conform_text("t.txt", copy, strlen(copy), out, &o.totals);
	fclose(out);
	snprintf(o.line, sizeof(o.line), "%s", said);
	free(said);
	free(copy);
	assert_int_equal(dmp_meta_in_use(), 0);
	return o;
}

static void assert_totals(const struct outcome *o, unsigned passed, unsigned failed,
			  unsigned by_choice)
{
	assert_int_equal(o->err, 0);
	assert_int_equal(o->totals.passed, passed);
	assert_int_equal(o->totals.failed, failed);
	assert_int_equal(o->totals.by_choice, by_choice);
}

static void test_right_answers_pass_block_by_block(void **state)
{
	struct outcome o = run(HEADER "domain 4096 0x1 1 0\n"
				      "alloc 1 5 0xfffff 0 = 0xffffb\n"
				      "destroy\n"
				      "domain 4096 0x1 1 1\n"
				      "alloc_fast 0 1 0xfffff 0 = 0xfffff\n"
				      "destroy\n");

	(void)state;
	assert_totals(&o, 2, 0, 0);
	assert_string_equal(o.line, "t.txt: 6 operations, 0 mismatches\n");
}

static void test_the_first_mismatch_is_told_with_line_expected_and_got(void **state)
{
	struct outcome o = run(HEADER "domain 4096 0x1 1 0\n"
				      "alloc 1 5 0xfffff 0 = 0xffffa\n"
				      "alloc 2 1 0xfffff 0 = 0xffff9\n");

	(void)state;
	assert_totals(&o, 0, 1, 0);
	assert_string_equal(o.line, "t.txt: 3 operations, 2 mismatches; the first at line 4: "
				    "'alloc 1 5 0xfffff 0' expected 0xffffa, got 0xffffb\n");
}

static void test_a_failed_operation_without_a_result_is_a_mismatch(void **state)
{
	struct outcome o = run(HEADER "domain 4096 0x1 1 0\nfree 1\n");

	(void)state;
	assert_totals(&o, 0, 1, 0);
	assert_non_null(strstr(o.line, "'free 1' expected ok, got error: "));
}

static void test_each_range_of_a_dump_is_compared(void **state)
{
	struct outcome o = run(HEADER "domain 4096 0x1 1 0\n"
				      "reserve 0x10 0x1f = 0x10 0x1f\n"
				      "reserve 0x40 0x4f = 0x40 0x4f\n"
				      "dump = 2\n"
				      "range 0x10 0x1f\n"
				      "range 0x40 0x4e\n");

	(void)state;
	assert_totals(&o, 0, 1, 0);
	assert_non_null(strstr(o.line, "line 8: 'range' expected 0x40 0x4e, got 0x40 0x4f"));
}

#define BOUNCE "# libdmapool bounce vectors 1; family x\n"

static void test_bounce_vectors_are_judged_block_by_block(void **state)
{
	struct outcome o = run(BOUNCE "reset\n"
				      "pool 512 1 40000000 - 0 = 512 1 512 512\n"
				      "reset\n"
				      "pool 512 1 40000000 - 0 = 512 2 256 512\n"
				      "end 4\n");

	(void)state;
	assert_totals(&o, 1, 1, 0);
	assert_non_null(strstr(o.line, "4 operations, 1 mismatches"));
}

static void test_answers_are_the_same_as_numbers_or_as_words(void **state)
{
	(void)state;
	assert_true(conform_same("0x10 top", "16 top"));
	assert_true(conform_same("", ""));
	assert_false(conform_same("0x10", "0x10 0x11"));
	assert_false(conform_same("0x10 0x11", "0x10"));
	assert_false(conform_same("fail", "0x0"));
	assert_false(conform_same("0x10", "0x11"));
}

/* The exit status of the command on a file with @text; NULL: no such file. */
static int status_of(const char *option, const char *text)
{
	char path[] = "/tmp/test_conform_XXXXXX";
	const char *argv[] = {"dmapool conform", option ? option : path, path, NULL};
	int fd = mkstemp(path), status;

	assert_true(fd >= 0);
	if (text)
		assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	else
		unlink(path);
	close(fd);
	argv[option ? 3 : 2] = NULL;
	status = conform_main(option ? 3 : 2, argv);
	unlink(path);
	return status;
}

static void test_the_exit_status_is_0_only_if_nothing_failed(void **state)
{
	const char *good = HEADER "domain 4096 0x1 1 0\n";
	const char *bad = HEADER "domain 4096 0x1 1 0\nalloc 1 5 0xfffff 0 = 0x1\n";

	(void)state;
	assert_int_equal(status_of(NULL, good), EXIT_GOOD);
	assert_int_equal(status_of(NULL, bad), EXIT_BAD);
}

static void test_what_cannot_be_run_is_status_2(void **state)
{
	const char *argv[] = {"dmapool conform", NULL};

	(void)state;
	assert_int_equal(status_of(NULL, NULL), EXIT_USAGE);
	assert_int_equal(status_of(NULL, "nothing of the kind\n"), EXIT_USAGE);
	assert_int_equal(status_of("--no-such-option", HEADER), EXIT_USAGE);
	assert_int_equal(conform_main(1, argv), EXIT_USAGE);
}

static void test_a_file_that_cannot_be_run_does_not_stop_the_others(void **state)
{
	char path[] = "/tmp/test_conform_XXXXXX", said[512] = "";
	const char *argv[] = {"dmapool conform", "/nonexistent", path, NULL};
	int fd = mkstemp(path), saved, pipes[2];
	const char *good = HEADER "domain 4096 0x1 1 0\n";

	(void)state;
	assert_int_equal(write(fd, good, strlen(good)), (ssize_t)strlen(good));
	close(fd);
	assert_int_equal(pipe(pipes), 0);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	dup2(pipes[1], STDOUT_FILENO);
	assert_int_equal(conform_main(3, argv), EXIT_USAGE);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	assert_true(read(pipes[0], said, sizeof(said) - 1) > 0);
	assert_non_null(strstr(said, "1 passed, 0 failed, 0 by choice\n"));
	close(saved);
	close(pipes[0]);
	close(pipes[1]);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_answers_pass_block_by_block),
		cmocka_unit_test(test_the_first_mismatch_is_told_with_line_expected_and_got),
		cmocka_unit_test(test_a_failed_operation_without_a_result_is_a_mismatch),
		cmocka_unit_test(test_each_range_of_a_dump_is_compared),
		cmocka_unit_test(test_bounce_vectors_are_judged_block_by_block),
		cmocka_unit_test(test_answers_are_the_same_as_numbers_or_as_words),
		cmocka_unit_test(test_the_exit_status_is_0_only_if_nothing_failed),
		cmocka_unit_test(test_what_cannot_be_run_is_status_2),
		cmocka_unit_test(test_a_file_that_cannot_be_run_does_not_stop_the_others),
	};

	return cmocka_run_group_tests_name("conform", tests, NULL, NULL);
}
