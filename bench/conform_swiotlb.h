/* SPDX-License-Identifier: MIT */
/*
 * conform_swiotlb.h - what the files of the bounce vectors share
 *
 *   conform_swiotlb.c   the operations that set up and map; the table of all
 *   conform_slots.c     memory contents, and which slots are in use
 *   conform_machine.c   the machine under them
 *   conform_pattern.c   what memory is filled with
 */
#ifndef DMAPOOL_BENCH_CONFORM_SWIOTLB_H
#define DMAPOOL_BENCH_CONFORM_SWIOTLB_H

#include "conform.h"

#include <dmapool/swiotlb.h>

#define DEVICES 16u
#define HANDLES 1024u

struct handle {
	dmp_phys_t phys;
	uint64_t len;     /* as mapped */
	enum dmp_dir dir; /* likewise */
	bool is_live;
};

struct conform_bounce {
	struct conform_machine *machine;
	struct dmp_swiotlb *tlb; /* NULL: no pool yet, or it failed */
	bool is_manual;
	unsigned ncpus; /* possible CPUs of the file */
	unsigned cpu;   /* that of the file */
	struct dmp_swiotlb_limits devices[DEVICES];
	struct handle handles[HANDLES];
};

/* The mapping that @line names; NULL: no such handle, or nothing is mapped. */

static inline struct handle *bounce_handle(struct conform_bounce *bounce,
					   const struct conform_line *line)
{
	return line->arg[0] < HANDLES ? &bounce->handles[line->arg[0]] : NULL;
}

static inline struct handle *bounce_live_handle(struct conform_bounce *bounce,
						const struct conform_line *line)
{
	struct handle *handle = bounce_handle(bounce, line);

	return handle && handle->is_live ? handle : NULL;
}

/* ---- conform_slots.c: operations ---- */

void conform_slots_fill(void *run, const struct conform_line *line, char *got);
void conform_slots_bfill(void *run, const struct conform_line *line, char *got);
void conform_slots_sum(void *run, const struct conform_line *line, char *got);
void conform_slots_bsum(void *run, const struct conform_line *line, char *got);
void conform_slots_stat(void *run, const struct conform_line *line, char *got);
void conform_slots_hiwater0(void *run, const struct conform_line *line, char *got);
void conform_slots_areas(void *run, const struct conform_line *line, char *got);
void conform_slots_used(void *run, const struct conform_line *line, char *got);
void conform_slots_occ(void *run, const struct conform_line *line, char *got);

#endif
