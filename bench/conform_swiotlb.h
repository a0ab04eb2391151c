/* SPDX-License-Identifier: MIT */
/*
 * conform_swiotlb.h - what the files of the bounce vectors share
 *
 *   conform_swiotlb.c   words, mappings, the table of all operations, a run
 *   conform_pools.c     allocators, devices, pools that come and go, whole pages
 *   conform_direct.c    what goes through the DMA API
 *   conform_events.c    what an operation asked of its machine, against the file
 *   conform_slots.c     memory contents, and which slots are in use
 *   conform_machine.c   the machine under them
 *   conform_pattern.c   what memory is filled with
 */
#ifndef DMAPOOL_BENCH_CONFORM_SWIOTLB_H
#define DMAPOOL_BENCH_CONFORM_SWIOTLB_H

#include "conform.h"

#include <dmapool/dma.h>
#include <dmapool/swiotlb.h>

#include <string.h>

#define DEVICES    16u
#define HANDLES    1024u
#define ALLOCATORS 8u
/* Pools of a block, all told. */
#define POOLS      8192u

struct handle {
	struct dmp_swiotlb *tlb; /* whose mapping it is; NULL: it did not bounce */
	struct dmp_device *dev;  /* whose it is, of a dmap; else NULL */
	dmp_addr_t addr;         /* likewise: the device's */
	dmp_phys_t phys;
	uint64_t len;     /* as mapped */
	enum dmp_dir dir; /* likewise */
	bool is_live;
};

/* A device of the file. */
struct bounce_device {
	struct dmp_swiotlb_limits limits;
	unsigned allocator;
	struct dmp_device_opts opts; /* the same, as the DMA API puts it */
	struct dmp_device *dma;      /* NULL: no dmap since */
};

/* The number that the file gives to a pool is its place here. */
struct bounce_pool {
	struct dmp_swiotlb *tlb;
	unsigned number; /* of that allocator */
};

struct conform_bounce {
	struct conform_machine *machine;
	struct dmp_swiotlb *tlbs[ALLOCATORS]; /* [0] the default one; NULL: none, or it failed */
	bool is_manual;
	unsigned ncpus; /* possible CPUs of the file */
	unsigned cpu;   /* that of the file */
	struct bounce_device devices[DEVICES];
	struct bounce_pool pools[POOLS];
	unsigned npools;
	bool was_growing;     /* before the operation: the worker had been asked for a pool */
	uint64_t was_waiting; /* before it: pools that waited for a grace period */
	struct handle handles[HANDLES];
};

/* The mapping that @line names; NULL: no such handle, or nothing is mapped. */

static inline struct handle *bounce_handle(struct conform_bounce *bounce,
					   const struct conform_line *line)
{
	return line->arg[0] < HANDLES ? &bounce->handles[line->arg[0]] : NULL;
}

static inline struct handle *bounce_live_handle(struct conform_bounce *bounce,
						const struct conform_line *line)
{
	struct handle *handle = bounce_handle(bounce, line);

	return handle && handle->is_live ? handle : NULL;
}

/* Does the word of letters that was kept contain @letter? */
static inline bool bounce_has_letter(const uint64_t *word, char letter)
{
	return memchr(word, letter, sizeof(*word));
}

static inline enum dmp_dir bounce_dir(const uint64_t *word)
{
	if (bounce_has_letter(word, 't'))
		return DMP_TO_DEVICE;
	return bounce_has_letter(word, 'f') ? DMP_FROM_DEVICE : DMP_BIDIRECTIONAL;
}

static inline unsigned bounce_attrs(const uint64_t *word)
{
	return (bounce_has_letter(word, 's') ? DMP_ATTR_SKIP_SYNC : 0) |
	       (bounce_has_letter(word, 'w') ? DMP_ATTR_NO_WARN : 0);
}

static inline struct dmp_swiotlb *bounce_tlb(struct conform_bounce *bounce,
					     const struct bounce_device *dev)
{
	return bounce->tlbs[dev->allocator];
}

/* ---- conform_swiotlb.c ---- */

/* Says where a mapping is, and keeps it. */
void conform_bounce_mapped(struct conform_bounce *bounce, struct handle *handle,
			   struct dmp_swiotlb *tlb, char *got);

/* ---- conform_pools.c ---- */

/* The file's number of pool @number of @tlb: the next one for a new pool. */
unsigned conform_pools_id(struct conform_bounce *bounce, struct dmp_swiotlb *tlb, unsigned number);
/* The pool of that number; NULL: there was none. */
const struct bounce_pool *conform_pools_of(const struct conform_bounce *bounce, uint64_t id);
/* The CPU of the file, as far as there are so many. */
int conform_pools_become(struct conform_bounce *bounce);

void conform_pools_pool(void *run, const struct conform_line *line, char *got);
void conform_pools_latepool(void *run, const struct conform_line *line, char *got);
void conform_pools_restricted(void *run, const struct conform_line *line, char *got);
void conform_pools_dev(void *run, const struct conform_line *line, char *got);
void conform_pools_lookup(void *run, const struct conform_line *line, char *got);
void conform_pools_work(void *run, const struct conform_line *line, char *got);
void conform_pools_rcu(void *run, const struct conform_line *line, char *got);
void conform_pools_palloc(void *run, const struct conform_line *line, char *got);
void conform_pools_pfree(void *run, const struct conform_line *line, char *got);

/* ---- conform_direct.c ---- */

void conform_direct_dmap(void *run, const struct conform_line *line, char *got);
void conform_direct_dunmap(void *run, const struct conform_line *line, char *got);
/* Forgets the DMA API's device, which is made again when it is needed. */
int conform_direct_drop(struct bounce_device *dev);

/* ---- conform_events.c ---- */

void conform_events_before(void *run, const struct conform_line *line);
void conform_events_after(void *run, const struct conform_line *line, char *got);

/* ---- conform_slots.c: operations ---- */

void conform_slots_fill(void *run, const struct conform_line *line, char *got);
void conform_slots_bfill(void *run, const struct conform_line *line, char *got);
void conform_slots_sum(void *run, const struct conform_line *line, char *got);
void conform_slots_bsum(void *run, const struct conform_line *line, char *got);
void conform_slots_stat(void *run, const struct conform_line *line, char *got);
void conform_slots_hiwater0(void *run, const struct conform_line *line, char *got);
void conform_slots_areas(void *run, const struct conform_line *line, char *got);
void conform_slots_used(void *run, const struct conform_line *line, char *got);
void conform_slots_occ(void *run, const struct conform_line *line, char *got);

#endif
