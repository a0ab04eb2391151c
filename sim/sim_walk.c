// SPDX-License-Identifier: MIT
/*
 * sim_walk.c - the hardware's table walk: a pure reader of what stands in RAM
 *
 *   root table --entry--> table --entry--> ... --entry--> page        an entry a level
 *
 * What an entry says is the format's business (sim_format.h).  Malformed is what it does not
 * know, and a table that is not wholly RAM.  The walk believes nothing else: a wild table
 * makes a fault, never a wild read of ours.
 *
 * The walk is the device's and runs beside the driver's stores.  The caller sees to it that
 * no table it may be inside is freed: sim_gate.c, [DRAIN].
 *
 * Ordering:
 *  [TABLE] sim_map, sim_pgtable: table cleared or leaf's memory written, then the entry stored
 *          sim_walk: entry loaded, then the table or the memory behind it read
 */
#include "sim_internal.h"

/* A present entry; of a table that is not all RAM nothing is sound. */
struct sim_entry sim_pte_read(const struct dmp_sim *sim, uint64_t pte, unsigned level,
			      dmp_iova_t iova)
{
	struct sim_entry entry = sim_entry_decode(&sim->format, pte, level, iova);

	if (!entry.bytes && !sim_mem_has(&sim->mem, entry.phys, sim_table_bytes(&sim->format)))
		entry.is_sound = false;
	return entry;
}

static void found(struct sim_walk *walk, const struct sim_entry *entry, dmp_iova_t iova)
{
	walk->phys = entry->phys | dmp_align_down(iova & (entry->bytes - 1), DMP_PAGE_BYTES);
	walk->page_bytes = entry->bytes;
	walk->prot = entry->prot;
}

static bool refuse(struct sim_walk *walk, enum dmp_fault_reason reason)
{
	walk->reason = reason;
	return false;
}

/* A table of @level and the pages behind it. */
static struct sim_step step_at(const struct sim_format *format, dmp_phys_t table, unsigned level)
{
	uint32_t order = format->level[level].shift + format->index_bits - DMP_PAGE_SHIFT;

	return (struct sim_step){.table = table, .level = level, .order = order};
}

struct sim_step sim_walk_root(const struct dmp_sim *sim, dmp_phys_t root)
{
	return step_at(&sim->format, root, sim->format.levels);
}

bool sim_walk(const struct dmp_sim *sim, dmp_phys_t root, dmp_iova_t iova, struct sim_walk *walk)
{
	struct sim_step first = sim_walk_root(sim, root);

	return sim_walk_from(sim, &first, iova, walk);
}

/* Where does @iova lead, from the table @first on?  False: nowhere, walk->reason says why. */
bool sim_walk_from(const struct dmp_sim *sim, const struct sim_step *first, dmp_iova_t iova,
		   struct sim_walk *walk)
{
	const struct sim_format *format = &sim->format;
	dmp_phys_t table = first->table;

	*walk = (struct sim_walk){0};
	if (iova > format->iova_last)
		return refuse(walk, DMP_FAULT_APERTURE);
	for (unsigned level = first->level;; level--) {
		sim_pte *slot = &sim_table_at(&sim->mem, table)[sim_index(format, iova, level)];
		uint64_t pte = load_acquire(slot); /* [TABLE] entry before what it leads to */

		walk->step[walk->levels++] = step_at(format, table, level);
		if (!sim_pte_is_present(format, pte))
			return refuse(walk, DMP_FAULT_NOT_PRESENT);

		struct sim_entry entry = sim_pte_read(sim, pte, level, iova);

		if (!entry.is_sound)
			return refuse(walk, DMP_FAULT_BAD_TABLE);
		if (entry.bytes) {
			found(walk, &entry, iova);
			return true;
		}
		table = entry.phys;
	}
}
