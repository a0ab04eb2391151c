// SPDX-License-Identifier: MIT
/*
 * check_calls.c - the calls of one allocator, and what is known of it
 *
 * Which allocation a free ends is settled here, by address, in the order of the lines: the
 * line of an allocation is written when the call has returned, the line of a free before it
 * begins, so that a free never stands before its allocation.
 *
 * An allocation began after the line before it of its own CPU that an interrupt did not write:
 *
 *    CPU 1  dma_map_page      task                             it had not begun
 *    CPU 1    iova_free       interrupt   .
 *    CPU 2  iova_alloc        task        .   in progress?     nothing speaks against it
 *    CPU 1    iova_free       interrupt   .
 *    CPU 1  iova_alloc        task                             it has returned
 *
 * since what runs on a CPU is put off by interrupts alone.  A kernel that lets tasks be
 * preempted inside the allocator, or a file without the flags that tell an interrupt, only
 * makes this too strict.
 *
 * A space was in use before the first line, and its answers are not to be had again:
 *
 *    IOVA domain   if the first range does not lie at the top, where an empty space's lies
 *                  whoever allocates
 *    pool          if a bounce is freed that no line has made, and the first ones of the CPUs do
 *                  not lie at the start of their areas
 *
 * A free of what no line has allocated, or not in that size, is a stray, and the comparison
 * goes on without it.  In a space that began empty it shows that lines are missing or damaged.
 *
 * Where the pool of bounce slots lay is not in the trace; its calls tell it.  There are as
 * many areas as CPUs, and a CPU's first buffer is at the start of its own area:
 *
 *    base                                                    base + slots * 2 KiB
 *    | area 0          | area 1          | area 2          | area 3          |
 *      CPU 0's first     CPU 1's first
 *
 * so that the distance of two CPUs' first buffers is that of their areas.  If only one CPU
 * has mapped, the pool is the kernel's default of 32,768 slots.
 *
 * Nor does the trace have a device's min-align mask.  It is 0xfff, which NVMe has, if all of
 * its bounce addresses agree with the originals in these bits, else 0.
 */
#include "check.h"
#include "trace_internal.h"

#include <dmapool/bits.h>
#include <dmapool/iova.h>
#include <dmapool/swiotlb.h>
#include <errno.h>
#include <stdlib.h>

#define DEFAULT_SLOTS  UINT64_C(32768)
#define SLOTS_MAX      (UINT64_C(1) << 21) /* 4 GiB: below it a pool has to lie */
#define MIN_ALIGN_MASK UINT64_C(0xfff)

static bool is_of(const struct check_model *model, const struct trace_event *e, uint32_t domain)
{
	return (e->kind == model->alloc_kind || e->kind == model->free_kind) &&
	       (domain == TRACE_NONE || e->dev == domain);
}

/* The latest line of each context of a CPU; 0: none. */
struct last_lines {
	uint32_t of[TRACE_NMI + 1];
};

/* Where a call in @context had not begun. */
static uint32_t began_after(const struct last_lines *last, unsigned context)
{
	uint32_t line = 0;

	for (unsigned i = TRACE_TASK; i <= context; i++)
		if (last->of[i] > line)
			line = last->of[i];
	return line;
}

static void add_call(struct check_space *space, const struct trace_event *e,
		     const struct last_lines *last)
{
	bool is_alloc = e->kind == space->model->alloc_kind;

	space->calls[space->ncalls++] = (struct check_call){
		e, TRACE_NONE, is_alloc ? began_after(last, e->context) : e->line};
}

static int collect(const struct trace *trace, uint32_t domain, struct check_space *space)
{
	const struct check_model *model = space->model;
	uint32_t n = trace->of_kind[model->alloc_kind] + trace->of_kind[model->free_kind];
	struct last_lines *last = calloc(trace->ncpus + 1u, sizeof(*last));

	space->calls = calloc(n + 1u, sizeof(*space->calls));
	if (!space->calls || !last) {
		free(last);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < trace->nevents; i++) {
		const struct trace_event *e = &trace->events[i];

		if (is_of(model, e, domain))
			add_call(space, e, &last[e->cpu]);
		last[e->cpu].of[e->context] = e->line;
	}
	free(last);
	return 0;
}

/* Does @e free just what the call has allocated? */
static bool frees(const struct trace_event *e, const struct check_call *call)
{
	return e->addr == call->event->addr && e->size == call->event->size;
}

/* The latest live allocation that @e frees, which is then not live any more. */
static uint32_t take_live(const struct check_space *space, struct trace_live *live,
			  const struct trace_event *e)
{
	uint64_t hash = trace_live_hash(0, e->addr);
	uint32_t i = trace_live_first(live, hash);

	while (i != TRACE_NONE && !frees(e, &space->calls[i]))
		i = live->next[i];
	if (i != TRACE_NONE)
		trace_live_remove(live, hash, i);
	return i;
}

/* The @at-th call that is kept; false: a stray, which is left out, as there is nothing to free. */
static bool match_call(struct check_space *space, struct trace_live *live, struct check_call call,
		       uint32_t at)
{
	bool is_alloc = call.event->kind == space->model->alloc_kind;

	if (!is_alloc)
		call.alloc = take_live(space, live, call.event);
	if (!is_alloc && call.alloc == TRACE_NONE) {
		if (space->nstrays++ == 0)
			space->stray_line = call.event->line;
		return false;
	}
	space->calls[at] = call;
	if (is_alloc)
		trace_live_add(live, trace_live_hash(0, call.event->addr), at);
	space->nallocs += is_alloc;
	return true;
}

static int match_frees(struct check_space *space)
{
	struct trace_live live;
	uint32_t kept = 0;

	if (trace_live_init(&live, space->ncalls))
		return -ENOMEM;
	for (uint32_t i = 0; i < space->ncalls; i++)
		kept += match_call(space, &live, space->calls[i], kept);
	space->ncalls = kept;
	trace_live_fini(&live);
	return 0;
}

static int make_space(const struct trace *trace, const struct check_model *model, uint32_t domain,
		      struct check_space *space)
{
	int err;

	*space = (struct check_space){.model = model, .ncpus = trace->ncpus};
	err = collect(trace, domain, space);
	if (!err)
		err = match_frees(space);
	if (err)
		check_calls_free(space);
	return err;
}

/* The range that a request gets from an empty space. */
static bool is_at_top(const struct trace_event *event)
{
	uint64_t align = dmp_pow2_ceil(event->size);
	uint64_t size = event->size > DMP_IOVA_CACHED_GRANULES ? event->size : align;

	return event->addr == dmp_align_down(event->phys + 1 - size, align);
}

/* Did the first allocation, or one that may have come before it, find the space empty? */
static bool begins_at_top(const struct check_space *space)
{
	for (uint32_t i = 0; i < space->ncalls; i++) {
		const struct check_call *call = &space->calls[i];

		if (call->after_line >= space->calls[0].event->line)
			return false;
		if (check_is_alloc(call) && is_at_top(call->event))
			return true;
	}
	return false;
}

int check_calls_iova(const struct trace *trace, uint32_t domain, struct check_space *space)
{
	int err = make_space(trace, &check_model_iova, domain, space);

	if (!err)
		space->in_use_before = !begins_at_top(space);
	return err;
}

/* The first map on CPU @cpu, or on any, that got something; or NULL. */
static const struct trace_event *first_map(const struct check_space *space, uint32_t cpu)
{
	for (uint32_t i = 0; i < space->ncalls; i++) {
		const struct trace_event *e = space->calls[i].event;

		if (check_is_alloc(&space->calls[i]) && e->addr != TRACE_ADDR_FAILED &&
		    (cpu == TRACE_NONE || e->cpu == cpu))
			return e;
	}
	return NULL;
}

/* Slots of a pool in which the areas of two CPUs are as far apart as these maps. */
static uint64_t slots_between(const struct trace_event *a, const struct trace_event *b,
			      uint64_t areas)
{
	uint64_t bytes = a->addr > b->addr ? a->addr - b->addr : b->addr - a->addr;
	unsigned cpus = a->cpu > b->cpu ? a->cpu - b->cpu : b->cpu - a->cpu;
	uint64_t area_slots = bytes / cpus / DMP_SWIOTLB_SLOT_BYTES;

	if (area_slots < DMP_SWIOTLB_SEGMENT_SLOTS || area_slots > SLOTS_MAX / areas)
		return DEFAULT_SLOTS;
	return dmp_pow2_ceil(area_slots * areas);
}

static uint64_t slots_of(const struct check_space *space, const struct trace_event *first,
			 uint64_t areas)
{
	for (unsigned cpu = 0; cpu < space->ncpus; cpu++) {
		const struct trace_event *e = first_map(space, cpu);

		if (e && e->cpu != first->cpu)
			return slots_between(e, first, areas);
	}
	return DEFAULT_SLOTS;
}

static void find_min_align(const struct check_space *space, uint64_t *masks, uint32_t ndevices)
{
	for (uint32_t i = 0; i < ndevices; i++)
		masks[i] = MIN_ALIGN_MASK;
	for (uint32_t i = 0; i < space->ncalls; i++) {
		const struct trace_event *e = space->calls[i].event;

		if (check_is_alloc(&space->calls[i]) && e->addr != TRACE_ADDR_FAILED &&
		    ((e->addr ^ e->phys) & MIN_ALIGN_MASK))
			masks[e->dev] = 0;
	}
}

static uint64_t area_bytes(const struct check_pool *pool)
{
	return pool->slots / pool->areas * DMP_SWIOTLB_SLOT_BYTES;
}

static void find_pool(struct check_space *space)
{
	const struct trace_event *first = first_map(space, TRACE_NONE);
	struct check_pool *pool = &space->pool;

	pool->areas = dmp_pow2_ceil(space->ncpus);
	pool->slots = first ? slots_of(space, first, pool->areas) : DEFAULT_SLOTS;
	if (first)
		pool->base = (first->addr & ~MIN_ALIGN_MASK) - first->cpu * area_bytes(pool);
}

/* Do the first maps of two or more CPUs lie at the start of their areas, and none elsewhere? */
static bool begins_in_areas(const struct check_space *space)
{
	const struct check_pool *pool = &space->pool;
	unsigned n = 0;

	for (unsigned cpu = 0; cpu < space->ncpus; cpu++) {
		const struct trace_event *e = first_map(space, cpu);

		if (e && (e->addr & ~MIN_ALIGN_MASK) != pool->base + cpu * area_bytes(pool))
			return false;
		n += e != NULL;
	}
	return n >= 2;
}

int check_calls_swiotlb(const struct trace *trace, struct check_space *space)
{
	int err = make_space(trace, &check_model_swiotlb, TRACE_NONE, space);

	if (err)
		return err;
	space->pool.min_align_masks = calloc(trace->devices.count + 1u, sizeof(uint64_t));
	if (!space->pool.min_align_masks) {
		check_calls_free(space);
		return -ENOMEM;
	}
	find_min_align(space, space->pool.min_align_masks, trace->devices.count);
	find_pool(space);
	space->in_use_before = space->nstrays && !begins_in_areas(space);
	return 0;
}

void check_calls_free(struct check_space *space)
{
	free(space->calls);
	free(space->pool.min_align_masks);
	*space = (struct check_space){0};
}
