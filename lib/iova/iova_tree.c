// SPDX-License-Identifier: MIT
/*
 * iova_tree.c - ranges in order: the tree, its cursors, and the way to a pfn
 *
 * A T-tree: an AVL tree by lo whose nodes hold up to IOVA_NODE_RANGES neighbouring ranges each
 * (iova_node.h), without parent pointers: a cursor remembers the way down (iova_way.h).
 *
 *               [  n  ]          room[below], room[above]: of the subtrees
 *              /       \         own: of the gaps below the ranges of n
 *       [ .. ]          [ .. ]
 *
 *   iova_node.c         inside a node
 *   iova_tree_fit.c     the highest gap that holds a request
 *   iova_tree_change.c  insert, remove, grow; when a node is split and when two are joined
 *
 * Speed: what counts is the cache lines.  64k ranges take 0.7 MB in two thousand nodes; a way
 * passes eleven of them, a line each, and looks into one.  A node a range would be four
 * megabytes and sixteen lines.  A change refreshes the nodes of its way; it reads others only
 * where nodes are joined or turned.
 *
 * Memory: the node of the anchor is part of the tree.  An insertion needs one new node at most,
 * which stands by as the spare; a removal needs none.
 *
 * Why not libbsd's tree: its entry alone takes 32 bytes of a node, and an augmented value is
 * refreshed only next to a change, so that its users go the way up a second time, past both
 * children of each node.
 *
 * Invariants, walked by iova_tree_check.c:
 *  T1  ranges ascend and do not overlap; the anchor is the last, in the tree's own node;
 *  T2  a node's floor is above the last lo of the node below, and 0 for the lowest;
 *  T3  the subtrees of a node differ by at most 1 in height, and it knows both;
 *  T4  the rooms of a node's sides are the largest of the gaps there;
 *  T5  nranges is the number of ranges without the anchor;
 *  T6  two neighbouring nodes have more than IOVA_NODE_FEW ranges together, or are too far apart
 *      to be one;
 *  N1, N2 of iova_node.c.
 *
 * Cost: O(log ranges) for everything but clear and check.  A change refreshes the nodes of
 *  the way down, from below to the first above the change that stays as it was.
 *
 * Source: Adelson-Velsky and Landis 1962; Lehman and Carey, "A Study of Index Structures for
 *  Main Memory Database Management Systems", VLDB 1986, for the T-tree.
 */
#include "iova_way.h"

/* Kept out of the loops that seldom need it. */
#define COLD __attribute__((noinline, cold))

/* Rooms and balance. */

/* What a parent knows of a subtree; all 0 if there is none. */
struct subtree {
	struct iova_room room;
	unsigned height;
};

static uint32_t largest(uint32_t a, uint32_t b, uint32_t c)
{
	uint32_t ab = a > b ? a : b;

	return ab > c ? ab : c;
}

/* The same of @n, whose subtree at @side is @is. */
static inline struct subtree with_node(struct subtree is, const struct iova_node *n,
				       enum iova_side side)
{
	const struct iova_room *other = &n->room[!side];
	unsigned height = n->height[!side];

	return (struct subtree){
		.room.gap = largest(n->own.gap, other->gap, is.room.gap),
		.room.aligned = largest(n->own.aligned, other->aligned, is.room.aligned),
		.height = 1 + (height > is.height ? height : is.height),
	};
}

static inline struct subtree subtree_of(const struct iova_node *n)
{
	if (!n)
		return (struct subtree){0};
	return with_node((struct subtree){n->room[IOVA_BELOW], n->height[IOVA_BELOW]}, n,
			 IOVA_BELOW);
}

/* T3 and T4 for one side of a node, whose subtree there is @is; did anything change? */
static inline bool update(struct iova_node *n, enum iova_side side, struct subtree is)
{
	struct iova_room *room = &n->room[side];
	uint32_t changed = (is.room.gap ^ room->gap) | (is.room.aligned ^ room->aligned) |
			   (is.height ^ n->height[side]);

	*room = is.room;
	n->height[side] = (uint8_t)is.height;
	return changed != 0;
}

static void refresh(struct iova_node *n, enum iova_side side)
{
	update(n, side, subtree_of(n->child[side]));
}

/* Turns the top of a subtree down, its child at @side up. */
static void rotate(struct iova_node **slot, enum iova_side side)
{
	struct iova_node *down = *slot, *up = down->child[side];

	down->child[side] = up->child[!side];
	up->child[!side] = down;
	*slot = up;
	refresh(down, side);
	refresh(up, !side);
}

static bool is_balanced(const struct iova_node *n)
{
	return (unsigned)(n->height[0] - n->height[1] + 1) <= 2;
}

/* Turns the higher side of a subtree down by one; returns what is its top then. */
static COLD struct iova_node *balance(struct iova_node **slot)
{
	enum iova_side side = (*slot)->height[IOVA_ABOVE] > (*slot)->height[IOVA_BELOW];
	struct iova_node **child = &(*slot)->child[side];

	if ((*child)->height[!side] > (*child)->height[side])
		rotate(child, !side);
	rotate(slot, side);
	return *slot;
}

void iova_way_settle(struct iova_cursor *cur, unsigned from, unsigned touched)
{
	struct subtree is = subtree_of(iova_way_node(cur, from));
	uint64_t sides = cur->sides, side;
	struct iova_node *n;
	unsigned i;

	for (i = from; i-- > 0;) {
		n = iova_way_node(cur, i);
		side = sides >> i & 1;
		if (!update(n, side, is) && i < touched)
			break;
		/* Not read again from where it has just been written: that takes its time. */
		is = is_balanced(n) ? with_node(is, n, side) : subtree_of(balance(cur->slot[i]));
	}
}

/* Whole nodes. */

void iova_way_attach(struct iova_cursor *cur, struct iova_node *n, unsigned touched)
{
	*cur->slot[cur->depth] = n;
	iova_way_settle(cur, cur->depth, touched);
}

static void take_links(struct iova_node *n, const struct iova_node *from)
{
	unsigned side;

	for (side = 0; side < 2; side++) {
		n->child[side] = from->child[side];
		n->room[side] = from->room[side];
		n->height[side] = from->height[side];
	}
}

/*
 * If the next node stands in the upper subtree of the one that goes, it is the lowest there, the
 * last on the way, and takes the place:
 *
 *        [gone]                  [next]
 *        /    \                  /    \
 *      ..     [x]      ->      ..     [x]
 *             /                       /
 *         [next]                    [y]
 *             \
 *             [y]
 */
void iova_way_detach(struct iova_cursor *cur)
{
	unsigned at = iova_way_below(cur), above = iova_way_above(cur);
	struct iova_node *gone = cur->below, *next = cur->above;

	if (above < at) {
		*cur->slot[at] = gone->child[IOVA_BELOW];
		iova_way_settle(cur, at, above);
		return;
	}
	*cur->slot[above] = next->child[IOVA_ABOVE];
	take_links(next, gone);
	*cur->slot[at] = next;
	cur->slot[at + 1] = &next->child[IOVA_ABOVE];
	iova_way_settle(cur, above, at);
}

/* The way to a pfn. */

void iova_tree_seek(struct iova_tree *tree, uint64_t pfn, struct iova_cursor *cur)
{
	struct iova_way way = iova_way_begin(tree, cur);
	struct iova_node *n;

	while ((n = *way.slot) != NULL)
		way = iova_way_step(cur, way, n->lo <= pfn);
	iova_way_end(cur, way);
	cur->index = cur->below ? iova_node_index(cur->below, pfn) : 0;
}

bool iova_tree_find(struct iova_tree *tree, uint64_t pfn, struct iova_cursor *cur)
{
	if (pfn >= tree->end)
		return false;
	iova_tree_seek(tree, pfn, cur);
	return pfn < iova_way_gap_start(cur);
}

struct dmp_iova_range iova_cursor_range(const struct iova_cursor *cur)
{
	return (struct dmp_iova_range){
		.lo = cur->below->lo + cur->below->start[cur->index - 1],
		.hi = iova_way_gap_start(cur) - 1,
	};
}

uint64_t iova_cursor_above(const struct iova_cursor *cur)
{
	return iova_way_is_inside(cur) ? cur->below->lo + cur->below->start[cur->index]
				       : cur->above->lo;
}

bool iova_tree_next(struct iova_tree *tree, uint64_t from, struct dmp_iova_range *range)
{
	struct iova_cursor cur;

	if (from >= tree->end)
		return false;
	iova_tree_seek(tree, from, &cur);
	if (!cur.below || iova_cursor_range(&cur).lo < from) {
		if (iova_cursor_above(&cur) == tree->end)
			return false;
		iova_tree_seek(tree, iova_cursor_above(&cur), &cur);
	}
	*range = iova_cursor_range(&cur);
	return true;
}

/* Whole trees. */

void iova_tree_init(struct iova_tree *tree, uint64_t start_pfn, uint64_t end)
{
	*tree = (struct iova_tree){.root = &tree->top, .start_pfn = start_pfn, .end = end};
	iova_node_wipe(&tree->top);
	iova_node_init(&tree->top, 0, end);
	iova_node_gained(&tree->top, 0, start_pfn);
}

static void destroy(struct iova_tree *tree, struct iova_node *n)
{
	if (n != &tree->top)
		dmp_meta_free(n, sizeof(*n));
}

/* Turns what is below up, until nothing is: then the top goes.  Balance is given up. */
void iova_tree_clear(struct iova_tree *tree)
{
	struct iova_node *n = tree->root, *other;

	while (n) {
		other = n->child[IOVA_BELOW];
		if (other) {
			n->child[IOVA_BELOW] = other->child[IOVA_ABOVE];
			other->child[IOVA_ABOVE] = n;
		} else {
			other = n->child[IOVA_ABOVE];
			destroy(tree, n);
		}
		n = other;
	}
	destroy(tree, tree->spare);
	iova_tree_init(tree, tree->start_pfn, tree->end);
}

uint32_t iova_tree_largest_gap(const struct iova_tree *tree)
{
	return subtree_of(tree->root).room.gap;
}

bool iova_tree_prepare(struct iova_tree *tree)
{
	if (tree->spare)
		return !dmp_meta_refused(DMP_META_RANGE);
	tree->spare = dmp_meta_alloc(DMP_META_RANGE, sizeof(*tree->spare));
	if (!tree->spare)
		return false;
	iova_node_wipe(tree->spare);
	return true;
}
