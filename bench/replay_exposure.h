/* SPDX-License-Identifier: MIT */
/*
 * replay_exposure.h - what devices could still reach in a replay, domain by domain:
 * replay_exposure.c
 */
#ifndef BENCH_REPLAY_EXPOSURE_H
#define BENCH_REPLAY_EXPOSURE_H

#include "table.h"

#include <dmapool.h>

#include <stdio.h>

struct replay_machine;
struct replay_run;

/* Of a device's domain, as the trace ended. */
struct replay_exposure_row {
	uint32_t dev;
	uint64_t bound_ns; /* dmp_domain_exposure_bound() */
	struct dmp_exposure exposure;
};

struct replay_exposure {
	struct dmp_exposure sum;
	uint64_t bound_ns;          /* the longest */
	uint64_t peak_queued_bytes; /* of all domains at once; UINT64_MAX: not known */
	uint32_t nrows;
	struct replay_exposure_row rows[];
};

/* What waits in queues: followed by the one thread of a replay in the time of its trace. */
struct replay_queued {
	uint64_t *bytes; /* owned; of each device's domain */
	uint64_t sum, peak;
};

/* -ENOMEM. */
int replay_queued_init(struct replay_queued *queued, const struct replay_machine *machine);
void replay_queued_free(struct replay_queued *queued);
/* Device @dev has unmapped something. */
void replay_queued_look(struct replay_queued *queued, const struct replay_machine *machine,
			uint32_t dev);
/* Time has passed. */
void replay_queued_look_all(struct replay_queued *queued, const struct replay_machine *machine);

/* The caller's, to be freed with free(); NULL: no memory. */
struct replay_exposure *replay_exposure_read(const struct replay_run *run);

/* The longest that anything was, or is still, within reach. */
uint64_t replay_exposure_worst_ns(const struct dmp_exposure_side *side);
/* Is that one still open, so that nobody knows how long it would have been? */
bool replay_exposure_is_open_longest(const struct dmp_exposure_side *side);
/* The time that @per_mille of the windows that are over did not exceed, ns; NAN: none is over. */
double replay_exposure_part_ns(const struct dmp_exposure_side *side, unsigned per_mille);
/* Pages that entries led to and that were given out meanwhile, those that were first mapped again
 * and then freed twice.  UINT64_MAX: at least that. */
uint64_t replay_exposure_memory_reused(const struct dmp_exposure_seen *seen);

/* ---- replay_exposure_tell.c ---- */

struct replay_opts;
struct replay_answer;
struct json_t;

/* Nothing if no route has measured it. */
void replay_exposure_print(FILE *to, const struct replay_opts *opts,
			   const struct replay_answer *answer);
/* The caller's; NULL: no memory. */
struct json_t *replay_exposure_json(const struct replay_answer *answer,
				    const struct replay_exposure *exposed);

/* Bytes times time, UINT64_MAX at least that: in MB s, and as member "byte_seconds" whose name
 * goes to @least then. */
struct table_cell replay_exposure_mb_seconds(uint64_t byte_ns);
void replay_exposure_put_byte_seconds(struct json_t **json, struct json_t **least,
				      uint64_t byte_ns);

#endif
