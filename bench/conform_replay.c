// SPDX-License-Identifier: MIT
/*
 * conform_replay.c - one run of a block of the IOVA vectors: what it holds, and how it ends
 *
 *   manual mode [ domain, or flush queue with its domain [ operations ] ]
 *
 * The vectors name ranges of `alloc` by id, and ranges of `alloc_fast` by their pfn.  The
 * former are kept for the `free` of the id.  The latter are kept where somebody has to know
 * what is live: a queue gives its mappings back at the end, and conform_choice.c leaves out
 * frees of what was never given out.
 *
 * What is wrong with the run itself, and not with an answer, is `trouble`: the latest counts.
 */
#include "conform_iova.h"

#include <dmapool/harness.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More ids than any file has lines: a larger one is a slip of the pen. */
#define ID_MAX UINT64_C(10000000)

bool conform_replay_set_id(struct conform_replay *replay, uint64_t id, uint64_t pfn)
{
	uint64_t room = replay->nids ? replay->nids * 2 : 1024;
	uint64_t *grown;

	if (id >= ID_MAX)
		return false;
	while (room <= id)
		room *= 2;
	if (id >= replay->nids) {
		grown = realloc(replay->id_pfns, room * sizeof(*grown));
		if (!grown)
			return false;
		memset(grown + replay->nids, 0xff, (room - replay->nids) * sizeof(*grown));
		replay->id_pfns = grown;
		replay->nids = room;
	}
	replay->id_pfns[id] = pfn;
	return true;
}

bool conform_replay_has_id(const struct conform_replay *replay, uint64_t id)
{
	return id < replay->nids && replay->id_pfns[id] != UINT64_MAX;
}

struct given *conform_replay_find_given(const struct conform_replay *replay, uint64_t pfn,
					uint64_t size)
{
	size_t i;

	for (i = replay->ngiven; i-- > 0;)
		if (replay->given[i].pfn == pfn && replay->given[i].size == size)
			return &replay->given[i];
	return NULL;
}

void conform_replay_add_given(struct conform_replay *replay, uint64_t pfn, uint64_t size)
{
	size_t room = replay->given_room ? replay->given_room * 2 : 256;
	struct given *grown;

	if (!replay->tracks && !replay->queue)
		return;
	if (replay->ngiven == replay->given_room) {
		grown = realloc(replay->given, room * sizeof(*grown));
		if (!grown) {
			replay->trouble = "no memory to replay with";
			return;
		}
		replay->given = grown;
		replay->given_room = room;
	}
	replay->given[replay->ngiven++] = (struct given){pfn, size};
}

void conform_replay_remove_given(struct conform_replay *replay, uint64_t pfn, uint64_t size)
{
	struct given *entry = conform_replay_find_given(replay, pfn, size);

	if (entry)
		*entry = replay->given[--replay->ngiven];
}

/* What is still mapped goes first. */
static void drop_queue(struct conform_replay *replay)
{
	const char *trouble;

	for (; replay->ngiven > 0; replay->ngiven--)
		conform_queue_unmap(replay->queue, replay->given[replay->ngiven - 1].pfn,
				    replay->given[replay->ngiven - 1].size, NULL);
	trouble = conform_queue_destroy(replay->queue);
	if (trouble)
		replay->trouble = trouble;
	replay->queue = NULL;
}

void conform_replay_drop(struct conform_replay *replay)
{
	if (replay->queue)
		drop_queue(replay);
	else if (replay->dom)
		dmp_iova_destroy(replay->dom);
	replay->dom = NULL;
	if (replay->is_manual && dmp_harness_leave())
		replay->trouble = "the domain left something behind";
	replay->is_manual = false;
}

void conform_replay_walk(struct conform_replay *replay)
{
	const char *trouble = replay->queue ? conform_queue_check(replay->queue) : NULL;

	if (trouble)
		replay->trouble = trouble;
	if (replay->dom && dmp_iova_check(replay->dom))
		replay->trouble = "the walkers found an inconsistency";
}

int conform_replay_fail(enum dmp_harness_alloc kind, uint64_t on)
{
	return dmp_harness_fail_alloc(kind, on ? 1 : 0, UINT64_MAX);
}

struct conform_replay *conform_replay_begin(bool tracks)
{
	struct conform_replay *replay = calloc(1, sizeof(*replay));

	if (replay)
		replay->tracks = tracks;
	return replay;
}

const char *conform_replay_end(struct conform_replay *replay)
{
	const char *trouble;

	conform_replay_walk(replay);
	conform_replay_drop(replay);
	conform_replay_fail(DMP_HARNESS_ALLOC_RANGE, false);
	conform_replay_fail(DMP_HARNESS_ALLOC_MAGAZINE, false);
	trouble = replay->trouble;
	free(replay->id_pfns);
	free(replay->given);
	free(replay->pages);
	free(replay);
	return trouble;
}
