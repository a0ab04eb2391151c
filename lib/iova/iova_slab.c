// SPDX-License-Identifier: MIT
/*
 * iova_slab.c - records of ranges, a page of them at a time
 *
 * Invariants:
 *  S1  a record is in use or on the free list, once;
 *  S2  the latest that was given is the next to be taken: its line is still near.
 *
 * Locking: the caller's; iova_slab.h.
 */
#include "iova_slab.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(union iova_record) == DMP_CACHE_LINE, "a line a record");
static_assert(sizeof(struct iova_block) == 4096, "a page a block");

struct iova_block *iova_block_create(void)
{
	return dmp_meta_alloc(DMP_META_RANGE, sizeof(struct iova_block));
}

void iova_slab_add(struct iova_slab *slab, struct iova_block *block)
{
	unsigned i;

	block->link.next = slab->blocks;
	slab->blocks = block;
	for (i = IOVA_BLOCK_RECORDS; i-- > 0;)
		iova_slab_give(slab, &block->record[i].node);
}

struct iova_node *iova_slab_take(struct iova_slab *slab)
{
	struct iova_node *node = slab->free;

	slab->free = node->child[0];
	memset(node, 0, sizeof(*node));
	return node;
}

void iova_slab_give(struct iova_slab *slab, struct iova_node *node)
{
	node->child[0] = slab->free;
	slab->free = node;
}

void iova_slab_clear(struct iova_slab *slab)
{
	struct iova_block *block;

	while ((block = slab->blocks) != NULL) {
		slab->blocks = block->link.next;
		dmp_meta_free(block, sizeof(*block));
	}
	slab->free = NULL;
}
