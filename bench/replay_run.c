// SPDX-License-Identifier: MIT
/*
 * replay_run.c - the threads, whose turn it is, and the clock
 *
 *    gate opens --> each lane: note the time; for each step: wait, do, pass on; note the time
 *    join       --> seconds = latest end - earliest start
 *
 * A step waits until its mapping has done the steps before it, and a map until the mapping
 * that had its memory before has done all of its own.  replay_lanes.c says why this ends.
 * A waiting thread looks SPINS times and then lets others run after each look, since there
 * may be more recorded CPUs than real ones.
 *
 * Ordering:
 *  [TURN]  pass_on: what the step did to the mapping and its memory; store_release(turn)
 *          wait_for: load_acquire(turn); the next step's look at both
 *
 * In the time of the trace (replay_clock.c) there is one lane, which the caller's thread runs.
 *
 * Locking: (g) lock of the gate, before the clock starts only; (c) constant.
 */
#include "replay.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

/* About a microsecond: a call of the library takes as long. */
#define SPINS 200u

/* Where threads wait until all of them exist. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	enum { SHUT, OPEN, CANCELLED } state; /* (g) */
};

struct worker {
	pthread_t thread;         /* (c) */
	struct replay_run *run;   /* (c) */
	struct replay_lane *lane; /* (c) */
	struct gate *gate;        /* (c) */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void wait_for(_Atomic(uint32_t) *turn, uint32_t wanted)
{
	unsigned looks = 0;

	while (atomic_load_explicit(turn, memory_order_acquire) != wanted) /* [TURN] */
		if (++looks > SPINS)
			sched_yield();
}

static void pass_on(_Atomic(uint32_t) *turn, uint32_t done)
{
	atomic_store_explicit(turn, done, memory_order_release); /* [TURN] */
}

static void run_lane(struct replay_run *run, struct replay_lane *lane)
{
	struct replay_mapping *mappings = run->job->mappings;

	for (uint32_t i = 0; i < lane->nsteps; i++) {
		const struct replay_step *step = &lane->steps[i];
		struct replay_mapping *m = &mappings[step->mapping];

		if (step->op == TRACE_OP_MAP && m->before != TRACE_NONE)
			wait_for(&mappings[m->before].turn, mappings[m->before].nsteps);
		wait_for(&m->turn, step->turn);
		replay_step_do(run, lane, step);
		pass_on(&m->turn, step->turn + 1);
	}
}

static void run_trace(struct replay_run *run, struct replay_lane *lane)
{
	(void)lane; /* the only one */
	replay_clock_run(run);
}

static void run_timed(struct replay_run *run, struct replay_lane *lane,
		      void (*run_steps)(struct replay_run *run, struct replay_lane *lane))
{
	lane->start_ns = now_ns();
	run_steps(run, lane);
	lane->end_ns = now_ns();
}

static bool gate_pass(struct gate *gate)
{
	bool open;

	pthread_mutex_lock(&gate->lock);
	while (gate->state == SHUT)
		pthread_cond_wait(&gate->moved, &gate->lock);
	open = gate->state == OPEN;
	pthread_mutex_unlock(&gate->lock);
	return open;
}

static void gate_move(struct gate *gate, bool open)
{
	pthread_mutex_lock(&gate->lock);
	gate->state = open ? OPEN : CANCELLED;
	pthread_cond_broadcast(&gate->moved);
	pthread_mutex_unlock(&gate->lock);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	if (!gate_pass(w->gate))
		return NULL;
	run_timed(w->run, w->lane, run_lane);
	return NULL;
}

static double seconds_of(const struct replay_job *job)
{
	uint64_t start = UINT64_MAX, end = 0;

	for (uint32_t i = 0; i < job->nlanes; i++) {
		start = job->lanes[i].start_ns < start ? job->lanes[i].start_ns : start;
		end = job->lanes[i].end_ns > end ? job->lanes[i].end_ns : end;
	}
	return (double)(end - start) / 1e9;
}

/* All of them, or none of them runs. */
static int run_workers(struct worker *workers, uint32_t n, struct gate *gate)
{
	uint32_t started = 0;
	int err = 0;

	while (!err && started < n) {
		err = -pthread_create(&workers[started].thread, NULL, worker_main,
				      &workers[started]);
		started += !err;
	}
	gate_move(gate, !err);
	while (started > 0)
		pthread_join(workers[--started].thread, NULL);
	return err;
}

static int run_threads(struct replay_run *run, double *seconds)
{
	struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, SHUT};
	uint32_t n = run->job->nlanes;
	struct worker *workers = calloc(n, sizeof(*workers));
	int err;

	if (!workers)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		workers[i] =
			(struct worker){.run = run, .lane = &run->job->lanes[i], .gate = &gate};
	err = run_workers(workers, n, &gate);
	free(workers);
	if (!err)
		*seconds = seconds_of(run->job);
	return err;
}

/* No thread but this one may call the library in manual mode. */
static int run_here(struct replay_run *run, double *seconds)
{
	run_timed(run, &run->job->lanes[0], run_trace);
	*seconds = seconds_of(run->job);
	return 0;
}

int replay_run_lanes(struct replay_run *run, double *seconds)
{
	return run->in_trace_time ? run_here(run, seconds) : run_threads(run, seconds);
}
