// SPDX-License-Identifier: MIT
/*
 * trace_facts.c - a trace in numbers
 *
 * Picture: two passes, over what was called and over what was live.
 *
 *    events -> calls by kind and device, failed ones and unmatched ones included
 *    steps  -> what is live after each: peaks, sizes, unmaps on another CPU
 *
 * Maps (page, resource, sg) and allocations (coherent, pages, sgt) are counted apart, as
 * a machine's memory for the two is; "live at the end" counts both.
 *
 * Size classes are powers of two from 512 bytes, since below a sector or a packet header
 * nothing behaves differently.
 */
#include "trace_internal.h"

#include <errno.h>
#include <stdlib.h>

#define SIZE_CLASS_FIRST 512u

struct live_count {
	uint32_t maps, allocs;
	uint64_t map_bytes, alloc_bytes;
};

static unsigned size_class(uint64_t len)
{
	unsigned class = 0;

	for (uint64_t limit = SIZE_CLASS_FIRST; len > limit && class < TRACE_NSIZES - 1; limit *= 2)
		class ++;
	return class;
}

/* One call of device @d, which may have failed or be unmatched. */
static void count_call(const struct trace_event *e, struct trace_facts *facts,
		       struct trace_device_facts *d)
{
	switch (e->kind) {
	case TRACE_MAP_SG:
	case TRACE_MAP_SG_ERR:
		facts->sg_maps++;
		/* fall through */
	case TRACE_MAP_PAGE:
	case TRACE_MAP_RESOURCE:
		facts->maps++;
		d->maps++;
		break;
	case TRACE_UNMAP_PAGE:
	case TRACE_UNMAP_RESOURCE:
	case TRACE_UNMAP_SG:
		facts->unmaps++;
		d->unmaps++;
		break;
	case TRACE_ALLOC:
	case TRACE_ALLOC_PAGES:
	case TRACE_ALLOC_SGT:
	case TRACE_ALLOC_SGT_ERR:
		facts->allocs++;
		d->allocs++;
		break;
	case TRACE_FREE:
	case TRACE_FREE_PAGES:
	case TRACE_FREE_SGT: facts->frees += e->size != 0; break;
	case TRACE_SYNC_FOR_CPU:
	case TRACE_SYNC_FOR_DEVICE:
	case TRACE_SYNC_SG_FOR_CPU:
	case TRACE_SYNC_SG_FOR_DEVICE: facts->syncs++; break;
	default: break;
	}
}

static bool is_alloc(const struct trace_mapping *m)
{
	return m->shape == TRACE_SHAPE_COHERENT || m->shape == TRACE_SHAPE_PAGES ||
	       m->shape == TRACE_SHAPE_SGT;
}

static void count_cut(const struct trace_mapping *m, struct trace_facts *facts)
{
	if (m->shape != TRACE_SHAPE_SG)
		return;
	facts->cuts[m->cut]++;
	facts->sg_entries += m->nentries;
	facts->truncated_lists += m->truncated;
}

static void count_map(const struct trace_mapping *m, struct trace_facts *facts,
		      struct trace_device_facts *d, struct live_count *live)
{
	facts->live_at_end++;
	count_cut(m, facts);
	if (is_alloc(m)) {
		live->alloc_bytes += m->len;
		if (++live->allocs > d->peak_allocs)
			d->peak_allocs = live->allocs;
		if (live->alloc_bytes > d->peak_alloc_bytes)
			d->peak_alloc_bytes = live->alloc_bytes;
		return;
	}
	facts->sizes[size_class(m->len)]++;
	d->sizes[size_class(m->len)]++;
	live->map_bytes += m->len;
	if (++live->maps > d->peak_maps)
		d->peak_maps = live->maps;
	if (live->map_bytes > d->peak_bytes)
		d->peak_bytes = live->map_bytes;
}

static void count_unmap(const struct trace_mapping *m, uint16_t cpu, struct trace_facts *facts,
			struct trace_device_facts *d, struct live_count *live)
{
	facts->live_at_end--;
	if (is_alloc(m)) {
		live->allocs--;
		live->alloc_bytes -= m->len;
		return;
	}
	live->maps--;
	live->map_bytes -= m->len;
	facts->cross_cpu_unmaps += cpu != m->cpu;
	d->cross_cpu_unmaps += cpu != m->cpu;
}

static void walk_steps(const struct trace *trace, struct trace_plan *plan, struct live_count *live)
{
	for (uint32_t i = 0; i < plan->nsteps; i++) {
		const struct trace_step *step = &plan->steps[i];
		const struct trace_mapping *m = &plan->mappings[step->mapping];

		if (step->op == TRACE_OP_MAP)
			count_map(m, &plan->facts, &plan->devices[m->dev], &live[m->dev]);
		else if (step->op == TRACE_OP_UNMAP)
			count_unmap(m, trace->events[step->event].cpu, &plan->facts,
				    &plan->devices[m->dev], &live[m->dev]);
	}
}

static void walk_events(const struct trace *trace, struct trace_plan *plan)
{
	uint64_t first = UINT64_MAX, last = 0;

	for (uint32_t i = 0; i < trace->nevents; i++) {
		const struct trace_event *e = &trace->events[i];

		first = e->time_ns < first ? e->time_ns : first;
		last = e->time_ns > last ? e->time_ns : last;
		if (e->kind < TRACE_IOMMU_MAP)
			count_call(e, &plan->facts, &plan->devices[e->dev]);
	}
	plan->facts.span_ns = trace->nevents ? last - first : 0;
}

/* How many CPUs have events. */
static uint32_t count_cpus(const struct trace *trace)
{
	uint8_t seen[(UINT16_MAX + 1u) / 8] = {0};
	uint32_t n = 0;

	for (uint32_t i = 0; i < trace->nevents; i++) {
		uint16_t cpu = trace->events[i].cpu;

		n += !(seen[cpu / 8] & 1u << cpu % 8);
		seen[cpu / 8] |= (uint8_t)(1u << cpu % 8);
	}
	return n;
}

static void what_there_is(const struct trace *trace, struct trace_facts *facts)
{
	const uint32_t *n = trace->of_kind;

	facts->ncpus = count_cpus(trace);
	facts->has_iommu = n[TRACE_IOMMU_MAP] + n[TRACE_IOMMU_UNMAP] > 0;
	facts->has_swiotlb = n[TRACE_SWIOTLB_BOUNCED] > 0;
	facts->has_iova_probes = n[TRACE_PROBE_IOVA_ALLOC] + n[TRACE_PROBE_IOVA_FREE] > 0;
	facts->has_swiotlb_probes = n[TRACE_PROBE_SWIOTLB_MAP] + n[TRACE_PROBE_SWIOTLB_UNMAP] > 0;
}

int trace_facts_collect(const struct trace *trace, struct trace_plan *plan)
{
	struct live_count *live = calloc(trace->devices.count + 1u, sizeof(*live));

	plan->devices = calloc(trace->devices.count + 1u, sizeof(*plan->devices));
	if (!live || !plan->devices) {
		free(live);
		return -ENOMEM;
	}
	plan->ndevices = trace->devices.count;
	plan->facts.failed_in_trace = (uint32_t)plan->skips[TRACE_SKIP_FAILED].count;
	plan->facts.unmatched = (uint32_t)plan->skips[TRACE_SKIP_UNMATCHED_UNMAP].count;
	what_there_is(trace, &plan->facts);
	walk_events(trace, plan);
	walk_steps(trace, plan, live);
	free(live);
	return 0;
}
