// SPDX-License-Identifier: MIT
/*
 * check_print.c - a trace's checked addresses on the terminal and as JSON
 *
 *    name: addresses of 34588 allocations
 *      equal                          34587
 *      explained                          1
 *      unexplained                        0
 *      the call of line 6769 came before line 6768
 */
#include "check.h"
#include "json_file.h"
#include "replay.h"
#include "table.h"

#include <inttypes.h>
#include <jansson.h>

/* More moved lines are only counted; the JSON has all. */
#define MOVES_SHOWN 8u

static void print_row(FILE *to, const char *label, uint64_t n)
{
	struct table_cell cell = table_count(n);

	table_row(to, label, &cell, 1);
}

static void print_moves(FILE *to, const struct check_result *r)
{
	for (uint32_t i = 0; i < r->nmoves && i < MOVES_SHOWN; i++)
		fprintf(to, "  the call of line %u came before line %u\n", r->moves[i].line,
			r->moves[i].before_line);
	if (r->nmoves > MOVES_SHOWN)
		fprintf(to, "  and %u more\n", r->nmoves - MOVES_SHOWN);
}

static struct replay_skip skip_at(const struct check_result *r, unsigned reason)
{
	return (struct replay_skip){trace_skip_text(reason), r->skips[reason]};
}

static void print_lost(FILE *to, const struct check_result *r)
{
	for (unsigned i = 0; i < TRACE_NSKIPS; i++) {
		struct replay_skip skip = skip_at(r, i);

		replay_print_skip(to, &skip);
	}
	replay_print_lost(to, r->lost_events, r->overwritten_events);
}

static void print_unexplained(FILE *to, const struct check_result *r)
{
	if (r->unexplained)
		fprintf(to, "  the first unexplained is in line %u\n", r->unexplained_line);
	if (r->strays)
		fprintf(to,
			"  lines are missing or damaged: %" PRIu64 " free%s of what no line "
			"allocates, the first in line %u\n",
			r->strays, r->strays == 1 ? "" : "s", r->stray_line);
}

static void print_rows(FILE *to, const struct check_result *r)
{
	print_row(to, "equal", r->equal);
	print_row(to, "explained", r->explained);
	print_row(to, "unexplained", r->unexplained);
	if (r->in_use_before)
		print_row(to, "not compared: in use before", r->in_use_before);
	if (r->has_pool)
		print_row(to, "peak slots", r->peak_slots);
	print_moves(to, r);
	print_unexplained(to, r);
}

void check_print(FILE *to, const char *name, const struct check_result *r)
{
	uint64_t n = r->equal + r->explained + r->unexplained + r->in_use_before;

	if (n == 0) {
		fprintf(to, "%s: no allocation by an allocator, so no address to check\n", name);
	} else {
		fprintf(to, "%s: addresses of %" PRIu64 " allocations from %u space%s\n", name, n,
			r->nspaces, r->nspaces == 1 ? "" : "s");
		print_rows(to, r);
	}
	print_lost(to, r);
	fputc('\n', to);
	fflush(to);
}

static json_t *moves_json(const struct check_result *r)
{
	json_t *moves = json_array();
	int err = 0;

	for (uint32_t i = 0; i < r->nmoves; i++)
		err |= json_array_append_new(moves, json_pack("{s:i, s:i}", "line",
							      (int)r->moves[i].line, "before_line",
							      (int)r->moves[i].before_line));
	if (!err)
		return moves;
	json_decref(moves);
	return NULL;
}

static json_t *skips_json(const struct check_result *r)
{
	json_t *skips = json_array();

	for (unsigned i = 0; i < TRACE_NSKIPS; i++) {
		struct replay_skip skip = skip_at(r, i);

		replay_json_skip(&skips, &skip);
	}
	return skips;
}

/* A line's number, or null. */
static json_t *line_json(uint32_t line)
{
	return line ? json_integer(line) : json_null();
}

json_t *check_json(const char *path, const char *name, const struct check_result *r)
{
	json_t *peak = r->has_pool ? json_integer((json_int_t)r->peak_slots) : json_null();

	return json_pack(
		"{s:o, s:o, s:i, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:I}",
		"trace", json_file_text(name), "path", json_file_text(path), "spaces",
		(int)r->nspaces, "equal", (json_int_t)r->equal, "explained",
		(json_int_t)r->explained, "unexplained", (json_int_t)r->unexplained,
		"in_use_before", (json_int_t)r->in_use_before, "strays", (json_int_t)r->strays,
		"peak_slots", peak, "first_unexplained_line", line_json(r->unexplained_line),
		"first_stray_line", line_json(r->stray_line), "moves", moves_json(r), "skipped",
		skips_json(r), "lost_events", (json_int_t)r->lost_events, "overwritten_events",
		(json_int_t)r->overwritten_events);
}
