// SPDX-License-Identifier: MIT
/*
 * replay_what_if.c - which ways to flush are compared, and which of them somebody would choose
 *
 *    cost ^
 *         | x strict
 *         |        x guest:  as cheap, as safe: both stay
 *         |   x lazy-single
 *         |             o    beaten: lazy is cheaper and leaves less open
 *         |        x lazy
 *         +----------------------> exposure
 *
 * The frontier is what is left of the points when all that are beaten are gone.  Who failed has
 * done less than the others, and is compared with none of them.  A counter at its end is no number
 * to compare by: it is at least that much, so that others may beat it, and it beats nobody.
 */
#include "replay_what_if.h"
#include "command.h"

#include <string.h>

/* One of the list; the same one twice would be the same numbers twice. */
static int add(struct replay_what_if *w, const char *text, size_t len)
{
	unsigned way, n = w->n;
	int err;

	if (n == REPLAY_WHAT_IF_MAX)
		return complain("--what-if compares at most %u ways to flush", REPLAY_WHAT_IF_MAX);
	err = replay_flush_parse(text, len, &way, &w->flush[n]);
	if (err)
		return err;
	replay_flush_text(way, &w->flush[n], w->text[n]);
	for (unsigned i = 0; i < n; i++)
		if (strcmp(w->text[i], w->text[n]) == 0)
			return complain("--what-if names %s twice", w->text[n]);
	w->routes[n] = (struct replay_route){.name = w->text[n], .way = (enum replay_way)way};
	w->n++;
	return 0;
}

int replay_what_if_parse(const char *text, struct replay_what_if *what_if)
{
	static const char key[] = "flush=";
	int err = 0;

	what_if->n = 0;
	if (strncmp(text, key, sizeof(key) - 1) != 0)
		return complain("--what-if must be flush=POLICY[:NAME=VALUE]...,..., "
				"policies: %s",
				replay_flush_names);
	for (text += sizeof(key) - 1; !err;) {
		size_t len = strcspn(text, ",");

		err = add(what_if, text, len);
		text += len;
		if (!*text)
			break;
		text++;
	}
	return err;
}

static bool beats(const struct replay_point *a, const struct replay_point *b)
{
	return !a->failed && !b->failed && !a->exposes_more && a->cost <= b->cost &&
	       a->exposure <= b->exposure && (a->cost < b->cost || a->exposure < b->exposure);
}

static bool is_beaten(const struct replay_point *points, unsigned n, unsigned i)
{
	for (unsigned k = 0; k < n; k++)
		if (beats(&points[k], &points[i]))
			return true;
	return false;
}

/* Beating is transitive, so that whoever is beaten is so by one on the frontier. */
void replay_frontier_find(struct replay_point *points, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		points[i].beaten_by = REPLAY_UNBEATEN;
		for (unsigned k = 0; k < n; k++) {
			if (!beats(&points[k], &points[i]) || is_beaten(points, n, k))
				continue;
			if (points[i].beaten_by == REPLAY_UNBEATEN ||
			    points[k].cost < points[points[i].beaten_by].cost)
				points[i].beaten_by = k;
		}
	}
}

void replay_what_if_points(const struct replay_answer *answer, struct replay_point *points)
{
	for (unsigned i = 0; i < answer->nresults; i++)
		points[i] = (struct replay_point){
			.cost = replay_what_if_cost(&answer->results[i]),
			.exposure = replay_what_if_exposure(&answer->results[i]),
			.exposes_more = replay_what_if_exposes_more(&answer->results[i]),
			.failed = replay_result_is_bad(&answer->results[i])};
	replay_frontier_find(points, answer->nresults);
}
