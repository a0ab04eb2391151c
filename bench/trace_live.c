// SPDX-License-Identifier: MIT
/*
 * trace_live.c - which mappings are live, found by a hash
 *
 * Picture:
 *
 *    head[hash]  ->  7  ->  3  ->  TRACE_NONE         newest first
 *                    next[7] = 3, next[3] = TRACE_NONE
 *
 * A multimap: several live mappings may have one key, since an address may be mapped
 * again before the unmap of its last owner is printed, and two scatter lists may name
 * the same pages.  The caller walks a chain and compares; this file knows no keys, only
 * their hashes.  All memory is taken at once: a mapping is in an index once at most.
 *
 * Invariants:
 *  L1  a chain holds exactly the mappings that were added and not removed;
 *  L2  it goes from the newest to the oldest as long as they are added in order.
 */
#include "trace_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Live mappings are far fewer than mappings: more heads would only cost cache. */
#define HEADS_MAX (1u << 16)

int trace_live_init(struct trace_live *live, uint32_t nmappings)
{
	live->nheads = 64;
	while (live->nheads < nmappings && live->nheads < HEADS_MAX)
		live->nheads *= 2;
	live->nnext = nmappings;
	live->head = reallocarray(NULL, live->nheads, sizeof(*live->head));
	live->next = calloc(nmappings + 1u, sizeof(*live->next));
	if (!live->head || !live->next) {
		trace_live_fini(live);
		return -ENOMEM;
	}
	memset(live->head, 0xff, live->nheads * sizeof(*live->head));
	return 0;
}

void trace_live_fini(struct trace_live *live)
{
	free(live->head);
	free(live->next);
	live->head = NULL;
	live->next = NULL;
}

/* Both halves of a key, mixed so that the low bits depend on all (splitmix64's steps). */
uint64_t trace_live_hash(uint64_t a, uint64_t b)
{
	uint64_t x = a * UINT64_C(0x9e3779b97f4a7c15) + b;

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static uint32_t *head_of(const struct trace_live *live, uint64_t hash)
{
	return &live->head[hash & (live->nheads - 1)];
}

void trace_live_add(struct trace_live *live, uint64_t hash, uint32_t mapping)
{
	uint32_t *head = head_of(live, hash);

	live->next[mapping] = *head;
	*head = mapping;
}

/* Take out @mapping, which was added with the same hash. */
void trace_live_remove(struct trace_live *live, uint64_t hash, uint32_t mapping)
{
	uint32_t *link = head_of(live, hash);

	while (*link != TRACE_NONE && *link != mapping)
		link = &live->next[*link];
	if (*link == mapping)
		*link = live->next[mapping];
}

/* The newest mapping of the chain; go on with live->next[] until TRACE_NONE. */
uint32_t trace_live_first(const struct trace_live *live, uint64_t hash)
{
	return *head_of(live, hash);
}
