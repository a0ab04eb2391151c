/* SPDX-License-Identifier: MIT */
/*
 * iova_way.h - what the files of the tree share: the way of a cursor down to its place
 *
 *        [0]                  depth 3; sides 1, 0, 1 from the root on
 *           \
 *            [1]              the node below the cursor: the last that was passed above, 2
 *           /                 the next one: the last that was passed below, 1
 *        [2]
 *           \
 *            - the empty slot, where a node between both belongs
 *
 * Of two neighbouring nodes one stands below the other in the tree: so both are on the way, and
 * one walk up puts right what a change of both has made of the nodes above.
 *
 * Locking: the caller's.
 */
#ifndef DMAPOOL_IOVA_WAY_H
#define DMAPOOL_IOVA_WAY_H

#include "iova_node.h"

static inline struct iova_node *iova_way_node(const struct iova_cursor *cur, unsigned depth)
{
	return *cur->slot[depth];
}

/* The nodes that the way passed on their side @side, a bit for each depth. */
static inline uint64_t iova_way_passed(const struct iova_cursor *cur, enum iova_side side)
{
	uint64_t sides = side == IOVA_ABOVE ? cur->sides : ~cur->sides;

	return sides & ((UINT64_C(1) << cur->depth) - 1);
}

/* The depth of the next node, if there is one. */
static inline unsigned iova_way_above(const struct iova_cursor *cur)
{
	return dmp_log2_floor(iova_way_passed(cur, IOVA_BELOW));
}

/* The depth of the node below, if there is one. */
static inline unsigned iova_way_below(const struct iova_cursor *cur)
{
	return dmp_log2_floor(iova_way_passed(cur, IOVA_ABOVE));
}

/* Is the cursor between two ranges of one node? */
static inline bool iova_way_is_inside(const struct iova_cursor *cur)
{
	return cur->below && cur->index < cur->below->n;
}

/* Where the cursor's gap begins: one more than the last pfn of the range below, if there is one. */
static inline uint64_t iova_way_gap_start(const struct iova_cursor *cur)
{
	return iova_way_is_inside(cur) ? iova_node_gap_start(cur->below, cur->index)
				       : cur->above->floor;
}

/* Where the way goes: what of it changes from node to node, kept in registers. */
struct iova_way {
	struct iova_node **slot;
	uint64_t sides;
	unsigned depth;
};

static inline struct iova_way iova_way_begin(struct iova_tree *tree, struct iova_cursor *cur)
{
	cur->tree = tree;
	cur->slot[0] = &tree->root;
	return (struct iova_way){.slot = &tree->root};
}

static inline struct iova_way iova_way_of(const struct iova_cursor *cur)
{
	uint64_t before = (UINT64_C(1) << cur->depth) - 1;

	return (struct iova_way){cur->slot[cur->depth], cur->sides & before, cur->depth};
}

/* Past the node of the way, @side of it. */
static inline struct iova_way iova_way_step(struct iova_cursor *cur, struct iova_way way,
					    uint64_t side)
{
	way.slot = &(*way.slot)->child[side];
	way.sides |= side << way.depth;
	cur->slot[++way.depth] = way.slot;
	return way;
}

static inline void iova_way_stop(struct iova_cursor *cur, struct iova_way way)
{
	cur->sides = way.sides;
	cur->depth = way.depth;
}

/* The way is at an empty slot: which nodes are beside it? */
static inline void iova_way_end(struct iova_cursor *cur, struct iova_way way)
{
	iova_way_stop(cur, way);
	cur->below = cur->above = NULL;
	if (iova_way_passed(cur, IOVA_ABOVE))
		cur->below = iova_way_node(cur, iova_way_below(cur));
	if (iova_way_passed(cur, IOVA_BELOW))
		cur->above = iova_way_node(cur, iova_way_above(cur));
}

/* From the node at the cursor into the gap below its @i-th range. */
static inline void iova_way_enter(struct iova_cursor *cur, unsigned i)
{
	uint64_t side = i > 0;
	struct iova_way way = iova_way_step(cur, iova_way_of(cur), side);

	while (*way.slot)
		way = iova_way_step(cur, way, !side);
	iova_way_end(cur, way);
	cur->index = side ? i : cur->below ? cur->below->n : 0;
}

/*
 * Puts right what the nodes of the way know of their sides.  The node at depth @from is new or has
 * changed, or stands where another did; so has that at @touched, further up, or is the same.  Above
 * that, only as far as there is a change.
 */
void iova_way_settle(struct iova_cursor *cur, unsigned from, unsigned touched);
/* Puts a node between both; the one at depth @touched of the way has changed. */
void iova_way_attach(struct iova_cursor *cur, struct iova_node *n, unsigned touched);
/* Takes the node below out; the next node has changed. */
void iova_way_detach(struct iova_cursor *cur);

#endif
