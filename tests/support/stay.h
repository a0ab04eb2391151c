/* SPDX-License-Identifier: MIT */
/*
 * stay.h - a second thread that has called the library, and stays until it is let go
 */
#ifndef DMAPOOL_TEST_STAY_H
#define DMAPOOL_TEST_STAY_H

#include <dmapool/port.h>

struct stay {
	pthread_t thread;
	pthread_barrier_t here, may_go;
};

static inline void *stay_main(void *arg)
{
	struct stay *stay = arg;

	dmp_cpu();
	pthread_barrier_wait(&stay->here);
	pthread_barrier_wait(&stay->may_go);
	return NULL;
}

/* It has its CPU number when this returns. */
static inline void stay_begin(struct stay *stay)
{
	pthread_barrier_init(&stay->here, NULL, 2);
	pthread_barrier_init(&stay->may_go, NULL, 2);
	pthread_create(&stay->thread, NULL, stay_main, stay);
	pthread_barrier_wait(&stay->here);
}

/* It has exited when this returns. */
static inline void stay_end(struct stay *stay)
{
	pthread_barrier_wait(&stay->may_go);
	pthread_join(stay->thread, NULL);
	pthread_barrier_destroy(&stay->here);
	pthread_barrier_destroy(&stay->may_go);
}

#endif
