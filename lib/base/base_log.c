// SPDX-License-Identifier: MIT
/*
 * base_log.c - one place where messages leave the library
 *
 * A line is formatted on the stack and handed to the sink; nothing is kept, no lock is
 * taken, so that it may be called with any lock held.  A line that does not fit is cut.
 */
#include <dmapool/port.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LINE_BYTES 512 /* the longest message names a few addresses and a rule */

static dmp_log_sink_fn log_sink; /* (s) */
static void *log_ctx;            /* (s) */

void dmp_log_set_sink(dmp_log_sink_fn sink, void *ctx)
{
	log_sink = sink;
	log_ctx = ctx;
}

static bool bug_aborts(void)
{
	const char *what = getenv("DMP_BUG");

	return what && strcmp(what, "abort") == 0;
}

void dmp_log(enum dmp_log_level level, const char *fmt, ...)
{
	static const char *const words[] = {"bug", "warning", "info"};
	char line[LOG_LINE_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (log_sink)
		log_sink(log_ctx, level, line);
	else
		fprintf(stderr, "dmapool: %s: %s\n", words[level], line);
	if (level == DMP_LOG_BUG && bug_aborts())
		abort();
}
