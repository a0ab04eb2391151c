// SPDX-License-Identifier: MIT
/*
 * base_harness.c - manual mode: one thread plays every CPU, the clock and the worker
 *
 * Entering needs an empty library: no bookkeeping memory in use, no hooks, nothing
 * queued, no thread attached but the caller.  The numbers of real threads are put aside
 * meanwhile (base_cpu.c).
 *
 * Locking: everything here is (s) set-up only, by the one thread; `manual` is atomic
 *  because other threads of the process may exit meanwhile.
 */
#include <dmapool/harness.h>
#include "base_port.h"

static DMP_ATOMIC(bool) manual;
static uint64_t manual_now_ns;
static unsigned thread_cpu; /* the caller's own number, put aside */
static dmp_harness_wait_fn on_wait;
static void *on_wait_arg;

_Static_assert((unsigned)DMP_HARNESS_ALLOC_ANY == (unsigned)DMP_META_KINDS,
	       "the kinds of harness.h are those of port.h");

bool harness_is_manual(void)
{
	return load_relaxed(&manual); /* relaxed: changed by the only thread that matters */
}

uint64_t harness_clock_ns(void)
{
	return manual_now_ns;
}

void harness_clock_set(uint64_t now_ns)
{
	manual_now_ns = now_ns;
}

uint64_t dmp_clock_now_ns(void)
{
	return harness_is_manual() ? manual_now_ns : port_clock_ns();
}

void dmp_clock_spend(uint64_t ns)
{
	uint64_t now_ns = dmp_clock_now_ns();
	uint64_t until_ns = ns < WORK_NEVER - now_ns ? now_ns + ns : WORK_NEVER - 1;

	if (harness_is_manual())
		manual_now_ns = until_ns;
	else
		port_clock_wait(until_ns);
}

static bool library_is_empty(void)
{
	return dmp_meta_in_use() == 0 && !cpu_hooks_exist() && work_is_idle();
}

static bool is_the_only_thread(void)
{
	unsigned workers = port_count_workers(); /* first: it may have to get its number yet */

	return cpu_slots_taken() == 1 + workers;
}

static void play(unsigned cpu)
{
	dmp_thread_self->cpu = cpu;
	dmp_bias_self = bias_of_cpu(cpu);
}

int dmp_harness_enter(unsigned ncpus)
{
	unsigned own = dmp_cpu();

	if (ncpus == 0 || ncpus > DMP_CPU_MAX)
		return -EINVAL;
	if (harness_is_manual() || !library_is_empty() || !is_the_only_thread())
		return -EBUSY;
	thread_cpu = own;
	manual_now_ns = 0;
	store_relaxed(&manual, true); /* relaxed: no other thread uses the library */
	cpu_manual_set(ncpus);
	play(0);
	return 0;
}

int dmp_harness_leave(void)
{
	if (!harness_is_manual())
		return -EINVAL;
	if (!library_is_empty())
		return -EBUSY;
	cpu_manual_set(0);
	on_wait = NULL;
	play(thread_cpu);
	store_relaxed(&manual, false); /* relaxed: as in enter */
	return 0;
}

int dmp_harness_become(unsigned cpu)
{
	if (!harness_is_manual() || cpu >= dmp_cpu_limit())
		return -EINVAL;
	play(cpu);
	return 0;
}

/* On that CPU, as a thread's exit runs its hooks itself. */
int dmp_harness_set_online(unsigned cpu, bool online)
{
	unsigned here = dmp_cpu();
	int err;

	err = dmp_harness_become(cpu);
	if (err)
		return err;
	err = cpu_manual_online(cpu, online);
	play(here);
	return err;
}

uint64_t dmp_harness_advance(uint64_t ns)
{
	return harness_is_manual() ? work_manual_advance(ns) : 0;
}

uint64_t dmp_harness_run_pending(void)
{
	return harness_is_manual() ? work_manual_run_pending() : 0;
}

uint64_t dmp_harness_grace_period(void)
{
	return harness_is_manual() ? work_manual_release() : 0;
}

int dmp_harness_on_wait(dmp_harness_wait_fn fn, void *arg)
{
	if (!harness_is_manual())
		return -EINVAL;
	on_wait = fn;
	on_wait_arg = arg;
	return 0;
}

/* Whoever it became meanwhile, the sleeper wakes on its own CPU. */
void harness_waits(void)
{
	unsigned here = dmp_cpu();

	if (!on_wait)
		return;
	on_wait(on_wait_arg);
	play(here);
}

int dmp_harness_fail_alloc(enum dmp_harness_alloc kind, uint64_t nth, uint64_t count)
{
	if ((unsigned)kind > DMP_HARNESS_ALLOC_ANY)
		return -EINVAL;
	mem_fail_set(kind, nth, count);
	return 0;
}

uint64_t dmp_harness_failed(enum dmp_harness_alloc kind)
{
	return (unsigned)kind > DMP_HARNESS_ALLOC_ANY ? 0 : mem_failed(kind);
}
