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
 * A byte of a name that is not UTF-8 is told as '?'.
 *
 * The file is written beside its place, as OUT.tmp, and takes it at the end:
 *
 *    open: OUT.tmp ... the traces ... close: written and renamed    some trace was replayed
 *                                            removed, OUT as before none was
 *
 * What is there already and is no regular file (/dev/stdout, a pipe) is written straight.
 */
#include "replay.h"
#include "command.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static json_t *real_or_null(double x)
{
	return isfinite(x) ? json_real(x) : json_null();
}

/* How many bytes the character at @s has; 0: it is not UTF-8. */
static unsigned character_bytes(const unsigned char *s)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned n = s[0] >> 5 == 0x06 ? 2 : s[0] >> 4 == 0x0e ? 3 : s[0] >> 3 == 0x1e ? 4 : 0;
	uint32_t c = s[0] & (0xffu >> (n + 1));

	if (s[0] < 0x80)
		return 1;
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < least[n] || c > 0x10ffff || c >> 11 == 0x1b ? 0 : n;
}

json_t *replay_json_text(const char *text)
{
	char *copy = strdup(text);
	json_t *json;
	unsigned n;

	for (char *at = copy; at && *at; at += n) {
		n = character_bytes((const unsigned char *)at);
		if (n == 0) {
			*at = '?';
			n = 1;
		}
	}
	json = copy ? json_string(copy) : NULL;
	free(copy);
	return json;
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
				 replay_json_text(strerror(-blame->first_err)));

	for (unsigned why = 0; why < REPLAY_WHYS; why++)
		put(&json, replay_blame_name(why), json_integer((json_int_t)blame->by_why[why]));
	return json;
}

static json_t *recorded_json(const struct replay_recorded *recorded)
{
	return json_pack("{s:s, s:s}", "way", replay_way_name(recorded->way), "why", recorded->why);
}

static json_t *route_json(const struct replay_result *r)
{
	json_t *route = json_object();

	put(&route, "name", json_string(r->route->name));
	put(&route, "way", json_string(replay_way_name(r->way)));
	for (unsigned f = 0; f < replay_nfields; f++)
		put(&route, replay_fields[f].name, value_of(&replay_fields[f], r));
	if (r->blame.requests)
		put(&route, "failed", blame_json(&r->blame));
	return route;
}

static json_t *routes_json(const struct replay_answer *a)
{
	json_t *routes = json_array();

	for (unsigned i = 0; i < a->nresults; i++)
		append(&routes, route_json(&a->results[i]));
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
		"{s:o, s:o, s:i, s:b, s:i, s:o, s:I, s:I, s:i, s:i, s:I, s:o, s:i, s:o, s:o, s:I, "
		"s:I, s:o, s:o, s:o, s:o}",
		"trace", replay_json_text(name), "path", replay_json_text(a->path), "threads",
		(int)a->nlanes, "data_checked", (int)opts->data, "mask_bits", (int)opts->mask_bits,
		"profile", replay_json_text(opts->profile), "slots", (json_int_t)opts->slots,
		"areas", (json_int_t)opts->areas, "cpus", (int)a->plan->facts.ncpus, "devices",
		(int)replay_devices(a->plan), "events", (json_int_t)a->nevents, "trace_seconds",
		real_or_null((double)a->plan->facts.span_ns / 1e9), "lines", (int)a->trace->nlines,
		"read_seconds", real_or_null(seconds), "lines_per_second",
		real_or_null((double)a->trace->nlines / seconds), "lost_events",
		(json_int_t)a->trace->lost_events, "overwritten_events",
		(json_int_t)a->trace->overwritten_events, "sizes", sizes_json(&a->plan->facts),
		"skipped", skips_json(a), "recorded", recorded_json(&a->recorded), "routes",
		routes_json(a));
}

static int complain_of(const char *path)
{
	return complain("cannot write '%s': %s", path, strerror(errno));
}

/* Where the file is in the end: a link stays one.  NULL: no memory. */
static char *place_of(const char *path)
{
	char *place = realpath(path, NULL);

	return place || errno == ENOMEM ? place : strdup(path);
}

static char *name_beside(const char *place)
{
	size_t size = strlen(place) + sizeof(".tmp");
	char *name = malloc(size);

	if (name)
		snprintf(name, size, "%s.tmp", place);
	return name;
}

int replay_json_open(struct replay_json *json, const char *path)
{
	struct stat there;
	bool straight = stat(path, &there) == 0 && !S_ISREG(there.st_mode);

	*json = (struct replay_json){.place = place_of(path), .answers = json_array()};
	if (json->place)
		json->name = straight ? strdup(path) : name_beside(json->place);
	json->renamed = !straight;
	if (json->name)
		json->file = fopen(json->name, "w");
	if (json->file && json->answers)
		return EXIT_GOOD;
	complain_of(json->name ? json->name : path);
	replay_json_close(json);
	return EXIT_USAGE;
}

int replay_json_add(struct replay_json *json, const char *path, json_t *answer)
{
	if (json_array_append_new(json->answers, answer))
		return complain("no memory for the JSON of '%s'", path);
	return EXIT_GOOD;
}

static int write_answers(struct replay_json *json)
{
	int err = json_dumpf(json->answers, json->file, JSON_INDENT(1) | JSON_REAL_PRECISION(9));

	err |= fputc('\n', json->file) == EOF;
	err |= fclose(json->file);
	json->file = NULL;
	if (!err && json->renamed)
		err = rename(json->name, json->place);
	return err ? complain_of(json->place) : EXIT_GOOD;
}

int replay_json_close(struct replay_json *json)
{
	bool made = json->file && json->renamed;
	bool answered = json->file && json_array_size(json->answers) > 0;
	int status = answered ? write_answers(json) : EXIT_GOOD;

	if (json->file)
		fclose(json->file);
	if (made && (!answered || status))
		unlink(json->name);
	json_decref(json->answers);
	free(json->name);
	free(json->place);
	*json = (struct replay_json){0};
	return status;
}
