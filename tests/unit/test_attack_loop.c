// SPDX-License-Identifier: MIT
/*
 * test_attack_loop.c - proves that the workload of bench/attack_loop.c is a trace like any
 * other, with 32 maps alive at once
 */
#include "test_attack_rig.h"

static void test_every_map_of_a_loop_has_its_unmap(void **state)
{
	static const uint64_t sizes[] = {1, 31, 32, 33, 1500};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct replay_answer answer;

		assert_int_equal(attack_loop_make(sizes[i], &answer), 0);
		assert_int_equal(trace_plan_check(answer.trace, answer.plan), 0);
		assert_int_equal(answer.plan->facts.maps, sizes[i]);
		assert_int_equal(answer.plan->facts.unmaps, sizes[i]);
		assert_int_equal(answer.plan->facts.unmatched, 0);
		assert_int_equal(answer.plan->facts.live_at_end, 0);
		assert_int_equal(answer.plan->devices[0].peak_maps, sizes[i] < 32 ? sizes[i] : 32);
		replay_answer_free(&answer);
	}
}

/* 1,000 maps, then 25 ms of rest: a lazy domain's timer comes. */
static void test_a_loop_rests_for_longer_than_a_lazy_timeout(void **state)
{
	const struct trace_event *event;
	struct replay_answer answer;
	uint64_t longest = 0;

	(void)state;
	assert_int_equal(attack_loop_make(1500, &answer), 0);
	event = answer.trace->events;
	for (uint32_t i = 1; i < answer.trace->nevents; i++)
		if (event[i].time_ns - event[i - 1].time_ns > longest)
			longest = event[i].time_ns - event[i - 1].time_ns;
	assert_true(longest > 10000000);
	replay_answer_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_map_of_a_loop_has_its_unmap),
		cmocka_unit_test(test_a_loop_rests_for_longer_than_a_lazy_timeout),
	};

	return cmocka_run_group_tests_name("attack_loop", tests, NULL, NULL);
}
