/* SPDX-License-Identifier: MIT */
/*
 * log_quiet.h - a sink for lines that a test provokes, and that nobody has to see or count
 *
 *   dmp_log_set_sink(log_quiet, NULL);
 *   ...
 *   dmp_log_set_sink(NULL, NULL);
 */
#ifndef DMAPOOL_TEST_LOG_QUIET_H
#define DMAPOOL_TEST_LOG_QUIET_H

#include <dmapool/types.h>

static inline void log_quiet(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx, (void)level, (void)line;
}

#endif
