// SPDX-License-Identifier: MIT
/*
 * conform_pools.c - how pools and devices of the bounce vectors come, and pools go; whole pages
 *
 *   vectors                          here
 *   pool SLOTS AREAS BASE ... FAILS  dmp_harness_enter(), dmp_swiotlb_create(), which gets BASE
 *   latepool BYTES BASE              the same, DMP_SWIOTLB_LATE, from blocks of 4 MiB at most
 *   restricted K BASE SLOTS          dmp_swiotlb_create_restricted()
 *   dev I mem=K mask= bus= ...       a struct dmp_swiotlb_limits and a dmp_swiotlb_device; for
 *                                    conform_direct.c a struct dmp_device_opts
 *   lookup DEV ADDR                  dmp_swiotlb_device_owns()
 *   work, rcu                        dmp_harness_run_pending(), dmp_harness_grace_period()
 *   palloc, pfree                    dmp_swiotlb_alloc_pages(), dmp_swiotlb_free_pages()
 *
 * CPU numbers of the vectors go beyond the number of CPUs, as only their low bits matter.
 * Where the file chooses the areas, there are therefore as many CPUs as there can be; where
 * it leaves them to the library, as many as the file has.
 *
 * The file numbers the pools of all allocators in one row, each allocator has a row of its
 * own; every new pool shows in an answer, so the first time is when it gets its number.
 *
 * Uses the public calls alone.
 */
#include "conform_swiotlb.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

#include <errno.h>
#include <inttypes.h>

/* Of blocks: the largest one of a running machine, and more than any boot pool has. */
#define LATE_ORDER 10u
#define BOOT_ORDER 40u

unsigned conform_pools_id(struct conform_bounce *bounce, struct dmp_swiotlb *tlb, unsigned number)
{
	struct bounce_pool *pool = bounce->pools + bounce->npools;

	while (pool-- > bounce->pools)
		if (pool->tlb == tlb && pool->number == number)
			return (unsigned)(pool - bounce->pools);
	if (bounce->npools == POOLS)
		return POOLS;
	bounce->pools[bounce->npools] = (struct bounce_pool){tlb, number};
	return bounce->npools++;
}

const struct bounce_pool *conform_pools_of(const struct conform_bounce *bounce, uint64_t id)
{
	return id < bounce->npools ? &bounce->pools[id] : NULL;
}

int conform_pools_become(struct conform_bounce *bounce)
{
	return bounce->is_manual ? dmp_harness_become(bounce->cpu % dmp_cpu_limit()) : 0;
}

/* The machine, in manual mode with @ncpus, from the first allocator on. */
static int get_machine(struct conform_bounce *bounce, unsigned ncpus, struct dmp_hw **hw)
{
	int err = bounce->is_manual ? 0 : dmp_harness_enter(ncpus);

	if (err)
		return err;
	bounce->is_manual = true;
	return conform_machine_adopt(bounce->machine, hw);
}

static uint32_t flags_of(const uint64_t *word)
{
	return (bounce_has_letter(word, 'a') ? DMP_SWIOTLB_ANY : 0) |
	       (bounce_has_letter(word, 'g') ? DMP_SWIOTLB_GROWS : 0) |
	       (bounce_has_letter(word, 'F') ? DMP_SWIOTLB_FORCE_BOUNCE : 0);
}

/* Slots, areas, slots an area, and what growth asks for. */
static void say_pool(struct conform_bounce *bounce, int err, char *got)
{
	struct dmp_swiotlb_stats stats = {0};
	struct dmp_swiotlb_pool_view pool;

	if (!err)
		err = dmp_swiotlb_inspect_pool(bounce->tlbs[0], 0, &pool);
	if (!err)
		err = dmp_swiotlb_get_stats(bounce->tlbs[0], &stats, sizeof(stats));
	if (!err)
		conform_pools_id(bounce, bounce->tlbs[0], 0);
	if (err == -ENOMEM)
		conform_say(got, "fail");
	else if (err)
		conform_say_ok(got, err);
	else
		conform_say(got, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, pool.slots,
			    pool.areas, pool.area_slots, stats.grow_slots);
}

static int create(struct conform_bounce *bounce, const struct dmp_swiotlb_opts *opts)
{
	struct dmp_hw *hw;
	int err = bounce->tlbs[0]
			  ? -EBUSY
			  : get_machine(bounce, opts->areas ? DMP_CPU_MAX : bounce->ncpus, &hw);

	if (!err)
		err = dmp_swiotlb_create(hw, opts, &bounce->tlbs[0]);
	return err ? err : conform_pools_become(bounce);
}

void conform_pools_pool(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct dmp_swiotlb_opts opts = DMP_SWIOTLB_OPTS(.slots = line->arg[0],
							.areas = line->arg[1],
							.flags = flags_of(&line->arg[3]));

	conform_machine_answer(bounce->machine, line->arg[2], line->arg[4], BOOT_ORDER);
	say_pool(bounce, create(bounce, &opts), got);
}

void conform_pools_latepool(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct dmp_swiotlb_opts opts =
		DMP_SWIOTLB_OPTS(.slots = line->arg[0] / DMP_SWIOTLB_SLOT_BYTES,
				 .flags = flags_of(&line->arg[2]) | DMP_SWIOTLB_LATE);

	conform_machine_answer(bounce->machine, line->arg[1], 0, LATE_ORDER);
	say_pool(bounce, create(bounce, &opts), got);
}

/* Allocator @number over @len bytes of the machine's memory from @phys on. */
static int make_restricted(struct conform_bounce *bounce, uint64_t number, dmp_phys_t phys,
			   uint64_t len)
{
	struct dmp_hw *hw;
	int err = number < ALLOCATORS && !bounce->tlbs[number] ? 0 : -EINVAL;

	if (!err)
		err = conform_machine_add_ram(bounce->machine, phys, len);
	if (!err)
		err = get_machine(bounce, bounce->ncpus, &hw);
	return err ? err : dmp_swiotlb_create_restricted(hw, phys, len, &bounce->tlbs[number]);
}

void conform_pools_restricted(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	uint64_t number = line->arg[0], len = line->arg[2] * DMP_SWIOTLB_SLOT_BYTES;
	struct dmp_swiotlb_pool_view pool;
	int err;

	conform_machine_answer(bounce->machine, 0, 0, 0);
	err = make_restricted(bounce, number, line->arg[1], len);
	if (!err)
		err = dmp_swiotlb_inspect_pool(bounce->tlbs[number], 0, &pool);
	if (err)
		conform_say_ok(got, err);
	else
		conform_say(got, "%u %" PRIu64 " %" PRIu64 " %" PRIu64,
			    conform_pools_id(bounce, bounce->tlbs[number], 0), pool.slots,
			    pool.areas, pool.area_slots);
}

/* The smaller of the two that is not 0. */
static uint64_t reach_of(uint64_t mask, uint64_t bus)
{
	return bus && bus < mask ? bus : mask;
}

/* A new one, which has not bounced. */
static int renew_device(struct conform_bounce *bounce, struct bounce_device *dev)
{
	struct dmp_swiotlb_device **state = &dev->limits.device;
	int err = *state ? dmp_swiotlb_device_destroy(*state) : 0;

	*state = NULL;
	if (!err)
		err = conform_direct_drop(dev);
	if (!err && bounce_tlb(bounce, dev))
		err = dmp_swiotlb_device_create(bounce_tlb(bounce, dev), state);
	return err;
}

void conform_pools_dev(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct bounce_device *dev = &bounce->devices[line->arg[0] % DEVICES];

	if (line->arg[0] >= DEVICES || line->arg[1] >= ALLOCATORS) {
		conform_say_ok(got, -EINVAL);
		return;
	}
	dev->allocator = (unsigned)line->arg[1];
	/* Of mask and bus limit the smaller counts; a mask of the DMA API is 2^k - 1. */
	dev->opts = DMP_DEVICE_OPTS(.bus_limit = reach_of(line->arg[2], line->arg[3]),
				    .min_align_mask = line->arg[4],
				    .segment_boundary = line->arg[5], .range_phys = line->arg[7],
				    .range_addr = line->arg[8], .range_len = line->arg[9]);
	dev->limits = DMP_SWIOTLB_LIMITS(.flags = line->arg[6] ? DMP_SWIOTLB_NEEDS_SHARED : 0,
					 .min_align_mask = line->arg[4],
					 .boundary_mask = line->arg[5],
					 .addr_offset = line->arg[8] - line->arg[7],
					 .transient_limit = reach_of(line->arg[2], line->arg[3]),
					 .device = dev->limits.device);
	conform_say_ok(got, renew_device(bounce, dev));
}

/* Which of the allocator's pools has @phys?  They do not lie in each other. */
static bool find_pool(struct conform_bounce *bounce, struct dmp_swiotlb *tlb, dmp_phys_t phys,
		      unsigned *id)
{
	struct dmp_swiotlb_pool_view view;

	for (*id = bounce->npools; (*id)-- > 0;)
		if (bounce->pools[*id].tlb == tlb &&
		    !dmp_swiotlb_inspect_pool(tlb, bounce->pools[*id].number, &view) &&
		    phys - view.phys < view.slots * DMP_SWIOTLB_SLOT_BYTES)
			return true;
	return false;
}

void conform_pools_lookup(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct bounce_device *dev = &bounce->devices[line->arg[0] % DEVICES];
	unsigned id;

	if (line->arg[0] >= DEVICES)
		conform_say_ok(got, -EINVAL);
	else if (dmp_swiotlb_device_owns(dev->limits.device, line->arg[1]) &&
		 find_pool(bounce, bounce_tlb(bounce, dev), line->arg[1], &id))
		conform_say(got, "%u", id);
	else
		conform_say(got, "none");
}

static struct dmp_swiotlb_stats stats_of(struct conform_bounce *bounce)
{
	struct dmp_swiotlb_stats stats = {0};

	dmp_swiotlb_get_stats(bounce->tlbs[0], &stats, sizeof(stats));
	return stats;
}

/* The newest pool of the default allocator. */
static void say_grown(struct conform_bounce *bounce, char *got)
{
	struct dmp_swiotlb_pool_view view;
	unsigned number = POOLS;

	while (number && dmp_swiotlb_inspect_pool(bounce->tlbs[0], number - 1, &view))
		number--;
	conform_say(got, "%u %" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
		    conform_pools_id(bounce, bounce->tlbs[0], number - 1), view.phys, view.slots,
		    view.areas, view.area_slots);
}

void conform_pools_work(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct dmp_swiotlb_stats before = stats_of(bounce);

	(void)line;
	dmp_harness_run_pending();
	if (stats_of(bounce).grown > before.grown)
		say_grown(bounce, got);
	else
		conform_say(got, before.growth_pending ? "fail" : "idle");
}

void conform_pools_rcu(void *run, const struct conform_line *line, char *got)
{
	(void)run;
	(void)line;
	conform_say(got, "%" PRIu64, dmp_harness_grace_period());
}

void conform_pools_palloc(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct handle *handle = bounce_handle(bounce, line);
	struct bounce_device *dev = &bounce->devices[line->arg[1] % DEVICES];
	int err;

	if (!handle || handle->is_live || line->arg[1] >= DEVICES) {
		conform_say_ok(got, -EINVAL);
		return;
	}
	err = dmp_swiotlb_alloc_pages(bounce_tlb(bounce, dev), &dev->limits, line->arg[2],
				      &handle->phys);
	handle->len = line->arg[2];
	handle->dir = DMP_TO_DEVICE; /* nothing is ever copied */
	if (!err)
		conform_bounce_mapped(bounce, handle, bounce_tlb(bounce, dev), got);
	else if (err == -ENOSPC || err == -ERANGE)
		conform_say(got, "fail");
	else
		conform_say_ok(got, err);
}

void conform_pools_pfree(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct handle *handle = bounce_live_handle(bounce, line);
	int err = handle ? dmp_swiotlb_free_pages(handle->tlb, handle->phys, line->arg[1])
			 : -ENOENT;

	if (!err)
		handle->is_live = false;
	conform_say_ok(got, err);
}
