// SPDX-License-Identifier: MIT
/*
 * base_cpu.c - CPU numbers, exit hooks, per-CPU blocks
 *
 *   taken    bit per number: held by a live thread, or online in manual mode
 *   limit    one more than the highest number ever taken
 *   hooks    who is told when a number is given back
 *
 * Invariants:
 *  C1  a number below DMP_CPU_MAX - 1 is held by at most one thread;
 *  C2  a thread's hooks have run before its number can be taken again;
 *  C3  a block of a struct dmp_percpu never moves and is never freed before destroy.
 *
 * Locking: (n) slots_lock, a leaf; (h) hooks_lock, the outermost lock there is, held
 *  while hooks run, so that removing a hook waits for them; (a) atomic.
 *
 * Ordering:
 *  [BLOCK] dmp_percpu_make: block cleared, then published by cas; dmp_percpu_peek:
 *          load_acquire, then its fields are read.
 */
#include "base_port.h"

#define WORD_BITS 64u

static struct dmp_lock slots_lock = DMP_LOCK_INITIALIZER(RANK_LEAF, "cpu numbers");
static struct dmp_lock hooks_lock = DMP_LOCK_INITIALIZER(RANK_CPU_HOOKS, "cpu exit hooks");

static uint64_t taken[DMP_CPU_MAX / WORD_BITS]; /* (n) */
static unsigned last_sharers;                   /* (n) threads that share the last number */
static DMP_ATOMIC(unsigned) ntaken;             /* (n) to write; (a) to read */
static DMP_ATOMIC(unsigned) limit;              /* (n) to write; (a) to read */
static struct dmp_cpu_hook *hooks;              /* (h) newest first */

static struct {
	uint64_t taken[DMP_CPU_MAX / WORD_BITS];
	unsigned ntaken, limit;
} threads_saved; /* (s) what manual mode has put aside */

static bool is_taken_locked(unsigned cpu)
{
	dmp_lock_assert_held(&slots_lock);
	return taken[cpu / WORD_BITS] >> (cpu % WORD_BITS) & 1;
}

static void mark_locked(unsigned cpu, bool on)
{
	uint64_t bit = UINT64_C(1) << (cpu % WORD_BITS);

	dmp_lock_assert_held(&slots_lock);
	if (is_taken_locked(cpu) == on)
		return;
	taken[cpu / WORD_BITS] ^= bit;
	/* relaxed, all four: numbers for reports and loop bounds; blocks have [BLOCK] */
	store_relaxed(&ntaken, load_relaxed(&ntaken) + (on ? 1u : -1u));
	if (on && cpu >= load_relaxed(&limit))
		store_relaxed(&limit, cpu + 1);
}

static unsigned lowest_free_locked(void)
{
	dmp_lock_assert_held(&slots_lock);
	for (unsigned w = 0; w < DMP_CPU_MAX / WORD_BITS; w++)
		if (~taken[w])
			return w * WORD_BITS + (unsigned)__builtin_ctzll(~taken[w]);
	return DMP_CPU_MAX - 1;
}

static unsigned take_locked(unsigned cpu)
{
	dmp_lock_assert_held(&slots_lock);
	if (cpu == DMP_CPU_MAX - 1)
		last_sharers++;
	mark_locked(cpu, true);
	return cpu;
}

unsigned cpu_slot_take(void)
{
	unsigned cpu;

	dmp_lock_acquire(&slots_lock);
	cpu = take_locked(lowest_free_locked());
	dmp_lock_release(&slots_lock);
	return cpu;
}

unsigned cpu_slot_share(void)
{
	unsigned cpu;

	dmp_lock_acquire(&slots_lock);
	cpu = take_locked(DMP_CPU_MAX - 1);
	dmp_lock_release(&slots_lock);
	return cpu;
}

void cpu_slot_release(unsigned cpu)
{
	dmp_lock_acquire(&slots_lock);
	if (cpu != DMP_CPU_MAX - 1 || --last_sharers == 0)
		mark_locked(cpu, false);
	dmp_lock_release(&slots_lock);
}

unsigned cpu_slots_taken(void)
{
	return load_relaxed(&ntaken); /* relaxed: a snapshot */
}

unsigned dmp_cpu_online(void)
{
	return load_relaxed(&ntaken); /* relaxed: a snapshot */
}

unsigned dmp_cpu_limit(void)
{
	return load_relaxed(&limit); /* relaxed: only grows; a block made later is a later one */
}

void dmp_cpu_hook_add(struct dmp_cpu_hook *hook)
{
	dmp_lock_acquire(&hooks_lock);
	hook->prev = NULL;
	hook->next = hooks;
	if (hooks)
		hooks->prev = hook;
	hooks = hook;
	dmp_lock_release(&hooks_lock);
}

void dmp_cpu_hook_remove(struct dmp_cpu_hook *hook)
{
	dmp_lock_acquire(&hooks_lock);
	if (hook->prev)
		hook->prev->next = hook->next;
	else
		hooks = hook->next;
	if (hook->next)
		hook->next->prev = hook->prev;
	dmp_lock_release(&hooks_lock);
}

void cpu_run_hooks(unsigned cpu)
{
	dmp_lock_acquire(&hooks_lock);
	for (struct dmp_cpu_hook *hook = hooks; hook; hook = hook->next)
		hook->offline(hook, cpu);
	dmp_lock_release(&hooks_lock);
}

bool cpu_hooks_exist(void)
{
	bool exist;

	dmp_lock_acquire(&hooks_lock);
	exist = hooks != NULL;
	dmp_lock_release(&hooks_lock);
	return exist;
}

static void put_threads_aside_locked(void)
{
	dmp_lock_assert_held(&slots_lock);
	for (unsigned w = 0; w < DMP_CPU_MAX / WORD_BITS; w++) {
		threads_saved.taken[w] = taken[w];
		taken[w] = 0;
	}
	threads_saved.ntaken = load_relaxed(&ntaken); /* relaxed: set-up only, as all here */
	threads_saved.limit = load_relaxed(&limit);
	store_relaxed(&ntaken, 0);
	store_relaxed(&limit, 0);
}

static void bring_threads_back_locked(void)
{
	dmp_lock_assert_held(&slots_lock);
	for (unsigned w = 0; w < DMP_CPU_MAX / WORD_BITS; w++)
		taken[w] = threads_saved.taken[w];
	store_relaxed(&ntaken, threads_saved.ntaken); /* relaxed: set-up only */
	store_relaxed(&limit, threads_saved.limit);
}

void cpu_manual_set(unsigned ncpus)
{
	dmp_lock_acquire(&slots_lock);
	if (ncpus)
		put_threads_aside_locked();
	else
		bring_threads_back_locked();
	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		mark_locked(cpu, true);
	dmp_lock_release(&slots_lock);
}

int cpu_manual_online(unsigned cpu, bool online)
{
	if (cpu >= dmp_cpu_limit())
		return -EINVAL;
	dmp_lock_acquire(&slots_lock);
	mark_locked(cpu, online);
	dmp_lock_release(&slots_lock);
	if (!online)
		cpu_run_hooks(cpu);
	return 0;
}

static size_t block_len(const struct dmp_percpu *percpu)
{
	return (percpu->block_bytes + DMP_CACHE_LINE - 1) & ~(size_t)(DMP_CACHE_LINE - 1);
}

static struct dmp_percpu_chunk *chunk_make(struct dmp_percpu *percpu, unsigned index)
{
	struct dmp_percpu_chunk *there = load_acquire(&percpu->chunk[index]); /* [BLOCK] */
	struct dmp_percpu_chunk *made;

	if (there)
		return there;
	made = dmp_meta_alloc(DMP_META_PERCPU, sizeof(*made));
	if (!made)
		return NULL;
	if (cas_acq_rel(&percpu->chunk[index], &there, made)) /* [BLOCK] */
		return made;
	dmp_meta_free(made, sizeof(*made));
	return there;
}

void *dmp_percpu_make(struct dmp_percpu *percpu, unsigned cpu)
{
	struct dmp_percpu_chunk *chunk = chunk_make(percpu, cpu / DMP_PERCPU_CHUNK);
	void *there = NULL, *made;

	if (!chunk)
		return NULL;
	made = dmp_meta_alloc(DMP_META_PERCPU, block_len(percpu));
	if (!made)
		return load_acquire(&chunk->block[cpu % DMP_PERCPU_CHUNK]);   /* [BLOCK] */
	if (cas_acq_rel(&chunk->block[cpu % DMP_PERCPU_CHUNK], &there, made)) /* [BLOCK] */
		return made;
	dmp_meta_free(made, block_len(percpu));
	return there;
}

static void chunk_destroy(struct dmp_percpu *percpu, struct dmp_percpu_chunk *chunk)
{
	for (unsigned i = 0; i < DMP_PERCPU_CHUNK; i++)
		dmp_meta_free(load_acquire(&chunk->block[i]), block_len(percpu)); /* [BLOCK] */
	dmp_meta_free(chunk, sizeof(*chunk));
}

void dmp_percpu_destroy(struct dmp_percpu *percpu)
{
	for (unsigned c = 0; c < DMP_CPU_MAX / DMP_PERCPU_CHUNK; c++) {
		struct dmp_percpu_chunk *chunk = load_acquire(&percpu->chunk[c]); /* [BLOCK] */

		if (!chunk)
			continue;
		chunk_destroy(percpu, chunk);
		store_relaxed(&percpu->chunk[c], NULL); /* relaxed: set-up only */
	}
}
