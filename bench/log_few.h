/* SPDX-License-Identifier: MIT */
/*
 * log_few.h - the library's log on standard error, the first lines of it: log_few.c
 */
#ifndef BENCH_LOG_FEW_H
#define BENCH_LOG_FEW_H

/* From here on until the end; one thread, nothing else runs. */
void log_few_begin(void);
void log_few_end(void);

#endif
