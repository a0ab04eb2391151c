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
 * measured, "neighbours" (replay_neighbours.c) if that was asked for.
 * The numbers of a route are those of replay_fields[]; one that does not exist is null.
 */
#include "replay.h"
#include "json_file.h"
#include "json_put.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void put_field(json_t **route, const struct replay_field *field,
		      const struct replay_result *r)
{
	const void *at = (const char *)r + field->offset;

	if (!replay_field_means(field, r))
		json_put(route, field->name, json_null());
	else if (field->unit == REPLAY_COUNT)
		json_put_count(route, field->name, *(const uint64_t *)at);
	else
		json_put_number(route, field->name, *(const double *)at);
}

/* Failed requests by reason, and the first of them. */
static json_t *blame_json(const struct replay_blame *blame)
{
	json_t *json = json_pack("{s:s, s:i, s:o}", "call", blame->first_call, "line",
				 (int)blame->first_line, "error",
				 json_file_text(strerror(-blame->first_err)));

	for (unsigned why = 0; why < REPLAY_WHYS; why++)
		json_put(&json, replay_blame_name(why),
			 json_integer((json_int_t)blame->by_why[why]));
	return json;
}

static json_t *recorded_json(const struct replay_recorded *recorded)
{
	return json_pack("{s:s, s:s}", "way", replay_way_name(recorded->way), "why", recorded->why);
}

static json_t *route_json(const struct replay_answer *a, const struct replay_result *r)
{
	json_t *route = json_object();

	json_put(&route, "name", json_string(r->route->name));
	json_put(&route, "way", json_string(replay_way_name(r->way)));
	for (unsigned f = 0; f < replay_nfields; f++)
		put_field(&route, &replay_fields[f], r);
	if (r->exposed)
		json_put(&route, "exposure", replay_exposure_json(a, r->exposed));
	if (r->beside)
		json_put(&route, "neighbours", replay_neighbours_json(a, r->beside));
	if (r->blame.requests)
		json_put(&route, "failed", blame_json(&r->blame));
	return route;
}

static json_t *routes_json(const struct replay_answer *a)
{
	json_t *routes = json_array();

	for (unsigned i = 0; i < a->nresults; i++)
		json_put_last(&routes, route_json(a, &a->results[i]));
	return routes;
}

void replay_json_skip(json_t **skips, const struct replay_skip *skip)
{
	if (skip->count.count)
		json_put_last(skips, json_pack("{s:s, s:I, s:i}", "reason", skip->reason, "count",
					       (json_int_t)skip->count.count, "first_line",
					       (int)skip->count.first_line));
}

void replay_json_left_out(json_t **object, const struct replay_answer *a)
{
	json_t *skips = json_array();
	struct replay_skip skip;

	for (unsigned i = 0; replay_skip_at(a, i, &skip); i++)
		replay_json_skip(&skips, &skip);
	json_put_count(object, "lost_events", a->trace->lost_events);
	json_put_count(object, "overwritten_events", a->trace->overwritten_events);
	json_put(object, "skipped", skips);
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
		json_put(&sizes, limit, json_integer(facts->sizes[i]));
	}
	return sizes;
}

static json_t *head_json(const struct replay_opts *opts, const struct replay_answer *a)
{
	char name[REPLAY_NAME_MAX];

	replay_trace_name(a->path, name, sizeof(name));
	return json_pack("{s:o, s:o, s:i, s:s, s:b, s:i, s:o, s:I, s:I, s:b, s:i, s:i, s:I}",
			 "trace", json_file_text(name), "path", json_file_text(a->path), "threads",
			 (int)a->nlanes, "clock", replay_clock_name(opts->clock), "data_checked",
			 (int)opts->data, "mask_bits", (int)opts->mask_bits, "profile",
			 json_file_text(opts->profile), "slots", (json_int_t)opts->slots, "areas",
			 (json_int_t)opts->areas, "grow", (int)opts->grow, "cpus",
			 (int)a->plan->facts.ncpus, "devices", (int)replay_devices(a->plan),
			 "events", (json_int_t)a->nevents);
}

json_t *replay_json_answer(const struct replay_opts *opts, const struct replay_answer *a)
{
	double seconds = a->read_seconds + a->match_seconds;
	json_t *json = head_json(opts, a);

	json_put_number(&json, "trace_seconds", (double)a->plan->facts.span_ns / 1e9);
	json_put_count(&json, "lines", a->trace->nlines);
	json_put_number(&json, "read_seconds", seconds);
	json_put_number(&json, "lines_per_second", (double)a->trace->nlines / seconds);
	replay_json_left_out(&json, a);
	json_put(&json, "sizes", sizes_json(&a->plan->facts));
	json_put(&json, "recorded", recorded_json(&a->recorded));
	json_put(&json, "routes", routes_json(a));
	return json;
}
