// SPDX-License-Identifier: MIT
/*
 * attack_clock.c - the workload in its own time, with attempts in between
 *
 * Picture: see replay_clock.c.  The clock goes from event to event, each step is done on its
 * CPU's number, and the device makes its own accesses to what is new; at every moment some
 * attempts follow:
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
};

/* Parts that a gap is walked in: each ends with a moment. */
static uint64_t parts_of(uint64_t gap_ns)
{
	uint64_t parts = gap_ns / GAP_NS + 1;

	return parts < GAP_MOMENTS ? parts : GAP_MOMENTS;
}

/* Lines of different CPUs need not be in order. */
static uint64_t gap_to(uint64_t now_ns, uint64_t time_ns)
{
	return time_ns > now_ns ? time_ns - now_ns : 0;
}

/* One a step, and those in gaps: all parts but the last, which ends with the step. */
static uint64_t count_moments(const struct replay_job *job)
{
	const struct replay_lane *lane = &job->lanes[0];
	uint64_t n = END_MOMENTS, now_ns = 0;

	for (uint32_t i = 0; i < lane->nsteps; i++) {
		uint64_t gap_ns = gap_to(now_ns, replay_clock_due_ns(job, &lane->steps[i]));

		now_ns += gap_ns;
		n += parts_of(gap_ns);
	}
	return n;
}

/* Attempts up to a moment are its share of all, rounded down. */
static void moment(struct clock *c)
{
	uint64_t each = c->attempts / c->moments, rest = c->attempts % c->moments, due;

	c->passed++;
	due = each * c->passed + rest * c->passed / c->moments;
	for (; c->made < due; c->made++)
		attacker_try(c->attacker);
}

/* To the end of the gap; the last part's moment is the caller's. */
static void pass(struct clock *c, uint64_t gap_ns, uint64_t parts)
{
	uint64_t begin_ns = c->run->now_ns;

	for (uint64_t i = 1; i <= parts; i++) {
		replay_clock_move(c->run, begin_ns + (i == parts ? gap_ns : gap_ns / parts * i));
		if (i < parts)
			moment(c);
	}
}

static void step(struct clock *c, const struct replay_step *step)
{
	const struct replay_job *job = c->run->job;
	uint64_t gap_ns = gap_to(c->run->now_ns, replay_clock_due_ns(job, step));
	bool was_live = job->mappings[step->mapping].live;

	pass(c, gap_ns, parts_of(gap_ns));
	replay_clock_step(c->run, step);
	attacker_note(c->attacker, step->mapping);
	if (job->mappings[step->mapping].live && !was_live)
		attacker_transfer(c->attacker, step->mapping);
	moment(c);
}

/* The longest window that there may be, of any domain; UINT64_MAX: no bound. */
static uint64_t bound_of(const struct replay_machine *machine)
{
	uint64_t bound_ns = 0;

	for (uint32_t i = 0; i < machine->ndevices; i++) {
		uint64_t ns = dmp_domain_exposure_bound(machine->domains[i]);

		bound_ns = ns > bound_ns ? ns : bound_ns;
	}
	return bound_ns;
}

static void finish(struct clock *c)
{
	uint64_t bound_ns = bound_of(c->run->machine);

	pass(c, bound_ns == UINT64_MAX ? END_NS : bound_ns + bound_ns / 4 + GAP_NS, END_MOMENTS);
	moment(c);
}

void attack_clock_run(const struct attack_opts *opts, struct replay_run *run, struct attacker *a)
{
	const struct replay_lane *lane = &run->job->lanes[0];
	struct clock c = {.run = run,
			  .attacker = a,
			  .attempts = opts->attempts,
			  .moments = count_moments(run->job)};

	for (uint32_t i = 0; i < lane->nsteps; i++)
		step(&c, &lane->steps[i]);
	finish(&c);
}
