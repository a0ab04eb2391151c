// SPDX-License-Identifier: MIT
/*
 * iova_cache.c - per-CPU caches of freed IOVA ranges
 *
 * A domain spends its life freeing and allocating the same few sizes, and a policy takes
 * one lock for each.  This file stands in front of it, one cache per power-of-two size:
 *
 *        CPU 0             CPU 1
 *    loaded  prev      loaded  prev       magazines of up to IOVA_MAG_SIZE pfns
 *        \    /            \    /
 *         `--+----.   .-----+--'
 *                  v v
 *                 depot                   full magazines only, last in first out
 *                   |
 *                   v   reclaim: one magazine a period, while there are more than CPUs
 *               the policy
 *
 *   take:  loaded, else swap(loaded, prev), else depot
 *   put:   loaded, else swap(loaded, prev), else loaded -> depot and an empty one
 *
 * A take or put that this does not serve, for want of a range or of memory, returns false
 * and the caller turns to the policy.
 *
 * Invariants, walked by iova_check_cache():
 *  I1  a cached pfn is still allocated as far as the policy knows, at its full size, and
 *      stands in one magazine once; only a drain, reclaim or flush gives it back;
 *  I2  a depot holds full magazines only, as many as it says;
 *  I3  a CPU has both magazines of a class or neither, none with more than IOVA_MAG_SIZE.
 *
 * Locking: (k) cache_lock, taken by its CPU and, to drain it, by others; (d) depot_lock,
 *  held for pointer moves only.  Order: cache_lock, then depot_lock or the policy's.
 *  Entries go back to the policy under the cache_lock they came from, or after their
 *  magazine has left the depot and depot_lock was dropped.
 *
 * Ordering:
 *  [START]  start_cache: cache_lock made, then cache_state becomes ready
 *           cache_is_ready: cache_state read, then cache_lock taken
 *
 * Differs from Linux: a CPU here is a thread's number, so a thread's exit drains it; a CPU's
 *  magazines are made when it first uses a class; a flush visits every CPU's block, those
 *  of CPUs that are offline being empty.
 *
 * Source: spec-iova 1.6-1.11; Bonwick and Adams, "Magazines and Vmem", USENIX 2001.
 */
#include "iova_internal.h"

static struct iova_class *class_of_work(struct dmp_work *work)
{
	return (struct iova_class *)((char *)work - offsetof(struct iova_class, reclaim));
}

static struct dmp_iova_domain *domain_of_hook(struct dmp_cpu_hook *hook)
{
	return (struct dmp_iova_domain *)((char *)hook - offsetof(struct dmp_iova_domain, hook));
}

/* A CPU's cache, and who is inside. */

static bool cache_is_ready(struct iova_cpu *cpu)
{
	return load_acquire(&cpu->cache_state) == IOVA_CPU_READY; /* [START] */
}

/* False while another thread that shares this CPU number is starting it. */
static bool start_cache(struct iova_cpu *cpu)
{
	uint32_t state = IOVA_CPU_NEW;

	if (!cas_acq_rel(&cpu->cache_state, &state, IOVA_CPU_STARTING))
		return state == IOVA_CPU_READY;
	dmp_lock_init(&cpu->cache_lock, RANK_IOVA_CACHE, "iova: one CPU's cache");
	store_release(&cpu->cache_state, IOVA_CPU_READY); /* [START] the lock before */
	return true;
}

/* The calling CPU's cache, its owner inside; NULL when there is none. */
static struct iova_cpu *enter_own(struct dmp_iova_domain *dom)
{
	struct iova_cpu *cpu = dmp_percpu_get(&dom->cpus);

	if (!cpu || (!cache_is_ready(cpu) && !start_cache(cpu)))
		return NULL;
	dmp_lock_acquire(&cpu->cache_lock);
	return cpu;
}

static void leave_own(struct iova_cpu *cpu)
{
	dmp_lock_release(&cpu->cache_lock);
}

/* Some CPU's cache, its owner kept out; false if it was never started. */
static bool enter_any(struct iova_cpu *cpu)
{
	if (!cache_is_ready(cpu))
		return false;
	dmp_lock_acquire(&cpu->cache_lock);
	return true;
}

static void leave_any(struct iova_cpu *cpu)
{
	dmp_lock_release(&cpu->cache_lock);
}

/* Exchange with the depot. */

static struct iova_magazine *depot_get(struct iova_class *class)
{
	struct iova_magazine *mag;

	dmp_lock_acquire(&class->depot_lock);
	mag = iova_depot_pop(&class->depot);
	if (mag)
		class->ngot++;
	dmp_lock_release(&class->depot_lock);
	return mag;
}

static void depot_put(struct iova_class *class, struct iova_magazine *mag)
{
	dmp_lock_acquire(&class->depot_lock);
	iova_depot_push(&class->depot, mag);
	class->nput++;
	dmp_lock_release(&class->depot_lock);
	dmp_work_schedule(&class->reclaim, IOVA_RECLAIM_DELAY_NS);
}

/* The owner's side. */

static bool pair_is_ready_local(struct iova_pair *pair)
{
	if (pair->loaded)
		return true;
	pair->prev = iova_magazine_create();
	pair->loaded = pair->prev ? iova_magazine_create() : NULL;
	if (pair->loaded)
		return true;
	iova_magazine_destroy(pair->prev);
	pair->prev = NULL;
	return false;
}

static void swap_loaded_prev(struct iova_pair *pair)
{
	struct iova_magazine *mag = pair->loaded;

	pair->loaded = pair->prev;
	pair->prev = mag;
}

/* Makes loaded non-empty, if there is anything in reach; spec-iova 1.7.3. */
static bool have_entry_local(struct iova_class *class, struct iova_pair *pair)
{
	struct iova_magazine *mag;

	if (!iova_magazine_is_empty(pair->loaded))
		return true;
	if (!iova_magazine_is_empty(pair->prev)) {
		swap_loaded_prev(pair);
		return true;
	}
	mag = depot_get(class);
	if (!mag)
		return false;
	iova_magazine_destroy(pair->loaded);
	pair->loaded = mag;
	return true;
}

/* Makes room in loaded; false when there is no memory for it; spec-iova 1.8.2. */
static bool have_room_local(struct iova_class *class, struct iova_pair *pair)
{
	struct iova_magazine *empty;

	if (!iova_magazine_is_full(pair->loaded))
		return true;
	if (!iova_magazine_is_full(pair->prev)) {
		swap_loaded_prev(pair);
		return true;
	}
	empty = iova_magazine_create();
	if (!empty)
		return false;
	depot_put(class, pair->loaded);
	pair->loaded = empty;
	return true;
}

/* A cached range of class @order whose first pfn is not above @highest_pfn. */
bool iova_cache_take(struct dmp_iova_domain *dom, unsigned order, uint64_t highest_pfn,
		     uint64_t *pfn)
{
	struct iova_cpu *cpu = enter_own(dom);
	struct iova_pair *pair;
	bool taken;

	if (!cpu)
		return false;
	pair = &cpu->pair[order];
	taken = pair_is_ready_local(pair) && have_entry_local(&dom->classes[order], pair) &&
		iova_magazine_take(pair->loaded, highest_pfn, pfn);
	cpu->ntaken += taken;
	leave_own(cpu);
	return taken;
}

/* Keeps the range of class @order that starts at @pfn. */
bool iova_cache_put(struct dmp_iova_domain *dom, unsigned order, uint64_t pfn)
{
	struct iova_cpu *cpu = enter_own(dom);
	struct iova_pair *pair;
	bool kept;

	if (!cpu)
		return false;
	pair = &cpu->pair[order];
	kept = pair_is_ready_local(pair) && have_room_local(&dom->classes[order], pair);
	if (kept) {
		iova_magazine_push(pair->loaded, pfn);
		cpu->nput++;
	}
	leave_own(cpu);
	return kept;
}

/* Back to the policy. */

/* Empties @mag into the policy; returns how many ranges. */
static uint64_t drain_magazine(struct dmp_iova_domain *dom, struct iova_magazine *mag)
{
	uint64_t n = mag->count;
	uint64_t nfreed = dom->policy.free_many(dom->policy_state, mag->pfns, n);

	if (nfreed != n)
		dmp_log(DMP_LOG_BUG, "iova: %llu of %llu cached ranges were not live",
			(unsigned long long)(n - nfreed), (unsigned long long)n);
	mag->count = 0;
	return nfreed;
}

static uint64_t drain_cpu(struct dmp_iova_domain *dom, struct iova_cpu *cpu)
{
	uint64_t nfreed = 0;
	unsigned order;

	if (!enter_any(cpu))
		return 0;
	for (order = 0; order < DMP_IOVA_CLASSES; order++) {
		if (!cpu->pair[order].loaded)
			continue;
		nfreed += drain_magazine(dom, cpu->pair[order].loaded);
		nfreed += drain_magazine(dom, cpu->pair[order].prev);
	}
	leave_any(cpu);
	return nfreed;
}

static uint64_t drain_depot(struct dmp_iova_domain *dom, struct iova_class *class)
{
	struct iova_depot all;
	struct iova_magazine *mag;
	uint64_t nfreed = 0;

	dmp_lock_acquire(&class->depot_lock);
	all = class->depot;
	class->depot = (struct iova_depot){0};
	dmp_lock_release(&class->depot_lock);
	while ((mag = iova_depot_pop(&all)) != NULL) {
		nfreed += drain_magazine(dom, mag);
		iova_magazine_destroy(mag);
	}
	return nfreed;
}

/* Gives everything in caches and depots back; returns how many ranges. */
uint64_t iova_cache_flush(struct dmp_iova_domain *dom)
{
	struct iova_cpu *cpu;
	uint64_t nfreed = 0;
	unsigned i;

	counter_add(&dom->counts, IOVA_FLUSHES, 1);
	DMP_PERCPU_FOREACH(cpu, &dom->cpus, i)
		nfreed += drain_cpu(dom, cpu);
	for (i = 0; i < DMP_IOVA_CLASSES; i++)
		nfreed += drain_depot(dom, &dom->classes[i]);
	return nfreed;
}

/* One magazine back while the depot holds more than there are CPUs; spec-iova 1.9. */
static void reclaim(struct dmp_work *work)
{
	struct iova_class *class = class_of_work(work);
	struct iova_magazine *mag = NULL;
	unsigned threshold = dmp_cpu_online();

	dmp_lock_acquire(&class->depot_lock);
	if (class->depot.nfull > threshold) {
		mag = iova_depot_pop(&class->depot);
		class->nreclaimed++;
	}
	dmp_lock_release(&class->depot_lock);
	if (!mag)
		return;
	drain_magazine(class->dom, mag);
	iova_magazine_destroy(mag);
	dmp_work_schedule(&class->reclaim, IOVA_RECLAIM_DELAY_NS);
}

/* Runs on the CPU that goes, before its number can be given again. */
static void cpu_offline(struct dmp_cpu_hook *hook, unsigned number)
{
	struct dmp_iova_domain *dom = domain_of_hook(hook);
	struct iova_cpu *cpu = dmp_percpu_peek(&dom->cpus, number);

	if (cpu)
		drain_cpu(dom, cpu);
}

/* Ranges that went through the caches, into @taken and @put. */
void iova_cache_count(struct dmp_iova_domain *dom, uint64_t *taken, uint64_t *put)
{
	struct iova_cpu *cpu;
	unsigned i;

	DMP_PERCPU_FOREACH(cpu, &dom->cpus, i) {
		if (!enter_any(cpu))
			continue;
		*taken += cpu->ntaken;
		*put += cpu->nput;
		leave_any(cpu);
	}
}

/* Shows @fn every magazine, @count entries of it, its lock held; false once @fn says so. */
bool iova_cache_visit(struct dmp_iova_domain *dom, iova_cache_visit_fn fn, void *ctx)
{
	const struct iova_magazine *mag;
	struct iova_class *class;
	struct iova_cpu *cpu;
	struct iova_pair *pair;
	bool go_on = true;
	unsigned i, order;

	DMP_PERCPU_FOREACH(cpu, &dom->cpus, i) {
		if (!enter_any(cpu))
			continue;
		for (order = 0; order < DMP_IOVA_CLASSES && go_on; order++) {
			pair = &cpu->pair[order];
			if (pair->loaded)
				go_on = fn(ctx, order, pair->loaded, pair->loaded->count) &&
					fn(ctx, order, pair->prev, pair->prev->count);
		}
		leave_any(cpu);
	}
	for (order = 0; order < DMP_IOVA_CLASSES; order++) {
		class = &dom->classes[order];
		dmp_lock_acquire(&class->depot_lock);
		for (mag = class->depot.full; mag && go_on; mag = mag->next)
			go_on = fn(ctx, order, mag, IOVA_MAG_SIZE);
		dmp_lock_release(&class->depot_lock);
	}
	return go_on;
}

/* Depots and hook of a domain that has a cache; CPUs come by themselves. */
void iova_cache_create(struct dmp_iova_domain *dom)
{
	struct iova_class *class;
	unsigned order;

	for (order = 0; order < DMP_IOVA_CLASSES; order++) {
		class = &dom->classes[order];
		class->dom = dom;
		class->reclaim.fn = reclaim;
		dmp_lock_init(&class->depot_lock, RANK_IOVA_DEPOT, "iova: one size's depot");
	}
	dom->hook.offline = cpu_offline;
	dmp_cpu_hook_add(&dom->hook);
}

static void destroy_cpu_cache(struct iova_cpu *cpu)
{
	unsigned order;

	if (!cache_is_ready(cpu))
		return;
	for (order = 0; order < DMP_IOVA_CLASSES; order++) {
		iova_magazine_destroy(cpu->pair[order].loaded);
		iova_magazine_destroy(cpu->pair[order].prev);
	}
	dmp_lock_destroy(&cpu->cache_lock);
}

/* Forgets every cached range: the policy goes next, with all ranges; spec-iova 1.11. */
void iova_cache_destroy(struct dmp_iova_domain *dom)
{
	struct iova_magazine *mag;
	struct iova_cpu *cpu;
	unsigned i;

	dmp_cpu_hook_remove(&dom->hook);
	DMP_PERCPU_FOREACH(cpu, &dom->cpus, i)
		destroy_cpu_cache(cpu);
	for (i = 0; i < DMP_IOVA_CLASSES; i++) {
		dmp_work_cancel(&dom->classes[i].reclaim);
		while ((mag = iova_depot_pop(&dom->classes[i].depot)) != NULL)
			iova_magazine_destroy(mag);
		dmp_lock_destroy(&dom->classes[i].depot_lock);
	}
}
