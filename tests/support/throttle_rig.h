/* SPDX-License-Identifier: MIT */
/*
 * throttle_rig.h - a bounce allocator that throttles, as full as wanted, on a test double
 *
 *   struct throttle_rig rig;
 *   throttle_rig_up(&rig, &DMP_SWIOTLB_OPTS(.throttle_turn_ns = 1000));   256 slots, one area
 *   throttle_rig_fill(&rig, 180);                                         above 70 %
 *   ...
 *   throttle_rig_down(&rig);                                              empties it
 *
 * In steps of one slot: 65 % are 166 slots, 70 % are 179, the brim of that, 85 %, 217.
 */
#ifndef DMAPOOL_TEST_THROTTLE_RIG_H
#define DMAPOOL_TEST_THROTTLE_RIG_H

#include "swiotlb_rig.h"

#define MAY_BLOCK DMP_ATTR_MAY_BLOCK

#define RIG_SLOTS  256u
#define LOW_SLOTS  166u
#define HIGH_SLOTS 179u
#define BRIM_SLOTS 217u

struct throttle_rig {
	struct swiotlb_rig bare;
	struct dmp_swiotlb *tlb;
	unsigned nfilled;
	dmp_phys_t filled[RIG_SLOTS];
	unsigned bugs;
};

static inline void throttle_rig_log(void *ctx, enum dmp_log_level level, const char *line)
{
	struct throttle_rig *rig = ctx;

	(void)line;
	rig->bugs += level == DMP_LOG_BUG;
}

static inline void throttle_rig_up(struct throttle_rig *rig, const struct dmp_swiotlb_opts *given)
{
	struct dmp_swiotlb_opts opts = *given;

	*rig = (struct throttle_rig){.nfilled = 0};
	opts.flags |= DMP_SWIOTLB_THROTTLES;
	opts.slots = opts.slots ? opts.slots : RIG_SLOTS;
	opts.areas = opts.areas ? opts.areas : 1;
	swiotlb_rig_begin(&rig->bare);
	assert_int_equal(dmp_swiotlb_create(rig->bare.hw.hw, &opts, &rig->bare.tlb), 0);
	rig->tlb = rig->bare.tlb;
	dmp_log_set_sink(throttle_rig_log, rig);
}

static inline int throttle_rig_map(struct throttle_rig *rig, struct dmp_swiotlb_device *device,
				   unsigned attrs, dmp_phys_t *phys)
{
	return dmp_swiotlb_map(rig->tlb, &DMP_SWIOTLB_LIMITS(.device = device), RIG_ORIG, 1,
			       DMP_TO_DEVICE, attrs, phys);
}

static inline void throttle_rig_unmap(struct throttle_rig *rig, dmp_phys_t phys)
{
	assert_int_equal(dmp_swiotlb_unmap(rig->tlb, phys, 1, DMP_TO_DEVICE, 0), 0);
}

/* What the rig itself has, up or down to @n slots, none of them in a turn. */
static inline void throttle_rig_fill(struct throttle_rig *rig, unsigned n)
{
	unsigned i = rig->nfilled;

	assert_in_range(n, 0, RIG_SLOTS);
	while (i > n && i <= RIG_SLOTS)
		throttle_rig_unmap(rig, rig->filled[--i]);
	for (; i < n; i++)
		assert_int_equal(throttle_rig_map(rig, NULL, 0, &rig->filled[i]), 0);
	rig->nfilled = n;
}

static inline struct dmp_swiotlb_stats throttle_rig_stats(struct throttle_rig *rig)
{
	return swiotlb_rig_stats(&rig->bare);
}

static inline void throttle_rig_down(struct throttle_rig *rig)
{
	throttle_rig_fill(rig, 0);
	assert_int_equal(rig->bugs, 0);
	assert_int_equal(throttle_rig_stats(rig).used, 0);
	assert_int_equal(rig->tlb->throttle.turn.holder, 0);
	dmp_log_set_sink(NULL, NULL);
	swiotlb_rig_down(&rig->bare);
}

/* What happens while a request sleeps. */
struct throttle_other {
	struct throttle_rig *rig;
	dmp_phys_t phys; /* is unmapped */
	uint64_t after_ns;
	struct dmp_swiotlb_device *device; /* is cancelled */
	bool switches_off;
	unsigned calls;
	uint64_t waiters; /* seen */
	int destroy_err;
};

static inline void throttle_rig_play(void *arg)
{
	struct throttle_other *other = arg;

	other->calls++;
	other->waiters = throttle_rig_stats(other->rig).waiters;
	assert_int_equal(dmp_swiotlb_check(other->rig->tlb), 0);
	dmp_harness_become(3);
	if (other->after_ns)
		dmp_harness_advance(other->after_ns);
	if (other->phys)
		throttle_rig_unmap(other->rig, other->phys);
	if (other->device) {
		other->destroy_err = dmp_swiotlb_device_destroy(other->device);
		assert_int_equal(dmp_swiotlb_device_cancel(other->device), 0);
	}
	if (other->switches_off)
		assert_int_equal(dmp_swiotlb_tune(other->rig->tlb, &DMP_SWIOTLB_TUNING(.flags = 0)),
				 0);
}

static inline struct throttle_other throttle_other_of(struct throttle_rig *rig)
{
	return (struct throttle_other){.rig = rig};
}

static inline dmp_phys_t throttle_rig_must_map(struct throttle_rig *rig, unsigned attrs)
{
	dmp_phys_t phys = 0;

	assert_int_equal(throttle_rig_map(rig, NULL, attrs, &phys), 0);
	return phys;
}

static inline void throttle_rig_up_full(struct throttle_rig *rig, unsigned slots, uint64_t turn_ns)
{
	throttle_rig_up(rig, &DMP_SWIOTLB_OPTS(.throttle_turn_ns = turn_ns));
	throttle_rig_fill(rig, slots);
}

/* As far as it goes without a sleep. */
static inline enum swiotlb_waiter_state throttle_rig_ask(struct throttle_rig *rig,
							 struct swiotlb_waiter *waiter)
{
	swiotlb_throttle_ask(rig->tlb, NULL, waiter);
	return waiter->state;
}

/* It is over, in vain: as if no slots had been found. */
static inline void throttle_rig_give_up(struct throttle_rig *rig, struct swiotlb_waiter *waiter)
{
	assert_int_equal(swiotlb_throttle_wait(rig->tlb, waiter), 0);
	swiotlb_throttle_mapped(rig->tlb, waiter, NULL);
}

#endif
