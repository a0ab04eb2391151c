/* SPDX-License-Identifier: MIT */
/*
 * sim_tlb.h - what the machine's caches of translations share
 *
 *   sim_tlb.c       a cache: sets, ways, tags, pages of any size
 *   sim_replace.c   which way makes room
 *   sim_gate.c      accesses under way, and how they are waited for
 *   sim_iotlb.c     a unit: the IOTLB and the walk caches behind it
 *   sim_devtlb.c    the device's own cache (ATS)
 *
 * Letters: sim_internal.h.
 */
#ifndef SIM_TLB_H
#define SIM_TLB_H

#include <dmapool/bits.h>
#include <dmapool/port.h>
#include <dmapool/sim.h>

struct sim_access;
struct sim_domain;

/* A cache. */

struct sim_tlb_entry {
	uint64_t id;     /* (s) domain; 0: empty */
	uint64_t page;   /* (s) iova / 4 KiB of its first page, aligned to the order */
	dmp_phys_t phys; /* (s) of that page; in a walk cache of the table */
	uint64_t used;   /* (s) turn of the set at its last use */
	uint32_t prot;   /* (s) 0: known to be not present */
	uint16_t order;  /* (s) it stands for 2^order pages */

	/* (s) it leads to what is unmapped, and is counted there: it is marked; see sim_reach.h */
	struct sim_piece *piece;
};

struct sim_tlb_set {
	_Alignas(DMP_CACHE_LINE) struct dmp_lock lock;
	uint64_t turn;                 /* (s) counts lookups and fills */
	uint64_t tree;                 /* (s) pseudo-LRU: a bit an inner node, see sim_replace.c */
	uint64_t random;               /* (s) state of the generator; never 0 */
	struct sim_tlb_entry *entries; /* (c) the ways */
};

#define SIM_TLB_WAYS_MAX 64u /* a set's pseudo-LRU tree is one word */

/* Which counters a cache feeds. */
enum sim_tlb_kind {
	TLB_IOTLB,
	TLB_WALK,
	TLB_DEVICE,
	TLB_KINDS,
};

struct sim_tlb_shape {
	uint32_t nsets, nways; /* 0 sets: there is no such cache */
	uint32_t replace;      /* enum dmp_sim_replace, not DEFAULT */
	uint64_t seed;
};

struct sim_tlb {
	enum sim_tlb_kind kind;           /* (c) */
	struct sim_tlb_shape shape;       /* (c) */
	struct sim_tlb_set *sets;         /* (c) */
	struct sim_tlb_entry *store;      /* (c) all entries */
	DMP_ATOMIC(uint64_t) orders;      /* (a) bit o: an entry of 2^o pages was stored */
	DMP_ATOMIC(uint64_t) invalidated; /* (a) invalidations begun */
};

/* Pages [first, last] of a domain; id 0: of every domain. */
struct sim_pages {
	uint64_t id;
	uint64_t first, last;
};

/* An invalidation of a cache. */
struct sim_drop {
	struct sim_pages pages;  /* what goes */
	struct sim_pages asked;  /* what the driver needed, for the books only */
	struct sim_found *found; /* of that; NULL: nobody asks.  See sim_found.c */
};

int sim_tlb_create(struct sim_tlb *tlb, enum sim_tlb_kind kind, const struct sim_tlb_shape *shape);
void sim_tlb_destroy(struct sim_tlb *tlb);
uint64_t sim_tlb_begin(struct sim_tlb *tlb);
bool sim_tlb_find(struct sim_tlb *tlb, uint64_t id, uint64_t page, struct sim_tlb_entry *out);
void sim_tlb_fill(struct dmp_sim *sim, struct sim_tlb *tlb, const struct sim_tlb_entry *entry,
		  uint64_t begun);
void sim_tlb_fill_of(struct dmp_sim *sim, struct sim_tlb *tlb, const struct sim_domain *dom,
		     const struct sim_tlb_entry *entry, uint64_t begun, uint64_t nunmaps);
void sim_tlb_drop(struct dmp_sim *sim, struct sim_tlb *tlb, const struct sim_drop *drop);
/* What is among the look's pages leads to what is unmapped; what leads where @like does, not. */
struct sim_look;
void sim_tlb_mark(struct sim_look *look, struct sim_tlb *tlb);
void sim_tlb_unmark(struct dmp_sim *sim, struct sim_tlb *tlb, const struct sim_tlb_entry *like,
		    uint64_t *now_ns);
uint64_t sim_tlb_count_marked(struct sim_tlb *tlb);
int sim_tlb_check(struct sim_tlb *tlb, uint64_t *nentries);

/* What is counted of each kind: see enum sim_counter. */
enum sim_tlb_event {
	TLB_FILLS,
	TLB_EVICTIONS,
	TLB_DROPPED,
	TLB_EVENTS,
};

unsigned sim_tlb_counter_of(enum sim_tlb_kind kind, enum sim_tlb_event event);

static inline unsigned sim_tlb_counter(const struct sim_tlb *tlb, enum sim_tlb_event event)
{
	return sim_tlb_counter_of(tlb->kind, event);
}

static inline bool sim_tlb_exists(const struct sim_tlb *tlb)
{
	return tlb->shape.nsets != 0;
}

void sim_replace_touch_locked(struct sim_tlb *tlb, struct sim_tlb_set *set, uint32_t way);
uint32_t sim_replace_victim_locked(struct sim_tlb *tlb, struct sim_tlb_set *set);

/* Accesses under way. */

#define SIM_GATES 64u

struct sim_gate {
	_Alignas(DMP_CACHE_LINE) struct dmp_lock lock;
};

void sim_gates_create(struct dmp_sim *sim);
void sim_gates_destroy(struct dmp_sim *sim);
struct sim_gate *sim_gate_enter(struct dmp_sim *sim, uint64_t id, uint64_t page);
void sim_gate_leave(struct sim_gate *gate);
void sim_gates_drain(struct dmp_sim *sim, const struct sim_pages *pages);

/* Units: an IOTLB that devices share, and what shortens its walks. */

#define SIM_WALK_CACHES 4u /* [i]: of tables of level i + 1 */
#define SIM_UNITS_MAX   64u

struct sim_unit {
	struct sim_tlb iotlb;
	struct sim_tlb walk[SIM_WALK_CACHES];
};

/* What a cache or a walk says of one 4 KiB page. */
struct sim_translation {
	dmp_phys_t phys;
	uint32_t prot;                /* 0: nowhere, for this reason */
	uint32_t order;               /* of the page that holds it, in 4 KiB pages */
	enum dmp_fault_reason reason; /* then */
	bool remembered;              /* by a cache: the tables may say something else by now */
};

int sim_units_create(struct dmp_sim *sim);
void sim_units_destroy(struct dmp_sim *sim);
int sim_units_check(struct dmp_sim *sim);
void sim_unit_translate(struct dmp_sim *sim, struct sim_unit *unit, const struct sim_domain *dom,
			dmp_iova_t iova, struct sim_translation *out);
void sim_units_drop(struct dmp_sim *sim, const struct sim_drop *drop, bool leaf_only);

/* Device TLBs: made with the device's number, kept for the next device that gets it. */

struct sim_devtlb {
	struct sim_tlb tlb;
	DMP_ATOMIC(uint64_t) tag; /* (a) id of the domain its device is attached to; 0: none */
};

int sim_devtlb_make(struct dmp_sim *sim, uint32_t device);
void sim_devtlbs_destroy(struct dmp_sim *sim);
int sim_devtlbs_check(struct dmp_sim *sim, uint64_t *nentries);
void sim_devtlb_attach(struct dmp_sim *sim, uint32_t device, uint64_t id);
/* The TLB of @device, if it may keep translations of domain @id; 0: if it has one. */
struct sim_tlb *sim_devtlb_attached(struct dmp_sim *sim, uint32_t device, uint64_t id);
bool sim_devtlb_is_attached(struct dmp_sim *sim, uint32_t device, uint64_t id);
void sim_devtlb_drop(struct dmp_sim *sim, uint32_t device, const struct sim_drop *drop);
void sim_translate(struct dmp_sim *sim, uint32_t device, const struct sim_domain *dom,
		   dmp_iova_t iova, struct sim_translation *out);

#endif
