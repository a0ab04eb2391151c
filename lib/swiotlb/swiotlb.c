// SPDX-License-Identifier: MIT
/*
 * swiotlb.c - bounce buffers: map, unmap and sync
 *
 *   map     limits and size checked -> request -> original looked up -> slots -> copy in
 *   sync    mapping found again -> copy of a part
 *   unmap   mapping found again -> copy back -> slots released
 *
 * Slots come from a pool that exists; if none has any and the allocator grows, the worker is
 * asked for another, and this request gets a transient one.
 *
 * Everything that can be refused is refused before slots are taken, but for one thing:
 * whether the device reaches the slots is known only when they are known.  As in the original
 * they are then given back, and the search index stays where it went.
 *
 * A broken promise is logged and changes nothing: an address that is no live mapping's, another
 * length than was mapped where bytes would be copied back, an original that lies in the
 * allocator's own memory, where its copy might go over it.
 *
 * Locking: no lock is held while bytes are copied.  The pool of a mapping stays while the
 *  mapping lives; a look-up is inside swiotlb_read_lock() until its last use all the same, so
 *  that a broken promise does not become a use of freed memory.
 *
 * Differs from Linux: unmap of a foreign address is -ENOENT instead of silence, that of a wrong
 *  length -EINVAL instead of a copy of that many bytes.
 *
 * Source: spec-bounce 4, 5.7, 7.4-7.6, 8, 9.1, 11.2.
 */
#include "swiotlb_internal.h"

#define KNOWN_ATTRS (DMP_ATTR_SKIP_SYNC | DMP_ATTR_NO_WARN)

static bool is_dir(enum dmp_dir dir)
{
	return dir == DMP_BIDIRECTIONAL || dir == DMP_TO_DEVICE || dir == DMP_FROM_DEVICE;
}

/* Where the original is; in the allocator's own memory it is none. */
static int find_original(const struct dmp_swiotlb *tlb, dmp_phys_t orig, uint64_t len, void **buf)
{
	int err = hw_phys_to_buf(tlb->hw, orig, len, buf);

	if (err || !swiotlb_list_overlaps(tlb, orig, len))
		return err;
	dmp_log(DMP_LOG_BUG, "swiotlb: map of %llu bytes at %#llx, which are the allocator's own",
		(unsigned long long)len, (unsigned long long)orig);
	return -EINVAL;
}

/* Slots of a permanent pool, or of one made for this request, rule 5.7. */
static int find_slots(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits,
		      const struct swiotlb_request *req, dmp_phys_t orig, struct swiotlb_mapping *m)
{
	int err;

	swiotlb_read_lock(tlb);
	err = swiotlb_pool_claim(tlb, req, orig, m);
	swiotlb_read_unlock(tlb);
	if (err != -ENOSPC || !tlb->is_dynamic ||
	    !load_relaxed(&tlb->grows)) /* relaxed: a setting */
		return err;
	swiotlb_grow_ask(tlb);
	return swiotlb_transient_claim(tlb, limits, req, orig, m);
}

/* Slots for @orig that the device reaches, rule 11.2. */
static int take_slots(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits,
		      const struct swiotlb_request *req, dmp_phys_t orig, uint64_t len,
		      struct swiotlb_mapping *m)
{
	int err = find_slots(tlb, limits, req, orig, m);

	if (err || swiotlb_is_in_reach(m, limits, len))
		return err;
	swiotlb_transient_release(m);
	return -ERANGE;
}

/* All of a map but what is said of its failure. */
static int map(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits, dmp_phys_t orig,
	       uint64_t len, unsigned attrs, dmp_phys_t *phys)
{
	struct swiotlb_request req = {0};
	struct swiotlb_mapping m;
	void *buf;
	int err = swiotlb_request_make(&req, limits, orig, len);

	if (!err)
		err = find_original(tlb, orig, len, &buf);
	if (!err)
		err = take_slots(tlb, limits, &req, orig, len, &m);
	if (err)
		return swiotlb_report_failure(tlb, &req, limits->device, err,
					      !(attrs & DMP_ATTR_NO_WARN));
	if (tlb->copies)
		swiotlb_bounce_fill(&m, buf, len); /* rule 4.7: for every direction */
	if (limits->device)
		swiotlb_device_bounced(limits->device);
	*phys = m.phys;
	return 0;
}

int dmp_swiotlb_map(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *given,
		    dmp_phys_t orig, uint64_t len, enum dmp_dir dir, unsigned attrs,
		    dmp_phys_t *phys)
{
	struct dmp_swiotlb_limits limits;
	int err;

	if (!tlb || !phys || len == 0 || !is_dir(dir) || attrs & ~KNOWN_ATTRS)
		return -EINVAL;
	err = swiotlb_request_load_limits(&limits, tlb, given);
	return err ? err : map(tlb, &limits, orig, len, attrs, phys);
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
	err = blame(swiotlb_transient_release(&m), "second unmap", phys);
	return err ? err : copied;
}

int dmp_swiotlb_unmap(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len, enum dmp_dir dir,
		      unsigned attrs)
{
	int err;

	if (!tlb || len == 0 || !is_dir(dir) || attrs & ~KNOWN_ATTRS)
		return -EINVAL;
	swiotlb_read_lock(tlb);
	err = unmap(tlb, phys, len,
		    tlb->copies && dir != DMP_TO_DEVICE && !(attrs & DMP_ATTR_SKIP_SYNC));
	swiotlb_read_unlock(tlb);
	return err;
}

int dmp_swiotlb_sync_for_cpu(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len,
			     enum dmp_dir dir)
{
	struct swiotlb_mapping m;
	int err;

	if (!tlb || len == 0 || !is_dir(dir))
		return -EINVAL;
	swiotlb_read_lock(tlb);
	err = blame(swiotlb_bounce_find(tlb, phys, &m), "sync for cpu", phys);
	if (!err && dir != DMP_TO_DEVICE && tlb->copies)
		err = swiotlb_bounce_out(tlb->hw, &m, phys, len);
	swiotlb_read_unlock(tlb);
	return err;
}

int dmp_swiotlb_sync_for_device(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len,
				enum dmp_dir dir)
{
	struct swiotlb_mapping m;
	int err;

	if (!tlb || len == 0 || !is_dir(dir))
		return -EINVAL;
	swiotlb_read_lock(tlb);
	err = blame(swiotlb_bounce_find(tlb, phys, &m), "sync for device", phys);
	if (!err && dir != DMP_FROM_DEVICE && tlb->copies)
		err = swiotlb_bounce_in(tlb->hw, &m, phys, len);
	swiotlb_read_unlock(tlb);
	return err;
}

bool dmp_swiotlb_owns(const struct dmp_swiotlb *tlb, dmp_phys_t phys)
{
	bool owns;

	if (!tlb)
		return false;
	swiotlb_read_lock(tlb);
	owns = swiotlb_list_find(tlb, phys);
	swiotlb_read_unlock(tlb);
	return owns;
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
