// SPDX-License-Identifier: MIT
/*
 * test_bench_child.c - proves what a helper program's answer becomes, and what no answer is
 *
 * The helper is looked for beside this program, which has none; the bench job runs real ones.
 */
#include "dmptest.h"
#include "bench_child.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* A script beside this program that says @text and ends with @status. */
static void plant(const char *name, const char *text, int status)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 64);
	FILE *script;

	assert_true(len > 0);
	path[len] = '\0';
	strcpy(strrchr(path, '/') + 1, name);
	unlink(path);
	if (!text)
		return;
	script = fopen(path, "w");
	assert_non_null(script);
	fprintf(script, "#!/bin/sh\necho \"%s\"\nexit %d\n", text, status);
	fclose(script);
	assert_int_equal(chmod(path, 0755), 0);
}

static int measured(struct bench_pair *pair)
{
	return bench_child_measure(BENCH_CHILD_SHARED,
				   &(struct bench_plan){.samples = 3, .sample_ns = 1000}, 8, pair);
}

static void test_the_answer_is_three_numbers(void **state)
{
	struct bench_pair pair;

	(void)state;
	plant("pair-shared", "5.5 2.5 2.2", 0);
	assert_int_equal(measured(&pair), 0);
	assert_true(pair.ours == 5.5 && pair.floor == 2.5 && pair.ratio == 2.2);
	plant("pair-shared", NULL, 0);
}

/* Its arguments come back as its figures. */
static void test_it_is_told_what_to_measure(void **state)
{
	struct bench_pair pair;

	(void)state;
	plant("pair-shared", "$2 $3 $4", 0);
	assert_int_equal(measured(&pair), 0);
	assert_true(pair.ours == 8 && pair.floor == 3 && pair.ratio == 1000);
	plant("pair-shared", NULL, 0);
}

static void test_no_answer_is_an_error(void **state)
{
	struct bench_pair pair = {.ours = 1};
	double instructions = 1;

	(void)state;
	plant("pair-shared", NULL, 0);
	assert_int_equal(measured(&pair), -ENOENT);
	assert_int_equal(bench_child_count(BENCH_CHILD_SHARED, true, 1, &instructions), -ENOENT);
	plant("pair-shared", "5.5 2.5", 0);
	assert_int_equal(measured(&pair), -EIO);
	plant("pair-shared", "5.5 2.5 2.2", 1);
	assert_int_equal(measured(&pair), -EIO);
	plant("pair-shared", NULL, 0);
	assert_true(instructions == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_answer_is_three_numbers),
		cmocka_unit_test(test_it_is_told_what_to_measure),
		cmocka_unit_test(test_no_answer_is_an_error),
	};

	return cmocka_run_group_tests_name("bench_child", tests, NULL, NULL);
}
