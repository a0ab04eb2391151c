// SPDX-License-Identifier: MIT
/*
 * attack_clock.c - the workload in its own time, with attempts in between
 *
 * Picture: manual mode.  The clock goes from event to event, each step is done on its CPU's number,
 * and the device makes its own accesses to what is new; at every moment some attempts follow:
 *
 *    time    --|---|--|-----------------+-----------------+----------------|----
 *    steps     a   b  c                                                    d
 *    moments   x   x  x                 x                 x                x
 *
 * A gap of more than GAP_NS has moments of its own, GAP_MOMENTS at most, so that a device that
 * waits for its chance is not kept from it by a workload that rests.  After the last step time
 * goes on until the longest window there may be has passed, with END_MOMENTS on the way.
 *
 * Moments are counted before anything runs and share the attempts; nothing depends on real time, so
 * that one seed always gives the same answer.
 */
#include "attack.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

#define GAP_NS      UINT64_C(1000000)
#define GAP_MOMENTS 16u
#define END_MOMENTS 64u

/* The end of a policy without a bound. */
#define END_NS UINT64_C(1000000000)

struct clock {
	struct replay_run *run;
	struct attacker *attacker;
	uint64_t attempts, made;
	uint64_t moments, passed;
	uint64_t now_ns; /* of the trace */
	unsigned ncpus;
};

static const struct trace_event *event_of(const struct replay_job *job,
					  const struct replay_step *step)
{
	return &job->trace->events[job->plan->steps[step->plan_step].event];
}

/* Parts that a gap is walked in: each ends with a moment. */
static uint64_t parts_of(uint64_t gap_ns)
{
	uint64_t parts = gap_ns / GAP_NS + 1;

	return parts < GAP_MOMENTS ? parts : GAP_MOMENTS;
}

/* Lines of different CPUs need not be in order. */
static uint64_t gap_to(const struct clock *c, const struct trace_event *event)
{
	return event->time_ns > c->now_ns ? event->time_ns - c->now_ns : 0;
}

/* One a step, and those in gaps: all parts but the last, which ends with the step. */
static uint64_t count_moments(const struct replay_job *job, struct clock *c)
{
	const struct replay_lane *lane = &job->lanes[0];
	uint64_t n = END_MOMENTS;

	for (uint32_t i = 0; i < lane->nsteps; i++) {
		uint64_t gap_ns = gap_to(c, event_of(job, &lane->steps[i]));

		c->now_ns += gap_ns;
		n += parts_of(gap_ns);
	}
	return n;
}

static void moment(struct clock *c)
{
	uint64_t due = ++c->passed == c->moments
			       ? c->attempts
			       : c->attempts / c->moments * c->passed +
					 c->attempts % c->moments * c->passed / c->moments;

	for (; c->made < due; c->made++)
		attacker_try(c->attacker);
}

/* To the end of the gap; the last part's moment is the caller's. */
static void pass(struct clock *c, uint64_t gap_ns, uint64_t parts)
{
	for (uint64_t i = 1; i <= parts; i++) {
		dmp_harness_advance(gap_ns / parts + (i == parts ? gap_ns % parts : 0));
		if (i < parts)
			moment(c);
	}
	c->now_ns += gap_ns;
}

static void step(struct clock *c, const struct replay_step *step)
{
	const struct trace_event *event = event_of(c->run->job, step);
	uint64_t gap_ns = gap_to(c, event);
	const struct replay_mapping *m = &c->run->job->mappings[step->mapping];
	bool was_live = m->live;

	pass(c, gap_ns, parts_of(gap_ns));
	dmp_harness_become(event->cpu % c->ncpus);
	replay_step_do(c->run, &c->run->job->lanes[0], step);
	attacker_note(c->attacker, step->mapping);
	if (m->live && !was_live)
		attacker_transfer(c->attacker, step->mapping);
	moment(c);
}

static void finish(struct clock *c, uint64_t bound_ns)
{
	uint64_t end_ns = bound_ns == UINT64_MAX ? END_NS : bound_ns + bound_ns / 4 + GAP_NS;

	pass(c, end_ns, END_MOMENTS);
	moment(c);
}

void attack_clock_run(const struct attack_opts *opts, struct replay_run *run, struct attacker *a,
		      uint64_t bound_ns)
{
	const struct replay_lane *lane = &run->job->lanes[0];
	uint64_t start_ns = lane->nsteps ? event_of(run->job, &lane->steps[0])->time_ns : 0;
	struct clock c = {.run = run, .attacker = a, .attempts = opts->attempts};

	c.ncpus = dmp_cpu_limit();
	c.now_ns = start_ns;
	c.moments = count_moments(run->job, &c);
	c.now_ns = start_ns;
	for (uint32_t i = 0; i < lane->nsteps; i++)
		step(&c, &lane->steps[i]);
	finish(&c, bound_ns);
}
