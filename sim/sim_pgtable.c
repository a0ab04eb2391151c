// SPDX-License-Identifier: MIT
/*
 * sim_pgtable.c - the table pages: made, put in place of nothing, taken out, freed, walked
 *
 *   root (highest level) -> ... -> level 2 -> level 1 -> smallest page
 *                                     `-> bigger page          entries: sim_format.h
 *
 * Tables are pages of the machine's RAM, as big as the smallest page of the format, cleared.
 * Nobody counts what a table holds: a count would be a line that every map and unmap of its
 * range writes, by whatever CPU.  A table goes for one of three reasons:
 *
 *   an unmap asked for pages as big as all that the table spans, and it was full: the table
 *     leaves the tree and travels in the gather until the flush (sim_unmap.c)
 *   a big page takes its place, and it is empty: it leaves the tree, an invalidation drives
 *     the device's walkers out of it, and it is freed; if that fails it is put back
 *   the domain is destroyed
 *
 * So unmaps of small pages keep their tables for the next map, as the kernel's drivers do.
 * The chain of a gather runs through the pages' records and never through the pages: a
 * walker may still be reading them.
 *
 * Invariants, walked by sim_pt_check():
 *  T1  every present entry is well-formed and its table is marked as one;
 *  T2  tables reached from all roots = allocated - unlinked;
 *  T3  table pages of the memory = allocated - freed.
 *
 * Beside whom:
 *               map      unmap    iova_to_phys   a device's walk
 *   map         1        1        1              yes
 *   unmap       1        1        1              yes, until the flush returns
 *   destroy     no       no       no             no
 *   1: for ranges that do not overlap.  No table is freed beneath a range that somebody
 *   else may use: it is unlinked only by a call whose range covers all of it.
 *
 * Ordering:
 *  [TABLE] sim_map, sim_pgtable: table cleared or leaf's memory written, then the entry stored
 *          sim_walk, and the way down here: entry loaded, then what it leads to is read
 */
#include "sim_internal.h"

static unsigned table_order(const struct dmp_sim *sim)
{
	return sim->format.granule_shift - DMP_PAGE_SHIFT;
}

/* The table behind an entry; NULL if there is none.  A malformed one is told. */
sim_pte *sim_pt_child(const struct dmp_sim *sim, uint64_t pte, unsigned level)
{
	sim_pte *table = sim_pt_down(sim, pte, level);

	if (!table && sim_pte_is_present(&sim->format, pte) &&
	    sim_pte_is_table(&sim->format, pte, level))
		dmp_log(DMP_LOG_BUG, "sim: malformed table entry %#llx at level %u",
			(unsigned long long)pte, level);
	return table;
}

/* A table page that nothing leads to yet. */
int sim_pt_make(struct dmp_sim *sim, dmp_phys_t *table)
{
	int err = sim_inject(sim, DMP_SIM_CALL_TABLE_ALLOC);

	if (!err)
		err = sim_table_alloc(&sim->mem, table_order(sim), table);
	if (!err)
		sim_count(sim, COUNT_TABLES_ALLOCATED, 1);
	return err;
}

static void table_free(struct dmp_sim *sim, dmp_phys_t table)
{
	sim_table_free(&sim->mem, table, table_order(sim));
	sim_count(sim, COUNT_TABLES_FREED, 1);
}

/* The reverse of sim_pt_make(). */
void sim_pt_discard(struct dmp_sim *sim, dmp_phys_t table)
{
	sim_count(sim, COUNT_TABLES_UNLINKED, 1);
	table_free(sim, table);
}

/* Free a table and all beneath it, which no device and no driver uses any more. */
static void tree_free(struct dmp_sim *sim, dmp_phys_t table, unsigned level)
{
	for (uint64_t i = 0; level > 1 && i < sim_table_entries(&sim->format); i++) {
		/* relaxed: nobody else uses this table */
		uint64_t pte = load_relaxed(&sim_table_at(&sim->mem, table)[i]);

		if (sim_pt_child(sim, pte, level))
			tree_free(sim, sim_pte_phys(&sim->format, pte), level - 1);
	}
	sim_pt_discard(sim, table);
}

int sim_pt_create(struct dmp_sim *sim, struct sim_domain *dom)
{
	return sim_pt_make(sim, &dom->root);
}

void sim_pt_destroy(struct dmp_sim *sim, struct sim_domain *dom)
{
	tree_free(sim, dom->root, sim->format.levels);
}

static bool tree_is_empty(const struct dmp_sim *sim, const sim_pte *table, unsigned level)
{
	for (uint64_t i = 0; i < sim_table_entries(&sim->format); i++) {
		uint64_t pte = load_acquire(&table[i]); /* [TABLE] entry before table */
		const sim_pte *child;

		if (!sim_pte_is_present(&sim->format, pte))
			continue;
		child = level > 1 ? sim_pt_child(sim, pte, level) : NULL;
		if (!child || !tree_is_empty(sim, child, level - 1))
			return false;
	}
	return true;
}

/* Nothing, where an empty table stands; -EEXIST: it is none, or not empty. */
int sim_pt_replace(struct dmp_sim *sim, struct sim_domain *dom, sim_pte *slot, dmp_iova_t iova,
		   unsigned level)
{
	uint64_t pte = load_acquire(slot); /* [TABLE] entry before table */
	const sim_pte *table = level > 1 ? sim_pt_child(sim, pte, level) : NULL;

	if (!table || !tree_is_empty(sim, table, level - 1))
		return -EEXIST;
	store_release(slot, 0);
	int err =
		sim_invq_range(sim, dom->id, iova, iova + sim_level_span(&sim->format, level) - 1);

	if (err) {
		store_release(slot, pte); /* [TABLE] as it was */
		return err;
	}
	tree_free(sim, sim_pte_phys(&sim->format, pte), level - 1);
	return 0;
}

/* Tables that wait for a flush. */

static struct sim_page *record_of(struct sim_mem *mem, dmp_phys_t table)
{
	return &mem->pages[table >> DMP_PAGE_SHIFT];
}

/* Chain an unlinked table to the gather; the tables beneath it have gone before. */
void sim_pt_gather(struct dmp_sim *sim, struct dmp_gather *gather, dmp_phys_t table)
{
	struct sim_mem *mem = &sim->mem;
	unsigned char *next = gather->tables;

	record_of(mem, table)->next = next ? (uint32_t)((next - mem->ram) >> DMP_PAGE_SHIFT) : 0;
	gather->tables = mem->ram + table;
	sim_count(sim, COUNT_TABLES_UNLINKED, 1);
}

void sim_free_tables(void *be, void *dom, void *tables)
{
	struct dmp_sim *sim = be;
	dmp_phys_t table = tables ? (dmp_phys_t)((unsigned char *)tables - sim->mem.ram) : 0;

	(void)dom;
	while (table) {
		dmp_phys_t next = (dmp_phys_t)record_of(&sim->mem, table)->next << DMP_PAGE_SHIFT;

		table_free(sim, table);
		table = next;
	}
}

/* What map and unmap share. */

/* -EINVAL: no tables; -ERANGE: beyond what the format translates. */
int sim_pt_check_range(const struct dmp_sim *sim, const struct sim_domain *dom, dmp_iova_t iova,
		       uint64_t len)
{
	if (dom->type != DMP_DOMAIN_TRANSLATED)
		return -EINVAL;
	return dmp_range_fits(iova, len, sim->format.iova_last) ? 0 : -ERANGE;
}

int sim_iova_to_phys(void *be, void *dom, dmp_iova_t iova, dmp_phys_t *phys)
{
	struct dmp_sim *sim = be;
	struct sim_domain *domain = dom;
	struct sim_walk walk;

	if (domain->type == DMP_DOMAIN_PASSTHROUGH) {
		*phys = iova;
		return 0;
	}
	if (!sim_walk(sim, domain->root, iova, &walk))
		return walk.reason == DMP_FAULT_BAD_TABLE ? -EIO : -ENOENT;
	*phys = walk.phys | (iova & (DMP_PAGE_BYTES - 1));
	return 0;
}

/* The walker. */

static int tree_check(struct dmp_sim *sim, dmp_phys_t table, unsigned level, dmp_iova_t iova,
		      uint64_t *ntables);

/* One present entry, behind which @iova begins. */
static int entry_check(struct dmp_sim *sim, uint64_t pte, unsigned level, dmp_iova_t iova,
		       uint64_t *ntables)
{
	struct sim_entry entry = sim_pte_read(sim, pte, level, iova);

	if (!entry.is_sound) {
		dmp_log(DMP_LOG_BUG, "sim: entry of iova %#llx at level %u: %#llx",
			(unsigned long long)iova, level, (unsigned long long)pte);
		return -EIO;
	}
	return entry.bytes ? 0 : tree_check(sim, entry.phys, level - 1, iova, ntables);
}

static int tree_check(struct dmp_sim *sim, dmp_phys_t table, unsigned level, dmp_iova_t iova,
		      uint64_t *ntables)
{
	uint64_t span = sim_level_span(&sim->format, level);
	int err = 0;

	if (record_of(&sim->mem, table)->use != PAGE_TABLE) {
		dmp_log(DMP_LOG_BUG, "sim: table at %#llx is no table page",
			(unsigned long long)table);
		return -EIO;
	}
	++*ntables;
	for (uint64_t i = 0; !err && i < sim_table_entries(&sim->format); i++) {
		uint64_t pte = load_acquire(&sim_table_at(&sim->mem, table)[i]); /* [TABLE] */

		if (sim_pte_is_present(&sim->format, pte))
			err = entry_check(sim, pte, level, iova + i * span, ntables);
	}
	return err;
}

int sim_pt_check(struct dmp_sim *sim)
{
	uint64_t reached = 0;
	uint64_t made = sim_count_sum(sim, COUNT_TABLES_ALLOCATED);
	uint64_t held = sim_mem_table_pages(&sim->mem) >> table_order(sim);
	int err = 0;

	dmp_lock_acquire(&sim->books_lock);
	for (struct sim_domain *dom = sim->domains; !err && dom; dom = dom->next)
		if (dom->root)
			err = tree_check(sim, dom->root, sim->format.levels, 0, &reached);
	dmp_lock_release(&sim->books_lock);
	if (err)
		return err;
	if (reached != made - sim_count_sum(sim, COUNT_TABLES_UNLINKED) ||
	    held != made - sim_count_sum(sim, COUNT_TABLES_FREED)) {
		dmp_log(DMP_LOG_BUG, "sim: %llu tables in use, %llu reached: the books differ",
			(unsigned long long)held, (unsigned long long)reached);
		return -EIO;
	}
	return 0;
}
