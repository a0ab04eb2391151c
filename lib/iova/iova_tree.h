/* SPDX-License-Identifier: MIT */
/*
 * iova_tree.h - ranges in order, and the highest gap that holds a request, in O(log ranges)
 *
 * The space is tiled: each node is a range together with the gap below it, and a range ends
 * where the gap of the next begins.  The anchor, lo = 2^64-1, is the upper end of all.
 *
 *     floor   lo      floor  lo        floor      lo
 *       |......[rrrrrr]|......[rr]......|..........[anchor
 *       `---- node ----'`- node -'`---- node -------
 *
 * A cursor stands in one of the tiles, between a range below and a range above; inserting
 * and removing happen there.  Whatever changes the tree ends the life of every cursor.
 *
 * Locking: the caller's.
 */
#ifndef DMAPOOL_IOVA_TREE_H
#define DMAPOOL_IOVA_TREE_H

#include "iova_fit.h"

#include <dmapool/iova.h>

#define IOVA_ANCHOR_PFN UINT64_MAX

/* An AVL tree that is higher has more than 2^43 nodes: no machine holds it.  A cursor keeps a
 * bit for each level. */
#define IOVA_TREE_HEIGHT 63u

enum iova_side { IOVA_BELOW, IOVA_ABOVE };

/* Rooms that a node remembers are not larger. */
#define IOVA_ROOM_MAX UINT32_MAX

/* 56 bytes: with malloc's own word, a cache line. */
struct iova_node {
	struct iova_node *child[2];
	uint64_t floor;      /* first pfn of the gap: one more than the last of the range below */
	uint64_t lo;         /* first pfn of the range */
	uint32_t room[2][2]; /* by side: largest gap, and for aligned requests; own gap: below */
	uint8_t height[2];   /* by side, of the subtree */
};

struct iova_tree {
	struct iova_node *root;
	uint64_t start_pfn; /* constant: pfns below belong to no gap */
	uint64_t nranges;   /* without the anchor */
	struct iova_node anchor;
};

struct iova_cursor {
	struct iova_tree *tree;
	uint64_t sides; /* a bit for each node of the way: 1 if it was passed above */
	unsigned depth; /* nodes on the way */
	struct iova_node **slot[IOVA_TREE_HEIGHT + 1]; /* from the root's to an empty one */
};

void iova_tree_init(struct iova_tree *tree, uint64_t start_pfn);
/* Takes every range out and hands it to @destroy. */
void iova_tree_clear(struct iova_tree *tree, void (*destroy)(struct iova_node *node));
/* NULL, or what is wrong; O(ranges). */
const char *iova_tree_check(const struct iova_tree *tree);

/* Puts the cursor between the highest range with lo <= @pfn and the next; not the anchor's. */
void iova_tree_seek(struct iova_tree *tree, uint64_t pfn, struct iova_cursor *cur);
/* The same; does the range below the cursor contain @pfn? */
bool iova_tree_find(struct iova_tree *tree, uint64_t pfn, struct iova_cursor *cur);
/* The lowest range with lo >= @from; false: only the anchor is left. */
bool iova_tree_next(struct iova_tree *tree, uint64_t from, struct dmp_iova_range *range);

/* The highest place for the request that ends below @top > 0, and the cursor in its gap; false:
 * there is none, and the cursor is lost. */
bool iova_tree_fit(struct iova_tree *tree, const struct iova_request *req, uint64_t top,
		   struct iova_cursor *cur, uint64_t *lo);

struct iova_node *iova_cursor_below(const struct iova_cursor *cur); /* NULL for none */
struct iova_node *iova_cursor_above(const struct iova_cursor *cur);
/* The range below, which is there. */
struct dmp_iova_range iova_cursor_range(const struct iova_cursor *cur);

/* Puts @lo .. @hi into the cursor's gap, which it must fit. */
void iova_cursor_insert(struct iova_cursor *cur, struct iova_node *node, uint64_t lo, uint64_t hi);
/* Takes out the range below. */
struct iova_node *iova_cursor_remove(struct iova_cursor *cur);
/* Moves the start of the range above down to @lo, which is in its gap. */
void iova_cursor_grow(struct iova_cursor *cur, uint64_t lo);

#endif
