/* SPDX-License-Identifier: MIT */
/*
 * conform_iova.h - what the files of the IOVA vectors share
 *
 *   conform_iova.c     the operations that do something; the table of all
 *   conform_view.c     those that look
 *   conform_replay.c   what a run of a block holds
 *   conform_queue.c    the flush queue of a run that has one
 *   conform_pages.c    page sizes, on a driver that writes down what it is asked
 */
#ifndef DMAPOOL_BENCH_CONFORM_IOVA_H
#define DMAPOOL_BENCH_CONFORM_IOVA_H

#include "conform.h"

#include <dmapool/harness.h>

/* A range that a fast allocation gave out and nobody has freed. */
struct given {
	uint64_t pfn, size;
};

struct conform_replay {
	struct dmp_iova_domain *dom; /* NULL: none */
	struct conform_queue *queue; /* whose dom is, NULL: of its own */
	bool is_manual;
	bool tracks;        /* keep `given` */
	uint64_t dump_from; /* where the next `range` line looks */

	uint64_t *id_pfns; /* by id; UINT64_MAX: none */
	uint64_t nids;

	struct conform_pages *pages; /* owned; NULL: nothing was mapped */

	struct given *given;
	size_t ngiven, given_room;
	const char *trouble; /* of the replay itself */
};

/* ---- conform_replay.c ---- */

/* False: no id, or no memory. */
bool conform_replay_set_id(struct conform_replay *replay, uint64_t id, uint64_t pfn);
bool conform_replay_has_id(const struct conform_replay *replay, uint64_t id);
/* NULL: not live, or nobody keeps account. */
struct given *conform_replay_find_given(const struct conform_replay *replay, uint64_t pfn,
					uint64_t size);
void conform_replay_add_given(struct conform_replay *replay, uint64_t pfn, uint64_t size);
void conform_replay_remove_given(struct conform_replay *replay, uint64_t pfn, uint64_t size);
/* Allocations of @kind fail, from here until told otherwise. */
int conform_replay_fail(enum dmp_harness_alloc kind, uint64_t on);
/* What the walkers find is told at the end. */
void conform_replay_walk(struct conform_replay *replay);
/* Domain, queue and manual mode: what there is of them. */
void conform_replay_drop(struct conform_replay *replay);

/* ---- conform_iova.c ---- */

/* The range, or @none after an error. */
void conform_say_range(char *got, int err, const struct dmp_iova_range *range, const char *none);

/* ---- conform_view.c: operations ---- */

void conform_view_dump(void *run, const struct conform_line *line, char *got);
void conform_view_range(void *run, const struct conform_line *line, char *got);
void conform_view_state(void *run, const struct conform_line *line, char *got);
void conform_view_cache(void *run, const struct conform_line *line, char *got);
void conform_view_depot(void *run, const struct conform_line *line, char *got);
void conform_view_mag(void *run, const struct conform_line *line, char *got);
void conform_view_depotmag(void *run, const struct conform_line *line, char *got);

/* ---- conform_pages.c: operations ---- */

void conform_pages_map(void *run, const struct conform_line *line, char *got);
void conform_pages_unmap(void *run, const struct conform_line *line, char *got);
void conform_pages_call(void *run, const struct conform_line *line, char *got);
void conform_pages_uncall(void *run, const struct conform_line *line, char *got);
void conform_pages_ret(void *run, const struct conform_line *line, char *got);

#endif
