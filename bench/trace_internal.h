// SPDX-License-Identifier: MIT
/*
 * trace_internal.h - what the parts of the trace reader show each other
 *
 * Picture, one source file a step:
 *
 *    trace_source   file, plain or xz    -> lines
 *    trace_line     line                 -> task, CPU, time, event name, rest
 *    trace_fields   rest                 -> values by key, both text formats
 *    trace_event    name and values      -> one event in the store
 *    trace_store    growing arrays, interned names
 *    trace_read     drives the five above, counts what is skipped: trace_read()
 *
 *    trace_live     index of live mappings by device and address, and by list
 *    trace_entries  what a merged scatter list was made of
 *    trace_match    events -> mappings and steps: trace_match()
 *    trace_facts    the same in numbers
 *    trace_plan     frees a plan; the walker
 *
 * Everything here belongs to one thread.
 */
#ifndef BENCH_TRACE_INTERNAL_H
#define BENCH_TRACE_INTERNAL_H

#include "trace.h"

/*
 * Longest line: an event is at most one ring-buffer page, 4 KiB by default and
 * 64 KiB where the user asks for it, and costs up to 6 characters a byte.
 */
#define TRACE_LINE_MAX (512u * 1024)

/* Linux prints no more than this many entries of a list in a map event. */
#define TRACE_LIST_PRINTED_MAX 128u

/* The page size of every machine whose trace we have seen. */
#define TRACE_PAGE UINT64_C(4096)

/* ---- trace_source.c ---- */

struct trace_source;

struct trace_text {
	char *text; /* NUL-terminated in place, without line end; valid until the next call */
	size_t len;
	bool too_long;     /* text is the first TRACE_LINE_MAX bytes */
	bool unterminated; /* the file ended without a newline here */
};

int trace_source_open(const char *path, struct trace_source **out, struct trace_error *error);
int trace_source_next(struct trace_source *source, struct trace_text *line,
		      struct trace_error *error); /* 1 a line, 0 the end, or -errno */
bool trace_source_was_cut(const struct trace_source *source);
void trace_source_close(struct trace_source *source);
int trace_error_set(struct trace_error *error, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- trace_line.c ---- */

/* A piece of a line. */
struct trace_span {
	const char *at;
	const char *end;
};

struct trace_head {
	uint64_t time_ns;
	struct trace_span name; /* of the event */
	struct trace_span rest; /* its fields */
	uint16_t cpu;
	uint8_t context; /* enum trace_context */
};

bool trace_line_head(const char *text, const char *end, struct trace_head *out);
bool trace_line_lost(const char *text, const char *end, uint64_t *lost_events);
bool trace_scan_dec(const char **at, const char *end, uint64_t *out);
bool trace_scan_hex(const char **at, const char *end, uint64_t *out);

/* ---- trace_fields.c ---- */

/* One bit for each value that an event can carry. */
enum trace_field {
	FIELD_DEVICE = 1u << 0,
	FIELD_DIR = 1u << 1,
	FIELD_NENTS = 1u << 2, /* entries there were */
	FIELD_ENTS = 1u << 3,  /* segments there were */
	FIELD_DMA_ADDR = 1u << 4,
	FIELD_SIZE = 1u << 5,
	FIELD_PHYS_ADDR = 1u << 6,
	FIELD_VIRT_ADDR = 1u << 7, /* 0 if null, else 1 */
	FIELD_DMA_ADDRS = 1u << 8,
	FIELD_SIZES = 1u << 9,
	FIELD_PHYS_ADDRS = 1u << 10,
	FIELD_ATTRS = 1u << 11,
	FIELD_IOVA = 1u << 12,
	FIELD_PADDR = 1u << 13,
	FIELD_UNMAPPED = 1u << 14,
	FIELD_GROUP = 1u << 15,
	FIELD_DMA_MASK = 1u << 16,
	FIELD_DEV_ADDR = 1u << 17,
	FIELD_FORCE = 1u << 18,
	FIELD_IOVAD = 1u << 19,
	FIELD_LIMIT = 1u << 20,
	FIELD_FLUSH = 1u << 21,
	FIELD_PFN = 1u << 22,
	FIELD_ORIG = 1u << 23,
	FIELD_ALIGN = 1u << 24,
	FIELD_TLB = 1u << 25,
};

struct trace_fields {
	uint32_t seen; /* FIELD_* bits */
	bool raw;      /* trace-cmd could not format it: bytes and plain numbers */
	struct trace_span device, iovad;
	struct trace_span dma_addrs, sizes, phys_addrs; /* between the braces */
	uint64_t dir, nents, ents, dma_addr, size, phys_addr, virt_addr, attrs;
	uint64_t iova, paddr, unmapped, group, dma_mask, dev_addr, force;
	uint64_t limit, flush, pfn, orig, align, tlb;
};

bool trace_fields_scan(struct trace_span rest, struct trace_fields *out);
bool trace_array_next(struct trace_span *array, bool raw, unsigned bytes, uint64_t *out);

/* ---- trace_event.c ---- */

/* 0: stored; 1: counted in trace->skips under *why; or -ENOMEM, -EFBIG. */
int trace_event_add(struct trace *trace, const struct trace_head *head, uint32_t line,
		    enum trace_skip *why);

/* ---- trace_store.c ---- */

/* Room for one more element: doubles; -ENOMEM, or -EFBIG when an index would not fit. */
int trace_grow(void *array, uint32_t count, size_t element_bytes);
int trace_names_intern(struct trace_names *names, struct trace_span name, uint32_t *out);
void trace_names_free(struct trace_names *names);
int trace_store_event(struct trace *trace, const struct trace_event *event);
int trace_store_phys(struct trace *trace, uint64_t phys);
int trace_store_segment(struct trace *trace, uint64_t addr, uint64_t len);
int trace_store_list(struct trace *trace, const struct trace_list *list);
void trace_skip_add(struct trace_skip_count *skips, enum trace_skip why, uint32_t line);

/* ---- trace_live.c ---- */

/* A multimap from a hash to mapping numbers, newest first in each chain. */
struct trace_live {
	uint32_t *head;  /* by hash; TRACE_NONE: empty */
	uint32_t *next;  /* by mapping */
	uint32_t nheads; /* a power of two */
	uint32_t nnext;
};

int trace_live_init(struct trace_live *live, uint32_t nmappings);
void trace_live_fini(struct trace_live *live);
void trace_live_add(struct trace_live *live, uint64_t hash, uint32_t mapping);
void trace_live_remove(struct trace_live *live, uint64_t hash, uint32_t mapping);
uint32_t trace_live_first(const struct trace_live *live, uint64_t hash);
uint64_t trace_live_hash(uint64_t a, uint64_t b);

/* ---- trace_entries.c ---- */

/* Appends the entries of mapping @m of @event to the plan; -ENOMEM, -EFBIG or 0. */
int trace_entries_add(const struct trace *trace, uint32_t event, struct trace_plan *plan,
		      struct trace_mapping *m);

/* ---- trace_facts.c ---- */

int trace_facts_collect(const struct trace *trace, struct trace_plan *plan);

#endif
