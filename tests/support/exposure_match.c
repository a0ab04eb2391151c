// SPDX-License-Identifier: MIT
/*
 * exposure_match.c - random work, on the library and on the model
 *
 *    domain 0: devices 0 and 1      1: device 2      2: device 3      all of one memory
 *
 *    pages    24 granules that small buffers and lists lie in, anywhere and over one another
 *    big      8 MiB for buffers of 2 MiB and two granules, at or beside a multiple of 2 MiB
 *    spare    buffers that are allocated, used, unmapped, and given back some time later
 *
 * When a domain flushes, its watch says; what the flush covers, and everything else, the model
 * knows for itself.  After each step what the watches were told is compared as a set, since the
 * order in which one flush ends windows is nobody's business; snapshots now and then.
 */
#include "exposure_match_internal.h"

#define COMPARE_EVERY 37u

static uint64_t below(struct match *m, uint64_t n)
{
	return rng_range(&m->rng, 0, n - 1);
}

/* Maps. */

static void add_run(struct exposed_mapping *map, dmp_phys_t phys, uint64_t len)
{
	struct exposed_run *last = &map->run[map->nruns - (map->nruns > 0)];

	if (map->nruns && last->phys + last->len == phys)
		last->len += len;
	else
		map->run[map->nruns++] = (struct exposed_run){phys, len};
	map->len += len;
}

/* What is in slot @i, by whole granules. */
static void note_map(struct match *m, unsigned i)
{
	const struct match_slot *s = &m->slot[i];
	uint64_t mask = m->granule - 1;
	struct exposed_mapping map = {.dom = m->model->shape.dom_of[s->device],
				      .iova = s->addr & ~mask};

	for (unsigned n = 0; n < s->nsg; n++)
		add_run(&map, match_phys(m, s->sg[n].buf), s->sg[n].len);
	if (!s->nsg) {
		dmp_phys_t phys = match_phys(m, s->buf), first = phys & ~mask;

		add_run(&map, first, ((phys + s->len + mask) & ~mask) - first);
	}
	exposed_map(m->model, i, &map);
}

static void map_buffer(struct match *m, unsigned i)
{
	struct match_slot *s = &m->slot[i];

	assert_int_equal(
		dmp_dma_map(m->dev[s->device], s->buf, s->len, DMP_BIDIRECTIONAL, 0, &s->addr), 0);
	note_map(m, i);
}

static void map_small(struct match *m, unsigned i)
{
	struct match_slot *s = &m->slot[i];

	s->buf = m->pages + below(m, (MATCH_GRANULES - 5) * m->granule);
	s->len = 1 + below(m, (below(m, 2) ? 4 : 1) * m->granule);
	map_buffer(m, i);
}

static void map_big(struct match *m, unsigned i)
{
	struct match_slot *s = &m->slot[i];

	s->is_big = true;
	s->buf = m->big + below(m, 3) * MATCH_BIG + below(m, 2) * m->granule;
	s->len = MATCH_BIG + 2 * m->granule;
	map_buffer(m, i);
}

static void map_list(struct match *m, unsigned i)
{
	struct match_slot *s = &m->slot[i];
	size_t nmapped;

	s->nsg = 1 + (unsigned)below(m, EXPOSED_RUNS);
	for (unsigned n = 0; n < s->nsg; n++)
		s->sg[n] =
			(struct dmp_sg){.buf = m->pages + below(m, MATCH_GRANULES - 2) * m->granule,
					.len = (1 + below(m, 2)) * m->granule};
	assert_int_equal(
		dmp_dma_map_sg(m->dev[s->device], s->sg, s->nsg, DMP_BIDIRECTIONAL, 0, &nmapped),
		0);
	s->addr = s->sg[0].addr;
	note_map(m, i);
	s->len = m->model->mapping[i].len;
}

static void map_coherent(struct match *m, unsigned i)
{
	struct match_slot *s = &m->slot[i];

	s->is_coherent = true;
	s->len = (1 + below(m, 3)) * m->granule;
	assert_int_equal(dmp_dma_alloc_coherent(m->dev[s->device], s->len, &s->buf, &s->addr), 0);
	note_map(m, i);
}

static void map_any(struct match *m, unsigned i)
{
	m->slot[i] = (struct match_slot){.device = (unsigned)below(m, EXPOSED_DEVICES)};
	switch (below(m, 10)) {
	case 0: map_coherent(m, i); break;
	case 1:
	case 2:
	case 3: map_list(m, i); break;
	case 4: (m->c->big ? map_big : map_small)(m, i); break;
	default: map_small(m, i);
	}
}

/* Unmaps. */

static void unmap_streaming(struct match *m, struct match_slot *s)
{
	struct dmp_device *dev = m->dev[s->device];

	if (s->nsg)
		assert_int_equal(dmp_dma_unmap_sg(dev, s->sg, s->nsg, DMP_BIDIRECTIONAL, 0), 0);
	else
		assert_int_equal(dmp_dma_unmap(dev, s->addr, s->len, DMP_BIDIRECTIONAL, 0), 0);
}

/* A flush within the unmap, as of a full queue, does not cover it.  Coherent memory is flushed
 * after its unmap, and then freed: a block of 2^n pages. */
static void unmap(struct match *m, unsigned i)
{
	struct match_slot *s = &m->slot[i];

	exposed_unmap_begin(m->model, i);
	if (!s->is_coherent)
		unmap_streaming(m, s);
	exposed_unmap_end(m->model, i);
	if (s->is_coherent) {
		assert_int_equal(dmp_dma_free_coherent(m->dev[s->device], s->len, s->buf, s->addr),
				 0);
		exposed_freed(m->model, match_phys(m, s->buf), dmp_pow2_ceil(s->len));
	}
	m->seen->big += s->is_big;
	m->recent[m->nrecent % MATCH_RECENT].device = s->device;
	m->recent[m->nrecent++ % MATCH_RECENT].addr = s->addr;
}

/* Accesses. */

/* What @wanted is of the library. */
static int error_of(const struct match *m, enum exposed_answer wanted)
{
	if (wanted == EXPOSED_WRONG)
		return m->c->touches ? 0 : -EFAULT;
	return wanted == EXPOSED_RIGHT ? 0 : -EFAULT;
}

/* A stale write may meet a page table by now: it writes what is there. */
static void access_as(struct match *m, unsigned device, dmp_addr_t addr, uint64_t len, bool write)
{
	struct dmp_sim_agent *agent = m->agent[device];
	enum exposed_answer wanted;
	dmp_phys_t phys = 0;
	char bytes[16];
	int err;

	wanted = exposed_access(m->model, device, addr, len, write ? DMP_PROT_WRITE : DMP_PROT_READ,
				&phys);
	memcpy(bytes, m->ram + phys, len);
	err = write ? dmp_sim_agent_write(agent, addr, bytes, len)
		    : dmp_sim_agent_read(agent, addr, bytes, len);
	assert_int_equal(err, error_of(m, wanted));
}

/* As the device of that number, or another of its domain. */
static void access_at(struct match *m, unsigned device, dmp_addr_t addr)
{
	unsigned other = (unsigned)below(m, EXPOSED_DEVICES);
	uint64_t len = 1 + below(m, 16), room = DMP_PAGE_BYTES - addr % DMP_PAGE_BYTES;

	if (m->model->shape.dom_of[other] == m->model->shape.dom_of[device])
		device = other;
	access_as(m, device, addr, len < room ? len : room, below(m, 2));
}

/* An offset in the first @len bytes of whole granules: mostly at the beginning of one, so that
 * few entries are met often. */
static uint64_t spot(struct match *m, uint64_t len)
{
	uint64_t granule = below(m, len / m->granule) * m->granule;

	return granule + below(m, below(m, 4) ? DMP_PAGE_BYTES : m->granule);
}

static void use_live(struct match *m, unsigned i)
{
	const struct exposed_mapping *map = &m->model->mapping[i];
	uint64_t offset = 0;

	if (!map->is_live)
		return;
	/* Of a big one the end as often as the rest: it is another run of pages */
	if (m->slot[i].is_big && below(m, 2))
		offset = map->len - m->granule * 2;
	access_at(m, m->slot[i].device, map->iova + offset + spot(m, map->len - offset));
}

static void use_recent(struct match *m)
{
	unsigned n = m->nrecent < MATCH_RECENT ? m->nrecent : MATCH_RECENT, i;

	if (n == 0)
		return;
	i = (unsigned)below(m, n);
	access_at(m, m->recent[i].device,
		  (m->recent[i].addr & ~(m->granule - 1)) + spot(m, 2 * m->granule));
}

/* Steps. */

/* A buffer of its own: used, unmapped at once, freed later. */
static void spare_any(struct match *m)
{
	unsigned i = (unsigned)below(m, MATCH_SPARES);
	uint64_t len = 2 * m->granule;
	struct dmp_hw *hw = dmp_sim_hw(m->sim);

	if (m->spare[i]) {
		exposed_freed(m->model, match_phys(m, m->spare[i]), len);
		assert_int_equal(dmp_hw_free(hw, m->spare[i], len), 0);
		m->spare[i] = NULL;
		return;
	}
	assert_int_equal(dmp_hw_alloc(hw, len, &m->spare[i]), 0);
	m->slot[MATCH_SLOTS] = (struct match_slot){
		.device = (unsigned)below(m, EXPOSED_DEVICES), .buf = m->spare[i], .len = len};
	map_buffer(m, MATCH_SLOTS);
	use_live(m, MATCH_SLOTS);
	unmap(m, MATCH_SLOTS);
}

/* Mostly microseconds; now and then longer than a queue waits. */
static void pass_time(struct match *m)
{
	uint64_t us = below(m, 30) ? below(m, 400) : 20000;

	dmp_harness_advance(us * 1000);
	exposed_at(m->model, dmp_clock_now_ns());
}

static void flush_any(struct match *m)
{
	struct dmp_domain *dom = m->dom[below(m, EXPOSED_DOMAINS)];

	assert_int_equal(below(m, 2) ? dmp_domain_flush(dom) : dmp_domain_commit(dom), 0);
}

static void map_or_unmap(struct match *m, unsigned i)
{
	if (m->model->mapping[i].is_live)
		unmap(m, i);
	else
		map_any(m, i);
}

/* Of a hundred. */
static void step(struct match *m)
{
	unsigned i = (unsigned)below(m, MATCH_SLOTS);
	uint64_t of = below(m, 100);

	dmp_harness_become((unsigned)below(m, MATCH_CPUS));
	if (of < 40)
		map_or_unmap(m, i);
	else if (of < 68)
		use_live(m, i);
	else if (of < 86)
		use_recent(m);
	else if (of < 90)
		spare_any(m);
	else if (of < 91)
		flush_any(m);
	else
		pass_time(m);
}

static void unmap_all(struct match *m)
{
	for (unsigned i = 0; i < MATCH_SLOTS; i++)
		if (m->model->mapping[i].is_live)
			unmap(m, i);
	match_events(m);
	match_snapshots(m);
}

static void sum_up(struct match *m)
{
	m->seen->evictions = m->model->nevictions;
	for (unsigned dom = 0; dom < EXPOSED_DOMAINS; dom++) {
		const struct dmp_exposure *e = &m->model->sum[dom];

		m->seen->could_windows += e->could.windows;
		m->seen->did_windows += e->seen.did.windows;
		m->seen->stale += e->seen.stale_reads + e->seen.stale_writes;
		m->seen->mapped += e->seen.memory_mapped;
		m->seen->elsewhere += e->seen.memory_mapped_elsewhere;
		m->seen->freed += e->seen.memory_freed;
	}
}

void exposure_match(const struct exposure_case *c, uint64_t seed, uint64_t rounds,
		    struct exposure_seen *seen)
{
	static struct model_exposure model; /* large, both */
	static struct match m;

	m = (struct match){.c = c, .model = &model, .rng = rng_seeded(seed), .seen = seen};
	*seen = (struct exposure_seen){0};
	match_up(&m);
	for (uint64_t n = 0; n < rounds; n++) {
		step(&m);
		match_events(&m);
		if (n % COMPARE_EVERY == 0)
			match_snapshots(&m);
	}
	unmap_all(&m);
	sum_up(&m);
	match_down(&m);
}
