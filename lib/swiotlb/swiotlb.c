// SPDX-License-Identifier: MIT
/*
 * swiotlb.c - bounce buffers: map, unmap and sync
 *
 *   map     limits and size checked -> request -> original looked up -> slots -> copy in
 *   sync    mapping found again -> copy of a part
 *   unmap   mapping found again -> copy back -> slots released
 *
 * Both map and unmap try first what is fast (swiotlb_fast.h).  Where that does not do, nothing has
 * changed, and the rest of this file does it, or says what is wrong.
 *
 * Slots come from a pool that exists; if none has any and the allocator grows, the worker is
 * asked for another, and this request gets a transient one.
 *
 * A request that may block may have to wait for its turn first; what there is to refuse in it is
 * refused before that.
 *
 * Everything that can be refused is refused before slots are taken, but for one thing:
 * whether the device reaches the slots is known only when they are known.  As in the original
 * they are then given back, and the search index stays where it went.
 *
 * A broken promise is logged and changes nothing: an address that is no live mapping's, another
 * length than was mapped, an original that lies in the allocator's own memory, where its copy
 * might go over it.
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
#include "swiotlb_fast.h"

#define KNOWN_ATTRS (DMP_ATTR_SKIP_SYNC | DMP_ATTR_NO_WARN | DMP_ATTR_MAY_BLOCK)
/* Those that change nothing as long as nothing is in the way. */
#define FAST_ATTRS  (DMP_ATTR_SKIP_SYNC | DMP_ATTR_NO_WARN)

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
		      struct swiotlb_request *req, dmp_phys_t orig, struct swiotlb_mapping *m)
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
		      struct swiotlb_request *req, dmp_phys_t orig, uint64_t len,
		      struct swiotlb_mapping *m)
{
	int err = find_slots(tlb, limits, req, orig, m);

	if (err || swiotlb_is_in_reach(m, limits, len))
		return err;
	swiotlb_transient_release(m);
	return -ERANGE;
}

/* The same when it is its turn, swiotlb_throttle.c. */
static int take_slots_in_turn(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits,
			      struct swiotlb_request *req, dmp_phys_t orig, uint64_t len,
			      struct swiotlb_mapping *m)
{
	struct swiotlb_waiter waiter;
	int err;

	swiotlb_throttle_ask(tlb, limits->device, &waiter);
	err = swiotlb_throttle_wait(tlb, &waiter);
	if (err)
		return err;
	req->throttled = waiter.state == SWIOTLB_HAS_TURN;
	err = take_slots(tlb, limits, req, orig, len, m);
	if (req->throttled)
		swiotlb_throttle_mapped(tlb, &waiter, err ? NULL : m);
	return err;
}

/* All of a map but what is said of its failure; apart from what is fast. */
static __attribute__((noinline)) int map(struct dmp_swiotlb *tlb,
					 const struct dmp_swiotlb_limits *limits, dmp_phys_t orig,
					 uint64_t len, unsigned attrs, dmp_phys_t *phys)
{
	struct swiotlb_request req;
	struct swiotlb_mapping m;
	void *buf;
	int err = swiotlb_request_make(&req, limits, orig, len);

	if (!err)
		err = find_original(tlb, orig, len, &buf);
	if (!err)
		err = swiotlb_throttle_asks(tlb, attrs)
			      ? take_slots_in_turn(tlb, limits, &req, orig, len, &m)
			      : take_slots(tlb, limits, &req, orig, len, &m);
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

/* The pool, if it is the only one and `linux`, areas included: there all of a map can be fast. */
static inline struct swiotlb_pool *only_pool(const struct dmp_swiotlb *tlb)
{
	struct swiotlb_pool *first = tlb->first;

	/* relaxed, both: only compared, the first pool was there before */
	return load_relaxed(&tlb->pools) == first && !load_relaxed(&tlb->transients) &&
			       first->is_linux && !tlb->policy.choose
		       ? first
		       : NULL;
}

/* Does the device reach all of it, so that rule 11.2 never applies? */
static inline bool is_pool_in_reach(const struct swiotlb_pool *pool,
				    const struct dmp_swiotlb_limits *limits)
{
	return !limits->addr_limit || dmp_range_fits(pool->phys + limits->addr_offset,
						     swiotlb_pool_bytes(pool), limits->addr_limit);
}

/* Slots at once for a simple buffer; false: it takes more, or is to be refused. */
static inline bool take_at_once(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits,
				dmp_phys_t orig, uint64_t len, void **buf, dmp_phys_t *phys)
{
	uint64_t period = swiotlb_fast_period(limits, orig, len);
	struct swiotlb_pool *pool = only_pool(tlb);
	struct swiotlb_area *area;
	uint64_t number;

	if (!pool || !period || !is_pool_in_reach(pool, limits) ||
	    hw_phys_to_buf(tlb->hw, orig, len, buf) || swiotlb_pool_overlaps(pool, orig, len))
		return false;
	number = swiotlb_policy_choose(tlb) & (pool->nareas - 1);
	area = swiotlb_area_at(pool, number);
	if (!swiotlb_fast_claim(pool, area, number * pool->area_slots, period, limits->addr_offset,
				orig, len, phys))
		return false;
	swiotlb_usage_grown(tlb, area);
	return true;
}

/* The same, and all that follows. */
static bool map_at_once(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *limits,
			dmp_phys_t orig, uint64_t len, dmp_phys_t *phys)
{
	dmp_phys_t at;
	void *buf;

	if (!take_at_once(tlb, limits, orig, len, &buf, &at))
		return false;
	if (tlb->copies)
		swiotlb_bounce_fill(&(struct swiotlb_mapping){.pool = tlb->first, .phys = at}, buf,
				    len);
	if (limits->device)
		swiotlb_device_bounced(limits->device);
	*phys = at;
	return true;
}

int dmp_swiotlb_map(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_limits *given,
		    dmp_phys_t orig, uint64_t len, enum dmp_dir dir, unsigned attrs,
		    dmp_phys_t *phys)
{
	const struct dmp_swiotlb_limits *limits;
	struct dmp_swiotlb_limits room;
	int err;

	if (!tlb || !phys || len == 0 || !is_dir(dir) || attrs & ~KNOWN_ATTRS)
		return -EINVAL;
	err = swiotlb_request_limits(tlb, given, &room, &limits);
	if (err)
		return err;
	if (!swiotlb_throttle_asks(tlb, attrs) && map_at_once(tlb, limits, orig, len, phys))
		return 0;
	return map(tlb, limits, orig, len, attrs, phys);
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
static __attribute__((noinline)) int unmap(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len,
					   bool copies)
{
	struct swiotlb_mapping m;
	int copied = 0, err = blame(swiotlb_bounce_find(tlb, phys, &m), "unmap", phys);

	if (!err)
		err = check_unmap(&m, phys, len);
	if (err)
		return err;
	if (copies)
		copied = swiotlb_bounce_out(tlb->hw, &m, phys, len);
	err = blame(m.throttled ? swiotlb_throttle_release(tlb, &m) : swiotlb_transient_release(&m),
		    "second unmap", phys);
	return err ? err : copied;
}

int dmp_swiotlb_unmap(struct dmp_swiotlb *tlb, dmp_phys_t phys, uint64_t len, enum dmp_dir dir,
		      unsigned attrs)
{
	bool copies;
	int err;

	if (!tlb || len == 0 || !is_dir(dir) || attrs & ~KNOWN_ATTRS)
		return -EINVAL;
	copies = tlb->copies && dir != DMP_TO_DEVICE && !(attrs & DMP_ATTR_SKIP_SYNC);
	if (!copies && swiotlb_pool_has(tlb->first, phys) &&
	    swiotlb_fast_release(tlb->first, phys, len))
		return 0;
	swiotlb_read_lock(tlb);
	err = unmap(tlb, phys, len, copies);
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
