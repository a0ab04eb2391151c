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

/* @now_ns: where the clock stands. */
static void move_clock(struct replay_run *run, uint64_t *now_ns, uint64_t time_ns)
{
	if (time_ns <= *now_ns)
		return;
	if (dmp_harness_advance(time_ns - *now_ns) > 0) {
		dmp_harness_grace_period();
		if (run->queued)
			replay_queued_look_all(run->queued, run->machine);
	}
	*now_ns = time_ns;
}

void replay_clock_run(struct replay_run *run)
{
	const struct replay_job *job = run->job;
	const struct trace_event *events = job->trace->events;
	struct replay_lane *lane = &job->lanes[0];
	uint64_t now_ns = events[0].time_ns;

	for (uint32_t i = 0; i < lane->nsteps; i++) {
		const struct replay_step *step = &lane->steps[i];
		const struct trace_event *event = &events[job->plan->steps[step->plan_step].event];

		move_clock(run, &now_ns, event->time_ns);
		dmp_harness_become(event->cpu);
		replay_step_do(run, lane, step);
	}
	move_clock(run, &now_ns, events[job->trace->nevents - 1].time_ns);
}
