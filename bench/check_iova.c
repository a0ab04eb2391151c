// SPDX-License-Identifier: MIT
/*
 * check_iova.c - an IOVA domain of the library as the traced machines had them
 *
 * Pages of 4 KiB from pfn 1 on, through the caches.  What the machines' firmware and bridges
 * use was taken out before the first allocation: the PCI window and the interrupt range of a
 * PC.  An address is a pfn, as in the trace; 0 is nothing.
 */
#include "check.h"

#include <dmapool/iova.h>

static const struct dmp_iova_range taken_out[] = {{0xc0000, 0xfebff}, {0xfee00, 0xfeeff}};

static int open_space(const struct check_space *space, void **state)
{
	struct dmp_iova_domain *dom;
	int err = dmp_iova_create(&DMP_IOVA_OPTS(.granule = 4096, .start_pfn = 1), &dom);

	(void)space;
	for (unsigned i = 0; !err && i < sizeof(taken_out) / sizeof(taken_out[0]); i++) {
		err = dmp_iova_reserve(dom, taken_out[i].lo, taken_out[i].hi, NULL);
		if (err)
			dmp_iova_destroy(dom);
	}
	if (!err)
		*state = dom;
	return err;
}

static uint64_t alloc_range(void *state, const struct trace_event *event)
{
	unsigned flags = event->aux ? DMP_IOVA_FLUSH : 0;
	uint64_t pfn;
	int err = dmp_iova_alloc(state, event->size, event->phys, flags, &pfn);

	return err ? check_model_iova.failed : pfn;
}

static void free_range(void *state, const struct trace_event *event, uint64_t addr)
{
	dmp_iova_free(state, addr, event->size);
}

static void close_space(void *state)
{
	dmp_iova_destroy(state);
}

const struct check_model check_model_iova = {
	.alloc_kind = TRACE_PROBE_IOVA_ALLOC,
	.free_kind = TRACE_PROBE_IOVA_FREE,
	.failed = 0,
	.open = open_space,
	.alloc = alloc_range,
	.free = free_range,
	.close = close_space,
};
