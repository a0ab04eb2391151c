// SPDX-License-Identifier: MIT
/*
 * replay_once.c - one run of one route, on a machine of its own
 *
 *    [time of the trace begins]
 *      machine made
 *        the run before forgotten, followers set up
 *          books, steps, settle, books, exposure, neighbours: the answer
 *          tidy up; what went wrong
 *        followers gone
 *      machine destroyed: its walkers look
 *    [and ends]
 *
 * What is undone is undone whatever failed before it, so that the next run, or a thread of real
 * time, finds the library as it was.
 */
#include "replay.h"
#include "command.h"

#include <string.h>

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

static int read_neighbours(const struct replay_run *run, struct replay_result *result)
{
	result->beside = replay_neighbours_read(run->machine);
	return result->beside ? 0 : complain("no memory for what devices reached beside buffers");
}

static int run_steps(struct replay_run *run, const struct replay_opts *opts,
		     struct replay_result *result)
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
	if (opts->exposure && replay_way_in(result->way, REPLAY_TRANSLATED))
		err = read_exposure(run, result);
	if (!err && opts->neighbours)
		err = read_neighbours(run, result);
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
		err = run_steps(&run, opts, result);
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
int replay_once(const struct replay_opts *opts, enum replay_way way, struct replay_job *job,
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
