// SPDX-License-Identifier: MIT
/*
 * check.c - a trace's allocator lines, one space after another
 *
 * Spaces share nothing but the clock, which only the time between the calls of one space
 * depends on: each is checked on its own, with a clock of its own.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>

static int check_domains(const struct trace *trace, struct check_result *result)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < trace->iova_domains.count; i++) {
		struct check_space space;

		err = check_calls_iova(trace, i, &space);
		if (err)
			break;
		err = check_space(&space, result);
		check_calls_free(&space);
	}
	return err;
}

static int check_pool(const struct trace *trace, struct check_result *result)
{
	struct check_space space;
	int err = check_calls_swiotlb(trace, &space);

	if (err)
		return err;
	if (space.nallocs)
		err = check_space(&space, result);
	check_calls_free(&space);
	return err;
}

static void note_lost(const struct trace *trace, struct check_result *result)
{
	memcpy(result->skips, trace->skips, sizeof(result->skips));
	result->lost_events = trace->lost_events;
	result->overwritten_events = trace->overwritten_events;
}

int check_addresses(const struct trace *trace, struct check_result *out)
{
	struct check_result result = {0};
	int err;

	note_lost(trace, &result);
	err = check_domains(trace, &result);

	if (!err)
		err = check_pool(trace, &result);
	if (err)
		check_result_free(&result);
	else
		*out = result;
	return err;
}

void check_result_free(struct check_result *result)
{
	free(result->moves);
	*result = (struct check_result){0};
}
