// SPDX-License-Identifier: MIT
/*
 * iova_tree_fit.c - the highest gap of a tree that holds a request
 *
 * Each node knows the rooms of both subtrees and of its own gaps, so one way down decides:
 *
 *        [ holder ]       passed above: its own gaps and its lower subtree are below the top
 *        /    \
 *     ( .. )   [ n ]
 *              /   \
 *          (top)    ( .. )  above the top: never looked at
 *
 *  1.  down to the top, with a note of the holders: nodes passed above that may have a gap for the
 *      request below the top;
 *  2.  the gap at the cursor, cut at the top;
 *  3.  the holders, the last first: own gaps, then the lower subtree; there, the highest first:
 *      upper subtree, own gaps, lower subtree.
 *
 * Rooms stop at IOVA_ROOM_MAX.  A request of that size or more, 16 TiB in pages of 4 KiB, tries
 * each gap of that size or more; there cannot be many.  And of the node that the cursor stands
 * in, only the gaps below it count, which may not hold what the node's rooms promise.
 *
 * Locking: the caller's.
 */
#include "iova_way.h"

/* What rooms must have for a request.  At IOVA_ROOM_MAX they may hold it, below that they do. */
struct wish {
	uint32_t room;
	bool aligned;
};

static inline struct wish wish_of(const struct iova_request *req)
{
	uint32_t room = req->size < IOVA_ROOM_MAX ? (uint32_t)req->size : IOVA_ROOM_MAX;

	return (struct wish){room, req->aligned};
}

static inline bool holds(const struct iova_room *room, struct wish wish)
{
	return (wish.aligned ? room->aligned : room->gap) >= wish.room;
}

/* 1: own gaps or the lower subtree do.  Nobody could predict a branch. */
static inline uint64_t holds_below(const struct iova_node *n, struct wish wish)
{
	return (uint64_t)holds(&n->own, wish) | holds(&n->room[IOVA_BELOW], wish);
}

static bool gap_holds(const struct iova_tree *tree, uint64_t first, uint64_t end,
		      const struct iova_request *req, uint64_t *lo)
{
	return iova_fit_highest(first > tree->start_pfn ? first : tree->start_pfn, end, req, lo);
}

/* The highest of the lowest @limit gaps of a node that holds the request; @limit: none. */
static unsigned find_own(const struct iova_tree *tree, const struct iova_node *n, unsigned limit,
			 const struct iova_request *req, uint64_t *lo)
{
	unsigned i;

	for (i = limit; i-- > 0;)
		if (iova_node_gap(n, i) >= req->size &&
		    gap_holds(tree, iova_node_gap_start(n, i), n->lo + n->start[i], req, lo))
			return i;
	return limit;
}

/* A search: nodes of the way that are still to be looked at have a bit in @holders. */
struct search {
	const struct iova_request *req;
	struct wish wish;
	uint64_t holders;
};

/* To the top. */
static inline void seek(struct iova_tree *tree, uint64_t pfn, struct search *search,
			struct iova_cursor *cur)
{
	struct iova_way way = iova_way_begin(tree, cur);
	struct wish wish = search->wish;
	uint64_t holders = 0, side;
	struct iova_node *n;

	while ((n = *way.slot) != NULL) {
		side = n->lo <= pfn;
		holders |= (side & holds_below(n, wish)) << way.depth;
		way = iova_way_step(cur, way, side);
	}
	search->holders = holders;
	iova_way_end(cur, way);
	cur->index = cur->below ? iova_node_index(cur->below, pfn) : 0;
}

/* The highest own gap of the node at the way's end, and the cursor there. */
static bool take_own(struct iova_cursor *cur, struct iova_way way, const struct search *search,
		     uint64_t *lo)
{
	const struct iova_node *n = *way.slot;
	unsigned limit = n == cur->below ? cur->index : n->n, i;

	if (!holds(&n->own, search->wish))
		return false;
	i = find_own(cur->tree, n, limit, search->req, lo);
	if (i == limit)
		return false;
	iova_way_stop(cur, way);
	iova_way_enter(cur, i);
	return true;
}

/*
 * From the holder at the cursor to the highest of its own gaps and of its lower subtree.  False:
 * there is none.  What was not looked at is among the holders then.
 */
static bool descend(struct iova_cursor *cur, struct search *search, uint64_t *lo)
{
	struct iova_way way = iova_way_of(cur);
	struct iova_node *n = *way.slot;
	uint64_t higher = 0; /* of the first, not the upper subtree */

	while (n) {
		if (!higher && take_own(cur, way, search, lo))
			return true;
		if (higher)
			search->holders |= holds_below(n, search->wish) << way.depth;
		else if (!holds(&n->room[IOVA_BELOW], search->wish))
			break;
		way = iova_way_step(cur, way, higher);
		n = *way.slot;
		higher = n && holds(&n->room[IOVA_ABOVE], search->wish);
	}
	iova_way_stop(cur, way);
	return false;
}

bool iova_tree_fit(struct iova_tree *tree, const struct iova_request *req, uint64_t top,
		   struct iova_cursor *cur, uint64_t *lo)
{
	struct search search = {.req = req, .wish = wish_of(req)};

	if (top > tree->end)
		top = tree->end;
	seek(tree, top - 1, &search, cur);
	if (gap_holds(tree, iova_way_gap_start(cur), top, req, lo))
		return true;
	while (search.holders) {
		cur->depth = dmp_log2_floor(search.holders);
		search.holders ^= UINT64_C(1) << cur->depth;
		if (descend(cur, &search, lo))
			return true;
	}
	return false;
}
