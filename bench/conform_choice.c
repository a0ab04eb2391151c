// SPDX-License-Identifier: MIT
/*
 * conform_choice.c - blocks where this library answers otherwise on purpose
 *
 * Two kinds, recognised by what they do and not by where they stand:
 *
 *  -  A request with a limit of all ones.  Ours is refused at once and changes nothing, so
 *     the block is answered as if the request were not in it.  What that means is found by
 *     running the block without such requests first; up to the first of them the recorded
 *     answers hold.  A free of a range that was then never given out is left out of both.
 *
 *  -  The corner behaviours of the original, a block each.  Below stands every operation of
 *     such a block with the answer that we give: for Q1 and Q4 another one than the
 *     original's, for Q2, Q3, Q6 and Q7 the same, by decision.  (Q5 is of the first kind.)
 *
 * The reasons are in docs/linux-map.md.
 */
#include "conform.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct answer {
	const char *text, *expected;
};

/* Q1: a cached range beyond the limit is a miss; the policy then fails as without a cache. */
static const struct answer q1[] = {
	{"domain 4096 0x1 1 1", "ok"},
	{"alloc_fast 0 32 0xfffff 0", "0xfffe0"},
	{"free_fast 0 0xfffe0 32", "ok"},
	{"alloc_fast 0 32 0xf 0", "fail"},
	{"state", "1 0xfffe0 top 0x20"},
	{"destroy", "ok"},
	{NULL, NULL},
};

/* Q2: a request that can never fit lowers the ceiling all the same. */
static const struct answer q2[] = {
	{"domain 4096 0x1 1 1", "ok"},
	{"alloc_fast 0 32 0xf 0", "fail"},
	{"state", "0 top top 0x20"},
	{"alloc_fast 0 32 0xfffff 0", "fail"},
	{"alloc_fast 0 16 0xfffff 0", "0xffff0"},
	{"state", "1 0xffff0 top 0x20"},
	{"destroy", "ok"},
	{NULL, NULL},
};

/* Q3: sizes are rounded before the request, also where only the unrounded one fits. */
static const struct answer q3[] = {
	{"domain 4096 0xffff0 1 1", "ok"},
	{"alloc_fast 0 9 0xfffff 1", "0xffff0"},
	{"state", "1 0xffff0 top 0x100000"},
	{"alloc 1 9 0xfffff 0", "fail"},
	{"alloc 2 6 0xfffff 0", "fail"},
	{"state", "1 0xffff0 top 0x6"},
	{"state", "1 0xffff0 top 0x6"},
	{"dump", "1"},
	{"range", "0xffff0 0xfffff"},
	{"destroy", "ok"},
	{NULL, NULL},
};

/* Q4: pfn 0 is an address, not a failure. */
static const struct answer q4[] = {
	{"domain 4096 0x0 1 1", "ok"},
	{"alloc_fast 0 2 0x1 0", "0x0"},
	{"state", "1 0x0 top 0x100000"},
	{"dump", "1"},
	{"range", "0x0 0x1"},
	{"alloc_fast 0 1 0x1 0", "fail"},
	{"state", "1 0x0 top 0x1"},
	{"find 0x0", "0x0 0x1"},
	{"destroy", "ok"},
	{NULL, NULL},
};

/* Q6: one flush a request, and only if the request fails without. */
static const struct answer q6[] = {
	{"domain 4096 0xffffe 1 1", "ok"},
	{"alloc_fast 0 2 0xfffff 1", "0xffffe"},
	{"alloc_fast 0 2 0xfffff 1", "fail"},
	{"state", "1 0xffffe top 0x2"},
	{"free_fast 0 0xffffe 2", "ok"},
	{"cache 0 1", "1 0"},
	{"alloc_fast 0 1 0xfffff 1", "0xfffff"},
	{"state", "1 0xfffff top 0x100000"},
	{"alloc_fast 0 1 0xfffff 1", "0xffffe"},
	{"state", "2 0xffffe top 0x100000"},
	{"destroy", "ok"},
	{NULL, NULL},
};

/* Q7: a cached range is still a range: found, grown by a reservation, drained whole. */
static const struct answer q7[] = {
	{"domain 4096 0x1 1 1", "ok"},
	{"alloc_fast 0 4 0xfffff 0", "0xffffc"},
	{"free_fast 0 0xffffc 4", "ok"},
	{"find 0xffffc", "0xffffc 0xfffff"},
	{"reserve 0xffff8 0xffffd", "0xffff8 0xfffff"},
	{"dump", "1"},
	{"range", "0xffff8 0xfffff"},
	{"alloc_fast 0 4 0xfffff 0", "0xffffc"},
	{"free_fast 0 0xffffc 4", "ok"},
	{"cpu_dead 0", "ok"},
	{"dump", "0"},
	{"state", "0 top top 0x100000"},
	{"destroy", "ok"},
	{NULL, NULL},
};

static const struct answer *const statements[] = {q1, q2, q3, q4, q6, q7};

/* Are the operations of @block those of @answers, in the same order? */
static bool matches(const struct conform_block *block, const struct answer *answers)
{
	size_t i;

	for (i = 0; i < block->nlines && answers[i].text; i++)
		if (strcmp(block->lines[i].text, answers[i].text) != 0)
			return false;
	return i == block->nlines && !answers[i].text;
}

static bool apply_statement(struct conform_block *block)
{
	size_t s, i;

	for (s = 0; s < sizeof(statements) / sizeof(statements[0]); s++) {
		if (!matches(block, statements[s]))
			continue;
		for (i = 0; i < block->nlines; i++)
			block->lines[i].expected = statements[s][i].expected;
		return true;
	}
	return false;
}

static bool is_unlimited(const struct conform_line *line)
{
	const char *name = line->op->name;

	return (strcmp(name, "alloc") == 0 || strcmp(name, "alloc_fast") == 0) &&
	       line->arg[2] == UINT64_MAX;
}

static const struct conform_line *first_unlimited(const struct conform_block *block)
{
	size_t i;

	for (i = 0; i < block->nlines; i++)
		if (is_unlimited(&block->lines[i]))
			return &block->lines[i];
	return NULL;
}

/* One line of the run without unlimited requests; @follows one of them. */
static int state_line(struct conform_replay *replay, struct conform_line *line, bool follows)
{
	char got[CONFORM_GOT_MAX];

	if (is_unlimited(line)) {
		line->expected = "fail";
		return 0;
	}
	line->skip = follows && conform_replay_is_stale(replay, line);
	if (line->skip)
		return 0;
	conform_replay_line(replay, line, got);
	if (!follows || !line->op->has_result)
		return 0;
	line->owned = strdup(got);
	line->expected = line->owned;
	return line->owned ? 0 : -ENOMEM;
}

/* Answers @block as if the requests with a limit of all ones were not in it. */
static int state_without(struct conform_block *block, const struct conform_line *first)
{
	struct conform_replay *replay = conform_replay_begin(true);
	struct conform_line *line;
	int err = replay ? 0 : -ENOMEM;

	for (line = block->lines; !err && line < block->lines + block->nlines; line++)
		err = state_line(replay, line, line > first);
	if (replay)
		conform_replay_end(replay);
	return err;
}

int conform_choice_apply(struct conform_block *block, bool *by_choice)
{
	const struct conform_line *unlimited = first_unlimited(block);

	*by_choice = unlimited || apply_statement(block);
	return unlimited ? state_without(block, unlimited) : 0;
}

void conform_choice_release(struct conform_block *block)
{
	size_t i;

	for (i = 0; i < block->nlines; i++) {
		free(block->lines[i].owned);
		block->lines[i].owned = NULL;
	}
}
