/* SPDX-License-Identifier: MIT */
/*
 * dma_internal.h - what the files of lib/dma share
 *
 *   check -> phys -> choose route -> act -> count -> address
 *     |       |          |            |
 *     |       hw         dma_route.c  dma_map.c, dma_unmap.c, dma_bounce.c,
 *     dma_route.c                     dma_sg.c, dma_sg_each.c, dma_coherent.c
 *     dma_window.c                    dma_neighbours.c
 *
 * Letters of fields: (c) constant after create; (a) atomic; (b) blocks_lock; (n) neighbours.lock.
 */
#ifndef DMAPOOL_DMA_INTERNAL_H
#define DMAPOOL_DMA_INTERNAL_H

#include <dmapool/bits.h>
#include <dmapool/dma.h>
#include <dmapool/port.h>

#include "base_counter.h"
#include "base_tree.h"

/* Where memory appears on the device's bus; len 0: at its own address. */
struct dma_window {
	dmp_phys_t phys;
	dmp_addr_t addr;
	uint64_t len;
};

/* What a device can reach; "no limit" is all ones everywhere. */
struct dma_limits {
	uint64_t reach;             /* last address of streaming maps: mask and bus */
	uint64_t coherent_reach;    /* the same for coherent memory */
	uint64_t min_align_mask;    /* address bits that a route must preserve */
	uint64_t max_segment_bytes; /* longest piece of a list's answer */
	uint64_t segment_boundary;  /* mask that no such piece crosses */
	struct dma_window window;   /* without a domain: what of memory its bus carries */
	bool untrusted;             /* must never see bytes beside a buffer */
	bool force_bounce;          /* no buffer is used in place */
	bool needs_shared;          /* reaches shared memory only: forces it */
	bool first32;               /* behind a domain: addresses below 4 GiB first */
};

/* What is asked for, and what stands ready: together with the limits they decide. */
struct dma_request {
	dmp_phys_t phys;
	uint64_t len;      /* > 0 */
	uint64_t granule;  /* of the domain attached; 0: none is */
	bool bounce_ready; /* slots to bounce through exist */
};

/* What to do: err, or nothing, one or both steps. */
struct dma_route {
	bool bounce;    /* through a slot that the device may see */
	bool translate; /* through the domain */
	int err;
	const char *why; /* with err: for the log */
};

/* dma_route.c: pure. */
int dma_request_check(uint64_t len, enum dmp_dir dir, unsigned attrs);
struct dma_route dma_route_choose(const struct dma_limits *limits,
				  const struct dma_request *request);
bool dma_may_bounce(const struct dma_limits *limits, bool translated);
bool dma_merges_lists(const struct dma_limits *limits, bool translated);
bool dma_piece_fits(const struct dma_limits *limits, uint64_t start, uint64_t len);
unsigned dma_prot(enum dmp_dir dir);

/* dma_window.c: pure. */
bool dma_window_addr(const struct dma_window *window, dmp_phys_t phys, uint64_t len,
		     dmp_addr_t *addr);
bool dma_window_phys(const struct dma_window *window, dmp_addr_t addr, uint64_t len,
		     dmp_phys_t *phys);
dmp_phys_t dma_window_highest(const struct dma_window *window, uint64_t reach);
bool dma_window_makes_sense(const struct dma_window *window);

/* Numbers of the device's counters.  MAPS and COHERENT_ALLOCS count what has begun, failed or
 * not. */
enum dma_count {
	DMA_MAPS,
	DMA_UNMAPS,
	DMA_MAP_FAILURES,
	DMA_SYNCS,
	DMA_COHERENT_ALLOCS,
	DMA_COHERENT_FREES,
	DMA_COHERENT_FAILURES,
	DMA_MAPS_32BIT, /* behind a domain, below 4 GiB at the first try */
	DMA_COUNTS,
};

/* dma_coherent.c: a block of coherent memory that the device holds. */
struct dma_block;
RB_HEAD(dma_block_tree, dma_block);

/* dma_neighbours.c: bytes beside buffers that share their granules. */
struct dma_neighbours {
	struct dmp_lock lock;
	uint64_t now, peak;             /* (n) bytes */
	uint64_t byte_ns, summed_at_ns; /* (n) up to when; saturates */
};

struct dmp_device {
	/* Constant after create */
	struct dmp_hw *hw;                  /* (c) */
	struct dmp_swiotlb *swiotlb;        /* (c) NULL: nothing bounces */
	struct dmp_swiotlb_device *bounces; /* (c) what swiotlb keeps for it; NULL without */
	struct dma_limits limits;           /* (c) */
	struct dma_limits physical;         /* (c) the same, but its bus carries all of memory */
	uint32_t number;                    /* (c) the machine's number for it */

	/* Written by attach and detach, read by every request */
	DMP_ATOMIC(struct dmp_domain *) dom;      /* (a) NULL: direct */
	DMP_ATOMIC(struct dmp_domain *) identity; /* (a) attached, where dom is NULL: direct, too */
	DMP_ATOMIC(uint64_t) granule;             /* (a) dom's; 0 without */
	DMP_ATOMIC(uint32_t) changing;            /* (a) 1: the gate of dma_attach.c is shut */
	DMP_ATOMIC(bool) fences;                  /* (a) requests run a full fence at the gate */
	DMP_ATOMIC(uint32_t) first32; /* (a) 1: dma_first32.c; a request clears it, once */
	bool counts_neighbours;       /* written before dom: the domain has the flag */

	/* Written by requests, each CPU its own block */
	struct counter_set counts;

	/* Written once an attachment, at most */
	DMP_ATOMIC(uint64_t) losses32; /* (a) preferences for low addresses that were lost */

	/* Written by alloc_coherent and free_coherent */
	struct dmp_lock blocks_lock;
	struct dma_block_tree blocks; /* (b) by address */

	/* Written by requests, only where it is measured */
	struct dma_neighbours neighbours;
};

/* The domain that translates for it, NULL for none.  [ATTACH] in dma_attach.c. */
static inline struct dmp_domain *dma_domain(struct dmp_device *dev)
{
	return load_acquire(&dev->dom); /* [ATTACH] */
}

/* The domain attached, an identity one too. */
static inline struct dmp_domain *dma_attached(struct dmp_device *dev)
{
	struct dmp_domain *dom = dma_domain(dev);

	return dom ? dom : load_acquire(&dev->identity); /* [ATTACH] */
}

/* The limits where the device is: behind an identity domain memory is where it is. */
static inline const struct dma_limits *dma_limits(struct dmp_device *dev)
{
	return load_acquire(&dev->identity) ? &dev->physical : &dev->limits; /* [ATTACH] */
}

/* dma_attach.c: is anything mapped, is anything live?  Never a false no. */
bool dma_has_maps(struct dmp_device *dev);
bool dma_is_live(struct dmp_device *dev);
uint64_t dma_not_below_zero(uint64_t pending);
void dma_gate_init(struct dmp_device *dev);

/* A request that will make something live begins: before it looks at the device's world.  An
 * error: it ends with dma_map_failed(), like every other of its errors. */
static inline int dma_begin(struct dmp_device *dev, enum dma_count what, const char **why)
{
	counter_add(&dev->counts, what, 1);
	if (load_relaxed(&dev->fences)) /* relaxed: see dma_attach.c, Locking */
		fence_seq_cst();
	else
		fence_light();
	if (load_acquire(&dev->changing) == 0) /* [GATE] */
		return 0;
	*why = "its address space is just being changed";
	return -EBUSY;
}

/* dma_coherent.c: the device's blocks, and whether @addr lies in one of them. */
void dma_coherent_init(struct dmp_device *dev);
void dma_coherent_destroy(struct dmp_device *dev);
bool dma_is_coherent(struct dmp_device *dev, dmp_addr_t addr);

/* Whose request it is, and how it is meant: the same for all pieces of a list. */
struct dma_job {
	struct dmp_device *dev;
	struct dmp_domain *dom; /* NULL: direct */
	enum dmp_dir dir;
	unsigned attrs;
	const char **why; /* out: what the log says beside the errno; NULL: nobody asks */
};

static inline struct dma_job dma_job(struct dmp_device *dev, enum dmp_dir dir, unsigned attrs,
				     const char **why)
{
	return (struct dma_job){dev, dma_domain(dev), dir, attrs, why};
}

/* In place of a reason: a line of the log has been written for it, or counted, by whoever knew
 * more. */
extern const char dma_told[];

/* @err, with its reason for the log. */
static inline int dma_because(const struct dma_job *job, const char *why, int err)
{
	if (job->why)
		*job->why = why;
	return err;
}

/* An error that says "the state is as before" would lie once something has happened. */
static inline int dma_after_the_fact(int err)
{
	return err == -EINVAL || err == -ENOENT ? -EIO : err;
}

/* dma_bounce.c: the step between a buffer and the slots that stand for it. */
int dma_bounce_in(const struct dma_job *job, dmp_phys_t phys, uint64_t len, dmp_phys_t *slot);
bool dma_bounce_find(struct dmp_device *dev, struct dmp_domain *dom, dmp_addr_t addr,
		     dmp_phys_t *slot);
int dma_bounce_check_part(struct dmp_device *dev, dmp_phys_t slot, uint64_t len);
int dma_bounce_check_whole(struct dmp_device *dev, dmp_phys_t slot, uint64_t len);
int dma_bounce_out(const struct dma_job *job, dmp_phys_t slot, uint64_t len);
int dma_bounce_out_unmapped(const struct dma_job *job, dmp_phys_t slot, uint64_t len, int err);
void dma_bounce_undo(const struct dma_job *job, dmp_phys_t slot, uint64_t len, int err);
int dma_wait_until_unreachable(struct dmp_domain *dom);

/* dma_first32.c: behind the job's domain; @runs as dmp_domain_map_place() has them. */
int dma_place(const struct dma_job *job, const struct dmp_phys_run *runs, size_t nruns,
	      uint64_t reach, dmp_iova_t *iova);
void dma_first32_begin(struct dmp_device *dev);

/* dma_map.c: the acts, for one piece of memory. */
struct dma_route dma_route_for(const struct dma_job *job, dmp_phys_t phys, uint64_t len);
int dma_map_piece(const struct dma_job *job, dmp_phys_t phys, uint64_t len, dmp_addr_t *addr);
int dma_expose(struct dmp_device *dev, dmp_phys_t phys, uint64_t len, enum dmp_dir dir);
int dma_map_failed(struct dmp_device *dev, uint64_t len, unsigned attrs, int err, const char *why);
int dma_failed(struct dmp_device *dev, enum dma_count what, uint64_t len, unsigned attrs, int err,
	       const char *why);

/* dma_unmap.c: their reverses. */
int dma_unmap_piece(const struct dma_job *job, dmp_addr_t addr, uint64_t len, bool *is_gone);
int dma_unexpose(struct dmp_device *dev, dmp_phys_t phys, uint64_t len, enum dmp_dir dir);
int dma_unexpose_addr(struct dmp_device *dev, dmp_addr_t addr, uint64_t len, enum dmp_dir dir);
int dma_unmap_checked(struct dmp_device *dev, uint64_t len, enum dmp_dir dir, unsigned attrs);
bool dma_unmap_took_effect(const struct dmp_domain *dom, int err);
int dma_unmap_refused(struct dmp_device *dev, uint64_t len, int err);
int dma_unmap_done(struct dmp_device *dev, uint64_t len, bool is_gone, int err);

/* dma_neighbours.c */
void dma_neighbours_init(struct dma_neighbours *neighbours);
void dma_neighbours_destroy(struct dma_neighbours *neighbours);
void dma_neighbours_get(struct dma_neighbours *neighbours, struct dmp_device_stats *stats);
void dma_neighbours_come(struct dma_neighbours *neighbours, uint64_t bytes);
void dma_neighbours_go(struct dma_neighbours *neighbours, uint64_t bytes);

/* Bytes beside @len at @addr in the granules of the job's domain. */
static inline uint64_t dma_beside(const struct dma_job *job, dmp_addr_t addr, uint64_t len)
{
	uint64_t granule = dmp_domain_granule(job->dom);

	return dmp_align_up((addr & (granule - 1)) + len, granule) - len;
}

/* Does anybody want to know? */
static inline bool dma_counts_neighbours(const struct dma_job *job)
{
	return job->dom && job->dev->counts_neighbours;
}

/* A piece of the list, before it has an address. */
struct sg_piece {
	dmp_phys_t phys;
	uint64_t offset; /* merged: in its first granule */
	uint64_t span;   /* merged: whole granules, bytes */
	uint64_t pad;    /* merged: bytes before it, up to a segment boundary */
	dmp_addr_t addr; /* each by itself: its answer */
};

/* A list on its way: runs has room for a piece and its pad each. */
struct sg_work {
	struct sg_piece *pieces;
	struct dmp_phys_run *runs;
	size_t npieces;
	void *memory; /* what pieces and runs lie in, if not on the stack */
	size_t memory_len;
};

/* dma_sg_each.c: lists whose pieces are mapped each by itself. */
int dma_sg_map_each(const struct dma_job *job, const struct sg_work *work, struct dmp_sg *sg,
		    size_t *nmapped);
int dma_sg_unmap_each(const struct dma_job *job, const struct dmp_sg *sg, size_t nmapped,
		      bool *is_gone);

#endif
