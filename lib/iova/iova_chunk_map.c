// SPDX-License-Identifier: MIT
/*
 * iova_chunk_map.c - which chunk a pfn belongs to; new chunks
 *
 *   0            boundary                                              2^64-1
 *   |    low        | slot 0 | slot 1 | slot 2 | slot 3 | ... |  no slots   |
 *                     chunk a  `---chunk b---'    -       `------ rest -----'
 *
 *   slot s  ->  table[s / 256]  ->  slot[s % 256]  ->  chunk, or NULL
 *
 * A chunk stays until the space goes, so that the way from a pfn to its chunk needs no lock.
 * What has no chunk is the rest; only reservations stand there.  A slot that one of them
 * touches is not taken while it stands: no range ever moves from one book to another.
 *
 * Invariants, walked by chunk_check():
 *  C1  the slots of a chunk, all of them and no others, lead to it;
 *  C2  no range of the rest touches a slot that is taken.
 *
 * Locking: (k) of the rest, for taking slots; never with another chunk's.
 *
 * Ordering:
 *  [SLOT]  take_slots_locked: chunk made, then its slots lead to it
 *          chunk_at: slot read, then the chunk
 */
#include "iova_chunk.h"

void iova_chunk_init(struct chunk *chunk, uint64_t lo, uint64_t hi, uint64_t lowest)
{
	chunk->lo = lo;
	chunk->hi = hi;
	dmp_lock_init(&chunk->chunk_lock, RANK_IOVA_POLICY, "iova policy chunk: one chunk");
	iova_book_init(&chunk->book, lowest, hi);
	store_relaxed(&chunk->longest, iova_book_longest(&chunk->book)); /* relaxed: not shared */
}

void iova_chunk_fini(struct chunk *chunk)
{
	iova_book_clear(&chunk->book);
	dmp_lock_destroy(&chunk->chunk_lock);
}

/* From pfns to chunks. */

static uint64_t slot_pfn(const struct chunk_space *space, uint64_t slot)
{
	return (space->first_slot + slot) << CHUNK_SLOT_SHIFT;
}

/* The number of the slot that @pfn is in; nslots or more: none. */
static uint64_t slot_of(const struct chunk_space *space, uint64_t pfn)
{
	return (pfn >> CHUNK_SLOT_SHIFT) - space->first_slot;
}

/* The chunk of the @slot-th slot; NULL: none. */
static struct chunk *chunk_at(struct chunk_space *space, uint64_t slot)
{
	struct chunk_table *table;

	if (slot >= space->nslots)
		return NULL;
	table = load_acquire(&space->table[slot / CHUNK_TABLE_SLOTS]);
	return table ? load_acquire(&table->slot[slot % CHUNK_TABLE_SLOTS]) : NULL; /* [SLOT] */
}

struct chunk *iova_chunk_of(struct chunk_space *space, uint64_t pfn)
{
	struct chunk *chunk;

	if (pfn <= space->low.hi)
		return &space->low;
	chunk = chunk_at(space, slot_of(space, pfn));
	return chunk ? chunk : &space->rest;
}

/* The lowest chunk from the @slot-th slot on; NULL: none. */
static struct chunk *chunk_from(struct chunk_space *space, uint64_t slot)
{
	struct chunk *chunk;

	while (slot < space->nslots) {
		chunk = chunk_at(space, slot);
		if (chunk)
			return chunk;
		if (load_acquire(&space->table[slot / CHUNK_TABLE_SLOTS]))
			slot++;
		else
			slot = (slot / CHUNK_TABLE_SLOTS + 1) * CHUNK_TABLE_SLOTS;
	}
	return NULL;
}

struct chunk *iova_chunk_reaching(struct chunk_space *space, uint64_t pfn)
{
	if (pfn <= space->low.hi)
		return &space->low;
	return chunk_from(space, pfn < slot_pfn(space, 0) ? 0 : slot_of(space, pfn));
}

/* New chunks. */

/* Would the request fit into slots @slot .. @slot + @n - 1, if nothing else were there? */
static bool fits_slots(const struct chunk_space *space, const struct iova_request *req,
		       uint64_t limit, uint64_t slot, uint64_t n)
{
	uint64_t lo = slot_pfn(space, slot), hi = slot_pfn(space, slot + n) - 1, start;

	return iova_fit_highest(lo > space->start_pfn ? lo : space->start_pfn,
				(hi < limit ? hi : limit) + 1, req, &start);
}

/* Is there anything in slots @slot .. @slot + @n - 1?  @last: the last slot of that. */
static bool is_hindered_locked(struct chunk_space *space, uint64_t slot, uint64_t n, uint64_t *last)
{
	uint64_t i, end = slot_pfn(space, slot + n);
	struct dmp_iova_range range;

	dmp_lock_assert_held(&space->rest.chunk_lock);
	if (iova_book_reaching(&space->rest.book, slot_pfn(space, slot), &range) &&
	    range.lo < end) {
		*last = slot_of(space, range.hi);
		return true;
	}
	for (i = slot; i < slot + n; i++) {
		if (!chunk_at(space, i))
			continue;
		*last = slot_of(space, chunk_at(space, i)->hi);
		return true;
	}
	return false;
}

/* A place is left behind together with every other one that has the same hindrance. */
static bool find_slots_locked(struct chunk_space *space, const struct iova_request *req,
			      uint64_t limit, uint64_t n, uint64_t *slot)
{
	uint64_t s, last;

	while (chunk_at(space, space->untaken))
		space->untaken++;
	for (s = space->untaken; s + n <= space->nslots && slot_pfn(space, s) <= limit; s++) {
		if (!fits_slots(space, req, limit, s, n))
			continue;
		if (!is_hindered_locked(space, s, n, &last)) {
			*slot = s;
			return true;
		}
		s = last;
	}
	return false;
}

/* The tables that slots @slot .. @last need; false: no memory. */
static bool make_tables_locked(struct chunk_space *space, uint64_t slot, uint64_t last)
{
	struct chunk_table *table;
	uint64_t i;

	for (i = slot / CHUNK_TABLE_SLOTS; i <= last / CHUNK_TABLE_SLOTS; i++) {
		if (load_relaxed(&space->table[i])) /* relaxed: written under the lock */
			continue;
		table = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*table));
		if (!table)
			return false;
		store_release(&space->table[i], table);
	}
	return true;
}

static int take_slots_locked(struct chunk_space *space, const struct iova_request *req,
			     uint64_t limit, struct chunk *chunk)
{
	uint64_t n = ((req->size - 1) >> CHUNK_SLOT_SHIFT) + 1, slot, lo, i;
	struct chunk_table *table;

	dmp_lock_assert_held(&space->rest.chunk_lock);
	if (!find_slots_locked(space, req, limit, n, &slot))
		return -ENOSPC;
	if (!make_tables_locked(space, slot, slot + n - 1))
		return -ENOMEM;
	lo = slot_pfn(space, slot);
	iova_chunk_init(chunk, lo, slot_pfn(space, slot + n) - 1,
			lo > space->start_pfn ? lo : space->start_pfn);
	for (i = slot; i < slot + n; i++) {
		table = load_relaxed(&space->table[i / CHUNK_TABLE_SLOTS]); /* relaxed: above */
		store_release(&table->slot[i % CHUNK_TABLE_SLOTS], chunk);  /* [SLOT] */
	}
	return 0;
}

int iova_chunk_take_slots(struct chunk_space *space, const struct iova_request *req, uint64_t limit,
			  struct chunk **out)
{
	struct chunk *chunk = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*chunk));
	int err;

	if (!chunk)
		return -ENOMEM;
	dmp_lock_acquire(&space->rest.chunk_lock);
	err = take_slots_locked(space, req, limit, chunk);
	dmp_lock_release(&space->rest.chunk_lock);
	if (err)
		dmp_meta_free(chunk, sizeof(*chunk));
	else
		*out = chunk;
	return err;
}

bool iova_chunk_reserve_rest(struct chunk_space *space, uint64_t lo, uint64_t hi, uint64_t *end,
			     struct dmp_iova_range *ended)
{
	struct chunk *chunk;
	bool reserved = true;

	dmp_lock_acquire(&space->rest.chunk_lock);
	chunk = iova_chunk_reaching(space, lo); /* above the low region, as @lo is */
	*end = chunk && chunk->lo <= hi ? chunk->lo : hi + 1;
	if (*end > lo)
		reserved = iova_book_reserve(&space->rest.book, lo, *end - 1) &&
			   iova_book_find(&space->rest.book, *end - 1, ended);
	else
		*end = lo;
	dmp_lock_release(&space->rest.chunk_lock);
	return reserved;
}

static bool slots_lead_to(struct chunk_space *space, const struct chunk *chunk)
{
	uint64_t slot;

	for (slot = slot_of(space, chunk->lo); slot <= slot_of(space, chunk->hi); slot++)
		if (chunk_at(space, slot) != chunk)
			return false;
	return true;
}

const char *iova_chunk_map_wrong(struct chunk_space *space)
{
	struct dmp_iova_range range;
	struct chunk *chunk;
	uint64_t slot;
	const char *wrong = NULL;

	dmp_lock_acquire(&space->rest.chunk_lock);
	for (slot = 0; slot < space->untaken; slot++)
		if (!chunk_at(space, slot))
			wrong = "a slot that is not taken is never looked at";
	CHUNK_FOREACH_FROM(chunk, space, space->low.hi + 1)
	{
		if (!slots_lead_to(space, chunk))
			wrong = "a slot does not lead to its chunk";
		if (iova_book_reaching(&space->rest.book, chunk->lo, &range) &&
		    range.lo <= chunk->hi)
			wrong = "a chunk's slot is reserved outside of it";
	}
	if (!wrong)
		wrong = iova_book_check(&space->rest.book);
	dmp_lock_release(&space->rest.chunk_lock);
	return wrong;
}

void iova_chunk_clear(struct chunk_space *space)
{
	struct chunk *chunk;
	uint64_t slot;
	unsigned i;

	for (chunk = chunk_from(space, 0); chunk; chunk = chunk_from(space, slot)) {
		slot = slot_of(space, chunk->hi) + 1;
		iova_chunk_fini(chunk);
		dmp_meta_free(chunk, sizeof(*chunk));
	}
	for (i = 0; i < CHUNK_TABLES; i++) /* relaxed: nobody else is left */
		dmp_meta_free(load_relaxed(&space->table[i]), sizeof(struct chunk_table));
}
