/* SPDX-License-Identifier: MIT */
/*
 * test_replay_what_if_answer.h - a trace with known answers, replayed with several ways to flush
 *
 *    ms    0     1       2     5       11           13
 *          map   unmap   map   unmap   |            map
 *                |---------- 10 ms ----|            lazy: its timer runs from the first unmap,
 *                                |---6-|            and covers both
 *
 * A queue of 1 ms lets go of each after 1 ms, one of 1 s of none before the trace ends.
 */
#ifndef DMAPOOL_TEST_REPLAY_WHAT_IF_ANSWER_H
#define DMAPOOL_TEST_REPLAY_WHAT_IF_ANSWER_H

#include "test_replay_answer.h"
#include "test_replay_times.h"

#include "replay_what_if.h"

#define FIRST_UNMAP  MAP_AT(0, "1.000000") UNMAP_AT(0, "1.001000")
#define SECOND_UNMAP MAP_AT(0, "1.002000") UNMAP_AT(0, "1.005000")
#define TWO_UNMAPS   FIRST_UNMAP SECOND_UNMAP MAP_AT(1, "1.013000")

/* The kernel has overwritten 4 events and lost 17, one unmap has no map, the last line is cut. */
#define DAMAGED                                                                                    \
	"# entries-in-buffer/entries-written: 6/10   #P:2\n" UNMAP_AT(0, "0.999000") TWO_UNMAPS    \
		"CPU:1 [LOST 17 EVENTS]\n  fio-12  [000] d..1.  1.01"

/* A counter at its end, of a window that is over. */
static inline void saturate(struct replay_answer *a, unsigned i)
{
	struct dmp_exposure *sum = &a->results[i].exposed->sum;

	sum->flags |= DMP_EXPOSURE_SATURATED;
	sum->could.byte_ns = sum->seen.did.byte_ns = UINT64_MAX;
}

static inline struct replay_opts what_if_opts(const char *list, struct replay_what_if *w)
{
	struct replay_opts opts = answer_opts();

	assert_int_equal(replay_what_if_parse(list, w), 0);
	opts.clock = REPLAY_CLOCK_TRACE;
	opts.exposure = opts.neighbours = true;
	opts.what_if = w;
	return opts;
}

/* The number called @name of the @i-th way. */
static inline double number_of(const struct replay_answer *a, unsigned i, const char *name)
{
	assert_true(i < a->nresults);
	for (unsigned f = 0; f < replay_what_if_nfields; f++)
		if (strcmp(replay_what_if_fields[f].name, name) == 0)
			return replay_what_if_fields[f].of(&a->results[i]);
	fail_msg("no field %s", name);
	return 0;
}

#endif
