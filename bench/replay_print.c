// SPDX-License-Identifier: MIT
/*
 * replay_print.c - a trace's answer on the terminal
 *
 *    name: what was recorded
 *      how it was replayed
 *                      direct      strict       a row a number, a column a route
 *    sizes             <=512 12%  <=4K 23%
 *    as recorded       lazy, since ...
 *    skipped           1 free of nothing, the first in line 1234
 *    read              0.41 s, ...
 */
#include "replay.h"
#include "table.h"

#include <inttypes.h>
#include <string.h>

/* replay_opts.routes has a bit for each. */
#define COLUMNS 32u

/* As wide as a table of five routes. */
#define LINE_WIDTH 95

/* UTF-8: what goes on after the cut belongs to a character that began before it. */
void replay_trace_name(const char *path, char *name, size_t size)
{
	static const char *const endings[] = {".xz", ".txt"};
	const char *slash = strrchr(path, '/');
	const char *from = slash ? slash + 1 : path;
	size_t len = strlen(from);

	for (unsigned i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t n = strlen(endings[i]);

		if (len > n && memcmp(from + len - n, endings[i], n) == 0)
			len -= n;
	}
	if (len >= size)
		for (len = size - 1; len > 0 && (from[len] & 0xc0) == 0x80;)
			len--;
	memcpy(name, from, len);
	name[len] = '\0';
}

unsigned replay_devices(const struct trace_plan *plan)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < plan->ndevices; i++)
		n += plan->devices[i].maps || plan->devices[i].allocs;
	return n;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static bool bounces(const struct replay_answer *a)
{
	bool any = false;

	for (unsigned i = 0; i < a->nresults; i++)
		any |= a->results[i].way == REPLAY_BOUNCE;
	return any;
}

static void print_head(FILE *to, const struct replay_opts *opts, const struct replay_answer *a)
{
	unsigned ndevices = replay_devices(a->plan);
	char name[REPLAY_NAME_MAX];

	replay_trace_name(a->path, name, sizeof(name));
	fprintf(to, "%s: %" PRIu64 " calls of %u CPU%s in %.1f s, %u device%s\n", name, a->nevents,
		a->plan->facts.ncpus, plural(a->plan->facts.ncpus),
		(double)a->plan->facts.span_ns / 1e9, ndevices, plural(ndevices));
	fprintf(to, "  %u thread%s, %s clock, %s, %u-bit mask, profile %s", a->nlanes,
		plural(a->nlanes), replay_clock_name(opts->clock),
		opts->data ? "data checked" : "no data", opts->mask_bits, opts->profile);
	if (bounces(a))
		fprintf(to, ", %spool of %" PRIu64 " slots in %" PRIu64 " area%s",
			opts->grow ? "growing " : "", opts->slots, opts->areas,
			plural(opts->areas));
	fputs("\n\n", to);
}

static bool is_zero(const struct replay_field *field, const struct replay_result *r)
{
	const void *at = (const char *)r + field->offset;

	return field->unit == REPLAY_COUNT ? *(const uint64_t *)at == 0 : *(const double *)at == 0;
}

/* A cost of nothing is a dash: there is no such work in that column. */
static struct table_cell cell_of(const struct replay_field *field, const struct replay_result *r)
{
	const void *at = (const char *)r + field->offset;

	if (!replay_field_means(field, r))
		return table_none();
	if (field->quiet && field->unit == REPLAY_NUMBER && is_zero(field, r))
		return table_none();
	switch (field->unit) {
	case REPLAY_COUNT: return table_count(*(const uint64_t *)at);
	case REPLAY_SHARE: return table_share(*(const double *)at);
	case REPLAY_NUMBER: return table_ns(*(const double *)at);
	case REPLAY_RATE: return table_rate(*(const double *)at);
	}
	return table_none();
}

/* Below the names: which way as-recorded is. */
static void print_ways(FILE *to, const struct replay_answer *a)
{
	struct table_cell cells[COLUMNS];
	bool as_recorded = false;

	for (unsigned i = 0; i < a->nresults; i++) {
		const struct replay_result *r = &a->results[i];

		cells[i] = table_text(r->route->as_recorded ? replay_way_name(r->way) : "");
		as_recorded |= r->route->as_recorded;
	}
	if (as_recorded)
		table_row(to, "", cells, a->nresults);
}

/* Does it tell something in one of the columns? */
static bool is_printed(const struct replay_field *field, const struct replay_answer *a)
{
	bool tells = false;

	for (unsigned i = 0; i < a->nresults; i++)
		tells |= replay_field_means(field, &a->results[i]) &&
			 !(field->quiet && is_zero(field, &a->results[i]));
	return tells && field->label;
}

static void print_fields(FILE *to, const struct replay_answer *a)
{
	struct table_cell cells[COLUMNS];

	for (unsigned i = 0; i < a->nresults; i++)
		cells[i] = table_text(a->results[i].route->name);
	table_row(to, "", cells, a->nresults);
	print_ways(to, a);
	for (unsigned f = 0; f < replay_nfields; f++) {
		if (!is_printed(&replay_fields[f], a))
			continue;
		for (unsigned i = 0; i < a->nresults; i++)
			cells[i] = cell_of(&replay_fields[f], &a->results[i]);
		table_row(to, replay_fields[f].label, cells, a->nresults);
	}
}

/* "  <=4K 23%"; what is less than half a percent, as a number: "3x".  Returns its length. */
static int size_text(char *text, size_t size, uint64_t limit, uint32_t count, uint64_t sum)
{
	static const char *const units[] = {"", "K", "M", "G"};
	double percent = 100.0 * count / (double)sum;
	unsigned unit = 0;

	for (; limit >= 1024 && unit < 3; unit++)
		limit /= 1024;
	if (percent < 0.5)
		return snprintf(text, size, "  <=%" PRIu64 "%s %ux", limit, units[unit], count);
	return snprintf(text, size, "  <=%" PRIu64 "%s %.0f%%", limit, units[unit], percent);
}

/* Shares of the maps by size, in as many lines as they need. */
static void print_sizes(FILE *to, const struct trace_facts *facts)
{
	static const char label[] = "  sizes of maps";
	int column = fprintf(to, "%s", label);
	uint64_t sum = 0;

	for (unsigned i = 0; i < TRACE_NSIZES; i++)
		sum += facts->sizes[i];
	for (unsigned i = 0; i < TRACE_NSIZES; i++) {
		char text[64];
		int len;

		if (facts->sizes[i] == 0)
			continue;
		len = size_text(text, sizeof(text), UINT64_C(512) << i, facts->sizes[i], sum);
		if (column + len > LINE_WIDTH)
			column = fprintf(to, "\n%*s", (int)strlen(label), "") - 1;
		column += fprintf(to, "%s", text);
	}
	fputc('\n', to);
}

bool replay_skip_at(const struct replay_answer *a, unsigned i, struct replay_skip *skip)
{
	if (i > TRACE_NSKIPS)
		return false;
	if (i == TRACE_NSKIPS) {
		*skip = (struct replay_skip){"a mapping of more than 512 MiB", a->too_long};
		return true;
	}
	skip->reason = trace_skip_text(i);
	skip->count = a->trace->skips[i].count ? a->trace->skips[i] : a->plan->skips[i];
	return true;
}

void replay_print_skip(FILE *to, const struct replay_skip *skip)
{
	if (skip->count.count)
		fprintf(to, "  skipped: %" PRIu64 " x %s, the first in line %u\n",
			skip->count.count, skip->reason, skip->count.first_line);
}

void replay_print_lost(FILE *to, uint64_t lost, uint64_t overwritten)
{
	if (lost)
		fprintf(to, "  the kernel lost %" PRIu64 " events\n", lost);
	if (overwritten)
		fprintf(to, "  the kernel overwrote %" PRIu64 " events before the first one here\n",
			overwritten);
}

void replay_print_left_out(FILE *to, const struct replay_answer *a)
{
	struct replay_skip skip;

	for (unsigned i = 0; replay_skip_at(a, i, &skip); i++)
		replay_print_skip(to, &skip);
	replay_print_lost(to, a->trace->lost_events, a->trace->overwritten_events);
}

static void print_failure(FILE *to, const char *route, const struct replay_blame *blame)
{
	for (unsigned why = 0; why < REPLAY_WHYS; why++)
		if (blame->by_why[why])
			fprintf(to, "  %s: %" PRIu64 " request%s failed: %s\n", route,
				blame->by_why[why], plural(blame->by_why[why]),
				replay_blame_text(why));
	fprintf(to, "  %s: the first of them: %s of line %u: %s\n", route, blame->first_call,
		blame->first_line, replay_blame_error(blame->first_err));
}

static void print_failures(FILE *to, const struct replay_answer *a)
{
	for (unsigned i = 0; i < a->nresults; i++)
		if (a->results[i].blame.requests)
			print_failure(to, a->results[i].route->name, &a->results[i].blame);
}

static void print_recorded(FILE *to, const struct replay_recorded *recorded)
{
	fprintf(to, "  as recorded: %s, since %s\n", replay_way_name(recorded->way), recorded->why);
}

static void print_times(FILE *to, const struct replay_answer *a)
{
	double seconds = a->read_seconds + a->match_seconds;

	fprintf(to, "  read, parsed and matched %u lines in %.2f s, %s lines a second",
		a->trace->nlines, seconds, table_rate((double)a->trace->nlines / seconds).text);
	if (a->nresults && a->results[0].runs > 1)
		fprintf(to, "; speeds are medians of %" PRIu64 " runs", a->results[0].runs);
	fputs("\n\n", to);
}

void replay_print(FILE *to, const struct replay_opts *opts, const struct replay_answer *answer)
{
	print_head(to, opts, answer);
	print_fields(to, answer);
	replay_exposure_print(to, opts, answer);
	replay_neighbours_print(to, answer);
	print_sizes(to, &answer->plan->facts);
	print_recorded(to, &answer->recorded);
	replay_print_left_out(to, answer);
	print_failures(to, answer);
	print_times(to, answer);
	fflush(to);
}
