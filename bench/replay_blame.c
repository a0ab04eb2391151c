// SPDX-License-Identifier: MIT
/*
 * replay_blame.c - calls of the library that failed: how many, why, and the first
 *
 * Reasons are the library's errnos, whose meanings types.h fixes.  The first failure is the
 * one with the smallest line number, whichever thread met it when.
 */
#include "replay.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const struct {
	int err;
	const char *name, *text;
} whys[] = {
	{-ENOSPC, "no_room", "no slots or addresses free (see --slots, --grow, --mask)"},
	{-ERANGE, "out_of_reach", "out of the device's reach (see --mask)"},
	{-ENOMEM, "no_memory", "no memory"},
	{-EFAULT, "not_known", "memory that the machine does not know"},
	{0, "other", "another reason"}, /* whatever it is */
};
static_assert(sizeof(whys) / sizeof(whys[0]) == REPLAY_WHYS, "one text for each");

static unsigned why_of(int err)
{
	unsigned why = 0;

	while (why < REPLAY_WHYS - 1 && whys[why].err != err)
		why++;
	return why;
}

void replay_blame_note(struct replay_blame *blame, const char *call, int err, uint32_t line)
{
	blame->by_why[why_of(err)]++;
	blame->requests++;
	if (blame->first_line && blame->first_line <= line)
		return;
	blame->first_line = line;
	blame->first_err = err;
	blame->first_call = call;
}

void replay_blame_add(struct replay_blame *sum, const struct replay_blame *add)
{
	for (unsigned why = 0; why < REPLAY_WHYS; why++)
		sum->by_why[why] += add->by_why[why];
	sum->requests += add->requests;
	if (!add->first_line || (sum->first_line && sum->first_line <= add->first_line))
		return;
	sum->first_line = add->first_line;
	sum->first_err = add->first_err;
	sum->first_call = add->first_call;
}

uint64_t replay_blame_count(const struct replay_blame *blame, int err)
{
	return blame->by_why[why_of(err)];
}

const char *replay_blame_text(unsigned why)
{
	return whys[why].text;
}

const char *replay_blame_error(int err)
{
	unsigned why = why_of(err);

	return why < REPLAY_WHYS - 1 ? whys[why].text : strerror(-err);
}

const char *replay_blame_name(unsigned why)
{
	return whys[why].name;
}
