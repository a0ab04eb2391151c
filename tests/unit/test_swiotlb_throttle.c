// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_throttle.c - proves what swiotlb_throttle.c says: who waits, who does not, and what
 * ends a wait; H1, H2
 *
 * A request that sleeps has the hook play somebody else.  Several that wait at once are played
 * by their waiters alone, without a sleep.
 */
#include "throttle_rig.h"

#define MAY_BLOCK DMP_ATTR_MAY_BLOCK

/* What happens while a request sleeps. */
struct other {
	struct throttle_rig *rig;
	dmp_phys_t phys; /* is unmapped */
	uint64_t after_ns;
	struct dmp_swiotlb_device *device; /* is cancelled */
	bool switches_off;
	unsigned calls;
	uint64_t waiters; /* seen */
	int destroy_err;
};

static void play(void *arg)
{
	struct other *other = arg;

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

static struct other other_of(struct throttle_rig *rig)
{
	return (struct other){.rig = rig};
}

static dmp_phys_t must_map(struct throttle_rig *rig, unsigned attrs)
{
	dmp_phys_t phys = 0;

	assert_int_equal(throttle_rig_map(rig, NULL, attrs, &phys), 0);
	return phys;
}

static void up(struct throttle_rig *rig, unsigned slots, uint64_t turn_ns)
{
	throttle_rig_up(rig, &DMP_SWIOTLB_OPTS(.throttle_turn_ns = turn_ns));
	throttle_rig_fill(rig, slots);
}

/* Whose next map comes between a release and the end of its unmap; NULL: nobody's. */
static struct throttle_rig *squatter;
static dmp_phys_t squatted;

int __real_swiotlb_transient_release(const struct swiotlb_mapping *m);

int __wrap_swiotlb_transient_release(const struct swiotlb_mapping *m)
{
	struct throttle_rig *rig = squatter;
	int err = __real_swiotlb_transient_release(m);

	squatter = NULL;
	if (rig)
		squatted = must_map(rig, MAY_BLOCK);
	return err;
}

/* As far as it goes without a sleep. */
static enum swiotlb_waiter_state ask(struct throttle_rig *rig, struct swiotlb_waiter *waiter)
{
	swiotlb_throttle_ask(rig->tlb, NULL, waiter);
	return waiter->state;
}

/* It is over, in vain: as if no slots had been found. */
static void give_up(struct throttle_rig *rig, struct swiotlb_waiter *waiter)
{
	assert_int_equal(swiotlb_throttle_wait(rig->tlb, waiter), 0);
	swiotlb_throttle_mapped(rig->tlb, waiter, NULL);
}

static void test_at_or_below_the_high_threshold_nobody_needs_a_turn(void **state)
{
	struct throttle_rig rig;
	dmp_phys_t a, b;

	(void)state;
	up(&rig, HIGH_SLOTS - 1, 0);
	a = must_map(&rig, MAY_BLOCK);
	b = must_map(&rig, MAY_BLOCK); /* the one at the threshold: it is exceeded by this one */
	assert_int_equal(throttle_rig_stats(&rig).turns, 0);
	throttle_rig_unmap(&rig, a);
	throttle_rig_unmap(&rig, b);
	throttle_rig_down(&rig);
}

static void test_above_it_the_first_has_the_turn_until_its_unmap(void **state)
{
	struct throttle_rig rig;
	dmp_phys_t phys;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 0);
	phys = must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_stats(&rig).turns, 1);
	assert_int_equal(throttle_rig_stats(&rig).waits, 0);
	assert_int_equal(rig.tlb->throttle.turn.holder, 1);
	assert_true(rig.tlb->throttle.turn.phys == phys);
	throttle_rig_unmap(&rig, phys);
	assert_int_equal(rig.tlb->throttle.turn.holder, 0);
	throttle_rig_down(&rig);
}

static void test_the_next_sleeps_until_somebody_unmaps_that_mapping(void **state)
{
	struct throttle_rig rig;
	struct other other;
	dmp_phys_t phys;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 0);
	other = other_of(&rig);
	other.phys = must_map(&rig, MAY_BLOCK);
	other.after_ns = 5000;
	dmp_harness_on_wait(play, &other);
	phys = must_map(&rig, MAY_BLOCK);
	assert_int_equal(other.calls, 1);
	assert_int_equal(other.waiters, 1);
	assert_int_equal(dmp_cpu(), 0);
	assert_int_equal(throttle_rig_stats(&rig).waits, 1);
	assert_int_equal(throttle_rig_stats(&rig).waiters, 0);
	assert_int_equal(throttle_rig_stats(&rig).turns, 2);
	assert_int_equal(throttle_rig_stats(&rig).longest_wait_ns, 5000);
	assert_int_equal(throttle_rig_stats(&rig).wait_ns[12], 1);
	throttle_rig_unmap(&rig, phys);
	throttle_rig_down(&rig);
}

static void test_who_may_not_block_is_never_delayed(void **state)
{
	struct throttle_rig rig;
	dmp_phys_t turn, phys;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 0);
	turn = must_map(&rig, MAY_BLOCK);
	phys = must_map(&rig, 0);
	throttle_rig_unmap(&rig, phys);
	assert_int_equal(rig.tlb->throttle.turn.holder, 1); /* nor is it in the turn's way */
	throttle_rig_fill(&rig, 255);
	assert_int_equal(throttle_rig_map(&rig, NULL, 0, &phys), -ENOSPC);
	throttle_rig_unmap(&rig, turn);
	throttle_rig_down(&rig);
}

static void test_between_the_thresholds_they_wait_only_for_a_turn_that_is_taken(void **state)
{
	struct throttle_rig rig;
	struct other other;
	dmp_phys_t a, b;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 0);
	other = other_of(&rig);
	other.phys = must_map(&rig, MAY_BLOCK);
	throttle_rig_fill(&rig, LOW_SLOTS);
	dmp_harness_on_wait(play, &other);
	a = must_map(&rig, MAY_BLOCK); /* LOW_SLOTS and the holder's */
	assert_int_equal(other.calls, 1);
	throttle_rig_unmap(&rig, a);
	throttle_rig_fill(&rig, LOW_SLOTS + 1);
	a = must_map(&rig, MAY_BLOCK);
	b = must_map(&rig, MAY_BLOCK);
	assert_int_equal(other.calls, 1);
	throttle_rig_unmap(&rig, a);
	throttle_rig_unmap(&rig, b);
	throttle_rig_down(&rig);
}

static void test_at_the_low_threshold_nobody_waits_for_anybody(void **state)
{
	struct throttle_rig rig;
	dmp_phys_t turn, phys;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 0);
	turn = must_map(&rig, MAY_BLOCK);
	throttle_rig_fill(&rig, LOW_SLOTS - 1);
	phys = must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_stats(&rig).turns, 1);
	throttle_rig_unmap(&rig, turn);
	throttle_rig_unmap(&rig, phys);
	throttle_rig_down(&rig);
}

static void test_the_turn_goes_to_who_came_first(void **state)
{
	struct swiotlb_waiter a, b, c;
	struct throttle_rig rig;
	dmp_phys_t phys;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 0);
	phys = must_map(&rig, MAY_BLOCK);
	assert_int_equal(ask(&rig, &a), SWIOTLB_WAITS);
	assert_int_equal(ask(&rig, &b), SWIOTLB_WAITS);
	throttle_rig_unmap(&rig, phys);
	assert_int_equal(ask(&rig, &c), SWIOTLB_WAITS); /* it cannot slip in between */
	assert_int_equal(a.state, SWIOTLB_HAS_TURN);
	assert_int_equal(b.state, SWIOTLB_WAITS);
	give_up(&rig, &a);
	assert_int_equal(b.state, SWIOTLB_HAS_TURN);
	assert_int_equal(c.state, SWIOTLB_WAITS);
	give_up(&rig, &b);
	give_up(&rig, &c);
	assert_int_equal(throttle_rig_stats(&rig).waits, 3);
	throttle_rig_down(&rig);
}

static void test_a_map_that_fails_gives_the_turn_on(void **state)
{
	struct swiotlb_waiter waiter;
	struct throttle_rig rig;
	dmp_phys_t phys = 0xdead;

	(void)state;
	up(&rig, 256, 0);
	assert_int_equal(throttle_rig_map(&rig, NULL, MAY_BLOCK | DMP_ATTR_NO_WARN, &phys),
			 -ENOSPC);
	assert_int_equal(rig.tlb->throttle.turn.holder, 0);
	throttle_rig_fill(&rig, 200);
	assert_int_equal(dmp_swiotlb_map(rig.tlb, &DMP_SWIOTLB_LIMITS(.addr_limit = 1), RIG_ORIG, 1,
					 DMP_TO_DEVICE, MAY_BLOCK, &phys),
			 -ERANGE);
	assert_int_equal(rig.tlb->throttle.turn.holder, 0);
	assert_int_equal(
		dmp_swiotlb_map(rig.tlb, NULL, UINT64_MAX / 2, 1, DMP_TO_DEVICE, MAY_BLOCK, &phys),
		-EFAULT); /* refused before it asks */
	assert_int_equal(throttle_rig_stats(&rig).turns, 2);
	assert_int_equal(phys, 0xdead);
	assert_int_equal(ask(&rig, &waiter), SWIOTLB_HAS_TURN);
	give_up(&rig, &waiter);
	throttle_rig_down(&rig);
}

static void test_a_refused_unmap_leaves_the_turn(void **state)
{
	struct throttle_rig rig;
	dmp_phys_t phys;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 0);
	phys = must_map(&rig, MAY_BLOCK);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 2, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(rig.tlb->throttle.turn.holder, 1);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 1, DMP_TO_DEVICE, MAY_BLOCK), 0);
	assert_int_equal(rig.tlb->throttle.turn.holder, 0);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 1, DMP_TO_DEVICE, 0), -ENOENT);
	assert_int_equal(rig.bugs, 2);
	rig.bugs = 0;
	throttle_rig_down(&rig);
}

static void test_a_wait_that_nobody_ends_is_told_and_no_hang(void **state)
{
	struct throttle_rig rig;
	struct other other;
	dmp_phys_t turn, phys = 0xdead;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 0);
	turn = must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_map(&rig, NULL, MAY_BLOCK, &phys), -ECANCELED);
	assert_int_equal(rig.bugs, 1);
	other = other_of(&rig);
	dmp_harness_on_wait(play, &other);
	assert_int_equal(throttle_rig_map(&rig, NULL, MAY_BLOCK, &phys), -ECANCELED);
	assert_int_equal(other.calls, 1);
	assert_int_equal(rig.bugs, 2);
	rig.bugs = 0;
	assert_int_equal(phys, 0xdead);
	assert_int_equal(throttle_rig_stats(&rig).waits_cancelled, 2);
	assert_int_equal(throttle_rig_stats(&rig).used, HIGH_SLOTS + 2);
	throttle_rig_unmap(&rig, turn);
	throttle_rig_down(&rig);
}

static void test_a_waiter_is_cancelled_with_its_device(void **state)
{
	struct throttle_rig rig;
	struct other other;
	dmp_phys_t turn, phys = 0xdead;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 0);
	assert_int_equal(dmp_swiotlb_device_cancel(NULL), -EINVAL);
	turn = must_map(&rig, MAY_BLOCK);
	other = other_of(&rig);
	assert_int_equal(dmp_swiotlb_device_create(rig.tlb, &other.device), 0);
	dmp_harness_on_wait(play, &other);
	assert_int_equal(throttle_rig_map(&rig, other.device, MAY_BLOCK, &phys), -ECANCELED);
	assert_int_equal(other.calls, 1);
	assert_int_equal(other.destroy_err, -EBUSY); /* while it waited */
	assert_int_equal(phys, 0xdead);
	assert_int_equal(throttle_rig_stats(&rig).waits_cancelled, 1);
	assert_int_equal(throttle_rig_map(&rig, other.device, MAY_BLOCK, &phys), -ECANCELED);
	assert_int_equal(other.calls, 1); /* not even asleep */
	assert_int_equal(throttle_rig_stats(&rig).waits, 1);
	throttle_rig_unmap(&rig, turn);
	assert_int_equal(throttle_rig_map(&rig, other.device, MAY_BLOCK, &phys), 0);
	throttle_rig_unmap(&rig, phys); /* where nobody waits it is served */
	assert_int_equal(dmp_swiotlb_device_destroy(other.device), 0);
	throttle_rig_down(&rig);
}

static void test_others_wait_on_when_a_device_is_cancelled(void **state)
{
	struct dmp_swiotlb_device *one, *two;
	struct swiotlb_waiter a, b, c;
	struct throttle_rig rig;
	dmp_phys_t turn;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 0);
	assert_int_equal(dmp_swiotlb_device_create(rig.tlb, &one), 0);
	assert_int_equal(dmp_swiotlb_device_create(rig.tlb, &two), 0);
	turn = must_map(&rig, MAY_BLOCK);
	swiotlb_throttle_ask(rig.tlb, one, &a);
	swiotlb_throttle_ask(rig.tlb, two, &b);
	swiotlb_throttle_ask(rig.tlb, NULL, &c);
	assert_int_equal(dmp_swiotlb_device_cancel(one), 0);
	assert_int_equal(swiotlb_throttle_wait(rig.tlb, &a), -ECANCELED);
	assert_int_equal(dmp_swiotlb_device_destroy(one), 0);
	assert_int_equal(throttle_rig_stats(&rig).waiters, 2);
	throttle_rig_unmap(&rig, turn);
	give_up(&rig, &b);
	give_up(&rig, &c);
	assert_int_equal(dmp_swiotlb_device_destroy(two), 0);
	throttle_rig_down(&rig);
}

static void test_switching_it_off_lets_all_in(void **state)
{
	struct throttle_rig rig;
	struct other other;
	dmp_phys_t turn, phys;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 0);
	turn = must_map(&rig, MAY_BLOCK);
	other = other_of(&rig);
	other.switches_off = true;
	dmp_harness_on_wait(play, &other);
	phys = must_map(&rig, MAY_BLOCK);
	throttle_rig_unmap(&rig, must_map(&rig, MAY_BLOCK));
	assert_int_equal(other.calls, 1);
	assert_int_equal(rig.tlb->throttle.turn.holder, 1); /* it is what it was */
	throttle_rig_unmap(&rig, phys);
	throttle_rig_unmap(&rig, turn);
	throttle_rig_down(&rig);
}

static void test_settings_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		uint32_t flags, high, low;
	} bad[] = {
		{DMP_SWIOTLB_THROTTLES, 101, 0},  {DMP_SWIOTLB_THROTTLES, 0, 71},
		{DMP_SWIOTLB_THROTTLES, 50, 51},  {0, UINT32_MAX, 0},
		{DMP_SWIOTLB_THROTTLES, 80, 101}, {64, 0, 0},
	};
	struct dmp_swiotlb_tuning before, after;
	struct dmp_swiotlb *tlb = NULL;
	struct throttle_rig rig;

	(void)state;
	up(&rig, 0, 7);
	assert_int_equal(dmp_swiotlb_get_tuning(rig.tlb, &before, sizeof(before)), 0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
			dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = bad[i].flags,
								      .throttle_high = bad[i].high,
								      .throttle_low = bad[i].low)),
			-EINVAL);
		assert_int_equal(dmp_swiotlb_create(rig.bare.hw.hw,
						    &DMP_SWIOTLB_OPTS(.flags = bad[i].flags,
								      .throttle_high = bad[i].high,
								      .throttle_low = bad[i].low),
						    &tlb),
				 -EINVAL);
	}
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_GROWS,
								       .throttle_high = 50)),
			 -ENOTSUP);
	assert_int_equal(dmp_swiotlb_get_tuning(rig.tlb, &after, sizeof(after)), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_null(tlb);
	throttle_rig_down(&rig);
}

static void assert_thresholds(struct throttle_rig *rig, unsigned high, unsigned low, unsigned is,
			      unsigned is_low)
{
	struct dmp_swiotlb_tuning t = DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_THROTTLES,
							 .throttle_high = high, .throttle_low = low,
							 .throttle_turn_ns = 9);

	assert_int_equal(dmp_swiotlb_tune(rig->tlb, &t), 0);
	assert_int_equal(dmp_swiotlb_get_tuning(rig->tlb, &t, sizeof(t)), 0);
	assert_int_equal(t.flags, DMP_SWIOTLB_THROTTLES);
	assert_int_equal(t.throttle_high, is);
	assert_int_equal(t.throttle_low, is_low);
	assert_int_equal(t.throttle_turn_ns, 9);
}

static void test_thresholds_have_defaults(void **state)
{
	struct throttle_rig rig;

	(void)state;
	up(&rig, 0, 0);
	assert_thresholds(&rig, 0, 0, 70, 65);
	assert_thresholds(&rig, 0, 1, 70, 1);
	assert_thresholds(&rig, 90, 0, 90, 85);
	assert_thresholds(&rig, 100, 100, 100, 100);
	assert_thresholds(&rig, 6, 0, 6, 1);
	assert_thresholds(&rig, 3, 0, 3, 0);
	throttle_rig_down(&rig);
}

/* An older caller's struct ends before them: it wants what it says, and nothing else. */
static void test_settings_of_an_older_caller_leave_it_off(void **state)
{
	struct dmp_swiotlb_tuning t = DMP_SWIOTLB_TUNING(.flags = 0, .throttle_high = 200);
	struct throttle_rig rig;

	(void)state;
	up(&rig, 0, 0);
	t.size = offsetof(struct dmp_swiotlb_tuning, throttle_high);
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &t), 0);
	assert_int_equal(dmp_swiotlb_get_tuning(rig.tlb, &t, sizeof(t)), 0);
	assert_int_equal(t.flags, 0);
	assert_int_equal(t.throttle_high, 70);
	throttle_rig_down(&rig);
}

static void test_thresholds_hold_from_the_moment_they_are_changed(void **state)
{
	struct throttle_rig rig;
	dmp_phys_t a, b;

	(void)state;
	up(&rig, 100, 0);
	throttle_rig_unmap(&rig, must_map(&rig, MAY_BLOCK));
	assert_int_equal(throttle_rig_stats(&rig).turns, 0);
	assert_int_equal(
		dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_THROTTLES,
							      .throttle_high = 30)),
		0);
	a = must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_stats(&rig).turns, 1);
	assert_int_equal(
		dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_THROTTLES,
							      .throttle_high = 60)),
		0);
	b = must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_stats(&rig).turns, 1);
	throttle_rig_unmap(&rig, a);
	throttle_rig_unmap(&rig, b);
	throttle_rig_down(&rig);
}

static void test_a_turn_passes_on_when_it_has_lasted_long_enough(void **state)
{
	struct throttle_rig rig;
	struct other other;
	dmp_phys_t snail, phys;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 1000);
	snail = must_map(&rig, MAY_BLOCK);
	dmp_harness_advance(400); /* that much of it is over */
	other = other_of(&rig);
	other.after_ns = 600;
	dmp_harness_on_wait(play, &other);
	phys = must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_stats(&rig).longest_wait_ns, 600);
	assert_int_equal(throttle_rig_stats(&rig).turns_passed_on, 1);
	assert_int_equal(rig.tlb->throttle.turn.holder, 2);
	throttle_rig_unmap(&rig, snail);
	assert_int_equal(rig.tlb->throttle.turn.holder, 2); /* it ends its own turn only */
	throttle_rig_unmap(&rig, phys);
	throttle_rig_down(&rig);
}

static void test_and_not_a_nanosecond_before(void **state)
{
	struct swiotlb_waiter waiter;
	struct throttle_rig rig;
	dmp_phys_t snail;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 1000);
	snail = must_map(&rig, MAY_BLOCK);
	assert_int_equal(ask(&rig, &waiter), SWIOTLB_WAITS);
	dmp_harness_advance(999);
	assert_int_equal(waiter.state, SWIOTLB_WAITS);
	dmp_harness_advance(1);
	assert_int_equal(waiter.state, SWIOTLB_HAS_TURN);
	give_up(&rig, &waiter);
	throttle_rig_unmap(&rig, snail);
	throttle_rig_down(&rig);
}

static void test_a_turn_that_is_over_already_is_not_waited_for(void **state)
{
	struct throttle_rig rig;
	dmp_phys_t snail, phys;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 1000);
	snail = must_map(&rig, MAY_BLOCK);
	dmp_harness_advance(1000000);
	assert_int_equal(throttle_rig_stats(&rig).turns_passed_on, 0); /* nobody wanted it */
	phys = must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_stats(&rig).longest_wait_ns, 0);
	throttle_rig_unmap(&rig, snail);
	throttle_rig_unmap(&rig, phys);
	throttle_rig_down(&rig);
}

/* k others before it: k times turn_ns, if nobody gives anything back. */
static void test_a_wait_is_bounded_by_the_turns_before_it(void **state)
{
	struct swiotlb_waiter waiters[10];
	struct throttle_rig rig;
	dmp_phys_t snail;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 1000);
	snail = must_map(&rig, MAY_BLOCK);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(ask(&rig, &waiters[i]), SWIOTLB_WAITS);
	for (unsigned k = 1; k <= 10; k++) {
		dmp_harness_advance(999);
		assert_int_equal(waiters[k - 1].state, SWIOTLB_WAITS);
		dmp_harness_advance(1);
		assert_int_equal(waiters[k - 1].state, SWIOTLB_HAS_TURN);
		assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	}
	for (unsigned i = 0; i < 10; i++)
		give_up(&rig, &waiters[i]);
	throttle_rig_unmap(&rig, snail);
	throttle_rig_down(&rig);
}

static void test_above_the_brim_time_lets_nobody_in(void **state)
{
	struct swiotlb_waiter waiter;
	struct throttle_rig rig;
	dmp_phys_t snail;

	(void)state;
	up(&rig, BRIM_SLOTS, 1000);
	snail = must_map(&rig, MAY_BLOCK); /* one more */
	assert_int_equal(ask(&rig, &waiter), SWIOTLB_WAITS);
	dmp_harness_advance(10000);
	assert_int_equal(waiter.state, SWIOTLB_WAITS);
	throttle_rig_fill(&rig, BRIM_SLOTS - 1);
	dmp_harness_advance(1000);
	assert_int_equal(waiter.state, SWIOTLB_HAS_TURN);
	give_up(&rig, &waiter);
	throttle_rig_unmap(&rig, snail);
	throttle_rig_down(&rig);
}

static void test_who_overtakes_lets_the_first_waiter_in(void **state)
{
	struct swiotlb_waiter a, b, newcomer;
	struct throttle_rig rig;
	dmp_phys_t snail;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 1000000);
	snail = must_map(&rig, MAY_BLOCK);
	assert_int_equal(ask(&rig, &a), SWIOTLB_WAITS);
	assert_int_equal(ask(&rig, &b), SWIOTLB_WAITS);
	throttle_rig_fill(&rig, 10);
	assert_int_equal(ask(&rig, &newcomer), SWIOTLB_PASSES);
	assert_int_equal(swiotlb_throttle_wait(rig.tlb, &newcomer), 0);
	assert_int_equal(a.state, SWIOTLB_HAS_TURN);
	assert_int_equal(b.state, SWIOTLB_WAITS);
	assert_int_equal(ask(&rig, &newcomer), SWIOTLB_PASSES);
	assert_int_equal(swiotlb_throttle_wait(rig.tlb, &newcomer), 0);
	assert_int_equal(b.state, SWIOTLB_HAS_TURN);
	give_up(&rig, &a);
	give_up(&rig, &b);
	throttle_rig_unmap(&rig, snail);
	throttle_rig_down(&rig);
}

static void test_without_a_time_overtaking_changes_nothing(void **state)
{
	struct swiotlb_waiter waiter;
	struct throttle_rig rig;
	dmp_phys_t snail;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 0);
	snail = must_map(&rig, MAY_BLOCK);
	assert_int_equal(ask(&rig, &waiter), SWIOTLB_WAITS);
	throttle_rig_fill(&rig, 10);
	throttle_rig_unmap(&rig, must_map(&rig, MAY_BLOCK));
	dmp_harness_advance(1000000000);
	assert_int_equal(waiter.state, SWIOTLB_WAITS);
	throttle_rig_unmap(&rig, snail);
	give_up(&rig, &waiter);
	throttle_rig_down(&rig);
}

static void test_a_shorter_time_holds_for_those_who_wait_already(void **state)
{
	struct swiotlb_waiter waiter;
	struct throttle_rig rig;
	dmp_phys_t snail;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 1000000);
	snail = must_map(&rig, MAY_BLOCK);
	assert_int_equal(ask(&rig, &waiter), SWIOTLB_WAITS);
	dmp_harness_advance(500);
	assert_int_equal(
		dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_THROTTLES,
							      .throttle_turn_ns = 2000)),
		0);
	dmp_harness_advance(1499);
	assert_int_equal(waiter.state, SWIOTLB_WAITS);
	dmp_harness_advance(1);
	assert_int_equal(waiter.state, SWIOTLB_HAS_TURN);
	give_up(&rig, &waiter);
	throttle_rig_unmap(&rig, snail);
	throttle_rig_down(&rig);
}

/* The turn passes on while its request looks for slots, and again before it has them: what it
 * then says of its mapping is of no turn's. */
static void test_a_turn_that_passed_on_during_the_search_is_not_taken_back(void **state)
{
	struct swiotlb_waiter slow, next;
	struct swiotlb_mapping m = {.phys = RIG_POOL};
	struct throttle_rig rig;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 1000);
	assert_int_equal(ask(&rig, &slow), SWIOTLB_HAS_TURN);
	assert_int_equal(swiotlb_throttle_wait(rig.tlb, &slow), 0);
	assert_int_equal(ask(&rig, &next), SWIOTLB_WAITS);
	dmp_harness_advance(1000);
	assert_int_equal(next.state, SWIOTLB_HAS_TURN);
	swiotlb_throttle_mapped(rig.tlb, &slow, &m);
	assert_true(rig.tlb->throttle.turn.phys == NO_ORIGINAL);
	swiotlb_throttle_mapped(rig.tlb, &slow, NULL);
	assert_int_equal(rig.tlb->throttle.turn.holder, next.ticket);
	give_up(&rig, &next);
	throttle_rig_down(&rig);
}

/* H1, where whoever passed the threshold has not yet said so. */
static void test_who_takes_the_turn_has_the_others_ask(void **state)
{
	struct swiotlb_waiter waiter;
	struct throttle_rig rig;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 0);
	store_relaxed(&rig.tlb->asks, false);
	assert_int_equal(ask(&rig, &waiter), SWIOTLB_HAS_TURN);
	assert_true(load_relaxed(&rig.tlb->asks));
	give_up(&rig, &waiter);
	throttle_rig_down(&rig);
}

/*
 *   A unmaps --- its slots are free ------------------- its turn was over long ago
 *                     `-- B has the turn, and those slots
 */
static void test_the_end_of_a_lost_turn_ends_no_other_at_the_same_place(void **state)
{
	struct swiotlb_waiter waiter;
	struct throttle_rig rig;
	dmp_phys_t lost;

	(void)state;
	up(&rig, 200, 1000);
	lost = must_map(&rig, MAY_BLOCK);
	dmp_harness_advance(1000);
	assert_int_equal(ask(&rig, &waiter), SWIOTLB_HAS_TURN);
	give_up(&rig, &waiter);
	throttle_rig_fill(&rig, 255); /* no other place is free */
	squatter = &rig;
	throttle_rig_unmap(&rig, lost);
	assert_true(squatted == lost);
	assert_int_equal(rig.tlb->throttle.turn.holder, 3);
	throttle_rig_unmap(&rig, squatted);
	throttle_rig_down(&rig);
}

static void test_a_queue_without_a_date_is_seen_by_the_walker(void **state)
{
	struct swiotlb_waiter waiter;
	struct throttle_rig rig;
	dmp_phys_t snail;

	(void)state;
	up(&rig, HIGH_SLOTS + 1, 1000);
	snail = must_map(&rig, MAY_BLOCK);
	assert_int_equal(ask(&rig, &waiter), SWIOTLB_WAITS);
	assert_int_equal(swiotlb_throttle_check(rig.tlb), 0);
	dmp_work_cancel(&rig.tlb->throttle.pass_work);
	assert_int_equal(swiotlb_throttle_check(rig.tlb), -EIO);
	throttle_rig_unmap(&rig, snail);
	assert_int_equal(swiotlb_throttle_check(rig.tlb), 0);
	store_relaxed(&rig.tlb->asks, false);
	assert_int_equal(swiotlb_throttle_check(rig.tlb), -EIO);
	store_relaxed(&rig.tlb->asks, true);
	assert_int_equal(rig.bugs, 2);
	rig.bugs = 0;
	give_up(&rig, &waiter);
	throttle_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_or_below_the_high_threshold_nobody_needs_a_turn),
		cmocka_unit_test(test_above_it_the_first_has_the_turn_until_its_unmap),
		cmocka_unit_test(test_the_next_sleeps_until_somebody_unmaps_that_mapping),
		cmocka_unit_test(test_who_may_not_block_is_never_delayed),
		cmocka_unit_test(
			test_between_the_thresholds_they_wait_only_for_a_turn_that_is_taken),
		cmocka_unit_test(test_at_the_low_threshold_nobody_waits_for_anybody),
		cmocka_unit_test(test_the_turn_goes_to_who_came_first),
		cmocka_unit_test(test_a_map_that_fails_gives_the_turn_on),
		cmocka_unit_test(test_a_refused_unmap_leaves_the_turn),
		cmocka_unit_test(test_a_wait_that_nobody_ends_is_told_and_no_hang),
		cmocka_unit_test(test_a_waiter_is_cancelled_with_its_device),
		cmocka_unit_test(test_others_wait_on_when_a_device_is_cancelled),
		cmocka_unit_test(test_switching_it_off_lets_all_in),
		cmocka_unit_test(test_settings_that_make_no_sense_are_refused),
		cmocka_unit_test(test_thresholds_have_defaults),
		cmocka_unit_test(test_settings_of_an_older_caller_leave_it_off),
		cmocka_unit_test(test_thresholds_hold_from_the_moment_they_are_changed),
		cmocka_unit_test(test_a_turn_passes_on_when_it_has_lasted_long_enough),
		cmocka_unit_test(test_and_not_a_nanosecond_before),
		cmocka_unit_test(test_a_turn_that_is_over_already_is_not_waited_for),
		cmocka_unit_test(test_a_wait_is_bounded_by_the_turns_before_it),
		cmocka_unit_test(test_above_the_brim_time_lets_nobody_in),
		cmocka_unit_test(test_who_overtakes_lets_the_first_waiter_in),
		cmocka_unit_test(test_without_a_time_overtaking_changes_nothing),
		cmocka_unit_test(test_a_shorter_time_holds_for_those_who_wait_already),
		cmocka_unit_test(test_a_turn_that_passed_on_during_the_search_is_not_taken_back),
		cmocka_unit_test(test_who_takes_the_turn_has_the_others_ask),
		cmocka_unit_test(test_the_end_of_a_lost_turn_ends_no_other_at_the_same_place),
		cmocka_unit_test(test_a_queue_without_a_date_is_seen_by_the_walker),
	};

	return cmocka_run_group_tests_name("swiotlb_throttle", tests, NULL, NULL);
}
