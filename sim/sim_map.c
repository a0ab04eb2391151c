// SPDX-License-Identifier: MIT
/*
 * sim_map.c - map: pages of one size, or a list of runs, in one walk
 *
 *   cursor    root -- table -- table -- table      the way to the last entry, a table a level
 *                        |        `-- here            next door: no step at all
 *                        `----------- there           from the lowest table in common
 *
 * A call goes down once and then stores entry after entry, eight at a time, a cache line:
 * first it looks that none of the eight is present, then it stores them.  At the end of a
 * table, or where the next run of a list lies elsewhere, the cursor goes back no further
 * than it must.
 *
 * A missing table is made and installed by compare-and-swap.  Two threads that miss the same
 * one both make one; the first to install it wins, the other frees its own and goes on with
 * the winner's.  No lock is taken but the memory's, for a new table; nothing that two threads
 * share is written but entries of tables that both go through, once for each table.
 *
 * A big page over a table: refused with -EEXIST as long as anything is mapped beneath, or
 * else the empty table makes room (sim_pt_replace()).
 *
 * A page of a run takes 2^run neighbouring entries of one table.  They are looked at before
 * the first of them is stored, so that half a page is never left behind.
 *
 * A call that fails says how much it has mapped, in whole pages, from its beginning.
 *
 * Ordering:
 *  [TABLE] sim_map: table cleared or leaf's memory written, then the entry stored
 *          sim_walk, and the way down here: entry loaded, then what it leads to is read
 *
 * Progress: map never waits for another map; replacing a table waits for the hardware.
 *
 * Source: one walk for equal pages and for neighbours, as in the kernel's map_pages() of its
 *  io-pgtable drivers; spec-iova 4.1 chooses the pages of a list.
 */
#include "sim_line.h"

#include <dmapool/iommu.h>

/* The way to an entry. */
struct cursor {
	sim_pte *table[DMP_SIM_LEVELS_MAX + 1]; /* by level, from low on */
	dmp_iova_t iova;                        /* that they hold */
	unsigned low;
};

struct map {
	struct dmp_sim *sim;
	struct sim_domain *dom;
	struct cursor cursor;
	dmp_iova_t iova; /* the next to be mapped */
	unsigned prot;
	uint64_t leaf;     /* of a list: the smallest page at address 0 */
	uint64_t nentries; /* stored */
};

static void map_begin(struct map *m, struct dmp_sim *sim, struct sim_domain *dom, dmp_iova_t iova,
		      unsigned prot)
{
	m->sim = sim;
	m->dom = dom;
	m->iova = m->cursor.iova = iova;
	m->cursor.low = sim->format.levels;
	m->cursor.table[sim->format.levels] = sim_table_at(&sim->mem, dom->root);
	m->prot = prot;
	m->nentries = 0;
}

/* A table where @slot is not one as yet: @seen stands there. */
static int install(struct dmp_sim *sim, sim_pte *slot, unsigned level, uint64_t seen,
		   sim_pte **table)
{
	if (!sim_pte_is_present(&sim->format, seen)) {
		dmp_phys_t made;
		int err = sim_pt_make(sim, &made);
		uint64_t pte;

		if (err)
			return err;
		pte = sim_table_encode(&sim->format, level, made);
		if (cas_acq_rel(slot, &seen, pte)) /* [TABLE] table cleared before entry */
			seen = pte;
		else
			sim_pt_discard(sim, made);
	}
	*table = sim_pt_child(sim, seen, level);
	if (*table)
		return 0;
	return sim_pte_is_table(&sim->format, seen, level) ? -EIO : -EEXIST;
}

/* To the table of @level that holds @iova's entry. */
static int go_to(struct map *m, dmp_iova_t iova, unsigned level)
{
	const struct sim_format *format = &m->sim->format;
	struct cursor *c = &m->cursor;
	uint64_t differ = c->iova ^ iova;

	if (c->low < level)
		c->low = level;
	while (c->low < format->levels && differ >> format->level[c->low + 1].shift)
		c->low++;
	c->iova = iova;
	for (; c->low > level; c->low--) {
		sim_pte *slot = &c->table[c->low][sim_index(format, iova, c->low)];
		uint64_t pte = load_acquire(slot); /* [TABLE] entry before table */
		sim_pte *table = sim_pt_down(m->sim, pte, c->low);
		int err = table ? 0 : install(m->sim, slot, c->low, pte, &table);

		if (err)
			return err;
		c->table[c->low - 1] = table;
	}
	return 0;
}

/* Stores up to @n entries, to before the first that is present; returns how many. */
static uint64_t store_entries(sim_pte *slot, uint64_t n, uint64_t pte, uint64_t step,
			      uint64_t present)
{
	uint64_t i = 0;

	for (; n - i >= LINE_ENTRIES && !(line_any(&slot[i]) & present); i += LINE_ENTRIES) {
		line_store(&slot[i], pte, step);
		pte += LINE_ENTRIES * step;
	}
	/* relaxed: only this call uses the entries of its range */
	for (; i < n && !(load_relaxed(&slot[i]) & present); i++, pte += step)
		store_release(&slot[i], pte); /* [TABLE] memory before entry */
	return i;
}

/* As many of @npages pages as sim_leaf_step() leads from one to the next. */
static uint64_t until_seam(const struct sim_format *format, unsigned level, dmp_phys_t phys,
			   uint64_t npages)
{
	uint64_t n = (SIM_SEAM - (phys & (SIM_SEAM - 1))) >> format->level[level].shift;

	return format->phys_high && n < npages ? n : npages;
}

/* Pages of one entry each. */
static int map_single(struct map *m, unsigned level, dmp_phys_t phys, uint64_t npages)
{
	const struct sim_format *format = &m->sim->format;
	uint64_t step = sim_leaf_step(format, sim_level_span(format, level));
	int err = 0;

	while (!err && npages) {
		uint64_t index, room, done;

		err = go_to(m, m->iova, level);
		if (err)
			break;
		index = sim_index(format, m->iova, level);
		room = sim_table_entries(format) - index;
		if (room > npages)
			room = npages;
		room = until_seam(format, level, phys, room);
		done = store_entries(&m->cursor.table[level][index], room,
				     sim_leaf_encode(format, level, 0, phys, m->prot), step,
				     format->present);
		phys += done << format->level[level].shift;
		npages -= done;
		m->nentries += done;
		m->iova += done << format->level[level].shift;
		if (done < room)
			err = sim_pt_replace(m->sim, m->dom, &m->cursor.table[level][index + done],
					     m->iova, level);
	}
	return err;
}

/* Makes room for a page of @n entries. */
static int clear_way(struct map *m, unsigned level, uint64_t n)
{
	sim_pte *slot = &m->cursor.table[level][sim_index(&m->sim->format, m->iova, level)];
	uint64_t span = sim_level_span(&m->sim->format, level);
	int err = 0;

	/* relaxed: only this call uses the entries of its range */
	for (uint64_t i = 0; !err && i < n; i++)
		if (sim_pte_is_present(&m->sim->format, load_relaxed(&slot[i])))
			err = sim_pt_replace(m->sim, m->dom, &slot[i], m->iova + i * span, level);
	return err;
}

/* Pages of 2^run entries each; a page lies in one table. */
static int map_wide(struct map *m, unsigned level, unsigned run, dmp_phys_t phys, uint64_t npages)
{
	const struct sim_format *format = &m->sim->format;
	uint64_t n = UINT64_C(1) << run, bytes = sim_level_span(format, level) << run;
	uint64_t step = format->run_style == RUN_HINT
				? sim_leaf_step(format, sim_level_span(format, level))
				: 0;
	int err = 0;

	for (; npages; npages--) {
		err = go_to(m, m->iova, level);
		if (!err)
			err = clear_way(m, level, n);
		if (err)
			break;
		store_entries(&m->cursor.table[level][sim_index(format, m->iova, level)], n,
			      sim_leaf_encode(format, level, run, phys, m->prot), step,
			      format->present);
		m->nentries += n;
		m->iova += bytes;
		phys += bytes;
	}
	return err;
}

static int map_size(struct map *m, struct sim_page_size size, dmp_phys_t phys, uint64_t npages)
{
	return size.run ? map_wide(m, size.level, size.run, phys, npages)
			: map_single(m, size.level, phys, npages);
}

static struct sim_page_size size_of(const struct sim_format *format, uint64_t page_bytes)
{
	return format->size[dmp_log2_floor(page_bytes)];
}

static void count_map(struct dmp_sim *sim, uint64_t npages)
{
	struct sim_counters *own = sim_counters_own(sim);

	if (own) {
		count_local(&own->count[COUNT_MAP_CALLS], 1);
		count_local(&own->count[COUNT_MAP_PAGES], npages);
	} else {
		sim_count(sim, COUNT_MAP_CALLS, 1);
		sim_count(sim, COUNT_MAP_PAGES, npages);
	}
}

/* -EINVAL: no tables; -ERANGE: beyond what the format translates, or leads to. */
static int check_range(const struct dmp_sim *sim, const struct sim_domain *dom, dmp_iova_t iova,
		       dmp_phys_t phys, uint64_t len)
{
	int err = sim_pt_check_range(sim, dom, iova, len);

	if (!err && !dmp_range_fits(phys, len, sim->format.phys_last))
		err = -ERANGE;
	return err;
}

static bool prot_is_known(unsigned prot)
{
	return prot && !(prot & ~(DMP_PROT_READ | DMP_PROT_WRITE));
}

int sim_map_pages(void *be, void *dom, dmp_iova_t iova, dmp_phys_t phys, uint64_t page_bytes,
		  uint64_t npages, unsigned prot, uint64_t *mapped)
{
	struct dmp_sim *sim = be;
	struct sim_page_size size;
	struct map m;
	int err, injected;

	*mapped = 0;
	if (!dmp_is_pow2(page_bytes) || !(sim->format.page_sizes & page_bytes) || !npages ||
	    !dmp_is_aligned(iova | phys, page_bytes) || !prot_is_known(prot))
		return -EINVAL;
	if (npages > UINT64_MAX / page_bytes)
		return -ERANGE;
	err = check_range(sim, dom, iova, phys, npages * page_bytes);
	if (err)
		return err;
	injected = sim_inject(sim, DMP_SIM_CALL_MAP_PAGES);
	size = size_of(&sim->format, page_bytes);
	map_begin(&m, sim, dom, iova, prot);
	err = map_size(&m, size, phys, injected ? npages / 2 : npages);
	*mapped = m.iova - iova;
	count_map(sim, m.nentries >> size.run);
	if (sim_reach_any(&sim->reaches) && *mapped)
		sim_reuse_mapped(sim, dom, iova, phys, *mapped, prot);
	sim_charge_map(sim, page_bytes, sim_level_span(&sim->format, size.level), m.nentries);
	return err ? err : injected;
}

/* Lists. */

/* The smallest page where the cursor stands, as most of a list are; false: the long way. */
static bool map_next_door(struct map *m, dmp_phys_t phys)
{
	const struct sim_format *format = &m->sim->format;
	sim_pte *slot;

	if (m->cursor.low != 1 || (m->cursor.iova ^ m->iova) >> format->level[2].shift)
		return false;
	slot = &m->cursor.table[1][sim_index(format, m->iova, 1)];
	/* relaxed: only this call uses the entries of its range */
	if (sim_pte_is_present(format, load_relaxed(slot)))
		return false;
	/* [TABLE] memory before entry */
	store_release(slot, sim_phys_encode(format, phys) | m->leaf);
	m->iova += sim_table_bytes(format);
	m->nentries++;
	sim_charge_map(m->sim, sim_table_bytes(format), sim_level_span(format, 1), 1);
	return true;
}

/* One physically contiguous run, in the pages that it allows. */
static int map_run(struct map *m, struct dmp_phys_run run, uint64_t *npages)
{
	const struct sim_format *format = &m->sim->format;
	int err = 0;

	if (run.len == sim_table_bytes(format) && map_next_door(m, run.phys)) {
		++*npages;
		return 0;
	}
	while (!err && run.len) {
		struct dmp_page_step step =
			dmp_iommu_page_step(format->page_sizes, m->iova, run.phys, run.len);
		struct sim_page_size size = size_of(format, step.page_bytes);
		uint64_t before = m->nentries, bytes = step.page_bytes * step.count;

		err = map_size(m, size, run.phys, step.count);
		*npages += (m->nentries - before) >> size.run;
		sim_charge_map(m->sim, step.page_bytes, sim_level_span(format, size.level),
			       m->nentries - before);
		run.phys += bytes;
		run.len -= bytes;
	}
	return err;
}

/* The first @left bytes of a list are mapped: what of them was still reached? */
static void note_reuse(const struct map *m, dmp_iova_t iova, const struct dmp_phys_run *runs,
		       uint64_t left)
{
	for (; left; runs++) {
		uint64_t len = runs->len < left ? runs->len : left;

		sim_reuse_mapped(m->sim, m->dom, iova, runs->phys, len, m->prot);
		iova += len;
		left -= len;
	}
}

/* -EINVAL, -ERANGE: a run that cannot be; nothing is touched. */
static int list_check(const struct dmp_sim *sim, const struct sim_domain *dom, dmp_iova_t iova,
		      const struct dmp_phys_run *runs, size_t nruns)
{
	uint64_t min_page = sim_table_bytes(&sim->format);
	int err = nruns ? 0 : -EINVAL;

	for (size_t i = 0; !err && i < nruns; i++) {
		if (!runs[i].len || !dmp_is_aligned(iova | runs[i].phys | runs[i].len, min_page))
			return -EINVAL;
		err = check_range(sim, dom, iova, runs[i].phys, runs[i].len);
		iova += runs[i].len;
	}
	return err;
}

int sim_map_list(void *be, void *dom, dmp_iova_t iova, const struct dmp_phys_run *runs,
		 size_t nruns, unsigned prot, uint64_t *mapped)
{
	struct dmp_sim *sim = be;
	uint64_t npages = 0;
	struct map m;
	int err, injected;

	*mapped = 0;
	err = prot_is_known(prot) ? list_check(sim, dom, iova, runs, nruns) : -EINVAL;
	if (err)
		return err;
	injected = sim_inject(sim, DMP_SIM_CALL_MAP_PAGES);
	map_begin(&m, sim, dom, iova, prot);
	m.leaf = sim_leaf_encode(&sim->format, 1, 0, 0, prot);
	for (size_t i = 0; !err && i < (injected ? nruns / 2 : nruns); i++)
		err = map_run(&m, runs[i], &npages);
	*mapped = m.iova - iova;
	if (sim_reach_any(&sim->reaches))
		note_reuse(&m, iova, runs, *mapped);
	count_map(sim, npages);
	return err ? err : injected;
}
