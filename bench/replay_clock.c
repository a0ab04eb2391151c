// SPDX-License-Identifier: MIT
/*
 * replay_clock.c - a replay at the times of its trace
 *
 * Picture: one thread, in manual mode.  Before each step the clock is moved to the time of the
 * step's event, so that timers fire between the same two calls as they would have in the
 * recorded kernel; the thread then is the CPU of that event:
 *
 *    trace    0.0 ms UNMAP a (CPU 1)      12.3 ms MAP b (CPU 0)      last event, 14 ms
 *    clock    0                |10        12.3                       14
 *    here     unmap as CPU 1   timer: the queue of CPU 1 is flushed, map as CPU 0
 *
 * The first event of the trace is time 0.  A time that is earlier than one before it (CPUs'
 * clocks differ by some ns) does not turn the clock back.  What runs between two steps runs on
 * the CPU of the first; after it a grace period passes.
 *
 * Nothing in this depends on how fast the thread is, so that two runs give the same answers, but
 * for the speed.
 */
#include "replay.h"
#include "command.h"

#include <dmapool/harness.h>
#include <errno.h>
#include <string.h>

const char *replay_clock_name(enum replay_clock clock)
{
	return clock == REPLAY_CLOCK_TRACE ? "trace" : "real";
}

int replay_clock_begin(const struct replay_job *job)
{
	int err = dmp_harness_enter(job->trace->ncpus);

	if (err == -EINVAL)
		return complain("the trace has %u CPUs, more than its clock can be replayed with; "
				"use --clock real",
				job->trace->ncpus);
	return err ? complain("cannot begin the time of the trace: %s", strerror(-err)) : 0;
}

unsigned replay_clock_end(void)
{
	dmp_harness_run_pending();
	dmp_harness_grace_period();
	return dmp_harness_leave() != 0;
}

static const struct trace_event *event_of(const struct replay_job *job,
					  const struct replay_step *step)
{
	return &job->trace->events[job->plan->steps[step->plan_step].event];
}

static uint64_t time_of(const struct replay_job *job, const struct trace_event *event)
{
	uint64_t begin_ns = job->trace->events[0].time_ns;

	return event->time_ns > begin_ns ? event->time_ns - begin_ns : 0;
}

uint64_t replay_clock_due_ns(const struct replay_job *job, const struct replay_step *step)
{
	return time_of(job, event_of(job, step));
}

static void advance(struct replay_run *run, uint64_t time_ns)
{
	uint64_t works = dmp_harness_advance(time_ns - run->now_ns);

	run->now_ns = time_ns;
	if (works == 0)
		return;
	dmp_harness_grace_period();
	if (run->queued)
		replay_queued_look_all(run->queued, run->machine);
}

/* A commit that is due on the way comes in its time. */
void replay_clock_move(struct replay_run *run, uint64_t time_ns)
{
	struct replay_commits *commits = run->commits;

	if (time_ns <= run->now_ns)
		return;
	if (commits && commits->is_due && commits->due_ns <= time_ns) {
		advance(run, commits->due_ns);
		replay_step_commit(run, &run->job->lanes[0],
				   replay_commits_make(commits, run->machine));
	}
	advance(run, time_ns);
}

void replay_clock_step(struct replay_run *run, const struct replay_step *step)
{
	dmp_harness_become(event_of(run->job, step)->cpu);
	replay_step_do(run, &run->job->lanes[0], step);
}

void replay_clock_run(struct replay_run *run)
{
	const struct replay_job *job = run->job;
	const struct replay_lane *lane = &job->lanes[0];

	run->now_ns = 0;
	for (uint32_t i = 0; i < lane->nsteps; i++) {
		replay_clock_move(run, replay_clock_due_ns(job, &lane->steps[i]));
		replay_clock_step(run, &lane->steps[i]);
	}
	replay_clock_move(run, time_of(job, &job->trace->events[job->trace->nevents - 1]));
}
