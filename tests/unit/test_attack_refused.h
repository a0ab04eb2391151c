/* SPDX-License-Identifier: MIT */
/*
 * test_attack_refused.h - the command line of `dmapool attack` in tests, and what is said of it
 */
#ifndef DMAPOOL_TEST_ATTACK_REFUSED_H
#define DMAPOOL_TEST_ATTACK_REFUSED_H

#include "dmptest.h"

#include "attack_options.h"
#include "command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGS_MAX 12

/* What @call leaves on the stream, 2047 bytes at most. */
struct said {
	int status;
	char text[2048];
};

/* @fn with the arguments, while file descriptor @fd writes into the text. */
static inline struct said say(int (*fn)(int argc, const char **argv), int fd,
			      const char *const *args)
{
	const char *argv[ARGS_MAX + 2] = {"dmapool attack"};
	struct said said;
	FILE *to = tmpfile();
	int saved = dup(fd), argc = 1;

	for (; args[argc - 1]; argc++)
		argv[argc] = args[argc - 1];
	assert_non_null(to);
	fflush(NULL);
	dup2(fileno(to), fd);
	said.status = fn(argc, argv);
	fflush(NULL);
	dup2(saved, fd);
	close(saved);
	rewind(to);
	said.text[fread(said.text, 1, sizeof(said.text) - 1, to)] = '\0';
	fclose(to);
	return said;
}

/* One line on standard error, in which @what stands, and status 2. */
static inline void refuse(int (*fn)(int argc, const char **argv), const char *what,
			  const char *const *args)
{
	struct said said = say(fn, STDERR_FILENO, args);

	assert_int_equal(said.status, EXIT_USAGE);
	assert_non_null(strstr(said.text, what));
	assert_ptr_equal(strchr(said.text, '\n'), &said.text[strlen(said.text) - 1]);
}

#endif
