// SPDX-License-Identifier: MIT
/*
 * complain.c - how the command says that it cannot do what was asked
 */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>

int complain(const char *fmt, ...)
{
	va_list args;

	fputs("dmapool: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_USAGE;
}
