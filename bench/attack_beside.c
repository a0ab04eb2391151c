// SPDX-License-Identifier: MIT
/*
 * attack_beside.c - the workload as fast as it can, and a thread that attacks meanwhile
 *
 * The workload is replayed by its own threads, one a recorded CPU, in real time; the attacking
 * thread begins before them and ends with them, or when it has made its attempts.  How many it
 * makes depends on the computer.
 */
#include "attack.h"

#include <errno.h>
#include <pthread.h>

struct beside {
	struct attacker *attacker;
	uint64_t attempts;
	_Atomic(bool) is_over; /* the workload is */
};

static void *attack(void *arg)
{
	struct beside *b = arg;

	for (uint64_t i = 0; i < b->attempts; i++) {
		/* relaxed: one more or less */
		if (atomic_load_explicit(&b->is_over, memory_order_relaxed))
			break;
		attacker_try(b->attacker);
	}
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
