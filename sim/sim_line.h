/* SPDX-License-Identifier: MIT */
/*
 * sim_line.h - eight entries of a page table at a time: a cache line
 *
 * Written out, since compilers do not unroll loops over atomics, and a loop around each entry
 * costs as much as the store.  For the same reason the looks read two entries at once, as
 * plain memory: nobody but the calling map or unmap stores into entries of its range, by the
 * contract of hw.h, and nothing is read behind what they find.  Where a tool watches each
 * access they are atomic loads like all others.
 *
 * Ordering:
 *  [TABLE] the other end of the stores is sim_walk's load, see sim_map.c
 */
#ifndef SIM_LINE_H
#define SIM_LINE_H

#include "sim_internal.h"

#define LINE_ENTRIES 8u

#if defined(DMP_PORT_VCPU) || defined(DMP_TSAN)

/* relaxed: see above */
#define LINE_FOLD(e, op)                                                                           \
	(load_relaxed(&(e)[0]) op load_relaxed(&(e)[1]) op load_relaxed(&(e)[2])                   \
		 op load_relaxed(&(e)[3]) op load_relaxed(&(e)[4]) op load_relaxed(&(e)[5])        \
			 op load_relaxed(&(e)[6]) op load_relaxed(&(e)[7]))

static inline uint64_t line_any(const sim_pte *e)
{
	return LINE_FOLD(e, |);
}

static inline uint64_t line_all(const sim_pte *e)
{
	return LINE_FOLD(e, &);
}

#else

typedef uint64_t line_pair __attribute__((vector_size(16), may_alias, aligned(8)));

/* Bits that at least one of them has. */
static inline uint64_t line_any(const sim_pte *e)
{
	const void *line = e;
	const line_pair *pair = line;
	line_pair any = (pair[0] | pair[1]) | (pair[2] | pair[3]);

	return any[0] | any[1];
}

/* Bits that all of them have. */
static inline uint64_t line_all(const sim_pte *e)
{
	const void *line = e;
	const line_pair *pair = line;
	line_pair all = (pair[0] & pair[1]) & (pair[2] & pair[3]);

	return all[0] & all[1];
}

#endif

static inline void line_store(sim_pte *e, uint64_t pte, uint64_t step)
{
	store_release(&e[0], pte); /* [TABLE] memory before entry, each of them */
	pte += step;
	store_release(&e[1], pte);
	pte += step;
	store_release(&e[2], pte);
	pte += step;
	store_release(&e[3], pte);
	pte += step;
	store_release(&e[4], pte);
	pte += step;
	store_release(&e[5], pte);
	pte += step;
	store_release(&e[6], pte);
	pte += step;
	store_release(&e[7], pte);
}

#endif
