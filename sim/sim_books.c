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
 * Locking: (r) sim_reaches.lock, held by who calls.
 */
#include "sim_internal.h"

#define CHUNK_RECORDS 32u

struct sim_reach_chunk {
	struct sim_reach_chunk *next;
	struct sim_window window[CHUNK_RECORDS];
	struct sim_piece piece[CHUNK_RECORDS];
};

#define TABLE_BYTES (SIM_REACH_BUCKETS * sizeof(struct sim_piece *))

static unsigned bucket_of(uint64_t id, uint64_t page, unsigned order)
{
	uint64_t key = (page >> order) + (id << 40) + ((uint64_t)order << 58);

	return key * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (SIM_REACH_BUCKETS - 1);
}

static unsigned iova_bucket(const struct sim_piece *piece)
{
	return bucket_of(piece->window->reach->id, piece->page, piece->order);
}

static unsigned phys_bucket(const struct sim_piece *piece)
{
	return bucket_of(0, piece->phys >> DMP_PAGE_SHIFT, piece->order);
}

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
struct sim_window *sim_books_open_locked(struct sim_reaches *reaches, struct sim_reach *reach)
{
	struct sim_window *window;

	dmp_lock_assert_held(&reaches->lock);
	if (!reaches->free_windows && !add_chunk_locked(reaches))
		return NULL;
	window = reaches->free_windows;
	reaches->free_windows = window->newer;
	*window = (struct sim_window){
		.reach = reach,
		.serial = ++reaches->nopened,
		.older = reach->newest,
	};
	if (reach->newest)
		reach->newest->newer = window;
	else
		reach->oldest = window;
	reach->newest = window;
	return window;
}

/* It has no piece left. */
void sim_books_close_locked(struct sim_reaches *reaches, struct sim_window *window)
{
	struct sim_reach *reach = window->reach;

	dmp_lock_assert_held(&reaches->lock);
	if (window->older)
		window->older->newer = window->newer;
	else
		reach->oldest = window->newer;
	if (window->newer)
		window->newer->older = window->older;
	else
		reach->newest = window->older;
	window->serial = 0;
	window->newer = reaches->free_windows;
	reaches->free_windows = window;
}

static void link_piece(struct sim_reaches *reaches, struct sim_piece *piece)
{
	struct sim_piece **iova_head = &reaches->by_iova[iova_bucket(piece)];
	struct sim_piece **phys_head = &reaches->by_phys[phys_bucket(piece)];

	piece->by_iova = *iova_head;
	*iova_head = piece;
	piece->by_phys = *phys_head;
	*phys_head = piece;
	piece->next = piece->window->pieces;
	if (piece->next)
		piece->next->prev = piece;
	piece->window->pieces = piece;
}

struct sim_piece *sim_books_add_locked(struct sim_reaches *reaches, struct sim_window *window,
				       const struct sim_tlb_entry *entry)
{
	struct sim_piece *piece;

	dmp_lock_assert_held(&reaches->lock);
	if (!reaches->free_pieces && !add_chunk_locked(reaches))
		return NULL;
	piece = reaches->free_pieces;
	reaches->free_pieces = piece->next;
	*piece = (struct sim_piece){
		.window = window,
		.page = entry->page,
		.phys = entry->phys,
		.order = entry->order,
		.prot = entry->prot,
	};
	link_piece(reaches, piece);
	reaches->orders |= UINT64_C(1) << piece->order;
	add_relaxed(&reaches->npieces, 1); /* relaxed: sim_reach_any() says for whom */
	return piece;
}

void sim_books_remove_locked(struct sim_reaches *reaches, struct sim_piece *piece)
{
	struct sim_piece **at;

	dmp_lock_assert_held(&reaches->lock);
	for (at = &reaches->by_iova[iova_bucket(piece)]; *at != piece; at = &(*at)->by_iova)
		;
	*at = piece->by_iova;
	for (at = &reaches->by_phys[phys_bucket(piece)]; *at != piece; at = &(*at)->by_phys)
		;
	*at = piece->by_phys;
	if (piece->prev)
		piece->prev->next = piece->next;
	else
		piece->window->pieces = piece->next;
	if (piece->next)
		piece->next->prev = piece->prev;
	piece->next = reaches->free_pieces;
	reaches->free_pieces = piece;
	add_relaxed(&reaches->npieces, UINT64_MAX); /* relaxed: as above */
}

/* Looks. */

struct sim_piece *sim_books_at_locked(struct sim_reaches *reaches,
				      const struct sim_tlb_entry *entry)
{
	struct sim_piece *piece = reaches->by_iova[bucket_of(entry->id, entry->page, entry->order)];

	dmp_lock_assert_held(&reaches->lock);
	while (piece && (piece->page != entry->page || piece->order != entry->order ||
			 piece->phys != entry->phys || piece->prot != entry->prot ||
			 piece->window->reach->id != entry->id))
		piece = piece->by_iova;
	return piece;
}

/* A look for pages of a domain, or of memory: what tells the one from the other. */
struct search {
	struct sim_piece **heads;
	bool is_phys;
	struct sim_pages pages;
	sim_piece_fn fn;
	void *ctx;
};

static inline uint64_t first_page(const struct search *search, const struct sim_piece *piece)
{
	return search->is_phys ? piece->phys >> DMP_PAGE_SHIFT : piece->page;
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
		for (struct sim_piece *piece = search->heads[i]; piece;
		     piece = next_of(search, piece))
			if (is_wanted(search, piece) && search->fn(piece, search->ctx))
				return piece;
	return NULL;
}

/* The pieces of one size that begin at @page: others of their bucket are met at their own page. */
static inline struct sim_piece *search_page(const struct search *search, uint64_t page,
					    unsigned order)
{
	struct sim_piece *piece = search->heads[bucket_of(search->pages.id, page, order)];

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
	uint64_t orders = reaches->orders;
	struct sim_piece *found = NULL;

	if (orders == 1 && search->pages.first == search->pages.last)
		return search_page(search, search->pages.first, 0); /* as most often */
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

struct sim_piece *sim_books_find_phys_locked(struct sim_reaches *reaches, uint64_t first,
					     uint64_t last, sim_piece_fn fn, void *ctx)
{
	dmp_lock_assert_held(&reaches->lock);
	return run_search(reaches, &(struct search){
					   .heads = reaches->by_phys,
					   .is_phys = true,
					   .pages = {.first = first, .last = last},
					   .fn = fn,
					   .ctx = ctx,
				   });
}
