/* SPDX-License-Identifier: MIT */
/*
 * dma.h - the DMA API: give devices addresses for memory, and take them back
 *
 * A request takes one of the routes
 *
 *   direct      addr is phys, or where the bus has it    no domain attached
 *   translated  addr is an IOVA of the device's domain   a domain is attached
 *
 * and in each of them the buffer itself, or a copy in a bounce buffer that takes its place:
 * direct if the device cannot reach the buffer, translated if the device is untrusted and the
 * buffer does not fill whole granules, both if the device is forced to, as one is that reaches
 * shared memory only.  That is chosen from the device's limits and the request alone.
 *
 * With a bounce buffer the device sees what the CPU wrote up to dmp_dma_map() or the latest
 * dmp_dma_sync_for_device(), and the CPU what the device wrote up to dmp_dma_unmap() or the
 * latest dmp_dma_sync_for_cpu().
 */
#ifndef DMAPOOL_DMA_H
#define DMAPOOL_DMA_H

#include <dmapool/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * dmp_dma_map() - give a device an address for a buffer
 * @dev:   device that will use the address
 * @buf:   memory that the device's machine knows, see dmp_hw_alloc(); not NULL
 * @len:   bytes, > 0; any alignment
 * @dir:   which way the data goes
 * @attrs: DMP_ATTR_* bits, or 0
 * @addr:  out: address for the device; untouched on error
 *
 * From here until dmp_dma_unmap() the device owns the bytes: the CPU may look at or
 * change them only between dmp_dma_sync_for_cpu() and dmp_dma_sync_for_device().
 *
 * Ownership: borrows @buf until unmap.
 * With DMP_ATTR_MAY_BLOCK a map that bounces may sleep until others have been unmapped, if its
 * allocator throttles (dmp_swiotlb_tune()) and no domain is attached.
 *
 * Threads:   any thread, also at once for one device.  Never sleeps without DMP_ATTR_MAY_BLOCK
 *            (with it, no lock held, and not while what it waits for is the thread's own to unmap);
 *            may wait for the hardware in the translated route.
 * Errors:    -EINVAL @len, @dir or @attrs; -EBUSY the device is just being attached or detached,
 *            it may be tried again; -EFAULT @buf is not the machine's; -ERANGE the
 *            device can never reach it, also because it is too long to bounce; -ENOSPC no IOVA
 *            or no bounce slots free now; -ECANCELED it waited for them, or would have to, and
 *            dmp_device_cancel() was called; -ENOMEM; -ENOTRECOVERABLE nothing is mapped, but a
 *            device may still reach @buf as dmp_domain_map() says: do not reuse or free it
 *            before (slots that stood for it wait as in dmp_dma_unmap()); -EIO and the
 *            backend's own.  A failure is one line of the log unless DMP_ATTR_NO_WARN, with its
 *            reason where the device's limits are it; if no bounce slots are free, the line of
 *            dmp_swiotlb_map(), with the device's number, once a second at most.
 * Cost:      direct O(1); translated O(pages), IOVA from a cache O(1); bouncing O(len) more.
 * Source:    Linux dma_map_page_attrs(); here 0 is a valid address and errors are
 *            returned, not encoded.
 */
DMP_API int dmp_dma_map(struct dmp_device *dev, void *buf, uint64_t len, enum dmp_dir dir,
			unsigned attrs, dmp_addr_t *addr);

/**
 * dmp_dma_unmap() - take the address back
 * @addr, @len, @dir: as mapped
 * @attrs: DMP_ATTR_* bits, or 0; DMP_ATTR_SKIP_SYNC: nothing is copied back
 *
 * A bounce buffer is copied back and freed when the device can no longer reach it; in a lazy
 * domain that takes a flush of the domain.
 *
 * Threads: any thread; one at a time per mapping.  Never sleeps.
 * Errors:  -EINVAL @len, also if a bounce buffer has another, @dir or @attrs; -ENOENT nothing is
 *          mapped at @addr, as far as the route can tell: always in the translated one and for a
 *          bounce buffer, in the direct one if the machine keeps count of what it exposed or
 *          does not know the address; at checks >= 1 also if the device has nothing mapped at
 *          all, or coherent memory there.  The state is as before.
 *          A direct unmap of memory that was never mapped is not always seen: then it is
 *          counted in the place of another, and what is still live may look as if it were
 *          not, to dmp_device_destroy() too; the count of live mappings is never below 0.
 *          An error of the flush: see dmp_domain_unmap(), the mapping is gone.  A bounce buffer
 *          that a device may still reach is copied back, and its slots stay in use, which is
 *          logged, until a flush of the whole domain works, dmp_domain_flush(), or the domain
 *          is destroyed; for good, which the line says, if there is no memory to remember them.
 *          -EFAULT a bounced buffer is no longer the machine's: the mapping is gone.
 */
DMP_API int dmp_dma_unmap(struct dmp_device *dev, dmp_addr_t addr, uint64_t len, enum dmp_dir dir,
			  unsigned attrs);

/**
 * dmp_dma_sync_for_cpu() - the CPU may look at, or change, part of a live mapping
 * @addr: an address inside the mapping; any offset
 * @len:  bytes, > 0, inside the mapping
 * @dir:  as mapped
 *
 * Threads: any thread; one at a time per mapping.
 * Errors:  -EINVAL; -ENOENT nothing is mapped there, or the part ends behind a bounced buffer;
 *          -EFAULT a bounced buffer is no longer the machine's.
 * Cost:    O(1); O(len) in a bounce buffer.
 */
DMP_API int dmp_dma_sync_for_cpu(struct dmp_device *dev, dmp_addr_t addr, uint64_t len,
				 enum dmp_dir dir);

/* The device owns that part again; otherwise as dmp_dma_sync_for_cpu(). */
DMP_API int dmp_dma_sync_for_device(struct dmp_device *dev, dmp_addr_t addr, uint64_t len,
				    enum dmp_dir dir);

/* A piece of a scatter list.  The caller fills buf and len; the rest is an answer. */
struct dmp_sg {
	void *buf;           /* in */
	uint64_t len;        /* in: bytes, > 0 */
	dmp_addr_t addr;     /* out */
	uint64_t mapped_len; /* out: bytes behind addr */
};

/**
 * dmp_dma_map_sg() - give a device addresses for a list of buffers
 * @sg:      @nents pieces, > 0
 * @nmapped: out: how many of @sg's first answers are valid; neighbours that share an address
 *           range are merged, but none of a device that is untrusted or forced to bounce
 *
 * Only the first piece is delayed by DMP_ATTR_MAY_BLOCK; dmp_dma_unmap_sg() frees it last.
 *
 * All or nothing: on error no piece is mapped and the answers are as before.
 * Otherwise as dmp_dma_map(); -ERANGE also for a piece that is longer than a segment may be, or
 * that crosses a segment boundary wherever it is put; -ENOTRECOVERABLE also if the machine did
 * not take back a piece in the direct route.
 */
DMP_API int dmp_dma_map_sg(struct dmp_device *dev, struct dmp_sg *sg, size_t nents,
			   enum dmp_dir dir, unsigned attrs, size_t *nmapped);

/**
 * dmp_dma_unmap_sg() - take them back
 * @sg, @nents: as mapped, answers included
 *
 * Errors: as dmp_dma_unmap().  Pieces that were not merged are all looked up before the first is
 *         taken back; an error after that does not stop the others: the list is gone, and the
 *         first error is returned.
 */
DMP_API int dmp_dma_unmap_sg(struct dmp_device *dev, struct dmp_sg *sg, size_t nents,
			     enum dmp_dir dir, unsigned attrs);

/**
 * dmp_dma_alloc_coherent() - memory that CPU and device see alike at any time
 * @len:  bytes, > 0
 * @buf:  out: 4 KiB aligned, cleared
 * @addr: out: the device's address of it
 *
 * Ownership: the caller's until dmp_dma_free_coherent().
 * Threads:   any thread; may sleep.
 * Errors:    -EINVAL; -EBUSY as dmp_dma_map(); -ERANGE the device can never reach that much;
 *            -ENOMEM no memory, or none within the coherent mask; -ENOSPC no IOVA;
 *            -ENOTRECOVERABLE as dmp_dma_map(), the memory is kept from reuse as
 *            dmp_dma_free_coherent() does.
 */
DMP_API int dmp_dma_alloc_coherent(struct dmp_device *dev, uint64_t len, void **buf,
				   dmp_addr_t *addr);

/**
 * dmp_dma_free_coherent() - give it back
 * @len, @buf, @addr: as allocated
 *
 * Errors: -ENOENT no coherent memory of this device is at @addr, or it is not @buf; -EINVAL
 *         @len is not its length: the state is as before.  An error of the flush, see
 *         dmp_domain_unmap(): it is no longer the caller's, but a device may still reach it,
 *         and it is not used again before a flush of the whole domain works,
 *         dmp_iommu_flush(), or the domain is destroyed.
 */
DMP_API int dmp_dma_free_coherent(struct dmp_device *dev, uint64_t len, void *buf, dmp_addr_t addr);

#ifdef __cplusplus
}
#endif

#endif
