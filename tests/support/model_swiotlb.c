// SPDX-License-Identifier: MIT
/*
 * model_swiotlb.c - the bounce allocator, slow and obvious: requests
 */
#include "model_swiotlb.h"

#include <stdlib.h>
#include <string.h>

/* More than pools of scripts have slots. */
#define MOST_FREED 65536u

struct model_swiotlb *model_swiotlb_create(const struct dmp_swiotlb_opts *opts, dmp_phys_t phys,
					   uint64_t nslots, uint64_t nareas)
{
	struct model_swiotlb *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	m->policy = opts->policy ? opts->policy->name : "linux";
	m->grows = opts->flags & DMP_SWIOTLB_GROWS;
	m->any = opts->flags & DMP_SWIOTLB_ANY;
	m->max_slots = opts->max_slots;
	m->idle_ns = opts->idle_ns;
	m->grow_areas = nareas;
	m->freed = calloc(MOST_FREED, sizeof(*m->freed));
	m->pools = model_pool_create(DMP_SWIOTLB_POOL_FIRST, phys, nslots, nareas);
	if (!m->freed)
		abort();
	m->next_number = 1;
	m->stats.pools = 1;
	m->stats.slots = m->stats.grow_slots = nslots;
	return m;
}

static void destroy_all(struct model_pool *p)
{
	struct model_pool *next;

	for (; p; p = next) {
		next = p->next;
		model_pool_destroy(p);
	}
}

void model_swiotlb_destroy(struct model_swiotlb *m)
{
	unsigned i;

	destroy_all(m->pools);
	destroy_all(m->transients);
	for (i = 0; i < m->stats.waiting; i++)
		model_pool_destroy(m->waiting[i]);
	free(m->freed);
	free(m);
}

void model_swiotlb_begin(struct model_swiotlb *m, const struct slots_log *answers)
{
	m->answers = answers;
	m->want.n = 0;
	m->nasked = 0;
}

static uint64_t round_up(uint64_t x, uint64_t unit)
{
	return (x + unit - 1) / unit * unit;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* 5.4 */
static void finish_wish(struct model_wish *w, const struct dmp_swiotlb_limits *limits)
{
	w->agree &= ~w->align;
	w->stride = max(w->align, w->agree) / 2048 + 1;
	w->boundary = limits->boundary_mask ? limits->boundary_mask : UINT64_MAX;
	w->addr_offset = limits->addr_offset;
}

/* 4.2, 5.4 */
static struct model_wish wish_of(const struct dmp_swiotlb_limits *limits, dmp_phys_t orig,
				 uint64_t len)
{
	struct model_wish w = {.align = limits->alloc_align_mask, .agree = limits->min_align_mask};

	w.orig = orig;
	w.agrees = true;
	w.offset = orig & w.agree & (w.align | 2047);
	w.bytes = round_up(len + w.offset, w.align + 1);
	w.nslots = (w.bytes + 2047) / 2048;
	if (w.align == 0 && w.agree == 0 && w.bytes >= 4096)
		w.align = 4095;
	w.align |= 2047;
	finish_wish(&w, limits);
	return w;
}

/* 10.1 */
static struct model_wish wish_of_pages(const struct dmp_swiotlb_limits *limits, uint64_t len)
{
	struct model_wish w = {.align = 4096, .agree = limits->min_align_mask, .bytes = len};

	while (w.align < len)
		w.align *= 2;
	w.align--;
	w.nslots = (len + 2047) / 2048;
	finish_wish(&w, limits);
	return w;
}

/* 5.1 */
static struct model_pool *find_place(struct model_swiotlb *m, unsigned cpu,
				     const struct model_wish *w, uint64_t *first)
{
	uint64_t turn = cpu, most = 0, i;
	struct model_pool *p;

	if (strcmp(m->policy, "round_robin") == 0)
		turn += m->turns[cpu]++;
	for (p = m->pools; p; p = p->next)
		most = max(most, p->nareas);
	for (i = 0; i < most; i++)
		for (p = m->pools; p; p = p->next)
			if (i < p->nareas &&
			    model_slots_search(m, p, w, (turn + i) % p->nareas, first))
				return p;
	return NULL;
}

/* 5.5, 5.6 */
static void take(struct model_swiotlb *m, struct model_pool *p, const struct model_wish *w,
		 uint64_t first)
{
	uint64_t next = first % p->area_slots + w->nslots;

	model_slots_take(m, p, first, w->nslots);
	p->areas[first / p->area_slots].index = next < p->area_slots ? next : 0;
	m->stats.high_water = max(m->stats.high_water, m->stats.used);
}

/* 5.7 */
static struct model_pool *find_any_place(struct model_swiotlb *m, unsigned cpu, unsigned dev,
					 const struct dmp_swiotlb_limits *limits,
					 const struct model_wish *w, uint64_t *first)
{
	struct model_pool *p = find_place(m, cpu, w, first);

	if (p || !m->grows)
		return p;
	model_pools_ask(m);
	return model_pools_transient(m, limits, dev, w, first);
}

/* Could a run ever be in a segment, and between two boundaries? */
static bool has_place(const struct model_swiotlb *m, const struct model_wish *w)
{
	uint64_t most = w->boundary / 2048 + 1, s;
	const struct model_pool *p = m->pools;
	bool in_segment = false, in_bounds = false;

	while (p->next)
		p = p->next; /* the first pool */
	for (s = 0; s < 128; s++)
		in_segment |= model_slots_is_aligned(p, w, s) && s + w->nslots <= 128;
	for (s = 0; s < 128 && s < most; s++)
		in_bounds |= (s * 2048 & w->align) == 0 &&
			     (s * 2048 & w->agree & w->boundary) ==
				     (w->orig & w->agree & w->boundary) &&
			     s + w->nslots <= most;
	return in_segment && in_bounds;
}

/* The library's own: why it failed. */
static void count_failure(struct model_swiotlb *m, const struct model_wish *w, bool found)
{
	uint64_t used = m->stats.used - m->stats.transient;
	unsigned why;

	if (!w || !has_place(m, w))
		why = DMP_SWIOTLB_FAIL_SIZE;
	else if (found)
		why = DMP_SWIOTLB_FAIL_REACH;
	else if (m->stats.slots < used + w->nslots)
		why = DMP_SWIOTLB_FAIL_FULL;
	else
		why = DMP_SWIOTLB_FAIL_NO_RUN;
	m->stats.failures[why]++;
}

/* 4.5, 4.6 */
static struct dmp_swiotlb_mapping_view
view_of(const struct model_pool *p, const struct model_wish *w, uint64_t first, uint64_t len)
{
	return (struct dmp_swiotlb_mapping_view){
		.pool = p->number,
		.first = first,
		.pad = w->offset / 2048,
		.slots = w->nslots,
		.orig = w->orig,
		.phys = p->phys + first * 2048 + w->offset,
		.len = len,
	};
}

/* 11.2 */
static bool is_in_reach(const struct dmp_swiotlb_mapping_view *view,
			const struct dmp_swiotlb_limits *limits)
{
	return !limits->addr_limit ||
	       view->phys + limits->addr_offset + view->len - 1 <= limits->addr_limit;
}

bool model_swiotlb_map(struct model_swiotlb *m, unsigned cpu, unsigned dev,
		       const struct dmp_swiotlb_limits *limits, dmp_phys_t orig, uint64_t len,
		       struct dmp_swiotlb_mapping_view *view)
{
	struct model_wish w = wish_of(limits, orig, len);
	struct model_pool *p = NULL;
	uint64_t first = 0;

	if (w.bytes > 262144) { /* 4.3 */
		count_failure(m, NULL, false);
		return false;
	}
	p = find_any_place(m, cpu, dev, limits, &w, &first);
	if (!p) {
		count_failure(m, &w, false);
		return false;
	}
	take(m, p, &w, first);
	*view = view_of(p, &w, first, len);
	if (!is_in_reach(view, limits)) {
		model_swiotlb_unmap(m, view);
		count_failure(m, &w, true);
		return false;
	}
	m->has_bounced[dev] = true;
	return true;
}

bool model_swiotlb_pages(struct model_swiotlb *m, unsigned cpu, unsigned dev,
			 const struct dmp_swiotlb_limits *limits, uint64_t len,
			 struct dmp_swiotlb_mapping_view *view)
{
	struct model_wish w = wish_of_pages(limits, len);
	struct model_pool *p;
	uint64_t first = 0;

	if (len > 262144)
		return false;
	p = find_place(m, cpu, &w, &first);
	if (!p)
		return false;
	take(m, p, &w, first);
	*view = view_of(p, &w, first, len);
	if (view->phys % 4096 != 0 || !is_in_reach(view, limits)) {
		model_swiotlb_unmap(m, view);
		return false;
	}
	m->has_bounced[dev] = true;
	return true;
}

static struct model_pool *pool_at(const struct model_swiotlb *m, dmp_phys_t phys)
{
	struct model_pool *p;

	for (p = m->pools; p; p = p->next)
		if (phys - p->phys < p->nslots * 2048)
			return p;
	for (p = m->transients; p; p = p->next)
		if (phys - p->phys < p->nslots * 2048)
			return p;
	return NULL;
}

/* 6.2, 7.6 */
bool model_swiotlb_unmap(struct model_swiotlb *m, const struct dmp_swiotlb_mapping_view *view)
{
	struct model_pool *p = pool_at(m, view->phys);

	model_slots_free(m, p, view->first, view->slots);
	if (p->kind != DMP_SWIOTLB_POOL_TRANSIENT)
		return false;
	model_pools_end_transient(m, p);
	return true;
}

/* 8 */
bool model_swiotlb_owns(const struct model_swiotlb *m, unsigned dev, dmp_phys_t phys,
			unsigned *number)
{
	const struct model_pool *p = pool_at(m, phys);

	if (!m->has_bounced[dev] || !p || (p->kind == DMP_SWIOTLB_POOL_TRANSIENT && p->dev != dev))
		return false;
	*number = p->number;
	return true;
}

void model_swiotlb_reset_high_water(struct model_swiotlb *m)
{
	m->stats.high_water = 0;
}
