/* SPDX-License-Identifier: MIT */
/*
 * test_bench_watch.h - was memory written to, be it with the bytes that stood there already?
 *
 *    memory   a a a a      a private mapping of a file with the same bytes: a page that is
 *    file     a a a a      written to becomes the memory's own
 *             z z z z      then the file changes, and the memory's own pages do not
 */
#ifndef TEST_BENCH_WATCH_H
#define TEST_BENCH_WATCH_H

#include "dmptest.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct watch {
	unsigned char *at;
	size_t len;
	int file;
};

/* Whole pages. */
static inline struct watch watch_begin(void *at, size_t len)
{
	struct watch w = {.at = at, .len = len, .file = memfd_create("watch", 0)};

	assert_true(w.file >= 0);
	assert_true(write(w.file, at, len) == (ssize_t)len);
	assert_true(mmap(at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, w.file, 0) ==
		    at);
	return w;
}

/* The memory is as whoever wrote there left it. */
static inline bool watch_saw_a_write(struct watch *w)
{
	unsigned char *now = malloc(w->len), *other = malloc(w->len);
	bool seen = false;

	assert_true(now && other);
	memcpy(now, w->at, w->len);
	for (size_t i = 0; i < w->len; i++)
		other[i] = (unsigned char)~now[i];
	assert_true(pwrite(w->file, other, w->len, 0) == (ssize_t)w->len);
	for (size_t i = 0; i < w->len; i++)
		seen |= w->at[i] == now[i];
	assert_true(mmap(w->at, w->len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) == w->at);
	memcpy(w->at, now, w->len);
	close(w->file);
	free(now);
	free(other);
	return seen;
}

#endif
