// SPDX-License-Identifier: MIT
/*
 * attack_json.c - an attack's answer as JSON: an object a trace
 *
 *    {"trace": NAME, "path": PATH, "clock": "trace", "seed": N, ..., "skipped": [...],
 *     "policies": [{"name": "lazy", "attempts": N, "stale_reads": N, ..., "bound_ns": N,
 *                   "by": {"live": {"read": {"done": N, "stale": N, ...}, "write": {...}}, ...},
 *                   "exposure": {...}, "broken": [TEXT, ...]}, ...]}
 *
 * What there is not is null: the bound of a policy without one.
 */
#include "attack.h"
#include "json_file.h"

#include <jansson.h>

/* An object or array that misses something is none at all. */
static void put(json_t **object, const char *name, json_t *value)
{
	if (json_object_set_new(*object, name, value)) {
		json_decref(*object);
		*object = NULL;
	}
}

static void put_count(json_t **object, const char *name, uint64_t n)
{
	put(object, name, json_integer((json_int_t)n));
}

static json_t *answers_json(const uint64_t *by)
{
	static const char *const names[ATTACK_ANSWERS] = {[DMP_FAULT_NOT_PRESENT] = "not_present",
							  [DMP_FAULT_PERMISSION] = "permission",
							  [DMP_FAULT_APERTURE] = "aperture",
							  [DMP_FAULT_NO_DOMAIN] = "no_domain",
							  [DMP_FAULT_BAD_TABLE] = "bad_table",
							  [DMP_FAULT_BUS] = "bus",
							  [DMP_FAULT_STALE] = "stale",
							  [ATTACK_DONE] = "done"};
	json_t *json = json_object();

	for (unsigned i = 0; i < ATTACK_ANSWERS; i++)
		put_count(&json, names[i], by[i]);
	return json;
}

static json_t *states_json(const struct attack_counts *counts)
{
	static const char *const names[ATTACK_STATES] = {"never", "live", "leaving", "open",
							 "closed"};
	json_t *json = json_object();

	for (unsigned i = 0; i < ATTACK_STATES; i++)
		put(&json, names[i],
		    json_pack("{s:o, s:o}", "read", answers_json(counts->by[i][0]), "write",
			      answers_json(counts->by[i][1])));
	return json;
}

/* Of what is over: null if nothing is. */
static json_t *part_json(const struct dmp_exposure_side *side, unsigned per_mille)
{
	return side->ns.count ? json_integer((json_int_t)dmp_spread_at(&side->ns, per_mille))
			      : json_null();
}

static json_t *side_json(const struct dmp_exposure_side *side)
{
	json_t *json = json_object();

	put_count(&json, "windows", side->windows);
	put_count(&json, "bytes", side->bytes);
	put_count(&json, "open", side->open);
	put_count(&json, "open_oldest_ns", side->open_oldest_ns);
	put(&json, "p50_ns", part_json(side, 500));
	put(&json, "p99_ns", part_json(side, 990));
	put_count(&json, "max_ns", side->ns.max);
	return json;
}

static json_t *exposure_json(const struct attack_result *r)
{
	const struct dmp_exposure *e = r->exposed ? &r->exposed->sum : NULL;
	bool is_seen = e && e->flags & DMP_EXPOSURE_SEEN;

	if (!e)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "could", side_json(&e->could), "did",
			 is_seen ? side_json(&e->seen.did) : json_null(), "iova_reused",
			 is_seen ? json_integer((json_int_t)e->seen.iova_reused) : json_null());
}

static json_t *broken_json(unsigned breaches)
{
	json_t *json = json_array();

	for (unsigned bit = 1; json && bit <= breaches; bit <<= 1)
		if (breaches & bit &&
		    json_array_append_new(json, json_string(attack_breach_text(bit)))) {
			json_decref(json);
			json = NULL;
		}
	return json;
}

static void put_counts(json_t **json, const struct attack_counts *c)
{
	put_count(json, "attempts", attack_sum_all(c, ATTACK_ANSWERS) + c->unjudged);
	put_count(json, "unjudged", c->unjudged);
	put_count(json, "transfers", c->transfers);
	put_count(json, "live_hits", attack_sum(c, ATTACK_LIVE, ATTACK_DONE));
	put_count(json, "stale_reads", attack_stale(c, 0));
	put_count(json, "stale_writes", attack_stale(c, 1));
	put_count(json, "oldest_stale_ns", c->oldest_stale_ns);
	put_count(json, "stale_moved", c->stale_moved);
	put_count(json, "stale_of_memory_reused", c->reused);
	put_count(json, "reached_unmapped", attack_reached(c));
	put_count(json, "refused", c->refused);
	put_count(json, "against_direction", c->overstepped);
	put_count(json, "wrong_bytes", c->wrong_bytes);
}

static json_t *policy_json(const struct attack_result *r)
{
	uint64_t bound_ns = attack_bound_ns(r);
	json_t *json = json_object();

	put(&json, "name", json_string(r->policy->text));
	put_counts(&json, &r->counts);
	put(&json, "bound_ns",
	    bound_ns == UINT64_MAX ? json_null() : json_integer((json_int_t)bound_ns));
	put_count(&json, "open_peak_bytes", r->open_peak);
	put_count(&json, "open_end_bytes", r->open_end);
	put_count(&json, "given_out_open_pages", r->given_open);
	put_count(&json, "failed_requests", r->blame.requests);
	put_count(&json, "broken_books", r->broken_books);
	put(&json, "seconds", json_real(r->seconds));
	put(&json, "by", states_json(&r->counts));
	put(&json, "exposure", exposure_json(r));
	put(&json, "broken", broken_json(attack_judge(r)));
	return json;
}

static json_t *policies_json(const struct attack_result *results, unsigned nresults)
{
	json_t *json = json_array();

	for (unsigned i = 0; json && i < nresults; i++)
		if (json_array_append_new(json, policy_json(&results[i]))) {
			json_decref(json);
			json = NULL;
		}
	return json;
}

json_t *attack_json(const struct attack_opts *opts, const struct replay_answer *a,
		    const struct attack_result *results, unsigned nresults)
{
	char name[REPLAY_NAME_MAX];
	json_t *json;

	replay_trace_name(a->path, name, sizeof(name));
	json = json_pack("{s:o, s:o, s:s, s:I, s:I, s:i, s:o, s:I, s:o}", "trace",
			 json_file_text(name), "path", json_file_text(a->path), "clock",
			 replay_clock_name(opts->clock), "seed", (json_int_t)opts->seed, "attempts",
			 (json_int_t)opts->attempts, "mask_bits", (int)opts->mask_bits, "profile",
			 json_file_text(opts->profile ? opts->profile : "free"), "events",
			 (json_int_t)a->nevents, "policies", policies_json(results, nresults));
	replay_json_left_out(&json, a);
	return json;
}
