// SPDX-License-Identifier: MIT
/*
 * swiotlb_request.c - what a mapping needs, in slots: pure
 *
 * A caller gives an address O, a length Z and masks; a search wants to know how many slots,
 * at which of them they may begin, and where in them the data lies:
 *
 *      |<------------------ R, a multiple of M + 1 ------------------>|
 *      +---------------+---------------+---------------+---------------+
 *      |    padding    |   low |  Z bytes              |               |
 *      +---------------+---------------+---------------+---------------+
 *      |<-- offset = O & S & (M | 2047) ->|
 *
 * with M the allocation mask and S the min-align mask.  The run begins at slots whose device
 * address has the bits of M clear, and agrees with O in the bits of S above M.  As both masks
 * are 2^k - 1, these slots are equally far apart: `residue` modulo `period`.
 *
 * So they are the same slots of every segment, as all pools are alike in how they lie to a
 * segment's size, and of every stretch between two boundaries; a run that begins at the first of
 * them and does not end in time fits nowhere:
 *
 *      segment |      |first              |first + period     |
 *              |      |----- nslots ----->|
 *
 * Differs from Linux: an original address of 0 is an address like any other; there it
 *  would switch the min-align comparison off; a run that fits nowhere is told from one that has no
 *  room now, there a tour looks for it each time.
 *
 * Source: spec-bounce 3.1, 3.2, 4.2, 4.3, 4.5, 5.4, 10.1.
 */
#include "swiotlb_internal.h"

#include <assert.h>

static_assert(sizeof(struct dmp_swiotlb_limits) == 64, "append only");

const struct dmp_swiotlb_limits swiotlb_request_no_limits = {
	.size = sizeof(swiotlb_request_no_limits)};

/* Bits that are 0 if @mask is 2^k - 1. */
static uint64_t holes(uint64_t mask)
{
	return mask & (mask + 1);
}

/* -EINVAL: unknown flags, a mask that is none, a device of another allocator. */
static int check_limits(const struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *l)
{
	if (l->flags & ~DMP_SWIOTLB_NEEDS_SHARED ||
	    holes(l->min_align_mask) | holes(l->alloc_align_mask) | holes(l->boundary_mask) |
		    (l->addr_offset & SLOT_MASK))
		return -EINVAL;
	return l->device && swiotlb_device_tlb(l->device) != tlb ? -EINVAL : 0;
}

/* @limits: out: @given itself if it is as long as ours, else @room, where it is filled up. */
int swiotlb_request_take_limits(const struct dmp_swiotlb *tlb,
				const struct dmp_swiotlb_limits *given,
				struct dmp_swiotlb_limits *room,
				const struct dmp_swiotlb_limits **limits)
{
	int err = 0;

	if (given->size != sizeof(*given)) {
		err = dmp_opts_load(room, sizeof(*room), given);
		given = room;
	}
	if (!err)
		err = check_limits(tlb, given);
	if (!err)
		*limits = given;
	return err;
}

/* Where a run may begin, rule 5.4. */
static void make_alignment(struct swiotlb_request *req, uint64_t alloc_mask, uint64_t min_mask,
			   dmp_phys_t orig)
{
	if (!alloc_mask && !min_mask && req->bytes >= DMP_PAGE_BYTES)
		alloc_mask = DMP_PAGE_BYTES - 1;
	alloc_mask |= SLOT_MASK;
	min_mask &= ~alloc_mask;
	req->need.period = ((alloc_mask | min_mask) >> SLOT_SHIFT) + 1;
	req->residue = (orig & min_mask) >> SLOT_SHIFT;
	req->need.stride = ((alloc_mask > min_mask ? alloc_mask : min_mask) >> SLOT_SHIFT) + 1;
}

static void make_boundary(struct swiotlb_request *req, const struct dmp_swiotlb_limits *limits)
{
	req->boundary_mask = limits->boundary_mask ? limits->boundary_mask : UINT64_MAX;
	req->need.boundary_slots = (req->boundary_mask >> SLOT_SHIFT) + 1;
	req->addr_offset = limits->addr_offset;
}

/* The first slot at which a run may begin in a unit of @unit slots that is device slot @start. */
static uint64_t first_place(const struct swiotlb_request *req, uint64_t unit, uint64_t start)
{
	uint64_t step = req->need.period < unit ? req->need.period : unit;

	return (req->residue - start) & (step - 1);
}

/*
 * Is there, in memory from @phys on, a place that ends with its segment, and one that ends with
 * its boundary?  As in the original what has none is looked for all the same, with all that
 * follows from a failure.
 */
bool swiotlb_request_can_fit(const struct swiotlb_request *req, dmp_phys_t phys)
{
	uint64_t start = ((phys + req->addr_offset) & req->boundary_mask) >> SLOT_SHIFT;
	const struct dmp_swiotlb_need *need = &req->need;

	return first_place(req, SEGMENT_SLOTS, start) + need->nslots <= SEGMENT_SLOTS &&
	       first_place(req, need->boundary_slots, 0) + need->nslots <= need->boundary_slots;
}

/* Rule 10.1: pages aligned to their own size, which agree with no original. */
int swiotlb_request_pages(struct swiotlb_request *req, const struct dmp_swiotlb_limits *limits,
			  uint64_t len)
{
	uint64_t mask, min_mask;

	*req = (struct swiotlb_request){0};
	if (len > DMP_SWIOTLB_MAX_BYTES)
		return -ERANGE;
	mask = (DMP_PAGE_BYTES << dmp_page_order(len)) - 1;
	min_mask = limits->min_align_mask & ~mask;
	*req = (struct swiotlb_request){
		.need = {.nslots = (len + SLOT_MASK) >> SLOT_SHIFT,
			 .period = (mask >> SLOT_SHIFT) + 1,
			 .stride = ((mask > min_mask ? mask : min_mask) >> SLOT_SHIFT) + 1},
		.bytes = len,
		.len = len,
	};
	make_boundary(req, limits);
	return 0;
}

/* Rules 4.2, 4.3.  0, or -ERANGE: more than a segment holds; @req is zeroed then. */
int swiotlb_request_make(struct swiotlb_request *req, const struct dmp_swiotlb_limits *limits,
			 dmp_phys_t orig, uint64_t len)
{
	uint64_t alloc_mask = limits->alloc_align_mask, min_mask = limits->min_align_mask;
	uint64_t offset = orig & min_mask & (alloc_mask | SLOT_MASK);
	uint64_t bytes = dmp_align_up(len + offset, alloc_mask + 1);

	if (len > DMP_SWIOTLB_MAX_BYTES || alloc_mask >= DMP_SWIOTLB_MAX_BYTES ||
	    bytes > DMP_SWIOTLB_MAX_BYTES) {
		*req = (struct swiotlb_request){0};
		return -ERANGE;
	}
	req->need.nslots = (bytes + SLOT_MASK) >> SLOT_SHIFT;
	req->bytes = bytes;
	req->offset = offset;
	req->len = len;
	req->throttled = false;
	make_alignment(req, alloc_mask, min_mask, orig);
	make_boundary(req, limits);
	return 0;
}

/* Rule 3.1: what is built for a wish of @slots in @areas > 0; at most 2^31 of either. */
void swiotlb_pool_size(uint64_t slots, uint64_t areas, uint64_t *nslots, uint64_t *nareas)
{
	uint64_t least;

	*nareas = dmp_pow2_ceil(areas);
	least = *nareas * SEGMENT_SLOTS;
	slots = slots ? dmp_align_up(slots, SEGMENT_SLOTS) : DEFAULT_SLOTS;
	*nslots = dmp_pow2_ceil(slots > least ? slots : least);
}
