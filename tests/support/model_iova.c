// SPDX-License-Identifier: MIT
/*
 * model_iova.c - the IOVA allocator, slow and obvious
 *
 *   ranges[0] .. ranges[n - 1]   ascending; the anchor is the last
 *   hints                        remembered by the last pfn of their range, which never moves
 *
 * Source: spec-iova 1.1-1.10, rule by rule.
 */
#include "model_iova.h"

#include <stdlib.h>
#include <string.h>

#define RANGES    4096u
#define MAG       127u
#define ORDERS    6u
#define CPUS      8u
#define MAGAZINES 64u
#define TOP       UINT64_MAX

struct mag {
	unsigned n;
	uint64_t pfn[MAG];
};

struct pair {
	struct mag loaded, prev;
};

struct model_iova {
	uint64_t start, boundary, ceiling;
	uint64_t hint32, hint_wide; /* hi of their ranges */
	struct dmp_iova_range ranges[RANGES];
	unsigned n;
	unsigned ncpus;
	struct pair pair[CPUS][ORDERS];
	struct mag depot[ORDERS][MAGAZINES];
	unsigned ndepot[ORDERS];
	bool reclaim[ORDERS];
};

struct model_iova *model_iova_create(uint64_t granule, uint64_t start_pfn, unsigned ncpus)
{
	struct model_iova *m = calloc(1, sizeof(*m));

	if (!m || ncpus > CPUS)
		abort();
	m->start = start_pfn;
	m->boundary = m->ceiling = (UINT64_C(1) << 32) / granule;
	m->ranges[m->n++] = (struct dmp_iova_range){TOP, TOP};
	m->hint32 = m->hint_wide = TOP;
	m->ncpus = ncpus;
	return m;
}

void model_iova_destroy(struct model_iova *m)
{
	free(m);
}

static unsigned index_of_hi(const struct model_iova *m, uint64_t hi)
{
	unsigned i = 0;

	while (m->ranges[i].hi != hi)
		i++;
	return i;
}

static void insert(struct model_iova *m, uint64_t lo, uint64_t hi)
{
	unsigned i = 0;

	if (m->n == RANGES)
		abort();
	while (m->ranges[i].lo < lo)
		i++;
	memmove(&m->ranges[i + 1], &m->ranges[i], (m->n - i) * sizeof(m->ranges[0]));
	m->ranges[i] = (struct dmp_iova_range){lo, hi};
	m->n++;
}

/* 1.3 */
static void remove_at(struct model_iova *m, unsigned i)
{
	struct dmp_iova_range r = m->ranges[i];
	uint64_t above = m->ranges[i + 1].hi;
	uint64_t lo32 = m->ranges[index_of_hi(m, m->hint32)].lo;
	uint64_t lo_wide = m->ranges[index_of_hi(m, m->hint_wide)].lo;

	if (r.hi == m->hint32 || (r.hi < m->boundary && r.lo >= lo32))
		m->hint32 = above;
	if (r.lo < m->boundary)
		m->ceiling = m->boundary;
	if (r.lo >= lo_wide)
		m->hint_wide = above;
	m->n--;
	memmove(&m->ranges[i], &m->ranges[i + 1], (m->n - i) * sizeof(m->ranges[0]));
}

/* Is lo .. lo + size - 1 free of ranges? */
static bool is_free(const struct model_iova *m, uint64_t lo, uint64_t size)
{
	unsigned i;

	for (i = 0; i < m->n; i++)
		if (m->ranges[i].lo <= lo + size - 1 && m->ranges[i].hi >= lo)
			return false;
	return true;
}

/*
 * The highest place below @top and not below @low.  The places to try: as high as the
 * top allows, and as high as each range below it allows.
 */
static bool highest(const struct model_iova *m, uint64_t top, uint64_t low, uint64_t size,
		    uint64_t align, uint64_t *lo)
{
	uint64_t ceiling, candidate;
	unsigned i;

	for (i = m->n + 1; i-- > 0;) {
		ceiling = i < m->n && m->ranges[i].lo < top ? m->ranges[i].lo : top;
		if (ceiling < size)
			return false;
		candidate = (ceiling - size) / align * align;
		if (candidate < low)
			return false;
		if (is_free(m, candidate, size)) {
			*lo = candidate;
			return true;
		}
	}
	return false;
}

/* 1.2 */
bool model_iova_alloc(struct model_iova *m, uint64_t size, uint64_t limit, bool aligned,
		      uint64_t *pfn)
{
	uint64_t end = limit + 1, align = 1, lo;
	bool narrow = end <= m->boundary;
	struct dmp_iova_range hint = m->ranges[index_of_hi(m, narrow ? m->hint32 : m->hint_wide)];

	if (limit == TOP)
		return false;
	if (narrow && size >= m->ceiling)
		return false;
	while (aligned && align < size)
		align *= 2;
	if (!highest(m, hint.lo < end ? hint.lo : end, m->start, size, align, &lo) &&
	    !(hint.hi < end && highest(m, end, hint.hi + 1, size, align, &lo))) {
		m->ceiling = size;
		return false;
	}
	insert(m, lo, lo + size - 1);
	if (lo + size - 1 < m->boundary)
		m->hint32 = lo + size - 1;
	else
		m->hint_wide = lo + size - 1;
	*pfn = lo;
	return true;
}

bool model_iova_free_pfn(struct model_iova *m, uint64_t pfn, struct dmp_iova_range *removed)
{
	unsigned i;

	for (i = 0; i + 1 < m->n; i++) {
		if (m->ranges[i].lo > pfn || m->ranges[i].hi < pfn)
			continue;
		*removed = m->ranges[i];
		remove_at(m, i);
		return true;
	}
	return false;
}

/* 1.5 */
void model_iova_reserve(struct model_iova *m, uint64_t lo, uint64_t hi,
			struct dmp_iova_range *range)
{
	unsigned i;

	for (i = 0; i < m->n; i++) {
		struct dmp_iova_range *r = &m->ranges[i];

		if (r->lo > hi || r->hi < lo)
			continue;
		if (lo < r->lo)
			r->lo = lo;
		if (hi <= r->hi) {
			*range = *r;
			return;
		}
		lo = r->hi + 1;
	}
	insert(m, lo, hi);
	*range = (struct dmp_iova_range){lo, hi};
}

/* The caches. */

static unsigned order_of(uint64_t size)
{
	unsigned order = 0;

	while ((UINT64_C(1) << order) < size)
		order++;
	return order;
}

static void drain(struct model_iova *m, struct mag *mag)
{
	struct dmp_iova_range removed;
	unsigned i;

	for (i = 0; i < mag->n; i++)
		if (!model_iova_free_pfn(m, mag->pfn[i], &removed))
			abort();
	mag->n = 0;
}

static void swap(struct pair *pair)
{
	struct mag mag = pair->loaded;

	pair->loaded = pair->prev;
	pair->prev = mag;
}

/* 1.7.3, 1.7.4 */
static bool take(struct model_iova *m, unsigned cpu, unsigned order, uint64_t highest_pfn,
		 uint64_t *pfn)
{
	struct pair *pair = &m->pair[cpu][order];
	struct mag *mag = &pair->loaded;
	unsigned i;

	if (mag->n == 0 && pair->prev.n)
		swap(pair);
	else if (mag->n == 0 && m->ndepot[order])
		*mag = m->depot[order][--m->ndepot[order]];
	for (i = mag->n; i-- > 0;) {
		if (mag->pfn[i] > highest_pfn)
			continue;
		*pfn = mag->pfn[i];
		mag->pfn[i] = mag->pfn[--mag->n];
		return true;
	}
	return false;
}

void model_iova_flush(struct model_iova *m)
{
	unsigned cpu, order;

	for (cpu = 0; cpu < m->ncpus; cpu++)
		model_iova_offline(m, cpu);
	for (order = 0; order < ORDERS; order++)
		while (m->ndepot[order])
			drain(m, &m->depot[order][--m->ndepot[order]]);
}

bool model_iova_alloc_fast(struct model_iova *m, unsigned cpu, uint64_t size, uint64_t limit,
			   bool flush, uint64_t *pfn)
{
	if (limit == TOP)
		return false;
	if (size < 32)
		size = UINT64_C(1) << order_of(size);
	if (size <= 32 && size <= limit + 1 && take(m, cpu, order_of(size), limit + 1 - size, pfn))
		return true;
	if (model_iova_alloc(m, size, limit, true, pfn))
		return true;
	if (!flush)
		return false;
	model_iova_flush(m);
	return model_iova_alloc(m, size, limit, true, pfn);
}

/* 1.8 */
void model_iova_free_fast(struct model_iova *m, unsigned cpu, uint64_t pfn, uint64_t size)
{
	unsigned order = order_of(size);
	struct dmp_iova_range removed;
	struct pair *pair;

	if (order >= ORDERS) {
		model_iova_free_pfn(m, pfn, &removed);
		return;
	}
	pair = &m->pair[cpu][order];
	if (pair->loaded.n == MAG && pair->prev.n < MAG) {
		swap(pair);
	} else if (pair->loaded.n == MAG) {
		if (m->ndepot[order] == MAGAZINES)
			abort();
		m->depot[order][m->ndepot[order]++] = pair->loaded;
		m->reclaim[order] = true;
		pair->loaded.n = 0;
	}
	pair->loaded.pfn[pair->loaded.n++] = pfn;
}

/* 1.9 */
void model_iova_reclaim(struct model_iova *m, unsigned online)
{
	unsigned order;

	for (order = 0; order < ORDERS; order++) {
		if (!m->reclaim[order])
			continue;
		m->reclaim[order] = m->ndepot[order] > online;
		if (m->reclaim[order])
			drain(m, &m->depot[order][--m->ndepot[order]]);
	}
}

/* 1.10 */
void model_iova_offline(struct model_iova *m, unsigned cpu)
{
	unsigned order;

	for (order = 0; order < ORDERS; order++) {
		drain(m, &m->pair[cpu][order].loaded);
		drain(m, &m->pair[cpu][order].prev);
	}
}

void model_iova_state(const struct model_iova *m, struct dmp_iova_policy_state *state)
{
	state->nranges = m->n - 1;
	state->hint32 = m->ranges[index_of_hi(m, m->hint32)].lo;
	state->hint_wide = m->ranges[index_of_hi(m, m->hint_wide)].lo;
	state->ceiling = m->ceiling;
}

bool model_iova_range(const struct model_iova *m, uint64_t i, struct dmp_iova_range *range)
{
	if (i + 1 >= m->n)
		return false;
	*range = m->ranges[i];
	return true;
}

unsigned model_iova_count(const struct model_iova *m, unsigned cpu, unsigned order, bool prev)
{
	const struct pair *pair = &m->pair[cpu][order];

	return prev ? pair->prev.n : pair->loaded.n;
}

unsigned model_iova_depot(const struct model_iova *m, unsigned order)
{
	return m->ndepot[order];
}
