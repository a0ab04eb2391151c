// SPDX-License-Identifier: MIT
/*
 * replay_what_if_json.c - ways to flush, compared, as JSON: an object a trace
 *
 *    {"trace": NAME, "path": PATH, "clock": "trace", "profile": NAME, "data_checked": true, ...,
 *     "neighbours": {"peak_bytes": N, "byte_seconds": X, ...},
 *     "what_if": [{"flush": "lazy:entries=64", "policy": "lazy", NUMBERS ...,
 *                  "endless": [], "at_least": ["could_worst_us"],
 *                  "bad": false, "saturated": false, "on_frontier": true, "beaten_by": null},
 *                 ...]}
 *
 * The numbers are those of replay_what_if_fields[].  One that does not exist is null, and so is
 * one without end, whose name is in "endless" then; those that are more than they say are named in
 * "at_least".
 */
#include "replay_what_if.h"
#include "json_file.h"
#include "json_put.h"

#include <jansson.h>
#include <math.h>

/* A count is whole, as long as it is one of JSON's. */
static void put_number(json_t **row, const struct replay_what_if_field *field, double x)
{
	if (field->unit == REPLAY_WHAT_IF_COUNT && !isnan(x))
		json_put_count(row, field->name, x < (double)UINT64_MAX ? (uint64_t)x : UINT64_MAX);
	else
		json_put_number(row, field->name, x);
}

static void put_numbers(json_t **row, const struct replay_result *r)
{
	json_t *endless = json_array(), *at_least = json_array();

	for (unsigned f = 0; f < replay_what_if_nfields; f++) {
		const struct replay_what_if_field *field = &replay_what_if_fields[f];
		double x = field->of(r);

		put_number(row, field, x);
		if (isinf(x))
			json_put_last(&endless, json_string(field->name));
		if (replay_what_if_is_least(field, r))
			json_put_last(&at_least, json_string(field->name));
	}
	json_put(row, "endless", endless);
	json_put(row, "at_least", at_least);
}

static json_t *row_json(const struct replay_answer *a, unsigned i, const struct replay_point *point)
{
	const struct replay_result *r = &a->results[i];
	bool beaten = point->beaten_by != REPLAY_UNBEATEN;
	json_t *row = json_object();

	json_put(&row, "flush", json_string(r->route->name));
	json_put(&row, "policy", json_string(replay_way_name(r->way)));
	put_numbers(&row, r);
	json_put(&row, "bad", json_boolean(point->failed));
	json_put(&row, "saturated",
		 json_boolean(r->exposed && r->exposed->sum.flags & DMP_EXPOSURE_SATURATED));
	json_put(&row, "on_frontier", json_boolean(!beaten && !point->failed));
	json_put(&row, "beaten_by",
		 beaten ? json_string(a->results[point->beaten_by].route->name) : json_null());
	return row;
}

static json_t *rows_json(const struct replay_answer *a)
{
	struct replay_point points[REPLAY_WHAT_IF_MAX];
	json_t *rows = json_array();

	replay_what_if_points(a, points);
	for (unsigned i = 0; i < a->nresults; i++)
		json_put_last(&rows, row_json(a, i, &points[i]));
	return rows;
}

json_t *replay_what_if_json(const struct replay_opts *opts, const struct replay_answer *a)
{
	char name[REPLAY_NAME_MAX];
	json_t *json;

	replay_trace_name(a->path, name, sizeof(name));
	json = json_pack("{s:o, s:o, s:s, s:o, s:b, s:i, s:i, s:i, s:I, s:f, s:s}", "trace",
			 json_file_text(name), "path", json_file_text(a->path), "clock",
			 replay_clock_name(opts->clock), "profile", json_file_text(opts->profile),
			 "data_checked", (int)opts->data, "mask_bits", (int)opts->mask_bits, "cpus",
			 (int)a->plan->facts.ncpus, "devices", (int)replay_devices(a->plan),
			 "events", (json_int_t)a->nevents, "trace_seconds",
			 (double)a->plan->facts.span_ns / 1e9, "recorded",
			 replay_way_name(a->recorded.way));
	replay_json_left_out(&json, a);
	json_put(&json, "neighbours", replay_neighbours_json(a, replay_neighbours_of_all(a)));
	json_put(&json, "what_if", rows_json(a));
	return json;
}
