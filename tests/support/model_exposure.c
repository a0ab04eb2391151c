// SPDX-License-Identifier: MIT
/*
 * model_exposure.c - the accounting of exposure.h as simply as it can be said
 *
 *    unmap     each run of pages of one size: entries that lead there -> pieces of a window.
 *              At once: the smallest aligned block around the run is dropped, run by run.
 *              Else: a wait, until the next flush of the domain
 *    flush     all entries of the domain are dropped; its waits are over
 *    fill      in a full set the entry that was used longest ago is dropped
 *    drop      the last entry of a piece ends it, the last piece its window
 *    map       pieces of that memory are reused; and freed, when it is given back
 *    access    device TLB, else IOTLB, else the mapping; through an entry of a piece it is stale
 *
 * Everything is searched for in full each time.
 */
#include "model_exposure.h"

#include <string.h>

void exposed_begin(struct model_exposure *m, const struct exposed_shape *shape)
{
	memset(m, 0, sizeof(*m));
	m->shape = *shape;
	for (unsigned dom = 0; dom < EXPOSED_DOMAINS; dom++)
		m->sum[dom].flags = DMP_EXPOSURE_SEEN | DMP_EXPOSURE_MANUAL;
}

static void tell(struct model_exposure *m, const struct exposed_event *event)
{
	if (m->nevents < EXPOSED_EVENTS)
		m->event[m->nevents++] = *event;
	else
		m->is_full = true;
}

static struct dmp_exposure_side *did(struct model_exposure *m, unsigned dom)
{
	return &m->sum[dom].seen.did;
}

static void add_time(struct dmp_exposure_side *side, uint64_t ns)
{
	side->ns.count++;
	side->ns.sum += ns;
	side->ns.max = ns > side->ns.max ? ns : side->ns.max;
}

static bool overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return a < b + blen && b < a + alen;
}

/* Pages of the tables: the largest that fits, both addresses on its multiple. */

static uint64_t fitting(uint64_t page_sizes, uint64_t at, uint64_t room)
{
	uint64_t best = 0;

	for (unsigned shift = 0; shift < 63; shift++) {
		uint64_t size = UINT64_C(1) << shift;

		if (page_sizes & size && at % size == 0 && size <= room)
			best = size;
	}
	return best;
}

struct page {
	dmp_iova_t iova;
	dmp_phys_t phys;
	uint64_t size;
};

/* The page of @run, which begins at @iova, that holds @addr. */
static struct page page_in(const struct model_exposure *m, const struct exposed_run *run,
			   dmp_iova_t iova, dmp_iova_t addr)
{
	struct page page = {iova, run->phys, 0};

	for (;; page.iova += page.size, page.phys += page.size) {
		page.size = fitting(m->shape.page_sizes, page.iova | page.phys,
				    iova + run->len - page.iova);
		if (addr < page.iova + page.size)
			return page;
	}
}

/* What the tables say; false: nothing. */
static bool walk(const struct model_exposure *m, unsigned dom, dmp_iova_t addr, struct page *page)
{
	for (unsigned i = 0; i < EXPOSED_MAPPINGS; i++) {
		const struct exposed_mapping *map = &m->mapping[i];
		dmp_iova_t iova = map->iova;

		if (!map->is_live || map->dom != dom || !overlap(addr, 1, map->iova, map->len))
			continue;
		for (unsigned r = 0; r < map->nruns; iova += map->run[r++].len)
			if (overlap(addr, 1, iova, map->run[r].len)) {
				*page = page_in(m, &map->run[r], iova, addr);
				return true;
			}
	}
	return false;
}

/* Entries go. */

static void end_window(struct model_exposure *m, struct exposed_window *w,
		       enum dmp_exposure_end end)
{
	struct exposed_event event = {.kind = EXPOSED_ENDED,
				      .dom = w->dom,
				      .iova = w->iova,
				      .len = w->len,
				      .bytes = w->bytes,
				      .from_ns = w->begun_ns,
				      .to_ns = m->now_ns,
				      .what = end,
				      .flag = w->is_reused};

	w->is_open = false;
	did(m, w->dom)->open--;
	add_time(did(m, w->dom), m->now_ns - w->begun_ns);
	tell(m, &event);
}

static void drop(struct model_exposure *m, struct exposed_entry *entry, enum dmp_exposure_end end)
{
	struct exposed_piece *piece = entry->piece;

	entry->is_used = false;
	if (!piece || --piece->nentries)
		return;
	did(m, entry->dom)->open_bytes -= piece->size;
	did(m, entry->dom)->byte_ns += piece->size * (m->now_ns - piece->window->begun_ns);
	if (--piece->window->npieces == 0)
		end_window(m, piece->window, end);
}

/* All that lead from there. */
static void invalidate(struct model_exposure *m, unsigned dom, dmp_iova_t first, uint64_t len)
{
	for (unsigned i = 0; i < EXPOSED_ENTRIES; i++) {
		struct exposed_entry *entry = &m->entry[i];

		if (entry->is_used && entry->dom == dom &&
		    overlap(entry->page, entry->size, first, len))
			drop(m, entry, DMP_EXPOSURE_INVALIDATED);
	}
}

static void invalidate_block(struct model_exposure *m, unsigned dom, dmp_iova_t first, uint64_t len)
{
	uint64_t block = m->shape.granule;

	while (first / block != (first + len - 1) / block)
		block *= 2;
	invalidate(m, dom, first / block * block, block);
}

/* Entries come. */

static struct exposed_entry *oldest_of(struct model_exposure *m, unsigned tlb, unsigned *n)
{
	struct exposed_entry *oldest = NULL;

	*n = 0;
	for (unsigned i = 0; i < EXPOSED_ENTRIES; i++) {
		struct exposed_entry *entry = &m->entry[i];

		if (!entry->is_used || entry->tlb != tlb)
			continue;
		++*n;
		if (!oldest || entry->stamp < oldest->stamp)
			oldest = entry;
	}
	return oldest;
}

static void make_room(struct model_exposure *m, unsigned tlb, unsigned ways)
{
	unsigned n;
	struct exposed_entry *oldest = oldest_of(m, tlb, &n);

	if (!ways || n < ways)
		return;
	m->nevictions++;
	drop(m, oldest, DMP_EXPOSURE_EVICTED);
}

static void fill(struct model_exposure *m, unsigned ways, const struct exposed_entry *like)
{
	make_room(m, like->tlb, ways);
	for (unsigned i = 0; i < EXPOSED_ENTRIES; i++)
		if (!m->entry[i].is_used) {
			m->entry[i] = *like;
			m->entry[i].is_used = true;
			m->entry[i].stamp = ++m->stamp;
			if (like->piece)
				like->piece->nentries++;
			return;
		}
	m->is_full = true;
}

static struct exposed_entry *find(struct model_exposure *m, unsigned tlb, unsigned dom,
				  dmp_iova_t addr)
{
	for (unsigned i = 0; i < EXPOSED_ENTRIES; i++) {
		struct exposed_entry *entry = &m->entry[i];

		if (entry->is_used && entry->tlb == tlb && entry->dom == dom &&
		    overlap(addr, 1, entry->page, entry->size)) {
			entry->stamp = ++m->stamp;
			return entry;
		}
	}
	return NULL;
}

/* The unit's translation; NULL: there is none. */
static struct exposed_entry *ask_iotlb(struct model_exposure *m, unsigned tlb, unsigned dom,
				       dmp_iova_t addr)
{
	struct exposed_entry like = {.tlb = tlb, .dom = dom};
	struct exposed_entry *entry = find(m, tlb, dom, addr);
	struct page page;

	if (entry || !walk(m, dom, addr, &page))
		return entry;
	like.size = page.size < m->shape.iotlb_page_bytes ? page.size : m->shape.iotlb_page_bytes;
	like.page = addr / like.size * like.size;
	like.phys = page.phys + (like.page - page.iova);
	fill(m, m->shape.iotlb_ways, &like);
	return find(m, tlb, dom, addr);
}

/* Unmaps. */

static struct exposed_window *open_window(struct model_exposure *m, unsigned dom, dmp_iova_t iova,
					  uint64_t len)
{
	for (unsigned i = 0; i < EXPOSED_ENTRIES; i++) {
		struct exposed_window *w = &m->window[i];

		if (w->is_open)
			continue;
		*w = (struct exposed_window){.is_open = true,
					     .dom = dom,
					     .begun_ns = m->now_ns,
					     .iova = iova,
					     .len = len};
		did(m, dom)->windows++;
		did(m, dom)->open++;
		return w;
	}
	m->is_full = true;
	return &m->window[0];
}

static struct exposed_piece *new_piece(struct model_exposure *m, struct exposed_window *w,
				       const struct exposed_entry *entry)
{
	struct exposed_piece *piece = m->piece;

	while (piece->nentries) /* there are as many as entries */
		piece++;
	*piece = (struct exposed_piece){
		.window = w, .page = entry->page, .size = entry->size, .phys = entry->phys};
	w->npieces++;
	w->bytes += entry->size;
	did(m, w->dom)->bytes += entry->size;
	did(m, w->dom)->open_bytes += entry->size;
	return piece;
}

/* The one of @w that @entry belongs to. */
static struct exposed_piece *piece_for(struct model_exposure *m, struct exposed_window *w,
				       const struct exposed_entry *entry)
{
	for (unsigned i = 0; i < EXPOSED_ENTRIES; i++)
		if (m->piece[i].nentries && m->piece[i].window == w &&
		    m->piece[i].page == entry->page)
			return &m->piece[i];
	return new_piece(m, w, entry);
}

static void unmap_run(struct model_exposure *m, unsigned dom, dmp_iova_t iova, uint64_t len)
{
	struct exposed_window *w = NULL;

	for (unsigned i = 0; i < EXPOSED_ENTRIES; i++) {
		struct exposed_entry *entry = &m->entry[i];

		if (!entry->is_used || entry->dom != dom || entry->piece ||
		    !overlap(entry->page, entry->size, iova, len))
			continue;
		if (!w)
			w = open_window(m, dom, iova, len);
		entry->piece = piece_for(m, w, entry);
		entry->piece->nentries++;
	}
	if (m->shape.at_once)
		invalidate_block(m, dom, iova, len);
}

void exposed_unmap_begin(struct model_exposure *m, unsigned i)
{
	struct exposed_mapping *map = &m->mapping[i];
	uint64_t sizes = m->shape.page_sizes, done = 0;

	map->is_live = false;
	while (done < map->len) {
		uint64_t size = fitting(sizes, map->iova + done, map->len - done), len = size;

		while (done + len < map->len &&
		       fitting(sizes, map->iova + done + len, map->len - done - len) == size)
			len += size;
		unmap_run(m, map->dom, map->iova + done, len);
		done += len;
	}
}

void exposed_unmap_end(struct model_exposure *m, unsigned i)
{
	const struct exposed_mapping *map = &m->mapping[i];
	struct dmp_exposure *sum = &m->sum[map->dom];

	sum->unmaps++;
	sum->unmapped_bytes += map->len;
	sum->could.windows++;
	sum->could.bytes += map->len;
	if (m->shape.at_once)
		add_time(&sum->could, 0);
	else if (m->nwaits < EXPOSED_WAITS)
		m->wait[m->nwaits++] = (struct exposed_wait){map->dom, m->now_ns, map->len};
	else
		m->is_full = true;
}

void exposed_flushed(struct model_exposure *m, unsigned dom)
{
	unsigned left = 0;

	invalidate(m, dom, 0, UINT64_MAX);
	for (unsigned i = 0; i < m->nwaits; i++) {
		struct exposed_wait *wait = &m->wait[i];

		if (wait->dom != dom) {
			m->wait[left++] = *wait;
			continue;
		}
		add_time(&m->sum[dom].could, m->now_ns - wait->begun_ns);
		m->sum[dom].could.byte_ns += wait->len * (m->now_ns - wait->begun_ns);
	}
	m->nwaits = left;
}

/* Memory is used again: what becomes of it the second time counts no more. */

static void reuse(struct model_exposure *m, struct exposed_piece *piece,
		  enum dmp_exposure_memory memory)
{
	struct exposed_window *w = piece->window;
	struct dmp_exposure_seen *seen = &m->sum[w->dom].seen;
	struct exposed_event event = {.kind = EXPOSED_REUSED,
				      .dom = w->dom,
				      .iova = piece->page,
				      .phys = piece->phys,
				      .len = piece->size,
				      .to_ns = m->now_ns - w->begun_ns,
				      .what = memory};

	if (piece->memory == memory)
		return;
	seen->memory_mapped += memory == DMP_EXPOSURE_MAPPED;
	seen->memory_mapped_elsewhere += memory == DMP_EXPOSURE_MAPPED_ELSEWHERE;
	seen->memory_freed += memory == DMP_EXPOSURE_FREED;
	seen->windows_reused += !w->is_reused;
	w->is_reused = true;
	piece->memory = memory;
	tell(m, &event);
}

/* @dom: that maps it; EXPOSED_DOMAINS: it is freed. */
static void reuse_all(struct model_exposure *m, dmp_phys_t phys, uint64_t len, unsigned dom)
{
	for (unsigned i = 0; i < EXPOSED_ENTRIES; i++) {
		struct exposed_piece *piece = &m->piece[i];

		if (!piece->nentries || !overlap(piece->phys, piece->size, phys, len))
			continue;
		reuse(m, piece,
		      dom == EXPOSED_DOMAINS      ? DMP_EXPOSURE_FREED
		      : dom == piece->window->dom ? DMP_EXPOSURE_MAPPED
						  : DMP_EXPOSURE_MAPPED_ELSEWHERE);
	}
}

void exposed_map(struct model_exposure *m, unsigned i, const struct exposed_mapping *mapping)
{
	m->mapping[i] = *mapping;
	m->mapping[i].is_live = true;
	for (unsigned r = 0; r < mapping->nruns; r++)
		reuse_all(m, mapping->run[r].phys, mapping->run[r].len, mapping->dom);
}

void exposed_freed(struct model_exposure *m, dmp_phys_t phys, uint64_t len)
{
	reuse_all(m, phys, len, EXPOSED_DOMAINS);
}

/* Accesses. */

static void count_stale(struct model_exposure *m, const struct exposed_entry *entry,
			unsigned device, dmp_iova_t iova, uint64_t len, uint32_t access)
{
	struct dmp_exposure_seen *seen = &m->sum[entry->dom].seen;
	uint64_t age_ns = m->now_ns - entry->piece->window->begun_ns;
	struct exposed_event event = {.kind = EXPOSED_STALE,
				      .dom = entry->dom,
				      .iova = iova,
				      .phys = entry->phys + (iova - entry->page),
				      .len = len,
				      .to_ns = age_ns,
				      .what = entry->piece->memory,
				      .flag = m->shape.touches,
				      .device = m->shape.device_id[device],
				      .access = access};

	*(access == DMP_PROT_READ ? &seen->stale_reads : &seen->stale_writes) += 1;
	seen->stale_bytes += len;
	seen->stale_oldest_ns = age_ns > seen->stale_oldest_ns ? age_ns : seen->stale_oldest_ns;
	tell(m, &event);
}

/* The device's own translation, as its unit gives it. */
static struct exposed_entry *ask_device(struct model_exposure *m, unsigned device, dmp_iova_t addr)
{
	unsigned dom = m->shape.dom_of[device];
	struct exposed_entry *entry, like;

	entry = m->shape.has_devtlbs ? find(m, m->shape.iotlbs + device, dom, addr) : NULL;
	if (entry)
		return entry;
	entry = ask_iotlb(m, m->shape.device_id[device] % m->shape.iotlbs, dom, addr);
	if (!entry || !m->shape.has_devtlbs)
		return entry;
	like = *entry;
	like.tlb = m->shape.iotlbs + device;
	fill(m, m->shape.devtlb_ways, &like);
	return find(m, like.tlb, dom, addr);
}

enum exposed_answer exposed_access(struct model_exposure *m, unsigned device, dmp_iova_t iova,
				   uint64_t len, uint32_t access, dmp_phys_t *phys)
{
	const struct exposed_entry *entry = ask_device(m, device, iova);

	if (!entry)
		return EXPOSED_FAULT;
	*phys = entry->phys + (iova - entry->page);
	if (!entry->piece)
		return EXPOSED_RIGHT;
	count_stale(m, entry, device, iova, len, access);
	return EXPOSED_WRONG;
}

/* Snapshots. */

static void look_older(struct dmp_exposure_side *side, uint64_t ns)
{
	side->open_oldest_ns = ns > side->open_oldest_ns ? ns : side->open_oldest_ns;
}

void exposed_snapshot(const struct model_exposure *m, unsigned dom, struct dmp_exposure *e)
{
	*e = m->sum[dom];
	for (unsigned i = 0; i < m->nwaits; i++) {
		uint64_t ns = m->now_ns - m->wait[i].begun_ns;

		if (m->wait[i].dom != dom)
			continue;
		e->could.open++;
		e->could.open_bytes += m->wait[i].len;
		e->could.byte_ns += m->wait[i].len * ns;
		look_older(&e->could, ns);
	}
	for (unsigned i = 0; i < EXPOSED_ENTRIES; i++) {
		const struct exposed_piece *piece = &m->piece[i];

		if (!piece->nentries || piece->window->dom != dom)
			continue;
		e->seen.did.byte_ns += piece->size * (m->now_ns - piece->window->begun_ns);
		look_older(&e->seen.did, m->now_ns - piece->window->begun_ns);
	}
}
