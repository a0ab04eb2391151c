// SPDX-License-Identifier: MIT
/*
 * replay_step.c - one step of a mapping: which calls of the library it is
 *
 *    shape            map                       sync, each part      unmap
 *    page, resource   dmp_dma_map               dmp_dma_sync_for_*   dmp_dma_unmap
 *    sg, and pieces   dmp_dma_map_sg            dmp_dma_sync_for_*   dmp_dma_unmap_sg
 *    coherent, pages, dmp_dma_alloc_coherent    -                    dmp_dma_free_coherent
 *    sgt
 *
 * A range of a list that a sync names is cut at the segments that the library answered.
 *
 * A call that fails is counted, the first one with its line.  After a map that failed,
 * the mapping's other steps are counted as not done.
 *
 * A map for which there is no room now (-ENOSPC: the pool of slots is full) has not failed
 * yet.  A driver tries again later, and so does the replay, whenever a step of the mapping
 * comes up:
 *
 *    MAP          SYNC              UNMAP               end of the run
 *    no room ---> no room,          mapped late, ---    those without an unmap: a last try
 *                 sync not done     then unmapped
 *
 * In between, other mappings have ended and made room.  Only one that finds none at its last
 * step has failed.  Waiting at the map instead would never end where the thread itself has
 * the room: a thread's unmaps come after its map.
 */
#include "replay.h"

#include <errno.h>

static struct dmp_device *device_of(const struct replay_run *run, const struct replay_mapping *m)
{
	return run->machine->devices[m->dev];
}

static bool bounces(const struct replay_run *run)
{
	return run->machine->way == REPLAY_BOUNCE;
}

/* Where in the file: of @step, NULL: of the map of mapping @i.  Looked for only if something went
 * wrong: the events are many, and far away. */
static uint32_t line_of(const struct replay_run *run, uint32_t i, const struct replay_step *step)
{
	const struct trace_plan *plan = run->job->plan;
	uint32_t event = step ? plan->steps[step->plan_step].event : plan->mappings[i].map_event;

	return run->job->trace->events[event].line;
}

/* relaxed: a number for the report */
static void count_in_flight(struct replay_run *run)
{
	uint32_t now = atomic_fetch_add_explicit(&run->in_flight, 1, memory_order_relaxed) + 1;
	uint32_t peak = atomic_load_explicit(&run->peak, memory_order_relaxed);

	while (now > peak &&
	       !atomic_compare_exchange_weak_explicit(&run->peak, &peak, now, memory_order_relaxed,
						      memory_order_relaxed))
		;
}

static int map(struct dmp_device *dev, struct replay_mapping *m, unsigned attrs, const char **call)
{
	size_t nsegments;
	int err;

	if (!m->sg) {
		*call = "dmp_dma_map";
		return dmp_dma_map(dev, m->buf, m->len, (enum dmp_dir)m->dir, attrs, &m->addr);
	}
	*call = "dmp_dma_map_sg";
	err = dmp_dma_map_sg(dev, m->sg, m->nsg, (enum dmp_dir)m->dir, attrs, &nsegments);
	if (!err)
		m->nsegments = (uint32_t)nsegments;
	return err;
}

static int unmap(struct dmp_device *dev, struct replay_mapping *m, unsigned attrs,
		 const char **call)
{
	if (replay_is_alloc(m->shape)) {
		*call = "dmp_dma_free_coherent";
		return dmp_dma_free_coherent(dev, m->len, m->buf, m->addr);
	}
	if (!m->sg) {
		*call = "dmp_dma_unmap";
		return dmp_dma_unmap(dev, m->addr, m->len, (enum dmp_dir)m->dir, attrs);
	}
	*call = "dmp_dma_unmap_sg";
	return dmp_dma_unmap_sg(dev, m->sg, m->nsg, (enum dmp_dir)m->dir, attrs);
}

static void step_alloc(struct replay_run *run, struct replay_lane *lane, uint32_t i,
		       const struct replay_step *step)
{
	struct replay_mapping *m = &run->job->mappings[i];
	int err = dmp_dma_alloc_coherent(device_of(run, m), m->len, &m->buf, &m->addr);

	m->live = !err;
	if (err) {
		replay_blame_note(&lane->counts.blame, "dmp_dma_alloc_coherent", err,
				  line_of(run, i, step));
		return;
	}
	lane->counts.allocs++;
	if (run->data)
		replay_data_after_alloc(run, lane, i);
}

/* @last: no step will come that can try again.  No room is nothing to warn of before that. */
static void step_map(struct replay_run *run, struct replay_lane *lane, uint32_t i,
		     const struct replay_step *step, bool last)
{
	struct replay_mapping *m = &run->job->mappings[i];
	bool was_late = m->late;
	const char *call;
	int err;

	if (run->data)
		replay_data_before_map(run, lane, i);
	err = map(device_of(run, m), m, m->map_attrs | (last ? 0 : DMP_ATTR_NO_WARN), &call);
	m->live = !err;
	m->late = err == -ENOSPC && !last;
	if (err && !m->late)
		replay_blame_note(&lane->counts.blame, call, err, line_of(run, i, step));
	if (err)
		return;
	lane->counts.maps++;
	lane->counts.late_maps += was_late;
	lane->counts.map_copied += bounces(run) ? m->len : 0;
	count_in_flight(run);
}

static void copied_back(const struct replay_run *run, struct replay_lane *lane,
			const struct replay_mapping *m, bool skipped)
{
	if (bounces(run) && !replay_is_alloc(m->shape) && m->dir != DMP_TO_DEVICE && !skipped)
		lane->counts.unmap_copied += m->len;
}

void replay_step_commit(struct replay_run *run, struct replay_lane *lane, int err)
{
	if (err)
		replay_blame_note(&lane->counts.blame, "dmp_domain_commit", err, 0);
	if (run->queued)
		replay_queued_look_all(run->queued, run->machine);
}

/* To those who follow what waits, and who say when it has waited long enough. */
static void tell_unmapped(struct replay_run *run, struct replay_lane *lane, uint32_t i,
			  const struct replay_step *step)
{
	uint32_t dev = run->job->mappings[i].dev;
	int err = 0;

	if (run->queued)
		replay_queued_look(run->queued, run->machine, dev);
	if (run->commits)
		err = replay_commits_count(run->commits, run->machine, dev, run->now_ns);
	if (err)
		replay_blame_note(&lane->counts.blame, "dmp_domain_commit", err,
				  line_of(run, i, step));
}

static void count_unmap(struct replay_run *run, struct replay_lane *lane,
			const struct replay_mapping *m)
{
	if (replay_is_alloc(m->shape)) {
		lane->counts.frees++;
		return;
	}
	lane->counts.unmaps++;
	/* relaxed: a number for the report */
	atomic_fetch_sub_explicit(&run->in_flight, 1, memory_order_relaxed);
}

static void step_unmap(struct replay_run *run, struct replay_lane *lane, uint32_t i, unsigned attrs,
		       const struct replay_step *step)
{
	struct replay_mapping *m = &run->job->mappings[i];
	bool skipped = attrs & DMP_ATTR_SKIP_SYNC;
	const char *call;
	int err;

	if (run->data)
		replay_data_before_unmap(run, lane, i, skipped);
	err = unmap(device_of(run, m), m, attrs, &call);
	m->live = false;
	if (err) {
		replay_blame_note(&lane->counts.blame, call, err, line_of(run, i, step));
		return;
	}
	tell_unmapped(run, lane, i, step);
	copied_back(run, lane, m, skipped);
	if (run->data)
		replay_data_after_unmap(run, lane, i, skipped);
	count_unmap(run, lane, m);
}

static int sync_part(struct dmp_device *dev, const struct replay_mapping *m,
		     struct replay_part part, bool for_cpu)
{
	return for_cpu ? dmp_dma_sync_for_cpu(dev, part.addr, part.len, (enum dmp_dir)m->dir)
		       : dmp_dma_sync_for_device(dev, part.addr, part.len, (enum dmp_dir)m->dir);
}

static int sync_range(struct dmp_device *dev, const struct replay_mapping *m,
		      const struct trace_step *sync)
{
	uint64_t offset = sync->offset, end = sync->offset + sync->len;
	int err = 0;

	while (!err && offset < end) {
		struct replay_part part = replay_part_at(m, offset, end - offset);

		err = sync_part(dev, m, part, sync->op == TRACE_OP_SYNC_FOR_CPU);
		offset += part.len;
	}
	return err;
}

static void step_sync(struct replay_run *run, struct replay_lane *lane,
		      const struct replay_step *step)
{
	const struct trace_step *sync = &run->job->plan->steps[step->plan_step];
	const struct replay_mapping *m = &run->job->mappings[step->mapping];
	enum dmp_dir spared = sync->op == TRACE_OP_SYNC_FOR_CPU ? DMP_TO_DEVICE : DMP_FROM_DEVICE;
	int err;

	if (run->data)
		replay_data_before_sync(run, lane, step->mapping, sync);
	err = sync_range(device_of(run, m), m, sync);
	if (err)
		replay_blame_note(&lane->counts.blame, "dmp_dma_sync", err,
				  line_of(run, step->mapping, step));
	else
		lane->counts.syncs += step->starts_call;
	if (!err && bounces(run) && m->dir != spared)
		lane->counts.sync_copied += sync->len;
	if (run->data)
		replay_data_after_sync(run, lane, step->mapping, sync);
}

static void do_step(struct replay_run *run, struct replay_lane *lane,
		    const struct replay_step *step)
{
	struct replay_mapping *m = &run->job->mappings[step->mapping];

	if (m->late)
		step_map(run, lane, step->mapping, NULL, step->op == TRACE_OP_UNMAP);
	if (step->op == TRACE_OP_MAP && replay_is_alloc(m->shape))
		step_alloc(run, lane, step->mapping, step);
	else if (step->op == TRACE_OP_MAP)
		step_map(run, lane, step->mapping, step, false);
	else if (!m->live)
		lane->counts.not_done++;
	else if (step->op == TRACE_OP_UNMAP)
		step_unmap(run, lane, step->mapping, step->attrs, step);
	else
		step_sync(run, lane, step);
}

void replay_step_do(struct replay_run *run, struct replay_lane *lane,
		    const struct replay_step *step)
{
	const struct replay_watch *watch = run->watch;

	if (watch)
		watch->before(watch->ctx, step);
	do_step(run, lane, step);
	if (watch)
		watch->after(watch->ctx, step);
}

void replay_step_settle(struct replay_run *run, struct replay_lane *lane)
{
	for (uint32_t i = 0; i < run->job->plan->nmappings; i++)
		if (run->job->mappings[i].late)
			step_map(run, lane, i, NULL, true);
}

uint64_t replay_step_tidy(struct replay_run *run, struct replay_lane *lane)
{
	const struct replay_job *job = run->job;
	uint64_t n = 0;

	for (uint32_t i = 0; i < job->plan->nmappings; i++) {
		if (!job->mappings[i].live)
			continue;
		step_unmap(run, lane, i, job->mappings[i].map_attrs, NULL);
		n++;
	}
	return n;
}
