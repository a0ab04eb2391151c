// SPDX-License-Identifier: MIT
/*
 * conform_events.c - what an operation asked of its machine, against the file
 *
 *   @ pages, free, dec, enc, cpool, cfree    the machine writes them down as they come
 *   @ work                                   the worker has a growth job that it had not before
 *   @ rcu                                    a pool waits for a grace period that did not before
 *   @ warn                                   not looked at
 *
 * All must be there, in the order of the file, and no others.  Set-up is not recorded there, so
 * neither is it here.
 */
#include "conform_swiotlb.h"

#include <stdio.h>

static struct dmp_swiotlb_stats stats_of(struct conform_bounce *bounce)
{
	struct dmp_swiotlb_stats stats = {0};

	if (bounce->tlbs[0]) /* the others neither grow nor have transient pools */
		dmp_swiotlb_get_stats(bounce->tlbs[0], &stats, sizeof(stats));
	return stats;
}

void conform_events_before(void *run, const struct conform_line *line)
{
	struct conform_bounce *bounce = run;
	struct dmp_swiotlb_stats stats = stats_of(bounce);

	bounce->was_growing = stats.growth_pending;
	bounce->was_waiting = stats.waiting;
	conform_machine_follow(bounce->machine, line);
}

/* Takes one line off the front of @asked if it is @event. */
static bool takes(const char **asked, const char *event)
{
	size_t len = strlen(event);

	if (strncmp(*asked, event, len) != 0 || (*asked)[len] != '\n')
		return false;
	*asked += len + 1;
	return true;
}

/* The events of @line are those of @asked; NULL, or the first that is not. */
static const char *differ(const struct conform_line *line, const char *asked)
{
	const char *event = NULL;

	while ((event = conform_event(line, event)))
		if (!takes(&asked, event))
			return event;
	return *asked ? "(none)" : NULL;
}

void conform_events_after(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct dmp_swiotlb_stats stats = stats_of(bounce);
	bool asks = !bounce->was_growing && stats.growth_pending;
	const char *asked = conform_machine_asked(bounce->machine), *event;
	char all[CONFORM_GOT_MAX];

	snprintf(all, sizeof(all), "%s%s%s", asks ? "work\n" : "", asked,
		 stats.waiting > bounce->was_waiting ? "rcu\n" : "");
	event = differ(line, all);
	if (event)
		conform_say(got, " where @ %s was expected, and asked was: %.200s", event, all);
	conform_machine_answer(bounce->machine, 0, UINT64_MAX, 0);
}
