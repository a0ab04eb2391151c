// SPDX-License-Identifier: MIT
/*
 * swiotlb_carve.c - an allocator of its own for a device, carved from another
 *
 *   parent   | ........ |   child   | ........ |     one block of memory, shared once
 *                       |0 |1 |2 |3 |                an area for each queue
 *
 * A child is an allocator like any other: one pool, its own books.  Only its memory is no block of
 * the machine but blocks of its parent (swiotlb_blocks.c), which has shared it with devices
 * already, and gets it back where the memory of other pools is given back.  So whatever goes
 * wrong on the way to a child, undoing its pool undoes that too.
 *
 * Blocks are not halved while there are none: a driver that asks for a queue's worth of slots has
 * to know what it got.
 *
 * Locking: none of its own.
 *
 * Differs from the proposal: a search instead of a look at one place; size rounded up, not
 *  truncated; a child may itself be carved.
 *
 * Source: spec-bounce P2.
 */
#include "swiotlb_internal.h"

#include <assert.h>

static_assert(sizeof(struct dmp_swiotlb_carve_opts) == 40, "append only");
static_assert(DMP_SWIOTLB_BLOCK_BYTES == SWIOTLB_BLOCK_SLOTS << SLOT_SHIFT, "one block, two names");

#define BLOCK_SEGMENTS (SWIOTLB_BLOCK_SLOTS / SEGMENT_SLOTS)
/* Of a device, and far from overflowing anything. */
#define MAX_QUEUES     (UINT64_C(1) << 16)

/*
 * The areas are as many as the queues, a power of two, and have a segment at least.  With
 * several of them the slots are a power of two as well: those of an area must be.
 */
static struct swiotlb_plan plan_of(const struct dmp_swiotlb_carve_opts *opts)
{
	uint64_t areas = dmp_pow2_ceil(opts->queues ? opts->queues : 1);
	uint64_t bytes = opts->bytes > areas * DMP_SWIOTLB_MAX_BYTES
				 ? opts->bytes
				 : areas * DMP_SWIOTLB_MAX_BYTES;
	uint64_t nblocks = dmp_align_up(bytes, DMP_SWIOTLB_BLOCK_BYTES) / DMP_SWIOTLB_BLOCK_BYTES;
	uint64_t slots = (areas > 1 ? dmp_pow2_ceil(nblocks) : nblocks) * SWIOTLB_BLOCK_SLOTS;

	return (struct swiotlb_plan){
		.kind = SWIOTLB_FIRST,
		.source = SWIOTLB_OF_PARENT,
		.slots = slots,
		.least = slots,
		.areas = areas,
	};
}

static bool opts_make_sense(const struct dmp_swiotlb_carve_opts *opts)
{
	return !opts->flags && opts->bytes <= SWIOTLB_MAX_SLOTS << SLOT_SHIFT &&
	       opts->queues <= MAX_QUEUES;
}

int dmp_swiotlb_carve(struct dmp_swiotlb *parent, const struct dmp_swiotlb_carve_opts *given,
		      struct dmp_swiotlb **out)
{
	struct dmp_swiotlb_carve_opts opts;
	struct swiotlb_plan plan;
	struct dmp_swiotlb *child;
	int err = dmp_opts_load(&opts, sizeof(opts), given);

	if (err)
		return err;
	if (!parent || !out || !opts_make_sense(&opts))
		return -EINVAL;
	child = swiotlb_create_begin(parent->hw, opts.name ? opts.name : "carved");
	if (!child)
		return -ENOMEM;
	child->parent = parent;
	child->copies = parent->copies;
	child->forces_bounce = true;
	child->is_restricted = true;
	plan = plan_of(&opts);
	err = swiotlb_policy_begin(child, opts.policy ? opts.policy : &parent->policy);
	if (!err)
		err = swiotlb_create_first(child, &plan);
	if (err) {
		swiotlb_create_end(child);
		return err;
	}
	*out = child;
	return 0;
}

struct dmp_swiotlb *dmp_swiotlb_parent(const struct dmp_swiotlb *tlb)
{
	return tlb ? tlb->parent : NULL;
}
