// SPDX-License-Identifier: MIT
/*
 * replay_machine.c - a route, and the machine on which it is replayed
 *
 * Picture, made afresh for each run:
 *
 *    simulated machine --- device of the trace --- domain of its own (translated routes)
 *         |         |           |
 *         |         |           an agent for every lane (with data)
 *         |         pool of bounce slots, all devices' (bounce)
 *         blocks of RAM
 *
 * What the ways differ in:
 *
 *    direct   nothing but the device
 *    bounce   every map of a device is copied to the pool, which has the slots and areas that
 *             were asked for; its devices keep the address bits that they kept in the trace
 *    strict   a domain, flushed before an unmap returns
 *    lazy     a domain with the library's default queues.  It notes the time of each unmap if
 *             data is checked; without data the speed of the library is measured
 *
 * RAM ends at 4 GiB unless the trace needs more, so that a device with a 32-bit mask
 * reaches all of it.  Page tables, coherent memory and the blocks share it.
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

const struct replay_route replay_routes[] = {
	{.name = "direct", .way = REPLAY_DIRECT},     {.name = "bounce", .way = REPLAY_BOUNCE},
	{.name = "strict", .way = REPLAY_STRICT},     {.name = "lazy", .way = REPLAY_LAZY},
	{.name = "as-recorded", .as_recorded = true},
};

const unsigned replay_nroutes = sizeof(replay_routes) / sizeof(replay_routes[0]);

const char *replay_way_name(enum replay_way way)
{
	static const char *const names[REPLAY_WAYS] = {"direct", "bounce", "strict", "lazy"};

	return names[way];
}

#define RAM_BYTES (UINT64_C(4) << 30)
#define RAM_UNIT  (UINT64_C(4) << 20)

/* Twice the blocks: coherent memory and page tables come on top, the slots, and holes. */
static uint64_t ram_bytes(const struct replay_opts *opts, const struct replay_job *job)
{
	uint64_t slots = opts->slots * DMP_SWIOTLB_SLOT_BYTES;
	uint64_t wanted = dmp_align_up((job->memory_bytes + slots) * 2, RAM_UNIT);

	return wanted > RAM_BYTES ? wanted : RAM_BYTES;
}

/* What is wrong with a profile the library has said, in one line. */
static int make_sim(const struct replay_opts *opts, struct replay_machine *machine)
{
	int err = dmp_sim_create(
		&DMP_SIM_OPTS(.ram_bytes = ram_bytes(opts, machine->job), .profile = opts->profile),
		&machine->sim);

	if (err && err != -ENOENT && err != -EIO)
		complain("cannot make a simulated machine: %s", strerror(-err));
	return err;
}

/* The library takes half of it if it does not get all: another pool than was asked for. */
static int make_pool(const struct replay_opts *opts, struct replay_machine *machine)
{
	struct dmp_swiotlb_stats stats;
	int err = dmp_swiotlb_create(dmp_sim_hw(machine->sim),
				     &DMP_SWIOTLB_OPTS(.slots = opts->slots, .areas = opts->areas),
				     &machine->tlb);

	if (err)
		return err;
	dmp_swiotlb_get_stats(machine->tlb, &stats, sizeof(stats));
	return stats.slots == opts->slots && stats.areas == opts->areas ? 0 : -ENOMEM;
}

static int make_device(const struct replay_opts *opts, struct replay_machine *machine, uint32_t i)
{
	struct dmp_device_opts device = DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(opts->mask_bits));

	if (machine->tlb) {
		device.flags = DMP_DEVICE_FORCE_BOUNCE;
		device.swiotlb = machine->tlb;
		device.min_align_mask = machine->job->recorded->min_align_masks[i];
	}
	return dmp_device_create(dmp_sim_hw(machine->sim), &device, &machine->devices[i]);
}

static int make_domain(const struct replay_opts *opts, struct replay_machine *machine, uint32_t i)
{
	struct dmp_domain_opts domain = DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_STRICT);
	int err;

	if (machine->way == REPLAY_LAZY) {
		domain.flush = DMP_FLUSH_LAZY;
		domain.flags = opts->data ? DMP_DOMAIN_EXPOSURE : 0;
	}
	err = dmp_domain_create(dmp_sim_hw(machine->sim), &domain, &machine->domains[i]);
	return err ? err : dmp_device_attach(machine->devices[i], machine->domains[i]);
}

static int make_agents(struct replay_machine *machine, struct replay_lane *lane)
{
	lane->agents = calloc(machine->ndevices + 1u, sizeof(*lane->agents));
	lane->scratch = malloc(REPLAY_SCRATCH);
	if (!lane->agents || !lane->scratch)
		return -ENOMEM;
	for (uint32_t i = 0; i < machine->ndevices; i++) {
		int err = dmp_sim_agent_create(machine->sim, dmp_device_id(machine->devices[i]),
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

static int make_parts(const struct replay_opts *opts, struct replay_machine *machine)
{
	struct replay_job *job = machine->job;
	bool translated = replay_way_in(machine->way, REPLAY_TRANSLATED);
	int err = machine->way == REPLAY_BOUNCE ? make_pool(opts, machine) : 0;

	if (!err)
		err = make_blocks(machine);
	machine->devices = calloc(machine->ndevices + 1u, sizeof(struct dmp_device *));
	machine->domains = calloc(machine->ndevices + 1u, sizeof(struct dmp_domain *));
	if (!machine->devices || !machine->domains)
		return -ENOMEM;
	for (uint32_t i = 0; !err && i < machine->ndevices; i++)
		err = make_device(opts, machine, i);
	for (uint32_t i = 0; !err && translated && i < machine->ndevices; i++)
		err = make_domain(opts, machine, i);
	for (uint32_t i = 0; !err && opts->data && i < job->nlanes; i++)
		err = make_agents(machine, &job->lanes[i]);
	return err;
}

int replay_machine_create(const struct replay_opts *opts, enum replay_way way,
			  struct replay_job *job, struct replay_machine *machine)
{
	uint64_t slots = way == REPLAY_BOUNCE ? opts->slots : 0;
	int err;

	*machine = (struct replay_machine){
		.job = job, .ndevices = job->trace->devices.count, .way = way};
	err = make_sim(opts, machine);
	if (err)
		return err;
	err = make_parts(opts, machine);
	if (err) {
		complain("cannot set up a machine with %llu MiB of buffers and %llu bounce slots: "
			 "%s",
			 (unsigned long long)(job->memory_bytes >> 20), (unsigned long long)slots,
			 strerror(-err));
		replay_machine_destroy(machine);
	}
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
	if (machine->tlb) {
		wrong += dmp_swiotlb_check(machine->tlb) != 0;
		wrong += dmp_swiotlb_destroy(machine->tlb) != 0;
	}
	wrong += destroy_blocks(machine);
	free(machine->devices);
	free(machine->domains);
	wrong += dmp_sim_check(machine->sim) != 0;
	wrong += dmp_sim_destroy(machine->sim) != 0;
	return wrong;
}
