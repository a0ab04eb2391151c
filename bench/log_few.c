// SPDX-License-Identifier: MIT
/*
 * log_few.c - the library's log on standard error, the first lines of it
 *
 * A workload may fail a hundred thousand times for one reason; the tables count the rest.
 */
#include "log_few.h"

#include <dmapool/types.h>

#include <stdatomic.h>
#include <stdio.h>

#define LOG_LINES_MAX 5u

static _Atomic(unsigned) log_lines;

static void log_some(void *ctx, enum dmp_log_level level, const char *line)
{
	/* relaxed: a number */
	unsigned n = atomic_fetch_add_explicit(&log_lines, 1, memory_order_relaxed);

	(void)ctx;
	(void)level;
	if (n <= LOG_LINES_MAX)
		fprintf(stderr, "dmapool: %s\n", n < LOG_LINES_MAX ? line : "and more of the kind");
}

void log_few_begin(void)
{
	dmp_log_set_sink(log_some, NULL);
}

void log_few_end(void)
{
	dmp_log_set_sink(NULL, NULL);
}
