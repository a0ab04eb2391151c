/* SPDX-License-Identifier: MIT */
/*
 * model_exposure.h - the accounting of exposure.h as simply as it can be said
 *
 * Whoever drives it tells what was done and when; it keeps every entry of every TLB in one list,
 * and answers what a snapshot of the library should say and what a watch should have been told:
 *
 *    mapping   what a domain translates, by runs of memory
 *    entry     of one TLB: leads from a page of a domain to memory
 *    piece     what entries that are left over lead to: a page of that size
 *    window    of did: the pieces of one run of pages that was unmapped
 *    wait      of could: an unmap whose flush is still to come
 *
 * Nothing in it knows the library: it takes numbers, and is written from exposure.h, exposure.md
 * and simulator.md.  Entries of device TLBs are of 4 KiB; with them those of IOTLBs must be, too.
 */
#ifndef DMAPOOL_TEST_MODEL_EXPOSURE_H
#define DMAPOOL_TEST_MODEL_EXPOSURE_H

#include <dmapool/exposure.h>

#define EXPOSED_DOMAINS  3u
#define EXPOSED_DEVICES  4u
#define EXPOSED_MAPPINGS 64u
#define EXPOSED_RUNS     4u
#define EXPOSED_ENTRIES  4096u
#define EXPOSED_WAITS    2048u
#define EXPOSED_EVENTS   4096u

struct exposed_run {
	dmp_phys_t phys;
	uint64_t len;
};

/* Whole granules. */
struct exposed_mapping {
	bool is_live;
	unsigned dom;
	dmp_iova_t iova;
	uint64_t len;
	struct exposed_run run[EXPOSED_RUNS];
	unsigned nruns;
};

/* What a watch is told, of all three kinds; zero where a kind has no such thing. */
enum exposed_kind { EXPOSED_ENDED, EXPOSED_REUSED, EXPOSED_STALE };

struct exposed_event {
	uint64_t kind, dom;
	uint64_t iova, phys, len, bytes;
	uint64_t from_ns, to_ns; /* a window's; or its age */
	uint64_t what;           /* the end, or the memory */
	uint64_t flag;           /* reused; performed */
	uint64_t device, access;
};

struct exposed_window {
	bool is_open, is_reused;
	unsigned dom, npieces; /* that are still reached */
	uint64_t begun_ns, bytes;
	dmp_iova_t iova;
	uint64_t len;
};

struct exposed_piece {
	unsigned nentries; /* 0: none is there */
	struct exposed_window *window;
	dmp_iova_t page;
	uint64_t size;
	dmp_phys_t phys;
	enum dmp_exposure_memory memory;
};

struct exposed_entry {
	bool is_used;
	unsigned tlb, dom;
	dmp_iova_t page;
	uint64_t size;
	dmp_phys_t phys;
	uint64_t stamp;              /* of its last use */
	struct exposed_piece *piece; /* NULL: it is right */
};

struct exposed_wait {
	unsigned dom;
	uint64_t begun_ns, len;
};

/* The machine, and who is where. */
struct exposed_shape {
	uint64_t granule, page_sizes;
	unsigned iotlbs, iotlb_ways; /* of one set each; 0: so many that none is evicted */
	uint64_t iotlb_page_bytes;
	bool has_devtlbs;
	unsigned devtlb_ways;                /* likewise */
	unsigned device_id[EXPOSED_DEVICES]; /* dmp_device_id() */
	unsigned dom_of[EXPOSED_DEVICES];
	bool at_once; /* flushed within the unmap */
	bool touches; /* stale accesses are performed */
};

struct model_exposure {
	struct exposed_shape shape;
	uint64_t now_ns, stamp;
	struct exposed_mapping mapping[EXPOSED_MAPPINGS];
	struct exposed_entry entry[EXPOSED_ENTRIES];
	struct exposed_piece piece[EXPOSED_ENTRIES];
	struct exposed_window window[EXPOSED_ENTRIES];
	struct exposed_wait wait[EXPOSED_WAITS];
	unsigned nwaits;
	struct dmp_exposure sum[EXPOSED_DOMAINS]; /* without what is open */
	struct exposed_event event[EXPOSED_EVENTS];
	unsigned nevents;
	uint64_t nevictions; /* of any entry */
	bool is_full;        /* something found no room: the test asks for too much */
};

void exposed_begin(struct model_exposure *m, const struct exposed_shape *shape);
/* The rest is at @now_ns. */
static inline void exposed_at(struct model_exposure *m, uint64_t now_ns)
{
	m->now_ns = now_ns;
}

/* Counted as mapped again; kept in slot @i. */
void exposed_map(struct model_exposure *m, unsigned i, const struct exposed_mapping *mapping);
/* What is in slot @i is unmapped: before the call of the library, and after it. */
void exposed_unmap_begin(struct model_exposure *m, unsigned i);
void exposed_unmap_end(struct model_exposure *m, unsigned i);
/* A flush of all of domain @dom has ended. */
void exposed_flushed(struct model_exposure *m, unsigned dom);
void exposed_freed(struct model_exposure *m, dmp_phys_t phys, uint64_t len);

enum exposed_answer { EXPOSED_FAULT, EXPOSED_RIGHT, EXPOSED_WRONG };

/* @len bytes within one page of 4 KiB; @phys: where they are, unless it is a fault. */
enum exposed_answer exposed_access(struct model_exposure *m, unsigned device, dmp_iova_t iova,
				   uint64_t len, uint32_t access, dmp_phys_t *phys);
/* What a snapshot should say; the classes of distributions are not filled in. */
void exposed_snapshot(const struct model_exposure *m, unsigned dom, struct dmp_exposure *e);

#endif
