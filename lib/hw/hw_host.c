// SPDX-License-Identifier: MIT
/*
 * hw_host.c - the smallest real machine: this process's memory, no IOMMU
 *
 * phys is the pointer itself, so every byte that the process can name is memory of the
 * machine, and a device reaches it if its mask does.  The machine has no state: a block is
 * an aligned block of the C library's.
 *
 * It has no zones.  A 64-bit process's heap lies far above 4 GiB and nothing can be asked
 * to lie lower, so the low zones are honestly empty: -ENOMEM.  A device that drives fewer
 * address bits needs a machine with low memory, such as the simulated one.
 */
#include "hw_call.h"

#include <dmapool/bits.h>

#include <assert.h>
#include <stdlib.h>

/* 512 GiB: no host gives more in one block, and malloc checkers stop a process that asks. */
#define HOST_ORDER_MAX 27u
static_assert(HOST_ORDER_MAX + DMP_PAGE_SHIFT < sizeof(size_t) * 8, "a block's length is a size_t");

static int host_mem_alloc(void *be, enum dmp_zone zone, unsigned order, unsigned flags,
			  dmp_phys_t *phys)
{
	size_t len;
	void *mem;

	(void)be;
	(void)flags;
	if (zone != DMP_ZONE_ANY || order > HOST_ORDER_MAX)
		return -ENOMEM;
	len = (size_t)DMP_PAGE_BYTES << order;
	mem = aligned_alloc(len, len);
	if (!mem)
		return -ENOMEM;
	*phys = (uintptr_t)mem;
	return 0;
}

static void host_mem_free(void *be, dmp_phys_t phys, unsigned order)
{
	(void)be;
	(void)order;
	free((void *)(uintptr_t)phys);
}

static int host_buf_to_phys(void *be, const void *buf, uint64_t len, dmp_phys_t *phys)
{
	(void)be;
	if (!buf || !len || !dmp_range_fits((uintptr_t)buf, len, UINTPTR_MAX))
		return -EFAULT;
	*phys = (uintptr_t)buf;
	return 0;
}

static int host_phys_to_buf(void *be, dmp_phys_t phys, uint64_t len, void **buf)
{
	(void)be;
	if (!phys || !len || !dmp_range_fits(phys, len, UINTPTR_MAX))
		return -EFAULT;
	*buf = (void *)(uintptr_t)phys;
	return 0;
}

static const struct dmp_hw_ops host_ops = {
	.size = sizeof(host_ops),
	.name = "host",
	.mem_alloc = host_mem_alloc,
	.mem_free = host_mem_free,
	.buf_to_phys = host_buf_to_phys,
	.phys_to_buf = host_phys_to_buf,
};

int dmp_hw_host_create(const struct dmp_hw_opts *opts, struct dmp_hw **out)
{
	return dmp_hw_create(&host_ops, NULL, opts, out);
}
