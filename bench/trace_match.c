// SPDX-License-Identifier: MIT
/*
 * trace_match.c - who ends what: from events to mappings and steps
 *
 * Picture, one pass over the events with an index of what is live:
 *
 *    map, alloc     -> new mapping, its entries, a MAP step        into the index
 *    unmap, free    -> the mapping it ends, an UNMAP step          out of the index
 *    sync           -> the mapping that holds the address, a SYNC step (one an entry)
 *    the others     -> nothing
 *
 * What ends what:
 *  page, resource, alloc, alloc_pages, alloc_sgt: same call, device and address.  An
 *      address can be live twice, because Linux prints an unmap when the address is
 *      already free again, or because a machine without IOMMU maps one buffer twice:
 *      the oldest of the same size then, or the oldest.
 *  sg: Linux prints no address, so same device and same list; a map names at most 128 of
 *      its entries, an unmap all of them.  If several live lists are the same, the IOMMU
 *      unmap line just before, on the same CPU, tells the address; else the oldest.
 *  sync: the mapping of the device that begins nearest below the address and reaches it.
 *      A list's sync begins at its first segment, and its sizes are those of the entries,
 *      so they are laid end to end.
 *
 * A request that the kernel refused is counted and leaves nothing to replay.  A map of no
 * bytes, or of fewer bytes than its list has entries, is counted too: no kernel prints it.
 *
 * Invariants, walked by trace_plan_check():
 *  P1  mappings are in the order of their map events, steps in the order of theirs;
 *  P2  every mapping has one MAP step, at most one UNMAP step later, and its syncs between;
 *  P3  entries are not empty and add up to the mapping (trace_entries.c C1);
 *  P4  MAP steps = UNMAP steps + live at the end.
 */
#include "trace_internal.h"

#include <errno.h>
#include <stdlib.h>

/* A sync may lie this many pages behind the start of its mapping: 8 MiB. */
#define SYNC_REACH 2048u

/* How many lines back the IOMMU's unmap of a list can stand: interrupts come between. */
#define UNMAP_WALK 256u

struct matcher {
	const struct trace *trace;
	struct trace_plan *plan;
	struct trace_live by_addr; /* all, by device and page of the address */
	struct trace_live by_list; /* sg, by device and first entry */
	uint64_t reach;            /* pages of the largest mapping so far, up to SYNC_REACH */
};

/* What a kind of event begins or ends; TRACE_NSHAPES: nothing. */
static unsigned shape_of(unsigned kind)
{
	switch (kind) {
	case TRACE_MAP_PAGE:
	case TRACE_UNMAP_PAGE: return TRACE_SHAPE_PAGE;
	case TRACE_MAP_RESOURCE:
	case TRACE_UNMAP_RESOURCE: return TRACE_SHAPE_RESOURCE;
	case TRACE_MAP_SG:
	case TRACE_UNMAP_SG: return TRACE_SHAPE_SG;
	case TRACE_ALLOC:
	case TRACE_FREE: return TRACE_SHAPE_COHERENT;
	case TRACE_ALLOC_PAGES:
	case TRACE_FREE_PAGES: return TRACE_SHAPE_PAGES;
	case TRACE_ALLOC_SGT:
	case TRACE_FREE_SGT: return TRACE_SHAPE_SGT;
	default: return TRACE_NSHAPES;
	}
}

static const struct trace_list *list_of(const struct matcher *m, uint32_t event)
{
	return &m->trace->lists[m->trace->events[event].aux];
}

static uint64_t addr_hash(uint32_t dev, uint64_t page)
{
	return trace_live_hash(page, dev);
}

static uint64_t hash_by_addr(const struct trace_mapping *map)
{
	return addr_hash(map->dev, map->addr / TRACE_PAGE);
}

static uint64_t hash_by_list(const struct matcher *m, const struct trace_mapping *map)
{
	return trace_live_hash(m->trace->events[map->map_event].phys, map->dev);
}

static void skip(struct matcher *m, enum trace_skip why, uint32_t event)
{
	trace_skip_add(m->plan->skips, why, m->trace->events[event].line);
}

static int add_step(struct matcher *m, struct trace_step step)
{
	struct trace_plan *plan = m->plan;
	int err = trace_grow(&plan->steps, plan->nsteps, sizeof(step));

	if (!err)
		plan->steps[plan->nsteps++] = step;
	return err;
}

/* Could this have been mapped at all? */
static bool is_impossible(const struct matcher *m, uint32_t event, unsigned shape)
{
	const struct trace_event *e = &m->trace->events[event];

	if (shape == TRACE_SHAPE_SG || shape == TRACE_SHAPE_SGT)
		return e->size < list_of(m, event)->nphys;
	return e->size == 0;
}

/* Count a map of an address that has not been unmapped yet. */
static void note_remap(struct matcher *m, const struct trace_mapping *map)
{
	uint32_t i = trace_live_first(&m->by_addr, hash_by_addr(map));

	for (; i != TRACE_NONE; i = m->by_addr.next[i]) {
		const struct trace_mapping *live = &m->plan->mappings[i];

		if (live->dev == map->dev && live->addr == map->addr) {
			m->plan->facts.remapped_live++;
			return;
		}
	}
}

static void go_live(struct matcher *m, uint32_t index)
{
	const struct trace_mapping *map = &m->plan->mappings[index];
	uint64_t pages = map->len / TRACE_PAGE + 2;

	note_remap(m, map);
	trace_live_add(&m->by_addr, hash_by_addr(map), index);
	if (map->shape == TRACE_SHAPE_SG)
		trace_live_add(&m->by_list, hash_by_list(m, map), index);
	if (pages > m->reach)
		m->reach = pages < SYNC_REACH ? pages : SYNC_REACH;
}

static struct trace_mapping mapping_of(const struct trace_event *e, uint32_t event, unsigned shape)
{
	return (struct trace_mapping){
		.addr = e->addr,
		.len = e->size,
		.map_event = event,
		.unmap_event = TRACE_NONE,
		.dev = e->dev,
		.attrs = e->attrs,
		.cpu = e->cpu,
		.shape = (uint8_t)shape,
		.dir = e->dir,
	};
}

static int map(struct matcher *m, uint32_t event, unsigned shape)
{
	const struct trace_event *e = &m->trace->events[event];
	struct trace_plan *plan = m->plan;
	struct trace_mapping new_map = mapping_of(e, event, shape);
	int err;

	if (e->addr == TRACE_ADDR_FAILED || is_impossible(m, event, shape)) {
		skip(m, e->addr == TRACE_ADDR_FAILED ? TRACE_SKIP_FAILED : TRACE_SKIP_IMPOSSIBLE,
		     event);
		return 0;
	}
	err = trace_entries_add(m->trace, event, plan, &new_map);
	if (err)
		return err;
	plan->mappings[plan->nmappings] = new_map;
	go_live(m, plan->nmappings);
	return add_step(m, (struct trace_step){.len = e->size,
					       .mapping = plan->nmappings++,
					       .event = event,
					       .op = TRACE_OP_MAP});
}

/* The mapping that an unmap by address ends, or TRACE_NONE. */
static uint32_t find_by_addr(const struct matcher *m, const struct trace_event *e, unsigned shape)
{
	uint32_t oldest = TRACE_NONE, same_size = TRACE_NONE;
	uint32_t i = trace_live_first(&m->by_addr, addr_hash(e->dev, e->addr / TRACE_PAGE));

	for (; i != TRACE_NONE; i = m->by_addr.next[i]) {
		const struct trace_mapping *live = &m->plan->mappings[i];

		if (live->dev != e->dev || live->addr != e->addr || live->shape != shape)
			continue;
		oldest = i;
		if (live->len == e->size)
			same_size = i;
	}
	return same_size != TRACE_NONE ? same_size : oldest;
}

/* Do a map's list (cut at 128) and an unmap's list (whole) name the same entries? */
static bool same_list(const struct matcher *m, uint32_t map_event, uint32_t unmap_event)
{
	const struct trace_list *a = list_of(m, map_event), *b = list_of(m, unmap_event);
	uint32_t n = a->nphys < b->nphys ? a->nphys : b->nphys;

	if (a->nphys_true != b->nphys_true ||
	    n < (a->nphys_true < TRACE_LIST_PRINTED_MAX ? a->nphys_true : TRACE_LIST_PRINTED_MAX))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (m->trace->phys[a->first_phys + i] != m->trace->phys[b->first_phys + i])
			return false;
	}
	return true;
}

/* The oldest live mapping with the list of @event; at address @iova only, if @at_iova. */
static uint32_t find_list(const struct matcher *m, uint32_t event, bool at_iova, uint64_t iova,
			  unsigned *nfound)
{
	const struct trace_event *e = &m->trace->events[event];
	uint32_t i = trace_live_first(&m->by_list, trace_live_hash(e->phys, e->dev));
	uint32_t oldest = TRACE_NONE;

	*nfound = 0;
	for (; i != TRACE_NONE; i = m->by_list.next[i]) {
		const struct trace_mapping *live = &m->plan->mappings[i];

		if (live->dev != e->dev ||
		    (at_iova && live->addr / TRACE_PAGE != iova / TRACE_PAGE))
			continue;
		if (!same_list(m, live->map_event, event))
			continue;
		oldest = i;
		++*nfound;
	}
	return oldest;
}

/* The mapping that an unmap by list ends, or TRACE_NONE. */
static uint32_t find_by_list(const struct matcher *m, uint32_t event)
{
	const struct trace_event *events = m->trace->events;
	unsigned n;
	uint32_t oldest = find_list(m, event, false, 0, &n);

	for (uint32_t i = event, walk = 0; n > 1 && i-- > 0 && walk < UNMAP_WALK; walk++) {
		unsigned there;
		uint32_t found;

		if (events[i].kind != TRACE_IOMMU_UNMAP || events[i].cpu != events[event].cpu)
			continue;
		found = find_list(m, event, true, events[i].addr, &there);
		if (found != TRACE_NONE)
			return found;
	}
	return oldest;
}

/* The mapping that an unmap ends; TRACE_NONE: none, which is noted. */
static uint32_t find_ended(struct matcher *m, uint32_t event, unsigned shape)
{
	const struct trace_event *e = &m->trace->events[event];
	uint32_t index;

	if (shape != TRACE_SHAPE_PAGE && shape != TRACE_SHAPE_SG && e->size == 0) {
		skip(m, TRACE_SKIP_NULL_FREE, event);
		return TRACE_NONE;
	}
	index = shape == TRACE_SHAPE_SG ? find_by_list(m, event) : find_by_addr(m, e, shape);
	if (index == TRACE_NONE)
		skip(m, TRACE_SKIP_UNMATCHED_UNMAP, event);
	return index;
}

static int unmap(struct matcher *m, uint32_t event, unsigned shape)
{
	uint32_t index = find_ended(m, event, shape);
	struct trace_mapping *ended;

	if (index == TRACE_NONE)
		return 0;
	ended = &m->plan->mappings[index];
	ended->unmap_event = event;
	trace_live_remove(&m->by_addr, hash_by_addr(ended), index);
	if (shape == TRACE_SHAPE_SG)
		trace_live_remove(&m->by_list, hash_by_list(m, ended), index);
	return add_step(m, (struct trace_step){.len = ended->len,
					       .mapping = index,
					       .event = event,
					       .op = TRACE_OP_UNMAP});
}

/* Bytes from map->addr on that the device sees in one piece. */
static uint64_t reach_of(const struct matcher *m, const struct trace_mapping *map)
{
	if (map->shape != TRACE_SHAPE_SG)
		return map->len;
	return m->trace->segments[list_of(m, map->map_event)->first_segment].len;
}

/* The oldest live mapping that begins in page @page and holds @addr, or TRACE_NONE. */
static uint32_t find_in_page(const struct matcher *m, uint32_t dev, uint64_t page, uint64_t addr)
{
	uint32_t i = trace_live_first(&m->by_addr, addr_hash(dev, page));
	uint32_t found = TRACE_NONE;

	for (; i != TRACE_NONE; i = m->by_addr.next[i]) {
		const struct trace_mapping *live = &m->plan->mappings[i];

		if (live->dev == dev && live->addr / TRACE_PAGE == page && live->addr <= addr &&
		    addr - live->addr < reach_of(m, live))
			found = i;
	}
	return found;
}

static uint32_t find_holding(const struct matcher *m, uint32_t dev, uint64_t addr)
{
	uint64_t page = addr / TRACE_PAGE;

	for (uint64_t back = 0; back <= m->reach && back <= page; back++) {
		uint32_t found = find_in_page(m, dev, page - back, addr);

		if (found != TRACE_NONE)
			return found;
	}
	return TRACE_NONE;
}

/* One step for @len bytes at *@offset, which moves on; nothing behind the mapping's end. */
static int sync_piece(struct matcher *m, uint32_t event, uint32_t index, uint8_t op,
		      uint64_t *offset, uint64_t len)
{
	uint64_t left = m->plan->mappings[index].len - *offset;
	struct trace_step step = {.offset = *offset,
				  .len = len < left ? len : left,
				  .mapping = index,
				  .event = event,
				  .op = op};

	*offset += step.len;
	return step.len ? add_step(m, step) : 0;
}

static int sync_list(struct matcher *m, uint32_t event, uint32_t index, uint8_t op, uint64_t offset)
{
	const struct trace_list *list = list_of(m, event);
	int err = 0;

	for (uint32_t i = 0; i < list->nsegments && !err; i++)
		err = sync_piece(m, event, index, op, &offset,
				 m->trace->segments[list->first_segment + i].len);
	return err;
}

static int sync(struct matcher *m, uint32_t event, bool is_list, uint8_t op)
{
	const struct trace_event *e = &m->trace->events[event];
	uint32_t index = find_holding(m, e->dev, e->addr);
	uint64_t offset;

	if (index == TRACE_NONE || e->size == 0) {
		skip(m, TRACE_SKIP_UNMATCHED_SYNC, event);
		return 0;
	}
	offset = e->addr - m->plan->mappings[index].addr;
	if (is_list)
		return sync_list(m, event, index, op, offset);
	return sync_piece(m, event, index, op, &offset, e->size);
}

static int take_event(struct matcher *m, uint32_t event)
{
	unsigned kind = m->trace->events[event].kind;

	switch (kind) {
	case TRACE_MAP_PAGE:
	case TRACE_MAP_RESOURCE:
	case TRACE_MAP_SG:
	case TRACE_ALLOC:
	case TRACE_ALLOC_PAGES:
	case TRACE_ALLOC_SGT: return map(m, event, shape_of(kind));
	case TRACE_UNMAP_PAGE:
	case TRACE_UNMAP_RESOURCE:
	case TRACE_UNMAP_SG:
	case TRACE_FREE:
	case TRACE_FREE_PAGES:
	case TRACE_FREE_SGT: return unmap(m, event, shape_of(kind));
	case TRACE_SYNC_FOR_CPU: return sync(m, event, false, TRACE_OP_SYNC_FOR_CPU);
	case TRACE_SYNC_FOR_DEVICE: return sync(m, event, false, TRACE_OP_SYNC_FOR_DEVICE);
	case TRACE_SYNC_SG_FOR_CPU: return sync(m, event, true, TRACE_OP_SYNC_FOR_CPU);
	case TRACE_SYNC_SG_FOR_DEVICE: return sync(m, event, true, TRACE_OP_SYNC_FOR_DEVICE);
	case TRACE_MAP_SG_ERR:
	case TRACE_ALLOC_SGT_ERR: skip(m, TRACE_SKIP_FAILED, event); return 0;
	default: return 0;
	}
}

static int match_all(struct matcher *m)
{
	int err = 0;

	for (uint32_t i = 0; i < m->trace->nevents && !err; i++)
		err = take_event(m, i);
	return err ? err : trace_facts_collect(m->trace, m->plan);
}

/* How many mappings there can be. */
static uint32_t count_maps(const struct trace *trace)
{
	return trace->of_kind[TRACE_MAP_PAGE] + trace->of_kind[TRACE_MAP_RESOURCE] +
	       trace->of_kind[TRACE_MAP_SG] + trace->of_kind[TRACE_ALLOC] +
	       trace->of_kind[TRACE_ALLOC_PAGES] + trace->of_kind[TRACE_ALLOC_SGT];
}

int trace_match(const struct trace *trace, struct trace_plan **out)
{
	struct matcher m = {.trace = trace};
	uint32_t n = count_maps(trace);
	int err = -ENOMEM;

	m.plan = calloc(1, sizeof(*m.plan));
	if (!m.plan)
		return err;
	m.plan->mappings = calloc(n + 1u, sizeof(*m.plan->mappings));
	if (!m.plan->mappings || trace_live_init(&m.by_addr, n))
		goto free_plan;
	if (trace_live_init(&m.by_list, n))
		goto fini_by_addr;
	err = match_all(&m);
	trace_live_fini(&m.by_list);
fini_by_addr:
	trace_live_fini(&m.by_addr);
free_plan:
	if (err)
		trace_plan_free(m.plan);
	else
		*out = m.plan;
	return err;
}
