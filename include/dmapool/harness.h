/* SPDX-License-Identifier: MIT */
/*
 * harness.h - what a test needs to be in control
 *
 * Manual mode, chosen before the first object exists: the one calling thread is
 * whichever CPU it says it is, time stands still until it is moved, delayed work and
 * deferred releases wait until they are told to run.  Nothing else of the library
 * behaves differently.
 *
 *   dmp_harness_enter(4);                 CPUs 0..3, all online; this thread is CPU 0
 *   dmp_harness_become(2);                from here on CPU 2
 *   dmp_harness_advance(100 * 1000000);   100 ms pass; what falls due runs, in order
 *   dmp_harness_leave();
 *
 * Failing allocations works in both modes.
 */
#ifndef DMAPOOL_HARNESS_H
#define DMAPOOL_HARNESS_H

#include <dmapool/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * dmp_harness_enter() - begin manual mode
 * @ncpus: CPUs 0 .. @ncpus - 1, all online; 1 .. 4096
 *
 * The clock starts at 0, the calling thread is CPU 0, and no other thread may call the
 * library until dmp_harness_leave().
 *
 * Threads: set-up only.
 * Errors:  -EINVAL @ncpus; -EBUSY already manual, or an object exists, or another thread
 *          of the process uses the library.
 */
DMP_API int dmp_harness_enter(unsigned ncpus);

/**
 * dmp_harness_leave() - back to threads and real time
 *
 * Threads: set-up only.
 * Errors:  -EINVAL not in manual mode; -EBUSY an object exists, or work or releases
 *          are still waiting.
 */
DMP_API int dmp_harness_leave(void);

/**
 * dmp_harness_become() - the calling thread is CPU @cpu from here on
 *
 * Errors: -EINVAL not in manual mode, or no such CPU.  An offline CPU is allowed, as
 *         code may still run there on its way out.
 */
DMP_API int dmp_harness_become(unsigned cpu);

/**
 * dmp_harness_set_online() - CPU @cpu goes offline (its exit hooks run) or comes back
 *
 * Errors: -EINVAL not in manual mode, or no such CPU.  Repeating it does nothing more
 *         for @online; going offline again runs the hooks again.
 */
DMP_API int dmp_harness_set_online(unsigned cpu, bool online);

/**
 * dmp_harness_advance() - let time pass
 * @ns: how much; the clock stops short of UINT64_MAX
 *
 * Each work that falls due runs at its own time, on the current CPU, the earlier first,
 * those of one moment in the order of scheduling; what it schedules anew runs too if due.
 *
 * Returns: works run; 0 if not in manual mode.
 */
DMP_API uint64_t dmp_harness_advance(uint64_t ns);

/**
 * dmp_harness_run_pending() - run every work that is pending now, once, whatever its time
 *
 * What these schedule stays pending.
 *
 * Returns: works run; 0 if not in manual mode.
 */
DMP_API uint64_t dmp_harness_run_pending(void);

/**
 * dmp_harness_grace_period() - a grace period passes: run what was deferred before
 *
 * Returns: releases run; 0 if not in manual mode.
 */
DMP_API uint64_t dmp_harness_grace_period(void);

/* Called in place of a sleep, without locks; may call the library as anybody else would. */
typedef void (*dmp_harness_wait_fn)(void *arg);

/**
 * dmp_harness_on_wait() - what happens while a request sleeps
 * @fn:  called once for each sleep; NULL: nothing happens
 * @arg: handed to @fn
 *
 * One thread cannot sleep and be woken.  In place of a sleep @fn plays the others: it may become
 * another CPU, unmap something, cancel a device, let time pass; its CPU ends with it.  If the
 * sleep is not over then, or there is no @fn, nobody is left who could end it: the request is
 * told so, which is logged as a bug, and fails with -ECANCELED.
 *
 * A request that @fn makes may have to sleep too: then @fn is called inside @fn.
 *
 * Lasts until dmp_harness_leave().
 *
 * Errors: -EINVAL not in manual mode.
 */
DMP_API int dmp_harness_on_wait(dmp_harness_wait_fn fn, void *arg);

/* Which bookkeeping allocation fails; the kinds of port.h. */
enum dmp_harness_alloc {
	DMP_HARNESS_ALLOC_OBJECT,
	DMP_HARNESS_ALLOC_RANGE,
	DMP_HARNESS_ALLOC_MAGAZINE,
	DMP_HARNESS_ALLOC_PERCPU,
	DMP_HARNESS_ALLOC_BACKEND,
	DMP_HARNESS_ALLOC_ANY,
};

/**
 * dmp_harness_fail_alloc() - make bookkeeping allocations fail
 * @kind:  which
 * @nth:   1 is the next one; 0: none, switched off
 * @count: how many fail from there on; UINT64_MAX: all
 *
 * One setting a kind; the latest counts.
 *
 * Threads: set-up only.
 * Errors:  -EINVAL unknown @kind.
 */
DMP_API int dmp_harness_fail_alloc(enum dmp_harness_alloc kind, uint64_t nth, uint64_t count);

/**
 * dmp_harness_failed() - how many allocations of @kind have failed on purpose
 *
 * Counts since the latest dmp_harness_fail_alloc() of that kind; a test that fails the
 * n-th call, for every n, ends when this stays 0.
 */
DMP_API uint64_t dmp_harness_failed(enum dmp_harness_alloc kind);

#ifdef __cplusplus
}
#endif

#endif
