// SPDX-License-Identifier: MIT
/*
 * model_swiotlb_slots.c - the slots of a pool, slow and obvious: found, taken, freed
 *
 * Written from the rules as they stand, loop for loop; the rule's number is beside each.
 */
#include "model_swiotlb.h"

#include <stdlib.h>
#include <string.h>

#define TRIES 8u /* of lifo */

struct model_pool *model_pool_create(enum dmp_swiotlb_pool_kind kind, dmp_phys_t phys,
				     uint64_t nslots, uint64_t nareas)
{
	struct model_pool *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->kind = kind;
	p->phys = phys;
	p->nslots = nslots;
	p->nareas = nareas;
	p->area_slots = nslots / nareas;
	p->in_use = calloc(nslots, sizeof(*p->in_use));
	p->areas = calloc(nareas, sizeof(*p->areas));
	if (!p->in_use || !p->areas)
		abort();
	return p;
}

void model_pool_destroy(struct model_pool *p)
{
	free(p->in_use);
	free(p->areas);
	free(p);
}

/* 2.1 */
static uint64_t list(const struct model_pool *p, uint64_t i)
{
	uint64_t n = 0;

	do {
		if (i == p->nslots || p->in_use[i])
			return n;
		n++;
		i++;
	} while (i % 128 != 0);
	return n;
}

/* T of 5.4 */
static dmp_addr_t addr_of(const struct model_pool *p, const struct model_wish *w)
{
	return (p->phys + w->addr_offset) & w->boundary;
}

/* May a run begin at slot s, as far as alignment goes? */
bool model_slots_is_aligned(const struct model_pool *p, const struct model_wish *w, uint64_t s)
{
	uint64_t t = addr_of(p, w) + s * 2048;

	return (t & w->align) == 0 && (!w->agrees || (t & w->agree) == (w->orig & w->agree));
}

/* Is there room at slot s, as far as the boundary and other mappings go? */
static bool has_room(const struct model_pool *p, const struct model_wish *w, uint64_t s)
{
	uint64_t most = w->boundary / 2048 + 1;

	return (addr_of(p, w) / 2048 + s) % most + w->nslots <= most && list(p, s) >= w->nslots;
}

/* The lowest. */
static bool search_warm(const struct model_pool *p, const struct model_wish *w, uint64_t area,
			uint64_t *found)
{
	uint64_t s;

	for (s = area * p->area_slots; s < (area + 1) * p->area_slots; s++) {
		if (model_slots_is_aligned(p, w, s) && has_room(p, w, s)) {
			*found = s;
			return true;
		}
	}
	return false;
}

static void forget(struct model_swiotlb *m, uint64_t i)
{
	m->nfreed--;
	memmove(&m->freed[i], &m->freed[i + 1], (m->nfreed - i) * sizeof(*m->freed));
}

void model_slots_forget_pool(struct model_swiotlb *m, const struct model_pool *p)
{
	for (uint64_t i = m->nfreed; i-- > 0;)
		if (m->freed[i].pool == p)
			forget(m, i);
}

/* The latest of this size in this area that fits; of those that do not, some are looked at. */
static bool search_lifo(struct model_swiotlb *m, const struct model_pool *p,
			const struct model_wish *w, uint64_t area, uint64_t *found)
{
	uint64_t i, tries = 0, s;

	for (i = m->nfreed; i-- > 0 && tries < TRIES;) {
		s = m->freed[i].first;
		if (m->freed[i].pool != p || m->freed[i].nslots != w->nslots ||
		    s / p->area_slots != area)
			continue;
		if (model_slots_is_aligned(p, w, s) && has_room(p, w, s)) {
			*found = s;
			return true;
		}
		if (list(p, s) >= w->nslots)
			tries++;
		else
			forget(m, i);
	}
	return false;
}

/* 5.4 b */
static bool search_linux(const struct model_pool *p, const struct model_wish *w, uint64_t area,
			 uint64_t *found)
{
	uint64_t k = p->areas[area].index, visited = 0, step, s;

	for (; visited < p->area_slots; visited += step) {
		s = area * p->area_slots + k;
		step = w->stride;
		if (!model_slots_is_aligned(p, w, s)) {
			step = 1;
		} else if (has_room(p, w, s)) {
			*found = s;
			return true;
		}
		k = k + step < p->area_slots ? k + step : 0;
	}
	return false;
}

/* 5.4; a transient pool has one place, whatever the policy. */
bool model_slots_search(struct model_swiotlb *m, const struct model_pool *p,
			const struct model_wish *w, uint64_t area, uint64_t *found)
{
	bool chooses = p->kind != DMP_SWIOTLB_POOL_TRANSIENT;

	if (w->nslots > p->area_slots - p->areas[area].used) /* 5.4 a */
		return false;
	if (chooses && strcmp(m->policy, "warm") == 0)
		return search_warm(p, w, area, found);
	if (chooses && strcmp(m->policy, "lifo") == 0 && search_lifo(m, p, w, area, found))
		return true;
	return search_linux(p, w, area, found);
}

/* What begins in slots that are taken is not remembered. */
static void forget_taken(struct model_swiotlb *m, const struct model_pool *p, uint64_t first,
			 uint64_t nslots)
{
	for (uint64_t i = m->nfreed; i-- > 0;)
		if (m->freed[i].pool == p && m->freed[i].first - first < nslots)
			forget(m, i);
}

/* 5.5, without the index; slots of one area. */
void model_slots_take(struct model_swiotlb *m, struct model_pool *p, uint64_t first,
		      uint64_t nslots)
{
	memset(&p->in_use[first], true, nslots);
	forget_taken(m, p, first, nslots);
	p->areas[first / p->area_slots].used += nslots;
	p->touched = true;
	m->stats.used += nslots;
}

/* 7.6 */
void model_slots_free(struct model_swiotlb *m, struct model_pool *p, uint64_t first,
		      uint64_t nslots)
{
	memset(&p->in_use[first], false, nslots);
	if (strcmp(m->policy, "lifo") == 0 && p->kind != DMP_SWIOTLB_POOL_TRANSIENT)
		m->freed[m->nfreed++] =
			(struct model_freed){.pool = p, .first = first, .nslots = nslots};
	p->areas[first / p->area_slots].used -= nslots;
	m->stats.used -= nslots;
}
