// SPDX-License-Identifier: MIT
/*
 * sim_reach.c - what devices still reach after an unmap: windows open, and end
 *
 *   tables cleared -- unmap counted -- every TLB is looked at: entries are marked -- ...
 *                                                 |                 |
 *   a walk reads a page's entry ...... it is stored in a TLB, and the count read again:
 *                                      another one than before the walk: the tables, too;
 *                                      what they do not hold is marked
 *
 *   marked entry   invalidated, evicted, or its translation is restored -> its piece has one less
 *   piece          has none left -> its window has one less
 *   window         has none left -> it has ended
 *
 * Only entries that lead to a page matter.  One of a walk cache leads to a table, in which
 * the page's entry is cleared.
 *
 * A window that a racing walk opens begins with the fill.
 *
 * Invariants, walked by sim_reach_check():
 *  R1  an entry is marked, and has its piece, if and only if the piece counts it: as many are
 *      marked as are counted;
 *  R2  open windows and bytes of a domain's books are those of its windows.
 *
 * Locking: (r) reaches.lock, rank RANK_BACKEND_MEM, inside the set's lock where an entry is marked
 *  or goes, and held while a watch is told; (s) the set's; (a) atomic; (c) constant.
 *
 * Ordering:
 *  [MARK]  sim_reach_unmapped: entry of the tables cleared before; the unmap counted; fence;
 *          sizes and sets of each TLB looked at
 *          sim_tlb_fill_of: the count read; tables read; size noted; fence; set locked, the
 *          entry stored, the count read again
 *  A look that comes to a set before the fill has its count seen there; one that comes later
 *  finds the entry.
 *  [REACH] sim_exposure_start: books filled in, then published in the domain
 *          sim_reach_unmapped, sim_iotlb, sim_devtlb: books loaded, then used
 */
#include "sim_internal.h"

/* A watch begins, and ends. */

static struct sim_reach *make_reach(const struct sim_domain *dom,
				    const struct dmp_exposure_watch *watch, void *ctx)
{
	struct sim_reach *reach = dmp_meta_alloc(DMP_META_BACKEND, sizeof(*reach));

	if (!reach)
		return NULL;
	reach->id = dom->id;
	if (watch)
		reach->watch = *watch;
	reach->ctx = ctx;
	dmp_tally_init(&reach->found);
	return reach;
}

static void discard(struct sim_reach *reach)
{
	dmp_tally_destroy(&reach->found);
	dmp_meta_free(reach, sizeof(*reach));
}

int sim_exposure_start(void *be, void *dom, const struct dmp_exposure_watch *watch, void *ctx)
{
	struct sim_reaches *reaches = &((struct dmp_sim *)be)->reaches;
	struct sim_domain *domain = dom;
	struct sim_reach *reach;
	int err;

	if (domain->type == DMP_DOMAIN_PASSTHROUGH || load_acquire(&domain->reach))
		return -EINVAL;
	reach = make_reach(domain, watch, ctx);
	if (!reach)
		return -ENOMEM;
	dmp_lock_acquire(&reaches->lock);
	err = sim_books_create_locked(reaches);
	dmp_lock_release(&reaches->lock);
	if (err)
		discard(reach);
	else
		store_release(&domain->reach, reach); /* [REACH] */
	return err;
}

/* Nothing is attached any more: no entry is left. */
void sim_reach_end(struct sim_domain *dom)
{
	struct sim_reach *reach = load_acquire(&dom->reach); /* [REACH] */

	if (!reach)
		return;
	if (reach->oldest)
		dmp_log(DMP_LOG_BUG, "sim: a domain goes, and devices still reach what was in it");
	discard(reach);
}

/* Bytes. */

/* What entries lead to.  Two device TLBs may hold the same 4 KiB of it. */
static uint64_t piece_bytes(const struct sim_piece *piece)
{
	uint64_t size = sim_piece_size(piece), small = piece->nsmall * DMP_PAGE_BYTES;

	return piece->nwhole || small > size ? size : small;
}

static uint64_t span(uint64_t from_ns, uint64_t now_ns)
{
	return now_ns > from_ns ? now_ns - from_ns : 0;
}

static uint64_t piece_byte_ns(const struct sim_piece *piece, uint64_t now_ns)
{
	return dmp_mul_saturated(piece_bytes(piece), span(piece->counted_from_ns, now_ns));
}

/* Before @piece, of which @bytes are reached, counts entries otherwise.  A look may be older than
 * the one before it. */
static void settle(struct sim_piece *piece, uint64_t bytes, uint64_t now_ns)
{
	uint64_t *byte_ns = &piece->window->reach->seen.did.byte_ns;
	uint64_t more = dmp_mul_saturated(bytes, span(piece->counted_from_ns, now_ns));

	*byte_ns = dmp_add_saturated(*byte_ns, more);
	if (piece->counted_from_ns < now_ns)
		piece->counted_from_ns = now_ns;
}

/* The same where only entries of IOTLBs do, as most often. */
static void recount_whole(struct sim_piece *piece, uint32_t more, uint64_t now_ns)
{
	struct dmp_exposure_side *did = &piece->window->reach->seen.did;
	uint64_t size = sim_piece_size(piece);

	piece->nwhole += more;
	if (piece->nwhole)
		return; /* it stays whole */
	did->open_bytes -= size;
	settle(piece, size, now_ns);
}

/* The first entry leads to @piece. */
static void count_first(struct sim_piece *piece, enum sim_tlb_kind kind)
{
	struct dmp_exposure_side *did = &piece->window->reach->seen.did;
	uint64_t size = kind == TLB_DEVICE ? DMP_PAGE_BYTES : sim_piece_size(piece);

	*(kind == TLB_DEVICE ? &piece->nsmall : &piece->nwhole) = 1;
	did->open_bytes += size;
	did->bytes = dmp_add_saturated(did->bytes, size);
	piece->window->bytes += size;
}

/* An entry of @kind more, or one less, leads to @piece, to which one does already. */
static void recount(struct sim_piece *piece, enum sim_tlb_kind kind, uint32_t more, uint64_t now_ns)
{
	struct dmp_exposure_side *did = &piece->window->reach->seen.did;
	bool is_small = kind == TLB_DEVICE;
	uint64_t before, after;

	if (!is_small && !piece->nsmall) {
		recount_whole(piece, more, now_ns);
		return;
	}
	before = piece_bytes(piece);
	if (!is_small && piece->nwhole > (more == UINT32_MAX)) {
		piece->nwhole += more; /* it stays whole */
		return;
	}
	settle(piece, before, now_ns);
	*(is_small ? &piece->nsmall : &piece->nwhole) += more;
	after = piece_bytes(piece);
	did->open_bytes += after - before;
	if (after > before) {
		did->bytes = dmp_add_saturated(did->bytes, after - before);
		piece->window->bytes += after - before;
	}
}

/* Which piece counts an entry. */

/* Does @piece lead where the entry does? */
static bool is_its_piece(struct sim_piece *piece, void *ctx)
{
	const struct sim_tlb_entry *entry = ctx;

	return piece->phys + ((entry->page - piece->page) << DMP_PAGE_SHIFT) == entry->phys &&
	       piece->prot == entry->prot;
}

static struct sim_piece *find_bigger_locked(struct sim_reaches *reaches,
					    const struct sim_tlb_entry *entry)
{
	struct sim_tlb_entry like = *entry;

	if (!(load_relaxed(&reaches->orders) >> 1)) /* relaxed: the lock is held */
		return NULL;
	return sim_books_find_locked(reaches,
				     &(struct sim_pages){entry->id, entry->page, entry->page},
				     is_its_piece, &like);
}

/* That of another TLB's entry.  Most often it is just as big; of a device TLB's it may be bigger. */
static struct sim_piece *find_piece_locked(struct dmp_sim *sim, enum sim_tlb_kind kind,
					   const struct sim_tlb_entry *entry)
{
	struct sim_piece *piece;

	if (sim->machine.nunits == 1 && !sim->machine.devtlb.nsets)
		return NULL; /* there is no other */
	piece = sim_books_at_locked(&sim->reaches, entry);
	return piece || kind != TLB_DEVICE ? piece : find_bigger_locked(&sim->reaches, entry);
}

/* Windows open. */

static uint64_t ask_clock(uint64_t *now_ns)
{
	if (*now_ns == SIM_NOT_YET)
		*now_ns = dmp_clock_now_ns();
	return *now_ns;
}

static void begin_window(struct sim_look *look, struct sim_window *window)
{
	const struct sim_pages *pages = &look->pages;

	window->iova = pages->first << DMP_PAGE_SHIFT;
	window->len = (pages->last - pages->first + 1) << DMP_PAGE_SHIFT;
	window->opened_ns = ask_clock(&look->now_ns);
	look->window = window;
	look->serial = window->serial;
	look->reach->seen.did.windows++;
	look->reach->seen.did.open++;
}

/* In the look's window; in another one if what it had opened has ended by now.  NULL: no memory. */
static struct sim_piece *make_piece_locked(struct sim_look *look, enum sim_tlb_kind kind,
					   const struct sim_tlb_entry *entry)
{
	struct sim_reaches *reaches = &look->sim->reaches;
	bool is_open = look->serial && look->window->serial == look->serial;
	struct sim_piece *piece =
		sim_books_add_locked(reaches, look->reach, is_open ? look->window : NULL, entry);

	if (!piece) {
		look->reach->seen.untracked++;
		return NULL;
	}
	if (!is_open)
		begin_window(look, piece->window);
	piece->counted_from_ns = look->now_ns;
	count_first(piece, kind);
	return piece;
}

struct sim_piece *sim_reach_hold(struct sim_look *look, enum sim_tlb_kind kind,
				 const struct sim_tlb_entry *entry)
{
	struct sim_reaches *reaches = &look->sim->reaches;
	struct sim_piece *piece;

	dmp_lock_acquire(&reaches->lock);
	piece = find_piece_locked(look->sim, kind, entry);
	if (piece)
		recount(piece, kind, 1, ask_clock(&look->now_ns));
	else
		piece = make_piece_locked(look, kind, entry);
	dmp_lock_release(&reaches->lock);
	return piece;
}

static void look_into_tlbs(struct sim_look *look)
{
	struct dmp_sim *sim = look->sim;

	for (uint32_t i = 0; i < sim->machine.nunits; i++)
		sim_tlb_mark(look, &sim->units[i].iotlb);
	for (uint32_t device = 0; device < load_acquire(&sim->ndevtlbs); device++) {
		struct sim_tlb *tlb = sim_devtlb_attached(sim, device, look->reach->id);

		if (tlb)
			sim_tlb_mark(look, tlb);
	}
}

void sim_reach_unmapped(struct dmp_sim *sim, struct sim_reach *reach, dmp_iova_t iova, uint64_t len,
			uint64_t begun_ns)
{
	struct sim_look look = {
		.sim = sim,
		.reach = reach,
		.pages = {reach->id, iova >> DMP_PAGE_SHIFT, (iova + len - 1) >> DMP_PAGE_SHIFT},
		.now_ns = begun_ns ? begun_ns : SIM_NOT_YET,
	};

	add_acq_rel(&reach->nunmaps, 1); /* [MARK] tables, then the count */
	fence_seq_cst();                 /* [MARK] the count, then sizes and sets */
	look_into_tlbs(&look);
}

void sim_reach_gathered(struct dmp_sim *sim, struct sim_reach *reach, dmp_iova_t iova, uint64_t len,
			const struct dmp_gather *gather)
{
	bool follows = gather && gather->begun_ns && !gather->queued && sim->ops.flush_gather;

	if (!follows)
		sim_reach_unmapped(sim, reach, iova, len, gather ? gather->begun_ns : 0);
}

/* Windows end. */

static void end_window(struct sim_window *window, enum dmp_exposure_end end, uint64_t now_ns)
{
	struct sim_reach *reach = window->reach;
	uint64_t open_ns = span(window->opened_ns, now_ns);

	reach->seen.did.open--;
	dmp_spread_add(&reach->seen.did.ns, open_ns);
	if (reach->watch.ended)
		reach->watch.ended(reach->ctx, &(struct dmp_exposure_window){
						       .iova = window->iova,
						       .len = window->len,
						       .bytes = window->bytes,
						       .opened_ns = window->opened_ns,
						       .ended_ns = window->opened_ns + open_ns,
						       .end = end,
						       .reused = window->reused,
					       });
}

void sim_reach_let_go_locked(struct dmp_sim *sim, enum sim_tlb_kind kind, struct sim_piece *piece,
			     enum dmp_exposure_end end, uint64_t *now_ns)
{
	struct sim_reaches *reaches = &sim->reaches;
	struct sim_window *window = piece->window;

	dmp_lock_assert_held(&reaches->lock);
	recount(piece, kind, UINT32_MAX, ask_clock(now_ns));
	if (piece->nwhole || piece->nsmall)
		return;
	if (window->pieces == piece && !piece->next)
		end_window(window, end, *now_ns);
	sim_books_remove_locked(reaches, piece);
}

void sim_reach_let_go(struct dmp_sim *sim, enum sim_tlb_kind kind, struct sim_piece *piece,
		      enum dmp_exposure_end end, uint64_t *now_ns)
{
	dmp_lock_acquire(&sim->reaches.lock);
	sim_reach_let_go_locked(sim, kind, piece, end, now_ns);
	dmp_lock_release(&sim->reaches.lock);
}

/* Snapshot. */

/* Adds what windows of @reach expose up to now. */
static void add_open_locked(const struct sim_reach *reach, struct dmp_exposure_side *did)
{
	uint64_t now_ns = reach->oldest ? dmp_clock_now_ns() : 0;

	for (const struct sim_window *w = reach->oldest; w; w = w->newer) {
		if (did->open_oldest_ns < span(w->opened_ns, now_ns))
			did->open_oldest_ns = span(w->opened_ns, now_ns);
		for (const struct sim_piece *piece = w->pieces; piece; piece = piece->next)
			did->byte_ns =
				dmp_add_saturated(did->byte_ns, piece_byte_ns(piece, now_ns));
	}
}

int sim_exposure_get(void *be, void *dom, struct dmp_exposure_seen *seen)
{
	struct sim_reaches *reaches = &((struct dmp_sim *)be)->reaches;
	struct sim_domain *domain = dom;
	struct sim_reach *reach = load_acquire(&domain->reach); /* [REACH] */

	if (!reach)
		return -EINVAL;
	dmp_lock_acquire(&reaches->lock);
	*seen = reach->seen;
	add_open_locked(reach, &seen->did);
	dmp_lock_release(&reaches->lock);
	dmp_tally_get(&reach->found, &seen->did);
	return 0;
}

/* The walker. */

static bool books_agree_locked(const struct sim_reach *reach, uint64_t *ncounted)
{
	uint64_t open = 0, open_bytes = 0;

	for (const struct sim_window *w = reach->oldest; w; w = w->newer) {
		open++;
		for (const struct sim_piece *piece = w->pieces; piece; piece = piece->next) {
			open_bytes += piece_bytes(piece);
			*ncounted += piece->nwhole + piece->nsmall;
		}
	}
	return open == reach->seen.did.open && open_bytes == reach->seen.did.open_bytes;
}

/* R2 of every domain; adds up what pieces count.  books_lock is held. */
static bool all_agree_locked(struct dmp_sim *sim, uint64_t *ncounted)
{
	bool agree = true;

	dmp_lock_assert_held(&sim->books_lock);
	dmp_lock_acquire(&sim->reaches.lock);
	for (struct sim_domain *dom = sim->domains; dom; dom = dom->next) {
		struct sim_reach *reach = load_acquire(&dom->reach); /* [REACH] */

		agree = agree && (!reach || books_agree_locked(reach, ncounted));
	}
	dmp_lock_release(&sim->reaches.lock);
	return agree;
}

static uint64_t count_marked(struct dmp_sim *sim)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < sim->machine.nunits; i++)
		n += sim_tlb_count_marked(&sim->units[i].iotlb);
	for (uint32_t device = 0; device < load_acquire(&sim->ndevtlbs); device++) {
		struct sim_tlb *tlb = sim_devtlb_attached(sim, device, 0);

		n += tlb ? sim_tlb_count_marked(tlb) : 0;
	}
	return n;
}

int sim_reach_check(struct dmp_sim *sim)
{
	uint64_t ncounted = 0;
	bool agree;

	dmp_lock_acquire(&sim->books_lock);
	agree = all_agree_locked(sim, &ncounted);
	dmp_lock_release(&sim->books_lock);
	if (agree && ncounted == count_marked(sim))
		return 0;
	dmp_log(DMP_LOG_BUG, "sim: what devices still reach is not what is in the books");
	return -EIO;
}
