// SPDX-License-Identifier: MIT
/*
 * bench_target.c - a table of bounds, and who keeps them
 *
 *    case                                        figure        must        hope
 *    cached pair, shared library, batch 1        2.10 x   <= 2.50 x   <= 2.00 x  kept
 *
 * What could not be measured or judged is no promise kept, and none broken either: it has a
 * status of its own.
 */
#include "bench_target.h"
#include "command.h"
#include "json_file.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define NUMBER_WIDTH 14

struct bench_target *bench_table_add(struct bench_table *table, const char *name, const char *unit,
				     double must, double hope)
{
	struct bench_target *t = &table->row[table->count++];

	*t = (struct bench_target){
		.name = name, .unit = unit, .must = must, .hope = hope, .figure = NAN};
	return t;
}

static bool keeps(const struct bench_target *t, double bound)
{
	return t->at_least ? t->figure >= bound : t->figure <= bound;
}

enum bench_verdict bench_target_verdict(const struct bench_target *t)
{
	if (isnan(t->must) && isnan(t->hope))
		return BENCH_TOLD;
	if (isnan(t->figure) || t->why)
		return BENCH_UNKNOWN;
	if (!isnan(t->must) && !keeps(t, t->must))
		return BENCH_MISSED;
	return !isnan(t->hope) && keeps(t, t->hope) ? BENCH_BETTER : BENCH_KEPT;
}

static const char *verdict_name(const struct bench_target *t)
{
	static const char *const names[] = {
		[BENCH_TOLD] = "-",        [BENCH_BETTER] = "as hoped",    [BENCH_KEPT] = "kept",
		[BENCH_MISSED] = "MISSED", [BENCH_UNKNOWN] = "NOT JUDGED",
	};

	return names[bench_target_verdict(t)];
}

/* A number in its unit, three digits of it or more. */
static void print_number(FILE *to, const struct bench_target *t, const char *sign, double number)
{
	char text[64] = "-";

	if (!isnan(number))
		snprintf(text, sizeof(text), "%s%.*f %s", sign,
			 number < 9.995   ? 2
			 : number < 99.95 ? 1
					  : 0,
			 number, t->unit);
	fprintf(to, " %*s", NUMBER_WIDTH, text);
}

static const char *why(const struct bench_target *t)
{
	return t->why ? t->why : isnan(t->figure) ? "it could not be measured" : NULL;
}

static void print_target(FILE *to, const struct bench_target *t)
{
	const char *sign = t->at_least ? ">= " : "<= ";

	fprintf(to, "%-54s", t->name);
	print_number(to, t, "", t->figure);
	print_number(to, t, sign, t->must);
	print_number(to, t, sign, t->hope);
	fprintf(to, "  %-10s %s%s%s\n", verdict_name(t), t->note, t->note[0] && why(t) ? "; " : "",
		why(t) ? why(t) : "");
}

static json_t *number_json(double number)
{
	return isnan(number) ? json_null() : json_real(number);
}

static json_t *target_json(const struct bench_target *t)
{
	return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:s, s:s, s:s?}", "case", t->name, "unit",
			 t->unit, "at_least", (int)t->at_least, "figure", number_json(t->figure),
			 "must", number_json(t->must), "hope", number_json(t->hope), "verdict",
			 verdict_name(t), "note", t->note, "why", why(t));
}

static void print_columns(FILE *to)
{
	fprintf(to, "%-54s %*s %*s %*s\n", "case", NUMBER_WIDTH, "figure", NUMBER_WIDTH, "must",
		NUMBER_WIDTH, "hope");
}

int bench_table_print(FILE *to, const struct bench_table *table, struct json_file *json)
{
	unsigned missed = 0, unknown = 0;
	const char *reason = NULL;

	print_columns(to);
	for (unsigned i = 0; i < table->count; i++) {
		const struct bench_target *t = &table->row[i];
		enum bench_verdict verdict = bench_target_verdict(t);

		print_target(to, t);
		missed += verdict == BENCH_MISSED;
		unknown += verdict == BENCH_UNKNOWN;
		if (verdict == BENCH_UNKNOWN && !reason)
			reason = why(t);
		if (json && json_file_add(json, t->name, target_json(t)))
			return EXIT_USAGE;
	}
	fflush(to);
	if (unknown)
		complain("%u bounds were not judged: %s", unknown, reason);
	return missed ? EXIT_BAD : unknown ? EXIT_USAGE : EXIT_GOOD;
}
