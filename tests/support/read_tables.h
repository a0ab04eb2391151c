/* SPDX-License-Identifier: MIT */
/*
 * read_tables.h - what page tables in memory say, read by the public descriptions
 *
 *   struct tables tables = {"smmu-4k", ram, root};
 *   struct found found;
 *   if (read_tables(&tables, iova, &found))
 *           assert_int_equal(found.phys, ...);
 *
 * Shares nothing with the simulator: each family of formats has a reader of its own, with the
 * numbers of its description in it.
 */
#ifndef DMAPOOL_TEST_READ_TABLES_H
#define DMAPOOL_TEST_READ_TABLES_H

#include <stdbool.h>
#include <stdint.h>

struct tables {
	const char *format;       /* begins as a name of dmp_sim_format_name() does */
	const unsigned char *ram; /* physical address 0 */
	uint64_t root;            /* physical address of the highest table */
	unsigned levels;          /* 0: as many as the name says */
};

struct found {
	uint64_t phys;       /* of that byte */
	uint64_t page_bytes; /* of the page that it is in */
	bool read, write;
};

/* False: not mapped.  Of a format that it does not know it knows nothing, too. */
bool read_tables(const struct tables *tables, uint64_t iova, struct found *found);

#endif
