// SPDX-License-Identifier: MIT
/*
 * model_swiotlb.c - the bounce allocator, slow and obvious
 *
 * Written from the rules as they stand, loop for loop; the rule's number is beside each.
 */
#include "model_swiotlb.h"

#include <stdlib.h>
#include <string.h>

#define CPUS  8u
#define TRIES 8u /* of lifo */

/* A run that lifo remembers. */
struct freed {
	uint64_t first, nslots;
};

struct area {
	uint64_t used, index;
};

struct model_swiotlb {
	dmp_phys_t phys;
	uint64_t nslots, nareas, area_slots, used, high;
	bool *in_use; /* by slot */
	bool is_warm, is_lifo, is_round_robin;
	uint64_t turns[CPUS]; /* of round robin: requests of each CPU */
	struct freed *freed;  /* of lifo: of all areas, the latest last */
	uint64_t nfreed;
	struct area *areas;
};

/* What a request comes down to: rules 4.2 and 5.4. */
struct wish {
	uint64_t nslots, bytes, offset;
	uint64_t align;  /* M */
	uint64_t agree;  /* S */
	uint64_t stride; /* slots */
	uint64_t boundary;
	dmp_phys_t orig;
	dmp_addr_t addr; /* of the pool, masked */
};

static uint64_t round_up(uint64_t x, uint64_t unit)
{
	return (x + unit - 1) / unit * unit;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct model_swiotlb *model_swiotlb_create(dmp_phys_t phys, uint64_t nslots, uint64_t nareas,
					   const char *policy)
{
	struct model_swiotlb *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	m->phys = phys;
	m->nslots = nslots;
	m->nareas = nareas;
	m->area_slots = nslots / nareas;
	m->in_use = calloc(nslots, sizeof(*m->in_use));
	m->areas = calloc(nareas, sizeof(*m->areas));
	m->freed = calloc(nslots, sizeof(*m->freed));
	m->is_warm = strcmp(policy, "warm") == 0;
	m->is_lifo = strcmp(policy, "lifo") == 0;
	m->is_round_robin = strcmp(policy, "round_robin") == 0;
	if (!m->in_use || !m->areas || !m->freed)
		abort();
	return m;
}

void model_swiotlb_destroy(struct model_swiotlb *m)
{
	free(m->in_use);
	free(m->areas);
	free(m->freed);
	free(m);
}

/* 2.1 */
static uint64_t list(const struct model_swiotlb *m, uint64_t i)
{
	uint64_t n = 0;

	do {
		if (i == m->nslots || m->in_use[i])
			return n;
		n++;
		i++;
	} while (i % 128 != 0);
	return n;
}

/* 4.2, 5.4 */
static struct wish wish_of(const struct model_swiotlb *m, const struct dmp_swiotlb_limits *limits,
			   dmp_phys_t orig, uint64_t len)
{
	struct wish w = {.align = limits->alloc_align_mask, .agree = limits->min_align_mask};

	w.orig = orig;
	w.offset = orig & w.agree & (w.align | 2047);
	w.bytes = round_up(len + w.offset, w.align + 1);
	w.nslots = (w.bytes + 2047) / 2048;
	if (w.align == 0 && w.agree == 0 && w.bytes >= 4096)
		w.align = 4095;
	w.align |= 2047;
	w.agree &= ~w.align;
	w.stride = max(w.align, w.agree) / 2048 + 1;
	w.boundary = limits->boundary_mask ? limits->boundary_mask : UINT64_MAX;
	w.addr = (m->phys + limits->addr_offset) & w.boundary;
	return w;
}

/* May a run begin at slot s, as far as alignment goes? */
static bool is_aligned(const struct wish *w, uint64_t s)
{
	uint64_t t = w->addr + s * 2048;

	return (t & w->align) == 0 && (t & w->agree) == (w->orig & w->agree);
}

/* Is there room at slot s, as far as the boundary and other mappings go? */
static bool has_room(const struct model_swiotlb *m, const struct wish *w, uint64_t s)
{
	uint64_t most = w->boundary / 2048 + 1;

	return (w->addr / 2048 + s) % most + w->nslots <= most && list(m, s) >= w->nslots;
}

/* The lowest. */
static bool search_warm(const struct model_swiotlb *m, const struct wish *w, uint64_t area,
			uint64_t *found)
{
	uint64_t s;

	for (s = area * m->area_slots; s < (area + 1) * m->area_slots; s++) {
		if (is_aligned(w, s) && has_room(m, w, s)) {
			*found = s;
			return true;
		}
	}
	return false;
}

static void forget(struct model_swiotlb *m, uint64_t i)
{
	m->nfreed--;
	for (; i < m->nfreed; i++)
		m->freed[i] = m->freed[i + 1];
}

/* The latest of this size in this area that fits; of those that do not, some are looked at. */
static bool search_lifo(struct model_swiotlb *m, const struct wish *w, uint64_t area,
			uint64_t *found)
{
	uint64_t i, tries = 0, s;

	for (i = m->nfreed; i-- > 0 && tries < TRIES;) {
		s = m->freed[i].first;
		if (m->freed[i].nslots != w->nslots || s / m->area_slots != area)
			continue;
		if (is_aligned(w, s) && has_room(m, w, s)) {
			*found = s;
			return true;
		}
		if (list(m, s) >= w->nslots)
			tries++;
		else
			forget(m, i);
	}
	return false;
}

/* 5.4 b */
static bool search_linux(const struct model_swiotlb *m, const struct wish *w, uint64_t area,
			 uint64_t *found)
{
	uint64_t k = m->areas[area].index, visited = 0, step, s;

	for (; visited < m->area_slots; visited += step) {
		s = area * m->area_slots + k;
		step = w->stride;
		if (!is_aligned(w, s)) {
			step = 1;
		} else if (has_room(m, w, s)) {
			*found = s;
			return true;
		}
		k = k + step < m->area_slots ? k + step : 0;
	}
	return false;
}

static bool search_area(struct model_swiotlb *m, const struct wish *w, uint64_t area,
			uint64_t *found)
{
	if (w->nslots > m->area_slots - m->areas[area].used) /* 5.4 a */
		return false;
	if (m->is_warm)
		return search_warm(m, w, area, found);
	if (m->is_lifo && search_lifo(m, w, area, found))
		return true;
	return search_linux(m, w, area, found);
}

static void mark(struct model_swiotlb *m, uint64_t first, uint64_t nslots, bool in_use)
{
	for (uint64_t j = 0; j < nslots; j++)
		m->in_use[first + j] = in_use;
}

/* What begins in slots that are taken is not remembered. */
static void forget_taken(struct model_swiotlb *m, uint64_t first, uint64_t nslots)
{
	for (uint64_t i = m->nfreed; i-- > 0;)
		if (m->freed[i].first - first < nslots)
			forget(m, i);
}

/* 5.5, 5.6 */
static void take(struct model_swiotlb *m, const struct wish *w, uint64_t first)
{
	struct area *area = &m->areas[first / m->area_slots];
	uint64_t next = first % m->area_slots + w->nslots;

	mark(m, first, w->nslots, true);
	forget_taken(m, first, w->nslots);
	area->used += w->nslots;
	area->index = next < m->area_slots ? next : 0;
	m->used += w->nslots;
	m->high = max(m->high, m->used);
}

bool model_swiotlb_map(struct model_swiotlb *m, uint64_t cpu,
		       const struct dmp_swiotlb_limits *limits, dmp_phys_t orig, uint64_t len,
		       struct dmp_swiotlb_mapping_view *view)
{
	struct wish w = wish_of(m, limits, orig, len);
	uint64_t i, first = 0;
	bool found = false;

	if (w.bytes > 262144) /* 4.3 */
		return false;
	if (m->is_round_robin)
		cpu += m->turns[cpu]++;
	for (i = 0; !found && i < m->nareas; i++) /* 5.1 */
		found = search_area(m, &w, (cpu + i) % m->nareas, &first);
	if (!found)
		return false;
	take(m, &w, first);
	*view = (struct dmp_swiotlb_mapping_view){
		.first = first,
		.pad = w.offset / 2048,
		.slots = w.nslots,
		.orig = orig,
		.phys = m->phys + first * 2048 + w.offset, /* 4.6 */
	};
	return true;
}

/* 7.6 */
void model_swiotlb_unmap(struct model_swiotlb *m, const struct dmp_swiotlb_mapping_view *view)
{
	mark(m, view->first, view->slots, false);
	if (m->is_lifo)
		m->freed[m->nfreed++] = (struct freed){.first = view->first, .nslots = view->slots};
	m->areas[view->first / m->area_slots].used -= view->slots;
	m->used -= view->slots;
}

uint64_t model_swiotlb_used(const struct model_swiotlb *m)
{
	return m->used;
}

uint64_t model_swiotlb_high_water(const struct model_swiotlb *m)
{
	return m->high;
}

bool model_swiotlb_in_use(const struct model_swiotlb *m, uint64_t slot)
{
	return m->in_use[slot];
}

struct dmp_swiotlb_area_view model_swiotlb_area(const struct model_swiotlb *m, uint64_t area)
{
	return (struct dmp_swiotlb_area_view){.used = m->areas[area].used,
					      .index = m->areas[area].index};
}
