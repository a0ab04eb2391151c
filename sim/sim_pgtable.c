// SPDX-License-Identifier: MIT
/*
 * sim_pgtable.c - the driver's half of the page tables: map, unmap, and the table pages
 *
 *   root (level 4) -> level 3 -> level 2 -> level 1 -> 4 KiB page
 *                        |          `-> 2 MiB page
 *                        `-> 1 GiB page                   entries: see sim_walk.c
 *
 * Map goes down once per table, making the tables that are missing, and stores a run of
 * entries.  Two threads that miss the same table both make one; the first to install it
 * wins, the other frees its own and goes on with the winner's.
 *
 * A big page over a table: refused with -EEXIST as long as anything is mapped beneath.
 * An empty table, left behind by unmaps of small pages, is unlinked, the device's walkers
 * are driven out of it by an invalidation of the range, and then it is freed.  If that
 * invalidation fails the table is put back.
 *
 * Unmap clears entries from an address up to the first hole.  A leaf is never split: at
 * its beginning all of it goes, from inside it nothing does.  A table that was emptied by a
 * request whose pages are at least as big as what the table spans is unlinked as well and
 * goes to the gather, to be freed after the flush; unmaps of smaller pages keep their
 * tables for the next map (until the domain is destroyed).  The chain of a gather runs
 * through the pages' records and never through the pages: a walker may still be reading
 * them.
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
 *  [TABLE] sim_pgtable: table cleared or leaf's memory written, then the entry stored
 *          sim_walk, and the way down here: entry loaded, then what it leads to is read
 *
 * Progress: map never waits for another map; replacing a table waits for the hardware.
 */
#include "sim_internal.h"

static unsigned level_of(uint64_t page_bytes)
{
	for (unsigned level = 1; level <= PT_LEAF_MAX; level++)
		if (sim_level_span(level) == page_bytes)
			return level;
	return 0;
}

/* The table behind an entry; NULL if there is none. */
static sim_pte *child_of(const struct sim_mem *mem, uint64_t pte, unsigned level)
{
	if (!(pte & PTE_PRESENT) || (pte & PTE_LEAF))
		return NULL;
	if (!sim_pte_is_sound(mem, pte, level)) {
		dmp_log(DMP_LOG_BUG, "sim: malformed table entry %#llx at level %u",
			(unsigned long long)pte, level);
		return NULL;
	}
	return sim_table_at(mem, pte & PTE_PHYS_MASK);
}

static int table_make(struct dmp_sim *sim, dmp_phys_t *phys)
{
	int err = sim_inject(sim, DMP_SIM_CALL_TABLE_ALLOC);

	if (!err)
		err = sim_table_alloc(&sim->mem, phys);
	if (!err)
		sim_count(sim, COUNT_TABLES_ALLOCATED, 1);
	return err;
}

static void table_free(struct dmp_sim *sim, dmp_phys_t phys)
{
	sim_table_free(&sim->mem, phys);
	sim_count(sim, COUNT_TABLES_FREED, 1);
}

/* Free a table and all beneath it, which no device and no driver uses any more. */
static void tree_free(struct dmp_sim *sim, dmp_phys_t table, unsigned level)
{
	for (unsigned i = 0; level > 1 && i < PT_ENTRIES; i++) {
		/* relaxed: nobody else uses this table */
		uint64_t pte = load_relaxed(&sim_table_at(&sim->mem, table)[i]);

		if (child_of(&sim->mem, pte, level))
			tree_free(sim, pte & PTE_PHYS_MASK, level - 1);
	}
	sim_count(sim, COUNT_TABLES_UNLINKED, 1);
	table_free(sim, table);
}

int sim_pt_create(struct dmp_sim *sim, struct sim_domain *dom)
{
	return table_make(sim, &dom->root);
}

void sim_pt_destroy(struct dmp_sim *sim, struct sim_domain *dom)
{
	tree_free(sim, dom->root, PT_LEVELS);
}

/* Map. */

/* The table behind @slot, made if there is none. */
static int step_down(struct dmp_sim *sim, sim_pte *slot, unsigned level, sim_pte **table)
{
	uint64_t pte = load_acquire(slot); /* [TABLE] entry before table */
	dmp_phys_t made = 0;

	if (!(pte & PTE_PRESENT)) {
		uint64_t seen = pte;
		int err = table_make(sim, &made);

		if (err)
			return err;
		pte = made | PTE_PRESENT;
		if (!cas_acq_rel(slot, &seen, pte)) { /* [TABLE] table cleared before entry */
			pte = seen;
			sim_count(sim, COUNT_TABLES_UNLINKED, 1);
			table_free(sim, made);
		}
	}
	if (pte & PTE_LEAF)
		return -EEXIST;
	*table = child_of(&sim->mem, pte, level);
	return *table ? 0 : -EIO;
}

/* The table of @level that holds @iova's entry. */
static int go_down(struct dmp_sim *sim, struct sim_domain *dom, dmp_iova_t iova, unsigned level,
		   sim_pte **table)
{
	int err = 0;

	*table = sim_table_at(&sim->mem, dom->root);
	for (unsigned l = PT_LEVELS; !err && l > level; l--)
		err = step_down(sim, &(*table)[sim_level_index(iova, l)], l, table);
	return err;
}

static bool tree_is_empty(const struct sim_mem *mem, const sim_pte *table, unsigned level)
{
	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		uint64_t pte = load_acquire(&table[i]); /* [TABLE] entry before table */
		const sim_pte *child = child_of(mem, pte, level);

		if ((pte & PTE_PRESENT) && (!child || !tree_is_empty(mem, child, level - 1)))
			return false;
	}
	return true;
}

/* Make room for a big page where an empty table stands. */
static int replace_table(struct dmp_sim *sim, struct sim_domain *dom, sim_pte *slot,
			 dmp_iova_t iova, unsigned level)
{
	uint64_t pte = load_acquire(slot); /* [TABLE] entry before table */
	const sim_pte *table = child_of(&sim->mem, pte, level);

	if (!table || !tree_is_empty(&sim->mem, table, level - 1))
		return -EEXIST;
	store_release(slot, 0);
	int err = sim_invq_range(sim, dom->id, iova, iova + sim_level_span(level) - 1);

	if (err) {
		store_release(slot, pte); /* [TABLE] as it was */
		return err;
	}
	tree_free(sim, pte & PTE_PHYS_MASK, level - 1);
	return 0;
}

struct map {
	struct dmp_sim *sim;
	struct sim_domain *dom;
	dmp_iova_t iova;
	uint64_t leaf;   /* the next entry to store */
	uint64_t npages; /* that remain */
	unsigned level;
};

/* Store entries up to the end of one table. */
static int map_in_table(struct map *m, sim_pte *table)
{
	uint64_t span = sim_level_span(m->level);
	unsigned index = sim_level_index(m->iova, m->level);

	for (; m->npages && index < PT_ENTRIES; index++) {
		/* relaxed: only this call uses the entries of its range */
		if (load_relaxed(&table[index]) & PTE_PRESENT) {
			int err = replace_table(m->sim, m->dom, &table[index], m->iova, m->level);

			if (err)
				return err;
		}
		store_release(&table[index], m->leaf); /* [TABLE] memory before entry */
		m->leaf += span;
		m->iova += span;
		m->npages--;
	}
	return 0;
}

static int map_run(struct map *m)
{
	int err = 0;

	while (!err && m->npages) {
		sim_pte *table;

		err = go_down(m->sim, m->dom, m->iova, m->level, &table);
		if (!err)
			err = map_in_table(m, table);
	}
	return err;
}

static int map_args_check(const struct sim_domain *dom, dmp_iova_t iova, dmp_phys_t phys,
			  uint64_t page_bytes, uint64_t npages, unsigned prot)
{
	if (dom->type != DMP_DOMAIN_TRANSLATED || !level_of(page_bytes) || npages == 0 ||
	    !dmp_is_aligned(iova | phys, page_bytes) || prot == 0 ||
	    (prot & ~(DMP_PROT_READ | DMP_PROT_WRITE)))
		return -EINVAL;
	if (npages > (PT_IOVA_LAST + 1) / page_bytes ||
	    !dmp_range_fits(iova, npages * page_bytes, PT_IOVA_LAST) ||
	    !dmp_range_fits(phys, npages * page_bytes, DMP_MASK(52)))
		return -ERANGE;
	return 0;
}

int sim_map_pages(void *be, void *dom, dmp_iova_t iova, dmp_phys_t phys, uint64_t page_bytes,
		  uint64_t npages, unsigned prot, uint64_t *mapped)
{
	struct dmp_sim *sim = be;
	int err = map_args_check(dom, iova, phys, page_bytes, npages, prot);

	*mapped = 0;
	if (err)
		return err;
	int injected = sim_inject(sim, DMP_SIM_CALL_MAP_PAGES);
	struct map m = {
		.sim = sim,
		.dom = dom,
		.iova = iova,
		.leaf = phys | PTE_PRESENT | PTE_LEAF | (prot & DMP_PROT_READ ? PTE_READ : 0) |
			(prot & DMP_PROT_WRITE ? PTE_WRITE : 0),
		.npages = injected ? npages / 2 : npages,
		.level = level_of(page_bytes),
	};

	err = map_run(&m);
	*mapped = m.iova - iova;
	sim_count(sim, COUNT_MAP_CALLS, 1);
	sim_count(sim, COUNT_MAP_PAGES, *mapped / page_bytes);
	sim_charge_map(sim, m.level, *mapped / page_bytes);
	return err ? err : injected;
}

/* Unmap. */

struct unmap {
	struct dmp_sim *sim;
	struct dmp_gather *gather;
	uint64_t page_bytes; /* as asked for */
	uint64_t nleaves;    /* cleared */
};

static struct sim_page *record_of(struct sim_mem *mem, dmp_phys_t table)
{
	return &mem->pages[table >> DMP_PAGE_SHIFT];
}

/* Chain an unlinked table to the gather; the tables beneath it have gone before. */
static void gather_table(struct unmap *u, dmp_phys_t table)
{
	struct sim_mem *mem = &u->sim->mem;
	unsigned char *next = u->gather->tables;

	record_of(mem, table)->next = next ? (uint32_t)((next - mem->ram) >> DMP_PAGE_SHIFT) : 0;
	u->gather->tables = mem->ram + table;
	sim_count(u->sim, COUNT_TABLES_UNLINKED, 1);
}

static uint64_t unmap_table(struct unmap *u, sim_pte *table, unsigned level, dmp_iova_t iova,
			    dmp_iova_t last);

/* Unmap [iova, last], which lies behind one entry; returns bytes. */
static uint64_t unmap_slot(struct unmap *u, sim_pte *slot, unsigned level, dmp_iova_t iova,
			   dmp_iova_t last)
{
	uint64_t pte = load_acquire(slot), span = sim_level_span(level); /* [TABLE] */
	sim_pte *child = child_of(&u->sim->mem, pte, level);

	if (child) {
		uint64_t done = unmap_table(u, child, level - 1, iova, last);

		if (done == span && u->page_bytes >= span && u->gather) {
			store_release(slot, 0);
			gather_table(u, pte & PTE_PHYS_MASK);
		}
		return done;
	}
	if (!(pte & PTE_PRESENT) || !(pte & PTE_LEAF) || !dmp_is_aligned(iova, span))
		return 0;
	store_release(slot, 0);
	u->nleaves++;
	return span;
}

/* Unmap [iova, last], which lies behind one table, up to the first hole; returns bytes. */
static uint64_t unmap_table(struct unmap *u, sim_pte *table, unsigned level, dmp_iova_t iova,
			    dmp_iova_t last)
{
	dmp_iova_t at = iova;

	while (at <= last) {
		dmp_iova_t slot_last = at | (sim_level_span(level) - 1);
		dmp_iova_t until = slot_last < last ? slot_last : last;

		at += unmap_slot(u, &table[sim_level_index(at, level)], level, at, until);
		if (at <= until)
			break;
	}
	return at - iova;
}

uint64_t sim_unmap_pages(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes, uint64_t npages,
			 struct dmp_gather *gather)
{
	struct dmp_sim *sim = be;
	struct sim_domain *domain = dom;
	struct unmap u = {.sim = sim, .gather = gather, .page_bytes = page_bytes};

	if (map_args_check(domain, iova, 0, page_bytes, npages, DMP_PROT_READ))
		return 0;
	uint64_t done = unmap_table(&u, sim_table_at(&sim->mem, domain->root), PT_LEVELS, iova,
				    iova + npages * page_bytes - 1);

	sim_count(sim, COUNT_UNMAP_CALLS, 1);
	sim_count(sim, COUNT_UNMAP_PAGES, u.nleaves);
	sim_charge_unmap(sim, level_of(page_bytes), u.nleaves);
	return done;
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

int sim_iova_to_phys(void *be, void *dom, dmp_iova_t iova, dmp_phys_t *phys)
{
	struct dmp_sim *sim = be;
	struct sim_domain *domain = dom;
	struct sim_walk walk;

	if (domain->type == DMP_DOMAIN_PASSTHROUGH) {
		*phys = iova;
		return 0;
	}
	if (!sim_walk(&sim->mem, domain->root, iova, &walk))
		return walk.reason == DMP_FAULT_BAD_TABLE ? -EIO : -ENOENT;
	*phys = walk.phys | (iova & (DMP_PAGE_BYTES - 1));
	return 0;
}

/* The walker. */

static int tree_check(struct sim_mem *mem, dmp_phys_t table, unsigned level, uint64_t *ntables)
{
	int err = 0;

	if (record_of(mem, table)->use != PAGE_TABLE) {
		dmp_log(DMP_LOG_BUG, "sim: table at %#llx is no table page",
			(unsigned long long)table);
		return -EIO;
	}
	++*ntables;
	for (unsigned i = 0; !err && i < PT_ENTRIES; i++) {
		uint64_t pte = load_acquire(&sim_table_at(mem, table)[i]); /* [TABLE] */

		if (!(pte & PTE_PRESENT))
			continue;
		if (!sim_pte_is_sound(mem, pte, level)) {
			dmp_log(DMP_LOG_BUG, "sim: entry %u of the level %u table at %#llx: %#llx",
				i, level, (unsigned long long)table, (unsigned long long)pte);
			err = -EIO;
		} else if (!(pte & PTE_LEAF)) {
			err = tree_check(mem, pte & PTE_PHYS_MASK, level - 1, ntables);
		}
	}
	return err;
}

int sim_pt_check(struct dmp_sim *sim)
{
	uint64_t reached = 0;
	uint64_t made = sim_count_sum(sim, COUNT_TABLES_ALLOCATED);
	int err = 0;

	dmp_lock_acquire(&sim->books_lock);
	for (struct sim_domain *dom = sim->domains; !err && dom; dom = dom->next)
		if (dom->root)
			err = tree_check(&sim->mem, dom->root, PT_LEVELS, &reached);
	dmp_lock_release(&sim->books_lock);
	if (err)
		return err;
	if (reached != made - sim_count_sum(sim, COUNT_TABLES_UNLINKED) ||
	    sim_mem_table_pages(&sim->mem) != made - sim_count_sum(sim, COUNT_TABLES_FREED)) {
		dmp_log(DMP_LOG_BUG, "sim: %llu tables in use, %llu reached: the books differ",
			(unsigned long long)sim_mem_table_pages(&sim->mem),
			(unsigned long long)reached);
		return -EIO;
	}
	return 0;
}
