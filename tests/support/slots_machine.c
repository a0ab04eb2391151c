// SPDX-License-Identifier: MIT
#include "slots_machine.h"

#include <dmapool/bits.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MIB       UINT64_C(0x100000)
#define MAX_PAGES (32 * MIB / DMP_PAGE_BYTES)
#define COHERENT  3u
#define NWINDOWS  5u

static unsigned char dma[2 * MIB], dma32[32 * MIB], coherent[MIB], any[32 * MIB];
static unsigned char originals[SLOTS_PLACES * SLOTS_PLACE];

static struct window {
	dmp_phys_t base;
	uint64_t bytes;
	unsigned char *mem;
	bool used[MAX_PAGES];
} windows[NWINDOWS] = {
	/* In the order of enum dmp_zone; then those that are no zones. */
	{.base = 0x180000000, .bytes = sizeof(any), .mem = any},
	{.base = SLOTS_DMA32, .bytes = sizeof(dma32), .mem = dma32},
	{.base = 0x800000, .bytes = sizeof(dma), .mem = dma},
	{.base = 0x70000000, .bytes = sizeof(coherent), .mem = coherent},
	{.base = SLOTS_ORIGINALS, .bytes = sizeof(originals), .mem = originals},
};

static struct slots_log log_of_machine;
static uint64_t nlacking;

struct slots_event *slots_log_add(struct slots_log *log, const char *fmt, ...)
{
	struct slots_event *e = &log->event[log->n];
	va_list args;

	log->n += log->n < SLOTS_EVENTS - 1;
	*e = (struct slots_event){.ok = false};
	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
	return e;
}

static bool is_free(const struct window *w, uint64_t first, uint64_t npages)
{
	for (; npages; first++, npages--)
		if (w->used[first])
			return false;
	return true;
}

/* The lowest free pages at a multiple of @align. */
static int take(struct window *w, uint64_t npages, uint64_t align, dmp_phys_t *phys)
{
	uint64_t first, all = w->bytes / DMP_PAGE_BYTES;

	for (first = 0; first + npages <= all; first += align) {
		if (is_free(w, first, npages)) {
			memset(&w->used[first], true, npages);
			*phys = w->base + first * DMP_PAGE_BYTES;
			return 0;
		}
	}
	return -ENOMEM;
}

static struct window *window_of(dmp_phys_t phys)
{
	struct window *w;

	for (w = windows; w < windows + NWINDOWS; w++)
		if (phys - w->base < w->bytes)
			return w;
	return NULL;
}

static void give(dmp_phys_t phys, uint64_t npages)
{
	struct window *w = window_of(phys);

	memset(&w->used[(phys - w->base) / DMP_PAGE_BYTES], false, npages);
}

static int answer(struct slots_event *e, int err, dmp_phys_t phys)
{
	e->asks = true;
	e->ok = err == 0;
	e->phys = phys;
	return err;
}

static int mem_alloc(void *be, enum dmp_zone zone, unsigned order, unsigned flags, dmp_phys_t *phys)
{
	static const char *const names[] = {"any", "dma32", "dma"};
	struct slots_event *e = slots_log_add(&log_of_machine, "pages %s %s %u", names[zone],
					      flags & DMP_MEM_MAY_BLOCK ? "block" : "nowait",
					      order);
	bool lacks = nlacking > 0;
	dmp_phys_t at = 0;
	int err = -ENOMEM;

	(void)be;
	nlacking -= lacks;
	if (!lacks)
		err = take(&windows[zone], UINT64_C(1) << order, UINT64_C(1) << order, &at);
	if (!err)
		*phys = at;
	return answer(e, err, at);
}

static void mem_free(void *be, dmp_phys_t phys, unsigned order)
{
	(void)be;
	slots_log_add(&log_of_machine, "free %" PRIx64 " %u", phys, order);
	give(phys, UINT64_C(1) << order);
}

static uint64_t pages_of(uint64_t len)
{
	return dmp_align_up(len, DMP_PAGE_BYTES) / DMP_PAGE_BYTES;
}

static int coherent_alloc(void *be, uint64_t len, uint64_t limit, unsigned flags, dmp_phys_t *phys)
{
	struct slots_event *e = slots_log_add(&log_of_machine, "cpool %" PRIu64, len);
	dmp_phys_t at = 0;
	int err = take(&windows[COHERENT], pages_of(len), 1, &at);

	(void)be;
	(void)flags;
	if (!err && !dmp_range_fits(at, len, limit)) {
		give(at, pages_of(len));
		err = -ENOMEM;
	}
	if (!err) {
		memset(slots_machine_bytes(at), 0, len);
		*phys = at;
	}
	return answer(e, err, at);
}

static void coherent_free(void *be, dmp_phys_t phys, uint64_t len)
{
	(void)be;
	slots_log_add(&log_of_machine, "cfree %" PRIx64 " %" PRIu64, phys, len);
	give(phys, pages_of(len));
}

static int phys_to_buf(void *be, dmp_phys_t phys, uint64_t len, void **buf)
{
	struct window *w = window_of(phys);

	(void)be;
	if (!w || !len || len > w->base + w->bytes - phys)
		return -EFAULT;
	*buf = w->mem + (phys - w->base);
	return 0;
}

static int buf_to_phys(void *be, const void *buf, uint64_t len, dmp_phys_t *phys)
{
	struct window *w;
	uintptr_t at = (uintptr_t)buf;

	(void)be;
	for (w = windows; w < windows + NWINDOWS; w++) {
		if (at - (uintptr_t)w->mem < w->bytes &&
		    len <= w->bytes - (at - (uintptr_t)w->mem)) {
			*phys = w->base + (at - (uintptr_t)w->mem);
			return 0;
		}
	}
	return -EFAULT;
}

static int make_shared(void *be, dmp_phys_t phys, uint64_t npages)
{
	(void)be;
	slots_log_add(&log_of_machine, "dec %" PRIx64 " %" PRIu64, phys, npages);
	return 0;
}

static int make_private(void *be, dmp_phys_t phys, uint64_t npages)
{
	(void)be;
	slots_log_add(&log_of_machine, "enc %" PRIx64 " %" PRIu64, phys, npages);
	return 0;
}

int slots_machine_open(struct dmp_hw **hw)
{
	static const struct dmp_hw_ops ops = {
		.size = sizeof(ops),
		.name = "windows",
		.mem_alloc = mem_alloc,
		.mem_free = mem_free,
		.coherent_alloc = coherent_alloc,
		.coherent_free = coherent_free,
		.buf_to_phys = buf_to_phys,
		.phys_to_buf = phys_to_buf,
		.make_shared = make_shared,
		.make_private = make_private,
	};
	struct window *w;

	log_of_machine.n = 0;
	nlacking = 0;
	for (w = windows; w < windows + NWINDOWS; w++)
		memset(w->used, false, sizeof(w->used));
	return dmp_hw_create(&ops, windows, &DMP_HW_OPTS(.flags = DMP_HW_CHECK), hw);
}

struct slots_log *slots_machine_log(void)
{
	return &log_of_machine;
}

void slots_machine_lack(uint64_t n)
{
	nlacking = n;
}

unsigned char *slots_machine_bytes(dmp_phys_t phys)
{
	struct window *w = window_of(phys);

	return w ? w->mem + (phys - w->base) : NULL;
}

uint64_t slots_machine_in_use(void)
{
	const struct window *w;
	uint64_t n = 0, i;

	for (w = windows; w < windows + NWINDOWS; w++)
		for (i = 0; i < MAX_PAGES; i++)
			n += w->used[i];
	return n;
}
