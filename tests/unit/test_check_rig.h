/* SPDX-License-Identifier: MIT */
/*
 * test_check_rig.h - allocator lines for the tests of --check-addresses
 *
 * Numbers in the macros are as the kernel prints them: sizes decimal, all else hexadecimal
 * without 0x.
 */
#ifndef DMAPOOL_TEST_CHECK_RIG_H
#define DMAPOOL_TEST_CHECK_RIG_H

#include "test_trace_files.h"

#include "check.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

/* As ON(), from a soft interrupt of whatever the CPU does. */
#define IN_SOFTIRQ(cpu, us, fields) "  fio-12  [00" #cpu "] d.s1.  1.0000" #us ": " fields "\n"

#define IOVA_ALLOC_FIELDS(iovad, size, pfn)                                                        \
	"iova_alloc: (a <- b) iovad=0x" #iovad " size=" #size " limit_pfn=0xfffff flush=0 "        \
	"pfn=0x" #pfn
#define IOVA_FREE_FIELDS(iovad, pfn, size)                                                         \
	"iova_free: (a) iovad=0x" #iovad " pfn=0x" #pfn " size=" #size
#define IOVA_ALLOC_OF(iovad, cpu, us, size, pfn) ON(cpu, us, IOVA_ALLOC_FIELDS(iovad, size, pfn))
#define IOVA_FREE_OF(iovad, cpu, us, pfn, size)  ON(cpu, us, IOVA_FREE_FIELDS(iovad, pfn, size))
#define IOVA_ALLOC(cpu, us, size, pfn)           IOVA_ALLOC_OF(1, cpu, us, size, pfn)
#define IOVA_FREE(cpu, us, pfn, size)            IOVA_FREE_OF(1, cpu, us, pfn, size)
#define IRQ_FREE(cpu, us, pfn, size)             IN_SOFTIRQ(cpu, us, IOVA_FREE_FIELDS(1, pfn, size))

#define BOUNCED(cpu, us, orig, size)                                                               \
	ON(cpu, us,                                                                                \
	   "swiotlb_bounced: dev_name: nvme dma_mask=ffffffff dev_addr=" #orig " size=" #size      \
	   " FORCE")
#define SLOTS_MAP_FIELDS(dev, orig, size, tlb)                                                     \
	"swiotlb_map: (a <- b) dev=\"" #dev "\" orig=0x" #orig " size=" #size                      \
	" align_mask=0x0 dir=1 attrs=0x0 tlb=0x" #tlb
#define SLOTS_MAP_OF(dev, cpu, us, orig, size, tlb)                                                \
	ON(cpu, us, SLOTS_MAP_FIELDS(dev, orig, size, tlb))
#define SLOTS_MAP(cpu, us, orig, size, tlb) SLOTS_MAP_OF(nvme, cpu, us, orig, size, tlb)
#define SLOTS_UNMAP(cpu, us, tlb, size)                                                            \
	ON(cpu, us, "swiotlb_unmap: (a) dev=\"nvme\" tlb=0x" #tlb " size=" #size " dir=1 attrs=0x0")

/* The calls of the only IOVA domain, or of the pool. */
static inline struct check_space space_of(const struct trace *trace)
{
	struct check_space space;

	if (trace->iova_domains.count)
		assert_int_equal(check_calls_iova(trace, 0, &space), 0);
	else
		assert_int_equal(check_calls_swiotlb(trace, &space), 0);
	return space;
}

#endif
