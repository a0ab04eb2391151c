// SPDX-License-Identifier: MIT
/*
 * model_swiotlb_pools.c - the bounce allocator, slow and obvious: pools that come and go
 */
#include "model_swiotlb.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 1024u

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The machine. */

/* What the library was answered to the same question, if it was the same. */
static bool answered(struct model_swiotlb *m, struct slots_event *e, dmp_phys_t *phys)
{
	unsigned i = m->nasked++;

	e->asks = true;
	if (i < m->answers->n && strcmp(m->answers->event[i].text, e->text) == 0) {
		e->ok = m->answers->event[i].ok;
		e->phys = m->answers->event[i].phys;
	}
	*phys = e->phys;
	return e->ok;
}

static bool ask_pages(struct model_swiotlb *m, unsigned zone, bool may_block, unsigned order,
		      dmp_phys_t *phys)
{
	static const char *const names[] = {"any", "dma32", "dma"};

	return answered(m,
			slots_log_add(&m->want, "pages %s %s %u", names[zone],
				      may_block ? "block" : "nowait", order),
			phys);
}

static unsigned order_of(uint64_t bytes)
{
	unsigned order = 0;

	while (UINT64_C(4096) << order < bytes)
		order++;
	return order;
}

static uint64_t npages_of(uint64_t nslots)
{
	return (nslots + 1) / 2;
}

/* 6.3 */
static bool take_block(struct model_swiotlb *m, uint64_t nslots, uint64_t limit, bool may_block,
		       dmp_phys_t *phys)
{
	unsigned zone = limit <= 0xffffff ? 2 : limit <= 0xffffffff ? 1 : 0;
	unsigned order = order_of(nslots * 2048);

	for (;;) {
		if (!ask_pages(m, zone, may_block, order, phys))
			return false;
		if (*phys + nslots * 2048 - 1 <= limit)
			break;
		slots_log_add(&m->want, "free %" PRIx64 " %u", *phys, order);
		m->nasked++;
		if (zone == 2)
			return false;
		zone++;
	}
	slots_log_add(&m->want, "dec %" PRIx64 " %" PRIu64, *phys, npages_of(nslots));
	m->nasked++;
	return true;
}

/* 3.8 */
static void give_memory(struct model_swiotlb *m, const struct model_pool *p)
{
	if (p->is_coherent) {
		slots_log_add(&m->want, "cfree %" PRIx64 " %" PRIu64, p->phys, p->nslots * 2048);
		m->nasked++;
		return;
	}
	slots_log_add(&m->want, "enc %" PRIx64 " %" PRIu64, p->phys, npages_of(p->nslots));
	slots_log_add(&m->want, "free %" PRIx64 " %u", p->phys, order_of(p->nslots * 2048));
	m->nasked += 2;
}

static void defer(struct model_swiotlb *m, struct model_pool *p)
{
	slots_log_add(&m->want, "rcu");
	m->waiting[m->stats.waiting++] = p;
}

uint64_t model_swiotlb_grace_period(struct model_swiotlb *m)
{
	uint64_t n = m->stats.waiting, i;

	for (i = 0; i < n; i++) {
		give_memory(m, m->waiting[i]);
		model_pool_destroy(m->waiting[i]);
	}
	m->stats.waiting = 0;
	return n;
}

/* Transient pools. */

/* 6.1, 6.4 */
static struct model_pool *make_transient(struct model_swiotlb *m,
					 const struct dmp_swiotlb_limits *limits, uint64_t nslots)
{
	uint64_t limit = limits->transient_limit ? limits->transient_limit
			 : limits->addr_limit    ? limits->addr_limit
						 : UINT64_MAX;
	bool is_coherent = limits->flags & DMP_SWIOTLB_NEEDS_SHARED, is_there;
	struct model_pool *p;
	dmp_phys_t phys;

	if (is_coherent)
		is_there = answered(m, slots_log_add(&m->want, "cpool %" PRIu64, nslots * 2048),
				    &phys);
	else
		is_there = take_block(m, nslots, limit, false, &phys);
	if (!is_there)
		return NULL;
	p = model_pool_create(DMP_SWIOTLB_POOL_TRANSIENT, phys, nslots, 1);
	p->is_coherent = is_coherent;
	return p;
}

struct model_pool *model_pools_transient(struct model_swiotlb *m,
					 const struct dmp_swiotlb_limits *limits, unsigned dev,
					 const struct model_wish *w, uint64_t *first)
{
	struct model_pool *p = make_transient(m, limits, w->nslots);

	if (p && !model_slots_search(m, p, w, 0, first)) {
		give_memory(m, p);
		model_pool_destroy(p);
		p = NULL;
	}
	if (!p) {
		m->stats.transient_failures++;
		return NULL;
	}
	p->dev = dev;
	p->number = m->next_number++;
	p->next = m->transients;
	m->transients = p;
	m->stats.transients_made++;
	m->stats.transient += p->nslots;
	return p;
}

static void take_out(struct model_pool **at, struct model_pool *p)
{
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
}

/* 6.2 */
void model_pools_end_transient(struct model_swiotlb *m, struct model_pool *p)
{
	take_out(&m->transients, p);
	m->stats.transient -= p->nslots;
	defer(m, p);
}

/* Growth. */

static bool is_capped(const struct model_swiotlb *m)
{
	uint64_t least = m->stats.grow_slots < 512 ? m->stats.grow_slots : 512;

	return m->max_slots && m->stats.slots + least > m->max_slots;
}

/* 5.7 */
void model_pools_ask(struct model_swiotlb *m)
{
	if (m->grow.is_pending || is_capped(m))
		return;
	m->grow = (struct model_work){.is_pending = true, .due_ns = m->now_ns};
	slots_log_add(&m->want, "work");
}

static void wait_for_idleness(struct model_swiotlb *m)
{
	if (m->idle_ns && !m->idle.is_pending)
		m->idle = (struct model_work){.is_pending = true, .due_ns = m->now_ns + m->idle_ns};
}

static uint64_t areas_of(uint64_t nslots, uint64_t nareas)
{
	return nslots < nareas * 128 ? nslots / 128 : nareas; /* 3.2 */
}

static void add_grown(struct model_swiotlb *m, dmp_phys_t phys, uint64_t nslots, uint64_t nareas)
{
	struct model_pool *p = model_pool_create(DMP_SWIOTLB_POOL_GROWN, phys, nslots, nareas);

	p->number = m->next_number++;
	p->next = m->pools; /* 5.2 */
	m->pools = p;
	m->stats.pools++;
	m->stats.slots += nslots;
	m->stats.grown++;
}

/* 6.5, and the cap */
static void grow(struct model_swiotlb *m)
{
	uint64_t nslots = m->stats.grow_slots < 2048 ? m->stats.grow_slots : 2048;
	uint64_t nareas;
	dmp_phys_t phys;

	m->grow.is_pending = false;
	if (is_capped(m))
		return;
	while (m->max_slots && nslots > 512 && m->stats.slots + nslots > m->max_slots)
		nslots /= 2;
	nareas = areas_of(nslots, m->grow_areas);
	while (!take_block(m, nslots, m->any ? UINT64_MAX : 0xffffffff, true, &phys)) {
		if (nslots / 2 < 512) {
			m->stats.growth_failures++;
			return;
		}
		nslots /= 2;
		nareas = areas_of(nslots, nareas);
	}
	add_grown(m, phys, nslots, nareas);
	wait_for_idleness(m);
}

static uint64_t used_of(const struct model_pool *p)
{
	uint64_t used = 0, i;

	for (i = 0; i < p->nareas; i++)
		used += p->areas[i].used;
	return used;
}

/* The library's own: what nobody used since the last look, and nobody uses, goes. */
static void look_for_idle(struct model_swiotlb *m)
{
	struct model_pool *p, *next;
	bool is_left = false;

	m->idle.is_pending = false;
	if (!m->idle_ns)
		return;
	for (p = m->pools; p; p = next) {
		next = p->next;
		if (p->kind != DMP_SWIOTLB_POOL_GROWN)
			continue;
		if (p->touched || used_of(p)) {
			p->touched = false;
			is_left = true;
			continue;
		}
		take_out(&m->pools, p);
		model_slots_forget_pool(m, p);
		m->stats.pools--;
		m->stats.slots -= p->nslots;
		m->stats.given_back++;
		defer(m, p);
	}
	if (is_left)
		wait_for_idleness(m);
}

/* Growth is due at once, so before any look that comes later. */
void model_swiotlb_advance(struct model_swiotlb *m, uint64_t ns)
{
	uint64_t until_ns = m->now_ns + ns;

	for (;;) {
		if (m->grow.is_pending &&
		    (!m->idle.is_pending || m->grow.due_ns < m->idle.due_ns)) {
			grow(m);
		} else if (m->idle.is_pending && m->idle.due_ns <= until_ns) {
			m->now_ns = max(m->now_ns, m->idle.due_ns);
			look_for_idle(m);
		} else {
			break;
		}
	}
	m->now_ns = until_ns;
}

void model_swiotlb_tune(struct model_swiotlb *m, bool grows, uint64_t max_slots, uint64_t idle_ns)
{
	m->grows = grows;
	m->max_slots = max_slots;
	m->idle_ns = idle_ns;
	wait_for_idleness(m);
}

/* What is carved. */

static bool is_free_block(const struct model_pool *p, uint64_t block)
{
	uint64_t s;

	for (s = block * BLOCK; s < (block + 1) * BLOCK; s++)
		if (p->in_use[s])
			return false;
	return true;
}

static bool is_free_run(const struct model_pool *p, uint64_t block, uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		if (block + i >= p->nslots / BLOCK || !is_free_block(p, block + i))
			return false;
	return true;
}

/* From the first block of the area whose turn it is, once around. */
static bool find_run(const struct model_pool *p, uint64_t turn, uint64_t n, uint64_t *block)
{
	uint64_t all = p->nslots / BLOCK, from = turn % p->nareas * p->area_slots / BLOCK, i;

	for (i = 0; i < all; i++) {
		*block = (from + i) % all;
		if (is_free_run(p, *block, n))
			return true;
	}
	return false;
}

static struct model_pool *find_blocks(const struct model_swiotlb *m, uint64_t n, uint64_t turn,
				      uint64_t *block)
{
	struct model_pool *p;

	for (p = m->pools; p; p = p->next)
		if (p->kind == DMP_SWIOTLB_POOL_FIRST && find_run(p, turn, n, block))
			return p;
	for (p = m->pools; p; p = p->next)
		if (p->kind == DMP_SWIOTLB_POOL_GROWN && find_run(p, turn, n, block))
			return p;
	return NULL;
}

static uint64_t pow2_up(uint64_t x)
{
	uint64_t p = 1;

	while (p < x)
		p *= 2;
	return p;
}

/* P2 */
struct model_swiotlb *model_swiotlb_carve(struct model_swiotlb *m, uint64_t bytes, uint64_t queues)
{
	const struct dmp_swiotlb_policy policy = {.name = m->policy};
	const struct dmp_swiotlb_opts opts = {.policy = &policy};
	uint64_t nareas = pow2_up(queues), block = 0, slot;
	uint64_t n = (max(bytes, nareas * 262144) + 0x1fffff) / 0x200000;
	struct model_swiotlb *child;
	struct model_pool *p;

	n = nareas > 1 ? pow2_up(n) : n;
	p = find_blocks(m, n, m->carve_turn++, &block);
	if (!p)
		return NULL;
	for (slot = block * BLOCK; slot < (block + n) * BLOCK; slot += 128)
		model_slots_take(m, p, slot, 128);
	m->stats.high_water = max(m->stats.high_water, m->stats.used);
	m->stats.children++;
	m->stats.carved += n * BLOCK;
	child = model_swiotlb_create(&opts, p->phys + block * BLOCK * 2048, n * BLOCK, nareas);
	child->stats.grow_slots = 0;
	return child;
}

void model_swiotlb_give_back(struct model_swiotlb *m, struct model_swiotlb *child)
{
	struct model_pool *own = child->pools, *p = m->pools;
	uint64_t first, slot;

	while (own->phys - p->phys >= p->nslots * 2048)
		p = p->next;
	first = (own->phys - p->phys) / 2048;
	for (slot = first; slot < first + own->nslots; slot += 128)
		model_slots_free(m, p, slot, 128);
	m->stats.children--;
	m->stats.carved -= own->nslots;
	model_swiotlb_destroy(child);
}
