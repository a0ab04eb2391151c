// SPDX-License-Identifier: MIT
/*
 * bench_target.c - a table of bounds, and who keeps them
 *
 *    case                                     figure       must       hope
 *    cached pair, shared library, batch 1       2.1 x      2.5 x      2.0 x   kept
 *
 * What could not be measured is no promise kept: the status is as if it were missed.
 */
#include "bench_target.h"
#include "command.h"
#include "json_file.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static bool keeps(const struct bench_target *t, double bound)
{
	return t->at_least ? t->figure >= bound : t->figure <= bound;
}

enum bench_verdict bench_target_verdict(const struct bench_target *t)
{
	if (isnan(t->figure))
		return BENCH_UNKNOWN;
	if (!isnan(t->must) && !keeps(t, t->must))
		return BENCH_MISSED;
	return !isnan(t->hope) && keeps(t, t->hope) ? BENCH_BETTER : BENCH_KEPT;
}

static const char *verdict_name(const struct bench_target *t)
{
	static const char *const names[] = {
		[BENCH_BETTER] = "as hoped",
		[BENCH_KEPT] = "kept",
		[BENCH_MISSED] = "MISSED",
		[BENCH_UNKNOWN] = "not measured",
	};

	return names[bench_target_verdict(t)];
}

/* A figure or bound in its unit. */
static void print_number(FILE *to, const struct bench_target *t, double number)
{
	if (isnan(number))
		fprintf(to, " %11s", "-");
	else
		fprintf(to, " %*.*f %s", (int)(10 - strlen(t->unit)), number < 99.95 ? 1 : 0,
			number, t->unit);
}

static void print_target(FILE *to, const struct bench_target *t)
{
	fprintf(to, "%-60s", t->name);
	print_number(to, t, t->figure);
	print_number(to, t, t->must);
	print_number(to, t, t->hope);
	fprintf(to, "  %s%s%s\n", verdict_name(t), t->why ? ": " : "", t->why ? t->why : "");
}

static json_t *number_json(double number)
{
	return isnan(number) ? json_null() : json_real(number);
}

static json_t *target_json(const struct bench_target *t)
{
	return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:s}", "case", t->name, "unit", t->unit,
			 "at_least", (int)t->at_least, "figure", number_json(t->figure), "must",
			 number_json(t->must), "hope", number_json(t->hope), "verdict",
			 verdict_name(t));
}

int bench_target_print(FILE *to, const struct bench_target *targets, unsigned n,
		       struct json_file *json)
{
	int status = EXIT_GOOD;

	fprintf(to, "%-60s %11s %11s %11s\n", "case", "figure", "must", "hope");
	for (unsigned i = 0; i < n; i++) {
		enum bench_verdict verdict = bench_target_verdict(&targets[i]);

		print_target(to, &targets[i]);
		if (verdict == BENCH_MISSED || verdict == BENCH_UNKNOWN)
			status = EXIT_BAD;
		if (json && json_file_add(json, targets[i].name, target_json(&targets[i])))
			return EXIT_USAGE;
	}
	fflush(to);
	return status;
}
