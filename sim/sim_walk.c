// SPDX-License-Identifier: MIT
/*
 * sim_walk.c - the hardware's table walk: a pure reader of what stands in RAM
 *
 *   iova   47   39 38   30 29   21 20   12 11       0
 *         |level 4|level 3|level 2|level 1|  offset  |    index of 9 bits a level
 *
 *   entry  63    52 51            12 11   4  3  2  1  0
 *         |reserved|  phys / 4 KiB  |reserved|L| W| R| P|
 *
 *   P 0   not present; the hardware looks at no other bit
 *   L 0   phys is the table of the next level, R and W are zero
 *   L 1   a leaf of 4 KiB (level 1), 2 MiB (level 2) or 1 GiB (level 3), at least one of R
 *         and W is set, phys is aligned to the leaf
 *
 * Anything else is malformed: a reserved bit, a leaf at level 4, no leaf at level 1, a
 * table outside RAM or at page 0, a leaf that is not aligned or permits nothing.  The walk
 * believes nothing else: a wild table makes a fault, never a wild read of ours.
 *
 * The walk is the device's and runs beside the driver's stores.  The caller sees to it that
 * no table it may be inside is freed: sim_gate.c, [DRAIN].
 *
 * Ordering:
 *  [TABLE] sim_pgtable: table cleared or leaf's memory written, then the entry stored
 *          sim_walk: entry loaded, then the table or the memory behind it read
 *
 * Source: the second-stage translation of the Intel VT-d specification has this shape
 *  (levels of 9 bits, a read and a write bit, a page-size bit); the layout is our own.
 */
#include "sim_internal.h"

static bool leaf_is_sound(uint64_t pte, unsigned level)
{
	return level <= PT_LEAF_MAX && (pte & (PTE_READ | PTE_WRITE)) &&
	       dmp_is_aligned(pte & PTE_PHYS_MASK, sim_level_span(level));
}

static bool table_is_sound(const struct sim_mem *mem, uint64_t pte, unsigned level)
{
	dmp_phys_t phys = pte & PTE_PHYS_MASK;

	return level > 1 && !(pte & (PTE_READ | PTE_WRITE)) && phys != 0 &&
	       sim_mem_has(mem, phys, DMP_PAGE_BYTES);
}

/* @pte is present; is it well-formed? */
bool sim_pte_is_sound(const struct sim_mem *mem, uint64_t pte, unsigned level)
{
	if (pte & PTE_RESERVED)
		return false;
	return pte & PTE_LEAF ? leaf_is_sound(pte, level) : table_is_sound(mem, pte, level);
}

static void found(struct sim_walk *walk, uint64_t pte, dmp_iova_t iova, unsigned level)
{
	uint64_t span = sim_level_span(level);

	walk->order = (uint32_t)dmp_log2_floor(span) - DMP_PAGE_SHIFT;
	walk->phys = (pte & PTE_PHYS_MASK) | dmp_align_down(iova & (span - 1), DMP_PAGE_BYTES);
	walk->prot = (pte & PTE_READ ? DMP_PROT_READ : 0) | (pte & PTE_WRITE ? DMP_PROT_WRITE : 0);
}

static bool refuse(struct sim_walk *walk, enum dmp_fault_reason reason)
{
	walk->reason = reason;
	return false;
}

/* A table of @level and the pages behind it. */
static struct sim_step step_at(dmp_phys_t table, unsigned level)
{
	return (struct sim_step){.table = table, .level = level, .order = 9 * level};
}

struct sim_step sim_walk_root(const struct sim_domain *dom)
{
	return step_at(dom->root, PT_LEVELS);
}

bool sim_walk(const struct sim_mem *mem, dmp_phys_t root, dmp_iova_t iova, struct sim_walk *walk)
{
	struct sim_step first = step_at(root, PT_LEVELS);

	return sim_walk_from(mem, &first, iova, walk);
}

/* Where does @iova lead, from the table @first on?  False: nowhere, walk->reason says why. */
bool sim_walk_from(const struct sim_mem *mem, const struct sim_step *first, dmp_iova_t iova,
		   struct sim_walk *walk)
{
	dmp_phys_t table = first->table;

	*walk = (struct sim_walk){0};
	if (iova > PT_IOVA_LAST)
		return refuse(walk, DMP_FAULT_APERTURE);
	for (unsigned level = first->level;; level--) {
		sim_pte *slot = &sim_table_at(mem, table)[sim_level_index(iova, level)];
		uint64_t pte = load_acquire(slot); /* [TABLE] entry before what it leads to */

		walk->step[walk->levels++] = step_at(table, level);
		if (!(pte & PTE_PRESENT))
			return refuse(walk, DMP_FAULT_NOT_PRESENT);
		if (!sim_pte_is_sound(mem, pte, level))
			return refuse(walk, DMP_FAULT_BAD_TABLE);
		if (pte & PTE_LEAF) {
			found(walk, pte, iova, level);
			return true;
		}
		table = pte & PTE_PHYS_MASK;
	}
}
