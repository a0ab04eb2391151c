// SPDX-License-Identifier: MIT
/*
 * test_trace_files.h - small trace files for the tests of the trace reader
 *
 * A test names its lines, or the bytes themselves; here they become a file in $TMPDIR, plain
 * or xz-compressed, which is read and removed again.
 */
#ifndef DMAPOOL_TEST_TRACE_FILES_H
#define DMAPOOL_TEST_TRACE_FILES_H

#include "dmptest.h"

#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace_internal.h"

struct trace_file {
	char path[256];
};

/* A line of one task on CPU @cpu; the time counts in whole microseconds. */
#define ON(cpu, us, fields) "  fio-12  [00" #cpu "] d..1.  1.0000" #us ": " fields "\n"

#define NVME "0000:00:03.0 "

static inline struct trace_file file_with(const void *bytes, size_t len)
{
	struct trace_file file;
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(file.path, sizeof(file.path), "%s/dmapool-trace-XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(file.path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	close(fd);
	return file;
}

/* @text packed by xz; the caller frees *@packed. */
static inline size_t pack_xz(const char *text, size_t len, uint8_t **packed)
{
	size_t room = lzma_stream_buffer_bound(len), used = 0;

	*packed = malloc(room);
	assert_non_null(*packed);
	assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, (const uint8_t *)text,
						 len, *packed, &used, room),
			 LZMA_OK);
	return used;
}

/* Read @len bytes as a trace file: trace_read()'s answer. */
static inline int read_bytes(const void *bytes, size_t len, struct trace **out,
			     struct trace_error *error)
{
	struct trace_file file = file_with(bytes, len);
	int err = trace_read(file.path, out, error);

	unlink(file.path);
	return err;
}

/* The lines @pieces, up to a NULL, as one text; the caller frees it. */
static inline char *joined(const char *const *pieces)
{
	size_t len = 0;
	char *text, *p;

	for (size_t i = 0; pieces[i]; i++)
		len += strlen(pieces[i]);
	text = p = malloc(len + 1);
	assert_non_null(text);
	*text = '\0';
	for (size_t i = 0; pieces[i]; i++)
		p = stpcpy(p, pieces[i]);
	return text;
}

/* Read a trace that must be readable. */
static inline struct trace *read_lines_of(const char *const *pieces)
{
	char *text = joined(pieces);
	struct trace *trace;
	struct trace_error error;

	assert_int_equal(read_bytes(text, strlen(text), &trace, &error), 0);
	free(text);
	return trace;
}

#define READ(...) read_lines_of((const char *const[]){__VA_ARGS__, NULL})

struct matched {
	struct trace *trace;
	struct trace_plan *plan;
};

/* Read and match; the plan must pass its walker. */
static inline struct matched match_lines_of(const char *const *pieces)
{
	struct matched m = {.trace = read_lines_of(pieces)};

	assert_int_equal(trace_match(m.trace, &m.plan), 0);
	assert_int_equal(trace_plan_check(m.trace, m.plan), 0);
	return m;
}

#define MATCH(...) match_lines_of((const char *const[]){__VA_ARGS__, NULL})

static inline void free_matched(struct matched *m)
{
	trace_plan_free(m->plan);
	trace_free(m->trace);
}

#endif
