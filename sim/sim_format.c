// SPDX-License-Identifier: MIT
/*
 * sim_format.c - formats of page tables: by name, by parameters, and their entries
 *
 *              63 62 61 60       52      48 47           12 11  9     7      1  0
 *   VT-d      |   0              |   address 51..12        | 0    | page | W | R |
 *   AMD v1    |0 |W |R |coh.| 0  |   address 51..12        | next |        0 | P |
 *   SMMU      |   0              |run| 0 |  address 47..12 | 0|AF|SH| W R | attr | kind | V |
 *   RISC-V    |run|        0     |   address >> 12 at 53..10            | D A 0 U 0 W R V |
 *
 * VT-d: an entry is present if it permits anything; one that leads to a table permits all.
 * AMD: `next` is the level of the table it leads to, 0 for a page, 7 for a page of a size that
 *  the address tells (ONES).  Permissions of tables are set; `coh.` is set in pages.
 * SMMU: kind is 1 for a table and for the smallest page, 0 for a block; attr is ordinary
 *  cached memory, SH is inner shareable, AF has been set by software.  16 and 64 KiB have the
 *  same bits, their tables and pages being bigger; where those of 64 KiB lead to 52 bits, bits
 *  51..48 of the address stand in bits 15..12.  The mark of a run stands in bit 52 (HINT).
 * RISC-V: an entry without R, W, X leads to a table.  Writing implies reading.  U, A, and D of a
 *  page that may be written, are set by software.  A run of 16 is marked in bit 63 (TENS).
 *
 * Left out on purpose: executing, memory types, bits for software, the SMMU's 52-bit addresses
 * with smaller granules and its blocks of 4 TiB, AMD's skipped levels and page sizes by `next`.
 *
 * Source: the public descriptions.  Intel VT-d architecture specification, "second-stage paging
 *  entries"; AMD I/O virtualization technology specification, "I/O page tables for host
 *  translations"; Arm architecture reference manual, VMSAv8-64 stage 2 descriptors, as the
 *  SMMUv3 specification uses them; RISC-V privileged architecture, Sv39 and Svnapot.
 */
#include "sim_format.h"

#include <assert.h>
#include <string.h>

#define BIT(n)         (UINT64_C(1) << (n))
#define SHIFT_4K       12u
#define PAGE_BITS(top) (DMP_MASK(top) & ~DMP_MASK(SHIFT_4K))
#define IOVA_BITS_MAX  57u
#define ENTRY_SHIFT    3u /* an entry has 8 bytes */

static_assert(sizeof(struct dmp_sim_format) == 36, "append only");

/* Any run that is shorter than a table of 512 entries. */
#define ANY_RUN 0x1fe

static const struct preset {
	const char *name;
	struct dmp_sim_format format;
} presets[] = {
#define PRESET(name, encoding, granule, levels, bits, leaves, ...)                                 \
	{                                                                                          \
		name,                                                                              \
		{                                                                                  \
			sizeof(struct dmp_sim_format), encoding, granule, levels, bits, leaves,    \
				{__VA_ARGS__}, 0                                                   \
		}                                                                                  \
	}
	PRESET("vtd-39", DMP_SIM_ENCODING_VTD, 12, 3, 39, 7, 0),
	PRESET("vtd-48", DMP_SIM_ENCODING_VTD, 12, 4, 48, 7, 0),
	PRESET("vtd-57", DMP_SIM_ENCODING_VTD, 12, 5, 57, 7, 0),
	PRESET("amd-v1", DMP_SIM_ENCODING_AMD_V1, 12, 4, 48, 7, ANY_RUN, ANY_RUN, ANY_RUN),
	PRESET("smmu-4k", DMP_SIM_ENCODING_SMMU, 12, 4, 48, 7, BIT(4), BIT(4)),
	PRESET("smmu-16k", DMP_SIM_ENCODING_SMMU, 14, 4, 48, 3, BIT(7), BIT(5)),
	PRESET("smmu-64k", DMP_SIM_ENCODING_SMMU, 16, 3, 48, 3, BIT(5), BIT(5)),
	PRESET("smmu-64k-52", DMP_SIM_ENCODING_SMMU52, 16, 3, 52, 3, BIT(5), BIT(5)),
	/* Of Sv39 and Sv48 the half below: the highest bit is the sign of the address. */
	PRESET("riscv-sv39", DMP_SIM_ENCODING_RISCV, 12, 3, 38, 7, BIT(4)),
	PRESET("riscv-sv48", DMP_SIM_ENCODING_RISCV, 12, 4, 47, 15, BIT(4)),
#undef PRESET
};

#define NPRESETS (sizeof(presets) / sizeof(presets[0]))

int dmp_sim_format_find(const char *name, struct dmp_sim_format *format)
{
	if (!name || !format)
		return -EINVAL;
	for (size_t i = 0; i < NPRESETS; i++) {
		if (strcmp(presets[i].name, name) != 0)
			continue;
		*format = presets[i].format;
		return 0;
	}
	return -ENOENT;
}

const char *dmp_sim_format_name(unsigned n)
{
	return n < NPRESETS ? presets[n].name : NULL;
}

/* Geometry. */

/* What an encoding can express. */
struct ability {
	uint32_t granules;   /* bit n: a granule of 2^n bytes */
	uint32_t most_level; /* that may hold pages, with granules of 4 KiB; of others level 2 */
	uint32_t phys_bits;
};

static const struct ability abilities[DMP_SIM_ENCODINGS] = {
	[DMP_SIM_ENCODING_VTD] = {BIT(12), 3, 52},
	[DMP_SIM_ENCODING_AMD_V1] = {BIT(12), DMP_SIM_LEVELS_MAX, 52},
	[DMP_SIM_ENCODING_SMMU] = {BIT(12) | BIT(14) | BIT(16), 3, 48},
	[DMP_SIM_ENCODING_RISCV] = {BIT(12), DMP_SIM_LEVELS_MAX, 56},
	[DMP_SIM_ENCODING_SMMU52] = {BIT(16), 3, 52},
};

static bool geometry_is_sound(const struct dmp_sim_format *f, const struct ability *can)
{
	uint32_t index_bits = f->granule_shift - ENTRY_SHIFT;
	uint32_t most_level = f->granule_shift == SHIFT_4K ? can->most_level : 2;

	if (f->granule_shift > 16 || !(can->granules & BIT(f->granule_shift)))
		return false;
	if (f->levels < 3 || f->levels > DMP_SIM_LEVELS_MAX || f->iova_bits > IOVA_BITS_MAX ||
	    f->iova_bits <= f->granule_shift + index_bits * (f->levels - 1) ||
	    f->iova_bits > f->granule_shift + index_bits * f->levels)
		return false;
	return (f->leaf_levels & 1) && f->leaf_levels < BIT(f->levels) &&
	       f->leaf_levels < BIT(most_level);
}

/* May 2^k entries of @level be a page for each bit k of @runs? */
static bool runs_are_sound(const struct dmp_sim_format *f, unsigned level, uint32_t runs)
{
	uint32_t index_bits = f->granule_shift - ENTRY_SHIFT;

	if (!runs)
		return true;
	if (level > f->levels || !(f->leaf_levels & BIT(level - 1)) || (runs & 1) ||
	    runs >= BIT(index_bits))
		return false;
	switch (f->encoding) {
	case DMP_SIM_ENCODING_AMD_V1: return true;
	case DMP_SIM_ENCODING_SMMU:
	case DMP_SIM_ENCODING_SMMU52: return dmp_is_pow2(runs);
	case DMP_SIM_ENCODING_RISCV: return level == 1 && runs == BIT(4);
	default: return false;
	}
}

static bool parameters_are_sound(const struct dmp_sim_format *f)
{
	if (f->encoding >= DMP_SIM_ENCODINGS || f->reserved0 ||
	    !geometry_is_sound(f, &abilities[f->encoding]))
		return false;
	for (unsigned level = 1; level <= DMP_SIM_LEVELS_MAX; level++)
		if (!runs_are_sound(f, level, f->runs[level - 1]))
			return false;
	return true;
}

static void add_size(struct sim_format *format, unsigned level, unsigned run)
{
	unsigned shift = format->level[level].shift + run;

	format->page_sizes |= BIT(shift);
	format->size[shift] = (struct sim_page_size){(uint8_t)level, (uint8_t)run};
}

static void set_geometry(struct sim_format *format, const struct dmp_sim_format *f)
{
	format->levels = f->levels;
	format->granule_shift = f->granule_shift;
	format->index_bits = f->granule_shift - ENTRY_SHIFT;
	format->iova_last = DMP_MASK(f->iova_bits);
	format->phys_last = DMP_MASK(abilities[f->encoding].phys_bits);
	for (unsigned level = 1; level <= f->levels; level++) {
		struct sim_level *l = &format->level[level];

		l->shift = f->granule_shift + format->index_bits * (level - 1);
		l->has_leaves = f->leaf_levels & BIT(level - 1);
		l->runs = f->runs[level - 1];
		if (l->has_leaves)
			add_size(format, level, 0);
		for (unsigned run = 1; run < format->index_bits; run++)
			if (l->runs & BIT(run))
				add_size(format, level, run);
	}
}

/* Bits. */

static void set_prot(struct sim_format *format, uint64_t read, uint64_t write)
{
	format->read = read;
	format->write = write;
	format->prot_mask = read | write;
	format->prot[DMP_PROT_READ] = read;
	format->prot[DMP_PROT_WRITE] = write;
	format->prot[DMP_PROT_READ | DMP_PROT_WRITE] = read | write;
}

static void encode_vtd(struct sim_format *format)
{
	format->phys_mask = PAGE_BITS(52);
	format->present = BIT(0) | BIT(1);
	format->kind = BIT(7);
	set_prot(format, BIT(0), BIT(1));
	for (unsigned level = 1; level <= format->levels; level++) {
		format->level[level].table = BIT(0) | BIT(1);
		format->level[level].leaf = level > 1 ? BIT(7) : 0;
	}
}

static void encode_amd(struct sim_format *format)
{
	format->phys_mask = PAGE_BITS(52);
	format->present = BIT(0);
	format->kind = UINT64_C(7) << 9;
	format->run_mark = UINT64_C(7) << 9;
	format->run_style = RUN_ONES;
	set_prot(format, BIT(61), BIT(62));
	for (unsigned level = 1; level <= format->levels; level++) {
		format->level[level].table = BIT(0) | (uint64_t)(level - 1) << 9 | BIT(61) |
					     BIT(62);
		format->level[level].leaf = BIT(0) | BIT(60);
	}
}

static void encode_smmu(struct sim_format *format)
{
	const uint64_t page = BIT(0) | UINT64_C(15) << 2 | UINT64_C(3) << 8 | BIT(10);

	format->phys_mask = PAGE_BITS(48);
	format->present = BIT(0);
	format->kind = BIT(1);
	format->run_mark = BIT(52);
	format->run_style = RUN_HINT;
	set_prot(format, BIT(6), BIT(7));
	for (unsigned level = 1; level <= format->levels; level++) {
		format->level[level].table = BIT(0) | BIT(1);
		format->level[level].leaf = page | (level > 1 ? 0 : BIT(1));
	}
}

static void encode_smmu52(struct sim_format *format)
{
	encode_smmu(format);
	format->phys_high = UINT64_C(15) << 12;
}

static void encode_riscv(struct sim_format *format)
{
	const uint64_t read = BIT(1), write = BIT(2), dirty = BIT(7);

	format->phys_shift = 2;
	format->phys_mask = PAGE_BITS(56) >> 2;
	format->present = BIT(0);
	format->kind = read | write;
	format->run_mark = BIT(63);
	format->run_style = RUN_TENS;
	set_prot(format, read, write);
	format->prot_mask = read | write | dirty;
	format->prot[DMP_PROT_WRITE] = read | write | dirty;
	format->prot[DMP_PROT_READ | DMP_PROT_WRITE] = read | write | dirty;
	for (unsigned level = 1; level <= format->levels; level++) {
		format->level[level].table = BIT(0);
		format->level[level].leaf = BIT(0) | BIT(4) | BIT(6);
	}
}

static void set_encoding(struct sim_format *format, uint32_t encoding)
{
	switch (encoding) {
	case DMP_SIM_ENCODING_AMD_V1: encode_amd(format); break;
	case DMP_SIM_ENCODING_SMMU: encode_smmu(format); break;
	case DMP_SIM_ENCODING_SMMU52: encode_smmu52(format); break;
	case DMP_SIM_ENCODING_RISCV: encode_riscv(format); break;
	default: encode_vtd(format);
	}
	format->phys_low = format->phys_mask & ~format->phys_high;
}

/* What tells single pages, by the bits of `kind` that all pages have, or none has. */
static void set_single(struct sim_format *format)
{
	uint64_t permitted = format->prot[1] & format->prot[2] & format->prot[3];

	for (unsigned level = 1; level <= format->levels; level++) {
		struct sim_level *l = &format->level[level];
		uint64_t table = level > 1 ? l->table & format->kind : 0;
		uint64_t page = (l->leaf | permitted) & format->kind;

		l->single_has = level > 1 ? page & ~table : 0;
		l->single_lacks = (table & ~page) | format->run_mark;
	}
}

int sim_format_choose(struct sim_format *format, const char *name,
		      const struct dmp_sim_format *custom)
{
	struct dmp_sim_format own;
	int err;

	if (custom && name)
		return -EINVAL;
	err = custom ? dmp_opts_load(&own, sizeof(own), custom)
		     : dmp_sim_format_find(name ? name : "vtd-48", &own);
	if (err)
		return err;
	if (!parameters_are_sound(&own))
		return -EINVAL;
	memset(format, 0, sizeof(*format));
	set_geometry(format, &own);
	set_encoding(format, own.encoding);
	set_single(format);
	return 0;
}

/* Entries. */

/* Bits of the address that tell the size 2^shift. */
static uint64_t size_code(enum sim_run_style style, unsigned shift)
{
	uint64_t top = BIT(shift - 1);

	return style == RUN_ONES ? (top - 1) & ~DMP_MASK(SHIFT_4K) : style == RUN_TENS ? top : 0;
}

/* The size that an address of ONES or TENS tells, as a power; 0: none that there is. */
static unsigned coded_shift(enum sim_run_style style, dmp_phys_t phys)
{
	uint64_t bits = (style == RUN_ONES ? ~phys : phys) >> SHIFT_4K;
	unsigned shift = bits ? SHIFT_4K + (unsigned)__builtin_ctzll(bits) + 1 : 0;

	return shift < 64 ? shift : 0;
}

uint64_t sim_leaf_encode(const struct sim_format *format, unsigned level, unsigned run,
			 dmp_phys_t phys, unsigned prot)
{
	const struct sim_level *l = &format->level[level];
	uint64_t mark = 0;

	if (run) {
		mark = format->run_mark;
		phys |= size_code(format->run_style, l->shift + run);
	}
	return sim_phys_encode(format, phys) | l->leaf | mark | format->prot[prot];
}

static bool is_run(const struct sim_format *format, uint64_t pte)
{
	return format->run_mark && (pte & format->run_mark) == format->run_mark;
}

/* log2 of the entries of a marked run with this address; 0: not a run that there is. */
static unsigned run_order(const struct sim_format *format, const struct sim_level *l,
			  dmp_phys_t phys)
{
	unsigned shift;

	if (format->run_style == RUN_HINT)
		return l->runs ? dmp_log2_floor(l->runs) : 0;
	shift = coded_shift(format->run_style, phys);
	if (shift <= l->shift || shift - l->shift >= format->index_bits ||
	    !(l->runs & BIT(shift - l->shift)))
		return 0;
	return shift - l->shift;
}

unsigned sim_leaf_run(const struct sim_format *format, uint64_t pte, unsigned level)
{
	return is_run(format, pte)
		       ? run_order(format, &format->level[level], sim_pte_phys(format, pte))
		       : 0;
}

/* Fills in where a run begins; false: not a run that there is. */
static bool decode_run(const struct sim_format *format, const struct sim_level *l, dmp_iova_t iova,
		       struct sim_entry *entry)
{
	unsigned order = run_order(format, l, entry->phys);
	uint64_t rest = DMP_MASK(l->shift + order), piece = DMP_MASK(l->shift);

	if (!order)
		return false;
	/* The pieces of a hint stand in their order. */
	if (format->run_style == RUN_HINT && ((entry->phys ^ iova) & rest & ~piece))
		return false;
	if (format->run_style == RUN_HINT && (entry->phys & piece))
		return false;
	entry->phys &= ~rest;
	entry->bytes = rest + 1;
	return true;
}

struct sim_entry sim_entry_decode(const struct sim_format *format, uint64_t pte, unsigned level,
				  dmp_iova_t iova)
{
	const struct sim_level *l = &format->level[level];
	uint64_t marks = pte & ~format->phys_mask;
	struct sim_entry entry = {.phys = sim_pte_phys(format, pte)};

	if (sim_pte_is_table(format, pte, level)) {
		entry.is_sound = marks == l->table && entry.phys != 0 &&
				 dmp_is_aligned(entry.phys, sim_table_bytes(format));
		return entry;
	}
	entry.prot = (pte & format->read ? DMP_PROT_READ : 0) |
		     (pte & format->write ? DMP_PROT_WRITE : 0);
	entry.bytes = sim_level_span(format, level);
	if (!l->has_leaves || !entry.prot || (pte & format->prot_mask) != format->prot[entry.prot])
		return entry;
	marks &= ~format->prot_mask;
	if (marks == l->leaf)
		entry.is_sound = dmp_is_aligned(entry.phys, entry.bytes);
	else if (format->run_mark && marks == (l->leaf | format->run_mark))
		entry.is_sound = decode_run(format, l, iova, &entry);
	return entry;
}
