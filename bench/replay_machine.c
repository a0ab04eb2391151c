// SPDX-License-Identifier: MIT
/*
 * replay_machine.c - a route, and the machine on which it is replayed
 *
 * Picture, made afresh for each run:
 *
 *    simulated machine --- device of the trace --- domain of its own (translated routes)
 *         |                     |
 *         blocks of RAM         an agent for every lane (with data)
 *
 * A route is a row of replay_routes[]: what differs between two routes stands there, or is
 * asked of the row where the machine is made.
 *
 * RAM ends at 4 GiB unless the trace needs more, so that a device with a 32-bit mask
 * reaches all of it.  Page tables, coherent memory and the blocks share it.  A machine with
 * more gives memory of any kind from above 4 GiB alone: there has to be room for everything
 * there, and without translation a device with a 32-bit mask would reach nothing.
 *
 * Whatever is made is undone in reverse by replay_machine_destroy(), which also has every
 * walker look; it takes a machine that is only half made, too.
 */
#include "replay.h"
#include "command.h"

#include <dmapool/bits.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct replay_route replay_routes[] = {
	{.name = "direct", .translated = false},
	{.name = "strict", .translated = true, .flush = DMP_FLUSH_STRICT},
};

const unsigned replay_nroutes = sizeof(replay_routes) / sizeof(replay_routes[0]);

#define RAM_BYTES (UINT64_C(4) << 30)
#define RAM_UNIT  (UINT64_C(1) << 30)
/* Besides the blocks: 1/16 for page tables and holes, and what a small trace needs. */
#define SLACK     (UINT64_C(128) << 20)

/* Rings are allocated in powers of two pages. */
static uint64_t coherent_bytes(const struct trace_plan *plan)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < plan->ndevices; i++)
		sum += 2 * plan->devices[i].peak_alloc_bytes +
		       DMP_PAGE_BYTES * plan->devices[i].peak_allocs;
	return sum;
}

static uint64_t ram_bytes(const struct replay_job *job)
{
	uint64_t wanted = job->memory_bytes + job->memory_bytes / 16 + coherent_bytes(job->plan) +
			  SLACK;

	return wanted > RAM_BYTES ? RAM_BYTES + dmp_align_up(wanted, RAM_UNIT) : RAM_BYTES;
}

static unsigned long long gib_up(uint64_t bytes)
{
	return (bytes + RAM_UNIT - 1) / RAM_UNIT;
}

/* What this machine has, or the device can reach, may be less than the trace needs. */
static int check_memory(const struct replay_opts *opts, const struct replay_route *route,
			const struct replay_job *job)
{
	uint64_t there = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t ram = ram_bytes(job);

	if (opts->data && job->memory_bytes > there) {
		complain("the buffers need %llu GiB and this computer has %llu; use --no-data",
			 gib_up(job->memory_bytes), (unsigned long long)(there / RAM_UNIT));
		return -ENOMEM;
	}
	if (!route->translated && ram > RAM_BYTES && ram - 1 > DMP_MASK(opts->mask_bits)) {
		complain("route %s needs %llu GiB below the mask; use --mask 64", route->name,
			 gib_up(ram));
		return -ERANGE;
	}
	return 0;
}

/* What is wrong with a profile the library has said, in one line. */
static int make_sim(const struct replay_opts *opts, struct replay_machine *machine)
{
	int err = dmp_sim_create(
		&DMP_SIM_OPTS(.ram_bytes = ram_bytes(machine->job), .profile = opts->profile),
		&machine->sim);

	if (err && err != -ENOENT && err != -EIO)
		complain("cannot make a simulated machine: %s", strerror(-err));
	return err;
}

/* A device of the trace that asked for something: others have no part in the replay. */
static bool is_used(const struct replay_machine *machine, uint32_t i)
{
	const struct trace_device_facts *facts = &machine->job->plan->devices[i];

	return facts->maps || facts->allocs;
}

static int make_device(const struct replay_opts *opts, const struct replay_route *route,
		       struct replay_machine *machine, uint32_t i)
{
	struct dmp_hw *hw = dmp_sim_hw(machine->sim);
	int err = dmp_device_create(hw, &DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(opts->mask_bits)),
				    &machine->devices[i]);

	if (err || !route->translated)
		return err;
	err = dmp_domain_create(hw, &DMP_DOMAIN_OPTS(.flush = route->flush), &machine->domains[i]);
	if (err)
		return err;
	return dmp_device_attach(machine->devices[i], machine->domains[i]);
}

static int make_devices(const struct replay_opts *opts, const struct replay_route *route,
			struct replay_machine *machine)
{
	unsigned made = 0;

	for (uint32_t i = 0; i < machine->ndevices; i++) {
		int err = is_used(machine, i) ? make_device(opts, route, machine, i) : 0;

		if (err) {
			complain("the trace has %u devices; the machine has room for %u: %s",
				 replay_devices(machine->job->plan), made, strerror(-err));
			return err;
		}
		made += machine->devices[i] != NULL;
	}
	return 0;
}

static int make_agents(struct replay_machine *machine, struct replay_lane *lane)
{
	lane->agents = calloc(machine->ndevices + 1u, sizeof(*lane->agents));
	lane->scratch = malloc(REPLAY_SCRATCH);
	if (!lane->agents || !lane->scratch)
		return -ENOMEM;
	for (uint32_t i = 0; i < machine->ndevices; i++) {
		int err = 0;

		if (is_used(machine, i))
			err = dmp_sim_agent_create(machine->sim, dmp_device_id(machine->devices[i]),
						   &lane->agents[i]);
		if (err)
			return err;
	}
	return 0;
}

static int make_blocks(struct replay_machine *machine)
{
	struct replay_job *job = machine->job;
	int err = 0;

	for (uint32_t i = 0; !err && i < job->nblocks; i++)
		err = dmp_hw_alloc(dmp_sim_hw(machine->sim), DMP_PAGE_BYTES << job->blocks[i].order,
				   &job->blocks[i].buf);
	return err;
}

static int make_parts(const struct replay_opts *opts, const struct replay_route *route,
		      struct replay_machine *machine)
{
	struct replay_job *job = machine->job;
	int err = make_blocks(machine);

	machine->devices = calloc(machine->ndevices + 1u, sizeof(struct dmp_device *));
	machine->domains = calloc(machine->ndevices + 1u, sizeof(struct dmp_domain *));
	if (!machine->devices || !machine->domains)
		err = -ENOMEM;
	if (err) {
		complain("cannot make %llu MiB of buffers: %s",
			 (unsigned long long)(job->memory_bytes >> 20), strerror(-err));
		return err;
	}
	err = make_devices(opts, route, machine);
	if (err)
		return err;
	for (uint32_t i = 0; !err && opts->data && i < job->nlanes; i++)
		err = make_agents(machine, &job->lanes[i]);
	if (err)
		complain("cannot make the devices' side of %u threads: %s", job->nlanes,
			 strerror(-err));
	return err;
}

int replay_machine_create(const struct replay_opts *opts, const struct replay_route *route,
			  struct replay_job *job, struct replay_machine *machine)
{
	int err;

	*machine = (struct replay_machine){.job = job, .ndevices = job->trace->devices.count};
	err = check_memory(opts, route, job);
	if (!err)
		err = make_sim(opts, machine);
	if (err)
		return err;
	err = make_parts(opts, route, machine);
	if (err)
		replay_machine_destroy(machine);
	return err;
}

static void destroy_agents(struct replay_machine *machine, struct replay_lane *lane)
{
	for (uint32_t i = 0; lane->agents && i < machine->ndevices; i++)
		if (lane->agents[i])
			dmp_sim_agent_destroy(lane->agents[i]);
	free(lane->agents);
	free(lane->scratch);
	lane->agents = NULL;
	lane->scratch = NULL;
}

/* Each returns how many steps found something wrong. */
static unsigned destroy_device(struct replay_machine *machine, uint32_t i)
{
	struct dmp_domain *domain = machine->domains[i];
	unsigned wrong = 0;

	if (domain) {
		wrong += dmp_domain_check(domain) != 0;
		wrong += dmp_device_detach(machine->devices[i]) != 0;
	}
	if (machine->devices[i])
		wrong += dmp_device_destroy(machine->devices[i]) != 0;
	if (domain)
		wrong += dmp_domain_destroy(domain) != 0;
	return wrong;
}

static unsigned destroy_blocks(struct replay_machine *machine)
{
	struct replay_job *job = machine->job;
	unsigned wrong = 0;

	for (uint32_t i = 0; i < job->nblocks; i++) {
		if (!job->blocks[i].buf)
			continue;
		wrong += dmp_hw_free(dmp_sim_hw(machine->sim), job->blocks[i].buf,
				     DMP_PAGE_BYTES << job->blocks[i].order) != 0;
		job->blocks[i].buf = NULL;
	}
	return wrong;
}

unsigned replay_machine_destroy(struct replay_machine *machine)
{
	unsigned wrong = 0;

	for (uint32_t i = 0; i < machine->job->nlanes; i++)
		destroy_agents(machine, &machine->job->lanes[i]);
	for (uint32_t i = 0; machine->devices && machine->domains && i < machine->ndevices; i++)
		wrong += destroy_device(machine, i);
	wrong += destroy_blocks(machine);
	free(machine->devices);
	free(machine->domains);
	wrong += dmp_sim_check(machine->sim) != 0;
	wrong += dmp_sim_destroy(machine->sim) != 0;
	return wrong;
}
