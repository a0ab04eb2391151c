// SPDX-License-Identifier: MIT
/*
 * trace_event.c - from an event's name and fields to one event in the store
 *
 * Picture, one row of the table below:
 *
 *    name            needs                        addr      phys       size  aux
 *    dma_map_page    device dir dma_addr size ... dma_addr  phys_addr  size  -
 *
 * The table says which fields an event must have and which of its numbers go where; a
 * line that lacks one is malformed and leaves nothing behind.  Scatter lists go to the
 * side arrays: physical addresses from phys_addrs, mapped segments from dma_addrs and
 * sizes.
 *
 * What Linux encodes is decoded here once: a refused allocation has a null pointer, a
 * free of nothing as well (its size is set to 0), and device names become numbers.
 *
 * Invariants, on which trace_match.c counts:
 *  E1  addr + size - 1 of an event does not overflow, nor does phys + size - 1 where phys
 *      is an address, nor a segment of a map, nor the sum of the segments (= size);
 *  E2  a scatter-list event has a list with at least one phys (maps, unmaps) or segment
 *      (maps, syncs), and nphys_true >= nphys, nsegments_true >= nsegments.
 *
 * Source: the print formats under events/ of tracefs, Linux 6.12; the four probes are
 *  those of bench/traces/README.md.
 */
#include "trace_internal.h"

#include <errno.h>
#include <string.h>

struct row {
	const char *name;
	uint8_t len;
	uint8_t kind;
	uint16_t addr, phys, size, aux; /* offsets in struct trace_fields; NOTHING */
	uint32_t needs;
};

/* Offset of a field that is always there and never a number of an event. */
#define NOTHING UINT16_MAX

#define F(member) offsetof(struct trace_fields, member)

#define ROW(name_, kind_, addr_, phys_, size_, aux_, needs_)                                       \
	{                                                                                          \
		name_, sizeof(name_) - 1, kind_, addr_, phys_, size_, aux_, needs_                 \
	}

#define MAP_NEEDS                                                                                  \
	(FIELD_DEVICE | FIELD_DIR | FIELD_DMA_ADDR | FIELD_SIZE | FIELD_PHYS_ADDR | FIELD_ATTRS)
#define UNMAP_NEEDS (FIELD_DEVICE | FIELD_DIR | FIELD_DMA_ADDR | FIELD_SIZE | FIELD_ATTRS)
#define SYNC_NEEDS  (FIELD_DEVICE | FIELD_DIR | FIELD_DMA_ADDR | FIELD_SIZE)
#define ALLOC_NEEDS (UNMAP_NEEDS | FIELD_VIRT_ADDR)
#define SGT_NEEDS   (SYNC_NEEDS | FIELD_PHYS_ADDRS)
#define MAP_SG_NEEDS                                                                               \
	(FIELD_DEVICE | FIELD_DIR | FIELD_NENTS | FIELD_ENTS | FIELD_DMA_ADDRS | FIELD_SIZES |     \
	 FIELD_PHYS_ADDRS | FIELD_ATTRS)
#define UNMAP_SG_NEEDS (FIELD_DEVICE | FIELD_DIR | FIELD_PHYS_ADDRS | FIELD_ATTRS)
#define SYNC_SG_NEEDS  (FIELD_DEVICE | FIELD_DIR | FIELD_DMA_ADDRS | FIELD_SIZES)
#define ERR_NEEDS      (FIELD_DEVICE | FIELD_DIR | FIELD_ATTRS)
#define IOVA_NEEDS     (FIELD_IOVAD | FIELD_PFN | FIELD_SIZE)
#define BOUNCE_NEEDS   (FIELD_DEVICE | FIELD_TLB | FIELD_SIZE | FIELD_DIR | FIELD_ATTRS)

/* The most frequent first: the search is linear. */
static const struct row rows[] = {
	ROW("map", TRACE_IOMMU_MAP, F(iova), F(paddr), F(size), NOTHING,
	    FIELD_IOVA | FIELD_PADDR | FIELD_SIZE),
	ROW("unmap", TRACE_IOMMU_UNMAP, F(iova), F(unmapped), F(size), NOTHING,
	    FIELD_IOVA | FIELD_SIZE | FIELD_UNMAPPED),
	ROW("dma_map_page", TRACE_MAP_PAGE, F(dma_addr), F(phys_addr), F(size), NOTHING, MAP_NEEDS),
	ROW("dma_unmap_page", TRACE_UNMAP_PAGE, F(dma_addr), NOTHING, F(size), NOTHING,
	    UNMAP_NEEDS),
	ROW("iova_alloc", TRACE_PROBE_IOVA_ALLOC, F(pfn), F(limit), F(size), F(flush),
	    IOVA_NEEDS | FIELD_LIMIT | FIELD_FLUSH),
	ROW("iova_free", TRACE_PROBE_IOVA_FREE, F(pfn), NOTHING, F(size), NOTHING, IOVA_NEEDS),
	ROW("swiotlb_bounced", TRACE_SWIOTLB_BOUNCED, F(dev_addr), F(dma_mask), F(size), F(force),
	    FIELD_DEVICE | FIELD_DMA_MASK | FIELD_DEV_ADDR | FIELD_SIZE | FIELD_FORCE),
	ROW("swiotlb_map", TRACE_PROBE_SWIOTLB_MAP, F(tlb), F(orig), F(size), F(align),
	    BOUNCE_NEEDS | FIELD_ORIG | FIELD_ALIGN),
	ROW("swiotlb_unmap", TRACE_PROBE_SWIOTLB_UNMAP, F(tlb), NOTHING, F(size), NOTHING,
	    BOUNCE_NEEDS),
	ROW("dma_map_sg", TRACE_MAP_SG, NOTHING, NOTHING, NOTHING, NOTHING, MAP_SG_NEEDS),
	ROW("dma_unmap_sg", TRACE_UNMAP_SG, NOTHING, NOTHING, NOTHING, NOTHING, UNMAP_SG_NEEDS),
	ROW("dma_sync_single_for_cpu", TRACE_SYNC_FOR_CPU, F(dma_addr), NOTHING, F(size), NOTHING,
	    SYNC_NEEDS),
	ROW("dma_sync_single_for_device", TRACE_SYNC_FOR_DEVICE, F(dma_addr), NOTHING, F(size),
	    NOTHING, SYNC_NEEDS),
	ROW("dma_sync_sg_for_cpu", TRACE_SYNC_SG_FOR_CPU, NOTHING, NOTHING, NOTHING, NOTHING,
	    SYNC_SG_NEEDS),
	ROW("dma_sync_sg_for_device", TRACE_SYNC_SG_FOR_DEVICE, NOTHING, NOTHING, NOTHING, NOTHING,
	    SYNC_SG_NEEDS),
	ROW("dma_alloc", TRACE_ALLOC, F(dma_addr), NOTHING, F(size), NOTHING, ALLOC_NEEDS),
	ROW("dma_free", TRACE_FREE, F(dma_addr), NOTHING, F(size), NOTHING, ALLOC_NEEDS),
	ROW("dma_map_resource", TRACE_MAP_RESOURCE, F(dma_addr), F(phys_addr), F(size), NOTHING,
	    MAP_NEEDS),
	ROW("dma_unmap_resource", TRACE_UNMAP_RESOURCE, F(dma_addr), NOTHING, F(size), NOTHING,
	    UNMAP_NEEDS),
	ROW("dma_alloc_pages", TRACE_ALLOC_PAGES, F(dma_addr), NOTHING, F(size), NOTHING,
	    ALLOC_NEEDS),
	ROW("dma_free_pages", TRACE_FREE_PAGES, F(dma_addr), NOTHING, F(size), NOTHING,
	    ALLOC_NEEDS),
	ROW("dma_alloc_sgt", TRACE_ALLOC_SGT, F(dma_addr), NOTHING, F(size), NOTHING,
	    SGT_NEEDS | FIELD_ATTRS),
	ROW("dma_free_sgt", TRACE_FREE_SGT, F(dma_addr), NOTHING, F(size), NOTHING, SGT_NEEDS),
	ROW("dma_map_sg_err", TRACE_MAP_SG_ERR, NOTHING, NOTHING, NOTHING, NOTHING, ERR_NEEDS),
	ROW("dma_alloc_sgt_err", TRACE_ALLOC_SGT_ERR, NOTHING, NOTHING, NOTHING, NOTHING,
	    ERR_NEEDS),
	ROW("add_device_to_group", TRACE_GROUP_ADD, NOTHING, NOTHING, NOTHING, F(group),
	    FIELD_DEVICE | FIELD_GROUP),
	ROW("remove_device_from_group", TRACE_GROUP_REMOVE, NOTHING, NOTHING, NOTHING, F(group),
	    FIELD_DEVICE | FIELD_GROUP),
	ROW("attach_device_to_domain", TRACE_DOMAIN_ATTACH, NOTHING, NOTHING, NOTHING, NOTHING,
	    FIELD_DEVICE),
};

#define NROWS (sizeof(rows) / sizeof(rows[0]))

_Static_assert(NROWS == TRACE_NKINDS, "one row for every kind");
_Static_assert(sizeof(struct trace_event) == 56, "traces have millions of them");

const char *trace_kind_name(unsigned kind)
{
	for (size_t i = 0; i < NROWS; i++) {
		if (rows[i].kind == kind)
			return rows[i].name;
	}
	return "unknown";
}

static const struct row *find_row(struct trace_span name)
{
	size_t len = (size_t)(name.end - name.at);

	for (size_t i = 0; i < NROWS; i++) {
		if (rows[i].len == len && !memcmp(rows[i].name, name.at, len))
			return &rows[i];
	}
	return NULL;
}

static uint64_t number_at(const struct trace_fields *fields, uint16_t offset)
{
	uint64_t value = 0;

	if (offset != NOTHING)
		memcpy(&value, (const char *)fields + offset, sizeof(value));
	return value;
}

/* The numbers, each where its row wants it; what an event need not have is 0. */
static void fill(struct trace_event *event, const struct row *row,
		 const struct trace_fields *fields)
{
	event->kind = row->kind;
	event->addr = number_at(fields, row->addr);
	event->phys = number_at(fields, row->phys);
	event->size = number_at(fields, row->size);
	event->aux = (uint32_t)number_at(fields, row->aux);
	event->dir = row->needs & FIELD_DIR ? (uint8_t)fields->dir : TRACE_DIR_NONE;
	event->attrs = fields->seen & FIELD_ATTRS ? (uint32_t)fields->attrs : 0;
}

/* A null pointer: nothing was allocated, or there is nothing to free. */
static void decode_null(struct trace_event *event)
{
	if (event->kind == TRACE_ALLOC || event->kind == TRACE_ALLOC_PAGES)
		event->addr = TRACE_ADDR_FAILED;
	else
		event->size = 0;
}

static bool overflows(uint64_t start, uint64_t len)
{
	return len && start > UINT64_MAX - (len - 1);
}

/* E1 for the event's own numbers.  A refused request has no range. */
static bool ranges_fit(const struct trace_event *event, uint32_t needs)
{
	if (event->addr != TRACE_ADDR_FAILED && overflows(event->addr, event->size))
		return false;
	return !(needs & (FIELD_PHYS_ADDR | FIELD_PADDR | FIELD_ORIG)) ||
	       !overflows(event->phys, event->size);
}

/* Append phys_addrs; 1 if it cannot be read. */
static int add_phys(struct trace *trace, const struct trace_fields *fields, struct trace_list *list)
{
	struct trace_span array = fields->phys_addrs;
	uint64_t phys;
	int err = 0;

	while (array.at < array.end && !err) {
		if (!trace_array_next(&array, fields->raw, 8, &phys))
			return 1;
		err = trace_store_phys(trace, phys);
	}
	list->nphys = trace->nphys - list->first_phys;
	return err ? err : list->nphys == 0;
}

/* Append dma_addrs with sizes; 1 if they cannot be read or do not pair. */
static int add_segments(struct trace *trace, const struct trace_fields *fields,
			struct trace_list *list)
{
	struct trace_span addrs = fields->dma_addrs, sizes = fields->sizes;
	uint64_t addr, len;
	int err = 0;

	while (addrs.at < addrs.end && sizes.at < sizes.end && !err) {
		if (!trace_array_next(&addrs, fields->raw, 8, &addr) ||
		    !trace_array_next(&sizes, fields->raw, 4, &len))
			return 1;
		err = trace_store_segment(trace, addr, len);
	}
	list->nsegments = trace->nsegments - list->first_segment;
	return err ? err : addrs.at < addrs.end || sizes.at < sizes.end || list->nsegments == 0;
}

/* What the lists say about the event as a whole, checked: E1. */
static bool sum_up(const struct trace *trace, const struct trace_list *list, bool mapped,
		   struct trace_event *event)
{
	const struct trace_segment *segments = trace->segments + list->first_segment;

	event->addr = segments[0].addr;
	event->size = 0;
	for (uint32_t i = 0; i < list->nsegments; i++) {
		if (__builtin_add_overflow(event->size, segments[i].len, &event->size))
			return false;
		if (mapped && overflows(segments[i].addr, segments[i].len))
			return false;
	}
	return true;
}

static uint32_t true_count(bool given, uint64_t count, uint32_t printed)
{
	return given && count > printed && count < TRACE_NONE ? (uint32_t)count : printed;
}

static int add_list(struct trace *trace, const struct trace_fields *fields, uint32_t needs,
		    struct trace_event *event)
{
	struct trace_list list = {.first_phys = trace->nphys, .first_segment = trace->nsegments};
	int err = 0;

	if (needs & FIELD_PHYS_ADDRS)
		err = add_phys(trace, fields, &list);
	if (!err && (needs & FIELD_DMA_ADDRS))
		err = add_segments(trace, fields, &list);
	if (!err && (needs & FIELD_DMA_ADDRS) &&
	    !sum_up(trace, &list, needs & FIELD_PHYS_ADDRS, event))
		err = 1;
	if (!err && (needs & FIELD_DMA_ADDR)) {
		err = trace_store_segment(trace, event->addr, event->size);
		list.nsegments = 1;
	}
	if (err)
		return err;
	if (list.nphys)
		event->phys = trace->phys[list.first_phys];
	list.nphys_true = true_count(needs & FIELD_NENTS, fields->nents, list.nphys);
	list.nsegments_true = true_count(needs & FIELD_ENTS, fields->ents, list.nsegments);
	event->aux = trace->nlists;
	return trace_store_list(trace, &list);
}

/* Turn the event's name into its number; 1 if it is no name but broken bytes. */
static int intern(struct trace *trace, const struct trace_fields *fields, uint32_t needs,
		  uint32_t *dev)
{
	bool is_device = needs & FIELD_DEVICE;
	struct trace_span name = is_device ? fields->device : fields->iovad;

	*dev = TRACE_NONE;
	if (!(needs & (FIELD_DEVICE | FIELD_IOVAD)))
		return 0;
	if (memchr(name.at, '\0', (size_t)(name.end - name.at)))
		return 1;
	return trace_names_intern(is_device ? &trace->devices : &trace->iova_domains, name, dev);
}

/* Build the event and store it; 1 if a list of it cannot be read. */
static int add(struct trace *trace, const struct row *row, const struct trace_fields *fields,
	       struct trace_event *event)
{
	uint32_t nphys = trace->nphys, nsegments = trace->nsegments;
	int err = 0;

	fill(event, row, fields);
	if (row->needs & FIELD_VIRT_ADDR && !fields->virt_addr)
		decode_null(event);
	if (!ranges_fit(event, row->needs))
		return 1;
	if (row->needs & (FIELD_PHYS_ADDRS | FIELD_DMA_ADDRS))
		err = add_list(trace, fields, row->needs, event);
	if (!err)
		err = intern(trace, fields, row->needs, &event->dev);
	if (!err)
		return trace_store_event(trace, event);
	trace->nphys = nphys;
	trace->nsegments = nsegments;
	return err;
}

int trace_event_add(struct trace *trace, const struct trace_head *head, uint32_t line,
		    enum trace_skip *why)
{
	struct trace_event event = {
		.time_ns = head->time_ns, .line = line, .cpu = head->cpu, .context = head->context};
	const struct row *row = find_row(head->name);
	struct trace_fields fields;
	int err;

	if (!row) {
		*why = TRACE_SKIP_UNKNOWN_EVENT;
		return 1;
	}
	*why = TRACE_SKIP_MALFORMED;
	if (!trace_fields_scan(head->rest, &fields) || (fields.seen & row->needs) != row->needs)
		return 1;
	err = add(trace, row, &fields, &event);
	return err;
}
