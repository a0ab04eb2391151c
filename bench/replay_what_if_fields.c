// SPDX-License-Identifier: MIT
/*
 * replay_what_if_fields.c - the numbers by which ways to flush are compared
 *
 * Costs are simulated nanoseconds by the profile, exposures are nanoseconds of the trace: no
 * number here is made of both, and none is a real time of the run.
 *
 * An unmap here is an unmap or a free of coherent memory.  Invalidations are all of the run,
 * whoever asked for them: a way to flush may move them from the unmap to a map or to a timer, and
 * they are still the price of unmapping.
 *
 *   could   as far as the library knows: from the unmap to the end of its flush
 *   did     as the machine saw it: from the unmap until no TLB had an entry any more
 *   worst   of those that ended, and of those that were open at the end of the trace
 *
 * A number is least if it would have been more: the worst that was still open, a counter that is
 * at its end, and what a machine saw that had no memory to keep account of everything.
 */
#include "replay_what_if.h"

#include <math.h>

#define NS_A_US     1e3
#define NS_A_S      1e9
#define BYTES_A_MB  1e6
#define BYTES_A_KIB 1024.0

static double unmaps(const struct replay_result *r)
{
	return (double)(r->unmaps + r->frees);
}

static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : NAN;
}

static double invalidations_per_unmap(const struct replay_result *r)
{
	return ratio((double)r->invalidations, unmaps(r));
}

/* Of one that never flushes a whole domain: the ranges that an invalidation sets free. */
static double ranges_per_flush(const struct replay_result *r)
{
	return replay_way_in(r->way, REPLAY_DEFERRED) ? r->entries_per_flush
						      : ratio(unmaps(r), (double)r->invalidations);
}

static double unmap_ns(const struct replay_result *r)
{
	return r->unmap_allocate_ns + r->unmap_table_ns + r->unmap_invalidate_ns + r->unmap_copy_ns;
}

static double pair_ns(const struct replay_result *r)
{
	return unmap_ns(r) + r->map_allocate_ns + r->map_table_ns + r->map_copy_ns;
}

static const struct dmp_exposure_side *could(const struct replay_result *r)
{
	return r->exposed ? &r->exposed->sum.could : NULL;
}

/* What a machine saw that can. */
static const struct dmp_exposure_seen *seen(const struct replay_result *r)
{
	return r->exposed && r->exposed->sum.flags & DMP_EXPOSURE_SEEN ? &r->exposed->sum.seen
								       : NULL;
}

static const struct dmp_exposure_side *did(const struct replay_result *r)
{
	return seen(r) ? &seen(r)->did : NULL;
}

static double peak_queued_kib(const struct replay_result *r)
{
	if (!r->exposed || r->exposed->peak_queued_bytes == UINT64_MAX)
		return NAN;
	return (double)r->exposed->peak_queued_bytes / BYTES_A_KIB;
}

static double bound_us(const struct replay_result *r)
{
	if (!r->exposed)
		return NAN;
	return r->exposed->bound_ns == UINT64_MAX ? INFINITY
						  : (double)r->exposed->bound_ns / NS_A_US;
}

/* Of nothing there is none. */
static double part_us(const struct dmp_exposure_side *side, unsigned per_mille)
{
	return side ? replay_exposure_part_ns(side, per_mille) / NS_A_US : NAN;
}

/* Nothing of it ever ends: a device reaches all memory at all times. */
static bool is_always(const struct replay_result *r)
{
	return r->way == REPLAY_PASSTHROUGH;
}

static double worst_us(const struct dmp_exposure_side *side)
{
	return side ? (double)replay_exposure_worst_ns(side) / NS_A_US : NAN;
}

static double mb_seconds(const struct dmp_exposure_side *side)
{
	return side ? (double)side->byte_ns / NS_A_S / BYTES_A_MB : NAN;
}

static double could_p50(const struct replay_result *r)
{
	return part_us(could(r), 500);
}

static double could_p99(const struct replay_result *r)
{
	return part_us(could(r), 990);
}

static double could_worst(const struct replay_result *r)
{
	return is_always(r) ? INFINITY : worst_us(could(r));
}

static bool could_is_open(const struct replay_result *r)
{
	return could(r) && replay_exposure_is_open_longest(could(r));
}

bool replay_what_if_exposes_more(const struct replay_result *r)
{
	return could(r) && could(r)->byte_ns == UINT64_MAX;
}

static bool saw_more(const struct replay_result *r)
{
	return seen(r) && seen(r)->untracked;
}

static bool did_is_open(const struct replay_result *r)
{
	return saw_more(r) || (did(r) && replay_exposure_is_open_longest(did(r)));
}

static bool did_exposes_more(const struct replay_result *r)
{
	return saw_more(r) || (did(r) && did(r)->byte_ns == UINT64_MAX);
}

static double could_mb_seconds(const struct replay_result *r)
{
	return is_always(r) ? INFINITY : mb_seconds(could(r));
}

static double could_open(const struct replay_result *r)
{
	return could(r) ? (double)could(r)->open : NAN;
}

static double could_open_kib(const struct replay_result *r)
{
	return could(r) ? (double)could(r)->open_bytes / BYTES_A_KIB : NAN;
}

static double did_windows(const struct replay_result *r)
{
	return did(r) ? (double)did(r)->windows : NAN;
}

static double did_p50(const struct replay_result *r)
{
	return part_us(did(r), 500);
}

static double did_p99(const struct replay_result *r)
{
	return part_us(did(r), 990);
}

static double did_worst(const struct replay_result *r)
{
	return worst_us(did(r));
}

static double did_mb_seconds(const struct replay_result *r)
{
	return mb_seconds(did(r));
}

static double did_open(const struct replay_result *r)
{
	return did(r) ? (double)did(r)->open : NAN;
}

static double memory_reused(const struct replay_result *r)
{
	return seen(r) ? (double)replay_exposure_memory_reused(seen(r)) : NAN;
}

static double windows_reused(const struct replay_result *r)
{
	return seen(r) ? (double)seen(r)->windows_reused : NAN;
}

static double iova_reused(const struct replay_result *r)
{
	return seen(r) ? (double)seen(r)->iova_reused : NAN;
}

double replay_what_if_cost(const struct replay_result *result)
{
	return pair_ns(result);
}

double replay_what_if_exposure(const struct replay_result *result)
{
	double open = could_mb_seconds(result);

	return isnan(open) ? INFINITY : open;
}

bool replay_what_if_is_least(const struct replay_what_if_field *field,
			     const struct replay_result *result)
{
	if (field->is_least && field->is_least(result))
		return true;
	return field->unit == REPLAY_WHAT_IF_COUNT && field->of(result) >= (double)UINT64_MAX;
}

#define COUNT    REPLAY_WHAT_IF_COUNT
#define NS       REPLAY_WHAT_IF_NS
#define RATIO    REPLAY_WHAT_IF_RATIO
#define DISTANCE REPLAY_WHAT_IF_DISTANCE
#define LEAST_ROW(name, above, below, unit, title, of, is_least)                                   \
	{                                                                                          \
		name, {above, below}, unit, title, of, is_least                                    \
	}
#define ROW(name, above, below, unit, title, of)                                                   \
	LEAST_ROW(name, above, below, unit, title, of, NULL)
#define JSON_ONLY(name, unit, of) ROW(name, NULL, NULL, unit, NULL, of)

const struct replay_what_if_field replay_what_if_fields[] = {
	ROW("invalidations_per_unmap", "inval.", "an unmap", RATIO, "invalidations an unmap",
	    invalidations_per_unmap),
	ROW("ranges_per_flush", "ranges", "a flush", NS, "ranges a flush", ranges_per_flush),
	ROW("simulated_unmap_ns", "sim. ns", "an unmap", NS, "simulated ns an unmap", unmap_ns),
	ROW("simulated_pair_ns", "with its", "map", NS, "simulated ns a map and its unmap",
	    pair_ns),
	ROW("peak_queued_kib", "peak KiB", "queued", NS, NULL, peak_queued_kib),
	JSON_ONLY("bound_us", DISTANCE, bound_us),
	ROW("could_p50_us", "could us", "p50", DISTANCE, NULL, could_p50),
	ROW("could_p99_us", "could us", "p99", DISTANCE, NULL, could_p99),
	LEAST_ROW("could_worst_us", "could us", "worst", DISTANCE, NULL, could_worst,
		  could_is_open),
	LEAST_ROW("could_mb_seconds", "could", "MB s", RATIO, "MB s that devices could reach",
		  could_mb_seconds, replay_what_if_exposes_more),
	JSON_ONLY("did_p50_us", DISTANCE, did_p50),
	JSON_ONLY("did_p99_us", DISTANCE, did_p99),
	LEAST_ROW("did_worst_us", "did us", "worst", DISTANCE, NULL, did_worst, did_is_open),
	LEAST_ROW("did_mb_seconds", "did", "MB s", RATIO, "MB s that an entry led to",
		  did_mb_seconds, did_exposes_more),
	LEAST_ROW("did_windows", "did", "windows", COUNT, "windows that an entry led to",
		  did_windows, saw_more),
	LEAST_ROW("windows_reused", "of them", "reused", COUNT,
		  "of them: address or memory given out again meanwhile", windows_reused, saw_more),
	LEAST_ROW("addresses_reused_while_reachable", "address", "reused", COUNT,
		  "addresses given out again while an entry led from there", iova_reused, saw_more),
	LEAST_ROW("memory_reused_while_reachable", NULL, NULL, COUNT, NULL, memory_reused,
		  saw_more),
	ROW("open_at_end", "open at", "the end", COUNT, NULL, could_open),
	JSON_ONLY("open_at_end_kib", NS, could_open_kib),
	JSON_ONLY("did_open_at_end", COUNT, did_open),
};

const unsigned replay_what_if_nfields = sizeof(replay_what_if_fields) /
					sizeof(replay_what_if_fields[0]);
