// SPDX-License-Identifier: MIT
/*
 * dma_route.c - which way a request goes: a table, decided from values alone
 *
 *   domain     aligned more     must      slots    route
 *   attached   than a granule   bounce    ready
 *   ---------  ---------------  --------  -------  -------------------------
 *   no         -                no        -        direct
 *   no         -                yes       yes      bounce
 *   no         -                yes       no       -ERANGE
 *   yes        no               no        -        translate
 *   yes        no               yes       yes      bounce, then translate
 *   yes        no               yes       no       -ERANGE
 *   yes        yes              -         -        -ERANGE
 *   where it bounces, too long for slots           -ERANGE
 *
 * An identity domain is none: behind it addresses are physical, and the range of a bus no limit.
 *
 * Must bounce: every buffer of a device that is forced to, or reaches shared memory only; without a
 * domain, a buffer that is not within the reach; with a domain, part of a granule if the device is
 * untrusted.
 *
 * Within the reach: it has an address on the device's bus, dma_window.c, and that of the last byte
 * lies at or below the smaller of DMA mask and bus limit.
 * It does not matter where the domain translates: there the IOVA must be in reach, which
 * the IOVA space sees to.
 *
 * Part of a granule: start or length is no multiple of it, so that mapping whole granules
 * would show the device its neighbours' bytes.  Without a domain nothing can be hidden from
 * a device, trusted or not.
 *
 * Aligned more than a granule: min_align_mask asks for address bits above the granule's to
 * be kept, and a translation keeps the offset in the granule only.
 *
 * Too long for slots: with the bits that must be kept in front of it, and in whole granules where
 * the device sees those, it is longer than any bounce buffer.
 *
 * Whether a device can come to bounce at all, dma_may_bounce(), follows from its limits and is
 * constant while it stays where it is.  So is whether its lists are merged, which the unmap of
 * a list must know again: dma_merges_lists().
 *
 * Nothing here locks, allocates or asks the hardware.
 *
 * Differs from Linux: one table for both worlds; the errors are -ERANGE, "never under this
 *  device's limits", where Linux returns its one error address.  A buffer that shares cache
 *  lines never bounces, because all machines here are coherent.
 *
 * Source: spec-iova 2.4.1, 2.4.4, 2.4.5, 2.5.1; spec-bounce 4.2, 4.3, 11.1, 11b.
 */
#include "dma_internal.h"

#define ATTRS_ALL (DMP_ATTR_SKIP_SYNC | DMP_ATTR_NO_WARN | DMP_ATTR_MAY_BLOCK)

int dma_request_check(uint64_t len, enum dmp_dir dir, unsigned attrs)
{
	if (len == 0 || (attrs & ~ATTRS_ALL))
		return -EINVAL;
	switch (dir) {
	case DMP_BIDIRECTIONAL:
	case DMP_TO_DEVICE:
	case DMP_FROM_DEVICE: return 0;
	}
	return -EINVAL;
}

static bool is_in_reach(const struct dma_limits *limits, const struct dma_request *request)
{
	dmp_addr_t addr;

	return dma_window_addr(&limits->window, request->phys, request->len, &addr) &&
	       dmp_range_fits(addr, request->len, limits->reach);
}

static bool must_bounce(const struct dma_limits *limits, const struct dma_request *request)
{
	if (limits->force_bounce)
		return true;
	if (!request->granule)
		return !is_in_reach(limits, request);
	return limits->untrusted && !dmp_is_aligned(request->phys | request->len, request->granule);
}

/* spec-bounce 4.2, 4.3 */
static bool fits_slots(const struct dma_limits *limits, const struct dma_request *request)
{
	uint64_t unit = request->granule ? request->granule : 1;
	uint64_t bits = (unit - 1) | (DMP_SWIOTLB_SLOT_BYTES - 1);
	uint64_t offset = request->phys & limits->min_align_mask & bits;

	return unit <= DMP_SWIOTLB_MAX_BYTES && request->len <= DMP_SWIOTLB_MAX_BYTES &&
	       dmp_align_up(offset + request->len, unit) <= DMP_SWIOTLB_MAX_BYTES;
}

static struct dma_route never(const char *why)
{
	return (struct dma_route){.err = -ERANGE, .why = why};
}

/* It must bounce, and there is no allocator. */
static const char *why_it_must(const struct dma_limits *limits, bool translate)
{
	if (limits->needs_shared)
		return "the device reaches shared memory only, and has no bounce allocator";
	return translate ? "part of a granule, and no bounce allocator"
			 : "beyond the device's reach, and no bounce allocator";
}

struct dma_route dma_route_choose(const struct dma_limits *limits,
				  const struct dma_request *request)
{
	bool translate = request->granule != 0, bounce = must_bounce(limits, request);

	if (translate && limits->min_align_mask > request->granule - 1)
		return never("the device keeps more address bits than a granule has");
	if (bounce && !request->bounce_ready)
		return never(why_it_must(limits, translate));
	if (bounce && !fits_slots(limits, request))
		return never("it must bounce, and is longer than a bounce buffer");
	return (struct dma_route){.bounce = bounce, .translate = translate};
}

/* Is there any request of a device with these limits that must bounce? */
bool dma_may_bounce(const struct dma_limits *limits, bool translated)
{
	if (limits->force_bounce)
		return true;
	return translated ? limits->untrusted : limits->reach != UINT64_MAX || limits->window.len;
}

/* Do its lists share one address range?  Else every piece is mapped by itself. */
bool dma_merges_lists(const struct dma_limits *limits, bool translated)
{
	return translated && !dma_may_bounce(limits, translated);
}

/*
 * Can @len bytes at @start, an address or its offset in a granule, be one piece of a list's
 * answer?  A longer piece, or one that crosses a boundary wherever it is put, cannot.
 */
bool dma_piece_fits(const struct dma_limits *limits, uint64_t start, uint64_t len)
{
	uint64_t offset = start & limits->segment_boundary;

	return len <= limits->max_segment_bytes && len - 1 <= limits->segment_boundary - offset;
}

unsigned dma_prot(enum dmp_dir dir)
{
	switch (dir) {
	case DMP_TO_DEVICE: return DMP_PROT_READ;
	case DMP_FROM_DEVICE: return DMP_PROT_WRITE;
	case DMP_BIDIRECTIONAL: break;
	}
	return DMP_PROT_READ | DMP_PROT_WRITE;
}
