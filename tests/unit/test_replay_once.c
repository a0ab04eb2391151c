// SPDX-License-Identifier: MIT
/*
 * test_replay_once.c - proves that a run of bench/replay_once.c leaves the library as it found it,
 * also one that fails, so that the next run gives the same answer
 */
#include "test_replay_what_if_answer.h"

#include <dmapool/harness.h>

#include <errno.h>

static struct replay_opts run_opts(enum replay_clock clock)
{
	struct replay_opts opts = answer_opts();

	opts.clock = clock;
	opts.exposure = true;
	return opts;
}

static void expect_left(const struct rig *rig)
{
	assert_int_equal(dmp_meta_in_use(), rig->meta_before);
	assert_int_equal(dmp_harness_leave(), -EINVAL);
}

static void test_the_second_run_knows_nothing_of_the_first(void **state)
{
	struct replay_opts opts = run_opts(REPLAY_CLOCK_TRACE);
	struct rig rig;

	(void)state;
	rig_prepare(&rig, TWO_UNMAPS, &RIG(.route = LAZY));
	rig.meta_before = dmp_meta_in_use();
	for (unsigned i = 0; i < 2; i++) {
		struct replay_result r;

		assert_int_equal(replay_once(&opts, REPLAY_LAZY, &rig.job, &r), 0);
		assert_int_equal(r.maps, 3);
		assert_int_equal(r.unmaps, 2);
		assert_int_equal(r.live_at_end, 1);
		assert_int_equal(r.flushes_timer, 1);
		assert_int_equal(r.exposed->peak_queued_bytes, 8192);
		assert_false(replay_result_is_bad(&r));
		replay_result_free(&r);
		expect_left(&rig);
	}
	rig_discard(&rig);
}

static void test_what_is_not_translated_has_no_exposure(void **state)
{
	static const enum replay_way ways[] = {REPLAY_DIRECT, REPLAY_BOUNCE, REPLAY_PASSTHROUGH};
	struct replay_opts opts = run_opts(REPLAY_CLOCK_REAL);
	struct rig rig;

	(void)state;
	rig_prepare(&rig, TWO_UNMAPS, &RIG(.route = DIRECT));
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct replay_result r;

		assert_int_equal(replay_once(&opts, ways[i], &rig.job, &r), 0);
		assert_null(r.exposed);
		assert_false(replay_result_is_bad(&r));
	}
	rig_discard(&rig);
}

static void ignore_log(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void test_a_machine_that_cannot_be_made_ends_the_time_of_the_trace(void **state)
{
	struct replay_opts opts = run_opts(REPLAY_CLOCK_TRACE);
	struct replay_result r;
	struct rig rig;

	(void)state;
	rig_prepare(&rig, TWO_UNMAPS, &RIG(.route = LAZY));
	rig.meta_before = dmp_meta_in_use();
	opts.profile = "no-such-profile";
	dmp_log_set_sink(ignore_log, NULL);
	assert_int_equal(replay_once(&opts, REPLAY_LAZY, &rig.job, &r), 2);
	dmp_log_set_sink(NULL, NULL);
	expect_left(&rig);
	rig_discard(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_second_run_knows_nothing_of_the_first),
		cmocka_unit_test(test_what_is_not_translated_has_no_exposure),
		cmocka_unit_test(test_a_machine_that_cannot_be_made_ends_the_time_of_the_trace),
	};

	return cmocka_run_group_tests_name("replay_once", tests, NULL, NULL);
}
