// SPDX-License-Identifier: MIT
/*
 * attack_print.c - an attack's answer on the terminal
 *
 *    name: what was attacked, and how
 *      flush   attempts   live   stale ...      a row a policy
 *      strict   1000000    ...          kept
 *      lazy     1000000    ...          BROKEN
 *      lazy: what is broken; what is to be known
 *
 * Columns are as wide as the longest policy and the number of attempts ask for: no count of a
 * policy is larger.
 */
#include "attack.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define NAME_WIDTH_MIN 14
#define CELL_WIDTH_MIN 10
#define CELL_BYTES     32

struct cell {
	char text[CELL_BYTES];
};

static struct cell none(void)
{
	return (struct cell){{"-"}};
}

static struct cell count(uint64_t n)
{
	struct cell cell;

	snprintf(cell.text, sizeof(cell.text), "%" PRIu64, n);
	return cell;
}

/* Four digits and a unit: 9.990 ms. */
static struct cell duration(uint64_t ns)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	double x = (double)ns;
	struct cell cell;
	unsigned unit = 0;
	int decimals;

	for (; x >= 999.95 && unit < 3; unit++)
		x /= 1000;
	decimals = unit == 0 || x >= 999.95 ? 0 : x >= 99.995 ? 1 : x >= 9.9995 ? 2 : 3;
	snprintf(cell.text, sizeof(cell.text), "%.*f %s", decimals, x, units[unit]);
	return cell;
}

static struct cell attempts(const struct attack_result *r)
{
	return count(attack_sum_all(&r->counts, ATTACK_ANSWERS) + r->counts.unjudged);
}

static struct cell live(const struct attack_result *r)
{
	return count(attack_sum(&r->counts, ATTACK_LIVE, ATTACK_DONE));
}

static struct cell stale_reads(const struct attack_result *r)
{
	return count(attack_stale(&r->counts, false));
}

static struct cell stale_writes(const struct attack_result *r)
{
	return count(attack_stale(&r->counts, true));
}

static struct cell oldest(const struct attack_result *r)
{
	return attack_stale(&r->counts, false) + attack_stale(&r->counts, true)
		       ? duration(r->counts.oldest_stale_ns)
		       : none();
}

static struct cell bound(const struct attack_result *r)
{
	uint64_t ns = attack_bound_ns(r);

	return ns == UINT64_MAX ? none() : duration(ns);
}

static struct cell open_kib(const struct attack_result *r)
{
	return r->exposed ? count(r->open_peak >> 10) : none();
}

static struct cell absent(const struct attack_result *r)
{
	return count(attack_sum_all(&r->counts, DMP_FAULT_NOT_PRESENT));
}

static struct cell denied(const struct attack_result *r)
{
	return count(attack_sum_all(&r->counts, DMP_FAULT_PERMISSION));
}

static struct cell beyond(const struct attack_result *r)
{
	return count(attack_sum_all(&r->counts, DMP_FAULT_APERTURE));
}

static struct cell bus(const struct attack_result *r)
{
	return count(attack_sum_all(&r->counts, DMP_FAULT_BUS));
}

static struct cell verdict(const struct attack_result *r)
{
	if (attack_judge(r))
		return (struct cell){{"BROKEN"}};
	return r->exposed ? (struct cell){{"kept"}} : none();
}

static const struct {
	const char *name;
	struct cell (*of)(const struct attack_result *r);
} columns[] = {
	{"attempts", attempts},     {"live", live},     {"stale rd", stale_reads},
	{"stale wr", stale_writes}, {"oldest", oldest}, {"bound", bound},
	{"open KiB", open_kib},     {"absent", absent}, {"denied", denied},
	{"beyond", beyond},         {"bus", bus},       {"verdict", verdict},
};

#define NCOLUMNS (sizeof(columns) / sizeof(columns[0]))

/* One more than the longest policy has. */
static int name_width(const struct attack_opts *opts)
{
	size_t width = NAME_WIDTH_MIN;

	for (unsigned i = 0; i < opts->npolicies; i++)
		if (strlen(opts->policies[i].text) >= width)
			width = strlen(opts->policies[i].text) + 1;
	return (int)width;
}

static int cell_width(const struct attack_opts *opts)
{
	size_t width = strlen(count(opts->attempts).text) + 1;

	return width > CELL_WIDTH_MIN ? (int)width : CELL_WIDTH_MIN;
}

void attack_print_head(FILE *to, const struct attack_opts *opts, const struct replay_answer *a)
{
	char name[REPLAY_NAME_MAX];

	replay_trace_name(a->path, name, sizeof(name));
	fprintf(to, "%s: %" PRIu64 " calls of %u CPU%s, %s, seed %" PRIu64, name, a->nevents,
		a->plan->facts.ncpus, a->plan->facts.ncpus == 1 ? "" : "s",
		opts->clock == REPLAY_CLOCK_REAL ? "in real time" : "in their own time",
		opts->seed);
	if (opts->profile)
		fprintf(to, ", profile %s", opts->profile);
	fprintf(to, "\n\n  %-*s", name_width(opts), "flush");
	for (size_t i = 0; i < NCOLUMNS; i++)
		fprintf(to, "%*s", cell_width(opts), columns[i].name);
	fputc('\n', to);
}

void attack_print_result(FILE *to, const struct attack_opts *opts, const struct attack_result *r)
{
	fprintf(to, "  %-*s", name_width(opts), r->policy->text);
	for (size_t i = 0; i < NCOLUMNS; i++) {
		struct cell cell = columns[i].of(r);

		fprintf(to, "%*s", cell_width(opts), cell.text);
	}
	fputc('\n', to);
}

static void note(FILE *to, const struct attack_result *r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void note(FILE *to, const struct attack_result *r, const char *fmt, ...)
{
	va_list args;

	fprintf(to, "  %s: ", r->policy->text);
	va_start(args, fmt);
	vfprintf(to, fmt, args);
	va_end(args);
	fputc('\n', to);
}

static void note_breaches(FILE *to, const struct attack_result *r)
{
	unsigned breaches = attack_judge(r);

	for (unsigned bit = 1; bit <= breaches; bit <<= 1)
		if (breaches & bit)
			note(to, r, "broken: %s", attack_breach_text(bit));
}

static void note_failures(FILE *to, const struct attack_result *r)
{
	if (r->blame.requests)
		note(to, r, "%" PRIu64 " requests failed, the first of them: %s of line %u: %s",
		     r->blame.requests, r->blame.first_call, r->blame.first_line,
		     replay_blame_error(r->blame.first_err));
}

static void note_untranslated(FILE *to, const struct attack_result *r)
{
	if (!r->exposed)
		note(to, r,
		     "nothing is translated, nothing promised: %" PRIu64
		     " accesses to memory that nobody had mapped "
		     "went through, %" PRIu64 " were recorded bus errors",
		     attack_reached(&r->counts), attack_sum_all(&r->counts, DMP_FAULT_BUS));
}

static void note_stale(FILE *to, const struct attack_result *r)
{
	if (r->counts.reused)
		note(to, r,
		     "%" PRIu64 " stale accesses reached memory that another mapping had by then",
		     r->counts.reused);
	if (r->exposed && r->open_end)
		note(to, r, "%" PRIu64 " KiB were still within reach at the end",
		     r->open_end >> 10);
	if (attack_sum(&r->counts, ATTACK_LEAVING, DMP_FAULT_STALE))
		note(to, r,
		     "%" PRIu64 " stale accesses more came while their unmap was in progress",
		     attack_sum(&r->counts, ATTACK_LEAVING, DMP_FAULT_STALE));
}

void attack_print_notes(FILE *to, const struct attack_result *r)
{
	note_breaches(to, r);
	note_failures(to, r);
	note_untranslated(to, r);
	note_stale(to, r);
	if (r->counts.unjudged)
		note(to, r, "%" PRIu64 " attempts are not judged: their page changed meanwhile",
		     r->counts.unjudged);
}
