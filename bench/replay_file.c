// SPDX-License-Identifier: MIT
/*
 * replay_file.c - one trace, from the file to its answer
 *
 *    read -> match -> prepare once -> for each route, for each run:
 *                                        machine, replay, tidy up, destroy
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

static int read_file(const char *path, struct replay_answer *answer)
{
	double start = now_seconds(), parsed;
	struct trace_error error;
	int err;

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

static int prepare(const struct replay_opts *opts, struct replay_answer *answer,
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

static void discard(struct replay_job *job)
{
	replay_place_free(job);
	replay_lanes_free(job);
}

static int forget_run_before(const struct replay_machine *machine)
{
	struct replay_job *job = machine->job;

	for (uint32_t i = 0; i < job->nlanes; i++)
		job->lanes[i].counts = (struct replay_counts){0};
	return replay_place_reset(machine) ? complain("no memory for the lists") : 0;
}

/* What is open now is open at the end of the trace. */
static int read_exposure(const struct replay_run *run, struct replay_result *result)
{
	result->exposed = replay_exposure_read(run);
	return result->exposed ? 0 : complain("no memory for what devices could reach");
}

static int run_steps(struct replay_run *run, bool exposure, struct replay_result *result)
{
	struct replay_books before;
	double seconds;
	int err;

	replay_books_read(run->machine, &before);
	err = replay_run_lanes(run, &seconds);
	if (err)
		return complain("cannot start %u threads: %s; use --serial", run->job->nlanes,
				strerror(-err));
	replay_step_settle(run, &run->job->lanes[0]);
	replay_result_fill(run, &before, seconds, result);
	if (exposure && replay_way_in(result->way, REPLAY_TRANSLATED))
		err = read_exposure(run, result);
	run->queued = NULL;
	run->commits = NULL;
	replay_step_tidy(run, &run->job->lanes[0]);
	replay_result_blame(run, result);
	return err;
}

/* Those who look on at every unmap, as the run needs them; @run points at them. */
struct followers {
	struct replay_queued queued;
	struct replay_commits commits;
};

static int followers_init(struct followers *f, const struct replay_opts *opts,
			  struct replay_run *run)
{
	int err = 0;

	*f = (struct followers){.queued = {0}};
	if (opts->exposure && run->in_trace_time) {
		err = replay_queued_init(&f->queued, run->machine);
		run->queued = &f->queued;
	}
	if (!err && run->machine->way == REPLAY_MANUAL) {
		err = replay_commits_init(&f->commits, run->machine, &opts->flush[REPLAY_MANUAL]);
		run->commits = &f->commits;
	}
	return err ? complain("no memory for %u queues", run->machine->ndevices) : 0;
}

static void followers_free(struct followers *f)
{
	replay_commits_free(&f->commits);
	replay_queued_free(&f->queued);
}

static int run_on(const struct replay_opts *opts, const struct replay_machine *machine,
		  struct replay_result *result)
{
	struct replay_run run = {.job = machine->job,
				 .machine = machine,
				 .data = opts->data,
				 .in_trace_time = opts->clock == REPLAY_CLOCK_TRACE};
	struct followers followers;
	int err;

	if (forget_run_before(machine))
		return EXIT_USAGE;
	err = followers_init(&followers, opts, &run);
	if (!err)
		err = run_steps(&run, opts->exposure, result);
	followers_free(&followers);
	return err;
}

/* One run, on a machine of its own. */
static int run_on_fresh(const struct replay_opts *opts, enum replay_way way, struct replay_job *job,
			struct replay_result *result)
{
	struct replay_machine machine;
	unsigned broken;
	int err;

	*result = (struct replay_result){.way = way};
	if (replay_machine_create(opts, way, job, &machine))
		return EXIT_USAGE;
	err = run_on(opts, &machine, result);
	broken = replay_machine_destroy(&machine);
	result->broken_books = broken;
	return err;
}

/* Time of the trace begins before there is a machine, and ends after it. */
static int run_once(const struct replay_opts *opts, enum replay_way way, struct replay_job *job,
		    struct replay_result *result)
{
	int err;

	if (opts->clock == REPLAY_CLOCK_REAL)
		return run_on_fresh(opts, way, job, result);
	if (replay_clock_begin(job))
		return EXIT_USAGE;
	err = run_on_fresh(opts, way, job, result);
	result->broken_books += replay_clock_end();
	return err;
}

static int run_way(const struct replay_opts *opts, const char *path, enum replay_way way,
		   struct replay_job *job, struct replay_result *result)
{
	struct replay_result *runs = calloc(opts->repeat, sizeof(*runs));
	int err = runs ? 0 : complain("no memory for %u runs", opts->repeat);

	for (unsigned i = 0; !err && i < opts->repeat; i++) {
		progress_show("%s: %s, run %u of %u", path, replay_way_name(way), i + 1,
			      opts->repeat);
		err = run_once(opts, way, job, &runs[i]);
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
		result->exposed = NULL; /* told with the one that it was */
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

	*answer = (struct replay_answer){.path = path};
	err = read_file(path, answer);
	if (!err) {
		err = prepare(opts, answer, &job);
		if (!err)
			err = run_routes(opts, &job, answer);
		answer->nlanes = job.nlanes;
		answer->nevents = job.nevents;
		answer->too_long = job.too_long;
		discard(&job);
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
