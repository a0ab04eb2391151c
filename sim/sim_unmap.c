// SPDX-License-Identifier: MIT
/*
 * sim_unmap.c - unmap: from an address up to the first hole, tables too where all is asked for
 *
 *        table                                a call goes down to the lowest table that holds
 *       /  |  \                               all of its range, and from there walks it entry
 *   table table table                         by entry, downwards where a table stands, eight
 *   xxxxx xxxxx xx..                          at a time where all eight are pages
 *     [---range---)
 *
 * A page is never split: at its beginning all of it goes, also what lies behind the end of
 * the range; from inside it nothing does.  That is also said of a page of a run, all of whose
 * entries go at once.  Of a run that is malformed only the entry that was met goes: no word of
 * it leads beyond a table.
 *
 * A table that was emptied by a request whose pages are at least as big as what the table
 * spans is unlinked and goes to the gather, to be freed after the flush; unmaps of smaller
 * pages keep their tables (sim_pgtable.c).
 *
 * Beside whom, and why no count of a table's entries is kept: sim_pgtable.c.
 *
 * Ordering:
 *  [TABLE] sim_map: table cleared or leaf's memory written, then the entry stored
 *          here, on the way down: entry loaded, then what it leads to is read
 */
#include "sim_line.h"

struct unmap {
	struct dmp_sim *sim;
	struct dmp_gather *gather;
	uint64_t page_bytes; /* as asked for */
	uint64_t nentries;   /* cleared */
	uint64_t npages;     /* that they were */
};

static uint64_t unmap_table(struct unmap *u, sim_pte *table, unsigned level, dmp_iova_t iova,
			    dmp_iova_t last);

/* Clears the page that @pte in @slot belongs to; returns its bytes, 0 from inside it. */
static uint64_t clear_page(struct unmap *u, sim_pte *slot, uint64_t pte, unsigned level,
			   dmp_iova_t iova)
{
	const struct sim_format *format = &u->sim->format;
	unsigned run = sim_leaf_run(format, pte, level);
	uint64_t bytes = sim_level_span(format, level) << run;

	if (!dmp_is_aligned(iova, bytes))
		return 0;
	for (uint64_t i = 0; i < UINT64_C(1) << run; i++)
		store_release(&slot[i], 0);
	u->nentries += UINT64_C(1) << run;
	u->npages++;
	return bytes;
}

/* Unmap [iova, last], which lies behind one entry; returns bytes. */
static uint64_t unmap_slot(struct unmap *u, sim_pte *slot, unsigned level, dmp_iova_t iova,
			   dmp_iova_t last)
{
	const struct sim_format *format = &u->sim->format;
	uint64_t pte = load_acquire(slot), done; /* [TABLE] */
	sim_pte *child;

	if (!sim_pte_is_present(format, pte))
		return 0;
	if (!sim_pte_is_table(format, pte, level))
		return clear_page(u, slot, pte, level, iova);
	child = sim_pt_child(u->sim, pte, level);
	if (!child)
		return 0;
	done = unmap_table(u, child, level - 1, iova, last);
	if (done == sim_level_span(format, level) && u->page_bytes >= done && u->gather) {
		store_release(slot, 0);
		sim_pt_gather(u->sim, u->gather, sim_pte_phys(format, pte));
	}
	return done;
}

/* Are these eight pages of one entry each? */
static bool line_is_single(const sim_pte *slot, uint64_t present, uint64_t has, uint64_t lacks)
{
	uint64_t all = line_all(slot);

	return (all & present) && (all & has) == has && (!lacks || !(line_any(slot) & lacks));
}

/* Clears whole lines of pages of one entry each, of up to @n; returns the entries. */
static uint64_t clear_lines(struct unmap *u, sim_pte *slot, unsigned level, uint64_t n)
{
	const struct sim_level *l = &u->sim->format.level[level];
	const uint64_t present = u->sim->format.present, has = l->single_has,
		       lacks = l->single_lacks;
	uint64_t i = 0;

	for (; n - i >= LINE_ENTRIES && line_is_single(&slot[i], present, has, lacks);
	     i += LINE_ENTRIES)
		line_store(&slot[i], 0, 0);
	u->nentries += i;
	u->npages += i;
	return i;
}

/* As many lines as there are from @at on; returns bytes. */
static uint64_t try_lines(struct unmap *u, sim_pte *slot, unsigned level, dmp_iova_t at,
			  dmp_iova_t last)
{
	unsigned shift = u->sim->format.level[level].shift;

	if (!dmp_is_aligned(at, UINT64_C(1) << shift))
		return 0;
	return clear_lines(u, slot, level, (last + 1 - at) >> shift) << shift;
}

/* Unmap [iova, last], which lies behind one table, up to the first hole; returns bytes. */
static uint64_t unmap_table(struct unmap *u, sim_pte *table, unsigned level, dmp_iova_t iova,
			    dmp_iova_t last)
{
	const struct sim_format *format = &u->sim->format;
	unsigned shift = format->level[level].shift;
	dmp_iova_t at = iova;

	while (at <= last) {
		dmp_iova_t slot_last = at | DMP_MASK(shift);
		dmp_iova_t until = slot_last < last ? slot_last : last;
		uint64_t index = sim_index(format, at, level), bytes = 0;

		if (at == iova || index % LINE_ENTRIES == 0)
			bytes = try_lines(u, &table[index], level, at, last);
		if (!bytes)
			bytes = unmap_slot(u, &table[index], level, at, until);
		at += bytes;
		if (at <= until)
			break;
	}
	return at - iova;
}

/* Down to the lowest table that holds the range, unless it may have to go with it. */
static uint64_t unmap_from(struct unmap *u, sim_pte *table, dmp_iova_t iova, dmp_iova_t last)
{
	const struct sim_format *format = &u->sim->format;
	unsigned level = format->levels;

	for (; level > 1; level--) {
		unsigned shift = format->level[level].shift;
		sim_pte *child;

		if ((iova ^ last) >> shift || u->page_bytes >> shift)
			break;
		child = sim_pt_down(
			u->sim, load_acquire(&table[sim_index(format, iova, level)]), /* [TABLE] */
			level);
		if (!child)
			break;
		table = child;
	}
	return unmap_table(u, table, level, iova, last);
}

static void count_unmap(struct dmp_sim *sim, uint64_t npages)
{
	struct sim_counters *own = sim_counters_own(sim);

	if (own) {
		count_local(&own->count[COUNT_UNMAP_CALLS], 1);
		count_local(&own->count[COUNT_UNMAP_PAGES], npages);
	} else {
		sim_count(sim, COUNT_UNMAP_CALLS, 1);
		sim_count(sim, COUNT_UNMAP_PAGES, npages);
	}
}

uint64_t sim_unmap_pages(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes, uint64_t npages,
			 struct dmp_gather *gather)
{
	struct dmp_sim *sim = be;
	struct sim_domain *domain = dom;
	struct unmap u = {.sim = sim, .gather = gather, .page_bytes = page_bytes};
	uint64_t done, len = page_bytes * npages;
	struct sim_reach *reach;

	if (!dmp_is_pow2(page_bytes) || !(sim->format.page_sizes & page_bytes) || !npages ||
	    !dmp_is_aligned(iova, page_bytes) || npages > UINT64_MAX / page_bytes ||
	    sim_pt_check_range(sim, domain, iova, len))
		return 0;
	done = unmap_from(&u, sim_table_at(&sim->mem, domain->root), iova, iova + len - 1);
	count_unmap(sim, u.npages);
	reach = load_acquire(&domain->reach); /* [REACH] */
	if (reach && done)
		sim_reach_gathered(sim, reach, iova, done, gather);
	sim_charge_unmap(
		sim, page_bytes,
		sim_level_span(&sim->format, sim->format.size[dmp_log2_floor(page_bytes)].level),
		u.nentries);
	return done;
}
