/* SPDX-License-Identifier: MIT */
/*
 * iova_bitmap.h - what the two files of the policy `bitmap` share
 *
 *   iova_bitmap.c         the policy: one granule or more, free, lookup, reservation
 *   iova_bitmap_claim.c   where the next free granules are; epochs
 *
 * Letters of fields: (l) area_lock; (c) constant; (a) atomic.
 */
#ifndef DMAPOOL_IOVA_BITMAP_H
#define DMAPOOL_IOVA_BITMAP_H

#include "iova_area.h"
#include "iova_book.h"

/* Granules for which a CPU comes to the cursor once: a cache line of states. */
#define BITMAP_BLOCK_GRANULES (DMP_CACHE_LINE / sizeof(uint64_t) * IOVA_WORD_GRANULES)

/* Where a CPU's block goes on: a multiple of BITMAP_BLOCK_GRANULES if it is used up, or none.
 * A hint: the granules are claimed one by one, whoever's block they are in. */
struct bitmap_cpu {
	DMP_ATOMIC(uint64_t) next; /* (a) */
};

struct bitmap_space {
	uint64_t start_pfn;       /* (c) */
	uint64_t leaves_max;      /* (c) what the top of the address space leaves room for */
	struct dmp_percpu cpus;   /* struct bitmap_cpu; the port's */
	struct bitmap_cpu common; /* of CPUs that have none of their own */

	/* Read by every allocation, written twice an epoch */
	_Alignas(DMP_CACHE_LINE) DMP_ATOMIC(uint64_t) epoch_word; /* (a) 2 * epoch; odd: reviving */

	_Alignas(DMP_CACHE_LINE) struct dmp_lock area_lock;
	uint64_t nleaves;      /* (l) within reach */
	uint64_t cursor;       /* (l) where to look for the next block */
	uint64_t next_run;     /* (l) ... for the next longer range */
	uint64_t walked_word;  /* (l) the epoch's word at the latest walk; checks >= 3 only */
	struct iova_book book; /* (l) */
	struct iova_area area; /* leaves are added under (l); the rest is the area's own */
};

/* Claims the request's granules, and makes leaves on the way: 0, -ENOSPC or -ENOMEM. */
int iova_bitmap_claim_locked(struct bitmap_space *space, const struct iova_request *req,
			     uint64_t limit, uint64_t *pfn);
/* The epoch that granules just claimed are given out in; no lock held. */
uint64_t iova_bitmap_epoch(struct bitmap_space *space);

#endif
