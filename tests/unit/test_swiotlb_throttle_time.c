// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_throttle_time.c - proves the second policy of swiotlb_throttle.c: when a turn passes
 * on though its mapping lives, and what that bounds
 */
#include "throttle_rig.h"

static void test_a_turn_passes_on_when_it_has_lasted_long_enough(void **state)
{
	struct throttle_rig rig;
	struct throttle_other other;
	dmp_phys_t snail, phys;

	(void)state;
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 1000);
	snail = throttle_rig_must_map(&rig, MAY_BLOCK);
	dmp_harness_advance(400); /* that much of it is over */
	other = throttle_other_of(&rig);
	other.after_ns = 600;
	dmp_harness_on_wait(throttle_rig_play, &other);
	phys = throttle_rig_must_map(&rig, MAY_BLOCK);
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
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 1000);
	snail = throttle_rig_must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_ask(&rig, &waiter), SWIOTLB_WAITS);
	dmp_harness_advance(999);
	assert_int_equal(waiter.state, SWIOTLB_WAITS);
	dmp_harness_advance(1);
	assert_int_equal(waiter.state, SWIOTLB_HAS_TURN);
	throttle_rig_give_up(&rig, &waiter);
	throttle_rig_unmap(&rig, snail);
	throttle_rig_down(&rig);
}

static void test_a_turn_that_is_over_already_is_not_waited_for(void **state)
{
	struct throttle_rig rig;
	dmp_phys_t snail, phys;

	(void)state;
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 1000);
	snail = throttle_rig_must_map(&rig, MAY_BLOCK);
	dmp_harness_advance(1000000);
	assert_int_equal(throttle_rig_stats(&rig).turns_passed_on, 0); /* nobody wanted it */
	phys = throttle_rig_must_map(&rig, MAY_BLOCK);
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
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 1000);
	snail = throttle_rig_must_map(&rig, MAY_BLOCK);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(throttle_rig_ask(&rig, &waiters[i]), SWIOTLB_WAITS);
	for (unsigned k = 1; k <= 10; k++) {
		dmp_harness_advance(999);
		assert_int_equal(waiters[k - 1].state, SWIOTLB_WAITS);
		dmp_harness_advance(1);
		assert_int_equal(waiters[k - 1].state, SWIOTLB_HAS_TURN);
		assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	}
	for (unsigned i = 0; i < 10; i++)
		throttle_rig_give_up(&rig, &waiters[i]);
	throttle_rig_unmap(&rig, snail);
	throttle_rig_down(&rig);
}

static void test_above_the_brim_time_lets_nobody_in(void **state)
{
	struct swiotlb_waiter waiter;
	struct throttle_rig rig;
	dmp_phys_t snail;

	(void)state;
	throttle_rig_up_full(&rig, BRIM_SLOTS, 1000);
	snail = throttle_rig_must_map(&rig, MAY_BLOCK); /* one more */
	assert_int_equal(throttle_rig_ask(&rig, &waiter), SWIOTLB_WAITS);
	dmp_harness_advance(10000);
	assert_int_equal(waiter.state, SWIOTLB_WAITS);
	throttle_rig_fill(&rig, BRIM_SLOTS - 1);
	dmp_harness_advance(1000);
	assert_int_equal(waiter.state, SWIOTLB_HAS_TURN);
	throttle_rig_give_up(&rig, &waiter);
	throttle_rig_unmap(&rig, snail);
	throttle_rig_down(&rig);
}

static void test_who_overtakes_lets_the_first_waiter_in(void **state)
{
	struct swiotlb_waiter a, b, newcomer;
	struct throttle_rig rig;
	dmp_phys_t snail;

	(void)state;
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 1000000);
	snail = throttle_rig_must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_ask(&rig, &a), SWIOTLB_WAITS);
	assert_int_equal(throttle_rig_ask(&rig, &b), SWIOTLB_WAITS);
	throttle_rig_fill(&rig, 10);
	assert_int_equal(throttle_rig_ask(&rig, &newcomer), SWIOTLB_PASSES);
	assert_int_equal(swiotlb_throttle_wait(rig.tlb, &newcomer), 0);
	assert_int_equal(a.state, SWIOTLB_HAS_TURN);
	assert_int_equal(b.state, SWIOTLB_WAITS);
	assert_int_equal(throttle_rig_ask(&rig, &newcomer), SWIOTLB_PASSES);
	assert_int_equal(swiotlb_throttle_wait(rig.tlb, &newcomer), 0);
	assert_int_equal(b.state, SWIOTLB_HAS_TURN);
	throttle_rig_give_up(&rig, &a);
	throttle_rig_give_up(&rig, &b);
	throttle_rig_unmap(&rig, snail);
	throttle_rig_down(&rig);
}

static void test_without_a_time_overtaking_changes_nothing(void **state)
{
	struct swiotlb_waiter waiter;
	struct throttle_rig rig;
	dmp_phys_t snail;

	(void)state;
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 0);
	snail = throttle_rig_must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_ask(&rig, &waiter), SWIOTLB_WAITS);
	throttle_rig_fill(&rig, 10);
	throttle_rig_unmap(&rig, throttle_rig_must_map(&rig, MAY_BLOCK));
	dmp_harness_advance(1000000000);
	assert_int_equal(waiter.state, SWIOTLB_WAITS);
	throttle_rig_unmap(&rig, snail);
	throttle_rig_give_up(&rig, &waiter);
	throttle_rig_down(&rig);
}

static void test_a_shorter_time_holds_for_those_who_wait_already(void **state)
{
	struct swiotlb_waiter waiter;
	struct throttle_rig rig;
	dmp_phys_t snail;

	(void)state;
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 1000000);
	snail = throttle_rig_must_map(&rig, MAY_BLOCK);
	assert_int_equal(throttle_rig_ask(&rig, &waiter), SWIOTLB_WAITS);
	dmp_harness_advance(500);
	assert_int_equal(
		dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_THROTTLES,
							      .throttle_turn_ns = 2000)),
		0);
	dmp_harness_advance(1499);
	assert_int_equal(waiter.state, SWIOTLB_WAITS);
	dmp_harness_advance(1);
	assert_int_equal(waiter.state, SWIOTLB_HAS_TURN);
	throttle_rig_give_up(&rig, &waiter);
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
	throttle_rig_up_full(&rig, HIGH_SLOTS + 1, 1000);
	assert_int_equal(throttle_rig_ask(&rig, &slow), SWIOTLB_HAS_TURN);
	assert_int_equal(swiotlb_throttle_wait(rig.tlb, &slow), 0);
	assert_int_equal(throttle_rig_ask(&rig, &next), SWIOTLB_WAITS);
	dmp_harness_advance(1000);
	assert_int_equal(next.state, SWIOTLB_HAS_TURN);
	swiotlb_throttle_mapped(rig.tlb, &slow, &m);
	assert_true(rig.tlb->throttle.turn.phys == NO_ORIGINAL);
	swiotlb_throttle_mapped(rig.tlb, &slow, NULL);
	assert_int_equal(rig.tlb->throttle.turn.holder, next.ticket);
	throttle_rig_give_up(&rig, &next);
	throttle_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_turn_passes_on_when_it_has_lasted_long_enough),
		cmocka_unit_test(test_and_not_a_nanosecond_before),
		cmocka_unit_test(test_a_turn_that_is_over_already_is_not_waited_for),
		cmocka_unit_test(test_a_wait_is_bounded_by_the_turns_before_it),
		cmocka_unit_test(test_above_the_brim_time_lets_nobody_in),
		cmocka_unit_test(test_who_overtakes_lets_the_first_waiter_in),
		cmocka_unit_test(test_without_a_time_overtaking_changes_nothing),
		cmocka_unit_test(test_a_shorter_time_holds_for_those_who_wait_already),
		cmocka_unit_test(test_a_turn_that_passed_on_during_the_search_is_not_taken_back),
	};

	return cmocka_run_group_tests_name("swiotlb_throttle_time", tests, NULL, NULL);
}
