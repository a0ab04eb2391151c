/* SPDX-License-Identifier: MIT */
/*
 * domain_waiting.h - ranges that wait for a flush of the domain in no queue
 *
 * Letter: (x) exposure_lock of domain_exposure.c, or whatever lock the owner has.
 */
#ifndef DOMAIN_WAITING_H
#define DOMAIN_WAITING_H

#include "domain_internal.h"

#define WAITING_GROUPS 256u

/* Ranges that were unmapped one after the other. */
struct waiting_group {
	uint64_t number;         /* (x) flushes begun before the latest of them */
	uint64_t first_ns;       /* (x) when the first was unmapped */
	uint64_t nranges, bytes; /* (x) */
	uint64_t late_byte_ns;   /* (x) bytes times how much later than the first they came */
};

struct domain_waiting {
	uint32_t ngroups;                           /* (x) */
	uint64_t group_size;                        /* (x) ranges in one; 0: none has come yet */
	struct waiting_group group[WAITING_GROUPS]; /* (x) by time */
};

void waiting_add(struct domain_waiting *waiting, uint64_t number, uint64_t bytes, uint64_t ns);
/* Flush @number has worked at @now_ns: what it covers is over, and added to @ended. */
void waiting_end(struct domain_waiting *waiting, uint64_t number, uint64_t now_ns,
		 struct dmp_exposure_side *ended);
/* Adds what still waits to @side, as open. */
void waiting_look(const struct domain_waiting *waiting, uint64_t now_ns,
		  struct dmp_exposure_side *side);

#endif
