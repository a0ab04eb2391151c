// SPDX-License-Identifier: MIT
/*
 * trace.h - recorded Linux DMA traces: read one, then ask what to replay
 *
 * Picture:
 *
 *    file.txt, file.txt.xz
 *         |  trace_read()       every line that parses becomes one event
 *         v
 *    struct trace               events in file order, as the kernel printed them
 *         |  trace_match()      who ends what; what a merged list was made of
 *         v
 *    struct trace_plan          mappings, and the steps to do in file order
 *
 * A replayer walks plan->steps[] and needs nothing else.  One that replays an
 * allocator underneath (IOVA ranges, page tables, bounce slots) walks
 * trace->events[] and picks the TRACE_IOMMU_*, TRACE_SWIOTLB_* and TRACE_PROBE_*
 * kinds; step.event says where the two orders meet.
 *
 *    events    0 iommu map   1 map_page   2 iommu unmap   3 unmap_page   4 sync
 *    steps                   0 MAP m0                     1 UNMAP m0
 *
 * What is not used is never dropped silently: it is counted by reason, with the
 * first line it happened on, in trace->skips[] (reading) or plan->skips[] (matching).
 *
 * Numbers are those of the traced machine.  Its physical addresses are reused by
 * live maps, so a replayer that moves bytes takes buffers of its own and keeps
 * only the page offset and the contiguity of the entries.
 */
#ifndef BENCH_TRACE_H
#define BENCH_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No index: no list, never unmapped, no such name. */
#define TRACE_NONE UINT32_MAX

/* The physical address of memory that the kernel allocated itself is not printed. */
#define TRACE_PHYS_UNKNOWN UINT64_MAX

/* The device address, or bounce address, of a request that the kernel refused. */
#define TRACE_ADDR_FAILED UINT64_MAX

/* One event of the trace; the comment lists what each field of it means. */
enum trace_kind {
	/* DMA API.  addr = device address, phys, size, dir, attrs, dev */
	TRACE_MAP_PAGE,
	TRACE_UNMAP_PAGE, /* no phys */
	TRACE_MAP_RESOURCE,
	TRACE_UNMAP_RESOURCE, /* no phys */
	TRACE_MAP_SG,         /* aux = list; addr = first segment, phys = first entry, size = all */
	TRACE_UNMAP_SG,       /* aux = list; phys = first entry; no addr, no size */
	TRACE_MAP_SG_ERR,     /* dev, dir, attrs only */
	TRACE_ALLOC,          /* no phys; addr = TRACE_ADDR_FAILED when refused */
	TRACE_FREE,           /* no phys; addr and size 0 for a free of nothing */
	TRACE_ALLOC_PAGES,    /* as TRACE_ALLOC */
	TRACE_FREE_PAGES,     /* as TRACE_FREE */
	TRACE_ALLOC_SGT,      /* aux = list, one segment */
	TRACE_FREE_SGT,       /* aux = list, one segment */
	TRACE_ALLOC_SGT_ERR,  /* dev, dir, attrs only */
	TRACE_SYNC_FOR_CPU,   /* addr may lie inside a mapping */
	TRACE_SYNC_FOR_DEVICE,
	TRACE_SYNC_SG_FOR_CPU, /* aux = list, segments only; addr = first, size = all */
	TRACE_SYNC_SG_FOR_DEVICE,

	/* IOMMU core.  addr = IOVA, size; no device except in the group events */
	TRACE_IOMMU_MAP,     /* phys: one physically contiguous run */
	TRACE_IOMMU_UNMAP,   /* phys = bytes really unmapped */
	TRACE_GROUP_ADD,     /* aux = group, dev */
	TRACE_GROUP_REMOVE,  /* aux = group, dev */
	TRACE_DOMAIN_ATTACH, /* dev */

	/* The decision to bounce.  addr = address without it, phys = DMA mask, aux = forced */
	TRACE_SWIOTLB_BOUNCED,

	/* Function probes; a user's trace need not have them.  dev = index of an IOVA domain */
	TRACE_PROBE_IOVA_ALLOC, /* addr = pfn (0: none), phys = limit pfn, size = pages, aux = flush */
	TRACE_PROBE_IOVA_FREE, /* addr = pfn, size = pages */
	/* dev = index of a device again */
	TRACE_PROBE_SWIOTLB_MAP, /* addr = bounce address, phys = original, aux = alignment mask */
	TRACE_PROBE_SWIOTLB_UNMAP, /* addr = bounce address */
	TRACE_NKINDS
};

/* Linux's numbers for the direction. */
enum trace_dir { TRACE_BIDIRECTIONAL, TRACE_TO_DEVICE, TRACE_FROM_DEVICE, TRACE_DIR_NONE };

/* Who interrupts whom on one CPU: each can come in between the lines of those before it. */
enum trace_context { TRACE_TASK, TRACE_SOFTIRQ, TRACE_HARDIRQ, TRACE_NMI };

/* Linux's bits for the attributes; bits without a name here are kept as well. */
#define TRACE_ATTR_WEAK_ORDERING      (UINT32_C(1) << 1)
#define TRACE_ATTR_WRITE_COMBINE      (UINT32_C(1) << 2)
#define TRACE_ATTR_NO_KERNEL_MAPPING  (UINT32_C(1) << 4)
#define TRACE_ATTR_SKIP_CPU_SYNC      (UINT32_C(1) << 5)
#define TRACE_ATTR_FORCE_CONTIGUOUS   (UINT32_C(1) << 6)
#define TRACE_ATTR_ALLOC_SINGLE_PAGES (UINT32_C(1) << 7)
#define TRACE_ATTR_NO_WARN            (UINT32_C(1) << 8)
#define TRACE_ATTR_PRIVILEGED         (UINT32_C(1) << 9)

/* 56 bytes, two numbers of which are the key of all matching: device and address. */
struct trace_event {
	uint64_t time_ns; /* the trace clock; only differences mean anything */
	uint64_t addr;
	uint64_t phys;
	uint64_t size; /* bytes, unless the kind says pages */
	uint32_t line; /* from 1 */
	uint32_t dev;  /* index in devices, or in iova_domains; TRACE_NONE without one */
	uint32_t aux;
	uint32_t attrs; /* TRACE_ATTR_* */
	uint16_t cpu;
	uint8_t kind;    /* enum trace_kind */
	uint8_t dir;     /* enum trace_dir */
	uint8_t context; /* enum trace_context; TRACE_TASK where the file has no flags */
};

/* One mapped segment of a scatter list, as the device sees it. */
struct trace_segment {
	uint64_t addr;
	uint64_t len;
};

/* The arrays of one scatter list.  What was printed may be less than what was there. */
struct trace_list {
	uint32_t first_phys;     /* in trace->phys */
	uint32_t nphys;          /* entries printed: at most 128 for a map */
	uint32_t nphys_true;     /* entries there were */
	uint32_t first_segment;  /* in trace->segments */
	uint32_t nsegments;      /* segments printed */
	uint32_t nsegments_true; /* segments there were */
};

/* Interned names, numbered in order of first appearance. */
struct trace_names {
	char **name;
	uint32_t count;
	uint32_t *slot; /* hash table of indices */
	uint32_t nslots;
};

/* Why something was not used.  The first group is found by reading, the second by matching. */
enum trace_skip {
	TRACE_SKIP_UNKNOWN_EVENT, /* an event that this reader does not know */
	TRACE_SKIP_MALFORMED,     /* a known event with a field missing or unreadable */
	TRACE_SKIP_NOT_AN_EVENT,  /* a line without task, CPU, time and event name */
	TRACE_SKIP_LOST_MARK,     /* the kernel says that events were lost here */
	TRACE_SKIP_LINE_TOO_LONG, /* a line of more than TRACE_LINE_MAX bytes */
	TRACE_SKIP_CUT_LINE,      /* the last line stops in the middle */
	TRACE_SKIP_CUT_FILE,      /* the compressed file stops in the middle */

	TRACE_SKIP_FAILED,          /* a request that the kernel refused */
	TRACE_SKIP_NULL_FREE,       /* a free of nothing */
	TRACE_SKIP_UNMATCHED_UNMAP, /* an unmap or free whose map is not in the trace */
	TRACE_SKIP_UNMATCHED_SYNC,  /* a sync outside every live mapping */
	TRACE_SKIP_IMPOSSIBLE,      /* a map of no bytes, or of fewer bytes than entries */
	TRACE_NSKIPS
};

struct trace_skip_count {
	uint64_t count;
	uint32_t first_line; /* 0 while count is 0 */
};

/* A trace in memory; read-only after trace_read(). */
struct trace {
	struct trace_event *events; /* in file order, which is the kernel's order */
	uint32_t nevents;
	struct trace_list *lists; /* event.aux of the scatter-list kinds */
	uint32_t nlists;
	uint64_t *phys; /* physical addresses of all lists, one after another */
	uint32_t nphys;
	struct trace_segment *segments; /* mapped segments of all lists */
	uint32_t nsegments;
	struct trace_names devices;      /* "0000:00:03.0" */
	struct trace_names iova_domains; /* "0xffff888004d10608" */

	uint32_t nlines;
	uint32_t ncpus; /* from the header, and at least the largest CPU number + 1 */
	uint32_t of_kind[TRACE_NKINDS]; /* events of each kind */
	struct trace_skip_count skips[TRACE_NSKIPS];
	uint64_t lost_events;        /* sum of the lost marks, those that give a number */
	uint64_t overwritten_events; /* header: entries written, minus entries in the buffer */
};

/* One line for the user: what is wrong, and how to mend it.  No newline. */
struct trace_error {
	char text[320];
};

/**
 * trace_read() - read a recorded trace into memory
 * @path:  tracefs `trace` text or `trace-cmd report` text, plain or xz-compressed
 * @out:   out: the trace; untouched on error
 * @error: out: one line for the user on error; else untouched
 *
 * Ownership: the caller frees *@out with trace_free().
 * Threads:   one thread at a time per handle.
 * Errors:    -ENODATA empty, or not one event in it; -EILSEQ another kind of file;
 *            -EBADMSG corrupt xz; -ENOMEM; -EFBIG more than 2^32 - 2 events; the
 *            negative errno of open() or read().
 * Cost:      O(bytes); 56 bytes of memory an event, 8 an sg entry, 16 an sg segment.
 */
int trace_read(const char *path, struct trace **out, struct trace_error *error);

/**
 * trace_free() - give back a trace
 * @trace: from trace_read(), or NULL
 */
void trace_free(struct trace *trace);

/**
 * trace_kind_name() - the event's name as Linux prints it
 * @kind: enum trace_kind
 */
const char *trace_kind_name(unsigned kind);

/**
 * trace_skip_text() - a reason in words, for a table: "unmap without its map"
 * @reason: enum trace_skip
 */
const char *trace_skip_text(unsigned reason);

/* What a mapping is, which is how it has to be requested again. */
enum trace_shape {
	TRACE_SHAPE_PAGE,     /* one buffer */
	TRACE_SHAPE_RESOURCE, /* one range of another device's registers */
	TRACE_SHAPE_SG,       /* a scatter list */
	TRACE_SHAPE_COHERENT, /* dma_alloc: memory and address in one call */
	TRACE_SHAPE_PAGES,    /* dma_alloc_pages: likewise, but synced by hand */
	TRACE_SHAPE_SGT,      /* dma_alloc_sgt: likewise, one address over scattered pages */
	TRACE_NSHAPES
};

/* How the lengths of a scatter list's entries were found: trace_entries.c. */
enum trace_cut {
	TRACE_CUT_GIVEN, /* printed: a single buffer, or a list that was not merged */
	TRACE_CUT_RUNS,  /* cut at the IOMMU's map lines: exact */
	TRACE_CUT_PAGES, /* no such lines: one page an entry, the last one takes the rest */
	TRACE_NCUTS
};

/* One piece of memory, in the order of the bytes of the mapping. */
struct trace_entry {
	uint64_t phys; /* or TRACE_PHYS_UNKNOWN: then page-aligned */
	uint64_t len;  /* > 0 */
};

/* One map or allocation that succeeded, with its end. */
struct trace_mapping {
	uint64_t addr;        /* device address as recorded; of the first segment for a list */
	uint64_t len;         /* bytes, > 0: the sum over the entries */
	uint32_t map_event;   /* in trace->events */
	uint32_t unmap_event; /* or TRACE_NONE: live at the end */
	uint32_t first_entry; /* in plan->entries */
	uint32_t nentries;    /* at least 1 */
	uint32_t dev;
	uint32_t attrs; /* TRACE_ATTR_* of the map */
	uint16_t cpu;   /* of the map; the unmap's is its event's */
	uint8_t shape;  /* enum trace_shape */
	uint8_t dir;    /* enum trace_dir */
	uint8_t cut;    /* enum trace_cut */
	bool truncated; /* more entries than the 128 printed: see trace_entries.c */
};

enum trace_op { TRACE_OP_MAP, TRACE_OP_UNMAP, TRACE_OP_SYNC_FOR_CPU, TRACE_OP_SYNC_FOR_DEVICE };

/* One thing to do. */
struct trace_step {
	uint64_t offset;  /* syncs: first byte within the mapping; else 0 */
	uint64_t len;     /* syncs: bytes, inside the mapping; else all of it */
	uint32_t mapping; /* in plan->mappings */
	uint32_t event;   /* in trace->events: time, CPU, line */
	uint8_t op;       /* enum trace_op */
};

/*
 * Size classes of the maps: class 0 up to 512 bytes, each next one twice as much,
 * the last one all that is larger (over 512 MiB).
 */
#define TRACE_NSIZES 22

/* What one device asked for.  Allocations count apart from maps. */
struct trace_device_facts {
	uint32_t maps;   /* calls, failed ones included */
	uint32_t unmaps; /* calls, unmatched ones included */
	uint32_t allocs;
	uint32_t peak_maps;  /* most maps live at once */
	uint64_t peak_bytes; /* most bytes mapped at once */
	uint32_t peak_allocs;
	uint64_t peak_alloc_bytes;
	uint32_t cross_cpu_unmaps;    /* on another CPU than their map */
	uint32_t sizes[TRACE_NSIZES]; /* maps by size class; failed ones not counted */
};

/* The trace in numbers. */
struct trace_facts {
	uint32_t maps;       /* page, resource and sg calls; failed ones included */
	uint32_t unmaps;     /* unmatched ones included */
	uint32_t sg_maps;    /* of maps */
	uint32_t sg_entries; /* of all sg maps together */
	uint32_t allocs;     /* coherent and page allocations; failed ones included */
	uint32_t frees;      /* without frees of nothing */
	uint32_t syncs;      /* calls; one of a list counts once */
	uint32_t failed_in_trace;
	uint32_t unmatched;         /* unmaps and frees whose map is not in the trace */
	uint32_t live_at_end;       /* maps and allocations */
	uint32_t cross_cpu_unmaps;  /* without frees */
	uint32_t remapped_live;     /* maps of an address that was still live */
	uint32_t truncated_lists;   /* sg maps of more entries than were printed */
	uint32_t cuts[TRACE_NCUTS]; /* sg maps by how their entries were found */
	uint32_t sizes[TRACE_NSIZES];
	uint32_t ncpus;   /* that have events */
	uint64_t span_ns; /* first event to last */
	bool has_iommu;   /* iommu map or unmap lines */
	bool has_swiotlb; /* swiotlb_bounced lines */
	bool has_iova_probes;
	bool has_swiotlb_probes;
};

/* What to replay. */
struct trace_plan {
	struct trace_mapping *mappings; /* in the order of their map events */
	uint32_t nmappings;
	struct trace_entry *entries;
	uint32_t nentries;
	struct trace_step *steps; /* in file order; one call of a list sync gives several */
	uint32_t nsteps;
	struct trace_skip_count skips[TRACE_NSKIPS];
	struct trace_facts facts;
	struct trace_device_facts *devices; /* one for each of trace->devices */
	uint32_t ndevices;
};

/**
 * trace_match() - find out what to replay
 * @trace: from trace_read(); must stay until the plan is freed
 * @out:   out: the plan; untouched on error
 *
 * Ownership: the caller frees *@out with trace_plan_free().
 * Threads:   one thread at a time per handle.
 * Errors:    -ENOMEM; -EFBIG more than 2^32 - 2 steps or entries.  A trace without one map
 *            gives an empty plan.
 * Cost:      O(events + entries).
 */
int trace_match(const struct trace *trace, struct trace_plan **out);

/**
 * trace_plan_free() - give back a plan
 * @plan: from trace_match(), or NULL
 */
void trace_plan_free(struct trace_plan *plan);

/**
 * trace_plan_check() - walk a plan and verify what its structs promise
 * @trace: the trace it was made from
 * @plan:  the plan
 *
 * Errors: -EIO a promise is broken; which one, is named on stderr.
 */
int trace_plan_check(const struct trace *trace, const struct trace_plan *plan);

#endif
