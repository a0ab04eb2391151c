/* SPDX-License-Identifier: MIT */
/*
 * replay_what_if.h - several ways to flush, compared on one trace
 *
 *    replay_what_if.c         which; who is beaten by whom
 *    replay_what_if_fields.c  the numbers
 *    replay_what_if_print.c   on the terminal: a table a trace, one of all
 *    replay_what_if_json.c    as JSON
 *
 * Everything that is compared is of one kind of time each: costs are the simulator's
 * nanoseconds, exposure is the time of the trace.
 */
#ifndef BENCH_REPLAY_WHAT_IF_H
#define BENCH_REPLAY_WHAT_IF_H

#include "replay.h"

/* As many as the table's bookkeeping has room for; far more than anybody can read. */
#define REPLAY_WHAT_IF_MAX 32u

struct replay_what_if {
	unsigned n;
	struct replay_route routes[REPLAY_WHAT_IF_MAX]; /* their names are in text */
	struct replay_flush flush[REPLAY_WHAT_IF_MAX];
	char text[REPLAY_WHAT_IF_MAX][REPLAY_FLUSH_TEXT];
};

/* "flush=strict,lazy:entries=64"; complains and returns EXIT_USAGE. */
int replay_what_if_parse(const char *text, struct replay_what_if *what_if);

/* What one way to flush costs, and what it leaves open. */
struct replay_point {
	double cost, exposure; /* exposure may be INFINITY: without end */
	bool exposes_more;     /* its counter is at its end: that much, and nobody knows how much */
	bool failed;           /* its numbers are of less work: it beats nobody, nobody beats it */
	unsigned beaten_by;    /* out: another point, or REPLAY_UNBEATEN: it is on the frontier
				* unless it failed */
};
#define REPLAY_UNBEATEN UINT32_MAX

/*
 * A point is beaten if another one is no dearer and leaves no more open, and is better in one of
 * the two.  It names the cheapest of those on the frontier that beat it.  Who exposes more than
 * its number says beats nobody, and is beaten by whoever leaves less open than that number.
 */
void replay_frontier_find(struct replay_point *points, unsigned n);

/* Of an answer's results; @points has room for all of them. */
void replay_what_if_points(const struct replay_answer *answer, struct replay_point *points);

/* ---- replay_what_if_fields.c ---- */

enum replay_what_if_unit {
	REPLAY_WHAT_IF_COUNT,    /* whole */
	REPLAY_WHAT_IF_NS,       /* one digit */
	REPLAY_WHAT_IF_RATIO,    /* three digits */
	REPLAY_WHAT_IF_DISTANCE, /* one digit; INFINITY: without end */
};

struct replay_what_if_field {
	const char *name;     /* in the JSON */
	const char *label[2]; /* above its column, two lines; NULL: not in the table */
	enum replay_what_if_unit unit;
	const char *title; /* in the table of all traces; NULL: not there */
	double (*of)(const struct replay_result *result);     /* NAN: there is no such number */
	bool (*is_least)(const struct replay_result *result); /* NULL: no count, never; see below */
};

/* Is it more than the number says?  What was open when the trace ended would have been so for
 * longer, and a counter that is at its end stands for more. */
bool replay_what_if_is_least(const struct replay_what_if_field *field,
			     const struct replay_result *result);

extern const struct replay_what_if_field replay_what_if_fields[];
extern const unsigned replay_what_if_nfields;

/* The two axes of the frontier. */
double replay_what_if_cost(const struct replay_result *result);
double replay_what_if_exposure(const struct replay_result *result);
bool replay_what_if_exposes_more(const struct replay_result *result);

/* ---- replay_what_if_print.c, replay_what_if_json.c ---- */

void replay_what_if_print(FILE *to, const struct replay_opts *opts,
			  const struct replay_answer *answer);
/* Nothing if there is but one trace. */
void replay_what_if_summary(FILE *to, const struct replay_what_if *what_if,
			    const struct replay_summary *summary);
/* The caller's; NULL: no memory. */
struct json_t *replay_what_if_json(const struct replay_opts *opts,
				   const struct replay_answer *answer);

#endif
