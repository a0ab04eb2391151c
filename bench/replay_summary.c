// SPDX-License-Identifier: MIT
/*
 * replay_summary.c - several traces in one table: a row a trace, a column a way
 *
 *    simulated ns, a map and its unmap         calls   direct   bounce    strict      lazy
 *      boot-and-probe                           4689      0.0    109.0    2182.2    *161.6
 *      net-tcp-virtio                          51125      0.0    173.2   *2154.8     134.1
 *    2 traces, 8 replays: 0 wrong bytes, 0 faults, ...
 *
 * `*` marks the way that the trace was recorded with; as-recorded has no column of its own.
 * Below it the same rows with the speeds.  A row keeps its answer's results and no more, so
 * that a trace's memory is given back before the next one is read.
 *
 * What the routes were asked for must be equal: a number that differs between two routes of
 * a trace is a call that one of them lost, and is named.
 */
#include "replay.h"
#include "table.h"

#include <inttypes.h>
#include <stdlib.h>

int replay_summary_add(struct replay_summary *summary, struct replay_answer *answer)
{
	size_t bytes = (summary->nrows + 1u) * sizeof(*summary->rows);
	struct replay_row *rows = realloc(summary->rows, bytes), *row;

	if (!rows)
		return -1;
	summary->rows = rows;
	row = &rows[summary->nrows++];
	*row = (struct replay_row){
		.nevents = answer->nevents,
		.recorded = answer->recorded.way,
		.results = answer->results,
		.nresults = answer->nresults,
	};
	replay_trace_name(answer->path, row->name, sizeof(row->name));
	answer->results = NULL;
	answer->nresults = 0;
	return 0;
}

void replay_summary_free(struct replay_summary *summary)
{
	for (unsigned i = 0; i < summary->nrows; i++) {
		for (unsigned k = 0; k < summary->rows[i].nresults; k++)
			replay_result_free(&summary->rows[i].results[k]);
		free(summary->rows[i].results);
	}
	free(summary->rows);
	*summary = (struct replay_summary){0};
}

/* The row's replay of a way, or NULL. */
static const struct replay_result *result_of(const struct replay_row *row, enum replay_way way)
{
	for (unsigned i = 0; i < row->nresults; i++)
		if (row->results[i].way == way)
			return &row->results[i];
	return NULL;
}

static struct table_cell simulated(const struct replay_result *r)
{
	return table_ns(r->map_allocate_ns + r->map_table_ns + r->map_copy_ns +
			r->unmap_allocate_ns + r->unmap_table_ns + r->unmap_invalidate_ns +
			r->unmap_copy_ns);
}

static struct table_cell speed(const struct replay_result *r)
{
	return table_rate(r->events_per_second);
}

typedef struct table_cell (*number_of)(const struct replay_result *);

static struct table_cell cell_of(const struct replay_row *row, enum replay_way way,
				 number_of number)
{
	const struct replay_result *r = result_of(row, way);
	struct table_cell plain = r ? number(r) : table_none(), cell;

	snprintf(cell.text, sizeof(cell.text), "%s%.*s", row->recorded == way ? "*" : "",
		 TABLE_CELL - 2, plain.text);
	return cell;
}

/* The ways that some row was replayed on. */
static unsigned ways_of(const struct replay_summary *s)
{
	unsigned ways = 0;

	for (unsigned i = 0; i < s->nrows; i++)
		for (unsigned k = 0; k < s->rows[i].nresults; k++)
			ways |= 1u << s->rows[i].results[k].way;
	return ways;
}

static void print_table(FILE *to, const struct replay_summary *s, const char *title,
			number_of number)
{
	struct table_cell cells[1 + REPLAY_WAYS];
	unsigned ways = ways_of(s), n = 0;

	cells[n++] = table_text("calls");
	for (enum replay_way way = 0; way < REPLAY_WAYS; way++) {
		if (replay_way_in(way, ways))
			cells[n++] = table_text(replay_way_name(way));
	}
	table_row(to, title, cells, n);
	for (unsigned i = 0; i < s->nrows; i++) {
		n = 0;
		cells[n++] = table_count(s->rows[i].nevents);
		for (enum replay_way way = 0; way < REPLAY_WAYS; way++)
			if (replay_way_in(way, ways))
				cells[n++] = cell_of(&s->rows[i], way, number);
		table_row(to, s->rows[i].name, cells, n);
	}
}

static bool same_calls(const struct replay_result *a, const struct replay_result *b)
{
	return a->maps == b->maps && a->unmaps == b->unmaps && a->syncs == b->syncs &&
	       a->allocs == b->allocs && a->frees == b->frees && a->live_at_end == b->live_at_end;
}

static void print_differences(FILE *to, const struct replay_summary *s)
{
	bool differ = false;

	for (unsigned i = 0; i < s->nrows; i++)
		for (unsigned k = 1; k < s->rows[i].nresults; k++) {
			const struct replay_result *r = s->rows[i].results;

			if (same_calls(&r[0], &r[k]))
				continue;
			differ = true;
			fprintf(to, "  %s: %s and %s differ in their calls\n", s->rows[i].name,
				r[0].route->name, r[k].route->name);
		}
	if (!differ)
		fputs("  maps, unmaps, syncs, allocations, frees and what is live at the end: of "
		      "each trace\n"
		      "  the same on all of its routes\n",
		      to);
}

/* What went wrong, of all replays. */
struct sums {
	uint64_t wrong, faults, stale, failed, not_done, broken;
	unsigned replays;
};

static void sums_add(struct sums *sums, const struct replay_result *r)
{
	sums->replays++;
	sums->wrong += r->wrong_bytes;
	sums->faults += r->faults;
	sums->stale += r->stale_accesses;
	sums->failed += r->blame.requests;
	sums->not_done += r->not_done;
	sums->broken += r->broken_books;
}

static void print_sums(FILE *to, const struct replay_summary *s)
{
	struct sums sums = {0};

	for (unsigned i = 0; i < s->nrows; i++)
		for (enum replay_way way = 0; way < REPLAY_WAYS; way++) {
			const struct replay_result *r = result_of(&s->rows[i], way);

			if (r)
				sums_add(&sums, r);
		}
	fprintf(to,
		"  %u traces, %u replays: %" PRIu64 " wrong bytes, %" PRIu64 " faults, %" PRIu64
		" stale accesses,\n"
		"  %" PRIu64 " failed requests, %" PRIu64 " steps not done, %" PRIu64
		" broken books\n",
		s->nrows, sums.replays, sums.wrong, sums.faults, sums.stale, sums.failed,
		sums.not_done, sums.broken);
}

void replay_summary_print(FILE *to, const struct replay_summary *summary)
{
	if (summary->nrows < 2)
		return;
	fputs("all traces; * is the way it was recorded\n\n", to);
	print_table(to, summary, "simulated ns, a map and its unmap", simulated);
	fputc('\n', to);
	print_table(to, summary, "events a second", speed);
	fputc('\n', to);
	print_sums(to, summary);
	print_differences(to, summary);
}
