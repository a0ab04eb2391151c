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
 * "failed" is there if something has failed.
 * The numbers of a route are those of replay_fields[]; one that does not exist is null.
 */
#include "replay.h"
#include "command.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

static json_t *real_or_null(double x)
{
	return isfinite(x) ? json_real(x) : json_null();
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
	json_t *json = json_pack("{s:s, s:i, s:s}", "call", blame->first_call, "line",
				 (int)blame->first_line, "error", strerror(-blame->first_err));

	for (unsigned why = 0; why < REPLAY_WHYS; why++)
		json_object_set_new(json, replay_blame_name(why),
				    json_integer((json_int_t)blame->by_why[why]));
	return json;
}

static json_t *recorded_json(const struct replay_recorded *recorded)
{
	return json_pack("{s:s, s:s}", "way", replay_way_name(recorded->way), "why", recorded->why);
}

static json_t *route_json(const struct replay_result *r)
{
	json_t *route = json_object();

	json_object_set_new(route, "name", json_string(r->route->name));
	json_object_set_new(route, "way", json_string(replay_way_name(r->way)));
	for (unsigned f = 0; f < replay_nfields; f++)
		json_object_set_new(route, replay_fields[f].name, value_of(&replay_fields[f], r));
	if (r->blame.requests)
		json_object_set_new(route, "failed", blame_json(&r->blame));
	return route;
}

static json_t *routes_json(const struct replay_answer *a)
{
	json_t *routes = json_array();

	for (unsigned i = 0; i < a->nresults; i++)
		json_array_append_new(routes, route_json(&a->results[i]));
	return routes;
}

static json_t *skips_json(const struct replay_answer *a)
{
	json_t *skips = json_array();
	struct replay_skip skip;

	for (unsigned i = 0; replay_skip_at(a, i, &skip); i++)
		if (skip.count.count)
			json_array_append_new(skips,
					      json_pack("{s:s, s:I, s:i}", "reason", skip.reason,
							"count", (json_int_t)skip.count.count,
							"first_line", (int)skip.count.first_line));
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
		json_object_set_new(sizes, limit, json_integer(facts->sizes[i]));
	}
	return sizes;
}

json_t *replay_json_answer(const struct replay_opts *opts, const struct replay_answer *a)
{
	double seconds = a->read_seconds + a->match_seconds;
	char name[128];

	replay_trace_name(a->path, name, sizeof(name));
	return json_pack(
		"{s:s, s:s, s:i, s:b, s:i, s:s, s:I, s:I, s:i, s:i, s:I, s:f, s:i, s:f, s:f, s:I, "
		"s:I, s:o, s:o, s:o, s:o}",
		"trace", name, "path", a->path, "threads", (int)a->nlanes, "data_checked",
		(int)opts->data, "mask_bits", (int)opts->mask_bits, "profile", opts->profile,
		"slots", (json_int_t)opts->slots, "areas", (json_int_t)opts->areas, "cpus",
		(int)a->plan->facts.ncpus, "devices", (int)replay_devices(a->plan), "events",
		(json_int_t)a->nevents, "trace_seconds", (double)a->plan->facts.span_ns / 1e9,
		"lines", (int)a->trace->nlines, "read_seconds", seconds, "lines_per_second",
		(double)a->trace->nlines / seconds, "lost_events",
		(json_int_t)a->trace->lost_events, "overwritten_events",
		(json_int_t)a->trace->overwritten_events, "sizes", sizes_json(&a->plan->facts),
		"skipped", skips_json(a), "recorded", recorded_json(&a->recorded), "routes",
		routes_json(a));
}

int replay_json_write(const char *path, const json_t *answers)
{
	if (!answers)
		return complain("no memory for the JSON");
	if (json_dump_file(answers, path, JSON_INDENT(1) | JSON_REAL_PRECISION(9)))
		return complain("cannot write '%s': %s", path, strerror(errno));
	return EXIT_GOOD;
}
