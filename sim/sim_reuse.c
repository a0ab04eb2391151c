// SPDX-License-Identifier: MIT
/*
 * sim_reuse.c - what is done, while devices still reach it, with memory and addresses
 *
 *   map      the address: it leads elsewhere by now      -> reused
 *                         to the same memory again       -> restored: the entry is right again
 *            the memory:  mapped again, here or elsewhere   -> reused
 *   free     the memory:  given back to the machine         -> reused
 *   access   through a marked entry                         -> stale
 *
 * Each looks for pieces (sim_books.c), and only if there are any.  An event is counted in the
 * books of the domain whose window it is, for each piece of which it changes what has become of it.
 *
 * What is not seen: a driver that uses memory again without mapping or freeing it, and a page
 * that was mapped a second time before the first was unmapped.
 *
 * Locking: (r) reaches.lock, held while a watch is told.
 */
#include "sim_internal.h"

/* Something happens to pieces that a look finds. */
struct event {
	const struct sim_domain *dom; /* that maps; NULL: none does */
	dmp_iova_t iova;
	dmp_phys_t phys;
	uint64_t len;
	uint32_t prot;
	uint64_t now_ns;  /* as of a look: asked for when something is found */
	bool is_one_page; /* of memory, and all pieces are of 4 KiB */
	bool is_restored; /* out: a piece is right again */
};

static uint64_t age_ns(const struct sim_piece *piece, uint64_t now_ns)
{
	uint64_t opened_ns = piece->window->opened_ns;

	return now_ns > opened_ns ? now_ns - opened_ns : 0;
}

static void tell_reused(struct sim_piece *piece, enum dmp_exposure_memory memory, struct event *e)
{
	struct sim_reach *reach = piece->window->reach;

	reach->seen.windows_reused += !piece->window->reused;
	piece->window->reused = true;
	if (!reach->watch.reused)
		return;
	if (e->now_ns == SIM_NOT_YET)
		e->now_ns = dmp_clock_now_ns();
	reach->watch.reused(reach->ctx, &(struct dmp_exposure_reuse){
						.iova = piece->page << DMP_PAGE_SHIFT,
						.phys = piece->phys,
						.len = sim_piece_size(piece),
						.age_ns = age_ns(piece, e->now_ns),
						.memory = memory,
					});
}

/* Do the new tables hold all of what @piece leads to? */
static bool is_restored(const struct sim_piece *piece, const struct event *e)
{
	dmp_iova_t iova = piece->page << DMP_PAGE_SHIFT;
	uint64_t offset = iova - e->iova;

	return e->dom && piece->window->reach->id == e->dom->id && iova >= e->iova &&
	       offset < e->len && e->len - offset >= sim_piece_size(piece) &&
	       piece->phys == e->phys + offset && piece->prot == e->prot;
}

static bool note_address(struct sim_piece *piece, void *ctx)
{
	struct event *e = ctx;

	if (is_restored(piece, e)) {
		e->is_restored = true;
		return false;
	}
	if (piece->iova_reused)
		return false;
	piece->window->reach->seen.iova_reused++;
	piece->iova_reused = true;
	tell_reused(piece, DMP_EXPOSURE_IDLE, e);
	return false;
}

static uint64_t *counter_of(struct dmp_exposure_seen *seen, enum dmp_exposure_memory memory)
{
	switch (memory) {
	case DMP_EXPOSURE_MAPPED: return &seen->memory_mapped;
	case DMP_EXPOSURE_MAPPED_ELSEWHERE: return &seen->memory_mapped_elsewhere;
	default: return &seen->memory_freed;
	}
}

static enum dmp_exposure_memory memory_after(const struct sim_piece *piece, const struct event *e)
{
	if (!e->dom)
		return DMP_EXPOSURE_FREED;
	return e->dom->id == piece->window->reach->id ? DMP_EXPOSURE_MAPPED
						      : DMP_EXPOSURE_MAPPED_ELSEWHERE;
}

/*
 * Pieces of a page stand in the order of their unmaps, the latest first, and an event is told to
 * all of them.  So if the latest one's memory has just been mapped by this very domain, or freed,
 * then this is true of the others as well, and nothing changes.  True: that is so.
 */
static bool note_memory(struct sim_piece *piece, void *ctx)
{
	struct event *e = ctx;
	enum dmp_exposure_memory memory = memory_after(piece, e);

	if (is_restored(piece, e))
		return false;
	if (piece->memory == (uint8_t)memory)
		return e->is_one_page && memory != DMP_EXPOSURE_MAPPED_ELSEWHERE;
	piece->memory = (uint8_t)memory;
	++*counter_of(&piece->window->reach->seen, memory);
	tell_reused(piece, memory, e);
	return false;
}

/* Pages of memory, first to last. */
static void note_locked(struct dmp_sim *sim, uint64_t first, uint64_t last, struct event *e)
{
	struct sim_reaches *reaches = &sim->reaches;

	dmp_lock_assert_held(&reaches->lock);
	e->is_one_page = first == last &&
			 load_relaxed(&reaches->orders) == 1; /* the lock is held */
	sim_books_find_phys_locked(reaches, first, last, note_memory, e);
}

static bool wants_restoring(struct sim_piece *piece, void *ctx)
{
	return is_restored(piece, ctx) && !piece->is_restoring;
}

static struct sim_pages pages_at(uint64_t id, uint64_t addr, uint64_t len)
{
	return (struct sim_pages){id, addr >> DMP_PAGE_SHIFT, (addr + len - 1) >> DMP_PAGE_SHIFT};
}

/* The next piece that is right again, as an entry. */
static bool next_restored(struct dmp_sim *sim, struct event *e, struct sim_tlb_entry *like)
{
	struct sim_pages pages = pages_at(e->dom->id, e->iova, e->len);
	struct sim_piece *piece;

	dmp_lock_acquire(&sim->reaches.lock);
	piece = sim_books_find_locked(&sim->reaches, &pages, wants_restoring, e);
	if (piece) {
		piece->is_restoring = true;
		*like = (struct sim_tlb_entry){
			.id = pages.id,
			.page = piece->page,
			.phys = piece->phys,
			.prot = piece->prot,
			.order = (uint16_t)piece->order,
		};
	}
	dmp_lock_release(&sim->reaches.lock);
	return piece != NULL;
}

static void restore(struct dmp_sim *sim, struct event *e)
{
	struct sim_tlb_entry like;

	while (next_restored(sim, e, &like)) {
		for (uint32_t i = 0; i < sim->machine.nunits; i++)
			sim_tlb_unmark(sim, &sim->units[i].iotlb, &like, &e->now_ns);
		for (uint32_t id = 0; id < load_acquire(&sim->ndevtlbs); id++) {
			struct sim_tlb *tlb = sim_devtlb_attached(sim, id, like.id);

			if (tlb)
				sim_tlb_unmark(sim, tlb, &like, &e->now_ns);
		}
	}
}

static inline bool memory_may_be_reached(const struct dmp_sim *sim, uint64_t first, uint64_t last)
{
	return sim_reach_may_have(&sim->reaches, sim->reaches.by_phys, 0, first, last);
}

/* @len > 0 bytes are mapped. */
void sim_reuse_mapped(struct dmp_sim *sim, const struct sim_domain *dom, dmp_iova_t iova,
		      dmp_phys_t phys, uint64_t len, uint32_t prot)
{
	struct sim_pages pages = pages_at(dom->id, iova, len);
	uint64_t first = phys >> DMP_PAGE_SHIFT, last = (phys + len - 1) >> DMP_PAGE_SHIFT;
	struct event e = {dom, iova, phys, len, prot, SIM_NOT_YET, false, false};
	bool may_have = sim_reach_may_have(&sim->reaches, sim->reaches.by_iova, pages.id,
					   pages.first, pages.last);

	if (!may_have && !memory_may_be_reached(sim, first, last))
		return;
	dmp_lock_acquire(&sim->reaches.lock);
	if (may_have)
		sim_books_find_locked(&sim->reaches, &pages, note_address, &e);
	note_locked(sim, first, last, &e);
	dmp_lock_release(&sim->reaches.lock);
	if (e.is_restored)
		restore(sim, &e);
}

void sim_reuse_freed(struct dmp_sim *sim, dmp_phys_t phys, uint64_t len)
{
	uint64_t first = phys >> DMP_PAGE_SHIFT, last = (phys + len - 1) >> DMP_PAGE_SHIFT;
	struct event e = {.now_ns = SIM_NOT_YET};

	if (!memory_may_be_reached(sim, first, last))
		return;
	dmp_lock_acquire(&sim->reaches.lock);
	note_locked(sim, first, last, &e);
	dmp_lock_release(&sim->reaches.lock);
}

/* Accesses. */

/* Does @piece lead there, too? */
static bool leads_to(struct sim_piece *piece, void *ctx)
{
	const struct event *e = ctx;
	uint64_t offset = dmp_align_down(e->iova, DMP_PAGE_BYTES) - (piece->page << DMP_PAGE_SHIFT);

	return piece->phys + offset == e->phys;
}

static void count_stale(struct dmp_exposure_seen *seen, const struct dmp_exposure_stale *stale)
{
	*(stale->access == DMP_PROT_READ ? &seen->stale_reads : &seen->stale_writes) += 1;
	seen->stale_bytes = dmp_add_saturated(seen->stale_bytes, stale->len);
	if (seen->stale_oldest_ns < stale->age_ns)
		seen->stale_oldest_ns = stale->age_ns;
}

/* Without a piece its unmap has not ended yet, or there was no memory for it: no age is known. */
void sim_reuse_stale(struct dmp_sim *sim, const struct sim_domain *dom,
		     const struct sim_access *access, const struct sim_translation *to)
{
	struct sim_reach *reach = load_acquire(&dom->reach); /* [REACH] */
	struct event e = {.iova = access->addr, .phys = to->phys};
	struct sim_pages page = pages_at(dom->id, access->addr, access->len);
	uint64_t now_ns = dmp_clock_now_ns();
	struct dmp_exposure_stale stale = {
		.device = access->dev->id,
		.access = access->prot,
		.iova = access->addr,
		.phys = to->phys | (access->addr & (DMP_PAGE_BYTES - 1)),
		.len = access->len,
		.performed = access->moved > 0,
	};
	struct sim_piece *piece;

	dmp_lock_acquire(&sim->reaches.lock);
	piece = sim_books_find_locked(&sim->reaches, &page, leads_to, &e);
	if (piece) {
		stale.age_ns = age_ns(piece, now_ns);
		stale.memory = (enum dmp_exposure_memory)piece->memory;
		stale.iova_reused = piece->iova_reused;
	}
	count_stale(&reach->seen, &stale);
	if (reach->watch.stale)
		reach->watch.stale(reach->ctx, &stale);
	dmp_lock_release(&sim->reaches.lock);
}
