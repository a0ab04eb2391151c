// SPDX-License-Identifier: MIT
/*
 * attack_room.c - did the workload fail for want of addresses below the mask, and of nothing else?
 *
 *    requests failed    and every one of them                    so it is
 *    no                                                          a good answer, or a bad one
 *    yes                found no room, and what the workload     the mask: nothing to judge
 *                       has at once needs as much as there is
 *    yes                otherwise                                a bad answer
 *
 * Where nothing is translated addresses are those of the memory, up to the end of RAM.  Elsewhere
 * what is mapped and what waits for its flush need room at once, and more than their own: sizes are
 * rounded up, and caches of free addresses keep some.
 */
#include "attack.h"

#include <errno.h>

/* With so many times the room that is asked for at once it is not the mask that is too small. */
#define ROOM_ENOUGH 4u

/* The most that one device has mapped, whatever parts of pages they are. */
static uint64_t mapped_at_once(const struct replay_job *job)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < job->plan->ndevices; i++) {
		const struct trace_device_facts *facts = &job->plan->devices[i];
		uint64_t bytes = facts->peak_bytes + facts->peak_alloc_bytes +
				 2 * DMP_PAGE_BYTES *
					 ((uint64_t)facts->peak_maps + facts->peak_allocs);

		most = bytes > most ? bytes : most;
	}
	return most;
}

static bool found_no_room(const struct replay_blame *blame)
{
	return blame->requests &&
	       replay_blame_count(blame, -ENOSPC) + replay_blame_count(blame, -ERANGE) ==
		       blame->requests;
}

bool attack_lacks_room(const struct attack_opts *opts, const struct attack_result *r,
		       const struct replay_job *job)
{
	uint64_t reach = DMP_MASK(opts->mask_bits);

	if (!found_no_room(&r->blame) || attack_judge(r) != ATTACK_BREACH_BOOKS || r->broken_books)
		return false;
	if (!attack_is_translated(r->policy))
		return reach < REPLAY_RAM_BYTES - 1;
	return reach / ROOM_ENOUGH < mapped_at_once(job) + r->open_peak;
}
