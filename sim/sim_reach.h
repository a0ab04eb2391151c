/* SPDX-License-Identifier: MIT */
/*
 * sim_reach.h - what devices still reach after an unmap: windows and their pieces
 *
 *   unmap of a run of pages          window
 *     |                                |
 *     page, page, ...                piece, piece, ...     of those that an entry leads to
 *     |                                |
 *     entries of IOTLBs,             counted in the piece, marked in the entry
 *     and of device TLBs
 *
 *   sim_reach.c   windows open, and end
 *   sim_books.c   their records, and how a piece is found
 *   sim_reuse.c   what is done with the memory meanwhile
 *   sim_found.c   windows of unmaps whose flush follows at once: no record is made
 *
 * A piece is what one entry of an IOTLB can hold: a page of the tables, or as much of it as the
 * machine's entries hold.  Device TLBs hold 4 KiB each, which are counted as such once no IOTLB
 * holds all of it.
 *
 * Letters: (c) constant; (a) atomic; (r) sim_reaches.lock; (s) of the TLB's set; (t) its own, see
 *  tally.h.
 */
#ifndef SIM_REACH_H
#define SIM_REACH_H

#include "sim_tlb.h"

#include <dmapool/tally.h>

/* Of a domain that is watched. */
struct sim_reach {
	uint64_t id;                        /* (c) the domain's */
	DMP_ATOMIC(uint64_t) nunmaps;       /* (a) whose entries are, or were, looked for */
	struct dmp_tally found;             /* (t) windows of sim_found.c */
	struct dmp_exposure_watch watch;    /* (c) members may be NULL */
	void *ctx;                          /* (c) */
	struct dmp_exposure_seen seen;      /* (r) did is without what is open up to now */
	struct sim_window *oldest, *newest; /* (r) open ones, by time */
};

/* One run of pages that was unmapped, while anything leads there. */
struct sim_window {
	struct sim_reach *reach;          /* (c) */
	uint64_t serial;                  /* (r) never given again; 0: it is not open */
	dmp_iova_t iova;                  /* (c) */
	uint64_t len;                     /* (c) */
	uint64_t opened_ns;               /* (c) */
	uint64_t bytes;                   /* (r) that entries led to, all told */
	struct sim_piece *pieces;         /* (r) those that entries still lead to */
	bool reused;                      /* (r) */
	struct sim_window *older, *newer; /* (r) */
};

struct sim_piece {
	struct sim_window *window;           /* (c) */
	struct sim_piece *next, *prev;       /* (r) of the window */
	struct sim_piece *by_iova, *by_phys; /* (r) next of the same hash */
	uint64_t page;                       /* (c) of the domain, aligned to the order */
	dmp_phys_t phys;                     /* (c) of that page */
	uint32_t order, prot;                /* (c) */
	uint32_t iova_bucket, phys_bucket;   /* (c) where it stands */
	uint32_t nwhole;                     /* (r) entries of IOTLBs, that hold all of it */
	uint32_t nsmall;                     /* (r) entries of device TLBs that hold 4 KiB of it */
	uint64_t counted_from_ns;            /* (r) its bytes are in byte_ns up to then */
	uint8_t memory;                      /* (r) enum dmp_exposure_memory */
	bool iova_reused;                    /* (r) */
	bool is_restoring;                   /* (r) its entries are about to be unmarked */
};

#define SIM_REACH_BUCKETS 2048u

typedef DMP_ATOMIC(struct sim_piece *) sim_bucket; /* (a) its first; (r) to write, and beyond it */

/* Of the machine. */
struct sim_reaches {
	struct dmp_lock lock;         /* rank RANK_BACKEND_MEM */
	DMP_ATOMIC(uint64_t) npieces; /* (a) live; (r) to write */
	DMP_ATOMIC(uint64_t) orders;  /* (a) bit o: a piece of 2^o pages was made; (r) to write */
	uint64_t nopened;             /* (r) windows, ever */
	sim_bucket *by_iova;          /* (r) by domain, page and order; NULL: nothing is watched */
	sim_bucket *by_phys;          /* (r) by memory and order */
	struct sim_window *free_windows; /* (r) linked by newer */
	struct sim_piece *free_pieces;   /* (r) linked by next */
	struct sim_reach_chunk *chunks;  /* (r) what records lie in */
};

/* Members of the ops table. */
int sim_exposure_start(void *be, void *dom, const struct dmp_exposure_watch *watch, void *ctx);
int sim_exposure_get(void *be, void *dom, struct dmp_exposure_seen *seen);
void sim_reach_end(struct sim_domain *dom);
int sim_reach_check(struct dmp_sim *sim);

/* Windows open. */

/* An unmap, or a fill that raced with one, looks for entries. */
struct sim_look {
	struct dmp_sim *sim;
	struct sim_reach *reach;
	struct sim_pages pages;
	uint64_t now_ns;           /* SIM_NOT_YET: nobody has asked the clock */
	struct sim_window *window; /* opened by it ... */
	uint64_t serial;           /* ... and open while this is its serial; 0: none was */
};

#define SIM_NOT_YET UINT64_MAX
#define SIM_UNSURE  UINT64_MAX /* no count: what was read may be old whatever was unmapped */

/* @len > 0 bytes at @iova are out of the tables.  @begun_ns: of the clock, before they were; 0: it
 * is asked if need be. */
void sim_reach_unmapped(struct dmp_sim *sim, struct sim_reach *reach, dmp_iova_t iova, uint64_t len,
			uint64_t begun_ns);
/* The same, unless what is in @gather will be flushed before the unmap ends: sim_found.c. */
void sim_reach_gathered(struct dmp_sim *sim, struct sim_reach *reach, dmp_iova_t iova, uint64_t len,
			const struct dmp_gather *gather);
/* An entry of @kind leads to what is unmapped: the piece that counts it, to be kept in the entry.
 * NULL: no memory, and it is not tracked. */
struct sim_piece *sim_reach_hold(struct sim_look *look, enum sim_tlb_kind kind,
				 const struct sim_tlb_entry *entry);
/* A marked entry of @kind goes, or is unmarked.  @now_ns: as of a look. */
void sim_reach_let_go(struct dmp_sim *sim, enum sim_tlb_kind kind, struct sim_piece *piece,
		      enum dmp_exposure_end end, uint64_t *now_ns);
void sim_reach_let_go_locked(struct dmp_sim *sim, enum sim_tlb_kind kind, struct sim_piece *piece,
			     enum dmp_exposure_end end, uint64_t *now_ns);

/* Flushes that follow at once. */

#define SIM_FOUND_PAGES 64u

struct sim_found {
	uint64_t first;   /* page of the range that is flushed */
	uint64_t reached; /* bit i: an entry led to page first + i */
};

/* False: the range has more pages than that. */
bool sim_found_begin(struct sim_found *found, const struct dmp_gather *gather);
void sim_found_note(struct sim_found *found, const struct sim_tlb_entry *entry);
void sim_found_end(struct dmp_sim *sim, struct sim_reach *reach, const struct dmp_gather *gather,
		   const struct sim_found *found);

/* What is done meanwhile. */

/* Is anything reached that is unmapped?  One's own unmaps are seen, of others' those that came
 * before by whatever orders the two. */
static inline bool sim_reach_any(const struct sim_reaches *reaches)
{
	return load_acquire(&reaches->npieces) != 0; /* [BOOKS] of sim_books.c */
}

static inline unsigned sim_reach_bucket(uint64_t id, uint64_t page, unsigned order)
{
	uint64_t key = (page >> order) + (id << 40) + ((uint64_t)order << 58);

	return key * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (SIM_REACH_BUCKETS - 1);
}

/* Without the lock: may there be a piece of one of these pages of a domain, id 0: of memory, in the
 * table for it?  As sure as sim_reach_any() is. */
static inline bool sim_reach_may_have(const struct sim_reaches *reaches, const sim_bucket *heads,
				      uint64_t id, uint64_t first, uint64_t last)
{
	bool is_empty = true;

	/* relaxed, all: [BOOKS].  After so many buckets the lock is as cheap. */
	if (load_relaxed(&reaches->orders) != 1 || last - first >= 16)
		return true;
	for (; is_empty && first <= last; first++)
		is_empty = !load_relaxed(&heads[sim_reach_bucket(id, first, 0)]);
	return !is_empty;
}

void sim_reuse_mapped(struct dmp_sim *sim, const struct sim_domain *dom, dmp_iova_t iova,
		      dmp_phys_t phys, uint64_t len, uint32_t prot);
void sim_reuse_freed(struct dmp_sim *sim, dmp_phys_t phys, uint64_t len);
/* A device's access through a remembered translation that the tables do not hold. */
void sim_reuse_stale(struct dmp_sim *sim, const struct sim_domain *dom,
		     const struct sim_access *access, const struct sim_translation *to);

/* sim_books.c.  Those that say so: with the lock held. */
int sim_books_create_locked(struct sim_reaches *reaches);
void sim_books_destroy(struct sim_reaches *reaches);
/* Another piece of @window, NULL: of a new one of @reach, which is what @entry leads to.  NULL: no
 * memory.  The caller fills in what is constant of the window, and from when on the piece is
 * counted. */
struct sim_piece *sim_books_add_locked(struct sim_reaches *reaches, struct sim_reach *reach,
				       struct sim_window *window,
				       const struct sim_tlb_entry *entry);
/* A window goes with its last piece. */
void sim_books_remove_locked(struct sim_reaches *reaches, struct sim_piece *piece);

/* The piece that is just what @entry leads to; NULL: there is none. */
struct sim_piece *sim_books_at_locked(struct sim_reaches *reaches,
				      const struct sim_tlb_entry *entry);

typedef bool (*sim_piece_fn)(struct sim_piece *piece, void *ctx);

/* Every piece that has one of these pages of a domain, or one of these pages of memory, until @fn
 * says true: it is returned; NULL: there was none. */
struct sim_piece *sim_books_find_locked(struct sim_reaches *reaches, const struct sim_pages *pages,
					sim_piece_fn fn, void *ctx);
struct sim_piece *sim_books_find_phys_locked(struct sim_reaches *reaches, uint64_t first,
					     uint64_t last, sim_piece_fn fn, void *ctx);

static inline uint64_t sim_piece_size(const struct sim_piece *piece)
{
	return DMP_PAGE_BYTES << piece->order;
}

#endif
