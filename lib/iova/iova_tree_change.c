// SPDX-License-Identifier: MIT
/*
 * iova_tree_change.c - ranges come, go and grow
 *
 * A range that comes between two of one node belongs there; a full node is split first, in
 * halves.  Between two nodes it goes to the first of these that has a place for it:
 *
 *      [a  b  c]   new   [d  e]           1. the node below, as its highest
 *                                         2. the next node, as its lowest
 *                                         3. a node of its own
 *
 * So ranges that are added in order, from above or from below, fill their nodes.
 *
 * A node that has become half empty or less is joined with its upper neighbour, or else with
 * its lower one, if both together have IOVA_NODE_FEW ranges at most (T6): after that it is half
 * full and as far from the next split as from the next join.  A node without ranges goes.
 *
 * What counts for a gap is who has the range above it.  So a range that comes or goes at the end
 * of a node changes the next node too, whose lowest gap begins there.
 *
 * Locking: the caller's.
 */
#include "iova_way.h"

/* Nodes come and go. */

/* There is one: iova_tree_prepare(). */
static struct iova_node *take_spare(struct iova_tree *tree)
{
	struct iova_node *n = tree->spare;

	tree->spare = NULL;
	return n;
}

static void give_back(struct iova_tree *tree, struct iova_node *n)
{
	if (tree->spare)
		dmp_meta_free(n, sizeof(*n));
	else
		tree->spare = n;
}

/* The end of the node below is @end: that is where the lowest gap of the next node begins. */
static void set_floor(struct iova_cursor *cur, uint64_t end)
{
	struct iova_node *above = cur->above;
	uint64_t gap = iova_node_gap(above, 0);

	above->floor = end;
	if (iova_node_gap(above, 0) < gap)
		iova_node_lost(above, gap, cur->tree->start_pfn);
	else
		iova_node_gained(above, 0, cur->tree->start_pfn);
}

/* From the node below the cursor into the gap below all of it. */
static void enter_below(struct iova_cursor *cur)
{
	cur->depth = iova_way_below(cur);
	iova_way_enter(cur, 0);
}

/* Both nodes beside the cursor have changed. */
static void settle_both(struct iova_cursor *cur)
{
	unsigned below = iova_way_below(cur), above = iova_way_above(cur);

	if (below > above)
		iova_way_settle(cur, below, above);
	else
		iova_way_settle(cur, above, below);
}

/* Only the node below, or the next. */
static void settle_one(struct iova_cursor *cur, unsigned depth)
{
	iova_way_settle(cur, depth, depth);
}

/* Insert. */

static void insert_inside(struct iova_cursor *cur, uint64_t lo, uint64_t hi)
{
	struct iova_node *n = cur->below;
	uint64_t gap = iova_node_gap(n, cur->index);

	iova_node_insert(n, cur->index, lo, hi);
	iova_node_lost(n, gap, cur->tree->start_pfn);
	settle_one(cur, iova_way_below(cur));
}

static void insert_highest(struct iova_cursor *cur, uint64_t lo, uint64_t hi)
{
	struct iova_node *n = cur->below;

	iova_node_append(n, cur->above->floor, lo);
	iova_node_gained(n, n->n - 1, cur->tree->start_pfn);
	set_floor(cur, hi + 1);
	settle_both(cur);
}

static void insert_lowest(struct iova_cursor *cur, uint64_t lo, uint64_t hi)
{
	struct iova_node *n = cur->above;
	uint64_t gap = iova_node_gap(n, 0);

	iova_node_prepend(n, lo, hi);
	iova_node_lost(n, gap, cur->tree->start_pfn);
	settle_one(cur, iova_way_above(cur));
}

static void insert_node(struct iova_cursor *cur, uint64_t lo, uint64_t hi)
{
	struct iova_node *n = take_spare(cur->tree);

	iova_node_init(n, cur->above->floor, lo);
	iova_node_gained(n, 0, cur->tree->start_pfn);
	set_floor(cur, hi + 1);
	iova_way_attach(cur, n, iova_way_above(cur));
}

static void insert_between(struct iova_cursor *cur, uint64_t lo, uint64_t hi)
{
	const struct iova_node *below = cur->below, *above = cur->above;

	if (below && !iova_node_is_full(below) && iova_node_reaches_up(below, lo))
		insert_highest(cur, lo, hi);
	else if (!iova_node_is_full(above) && iova_node_reaches_down(above, lo))
		insert_lowest(cur, lo, hi);
	else
		insert_node(cur, lo, hi);
}

static void split_below(struct iova_cursor *cur)
{
	struct iova_node *n = cur->below, *lower = take_spare(cur->tree);

	iova_node_split(n, lower);
	iova_node_count(n, cur->tree->start_pfn);
	iova_node_count(lower, cur->tree->start_pfn);
	enter_below(cur);
	iova_way_attach(cur, lower, iova_way_above(cur));
}

void iova_cursor_insert(struct iova_cursor *cur, uint64_t lo, uint64_t hi)
{
	if (iova_way_is_inside(cur) && iova_node_is_full(cur->below)) {
		split_below(cur);
		iova_tree_seek(cur->tree, lo, cur);
	}
	cur->tree->nranges++;
	if (iova_way_is_inside(cur))
		insert_inside(cur, lo, hi);
	else
		insert_between(cur, lo, hi);
}

/* Remove. */

/* All of the node below goes to the next, if it may: T6. */
static bool join(struct iova_cursor *cur)
{
	struct iova_node *below = cur->below, *above = cur->above;

	if (!below || !above || below->n + above->n > (int)IOVA_NODE_FEW ||
	    !iova_node_reaches_down(above, below->lo))
		return false;
	iova_node_join(below, above);
	iova_way_detach(cur);
	iova_node_wipe(below);
	give_back(cur->tree, below);
	return true;
}

/* The node below has changed, and the tree has its shape still. */
static void join_neighbours(struct iova_cursor *cur)
{
	if (cur->below->n > IOVA_NODE_FEW || join(cur))
		return;
	enter_below(cur);
	join(cur);
}

static void remove_highest(struct iova_cursor *cur)
{
	struct iova_node *n = cur->below;
	unsigned last = n->n - 1;
	uint64_t gap = iova_node_gap(n, last), end = iova_node_gap_start(n, last);

	iova_node_delete(n, last);
	iova_node_lost(n, gap, cur->tree->start_pfn);
	set_floor(cur, end);
	settle_both(cur);
}

static void remove_other(struct iova_cursor *cur)
{
	struct iova_node *n = cur->below;
	unsigned i = cur->index - 1;

	iova_node_delete(n, i);
	iova_node_gained(n, i, cur->tree->start_pfn);
	settle_one(cur, iova_way_below(cur));
}

static void remove_node(struct iova_cursor *cur)
{
	struct iova_node *n = cur->below;

	set_floor(cur, n->floor);
	iova_way_detach(cur);
	give_back(cur->tree, n);
}

void iova_cursor_remove(struct iova_cursor *cur)
{
	cur->tree->nranges--;
	if (cur->below->n == 1) {
		remove_node(cur);
		return;
	}
	if (iova_way_is_inside(cur))
		remove_other(cur);
	else
		remove_highest(cur);
	join_neighbours(cur);
}

/* Grow. */

/* If it is the highest of the node, that may have come near enough to the node below for a join. */
static void grow_inside(struct iova_cursor *cur, uint64_t lo)
{
	struct iova_node *n = cur->below;
	uint64_t gap = iova_node_gap(n, cur->index);

	n->start[cur->index] = (uint32_t)(lo - n->lo);
	iova_node_lost(n, gap, cur->tree->start_pfn);
	settle_one(cur, iova_way_below(cur));
	join_neighbours(cur);
}

/* So it may, if it is alone in its node. */
static void grow_lowest(struct iova_cursor *cur, uint64_t lo)
{
	struct iova_node *n = cur->above;
	uint64_t gap = iova_node_gap(n, 0);

	iova_node_move(n, lo);
	iova_node_lost(n, gap, cur->tree->start_pfn);
	settle_one(cur, iova_way_above(cur));
	join(cur);
}

/* The lowest range of the next node is too long for that. */
static void grow_out(struct iova_cursor *cur, uint64_t lo)
{
	uint64_t hi = iova_node_gap_start(cur->above, 1) - 1;

	iova_tree_seek(cur->tree, hi, cur);
	iova_cursor_remove(cur);
	iova_tree_seek(cur->tree, lo, cur);
	iova_cursor_insert(cur, lo, hi);
}

bool iova_cursor_grow(struct iova_cursor *cur, uint64_t lo)
{
	if (iova_way_is_inside(cur))
		grow_inside(cur, lo);
	else if (cur->above->n == 1 || iova_node_reaches_down(cur->above, lo))
		grow_lowest(cur, lo);
	else if (iova_tree_prepare(cur->tree))
		grow_out(cur, lo);
	else
		return false;
	return true;
}
