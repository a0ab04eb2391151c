// SPDX-License-Identifier: MIT
/*
 * replay_json.c - the answers as JSON: an array, an object a trace
 *
 *    [{"trace": NAME, "path": PATH, "threads": N, ..., "sizes": {"512": N, ...},
 *      "skipped": [{"reason": TEXT, "count": N, "first_line": N}, ...],
 *      "recorded": {"way": "lazy", "why": TEXT},
 *      "routes": [{"name": "direct", "way": "direct", "maps": N, ...,
 *                  "failed": {"call": NAME, "line": N, "error": TEXT, "no_room": N, ...}},
 *                 ...]}, ...]
 *
 * "failed" is there if something has failed, "exposure" (replay_exposure_tell.c) if that was
 * measured.
 * The numbers of a route are those of replay_fields[]; one that does not exist is null.
 */
#include "replay.h"
#include "json_file.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *real_or_null(double x)
{
	return isfinite(x) ? json_real(x) : json_null();
}

/* An object or array that misses something is none at all. */
static void put(json_t **object, const char *name, json_t *value)
{
	if (json_object_set_new(*object, name, value)) {
		json_decref(*object);
		*object = NULL;
	}
}

static void append(json_t **array, json_t *value)
{
	if (json_array_append_new(*array, value)) {
		json_decref(*array);
		*array = NULL;
	}
}

static json_t *value_of(const struct replay_field *field, const struct replay_result *r)
{
	const void *at = (const char *)r + field->offset;

	if (!replay_field_means(field, r))
		return json_null();
	if (field->unit == REPLAY_COUNT)
		return json_integer((json_int_t) * (const uint64_t *)at);
	return real_or_null(*(const double *)at);
}

/* Failed requests by reason, and the first of them. */
static json_t *blame_json(const struct replay_blame *blame)
{
	json_t *json = json_pack("{s:s, s:i, s:o}", "call", blame->first_call, "line",
				 (int)blame->first_line, "error",
				 json_file_text(strerror(-blame->first_err)));

	for (unsigned why = 0; why < REPLAY_WHYS; why++)
		put(&json, replay_blame_name(why), json_integer((json_int_t)blame->by_why[why]));
	return json;
}

static json_t *recorded_json(const struct replay_recorded *recorded)
{
	return json_pack("{s:s, s:s}", "way", replay_way_name(recorded->way), "why", recorded->why);
}

static json_t *route_json(const struct replay_answer *a, const struct replay_result *r)
{
	json_t *route = json_object();

	put(&route, "name", json_string(r->route->name));
	put(&route, "way", json_string(replay_way_name(r->way)));
	for (unsigned f = 0; f < replay_nfields; f++)
		put(&route, replay_fields[f].name, value_of(&replay_fields[f], r));
	if (r->exposed)
		put(&route, "exposure", replay_exposure_json(a, r->exposed));
	if (r->blame.requests)
		put(&route, "failed", blame_json(&r->blame));
	return route;
}

static json_t *routes_json(const struct replay_answer *a)
{
	json_t *routes = json_array();

	for (unsigned i = 0; i < a->nresults; i++)
		append(&routes, route_json(a, &a->results[i]));
	return routes;
}

void replay_json_skip(json_t **skips, const struct replay_skip *skip)
{
	if (skip->count.count)
		append(skips, json_pack("{s:s, s:I, s:i}", "reason", skip->reason, "count",
					(json_int_t)skip->count.count, "first_line",
					(int)skip->count.first_line));
}

static json_t *skips_json(const struct replay_answer *a)
{
	json_t *skips = json_array();
	struct replay_skip skip;

	for (unsigned i = 0; replay_skip_at(a, i, &skip); i++)
		replay_json_skip(&skips, &skip);
	return skips;
}

/* Maps by the most bytes that their class holds. */
static json_t *sizes_json(const struct trace_facts *facts)
{
	json_t *sizes = json_object();
	char limit[32];

	for (unsigned i = 0; i < TRACE_NSIZES; i++) {
		if (!facts->sizes[i])
			continue;
		snprintf(limit, sizeof(limit), "%llu", 512ULL << i);
		put(&sizes, limit, json_integer(facts->sizes[i]));
	}
	return sizes;
}

json_t *replay_json_answer(const struct replay_opts *opts, const struct replay_answer *a)
{
	double seconds = a->read_seconds + a->match_seconds;
	char name[REPLAY_NAME_MAX];

	replay_trace_name(a->path, name, sizeof(name));
	return json_pack(
		"{s:o, s:o, s:i, s:s, s:b, s:i, s:o, s:I, s:I, s:b, s:i, s:i, s:I, s:o, s:i, "
		"s:o, s:o, s:I, "
		"s:I, s:o, s:o, s:o, s:o}",
		"trace", json_file_text(name), "path", json_file_text(a->path), "threads",
		(int)a->nlanes, "clock", replay_clock_name(opts->clock), "data_checked",
		(int)opts->data, "mask_bits", (int)opts->mask_bits, "profile",
		json_file_text(opts->profile), "slots", (json_int_t)opts->slots, "areas",
		(json_int_t)opts->areas, "grow", (int)opts->grow, "cpus", (int)a->plan->facts.ncpus,
		"devices", (int)replay_devices(a->plan), "events", (json_int_t)a->nevents,
		"trace_seconds", real_or_null((double)a->plan->facts.span_ns / 1e9), "lines",
		(int)a->trace->nlines, "read_seconds", real_or_null(seconds), "lines_per_second",
		real_or_null((double)a->trace->nlines / seconds), "lost_events",
		(json_int_t)a->trace->lost_events, "overwritten_events",
		(json_int_t)a->trace->overwritten_events, "sizes", sizes_json(&a->plan->facts),
		"skipped", skips_json(a), "recorded", recorded_json(&a->recorded), "routes",
		routes_json(a));
}
