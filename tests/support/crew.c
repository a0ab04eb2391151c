// SPDX-License-Identifier: MIT
/*
 * crew.c - n threads that start together and are waited for
 *
 * A gate of a mutex and a condition variable instead of a pthread barrier: its width is
 * known only when all threads that could be started have been.
 *
 * Locking: (g) gate_lock; everything of a member belongs to its thread until the join.
 */
#include "crew.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

struct crew {
	pthread_mutex_t gate_lock;
	pthread_cond_t gate;
	bool open; /* (g) */
	crew_fn fn;
	struct crew_member members[CREW_MAX];
};

struct crew_start {
	struct crew *crew;
	struct crew_member *me;
};

static void *member_main(void *arg)
{
	struct crew_start *start = arg;
	struct crew *crew = start->crew;

	pthread_mutex_lock(&crew->gate_lock);
	while (!crew->open)
		pthread_cond_wait(&crew->gate, &crew->gate_lock);
	pthread_mutex_unlock(&crew->gate_lock);
	crew->fn(start->me);
	return NULL;
}

static void open_gate(struct crew *crew)
{
	pthread_mutex_lock(&crew->gate_lock);
	crew->open = true;
	pthread_cond_broadcast(&crew->gate);
	pthread_mutex_unlock(&crew->gate_lock);
}

static uint64_t report(const struct crew_member *me)
{
	if (me->failures)
		fprintf(stderr, "crew member %u: line %d: %s (%llu failures)\n", me->number,
			me->line, me->what, (unsigned long long)me->failures);
	return me->failures;
}

uint64_t crew_run(unsigned n, crew_fn fn, void *shared)
{
	struct crew crew = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, fn, {{0}}};
	struct crew_start starts[CREW_MAX];
	pthread_t threads[CREW_MAX];
	uint64_t failures = 0;
	unsigned started;

	for (started = 0; started < n && started < CREW_MAX; started++) {
		crew.members[started] =
			(struct crew_member){.number = started, .of = n, .shared = shared};
		starts[started] = (struct crew_start){&crew, &crew.members[started]};
		if (pthread_create(&threads[started], NULL, member_main, &starts[started]) != 0)
			break;
	}
	open_gate(&crew);
	for (unsigned i = 0; i < started; i++) {
		pthread_join(threads[i], NULL);
		failures += report(&crew.members[i]);
	}
	return failures + (n - started);
}

void crew_note(struct crew_member *me, const char *what, int line)
{
	if (me->failures++ == 0) {
		me->what = what;
		me->line = line;
	}
}
