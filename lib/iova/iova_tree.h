/* SPDX-License-Identifier: MIT */
/*
 * iova_tree.h - ranges in order, and the highest gap that holds a request, in O(log ranges)
 *
 * The space is tiled: each range stands with the gap below it, and a range ends where the gap
 * of the next begins.  The anchor at tree->end is the upper neighbour of all.
 *
 *         lo            lo             lo
 *  |......[rrrrrr]......[rr]...........[rrrrr]..........[anchor
 *                            ^ cursor
 *
 * A cursor stands between a range below and a range above; inserting and removing happen
 * there.  Whatever changes the tree ends the life of every cursor.
 *
 * Locking: the caller's.
 */
#ifndef DMAPOOL_IOVA_TREE_H
#define DMAPOOL_IOVA_TREE_H

#include "iova_fit.h"

#include <dmapool/iova.h>
#include <dmapool/port.h>

#define IOVA_ANCHOR_PFN UINT64_MAX

/* Ranges of a node: the search among them is a few vector instructions on two cache lines, and a
 * node without ranges, a line, is a fifth of one that is full. */
#define IOVA_NODE_RANGES 32u

/* An AVL tree that is higher has more than 2^43 nodes: no machine holds it.  A cursor keeps a
 * bit for each level. */
#define IOVA_TREE_HEIGHT 63u

enum iova_side { IOVA_BELOW, IOVA_ABOVE };

/* Rooms that a node remembers are not larger. */
#define IOVA_ROOM_MAX UINT32_MAX

/* Of some gaps: the largest, and the largest for aligned requests (iova_fit.h). */
struct iova_room {
	uint32_t gap, aligned;
};

/* A node, see iova_node.h: the first line is all that passing it reads. */
struct iova_node {
	_Alignas(DMP_CACHE_LINE) struct iova_node *child[2];
	uint64_t floor;           /* first pfn of the gap below: the last range below ends there */
	uint64_t lo;              /* first pfn of the lowest range */
	struct iova_room room[2]; /* by side, of the subtree */
	struct iova_room own;     /* of the gaps below the node's ranges */
	uint8_t height[2];        /* by side, of the subtree */
	uint8_t n;                /* ranges, > 0 */

	_Alignas(DMP_CACHE_LINE) uint32_t start[IOVA_NODE_RANGES]; /* first pfns, from lo on */
	uint32_t end[IOVA_NODE_RANGES]; /* ends, from lo on, but for the highest range's */
};

struct iova_tree {
	struct iova_node *root;
	struct iova_node *spare; /* for the next that is needed; NULL: none */
	uint64_t start_pfn;      /* constant: pfns below belong to no gap */
	uint64_t end;            /* constant: the anchor */
	uint64_t nranges;        /* without the anchor */
	struct iova_node top;    /* the highest: the anchor is its last range */
};

struct iova_cursor {
	struct iova_tree *tree;
	struct iova_node *below; /* has the range below; NULL: there is none */
	struct iova_node *above; /* the next node; NULL: the node below has the range above */
	unsigned index;          /* so many ranges of the node below are below the cursor */
	unsigned depth;          /* nodes on the way, which ends between both nodes */
	uint64_t sides;          /* a bit for each node of the way: 1 if it was passed above */
	struct iova_node **slot[IOVA_TREE_HEIGHT + 1]; /* from the root's to an empty one */
};

/* No range lies beyond @end; gaps reach from @start_pfn up to there. */
void iova_tree_init(struct iova_tree *tree, uint64_t start_pfn, uint64_t end);
/* Takes every range out. */
void iova_tree_clear(struct iova_tree *tree);
/* The largest gap; no more than IOVA_ROOM_MAX is told. */
uint32_t iova_tree_largest_gap(const struct iova_tree *tree);
/* Is there memory for one more range?  Each call counts as one allocation. */
bool iova_tree_prepare(struct iova_tree *tree);
/* NULL, or what is wrong; O(ranges). */
const char *iova_tree_check(const struct iova_tree *tree);

/* Puts the cursor between the highest range with lo <= @pfn < end and the next. */
void iova_tree_seek(struct iova_tree *tree, uint64_t pfn, struct iova_cursor *cur);
/* The same; does the range below the cursor contain @pfn? */
bool iova_tree_find(struct iova_tree *tree, uint64_t pfn, struct iova_cursor *cur);
/* The lowest range with lo >= @from; false: only the anchor is left. */
bool iova_tree_next(struct iova_tree *tree, uint64_t from, struct dmp_iova_range *range);

/* The highest place for the request that ends below @top > 0, and the cursor in its gap; false:
 * there is none, and the cursor is lost. */
bool iova_tree_fit(struct iova_tree *tree, const struct iova_request *req, uint64_t top,
		   struct iova_cursor *cur, uint64_t *lo);

/* The range below, which is there. */
struct dmp_iova_range iova_cursor_range(const struct iova_cursor *cur);
/* The first pfn of the range above; the anchor: tree->end. */
uint64_t iova_cursor_above(const struct iova_cursor *cur);

/* Puts @lo .. @hi into the cursor's gap, which it must fit; iova_tree_prepare() said yes. */
void iova_cursor_insert(struct iova_cursor *cur, uint64_t lo, uint64_t hi);
/* Takes out the range below. */
void iova_cursor_remove(struct iova_cursor *cur);
/* Moves the start of the range above, not the anchor, down to @lo, which is in its gap.  False:
 * that took memory, and there was none; it does if ranges of one node are far apart then. */
bool iova_cursor_grow(struct iova_cursor *cur, uint64_t lo);

#endif
