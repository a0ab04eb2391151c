// SPDX-License-Identifier: MIT
/*
 * attack_book.c - what the device may expect at each page of its addresses
 *
 * Picture: a page of a device's addresses, of the size that its domain maps by, is in the book
 * once something was mapped there.
 *
 *               map has returned            unmap begins
 *    (not here) ----------------> LIVE ----------------------> LEAVING
 *                                  ^                           |     |  unmap has returned,
 *                    map has       |        strict             |     |  its flush is to come
 *                    returned      +---- CLOSED <--------------'     v
 *                                  |        ^------------------------ OPEN
 *                                  |                flushed            |
 *                                  +-----------------------------------'
 *                                        given out while reachable: given_open
 *
 * The workload's own steps tell it, and the domain tells when it has flushed (struct
 * dmp_flush_watch); what the tables hold, nobody is asked.  So it does not err together with what
 * is attacked.  A flush of everything is a number more of its device: an OPEN page that has another
 * number is CLOSED.  Beside threads that says nothing, as a page may have become OPEN while the
 * flush went on; there what leaves a queue is CLOSED.
 *
 * While the workload has threads, a step is told before it begins and after it has ended: in
 * between a page may be mapped and not in the book yet.  Whoever judges by a state compares the
 * page's version before and after: with the same version it was in that state all along, or a map
 * had not returned.
 *
 * Invariants:
 *  K1  each page has one entry: the first that comes by claims it by its key, for good;
 *  K2  the table is at most half full, what there is no room for is counted in `lost`;
 *  K3  open_bytes is that of the pages that are OPEN.
 *
 * Locking: none; (a) atomic.  A page's version is changed by the step of the mapping that is there
 *  and by the flush; whichever comes second sees the other's.
 *
 * Ordering:
 *  [KEY]   claim: the key by compare-and-swap.  find: load_acquire.  An entry has nothing else that
 *          must be seen with it: it starts as NEVER.
 *  [STATE] turn: the version by compare-and-swap, LEAVING before the tables lose the page and
 *          anything else after the call.  attacker_try: the version, the access, the version again.
 */
#include "attack.h"
#include "bench_pick.h"

#include <dmapool/bits.h>
#include <dmapool/port.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 64 MiB of entries; a trace uses the same addresses again and again. */
#define PAGES_MAX (UINT64_C(1) << 21)
#define PAGES_MIN (UINT64_C(1) << 10)

/* Devices that a key has room for. */
#define DEVICES_MAX 4096u

/* The latest pages: most of what is still reachable is among them. */
#define LATEST 64u
#define TRIES  8u

static uint64_t pages_of(const struct replay_job *job)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < job->plan->nmappings; i++)
		sum += job->plan->mappings[i].len / DMP_PAGE_BYTES +
		       2u * job->plan->mappings[i].nentries;
	return sum;
}

static uint64_t table_size(const struct replay_job *job)
{
	uint64_t wanted = 2 * pages_of(job);

	if (wanted > PAGES_MAX)
		return PAGES_MAX;
	return wanted < PAGES_MIN ? PAGES_MIN : dmp_pow2_ceil(wanted);
}

int attack_book_open(struct attack_book *book, const struct replay_job *job,
		     const struct attack_policy *policy, bool is_alone)
{
	uint64_t size = table_size(job);

	*book = (struct attack_book){.job = job,
				     .translated = attack_is_translated(policy),
				     .closes_at_once = attack_flushes_at_once(policy),
				     .is_alone = is_alone,
				     .granule_shift = DMP_PAGE_SHIFT,
				     .mask = (uint32_t)size - 1};
	if (job->trace->devices.count > DEVICES_MAX)
		return -E2BIG;
	book->pages = calloc(size, sizeof(*book->pages));
	book->all = calloc(size, sizeof(*book->all));
	book->is_known = calloc(job->plan->nmappings + 1u, sizeof(*book->is_known));
	book->flushes = calloc(job->trace->devices.count + 1u, sizeof(*book->flushes));
	return book->pages && book->all && book->is_known && book->flushes ? 0 : -ENOMEM;
}

/* Every domain of a machine has the same. */
static unsigned granule_shift(const struct replay_machine *machine)
{
	for (uint32_t i = 0; i < machine->ndevices; i++)
		if (machine->domains[i] && dmp_domain_granule(machine->domains[i]) > 1)
			return dmp_log2_floor(dmp_domain_granule(machine->domains[i]));
	return DMP_PAGE_SHIFT;
}

void attack_book_set_granule(struct attack_book *book, const struct replay_machine *machine)
{
	book->granule_shift = granule_shift(machine);
}

int attack_book_lists(struct attack_book *book)
{
	size_t n = 1;

	for (uint32_t i = 0; i < book->job->plan->nmappings; i++)
		n += book->job->mappings[i].nsg;
	book->answers = calloc(n, sizeof(*book->answers));
	return book->answers ? 0 : -ENOMEM;
}

void attack_book_close(struct attack_book *book)
{
	free(book->answers);
	free(book->pages);
	free(book->all);
	free(book->is_known);
	free(book->flushes);
}

/* Pages. */

static uint64_t key_of(const struct attack_book *book, uint32_t dev, dmp_addr_t addr)
{
	return ((uint64_t)dev << 52 | addr >> book->granule_shift) + 1;
}

/* splitmix64's steps. */
static uint32_t hash_of(uint64_t key)
{
	key = (key ^ key >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	key = (key ^ key >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(key ^ key >> 31);
}

struct attack_page *attack_book_find(struct attack_book *book, uint32_t dev, dmp_addr_t addr)
{
	uint64_t key = key_of(book, dev, addr);

	for (uint32_t i = hash_of(key) & book->mask;; i = (i + 1) & book->mask) {
		uint64_t there =
			atomic_load_explicit(&book->pages[i].key, memory_order_acquire); /* [KEY] */

		if (there == key)
			return &book->pages[i];
		if (there == 0)
			return NULL;
	}
}

/* K2; relaxed: two that come at once at the very end are one too many, in a table half full. */
static bool has_room(const struct attack_book *book)
{
	return atomic_load_explicit(&book->nall, memory_order_relaxed) <= book->mask / 2;
}

static void list(struct attack_book *book, uint32_t i)
{
	/* relaxed, both: whoever finds the place still empty takes page 0 and looks at it */
	uint32_t n = atomic_fetch_add_explicit(&book->nall, 1, memory_order_relaxed);

	if (n <= book->mask)
		atomic_store_explicit(&book->all[n], i, memory_order_relaxed);
}

/* K1.  NULL: no room. */
static struct attack_page *claim(struct attack_book *book, uint32_t dev, dmp_addr_t addr)
{
	uint64_t key = key_of(book, dev, addr);

	for (uint32_t i = hash_of(key) & book->mask;; i = (i + 1) & book->mask) {
		uint64_t there = atomic_load_explicit(&book->pages[i].key, memory_order_acquire);

		if (there == 0 && !has_room(book))
			return NULL;
		if (there == 0 &&
		    atomic_compare_exchange_strong(&book->pages[i].key, &there, key)) { /* [KEY] */
			list(book, i);
			return &book->pages[i];
		}
		if (there == key)
			return &book->pages[i];
	}
}

enum attack_state attack_book_state(const struct attack_book *book, const struct attack_page *page,
				    uint64_t version)
{
	enum attack_state state = (enum attack_state)(version & 7);

	if (state == ATTACK_OPEN && book->is_alone &&
	    book->flushes[attack_page_dev(page)].n != page->nflushes)
		return ATTACK_CLOSED;
	return state;
}

/* relaxed, all: numbers for the report */
static void open_add(struct attack_book *book, struct attack_page *page)
{
	uint64_t peak = atomic_load_explicit(&book->open_peak, memory_order_relaxed);
	uint64_t bytes = attack_page_bytes(book), now;

	if (book->is_alone) {
		page->nflushes = book->flushes[attack_page_dev(page)].n;
		book->flushes[attack_page_dev(page)].open_bytes += bytes;
	}
	now = atomic_fetch_add_explicit(&book->open_bytes, bytes, memory_order_relaxed) + bytes;
	while (now > peak &&
	       !atomic_compare_exchange_weak_explicit(&book->open_peak, &peak, now,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

static void open_sub(struct attack_book *book, const struct attack_page *page)
{
	if (book->is_alone)
		book->flushes[attack_page_dev(page)].open_bytes -= attack_page_bytes(book);
	/* relaxed: a number */
	atomic_fetch_sub_explicit(&book->open_bytes, attack_page_bytes(book), memory_order_relaxed);
}

/* K3.  Returns the state before; @from is a set of states, in any other nothing happens. */
static enum attack_state turn(struct attack_book *book, struct attack_page *page, unsigned from,
			      enum attack_state to)
{
	uint64_t version = atomic_load(&page->version), next;
	enum attack_state was;

	do { /* [STATE] */
		was = attack_book_state(book, page, version);
		if (!(from >> was & 1))
			return was;
		next = (version & ~UINT64_C(7)) + 8 + to;
	} while (!atomic_compare_exchange_weak(&page->version, &version, next));
	if (was == ATTACK_OPEN)
		open_sub(book, page);
	if (to == ATTACK_OPEN)
		open_add(book, page);
	return was;
}

static void ring_add(struct attack_ring *ring, uint32_t page)
{
	/* relaxed, both: any of the latest will do */
	uint32_t n = atomic_fetch_add_explicit(&ring->head, 1, memory_order_relaxed);

	atomic_store_explicit(&ring->page[n % ATTACK_RING], page, memory_order_relaxed);
}

/* Steps of the workload. */

#define ANY_STATE ((1u << ATTACK_STATES) - 1)

/* What a step does to one page of its mapping. */
typedef void (*page_fn)(struct attack_book *book, uint32_t dev, dmp_addr_t addr, uint32_t i);

static void page_live(struct attack_book *book, uint32_t dev, dmp_addr_t addr, uint32_t i)
{
	struct attack_page *page = claim(book, dev, addr);

	if (!page) {
		atomic_fetch_add(&book->lost, 1);
		return;
	}
	atomic_store(&page->mapping, i);
	if (turn(book, page, ANY_STATE, ATTACK_LIVE) == ATTACK_OPEN)
		atomic_fetch_add(&book->given_open, 1);
	ring_add(&book->mapped, (uint32_t)(page - book->pages));
}

static void page_leaving(struct attack_book *book, uint32_t dev, dmp_addr_t addr, uint32_t i)
{
	struct attack_page *page = attack_book_find(book, dev, addr);

	(void)i;
	if (page)
		turn(book, page, 1u << ATTACK_LIVE, ATTACK_LEAVING);
}

/* The time first: whoever sees the state must find it.  A flush may have come before. */
static void page_gone(struct attack_book *book, uint32_t dev, dmp_addr_t addr, uint32_t i)
{
	struct attack_page *page = attack_book_find(book, dev, addr);

	(void)i;
	if (!page)
		return;
	atomic_store(&page->since_ns, dmp_clock_now_ns());
	turn(book, page, 1u << ATTACK_LEAVING, book->closes_at_once ? ATTACK_CLOSED : ATTACK_OPEN);
	ring_add(&book->unmapped, (uint32_t)(page - book->pages));
}

static void each_page(struct attack_book *book, uint32_t i, dmp_addr_t first, uint64_t len,
		      page_fn fn)
{
	dmp_addr_t last = first + len - 1;
	uint32_t dev = book->job->mappings[i].dev;
	unsigned shift = book->granule_shift;

	for (dmp_addr_t at = first >> shift; at <= last >> shift; at++)
		fn(book, dev, at << shift, i);
}

/* What the library answered of the list of @m. */
static struct dmp_sg *answers_of(const struct attack_book *book, const struct replay_mapping *m)
{
	return &book->answers[m->sg - book->job->sgs];
}

/* Behind a domain a list is one range from its first segment to its last, see dma_sg.c. */
static void each_page_of_list(struct attack_book *book, uint32_t i, page_fn fn)
{
	const struct replay_mapping *m = &book->job->mappings[i];
	const struct dmp_sg *sg = answers_of(book, m), *last = &sg[m->nsegments - 1];

	if (book->translated)
		each_page(book, i, sg->addr, last->addr + last->mapped_len - sg->addr, fn);
	else
		for (; sg <= last; sg++)
			each_page(book, i, sg->addr, sg->mapped_len, fn);
}

static void each_page_of(struct attack_book *book, uint32_t i, page_fn fn)
{
	const struct replay_mapping *m = &book->job->mappings[i];

	if (m->sg)
		each_page_of_list(book, i, fn);
	else
		each_page(book, i, m->addr, m->len, fn);
}

void attack_book_before(struct attack_book *book, uint32_t i, bool is_unmap)
{
	if (is_unmap && book->is_known[i])
		each_page_of(book, i, page_leaving);
}

void attack_book_after(struct attack_book *book, uint32_t i)
{
	const struct replay_mapping *m = &book->job->mappings[i];

	if (m->live == book->is_known[i])
		return;
	book->is_known[i] = m->live;
	if (m->live && m->sg)
		memcpy(answers_of(book, m), m->sg, m->nsegments * sizeof(*m->sg));
	each_page_of(book, i, m->live ? page_live : page_gone);
}

/* Alone it covers each page that is OPEN; beside threads one may have become so meanwhile. */
void attack_book_flushed_all(struct attack_book *book, uint32_t dev)
{
	if (!book->is_alone)
		return;
	book->flushes[dev].n++;
	atomic_fetch_sub(&book->open_bytes, book->flushes[dev].open_bytes);
	book->flushes[dev].open_bytes = 0;
}

void attack_book_flushed(struct attack_book *book, uint32_t dev, dmp_addr_t addr, uint64_t len)
{
	for (uint64_t done = 0; done < len; done += attack_page_bytes(book)) {
		struct attack_page *page = attack_book_find(book, dev, addr + done);

		if (page)
			turn(book, page, 1u << ATTACK_LEAVING | 1u << ATTACK_OPEN, ATTACK_CLOSED);
	}
}

/* Choices. */

static bool is_wanted(const struct attack_book *book, struct attack_page *page, bool live)
{
	enum attack_state state = attack_book_state(book, page, atomic_load(&page->version));

	return live ? state == ATTACK_LIVE : state == ATTACK_OPEN || state == ATTACK_CLOSED;
}

/* relaxed, all: any page will do */
static struct attack_page *pick_latest(struct attack_book *book, const struct attack_ring *ring,
				       uint32_t among, uint64_t *rng)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint32_t n = head < among ? head : among, at;

	if (n == 0)
		return NULL;
	at = (head - 1 - (uint32_t)bench_pick(rng, n)) % ATTACK_RING;
	return &book->pages[atomic_load_explicit(&ring->page[at], memory_order_relaxed)];
}

static struct attack_page *pick_any(struct attack_book *book, uint64_t *rng)
{
	uint32_t n = atomic_load_explicit(&book->nall, memory_order_relaxed);

	if (n == 0)
		return NULL;
	return &book->pages[atomic_load_explicit(&book->all[bench_pick(rng, n)],
						 memory_order_relaxed)];
}

static struct attack_page *pick(struct attack_book *book, bool live, uint64_t *rng)
{
	const struct attack_ring *ring = live ? &book->mapped : &book->unmapped;

	switch (bench_pick(rng, 4)) {
	case 0: return pick_any(book, rng);
	case 1: return pick_latest(book, ring, ATTACK_RING, rng);
	default: return pick_latest(book, ring, LATEST, rng);
	}
}

struct attack_page *attack_book_pick(struct attack_book *book, bool live, uint64_t *rng)
{
	for (unsigned i = 0; i < TRIES; i++) {
		struct attack_page *page = pick(book, live, rng);

		if (page && is_wanted(book, page, live))
			return page;
	}
	return NULL;
}
