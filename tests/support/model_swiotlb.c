// SPDX-License-Identifier: MIT
/*
 * model_swiotlb.c - the bounce allocator, slow and obvious
 *
 * Written from the rules as they stand, loop for loop; the rule's number is beside each.
 */
#include "model_swiotlb.h"

#include <stdlib.h>

struct area {
	uint64_t used, index;
};

struct model_swiotlb {
	dmp_phys_t phys;
	uint64_t nslots, nareas, area_slots, used, high;
	bool *in_use; /* by slot */
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

struct model_swiotlb *model_swiotlb_create(dmp_phys_t phys, uint64_t nslots, uint64_t nareas)
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
	if (!m->in_use || !m->areas)
		abort();
	return m;
}

void model_swiotlb_destroy(struct model_swiotlb *m)
{
	free(m->in_use);
	free(m->areas);
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

/* 5.4 b */
static bool search_area(const struct model_swiotlb *m, const struct wish *w, uint64_t area,
			uint64_t *found)
{
	uint64_t k = m->areas[area].index, visited = 0, most = w->boundary / 2048 + 1, step, s, t;

	if (w->nslots > m->area_slots - m->areas[area].used)
		return false;
	for (; visited < m->area_slots; visited += step) {
		s = area * m->area_slots + k;
		t = w->addr + s * 2048;
		step = w->stride;
		if ((t & w->align) != 0 || (t & w->agree) != (w->orig & w->agree)) {
			step = 1;
		} else if ((w->addr / 2048 + s) % most + w->nslots <= most &&
			   list(m, s) >= w->nslots) {
			*found = s;
			return true;
		}
		k = k + step < m->area_slots ? k + step : 0;
	}
	return false;
}

static void mark(struct model_swiotlb *m, uint64_t first, uint64_t nslots, bool in_use)
{
	for (uint64_t j = 0; j < nslots; j++)
		m->in_use[first + j] = in_use;
}

/* 5.5, 5.6 */
static void take(struct model_swiotlb *m, const struct wish *w, uint64_t first)
{
	struct area *area = &m->areas[first / m->area_slots];
	uint64_t next = first % m->area_slots + w->nslots;

	mark(m, first, w->nslots, true);
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

	for (i = 0; !found && w.bytes <= 262144 && i < m->nareas; i++) /* 4.3, 5.1 */
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
