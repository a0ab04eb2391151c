/* SPDX-License-Identifier: MIT */
/*
 * swiotlb_internal.h - what the files of lib/swiotlb share
 *
 *   swiotlb.c           the handle and the public calls
 *   swiotlb_request.c   what a mapping needs, in slots: pure
 *   swiotlb_pool.c      build, index and tear down a pool; which area is tried next
 *   swiotlb_slot.c      find and claim a run in one area; release it; find it again
 *   swiotlb_bounce.c    the bytes: in, out, a part of them
 *   swiotlb_usage.c     slots in use, and the most there ever were
 *   swiotlb_check.c     the walker, and what tests look at
 *
 *   struct dmp_swiotlb
 *     `- pools, newest first: struct swiotlb_pool
 *          |- areas     [ lock, used, index ] x nareas
 *          |- segments  [ free, first ] x nslots / 128
 *          `- notes     [ original, lengths ] x nslots
 *
 * A mapping is a run of slots inside one segment, some of padding first:
 *
 *     first         data = first + pad
 *       |   padding   | low |<------- len ------->|  rounding   |
 *       +------+------+------+------+------+------+------+------+
 *       note:          note:                                    ^
 *        pad            orig, len, low, end --------------------'
 *
 * It is described once: `first` has a bit at its first slot, which makes it findable from
 * any address inside; a note stands at its data slot; where there is padding, the note of the
 * first slot says how much.  All other notes are stale.
 *
 * A slot costs 16.5 bytes: a note, and a cache line for each 128.
 *
 * Letters of fields: (c) constant after create; (l) area_lock of the area that the slot or
 * segment belongs to; (m) the mapping's: written by the claim, read by whoever has the
 * mapping's address; (u) usage_lock; (a) atomic.
 */
#ifndef SWIOTLB_INTERNAL_H
#define SWIOTLB_INTERNAL_H

#include <dmapool/bits.h>
#include <dmapool/port.h>
#include <dmapool/swiotlb.h>

#include "hw_call.h"

#define SLOT_SHIFT    11u
#define SLOT_MASK     (DMP_SWIOTLB_SLOT_BYTES - 1)
#define SEGMENT_SLOTS 128u
#define SEGMENT_WORDS 2u
#define DEFAULT_SLOTS UINT64_C(32768)
/* The smallest pool: 1 MiB. */
#define SMALLEST_POOL UINT64_C(512)

/* What stands at a mapping's data slot; at its first slot, if that is another, only pad. */
struct swiotlb_note {
	dmp_phys_t orig;   /* of the first byte of data */
	uint32_t len : 19; /* bytes of data */
	uint32_t low : 11; /* offset of the data in this slot */
	uint32_t end : 19; /* bytes from this slot's start to the mapping's end */
	uint32_t pad : 7;  /* slots from here to the data slot, which has 0 */
};

/* A cache line of its own, so that no two areas meet in one. */
struct swiotlb_segment {
	_Alignas(DMP_CACHE_LINE) uint64_t free[SEGMENT_WORDS]; /* (l) bit per slot */
	DMP_ATOMIC(uint64_t) first[SEGMENT_WORDS]; /* (l) to write, (a) to read: mappings */
};

struct swiotlb_area {
	_Alignas(DMP_CACHE_LINE) struct dmp_lock area_lock;
	DMP_ATOMIC(uint64_t) used;  /* (l) to write, (a) to read: slots in use */
	DMP_ATOMIC(uint64_t) peak;  /* (a) the most of them since the mark was reset */
	DMP_ATOMIC(uint64_t) quota; /* (u) to write, (a) to read: see swiotlb_usage.c */
	uint64_t index;             /* (l) where the next search starts, from the area's start */
	uint64_t unwalked;          /* (l) changes since the last walk; checks >= 3 only */
};

struct swiotlb_pool {
	struct swiotlb_pool *next; /* (c) the next older one */
	dmp_phys_t phys;           /* (c) */
	unsigned char *buf;        /* (c) the same memory */
	unsigned order;            /* (c) of the block from the machine */
	uint64_t nslots;           /* (c) */
	uint64_t nareas;           /* (c) a power of two */
	uint64_t area_slots;       /* (c) a multiple of SEGMENT_SLOTS */
	struct swiotlb_area *areas;
	struct swiotlb_segment *segments;
	struct swiotlb_note *notes; /* (m) at data slots, and first ones of padding */
};

struct dmp_swiotlb {
	struct dmp_hw *hw;          /* (c) */
	struct swiotlb_pool *pools; /* (c) newest first */

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
int swiotlb_request_make(struct swiotlb_request *req, const struct dmp_swiotlb_limits *limits,
			 dmp_phys_t orig, uint64_t len);
void swiotlb_pool_size(uint64_t slots, uint64_t areas, uint64_t *nslots, uint64_t *nareas);

/* swiotlb_pool.c */
int swiotlb_pool_create(struct dmp_hw *hw, uint64_t slots, uint64_t areas, enum dmp_zone zone,
			struct swiotlb_pool **out);
void swiotlb_pool_destroy(struct dmp_hw *hw, struct swiotlb_pool *pool);
struct swiotlb_pool *swiotlb_pool_of(const struct dmp_swiotlb *tlb, dmp_phys_t phys);
bool swiotlb_pool_overlaps(const struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len);
int swiotlb_pool_claim(struct dmp_swiotlb *tlb, const struct swiotlb_request *req, dmp_phys_t orig,
		       struct swiotlb_mapping *m);

/* swiotlb_slot.c */
bool swiotlb_slot_claim(struct swiotlb_pool *pool, uint64_t area, const struct swiotlb_request *req,
			dmp_phys_t orig, struct swiotlb_mapping *m);
int swiotlb_slot_release(const struct swiotlb_mapping *m);
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

/* swiotlb_check.c */
int swiotlb_check_area_locked(struct swiotlb_pool *pool, uint64_t area);

static inline uint64_t swiotlb_slot_of(const struct swiotlb_pool *pool, dmp_phys_t phys)
{
	return (phys - pool->phys) >> SLOT_SHIFT;
}

static inline struct swiotlb_area *swiotlb_area_of(const struct swiotlb_pool *pool, uint64_t slot)
{
	return &pool->areas[slot / pool->area_slots];
}

static inline bool swiotlb_slot_is_free(const struct swiotlb_pool *pool, uint64_t slot)
{
	const struct swiotlb_segment *segment = &pool->segments[slot / SEGMENT_SLOTS];
	unsigned bit = slot % SEGMENT_SLOTS;

	return segment->free[bit / 64] >> (bit % 64) & 1;
}

#endif
