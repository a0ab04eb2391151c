// SPDX-License-Identifier: MIT
/*
 * read_tables.c - page tables as the public descriptions have them: see read_tables.h
 */
#include "read_tables.h"

#include <stddef.h>
#include <string.h>

/* Bits @hi .. @lo of @x, at their place. */
static uint64_t at_place(uint64_t x, unsigned hi, unsigned lo)
{
	return x & ((UINT64_MAX >> (63 - hi)) & (UINT64_MAX << lo));
}

/* Their value. */
static uint64_t field(uint64_t x, unsigned hi, unsigned lo)
{
	return at_place(x, hi, lo) >> lo;
}

static uint64_t entry(const struct tables *tables, uint64_t table, uint64_t index)
{
	uint64_t value;

	memcpy(&value, tables->ram + table + 8 * index, sizeof(value));
	return value;
}

static bool is(const struct tables *tables, const char *family)
{
	return strncmp(tables->format, family, strlen(family)) == 0;
}

static unsigned levels(const struct tables *tables, unsigned of_name)
{
	return tables->levels ? tables->levels : of_name;
}

static bool found_page(struct found *found, uint64_t base, uint64_t bytes, uint64_t iova)
{
	found->page_bytes = bytes;
	found->phys = (base & ~(bytes - 1)) | (iova & (bytes - 1));
	return true;
}

/* Intel: R 0, W 1, page size 7 in a directory and its pointer, address 51..12. */
static bool read_vtd(const struct tables *tables, uint64_t iova, struct found *found)
{
	unsigned of_name = is(tables, "vtd-39") ? 3 : is(tables, "vtd-48") ? 4 : 5;
	unsigned shift = 12 + 9 * (levels(tables, of_name) - 1);
	uint64_t table = tables->root;

	for (;; shift -= 9) {
		uint64_t e = entry(tables, table, field(iova, shift + 8, shift));

		if (field(e, 1, 0) == 0)
			return false;
		if (shift == 12 || field(e, 7, 7)) {
			found->read = field(e, 0, 0);
			found->write = field(e, 1, 1);
			return found_page(found, at_place(e, 51, 12), UINT64_C(1) << shift, iova);
		}
		table = at_place(e, 51, 12);
	}
}

/* AMD: present 0, next level 11..9, address 51..12, IR 61, IW 62.  Next level 0 is a page of the
 * level's own size, 7 one whose size is told by the first zero of the address. */
static bool read_amd(const struct tables *tables, uint64_t iova, struct found *found)
{
	unsigned level = levels(tables, 4);
	uint64_t table = tables->root;

	for (;;) {
		unsigned shift = 12 + 9 * (level - 1);
		uint64_t e = entry(tables, table, field(iova, shift + 8, shift));
		unsigned next = (unsigned)field(e, 11, 9);

		if (!field(e, 0, 0))
			return false;
		found->read = field(e, 61, 61);
		found->write = field(e, 62, 62);
		if (next == 0)
			return found_page(found, at_place(e, 51, 12), UINT64_C(1) << shift, iova);
		if (next == 7) {
			unsigned zero = 12;

			while (field(e, zero, zero))
				zero++;
			return found_page(found, at_place(e, 51, 12), UINT64_C(2) << zero, iova);
		}
		level = next;
		table = at_place(e, 51, 12);
	}
}

/* Arm: valid 0, table or page 1, S2AP 7..6, contiguous 52.  Which translation granule says how
 * many entries are contiguous at the last two levels.  With 52 bits of 64 KiB granules
 * bits 51..48 of an address stand in bits 15..12. */
struct granule {
	const char *format;
	unsigned bits; /* of the offset in a page */
	unsigned levels;
	unsigned contiguous[2]; /* entries */
};

static bool read_smmu(const struct tables *tables, uint64_t iova, struct found *found)
{
	static const struct granule granules[] = {{"smmu-4k", 12, 4, {16, 16}},
						  {"smmu-16k", 14, 4, {128, 32}},
						  {"smmu-64k", 16, 3, {32, 32}}};
	const struct granule *g = granules;
	uint64_t table = tables->root;
	unsigned stride, shift;

	uint64_t high = is(tables, "smmu-64k-52") ? 15 : 0;

	while (!is(tables, g->format))
		g++;
	stride = g->bits - 3;
	for (shift = g->bits + stride * (levels(tables, g->levels) - 1);; shift -= stride) {
		uint64_t e = entry(tables, table, field(iova, shift + stride - 1, shift));
		uint64_t bytes = UINT64_C(1) << shift;

		if (!field(e, 0, 0))
			return false;
		if (shift != g->bits && field(e, 1, 1)) {
			table = at_place(e, 47, g->bits) | (field(e, 15, 12) & high) << 48;
			continue;
		}
		if (shift == g->bits && !field(e, 1, 1))
			return false; /* reserved */
		found->read = field(e, 6, 6);
		found->write = field(e, 7, 7);
		found_page(found, at_place(e, 47, g->bits) | (field(e, 15, 12) & high) << 48, bytes,
			   iova);
		if (field(e, 52, 52))
			found->page_bytes = bytes * g->contiguous[shift != g->bits];
		return true;
	}
}

/* RISC-V: V 0, R 1, W 2, X 3, PPN 53..10, N 63.  N with PPN ending in 1000 is 64 KiB. */
static bool read_riscv(const struct tables *tables, uint64_t iova, struct found *found)
{
	unsigned shift = 12 + 9 * (levels(tables, is(tables, "riscv-sv39") ? 3 : 4) - 1);
	uint64_t table = tables->root;

	for (;; shift -= 9) {
		uint64_t e = entry(tables, table, field(iova, shift + 8, shift));
		uint64_t phys = field(e, 53, 10) << 12, bytes = UINT64_C(1) << shift;

		if (!field(e, 0, 0))
			return false;
		if (field(e, 3, 1) == 0) {
			table = phys;
			continue;
		}
		found->read = field(e, 1, 1);
		found->write = field(e, 2, 2);
		if (field(e, 63, 63) && field(e, 13, 10) == 8)
			bytes = 65536;
		return found_page(found, phys, bytes, iova);
	}
}

bool read_tables(const struct tables *tables, uint64_t iova, struct found *found)
{
	if (is(tables, "vtd-"))
		return read_vtd(tables, iova, found);
	if (is(tables, "amd-"))
		return read_amd(tables, iova, found);
	if (is(tables, "smmu-"))
		return read_smmu(tables, iova, found);
	return is(tables, "riscv-") && read_riscv(tables, iova, found);
}
