/* SPDX-License-Identifier: MIT */
/*
 * tally.h - windows that have ended, counted by many threads at once
 *
 *   CPU 0   [ bytes | byte_ns | longest | classes of times ... ]   written by its CPU alone
 *   CPU 1   [ ...                                              ]
 *   common  [ ...                                              ]   of CPUs without one, locked
 *
 * What the library keeps of its domains (exposure.h), and for backends of hw.h that answer
 * exposure_get().  A window is added with plain stores to the calling CPU's own 8 KiB, which are
 * made at its first; whoever reads adds them up.
 *
 *   struct dmp_tally tally;                      zeroed
 *   dmp_tally_init(&tally);
 *   dmp_tally_add(&tally, 4096, 250);            4 KiB were within reach for 250 ns
 *   dmp_tally_get(&tally, &side);
 *
 * C only, as port.h.
 */
#ifndef DMAPOOL_TALLY_H
#define DMAPOOL_TALLY_H

#include <dmapool/exposure.h>
#include <dmapool/port.h>

struct dmp_tally_block {
	DMP_ATOMIC(uint64_t) bytes, byte_ns; /* UINT64_MAX: at least that */
	DMP_ATOMIC(uint64_t) sum_ns;         /* likewise */
	DMP_ATOMIC(uint64_t) longest_ns;
	DMP_ATOMIC(uint64_t) in[DMP_SPREAD_CLASSES];
};

struct dmp_tally {
	struct dmp_percpu own;         /* blocks */
	struct dmp_lock lock;          /* for the common one */
	struct dmp_tally_block common; /* (a) with the lock to write */
};

/* One thread, before anybody else has it; @tally zeroed.  And after everybody has let it go. */
DMP_API void dmp_tally_init(struct dmp_tally *tally);
DMP_API void dmp_tally_destroy(struct dmp_tally *tally);

/**
 * dmp_tally_add() - one window has ended
 * @bytes: that were within reach
 * @ns:    how long, in nanoseconds
 *
 * Sums saturate.
 *
 * Threads: any; locks above RANK_LEAF may be held.
 * Cost:    about 30 instructions, no line that another CPU writes; a lock where a CPU has no
 *          memory for its own, or a number that several threads share.
 */
DMP_API void dmp_tally_add(struct dmp_tally *tally, uint64_t bytes, uint64_t ns);

/* Adds what has been counted to @side: windows, bytes, byte_ns, and the distribution.  Any thread;
 * not one moment while others count. */
DMP_API void dmp_tally_get(struct dmp_tally *tally, struct dmp_exposure_side *side);

#endif
