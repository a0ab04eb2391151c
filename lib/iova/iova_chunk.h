/* SPDX-License-Identifier: MIT */
/*
 * iova_chunk.h - what the two files of the policy `chunk` share
 *
 *   iova_chunk.c      the policy: whose chunk a request is served from
 *   iova_chunk_map.c  which chunk a pfn belongs to; new chunks
 *
 * Letters of fields: (k) chunk_lock of that chunk; (c) constant; (a) atomic.
 */
#ifndef DMAPOOL_IOVA_CHUNK_H
#define DMAPOOL_IOVA_CHUNK_H

#include "iova_book.h"

/* The space above the boundary is cut into slots; a chunk is one of them, or several for a
 * request that is longer.  256 MiB with granules of 4 KiB: 4096 CPUs fit 1 TiB. */
#define CHUNK_SLOT_SHIFT    16u
#define CHUNK_SLOT_GRANULES (UINT64_C(1) << CHUNK_SLOT_SHIFT)
/* Two levels of pointers, 2 KiB each: 16 TiB with granules of 4 KiB. */
#define CHUNK_TABLE_SLOTS   256u
#define CHUNK_TABLES        256u

struct chunk {
	struct chunk *next_own; /* (c) once in its CPU's list */
	uint64_t lo, hi;        /* (c) */

	_Alignas(DMP_CACHE_LINE) struct dmp_lock chunk_lock;
	struct iova_book book;        /* (k) */
	DMP_ATOMIC(uint64_t) longest; /* (k) to write; (a) read by who looks for a chunk */
};

struct chunk_table {
	DMP_ATOMIC(struct chunk *) slot[CHUNK_TABLE_SLOTS]; /* (a) set once */
};

/* A CPU's chunks, the latest first. */
struct chunk_cpu {
	DMP_ATOMIC(struct chunk *) own; /* (a) */
};

struct chunk_space {
	uint64_t start_pfn;      /* (c) */
	uint64_t first_slot;     /* (c) lowest slot: pfn >> CHUNK_SLOT_SHIFT */
	uint64_t nslots;         /* (c) slots from there on */
	struct dmp_percpu cpus;  /* struct chunk_cpu; the port's */
	struct chunk_cpu common; /* of CPUs that have none of their own */
	struct chunk low;        /* the shared region below the slots */

	/* What belongs to no chunk: reservations alone.  Its lock guards the next, too. */
	struct chunk rest;
	uint64_t untaken; /* (k) of rest: every slot below is taken */
	DMP_ATOMIC(struct chunk_table *) table[CHUNK_TABLES]; /* (a) set once */
};

void iova_chunk_init(struct chunk *chunk, uint64_t lo, uint64_t hi, uint64_t lowest);
void iova_chunk_fini(struct chunk *chunk);

/* Where @pfn is written down: its chunk, the low region, or the rest. */
struct chunk *iova_chunk_of(struct chunk_space *space, uint64_t pfn);
/* The lowest chunk, low region included, that ends at or above @pfn; NULL: none. */
struct chunk *iova_chunk_reaching(struct chunk_space *space, uint64_t pfn);

#define CHUNK_FOREACH_FROM(chunk, space, pfn)                                                      \
	for ((chunk) = iova_chunk_reaching(space, pfn); (chunk);                                   \
	     (chunk) = iova_chunk_reaching(space, (chunk)->hi + 1))

/* A new chunk in which the request fits: 0, -ENOSPC or -ENOMEM; no lock held. */
int iova_chunk_take_slots(struct chunk_space *space, const struct iova_request *req, uint64_t limit,
			  struct chunk **out);
/* Reserves @lo .. @hi up to the first pfn that belongs to a chunk, which is *@end: at most hi + 1.
 * @ended: the range that contains the last pfn of that, if there is any. */
bool iova_chunk_reserve_rest(struct chunk_space *space, uint64_t lo, uint64_t hi, uint64_t *end,
			     struct dmp_iova_range *ended);
/* C1 and C2: NULL, or what is wrong. */
const char *iova_chunk_map_wrong(struct chunk_space *space);
void iova_chunk_clear(struct chunk_space *space);

#endif
