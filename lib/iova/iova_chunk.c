// SPDX-License-Identifier: MIT
/*
 * iova_chunk.c - the policy `chunk`: each CPU allocates from chunks of its own
 *
 *      start_pfn     boundary, 2^32 / granule
 *         |    low      |  c0   |  c1   |  c2   |  c3   |
 *         `-------------'   ^       ^       ^       ^
 *          shared by all    |       |       |       |
 *                          CPU 0   CPU 1   CPU 0   CPU 0, for one request of many granules
 *
 *   limit below the boundary:  the low region, and nothing else
 *   limit above:   1. this CPU's chunks, the latest first
 *                  2. a new chunk, the lowest place that there is
 *                  3. the chunks of others, from below
 *                  4. the low region
 *
 * Two CPUs meet at a lock only when one gives back what the other took, when they share what
 * is left, or below the boundary.  Within a chunk the highest free place is taken, as by `gap`.
 * How long a chunk's longest gap is, stands beside its lock: a full chunk costs one load.
 *
 * A CPU is a number: the next thread with this number takes over the chunks.  Chunks do not go
 * back before the space does.
 *
 * Invariants, walked by chunk_check():
 *  C1, C2  of iova_chunk_map.c;
 *  C3  each chunk stands in the list of one CPU, once;
 *  C4  longest is that of the chunk's book.
 *
 * Locking: (k) chunk_lock of one chunk at a time; (c) constant; (a) atomic.
 *
 * Ordering:
 *  [OWN]   add_own: chunk made, then it heads the list
 *          take_from_own: the list's head read, then the chunk
 *
 * Cost: O(log ranges of the chunk), O(chunks) when the own ones are full and none is left.
 *  A range does not cross from one chunk into the next, and a reservation outside of all
 *  chunks keeps whole slots from becoming one: so a request may fail although its number
 *  of free granules stands in a row somewhere.  Below the boundary it does not.
 *
 * Source: pools of the PowerPC and SPARC IOMMU code, as their commit messages describe them;
 *  Peleg, Morrison, Serebrin and Tsafrir, "Utilizing the IOMMU Scalably", USENIX ATC 2015.
 */
#include "iova_chunk.h"

#include <dmapool/bits.h>

static int chunk_create(const struct dmp_iova_space *opts, void **state)
{
	struct chunk_space *space = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*space));
	uint64_t boundary = (UINT64_C(1) << 32) / opts->granule;
	uint64_t top_slot = UINT64_MAX >> CHUNK_SLOT_SHIFT, slot = 0;

	if (!space)
		return -ENOMEM;
	boundary = dmp_align_up(boundary, CHUNK_SLOT_GRANULES);
	slot = (boundary > opts->start_pfn ? boundary : opts->start_pfn) >> CHUNK_SLOT_SHIFT;
	space->start_pfn = opts->start_pfn;
	space->first_slot = slot;
	space->nslots = CHUNK_TABLES * CHUNK_TABLE_SLOTS;
	if (space->nslots > top_slot - slot) /* the top pfn is nobody's */
		space->nslots = top_slot - slot;
	dmp_percpu_init(&space->cpus, sizeof(struct chunk_cpu));
	iova_chunk_init(&space->low, 0, boundary - 1, opts->start_pfn);
	iova_chunk_init(&space->rest, 0, IOVA_ANCHOR_PFN - 1, 0);
	*state = space;
	return 0;
}

static void chunk_destroy(void *state)
{
	struct chunk_space *space = state;

	iova_chunk_clear(space);
	iova_chunk_fini(&space->low);
	iova_chunk_fini(&space->rest);
	dmp_percpu_destroy(&space->cpus);
	dmp_meta_free(space, sizeof(*space));
}

/* After every change of a chunk's book. */
static void changed_locked(struct chunk *chunk)
{
	dmp_lock_assert_held(&chunk->chunk_lock);
	/* relaxed: a hint to who looks for a chunk, as where it is read */
	store_relaxed(&chunk->longest, iova_book_longest(&chunk->book));
}

/* Alloc. */

/* All that take return 0, -ENOSPC or -ENOMEM. */

static int take_from(struct chunk *chunk, const struct iova_request *req, uint64_t limit,
		     uint64_t *lo)
{
	int err;

	if (limit < chunk->lo || load_relaxed(&chunk->longest) < req->size) /* relaxed: a hint */
		return -ENOSPC;
	dmp_lock_acquire(&chunk->chunk_lock);
	err = iova_book_take(&chunk->book, req, limit, lo);
	if (!err)
		changed_locked(chunk);
	dmp_lock_release(&chunk->chunk_lock);
	return err;
}

static struct chunk_cpu *this_cpu(struct chunk_space *space)
{
	struct chunk_cpu *cpu = dmp_percpu_get(&space->cpus);

	return cpu ? cpu : &space->common;
}

static int take_from_own(struct chunk_cpu *cpu, const struct iova_request *req, uint64_t limit,
			 uint64_t *lo)
{
	struct chunk *chunk = load_acquire(&cpu->own); /* [OWN] */
	int err = -ENOSPC;

	for (; chunk && err == -ENOSPC; chunk = chunk->next_own)
		err = take_from(chunk, req, limit, lo);
	return err;
}

/* An exchange, since several threads may share a number. */
static void add_own(struct chunk_cpu *cpu, struct chunk *chunk)
{
	struct chunk *head = load_relaxed(&cpu->own); /* relaxed: the exchange checks it */

	do {
		chunk->next_own = head;
	} while (!cas_acq_rel(&cpu->own, &head, chunk)); /* [OWN] */
}

/* A chunk of our own that had room; others may take it first, then another one. */
static int take_from_new(struct chunk_space *space, struct chunk_cpu *cpu,
			 const struct iova_request *req, uint64_t limit, uint64_t *lo)
{
	struct chunk *chunk;
	int err;

	do {
		err = iova_chunk_take_slots(space, req, limit, &chunk);
		if (err)
			return err;
		add_own(cpu, chunk);
		err = take_from(chunk, req, limit, lo);
	} while (err == -ENOSPC);
	return err;
}

static int take_from_others(struct chunk_space *space, const struct iova_request *req,
			    uint64_t limit, uint64_t *lo)
{
	struct chunk *chunk;
	int err = -ENOSPC;

	CHUNK_FOREACH_FROM(chunk, space, space->low.hi + 1)
	{
		if (chunk->lo > limit || err != -ENOSPC)
			break;
		err = take_from(chunk, req, limit, lo);
	}
	return err;
}

/* Above the boundary.  Without memory for the chunk that would have had room, others may do. */
static int take_above(struct chunk_space *space, const struct iova_request *req, uint64_t limit,
		      uint64_t *lo)
{
	struct chunk_cpu *cpu = this_cpu(space);
	int err = take_from_own(cpu, req, limit, lo);

	if (err != -ENOSPC)
		return err;
	err = take_from_new(space, cpu, req, limit, lo);
	if (err && take_from_others(space, req, limit, lo) == 0)
		return 0;
	return err;
}

static int take(struct chunk_space *space, const struct iova_request *req, uint64_t limit,
		uint64_t *lo)
{
	int err = -ENOSPC, low;

	if (limit > space->low.hi)
		err = take_above(space, req, limit, lo);
	if (!err)
		return 0;
	low = take_from(&space->low, req, limit, lo);
	return low == -ENOSPC ? err : low;
}

static int chunk_alloc(void *state, uint64_t size, uint64_t limit_pfn, bool aligned, uint64_t *pfn,
		       uint64_t *epoch)
{
	struct iova_request req = iova_request(size, aligned);
	int err = take(state, &req, limit_pfn, pfn);

	if (!err)
		*epoch = 0;
	return err;
}

/* Free. */

static bool remove_locked(struct chunk *chunk, uint64_t pfn, struct dmp_iova_range *removed)
{
	bool found = iova_book_remove(&chunk->book, pfn, removed);

	if (found)
		changed_locked(chunk);
	return found;
}

static int chunk_free(void *state, uint64_t pfn, struct dmp_iova_range *removed)
{
	struct chunk *chunk = iova_chunk_of(state, pfn);
	bool found;

	dmp_lock_acquire(&chunk->chunk_lock);
	found = remove_locked(chunk, pfn, removed);
	dmp_lock_release(&chunk->chunk_lock);
	return found ? 0 : -ENOENT;
}

/* Pfns of one chunk that follow each other are freed under one hold of its lock. */
static size_t chunk_free_many(void *state, const uint64_t *pfns, size_t n)
{
	struct chunk *chunk, *held = NULL;
	struct dmp_iova_range removed;
	size_t i, nfreed = 0;

	for (i = 0; i < n; i++) {
		chunk = iova_chunk_of(state, pfns[i]);
		if (chunk != held) {
			if (held)
				dmp_lock_release(&held->chunk_lock);
			dmp_lock_acquire(&chunk->chunk_lock);
			held = chunk;
		}
		nfreed += remove_locked(chunk, pfns[i], &removed);
	}
	if (held)
		dmp_lock_release(&held->chunk_lock);
	return nfreed;
}

/* Lookup and reservation. */

static int chunk_find(void *state, uint64_t pfn, struct dmp_iova_range *range)
{
	struct chunk *chunk = iova_chunk_of(state, pfn);
	bool found;

	dmp_lock_acquire(&chunk->chunk_lock);
	found = iova_book_find(&chunk->book, pfn, range);
	dmp_lock_release(&chunk->chunk_lock);
	return found ? 0 : -ENOENT;
}

static bool next_in(struct chunk *chunk, uint64_t from, struct dmp_iova_range *range)
{
	bool found;

	dmp_lock_acquire(&chunk->chunk_lock);
	found = iova_book_next(&chunk->book, from, range);
	dmp_lock_release(&chunk->chunk_lock);
	return found;
}

/* The lower of what the rest and the chunks have. */
static int chunk_next(void *state, uint64_t from, struct dmp_iova_range *range)
{
	struct chunk_space *space = state;
	struct dmp_iova_range lowest = {.lo = UINT64_MAX}, other;
	struct chunk *chunk;

	if (next_in(&space->rest, from, &other))
		lowest = other;
	CHUNK_FOREACH_FROM(chunk, space, from)
	{
		if (chunk->lo > lowest.lo)
			break;
		if (next_in(chunk, from, &other)) {
			lowest = other; /* no range of the rest lies in a chunk */
			break;
		}
	}
	if (lowest.lo == UINT64_MAX)
		return -ENOENT;
	*range = lowest;
	return 0;
}

/* Up to the end of the chunk; @ended: the range that contains the last pfn of that. */
static bool reserve_in(struct chunk *chunk, uint64_t lo, uint64_t hi, uint64_t *end,
		       struct dmp_iova_range *ended)
{
	uint64_t last = hi < chunk->hi ? hi : chunk->hi;
	bool reserved;

	dmp_lock_acquire(&chunk->chunk_lock);
	reserved = iova_book_reserve(&chunk->book, lo, last) &&
		   iova_book_find(&chunk->book, last, ended);
	changed_locked(chunk);
	dmp_lock_release(&chunk->chunk_lock);
	*end = last + 1;
	return reserved;
}

static int chunk_reserve(void *state, uint64_t lo, uint64_t hi, struct dmp_iova_range *range)
{
	struct chunk_space *space = state;
	struct dmp_iova_range ended = {0};
	struct chunk *chunk;
	uint64_t end;
	bool reserved;

	if (lo > hi || hi == IOVA_ANCHOR_PFN)
		return -EINVAL;
	for (; lo <= hi; lo = end) {
		chunk = iova_chunk_of(space, lo);
		reserved = chunk == &space->rest
				   ? iova_chunk_reserve_rest(space, lo, hi, &end, &ended)
				   : reserve_in(chunk, lo, hi, &end, &ended);
		if (!reserved)
			return -ENOMEM;
	}
	*range = ended;
	return 0;
}

/* What it shows of itself. */

/* The chunks of all CPUs' lists; with @wanted, how often it is among them. */
static uint64_t count_own(struct chunk_space *space, const struct chunk *wanted)
{
	struct chunk_cpu *cpu;
	struct chunk *chunk;
	uint64_t n = 0;
	unsigned i;

	for (chunk = load_acquire(&space->common.own); chunk; chunk = chunk->next_own) /* [OWN] */
		n += !wanted || chunk == wanted;
	DMP_PERCPU_FOREACH(cpu, &space->cpus, i)
		for (chunk = load_acquire(&cpu->own); chunk; chunk = chunk->next_own) /* [OWN] */
			n += !wanted || chunk == wanted;
	return n;
}

static const char *chunk_wrong(struct chunk *chunk)
{
	const char *wrong;

	dmp_lock_acquire(&chunk->chunk_lock);
	wrong = iova_book_check(&chunk->book);
	if (!wrong && load_relaxed(&chunk->longest) != iova_book_longest(&chunk->book))
		wrong = "a chunk does not know its longest gap"; /* relaxed: under the lock */
	dmp_lock_release(&chunk->chunk_lock);
	return wrong;
}

static int chunk_check(void *state)
{
	struct chunk_space *space = state;
	const char *wrong = iova_chunk_map_wrong(space), *here;
	struct chunk *chunk;
	uint64_t nchunks = 0;

	CHUNK_FOREACH_FROM(chunk, space, 0)
	{
		here = chunk_wrong(chunk);
		if (chunk != &space->low && count_own(space, chunk) != 1)
			here = "a chunk is not in one list of one CPU";
		wrong = here ? here : wrong;
		nchunks += chunk != &space->low;
	}
	if (!wrong && count_own(space, NULL) != nchunks)
		wrong = "a CPU has a chunk that is in no slot";
	if (!wrong)
		return 0;
	dmp_log(DMP_LOG_BUG, "iova policy chunk: %s", wrong);
	return -EIO;
}

static uint64_t nranges_in(struct chunk *chunk)
{
	uint64_t n;

	dmp_lock_acquire(&chunk->chunk_lock);
	n = iova_book_nranges(&chunk->book);
	dmp_lock_release(&chunk->chunk_lock);
	return n;
}

static void chunk_inspect(void *state, struct dmp_iova_policy_state *out)
{
	struct chunk_space *space = state;
	struct chunk *chunk;
	uint64_t n = nranges_in(&space->rest);

	CHUNK_FOREACH_FROM(chunk, space, 0)
	n += nranges_in(chunk);
	out->nranges = n;
}

const struct dmp_iova_policy dmp_iova_policy_chunk = {
	.size = sizeof(struct dmp_iova_policy),
	.name = "chunk",
	.create = chunk_create,
	.destroy = chunk_destroy,
	.alloc = chunk_alloc,
	.free = chunk_free,
	.free_many = chunk_free_many,
	.find = chunk_find,
	.reserve = chunk_reserve,
	.next = chunk_next,
	.check = chunk_check,
	.inspect = chunk_inspect,
};
