/* SPDX-License-Identifier: MIT */
/*
 * sim_line.h - eight entries of a page table at a time: a cache line
 *
 * Written out, since compilers do not unroll loops over atomics, and a loop around each entry
 * costs as much as the store.
 *
 * Ordering:
 *  [TABLE] the other end of the stores is sim_walk's load, see sim_map.c
 */
#ifndef SIM_LINE_H
#define SIM_LINE_H

#include "sim_internal.h"

#define LINE_ENTRIES 8u

/* What at least one of them has.  relaxed: nothing is read behind them. */
static inline uint64_t line_any(const sim_pte *e)
{
	return load_relaxed(&e[0]) | load_relaxed(&e[1]) | load_relaxed(&e[2]) |
	       load_relaxed(&e[3]) | load_relaxed(&e[4]) | load_relaxed(&e[5]) |
	       load_relaxed(&e[6]) | load_relaxed(&e[7]);
}

/* What all of them have.  relaxed: nothing is read behind them. */
static inline uint64_t line_all(const sim_pte *e)
{
	return load_relaxed(&e[0]) & load_relaxed(&e[1]) & load_relaxed(&e[2]) &
	       load_relaxed(&e[3]) & load_relaxed(&e[4]) & load_relaxed(&e[5]) &
	       load_relaxed(&e[6]) & load_relaxed(&e[7]);
}

static inline void line_store(sim_pte *e, uint64_t pte, uint64_t step)
{
	store_release(&e[0], pte); /* [TABLE] memory before entry, each of them */
	store_release(&e[1], pte + step);
	store_release(&e[2], pte + 2 * step);
	store_release(&e[3], pte + 3 * step);
	store_release(&e[4], pte + 4 * step);
	store_release(&e[5], pte + 5 * step);
	store_release(&e[6], pte + 6 * step);
	store_release(&e[7], pte + 7 * step);
}

#endif
