// SPDX-License-Identifier: MIT
/*
 * swiotlb_grow.c - pools that the worker makes at exhaustion and gives back when idle; tuning
 *
 *   a search fails --> grow_work --> a pool at the head of the list: searched first from then on
 *                                        |
 *   idle_work, every idle_ns:            |  claimed from since the last look: not idle
 *                                        v  nothing in use: retired, out, freed after a
 *                                                           grace period
 *
 * A grown pool is as large as the first one, 4 MiB at most; half of it is tried while there is
 * no memory.  Nobody asks whether the shortage is over when the worker comes to it: the
 * vectors of Linux do not either, and the next spike finds the pool.
 *
 * Invariants:
 *  G1  the worker alone makes and retires grown pools, one at a time: no two of them meet;
 *  G2  permanent pools have max_slots together at most, unless the first had more, or the cap
 *      was lowered since;
 *  G3  a pool is retired only with retired set and all its areas seen empty after that:
 *      [RETIRE] of swiotlb_pool.c.
 *
 * Locking: (a) atomic; area_lock to look at an area.
 *
 * Differs from Linux: a cap, and idle pools are given back; both off unless asked for.
 *
 * Source: spec-bounce 5.7, 6.5, P3.
 */
#include "swiotlb_internal.h"

#include "base_counter.h"

#define TUNING_FLAGS (DMP_SWIOTLB_GROWS | DMP_SWIOTLB_THROTTLES)

/* The smallest pool that growth ends up with. */
static uint64_t least_growth(const struct dmp_swiotlb *tlb)
{
	return tlb->grow_slots < SMALLEST_POOL ? tlb->grow_slots : SMALLEST_POOL;
}

/* How many slots may still be added. */
static uint64_t room_to_grow(const struct dmp_swiotlb *tlb)
{
	uint64_t most = load_relaxed(&tlb->max_slots); /* relaxed, both: settings and reports */
	uint64_t have = load_relaxed(&tlb->counts.slots);

	if (!most)
		return UINT64_MAX;
	return most > have ? most - have : 0;
}

bool swiotlb_grow_is_capped(const struct dmp_swiotlb *tlb)
{
	return room_to_grow(tlb) < least_growth(tlb);
}

/* No slots for a request: have the worker make some, rule 5.7. */
void swiotlb_grow_ask(struct dmp_swiotlb *tlb)
{
	if (load_relaxed(&tlb->grows) && !swiotlb_grow_is_capped(tlb)) /* relaxed: a setting */
		dmp_work_schedule(&tlb->grow_work, 0);
}

/* Rule 6.5, and the cap. */
static struct swiotlb_plan plan_of(const struct dmp_swiotlb *tlb)
{
	uint64_t room = room_to_grow(tlb);
	struct swiotlb_plan plan = {
		.kind = SWIOTLB_GROWN,
		.slots = tlb->grow_slots < LARGEST_GROWN ? tlb->grow_slots : LARGEST_GROWN,
		.least = SMALLEST_POOL,
		.areas = tlb->grow_areas,
		.limit = tlb->grow_limit,
		.flags = DMP_MEM_MAY_BLOCK,
	};

	while (plan.slots > room && plan.slots > SMALLEST_POOL)
		plan.slots /= 2;
	if (plan.slots < plan.areas * SEGMENT_SLOTS)
		plan.areas = plan.slots / SEGMENT_SLOTS;
	return plan;
}

/* Until the next look for idle pools. */
static void wait_for_idleness(struct dmp_swiotlb *tlb)
{
	uint64_t idle_ns = load_relaxed(&tlb->idle_ns); /* relaxed: a setting */

	if (idle_ns)
		dmp_work_schedule(&tlb->idle_work, idle_ns);
}

static void grow(struct dmp_work *work)
{
	struct dmp_swiotlb *tlb =
		(struct dmp_swiotlb *)((char *)work - offsetof(struct dmp_swiotlb, grow_work));
	struct swiotlb_plan plan = plan_of(tlb);
	struct swiotlb_pool *pool;
	int err;

	if (swiotlb_grow_is_capped(tlb))
		return;
	err = swiotlb_pool_create(tlb, &plan, &pool);
	if (err) {
		add_relaxed(&tlb->counts.growth_failures, 1); /* relaxed: a report */
		dmp_log(DMP_LOG_WARN,
			"swiotlb '%s': no memory for another pool of %llu slots: error %d",
			tlb->name, (unsigned long long)plan.slots, err);
		return;
	}
	swiotlb_list_add(pool);
	add_relaxed(&tlb->counts.grown, 1); /* relaxed: a report */
	wait_for_idleness(tlb);
}

static bool is_empty(struct swiotlb_pool *pool)
{
	uint64_t i, used = 0;

	for (i = 0; i < pool->nareas && !used; i++) {
		dmp_lock_acquire(&swiotlb_area_at(pool, i)->area_lock);
		used = load_relaxed(&swiotlb_area_at(pool, i)->used); /* relaxed: under the lock */
		dmp_lock_release(&swiotlb_area_at(pool, i)->area_lock);
	}
	return used == 0;
}

/* [RETIRE]: false if a slot is in use. */
static bool retire(struct swiotlb_pool *pool)
{
	store_relaxed(&pool->retired, true); /* relaxed, both: the areas' locks order it */
	if (!is_empty(pool)) {
		store_relaxed(&pool->retired, false);
		return false;
	}
	swiotlb_list_remove(pool);
	swiotlb_level_unsettle(pool->tlb);
	add_relaxed(&pool->tlb->counts.given_back, 1); /* relaxed: a report */
	swiotlb_list_defer(pool);
	return true;
}

static void give_back_idle(struct dmp_work *work)
{
	struct dmp_swiotlb *tlb =
		(struct dmp_swiotlb *)((char *)work - offsetof(struct dmp_swiotlb, idle_work));
	struct swiotlb_pool *pool;
	bool is_left = false, touched;

	if (!load_relaxed(&tlb->idle_ns)) /* relaxed: a setting */
		return;
	dmp_rcu_read_lock(); /* to walk on from a pool that was taken out */
	SWIOTLB_FOREACH_POOL(pool, tlb)
	{
		if (pool->kind != SWIOTLB_GROWN)
			continue;
		touched = load_relaxed(&pool->touched); /* relaxed, both: a hint */
		store_relaxed(&pool->touched, false);
		if (touched || !retire(pool))
			is_left = true;
	}
	dmp_rcu_read_unlock();
	if (is_left)
		wait_for_idleness(tlb);
}

void swiotlb_grow_init(struct dmp_swiotlb *tlb)
{
	tlb->grow_work.fn = grow;
	tlb->idle_work.fn = give_back_idle;
}

/* No pool comes or goes any more, and those that went have been freed. */
void swiotlb_grow_stop(struct dmp_swiotlb *tlb)
{
	if (!tlb->is_dynamic)
		return;
	dmp_work_cancel(&tlb->grow_work);
	dmp_work_cancel(&tlb->idle_work);
	dmp_rcu_barrier();
}

/* For the checker; growing may ask for a look at what is idle, so it stops first. */
void swiotlb_grow_pause(struct dmp_swiotlb *tlb)
{
	dmp_work_pause(&tlb->grow_work);
	dmp_work_pause(&tlb->idle_work);
}

void swiotlb_grow_resume(struct dmp_swiotlb *tlb)
{
	dmp_work_resume(&tlb->grow_work);
	dmp_work_resume(&tlb->idle_work);
}

int dmp_swiotlb_tune(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_tuning *given)
{
	struct dmp_swiotlb_tuning tuning;
	int err = tlb && given ? dmp_opts_load(&tuning, sizeof(tuning), given) : -EINVAL;

	if (err)
		return err;
	if (tuning.flags & ~TUNING_FLAGS ||
	    !swiotlb_throttle_settings_are_good(tuning.throttle_high, tuning.throttle_low))
		return -EINVAL;
	if (!tlb->is_dynamic &&
	    (tuning.flags & DMP_SWIOTLB_GROWS || tuning.max_slots || tuning.idle_ns))
		return -ENOTSUP;
	swiotlb_throttle_set(tlb, tuning.flags & DMP_SWIOTLB_THROTTLES, tuning.throttle_high,
			     tuning.throttle_low, tuning.throttle_turn_ns);
	/* relaxed, all: settings that nothing else hangs on */
	store_relaxed(&tlb->grows, (tuning.flags & DMP_SWIOTLB_GROWS) != 0);
	store_relaxed(&tlb->max_slots, tuning.max_slots);
	store_relaxed(&tlb->idle_ns, tuning.idle_ns);
	if (!tlb->is_dynamic)
		return 0;
	dmp_work_cancel(&tlb->idle_work); /* a date that was set by the time before */
	wait_for_idleness(tlb);
	return 0;
}

int dmp_swiotlb_get_tuning(const struct dmp_swiotlb *tlb, struct dmp_swiotlb_tuning *tuning,
			   size_t size)
{
	struct dmp_swiotlb_tuning t = DMP_SWIOTLB_TUNING(0);

	if (!tlb)
		return -EINVAL;
	/* relaxed, all: settings */
	t.flags = load_relaxed(&tlb->grows) ? DMP_SWIOTLB_GROWS : 0;
	t.flags |= load_relaxed(&tlb->throttle.is_on) ? DMP_SWIOTLB_THROTTLES : 0;
	t.throttle_high = load_relaxed(&tlb->throttle.high);
	t.throttle_low = load_relaxed(&tlb->throttle.low);
	t.throttle_turn_ns = load_relaxed(&tlb->throttle.turn_ns);
	t.max_slots = load_relaxed(&tlb->max_slots);
	t.idle_ns = load_relaxed(&tlb->idle_ns);
	return stats_store(tuning, size, &t, sizeof(t));
}
