// SPDX-License-Identifier: MIT
/*
 * sim_tlb.c - a cache of translations: sets, ways, tags, pages of any size
 *
 *   (domain id, page, order) --set_of--> [way 0 | way 1 | ... ]
 *
 * One kind of cache serves as IOTLB, as device TLB and as walk cache: an entry says where
 * the 2^order pages from an aligned page on lead, to memory or, in a walk cache, to the
 * table that translates them.  Entries of all sizes stand in the same sets; a lookup asks
 * once for each size that was ever stored, the smallest first.
 *
 * Consecutive pages of a domain and a size lie in consecutive sets; where a domain begins
 * is spread by its id.  An invalidation of fewer pages than there are sets visits just
 * their sets, size by size; a longer one visits all.  What it drops is every entry that has
 * a page in the range.
 *
 * A fill says what its walk has read, and that may be old by the time it is stored.  So a
 * translation begins by noting how many invalidations there have been; if there is a new one
 * when the fill has the set's lock, nothing is stored.
 *
 * Invariants, walked by sim_tlb_check():
 *  B1  an entry stands in the set of its tag, aligned, and no tag stands there twice;
 *  B2  entries that are there = filled - evicted - invalidated, of each kind of cache.
 *
 * Locking: (s) the set's lock, rank RANK_BACKEND_SET, never two at once; (c) constant;
 *  (a) atomic.
 *
 * Ordering:
 *  [BEGIN] sim_tlb_drop: entry of the tables cleared before; the invalidation counted; sets
 *          locked and cleared
 *          sim_tlb_begin: the count read; tables read; sim_tlb_fill: set locked, the count
 *          read again
 *  When a drop has returned, no translation that was read before it began is stored.  A fill
 *  that gets the lock first is dropped; a later one sees the count.
 *  [ORDER] sim_tlb_fill: order noted; fence; the count read
 *          sim_tlb_drop: counted; fence; orders read
 *  A drop visits the sets of a size, or the first fill of that size sees the count.
 *
 * Source: tags and page-selective invalidation after the Intel VT-d specification's IOTLB;
 *  there a set, a way or a replacement is the implementation's business.
 */
#include "sim_internal.h"

static uint64_t set_index(const struct sim_tlb *tlb, uint64_t id, uint64_t page, unsigned order)
{
	uint64_t start = id * UINT64_C(0x9e3779b97f4a7c15) >> 32; /* 2^64 / golden ratio */

	return (start + (page >> order)) % tlb->shape.nsets;
}

static void set_init(struct sim_tlb *tlb, uint32_t index)
{
	struct sim_tlb_set *set = &tlb->sets[index];
	uint64_t mixed = (tlb->shape.seed + index + 1) * UINT64_C(0xbf58476d1ce4e5b9);

	dmp_lock_init(&set->lock, RANK_BACKEND_SET, "sim: set of a TLB");
	set->entries = tlb->store + (size_t)index * tlb->shape.nways;
	set->random = mixed ? mixed : 1;
}

int sim_tlb_create(struct sim_tlb *tlb, enum sim_tlb_kind kind, const struct sim_tlb_shape *shape)
{
	size_t nsets = shape->nsets, nentries = nsets * shape->nways;

	*tlb = (struct sim_tlb){.kind = kind};
	if (!nsets)
		return 0;
	tlb->sets = dmp_meta_alloc(DMP_META_BACKEND, nsets * sizeof(*tlb->sets));
	if (!tlb->sets)
		return -ENOMEM;
	tlb->store = dmp_meta_alloc(DMP_META_BACKEND, nentries * sizeof(*tlb->store));
	if (!tlb->store) {
		dmp_meta_free(tlb->sets, nsets * sizeof(*tlb->sets));
		return -ENOMEM;
	}
	tlb->shape = *shape;
	for (uint32_t i = 0; i < nsets; i++)
		set_init(tlb, i);
	return 0;
}

/* Also of one that was never created, if its bytes are zero. */
void sim_tlb_destroy(struct sim_tlb *tlb)
{
	size_t nsets = tlb->shape.nsets, nentries = nsets * tlb->shape.nways;

	if (!nsets)
		return;
	for (uint32_t i = 0; i < nsets; i++)
		dmp_lock_destroy(&tlb->sets[i].lock);
	dmp_meta_free(tlb->store, nentries * sizeof(*tlb->store));
	dmp_meta_free(tlb->sets, nsets * sizeof(*tlb->sets));
	tlb->shape.nsets = 0;
}

/* A translation begins, whose fill will be told what this says. */
uint64_t sim_tlb_begin(struct sim_tlb *tlb)
{
	return load_acquire(&tlb->invalidated); /* [BEGIN] */
}

static bool is_tagged(const struct sim_tlb_entry *entry, uint64_t id, uint64_t page, unsigned order)
{
	return entry->page == dmp_align_down(page, UINT64_C(1) << order) && entry->id == id &&
	       entry->order == order;
}

/* The way with this tag; nways: there is none. */
static uint32_t find_way_locked(const struct sim_tlb *tlb, struct sim_tlb_set *set, uint64_t id,
				uint64_t page, unsigned order)
{
	uint32_t way = 0;

	dmp_lock_assert_held(&set->lock);
	while (way < tlb->shape.nways && !is_tagged(&set->entries[way], id, page, order))
		way++;
	return way;
}

static bool find_of_order(struct sim_tlb *tlb, uint64_t id, uint64_t page, unsigned order,
			  struct sim_tlb_entry *out)
{
	struct sim_tlb_set *set = &tlb->sets[set_index(tlb, id, page, order)];

	dmp_lock_acquire(&set->lock);
	uint32_t way = find_way_locked(tlb, set, id, page, order);
	bool found = way < tlb->shape.nways;

	set->turn++;
	if (found) {
		sim_replace_touch_locked(tlb, set, way);
		*out = set->entries[way];
	}
	dmp_lock_release(&set->lock);
	return found;
}

/* A copy of the entry that holds @page, the smallest if there are several. */
bool sim_tlb_find(struct sim_tlb *tlb, uint64_t id, uint64_t page, struct sim_tlb_entry *out)
{
	/* relaxed: an entry that another thread stores just now may be missed */
	uint64_t orders = sim_tlb_exists(tlb) ? load_relaxed(&tlb->orders) : 0;

	for (; orders; orders &= orders - 1)
		if (find_of_order(tlb, id, page, (unsigned)__builtin_ctzll(orders), out))
			return true;
	return false;
}

static void note_order(struct sim_tlb *tlb, unsigned order)
{
	uint64_t bit = UINT64_C(1) << order;
	uint64_t seen = load_relaxed(&tlb->orders); /* relaxed: the fence below */

	while (!(seen & bit) && !cas_acq_rel(&tlb->orders, &seen, seen | bit))
		;
	fence_seq_cst(); /* [ORDER] noted, then the count */
}

static bool leads_alike(const struct sim_tlb_entry *a, const struct sim_tlb_entry *b)
{
	return a->id == b->id && a->page == b->page && a->order == b->order && a->phys == b->phys &&
	       a->prot == b->prot;
}

/* @entry takes the place of @at, which leads to what is unmapped: as before, if it leads alike. */
static __attribute__((noinline)) void replace_marked_locked(struct dmp_sim *sim,
							    struct sim_tlb *tlb,
							    struct sim_tlb_entry *at,
							    const struct sim_tlb_entry *entry)
{
	struct sim_piece *piece = at->piece;
	bool stays = leads_alike(at, entry);
	uint64_t now_ns = SIM_NOT_YET;

	if (!stays)
		sim_reach_let_go(sim, tlb->kind, piece, DMP_EXPOSURE_EVICTED, &now_ns);
	*at = *entry;
	at->piece = stays ? piece : NULL;
}

/* Another fill of the same translation may have come first. */
static struct sim_tlb_entry *store_locked(struct dmp_sim *sim, struct sim_tlb *tlb,
					  struct sim_tlb_set *set,
					  const struct sim_tlb_entry *entry)
{
	uint32_t way = find_way_locked(tlb, set, entry->id, entry->page, entry->order);

	dmp_lock_assert_held(&set->lock);
	set->turn++;
	if (way == tlb->shape.nways) {
		way = sim_replace_victim_locked(tlb, set);
		if (set->entries[way].id)
			sim_count(sim, sim_tlb_counter(tlb, TLB_EVICTIONS), 1);
		sim_count(sim, sim_tlb_counter(tlb, TLB_FILLS), 1);
	}
	if (set->entries[way].piece)
		replace_marked_locked(sim, tlb, &set->entries[way], entry);
	else
		set->entries[way] = *entry;
	sim_replace_touch_locked(tlb, set, way);
	return &set->entries[way];
}

/* Something was unmapped during the walk that @entry is from: is it that? */
static void doubt_locked(struct dmp_sim *sim, struct sim_tlb *tlb, const struct sim_domain *dom,
			 struct sim_tlb_entry *entry)
{
	struct sim_reach *reach = load_acquire(&dom->reach); /* [REACH] */
	struct sim_look look = {.sim = sim, .reach = reach, .now_ns = SIM_NOT_YET};
	struct sim_walk now;

	if (!entry->prot || entry->piece ||
	    (sim_walk(sim, dom->root, entry->page << DMP_PAGE_SHIFT, &now) &&
	     now.phys == entry->phys && now.prot == entry->prot))
		return;
	look.pages = (struct sim_pages){entry->id, entry->page,
					entry->page + ((UINT64_C(1) << entry->order) - 1)};
	entry->piece = sim_reach_hold(&look, tlb->kind, entry);
}

/* @dom NULL: not of a page, or nobody watches. */
static void fill(struct dmp_sim *sim, struct sim_tlb *tlb, const struct sim_domain *dom,
		 const struct sim_tlb_entry *entry, uint64_t begun, uint64_t nunmaps)
{
	if (!sim_tlb_exists(tlb))
		return;
	note_order(tlb, entry->order);
	struct sim_tlb_set *set = &tlb->sets[set_index(tlb, entry->id, entry->page, entry->order)];

	dmp_lock_acquire(&set->lock);
	if (load_acquire(&tlb->invalidated) == begun) { /* [BEGIN] */
		struct sim_tlb_entry *at = store_locked(sim, tlb, set, entry);

		if (dom && sim_reach_begin(dom) != nunmaps) /* [MARK] */
			doubt_locked(sim, tlb, dom, at);
	}
	dmp_lock_release(&set->lock);
}

/* Remember @entry, unless something was invalidated since sim_tlb_begin() said @begun. */
void sim_tlb_fill(struct dmp_sim *sim, struct sim_tlb *tlb, const struct sim_tlb_entry *entry,
		  uint64_t begun)
{
	fill(sim, tlb, NULL, entry, begun, 0);
}

/* The same of a page of @dom.  @nunmaps: what sim_reach_begin() said before the walk. */
void sim_tlb_fill_of(struct dmp_sim *sim, struct sim_tlb *tlb, const struct sim_domain *dom,
		     const struct sim_tlb_entry *entry, uint64_t begun, uint64_t nunmaps)
{
	bool is_watched = load_acquire(&dom->reach) != NULL; /* [REACH] */

	fill(sim, tlb, is_watched ? dom : NULL, entry, begun, nunmaps);
}

/* Has @entry a page of these? */
static bool is_among(const struct sim_tlb_entry *entry, const struct sim_pages *pages)
{
	uint64_t last = entry->page + ((UINT64_C(1) << entry->order) - 1);

	return (!pages->id || entry->id == pages->id) && entry->page <= pages->last &&
	       last >= pages->first;
}

typedef void (*set_fn)(void *ctx, struct sim_tlb *tlb, struct sim_tlb_set *set);

static inline void visit_set(struct sim_tlb *tlb, uint64_t index, set_fn fn_locked, void *ctx)
{
	struct sim_tlb_set *set = &tlb->sets[index];

	dmp_lock_acquire(&set->lock); /* [BEGIN] */
	fn_locked(ctx, tlb, set);
	dmp_lock_release(&set->lock);
}

/* Every set in which one of @pages can stand, with its lock held; size by size if there are few. */
static inline void visit_sets(struct sim_tlb *tlb, const struct sim_pages *pages, set_fn fn_locked,
			      void *ctx)
{
	uint64_t orders = load_relaxed(&tlb->orders); /* relaxed: [ORDER] */

	if (!pages->id || pages->last - pages->first >= tlb->shape.nsets - 1) {
		for (uint32_t i = 0; i < tlb->shape.nsets; i++)
			visit_set(tlb, i, fn_locked, ctx);
		return;
	}
	for (; orders; orders &= orders - 1) {
		unsigned order = (unsigned)__builtin_ctzll(orders);

		for (uint64_t at = pages->first >> order; at <= pages->last >> order; at++)
			visit_set(tlb, set_index(tlb, pages->id, at << order, order), fn_locked,
				  ctx);
	}
}

struct dropping {
	struct dmp_sim *sim;
	const struct sim_drop *drop;
	uint64_t now_ns; /* of the marked ones, if there are any */
	bool is_locked;  /* the books are */
};

/* One goes that may be marked, or asked for.  The books are locked from the set's first marked one
 * to the end of the set. */
static void drop_watched(struct dropping *d, enum sim_tlb_kind kind, struct sim_tlb_entry *entry)
{
	if (!entry->piece) {
		if (d->drop->found && kind != TLB_WALK && entry->prot &&
		    is_among(entry, &d->drop->asked))
			sim_found_note(d->drop->found, entry);
		return;
	}
	if (!d->is_locked)
		dmp_lock_acquire(&d->sim->reaches.lock);
	d->is_locked = true;
	sim_reach_let_go_locked(d->sim, kind, entry->piece, DMP_EXPOSURE_INVALIDATED, &d->now_ns);
	entry->piece = NULL;
}

/* Under the set's lock: where nothing is marked by then, nothing of the set is. */
static inline void drop_of_set(struct dropping *d, struct sim_tlb *tlb, struct sim_tlb_set *set,
			       bool is_watched)
{
	uint64_t dropped = 0, beside = 0;

	for (uint32_t way = 0; way < tlb->shape.nways; way++) {
		struct sim_tlb_entry *entry = &set->entries[way];

		if (!entry->id || !is_among(entry, &d->drop->pages))
			continue;
		if (is_watched)
			drop_watched(d, tlb->kind, entry);
		beside += !is_among(entry, &d->drop->asked);
		dropped++;
		entry->id = 0;
	}
	if (dropped)
		sim_count(d->sim, sim_tlb_counter(tlb, TLB_DROPPED), dropped);
	if (beside)
		sim_count(d->sim, COUNT_OVER_INVALIDATED_ENTRIES, beside);
}

static void set_drop(void *ctx, struct sim_tlb *tlb, struct sim_tlb_set *set)
{
	struct dropping *d = ctx;

	if (!d->drop->found && !sim_reach_any(&d->sim->reaches)) {
		drop_of_set(d, tlb, set, false);
		return;
	}
	drop_of_set(d, tlb, set, true);
	if (d->is_locked)
		dmp_lock_release(&d->sim->reaches.lock);
	d->is_locked = false;
}

static void count_invalidation(struct sim_tlb *tlb)
{
	uint64_t n = load_relaxed(&tlb->invalidated); /* relaxed: the exchange below orders */

	while (!cas_acq_rel(&tlb->invalidated, &n, n + 1)) /* [BEGIN] */
		;
	fence_seq_cst(); /* [ORDER] counted, then orders */
}

/* Forget pages; what is forgotten beside those that were asked for is counted. */
void sim_tlb_drop(struct dmp_sim *sim, struct sim_tlb *tlb, const struct sim_drop *drop)
{
	struct dropping dropping = {sim, drop, SIM_NOT_YET, false};

	if (!sim_tlb_exists(tlb))
		return;
	count_invalidation(tlb);
	visit_sets(tlb, &drop->pages, set_drop, &dropping);
}

/* Marks: sim_reach.c. */

static inline void mark(struct sim_look *look, const struct sim_tlb *tlb,
			struct sim_tlb_entry *entry)
{
	if (entry->prot && !entry->piece)
		entry->piece = sim_reach_hold(look, tlb->kind, entry);
}

static void set_mark(void *ctx, struct sim_tlb *tlb, struct sim_tlb_set *set)
{
	struct sim_look *look = ctx;

	for (uint32_t way = 0; way < tlb->shape.nways; way++)
		if (is_among(&set->entries[way], &look->pages))
			mark(look, tlb, &set->entries[way]);
}

/* The entry of one size that holds a page, if there is one. */
static void mark_page(struct sim_look *look, struct sim_tlb *tlb, unsigned order)
{
	uint64_t id = look->pages.id, page = look->pages.first;
	struct sim_tlb_set *set = &tlb->sets[set_index(tlb, id, page, order)];
	uint32_t way;

	dmp_lock_acquire(&set->lock); /* [MARK] */
	way = find_way_locked(tlb, set, id, page, order);
	if (way < tlb->shape.nways)
		mark(look, tlb, &set->entries[way]);
	dmp_lock_release(&set->lock);
}

void sim_tlb_mark(struct sim_look *look, struct sim_tlb *tlb)
{
	uint64_t orders = load_relaxed(&tlb->orders); /* relaxed: the fence of [MARK] */

	if (look->pages.first != look->pages.last) {
		visit_sets(tlb, &look->pages, set_mark, look); /* [MARK] */
		return;
	}
	for (; orders; orders &= orders - 1)
		mark_page(look, tlb, (unsigned)__builtin_ctzll(orders));
}

struct unmark {
	struct dmp_sim *sim;
	const struct sim_tlb_entry *like;
	uint64_t *now_ns;
};

/* A marked entry of the pages that @like has, which leads to the same memory. */
static bool is_part_of(const struct sim_tlb_entry *entry, const struct sim_tlb_entry *like)
{
	uint64_t offset = (entry->page - like->page) << DMP_PAGE_SHIFT;

	return entry->id == like->id && entry->piece && entry->prot == like->prot &&
	       entry->order <= like->order && entry->phys - like->phys == offset &&
	       offset < DMP_PAGE_BYTES << like->order;
}

static void set_unmark(void *ctx, struct sim_tlb *tlb, struct sim_tlb_set *set)
{
	struct unmark *u = ctx;

	for (uint32_t way = 0; way < tlb->shape.nways; way++) {
		struct sim_tlb_entry *entry = &set->entries[way];

		if (!is_part_of(entry, u->like))
			continue;
		sim_reach_let_go(u->sim, tlb->kind, entry->piece, DMP_EXPOSURE_RESTORED, u->now_ns);
		entry->piece = NULL;
	}
}

void sim_tlb_unmark(struct dmp_sim *sim, struct sim_tlb *tlb, const struct sim_tlb_entry *like,
		    uint64_t *now_ns)
{
	struct unmark unmark = {sim, like, now_ns};

	visit_sets(tlb,
		   &(struct sim_pages){like->id, like->page,
				       like->page + ((UINT64_C(1) << like->order) - 1)},
		   set_unmark, &unmark);
}

uint64_t sim_tlb_count_marked(struct sim_tlb *tlb)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < tlb->shape.nsets; i++) {
		struct sim_tlb_set *set = &tlb->sets[i];

		dmp_lock_acquire(&set->lock);
		for (uint32_t way = 0; way < tlb->shape.nways; way++)
			n += set->entries[way].id && set->entries[way].piece;
		dmp_lock_release(&set->lock);
	}
	return n;
}

/* The walker. */

static bool is_in_place(const struct sim_tlb *tlb, struct sim_tlb_set *set, uint32_t way)
{
	const struct sim_tlb_entry *entry = &set->entries[way];

	return &tlb->sets[set_index(tlb, entry->id, entry->page, entry->order)] == set &&
	       dmp_is_aligned(entry->page, UINT64_C(1) << entry->order) &&
	       find_way_locked(tlb, set, entry->id, entry->page, entry->order) == way;
}

/* Adds a cache's entries to @nentries; -EIO at one that breaks B1. */
int sim_tlb_check(struct sim_tlb *tlb, uint64_t *nentries)
{
	int err = 0;

	for (uint32_t i = 0; i < tlb->shape.nsets; i++) {
		struct sim_tlb_set *set = &tlb->sets[i];

		dmp_lock_acquire(&set->lock);
		for (uint32_t way = 0; way < tlb->shape.nways; way++) {
			if (!set->entries[way].id)
				continue;
			++*nentries;
			if (!is_in_place(tlb, set, way))
				err = -EIO;
		}
		dmp_lock_release(&set->lock);
	}
	if (err)
		dmp_log(DMP_LOG_BUG, "sim: an entry of a TLB stands in a wrong set, or twice");
	return err;
}
