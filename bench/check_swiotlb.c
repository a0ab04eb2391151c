// SPDX-License-Identifier: MIT
/*
 * check_swiotlb.c - a pool of bounce slots as the traced machine had it
 *
 * The allocator is the library's; the machine under it is only what it takes to place slots
 * and copy bytes, since no address depends on what is in a buffer:
 *
 *    phys  0     scratch ...............     POOL_PHYS .................
 *                all originals are here      the pool's memory
 *
 * An original keeps its offset in its page, which is all of it that a placement depends on.
 * The pool lies where nothing else is, aligned to more than any mask asks for; an address of
 * the trace is the library's, minus POOL_PHYS, plus the base of the traced pool.
 *
 * Growth is off: the pool is all there is.
 */
#include "check.h"

#include <dmapool/bits.h>
#include <dmapool/swiotlb.h>
#include <errno.h>
#include <stdlib.h>

#define PAGE_BYTES    UINT64_C(4096)
#define SCRATCH_PHYS  PAGE_BYTES
#define SCRATCH_BYTES (DMP_SWIOTLB_MAX_BYTES + PAGE_BYTES)
#define POOL_PHYS     (UINT64_C(1) << 30)

struct machine {
	const struct check_space *space;
	struct dmp_hw *hw;
	struct dmp_swiotlb *tlb;
	uint8_t *pool; /* NULL: not given out */
	uint64_t pool_bytes;
	uint8_t scratch[SCRATCH_BYTES];
};

static int mem_alloc(void *be, enum dmp_zone zone, unsigned order, unsigned flags, dmp_phys_t *phys)
{
	struct machine *m = be;

	(void)zone;
	(void)flags;
	if (m->pool)
		return -ENOMEM;
	m->pool_bytes = PAGE_BYTES << order;
	m->pool = malloc(m->pool_bytes);
	if (!m->pool)
		return -ENOMEM;
	*phys = POOL_PHYS;
	return 0;
}

static void mem_free(void *be, dmp_phys_t phys, unsigned order)
{
	struct machine *m = be;

	(void)phys;
	(void)order;
	free(m->pool);
	m->pool = NULL;
}

/* The library asks only for addresses of memory that it was given. */
static int buf_to_phys(void *be, const void *buf, uint64_t len, dmp_phys_t *phys)
{
	struct machine *m = be;
	uint64_t offset = (uint64_t)((uintptr_t)buf - (uintptr_t)m->pool);

	if (!m->pool || !dmp_range_fits(offset, len, m->pool_bytes - 1))
		return -EFAULT;
	*phys = POOL_PHYS + offset;
	return 0;
}

static int phys_to_buf(void *be, dmp_phys_t phys, uint64_t len, void **buf)
{
	struct machine *m = be;

	if (m->pool && phys >= POOL_PHYS &&
	    dmp_range_fits(phys - POOL_PHYS, len, m->pool_bytes - 1))
		*buf = m->pool + (phys - POOL_PHYS);
	else if (phys >= SCRATCH_PHYS &&
		 dmp_range_fits(phys - SCRATCH_PHYS, len, SCRATCH_BYTES - 1))
		*buf = m->scratch + (phys - SCRATCH_PHYS);
	else
		return -EFAULT;
	return 0;
}

static const struct dmp_hw_ops machine_ops = {
	.size = sizeof(machine_ops),
	.name = "check",
	.mem_alloc = mem_alloc,
	.mem_free = mem_free,
	.buf_to_phys = buf_to_phys,
	.phys_to_buf = phys_to_buf,
};

static void close_pool(void *state)
{
	struct machine *m = state;

	if (m->tlb)
		dmp_swiotlb_destroy(m->tlb);
	if (m->hw)
		dmp_hw_destroy(m->hw);
	free(m);
}

static int open_pool(const struct check_space *space, void **state)
{
	const struct check_pool *pool = &space->pool;
	struct machine *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->space = space;
	err = dmp_hw_create(&machine_ops, m, NULL, &m->hw);
	if (!err)
		err = dmp_swiotlb_create(
			m->hw, &DMP_SWIOTLB_OPTS(.slots = pool->slots, .areas = pool->areas),
			&m->tlb);
	if (err)
		close_pool(m);
	else
		*state = m;
	return err;
}

static uint64_t alloc_slots(void *state, const struct trace_event *event)
{
	struct machine *m = state;
	const struct check_pool *pool = &m->space->pool;
	struct dmp_swiotlb_limits limits =
		DMP_SWIOTLB_LIMITS(.min_align_mask = pool->min_align_masks[event->dev],
				   .alloc_align_mask = event->aux);
	dmp_phys_t orig = SCRATCH_PHYS + event->phys % PAGE_BYTES, phys;
	int err = dmp_swiotlb_map(m->tlb, &limits, orig, event->size, DMP_TO_DEVICE,
				  DMP_ATTR_NO_WARN, &phys);

	return err ? check_model_swiotlb.failed : phys - POOL_PHYS + pool->base;
}

static void free_slots(void *state, const struct trace_event *event, uint64_t addr)
{
	struct machine *m = state;

	dmp_swiotlb_unmap(m->tlb, addr - m->space->pool.base + POOL_PHYS, event->size,
			  DMP_TO_DEVICE, DMP_ATTR_SKIP_SYNC);
}

static uint64_t peak_slots(void *state)
{
	struct machine *m = state;
	struct dmp_swiotlb_stats stats;

	return dmp_swiotlb_get_stats(m->tlb, &stats, sizeof(stats)) ? 0 : stats.high_water;
}

const struct check_model check_model_swiotlb = {
	.alloc_kind = TRACE_PROBE_SWIOTLB_MAP,
	.free_kind = TRACE_PROBE_SWIOTLB_UNMAP,
	.failed = TRACE_ADDR_FAILED,
	.open = open_pool,
	.alloc = alloc_slots,
	.free = free_slots,
	.peak = peak_slots,
	.close = close_pool,
};
