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
 *    lazy...  a domain with queues, the library's own if no others were asked for.  It notes
 *             the time of each unmap if data is checked; without data the speed of the library
 *             is measured.  On reuse its IOVAs come from the policy bitmap
 *    guest    as strict
 *    pass-    an identity domain, so that addresses are as on the direct route
 *    through
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
	{.name = "direct", .way = REPLAY_DIRECT},
	{.name = "bounce", .way = REPLAY_BOUNCE},
	{.name = "strict", .way = REPLAY_STRICT},
	{.name = "lazy", .way = REPLAY_LAZY},
	{.name = "lazy-single", .way = REPLAY_LAZY_SINGLE},
	{.name = "on-reuse", .way = REPLAY_ON_REUSE},
	{.name = "manual", .way = REPLAY_MANUAL},
	{.name = "guest", .way = REPLAY_GUEST},
	{.name = "passthrough", .way = REPLAY_PASSTHROUGH},
	{.name = "as-recorded", .as_recorded = true},
};

const unsigned replay_nroutes = sizeof(replay_routes) / sizeof(replay_routes[0]);

const char *replay_way_name(enum replay_way way)
{
	static const char *const names[REPLAY_WAYS] = {"direct", "bounce",      "strict",
						       "lazy",   "lazy-single", "on-reuse",
						       "manual", "guest",       "passthrough"};

	return names[way];
}

#define RAM_UNIT (UINT64_C(1) << 30)
/* Besides the blocks: 1/16 for page tables and holes, and what a small trace needs. */
#define SLACK    (UINT64_C(128) << 20)

/* Rings are allocated in powers of two pages. */
static uint64_t coherent_bytes(const struct trace_plan *plan)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < plan->ndevices; i++)
		sum += 2 * plan->devices[i].peak_alloc_bytes +
		       DMP_PAGE_BYTES * plan->devices[i].peak_allocs;
	return sum;
}

static uint64_t wanted_bytes(const struct replay_opts *opts, enum replay_way way,
			     const struct replay_job *job)
{
	uint64_t wanted = job->memory_bytes + job->memory_bytes / 16 + coherent_bytes(job->plan) +
			  SLACK;

	return way == REPLAY_BOUNCE ? wanted + opts->slots * DMP_SWIOTLB_SLOT_BYTES : wanted;
}

static uint64_t ram_bytes(uint64_t wanted)
{
	return wanted > REPLAY_RAM_BYTES ? REPLAY_RAM_BYTES + dmp_align_up(wanted, RAM_UNIT)
					 : REPLAY_RAM_BYTES;
}

static unsigned long long gib_up(uint64_t bytes)
{
	return (bytes + RAM_UNIT - 1) / RAM_UNIT;
}

/* What this machine has, or the device can reach, may be less than the trace needs. */
static int check_memory(const struct replay_opts *opts, enum replay_way way,
			const struct replay_job *job)
{
	uint64_t there = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t wanted = wanted_bytes(opts, way, job);

	if (opts->data && job->memory_bytes > there) {
		complain("the buffers need %llu GiB and this computer has %llu; use --no-data",
			 gib_up(job->memory_bytes), (unsigned long long)(there / RAM_UNIT));
		return -ENOMEM;
	}
	if (replay_way_in(way, REPLAY_UNCHANGED) && wanted > REPLAY_RAM_BYTES &&
	    ram_bytes(wanted) - 1 > DMP_MASK(opts->mask_bits)) {
		complain("route %s needs %llu GiB, more than a %u-bit device reaches; use "
			 "--mask 64 or another route",
			 replay_way_name(way), gib_up(wanted), opts->mask_bits);
		return -ERANGE;
	}
	return 0;
}

/* What is wrong with a profile the library has said, in one line. */
static int make_sim(const struct replay_opts *opts, struct replay_machine *machine)
{
	uint64_t bytes = ram_bytes(wanted_bytes(opts, machine->way, machine->job));
	int err = dmp_sim_create(&DMP_SIM_OPTS(.ram_bytes = bytes, .profile = opts->profile,
					       .flags = opts->sim_flags),
				 &machine->sim);

	if (err && err != -ENOENT && err != -EIO)
		complain("cannot make a simulated machine: %s", strerror(-err));
	return err;
}

/* The library takes half of it if it does not get all: another pool than was asked for. */
static int try_pool(const struct replay_opts *opts, struct replay_machine *machine)
{
	struct dmp_swiotlb_stats stats;
	int err = dmp_swiotlb_create(dmp_sim_hw(machine->sim),
				     &DMP_SWIOTLB_OPTS(.slots = opts->slots, .areas = opts->areas,
						       .flags = opts->grow ? DMP_SWIOTLB_GROWS : 0),
				     &machine->tlb);

	if (err)
		return err;
	dmp_swiotlb_get_stats(machine->tlb, &stats, sizeof(stats));
	return stats.slots == opts->slots && stats.areas == opts->areas ? 0 : -ENOMEM;
}

static int make_pool(const struct replay_opts *opts, struct replay_machine *machine)
{
	int err = try_pool(opts, machine);

	if (err)
		complain("no room for %llu bounce slots in %u areas: %s; use a smaller --slots",
			 (unsigned long long)opts->slots, (unsigned)opts->areas, strerror(-err));
	return err;
}

/* A device of the trace that asked for something: others have no part in the replay. */
static bool is_used(const struct replay_machine *machine, uint32_t i)
{
	const struct trace_device_facts *facts = &machine->job->plan->devices[i];

	return facts->maps || facts->allocs;
}

static int make_domain(const struct replay_opts *opts, struct replay_machine *machine, uint32_t i)
{
	struct dmp_domain_opts domain = DMP_DOMAIN_OPTS(.flags = 0);
	int err;

	replay_flush_apply(machine->way, &opts->flush[machine->way], &domain);
	if (replay_way_in(machine->way, opts->exposure ? REPLAY_TRANSLATED
					: opts->data   ? REPLAY_QUEUED
						       : 0))
		domain.flags |= DMP_DOMAIN_EXPOSURE;
	if (opts->neighbours)
		domain.flags |= DMP_DOMAIN_NEIGHBOURS;
	if (opts->shape)
		opts->shape(opts->shape_ctx, i, &domain);
	err = dmp_domain_create(dmp_sim_hw(machine->sim), &domain, &machine->domains[i]);
	if (!err)
		err = dmp_device_attach(machine->devices[i], machine->domains[i]);
	/* Without memory for its queues a lazy domain is a strict one: another route. */
	if (!err && dmp_domain_get_flush(machine->domains[i]) != domain.flush)
		err = -ENOMEM;
	return err;
}

static int make_device(const struct replay_opts *opts, struct replay_machine *machine, uint32_t i)
{
	struct dmp_device_opts device = DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(opts->mask_bits));
	int err;

	if (machine->tlb) {
		device.flags = DMP_DEVICE_FORCE_BOUNCE;
		device.swiotlb = machine->tlb;
		device.min_align_mask = machine->job->recorded->min_align_masks[i];
	}
	err = dmp_device_create(dmp_sim_hw(machine->sim), &device, &machine->devices[i]);
	if (!err && replay_way_in(machine->way, REPLAY_TRANSLATED | 1u << REPLAY_PASSTHROUGH))
		err = make_domain(opts, machine, i);
	return err;
}

static int make_devices(const struct replay_opts *opts, struct replay_machine *machine)
{
	unsigned made = 0;

	for (uint32_t i = 0; i < machine->ndevices; i++) {
		int err = is_used(machine, i) ? make_device(opts, machine, i) : 0;

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
	if (err)
		complain("cannot make %llu MiB of buffers: %s",
			 (unsigned long long)(job->memory_bytes >> 20), strerror(-err));
	return err;
}

static int make_parts(const struct replay_opts *opts, struct replay_machine *machine)
{
	struct replay_job *job = machine->job;
	int err = machine->way == REPLAY_BOUNCE ? make_pool(opts, machine) : 0;

	if (!err)
		err = make_blocks(machine);
	if (err)
		return err;
	machine->devices = calloc(machine->ndevices + 1u, sizeof(struct dmp_device *));
	machine->domains = calloc(machine->ndevices + 1u, sizeof(struct dmp_domain *));
	if (!machine->devices || !machine->domains) {
		complain("no memory for %u devices", machine->ndevices);
		return -ENOMEM;
	}
	err = make_devices(opts, machine);
	if (err)
		return err;
	for (uint32_t i = 0; !err && opts->data && i < job->nlanes; i++)
		err = make_agents(machine, &job->lanes[i]);
	if (err)
		complain("cannot make the devices' side of %u threads: %s", job->nlanes,
			 strerror(-err));
	return err;
}

int replay_machine_create(const struct replay_opts *opts, enum replay_way way,
			  struct replay_job *job, struct replay_machine *machine)
{
	int err;

	*machine = (struct replay_machine){
		.job = job, .ndevices = job->trace->devices.count, .way = way};
	err = check_memory(opts, way, job);
	if (!err)
		err = make_sim(opts, machine);
	if (err)
		return err;
	err = make_parts(opts, machine);
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
