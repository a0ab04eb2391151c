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

#define RANGES    16384u
#define MAG       127u
#define CPUS      8u
#define MAGAZINES 256u
#define ORDERS    DMP_IOVA_CLASSES_MAX
#define TOP       UINT64_MAX

struct mag {
	unsigned n;
	uint64_t pfn[MAG];
};

struct pair {
	struct mag loaded, prev;
};

struct model_iova {
	struct model_iova_opts opts;
	uint64_t boundary, ceiling;
	uint64_t hint32, hint_wide; /* hi of their ranges */
	uint64_t steps;
	struct dmp_iova_range ranges[RANGES];
	unsigned n;
	struct pair pair[CPUS][ORDERS];
	struct mag depot[ORDERS][MAGAZINES];
	unsigned ndepot[ORDERS];
	bool reclaim[ORDERS];
};

struct model_iova *model_iova_create(const struct model_iova_opts *opts)
{
	struct model_iova *m = calloc(1, sizeof(*m));

	if (!m || opts->ncpus > CPUS || opts->magazine_size > MAG || opts->classes > ORDERS)
		abort();
	m->opts = *opts;
	m->boundary = m->ceiling = (UINT64_C(1) << 32) / opts->granule;
	m->ranges[m->n++] = (struct dmp_iova_range){TOP, TOP};
	m->hint32 = m->hint_wide = TOP;
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
 * The highest place below @top and not below @low.  The places to try: as high as the top
 * allows, and as high as each range from the @from-th one down allows.
 */
static bool highest(struct model_iova *m, unsigned from, uint64_t top, uint64_t low, uint64_t size,
		    uint64_t align, uint64_t *lo)
{
	uint64_t ceiling, candidate;
	unsigned i;

	for (i = from;; i--, m->steps++) {
		ceiling = m->ranges[i].lo < top ? m->ranges[i].lo : top;
		if (ceiling < size)
			return false;
		candidate = (ceiling - size) / align * align;
		if (candidate < low)
			return false;
		if (i == 0 || candidate > m->ranges[i - 1].hi) {
			*lo = candidate;
			return true;
		}
	}
}

static uint64_t alignment(uint64_t size, bool aligned)
{
	uint64_t align = 1;

	while (aligned && align < size)
		align *= 2;
	return align;
}

/* Anywhere from the start to @limit. */
static bool highest_of_all(struct model_iova *m, uint64_t size, uint64_t limit, bool aligned,
			   uint64_t *lo)
{
	return highest(m, m->n - 1, limit + 1, m->opts.start_pfn, size, alignment(size, aligned),
		       lo);
}

/* 1.2 */
static bool place_linux(struct model_iova *m, uint64_t size, uint64_t limit, bool aligned,
			uint64_t *lo)
{
	uint64_t end = limit + 1, align = alignment(size, aligned);
	bool narrow = end <= m->boundary;
	unsigned from = index_of_hi(m, narrow ? m->hint32 : m->hint_wide);
	struct dmp_iova_range hint = m->ranges[from];

	if (narrow && size >= m->ceiling)
		return false;
	if (!highest(m, from, end, m->opts.start_pfn, size, align, lo) &&
	    !(hint.hi < end && highest(m, m->n - 1, end, hint.hi + 1, size, align, lo))) {
		m->ceiling = size;
		return false;
	}
	if (*lo + size - 1 < m->boundary)
		m->hint32 = *lo + size - 1;
	else
		m->hint_wide = *lo + size - 1;
	return true;
}

/* Must a place be found? */
static bool is_sure(struct model_iova *m, uint64_t size, uint64_t limit, bool aligned)
{
	uint64_t last = limit < m->opts.sure_last ? limit : m->opts.sure_last, lo;

	return highest_of_all(m, size, last, aligned, &lo);
}

/* The library's place if it is a good one; else one that it should have found. */
static bool place_any(struct model_iova *m, uint64_t size, uint64_t limit, bool aligned,
		      const struct model_iova_answer *got, uint64_t *lo)
{
	*lo = got->pfn;
	if (got->given && got->pfn >= m->opts.start_pfn && got->pfn <= limit &&
	    size - 1 <= limit - got->pfn && got->pfn % alignment(size, aligned) == 0 &&
	    is_free(m, got->pfn, size))
		return true;
	if (!got->given && !is_sure(m, size, limit, aligned))
		return false;
	return highest_of_all(m, size, limit, aligned, lo);
}

bool model_iova_alloc(struct model_iova *m, uint64_t size, uint64_t limit, bool aligned,
		      const struct model_iova_answer *got, uint64_t *pfn)
{
	uint64_t lo = 0;
	bool given = false;

	if (limit == TOP)
		return false;
	switch (m->opts.kind) {
	case MODEL_LINUX: given = place_linux(m, size, limit, aligned, &lo); break;
	case MODEL_GAP: given = highest_of_all(m, size, limit, aligned, &lo); break;
	case MODEL_ANY: given = place_any(m, size, limit, aligned, got, &lo); break;
	}
	if (!given)
		return false;
	insert(m, lo, lo + size - 1);
	*pfn = lo;
	return true;
}

bool model_iova_find(const struct model_iova *m, uint64_t pfn, struct dmp_iova_range *range)
{
	unsigned i;

	for (i = 0; i + 1 < m->n; i++) {
		if (m->ranges[i].lo > pfn || m->ranges[i].hi < pfn)
			continue;
		*range = m->ranges[i];
		return true;
	}
	return false;
}

bool model_iova_free_pfn(struct model_iova *m, uint64_t pfn, struct dmp_iova_range *removed)
{
	if (!model_iova_find(m, pfn, removed))
		return false;
	remove_at(m, index_of_hi(m, removed->hi));
	return true;
}

/* Parts that are free become ranges; what is there stays. */
static void reserve_parts(struct model_iova *m, uint64_t lo, uint64_t hi,
			  struct dmp_iova_range *range)
{
	uint64_t first, pfn;

	for (pfn = lo; pfn <= hi; pfn++) {
		if (model_iova_find(m, pfn, range)) {
			pfn = range->hi;
			continue;
		}
		first = pfn;
		while (pfn < hi && !model_iova_find(m, pfn + 1, range))
			pfn++;
		insert(m, first, pfn);
	}
	model_iova_find(m, hi, range);
}

/* 1.5; what overlaps grows downward. */
static void reserve_linux(struct model_iova *m, uint64_t lo, uint64_t hi,
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

void model_iova_reserve(struct model_iova *m, uint64_t lo, uint64_t hi,
			struct dmp_iova_range *range)
{
	if (m->opts.kind == MODEL_LINUX)
		reserve_linux(m, lo, hi, range);
	else
		reserve_parts(m, lo, hi, range);
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

	for (cpu = 0; cpu < m->opts.ncpus; cpu++)
		model_iova_offline(m, cpu);
	for (order = 0; order < ORDERS; order++)
		while (m->ndepot[order])
			drain(m, &m->depot[order][--m->ndepot[order]]);
}

/* The largest size that is cached; 0: none. */
static uint64_t cached_max(const struct model_iova *m)
{
	return m->opts.classes ? UINT64_C(1) << (m->opts.classes - 1) : 0;
}

/* The policy, and with @flush once more after everything cached has come back. */
static bool alloc_slow(struct model_iova *m, uint64_t size, uint64_t limit, bool flush,
		       const struct model_iova_answer *got, uint64_t *pfn)
{
	if (m->opts.kind == MODEL_ANY) {
		if (flush && got->flushed && !is_sure(m, size, limit, true))
			model_iova_flush(m);
		return model_iova_alloc(m, size, limit, true, got, pfn);
	}
	if (model_iova_alloc(m, size, limit, true, got, pfn))
		return true;
	if (!flush)
		return false;
	model_iova_flush(m);
	return model_iova_alloc(m, size, limit, true, got, pfn);
}

bool model_iova_alloc_fast(struct model_iova *m, unsigned cpu, uint64_t size, uint64_t limit,
			   bool flush, const struct model_iova_answer *got, uint64_t *pfn)
{
	if (limit == TOP)
		return false;
	if (size < cached_max(m))
		size = UINT64_C(1) << order_of(size);
	if (size <= cached_max(m) && size <= limit + 1 &&
	    take(m, cpu, order_of(size), limit + 1 - size, pfn))
		return true;
	return alloc_slow(m, size, limit, flush, got, pfn);
}

static bool has_room(const struct model_iova *m, unsigned order)
{
	uint64_t nranges = m->opts.magazine_size;
	unsigned i;

	for (i = 0; i < ORDERS; i++)
		nranges += (uint64_t)m->ndepot[i] * m->opts.magazine_size;
	return (!m->opts.depot_limit || m->ndepot[order] < m->opts.depot_limit) &&
	       (!m->opts.inflight_limit || nranges <= m->opts.inflight_limit);
}

/* A full magazine that has to go: to the depot if there is room, else to the policy. */
static void put_away(struct model_iova *m, unsigned order, struct mag *mag)
{
	if (!has_room(m, order)) {
		drain(m, mag);
		return;
	}
	if (m->ndepot[order] == MAGAZINES)
		abort();
	m->depot[order][m->ndepot[order]++] = *mag;
	m->reclaim[order] = m->opts.depot_limit == 0;
	mag->n = 0;
}

/* 1.8 */
void model_iova_free_fast(struct model_iova *m, unsigned cpu, uint64_t pfn, uint64_t size)
{
	unsigned order = order_of(size), full = m->opts.magazine_size;
	struct dmp_iova_range removed;
	struct pair *pair;

	if (size > cached_max(m)) {
		model_iova_free_pfn(m, pfn, &removed);
		return;
	}
	pair = &m->pair[cpu][order];
	if (pair->loaded.n == full && pair->prev.n < full)
		swap(pair);
	else if (pair->loaded.n == full)
		put_away(m, order, &pair->loaded);
	pair->loaded.pfn[pair->loaded.n++] = pfn;
}

/* 1.9 */
unsigned model_iova_reclaim(struct model_iova *m, unsigned online, unsigned *nmagazines)
{
	unsigned order, n = 0;

	if (m->opts.reclaim_threshold)
		online = m->opts.reclaim_threshold;
	*nmagazines = 0;
	for (order = 0; order < ORDERS; order++) {
		if (!m->reclaim[order])
			continue;
		n++;
		m->reclaim[order] = m->ndepot[order] > online;
		if (!m->reclaim[order])
			continue;
		drain(m, &m->depot[order][--m->ndepot[order]]);
		++*nmagazines;
	}
	return n;
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

uint64_t model_iova_steps(const struct model_iova *m)
{
	return m->steps;
}
