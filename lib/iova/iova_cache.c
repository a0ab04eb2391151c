// SPDX-License-Identifier: MIT
/*
 * iova_cache.c - per-CPU caches of freed IOVA ranges: the owner's side
 *
 * A domain spends its life freeing and allocating the same few sizes, and a policy takes
 * one lock for each.  This file stands in front of it, one cache per power-of-two size:
 *
 *        CPU 0             CPU 1
 *    loaded  prev      loaded  prev       magazines of up to magazine_size pfns
 *        \    /            \    /
 *         `--+----.   .-----+--'
 *                  v v
 *                 depot                   full magazines only (iova_depot.c)
 *                   |
 *                   v
 *               the policy
 *
 *   take:  loaded, else swap(loaded, prev), else depot
 *   put:   loaded, else swap(loaded, prev), else loaded -> depot and an empty one
 *
 * A take or put that this does not serve, for want of a range or of memory, returns false
 * and the caller turns to the policy.
 *
 * Who is in a CPU's cache.  Its owner is, most of the time, and nobody else wants to be: he
 * has the bias (port.h) and takes and puts single entries of loaded by iova_fast.h, with a
 * few loads and stores.  Whoever else must in, to drain it or to look, takes the bias away
 * (iova_drain.c).  An owner who is not let in, or needs more than one entry of loaded, takes
 * cache_lock, which the others hold too, and leaves with the bias:
 *
 *              fast            not served                 done, not revoked
 *   inside <---------> biased ------------> under the lock -----------------> biased
 *                        |                      ^    ^
 *                        | revoked by another   |    | done, still revoked: next time again
 *                        `----------------------'    `---
 *
 * Without a bias slot, and for CPU numbers that threads share, every entry is by the lock.
 *
 * Invariants, walked by iova_check_cache():
 *  I1  a cached pfn is still allocated as far as the policy knows, at its full size, and
 *      stands in one magazine once; only a drain, reclaim or flush gives it back;
 *  I3  a CPU has both magazines of a class or neither, none with more than magazine_size.
 * and of the protocol:
 *  I5  the bias is granted under cache_lock only, while the block is not revoked, by a CPU
 *      that has marked its cache as used: a cache that may be entered is marked, or has been
 *      revoked.  biased is false only if the owner does not enter until he has had the lock;
 *  I6  pairs are open (iova_magazine.c) while cache_lock is free.
 *
 * Locking: (k) cache_lock, taken by its CPU and, to drain it, by others; (o) the owner, inside
 *  or under cache_lock.  Order: cache_lock, then depot_lock or the policy's.  Entries go back
 *  to the policy under the cache_lock they came from, or after their magazine has left the
 *  depot.
 *
 * Ordering:
 *  [START]  start_cache: lock and pairs made, then cache_state becomes ready
 *           iova_cpu_is_ready: cache_state read, then they are used
 *
 * Differs from Linux: a CPU here is a thread's number, so a thread's exit drains it; a CPU's
 *  magazines are made when it first uses a class; size, number of classes and depot are
 *  options.
 *
 * Source: spec-iova 1.6-1.11; Bonwick and Adams, "Magazines and Vmem", USENIX 2001.
 */
#include "iova_internal.h"

/* A CPU's block. */

static void make_pairs(struct dmp_iova_domain *dom, struct iova_cpu *cpu)
{
	unsigned order, size;

	for (order = 0; order < dom->opts.classes; order++)
		iova_pair_init(&cpu->pair[order], order);
	for (size = 0; size <= IOVA_FAST_GRANULES; size++)
		cpu->pairs.of_size[size] = size > 0 && size <= dom->cached_max
						   ? &cpu->pair[dmp_log2_ceil(size)]
						   : &dom->no_pair;
}

/* False while another thread that shares this CPU number is starting it. */
static bool start_cache(struct dmp_iova_domain *dom, struct iova_cpu *cpu)
{
	uint32_t state = IOVA_CPU_NEW;

	if (!cas_acq_rel(&cpu->cache_state, &state, IOVA_CPU_STARTING))
		return state == IOVA_CPU_READY;
	dmp_lock_init(&cpu->cache_lock, RANK_IOVA_CACHE, "iova: one CPU's cache");
	make_pairs(dom, cpu);
	store_release(&cpu->cache_state, IOVA_CPU_READY); /* [START] */
	return true;
}

/* Trim looks again a period after a cache was first used. */
static void note_used_locked(struct dmp_iova_domain *dom, struct iova_cpu *cpu)
{
	dmp_lock_assert_held(&cpu->cache_lock);
	if (cpu->used)
		return;
	cpu->used = true;
	if (dom->opts.trim_period_ns)
		dmp_work_schedule(&dom->trim, dom->opts.trim_period_ns);
}

/* The calling CPU's cache, its owner inside under the lock; NULL when there is none. */
static struct iova_cpu *enter_own(struct dmp_iova_domain *dom)
{
	struct iova_cpu *cpu = dmp_percpu_get(&dom->cpus);

	if (!cpu || (!iova_cpu_is_ready(cpu) && !start_cache(dom, cpu)))
		return NULL;
	dmp_lock_acquire(&cpu->cache_lock);
	note_used_locked(dom, cpu);
	return cpu;
}

static void leave_own(struct dmp_iova_domain *dom, struct iova_cpu *cpu)
{
	cpu->biased = !cpu->revoked && dmp_bias_grant(dom->bias, &cpu->pairs); /* I5 */
	dmp_lock_release(&cpu->cache_lock);
}

/* The owner's side under the lock, a closed pair. */

static void swap_loaded_prev(struct iova_pair *pair)
{
	struct iova_magazine *mag = pair->loaded;

	pair->loaded = pair->prev;
	pair->prev = mag;
}

/* Makes loaded non-empty, if there is anything in reach; spec-iova 1.7.3. */
static bool have_entry(struct iova_class *class, struct iova_pair *pair)
{
	struct iova_magazine *mag;

	if (pair->loaded->count > 0)
		return true;
	if (pair->prev->count > 0) {
		swap_loaded_prev(pair);
		return true;
	}
	mag = iova_class_get(class);
	if (!mag)
		return false;
	iova_magazine_destroy(pair->loaded, class->dom->opts.magazine_size);
	pair->loaded = mag;
	pair->nmoved += mag->count;
	return true;
}

/* Gives the full loaded away for @empty: to the depot, else to the policy. */
static void replace_loaded(struct iova_class *class, struct iova_pair *pair,
			   struct iova_magazine *empty)
{
	pair->nmoved -= pair->loaded->count;
	if (!iova_class_put(class, pair->loaded)) {
		iova_drain_magazine(class->dom, pair->loaded);
		iova_magazine_destroy(pair->loaded, class->dom->opts.magazine_size);
	}
	pair->loaded = empty;
}

/* Makes room in loaded; false when there is no memory for it; spec-iova 1.8.2. */
static bool have_room(struct iova_class *class, struct iova_pair *pair)
{
	unsigned size = class->dom->opts.magazine_size;
	struct iova_magazine *empty;

	if (pair->loaded->count < size)
		return true;
	if (pair->prev->count < size) {
		swap_loaded_prev(pair);
		return true;
	}
	empty = iova_magazine_create(size);
	if (empty)
		replace_loaded(class, pair, empty);
	return empty != NULL;
}

/* A cached range of class @order whose first pfn is not above @highest_pfn. */
bool iova_cache_take(struct dmp_iova_domain *dom, unsigned order, uint64_t highest_pfn,
		     uint64_t *pfn)
{
	unsigned size = dom->opts.magazine_size;
	struct iova_cpu *cpu = enter_own(dom);
	struct iova_pair *pair;
	bool taken;

	if (!cpu)
		return false;
	pair = &cpu->pair[order];
	iova_pair_close(pair);
	taken = iova_pair_make(pair, size) && have_entry(&dom->classes[order], pair) &&
		iova_magazine_take(pair->loaded, highest_pfn, pfn);
	pair->ntaken += taken;
	iova_pair_open(pair, size);
	leave_own(dom, cpu);
	return taken;
}

/* Keeps the range of class @order that starts at @pfn. */
bool iova_cache_put(struct dmp_iova_domain *dom, unsigned order, uint64_t pfn)
{
	unsigned size = dom->opts.magazine_size;
	struct iova_cpu *cpu = enter_own(dom);
	struct iova_pair *pair;
	bool kept;

	if (!cpu)
		return false;
	pair = &cpu->pair[order];
	iova_pair_close(pair);
	kept = iova_pair_make(pair, size) && have_room(&dom->classes[order], pair);
	if (kept)
		iova_magazine_push(pair->loaded, pfn);
	iova_pair_open(pair, size);
	leave_own(dom, cpu);
	return kept;
}

/* Create and destroy. */

static void open_bias(struct dmp_iova_domain *dom)
{
	unsigned size;

	iova_pair_init(&dom->no_pair, 0);
	for (size = 0; size <= IOVA_FAST_GRANULES; size++)
		dom->no_pairs.of_size[size] = &dom->no_pair;
	dom->bias = dmp_bias_open(&dom->no_pairs);
	dom->fast_end = dom->bias ? IOVA_FAST_GRANULES + 1 : 0;
}

/* Depots and hook of a domain that has a cache; CPUs come by themselves. */
void iova_cache_create(struct dmp_iova_domain *dom)
{
	struct iova_class *class;

	IOVA_CLASS_FOREACH(class, dom)
	iova_class_create(dom, class);
	dmp_percpu_init(&dom->cpus,
			sizeof(struct iova_cpu) + dom->opts.classes * sizeof(struct iova_pair));
	dom->cached_max = UINT64_C(1) << (dom->opts.classes - 1);
	open_bias(dom);
	dom->trim.fn = iova_drain_work;
	dmp_lock_init(&dom->drain_lock, RANK_IOVA_DRAIN, "iova: taking caches away");
	dom->hook.offline = iova_drain_offline;
	dmp_cpu_hook_add(&dom->hook);
}

void iova_cache_pause(struct dmp_iova_domain *dom)
{
	struct iova_class *class;

	dmp_work_pause(&dom->trim);
	IOVA_CLASS_FOREACH(class, dom)
	dmp_work_pause(&class->reclaim);
}

void iova_cache_resume(struct dmp_iova_domain *dom)
{
	struct iova_class *class;

	dmp_work_resume(&dom->trim);
	IOVA_CLASS_FOREACH(class, dom)
	dmp_work_resume(&class->reclaim);
}

static void destroy_cpu(struct dmp_iova_domain *dom, struct iova_cpu *cpu)
{
	unsigned order;

	if (!iova_cpu_is_ready(cpu))
		return;
	for (order = 0; order < dom->opts.classes; order++)
		iova_pair_drop(&cpu->pair[order], dom->opts.magazine_size);
	dmp_lock_destroy(&cpu->cache_lock);
}

/* Forgets every cached range: the policy goes next, with all ranges; spec-iova 1.11.  Threads
 * that stay keep no way into the domain. */
void iova_cache_destroy(struct dmp_iova_domain *dom)
{
	struct iova_class *class;
	struct iova_cpu *cpu;
	unsigned number;

	dmp_cpu_hook_remove(&dom->hook);
	dmp_work_cancel(&dom->trim);
	dmp_bias_close(dom->bias);
	DMP_PERCPU_FOREACH(cpu, &dom->cpus, number)
		destroy_cpu(dom, cpu);
	IOVA_CLASS_FOREACH(class, dom)
	iova_class_destroy(class);
	dmp_lock_destroy(&dom->drain_lock);
}
