// SPDX-License-Identifier: MIT
/*
 * conform_view.c - the IOVA vectors' observations: what is in the tree and in the magazines
 *
 *   vectors                    here
 *   dump, range                dmp_iova_get_stats(), dmp_iova_next()
 *   state                      dmp_iova_inspect_policy()
 *   cache, mag                 dmp_iova_inspect_magazine(), loaded and prev of a CPU
 *   depot, depotmag            the same of the depot, and dmp_iova_inspect_reclaim()
 *
 * Nothing is changed.  What does not exist is answered as empty.
 */
#include "conform_iova.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

static void say_hint(char *got, uint64_t pfn)
{
	if (pfn == DMP_IOVA_TOP)
		conform_say(got, " top");
	else
		conform_say(got, " 0x%" PRIx64, pfn);
}

static void say_magazine(char *got, const struct dmp_iova_magazine_view *view)
{
	uint32_t i;

	conform_say(got, "%" PRIu32, view->count);
	for (i = 0; i < view->count; i++)
		conform_say(got, " 0x%" PRIx64, view->pfns[i]);
}

void conform_view_dump(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct dmp_iova_stats stats = {0};

	(void)line;
	dmp_iova_get_stats(replay->dom, &stats, sizeof(stats));
	replay->dump_from = 0;
	conform_say(got, "%" PRIu64, stats.nranges);
}

void conform_view_range(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct dmp_iova_range range;
	int err = dmp_iova_next(replay->dom, replay->dump_from, &range);

	(void)line;
	if (!err)
		replay->dump_from = range.lo + 1;
	conform_say_range(got, err, &range, "none");
}

void conform_view_state(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct dmp_iova_policy_state state = {0};

	(void)line;
	if (dmp_iova_inspect_policy(replay->dom, &state))
		return;
	conform_say(got, "%" PRIu64, state.nranges);
	say_hint(got, state.hint32);
	say_hint(got, state.hint_wide);
	conform_say(got, " 0x%" PRIx64, state.ceiling);
}

static int inspect(struct conform_replay *replay, enum dmp_iova_magazine_place place,
		   uint64_t index, uint64_t order, struct dmp_iova_magazine_view *view)
{
	*view = (struct dmp_iova_magazine_view){0};
	if (index > UINT_MAX || order > UINT_MAX)
		return -EINVAL;
	return dmp_iova_inspect_magazine(replay->dom, place, (unsigned)index, (unsigned)order,
					 view);
}

void conform_view_cache(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct dmp_iova_magazine_view loaded, prev;

	inspect(replay, DMP_IOVA_LOADED, line->arg[0], line->arg[1], &loaded);
	inspect(replay, DMP_IOVA_PREV, line->arg[0], line->arg[1], &prev);
	conform_say(got, "%" PRIu32 " %" PRIu32, loaded.count, prev.count);
}

void conform_view_depot(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct dmp_iova_magazine_view view;
	unsigned n = 0;

	while (inspect(replay, DMP_IOVA_DEPOT, n, line->arg[0], &view) == 0)
		n++;
	conform_say(got, "%u %d", n, dmp_iova_inspect_reclaim(replay->dom, (unsigned)line->arg[0]));
}

void conform_view_mag(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct dmp_iova_magazine_view view;

	inspect(replay, (enum dmp_iova_magazine_place)line->arg[2], line->arg[0], line->arg[1],
		&view);
	say_magazine(got, &view);
}

void conform_view_depotmag(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct dmp_iova_magazine_view view;

	inspect(replay, DMP_IOVA_DEPOT, line->arg[1], line->arg[0], &view);
	say_magazine(got, &view);
}
