// SPDX-License-Identifier: MIT
/*
 * replay_what_if_print.c - ways to flush, compared, on the terminal
 *
 *    a row a way to flush, a column a number:
 *
 *                   inval.    ranges   sim. ns  ...  frontier
 *                 an unmap   a flush  an unmap
 *      strict        1.000       1.0    2069.1       on it
 *      lazy          0.010     101.0      88.9       off it: lazy-single
 *
 *    > before a number: it is more.  The range was still within reach when the trace ended, or
 *      the counter is at its end
 *
 *    and of several traces one table: a row a trace, a column a way to flush, number by number
 */
#include "replay_what_if.h"
#include "table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define COLUMN 9 /* the labels, and seconds in us */

/* As wide as the longest name, and no narrower than "what if". */
static int name_width(const struct replay_what_if *w)
{
	size_t width = 7;

	for (unsigned i = 0; i < w->n; i++)
		if (strlen(w->text[i]) > width)
			width = strlen(w->text[i]);
	return (int)width;
}

/* Digits behind the point: what is large needs fewer. */
static int decimals(enum replay_what_if_unit unit, double value)
{
	switch (unit) {
	case REPLAY_WHAT_IF_COUNT: return 0;
	case REPLAY_WHAT_IF_RATIO: return value < 1e4 ? 3 : 1;
	case REPLAY_WHAT_IF_NS: return 1;
	case REPLAY_WHAT_IF_DISTANCE: return value < 1e6 ? 1 : 0;
	}
	return 0;
}

static struct table_cell cell_of(const struct replay_what_if_field *field,
				 const struct replay_result *r)
{
	double value = field->of(r);
	struct table_cell cell;

	if (isnan(value))
		return table_none();
	if (isinf(value))
		return table_text("always");
	snprintf(cell.text, sizeof(cell.text), "%s%.*f",
		 replay_what_if_is_least(field, r) ? ">" : "", decimals(field->unit, value), value);
	return cell;
}

/* As wide as what stands above it. */
static int column_of(const char *name)
{
	return strlen(name) > COLUMN ? (int)strlen(name) : COLUMN;
}

static void print_labels(FILE *to, int width)
{
	for (unsigned line = 0; line < 2; line++) {
		fprintf(to, "  %-*s", width, line ? "" : "what if");
		for (unsigned f = 0; f < replay_what_if_nfields; f++)
			if (replay_what_if_fields[f].label[line])
				fprintf(to, " %*s", COLUMN, replay_what_if_fields[f].label[line]);
		fputs(line ? "\n" : "  frontier\n", to);
	}
}

static void print_row(FILE *to, int width, const struct replay_answer *a, unsigned i,
		      const struct replay_point *point)
{
	const struct replay_result *r = &a->results[i];

	fprintf(to, "  %-*s", width, r->route->name);
	for (unsigned f = 0; f < replay_what_if_nfields; f++)
		if (replay_what_if_fields[f].label[0])
			fprintf(to, " %*s", COLUMN, cell_of(&replay_what_if_fields[f], r).text);
	if (point->failed)
		fputs("  not compared: it failed\n", to);
	else if (point->beaten_by == REPLAY_UNBEATEN)
		fputs("  on it\n", to);
	else
		fprintf(to, "  off it: %s\n", a->results[point->beaten_by].route->name);
}

/* What is wrong in one of them, so that its numbers are not to be trusted. */
static void print_bad(FILE *to, const struct replay_answer *a)
{
	for (unsigned i = 0; i < a->nresults; i++) {
		const struct replay_result *r = &a->results[i];

		if (replay_result_is_bad(r))
			fprintf(to,
				"  %s: %" PRIu64 " wrong bytes, %" PRIu64 " faults, %" PRIu64
				" stale accesses, %" PRIu64 " failed requests, %" PRIu64
				" steps not done, %" PRIu64 " broken books\n",
				r->route->name, r->wrong_bytes, r->faults, r->stale_accesses,
				r->blame.requests, r->not_done, r->broken_books);
		if (r->exposed && r->exposed->sum.flags & DMP_EXPOSURE_SATURATED)
			fprintf(to,
				"  %s: a counter of exposure has reached its end and stands "
				"for more\n",
				r->route->name);
	}
}

void replay_what_if_print(FILE *to, const struct replay_opts *opts,
			  const struct replay_answer *answer)
{
	struct replay_point points[REPLAY_WHAT_IF_MAX];
	int width = name_width(opts->what_if);
	char name[REPLAY_NAME_MAX];

	replay_trace_name(answer->path, name, sizeof(name));
	fprintf(to, "%s: %" PRIu64 " calls of %u CPU%s in %.1f s, recorded %s\n", name,
		answer->nevents, answer->plan->facts.ncpus,
		answer->plan->facts.ncpus == 1 ? "" : "s",
		(double)answer->plan->facts.span_ns / 1e9, replay_way_name(answer->recorded.way));
	fprintf(to,
		"  exposure in the time of the trace, costs in simulated ns of profile %s, %s\n\n",
		opts->profile, opts->data ? "data checked" : "no data: no device reached anything");
	print_labels(to, width);
	replay_what_if_points(answer, points);
	for (unsigned i = 0; i < answer->nresults; i++)
		print_row(to, width, answer, i, &points[i]);
	replay_neighbours_print_all(to, answer);
	print_bad(to, answer);
	replay_print_left_out(to, answer);
	fputc('\n', to);
	fflush(to);
}

/* The row's result of a way to flush, or NULL. */
static const struct replay_result *result_of(const struct replay_row *row, const char *name)
{
	for (unsigned i = 0; i < row->nresults; i++)
		if (strcmp(row->results[i].route->name, name) == 0)
			return &row->results[i];
	return NULL;
}

static void summary_block(FILE *to, const struct replay_what_if *w, const struct replay_summary *s,
			  const struct replay_what_if_field *field, int width)
{
	fprintf(to, "  %s\n", field->title);
	for (unsigned i = 0; i < s->nrows; i++) {
		fprintf(to, "    %-*s", width, s->rows[i].name);
		for (unsigned k = 0; k < w->n; k++) {
			const struct replay_result *r = result_of(&s->rows[i], w->text[k]);
			struct table_cell cell = r ? cell_of(field, r) : table_none();

			fprintf(to, "  %*s", column_of(w->text[k]), cell.text);
		}
		fputc('\n', to);
	}
}

void replay_what_if_summary(FILE *to, const struct replay_what_if *what_if,
			    const struct replay_summary *summary)
{
	int width = 24;

	if (summary->nrows < 2)
		return;
	fprintf(to, "%-*s", width + 4, "all traces");
	for (unsigned k = 0; k < what_if->n; k++)
		fprintf(to, "  %*s", COLUMN, what_if->text[k]);
	fputc('\n', to);
	for (unsigned f = 0; f < replay_what_if_nfields; f++)
		if (replay_what_if_fields[f].title)
			summary_block(to, what_if, summary, &replay_what_if_fields[f], width);
}
