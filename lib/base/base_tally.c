// SPDX-License-Identifier: MIT
/*
 * base_tally.c - windows that have ended, counted by many threads at once
 *
 *   add    own block of the CPU: load, add, store       no lock, no read-modify-write
 *   get    all blocks added up, word by word
 *
 * How many windows there were is what the classes add up to, so that no window is in the one and
 * not in the other.
 *
 * Locking: a block's owner is its CPU, of the common one whoever has the lock; all words are
 *  atomic, relaxed: they are read for reports only.
 */
#include "base_spread.h"

#include <dmapool/tally.h>

void dmp_tally_init(struct dmp_tally *tally)
{
	dmp_percpu_init(&tally->own, sizeof(struct dmp_tally_block));
	dmp_lock_init(&tally->lock, RANK_LEAF, "tally: CPUs without a block");
}

void dmp_tally_destroy(struct dmp_tally *tally)
{
	dmp_percpu_destroy(&tally->own);
	dmp_lock_destroy(&tally->lock);
}

static inline void add_to(DMP_ATOMIC(uint64_t) * word, uint64_t more)
{
	/* relaxed, both: only its owner writes it */
	store_relaxed(word, dmp_add_saturated(load_relaxed(word), more));
}

static inline void add(struct dmp_tally_block *block, uint64_t bytes, uint64_t ns)
{
	count_local(&block->in[spread_class(ns)], 1);
	add_to(&block->bytes, bytes);
	add_to(&block->byte_ns, dmp_mul_saturated(bytes, ns));
	add_to(&block->sum_ns, ns);
	if (load_relaxed(&block->longest_ns) < ns) /* relaxed: only its owner writes it */
		store_relaxed(&block->longest_ns, ns);
}

/* The CPU's first, or it has none: kept out of what every window pays for. */
static __attribute__((noinline)) void add_rest(struct dmp_tally *tally, uint64_t bytes, uint64_t ns)
{
	struct dmp_tally_block *own = dmp_percpu_get_own(&tally->own);

	if (own) {
		add(own, bytes, ns);
		return;
	}
	dmp_lock_acquire(&tally->lock);
	add(&tally->common, bytes, ns);
	dmp_lock_release(&tally->lock);
}

void dmp_tally_add(struct dmp_tally *tally, uint64_t bytes, uint64_t ns)
{
	/* Of a number that threads share there is none. */
	struct dmp_tally_block *own = dmp_percpu_peek(&tally->own, dmp_cpu());

	if (own)
		add(own, bytes, ns);
	else
		add_rest(tally, bytes, ns);
}

/* relaxed, all: for reports */
static void get_block(struct dmp_tally_block *block, struct dmp_exposure_side *side)
{
	uint64_t longest_ns = load_relaxed(&block->longest_ns);

	for (unsigned i = 0; i < DMP_SPREAD_CLASSES; i++) {
		uint64_t n = load_relaxed(&block->in[i]);

		side->ns.in[i] = dmp_add_saturated(side->ns.in[i], n);
		side->ns.count = dmp_add_saturated(side->ns.count, n);
		side->windows = dmp_add_saturated(side->windows, n);
	}
	side->ns.sum = dmp_add_saturated(side->ns.sum, load_relaxed(&block->sum_ns));
	side->bytes = dmp_add_saturated(side->bytes, load_relaxed(&block->bytes));
	side->byte_ns = dmp_add_saturated(side->byte_ns, load_relaxed(&block->byte_ns));
	if (side->ns.max < longest_ns)
		side->ns.max = longest_ns;
}

void dmp_tally_get(struct dmp_tally *tally, struct dmp_exposure_side *side)
{
	struct dmp_tally_block *own;
	unsigned cpu;

	get_block(&tally->common, side);
	DMP_PERCPU_FOREACH(own, &tally->own, cpu)
		get_block(own, side);
}
