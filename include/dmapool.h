/* SPDX-License-Identifier: MIT */
/*
 * dmapool.h - Linux's DMA allocators outside Linux: everything an application needs
 *
 *   dma.h      map, unmap, sync, coherent memory     start here
 *   device.h   devices and their limits
 *   domain.h   address spaces: IOVAs + page tables + flushing
 *   exposure.h what devices can still reach after an unmap
 *   iova.h     the IOVA allocator on its own
 *   iommu.h    page tables on their own
 *   swiotlb.h  bounce buffers on their own
 *   hw.h       machines, and how to write one
 *
 * In this library "pool" means a pool of bounce slots; the small-block allocator that
 * Linux calls dmapool is another thing, and not here.
 *
 * Beside these: dmapool/sim.h, the simulated machine (its own library); dmapool/harness.h,
 * manual mode for tests; dmapool/port.h, for backends and policies, C only;
 * dmapool/linux/iova.h, the kernel's own names for the IOVA allocator.
 */
#ifndef DMAPOOL_H
#define DMAPOOL_H

#include <dmapool/bits.h>
#include <dmapool/device.h>
#include <dmapool/dma.h>
#include <dmapool/domain.h>
#include <dmapool/exposure.h>
#include <dmapool/hw.h>
#include <dmapool/iommu.h>
#include <dmapool/iova.h>
#include <dmapool/swiotlb.h>
#include <dmapool/swiotlb_policy.h>
#include <dmapool/swiotlb_stats.h>
#include <dmapool/types.h>
#include <dmapool/version.h>

#endif
