/* SPDX-License-Identifier: MIT */
/*
 * replay_tell.h - how the answers of `dmapool replay` are told: part of replay.h
 */
#ifndef BENCH_REPLAY_TELL_H
#define BENCH_REPLAY_TELL_H

#include "replay.h"

/* ---- replay_print.c ---- */

/* Something that was not replayed. */
struct replay_skip {
	const char *reason;
	struct trace_skip_count count;
};

/* The @i-th reason that there could be; false past the last one. */
bool replay_skip_at(const struct replay_answer *answer, unsigned i, struct replay_skip *skip);
void replay_print_skip(FILE *to, const struct replay_skip *skip);
/* Nothing if none is lost. */
void replay_print_lost(FILE *to, uint64_t lost, uint64_t overwritten);
/* All of it: every reason, and what the kernel had lost.  Of a trace that is whole, nothing. */
void replay_print_left_out(FILE *to, const struct replay_answer *answer);
/* A trace's name that is longer ends before the character that does not fit. */
#define REPLAY_NAME_MAX 128u

/* The last part of a path without the endings of a trace. */
void replay_trace_name(const char *path, char *name, size_t size);
/* How many devices mapped or allocated something. */
unsigned replay_devices(const struct trace_plan *plan);
void replay_print(FILE *to, const struct replay_opts *opts, const struct replay_answer *answer);

/* ---- replay_summary.c ---- */

/* A trace in the table of all traces. */
struct replay_row {
	char name[128];
	uint64_t nevents;
	enum replay_way recorded;
	struct replay_result *results; /* owned */
	unsigned nresults;
};

struct replay_summary {
	struct replay_row *rows; /* owned */
	unsigned nrows;
};

/* Takes the results away from @answer.  -1: no memory, the answer keeps them. */
int replay_summary_add(struct replay_summary *summary, struct replay_answer *answer);
void replay_summary_free(struct replay_summary *summary);
/* One table of all; nothing if there is but one trace. */
void replay_summary_print(FILE *to, const struct replay_summary *summary);

/* ---- replay_json.c ---- */

/* Appended unless there is none of it; @skips NULL: no memory. */
void replay_json_skip(struct json_t **skips, const struct replay_skip *skip);
/* All of it, as members: "lost_events", "overwritten_events" and "skipped". */
void replay_json_left_out(struct json_t **object, const struct replay_answer *answer);
/* What a file's answer is in the JSON; the caller's.  NULL: no memory. */
struct json_t *replay_json_answer(const struct replay_opts *opts,
				  const struct replay_answer *answer);

#endif
