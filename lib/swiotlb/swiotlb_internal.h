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
 *   swiotlb_slot.c      a run in one area: claim it (swiotlb_claim.h), release it, find it again
 *   swiotlb_fast.h      claim and release while nothing is in the way
 *   swiotlb_find.c      the first place for a run, by bit arithmetic (swiotlb_bits.h)
 *   swiotlb_policy.c    between the allocator and its policy
 *   swiotlb_linux.c     the policy `linux`; beside it _lifo.c, _warm.c, _round_robin.c
 *   swiotlb_bounce.c    the bytes: in, out, a part of them
 *   swiotlb_usage.c     slots in use, and the most there ever were
 *   swiotlb_throttle.c  requests that wait for each other: swiotlb_throttle.h
 *   swiotlb_walk.h      from an address to its slot and back
 *   swiotlb_check.c     the walker
 *   swiotlb_inspect.c   what can be looked at while others work
 *
 *   struct dmp_swiotlb
 *     |- transients, each with one mapping: struct swiotlb_pool
 *     `- pools, newest first: struct swiotlb_pool
 *          |- areas     [ lock, counters, kinds, segments ] x nareas
 *          |                 kinds      a byte a segment
 *          |                 segments   [ free, first ] x slots / 128
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
 * With its part of the area's lock and counters a slot costs 12.26 bytes in large areas, 12.38
 * in those of 512 slots.
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
#include "swiotlb_throttle.h"

#define SLOT_SHIFT            11u
#define SLOT_MASK             (DMP_SWIOTLB_SLOT_BYTES - 1)
#define DEFAULT_SLOTS         UINT64_C(32768)
/* The smallest pool: 1 MiB. */
#define SMALLEST_POOL         UINT64_C(512)
/* The largest one that grows: 4 MiB. */
#define LARGEST_GROWN         UINT64_C(2048)
/* Lays the code out for what is the case nearly always. */
#define SWIOTLB_MOSTLY(claim) __builtin_expect((claim), 1)
/* Original address of pages that have none. */
#define NO_ORIGINAL           UINT64_MAX
/* And of a segment that a child has. */
#define SWIOTLB_CARVED        (UINT64_MAX - 1)
/* What is carved at a time: 2 MiB. */
#define SWIOTLB_BLOCK_SLOTS   (8 * (uint64_t)SEGMENT_SLOTS)
/* More than a machine has, and far from overflowing anything. */
#define SWIOTLB_MAX_SLOTS     (UINT64_C(1) << 31)
/* Of a segment that may have any free run. */
#define SWIOTLB_ALL_KINDS     0xffu

/* What stands at a mapping's first slot; what it means: swiotlb_slot.c. */
struct swiotlb_note {
	uint32_t orig[2]; /* address of the first byte of data: low half, high half */
	uint32_t shape;   /* see swiotlb_shape() */
};

/*
 *   bits 0..17    bytes of data, less 1
 *       18..22    how many bits of orig are the data's offset
 *       23..27    log2 of the unit that the end is rounded up to
 *       28        mapped in its turn, which may last until its unmap
 */
#define SWIOTLB_SHAPE_LEN       0x3ffffu
#define SWIOTLB_SHAPE_THROTTLED (1u << 28)

static inline uint32_t swiotlb_shape(uint64_t len, unsigned offset_bits, unsigned unit_log2)
{
	return (uint32_t)(len - 1) | offset_bits << 18 | unit_log2 << 23;
}

static inline uint64_t swiotlb_shape_len(uint32_t shape)
{
	return (shape & SWIOTLB_SHAPE_LEN) + 1;
}

static inline unsigned swiotlb_shape_offset_bits(uint32_t shape)
{
	return shape >> 18 & 0x1f;
}

static inline unsigned swiotlb_shape_unit_log2(uint32_t shape)
{
	return shape >> 23 & 0x1f;
}

struct swiotlb_segment {
	uint64_t free[SEGMENT_WORDS];              /* (l) bit per slot */
	DMP_ATOMIC(uint64_t) first[SEGMENT_WORDS]; /* (l) to write, (a) to read: mappings */
};

/* The slots of an area, as a policy is handed them.  Kinds follow, then segments: see
 * swiotlb_books.c. */
struct dmp_swiotlb_area {
	uint32_t index;       /* (l) the slot behind the latest claim: rule 5.6 */
	uint32_t nslots;      /* (c) */
	uint32_t segments_at; /* (c) bytes from here to the segments */
};

struct swiotlb_area {
	struct dmp_lock area_lock;
	void *state;                /* (l) the policy's */
	DMP_ATOMIC(uint32_t) used;  /* (l) to write, (a) to read: slots in use */
	DMP_ATOMIC(uint32_t) peak;  /* (a) the most of them since the mark was reset */
	DMP_ATOMIC(uint32_t) quota; /* (u) to write, (a) to read: see swiotlb_usage.c */
	struct dmp_swiotlb_area slots;
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
	uint32_t area_bytes;    /* (c) from one area to the next */
	unsigned area_shift;    /* (c) log2 of area_slots; 63 for one area */
	enum swiotlb_kind kind; /* (c) */
	bool is_linux;          /* (c) its policy finds as `linux` does and keeps nothing */
	const struct dmp_swiotlb_policy *policy; /* (c) */
	unsigned char *areas;                    /* (c) see swiotlb_area_at() */
	struct swiotlb_note *notes;              /* (m) at first slots */
	unsigned char *buf;                      /* (c) the memory at phys */

	/* What no request reads, but for the flags of a grown pool. */
	swiotlb_pool_link *from;          /* (p) the link that leads here */
	struct dmp_swiotlb *tlb;          /* (c) */
	struct dmp_swiotlb_device *owner; /* (c) of a transient one; NULL: not known */
	enum swiotlb_source source;       /* (c) */
	unsigned number;                  /* (c) in order of publication */
	unsigned order;                   /* (c) of the block from the machine */
	DMP_ATOMIC(bool) touched;         /* (a) grown: a claim since the worker looked */
	DMP_ATOMIC(bool) retired;         /* (a) grown: no claim may stay in it */
	DMP_ATOMIC(uint64_t) changes;     /* (a) since it was made; checks >= 3 only */
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
	struct swiotlb_pool *first;       /* (c) made with the allocator: the oldest */
	bool is_dynamic;                  /* (c) the lists change while requests run */
	bool copies;                      /* (c) false: no byte ever moves */
	bool forces_bounce;               /* (c) */
	bool is_restricted;               /* (c) */
	DMP_ATOMIC(bool) asks;            /* (u) to write, (a) to read: throttling has to look */
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

	/* Requests that wait */
	_Alignas(DMP_CACHE_LINE) struct swiotlb_throttle throttle;
};

/* What a mapping needs, before it is known where. */
struct swiotlb_request {
	struct dmp_swiotlb_need need; /* residue and device_slot: those of the area looked at */
	uint64_t bytes;               /* R: padding, data and rounding */
	uint64_t offset;              /* of the data in the run */
	uint64_t len;                 /* Z: data */
	uint64_t residue;             /* of the slots where it may begin, as the device counts */
	uint64_t boundary_mask;       /* bytes */
	uint64_t addr_offset;         /* device address - phys */
	bool throttled;               /* it has a turn */
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
	bool throttled; /* the turn may be its own */
};

/* swiotlb_request.c */
extern const struct dmp_swiotlb_limits swiotlb_request_no_limits;
int swiotlb_request_take_limits(const struct dmp_swiotlb *tlb,
				const struct dmp_swiotlb_limits *given,
				struct dmp_swiotlb_limits *room,
				const struct dmp_swiotlb_limits **limits);
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

/* swiotlb_grow.c */
void swiotlb_grow_init(struct dmp_swiotlb *tlb);
void swiotlb_grow_stop(struct dmp_swiotlb *tlb);
void swiotlb_grow_pause(struct dmp_swiotlb *tlb);
void swiotlb_grow_resume(struct dmp_swiotlb *tlb);
void swiotlb_grow_ask(struct dmp_swiotlb *tlb);
bool swiotlb_grow_is_capped(const struct dmp_swiotlb *tlb);

/* swiotlb_transient.c */
int swiotlb_transient_claim(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits,
			    struct swiotlb_request *req, dmp_phys_t orig,
			    struct swiotlb_mapping *m);
int swiotlb_transient_release(const struct swiotlb_mapping *m);

/* swiotlb_device.c */
struct dmp_swiotlb *swiotlb_device_tlb(const struct dmp_swiotlb_device *dev);
const char *swiotlb_device_name(const struct dmp_swiotlb_device *dev);
void swiotlb_device_bounced(struct dmp_swiotlb_device *dev);
void swiotlb_device_gains(struct dmp_swiotlb_device *dev);
void swiotlb_device_loses(struct dmp_swiotlb_device *dev);
void swiotlb_device_waits(struct dmp_swiotlb_device *dev);
void swiotlb_device_waited(struct dmp_swiotlb_device *dev);
bool swiotlb_device_is_cancelled(const struct dmp_swiotlb_device *dev);

/* swiotlb_report.c */
uint64_t swiotlb_report_longest_run_locked(struct swiotlb_area *area, uint64_t longest);
int swiotlb_report_failure(struct dmp_swiotlb *tlb, const struct swiotlb_request *req,
			   const struct dmp_swiotlb_device *dev, int err, bool is_told);

/* swiotlb_pool.c */
int swiotlb_pool_create(struct dmp_swiotlb *tlb, const struct swiotlb_plan *plan,
			struct swiotlb_pool **out);
void swiotlb_pool_destroy(struct swiotlb_pool *pool);
int swiotlb_pool_claim(struct dmp_swiotlb *tlb, struct swiotlb_request *req, dmp_phys_t orig,
		       struct swiotlb_mapping *m);

/* swiotlb_books.c */
int swiotlb_books_make(struct swiotlb_pool *pool);
void swiotlb_books_free(struct swiotlb_pool *pool);

/* swiotlb_find.c; the rest of it in swiotlb_policy.h */
unsigned swiotlb_kinds_of_run(unsigned from, unsigned to);
void swiotlb_kinds_set(struct dmp_swiotlb_area *area, uint64_t seg, unsigned kinds);

/* A byte a segment, eight to a word: see swiotlb_find.c. */
static inline uint64_t *swiotlb_kinds(struct dmp_swiotlb_area *area)
{
	return (uint64_t *)(void *)(area + 1);
}

static inline struct swiotlb_segment *swiotlb_segment_at(const struct dmp_swiotlb_area *area,
							 uint64_t seg)
{
	return (struct swiotlb_segment *)((uintptr_t)area + area->segments_at) + seg;
}

static inline unsigned swiotlb_kinds_get(struct dmp_swiotlb_area *area, uint64_t seg)
{
	return swiotlb_kinds(area)[seg / 8] >> seg % 8 * 8 & SWIOTLB_ALL_KINDS;
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
bool swiotlb_slot_answer_fits_locked(const struct swiotlb_pool *pool, struct swiotlb_area *area,
				     const struct dmp_swiotlb_need *need, uint64_t slot);
int swiotlb_slot_release(const struct swiotlb_mapping *m);
void swiotlb_slot_add_kinds_locked(struct dmp_swiotlb_area *slots, uint64_t seg, unsigned from,
				   unsigned to);
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
void swiotlb_usage_settle(struct dmp_swiotlb *tlb);
void swiotlb_usage_add_transient(struct dmp_swiotlb *tlb, uint64_t nslots);

/* What has been claimed in @area is counted. */
static inline void swiotlb_usage_grown(struct dmp_swiotlb *tlb, struct swiotlb_area *area)
{
	/* relaxed, both: what they decide is decided again under usage_lock */
	if (load_relaxed(&area->used) > load_relaxed(&area->quota))
		swiotlb_usage_raise(tlb, area);
}

/* swiotlb_check.c */
int swiotlb_check_area_locked(struct swiotlb_pool *pool, uint64_t area);

/* What a caller gave, if anything, as @limits; @room: for a copy, if it takes one. */
static inline int swiotlb_request_limits(const struct dmp_swiotlb *tlb,
					 const struct dmp_swiotlb_limits *given,
					 struct dmp_swiotlb_limits *room,
					 const struct dmp_swiotlb_limits **limits)
{
	if (given)
		return swiotlb_request_take_limits(tlb, given, room, limits);
	*limits = &swiotlb_request_no_limits;
	return 0;
}

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

/* Does a request have to ask whether it may go on?  A line that no request writes. */
static inline bool swiotlb_throttle_asks(const struct dmp_swiotlb *tlb, unsigned attrs)
{
	/* relaxed: a threshold is passed a moment early or late */
	return attrs & DMP_ATTR_MAY_BLOCK && load_relaxed(&tlb->asks);
}

/* The permanent pools, newest first; inside swiotlb_read_lock(). */
#define SWIOTLB_FOREACH_POOL(pool, tlb)                                                            \
	for ((pool) = dmp_rcu_deref(&(tlb)->pools); (pool); (pool) = dmp_rcu_deref(&(pool)->next))
#define SWIOTLB_FOREACH_TRANSIENT(pool, tlb)                                                       \
	for ((pool) = dmp_rcu_deref(&(tlb)->transients); (pool);                                   \
	     (pool) = dmp_rcu_deref(&(pool)->next))

#include "swiotlb_walk.h"

#endif
