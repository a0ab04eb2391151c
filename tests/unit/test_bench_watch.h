/* SPDX-License-Identifier: MIT */
/*
 * test_bench_watch.h - was memory written to, be it with the bytes that stood there already?
 *
 * It is made read-only; the first write to it is noted, and makes it writable again.
 */
#ifndef TEST_BENCH_WATCH_H
#define TEST_BENCH_WATCH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

static void *watched;
static size_t watched_len;
static volatile sig_atomic_t watched_writes;
static struct sigaction watch_before;

static inline void watch_note(int signal)
{
	(void)signal;
	watched_writes++;
	mprotect(watched, watched_len, PROT_READ | PROT_WRITE);
}

/* Whole pages. */
static inline void watch(void *at, size_t len)
{
	const struct sigaction note = {.sa_handler = watch_note};

	watched = at;
	watched_len = len;
	watched_writes = 0;
	sigaction(SIGSEGV, &note, &watch_before);
	mprotect(at, len, PROT_READ);
}

/* Ends the watch. */
static inline bool watch_saw_a_write(void)
{
	mprotect(watched, watched_len, PROT_READ | PROT_WRITE);
	sigaction(SIGSEGV, &watch_before, NULL);
	return watched_writes > 0;
}

#endif
