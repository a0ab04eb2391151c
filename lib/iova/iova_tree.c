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
 *  fit:  down to the top, with a note of the nodes passed on their upper side whose lower one
 *        holds the request; then the gap at the cursor, or else the last of those: there, the
 *        highest first
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
 * Invariants, walked by iova_tree_check.c:
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

/* @is with the gap of @n counted in. */
static __attribute__((noinline)) struct subtree
with_gap(const struct iova_tree *tree, const struct iova_node *n, struct subtree is)
{
	uint64_t first = gap_start(tree, n);

	if (first < n->lo) {
		is.gap = larger(is.gap, room_of(n->lo - first));
		is.aligned = larger(is.aligned, room_of(iova_aligned_room(first, n->lo)));
	}
	return is;
}

/*
 * T3 and T4 for one side of a node, whose subtree there is @is; did anything change?  No branch
 * depends on the side, which nobody can predict.
 */
static inline bool update(const struct iova_tree *tree, struct iova_node *n, enum iova_side side,
			  struct subtree is)
{
	uint64_t gap = (n->lo - n->floor) & ((uint64_t)side - 1); /* on the side above: 0 */
	uint32_t *room = n->room[side];
	uint32_t changed;

	if (gap > is.aligned) /* otherwise it is not the largest of either kind */
		is = with_gap(tree, n, is);
	changed = (is.gap ^ room[0]) | (is.aligned ^ room[1]) | (is.height ^ n->height[side]);
	room[0] = is.gap;
	room[1] = is.aligned;
	n->height[side] = (uint8_t)is.height;
	return changed != 0;
}

static void refresh(const struct iova_tree *tree, struct iova_node *n, enum iova_side side)
{
	update(tree, n, side, subtree_of(n->child[side]));
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

static bool is_balanced(const struct iova_node *n)
{
	return (unsigned)(n->height[0] - n->height[1] + 1) <= 2;
}

/* Turns the higher side of a subtree down by one; returns what is its top then. */
static COLD struct iova_node *balance(const struct iova_tree *tree, struct iova_node **slot)
{
	enum iova_side side = (*slot)->height[IOVA_ABOVE] > (*slot)->height[IOVA_BELOW];
	struct iova_node **child = &(*slot)->child[side];

	if ((*child)->height[!side] > (*child)->height[side])
		rotate(tree, child, !side);
	rotate(tree, slot, side);
	return *slot;
}

/* Cursors. */

static struct iova_node *node_at(const struct iova_cursor *cur, unsigned depth)
{
	return *cur->slot[depth];
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
	uint64_t sides = cur->sides;
	struct iova_node *n;
	unsigned i;

	for (i = depth + 1; i-- > 0;) {
		n = node_at(cur, i);
		if (!update(cur->tree, n, sides >> i & 1, is) && i < touched)
			break;
		if (!is_balanced(n))
			n = balance(cur->tree, cur->slot[i]);
		is = subtree_of(n);
	}
}

/* Where a cursor goes: what of it changes from node to node, kept in registers. */
struct way {
	struct iova_node **slot;
	uint64_t sides;
	unsigned depth;
};

static inline struct way way_of(const struct iova_cursor *cur)
{
	uint64_t before = (UINT64_C(1) << cur->depth) - 1;

	return (struct way){cur->slot[cur->depth], cur->sides & before, cur->depth};
}

/* Past the node of the way, @side of it. */
static inline struct way step(struct iova_cursor *cur, struct way way, uint64_t side)
{
	way.slot = &(*way.slot)->child[side];
	way.sides |= side << way.depth;
	cur->slot[++way.depth] = way.slot;
	return way;
}

static inline void arrive(struct iova_cursor *cur, struct way way)
{
	cur->sides = way.sides;
	cur->depth = way.depth;
}

/* What a side must have for a request.  At IOVA_ROOM_MAX it may hold it, below that it does. */
struct wish {
	uint32_t room;
	bool aligned;
};

static inline struct wish wish_of(const struct iova_request *req)
{
	return (struct wish){room_of(req->size), req->aligned};
}

static inline bool side_holds(const struct iova_node *n, enum iova_side side, struct wish wish)
{
	return n->room[side][wish.aligned] >= wish.room;
}

/* From the root.  Says, a bit for each depth, which nodes of the way have a side below that lies
 * below the cursor and holds the wish; without one that costs nothing. */
static inline uint64_t seek(struct iova_tree *tree, uint64_t pfn, const struct wish *wish,
			    struct iova_cursor *cur)
{
	struct way way = {.slot = &tree->root};
	uint64_t holders = 0, side;
	struct iova_node *n;

	cur->tree = tree;
	cur->slot[0] = way.slot;
	while ((n = *way.slot) != NULL) {
		side = n->lo <= pfn;
		if (wish)
			holders |= (side & side_holds(n, IOVA_BELOW, *wish)) << way.depth;
		way = step(cur, way, side);
	}
	arrive(cur, way);
	return holders;
}

void iova_tree_seek(struct iova_tree *tree, uint64_t pfn, struct iova_cursor *cur)
{
	seek(tree, pfn, NULL, cur);
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

static inline bool gap_holds(const struct iova_cursor *cur, const struct iova_node *n, uint64_t top,
			     const struct iova_request *req, uint64_t *lo)
{
	return iova_fit_highest(gap_start(cur->tree, n), top, req, lo);
}

/*
 * From the node at the cursor, whose side below holds the request, to that of the highest gap
 * there.  False: there is none, for a size of IOVA_ROOM_MAX or more; what was not looked at is
 * in @holders.
 */
static inline bool descend(struct iova_cursor *cur, const struct iova_request *req,
			   struct wish wish, uint64_t *holders, uint64_t *lo)
{
	struct way way = way_of(cur);
	struct iova_node *n = *way.slot;
	uint64_t higher = 0; /* of the first, not the side above */
	bool found = false;

	while (n) {
		found = !higher & (n->lo - n->floor >= req->size) &&
			gap_holds(cur, n, n->lo, req, lo);
		if (found)
			break;
		*holders |= (higher & side_holds(n, IOVA_BELOW, wish)) << way.depth;
		way = step(cur, way, higher);
		n = *way.slot;
		higher = n && side_holds(n, IOVA_ABOVE, wish);
	}
	arrive(cur, way);
	return found;
}

/* From a node into the gap below it. */
static void enter_gap(struct iova_cursor *cur)
{
	struct way way = step(cur, way_of(cur), IOVA_BELOW);

	while (*way.slot)
		way = step(cur, way, IOVA_ABOVE);
	arrive(cur, way);
}

bool iova_tree_fit(struct iova_tree *tree, const struct iova_request *req, uint64_t top,
		   struct iova_cursor *cur, uint64_t *lo)
{
	struct wish wish = wish_of(req);
	uint64_t holders = seek(tree, top - 1, &wish, cur);

	if (gap_holds(cur, iova_cursor_above(cur), top, req, lo))
		return true;
	while (holders) {
		cur->depth = dmp_log2_floor(holders);
		holders ^= UINT64_C(1) << cur->depth;
		if (descend(cur, req, wish, &holders, lo)) {
			enter_gap(cur);
			return true;
		}
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
