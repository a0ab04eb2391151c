// SPDX-License-Identifier: MIT
/*
 * trace_source.c - a trace file as a stream of lines
 *
 * Picture:
 *
 *    read() -> packed[] -> liblzma --.
 *                                     >-> text[]   [ used | line ...\n line ...\n | free ]
 *    read() -------------------------'                    ^begin                  ^filled
 *
 * The first bytes decide: the xz magic number, or plain text, or a kind of file that
 * is known and refused with advice.  The first decoded bytes are looked at as well, so
 * that a packed binary is refused too.  A line is handed out inside text[]; what is
 * left over moves to the front before more is read.
 *
 * Invariants:
 *  S1  begin <= filled <= TEXT_BYTES, and text[] has room for one NUL behind it;
 *  S2  memory does not depend on the file: a line longer than TRACE_LINE_MAX is given
 *      by its beginning, and the rest is skipped;
 *  S3  every byte that could be decoded is handed out, also of a file that was cut off.
 *
 * Source: the .xz file format 1.2.1, liblzma's <lzma/base.h>.
 */
#include "trace_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Big enough that moving leftovers (about one line) costs nothing. */
#define TEXT_BYTES (2u * TRACE_LINE_MAX)

/* A few reads a megabyte of packed text. */
#define PACKED_BYTES (128u * 1024)

/* A dictionary is at most 64 MiB at xz's strongest preset; refuse what asks for more. */
#define UNPACK_MEMORY (UINT64_C(128) << 20)

/* How much of the beginning decides whether this is text. */
#define SNIFF_BYTES 512u

struct trace_source {
	int fd;
	char path[128]; /* for messages; a long one is shortened at its front */
	bool packed;
	bool input_ended; /* read() gave 0 */
	bool ended;       /* no byte will come any more */
	bool was_cut;
	bool skipping; /* inside a line that was too long */
	lzma_stream xz;
	uint8_t *in; /* PACKED_BYTES */
	char *text;  /* TEXT_BYTES + 1 */
	size_t begin;
	size_t filled;
};

/* Kinds of file that people have at hand beside the text of a trace. */
static const struct {
	const char *magic;
	size_t len;
	const char *advice;
} other_kinds[] = {
	{"\x17\x08"
	 "Dtracing",
	 10, "a binary trace.dat; make text of it: trace-cmd report FILE > trace.txt"},
	{"PERFILE2", 8, "a perf.data file; record with trace-cmd or /sys/kernel/tracing instead"},
	{"\x1f\x8b", 2, "compressed with gzip; unpack it with gunzip first"},
	{"\x28\xb5\x2f\xfd", 4, "compressed with zstd; unpack it with unzstd first"},
	{"BZh", 3, "compressed with bzip2; unpack it with bunzip2 first"},
	{"PK\x03\x04", 4, "a zip archive; unpack it first"},
};

static const char xz_magic[] = {'\xfd', '7', 'z', 'X', 'Z', '\0'};

int trace_error_set(struct trace_error *error, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return err;
}

static int no_memory(struct trace_error *error)
{
	return trace_error_set(error, -ENOMEM, "not enough memory to read the trace");
}

static int read_failed(struct trace_source *s, struct trace_error *error)
{
	int err = errno;

	return trace_error_set(error, -err, "%s: cannot read: %s", s->path, strerror(err));
}

/* The next bytes of the file itself, at most @max: how many, 0 at its end, or -errno. */
static ssize_t read_some(struct trace_source *s, void *buf, size_t max, struct trace_error *error)
{
	ssize_t n;

	do {
		n = read(s->fd, buf, max);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return read_failed(s, error);
	if (n == 0)
		s->input_ended = true;
	return n;
}

/* What liblzma's answer means; 0 to go on. */
static int judge(struct trace_source *s, lzma_ret ret, struct trace_error *error)
{
	switch (ret) {
	case LZMA_OK: return 0;
	case LZMA_STREAM_END: s->ended = true; return 0;
	case LZMA_BUF_ERROR: /* no progress: only at the end of the input, see unpack() */
		s->ended = true;
		s->was_cut = true;
		return 0;
	case LZMA_MEM_ERROR: return no_memory(error);
	case LZMA_MEMLIMIT_ERROR:
		return trace_error_set(
			error, -EBADMSG,
			"%s: needs more than 128 MiB to unpack; pack it again with xz -6", s->path);
	default:
		return trace_error_set(
			error, -EBADMSG,
			"%s: corrupt xz data; copy the file again, or check it with xz -t",
			s->path);
	}
}

/* Unpack until at least one byte of text came or the data ended. */
static int unpack(struct trace_source *s, struct trace_error *error)
{
	size_t room = TEXT_BYTES - s->filled;
	ssize_t n;
	int err;

	s->xz.next_out = (uint8_t *)s->text + s->filled;
	s->xz.avail_out = room;
	while (s->xz.avail_out == room && !s->ended) {
		if (s->xz.avail_in == 0 && !s->input_ended) {
			n = read_some(s, s->in, PACKED_BYTES, error);
			if (n < 0)
				return (int)n;
			s->xz.next_in = s->in;
			s->xz.avail_in = (size_t)n;
		}
		err = judge(s, lzma_code(&s->xz, s->input_ended ? LZMA_FINISH : LZMA_RUN), error);
		if (err)
			return err;
	}
	s->filled += room - s->xz.avail_out;
	return 0;
}

static int read_plain(struct trace_source *s, struct trace_error *error)
{
	ssize_t n = read_some(s, s->text + s->filled, TEXT_BYTES - s->filled, error);

	if (n < 0)
		return (int)n;
	s->filled += (size_t)n;
	s->ended = s->input_ended;
	return 0;
}

/* Move what is left to the front, then read more behind it. */
static int refill(struct trace_source *s, struct trace_error *error)
{
	memmove(s->text, s->text + s->begin, s->filled - s->begin);
	s->filled -= s->begin;
	s->begin = 0;
	return s->packed ? unpack(s, error) : read_plain(s, error);
}

/* The user's words for what the beginning of the file shows, or NULL for text. */
static const char *other_kind(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(other_kinds) / sizeof(other_kinds[0]); i++) {
		if (len >= other_kinds[i].len &&
		    !memcmp(text, other_kinds[i].magic, other_kinds[i].len))
			return other_kinds[i].advice;
	}
	if (memchr(text, '\0', len < SNIFF_BYTES ? len : SNIFF_BYTES))
		return "not text; give the text of /sys/kernel/tracing/trace or of trace-cmd "
		       "report";
	return NULL;
}

/* Turn from plain to packed: the bytes read so far are the beginning of the xz data. */
static int start_unpacking(struct trace_source *s, struct trace_error *error)
{
	lzma_ret ret = lzma_stream_decoder(&s->xz, UNPACK_MEMORY, LZMA_CONCATENATED);

	if (ret != LZMA_OK)
		return judge(s, ret, error);
	s->in = malloc(PACKED_BYTES);
	if (!s->in)
		return no_memory(error);
	memcpy(s->in, s->text, s->filled);
	s->xz.next_in = s->in;
	s->xz.avail_in = s->filled;
	s->filled = 0;
	s->packed = true;
	s->ended = false;
	return unpack(s, error);
}

static bool looks_packed(const struct trace_source *s)
{
	return s->filled >= sizeof(xz_magic) && !memcmp(s->text, xz_magic, sizeof(xz_magic));
}

/* The first bytes: few enough that they fit in in[] if they are packed ones. */
static int read_beginning(struct trace_source *s, struct trace_error *error)
{
	ssize_t n = 1;

	while (n > 0 && s->filled < PACKED_BYTES) {
		n = read_some(s, s->text + s->filled, PACKED_BYTES - s->filled, error);
		if (n < 0)
			return (int)n;
		s->filled += (size_t)n;
	}
	s->ended = s->input_ended;
	return looks_packed(s) ? start_unpacking(s, error) : 0;
}

static int refuse_other_kinds(struct trace_source *s, struct trace_error *error)
{
	const char *advice = other_kind(s->text, s->filled);

	if (advice)
		return trace_error_set(error, -EILSEQ, "%s: %s", s->path, advice);
	if (s->filled == 0 && !s->was_cut)
		return trace_error_set(error, -ENODATA,
				       "%s: empty; was tracing on, and the events enabled?",
				       s->path);
	return 0;
}

static struct trace_source *source_new(const char *path)
{
	struct trace_source *s = calloc(1, sizeof(*s));
	size_t len = strlen(path);

	if (!s)
		return NULL;
	s->fd = -1;
	s->xz = (lzma_stream)LZMA_STREAM_INIT;
	snprintf(s->path, sizeof(s->path), "%s%s", len < sizeof(s->path) ? "" : "...",
		 len < sizeof(s->path) ? path : path + len - (sizeof(s->path) - 4));
	s->text = malloc(TEXT_BYTES + 1);
	if (!s->text) {
		free(s);
		return NULL;
	}
	return s;
}

/* Open @path and read enough of it to know that it is text. */
int trace_source_open(const char *path, struct trace_source **out, struct trace_error *error)
{
	struct trace_source *s = source_new(path);
	int err;

	if (!s)
		return no_memory(error);
	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0) {
		err = -errno;
		trace_error_set(error, err, "%s: cannot open: %s", s->path, strerror(errno));
		goto close_source;
	}
	err = read_beginning(s, error);
	if (!err)
		err = refuse_other_kinds(s, error);
	if (err)
		goto close_source;
	*out = s;
	return 0;

close_source:
	trace_source_close(s);
	return err;
}

/* The bytes from begin to @newline (or to filled, without one) become one line. */
static void hand_out(struct trace_source *s, char *newline, struct trace_text *line)
{
	char *end = newline ? newline : s->text + s->filled;

	line->text = s->text + s->begin;
	line->unterminated = !newline;
	s->begin = (size_t)(end - s->text) + (newline ? 1 : 0);
	if (end > line->text && end[-1] == '\r')
		end--;
	line->len = (size_t)(end - line->text);
	line->too_long = line->len > TRACE_LINE_MAX;
	if (line->too_long)
		line->len = TRACE_LINE_MAX;
	line->text[line->len] = '\0';
}

/* A full buffer without a newline: give its beginning and forget the rest of the line. */
static void hand_out_beginning(struct trace_source *s, struct trace_text *line)
{
	hand_out(s, NULL, line);
	line->unterminated = false;
	s->skipping = true;
}

/* Drop bytes up to the newline that ends a line which was too long. */
static void skip_rest(struct trace_source *s, const char *newline)
{
	s->begin = newline ? (size_t)(newline - s->text) + 1 : s->filled;
	s->skipping = !newline;
}

/* The next line: 1, or 0 at the end, or a negative errno. */
int trace_source_next(struct trace_source *s, struct trace_text *line, struct trace_error *error)
{
	for (;;) {
		char *newline = memchr(s->text + s->begin, '\n', s->filled - s->begin);
		int err;

		if (s->skipping) {
			skip_rest(s, newline);
			if (newline)
				continue;
		} else if (newline || (s->ended && s->begin < s->filled)) {
			hand_out(s, newline, line);
			return 1;
		} else if (s->filled - s->begin == TEXT_BYTES) {
			hand_out_beginning(s, line);
			return 1;
		}
		if (s->ended)
			return 0;
		err = refill(s, error);
		if (err)
			return err;
	}
}

/* True once the end was reached of a compressed file that stops in the middle. */
bool trace_source_was_cut(const struct trace_source *s)
{
	return s->was_cut;
}

void trace_source_close(struct trace_source *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	lzma_end(&s->xz);
	free(s->in);
	free(s->text);
	free(s);
}
