/* SPDX-License-Identifier: MIT */
/*
 * progress.h - one line that says what takes so long, on a terminal only
 */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

/**
 * progress_show() - replace the line; nothing if standard error is not a terminal
 */
void progress_show(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Wipe the line, before anything else is printed. */
void progress_clear(void);

#endif
