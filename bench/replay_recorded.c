// SPDX-License-Identifier: MIT
/*
 * replay_recorded.c - what a trace tells of the machine that it was recorded on
 *
 * Which way its requests went:
 *
 *    swiotlb lines ------ yes --> bounce             event or probe
 *         | no
 *    IOMMU lines -------- no ---> direct             iommu events or iova probes
 *         | yes
 *    iova_free lines ---- none -> what the user says likewise without an iommu event, which
 *         |                                          says where an unmap begins
 *         +-- inside the unmaps -> strict          outside -> lazy
 *
 *         unmap: IOMMU: iova=0x10000 ...           unmap: IOMMU: iova=0x10000 ...
 *         iova_free: pfn=0x10 ...                  dma_unmap_page: ...
 *         dma_unmap_page: ...                        ...
 *                                                  iova_free: pfn=0x10 ...
 *
 * A free is inside if no other unmap has begun or ended on its CPU since the page tables
 * lost that address.  Interrupts can make single lines look otherwise: most of them decide.
 *
 * Which address bits its devices need kept when they bounce: 0xfff, which NVMe asks for, if
 * all bounce addresses of the device agree with the originals in these bits; else none, and
 * none in a trace that has no swiotlb lines.
 */
#include "replay.h"

#include <dmapool/bits.h>

#include <errno.h>
#include <stdlib.h>

#define MIN_ALIGN_MASK UINT64_C(0xfff)

/* No address: of a CPU that is in no unmap. */
#define NOWHERE UINT64_MAX

/* Lines of kind iova_free. */
struct frees {
	uint32_t inside, outside;
};

/* @unmapping: of each CPU, the address that its page tables have just lost. */
static void follow(const struct trace_event *e, uint64_t *unmapping, struct frees *frees)
{
	switch (e->kind) {
	case TRACE_IOMMU_UNMAP: unmapping[e->cpu] = e->addr; break;
	case TRACE_PROBE_IOVA_FREE:
		if (e->addr << DMP_PAGE_SHIFT == unmapping[e->cpu])
			frees->inside++;
		else
			frees->outside++;
		break;
	case TRACE_UNMAP_PAGE:
	case TRACE_UNMAP_RESOURCE:
	case TRACE_UNMAP_SG:
	case TRACE_FREE: unmapping[e->cpu] = NOWHERE; break;
	default: break;
	}
}

static int count_frees(const struct trace *trace, struct frees *frees)
{
	uint64_t *unmapping = malloc((UINT16_MAX + 1u) * sizeof(*unmapping));

	if (!unmapping)
		return -ENOMEM;
	*frees = (struct frees){0};
	for (uint32_t cpu = 0; cpu <= UINT16_MAX; cpu++)
		unmapping[cpu] = NOWHERE;
	for (uint32_t i = 0; i < trace->nevents; i++)
		follow(&trace->events[i], unmapping, frees);
	free(unmapping);
	return 0;
}

static void say(struct replay_recorded *recorded, enum replay_way way, const char *why)
{
	recorded->way = way;
	recorded->why = why;
}

static bool has_swiotlb(const struct trace_facts *facts)
{
	return facts->has_swiotlb || facts->has_swiotlb_probes;
}

static void choose(const struct trace_facts *facts, const struct frees *frees,
		   enum replay_way unknown, struct replay_recorded *recorded)
{
	if (has_swiotlb(facts))
		say(recorded, REPLAY_BOUNCE, "it has swiotlb lines");
	else if (!facts->has_iommu && !facts->has_iova_probes)
		say(recorded, REPLAY_DIRECT, "it has no iommu lines");
	else if (!facts->has_iommu)
		say(recorded, unknown, "it has iova and no iommu lines (see --flush)");
	else if (frees->inside + frees->outside == 0)
		say(recorded, unknown, "it has no iova_free lines (see --flush)");
	else if (frees->inside > frees->outside)
		say(recorded, REPLAY_STRICT, "its iova_free lines are inside the unmaps");
	else
		say(recorded, REPLAY_LAZY, "its iova_free lines are outside the unmaps");
}

/* Both addresses of a map, or of a list's first entry. */
static bool loses_bits(const struct trace_event *e)
{
	return (e->kind == TRACE_MAP_PAGE || e->kind == TRACE_MAP_SG) &&
	       e->addr != TRACE_ADDR_FAILED && e->phys != TRACE_PHYS_UNKNOWN &&
	       ((e->addr ^ e->phys) & MIN_ALIGN_MASK);
}

static void find_min_align(const struct trace *trace, const struct trace_facts *facts,
			   uint64_t *masks)
{
	for (uint32_t i = 0; i < trace->devices.count; i++)
		masks[i] = has_swiotlb(facts) ? MIN_ALIGN_MASK : 0;
	for (uint32_t i = 0; i < trace->nevents; i++)
		if (loses_bits(&trace->events[i]))
			masks[trace->events[i].dev] = 0;
}

int replay_recorded_find(const struct trace *trace, const struct trace_plan *plan,
			 enum replay_way unknown, struct replay_recorded *recorded)
{
	uint64_t *masks = calloc(trace->devices.count + 1u, sizeof(*masks));
	struct frees frees;

	if (!masks || count_frees(trace, &frees)) {
		free(masks);
		return -ENOMEM;
	}
	*recorded = (struct replay_recorded){.min_align_masks = masks};
	choose(&plan->facts, &frees, unknown, recorded);
	find_min_align(trace, &plan->facts, masks);
	return 0;
}

void replay_recorded_free(struct replay_recorded *recorded)
{
	free(recorded->min_align_masks);
	*recorded = (struct replay_recorded){0};
}
