/* SPDX-License-Identifier: MIT */
/*
 * replay_clock.h - which time a replay has: replay_clock.c
 */
#ifndef BENCH_REPLAY_CLOCK_H
#define BENCH_REPLAY_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct replay_job;
struct replay_run;
struct replay_step;

enum replay_clock {
	REPLAY_CLOCK_REAL,  /* a thread a recorded CPU, as fast as they can; timers in real time */
	REPLAY_CLOCK_TRACE, /* one thread plays the recorded CPUs at the recorded times */
};

const char *replay_clock_name(enum replay_clock clock);

/*
 * Begin and end the time of the trace, before the machine is made and after it is gone.
 * Begin complains and returns EXIT_USAGE; end returns how many things it found wrong.
 */
int replay_clock_begin(const struct replay_job *job);
unsigned replay_clock_end(void);

/* When a step of @job is due: since the first event. */
uint64_t replay_clock_due_ns(const struct replay_job *job, const struct replay_step *step);
/* Time goes on to @time_ns, with what falls due on the way; never back. */
void replay_clock_move(struct replay_run *run, uint64_t time_ns);
/* The step on its CPU, now. */
void replay_clock_step(struct replay_run *run, const struct replay_step *step);

/* All steps of the only lane, each on its CPU and at its time, and what the timers do up to the
 * last event of the trace. */
void replay_clock_run(struct replay_run *run);

#endif
