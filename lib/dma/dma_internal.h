/* SPDX-License-Identifier: MIT */
/*
 * dma_internal.h - what the files of lib/dma share
 *
 *   check -> phys -> choose route -> act -> count -> address
 *     |       |          |            |
 *     |       hw         dma_route.c  dma_map.c, dma_sg.c, dma_coherent.c
 *     dma_route.c
 *
 * Letters of fields: (c) constant after create; (a) atomic; (b) blocks_lock.
 */
#ifndef DMAPOOL_DMA_INTERNAL_H
#define DMAPOOL_DMA_INTERNAL_H

#include <dmapool/bits.h>
#include <dmapool/dma.h>
#include <dmapool/port.h>

#include "base_counter.h"
#include "base_tree.h"

/* What a device can reach; "no limit" is all ones everywhere. */
struct dma_limits {
	uint64_t reach;             /* last address of streaming maps: mask and bus */
	uint64_t coherent_reach;    /* the same for coherent memory */
	uint64_t min_align_mask;    /* address bits that a route must preserve */
	uint64_t max_segment_bytes; /* longest piece of a list's answer */
	uint64_t segment_boundary;  /* mask that no such piece crosses */
	bool untrusted;             /* must never see bytes beside a buffer */
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
};

/* dma_route.c: pure. */
int dma_request_check(uint64_t len, enum dmp_dir dir, unsigned attrs);
struct dma_route dma_route_choose(const struct dma_limits *limits,
				  const struct dma_request *request);
bool dma_piece_fits(const struct dma_limits *limits, uint64_t start, uint64_t len);
unsigned dma_prot(enum dmp_dir dir);

/* Numbers of the device's counters. */
enum dma_count {
	DMA_MAPS,
	DMA_UNMAPS,
	DMA_MAP_FAILURES,
	DMA_SYNCS,
	DMA_COHERENT_ALLOCS,
	DMA_COHERENT_FREES,
	DMA_COUNTS,
};

/* dma_coherent.c: a block of coherent memory that the device holds. */
struct dma_block;
RB_HEAD(dma_block_tree, dma_block);

struct dmp_device {
	/* Constant after create */
	struct dmp_hw *hw;        /* (c) */
	struct dma_limits limits; /* (c) */
	uint32_t number;          /* (c) the machine's number for it */

	/* Written by attach and detach, read by every request */
	DMP_ATOMIC(struct dmp_domain *) dom; /* (a) NULL: direct */

	/* Written by requests, each CPU its own block */
	struct counter_set counts;

	/* Written by alloc_coherent and free_coherent */
	struct dmp_lock blocks_lock;
	struct dma_block_tree blocks; /* (b) by address */
};

/* The domain attached, NULL for none.  [ATTACH] in dma_device.c. */
static inline struct dmp_domain *dma_domain(struct dmp_device *dev)
{
	return load_acquire(&dev->dom); /* [ATTACH] */
}

/* dma_device.c: is anything mapped?  Never a false no. */
bool dma_has_maps(struct dmp_device *dev);

/* dma_coherent.c: the device's blocks, and whether @addr lies in one of them. */
void dma_coherent_init(struct dmp_device *dev);
void dma_coherent_destroy(struct dmp_device *dev);
bool dma_is_coherent(struct dmp_device *dev, dmp_addr_t addr);

/* dma_map.c: the acts and their reverses, for one piece of memory. */
struct dma_route dma_route_for(struct dmp_device *dev, struct dmp_domain *dom, dmp_phys_t phys,
			       uint64_t len);
int dma_expose(struct dmp_device *dev, dmp_phys_t phys, uint64_t len, enum dmp_dir dir);
int dma_unexpose(struct dmp_device *dev, dmp_phys_t phys, uint64_t len, enum dmp_dir dir);
int dma_map_failed(struct dmp_device *dev, uint64_t len, unsigned attrs, int err);
int dma_unmap_checked(struct dmp_device *dev, uint64_t len, enum dmp_dir dir, unsigned attrs);
bool dma_unmap_took_effect(const struct dmp_domain *dom, int err);
int dma_unmap_refused(struct dmp_device *dev, uint64_t len, int err);
int dma_unmap_done(struct dmp_device *dev, const struct dmp_domain *dom, uint64_t len, int err);

#endif
