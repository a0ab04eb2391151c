// SPDX-License-Identifier: MIT
/*
 * replay_file.c - one trace, from the file to its answer
 *
 *    read -> match -> prepare once -> for each route, for each run: replay_once.c
 *                                     -> the median run of the route
 *
 * The route as-recorded has the answer of the route that it stands for, if that one has been
 * replayed too: it would be the same run again.
 *
 * Ways to flush that are compared (replay_what_if.h) take the place of the routes.
 *
 * A file that cannot be replayed at all, or that has no request in it, is complained about
 * in one line.  Whatever is only partly usable is replayed, and what was left out is in the
 * trace's and the plan's own counts.  Likewise a route that cannot be taken costs the others
 * nothing: they are answered.
 */
#include "replay_what_if.h"
#include "command.h"
#include "progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int replay_file_read(const char *path, struct replay_answer *answer)
{
	double start = now_seconds(), parsed;
	struct trace_error error;
	int err;

	*answer = (struct replay_answer){.path = path};
	progress_show("%s: reading", path);
	err = trace_read(path, &answer->trace, &error);
	parsed = now_seconds();
	if (!err)
		err = trace_match(answer->trace, &answer->plan);
	answer->read_seconds = parsed - start;
	answer->match_seconds = now_seconds() - parsed;
	progress_clear();
	if (err)
		return complain("%s", answer->trace ? "no memory for the trace" : error.text);
	if (answer->plan->nmappings == 0)
		return complain("%s: no DMA mapping in it; record with the events dma:*", path);
	return 0;
}

int replay_job_make(const struct replay_opts *opts, struct replay_answer *answer,
		    struct replay_job *job)
{
	int err;

	*job = (struct replay_job){
		.trace = answer->trace, .plan = answer->plan, .recorded = &answer->recorded};
	err = replay_recorded_find(answer->trace, answer->plan, opts->unknown, &answer->recorded);
	if (!err)
		err = replay_lanes_make(job, opts->serial || opts->clock == REPLAY_CLOCK_TRACE);
	if (!err)
		err = replay_place_make(job);
	if (err == -E2BIG)
		return complain("%s: a list of too many entries", answer->path);
	if (err)
		return complain("%s: no memory to prepare the replay", answer->path);
	if (job->nevents == 0)
		return complain("%s: nothing to replay: every mapping is of more than %llu MiB",
				answer->path, (unsigned long long)REPLAY_LEN_MAX >> 20);
	return 0;
}

void replay_job_free(struct replay_job *job)
{
	replay_place_free(job);
	replay_lanes_free(job);
}

static int run_way(const struct replay_opts *opts, const char *path, enum replay_way way,
		   struct replay_job *job, struct replay_result *result)
{
	struct replay_result *runs = calloc(opts->repeat, sizeof(*runs));
	int err = runs ? 0 : complain("no memory for %u runs", opts->repeat);

	for (unsigned i = 0; !err && i < opts->repeat; i++) {
		progress_show("%s: %s, run %u of %u", path, replay_way_name(way), i + 1,
			      opts->repeat);
		err = replay_once(opts, way, job, &runs[i]);
		progress_clear();
	}
	if (!err)
		replay_result_median(runs, opts->repeat, result);
	for (unsigned i = 0; err && runs && i < opts->repeat; i++)
		replay_result_free(&runs[i]);
	free(runs);
	return err;
}

/* The answer of a way that has been replayed already, or NULL. */
static const struct replay_result *answer_of(const struct replay_answer *answer,
					     enum replay_way way)
{
	for (unsigned i = 0; i < answer->nresults; i++)
		if (answer->results[i].way == way)
			return &answer->results[i];
	return NULL;
}

static void run_route(const struct replay_opts *opts, const struct replay_route *route,
		      struct replay_job *job, struct replay_answer *answer)
{
	enum replay_way way = route->as_recorded ? answer->recorded.way : route->way;
	const struct replay_result *known = answer_of(answer, way);
	struct replay_result *result = &answer->results[answer->nresults];

	if (replay_way_in(way, answer->refused))
		return;
	if (known) {
		*result = *known;
		/* told with the one that it was */
		result->exposed = NULL;
		result->beside = NULL;
	} else if (run_way(opts, answer->path, way, job, result)) {
		answer->refused |= 1u << way;
		return;
	}
	result->route = route;
	answer->nresults++;
}

/* Each on the same plan of events; one that cannot be costs the others nothing. */
static void run_what_if(const struct replay_opts *opts, unsigned i, struct replay_job *job,
			struct replay_answer *answer)
{
	const struct replay_route *route = &opts->what_if->routes[i];
	struct replay_opts own = *opts;
	struct replay_result *result = &answer->results[answer->nresults];

	own.flush[route->way] = opts->what_if->flush[i];
	if (run_way(&own, answer->path, route->way, job, result)) {
		answer->refused |= 1u << route->way;
		return;
	}
	result->route = route;
	answer->nresults++;
}

static int run_routes(const struct replay_opts *opts, struct replay_job *job,
		      struct replay_answer *answer)
{
	unsigned nroutes = opts->what_if ? opts->what_if->n : replay_nroutes;

	answer->results = calloc(nroutes, sizeof(*answer->results));
	if (!answer->results)
		return complain("no memory for the results");
	for (unsigned i = 0; i < nroutes; i++) {
		if (opts->what_if)
			run_what_if(opts, i, job, answer);
		else if (opts->routes & 1u << i)
			run_route(opts, &replay_routes[i], job, answer);
	}
	return answer->nresults ? EXIT_GOOD : EXIT_USAGE;
}

int replay_file(const struct replay_opts *opts, const char *path, struct replay_answer *answer)
{
	struct replay_job job;
	int err;

	err = replay_file_read(path, answer);
	if (!err) {
		err = replay_job_make(opts, answer, &job);
		if (!err)
			err = run_routes(opts, &job, answer);
		answer->nlanes = job.nlanes;
		answer->nevents = job.nevents;
		answer->too_long = job.too_long;
		replay_job_free(&job);
	}
	if (err)
		replay_answer_free(answer);
	return err;
}

void replay_answer_free(struct replay_answer *answer)
{
	trace_plan_free(answer->plan);
	trace_free(answer->trace);
	replay_recorded_free(&answer->recorded);
	for (unsigned i = 0; i < answer->nresults; i++)
		replay_result_free(&answer->results[i]);
	free(answer->results);
	*answer = (struct replay_answer){.path = answer->path};
}
