// SPDX-License-Identifier: MIT
/*
 * sim_iotlb.c - the set-associative IOTLB, and what an invalidation promises
 *
 *   (domain id, iova / 4 KiB) --set_of--> [way 0 | way 1 | ... ]   least recently used goes
 *
 * An entry stands for one 4 KiB page of one domain, also where the leaf is 2 MiB or 1 GiB:
 * it remembers the leaf's size, and a big page has one entry per 4 KiB piece that was
 * accessed.  So one lookup finds every size, an access needs one set's lock, and the hit
 * rate of big pages is worse than on machines that keep them whole.
 *
 * Consecutive pages of a domain lie in consecutive sets; where a domain begins is spread by
 * its id.  An invalidation of fewer pages than there are sets visits just their sets; a
 * longer one visits all sets and drops what lies in its range.
 *
 * Invariants, walked by sim_iotlb_check():
 *  B1  an entry stands in the set of its tag, and no tag stands there twice;
 *  B2  entries that are there = filled - evicted - invalidated.
 *
 * Locking: (s) the set's lock, rank RANK_BACKEND_SET, never two at once; (c) constant.
 *
 * Ordering:
 *  [DRAIN] sim_access: set locked; lookup, on a miss the walk and the fill, the last byte
 *          moved; set unlocked
 *          sim_iotlb: entry of the tables cleared before; the lock of every set that the
 *          range can lie in taken once
 *  When an invalidation has returned, no access through the old translation is in flight,
 *  none can begin, and no walker is inside a table that was unlinked beneath the range.
 *  An access that got the lock first has finished; one that gets it later finds no entry
 *  and walks tables in which the old one is cleared.
 *
 * Source: tags and page-selective invalidation after the Intel VT-d specification's IOTLB;
 *  there a set, a way or a replacement is the implementation's business.
 */
#include "sim_internal.h"

static uint64_t set_index(const struct sim_iotlb *tlb, uint64_t id, uint64_t page)
{
	uint64_t start = id * UINT64_C(0x9e3779b97f4a7c15) >> 32; /* 2^64 / golden ratio */

	return (start + page) & (tlb->nsets - 1);
}

int sim_iotlb_create(struct sim_iotlb *tlb, uint32_t nsets, uint32_t nways)
{
	tlb->nsets = nsets;
	tlb->nways = nways;
	tlb->sets = dmp_meta_alloc(DMP_META_BACKEND, nsets * sizeof(*tlb->sets));
	if (!tlb->sets)
		return -ENOMEM;
	tlb->store = dmp_meta_alloc(DMP_META_BACKEND, (size_t)nsets * nways * sizeof(*tlb->store));
	if (!tlb->store) {
		dmp_meta_free(tlb->sets, nsets * sizeof(*tlb->sets));
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < nsets; i++) {
		dmp_lock_init(&tlb->sets[i].lock, RANK_BACKEND_SET, "sim: IOTLB set");
		tlb->sets[i].entries = tlb->store + (size_t)i * nways;
	}
	return 0;
}

void sim_iotlb_destroy(struct sim_iotlb *tlb)
{
	for (uint32_t i = 0; i < tlb->nsets; i++)
		dmp_lock_destroy(&tlb->sets[i].lock);
	dmp_meta_free(tlb->store, (size_t)tlb->nsets * tlb->nways * sizeof(*tlb->store));
	dmp_meta_free(tlb->sets, tlb->nsets * sizeof(*tlb->sets));
}

struct sim_iotlb_set *sim_iotlb_lock(struct sim_iotlb *tlb, uint64_t id, uint64_t page)
{
	struct sim_iotlb_set *set = &tlb->sets[set_index(tlb, id, page)];

	dmp_lock_acquire(&set->lock); /* [DRAIN] until the access is over */
	return set;
}

void sim_iotlb_unlock(struct sim_iotlb_set *set)
{
	dmp_lock_release(&set->lock);
}

struct sim_iotlb_entry *sim_iotlb_find_locked(struct sim_iotlb *tlb, struct sim_iotlb_set *set,
					      uint64_t id, uint64_t page)
{
	dmp_lock_assert_held(&set->lock);
	set->turn++;
	for (uint32_t way = 0; way < tlb->nways; way++) {
		struct sim_iotlb_entry *entry = &set->entries[way];

		if (entry->id == id && entry->page == page) {
			entry->used = set->turn;
			return entry;
		}
	}
	return NULL;
}

/* An empty way, or the one that was not used for longest. */
static struct sim_iotlb_entry *victim(struct sim_iotlb *tlb, struct sim_iotlb_set *set)
{
	struct sim_iotlb_entry *oldest = &set->entries[0];

	for (uint32_t way = 0; way < tlb->nways; way++) {
		struct sim_iotlb_entry *entry = &set->entries[way];

		if (!entry->id)
			return entry;
		if (entry->used < oldest->used)
			oldest = entry;
	}
	return oldest;
}

struct sim_iotlb_entry *sim_iotlb_fill_locked(struct dmp_sim *sim, struct sim_iotlb_set *set,
					      uint64_t id, uint64_t page,
					      const struct sim_walk *walk)
{
	struct sim_iotlb_entry *entry = victim(&sim->iotlb, set);

	dmp_lock_assert_held(&set->lock);
	if (entry->id)
		sim_count(sim, COUNT_IOTLB_EVICTIONS, 1);
	sim_count(sim, COUNT_IOTLB_FILLS, 1);
	*entry = (struct sim_iotlb_entry){
		.id = id,
		.page = page,
		.phys = walk->phys,
		.used = set->turn,
		.prot = walk->prot,
	};
	return entry;
}

/* Drop what a set holds of @npages pages of a domain; returns entries. */
static uint64_t set_drop(struct sim_iotlb *tlb, uint64_t index, uint64_t id, uint64_t page,
			 uint64_t npages)
{
	struct sim_iotlb_set *set = &tlb->sets[index];
	uint64_t dropped = 0;

	dmp_lock_acquire(&set->lock); /* [DRAIN] accesses that are in flight end first */
	for (uint32_t way = 0; way < tlb->nways; way++) {
		struct sim_iotlb_entry *entry = &set->entries[way];

		if (entry->id == id && entry->page - page < npages) {
			entry->id = 0;
			dropped++;
		}
	}
	dmp_lock_release(&set->lock);
	return dropped;
}

static uint64_t drop_from_all_sets(struct sim_iotlb *tlb, uint64_t id, uint64_t page,
				   uint64_t npages)
{
	uint64_t dropped = 0;

	for (uint32_t i = 0; i < tlb->nsets; i++)
		dropped += set_drop(tlb, i, id, page, npages);
	return dropped;
}

/* Invalidate 2^order pages, aligned: [DRAIN]. */
void sim_iotlb_drop_pages(struct dmp_sim *sim, uint64_t id, uint64_t page, unsigned order)
{
	struct sim_iotlb *tlb = &sim->iotlb;
	uint64_t npages = UINT64_C(1) << order, dropped = 0;

	if (npages >= tlb->nsets)
		dropped = drop_from_all_sets(tlb, id, page, npages);
	else
		for (uint64_t i = 0; i < npages; i++)
			dropped += set_drop(tlb, set_index(tlb, id, page + i), id, page, npages);
	sim_count(sim, COUNT_INVALIDATED_ENTRIES, dropped);
}

/* Invalidate a domain: [DRAIN]; afterwards no access holds it either, if no device does. */
void sim_iotlb_drop_domain(struct dmp_sim *sim, uint64_t id)
{
	uint64_t dropped = drop_from_all_sets(&sim->iotlb, id, 0, UINT64_MAX);

	sim_count(sim, COUNT_INVALIDATED_ENTRIES, dropped);
}

/* The walker. */

static bool is_duplicate(const struct sim_iotlb_set *set, uint32_t way)
{
	for (uint32_t w = 0; w < way; w++)
		if (set->entries[w].id == set->entries[way].id &&
		    set->entries[w].page == set->entries[way].page)
			return true;
	return false;
}

/* Counts a set's entries; -EIO at one that breaks B1. */
static int set_check(struct sim_iotlb *tlb, uint32_t index, uint64_t *nentries)
{
	struct sim_iotlb_set *set = &tlb->sets[index];
	int err = 0;

	dmp_lock_acquire(&set->lock);
	for (uint32_t way = 0; way < tlb->nways; way++) {
		struct sim_iotlb_entry *entry = &set->entries[way];

		if (!entry->id)
			continue;
		++*nentries;
		if (set_index(tlb, entry->id, entry->page) != index || is_duplicate(set, way)) {
			dmp_log(DMP_LOG_BUG, "sim: IOTLB set %u way %u: wrong set, or twice", index,
				way);
			err = -EIO;
		}
	}
	dmp_lock_release(&set->lock);
	return err;
}

int sim_iotlb_check(struct dmp_sim *sim)
{
	uint64_t nentries = 0, expected = sim_count_sum(sim, COUNT_IOTLB_FILLS) -
					  sim_count_sum(sim, COUNT_IOTLB_EVICTIONS) -
					  sim_count_sum(sim, COUNT_INVALIDATED_ENTRIES);
	int err = 0;

	for (uint32_t i = 0; !err && i < sim->iotlb.nsets; i++)
		err = set_check(&sim->iotlb, i, &nentries);
	if (!err && nentries != expected) {
		dmp_log(DMP_LOG_BUG, "sim: %llu IOTLB entries, %llu expected",
			(unsigned long long)nentries, (unsigned long long)expected);
		err = -EIO;
	}
	return err;
}
