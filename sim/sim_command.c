// SPDX-License-Identifier: MIT
/*
 * sim_command.c - what the hardware does at each command
 *
 *   pages, domain, all   every unit forgets                       } then whoever is inside
 *   device               one device's TLB forgets the same three  } with one of those pages
 *   wait                 nothing: those before it are done        } is waited for: [DRAIN]
 *
 * The order of a submission is the driver's: units before devices (sim_devtlb.c).
 *
 * Locking: (h) of the queue that the command stands in, or none: see sim_forget_domain().
 *  Hardware of several queues executes at once.
 */
#include "sim_internal.h"

/* A cost that a profile may leave to another one. */
static uint64_t either(uint64_t cost, uint64_t otherwise)
{
	return cost ? cost : otherwise;
}

static uint64_t wait_price(const struct sim_costs *costs, const struct sim_command *wait)
{
	if (wait->is_second)
		return costs->invalidate_separate;
	return wait->remote ? either(costs->invalidate_wait_remote, costs->invalidate_wait)
			    : costs->invalidate_wait;
}

static uint64_t price(const struct sim_costs *costs, const struct sim_command *command)
{
	switch (command->kind) {
	case COMMAND_PAGES: return costs->invalidate_command;
	case COMMAND_DOMAIN:
	case COMMAND_ALL: return either(costs->invalidate_domain, costs->invalidate_command);
	case COMMAND_DEVICE: return costs->invalidate_device;
	case COMMAND_WAIT: break;
	}
	return wait_price(costs, command);
}

static void forget(struct dmp_sim *sim, const struct sim_command *command)
{
	if (command->kind == COMMAND_DEVICE)
		sim_devtlb_drop(sim, command->device, &command->drop);
	else
		sim_units_drop(sim, &command->drop, command->leaf_only);
	sim_gates_drain(sim, &command->drop.pages); /* [DRAIN] */
}

void sim_command_execute(struct dmp_sim *sim, const struct sim_command *command)
{
	if (command->kind != COMMAND_WAIT) {
		forget(sim, command);
		sim_count(sim, COUNT_COMMANDS, 1);
	}
	sim_charge(sim, DMP_SIM_PHASE_INVALIDATE, price(&sim->costs, command));
}

/*
 * A domain is left, and nothing leads the device there any more: nothing of it is under way or
 * remembered, at no cost.  The accesses are waited for first: one that found the domain before
 * may still walk its tables, which hold what they held, and remember what it read.
 */
void sim_forget_domain(struct dmp_sim *sim, uint64_t id)
{
	struct sim_pages all = {.id = id, .last = UINT64_MAX};
	struct sim_drop drop = {.pages = all, .asked = all};

	sim_gates_drain(sim, &all); /* [DRAIN] */
	sim_units_drop(sim, &drop, false);
	for (uint32_t device = 0; device < load_acquire(&sim->ndevtlbs); device++)
		sim_devtlb_drop(sim, device, &drop);
}
