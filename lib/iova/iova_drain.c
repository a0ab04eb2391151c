// SPDX-License-Identifier: MIT
/*
 * iova_drain.c - everybody else's side of the CPUs' caches: flush, trim, exit
 *
 *   1  under drain_lock:  every block wanted: cache_lock; revoked set, bias taken away
 *   2                     one heavy fence, for all of them
 *   3                     each of them: cache_lock; wait until the owner is not inside; do what
 *                         is to be done; revoked cleared
 *
 * An owner meanwhile is served under his cache_lock: he waits for step 3 of his own block only.
 * The owner pays nothing before and after; whoever drains pays for the fence, and only if some
 * other CPU is biased.  Who drains his own block is its owner, and not inside: the lock alone
 * keeps the others out.
 *
 * A system may refuse the fence later than it granted it, as when a process closes a sandbox
 * around itself.  Then a biased block is left alone: what is in it stays until its owner comes,
 * who keeps to the lock from there on.
 *
 * Trim is a clock with one hand.  Each look takes the bias from caches that are marked as used
 * and wipes the mark; an owner who comes back has to take the lock and marks it again.  A cache
 * without the mark has not been used since the look before: it gives back its ranges and its
 * magazines.  A depot that no CPU exchanged with since then is emptied too.  So a cache is idle
 * for one to two periods before it goes, and one in use costs its owner one lock a period.
 * The work is scheduled by the first use and by a look that has found a mark: an idle domain
 * causes none.
 *
 * Invariants:
 *  R1  one thread at a time is between 1 and 3: a block found revoked in 3 was revoked by it
 *      in 1, before its fence;
 *  R2  in 3 the owner is not inside and does not enter: he was not biased, or B2 of
 *      base_bias.c, since a revoked block is not granted (I5 of iova_cache.c).
 *
 * Locking: (k) cache_lock; (r) drain_lock.  Order: drain_lock, then one cache_lock at a time,
 *  then depot_lock or the policy's.
 *
 * Differs from Linux: a flush visits every CPU's block, those of CPUs that are offline being
 *  empty; trim has no counterpart there.
 *
 * Source: spec-iova 1.7.6, 1.8.4, 1.10.
 */
#include "iova_internal.h"

static struct dmp_iova_domain *domain_of_hook(struct dmp_cpu_hook *hook)
{
	return (struct dmp_iova_domain *)((char *)hook - offsetof(struct dmp_iova_domain, hook));
}

static struct dmp_iova_domain *domain_of_work(struct dmp_work *work)
{
	return (struct dmp_iova_domain *)((char *)work - offsetof(struct dmp_iova_domain, trim));
}

/* Taking caches away. */

/* One visit of CPUs' caches. */
struct drain {
	enum iova_wanted wanted;
	unsigned here;    /* the CPU that visits */
	unsigned nspared; /* CPUs that had used their caches */
	unsigned nbiased; /* other CPUs that may be inside */
	bool fenced;      /* nobody else is, who was before step 2 */
};

/* Step 1 of one block.  If it was in use and is to be spared, only its mark is wiped. */
static void revoke_one(struct dmp_iova_domain *dom, struct iova_cpu *cpu, unsigned number,
		       struct drain *drain)
{
	bool mine = number == drain->here;

	dmp_lock_acquire(&cpu->cache_lock);
	cpu->revoked = drain->wanted == IOVA_EVERY_CPU || !cpu->used;
	if (!cpu->revoked)
		cpu->used = false;
	if (cpu->biased && (!mine || !cpu->revoked))
		dmp_bias_revoke(dom->bias, number);
	drain->nspared += !cpu->revoked;
	drain->nbiased += cpu->biased && !mine;
	dmp_lock_release(&cpu->cache_lock);
}

/* Steps 1 and 2. */
static void revoke_locked(struct dmp_iova_domain *dom, struct drain *drain)
{
	struct iova_cpu *cpu;
	unsigned number;

	dmp_lock_assert_held(&dom->drain_lock);
	DMP_PERCPU_FOREACH(cpu, &dom->cpus, number)
		if (iova_cpu_is_ready(cpu))
			revoke_one(dom, cpu, number, drain);
	drain->fenced = drain->nbiased > 0 && dmp_fence_heavy();
}

/* Sees that the owner of a revoked block is not inside; false if that cannot be said. */
static bool put_out_locked(struct iova_cpu *cpu, unsigned number, const struct drain *drain)
{
	dmp_lock_assert_held(&cpu->cache_lock);
	if (!cpu->biased || number == drain->here)
		return true;
	if (!drain->fenced)
		return false;
	dmp_bias_wait(number);
	cpu->biased = false;
	return true;
}

/* Step 3 of one block. */
static void visit_one(struct dmp_iova_domain *dom, struct iova_cpu *cpu, unsigned number,
		      const struct drain *drain, iova_cpu_fn fn, void *ctx)
{
	dmp_lock_acquire(&cpu->cache_lock);
	if (cpu->revoked && put_out_locked(cpu, number, drain))
		fn(dom, cpu, ctx);
	cpu->revoked = false;
	dmp_lock_release(&cpu->cache_lock);
}

/*
 * Calls @fn for each CPU that has a cache, its cache_lock held and its owner out: for all, or
 * for those that were not used since the last look.  Returns how many were spared.
 */
unsigned iova_drain_each(struct dmp_iova_domain *dom, enum iova_wanted wanted, iova_cpu_fn fn,
			 void *ctx)
{
	struct drain drain = {.wanted = wanted, .here = dmp_cpu()};
	struct iova_cpu *cpu;
	unsigned number;

	dmp_lock_acquire(&dom->drain_lock);
	revoke_locked(dom, &drain);
	DMP_PERCPU_FOREACH(cpu, &dom->cpus, number)
		if (iova_cpu_is_ready(cpu))
			visit_one(dom, cpu, number, &drain, fn, ctx);
	dmp_lock_release(&dom->drain_lock);
	return drain.nspared;
}

/* Back to the policy. */

/* Empties @mag into the policy; returns how many ranges. */
uint64_t iova_drain_magazine(struct dmp_iova_domain *dom, struct iova_magazine *mag)
{
	uint64_t n = mag->count;
	uint64_t nfreed = dom->policy.free_many(dom->policy_state, mag->pfns, n);

	if (nfreed != n)
		dmp_log(DMP_LOG_BUG, "iova: %llu of %llu cached ranges were not live",
			(unsigned long long)(n - nfreed), (unsigned long long)n);
	mag->count = 0;
	return nfreed;
}

/* All of a CPU's ranges, and its magazines too if @drop. */
static uint64_t empty_cpu_locked(struct dmp_iova_domain *dom, struct iova_cpu *cpu, bool drop)
{
	unsigned order, size = dom->opts.magazine_size;
	struct iova_pair *pair;
	uint64_t nfreed = 0;

	dmp_lock_assert_held(&cpu->cache_lock);
	for (order = 0; order < dom->opts.classes; order++) {
		pair = &cpu->pair[order];
		if (!pair->loaded)
			continue;
		iova_pair_close(pair);
		pair->nmoved -= pair->loaded->count + pair->prev->count;
		nfreed += iova_drain_magazine(dom, pair->loaded);
		nfreed += iova_drain_magazine(dom, pair->prev);
		if (drop)
			iova_pair_drop(pair, size);
		else
			iova_pair_open(pair, size);
	}
	return nfreed;
}

static void drain_cpu_locked(struct dmp_iova_domain *dom, struct iova_cpu *cpu, void *ctx)
{
	*(uint64_t *)ctx += empty_cpu_locked(dom, cpu, false);
}

/* Gives everything in caches and depots back; returns how many ranges. */
uint64_t iova_drain_all(struct dmp_iova_domain *dom)
{
	struct iova_class *class;
	uint64_t nfreed = 0;

	counter_add(&dom->counts, IOVA_FLUSHES, 1);
	iova_drain_each(dom, IOVA_EVERY_CPU, drain_cpu_locked, &nfreed);
	IOVA_CLASS_FOREACH(class, dom)
	nfreed += iova_class_drain(class);
	return nfreed;
}

/* Trim. */

/* The owner may have come back since step 1. */
static void trim_cpu_locked(struct dmp_iova_domain *dom, struct iova_cpu *cpu, void *ctx)
{
	if (!cpu->used)
		*(uint64_t *)ctx += empty_cpu_locked(dom, cpu, true);
}

static uint64_t drain_idle_depots(struct dmp_iova_domain *dom, unsigned *nspared)
{
	struct iova_class *class;
	uint64_t nfreed = 0;

	IOVA_CLASS_FOREACH(class, dom)
	if (iova_class_is_idle(class))
		nfreed += iova_class_drain(class);
	else
		++*nspared;
	return nfreed;
}

/* One look: what was not used since the look before goes back; returns how many ranges. */
uint64_t iova_drain_idle(struct dmp_iova_domain *dom)
{
	uint64_t nfreed = 0;
	unsigned nspared = iova_drain_each(dom, IOVA_IDLE_CPUS, trim_cpu_locked, &nfreed);

	nfreed += drain_idle_depots(dom, &nspared);
	counter_add(&dom->counts, IOVA_TRIMMED, nfreed);
	if (nspared && dom->opts.trim_period_ns)
		dmp_work_schedule(&dom->trim, dom->opts.trim_period_ns);
	return nfreed;
}

void iova_drain_work(struct dmp_work *work)
{
	iova_drain_idle(domain_of_work(work));
}

/* Runs on the CPU that goes, before its number can be given again: he is the owner and not
 * inside, so that the lock alone keeps everybody out. */
void iova_drain_offline(struct dmp_cpu_hook *hook, unsigned number)
{
	struct dmp_iova_domain *dom = domain_of_hook(hook);
	struct iova_cpu *cpu = dmp_percpu_peek(&dom->cpus, number);

	if (!cpu || !iova_cpu_is_ready(cpu))
		return;
	dmp_lock_acquire(&cpu->cache_lock);
	empty_cpu_locked(dom, cpu, false);
	dmp_lock_release(&cpu->cache_lock);
}
