// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_throttle_turn.c - proves Q1, Q2 and Q3 of swiotlb_throttle_turn.c
 */
#include "dmptest.h"

#include "swiotlb_internal.h"

#define NWAITERS 5u

struct hall {
	struct swiotlb_turn turn;
	struct swiotlb_waiter waiters[NWAITERS];
};

static unsigned bugs;

static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)line;
	bugs += level == DMP_LOG_BUG;
}

/* Device 1 for waiters 0, 2, 4; device 2 for the others. */
static struct dmp_swiotlb_device *device(unsigned i)
{
	return (struct dmp_swiotlb_device *)(uintptr_t)(i % 2 + 1);
}

static void open_hall(struct hall *hall)
{
	*hall = (struct hall){.turn = {.holder = 1}};
	swiotlb_turn_init(&hall->turn);
	for (unsigned i = 0; i < NWAITERS; i++) {
		dmp_wait_init(&hall->waiters[i].wait);
		hall->waiters[i].device = device(i);
		hall->waiters[i].since_ns = 100 + i;
	}
	bugs = 0;
	dmp_log_set_sink(count_bugs, NULL);
}

static void close_hall(struct hall *hall)
{
	assert_int_equal(swiotlb_turn_check(&hall->turn), 0);
	for (unsigned i = 0; i < NWAITERS; i++)
		dmp_wait_destroy(&hall->waiters[i].wait);
	assert_int_equal(bugs, 0);
	dmp_log_set_sink(NULL, NULL);
}

static void all_ask(struct hall *hall)
{
	for (unsigned i = 0; i < NWAITERS; i++)
		swiotlb_turn_ask(&hall->turn, &hall->waiters[i]);
	assert_int_equal(swiotlb_turn_check(&hall->turn), 0);
}

static void test_who_comes_first_has_the_turn_and_the_others_wait(void **state)
{
	struct hall hall;

	(void)state;
	open_hall(&hall);
	all_ask(&hall);
	assert_int_equal(hall.waiters[0].state, SWIOTLB_HAS_TURN);
	assert_int_equal(hall.turn.since_ns, 100);
	for (unsigned i = 0; i < NWAITERS; i++)
		assert_int_equal(hall.waiters[i].ticket, i + 1);
	for (unsigned i = 1; i < NWAITERS; i++)
		assert_int_equal(hall.waiters[i].state, SWIOTLB_WAITS);
	assert_int_equal(hall.turn.nwaiting, NWAITERS - 1);
	close_hall(&hall);
}

static void test_the_turn_is_handed_on_in_the_order_of_arrival(void **state)
{
	struct hall hall;

	(void)state;
	open_hall(&hall);
	all_ask(&hall);
	for (unsigned i = 1; i < NWAITERS; i++) {
		hall.turn.phys = 4096;
		assert_true(swiotlb_turn_pass(&hall.turn, 1000 + i));
		assert_int_equal(hall.turn.holder, i + 1);
		assert_true(hall.turn.phys == NO_ORIGINAL);
		assert_int_equal(hall.turn.since_ns, 1000 + i);
		assert_int_equal(hall.waiters[i].state, SWIOTLB_HAS_TURN);
		assert_true(hall.waiters[i].wait.is_woken);
		assert_int_equal(swiotlb_turn_check(&hall.turn), 0);
	}
	assert_false(swiotlb_turn_pass(&hall.turn, 2000));
	assert_int_equal(hall.turn.holder, 0);
	close_hall(&hall);
}

static void test_who_asks_again_stands_at_the_end(void **state)
{
	struct hall hall;

	(void)state;
	open_hall(&hall);
	all_ask(&hall);
	swiotlb_turn_pass(&hall.turn, 0);
	swiotlb_turn_ask(&hall.turn, &hall.waiters[0]);
	assert_int_equal(hall.waiters[0].state, SWIOTLB_WAITS);
	assert_int_equal(hall.waiters[0].ticket, NWAITERS + 1);
	for (unsigned i = 2; i < NWAITERS; i++)
		assert_true(swiotlb_turn_pass(&hall.turn, 0));
	assert_int_equal(hall.waiters[0].state, SWIOTLB_WAITS);
	assert_true(swiotlb_turn_pass(&hall.turn, 0));
	assert_int_equal(hall.waiters[0].state, SWIOTLB_HAS_TURN);
	close_hall(&hall);
}

static void test_those_of_a_device_leave_together_and_the_others_keep_their_order(void **state)
{
	struct hall hall;

	(void)state;
	open_hall(&hall);
	all_ask(&hall);
	swiotlb_turn_cancel(&hall.turn, device(0));
	assert_int_equal(hall.waiters[0].state, SWIOTLB_HAS_TURN); /* it does not wait */
	assert_int_equal(hall.waiters[2].state, SWIOTLB_CANCELLED);
	assert_int_equal(hall.waiters[4].state, SWIOTLB_CANCELLED);
	assert_true(hall.waiters[2].wait.is_woken && hall.waiters[4].wait.is_woken);
	assert_int_equal(hall.turn.nwaiting, 2);
	assert_int_equal(swiotlb_turn_check(&hall.turn), 0);
	swiotlb_turn_ask(&hall.turn, &hall.waiters[2]); /* behind what is left */
	swiotlb_turn_pass(&hall.turn, 0);
	assert_int_equal(hall.waiters[1].state, SWIOTLB_HAS_TURN);
	swiotlb_turn_pass(&hall.turn, 0);
	assert_int_equal(hall.waiters[3].state, SWIOTLB_HAS_TURN);
	swiotlb_turn_pass(&hall.turn, 0);
	assert_int_equal(hall.waiters[2].state, SWIOTLB_HAS_TURN);
	close_hall(&hall);
}

static void test_requests_of_nobody_are_cancelled_with_no_device(void **state)
{
	struct hall hall;

	(void)state;
	open_hall(&hall);
	hall.waiters[1].device = NULL;
	all_ask(&hall);
	swiotlb_turn_cancel(&hall.turn, NULL);
	assert_int_equal(hall.turn.nwaiting, NWAITERS - 1);
	close_hall(&hall);
}

static void test_one_can_leave_from_any_place(void **state)
{
	struct hall hall;

	(void)state;
	open_hall(&hall);
	all_ask(&hall);
	swiotlb_turn_leave(&hall.turn, &hall.waiters[4]);
	swiotlb_turn_leave(&hall.turn, &hall.waiters[1]);
	assert_int_equal(hall.waiters[1].state, SWIOTLB_CANCELLED);
	swiotlb_turn_ask(&hall.turn, &hall.waiters[4]);
	assert_int_equal(swiotlb_turn_check(&hall.turn), 0);
	swiotlb_turn_pass(&hall.turn, 0);
	assert_int_equal(hall.turn.holder, 3);
	swiotlb_turn_pass(&hall.turn, 0);
	swiotlb_turn_pass(&hall.turn, 0);
	assert_int_equal(hall.turn.holder, NWAITERS + 1);
	close_hall(&hall);
}

static void test_all_are_let_in_without_a_turn(void **state)
{
	struct hall hall;

	(void)state;
	open_hall(&hall);
	all_ask(&hall);
	swiotlb_turn_admit_all(&hall.turn);
	for (unsigned i = 1; i < NWAITERS; i++) {
		assert_int_equal(hall.waiters[i].state, SWIOTLB_PASSES);
		assert_true(hall.waiters[i].wait.is_woken);
	}
	assert_int_equal(hall.turn.holder, 1);
	assert_false(swiotlb_turn_pass(&hall.turn, 0));
	close_hall(&hall);
}

static void test_a_queue_out_of_order_is_seen(void **state)
{
	struct hall hall;

	(void)state;
	open_hall(&hall);
	all_ask(&hall);
	hall.waiters[2].ticket = 2;
	assert_int_equal(swiotlb_turn_check(&hall.turn), -EIO);
	hall.waiters[2].ticket = 3;
	hall.turn.nwaiting--;
	assert_int_equal(swiotlb_turn_check(&hall.turn), -EIO);
	hall.turn.nwaiting++;
	hall.turn.holder = 0;
	assert_int_equal(swiotlb_turn_check(&hall.turn), -EIO);
	hall.turn.holder = 1;
	assert_int_equal(bugs, 3);
	hall.turn.last_granted = 2; /* a grant that would go back is told */
	swiotlb_turn_pass(&hall.turn, 0);
	assert_int_equal(bugs, 4);
	bugs = 0;
	close_hall(&hall);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_comes_first_has_the_turn_and_the_others_wait),
		cmocka_unit_test(test_the_turn_is_handed_on_in_the_order_of_arrival),
		cmocka_unit_test(test_who_asks_again_stands_at_the_end),
		cmocka_unit_test(
			test_those_of_a_device_leave_together_and_the_others_keep_their_order),
		cmocka_unit_test(test_requests_of_nobody_are_cancelled_with_no_device),
		cmocka_unit_test(test_one_can_leave_from_any_place),
		cmocka_unit_test(test_all_are_let_in_without_a_turn),
		cmocka_unit_test(test_a_queue_out_of_order_is_seen),
	};

	return cmocka_run_group_tests_name("swiotlb_throttle_turn", tests, NULL, NULL);
}
