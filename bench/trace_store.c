// SPDX-License-Identifier: MIT
/*
 * trace_store.c - growing arrays and interned names, which is all a trace is
 *
 * Picture:
 *
 *    events[]    one of 56 bytes for every line that parses
 *      aux -.
 *    lists[] <- one for every scatter-list event
 *      first_phys, nphys ------------> phys[]      physical addresses, end to end
 *      first_segment, nsegments -----> segments[]  address and length, end to end
 *
 *    names: text -> index, by open addressing; slot[] holds indices into name[]
 *
 * Indices are 32 bits wide; TRACE_NONE is never one.
 *
 * Invariants:
 *  T1  an array of n elements has room for the next power of two, at least
 *      GROW_FIRST, so its capacity need not be stored;
 *  T2  slot[] is at most half full, so that a search always meets an empty one.
 */
#include "trace_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A power of two; small enough for the side arrays of a trace without lists. */
#define GROW_FIRST 1024u

#define NAMES_FIRST 64u

static bool is_power_of_two(uint32_t n)
{
	return (n & (n - 1)) == 0;
}

int trace_grow(void *array, uint32_t count, size_t element_bytes)
{
	size_t room = count ? 2 * (size_t)count : GROW_FIRST;
	void *old, *grown;

	if (count >= TRACE_NONE - 1)
		return -EFBIG;
	if (count && (count < GROW_FIRST || !is_power_of_two(count)))
		return 0;
	memcpy(&old, array, sizeof(old));
	grown = reallocarray(old, room, element_bytes);
	if (!grown)
		return -ENOMEM;
	memcpy(array, &grown, sizeof(grown));
	return 0;
}

/* FNV-1a: names are a dozen bytes long. */
static uint32_t hash_name(struct trace_span name)
{
	uint32_t hash = 2166136261u;

	for (const char *p = name.at; p < name.end; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	return hash;
}

static bool is_name(const char *name, struct trace_span span)
{
	size_t len = (size_t)(span.end - span.at);

	return strnlen(name, len + 1) == len && !memcmp(name, span.at, len);
}

/* The slot that holds @name, or the empty one where it belongs. */
static uint32_t *find_slot(const struct trace_names *names, struct trace_span name)
{
	uint32_t i = hash_name(name) & (names->nslots - 1);

	while (names->slot[i] != TRACE_NONE && !is_name(names->name[names->slot[i]], name))
		i = (i + 1) & (names->nslots - 1);
	return &names->slot[i];
}

/* Twice the slots, every name put in again. */
static int rehash(struct trace_names *names)
{
	uint32_t nslots = names->nslots ? 2 * names->nslots : NAMES_FIRST;
	uint32_t *slot = reallocarray(NULL, nslots, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	memset(slot, 0xff, nslots * sizeof(*slot));
	free(names->slot);
	names->slot = slot;
	names->nslots = nslots;
	for (uint32_t i = 0; i < names->count; i++) {
		const char *name = names->name[i];

		*find_slot(names, (struct trace_span){name, name + strlen(name)}) = i;
	}
	return 0;
}

static int add_name(struct trace_names *names, struct trace_span name, uint32_t *slot)
{
	int err = trace_grow(&names->name, names->count, sizeof(*names->name));
	char *copy;

	if (err)
		return err;
	copy = strndup(name.at, (size_t)(name.end - name.at));
	if (!copy)
		return -ENOMEM;
	*slot = names->count;
	names->name[names->count++] = copy;
	return 0;
}

/* The number of @name, a new one if it was not seen before. */
int trace_names_intern(struct trace_names *names, struct trace_span name, uint32_t *out)
{
	uint32_t *slot;
	int err;

	if (2 * names->count >= names->nslots) {
		err = rehash(names);
		if (err)
			return err;
	}
	slot = find_slot(names, name);
	if (*slot == TRACE_NONE) {
		err = add_name(names, name, slot);
		if (err)
			return err;
	}
	*out = *slot;
	return 0;
}

void trace_names_free(struct trace_names *names)
{
	for (uint32_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
	free(names->slot);
}

int trace_store_event(struct trace *trace, const struct trace_event *event)
{
	int err = trace_grow(&trace->events, trace->nevents, sizeof(*event));

	if (err)
		return err;
	trace->events[trace->nevents++] = *event;
	trace->of_kind[event->kind]++;
	if (event->cpu >= trace->ncpus)
		trace->ncpus = event->cpu + 1u;
	return 0;
}

int trace_store_phys(struct trace *trace, uint64_t phys)
{
	int err = trace_grow(&trace->phys, trace->nphys, sizeof(phys));

	if (!err)
		trace->phys[trace->nphys++] = phys;
	return err;
}

int trace_store_segment(struct trace *trace, uint64_t addr, uint64_t len)
{
	int err = trace_grow(&trace->segments, trace->nsegments, sizeof(*trace->segments));

	if (!err)
		trace->segments[trace->nsegments++] = (struct trace_segment){addr, len};
	return err;
}

int trace_store_list(struct trace *trace, const struct trace_list *list)
{
	int err = trace_grow(&trace->lists, trace->nlists, sizeof(*list));

	if (!err)
		trace->lists[trace->nlists++] = *list;
	return err;
}

void trace_skip_add(struct trace_skip_count *skips, enum trace_skip why, uint32_t line)
{
	if (skips[why].count++ == 0)
		skips[why].first_line = line;
}

void trace_free(struct trace *trace)
{
	if (!trace)
		return;
	free(trace->events);
	free(trace->lists);
	free(trace->phys);
	free(trace->segments);
	trace_names_free(&trace->devices);
	trace_names_free(&trace->iova_domains);
	free(trace);
}
