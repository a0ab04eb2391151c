// SPDX-License-Identifier: MIT
/*
 * sim_iotlb.c - units: an IOTLB, the walk caches behind it, and the walk that fills both
 *
 *   unit = device's number mod units          one unit: all devices share one IOTLB
 *
 *      IOTLB hit  ----------------------------------------> remembered
 *      miss: walk cache of level 1, 2, ... hit -> walk the rest -> fill -> remembered
 *      miss: none hits ---------> walk from the root ----------> fill -> fresh
 *
 * An IOTLB entry stands for a whole page of the tables, up to the largest that the machine
 * keeps whole; of a bigger one each piece of that size that is accessed has an entry of its
 * own.  A walk cache of level n knows tables of level n: with a hit there the walk begins at
 * that table, and reads n entries instead of all.
 *
 * With DMP_SIM_CACHE_NOT_PRESENT an entry with no permission remembers that a 4 KiB page was
 * not mapped, as some machines do: until it is invalidated the device faults.
 *
 * A walk stores the tables that it came to from another table, not the one that a walk cache
 * gave it: that one may be on its way out, with the count of the invalidation before the count
 * that the walk began with.  What it leads to may be, too; so an invalidation goes through the
 * caches from the root's side down, IOTLB last, and what such a walk stores is dropped after it,
 * or its count is old.
 *
 * What is remembered may be old.  Whoever uses it compares it with the tables (sim_access.c):
 * that look is the simulator's own, counted nowhere, and costs the device nothing.
 *
 * An invalidation goes to every unit.  One of leaves only leaves the walk caches alone; who
 * frees a table after such a one has made a walker read freed memory.
 *
 * Locking: as sim_tlb.c; the caller holds the access's gate.
 *
 * Source: the paging-structure caches and leaf hint ("IH") of the Intel VT-d specification;
 *  the Arm SMMUv3's leaf commands.
 */
#include "sim_internal.h"

static int unit_create(struct dmp_sim *sim, struct sim_unit *unit)
{
	const struct sim_machine *machine = &sim->machine;
	int err = sim_tlb_create(&unit->iotlb, TLB_IOTLB, &machine->iotlb);

	for (unsigned i = 0; !err && i < SIM_WALK_CACHES; i++)
		err = sim_tlb_create(&unit->walk[i], TLB_WALK, &machine->walk[i]);
	return err;
}

int sim_units_create(struct dmp_sim *sim)
{
	int err = 0;

	sim->units = dmp_meta_alloc(DMP_META_BACKEND, sim->machine.nunits * sizeof(*sim->units));
	if (!sim->units)
		return -ENOMEM;
	for (uint32_t i = 0; !err && i < sim->machine.nunits; i++)
		err = unit_create(sim, &sim->units[i]);
	if (err)
		sim_units_destroy(sim);
	return err;
}

void sim_units_destroy(struct dmp_sim *sim)
{
	for (uint32_t i = 0; i < sim->machine.nunits; i++) {
		sim_tlb_destroy(&sim->units[i].iotlb);
		for (unsigned level = 0; level < SIM_WALK_CACHES; level++)
			sim_tlb_destroy(&sim->units[i].walk[level]);
	}
	dmp_meta_free(sim->units, sim->machine.nunits * sizeof(*sim->units));
}

/* What the walk of one miss has to give back. */
struct walker {
	struct dmp_sim *sim;
	struct sim_unit *unit;
	const struct sim_domain *dom;
	dmp_iova_t iova;
	uint64_t iotlb_begun, walk_begun[SIM_WALK_CACHES];
	uint64_t nunmaps; /* of the domain, before the walk: [MARK] of sim_reach.c */
	struct sim_walk walk;
	bool shortened; /* it began at a table that was remembered */
};

/* The table to begin at: the lowest that is known. */
static struct sim_step first_step(struct walker *w)
{
	for (unsigned i = 0; i < SIM_WALK_CACHES; i++) {
		struct sim_tlb_entry entry;

		if (!sim_tlb_find(&w->unit->walk[i], w->dom->id, w->iova >> DMP_PAGE_SHIFT, &entry))
			continue;
		w->shortened = true;
		sim_count(w->sim, COUNT_WALK_CACHE_HITS, 1);
		sim_charge(w->sim, DMP_SIM_PHASE_WALK, w->sim->costs.walk_cache_hit);
		return (struct sim_step){.table = entry.phys, .level = i + 1, .order = entry.order};
	}
	return sim_walk_root(w->sim, w->dom->root);
}

static void remember_tables(struct walker *w)
{
	for (unsigned i = w->shortened ? 1 : 0; i < w->walk.levels; i++) {
		const struct sim_step *step = &w->walk.step[i];
		uint64_t npages = UINT64_C(1) << step->order;

		if (step->level > SIM_WALK_CACHES || step->table == w->dom->root)
			continue;
		sim_tlb_fill(w->sim, &w->unit->walk[step->level - 1],
			     &(struct sim_tlb_entry){
				     .id = w->dom->id,
				     .page = dmp_align_down(w->iova >> DMP_PAGE_SHIFT, npages),
				     .phys = step->table,
				     .prot = DMP_PROT_READ,
				     .order = step->order,
			     },
			     w->walk_begun[step->level - 1]);
	}
}

static void remember_page(struct walker *w, bool present)
{
	uint32_t whole = w->sim->machine.iotlb_order;
	uint32_t size = present ? dmp_page_order(w->walk.page_bytes) : 0;
	uint32_t order = size < whole ? size : whole;
	uint64_t page = w->iova >> DMP_PAGE_SHIFT, npages = UINT64_C(1) << order;

	if (!present && (w->walk.reason != DMP_FAULT_NOT_PRESENT ||
			 !(w->sim->flags & DMP_SIM_CACHE_NOT_PRESENT)))
		return;
	sim_tlb_fill_of(
		w->sim, &w->unit->iotlb, w->dom,
		&(struct sim_tlb_entry){
			.id = w->dom->id,
			.page = dmp_align_down(page, npages),
			.phys = present ? dmp_align_down(w->walk.phys, npages << DMP_PAGE_SHIFT)
					: 0,
			.prot = w->walk.prot,
			.order = order,
		},
		w->iotlb_begun, w->shortened ? SIM_UNSURE : w->nunmaps);
}

static void walk(struct walker *w, struct sim_translation *out)
{
	w->nunmaps = sim_reach_begin(w->dom);

	struct sim_step first = first_step(w);
	bool present = sim_walk_from(w->sim, &first, w->iova, &w->walk);

	sim_count(w->sim, COUNT_WALKS, 1);
	sim_count(w->sim, COUNT_WALK_LEVELS, w->walk.levels);
	sim_charge_walk(w->sim, w->walk.levels);
	remember_tables(w);
	remember_page(w, present);
	*out = (struct sim_translation){
		.phys = w->walk.phys,
		.prot = present ? w->walk.prot : 0,
		.order = present ? dmp_page_order(w->walk.page_bytes) : 0,
		.reason = w->walk.reason,
		.remembered = w->shortened,
	};
}

/* Where the unit takes an access of a device at @iova. */
void sim_unit_translate(struct dmp_sim *sim, struct sim_unit *unit, const struct sim_domain *dom,
			dmp_iova_t iova, struct sim_translation *out)
{
	struct walker w = {.sim = sim, .unit = unit, .dom = dom, .iova = iova};
	uint64_t page = iova >> DMP_PAGE_SHIFT;
	struct sim_tlb_entry entry;

	w.iotlb_begun = sim_tlb_begin(&unit->iotlb);
	for (unsigned i = 0; i < SIM_WALK_CACHES; i++)
		w.walk_begun[i] = sim_tlb_begin(&unit->walk[i]);
	if (sim_tlb_find(&unit->iotlb, dom->id, page, &entry)) {
		sim_count(sim, COUNT_IOTLB_HITS, 1);
		sim_charge(sim, DMP_SIM_PHASE_WALK, sim->costs.iotlb_hit);
		*out = (struct sim_translation){
			.phys = entry.phys + ((page - entry.page) << DMP_PAGE_SHIFT),
			.prot = entry.prot,
			.order = entry.order,
			.reason = DMP_FAULT_NOT_PRESENT,
			.remembered = true,
		};
		return;
	}
	sim_count(sim, COUNT_IOTLB_MISSES, 1);
	walk(&w, out);
}

/* What every unit knows of the pages; tables too unless @leaf_only.  Accesses are not waited for. */
void sim_units_drop(struct dmp_sim *sim, const struct sim_drop *drop, bool leaf_only)
{
	for (uint32_t i = 0; i < sim->machine.nunits; i++) {
		struct sim_unit *unit = &sim->units[i];

		for (unsigned level = SIM_WALK_CACHES; !leaf_only && level-- > 0;)
			sim_tlb_drop(sim, &unit->walk[level], drop);
		sim_tlb_drop(sim, &unit->iotlb, drop);
	}
}

/* The walker. */

static int compare(struct dmp_sim *sim, enum sim_tlb_kind kind, uint64_t nentries)
{
	uint64_t expected = sim_count_sum(sim, sim_tlb_counter_of(kind, TLB_FILLS)) -
			    sim_count_sum(sim, sim_tlb_counter_of(kind, TLB_EVICTIONS)) -
			    sim_count_sum(sim, sim_tlb_counter_of(kind, TLB_DROPPED));

	if (nentries == expected)
		return 0;
	dmp_log(DMP_LOG_BUG, "sim: %llu entries in TLBs of kind %d, %llu expected",
		(unsigned long long)nentries, (int)kind, (unsigned long long)expected);
	return -EIO;
}

int sim_units_check(struct dmp_sim *sim)
{
	uint64_t nentries[TLB_KINDS] = {0};
	int err = 0;

	for (uint32_t i = 0; !err && i < sim->machine.nunits; i++) {
		err = sim_tlb_check(&sim->units[i].iotlb, &nentries[TLB_IOTLB]);
		for (unsigned level = 0; !err && level < SIM_WALK_CACHES; level++)
			err = sim_tlb_check(&sim->units[i].walk[level], &nentries[TLB_WALK]);
	}
	if (!err)
		err = sim_devtlbs_check(sim, &nentries[TLB_DEVICE]);
	for (int kind = 0; !err && kind < TLB_KINDS; kind++)
		err = compare(sim, kind, nentries[kind]);
	return err;
}
