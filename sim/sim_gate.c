// SPDX-License-Identifier: MIT
/*
 * sim_gate.c - accesses under way, and how an invalidation waits for them
 *
 *   access of (id, page)      gate[(start(id) + page) mod SIM_GATES]   held to its last byte
 *   invalidation of a range   passes through the gate of each page, or through all
 *
 * A translated access may look into a device TLB, an IOTLB, walk caches and tables on its
 * way, and hold no lock of any of them when it moves its bytes.  Its gate is what it holds
 * from before the first look to the last byte.
 *
 * Locking: a gate's lock, rank RANK_BACKEND_GATE, one at a time; sets of caches and
 *  whatever memory needs are locked inside.
 *
 * Ordering:
 *  [DRAIN] sim_access: gate entered; lookups, on a miss the walk and the fill, the last byte
 *          moved; gate left
 *          sim_gate: entry of the tables cleared and caches dropped before; the gate of every
 *          page of the range passed once
 *  When an invalidation has returned, no access through the old translation is in flight,
 *  none can begin, and no walker is inside a table that was unlinked beneath the range.
 *  An access that entered first has left; one that enters later finds no entry and walks
 *  tables in which the old one is cleared.
 */
#include "sim_internal.h"

static struct sim_gate *gate_of(struct dmp_sim *sim, uint64_t id, uint64_t page)
{
	uint64_t start = id * UINT64_C(0x9e3779b97f4a7c15) >> 32; /* 2^64 / golden ratio */

	return &sim->gates[(start + page) % SIM_GATES];
}

void sim_gates_create(struct dmp_sim *sim)
{
	for (unsigned i = 0; i < SIM_GATES; i++)
		dmp_lock_init(&sim->gates[i].lock, RANK_BACKEND_GATE, "sim: accesses under way");
}

void sim_gates_destroy(struct dmp_sim *sim)
{
	for (unsigned i = 0; i < SIM_GATES; i++)
		dmp_lock_destroy(&sim->gates[i].lock);
}

struct sim_gate *sim_gate_enter(struct dmp_sim *sim, uint64_t id, uint64_t page)
{
	struct sim_gate *gate = gate_of(sim, id, page);

	dmp_lock_acquire(&gate->lock); /* [DRAIN] until the access is over */
	return gate;
}

void sim_gate_leave(struct sim_gate *gate)
{
	dmp_lock_release(&gate->lock);
}

static void pass(struct sim_gate *gate)
{
	dmp_lock_acquire(&gate->lock); /* [DRAIN] */
	dmp_lock_release(&gate->lock);
}

/* Wait for every access to one of @pages that is under way now. */
void sim_gates_drain(struct dmp_sim *sim, const struct sim_pages *pages)
{
	if (!pages->id || pages->last - pages->first >= SIM_GATES - 1) {
		for (unsigned i = 0; i < SIM_GATES; i++)
			pass(&sim->gates[i]);
		return;
	}
	for (uint64_t page = pages->first; page <= pages->last; page++)
		pass(gate_of(sim, pages->id, page));
}
