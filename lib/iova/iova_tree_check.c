// SPDX-License-Identifier: MIT
/*
 * iova_tree_check.c - the walker of iova_tree.c
 *
 * One walk in ascending order.  What a node must know of its sides is worked out from the gaps
 * alone and in 64 bits, by none of the code that keeps it up to date:
 *
 *        [ n ]          knows: the largest of what both calls below have returned
 *       /     \
 *    [..]     [..]      returns: its largest gap and aligned room, its height
 *
 * What is found first is reported.  T1-T5 are those of iova_tree.c.
 *
 * Locking: the caller's.
 */
#include "iova_tree.h"

struct walk {
	const struct iova_tree *tree;
	const struct iova_node *last;
	uint64_t nnodes;
	const char *wrong;
};

/* Of a subtree, or of one gap. */
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

static struct found own_gap(const struct walk *walk, const struct iova_node *n)
{
	uint64_t start = walk->tree->start_pfn, first = n->floor > start ? n->floor : start;

	if (first >= n->lo)
		return (struct found){0};
	return (struct found){.gap = n->lo - first, .aligned = iova_aligned_room(first, n->lo)};
}

/* T1, T2 */
static void check_order(struct walk *walk, const struct iova_node *n)
{
	report(walk, walk->last ? n->floor <= walk->last->lo : n->floor != 0,
	       "a gap does not begin where the range below ends");
	report(walk, n->floor > n->lo, "ranges overlap");
	walk->last = n;
	walk->nnodes++;
}

static bool is_room_of(uint32_t room, uint64_t size)
{
	return room == (size < IOVA_ROOM_MAX ? size : IOVA_ROOM_MAX);
}

/* T3, T4 */
static void check_side(struct walk *walk, const struct iova_node *n, enum iova_side side,
		       struct found found)
{
	report(walk, n->height[side] != found.height || n->height[side] > n->height[!side] + 1,
	       "the tree is out of balance");
	report(walk,
	       !is_room_of(n->room[side][0], found.gap) ||
		       !is_room_of(n->room[side][1], found.aligned),
	       "a node does not know the gaps of its side");
}

/* As deep as the tree is high. */
static struct found check_subtree(struct walk *walk, const struct iova_node *n)
{
	struct found below, above;

	if (!n)
		return (struct found){0};
	below = check_subtree(walk, n->child[IOVA_BELOW]);
	check_order(walk, n);
	below = larger(below, own_gap(walk, n));
	above = check_subtree(walk, n->child[IOVA_ABOVE]);
	check_side(walk, n, IOVA_BELOW, below);
	check_side(walk, n, IOVA_ABOVE, above);
	above = larger(below, above);
	above.height++;
	return above;
}

const char *iova_tree_check(const struct iova_tree *tree)
{
	struct walk walk = {.tree = tree};

	check_subtree(&walk, tree->root);
	report(&walk, walk.last != &tree->anchor || walk.last->lo != IOVA_ANCHOR_PFN,
	       "the anchor is not the last range");
	report(&walk, walk.nnodes - 1 != tree->nranges, "the number of ranges is wrong");
	return walk.wrong;
}
