// SPDX-License-Identifier: MIT
/*
 * base_bias.c - blocks that their CPU enters without a lock
 *
 *                    slot 0    1      2    ...   inside
 *   record of CPU 0    NULL   block   block          0     it uses both objects
 *   record of CPU 1    NULL   none    block          1     only the second
 *   nobody             NULL   none    none                 threads without a CPU of their own
 *
 * A CPU is inside between dmp_bias_enter() and dmp_bias_leave().  It says so first and then
 * looks its block up; whoever takes the block away clears the entry first and then looks
 * whether the CPU is inside.  With a full fence between the two steps on both sides at least
 * one sees the other.  The owner's fence is left out, and the other runs it for him: the
 * heavy fence interrupts every thread of the process that is on a processor.
 *
 *   owner:  inside = 1;      (light)  read the entry
 *   other:  clear the entry; (heavy)  read inside, until it is 0
 *
 * Invariants:
 *  B1  an entry is set by its own CPU only, under the block's lock;
 *  B2  after revoke, heavy fence and wait the CPU is not inside the block, and is not going to
 *      be until it is granted anew;
 *  B3  nobody is never granted a block: it is a record that many threads write.  The last CPU
 *      number, which many threads may have, is nobody;
 *  B4  a record is made once and kept, so that it may be looked at after its thread's exit;
 *  B5  once a heavy fence has failed, nothing is granted until a slot is opened again by a
 *      system that has one.
 *
 * Locking: (b) slots_lock, a leaf; (a) atomic.  nones is read without the lock by users of an
 *  open slot.
 *
 * Ordering:
 *  [BIAS]   dmp_bias_enter: inside, then the entry; dmp_bias_revoke and dmp_bias_wait: the
 *           entry, then inside.  B2.
 *  [LEAVE]  dmp_bias_leave: what was done inside, then inside = 0; dmp_bias_wait: that 0, then
 *           what the other does.  The way back is the block's lock.
 *  [RECORD] bias_of_cpu: entries set, then the record is published; find_record: load_acquire.
 *
 * Progress: the owner never waits here; the other waits for a few loads and stores of a
 *  thread that may have lost its processor meanwhile.
 */
#include "base_port.h"

#include <stdlib.h>
#include <string.h>

#define SPINS 64u /* before a wait gives its processor away */

struct dmp_bias_cpu bias_nobody = {.is_nobody = true};

static struct dmp_lock slots_lock = DMP_LOCK_INITIALIZER(RANK_LEAF, "bias slots");
static bool slot_taken[DMP_BIAS_SLOTS] = {true}; /* (b) */
static void *nones[DMP_BIAS_SLOTS];              /* (b) by slot; NULL while it is not open */

static DMP_ATOMIC(struct dmp_bias_cpu *) records[DMP_CPU_MAX]; /* (b) to write; (a) to read */
static DMP_ATOMIC(bool) fence_fails;                           /* (a) B5 */

/* NULL: that CPU never came. */
static struct dmp_bias_cpu *find_record(unsigned cpu)
{
	return load_acquire(&records[cpu]); /* [RECORD] */
}

/* Every CPU enters @block by @slot. */
static void set_all_locked(unsigned slot, void *block)
{
	struct dmp_bias_cpu *record;
	unsigned cpu;

	dmp_lock_assert_held(&slots_lock);
	nones[slot] = block;
	store_relaxed(&bias_nobody.block[slot], block); /* relaxed, both: nobody uses the slot */
	for (cpu = 0; cpu < DMP_CPU_MAX; cpu++) {
		record = find_record(cpu);
		if (record)
			store_relaxed(&record->block[slot], block);
	}
}

/* NULL when there is no memory. */
static struct dmp_bias_cpu *make_record_locked(void)
{
	const size_t line = DMP_CACHE_LINE;
	struct dmp_bias_cpu *made;
	unsigned slot;

	dmp_lock_assert_held(&slots_lock);
	made = aligned_alloc(line, (sizeof(*made) + line - 1) & ~(line - 1));
	if (!made)
		return NULL;
	memset(made, 0, sizeof(*made));
	for (slot = 0; slot < DMP_BIAS_SLOTS; slot++)
		store_relaxed(&made->block[slot], nones[slot]); /* relaxed: not published yet */
	return made;
}

struct dmp_bias_cpu *bias_of_cpu(unsigned cpu)
{
	struct dmp_bias_cpu *record;

	if (cpu == DMP_CPU_MAX - 1) /* B3 */
		return &bias_nobody;
	dmp_lock_acquire(&slots_lock);
	record = find_record(cpu);
	if (!record) {
		record = make_record_locked();
		store_release(&records[cpu], record); /* [RECORD] */
	}
	dmp_lock_release(&slots_lock);
	return record ? record : &bias_nobody;
}

/* The lowest free slot, or 0. */
static unsigned take_slot_locked(void)
{
	unsigned slot;

	dmp_lock_assert_held(&slots_lock);
	for (slot = 0; slot < DMP_BIAS_SLOTS && slot_taken[slot];)
		slot++;
	slot %= DMP_BIAS_SLOTS;
	slot_taken[slot] = true;
	return slot;
}

unsigned dmp_bias_open(void *none)
{
	unsigned slot;

	if (!port_heavy_prepare())
		return 0;
	store_relaxed(&fence_fails, false); /* relaxed, as all: a fence says itself if it fails */
	dmp_lock_acquire(&slots_lock);
	slot = take_slot_locked();
	if (slot)
		set_all_locked(slot, none);
	dmp_lock_release(&slots_lock);
	return slot;
}

void dmp_bias_close(unsigned slot)
{
	dmp_lock_acquire(&slots_lock);
	set_all_locked(slot, NULL);
	slot_taken[slot] = slot == 0;
	dmp_lock_release(&slots_lock);
}

bool dmp_bias_grant(unsigned slot, void *block)
{
	struct dmp_bias_cpu *self = dmp_bias_self;

	if (slot == 0 || self->is_nobody || load_relaxed(&fence_fails)) /* B3 B5 */
		return false;
	store_relaxed(&self->block[slot], block); /* relaxed: for this CPU itself */
	return true;
}

void dmp_bias_revoke(unsigned slot, unsigned cpu)
{
	struct dmp_bias_cpu *record = find_record(cpu);

	if (record) /* [BIAS] relaxed: the heavy fence follows */
		store_relaxed(&record->block[slot], nones[slot]);
}

void dmp_bias_wait(unsigned cpu)
{
	struct dmp_bias_cpu *record = find_record(cpu);
	unsigned spins = 0;

	if (!record)
		return;
	while (load_acquire(&record->inside)) /* [BIAS] [LEAVE] */
		if (++spins < SPINS)
			dmp_cpu_relax();
		else
			dmp_cpu_yield();
}

bool dmp_fence_prepare(void)
{
	return port_heavy_prepare();
}

bool dmp_fence_heavy(void)
{
	if (port_heavy_fence())
		return true;
	if (!load_relaxed(&fence_fails))
		dmp_log(DMP_LOG_WARN,
			"membarrier is refused, after it was granted: what threads keep "
			"for themselves stays with them until their next request");
	store_relaxed(&fence_fails, true);
	return false;
}
