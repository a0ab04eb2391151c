// SPDX-License-Identifier: MIT
/*
 * swiotlb.c - bounce buffers: the handle and the public calls
 *
 *   map     limits and size checked -> request -> original looked up -> slots -> copy in
 *   sync    mapping found again -> copy of a part
 *   unmap   mapping found again -> copy back -> slots released
 *
 * Everything that can be refused is refused before slots are taken, but for one thing:
 * whether the device reaches the slots is known only when they are known.  As in the original
 * they are then given back, and the search index stays where it went.
 *
 * A broken promise is logged and changes nothing: an address that is no live mapping's, another
 * length than was mapped where bytes would be copied back, an original that lies in the
 * allocator's own memory, where its copy might go over it.
 *
 * Locking: (c) constant.  No lock is held while bytes are copied.
 *
 * Differs from Linux: unmap of a foreign address is -ENOENT instead of silence, that of a wrong
 *  length -EINVAL instead of a copy of that many bytes; a full pool is told each time.
 *
 * Source: spec-bounce 4, 7.4-7.6, 8, 9.1, 11.2.
 */
#include "swiotlb_internal.h"

#include <assert.h>

static_assert(sizeof(struct dmp_swiotlb_opts) == 24, "append only");
static_assert(sizeof(struct dmp_swiotlb_limits) == 48, "append only");
static_assert(sizeof(struct swiotlb_note) == 16, "four to a cache line");
static_assert(DMP_SWIOTLB_MAX_BYTES < 1u << 19, "len and end of a note hold it");
static_assert(DMP_SWIOTLB_SLOT_BYTES == UINT64_C(1) << SLOT_SHIFT, "one slot, two names");
static_assert(DMP_SWIOTLB_SEGMENT_SLOTS == SEGMENT_SLOTS, "one segment, two names");

#define KNOWN_FLAGS DMP_SWIOTLB_ANY
#define KNOWN_ATTRS (DMP_ATTR_SKIP_SYNC | DMP_ATTR_NO_WARN)
/* More than a machine has, and far from overflowing anything. */
#define MAX_SLOTS   (UINT64_C(1) << 31)

static bool opts_make_sense(const struct dmp_swiotlb_opts *opts)
{
	return !(opts->flags & ~KNOWN_FLAGS) && opts->slots <= MAX_SLOTS &&
	       opts->areas <= MAX_SLOTS / SEGMENT_SLOTS;
}

int dmp_swiotlb_create(struct dmp_hw *hw, const struct dmp_swiotlb_opts *given,
		       struct dmp_swiotlb **out)
{
	struct dmp_swiotlb_opts opts;
	struct dmp_swiotlb *tlb;
	uint64_t slots, areas;
	int err = dmp_opts_load(&opts, sizeof(opts), given);

	if (err)
		return err;
	if (!hw || !out || !opts_make_sense(&opts))
		return -EINVAL;
	tlb = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*tlb));
	if (!tlb)
		return -ENOMEM;
	dmp_cpu(); /* the caller's CPU counts among those that exist */
	swiotlb_pool_size(opts.slots, opts.areas ? opts.areas : dmp_cpu_limit(), &slots, &areas);
	err = swiotlb_pool_create(hw, slots, areas,
				  opts.flags & DMP_SWIOTLB_ANY ? DMP_ZONE_ANY : DMP_ZONE_DMA32,
				  &tlb->pools);
	if (err) {
		dmp_meta_free(tlb, sizeof(*tlb));
		return err;
	}
	tlb->hw = hw;
	dmp_lock_init(&tlb->usage_lock, RANK_LEAF, "swiotlb: high water");
	*out = tlb;
	return 0;
}

int dmp_swiotlb_destroy(struct dmp_swiotlb *tlb)
{
	struct swiotlb_pool *pool;

	if (!tlb)
		return -EINVAL;
	if (swiotlb_usage_now(tlb))
		return -EBUSY;
	while ((pool = tlb->pools)) {
		tlb->pools = pool->next;
		swiotlb_pool_destroy(tlb->hw, pool);
	}
	dmp_lock_destroy(&tlb->usage_lock);
	dmp_meta_free(tlb, sizeof(*tlb));
	return 0;
}

static bool is_dir(enum dmp_dir dir)
{
	return dir == DMP_BIDIRECTIONAL || dir == DMP_TO_DEVICE || dir == DMP_FROM_DEVICE;
}

static bool is_mask(uint64_t mask)
{
	return (mask & (mask + 1)) == 0;
}

static int load_limits(struct dmp_swiotlb_limits *limits, const struct dmp_swiotlb_limits *given)
{
	int err = dmp_opts_load(limits, sizeof(*limits), given);

	if (err)
		return err;
	if (limits->reserved0 || !is_mask(limits->min_align_mask) ||
	    !is_mask(limits->alloc_align_mask) || !is_mask(limits->boundary_mask) ||
	    limits->addr_offset & SLOT_MASK)
		return -EINVAL;
	return 0;
}

static bool is_in_reach(const struct swiotlb_mapping *m, const struct dmp_swiotlb_limits *limits,
			uint64_t len)
{
	return !limits->addr_limit ||
	       dmp_range_fits(m->phys + limits->addr_offset, len, limits->addr_limit);
}

/* Where the original is; in the allocator's own memory it is none. */
static int find_original(const struct dmp_swiotlb *tlb, dmp_phys_t orig, uint64_t len, void **buf)
{
	int err = hw_phys_to_buf(tlb->hw, orig, len, buf);

	if (err || !swiotlb_pool_overlaps(tlb, orig, len))
		return err;
	dmp_log(DMP_LOG_BUG, "swiotlb: map of %llu bytes at %#llx, which are the allocator's own",
		(unsigned long long)len, (unsigned long long)orig);
	return -EINVAL;
}

/* Slots for @orig that the device reaches, rule 11.2. */
static int take_slots(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits,
		      const struct swiotlb_request *req, dmp_phys_t orig, uint64_t len,
		      struct swiotlb_mapping *m)
{
	int err = swiotlb_pool_claim(tlb, req, orig, m);

	if (err || is_in_reach(m, limits, len))
		return err;
	swiotlb_slot_release(m);
	return -ERANGE;
}

/* All of a map but the log line. */
static int map(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *given, dmp_phys_t orig,
	       uint64_t len, dmp_phys_t *phys)
{
	struct dmp_swiotlb_limits limits;
	struct swiotlb_request req;
	struct swiotlb_mapping m;
	void *buf;
	int err = load_limits(&limits, given);

	if (!err)
		err = swiotlb_request_make(&req, &limits, orig, len);
	if (!err)
		err = find_original(tlb, orig, len, &buf);
	if (!err)
		err = take_slots(tlb, &limits, &req, orig, len, &m);
	if (err)
		return err;
	swiotlb_bounce_fill(&m, buf, len); /* rule 4.7: for every direction */
	*phys = m.phys;
	return 0;
}

int dmp_swiotlb_map(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits,
		    dmp_phys_t orig, uint64_t len, enum dmp_dir dir, unsigned attrs,
		    dmp_phys_t *phys)
{
	int err;

	if (!tlb || !phys || len == 0 || !is_dir(dir) || attrs & ~KNOWN_ATTRS)
		return -EINVAL;
	err = map(tlb, limits, orig, len, phys);
	if (err == -ENOSPC && !(attrs & DMP_ATTR_NO_WARN))
		dmp_log(DMP_LOG_WARN, "swiotlb: no room for %llu bytes, %llu slots are in use",
			(unsigned long long)len, (unsigned long long)swiotlb_usage_now(tlb));
	return err;
}

/* Logs a broken promise if @err is one; returns @err. */
static int blame(int err, const char *who, dmp_phys_t phys)
{
	if (err)
		dmp_log(DMP_LOG_BUG, "swiotlb: %s at %#llx, where nothing is mapped", who,
			(unsigned long long)phys);
	return err;
}

/* Is @m what the caller thinks that it unmaps? */
static int check_unmap(const struct swiotlb_mapping *m, dmp_phys_t phys, uint64_t len)
{
	if (phys != m->phys) {
		dmp_log(DMP_LOG_BUG, "swiotlb: unmap at %#llx, inside the mapping at %#llx",
			(unsigned long long)phys, (unsigned long long)m->phys);
		return -ENOENT;
	}
	if (len != m->len) {
		dmp_log(DMP_LOG_BUG, "swiotlb: unmap of %llu bytes at %#llx, where %llu are mapped",
			(unsigned long long)len, (unsigned long long)phys,
			(unsigned long long)m->len);
		return -EINVAL;
	}
	return 0;
}

/* Rules 7.4 and 7.6.  The bytes go back before the slots can be somebody else's. */
static int unmap(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len, bool copies)
{
	struct swiotlb_mapping m;
	int copied = 0, err = blame(swiotlb_bounce_find(tlb, phys, &m), "unmap", phys);

	if (!err)
		err = check_unmap(&m, phys, len);
	if (err)
		return err;
	if (copies)
		copied = swiotlb_bounce_out(tlb->hw, &m, phys, len);
	err = blame(swiotlb_slot_release(&m), "second unmap", phys);
	return err ? err : copied;
}

int dmp_swiotlb_unmap(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len, enum dmp_dir dir,
		      unsigned attrs)
{
	if (!tlb || len == 0 || !is_dir(dir) || attrs & ~KNOWN_ATTRS)
		return -EINVAL;
	return unmap(tlb, phys, len, dir != DMP_TO_DEVICE && !(attrs & DMP_ATTR_SKIP_SYNC));
}

int dmp_swiotlb_sync_for_cpu(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len,
			     enum dmp_dir dir)
{
	struct swiotlb_mapping m;
	int err;

	if (!tlb || len == 0 || !is_dir(dir))
		return -EINVAL;
	err = blame(swiotlb_bounce_find(tlb, phys, &m), "sync for cpu", phys);
	if (err || dir == DMP_TO_DEVICE)
		return err;
	return swiotlb_bounce_out(tlb->hw, &m, phys, len);
}

int dmp_swiotlb_sync_for_device(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len,
				enum dmp_dir dir)
{
	struct swiotlb_mapping m;
	int err;

	if (!tlb || len == 0 || !is_dir(dir))
		return -EINVAL;
	err = blame(swiotlb_bounce_find(tlb, phys, &m), "sync for device", phys);
	if (err || dir == DMP_FROM_DEVICE)
		return err;
	return swiotlb_bounce_in(tlb->hw, &m, phys, len);
}

bool dmp_swiotlb_owns(const struct dmp_swiotlb *tlb, dmp_phys_t phys)
{
	return tlb && swiotlb_pool_of(tlb, phys);
}

struct dmp_hw *dmp_swiotlb_hw(const struct dmp_swiotlb *tlb)
{
	return tlb ? tlb->hw : NULL;
}

/* Rule 9.1. */
uint64_t dmp_swiotlb_max_mapping(uint64_t min_align_mask)
{
	uint64_t lost;

	if (min_align_mask >= DMP_SWIOTLB_MAX_BYTES)
		return 0;
	lost = dmp_align_up(min_align_mask, DMP_SWIOTLB_SLOT_BYTES);
	return DMP_SWIOTLB_MAX_BYTES - lost;
}
