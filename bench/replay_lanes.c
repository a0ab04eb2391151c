// SPDX-License-Identifier: MIT
/*
 * replay_lanes.c - who does which step, and whose turn comes when
 *
 * Picture: file order, dealt out to the recorded CPUs.  Each step carries how many steps
 * of its mapping come before it:
 *
 *    file     MAP a   MAP b   SYNC a  UNMAP a  UNMAP b
 *    on CPU     0       1       1        0        1
 *
 *    lane 0   MAP a/0                 UNMAP a/2
 *    lane 1           MAP b/0 SYNC a/1         UNMAP b/1
 *
 * A step waits until its mapping has done as many steps as it says: one counter a mapping
 * keeps an unmap behind its map, a sync between the two, and two CPUs from touching one
 * mapping at once.
 *
 * Invariants:
 *  L1  a lane's steps are in file order;
 *  L2  the turns of a mapping are 0, 1, 2, ... in file order.
 *
 * No replay waits for ever: a step waits only for steps that are earlier in the file
 * (those of its mapping, L2, and of the mapping that had the same memory before,
 * replay_place.c).  Of the steps not yet done the first one in the file therefore waits for
 * nothing, and by L1 its thread has nothing else to do first.  A map that fails takes its
 * turn like one that succeeds.
 *
 * With one thread all steps are in one lane, in file order, and nothing ever waits.
 */
#include "replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CPUS (UINT16_MAX + 1u)

static uint16_t cpu_of(const struct replay_job *job, uint32_t plan_step, bool serial)
{
	return serial ? 0 : job->trace->events[job->plan->steps[plan_step].event].cpu;
}

static uint32_t map_attrs(uint32_t attrs)
{
	return (attrs & TRACE_ATTR_SKIP_CPU_SYNC ? DMP_ATTR_SKIP_SYNC : 0) |
	       (attrs & TRACE_ATTR_NO_WARN ? DMP_ATTR_NO_WARN : 0);
}

/* A sync of a list gives several steps of one event, next to each other. */
static bool starts_call(const struct trace_plan *plan, uint32_t i)
{
	return i == 0 || plan->steps[i].event != plan->steps[i - 1].event;
}

/* Allocated memory is coherent here: nothing to sync. */
static bool is_replayed(const struct trace_plan *plan, uint32_t i)
{
	const struct trace_step *step = &plan->steps[i];

	if (plan->mappings[step->mapping].len > REPLAY_LEN_MAX)
		return false;
	return step->op == TRACE_OP_MAP || step->op == TRACE_OP_UNMAP ||
	       !replay_is_alloc(plan->mappings[step->mapping].shape);
}

/* How many steps each CPU has: the lanes, without steps yet. */
static int count_lanes(struct replay_job *job, bool serial, uint32_t *lane_of)
{
	for (uint32_t i = 0; i < job->plan->nsteps; i++)
		if (is_replayed(job->plan, i))
			lane_of[cpu_of(job, i, serial)]++;
	for (uint32_t cpu = 0; cpu < CPUS; cpu++)
		job->nlanes += lane_of[cpu] != 0;
	job->lanes = aligned_alloc(_Alignof(struct replay_lane),
				   (job->nlanes + 1u) * sizeof(*job->lanes));
	if (!job->lanes)
		return -ENOMEM;
	memset(job->lanes, 0, job->nlanes * sizeof(*job->lanes));
	return 0;
}

/* Lane i starts behind lane i - 1 in the one array; lane_of[] becomes a lane's number. */
static void lay_lanes(struct replay_job *job, uint32_t *lane_of)
{
	struct replay_step *at = job->steps;
	uint32_t n = 0;

	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		if (lane_of[cpu] == 0)
			continue;
		job->lanes[n].cpu = (uint16_t)cpu;
		job->lanes[n].steps = at;
		at += lane_of[cpu];
		lane_of[cpu] = n++;
	}
}

/* L1, L2 */
static void deal(struct replay_job *job, uint32_t i, struct replay_lane *lane)
{
	const struct trace_step *from = &job->plan->steps[i];
	struct replay_mapping *m = &job->mappings[from->mapping];

	lane->steps[lane->nsteps++] = (struct replay_step){
		.mapping = from->mapping,
		.turn = m->nsteps++,
		.plan_step = i,
		.op = from->op,
		.attrs = (uint8_t)map_attrs(job->trace->events[from->event].attrs),
		.starts_call = starts_call(job->plan, i),
	};
}

static enum dmp_dir dma_dir(uint8_t dir)
{
	switch (dir) {
	case TRACE_TO_DEVICE: return DMP_TO_DEVICE;
	case TRACE_FROM_DEVICE: return DMP_FROM_DEVICE;
	default: return DMP_BIDIRECTIONAL;
	}
}

static void count_too_long(struct replay_job *job, const struct trace_mapping *m)
{
	if (m->len <= REPLAY_LEN_MAX)
		return;
	if (job->too_long.count++ == 0)
		job->too_long.first_line = job->trace->events[m->map_event].line;
}

static int make_mappings(struct replay_job *job)
{
	size_t bytes = (job->plan->nmappings + 1u) * sizeof(*job->mappings);

	job->mappings = aligned_alloc(_Alignof(struct replay_mapping), bytes);
	if (!job->mappings)
		return -ENOMEM;
	for (uint32_t i = 0; i < job->plan->nmappings; i++) {
		const struct trace_mapping *from = &job->plan->mappings[i];

		count_too_long(job, from);
		job->mappings[i] = (struct replay_mapping){
			.before = TRACE_NONE,
			.dev = from->dev,
			.len = from->len,
			.shape = from->shape,
			.dir = (uint8_t)dma_dir(from->dir),
			.map_attrs = (uint8_t)map_attrs(from->attrs),
		};
	}
	return 0;
}

int replay_lanes_make(struct replay_job *job, bool serial)
{
	uint32_t *lane_of = calloc(CPUS, sizeof(*lane_of));
	int err;

	job->steps = calloc(job->plan->nsteps + 1u, sizeof(*job->steps));
	err = !lane_of || !job->steps ? -ENOMEM : make_mappings(job);
	if (!err)
		err = count_lanes(job, serial, lane_of);
	if (!err)
		lay_lanes(job, lane_of);
	for (uint32_t i = 0; !err && i < job->plan->nsteps; i++) {
		if (!is_replayed(job->plan, i))
			continue;
		deal(job, i, &job->lanes[lane_of[cpu_of(job, i, serial)]]);
		job->nevents += starts_call(job->plan, i);
	}
	free(lane_of);
	return err;
}

void replay_lanes_free(struct replay_job *job)
{
	free(job->lanes);
	free(job->steps);
	free(job->mappings);
}
