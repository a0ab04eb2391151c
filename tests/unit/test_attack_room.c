// SPDX-License-Identifier: MIT
/*
 * test_attack_room.c - proves that a mask is blamed for requests that failed only where it can be
 * to blame, and for nothing else that is broken
 */
#include "test_attack_rig.h"

#include <errno.h>

static struct attack_policy strict = {.way = REPLAY_STRICT, .text = "strict"};
static struct attack_policy none = {.way = REPLAY_DIRECT, .text = "none"};

static struct replay_exposure exposed;

/* One device that has at most 4 maps and 64 KiB of them, with parts of a page at their ends. */
static struct trace_device_facts facts = {.peak_maps = 4, .peak_bytes = 64 << 10};
static struct trace_plan plan = {.ndevices = 1, .devices = &facts};
static const struct replay_job job = {.plan = &plan};

/* @err for each of three requests. */
static struct attack_result failed(const struct attack_policy *policy, int err)
{
	struct attack_result r = {.policy = policy, .clock = REPLAY_CLOCK_TRACE};

	r.exposed = policy == &none ? NULL : &exposed;
	for (uint32_t line = 1; line <= 3; line++)
		replay_blame_note(&r.blame, "dmp_dma_map", err, line);
	return r;
}

static bool lacks_room(unsigned mask_bits, const struct attack_result *r)
{
	const struct attack_opts opts = {.mask_bits = mask_bits};

	return attack_lacks_room(&opts, r, &job);
}

/* 64 KiB and 8 pages more, four times: 384 KiB are more than 18 bits and less than 19. */
static void test_the_mask_is_to_blame_where_the_workload_needs_most_of_it(void **state)
{
	struct attack_result r = failed(&strict, -ENOSPC);

	(void)state;
	assert_true(lacks_room(12, &r));
	assert_true(lacks_room(18, &r));
	assert_false(lacks_room(19, &r));
	assert_false(lacks_room(64, &r));
}

static void test_what_waits_for_its_flush_needs_room_too(void **state)
{
	struct attack_result r = failed(&strict, -ENOSPC);

	(void)state;
	r.open_peak = 128 << 10;
	assert_true(lacks_room(19, &r));
	assert_false(lacks_room(20, &r));
}

static void test_without_translation_the_mask_is_to_reach_all_memory(void **state)
{
	struct attack_result r = failed(&none, -ERANGE);

	(void)state;
	assert_true(lacks_room(31, &r));
	assert_false(lacks_room(32, &r));
}

static void test_other_failures_are_not_the_masks(void **state)
{
	struct attack_result r = failed(&strict, -ENOMEM);

	(void)state;
	assert_false(lacks_room(12, &r));
	r = failed(&strict, -ENOSPC);
	replay_blame_note(&r.blame, "dmp_dma_map", -EIO, 4);
	assert_false(lacks_room(12, &r));
}

static void test_whatever_else_is_broken_is_judged(void **state)
{
	struct attack_result r = failed(&strict, -ENOSPC);

	(void)state;
	r.broken_books = 1;
	assert_false(lacks_room(12, &r));
	r.broken_books = 0;
	r.counts.by[ATTACK_CLOSED][0][DMP_FAULT_STALE] = 1;
	assert_false(lacks_room(12, &r));
}

static void test_nothing_failed_and_nothing_is_to_blame(void **state)
{
	const struct attack_result r = {.policy = &strict, .exposed = &exposed};

	(void)state;
	assert_false(lacks_room(12, &r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_mask_is_to_blame_where_the_workload_needs_most_of_it),
		cmocka_unit_test(test_what_waits_for_its_flush_needs_room_too),
		cmocka_unit_test(test_without_translation_the_mask_is_to_reach_all_memory),
		cmocka_unit_test(test_other_failures_are_not_the_masks),
		cmocka_unit_test(test_whatever_else_is_broken_is_judged),
		cmocka_unit_test(test_nothing_failed_and_nothing_is_to_blame),
	};

	return cmocka_run_group_tests_name("attack_room", tests, NULL, NULL);
}
