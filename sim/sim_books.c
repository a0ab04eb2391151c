// SPDX-License-Identifier: MIT
/*
 * sim_books.c - records of windows and pieces, and how a piece is found
 *
 *   by_iova   hash(domain, page, order) -> piece -> piece        each piece stands in both
 *   by_phys   hash(page of memory, order) -> piece
 *
 *   window -> piece <-> piece <-> piece                          and in its window
 *
 * A look for a range of pages asks once for each size of piece that was ever made, aligned
 * to it, as a look into a TLB does; one for more pages than there are buckets goes through all
 * buckets instead.
 *
 * Records come in chunks and are used again: as many are live as entries are marked at most.
 *
 * Most looks find nothing: whether a bucket is empty is seen without the lock, where all pieces are
 * of 4 KiB.
 *
 * Locking: (r) sim_reaches.lock, held by who calls; heads of buckets are (a) as well.
 *
 * Ordering:
 *  [BOOKS] sim_books_add_locked: tables made, heads stored; then npieces
 *          sim_reach_any: npieces; then tables, heads
 */
#include "sim_internal.h"

#define CHUNK_RECORDS 32u

struct sim_reach_chunk {
	struct sim_reach_chunk *next;
	struct sim_window window[CHUNK_RECORDS];
	struct sim_piece piece[CHUNK_RECORDS];
};

#define TABLE_BYTES (SIM_REACH_BUCKETS * sizeof(sim_bucket))

/* The tables, when the first domain is watched. */
int sim_books_create_locked(struct sim_reaches *reaches)
{
	dmp_lock_assert_held(&reaches->lock);
	if (reaches->by_iova)
		return 0;
	reaches->by_iova = dmp_meta_alloc(DMP_META_BACKEND, TABLE_BYTES);
	reaches->by_phys = dmp_meta_alloc(DMP_META_BACKEND, TABLE_BYTES);
	if (reaches->by_iova && reaches->by_phys)
		return 0;
	dmp_meta_free(reaches->by_iova, TABLE_BYTES);
	dmp_meta_free(reaches->by_phys, TABLE_BYTES);
	reaches->by_iova = reaches->by_phys = NULL;
	return -ENOMEM;
}

void sim_books_destroy(struct sim_reaches *reaches)
{
	dmp_meta_free(reaches->by_iova, TABLE_BYTES);
	dmp_meta_free(reaches->by_phys, TABLE_BYTES);
	while (reaches->chunks) {
		struct sim_reach_chunk *chunk = reaches->chunks;

		reaches->chunks = chunk->next;
		dmp_meta_free(chunk, sizeof(*chunk));
	}
}

/* Records. */

static bool add_chunk_locked(struct sim_reaches *reaches)
{
	struct sim_reach_chunk *chunk = dmp_meta_alloc(DMP_META_BACKEND, sizeof(*chunk));

	dmp_lock_assert_held(&reaches->lock);
	if (!chunk)
		return false;
	chunk->next = reaches->chunks;
	reaches->chunks = chunk;
	for (unsigned i = 0; i < CHUNK_RECORDS; i++) {
		chunk->window[i].newer = reaches->free_windows;
		reaches->free_windows = &chunk->window[i];
		chunk->piece[i].next = reaches->free_pieces;
		reaches->free_pieces = &chunk->piece[i];
	}
	return true;
}

/* Windows of a domain stand in the order in which they opened. */
static inline struct sim_window *open_window(struct sim_reaches *reaches, struct sim_reach *reach)
{
	struct sim_window *window = reaches->free_windows;

	reaches->free_windows = window->newer;
	window->reach = reach;
	window->serial = ++reaches->nopened;
	window->older = reach->newest;
	window->newer = NULL;
	window->pieces = NULL;
	window->bytes = 0;
	window->reused = false;
	*(reach->newest ? &reach->newest->newer : &reach->oldest) = window;
	reach->newest = window;
	return window;
}

static inline void close_window(struct sim_reaches *reaches, struct sim_window *window)
{
	struct sim_reach *reach = window->reach;

	*(window->older ? &window->older->newer : &reach->oldest) = window->newer;
	*(window->newer ? &window->newer->older : &reach->newest) = window->older;
	window->serial = 0;
	window->newer = reaches->free_windows;
	reaches->free_windows = window;
}

static inline void link_piece(struct sim_reaches *reaches, struct sim_piece *piece)
{
	uint64_t id = piece->window->reach->id;
	sim_bucket *iova_head, *phys_head;

	piece->iova_bucket = sim_reach_bucket(id, piece->page, piece->order);
	piece->phys_bucket = sim_reach_bucket(0, piece->phys >> DMP_PAGE_SHIFT, piece->order);
	iova_head = &reaches->by_iova[piece->iova_bucket];
	phys_head = &reaches->by_phys[piece->phys_bucket];
	/* relaxed, all: the lock is held, and whoever looks without sees one or the other */
	piece->by_iova = load_relaxed(iova_head);
	store_relaxed(iova_head, piece);
	piece->by_phys = load_relaxed(phys_head);
	store_relaxed(phys_head, piece);
	piece->prev = NULL;
	piece->next = piece->window->pieces;
	if (piece->next)
		piece->next->prev = piece;
	piece->window->pieces = piece;
}

/* Member by member, all but its links: one is made at every unmap. */
static inline void fill_in(struct sim_piece *piece, struct sim_window *window,
			   const struct sim_tlb_entry *entry)
{
	piece->window = window;
	piece->page = entry->page;
	piece->phys = entry->phys;
	piece->order = entry->order;
	piece->prot = entry->prot;
	piece->nwhole = piece->nsmall = 0;
	piece->memory = 0;
	piece->iova_reused = piece->is_restoring = false;
}

struct sim_piece *sim_books_add_locked(struct sim_reaches *reaches, struct sim_reach *reach,
				       struct sim_window *window, const struct sim_tlb_entry *entry)
{
	struct sim_piece *piece;

	dmp_lock_assert_held(&reaches->lock);
	if ((!reaches->free_pieces || !reaches->free_windows) && !add_chunk_locked(reaches))
		return NULL;
	piece = reaches->free_pieces;
	reaches->free_pieces = piece->next;
	fill_in(piece, window ? window : open_window(reaches, reach), entry);
	link_piece(reaches, piece);
	/* relaxed, both loads: the lock is held */
	store_relaxed(&reaches->orders, load_relaxed(&reaches->orders) | UINT64_C(1)
										 << piece->order);
	store_release(&reaches->npieces, load_relaxed(&reaches->npieces) + 1); /* [BOOKS] */
	return piece;
}

/* relaxed, both: as in link_piece() */
static void unlink_iova(sim_bucket *head, const struct sim_piece *piece)
{
	struct sim_piece *at = load_relaxed(head);

	if (at == piece) {
		store_relaxed(head, piece->by_iova);
		return;
	}
	while (at->by_iova != piece)
		at = at->by_iova;
	at->by_iova = piece->by_iova;
}

static void unlink_phys(sim_bucket *head, const struct sim_piece *piece)
{
	struct sim_piece *at = load_relaxed(head);

	if (at == piece) {
		store_relaxed(head, piece->by_phys);
		return;
	}
	while (at->by_phys != piece)
		at = at->by_phys;
	at->by_phys = piece->by_phys;
}

void sim_books_remove_locked(struct sim_reaches *reaches, struct sim_piece *piece)
{
	dmp_lock_assert_held(&reaches->lock);
	unlink_iova(&reaches->by_iova[piece->iova_bucket], piece);
	unlink_phys(&reaches->by_phys[piece->phys_bucket], piece);
	if (piece->prev)
		piece->prev->next = piece->next;
	else
		piece->window->pieces = piece->next;
	if (piece->next)
		piece->next->prev = piece->prev;
	if (!piece->window->pieces)
		close_window(reaches, piece->window);
	piece->next = reaches->free_pieces;
	reaches->free_pieces = piece;
	store_release(&reaches->npieces,
		      load_relaxed(&reaches->npieces) - 1); /* relaxed: as above */
}

/* Looks. */

struct sim_piece *sim_books_at_locked(struct sim_reaches *reaches,
				      const struct sim_tlb_entry *entry)
{
	sim_bucket *head =
		&reaches->by_iova[sim_reach_bucket(entry->id, entry->page, entry->order)];
	struct sim_piece *piece = load_relaxed(head); /* relaxed: the lock is held */

	dmp_lock_assert_held(&reaches->lock);
	while (piece && (piece->page != entry->page || piece->order != entry->order ||
			 piece->phys != entry->phys || piece->prot != entry->prot ||
			 piece->window->reach->id != entry->id))
		piece = piece->by_iova;
	return piece;
}

/* A look for pages of a domain, or of memory: what tells the one from the other. */
struct search {
	sim_bucket *heads;
	bool is_phys;
	struct sim_pages pages;
	sim_piece_fn fn;
	void *ctx;
};

static inline uint64_t first_page(const struct search *search, const struct sim_piece *piece)
{
	return search->is_phys ? piece->phys >> DMP_PAGE_SHIFT : piece->page;
}

static inline struct sim_piece *first_in(const struct search *search, unsigned bucket)
{
	return load_relaxed(&search->heads[bucket]); /* relaxed: the lock is held */
}

static inline struct sim_piece *next_of(const struct search *search, const struct sim_piece *piece)
{
	return search->is_phys ? piece->by_phys : piece->by_iova;
}

static inline bool is_of(const struct search *search, const struct sim_piece *piece)
{
	return search->is_phys || piece->window->reach->id == search->pages.id;
}

static bool is_wanted(const struct search *search, const struct sim_piece *piece)
{
	uint64_t first = first_page(search, piece);
	uint64_t last = first + ((UINT64_C(1) << piece->order) - 1);

	return first <= search->pages.last && last >= search->pages.first && is_of(search, piece);
}

static struct sim_piece *search_all(const struct search *search)
{
	for (unsigned i = 0; i < SIM_REACH_BUCKETS; i++)
		for (struct sim_piece *piece = first_in(search, i); piece;
		     piece = next_of(search, piece))
			if (is_wanted(search, piece) && search->fn(piece, search->ctx))
				return piece;
	return NULL;
}

/* The pieces of one size that begin at @page: others of their bucket are met at their own page. */
static inline struct sim_piece *search_page(const struct search *search, uint64_t page,
					    unsigned order)
{
	struct sim_piece *piece = first_in(search, sim_reach_bucket(search->pages.id, page, order));

	for (; piece; piece = next_of(search, piece))
		if (piece->order == order && first_page(search, piece) == page &&
		    is_of(search, piece) && search->fn(piece, search->ctx))
			return piece;
	return NULL;
}

/* Pieces of one size that have one of the pages. */
static inline struct sim_piece *search_order(const struct search *search, unsigned order)
{
	const struct sim_pages *pages = &search->pages;
	struct sim_piece *found = NULL;

	for (uint64_t at = pages->first >> order; !found && at <= pages->last >> order; at++)
		found = search_page(search, at << order, order);
	return found;
}

static inline struct sim_piece *run_search(const struct sim_reaches *reaches,
					   const struct search *search)
{
	uint64_t orders = load_relaxed(&reaches->orders); /* relaxed: the lock is held */
	struct sim_piece *found = NULL;

	if (search->pages.last - search->pages.first >= SIM_REACH_BUCKETS)
		return search_all(search);
	for (; !found && orders; orders &= orders - 1)
		found = search_order(search, (unsigned)__builtin_ctzll(orders));
	return found;
}

struct sim_piece *sim_books_find_locked(struct sim_reaches *reaches, const struct sim_pages *pages,
					sim_piece_fn fn, void *ctx)
{
	dmp_lock_assert_held(&reaches->lock);
	return run_search(reaches, &(struct search){
					   .heads = reaches->by_iova,
					   .pages = *pages,
					   .fn = fn,
					   .ctx = ctx,
				   });
}

/* One page of memory where all pieces are of one, as most often. */
static inline struct sim_piece *search_memory(struct sim_reaches *reaches, uint64_t page,
					      sim_piece_fn fn, void *ctx)
{
	sim_bucket *head = &reaches->by_phys[sim_reach_bucket(0, page, 0)];
	struct sim_piece *piece = load_relaxed(head); /* relaxed: the lock is held */

	for (; piece; piece = piece->by_phys)
		if (piece->phys >> DMP_PAGE_SHIFT == page && fn(piece, ctx))
			return piece;
	return NULL;
}

struct sim_piece *sim_books_find_phys_locked(struct sim_reaches *reaches, uint64_t first,
					     uint64_t last, sim_piece_fn fn, void *ctx)
{
	dmp_lock_assert_held(&reaches->lock);
	if (first == last && load_relaxed(&reaches->orders) == 1) /* relaxed: the lock is held */
		return search_memory(reaches, first, fn, ctx);
	return run_search(reaches, &(struct search){
					   .heads = reaches->by_phys,
					   .is_phys = true,
					   .pages = {.first = first, .last = last},
					   .fn = fn,
					   .ctx = ctx,
				   });
}
