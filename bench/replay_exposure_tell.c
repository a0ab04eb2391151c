// SPDX-License-Identifier: MIT
/*
 * replay_exposure_tell.c - what devices could still reach, route by route and domain by domain
 *
 *    within reach after an unmap, us of the trace
 *      lazy           unmaps  p50 ...  worst     MB s     open   did: worst     MB s   reused
 *        all           25564
 *        0000:00:03.0  25558
 *
 * and as "exposure" of a route in the JSON, with all counters of dmapool/exposure.h.
 */
#include "replay.h"
#include "json_file.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>

#define NS_A_US          1e3
/* Bytes times nanoseconds in a megabyte for a second. */
#define BYTE_NS_A_MB_S   1e15
#define BYTE_NS_A_BYTE_S 1e9

static double part_us(const struct dmp_exposure_side *side, unsigned per_mille)
{
	return replay_exposure_part_ns(side, per_mille) / NS_A_US;
}

static double worst_us(const struct dmp_exposure_side *side)
{
	return (double)replay_exposure_worst_ns(side) / NS_A_US;
}

/* A dash if nothing is over, > if the longest is still open. */
static void print_us(FILE *to, double us, bool is_least)
{
	char text[32] = "-";

	if (!isnan(us))
		snprintf(text, sizeof(text), "%s%.1f", is_least ? ">" : "", us);
	fprintf(to, " %9s", text);
}

static void print_one(FILE *to, const char *name, const struct dmp_exposure *e)
{
	const struct dmp_exposure_side *could = &e->could, *did = &e->seen.did;

	fprintf(to, "    %-18s %9" PRIu64, name, e->unmaps);
	print_us(to, part_us(could, 500), false);
	print_us(to, part_us(could, 990), false);
	print_us(to, worst_us(could), replay_exposure_is_open_longest(could));
	fprintf(to, " %9.3f %9" PRIu64, (double)could->byte_ns / BYTE_NS_A_MB_S, could->open);
	if (e->flags & DMP_EXPOSURE_SEEN) {
		print_us(to, worst_us(did), replay_exposure_is_open_longest(did));
		fprintf(to, " %9.3f %9" PRIu64, (double)did->byte_ns / BYTE_NS_A_MB_S,
			replay_exposure_reused(&e->seen));
	}
	fputs(e->flags & DMP_EXPOSURE_SATURATED ? "  and more: a counter is at its end\n" : "\n",
	      to);
}

static void print_route(FILE *to, const struct replay_answer *a, const struct replay_result *r)
{
	fprintf(to, "  %s\n", r->route->name);
	print_one(to, "all domains", &r->exposed->sum);
	for (uint32_t i = 0; i < r->exposed->nrows && r->exposed->nrows > 1; i++)
		print_one(to, a->trace->devices.name[r->exposed->rows[i].dev],
			  &r->exposed->rows[i].exposure);
}

static void print_head(FILE *to, const struct replay_opts *opts)
{
	fprintf(to,
		"\n  within reach after an unmap, us of %s time\n    %-18s %9s %9s %9s "
		"%9s %9s %9s %9s %9s %9s\n",
		opts->clock == REPLAY_CLOCK_TRACE ? "the trace's" : "real", "", "unmaps", "p50",
		"p99", "worst", "MB s", "open", "did worst", "did MB s", "reused");
}

/* "  direct, bounce: why"; nothing if everything is translated. */
static void print_untranslated(FILE *to, const struct replay_answer *a)
{
	const char *before = "  ";

	for (unsigned i = 0; i < a->nresults; i++) {
		if (replay_way_in(a->results[i].way, REPLAY_TRANSLATED))
			continue;
		fprintf(to, "%s%s", before, a->results[i].route->name);
		before = ", ";
	}
	if (*before == ',')
		fputs(": not measured, since nothing is translated: a device reaches all memory at "
		      "all times\n",
		      to);
}

void replay_exposure_print(FILE *to, const struct replay_opts *opts, const struct replay_answer *a)
{
	bool any = false;

	for (unsigned i = 0; i < a->nresults; i++) {
		if (!a->results[i].exposed)
			continue;
		if (!any)
			print_head(to, opts);
		any = true;
		print_route(to, a, &a->results[i]);
	}
	if (opts->exposure)
		print_untranslated(to, a);
	if (any)
		fputc('\n', to);
}

static void put(json_t **object, const char *name, json_t *value)
{
	if (json_object_set_new(*object, name, value)) {
		json_decref(*object);
		*object = NULL;
	}
}

/* json_int_t is signed: what a counter is beyond it is a real. */
static json_t *count(uint64_t n)
{
	return n > INT64_MAX ? json_real((double)n) : json_integer((json_int_t)n);
}

static json_t *part_json(const struct dmp_exposure_side *side, unsigned per_mille)
{
	return side->ns.count ? json_real(part_us(side, per_mille)) : json_null();
}

static json_t *side_json(const struct dmp_exposure_side *side)
{
	json_t *json = json_object();

	put(&json, "windows", count(side->windows));
	put(&json, "bytes", count(side->bytes));
	put(&json, "open", count(side->open));
	put(&json, "open_bytes", count(side->open_bytes));
	put(&json, "open_oldest_us", json_real((double)side->open_oldest_ns / NS_A_US));
	put(&json, "byte_seconds", json_real((double)side->byte_ns / BYTE_NS_A_BYTE_S));
	put(&json, "p50_us", part_json(side, 500));
	put(&json, "p99_us", part_json(side, 990));
	put(&json, "worst_us", json_real(worst_us(side)));
	return json;
}

static json_t *seen_json(const struct dmp_exposure_seen *seen)
{
	json_t *json = json_object();

	put(&json, "did", side_json(&seen->did));
	put(&json, "iova_reused", count(seen->iova_reused));
	put(&json, "memory_mapped", count(seen->memory_mapped));
	put(&json, "memory_mapped_elsewhere", count(seen->memory_mapped_elsewhere));
	put(&json, "memory_freed", count(seen->memory_freed));
	put(&json, "stale_reads", count(seen->stale_reads));
	put(&json, "stale_writes", count(seen->stale_writes));
	put(&json, "stale_bytes", count(seen->stale_bytes));
	put(&json, "stale_oldest_us", json_real((double)seen->stale_oldest_ns / NS_A_US));
	put(&json, "untracked", count(seen->untracked));
	return json;
}

static json_t *exposure_json(const struct dmp_exposure *e, uint64_t bound_ns)
{
	json_t *json = json_object();

	put(&json, "unmaps", count(e->unmaps));
	put(&json, "unmapped_bytes", count(e->unmapped_bytes));
	put(&json, "bound_us",
	    bound_ns == UINT64_MAX ? json_null() : json_real((double)bound_ns / NS_A_US));
	put(&json, "could", side_json(&e->could));
	put(&json, "seen", e->flags & DMP_EXPOSURE_SEEN ? seen_json(&e->seen) : json_null());
	put(&json, "saturated", json_boolean(e->flags & DMP_EXPOSURE_SATURATED));
	return json;
}

json_t *replay_exposure_json(const struct replay_answer *a, const struct replay_exposure *exposed)
{
	json_t *json = exposure_json(&exposed->sum, exposed->bound_ns), *domains = json_array();

	put(&json, "clock",
	    json_string(exposed->sum.flags & DMP_EXPOSURE_MANUAL ? "trace" : "real"));
	put(&json, "peak_queued_bytes",
	    exposed->peak_queued_bytes == UINT64_MAX ? json_null()
						     : count(exposed->peak_queued_bytes));
	for (uint32_t i = 0; i < exposed->nrows; i++) {
		const struct replay_exposure_row *row = &exposed->rows[i];
		json_t *domain = exposure_json(&row->exposure, row->bound_ns);

		put(&domain, "device", json_file_text(a->trace->devices.name[row->dev]));
		json_array_append_new(domains, domain);
	}
	put(&json, "domains", domains);
	return json;
}
