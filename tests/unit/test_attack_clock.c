// SPDX-License-Identifier: MIT
/*
 * test_attack_clock.c - proves that bench/attack_clock.c makes each attempt, and that the
 * moments of a gap are used
 */
#include "test_attack_rig.h"

#define MS UINT64_C(1000000)

static void test_every_attempt_is_made_however_many_moments_there_are(void **state)
{
	static const uint64_t attempts[] = {1, 2, 67, 1000, 4099};

	(void)state;
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		struct attack_result r;
		struct attack_rig rig;

		attack_rig_up(&rig, ONE_UNMAP, "strict");
		rig.opts.attempts = attempts[i];
		attack_rig_run(&rig, &r);
		assert_int_equal(attempts_of(&r), attempts[i]);
		assert_int_equal(r.counts.unjudged, 0);
		attack_result_free(&r);
		attack_rig_down(&rig);
	}
}

/* Nothing is mapped or unmapped between 2 ms and 42 ms; the timer fires at 12 ms. */
static void test_a_gap_between_steps_is_attacked(void **state)
{
	struct attack_result r = attacked(ONE_UNMAP, "lazy");

	(void)state;
	assert_in_range(r.counts.oldest_stale_ns, 7 * MS, 10 * MS);
	attack_result_free(&r);
}

/* The last unmap, at 60 ms, is flushed at 1060 ms. */
static void test_time_goes_on_until_the_longest_window_has_passed(void **state)
{
	struct attack_result r = attacked(ONE_UNMAP, "lazy-single");

	(void)state;
	assert_int_equal(r.exposed->sum.could.open, 0);
	assert_int_equal(r.open_end, 0);
	assert_true(r.counts.oldest_stale_ns > 900 * MS);
	attack_result_free(&r);
}

/* The second line's clock is behind the first one's. */
static void test_lines_out_of_order_do_not_turn_the_clock_back(void **state)
{
	struct attack_result r = attacked(MAP_LATE(0, 30, "TO_DEVICE", 1000, 5000, 4096)
						  UNMAP(1, 02, "TO_DEVICE", 1000, 4096),
					  "lazy");

	(void)state;
	assert_int_equal(attempts_of(&r), 20000);
	assert_int_equal(attack_judge(&r), 0);
	attack_result_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_attempt_is_made_however_many_moments_there_are),
		cmocka_unit_test(test_a_gap_between_steps_is_attacked),
		cmocka_unit_test(test_time_goes_on_until_the_longest_window_has_passed),
		cmocka_unit_test(test_lines_out_of_order_do_not_turn_the_clock_back),
	};

	return cmocka_run_group_tests_name("attack_clock", tests, NULL, NULL);
}
