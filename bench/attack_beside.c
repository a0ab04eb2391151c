// SPDX-License-Identifier: MIT
/*
 * attack_beside.c - the workload as fast as it can, and a thread that attacks meanwhile
 *
 * The workload is replayed by its own threads, one a recorded CPU, in real time; the attacking
 * thread begins with the first mapping, since before it there is nothing to reach, and ends with
 * them, or when it has made its attempts.  How many it makes depends on the computer.
 */
#include "attack.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

struct beside {
	struct attacker *attacker;
	uint64_t attempts;
	_Atomic(bool) is_over; /* the workload is */
};

/* relaxed, both: one attempt more or less */
static bool is_over(struct beside *b)
{
	return atomic_load_explicit(&b->is_over, memory_order_relaxed);
}

static bool is_begun(struct beside *b)
{
	return atomic_load_explicit(&b->attacker->book->nall, memory_order_relaxed) > 0;
}

static void *attack(void *arg)
{
	struct beside *b = arg;

	while (!is_begun(b) && !is_over(b))
		sched_yield();
	for (uint64_t i = 0; i < b->attempts && !is_over(b); i++)
		attacker_try(b->attacker);
	return NULL;
}

int attack_beside_run(const struct attack_opts *opts, struct replay_run *run, struct attacker *a)
{
	struct beside b = {.attacker = a, .attempts = opts->attempts};
	pthread_t thread;
	double seconds;
	int err = -pthread_create(&thread, NULL, attack, &b);

	if (err)
		return err;
	err = replay_run_lanes(run, &seconds);
	atomic_store(&b.is_over, true);
	pthread_join(thread, NULL);
	return err;
}
