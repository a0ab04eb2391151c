// SPDX-License-Identifier: MIT
/*
 * replay_exposure_tell.c - what devices could still reach, route by route and domain by domain
 *
 *    within reach after an unmap, us of the trace
 *      lazy           unmaps  p50 ...  worst     MB s   open   did: worst   MB s   windows  reused
 *        all           25564
 *        0000:00:03.0  25558
 *
 * and as "exposure" of a route in the JSON, with all counters of dmapool/exposure.h.  In each
 * object there "at_least" names the numbers that are more than they say, and "endless" those that
 * are null since they have no end.
 */
#include "replay.h"
#include "json_file.h"
#include "json_put.h"

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

/* A dash if nothing is over; > if it is more: the longest is open, or a counter at its end. */
static struct table_cell least_cell(double x, int digits, bool is_least)
{
	struct table_cell cell;

	if (isnan(x))
		return table_none();
	snprintf(cell.text, sizeof(cell.text), "%s%.*f", is_least ? ">" : "", digits, x);
	return cell;
}

static void print_us(FILE *to, double us, bool is_least)
{
	fprintf(to, " %9s", least_cell(us, 1, is_least).text);
}

static struct table_cell mb_seconds_cell(uint64_t byte_ns, bool is_least)
{
	double mb_seconds = (double)byte_ns / BYTE_NS_A_MB_S;

	return least_cell(mb_seconds, mb_seconds < 1e4 ? 3 : 1, is_least || byte_ns == UINT64_MAX);
}

struct table_cell replay_exposure_mb_seconds(uint64_t byte_ns)
{
	return mb_seconds_cell(byte_ns, false);
}

/* What a machine had no memory to keep account of makes all that it saw least. */
static void print_did(FILE *to, const struct dmp_exposure_seen *seen)
{
	bool saw_more = seen->untracked;

	print_us(to, worst_us(&seen->did), saw_more || replay_exposure_is_open_longest(&seen->did));
	fprintf(to, " %9s", mb_seconds_cell(seen->did.byte_ns, saw_more).text);
	fprintf(to, " %9" PRIu64 " %9" PRIu64, seen->did.windows, seen->windows_reused);
}

static void print_one(FILE *to, const char *name, const struct dmp_exposure *e)
{
	const struct dmp_exposure_side *could = &e->could;

	fprintf(to, "    %-18s %9" PRIu64, name, e->unmaps);
	print_us(to, part_us(could, 500), false);
	print_us(to, part_us(could, 990), false);
	print_us(to, worst_us(could), replay_exposure_is_open_longest(could));
	fprintf(to, " %9s %9" PRIu64, replay_exposure_mb_seconds(could->byte_ns).text, could->open);
	if (e->flags & DMP_EXPOSURE_SEEN)
		print_did(to, &e->seen);
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
		"%9s %9s %9s %9s %9s %9s %9s\n",
		opts->clock == REPLAY_CLOCK_TRACE ? "the trace's" : "real", "", "unmaps", "p50",
		"p99", "worst", "MB s", "open", "did worst", "did MB s", "did", "reused");
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

/* A counter that is at its end stands for more: @least names it. */
static void put_counter(json_t **json, json_t **least, const char *name, uint64_t n)
{
	json_put_count(json, name, n);
	if (n == UINT64_MAX)
		json_put_last(least, json_string(name));
}

static void put_worst(json_t **json, json_t **least, const struct dmp_exposure_side *side)
{
	json_put_number(json, "worst_us", worst_us(side));
	if (replay_exposure_is_open_longest(side))
		json_put_last(least, json_string("worst_us"));
}

void replay_exposure_put_byte_seconds(json_t **json, json_t **least, uint64_t byte_ns)
{
	json_put_number(json, "byte_seconds", (double)byte_ns / BYTE_NS_A_BYTE_S);
	if (byte_ns == UINT64_MAX)
		json_put_last(least, json_string("byte_seconds"));
}

static json_t *side_json(const struct dmp_exposure_side *side)
{
	json_t *json = json_object(), *least = json_array();

	put_counter(&json, &least, "windows", side->windows);
	put_counter(&json, &least, "bytes", side->bytes);
	put_counter(&json, &least, "open", side->open);
	put_counter(&json, &least, "open_bytes", side->open_bytes);
	json_put_number(&json, "open_oldest_us", (double)side->open_oldest_ns / NS_A_US);
	replay_exposure_put_byte_seconds(&json, &least, side->byte_ns);
	json_put_number(&json, "p50_us", part_us(side, 500));
	json_put_number(&json, "p99_us", part_us(side, 990));
	put_worst(&json, &least, side);
	json_put(&json, "at_least", least);
	return json;
}

static json_t *seen_json(const struct dmp_exposure_seen *seen)
{
	json_t *json = json_object(), *least = json_array();

	json_put(&json, "did", side_json(&seen->did));
	put_counter(&json, &least, "windows_reused", seen->windows_reused);
	put_counter(&json, &least, "iova_reused", seen->iova_reused);
	put_counter(&json, &least, "memory_mapped", seen->memory_mapped);
	put_counter(&json, &least, "memory_mapped_elsewhere", seen->memory_mapped_elsewhere);
	put_counter(&json, &least, "memory_freed", seen->memory_freed);
	put_counter(&json, &least, "stale_reads", seen->stale_reads);
	put_counter(&json, &least, "stale_writes", seen->stale_writes);
	put_counter(&json, &least, "stale_bytes", seen->stale_bytes);
	json_put_number(&json, "stale_oldest_us", (double)seen->stale_oldest_ns / NS_A_US);
	put_counter(&json, &least, "untracked", seen->untracked);
	json_put(&json, "at_least", least);
	return json;
}

static json_t *exposure_json(const struct dmp_exposure *e, uint64_t bound_ns)
{
	json_t *json = json_object(), *least = json_array(), *endless = json_array();
	bool bounded = bound_ns != UINT64_MAX;

	put_counter(&json, &least, "unmaps", e->unmaps);
	put_counter(&json, &least, "unmapped_bytes", e->unmapped_bytes);
	json_put_number(&json, "bound_us", bounded ? (double)bound_ns / NS_A_US : INFINITY);
	if (!bounded)
		json_put_last(&endless, json_string("bound_us"));
	json_put(&json, "could", side_json(&e->could));
	json_put(&json, "seen", e->flags & DMP_EXPOSURE_SEEN ? seen_json(&e->seen) : json_null());
	json_put(&json, "saturated", json_boolean(e->flags & DMP_EXPOSURE_SATURATED));
	json_put(&json, "endless", endless);
	json_put(&json, "at_least", least);
	return json;
}

static json_t *domains_json(const struct replay_answer *a, const struct replay_exposure *exposed)
{
	json_t *domains = json_array();

	for (uint32_t i = 0; i < exposed->nrows; i++) {
		const struct replay_exposure_row *row = &exposed->rows[i];
		json_t *domain = exposure_json(&row->exposure, row->bound_ns);

		json_put(&domain, "device", json_file_text(a->trace->devices.name[row->dev]));
		json_put_last(&domains, domain);
	}
	return domains;
}

json_t *replay_exposure_json(const struct replay_answer *a, const struct replay_exposure *exposed)
{
	json_t *json = exposure_json(&exposed->sum, exposed->bound_ns);

	json_put(&json, "clock",
		 json_string(exposed->sum.flags & DMP_EXPOSURE_MANUAL ? "trace" : "real"));
	if (exposed->peak_queued_bytes == UINT64_MAX)
		json_put(&json, "peak_queued_bytes", json_null());
	else
		json_put_count(&json, "peak_queued_bytes", exposed->peak_queued_bytes);
	json_put(&json, "domains", domains_json(a, exposed));
	return json;
}
