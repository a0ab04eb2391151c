/* SPDX-License-Identifier: MIT */
/*
 * model_swiotlb.h - the bounce allocator, slow and obvious
 *
 * A flag per slot, looked at one after the other; no locks, no bitmaps, no bytes: only where
 * a mapping goes, which pools there are, and what the machine is asked for.  One call for each
 * rule of spec-bounce parts 3-8 and 10, or for what the library says instead: other
 * policies, a cap, idle pools given back, allocators carved from another.
 *
 *   model_swiotlb.c        a request: where it goes, and what becomes of it
 *   model_swiotlb_slots.c  the slots of a pool: found, taken, freed
 *   model_swiotlb_pools.c  pools that come and go; what is carved
 *
 * The library does an operation first; the model then does it with the machine's answers to the
 * library, and writes down what it would have asked.
 */
#ifndef DMAPOOL_TEST_MODEL_SWIOTLB_H
#define DMAPOOL_TEST_MODEL_SWIOTLB_H

#include "slots_machine.h"

#include <dmapool/swiotlb.h>

#define MODEL_CPUS    8u
#define MODEL_DEVS    8u
#define MODEL_NOBODY  MODEL_DEVS /* a request of no device in particular */
#define MODEL_WAITING 256u

struct model_area {
	uint64_t used, index;
};

struct model_pool {
	struct model_pool *next; /* the next older one */
	enum dmp_swiotlb_pool_kind kind;
	unsigned number;
	dmp_phys_t phys;
	uint64_t nslots, nareas, area_slots;
	bool *in_use; /* by slot */
	struct model_area *areas;
	bool is_coherent, touched;
	unsigned dev; /* of a transient one */
};

/* A run that lifo remembers. */
struct model_freed {
	struct model_pool *pool;
	uint64_t first, nslots;
};

struct model_swiotlb {
	const char *policy;
	uint64_t turns[MODEL_CPUS]; /* of round robin: requests of each CPU */
	struct model_freed *freed;  /* of lifo: of all areas, the latest last */
	uint64_t nfreed;
	struct model_pool *pools, *transients; /* newest first */
	uint64_t carve_turn;
	bool has_bounced[MODEL_DEVS + 1];
	struct dmp_swiotlb_stats stats; /* but for areas, growth_pending and pages */

	/* Growth */
	bool grows, any;
	uint64_t max_slots, idle_ns, grow_areas;
	unsigned next_number;
	uint64_t now_ns;
	struct model_work {
		bool is_pending;
		uint64_t due_ns;
	} grow, idle;
	struct model_pool *waiting[MODEL_WAITING]; /* for a grace period; the oldest first */

	/* The machine */
	const struct slots_log *answers; /* to the library, in this operation */
	struct slots_log want;           /* what it should have been asked, and "work", "rcu" */
	unsigned nasked;
};

/* What a request comes down to: rules 4.2 and 5.4. */
struct model_wish {
	uint64_t nslots, bytes, offset;
	uint64_t align;  /* M */
	uint64_t agree;  /* S */
	uint64_t stride; /* slots */
	uint64_t boundary;
	dmp_phys_t orig;
	uint64_t addr_offset;
	bool agrees; /* false: whole pages, which agree with no original */
};

/* @opts: name and areas of grown pools as in the library; the first pool is given. */
struct model_swiotlb *model_swiotlb_create(const struct dmp_swiotlb_opts *opts, dmp_phys_t phys,
					   uint64_t nslots, uint64_t nareas);
void model_swiotlb_destroy(struct model_swiotlb *m);
/* An operation begins: @answers of the machine to the library in it. */
void model_swiotlb_begin(struct model_swiotlb *m, const struct slots_log *answers);

/* False: refused.  @dev: MODEL_NOBODY if nobody's; limits->device is not looked at. */
bool model_swiotlb_map(struct model_swiotlb *m, unsigned cpu, unsigned dev,
		       const struct dmp_swiotlb_limits *limits, dmp_phys_t orig, uint64_t len,
		       struct dmp_swiotlb_mapping_view *view);
bool model_swiotlb_pages(struct model_swiotlb *m, unsigned cpu, unsigned dev,
			 const struct dmp_swiotlb_limits *limits, uint64_t len,
			 struct dmp_swiotlb_mapping_view *view);
/* True: a transient pool went with it. */
bool model_swiotlb_unmap(struct model_swiotlb *m, const struct dmp_swiotlb_mapping_view *view);
/* The number of the pool where the device finds @phys; false: in none. */
bool model_swiotlb_owns(const struct model_swiotlb *m, unsigned dev, dmp_phys_t phys,
			unsigned *number);

void model_swiotlb_advance(struct model_swiotlb *m, uint64_t ns);
uint64_t model_swiotlb_grace_period(struct model_swiotlb *m);
void model_swiotlb_tune(struct model_swiotlb *m, bool grows, uint64_t max_slots, uint64_t idle_ns);
void model_swiotlb_reset_high_water(struct model_swiotlb *m);

/* NULL: refused. */
struct model_swiotlb *model_swiotlb_carve(struct model_swiotlb *m, uint64_t bytes, uint64_t queues);
void model_swiotlb_give_back(struct model_swiotlb *m, struct model_swiotlb *child);

/* Between the files of the model. */

struct model_pool *model_pool_create(enum dmp_swiotlb_pool_kind kind, dmp_phys_t phys,
				     uint64_t nslots, uint64_t nareas);
void model_pool_destroy(struct model_pool *p);
bool model_slots_is_aligned(const struct model_pool *p, const struct model_wish *w, uint64_t s);
bool model_slots_search(struct model_swiotlb *m, const struct model_pool *p,
			const struct model_wish *w, uint64_t area, uint64_t *found);
void model_slots_take(struct model_swiotlb *m, struct model_pool *p, uint64_t first,
		      uint64_t nslots);
void model_slots_free(struct model_swiotlb *m, struct model_pool *p, uint64_t first,
		      uint64_t nslots);
void model_slots_forget_pool(struct model_swiotlb *m, const struct model_pool *p);

void model_pools_ask(struct model_swiotlb *m);
struct model_pool *model_pools_transient(struct model_swiotlb *m,
					 const struct dmp_swiotlb_limits *limits, unsigned dev,
					 const struct model_wish *w, uint64_t *first);
void model_pools_end_transient(struct model_swiotlb *m, struct model_pool *p);

#endif
