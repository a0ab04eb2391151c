/* SPDX-License-Identifier: MIT */
/*
 * slots_match.h - a script run on the library and on the model, answer by answer
 *
 * After every operation what the machine was asked, the counters and the areas are compared
 * too, now and then all slots, and everything is walked.  What is compared are texts, in the
 * words of the vectors.  The bytes of a mapping hold one value each in the original and in the
 * copy, and whoever wrote last is seen where he should be, and nowhere else.
 */
#ifndef DMAPOOL_TEST_SLOTS_MATCH_H
#define DMAPOOL_TEST_SLOTS_MATCH_H

#include "slots_script.h"

/* One allocator. */
struct slots_setting {
	const char *name;
	struct dmp_swiotlb_opts opts; /* slots and areas: powers of two that fit */
	bool is_restricted;           /* then: any number of slots, one area */
	bool is_carved;               /* scripts carve from it */
};

/* A slots_script_run: @ctx is a struct slots_setting. */
unsigned slots_match_run(void *ctx, struct slots_script *script);

#endif
