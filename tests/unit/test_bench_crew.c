// SPDX-License-Identifier: MIT
/*
 * test_bench_crew.c - proves what threads of a bench do, and that each does as much as it should
 */
#include "dmptest.h"
#include "bench.h"

#include <errno.h>
#include <stdatomic.h>

#define MEMBERS 3u

/* What the threads of a job leave behind. */
struct trail {
	_Atomic(unsigned) begun, ended;
	_Atomic(uint64_t) rounds[MEMBERS], calls[MEMBERS];
	int begin_err;
	bool idle; /* they do nothing */
};

static int note_begin(struct bench_thread *t)
{
	struct trail *trail = t->shared;

	atomic_fetch_add(&trail->begun, 1);
	return t->number == MEMBERS - 1 ? trail->begin_err : 0;
}

static uint64_t note_run(struct bench_thread *t, uint64_t rounds)
{
	struct trail *trail = t->shared;

	atomic_fetch_add(&trail->rounds[t->number], rounds);
	atomic_fetch_add(&trail->calls[t->number], 1);
	return trail->idle ? 0 : rounds;
}

static void note_end(struct bench_thread *t)
{
	struct trail *trail = t->shared;

	atomic_fetch_add(&trail->ended, 1);
}

static const struct bench_work noting = {note_begin, note_run, note_end};

static int run(struct trail *trail, const struct bench_plan *plan, struct bench_result *result)
{
	const struct bench_job job = {&noting, trail, MEMBERS};

	return bench_run(plan, &job, 1, result);
}

/* Once to warm up, and then a sample each. */
static void test_every_thread_does_every_round_of_every_sample(void **state)
{
	static struct bench_result result;
	struct trail trail = {.begun = 0};

	(void)state;
	assert_int_equal(run(&trail, &(struct bench_plan){.samples = 4, .rounds = 10}, &result), 0);
	for (unsigned i = 0; i < MEMBERS; i++) {
		assert_int_equal(trail.calls[i], 5);
		assert_int_equal(trail.rounds[i], 50);
	}
	assert_int_equal(result.samples, 4);
	assert_int_equal(result.rounds, 10);
	assert_int_equal(result.pairs, 10 * MEMBERS);
}

static void test_threads_begin_and_end_once(void **state)
{
	static struct bench_result result;
	struct trail trail = {.begun = 0};

	(void)state;
	assert_int_equal(run(&trail, &(struct bench_plan){.samples = 2, .rounds = 1}, &result), 0);
	assert_int_equal(trail.begun, MEMBERS);
	assert_int_equal(trail.ended, MEMBERS);
}

static void test_a_begin_that_fails_is_the_answer_and_nothing_runs(void **state)
{
	static struct bench_result result;
	struct trail trail = {.begin_err = -ENOMEM};

	(void)state;
	assert_int_equal(run(&trail, &(struct bench_plan){.samples = 2, .rounds = 1}, &result),
			 -ENOMEM);
	assert_int_equal(trail.calls[0], 0);
	assert_int_equal(trail.ended, MEMBERS);
}

static void test_a_job_without_a_pair_has_failed(void **state)
{
	static struct bench_result result;
	struct trail trail = {.idle = true};

	(void)state;
	assert_int_equal(run(&trail, &(struct bench_plan){.samples = 1, .rounds = 1}, &result),
			 -EIO);
}

/* With no time asked for a single round is enough; for a time that never comes there is a most. */
static void test_rounds_are_as_many_as_the_time_needs(void **state)
{
	static struct bench_result result;
	struct trail trail = {.begun = 0};

	(void)state;
	assert_int_equal(run(&trail, &(struct bench_plan){.samples = 1}, &result), 0);
	assert_int_equal(result.rounds, 1);
	assert_int_equal(
		run(&trail, &(struct bench_plan){.samples = 1, .sample_ns = UINT64_MAX}, &result),
		0);
	assert_int_equal(result.rounds, BENCH_ROUNDS_MAX);
}

static void test_jobs_are_measured_in_turn(void **state)
{
	static struct bench_result results[2];
	struct trail a = {.begun = 0}, b = {.begun = 0};
	const struct bench_job jobs[] = {{&noting, &a, 1}, {&noting, &b, 2}};

	(void)state;
	assert_int_equal(
		bench_run(&(struct bench_plan){.samples = 3, .rounds = 2}, jobs, 2, results), 0);
	assert_int_equal(a.calls[0], 4);
	assert_int_equal(b.calls[1], 4);
	assert_int_equal(results[1].pairs, 4);
	assert_true(bench_cpus() >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_thread_does_every_round_of_every_sample),
		cmocka_unit_test(test_threads_begin_and_end_once),
		cmocka_unit_test(test_a_begin_that_fails_is_the_answer_and_nothing_runs),
		cmocka_unit_test(test_a_job_without_a_pair_has_failed),
		cmocka_unit_test(test_rounds_are_as_many_as_the_time_needs),
		cmocka_unit_test(test_jobs_are_measured_in_turn),
	};

	return cmocka_run_group_tests_name("bench_crew", tests, NULL, NULL);
}
