/* SPDX-License-Identifier: MIT */
/*
 * crew.h - n threads that start together and are waited for
 *
 *   static void work(struct crew_member *me)
 *   {
 *           for (uint64_t i = 0; i < rounds && !me->failures; i++)
 *                   CREW_EXPECT(me, dmp_dma_map(...) == 0);
 *   }
 *   ...
 *   assert_int_equal(crew_run(8, work, &shared), 0);
 *
 * A member must not use CMocka's asserts: it notes what it saw, and crew_run() says how
 * many expectations failed, after printing the first of each member.
 */
#ifndef DMAPOOL_TEST_CREW_H
#define DMAPOOL_TEST_CREW_H

#include <stdint.h>

#define CREW_MAX 64u

struct crew_member {
	unsigned number; /* 0 .. of - 1 */
	unsigned of;
	void *shared;      /* crew_run()'s */
	uint64_t failures; /* expectations that did not hold */
	const char *what;  /* the first of them */
	int line;
};

typedef void (*crew_fn)(struct crew_member *me);

/* Runs @fn in @n threads, 1 .. CREW_MAX, that leave a barrier together; returns the failures of
 * all, one more for each thread that could not be started. */
uint64_t crew_run(unsigned n, crew_fn fn, void *shared);

void crew_note(struct crew_member *me, const char *what, int line);

#define CREW_EXPECT(me, claim)                                                                     \
	do {                                                                                       \
		if (!(claim))                                                                      \
			crew_note((me), #claim, __LINE__);                                         \
	} while (0)

#endif
