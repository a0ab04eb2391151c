// SPDX-License-Identifier: MIT
/*
 * test_base_log.c - proves what base_log.c says: lines reach the sink, long ones are cut,
 * and DMP_BUG=abort stops the process after a bug line only
 */
#include "dmptest.h"

#include <dmapool/port.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char last_line[2048];
static enum dmp_log_level last_level;

static void keep(void *ctx, enum dmp_log_level level, const char *line)
{
	*(int *)ctx += 1;
	last_level = level;
	strncpy(last_line, line, sizeof(last_line) - 1);
}

static void test_a_line_reaches_the_sink_with_its_level(void **state)
{
	int calls = 0;

	(void)state;
	dmp_log_set_sink(keep, &calls);
	dmp_log(DMP_LOG_WARN, "%s is %d", "answer", 42);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(calls, 1);
	assert_int_equal(last_level, DMP_LOG_WARN);
	assert_string_equal(last_line, "answer is 42");
}

static void test_a_line_that_does_not_fit_is_cut(void **state)
{
	char longest[1500];
	int calls = 0;

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	dmp_log_set_sink(keep, &calls);
	dmp_log(DMP_LOG_INFO, "%s", longest);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(strlen(last_line), 511);
}

/* How a child that logs one line at @level, with DMP_BUG=abort, ends. */
static int child_status(enum dmp_log_level level)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		int calls = 0;

		setenv("DMP_BUG", "abort", 1);
		signal(SIGABRT, SIG_DFL);
		dmp_log_set_sink(keep, &calls);
		dmp_log(level, "child");
		_exit(7);
	}
	waitpid(child, &status, 0);
	return status;
}

static void test_a_bug_line_aborts_when_asked_to(void **state)
{
	int status = child_status(DMP_LOG_BUG);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void test_a_warning_never_aborts(void **state)
{
	int status = child_status(DMP_LOG_WARN);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_reaches_the_sink_with_its_level),
		cmocka_unit_test(test_a_line_that_does_not_fit_is_cut),
		cmocka_unit_test(test_a_bug_line_aborts_when_asked_to),
		cmocka_unit_test(test_a_warning_never_aborts),
	};

	return cmocka_run_group_tests_name("base_log", tests, NULL, NULL);
}
