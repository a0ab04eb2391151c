/* SPDX-License-Identifier: MIT */
/*
 * test_replay_rig.h - a few lines of a trace, prepared, with a machine to replay them on
 *
 *   struct rig rig;
 *   rig_up(&rig, MAP(0, 01, "TO_DEVICE", 1000, 5100, 256) UNMAP(...), &RIG(.route = STRICT));
 *   rig_do(&rig, 0);    the first step, on the test's own thread
 *   ...
 *   rig_down(&rig);     unmaps the rest; nothing may be broken or left
 *
 * Without threads the steps are those of one lane, in file order.
 */
#ifndef DMAPOOL_TEST_REPLAY_RIG_H
#define DMAPOOL_TEST_REPLAY_RIG_H

#include "test_trace_files.h"

#include "replay.h"

#include <dmapool/port.h>

/* A call of the DMA API; @dir as the kernel prints it, addresses hexadecimal. */
#define CALL(cpu, us, call, dir, addr, size, rest)                                                 \
	ON(cpu, us, call ": " NVME "dir=" dir " dma_addr=" #addr " size=" #size rest " attrs=")
#define MAP(cpu, us, dir, addr, phys, size)                                                        \
	CALL(cpu, us, "dma_map_page", dir, addr, size, " phys_addr=" #phys)
#define UNMAP(cpu, us, dir, addr, size) CALL(cpu, us, "dma_unmap_page", dir, addr, size, "")
#define SYNC_CPU(cpu, us, dir, addr, size)                                                         \
	ON(cpu, us, "dma_sync_single_for_cpu: " NVME "dir=" dir " dma_addr=" #addr " size=" #size)
#define SYNC_DEVICE(cpu, us, dir, addr, size)                                                      \
	ON(cpu, us,                                                                                \
	   "dma_sync_single_for_device: " NVME "dir=" dir " dma_addr=" #addr " size=" #size)
#define COHERENT(us, call, addr, size)                                                             \
	CALL(0, us, call, "BIDIRECTIONAL", addr, size, " virt_addr=000000001 flags=GFP_KERNEL")

/* Two pieces that are not neighbours, the first of a whole page; merged by the IOMMU. */
#define LIST_PHYS "phys_addrs={0x5000,0x9000}"
#define MAP_SG(cpu, us, dir)                                                                       \
	ON(cpu, us, "map: IOMMU: iova=0x10000 - 0x11000 paddr=0x5000 size=4096")                   \
	ON(cpu, us, "map: IOMMU: iova=0x11000 - 0x12000 paddr=0x9000 size=4096")                   \
	ON(cpu, us,                                                                                \
	   "dma_map_sg: " NVME "dir=" dir " nents=2/2 ents=1/1 dma_addrs={0x10000} "               \
	   "sizes={0x1200} " LIST_PHYS " attrs=")
#define UNMAP_SG(cpu, us, dir) ON(cpu, us, "dma_unmap_sg: " NVME "dir=" dir " " LIST_PHYS " attrs=")

/* The ways of replay.h, in order: those from STRICT on are translated. */
enum rig_route { DIRECT, BOUNCE, STRICT, LAZY };
#define EVERY_ROUTE(route) (enum rig_route route = DIRECT; route <= LAZY; route++)

struct rig_want {
	enum rig_route route;
	bool threads; /* a lane for every CPU */
	bool no_data;
	bool exposure;
	uint64_t slots;      /* of the bounce pool; 0: 1024 */
	bool grow;           /* the pool does */
	const char *profile; /* NULL: free */
};
#define RIG(...) ((struct rig_want){__VA_ARGS__})

struct rig {
	struct matched m;
	struct replay_opts opts;
	struct replay_recorded recorded;
	struct replay_job job;
	struct replay_machine machine;
	struct replay_run run;
	uint64_t meta_before;
};

/* Prepared, without a machine. */
static inline void rig_prepare(struct rig *rig, const char *text, const struct rig_want *want)
{
	memset(rig, 0, sizeof(*rig));
	rig->m = MATCH(text);
	rig->opts = (struct replay_opts){.serial = !want->threads,
					 .data = !want->no_data,
					 .exposure = want->exposure,
					 .repeat = 1,
					 .mask_bits = 32,
					 .profile = want->profile ? want->profile : "free",
					 .slots = want->slots ? want->slots : 1024,
					 .areas = 1,
					 .grow = want->grow};
	rig->job = (struct replay_job){
		.trace = rig->m.trace, .plan = rig->m.plan, .recorded = &rig->recorded};
	assert_int_equal(
		replay_recorded_find(rig->m.trace, rig->m.plan, REPLAY_LAZY, &rig->recorded), 0);
	assert_int_equal(replay_lanes_make(&rig->job, rig->opts.serial), 0);
	assert_int_equal(replay_place_make(&rig->job), 0);
}

static inline void rig_discard(struct rig *rig)
{
	replay_place_free(&rig->job);
	replay_lanes_free(&rig->job);
	replay_recorded_free(&rig->recorded);
	free_matched(&rig->m);
}

static inline void rig_up(struct rig *rig, const char *text, const struct rig_want *want)
{
	uint64_t meta_before = dmp_meta_in_use();

	rig_prepare(rig, text, want);
	rig->meta_before = meta_before;
	assert_int_equal(replay_machine_create(&rig->opts, (enum replay_way)want->route, &rig->job,
					       &rig->machine),
			 0);
	assert_int_equal(replay_place_reset(&rig->machine), 0);
	rig->run.job = &rig->job;
	rig->run.machine = &rig->machine;
	rig->run.data = rig->opts.data;
}

static inline void rig_do(struct rig *rig, uint32_t step)
{
	assert_true(step < rig->job.lanes[0].nsteps);
	replay_step_do(&rig->run, &rig->job.lanes[0], &rig->job.lanes[0].steps[step]);
}

static inline struct replay_counts *rig_counts(struct rig *rig)
{
	return &rig->job.lanes[0].counts;
}

static inline void rig_down(struct rig *rig)
{
	replay_step_tidy(&rig->run, &rig->job.lanes[0]);
	assert_int_equal(replay_machine_destroy(&rig->machine), 0);
	rig_discard(rig);
	assert_int_equal(dmp_meta_in_use(), rig->meta_before);
}

#endif
