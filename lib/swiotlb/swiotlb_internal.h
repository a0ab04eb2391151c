/* SPDX-License-Identifier: MIT */
/*
 * swiotlb_internal.h - what the files of lib/swiotlb share
 *
 *   swiotlb.c           map, unmap, sync: the public calls of a request
 *   swiotlb_create.c    the handle: first pool, late pool, restricted pool; the end of it
 *   swiotlb_pages.c     whole pages instead of a copy
 *   swiotlb_carve.c     an allocator of its own for a device, carved from another
 *   swiotlb_blocks.c    its memory: blocks of the other's pool
 *   swiotlb_device.c    what is kept for a device: has it bounced, which pools are its own
 *   swiotlb_request.c   what a mapping needs, in slots: pure
 *   swiotlb_pool.c      build and tear down a pool; which area is tried next
 *   swiotlb_memory.c    a pool's memory: zones, coherent memory, shared and private
 *   swiotlb_list.c      the lists of pools: add, find and take out without stopping readers
 *   swiotlb_grow.c      grown pools: made at exhaustion, given back when idle; tuning
 *   swiotlb_transient.c a pool for a single request
 *   swiotlb_report.c    failures: counted, and told in one line
 *   swiotlb_books.c     what is known of a pool's slots: made and freed
 *   swiotlb_slot.c      claim a run in one area; release it; find it again
 *   swiotlb_find.c      the first place for a run, by bit arithmetic (swiotlb_bits.h)
 *   swiotlb_policy.c    between the allocator and its policy
 *   swiotlb_linux.c     the policy `linux`; beside it _lifo.c, _warm.c, _round_robin.c
 *   swiotlb_bounce.c    the bytes: in, out, a part of them
 *   swiotlb_usage.c     slots in use, and the most there ever were
 *   swiotlb_check.c     the walker, and what tests look at
 *
 *   struct dmp_swiotlb
 *     |- transients, each with one mapping: struct swiotlb_pool
 *     `- pools, newest first: struct swiotlb_pool
 *          |- areas     [ lock, used, index ] x nareas
 *          |    |- segments  [ free, first ] x slots / 128
 *          |    `- kinds     a byte a segment
 *          `- notes     [ original, lengths ] x nslots
 *
 * A mapping is a run of slots inside one segment, some of padding first:
 *
 *     first         data = first + pad
 *       |   padding   | low |<------- len ------->|  rounding   |
 *       +------+------+------+------+------+------+------+------+
 *       |<---- offset ----->|                                   ^
 *       note: orig, len, how to make offset and end of them ----'
 *
 * It is described once: `first` has a bit at its first slot, which makes it findable from
 * any address inside, and a note stands there.  All other notes are stale.
 *
 * A slot costs 12.5 bytes at most, its part of the area's lock and counters apart.
 *
 * Letters of fields: (c) constant after create; (l) area_lock of the area that the slot or
 * segment belongs to; (m) the mapping's: written by the claim, read by whoever has the
 * mapping's address; (u) usage_lock; (p) pools_lock to write, readers are inside
 * swiotlb_read_lock(); (a) atomic.
 */
#ifndef SWIOTLB_INTERNAL_H
#define SWIOTLB_INTERNAL_H

#include <dmapool/bits.h>
#include <dmapool/port.h>
#include <dmapool/swiotlb.h>
#include <dmapool/swiotlb_policy.h>

#include "hw_call.h"
#include "swiotlb_bits.h"

#define SLOT_SHIFT          11u
#define SLOT_MASK           (DMP_SWIOTLB_SLOT_BYTES - 1)
#define DEFAULT_SLOTS       UINT64_C(32768)
/* The smallest pool: 1 MiB. */
#define SMALLEST_POOL       UINT64_C(512)
/* The largest one that grows: 4 MiB. */
#define LARGEST_GROWN       UINT64_C(2048)
/* Original address of pages that have none. */
#define NO_ORIGINAL         UINT64_MAX
/* And of a segment that a child has. */
#define SWIOTLB_CARVED      (UINT64_MAX - 1)
/* What is carved at a time: 2 MiB. */
#define SWIOTLB_BLOCK_SLOTS (8 * (uint64_t)SEGMENT_SLOTS)
/* More than a machine has, and far from overflowing anything. */
#define SWIOTLB_MAX_SLOTS   (UINT64_C(1) << 31)
/* Of a segment that may have any free run. */
#define SWIOTLB_ALL_KINDS   0xffu

/* What stands at a mapping's first slot; what it means: swiotlb_slot.c. */
struct swiotlb_note {
	uint32_t orig[2];         /* address of the first byte of data: low half, high half */
	uint32_t len_less_1 : 18; /* bytes of data, less 1 */
	uint32_t offset_bits : 5; /* bits of orig that are the data's offset in the run */
	uint32_t unit_log2 : 5;   /* of the unit that the end is rounded up to */
	uint32_t unused : 4;
};

struct swiotlb_segment {
	uint64_t free[SEGMENT_WORDS];              /* (l) bit per slot */
	DMP_ATOMIC(uint64_t) first[SEGMENT_WORDS]; /* (l) to write, (a) to read: mappings */
};

/* The slots of an area, as a policy is handed them. */
struct dmp_swiotlb_area {
	struct swiotlb_segment *segments; /* (c) */
	uint64_t *kinds;   /* (l) a byte a segment, eight to a word: see swiotlb_find.c */
	uint64_t index;    /* (l) the slot behind the latest claim: rule 5.6 */
	uint32_t nslots;   /* (c) */
	uint32_t unwalked; /* (l) changes since the last walk; checks >= 3 only */
};

struct swiotlb_area {
	_Alignas(DMP_CACHE_LINE) struct dmp_lock area_lock;
	DMP_ATOMIC(uint64_t) used;  /* (l) to write, (a) to read: slots in use */
	DMP_ATOMIC(uint64_t) peak;  /* (a) the most of them since the mark was reset */
	DMP_ATOMIC(uint64_t) quota; /* (u) to write, (a) to read: see swiotlb_usage.c */
	struct dmp_swiotlb_area slots;
	void *state; /* (l) the policy's */
};

/* Where the memory of a pool is from, and how it goes back. */
enum swiotlb_source {
	SWIOTLB_BLOCK,     /* a block of the machine */
	SWIOTLB_COHERENT,  /* its coherent memory: shared already */
	SWIOTLB_RANGE,     /* set apart by the platform; not given back */
	SWIOTLB_OF_PARENT, /* blocks of another allocator */
};

enum swiotlb_kind {
	SWIOTLB_FIRST,     /* made with the allocator */
	SWIOTLB_GROWN,     /* made by the worker */
	SWIOTLB_TRANSIENT, /* made for one mapping */
};

struct swiotlb_pool;
typedef DMP_ATOMIC(struct swiotlb_pool *) swiotlb_pool_link;

struct swiotlb_pool {
	swiotlb_pool_link next; /* (p) the next older one */
	dmp_phys_t phys;        /* (c) */
	uint64_t nslots;        /* (c) */
	uint64_t nareas;        /* (c) a power of two */
	uint64_t area_slots;    /* (c) a power of two of segments; any number in one area */
	unsigned area_shift;    /* (c) log2 of area_slots; 63 for one area */
	enum swiotlb_kind kind; /* (c) */
	const struct dmp_swiotlb_policy *policy; /* (c) */
	struct swiotlb_area *areas;
	unsigned char *bitmaps;     /* (c) segments and kinds of all areas */
	struct swiotlb_note *notes; /* (m) at first slots */
	unsigned char *buf;         /* (c) the memory at phys */

	/* What no request reads, but for the flags of a grown pool. */
	swiotlb_pool_link *from;          /* (p) the link that leads here */
	struct dmp_swiotlb *tlb;          /* (c) */
	struct dmp_swiotlb_device *owner; /* (c) of a transient one; NULL: not known */
	enum swiotlb_source source;       /* (c) */
	unsigned number;                  /* (c) in order of publication */
	unsigned order;                   /* (c) of the block from the machine */
	DMP_ATOMIC(bool) touched;         /* (a) grown: a claim since the worker looked */
	DMP_ATOMIC(bool) retired;         /* (a) grown: no claim may stay in it */
	struct dmp_rcu_head deferred;     /* its release */
};

/* Cold: written when a pool comes or goes, and when a request fails. */
struct swiotlb_counts {
	DMP_ATOMIC(uint64_t) slots;              /* (a) of permanent pools */
	DMP_ATOMIC(uint64_t) transient;          /* (a) slots of live transient pools */
	DMP_ATOMIC(uint64_t) pools;              /* (a) permanent ones */
	DMP_ATOMIC(uint64_t) waiting;            /* (a) pools that wait for a grace period */
	DMP_ATOMIC(uint64_t) grown;              /* (a) pools that the worker made, all told */
	DMP_ATOMIC(uint64_t) given_back;         /* (a) those of them that went again */
	DMP_ATOMIC(uint64_t) growth_failures;    /* (a) */
	DMP_ATOMIC(uint64_t) transients_made;    /* (a) */
	DMP_ATOMIC(uint64_t) transient_failures; /* (a) */
	DMP_ATOMIC(uint64_t) shared_pages;       /* (a) made shared, all told */
	DMP_ATOMIC(uint64_t) private_pages;      /* (a) made private again */
	DMP_ATOMIC(uint64_t) conversions;        /* (a) calls for either */
	DMP_ATOMIC(uint64_t) lost_pages;         /* (a) that could not be made private */
	DMP_ATOMIC(uint64_t) children;           /* (a) allocators carved from it */
	DMP_ATOMIC(uint64_t) carved;             /* (a) slots that they have */
	DMP_ATOMIC(uint64_t) failures[DMP_SWIOTLB_FAIL_REASONS]; /* (a) */
};

#define SWIOTLB_NAME_MAX 16u

struct dmp_swiotlb {
	struct dmp_hw *hw;                /* (c) */
	swiotlb_pool_link pools;          /* (p) newest first */
	swiotlb_pool_link transients;     /* (p) newest first */
	bool is_dynamic;                  /* (c) the lists change while requests run */
	bool copies;                      /* (c) false: no byte ever moves */
	bool forces_bounce;               /* (c) */
	bool is_restricted;               /* (c) */
	char name[SWIOTLB_NAME_MAX];      /* (c) for messages */
	dmp_phys_t base;                  /* (c) of the first pool */
	struct dmp_swiotlb *parent;       /* (c) whose memory it has; NULL: the machine's */
	uint64_t grow_slots;              /* (c) what a grown pool asks for */
	uint64_t grow_areas;              /* (c) */
	uint64_t grow_limit;              /* (c) last byte that a grown pool may use */
	struct dmp_swiotlb_policy policy; /* (c) */
	void *choice;                     /* (c) the policy's */

	/* What happens seldom. */
	_Alignas(DMP_CACHE_LINE) struct dmp_lock pools_lock;
	unsigned next_number;             /* (p) */
	DMP_ATOMIC(bool) grows;           /* (a) tuned */
	DMP_ATOMIC(uint64_t) max_slots;   /* (a) tuned; 0: no cap */
	DMP_ATOMIC(uint64_t) idle_ns;     /* (a) tuned; 0: grown pools stay */
	DMP_ATOMIC(uint64_t) ndevices;    /* (a) */
	DMP_ATOMIC(uint64_t) carve_turn;  /* (a) areas in which a child was looked for */
	DMP_ATOMIC(uint64_t) next_log_ns; /* (a) when a failure may be told again */
	DMP_ATOMIC(uint64_t) untold;      /* (a) failures since the latest that was */
	struct dmp_work grow_work;
	struct dmp_work idle_work;
	struct swiotlb_counts counts;

	/* Apart from what every request reads */
	_Alignas(DMP_CACHE_LINE) struct dmp_lock usage_lock;
	uint64_t high_water;           /* (u) */
	uint64_t margin;               /* (u) by how much quotas may exceed it together */
	DMP_ATOMIC(unsigned) nraising; /* (a) threads that are about to deal quotas */
};

/* What a mapping needs, before it is known where. */
struct swiotlb_request {
	uint64_t nslots; /* n of the specification, padding included */
	uint64_t bytes;  /* R: padding, data and rounding */
	uint64_t pad;    /* slots of padding */
	uint64_t low;    /* offset of the data in its slot */
	uint64_t len;    /* Z: data */

	/* A run may begin at device slots that are `residue` modulo `period`. */
	uint64_t period;
	uint64_t residue;
	uint64_t stride;         /* how far a tour jumps from such a slot */
	uint64_t boundary_mask;  /* bytes */
	uint64_t boundary_slots; /* the run stays between two multiples of this */
	uint64_t addr_offset;    /* device address - phys */
};

/* A mapping as found again. */
struct swiotlb_mapping {
	struct swiotlb_pool *pool;
	uint64_t first;  /* slot of the pool, padding included */
	uint64_t nslots; /* padding included */
	uint64_t pad;
	dmp_phys_t phys; /* of its data */
	uint64_t len;    /* of its data */
	dmp_phys_t end;  /* the byte after the last of it, rounding included */
	dmp_phys_t orig;
};

/* swiotlb_request.c */
int swiotlb_request_load_limits(struct dmp_swiotlb_limits *limits, const struct dmp_swiotlb *tlb,
				const struct dmp_swiotlb_limits *given);
int swiotlb_request_pages(struct swiotlb_request *req, const struct dmp_swiotlb_limits *limits,
			  uint64_t len);
bool swiotlb_request_can_fit(const struct swiotlb_request *req, dmp_phys_t phys);
int swiotlb_request_make(struct swiotlb_request *req, const struct dmp_swiotlb_limits *limits,
			 dmp_phys_t orig, uint64_t len);
void swiotlb_pool_size(uint64_t slots, uint64_t areas, uint64_t *nslots, uint64_t *nareas);

/* What a new pool is to be. */
struct swiotlb_plan {
	enum swiotlb_kind kind;
	enum swiotlb_source source;
	uint64_t slots;  /* halved while there is no memory, */
	uint64_t least;  /* but not below this */
	uint64_t areas;  /* fewer, if one would have less than a segment */
	uint64_t limit;  /* last byte that its memory may use */
	unsigned flags;  /* of the request for memory */
	dmp_phys_t phys; /* of a SWIOTLB_RANGE */
};

/* swiotlb_create.c */
struct dmp_swiotlb *swiotlb_create_begin(struct dmp_hw *hw, const char *name);
int swiotlb_create_first(struct dmp_swiotlb *tlb, struct swiotlb_plan *plan);
void swiotlb_create_end(struct dmp_swiotlb *tlb);

/* swiotlb_blocks.c */
int swiotlb_blocks_take(struct swiotlb_pool *pool);
void swiotlb_blocks_give(const struct swiotlb_pool *pool);
int swiotlb_blocks_check(struct dmp_swiotlb *tlb);

/* swiotlb_memory.c */
int swiotlb_memory_take(struct dmp_swiotlb *tlb, struct swiotlb_pool *pool,
			const struct swiotlb_plan *plan);
void swiotlb_memory_give(struct dmp_swiotlb *tlb, struct swiotlb_pool *pool);

/* swiotlb_list.c */
void swiotlb_list_add(struct swiotlb_pool *pool);
void swiotlb_list_remove(struct swiotlb_pool *pool);
void swiotlb_list_defer(struct swiotlb_pool *pool);
struct swiotlb_pool *swiotlb_list_find(const struct dmp_swiotlb *tlb, dmp_phys_t phys);
bool swiotlb_list_overlaps(const struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len);

/* swiotlb_grow.c */
void swiotlb_grow_init(struct dmp_swiotlb *tlb);
void swiotlb_grow_stop(struct dmp_swiotlb *tlb);
void swiotlb_grow_ask(struct dmp_swiotlb *tlb);
bool swiotlb_grow_is_capped(const struct dmp_swiotlb *tlb);

/* swiotlb_transient.c */
int swiotlb_transient_claim(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits,
			    const struct swiotlb_request *req, dmp_phys_t orig,
			    struct swiotlb_mapping *m);
int swiotlb_transient_release(const struct swiotlb_mapping *m);

/* swiotlb_device.c */
struct dmp_swiotlb *swiotlb_device_tlb(const struct dmp_swiotlb_device *dev);
const char *swiotlb_device_name(const struct dmp_swiotlb_device *dev);
void swiotlb_device_bounced(struct dmp_swiotlb_device *dev);
void swiotlb_device_gains(struct dmp_swiotlb_device *dev);
void swiotlb_device_loses(struct dmp_swiotlb_device *dev);

/* swiotlb_report.c */
uint64_t swiotlb_report_longest_run(struct dmp_swiotlb *tlb);
int swiotlb_report_failure(struct dmp_swiotlb *tlb, const struct swiotlb_request *req,
			   const struct dmp_swiotlb_device *dev, int err, bool is_told);

/* swiotlb_pool.c */
int swiotlb_pool_create(struct dmp_swiotlb *tlb, const struct swiotlb_plan *plan,
			struct swiotlb_pool **out);
void swiotlb_pool_destroy(struct swiotlb_pool *pool);
int swiotlb_pool_claim(struct dmp_swiotlb *tlb, const struct swiotlb_request *req, dmp_phys_t orig,
		       struct swiotlb_mapping *m);

/* swiotlb_books.c */
int swiotlb_books_make(struct swiotlb_pool *pool);
void swiotlb_books_free(struct swiotlb_pool *pool);

/* swiotlb_find.c; the rest of it in swiotlb_policy.h */
unsigned swiotlb_kinds_of_run(unsigned from, unsigned to);
void swiotlb_kinds_set(struct dmp_swiotlb_area *area, uint64_t seg, unsigned kinds);

static inline unsigned swiotlb_kinds_get(const struct dmp_swiotlb_area *area, uint64_t seg)
{
	return area->kinds[seg / 8] >> seg % 8 * 8 & SWIOTLB_ALL_KINDS;
}

/* swiotlb_policy.c */
int swiotlb_policy_begin(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_policy *given);
void swiotlb_policy_end(struct dmp_swiotlb *tlb);

/* The number of the area that is tried first, modulo those of a pool. */
static inline uint64_t swiotlb_policy_choose(const struct dmp_swiotlb *tlb)
{
	unsigned cpu = dmp_cpu();

	return tlb->policy.choose ? tlb->policy.choose(tlb->choice, cpu) : cpu;
}

/* swiotlb_slot.c */
bool swiotlb_slot_claim(struct swiotlb_pool *pool, uint64_t area, const struct swiotlb_request *req,
			dmp_phys_t orig, struct swiotlb_mapping *m);
int swiotlb_slot_release(const struct swiotlb_mapping *m);
void swiotlb_slot_carve_locked(struct swiotlb_pool *pool, uint64_t slot);
bool swiotlb_slot_find(struct swiotlb_pool *pool, uint64_t slot, struct swiotlb_mapping *m);

/* swiotlb_bounce.c */
int swiotlb_bounce_find(const struct dmp_swiotlb *tlb, dmp_phys_t phys, struct swiotlb_mapping *m);
void swiotlb_bounce_fill(const struct swiotlb_mapping *m, const void *from, uint64_t len);
int swiotlb_bounce_in(struct dmp_hw *hw, const struct swiotlb_mapping *m, dmp_phys_t phys,
		      uint64_t len);
int swiotlb_bounce_out(struct dmp_hw *hw, const struct swiotlb_mapping *m, dmp_phys_t phys,
		       uint64_t len);

/* swiotlb_usage.c */
uint64_t swiotlb_usage_now(const struct dmp_swiotlb *tlb);
void swiotlb_usage_raise(struct dmp_swiotlb *tlb, struct swiotlb_area *grown);
void swiotlb_usage_add_transient(struct dmp_swiotlb *tlb, uint64_t nslots);

/* swiotlb_check.c */
int swiotlb_check_area_locked(struct swiotlb_pool *pool, uint64_t area);

/* Inside, no pool that was found goes away. */

static inline void swiotlb_read_lock(const struct dmp_swiotlb *tlb)
{
	if (tlb->is_dynamic)
		dmp_rcu_read_lock();
}

static inline void swiotlb_read_unlock(const struct dmp_swiotlb *tlb)
{
	if (tlb->is_dynamic)
		dmp_rcu_read_unlock();
}

/* The permanent pools, newest first; inside swiotlb_read_lock(). */
#define SWIOTLB_FOREACH_POOL(pool, tlb)                                                            \
	for ((pool) = dmp_rcu_deref(&(tlb)->pools); (pool); (pool) = dmp_rcu_deref(&(pool)->next))
#define SWIOTLB_FOREACH_TRANSIENT(pool, tlb)                                                       \
	for ((pool) = dmp_rcu_deref(&(tlb)->transients); (pool);                                   \
	     (pool) = dmp_rcu_deref(&(pool)->next))

static inline uint64_t swiotlb_pool_bytes(const struct swiotlb_pool *pool)
{
	return pool->nslots << SLOT_SHIFT;
}

static inline bool swiotlb_pool_has(const struct swiotlb_pool *pool, dmp_phys_t phys)
{
	return phys - pool->phys < swiotlb_pool_bytes(pool);
}

/* Rule 11.2: does the device reach all of a mapping of @len bytes? */
static inline bool swiotlb_is_in_reach(const struct swiotlb_mapping *m,
				       const struct dmp_swiotlb_limits *limits, uint64_t len)
{
	return !limits->addr_limit ||
	       dmp_range_fits(m->phys + limits->addr_offset, len, limits->addr_limit);
}

static inline uint64_t swiotlb_slot_of(const struct swiotlb_pool *pool, dmp_phys_t phys)
{
	return (phys - pool->phys) >> SLOT_SHIFT;
}

static inline struct swiotlb_area *swiotlb_area_of(const struct swiotlb_pool *pool, uint64_t slot)
{
	return &pool->areas[slot >> pool->area_shift];
}

/* The number of @slot in its area. */
static inline uint64_t swiotlb_slot_in_area(const struct swiotlb_pool *pool, uint64_t slot)
{
	return slot & ((UINT64_C(1) << pool->area_shift) - 1);
}

static inline struct swiotlb_segment *swiotlb_segment_of(const struct swiotlb_pool *pool,
							 uint64_t slot)
{
	return &swiotlb_area_of(pool, slot)
			->slots.segments[swiotlb_slot_in_area(pool, slot) / SEGMENT_SLOTS];
}

static inline bool swiotlb_crosses_boundary(const struct dmp_swiotlb_need *need, uint64_t slot)
{
	uint64_t from = (need->device_slot + slot) & (need->boundary_slots - 1);

	return from + need->nslots > need->boundary_slots;
}

/* Do the slots from @slot on, of any value, meet all of @need but period and residue? */
static inline bool swiotlb_is_room(const struct dmp_swiotlb_area *area,
				   const struct dmp_swiotlb_need *need, uint64_t slot)
{
	unsigned bit = slot % SEGMENT_SLOTS, n = (unsigned)need->nslots;

	return slot < area->nslots && bit + n <= SEGMENT_SLOTS &&
	       bits_are_set(area->segments[slot / SEGMENT_SLOTS].free, bit, n) &&
	       !swiotlb_crosses_boundary(need, slot);
}

static inline bool swiotlb_slot_is_free(const struct swiotlb_pool *pool, uint64_t slot)
{
	const struct swiotlb_segment *segment = swiotlb_segment_of(pool, slot);
	unsigned bit = slot % SEGMENT_SLOTS;

	return segment->free[bit / 64] >> (bit % 64) & 1;
}

#endif
