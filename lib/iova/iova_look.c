// SPDX-License-Identifier: MIT
/*
 * iova_look.c - what stands in the caches and depots of a domain, and what went through
 *
 * To look into a CPU's cache is to keep its owner out meanwhile (iova_drain.c), as its owner
 * writes it with plain stores.
 *
 * Locking: one CPU's or depot's lock at a time, below drain_lock for the CPUs.
 */
#include "iova_internal.h"

static void tally_cpu_locked(struct dmp_iova_domain *dom, struct iova_cpu *cpu, void *ctx)
{
	struct iova_tally *tally = ctx;
	struct iova_pair *pair;
	unsigned order;

	for (order = 0; order < dom->opts.classes; order++) {
		pair = &cpu->pair[order];
		tally->ntaken += pair->ntaken;
		tally->nput += iova_pair_nput(pair);
		if (pair->loaded)
			tally->cached[order] += iova_pair_count(pair) + pair->prev->count;
	}
}

static void tally_class(struct iova_class *class, struct iova_tally *tally, unsigned order)
{
	uint64_t ranges;

	dmp_lock_acquire(&class->depot_lock);
	ranges = (uint64_t) class->depot.nfull * class->dom->opts.magazine_size;
	tally->depot_put += class->nput;
	tally->depot_got += class->ngot;
	tally->depot_reclaimed += class->nreclaimed;
	tally->depot_refused += class->nrefused;
	dmp_lock_release(&class->depot_lock);
	tally->depot += ranges;
	tally->cached[order] += ranges;
}

void iova_look_tally(struct dmp_iova_domain *dom, struct iova_tally *tally)
{
	unsigned order;

	*tally = (struct iova_tally){0};
	iova_drain_each(dom, IOVA_EVERY_CPU, tally_cpu_locked, tally);
	for (order = 0; order < dom->opts.classes; order++)
		tally_class(&dom->classes[order], tally, order);
}

struct visit {
	iova_visit_fn fn;
	void *ctx;
	bool go_on;
};

static void visit_cpu_locked(struct dmp_iova_domain *dom, struct iova_cpu *cpu, void *ctx)
{
	struct visit *visit = ctx;
	struct iova_pair *pair;
	unsigned order;

	for (order = 0; order < dom->opts.classes && visit->go_on; order++) {
		pair = &cpu->pair[order];
		if (!pair->loaded)
			continue;
		visit->go_on = visit->fn(visit->ctx, order, pair->loaded, iova_pair_count(pair)) &&
			       visit->fn(visit->ctx, order, pair->prev, pair->prev->count);
	}
}

static void visit_class(struct iova_class *class, unsigned order, struct visit *visit)
{
	const struct iova_magazine *mag;

	dmp_lock_acquire(&class->depot_lock);
	for (mag = class->depot.full; mag && visit->go_on; mag = mag->next)
		visit->go_on = visit->fn(visit->ctx, order, mag, class->dom->opts.magazine_size);
	dmp_lock_release(&class->depot_lock);
}

/* Shows @fn every magazine, @count entries of it, its lock held; false once @fn says so. */
bool iova_look_visit(struct dmp_iova_domain *dom, iova_visit_fn fn, void *ctx)
{
	struct visit visit = {fn, ctx, true};
	unsigned order;

	iova_drain_each(dom, IOVA_EVERY_CPU, visit_cpu_locked, &visit);
	for (order = 0; order < dom->opts.classes; order++)
		visit_class(&dom->classes[order], order, &visit);
	return visit.go_on;
}
