// SPDX-License-Identifier: MIT
/*
 * progress.c - one line on standard error, written over and over
 *
 * Locking: none; one thread shows progress.
 */
#include "progress.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* Back to the first column, and erase from there to the right (ECMA-48 EL). */
#define WIPE "\r\033[K"

static bool shown;

void progress_show(const char *fmt, ...)
{
	va_list args;

	if (!isatty(STDERR_FILENO))
		return;
	fputs(WIPE, stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fflush(stderr);
	shown = true;
}

void progress_clear(void)
{
	if (!shown)
		return;
	fputs(WIPE, stderr);
	fflush(stderr);
	shown = false;
}
