// SPDX-License-Identifier: MIT
/*
 * replay_what_if_json.c - ways to flush, compared, as JSON: an object a trace
 *
 *    {"trace": NAME, "path": PATH, "clock": "trace", "profile": NAME, "data_checked": true, ...,
 *     "what_if": [{"flush": "lazy:entries=64", "policy": "lazy", NUMBERS ...,
 *                  "bad": false, "saturated": false, "on_frontier": true, "beaten_by": null},
 *                 ...]}
 *
 * The numbers are those of replay_what_if_fields[]; one that does not exist is null, one without
 * end (what is always within reach) is the text "always".
 */
#include "replay_what_if.h"
#include "json_file.h"

#include <jansson.h>
#include <math.h>

static void put(json_t **object, const char *name, json_t *value)
{
	if (json_object_set_new(*object, name, value)) {
		json_decref(*object);
		*object = NULL;
	}
}

static json_t *number(double x)
{
	if (isnan(x))
		return json_null();
	return isinf(x) ? json_string("always") : json_real(x);
}

static json_t *row_json(const struct replay_answer *a, unsigned i, const struct replay_point *point)
{
	const struct replay_result *r = &a->results[i];
	bool beaten = point->beaten_by != REPLAY_UNBEATEN;
	json_t *row = json_object();

	put(&row, "flush", json_string(r->route->name));
	put(&row, "policy", json_string(replay_way_name(r->way)));
	for (unsigned f = 0; f < replay_what_if_nfields; f++)
		put(&row, replay_what_if_fields[f].name, number(replay_what_if_fields[f].of(r)));
	put(&row, "bad", json_boolean(point->failed));
	put(&row, "saturated",
	    json_boolean(r->exposed && r->exposed->sum.flags & DMP_EXPOSURE_SATURATED));
	put(&row, "on_frontier", json_boolean(!beaten && !point->failed));
	put(&row, "beaten_by",
	    beaten ? json_string(a->results[point->beaten_by].route->name) : json_null());
	return row;
}

static json_t *rows_json(const struct replay_answer *a)
{
	struct replay_point points[REPLAY_WHAT_IF_MAX];
	json_t *rows = json_array();

	replay_what_if_points(a, points);
	for (unsigned i = 0; i < a->nresults; i++)
		if (json_array_append_new(rows, row_json(a, i, &points[i]))) {
			json_decref(rows);
			return NULL;
		}
	return rows;
}

json_t *replay_what_if_json(const struct replay_opts *opts, const struct replay_answer *a)
{
	char name[REPLAY_NAME_MAX];

	replay_trace_name(a->path, name, sizeof(name));
	return json_pack("{s:o, s:o, s:s, s:o, s:b, s:i, s:i, s:i, s:I, s:f, s:s, s:o}", "trace",
			 json_file_text(name), "path", json_file_text(a->path), "clock",
			 replay_clock_name(opts->clock), "profile", json_file_text(opts->profile),
			 "data_checked", (int)opts->data, "mask_bits", (int)opts->mask_bits, "cpus",
			 (int)a->plan->facts.ncpus, "devices", (int)replay_devices(a->plan),
			 "events", (json_int_t)a->nevents, "trace_seconds",
			 (double)a->plan->facts.span_ns / 1e9, "recorded",
			 replay_way_name(a->recorded.way), "what_if", rows_json(a));
}
