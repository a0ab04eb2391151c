/* SPDX-License-Identifier: MIT */
/*
 * iova_slab.h - records of ranges, each in a cache line of its own
 *
 *   blocks -> [ next | record record ... ] -> [ next | record record ... ] -> NULL
 *   free   -> record -> record -> NULL               linked by child[0]
 *
 * A search visits some twenty records that are spread over all of them: one line each, and few
 * pages, is most of what it costs.  Blocks stay until the end, for the next peak.
 *
 * Locking: the caller's, but for iova_block_create().
 */
#ifndef DMAPOOL_IOVA_SLAB_H
#define DMAPOOL_IOVA_SLAB_H

#include "iova_tree.h"

#include <dmapool/port.h>

#define IOVA_BLOCK_RECORDS 63u /* with the link: a page */

union iova_record {
	_Alignas(DMP_CACHE_LINE) struct iova_node node;
	struct iova_block *next;
};

struct iova_block {
	union iova_record link;
	union iova_record record[IOVA_BLOCK_RECORDS];
};

struct iova_slab {
	struct iova_node *free;
	struct iova_block *blocks;
};

/* NULL: no memory. */
struct iova_block *iova_block_create(void);
/* Its records are free. */
void iova_slab_add(struct iova_slab *slab, struct iova_block *block);
/* There is a free record; it is zero. */
struct iova_node *iova_slab_take(struct iova_slab *slab);
void iova_slab_give(struct iova_slab *slab, struct iova_node *node);
/* Every record goes, free or not. */
void iova_slab_clear(struct iova_slab *slab);

static inline bool iova_slab_is_empty(const struct iova_slab *slab)
{
	return !slab->free;
}

#endif
