// SPDX-License-Identifier: MIT
/*
 * iova_node.c - some neighbouring ranges in a few cache lines
 *
 *   start  | 0 | s1 | s2 | s3 | -  | -  | ...      - is IOVA_NODE_NONE
 *   end    | e0| e1 | e2 | -  | -  | -  | ...
 *
 *   gap i = start[i] - end[i - 1]: behind the last it is 0, so that no count needs to know n
 *
 * The lowest start is 0.  What becomes the lowest moves lo, and every other start and end by as
 * much.
 *
 * Invariants, walked by iova_tree_check.c:
 *  N1  starts and ends ascend up to the last start; what is behind is IOVA_NODE_NONE;
 *  N2  own has the largest gap, and the largest room for an aligned request, of all gaps i;
 *      both stop at IOVA_ROOM_MAX.
 *
 * Rooms of aligned requests are kept apart from sizes of gaps, because a search by size alone
 * would try every gap that is large enough and misaligned.  A room is worked out for a gap that
 * may be the largest, and all are gone through only when the largest has become smaller.
 *
 * Locking: the caller's; iova_node.h.
 */
#include "iova_node.h"

#include <assert.h>
#include <string.h>

static_assert(offsetof(struct iova_node, start) == DMP_CACHE_LINE, "a line beside the ranges");
static_assert(IOVA_NODE_RANGES % 2 == 0 && IOVA_NODE_RANGES <= UINT8_MAX, "halves; counted in n");

/* Rooms. */

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t room_of(uint64_t size)
{
	return size < IOVA_ROOM_MAX ? (uint32_t)size : IOVA_ROOM_MAX;
}

struct iova_room iova_room_with(struct iova_room room, uint64_t first, uint64_t end,
				uint64_t start_pfn)
{
	if (first < start_pfn)
		first = start_pfn;
	if (first >= end)
		return room;
	return (struct iova_room){
		.gap = larger(room.gap, room_of(end - first)),
		.aligned = larger(room.aligned, room_of(iova_aligned_room(first, end))),
	};
}

/* No room is larger. */
static uint32_t bound_of_rooms(const struct iova_node *n)
{
	uint32_t i, all = 0;

	for (i = 1; i < IOVA_NODE_RANGES; i++)
		all |= n->start[i] - n->end[i - 1];
	return room_of(all | (n->lo - n->floor));
}

void iova_node_count(struct iova_node *n, uint64_t start_pfn)
{
	uint32_t bound = bound_of_rooms(n);
	unsigned i;

	n->own = (struct iova_room){0};
	for (i = 0; i < n->n && n->own.aligned < bound; i++)
		iova_node_gained(n, i, start_pfn);
}

/* Changes. */

void iova_node_wipe(struct iova_node *n)
{
	memset(n->start, 0xff, sizeof(n->start));
	memset(n->end, 0xff, sizeof(n->end));
}

void iova_node_init(struct iova_node *n, uint64_t floor, uint64_t lo)
{
	memset(n, 0, offsetof(struct iova_node, start));
	n->floor = floor;
	n->lo = lo;
	n->n = 1;
	n->start[0] = 0;
}

/* Makes a place for an @i-th range. */
static void open_place(struct iova_node *n, unsigned i)
{
	size_t len = (n->n - i) * sizeof(n->start[0]);

	memmove(&n->start[i + 1], &n->start[i], len);
	memmove(&n->end[i + 1], &n->end[i], len);
	n->n++;
}

/* The @i-th range is no more. */
static void close_place(struct iova_node *n, unsigned i)
{
	size_t len = (n->n - 1 - i) * sizeof(n->start[0]);

	memmove(&n->start[i], &n->start[i + 1], len);
	memmove(&n->end[i], &n->end[i + 1], len);
	n->n--;
	n->start[n->n] = n->end[n->n - 1] = IOVA_NODE_NONE;
}

void iova_node_move(struct iova_node *n, uint64_t lo)
{
	uint32_t down = (uint32_t)(n->lo - lo);
	unsigned i;

	n->lo = lo;
	n->start[0] = 0;
	for (i = 1; i < n->n; i++)
		n->start[i] += down;
	for (i = 0; i + 1 < n->n; i++)
		n->end[i] += down;
}

void iova_node_insert(struct iova_node *n, unsigned i, uint64_t lo, uint64_t hi)
{
	open_place(n, i);
	n->start[i] = (uint32_t)(lo - n->lo);
	n->end[i] = (uint32_t)(hi + 1 - n->lo);
}

void iova_node_prepend(struct iova_node *n, uint64_t lo, uint64_t hi)
{
	open_place(n, 0);
	iova_node_move(n, lo);
	n->end[0] = (uint32_t)(hi + 1 - lo);
}

void iova_node_append(struct iova_node *n, uint64_t end, uint64_t lo)
{
	n->end[n->n - 1] = (uint32_t)(end - n->lo);
	n->start[n->n++] = (uint32_t)(lo - n->lo);
}

void iova_node_delete(struct iova_node *n, unsigned i)
{
	close_place(n, i);
	if (i == 0)
		iova_node_move(n, n->lo + n->start[0]);
}

void iova_node_split(struct iova_node *n, struct iova_node *lower)
{
	const unsigned half = IOVA_NODE_RANGES / 2;
	const size_t len = half * sizeof(n->start[0]);

	iova_node_init(lower, n->floor, n->lo);
	lower->n = n->n = half;
	memcpy(lower->start, n->start, len);
	memcpy(lower->end, n->end, len - sizeof(n->end[0]));
	n->floor = n->lo + n->end[half - 1];
	memcpy(n->start, &n->start[half], len);
	memcpy(n->end, &n->end[half], len);
	memset(&n->start[half], 0xff, len);
	memset(&n->end[half], 0xff, len);
	iova_node_move(n, n->lo + n->start[0]);
}

/*
 *   floor                          floor
 *     |..[a][b].....[c]..[d]   ->    |..[a][b].....[c]..[d]
 *     `-- n --'`- upper --'          `------ upper ------'
 */
void iova_node_join(const struct iova_node *n, struct iova_node *upper)
{
	const size_t word = sizeof(n->start[0]);
	uint64_t from = upper->lo - n->lo, end = upper->floor - n->lo;

	iova_node_move(upper, n->lo);
	upper->start[0] = (uint32_t)from;
	memmove(&upper->start[n->n], upper->start, upper->n * word);
	memmove(&upper->end[n->n], upper->end, upper->n * word);
	memcpy(upper->start, n->start, n->n * word);
	memcpy(upper->end, n->end, n->n * word);
	upper->end[n->n - 1] = (uint32_t)end;
	upper->floor = n->floor;
	upper->n = (uint8_t)(upper->n + n->n);
	upper->own.gap = larger(upper->own.gap, n->own.gap);
	upper->own.aligned = larger(upper->own.aligned, n->own.aligned);
}
