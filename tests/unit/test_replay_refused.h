/* SPDX-License-Identifier: MIT */
/*
 * test_replay_refused.h - a text that a parser refuses, and what it says to that
 */
#ifndef DMAPOOL_TEST_REPLAY_REFUSED_H
#define DMAPOOL_TEST_REPLAY_REFUSED_H

#include "dmptest.h"

#include "command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Refused in one line on standard error, in which @said stands. */
static inline void refused_with(int (*parse)(const char *text), const char *text, const char *said)
{
	FILE *to = tmpfile();
	int saved = dup(STDERR_FILENO), status;
	char line[512];
	size_t len;

	assert_non_null(to);
	fflush(stderr);
	dup2(fileno(to), STDERR_FILENO);
	status = parse(text);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(to);
	len = fread(line, 1, sizeof(line) - 1, to);
	fclose(to);
	line[len] = '\0';
	assert_int_equal(status, EXIT_USAGE);
	assert_non_null(strstr(line, said));
	assert_ptr_equal(strchr(line, '\n'), &line[len - 1]);
}

#endif
