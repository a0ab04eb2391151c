// SPDX-License-Identifier: MIT
/*
 * test_replay_clock.c - proves that bench/replay_clock.c replays a trace at its own times, as
 * its own CPUs, with the timers in between
 */
#include "test_replay_answer.h"
#include "test_replay_times.h"

#include <dmapool/harness.h>

#include <errno.h>

#define MS UINT64_C(1000000)

/* @text to its end on the lazy route, in the time of the trace. */
static void run_trace(struct rig *rig, const char *text, struct dmp_domain_stats *stats)
{
	struct rig_want want = RIG(.route = LAZY, .exposure = true);
	double seconds = -1;

	rig_prepare(rig, text, &want);
	assert_int_equal(replay_clock_begin(&rig->job), 0);
	rig->meta_before = dmp_meta_in_use();
	assert_int_equal(replay_machine_create(&rig->opts, REPLAY_LAZY, &rig->job, &rig->machine),
			 0);
	assert_int_equal(replay_place_reset(&rig->machine), 0);
	rig->run = (struct replay_run){
		.job = &rig->job, .machine = &rig->machine, .data = true, .in_trace_time = true};
	assert_int_equal(replay_run_lanes(&rig->run, &seconds), 0);
	assert_true(seconds >= 0);
	dmp_domain_get_stats(rig->machine.domains[0], stats, sizeof(*stats));
}

static void run_down(struct rig *rig)
{
	rig_down(rig);
	assert_int_equal(replay_clock_end(), 0);
	assert_int_equal(dmp_harness_leave(), -EINVAL);
}

/*
 *    ms   0    1                 11   11.001
 *         map  unmap             timer
 *              |---- 10 ms ------|    map
 */
static void test_a_timer_fires_between_the_same_two_calls_as_recorded(void **state)
{
	struct dmp_domain_stats stats;
	struct rig rig;

	(void)state;
	run_trace(&rig, MAP_AT(0, "1.000000") UNMAP_AT(0, "1.001000") MAP_AT(0, "1.011001"),
		  &stats);
	assert_int_equal(stats.flushes_by[DMP_FLUSH_CAUSE_TIMER], 1);
	assert_int_equal(stats.released, 1);
	assert_int_equal(stats.exposed_ns, 10 * MS);
	run_down(&rig);
}

static void test_a_timer_that_was_not_due_by_the_last_event_has_not_fired(void **state)
{
	struct dmp_domain_stats stats;
	struct rig rig;

	(void)state;
	run_trace(&rig, MAP_AT(0, "1.000000") UNMAP_AT(0, "1.001000") MAP_AT(0, "1.010999"),
		  &stats);
	assert_int_equal(stats.flushes_by[DMP_FLUSH_CAUSE_TIMER], 0);
	assert_int_equal(stats.queued, 1);
	assert_int_equal(stats.queued_bytes, 4096);
	run_down(&rig);
}

/* The last event is of a kind that is not replayed: its time still passes. */
static void test_time_passes_to_the_last_event_of_the_trace(void **state)
{
	struct dmp_domain_stats stats;
	struct rig rig;

	(void)state;
	run_trace(&rig,
		  MAP_AT(0, "1.000000") UNMAP_AT(0, "1.001000")
			  AT(0, "1.012000",
			     "unmap: IOMMU: iova=0x9000 - 0xa000 size=4096 "
			     "unmapped_size=4096"),
		  &stats);
	assert_int_equal(stats.flushes_by[DMP_FLUSH_CAUSE_TIMER], 1);
	assert_int_equal(stats.exposed_ns, 10 * MS);
	run_down(&rig);
}

static void test_each_call_is_made_on_its_recorded_cpu(void **state)
{
	struct dmp_flushq_state queue;
	struct dmp_domain_stats stats;
	struct rig rig;

	(void)state;
	run_trace(&rig, MAP_AT(0, "1.000000") UNMAP_AT(2, "1.001000"), &stats);
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		assert_int_equal(dmp_domain_inspect_flushq(rig.machine.domains[0], cpu, &queue), 0);
		assert_int_equal(queue.queued, cpu == 2);
	}
	run_down(&rig);
}

static void test_a_clock_does_not_go_back(void **state)
{
	struct dmp_domain_stats stats;
	struct rig rig;

	(void)state;
	run_trace(&rig, MAP_AT(0, "1.002000") UNMAP_AT(1, "1.001000") MAP_AT(0, "1.011999"),
		  &stats);
	assert_int_equal(stats.queued, 1); /* unmapped at 1.002 */
	run_down(&rig);
	run_trace(&rig, MAP_AT(0, "1.002000") UNMAP_AT(1, "1.001000") MAP_AT(0, "1.012000"),
		  &stats);
	assert_int_equal(stats.queued, 0);
	run_down(&rig);
}

/* As files: the same numbers twice, though there are threads in between. */
static void test_two_runs_give_the_same_answer(void **state)
{
	static const char text[] = MAP_AT(0, "1.000000") UNMAP_AT(2, "1.001000")
		MAP_AT(1, "1.004000") UNMAP_AT(0, "1.013000");
	struct replay_opts opts = answer_opts();
	struct replay_answer answers[2];

	(void)state;
	opts.clock = REPLAY_CLOCK_TRACE;
	opts.routes = 1u << REPLAY_LAZY;
	opts.exposure = true;
	for (unsigned i = 0; i < 2; i++) {
		struct replay_opts real = answer_opts();
		struct replay_answer between = replayed(text, &real);

		replay_answer_free(&between);
		answers[i] = replayed(text, &opts);
		assert_int_equal(answers[i].nlanes, 1);
		assert_true(answers[i].results[0].exposed_us == 10000);
		assert_false(replay_result_is_bad(&answers[i].results[0]));
	}
	assert_int_equal(answers[0].results[0].iotlb_hits, answers[1].results[0].iotlb_hits);
	assert_int_equal(answers[0].results[0].tree_allocs, answers[1].results[0].tree_allocs);
	replay_answer_free(&answers[0]);
	replay_answer_free(&answers[1]);
}

static void test_more_cpus_than_a_clock_can_have_are_refused(void **state)
{
	struct trace trace = {.ncpus = 5000};
	struct replay_job job = {.trace = &trace};

	(void)state;
	assert_int_equal(replay_clock_begin(&job), 2);
	assert_int_equal(dmp_harness_leave(), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_timer_fires_between_the_same_two_calls_as_recorded),
		cmocka_unit_test(test_a_timer_that_was_not_due_by_the_last_event_has_not_fired),
		cmocka_unit_test(test_time_passes_to_the_last_event_of_the_trace),
		cmocka_unit_test(test_each_call_is_made_on_its_recorded_cpu),
		cmocka_unit_test(test_a_clock_does_not_go_back),
		cmocka_unit_test(test_two_runs_give_the_same_answer),
		cmocka_unit_test(test_more_cpus_than_a_clock_can_have_are_refused),
	};

	return cmocka_run_group_tests_name("replay_clock", tests, NULL, NULL);
}
