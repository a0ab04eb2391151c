/* SPDX-License-Identifier: MIT */
/*
 * iova_node.h - some neighbouring ranges in a few cache lines
 *
 *      floor      lo
 *        |..gap 0..[range 0]..gap 1..[range 1]..gap 2..[range 2]
 *                  |        |        |        |        |        |
 *                  start 0  end 0    start 1  end 1    start 2  the next node's floor
 *
 * Starts and ends are 32 bits, from lo on: eight bytes a range.  So the last start of a node is
 * less than IOVA_NODE_SPAN above its first, and where the last range ends is said by the next
 * node alone.  What is behind the last, of both arrays, is IOVA_NODE_NONE: a search and the
 * count of gaps run over whole arrays, in vector instructions, without a branch.
 *
 * Locking: the caller's.
 */
#ifndef DMAPOOL_IOVA_NODE_H
#define DMAPOOL_IOVA_NODE_H

#include "iova_tree.h"

#define IOVA_NODE_NONE UINT32_MAX
#define IOVA_NODE_SPAN ((uint64_t)IOVA_NODE_NONE)

/* Two neighbours with so many ranges together are joined if they may be. */
#define IOVA_NODE_FEW (IOVA_NODE_RANGES / 2)

/* Nothing is behind its first range any more. */
void iova_node_wipe(struct iova_node *n);
/* A node of one range, without rooms; it was wiped, or had one range. */
void iova_node_init(struct iova_node *n, uint64_t floor, uint64_t lo);
/* Works the node's rooms out; @start_pfn: pfns below it belong to no gap. */
void iova_node_count(struct iova_node *n, uint64_t start_pfn);

/* Changes, of whose gaps the node's rooms know nothing yet. */

/* Puts @lo .. @hi between ranges @i - 1 and @i. */
void iova_node_insert(struct iova_node *n, unsigned i, uint64_t lo, uint64_t hi);
/* Puts @lo .. @hi below all others. */
void iova_node_prepend(struct iova_node *n, uint64_t lo, uint64_t hi);
/* Puts a range that starts at @lo above all others, the highest of which ended before @end. */
void iova_node_append(struct iova_node *n, uint64_t end, uint64_t lo);
/* Takes out one of several ranges. */
void iova_node_delete(struct iova_node *n, unsigned i);
/* Moves the start of the lowest range to @lo. */
void iova_node_move(struct iova_node *n, uint64_t lo);
/* The lower half of a full node goes to @lower, which is new. */
void iova_node_split(struct iova_node *n, struct iova_node *lower);
/* All of @n goes to its upper neighbour, the rooms too. */
void iova_node_join(const struct iova_node *n, struct iova_node *upper);

static inline bool iova_node_is_full(const struct iova_node *n)
{
	return n->n == IOVA_NODE_RANGES;
}

/* Where the gap below the @i-th range begins. */
static inline uint64_t iova_node_gap_start(const struct iova_node *n, unsigned i)
{
	return i > 0 ? n->lo + n->end[i - 1] : n->floor;
}

static inline uint64_t iova_node_gap(const struct iova_node *n, unsigned i)
{
	return i > 0 ? n->start[i] - n->end[i - 1] : n->lo - n->floor;
}

/* May a range that starts at @lo be the highest? */
static inline bool iova_node_reaches_up(const struct iova_node *n, uint64_t lo)
{
	return lo - n->lo < IOVA_NODE_SPAN;
}

/* May a range that starts at @lo be the lowest? */
static inline bool iova_node_reaches_down(const struct iova_node *n, uint64_t lo)
{
	return n->lo + n->start[n->n - 1] - lo < IOVA_NODE_SPAN;
}

/* How many ranges start at or below @pfn, which is not below lo. */
static inline unsigned iova_node_index(const struct iova_node *n, uint64_t pfn)
{
	uint64_t from_lo = pfn - n->lo;
	uint32_t at = from_lo < IOVA_NODE_SPAN ? (uint32_t)from_lo : IOVA_NODE_NONE - 1;
	uint32_t i, index = 0;

	for (i = 0; i < IOVA_NODE_RANGES; i++)
		index += n->start[i] <= at;
	return index;
}

/* The rooms with the gap @first .. @end - 1 counted in. */
struct iova_room iova_room_with(struct iova_room room, uint64_t first, uint64_t end,
				uint64_t start_pfn);

/* A gap of the node is larger than it was. */
static inline void iova_node_gained(struct iova_node *n, unsigned i, uint64_t start_pfn)
{
	if (iova_node_gap(n, i) > n->own.aligned) /* otherwise it is not the largest of any kind */
		n->own = iova_room_with(n->own, iova_node_gap_start(n, i), n->lo + n->start[i],
					start_pfn);
}

/* A gap of the node that was of size @gap is smaller, or in parts. */
static inline void iova_node_lost(struct iova_node *n, uint64_t gap, uint64_t start_pfn)
{
	if (gap < n->own.aligned) /* it was not the largest of any kind */
		return;
	n->own = (struct iova_room){0};
	if (n->n == 1)
		iova_node_gained(n, 0, start_pfn);
	else
		iova_node_count(n, start_pfn);
}

#endif
