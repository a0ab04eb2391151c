/* SPDX-License-Identifier: MIT */
/*
 * test_sim_reach_rig.h - a machine in manual time whose one domain is watched
 *
 * What the watch is told is kept, the latest of each kind.  IOTLB: 16 sets of 2 ways.
 */
#ifndef DMAPOOL_TEST_SIM_REACH_RIG_H
#define DMAPOOL_TEST_SIM_REACH_RIG_H

#include "test_sim_machine.h"

#include <dmapool/harness.h>

#define IOVA GIB(1)

struct told {
	struct dmp_exposure_window window;
	struct dmp_exposure_reuse reuse;
	struct dmp_exposure_stale stale;
	unsigned nended, nreused, nstale;
};

struct reach_rig {
	struct machine *m;
	struct told told;
};

static inline void rig_ended(void *ctx, const struct dmp_exposure_window *window)
{
	struct told *told = ctx;

	told->window = *window;
	told->nended++;
}

static inline void rig_reused(void *ctx, const struct dmp_exposure_reuse *reuse)
{
	struct told *told = ctx;

	told->reuse = *reuse;
	told->nreused++;
}

static inline void rig_stale(void *ctx, const struct dmp_exposure_stale *stale)
{
	struct told *told = ctx;

	told->stale = *stale;
	told->nstale++;
}

static const struct dmp_exposure_watch rig_watch = {
	.size = sizeof(rig_watch),
	.ended = rig_ended,
	.reused = rig_reused,
	.stale = rig_stale,
};

static inline void rig_up(struct reach_rig *rig, const struct dmp_sim_opts *opts)
{
	*rig = (struct reach_rig){0};
	assert_int_equal(dmp_harness_enter(2), 0);
	rig->m = machine_create(opts);
	machine_add_all(rig->m);
	assert_int_equal(sim_exposure_start(rig->m->sim, rig->m->dom, &rig_watch, &rig->told), 0);
}

static inline void rig_down(struct reach_rig *rig)
{
	machine_destroy(rig->m);
	assert_int_equal(dmp_harness_leave(), 0);
}

static inline int rig_setup_with(void **state, const struct dmp_sim_opts *opts)
{
	static struct reach_rig rig;

	rig_up(&rig, opts);
	*state = &rig;
	return 0;
}

static inline int rig_setup(void **state)
{
	return rig_setup_with(state, &DMP_SIM_OPTS(.iotlb_sets = 16, .iotlb_ways = 2));
}

static inline int rig_setup_ats(void **state)
{
	return rig_setup_with(state, &DMP_SIM_OPTS(.iotlb_sets = 16, .iotlb_ways = 2,
						   .devtlb_sets = 4, .devtlb_ways = 2));
}

static inline int rig_teardown(void **state)
{
	rig_down(*state);
	return 0;
}

static inline int rig_read(struct reach_rig *rig, dmp_iova_t iova)
{
	unsigned char byte;

	return dmp_sim_agent_read(rig->m->agent, iova, &byte, 1);
}

static inline struct dmp_exposure_seen rig_seen(struct reach_rig *rig)
{
	struct dmp_exposure_seen seen;

	assert_int_equal(sim_exposure_get(rig->m->sim, rig->m->dom, &seen), 0);
	return seen;
}

/* Out of the tables; no flush. */
static inline void rig_unmap(struct reach_rig *rig, dmp_iova_t iova, uint64_t page_bytes,
			     uint64_t npages)
{
	struct dmp_gather gather = EMPTY_GATHER;

	assert_int_equal(machine_unmap(rig->m, iova, page_bytes, npages, &gather),
			 page_bytes * npages);
	assert_null(gather.tables);
}

/* A page that was mapped, read by the device, and unmapped. */
static inline dmp_phys_t rig_leave_open(struct reach_rig *rig, dmp_iova_t iova)
{
	dmp_phys_t phys = machine_ram(rig->m, 0, NULL);

	assert_int_equal(machine_map(rig->m, iova, phys, PAGE, 1, RW), 0);
	assert_int_equal(rig_read(rig, iova), 0);
	rig_unmap(rig, iova, PAGE, 1);
	return phys;
}

static inline void rig_flush(struct reach_rig *rig)
{
	assert_int_equal(rig->m->ops->flush_domain(rig->m->sim, rig->m->dom), 0);
}

static inline void rig_free(struct reach_rig *rig, dmp_phys_t phys, unsigned order)
{
	rig->m->ops->mem_free(rig->m->sim, phys, order);
}

#endif
