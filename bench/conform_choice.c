// SPDX-License-Identifier: MIT
/*
 * conform_choice.c - blocks where this library answers otherwise on purpose
 *
 * Two kinds, recognised by what they do and not by where they stand:
 *
 *  -  The blocks of the bundled vectors.  Below stands every operation of such a block with
 *     the answer that we give, also where it is the recorded one.  An operation without an
 *     answer is left out: what it would act on does not exist here.
 *
 *  -  Any other block with a request whose limit is all ones.  Ours is refused at once and
 *     changes nothing, so the block is answered as if the request were not in it.  What that
 *     means is found by running the block without such requests first; up to the first of
 *     them the recorded answers hold.  After it nothing recorded is compared with, since the
 *     original's answers follow from what the request did there.  A free of a range that was
 *     then never given out is left out of both.
 *
 * Q1 to Q7 are the corners of the original in h1_quirks.txt.  In Q2, Q3, Q6 and Q7 ours does
 * the same by decision: these are judged by the record as any other block.
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

/* Q5: the ceiling is as before, and nothing is taken from the cache. */
static const struct answer q5[] = {
	{"domain 4096 0x1 1 1", "ok"},
	{"alloc_fast 0 1 0xfffff 0", "0xfffff"},
	{"alloc_fast 0 1 0xffffffffffffffff 0", "fail"},
	{"state", "1 0xfffff top 0x100000"},
	{"alloc_fast 0 1 0xfffff 0", "0xffffe"},
	{"free_fast 0 0xfffff 1", "ok"},
	{"state", "2 0xffffe top 0x100000"},
	{"alloc_fast 0 1 0xffffffffffffffff 0", "fail"},
	{"state", "2 0xffffe top 0x100000"},
	{"free_fast 0 0xfffff 1", NULL},
	{"alloc_fast 0 2 0xffffffffffffffff 1", "fail"},
	{"state", "2 0xffffe top 0x100000"},
	{"destroy", "ok"},
	{NULL, NULL},
};

/* The last block but one of c3_edges.txt: likewise, without a cache. */
static const struct answer c3_unlimited[] = {
	{"domain 4096 0x1 1 0", "ok"},
	{"alloc 1 1 0xfffff 0", "0xfffff"},
	{"alloc 2 4 0xffffffffffffffff 0", "fail"},
	{"state", "1 0xfffff top 0x100000"},
	{"alloc 3 4 0xfffff 0", "0xffffb"},
	{"alloc 4 3 0xfffff 0", "0xffff8"},
	{"alloc 5 4 0xfffffffffffffffe 0", "0xfffffffffffffffb"},
	{"state", "4 0xffff8 0xfffffffffffffffb 0x100000"},
	{"state", "4 0xffff8 0xfffffffffffffffb 0x100000"},
	{"dump", "4"},
	{"range", "0xffff8 0xffffa"},
	{"range", "0xffffb 0xffffe"},
	{"range", "0xfffff 0xfffff"},
	{"destroy", "ok"},
	{NULL, NULL},
};

static const struct answer *const statements[] = {q1, q4, q5, c3_unlimited};

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
		for (i = 0; i < block->nlines; i++) {
			block->lines[i].expected = statements[s][i].expected;
			block->lines[i].skip = !statements[s][i].expected;
		}
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
	got[0] = '\0';
	line->op->run(replay, line, got);
	if (!follows || line->op->result == CONFORM_NONE)
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
	bool stated = apply_statement(block);

	*by_choice = stated || unlimited;
	return unlimited && !stated ? state_without(block, unlimited) : 0;
}

void conform_choice_release(struct conform_block *block)
{
	size_t i;

	for (i = 0; i < block->nlines; i++) {
		free(block->lines[i].owned);
		block->lines[i].owned = NULL;
	}
}
