/* SPDX-License-Identifier: MIT */
/*
 * test_bench_helpers.h - helper programs of the bench that say what a test wants
 */
#ifndef TEST_BENCH_HELPERS_H
#define TEST_BENCH_HELPERS_H

#include "dmptest.h"
#include "bench_child.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Everything that is looked for, with the end of the list. */
static const char *const helper_names[] = {"pair-shared",       "pair-static",
					   "pair-glibc",        "pair-jemalloc",
					   "pair-copy-glibc",   "pair-copy-jemalloc",
					   "pair-bounce-empty", "pair-bounce-full",
					   "icount.sh",         NULL};
static char helper_dir[] = "/tmp/test_bench_XXXXXX";

/* For a test's set-up and teardown: a directory for them, empty, and away again. */
static inline int helpers_open(void **state)
{
	(void)state;
	memcpy(helper_dir + sizeof(helper_dir) - 7, "XXXXXX", 6);
	bench_child_look_in(mkdtemp(helper_dir));
	return 0;
}

static inline int helpers_close(void **state)
{
	char path[64];

	(void)state;
	for (unsigned i = 0; helper_names[i]; i++) {
		snprintf(path, sizeof(path), "%s/%s", helper_dir, helper_names[i]);
		unlink(path);
	}
	bench_child_look_in(NULL);
	return rmdir(helper_dir);
}

/* A shell script @name of these lines. */
static inline void plant(const char *name, const char *lines)
{
	char path[64];
	FILE *script;

	snprintf(path, sizeof(path), "%s/%s", helper_dir, name);
	script = fopen(path, "w");
	assert_non_null(script);
	fprintf(script, "#!/bin/sh\n%s\n", lines);
	fclose(script);
	assert_int_equal(chmod(path, 0755), 0);
}

#endif
