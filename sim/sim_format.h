/* SPDX-License-Identifier: MIT */
/*
 * sim_format.h - the shape of page tables: geometry, and where an entry's bits stand
 *
 * One description for every machine's tables, so that map, unmap and walk are written once:
 *
 *   iova   | root index | index | index | offset |       a level each; index_bits but for the root
 *
 *   entry  | marks | address >> phys_shift | marks |     marks: present, kind, permissions, ...
 *                                   `-- or, with phys_high, bits 51..48 below those that fit
 *
 *   not present   no bit of `present`; no other bit means anything
 *   a table       the bits of `kind` say so, all marks are exactly those of level.table
 *   a page        all marks are exactly those of level.leaf, and a permission
 *
 * Anything else is malformed.  A bit that real hardware would ignore has to be zero here.
 *
 * A run of 2^k neighbouring entries can be one page, marked by run_mark:
 *
 *   HINT   each entry holds the address of its own piece, as if there were no mark
 *   ONES   all entries are equal: base | 0 1 1 .. 1, the zero is bit log2(size) - 1
 *   TENS   all entries are equal: base | 1 0 0 .. 0, the one  is bit log2(size) - 1
 *
 * Everything here is constant once the machine is made.
 */
#ifndef SIM_FORMAT_H
#define SIM_FORMAT_H

#include <dmapool/bits.h>
#include <dmapool/port.h>
#include <dmapool/sim.h>

enum sim_run_style {
	RUN_NONE,
	RUN_HINT,
	RUN_ONES,
	RUN_TENS,
};

struct sim_level {
	uint64_t table; /* marks of an entry that leads to a table; not of level 1 */
	uint64_t leaf;  /* marks of a page, without permissions and run_mark */
	/* Of present entries: those of single pages have all of has and none of lacks, those of
	 * runs and tables do not. */
	uint64_t single_has, single_lacks;
	uint32_t shift; /* log2 of the bytes behind an entry */
	uint32_t runs;  /* bit k: 2^k entries can be one page */
	bool has_leaves;
};

/* Where a page size belongs. */
struct sim_page_size {
	uint8_t level; /* 0: not offered */
	uint8_t run;   /* log2 of the entries it takes */
};

#define SIM_HIGH_SHIFT 36u                 /* from bit 51 to bit 15 */
#define SIM_SEAM       (UINT64_C(1) << 48) /* above are the bits of phys_high */

struct sim_format {
	uint32_t levels;
	uint32_t granule_shift; /* log2 of a table's bytes, and of the smallest page's */
	uint32_t index_bits;    /* of a whole table */
	uint32_t phys_shift;    /* an entry holds the address shifted right by it */
	enum sim_run_style run_style;
	uint64_t iova_last, phys_last; /* highest addresses */
	uint64_t page_sizes;           /* bitmap */
	uint64_t phys_mask;            /* of an entry: the address, all of it: ... */
	uint64_t phys_low, phys_high;  /* ... shifted by phys_shift; by SIM_HIGH_SHIFT */
	uint64_t present;              /* one of these */
	uint64_t kind;                 /* tells a table from a page */
	uint64_t run_mark;
	uint64_t read, write;                           /* permissions that an entry shows */
	uint64_t prot_mask;                             /* all bits of permissions */
	uint64_t prot[4];                               /* by DMP_PROT_*: the bits of a page */
	struct sim_level level[DMP_SIM_LEVELS_MAX + 1]; /* by level */
	struct sim_page_size size[64];                  /* by log2 of a page */
};

/* 0, -ENOENT, -EINVAL, -E2BIG: from what the caller of dmp_sim_create() chose. */
int sim_format_choose(struct sim_format *format, const char *name,
		      const struct dmp_sim_format *custom);

/* A present entry, taken apart. */
struct sim_entry {
	dmp_phys_t phys; /* table, or the page's first byte */
	uint64_t bytes;  /* of the page; 0: a table */
	uint32_t prot;   /* of the page: DMP_PROT_* */
	bool is_sound;   /* else nothing of it is to be believed */
};

/* @iova leads to the entry. */
struct sim_entry sim_entry_decode(const struct sim_format *format, uint64_t pte, unsigned level,
				  dmp_iova_t iova);

/* The first entry of a page of 2^run entries; the rest follows by sim_leaf_step(). */
uint64_t sim_leaf_encode(const struct sim_format *format, unsigned level, unsigned run,
			 dmp_phys_t phys, unsigned prot);

/* log2 of the entries of the page that a leaf belongs to; 0, too: its run is none that there is.
 * From the first entry of a page on, all of them are in one table. */
unsigned sim_leaf_run(const struct sim_format *format, uint64_t pte, unsigned level);

static inline uint64_t sim_level_span(const struct sim_format *format, unsigned level)
{
	return UINT64_C(1) << format->level[level].shift;
}

static inline uint64_t sim_index(const struct sim_format *format, dmp_iova_t iova, unsigned level)
{
	return (iova >> format->level[level].shift) & DMP_MASK(format->index_bits);
}

/* Entries of a table.  Of the highest level some may never be used. */
static inline uint64_t sim_table_entries(const struct sim_format *format)
{
	return UINT64_C(1) << format->index_bits;
}

static inline uint64_t sim_table_bytes(const struct sim_format *format)
{
	return UINT64_C(1) << format->granule_shift;
}

static inline bool sim_pte_is_present(const struct sim_format *format, uint64_t pte)
{
	return (pte & format->present) != 0;
}

/* Of a present entry: does it lead to a table?  Not whether it is sound. */
static inline bool sim_pte_is_table(const struct sim_format *format, uint64_t pte, unsigned level)
{
	return level > 1 && (pte & format->kind) == (format->level[level].table & format->kind);
}

static inline dmp_phys_t sim_pte_phys(const struct sim_format *format, uint64_t pte)
{
	return (pte & format->phys_low) << format->phys_shift | (pte & format->phys_high)
									<< SIM_HIGH_SHIFT;
}

/* The reverse, for an address that the format has. */
static inline uint64_t sim_phys_encode(const struct sim_format *format, dmp_phys_t phys)
{
	return (phys >> format->phys_shift & format->phys_low) |
	       (phys >> SIM_HIGH_SHIFT & format->phys_high);
}

static inline uint64_t sim_table_encode(const struct sim_format *format, unsigned level,
					dmp_phys_t table)
{
	return sim_phys_encode(format, table) | format->level[level].table;
}

/* From an entry of a page to its neighbour's: of the next piece, or the next page.  Not across
 * a multiple of SIM_SEAM where there is phys_high. */
static inline uint64_t sim_leaf_step(const struct sim_format *format, uint64_t bytes)
{
	return bytes >> format->phys_shift;
}

#endif
