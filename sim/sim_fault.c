// SPDX-License-Identifier: MIT
/*
 * sim_fault.c - fault records: a queue of fixed length, and a handler
 *
 *   first           first + count
 *     | r | r | r | r |           |      full: further records are lost, and the next
 *                                        one that fits says so
 *
 * The oldest records survive, as the first fault is the one that explains the others.  The
 * handler hears of every failure, also of those that find the queue full, and these are
 * counted.  It may call the library and the machine, and make accesses of its own; such an
 * access that fails calls it again.
 *
 * Locking: (f) the lock, rank RANK_LEAF; (u) set-up only; (c) constant.  The handler is
 *  called without a lock, by the thread whose access failed.
 *
 * Source: fault recording registers and the overflow bit of the Intel VT-d specification.
 */
#include "sim_internal.h"

int sim_faults_create(struct sim_faults *faults, uint32_t len)
{
	faults->ring = dmp_meta_alloc(DMP_META_BACKEND, len * sizeof(*faults->ring));
	if (!faults->ring)
		return -ENOMEM;
	faults->len = len;
	dmp_lock_init(&faults->lock, RANK_LEAF, "sim: fault records");
	return 0;
}

void sim_faults_destroy(struct sim_faults *faults)
{
	dmp_lock_destroy(&faults->lock);
	dmp_meta_free(faults->ring, faults->len * sizeof(*faults->ring));
}

/* Queue a record; false: it is lost. */
static bool queue_record(struct sim_faults *faults, struct dmp_fault *fault)
{
	dmp_lock_acquire(&faults->lock);
	bool fits = faults->count < faults->len;

	fault->overflow = faults->lost;
	faults->lost = !fits;
	if (fits)
		faults->ring[(faults->first + faults->count++) % faults->len] = *fault;
	dmp_lock_release(&faults->lock);
	return fits;
}

void sim_fault_record(struct dmp_sim *sim, const struct sim_access *access)
{
	bool was_refused = access->moved < access->len;
	struct dmp_fault fault = {
		.device = access->dev->id,
		.reason = access->reason,
		.addr = was_refused ? access->addr + access->moved : access->addr,
		.access = access->prot,
	};

	if (!queue_record(&sim->faults, &fault))
		sim_count(sim, COUNT_FAULTS_LOST, 1);
	if (sim->faults.fn)
		sim->faults.fn(sim->faults.ctx, &fault);
}

void sim_set_fault_handler(void *be, dmp_fault_fn fn, void *ctx)
{
	struct dmp_sim *sim = be;

	sim->faults.fn = fn;
	sim->faults.ctx = ctx;
}

int sim_fault_next(void *be, struct dmp_fault *fault)
{
	struct sim_faults *faults = &((struct dmp_sim *)be)->faults;

	dmp_lock_acquire(&faults->lock);
	int err = faults->count ? 0 : -ENOENT;

	if (!err) {
		*fault = faults->ring[faults->first];
		faults->first = (faults->first + 1) % faults->len;
		faults->count--;
	}
	dmp_lock_release(&faults->lock);
	return err;
}
