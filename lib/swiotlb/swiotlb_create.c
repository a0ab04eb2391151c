// SPDX-License-Identifier: MIT
/*
 * swiotlb_create.c - the allocator: what it begins with, and its end
 *
 *   made by                          slots                       areas         later
 *   dmp_swiotlb_create()             a power of two, halved      as asked,     may grow
 *                                    while memory is short       or of CPUs
 *   the same, DMP_SWIOTLB_LATE       a power of two, never 512   the same      may grow
 *                                    or less
 *   dmp_swiotlb_create_restricted()  those of the range          1             never
 *   dmp_swiotlb_carve()              whole blocks of a parent    of queues     never
 *
 * What a grown pool asks for is what the first one got; of a late allocator the default size.
 *
 * The end: nobody uses the allocator any more, no slot is in use, and the worker is stopped
 * before the pools are taken apart.
 *
 * Source: spec-bounce 3.1-3.7, 6.5.
 */
#include "swiotlb_internal.h"

#include <assert.h>
#include <stdio.h>

static_assert(sizeof(struct dmp_swiotlb_opts) == 56, "append only");
static_assert(sizeof(struct dmp_swiotlb_tuning) == 24, "append only");
static_assert(DMP_SWIOTLB_SLOT_BYTES == UINT64_C(1) << SLOT_SHIFT, "one slot, two names");
static_assert(DMP_SWIOTLB_SEGMENT_SLOTS == SEGMENT_SLOTS, "one segment, two names");

#define KNOWN_FLAGS                                                                                \
	(DMP_SWIOTLB_ANY | DMP_SWIOTLB_GROWS | DMP_SWIOTLB_LATE | DMP_SWIOTLB_FORCE_BOUNCE |       \
	 DMP_SWIOTLB_NO_COPY)

static bool opts_make_sense(const struct dmp_swiotlb_opts *opts)
{
	return !(opts->flags & ~KNOWN_FLAGS) && opts->slots <= SWIOTLB_MAX_SLOTS &&
	       opts->areas <= SWIOTLB_MAX_SLOTS / SEGMENT_SLOTS;
}

/* Without a policy and a pool: `linux`.  NULL: no memory. */
struct dmp_swiotlb *swiotlb_create_begin(struct dmp_hw *hw, const char *name)
{
	struct dmp_swiotlb *tlb = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*tlb));

	if (!tlb)
		return NULL;
	tlb->hw = hw;
	tlb->policy = dmp_swiotlb_policy_linux;
	snprintf(tlb->name, sizeof(tlb->name), "%s", name);
	dmp_lock_init(&tlb->pools_lock, RANK_SWIOTLB_POOL, "swiotlb: lists of pools");
	dmp_lock_init(&tlb->usage_lock, RANK_LEAF, "swiotlb: high water");
	swiotlb_grow_init(tlb);
	return tlb;
}

/* Without pools. */
void swiotlb_create_end(struct dmp_swiotlb *tlb)
{
	swiotlb_policy_end(tlb);
	dmp_lock_destroy(&tlb->usage_lock);
	dmp_lock_destroy(&tlb->pools_lock);
	dmp_meta_free(tlb, sizeof(*tlb));
}

static void apply(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_opts *opts)
{
	tlb->is_dynamic = opts->flags & DMP_SWIOTLB_GROWS;
	tlb->forces_bounce = opts->flags & DMP_SWIOTLB_FORCE_BOUNCE;
	tlb->copies = !(opts->flags & DMP_SWIOTLB_NO_COPY);
	tlb->grow_limit = opts->flags & DMP_SWIOTLB_ANY ? UINT64_MAX : UINT32_MAX;
	/* relaxed, all: nobody else knows it */
	store_relaxed(&tlb->grows, tlb->is_dynamic);
	store_relaxed(&tlb->max_slots, opts->max_slots);
	store_relaxed(&tlb->idle_ns, opts->idle_ns);
}

/* Rules 3.1 and 3.3. */
static struct swiotlb_plan boot_plan(const struct dmp_swiotlb_opts *opts, uint64_t areas)
{
	struct swiotlb_plan plan = {.kind = SWIOTLB_FIRST, .least = SMALLEST_POOL};

	swiotlb_pool_size(opts->slots, areas, &plan.slots, &plan.areas);
	return plan;
}

/* Rule 3.6: the areas of the default size, as many as fit. */
static struct swiotlb_plan late_plan(const struct dmp_swiotlb_opts *opts, uint64_t areas)
{
	struct swiotlb_plan plan = {.kind = SWIOTLB_FIRST, .least = 2 * SMALLEST_POOL};
	uint64_t slots = opts->slots ? opts->slots : DEFAULT_SLOTS;

	plan.slots = dmp_pow2_ceil(dmp_align_up(slots, SEGMENT_SLOTS));
	plan.areas = dmp_pow2_ceil(areas);
	if (plan.slots < plan.areas * SEGMENT_SLOTS)
		plan.areas = plan.slots / SEGMENT_SLOTS;
	return plan;
}

int swiotlb_create_first(struct dmp_swiotlb *tlb, struct swiotlb_plan *plan)
{
	struct swiotlb_pool *pool;
	int err;

	plan->flags = DMP_MEM_MAY_BLOCK;
	if (plan->slots < plan->least && plan->least > SMALLEST_POOL)
		return -ENOMEM; /* rule 3.6: so small a late pool is never made */
	err = swiotlb_pool_create(tlb, plan, &pool);
	if (err)
		return err;
	tlb->base = pool->phys;
	swiotlb_list_add(pool);
	return 0;
}

static int make_pools(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_opts *opts)
{
	uint64_t areas = opts->areas ? opts->areas : dmp_cpu_limit();
	bool is_late = opts->flags & DMP_SWIOTLB_LATE;
	struct swiotlb_plan plan = is_late ? late_plan(opts, areas) : boot_plan(opts, areas);
	int err;

	plan.limit = tlb->grow_limit;
	err = swiotlb_create_first(tlb, &plan);
	if (err)
		return err;
	swiotlb_pool_size(0, areas, &tlb->grow_slots, &tlb->grow_areas);
	if (!is_late)
		tlb->grow_slots = load_relaxed(&tlb->counts.slots); /* relaxed: our own */
	return 0;
}

int dmp_swiotlb_create(struct dmp_hw *hw, const struct dmp_swiotlb_opts *given,
		       struct dmp_swiotlb **out)
{
	struct dmp_swiotlb_opts opts;
	struct dmp_swiotlb *tlb;
	int err = dmp_opts_load(&opts, sizeof(opts), given);

	if (err)
		return err;
	if (!hw || !out || !opts_make_sense(&opts))
		return -EINVAL;
	tlb = swiotlb_create_begin(hw, opts.name ? opts.name : "default");
	if (!tlb)
		return -ENOMEM;
	dmp_cpu(); /* the caller's CPU counts among those that exist */
	apply(tlb, &opts);
	err = swiotlb_policy_begin(tlb, opts.policy);
	if (!err)
		err = make_pools(tlb, &opts);
	if (err) {
		swiotlb_create_end(tlb);
		return err;
	}
	*out = tlb;
	return 0;
}

/* Rule 3.7. */
int dmp_swiotlb_create_restricted(struct dmp_hw *hw, dmp_phys_t phys, uint64_t len,
				  struct dmp_swiotlb **out)
{
	struct swiotlb_plan plan = {.kind = SWIOTLB_FIRST,
				    .source = SWIOTLB_RANGE,
				    .slots = len >> SLOT_SHIFT,
				    .least = len >> SLOT_SHIFT,
				    .areas = 1,
				    .phys = phys};
	struct dmp_swiotlb *tlb;
	int err;

	if (!hw || !out || len == 0 || plan.slots > SWIOTLB_MAX_SLOTS || phys + (len - 1) < phys ||
	    !dmp_is_aligned(phys | len, DMP_PAGE_BYTES))
		return -EINVAL;
	tlb = swiotlb_create_begin(hw, "restricted");
	if (!tlb)
		return -ENOMEM;
	tlb->is_restricted = true;
	tlb->copies = true;
	tlb->forces_bounce = true;
	err = swiotlb_create_first(tlb, &plan);
	if (err) {
		swiotlb_create_end(tlb);
		return err;
	}
	*out = tlb;
	return 0;
}

int dmp_swiotlb_destroy(struct dmp_swiotlb *tlb)
{
	struct swiotlb_pool *pool;

	if (!tlb)
		return -EINVAL;
	/* relaxed, both: set-up only */
	if (swiotlb_usage_now(tlb) || load_relaxed(&tlb->ndevices) ||
	    load_relaxed(&tlb->counts.children))
		return -EBUSY;
	swiotlb_grow_stop(tlb);
	while ((pool = load_relaxed(&tlb->pools))) { /* relaxed: nobody else is left */
		swiotlb_list_remove(pool);
		swiotlb_pool_destroy(pool);
	}
	swiotlb_create_end(tlb);
	return 0;
}

bool dmp_swiotlb_forces_bounce(const struct dmp_swiotlb *tlb)
{
	return tlb && tlb->forces_bounce;
}

bool dmp_swiotlb_is_restricted(const struct dmp_swiotlb *tlb)
{
	return tlb && tlb->is_restricted;
}

struct dmp_hw *dmp_swiotlb_hw(const struct dmp_swiotlb *tlb)
{
	return tlb ? tlb->hw : NULL;
}
