// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_throttle.c - proves what swiotlb_throttle.c says: who waits, who does not, and what
 * ends a wait, but for time: test_swiotlb_throttle_time, and thresholds:
 * test_swiotlb_throttle_tuning; H1, H2
 *
 * A request that sleeps has the hook play somebody else.  Several that wait at once are played
 * by their waiters alone, without a sleep.
 */
#include "throttle_rig.h"

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
		squatted = throttle_rig_must_map(rig, MAY_BLOCK);
	return err;
}

static void test_at_or_below_the_high_threshold_nobody_needs_a_turn(void **state)
{
	struct throttle_rig rig;
	dmp_phys_t a, b;

	(void)state;
	throttle_rig_up_full(&rig, HIGH_SLOTS - 1, 0);
	a = throttle_rig_must_map(&rig, MAY_BLOCK);
	b = throttle_rig_must_map(
		&rig, MAY_BLOCK); /* the one at the threshold: it is exceeded by this one */
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
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 0);
	phys = throttle_rig_must_map(&rig, MAY_BLOCK);
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
	struct throttle_other other;
	dmp_phys_t phys;

	(void)state;
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 0);
	other = throttle_other_of(&rig);
	other.phys = throttle_rig_must_map(&rig, MAY_BLOCK);
	other.after_ns = 5000;
	dmp_harness_on_wait(throttle_rig_play, &other);
	phys = throttle_rig_must_map(&rig, MAY_BLOCK);
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
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 0);
	turn = throttle_rig_must_map(&rig, MAY_BLOCK);
	phys = throttle_rig_must_map(&rig, 0);
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
	struct throttle_other other;
	dmp_phys_t a, b;

	(void)state;
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 0);
	other = throttle_other_of(&rig);
	other.phys = throttle_rig_must_map(&rig, MAY_BLOCK);
	throttle_rig_fill(&rig, LOW_SLOTS);
	dmp_harness_on_wait(throttle_rig_play, &other);
	a = throttle_rig_must_map(&rig, MAY_BLOCK); /* LOW_SLOTS and the holder's */
	assert_int_equal(other.calls, 1);
	throttle_rig_unmap(&rig, a);
	throttle_rig_fill(&rig, LOW_SLOTS + 1);
	a = throttle_rig_must_map(&rig, MAY_BLOCK);
	b = throttle_rig_must_map(&rig, MAY_BLOCK);
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
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 0);
	turn = throttle_rig_must_map(&rig, MAY_BLOCK);
	throttle_rig_fill(&rig, LOW_SLOTS - 1);
	phys = throttle_rig_must_map(&rig, MAY_BLOCK);
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
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 0);
	phys = throttle_rig_must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_ask(&rig, &a), SWIOTLB_WAITS);
	assert_int_equal(throttle_rig_ask(&rig, &b), SWIOTLB_WAITS);
	throttle_rig_unmap(&rig, phys);
	assert_int_equal(throttle_rig_ask(&rig, &c), SWIOTLB_WAITS); /* it cannot slip in between */
	assert_int_equal(a.state, SWIOTLB_HAS_TURN);
	assert_int_equal(b.state, SWIOTLB_WAITS);
	throttle_rig_give_up(&rig, &a);
	assert_int_equal(b.state, SWIOTLB_HAS_TURN);
	assert_int_equal(c.state, SWIOTLB_WAITS);
	throttle_rig_give_up(&rig, &b);
	throttle_rig_give_up(&rig, &c);
	assert_int_equal(throttle_rig_stats(&rig).waits, 3);
	throttle_rig_down(&rig);
}

static void test_a_map_that_fails_gives_the_turn_on(void **state)
{
	struct swiotlb_waiter waiter;
	struct throttle_rig rig;
	dmp_phys_t phys = 0xdead;

	(void)state;
	throttle_rig_up_full(&rig, 256, 0);
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
	assert_int_equal(throttle_rig_ask(&rig, &waiter), SWIOTLB_HAS_TURN);
	throttle_rig_give_up(&rig, &waiter);
	throttle_rig_down(&rig);
}

static void test_a_refused_unmap_leaves_the_turn(void **state)
{
	struct throttle_rig rig;
	dmp_phys_t phys;

	(void)state;
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 0);
	phys = throttle_rig_must_map(&rig, MAY_BLOCK);
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
	struct throttle_other other;
	dmp_phys_t turn, phys = 0xdead;

	(void)state;
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 0);
	turn = throttle_rig_must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_map(&rig, NULL, MAY_BLOCK, &phys), -ECANCELED);
	assert_int_equal(rig.bugs, 1);
	other = throttle_other_of(&rig);
	dmp_harness_on_wait(throttle_rig_play, &other);
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
	struct throttle_other other;
	dmp_phys_t turn, phys = 0xdead;

	(void)state;
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 0);
	assert_int_equal(dmp_swiotlb_device_cancel(NULL), -EINVAL);
	turn = throttle_rig_must_map(&rig, MAY_BLOCK);
	other = throttle_other_of(&rig);
	assert_int_equal(dmp_swiotlb_device_create(rig.tlb, &other.device), 0);
	dmp_harness_on_wait(throttle_rig_play, &other);
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
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 0);
	assert_int_equal(dmp_swiotlb_device_create(rig.tlb, &one), 0);
	assert_int_equal(dmp_swiotlb_device_create(rig.tlb, &two), 0);
	turn = throttle_rig_must_map(&rig, MAY_BLOCK);
	swiotlb_throttle_ask(rig.tlb, one, &a);
	swiotlb_throttle_ask(rig.tlb, two, &b);
	swiotlb_throttle_ask(rig.tlb, NULL, &c);
	assert_int_equal(dmp_swiotlb_device_cancel(one), 0);
	assert_int_equal(swiotlb_throttle_wait(rig.tlb, &a), -ECANCELED);
	assert_int_equal(dmp_swiotlb_device_destroy(one), 0);
	assert_int_equal(throttle_rig_stats(&rig).waiters, 2);
	throttle_rig_unmap(&rig, turn);
	throttle_rig_give_up(&rig, &b);
	throttle_rig_give_up(&rig, &c);
	assert_int_equal(dmp_swiotlb_device_destroy(two), 0);
	throttle_rig_down(&rig);
}

static void test_switching_it_off_lets_all_in(void **state)
{
	struct throttle_rig rig;
	struct throttle_other other;
	dmp_phys_t turn, phys;

	(void)state;
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 0);
	turn = throttle_rig_must_map(&rig, MAY_BLOCK);
	other = throttle_other_of(&rig);
	other.switches_off = true;
	dmp_harness_on_wait(throttle_rig_play, &other);
	phys = throttle_rig_must_map(&rig, MAY_BLOCK);
	throttle_rig_unmap(&rig, throttle_rig_must_map(&rig, MAY_BLOCK));
	assert_int_equal(other.calls, 1);
	assert_int_equal(rig.tlb->throttle.turn.holder, 1); /* it is what it was */
	throttle_rig_unmap(&rig, phys);
	throttle_rig_unmap(&rig, turn);
	throttle_rig_down(&rig);
}

/* H1, where whoever passed the threshold has not yet said so. */
static void test_who_takes_the_turn_has_the_others_ask(void **state)
{
	struct swiotlb_waiter waiter;
	struct throttle_rig rig;

	(void)state;
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 0);
	store_relaxed(&rig.tlb->asks, false);
	assert_int_equal(throttle_rig_ask(&rig, &waiter), SWIOTLB_HAS_TURN);
	assert_true(load_relaxed(&rig.tlb->asks));
	throttle_rig_give_up(&rig, &waiter);
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
	throttle_rig_up_full(&rig, 200, 1000);
	lost = throttle_rig_must_map(&rig, MAY_BLOCK);
	dmp_harness_advance(1000);
	assert_int_equal(throttle_rig_ask(&rig, &waiter), SWIOTLB_HAS_TURN);
	throttle_rig_give_up(&rig, &waiter);
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
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 1000);
	snail = throttle_rig_must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_ask(&rig, &waiter), SWIOTLB_WAITS);
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
	throttle_rig_give_up(&rig, &waiter);
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
		cmocka_unit_test(test_who_takes_the_turn_has_the_others_ask),
		cmocka_unit_test(test_the_end_of_a_lost_turn_ends_no_other_at_the_same_place),
		cmocka_unit_test(test_a_queue_without_a_date_is_seen_by_the_walker),
	};

	return cmocka_run_group_tests_name("swiotlb_throttle", tests, NULL, NULL);
}
