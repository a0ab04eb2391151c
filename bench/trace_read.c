// SPDX-License-Identifier: MIT
/*
 * trace_read.c - read a whole trace: one loop over its lines
 *
 * Picture, what becomes of a line:
 *
 *    begins with '#', "cpus=", "CPU n is empty", blank    header: read or ignored
 *    "CPU:n [LOST m EVENTS]"                              counted, m added up
 *    task-pid [cpu] flags time: name: fields              event, or counted by reason
 *    anything else                                        counted
 *
 * Nothing that parses is lost, and nothing that does not parse stops the reading: each
 * is counted with the first line it happened on, and the caller says so to the user.
 * Only a trace without one usable event is an error.
 *
 * A last line without its newline may stop in the middle of a number and still parse,
 * so it is used only if it ends in its attributes: they come last, and are words.
 *
 * Invariants:
 *  R1  lines = events + headers + the sum of all reasons but TRACE_SKIP_CUT_FILE.
 */
#include "trace_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const reasons[TRACE_NSKIPS] = {
	[TRACE_SKIP_UNKNOWN_EVENT] = "event of another subsystem",
	[TRACE_SKIP_MALFORMED] = "DMA event that does not parse",
	[TRACE_SKIP_NOT_AN_EVENT] = "line that is no event",
	[TRACE_SKIP_LOST_MARK] = "mark of lost events",
	[TRACE_SKIP_LINE_TOO_LONG] = "line longer than 512 KiB",
	[TRACE_SKIP_CUT_LINE] = "last line cut off",
	[TRACE_SKIP_CUT_FILE] = "compressed file cut off",
	[TRACE_SKIP_FAILED] = "request that the kernel refused",
	[TRACE_SKIP_NULL_FREE] = "free of nothing",
	[TRACE_SKIP_UNMATCHED_UNMAP] = "unmap or free without its map",
	[TRACE_SKIP_UNMATCHED_SYNC] = "sync outside every live mapping",
	[TRACE_SKIP_IMPOSSIBLE] = "map of no bytes, or of fewer than its entries",
};

const char *trace_skip_text(unsigned reason)
{
	return reason < TRACE_NSKIPS ? reasons[reason] : "unknown";
}

/* The decimal number behind @key anywhere in the line. */
static bool number_after(const struct trace_text *line, const char *key, const char **behind,
			 uint64_t *out)
{
	const char *at = memmem(line->text, line->len, key, strlen(key));

	if (!at)
		return false;
	at += strlen(key);
	*behind = at;
	return trace_scan_dec(behind, line->text + line->len, out);
}

/* "# entries-in-buffer/entries-written: 10222/10300   #P:4" and "cpus=4". */
static void read_header(struct trace *trace, const struct trace_text *line)
{
	uint64_t kept, written, ncpus;
	const char *at;

	if (number_after(line, "entries-written: ", &at, &kept) && *at++ == '/' &&
	    trace_scan_dec(&at, line->text + line->len, &written) && written > kept)
		trace->overwritten_events = written - kept;
	if ((number_after(line, "#P:", &at, &ncpus) || number_after(line, "cpus=", &at, &ncpus)) &&
	    ncpus <= UINT16_MAX && ncpus > trace->ncpus)
		trace->ncpus = (uint32_t)ncpus;
}

static bool starts_with(const struct trace_text *line, const char *text)
{
	return line->len >= strlen(text) && !memcmp(line->text, text, strlen(text));
}

static bool ends_with(const struct trace_text *line, const char *text)
{
	size_t len = strlen(text);

	return line->len >= len && !memcmp(line->text + line->len - len, text, len);
}

static bool is_blank(const struct trace_text *line)
{
	for (size_t i = 0; i < line->len; i++) {
		if (line->text[i] != ' ' && line->text[i] != '\t')
			return false;
	}
	return true;
}

/* Lines that a trace has beside its events. */
static bool is_header(const struct trace_text *line)
{
	if (line->len && (line->text[0] == '#' || starts_with(line, "cpus=")))
		return true;
	if (starts_with(line, "CPU") && ends_with(line, "is empty"))
		return true;
	return line->len == 0 || (line->text[0] == ' ' && is_blank(line));
}

/* Does an unterminated line surely stop where its event ends? */
static bool is_whole(const struct trace_text *line)
{
	const char *last = memrchr(line->text, ' ', line->len);
	size_t len = last ? (size_t)(line->text + line->len - last) : 0;

	return len > 6 && !memcmp(last, " attrs=", 7) && !memmem(last, len, "=0x", 3);
}

/* 0: the line became an event; 1: it did not, because of *why; or a negative errno. */
static int add_event(struct trace *trace, const struct trace_text *line, uint32_t number,
		     enum trace_skip *why)
{
	const char *end = line->text + line->len;
	struct trace_head head;
	uint64_t lost;

	if (!trace_line_head(line->text, end, &head)) {
		*why = TRACE_SKIP_NOT_AN_EVENT;
		if (trace_line_lost(line->text, end, &lost)) {
			*why = TRACE_SKIP_LOST_MARK;
			trace->lost_events += lost;
		}
		return 1;
	}
	return trace_event_add(trace, &head, number, why);
}

static int take_line(struct trace *trace, const struct trace_text *line, uint32_t number)
{
	enum trace_skip why = TRACE_SKIP_CUT_LINE;
	int ret = 1;

	if (is_header(line)) {
		read_header(trace, line);
		return 0;
	}
	if (line->too_long)
		why = TRACE_SKIP_LINE_TOO_LONG;
	else if (!line->unterminated || is_whole(line))
		ret = add_event(trace, line, number, &why);
	if (ret == 1)
		trace_skip_add(trace->skips, line->unterminated ? TRACE_SKIP_CUT_LINE : why,
			       number);
	return ret < 0 ? ret : 0;
}

static int out_of_room(int err, struct trace_error *error)
{
	if (err == -EFBIG)
		return trace_error_set(error, err,
				       "more events than 32 bits can number; split the file");
	return trace_error_set(error, err, "not enough memory for the trace");
}

static int read_lines(struct trace *trace, struct trace_source *source, struct trace_error *error)
{
	struct trace_text line;
	int ret;

	while ((ret = trace_source_next(source, &line, error)) == 1) {
		if (trace->nlines == UINT32_MAX)
			return out_of_room(-EFBIG, error);
		ret = take_line(trace, &line, ++trace->nlines);
		if (ret)
			return out_of_room(ret, error);
	}
	if (!ret && trace_source_was_cut(source))
		trace_skip_add(trace->skips, TRACE_SKIP_CUT_FILE, trace->nlines);
	return ret;
}

/* What the user can do about a file without one usable event. */
static int nothing_usable(const struct trace *trace, const char *path, struct trace_error *error)
{
	const char *advice = "is it the text of /sys/kernel/tracing/trace or of trace-cmd report?";

	if (trace->skips[TRACE_SKIP_CUT_FILE].count)
		advice = "the compressed file is cut off; copy it again";
	else if (trace->skips[TRACE_SKIP_MALFORMED].count)
		advice = "its DMA events do not parse; which kernel wrote it?";
	else if (trace->skips[TRACE_SKIP_UNKNOWN_EVENT].count)
		advice = "it has events, but none of dma:*; enable events/dma while recording";
	else if (trace->nlines && !trace->skips[TRACE_SKIP_NOT_AN_EVENT].count)
		advice = "it has a header and no events; enable events/dma and tracing_on";
	return trace_error_set(error, -ENODATA, "%.100s: nothing usable in %u lines: %s", path,
			       trace->nlines, advice);
}

int trace_read(const char *path, struct trace **out, struct trace_error *error)
{
	struct trace_source *source;
	struct trace *trace;
	int err;

	err = trace_source_open(path, &source, error);
	if (err)
		return err;
	trace = calloc(1, sizeof(*trace));
	err = trace ? read_lines(trace, source, error) : out_of_room(-ENOMEM, error);
	if (!err && trace->nevents == 0)
		err = nothing_usable(trace, path, error);
	trace_source_close(source);
	if (err) {
		trace_free(trace);
		return err;
	}
	*out = trace;
	return 0;
}
