// SPDX-License-Identifier: MIT
/*
 * iova_tree_check.c - the walker of iova_tree.c and iova_node.c
 *
 * One walk in ascending order.  What a node must know of its gaps and of its sides is worked out
 * from starts and ends alone and in 64 bits, by none of the code that keeps it up to date:
 *
 *        [ n ]          knows: the largest of what both calls below have returned, and its own
 *       /     \
 *    [..]     [..]      returns: its largest gap and aligned room, its height
 *
 * What is found first is reported.  T1-T6 are those of iova_tree.c, N1 and N2 of iova_node.c.
 *
 * Locking: the caller's.
 */
#include "iova_node.h"

struct walk {
	const struct iova_tree *tree;
	const struct iova_node *last;
	uint64_t nranges;
	const char *wrong;
};

/* Of a subtree, or of a node's own gaps. */
struct found {
	uint64_t gap, aligned;
	unsigned height;
};

static void report(struct walk *walk, bool is_wrong, const char *what)
{
	if (is_wrong && !walk->wrong)
		walk->wrong = what;
}

static struct found larger(struct found a, struct found b)
{
	return (struct found){
		.gap = a.gap > b.gap ? a.gap : b.gap,
		.aligned = a.aligned > b.aligned ? a.aligned : b.aligned,
		.height = a.height > b.height ? a.height : b.height,
	};
}

static struct found of_gap(const struct walk *walk, uint64_t first, uint64_t end)
{
	if (first < walk->tree->start_pfn)
		first = walk->tree->start_pfn;
	if (first >= end)
		return (struct found){0};
	return (struct found){.gap = end - first, .aligned = iova_aligned_room(first, end)};
}

static bool is_room_of(uint32_t room, uint64_t size)
{
	return room == (size < IOVA_ROOM_MAX ? size : IOVA_ROOM_MAX);
}

static bool are_rooms_of(const struct iova_room *room, struct found found)
{
	return is_room_of(room->gap, found.gap) && is_room_of(room->aligned, found.aligned);
}

/* N1, and T1 inside the node */
static void check_ranges(struct walk *walk, const struct iova_node *n)
{
	unsigned i;

	report(walk, n->n == 0 || n->n > IOVA_NODE_RANGES, "a node has no ranges or too many");
	report(walk, n->start[0] != 0, "a node does not begin with its lowest range");
	for (i = 1; i < n->n && !walk->wrong; i++)
		report(walk, n->end[i - 1] <= n->start[i - 1] || n->start[i] < n->end[i - 1],
		       "ranges overlap");
	for (i = n->n; i <= IOVA_NODE_RANGES && !walk->wrong; i++)
		report(walk,
		       n->end[i - 1] != IOVA_NODE_NONE ||
			       (i < IOVA_NODE_RANGES && n->start[i] != IOVA_NODE_NONE),
		       "a node has something behind its last range");
}

/* N2; returns what own must be. */
static struct found check_own(struct walk *walk, const struct iova_node *n)
{
	struct found found = of_gap(walk, n->floor, n->lo);
	unsigned i;

	for (i = 1; i < n->n && !walk->wrong; i++)
		found = larger(found, of_gap(walk, n->lo + n->end[i - 1], n->lo + n->start[i]));
	report(walk, !are_rooms_of(&n->own, found), "a node does not know its own gaps");
	return found;
}

static uint64_t last_start(const struct iova_node *n)
{
	return n->lo + n->start[n->n - 1];
}

/* T6 */
static bool should_be_one(const struct iova_node *a, const struct iova_node *b)
{
	return a->n + b->n <= (int)IOVA_NODE_FEW && last_start(b) - a->lo < IOVA_NODE_NONE;
}

/* T1 and T2 between nodes, T6 */
static void check_order(struct walk *walk, const struct iova_node *n)
{
	report(walk, walk->last ? n->floor <= last_start(walk->last) : n->floor != 0,
	       "a gap does not begin where the range below ends");
	report(walk, n->floor > n->lo, "ranges overlap");
	report(walk, walk->last && should_be_one(walk->last, n), "two nodes should be one");
	walk->last = n;
	walk->nranges += n->n;
}

/* T3, T4 */
static void check_side(struct walk *walk, const struct iova_node *n, enum iova_side side,
		       struct found found)
{
	report(walk, n->height[side] != found.height || n->height[side] > n->height[!side] + 1,
	       "the tree is out of balance");
	report(walk, !are_rooms_of(&n->room[side], found),
	       "a node does not know the gaps of its side");
}

/* As deep as the tree is high. */
static struct found check_subtree(struct walk *walk, const struct iova_node *n)
{
	struct found below, own, above;

	if (!n)
		return (struct found){0};
	below = check_subtree(walk, n->child[IOVA_BELOW]);
	check_ranges(walk, n);
	if (walk->wrong)
		return below;
	own = check_own(walk, n);
	check_order(walk, n);
	above = check_subtree(walk, n->child[IOVA_ABOVE]);
	check_side(walk, n, IOVA_BELOW, below);
	check_side(walk, n, IOVA_ABOVE, above);
	above = larger(larger(below, own), above);
	above.height++;
	return above;
}

const char *iova_tree_check(const struct iova_tree *tree)
{
	struct walk walk = {.tree = tree};

	check_subtree(&walk, tree->root);
	if (walk.wrong)
		return walk.wrong;
	report(&walk, walk.last != &tree->top || last_start(walk.last) != tree->end,
	       "the anchor is not the last range");
	report(&walk, walk.nranges - 1 != tree->nranges, "the number of ranges is wrong");
	return walk.wrong;
}
