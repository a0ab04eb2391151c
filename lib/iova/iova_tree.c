// SPDX-License-Identifier: MIT
/*
 * iova_tree.c - ranges in order, and the highest gap that holds a request
 *
 * An AVL tree by lo, without parent pointers: a cursor remembers the way down.  Each node
 * knows, for both of its sides, the largest room among the gaps there; its own gap counts to
 * the side below:
 *
 *                 [ n ]          room[below]: lower subtree and the gap below n
 *                /     \         room[above]: upper subtree
 *            [..]       [..]     each for any start, and for aligned ones (iova_fit.h)
 *
 *  fit:  the gap at the cursor, then upward along the way that the cursor came: a node that
 *        was passed on its upper side offers its lower one; there, the highest first
 *
 * Rooms of aligned requests are kept apart from sizes of gaps, because a search by size
 * alone would try every gap that is large enough and misaligned.
 *
 * Speed: what counts is the cache lines of the lowest levels.  A search and a change read the
 * nodes of their way and no others, and a node has no more than 56 bytes: hence rooms of 32
 * bits, which stop at IOVA_ROOM_MAX.  A request of that size or more, 16 TiB in pages of 4 KiB,
 * tries each gap of that size or more; there cannot be many.
 *
 * Why not libbsd's tree: its entry alone takes 32 bytes of a node, and an augmented value is
 * refreshed only next to a change, so that its users go the way up a second time, past both
 * children of each node.
 *
 * Invariants, walked by iova_tree_check():
 *  T1  ranges ascend and do not overlap; the anchor is the last;
 *  T2  a node's floor is above the lo of the range below, and 0 for the lowest;
 *  T3  the subtrees of a node differ by at most 1 in height, and it knows both;
 *  T4  the rooms of a node's sides are the largest of the gaps there;
 *  T5  nranges is the number of ranges without the anchor.
 *
 * Cost: O(log ranges) for everything but clear and check.  A change refreshes the nodes of
 *  the way down, from below to the first above the change that stays as it was.
 *
 * Source: Adelson-Velsky and Landis 1962.
 */
#include "iova_tree.h"

#include <assert.h>

/* Kept out of the loops that seldom need it. */
#define COLD __attribute__((noinline, cold))

static_assert(sizeof(struct iova_node) == 56, "a node and malloc's word: 64 bytes");

/* Rooms and balance. */

/* What a parent knows of a subtree; all 0 if there is none. */
struct subtree {
	uint32_t gap, aligned;
	unsigned height;
};

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline struct subtree subtree_of(const struct iova_node *n)
{
	if (!n)
		return (struct subtree){0};
	return (struct subtree){
		.gap = larger(n->room[IOVA_BELOW][0], n->room[IOVA_ABOVE][0]),
		.aligned = larger(n->room[IOVA_BELOW][1], n->room[IOVA_ABOVE][1]),
		.height = 1u + (n->height[0] > n->height[1] ? n->height[0] : n->height[1]),
	};
}

static uint64_t gap_start(const struct iova_tree *tree, const struct iova_node *n)
{
	return n->floor > tree->start_pfn ? n->floor : tree->start_pfn;
}

static uint32_t room_of(uint64_t size)
{
	return size < IOVA_ROOM_MAX ? (uint32_t)size : IOVA_ROOM_MAX;
}

/* The aligned room of the gap of @n, which is not empty. */
static COLD uint32_t own_aligned(const struct iova_tree *tree, const struct iova_node *n)
{
	return room_of(iova_aligned_room(gap_start(tree, n), n->lo));
}

/* T3 and T4 for one side of a node, whose subtree there is @is; did anything change?  No branch
 * depends on the side, which nobody can predict. */
static inline bool update(const struct iova_tree *tree, struct iova_node *n, enum iova_side side,
			  struct subtree is)
{
	uint64_t first = gap_start(tree, n), gap = n->lo > first ? n->lo - first : 0;
	uint32_t own = room_of(gap) & ((uint32_t)side - 1); /* on the side above: 0 */
	uint32_t *room = n->room[side];
	bool changed;

	is.gap = larger(is.gap, own);
	if (own > is.aligned) /* the aligned room is at most the gap: seldom worth a look */
		is.aligned = larger(is.aligned, own_aligned(tree, n));
	changed = ((is.gap ^ room[0]) | (is.aligned ^ room[1]) | (is.height ^ n->height[side])) != 0;
	room[0] = is.gap;
	room[1] = is.aligned;
	n->height[side] = (uint8_t)is.height;
	return changed;
}

static bool refresh(const struct iova_tree *tree, struct iova_node *n, enum iova_side side)
{
	return update(tree, n, side, subtree_of(n->child[side]));
}

/* Turns the top of a subtree down, its child at @side up. */
static void rotate(const struct iova_tree *tree, struct iova_node **slot, enum iova_side side)
{
	struct iova_node *down = *slot, *up = down->child[side];

	down->child[side] = up->child[!side];
	up->child[!side] = down;
	*slot = up;
	refresh(tree, down, side);
	refresh(tree, up, !side);
}

/* Balances a subtree whose side @side is too high by one. */
static COLD void lower(const struct iova_tree *tree, struct iova_node **slot, enum iova_side side)
{
	struct iova_node **child = &(*slot)->child[side];

	if ((*child)->height[!side] > (*child)->height[side]) {
		rotate(tree, child, !side);
		refresh(tree, *slot, side);
	}
	rotate(tree, slot, side);
}

/* Cursors. */

static struct iova_node *node_at(const struct iova_cursor *cur, unsigned depth)
{
	return *cur->slot[depth];
}

/* On which side did the cursor's way pass the node at @depth? */
static enum iova_side side_at(const struct iova_cursor *cur, unsigned depth)
{
	return cur->sides >> depth & 1;
}

/* The nodes that the way passed on their side @side, a bit for each depth. */
static uint64_t passed(const struct iova_cursor *cur, enum iova_side side)
{
	uint64_t sides = side == IOVA_ABOVE ? cur->sides : ~cur->sides;

	return sides & ((UINT64_C(1) << cur->depth) - 1);
}

/* The depth of the range above the cursor: passed on its side below, the last such. */
static unsigned depth_above(const struct iova_cursor *cur)
{
	return dmp_log2_floor(passed(cur, IOVA_BELOW));
}

/* The depth of the range below the cursor, which is there. */
static unsigned depth_below(const struct iova_cursor *cur)
{
	return dmp_log2_floor(passed(cur, IOVA_ABOVE));
}

/* From the node at @depth, one of whose children has changed, to the root; above @touched,
 * whose gap has changed, only as far as there is a change. */
static void settle(struct iova_cursor *cur, unsigned depth, unsigned touched)
{
	struct subtree is = subtree_of(node_at(cur, depth + 1));
	struct iova_node *n;
	enum iova_side side;
	unsigned i;

	for (i = depth + 1; i-- > 0;) {
		n = node_at(cur, i);
		side = side_at(cur, i);
		if (!update(cur->tree, n, side, is) && i < touched)
			break;
		if (n->height[IOVA_ABOVE] > n->height[IOVA_BELOW] + 1)
			lower(cur->tree, cur->slot[i], IOVA_ABOVE);
		else if (n->height[IOVA_BELOW] > n->height[IOVA_ABOVE] + 1)
			lower(cur->tree, cur->slot[i], IOVA_BELOW);
		is = subtree_of(node_at(cur, i));
	}
}

static inline void step(struct iova_cursor *cur, enum iova_side side)
{
	struct iova_node *n = node_at(cur, cur->depth);
	uint64_t bit = UINT64_C(1) << cur->depth;

	cur->sides = (cur->sides & (bit - 1)) | (side == IOVA_ABOVE ? bit : 0);
	cur->slot[++cur->depth] = &n->child[side];
}

void iova_tree_seek(struct iova_tree *tree, uint64_t pfn, struct iova_cursor *cur)
{
	struct iova_node *n, **slot = &tree->root;
	uint64_t sides = 0, side;
	unsigned depth = 0;

	cur->slot[0] = slot;
	while ((n = *slot) != NULL) {
		side = n->lo <= pfn;
		sides |= side << depth;
		slot = &n->child[side];
		cur->slot[++depth] = slot;
	}
	cur->tree = tree;
	cur->sides = sides;
	cur->depth = depth;
}

bool iova_tree_find(struct iova_tree *tree, uint64_t pfn, struct iova_cursor *cur)
{
	iova_tree_seek(tree, pfn, cur);
	return pfn < iova_cursor_above(cur)->floor;
}

struct iova_node *iova_cursor_below(const struct iova_cursor *cur)
{
	return passed(cur, IOVA_ABOVE) ? node_at(cur, depth_below(cur)) : NULL;
}

struct iova_node *iova_cursor_above(const struct iova_cursor *cur)
{
	return node_at(cur, depth_above(cur));
}

struct dmp_iova_range iova_cursor_range(const struct iova_cursor *cur)
{
	return (struct dmp_iova_range){
		.lo = iova_cursor_below(cur)->lo,
		.hi = iova_cursor_above(cur)->floor - 1,
	};
}

/* The lowest node with lo >= @from. */
static struct iova_node *first_from(struct iova_tree *tree, uint64_t from)
{
	struct iova_node *n = tree->root, *first = &tree->anchor;

	while (n) {
		if (n->lo >= from)
			first = n;
		n = n->child[n->lo < from];
	}
	return first;
}

bool iova_tree_next(struct iova_tree *tree, uint64_t from, struct dmp_iova_range *range)
{
	struct iova_node *n = first_from(tree, from);

	if (n == &tree->anchor)
		return false;
	range->lo = n->lo;
	range->hi = first_from(tree, n->lo + 1)->floor - 1;
	return true;
}

/* The highest place. */

/* Does a gap on this side of @n hold the request?  At IOVA_ROOM_MAX: may one? */
static bool side_holds(const struct iova_node *n, enum iova_side side,
		       const struct iova_request *req)
{
	return n->room[side][req->aligned] >= room_of(req->size);
}

static bool gap_holds(const struct iova_cursor *cur, const struct iova_node *n, uint64_t top,
		      const struct iova_request *req, uint64_t *lo)
{
	return iova_fit_highest(gap_start(cur->tree, n), top, req, lo);
}

/* Up to the node of the range below; false: there is none. */
static bool climb(struct iova_cursor *cur)
{
	if (!passed(cur, IOVA_ABOVE))
		return false;
	cur->depth = depth_below(cur);
	return true;
}

/* To the node of the highest gap that holds the request in the subtree at the cursor.  False:
 * there is none, for a size of IOVA_ROOM_MAX or more; the cursor is at its lower end. */
static bool descend(struct iova_cursor *cur, const struct iova_request *req, uint64_t *lo)
{
	struct iova_node *n;
	uint64_t place;
	bool higher;

	while ((n = node_at(cur, cur->depth)) != NULL) {
		higher = side_holds(n, IOVA_ABOVE, req);
		if (gap_holds(cur, n, n->lo, req, &place) && !higher) {
			*lo = place;
			return true;
		}
		step(cur, higher);
	}
	return false;
}

/* From a node into the gap below it. */
static void enter_gap(struct iova_cursor *cur)
{
	step(cur, IOVA_BELOW);
	while (node_at(cur, cur->depth))
		step(cur, IOVA_ABOVE);
}

bool iova_cursor_fit(struct iova_cursor *cur, const struct iova_request *req, uint64_t top,
		     uint64_t *lo)
{
	struct iova_node *n;

	if (gap_holds(cur, iova_cursor_above(cur), top, req, lo))
		return true;
	while (climb(cur)) {
		n = node_at(cur, cur->depth);
		if (!side_holds(n, IOVA_BELOW, req))
			continue;
		if (!gap_holds(cur, n, n->lo, req, lo)) {
			step(cur, IOVA_BELOW);
			if (!descend(cur, req, lo))
				continue;
		}
		enter_gap(cur);
		return true;
	}
	return false;
}

/* Changes. */

void iova_cursor_insert(struct iova_cursor *cur, struct iova_node *node, uint64_t lo, uint64_t hi)
{
	unsigned above = depth_above(cur);

	*node = (struct iova_node){.floor = node_at(cur, above)->floor, .lo = lo};
	node_at(cur, above)->floor = hi + 1;
	refresh(cur->tree, node, IOVA_BELOW);
	*cur->slot[cur->depth] = node;
	cur->tree->nranges++;
	settle(cur, cur->depth - 1, above);
}

/*
 * The range above the one that goes gets its gap.  If it stands in the upper subtree, it is the
 * lowest there, the last on the way, and takes the place too:
 *
 *        [gone]                  [next]
 *        /    \                  /    \
 *      ..     [x]      ->      ..     [x]
 *             /                       /
 *         [next]                    [y]
 *             \
 *             [y]
 */
struct iova_node *iova_cursor_remove(struct iova_cursor *cur)
{
	unsigned at = depth_below(cur), above = depth_above(cur);
	struct iova_node *gone = node_at(cur, at), *next = node_at(cur, above);
	uint64_t lo = next->lo;

	cur->tree->nranges--;
	if (above < at) {
		next->floor = gone->floor;
		*cur->slot[at] = gone->child[IOVA_BELOW];
		settle(cur, at - 1, above);
		return gone;
	}
	*cur->slot[above] = next->child[IOVA_ABOVE];
	*next = *gone;
	next->lo = lo;
	refresh(cur->tree, next, IOVA_BELOW);
	*cur->slot[at] = next;
	cur->slot[at + 1] = &next->child[IOVA_ABOVE];
	settle(cur, above - 1, at);
	return gone;
}

void iova_cursor_grow(struct iova_cursor *cur, uint64_t lo)
{
	unsigned above = depth_above(cur);

	iova_cursor_above(cur)->lo = lo;
	settle(cur, above, above);
}

/* Whole trees. */

void iova_tree_init(struct iova_tree *tree, uint64_t start_pfn)
{
	*tree = (struct iova_tree){.start_pfn = start_pfn};
	tree->anchor.lo = IOVA_ANCHOR_PFN;
	tree->root = &tree->anchor;
	refresh(tree, &tree->anchor, IOVA_BELOW);
}

/* Turns what is below up, until nothing is: then the top goes.  Balance is given up. */
void iova_tree_clear(struct iova_tree *tree, void (*destroy)(struct iova_node *node))
{
	struct iova_node *n = tree->root, *other;

	while (n) {
		other = n->child[IOVA_BELOW];
		if (other) {
			n->child[IOVA_BELOW] = other->child[IOVA_ABOVE];
			other->child[IOVA_ABOVE] = n;
		} else {
			other = n->child[IOVA_ABOVE];
			if (n != &tree->anchor)
				destroy(n);
		}
		n = other;
	}
	iova_tree_init(tree, tree->start_pfn);
}

/* One walk, in ascending order. */
struct walk {
	const struct iova_tree *tree;
	const struct iova_node *last;
	uint64_t nnodes;
	const char *wrong;
};

static void check_order(struct walk *walk, const struct iova_node *n)
{
	if (walk->last ? n->floor <= walk->last->lo : n->floor != 0)
		walk->wrong = "a gap does not begin where the range below ends";
	else if (n->floor > n->lo)
		walk->wrong = "ranges overlap";
	walk->last = n;
	walk->nnodes++;
}

static void check_side(struct walk *walk, const struct iova_node *n, enum iova_side side)
{
	struct iova_node right = *n;

	refresh(walk->tree, &right, side);
	if (right.height[side] != n->height[side] || n->height[side] > n->height[!side] + 1)
		walk->wrong = "the tree is out of balance";
	else if (right.room[side][0] != n->room[side][0] ||
		 right.room[side][1] != n->room[side][1])
		walk->wrong = "a node does not know the gaps of its side";
}

/* As deep as the tree is high. */
static void check_subtree(struct walk *walk, const struct iova_node *n)
{
	if (!n)
		return;
	check_subtree(walk, n->child[IOVA_BELOW]);
	check_order(walk, n);
	check_subtree(walk, n->child[IOVA_ABOVE]);
	check_side(walk, n, IOVA_BELOW);
	check_side(walk, n, IOVA_ABOVE);
}

const char *iova_tree_check(const struct iova_tree *tree)
{
	struct walk walk = {.tree = tree};

	check_subtree(&walk, tree->root);
	if (walk.last != &tree->anchor || walk.last->lo != IOVA_ANCHOR_PFN)
		return "the anchor is not the last range";
	if (walk.nnodes - 1 != tree->nranges)
		return "the number of ranges is wrong";
	return walk.wrong;
}
