// SPDX-License-Identifier: MIT
/*
 * test_replay_commit.c - proves when bench/replay_commit.c has a domain flush that flushes by
 * hand: after so many unmaps, at so many ms of the trace, and for nothing never
 */
#include "test_replay_what_if_answer.h"

#include <dmapool/harness.h>

#define MS UINT64_C(1000000)

static void ignore_log(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

/* A machine on that way; nothing of the trace is replayed yet. */
static void up(struct rig *rig, enum rig_route route)
{
	struct rig_want want = RIG(.route = route);

	rig_up(rig, TWO_UNMAPS, &want);
}

static uint64_t commits_of(const struct rig *rig)
{
	struct dmp_domain_stats stats;

	dmp_domain_get_stats(rig->machine.domains[0], &stats, sizeof(stats));
	return stats.flushes_by[DMP_FLUSH_CAUSE_COMMIT];
}

/* Steps 0 to 3: map, unmap, map, unmap. */
static void test_a_flush_comes_after_so_many_unmaps(void **state)
{
	struct replay_flush flush = {.commit_unmaps = 2};
	struct replay_commits commits;
	struct rig rig;

	(void)state;
	up(&rig, (enum rig_route)REPLAY_MANUAL);
	assert_int_equal(replay_commits_init(&commits, &rig.machine, &flush), 0);
	rig.run.commits = &commits;
	for (uint32_t i = 0; i < 3; i++)
		rig_do(&rig, i);
	assert_int_equal(commits_of(&rig), 0);
	rig_do(&rig, 3);
	assert_int_equal(commits_of(&rig), 1);
	assert_int_equal(rig_counts(&rig)->blame.requests, 0);
	rig.run.commits = NULL;
	replay_commits_free(&commits);
	rig_down(&rig);
}

static void test_without_a_rule_it_is_a_full_queues_number(void **state)
{
	struct replay_flush flush = {.entries = 0};
	struct replay_commits commits;
	struct rig rig;

	(void)state;
	up(&rig, (enum rig_route)REPLAY_MANUAL);
	assert_int_equal(replay_commits_init(&commits, &rig.machine, &flush), 0);
	assert_int_equal(commits.every_unmaps, REPLAY_COMMIT_UNMAPS);
	assert_int_equal(commits.every_ns, 0);
	replay_commits_free(&commits);
	rig_down(&rig);
}

static void test_a_time_is_the_next_multiple_after_an_unmap(void **state)
{
	struct replay_flush flush = {.commit_ns = 10 * MS};
	struct replay_commits commits;
	struct rig rig;

	(void)state;
	up(&rig, (enum rig_route)REPLAY_MANUAL);
	assert_int_equal(replay_commits_init(&commits, &rig.machine, &flush), 0);
	assert_false(commits.is_due);
	assert_int_equal(replay_commits_count(&commits, &rig.machine, 0, 12 * MS), 0);
	assert_true(commits.is_due);
	assert_int_equal(commits.due_ns, 20 * MS);
	assert_int_equal(replay_commits_count(&commits, &rig.machine, 0, 13 * MS), 0);
	assert_int_equal(commits.due_ns, 20 * MS);
	assert_int_equal(replay_commits_make(&commits, &rig.machine), 0);
	assert_false(commits.is_due);
	assert_int_equal(replay_commits_count(&commits, &rig.machine, 0, 20 * MS), 0);
	assert_int_equal(commits.due_ns, 30 * MS); /* at its own time it is too late */
	replay_commits_free(&commits);
	rig_down(&rig);
}

/*
 *    ms      0    1      2    4      5      8      12   13
 *            map  unmap  map  *      unmap  *           map      * every 4 ms
 *                 |-- 3 ms ---|      |- 3 --|
 */
static void test_a_flush_comes_at_its_time_of_the_trace(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=manual:every=4ms,manual,manual:every=1", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);

	(void)state;
	assert_int_equal(a.results[0].flushes_commit, 2);
	assert_true(number_of(&a, 0, "could_worst_us") == 3000);
	assert_true(number_of(&a, 0, "open_at_end") == 0);
	assert_true(number_of(&a, 0, "peak_queued_kib") == 4);
	assert_int_equal(a.results[1].flushes_commit, 0);
	assert_true(number_of(&a, 1, "open_at_end") == 2);
	assert_true(number_of(&a, 1, "could_worst_us") == 12000);
	assert_int_equal(a.results[2].flushes_commit, 2);
	assert_true(number_of(&a, 2, "could_worst_us") == 0);
	replay_answer_free(&a);
}

/* The unmaps of three threads are counted together: 20 of them, a flush at each 5th. */
static void test_unmaps_of_all_threads_count(void **state)
{
	static const char one[] = MAP_AT(0, "1.000000") UNMAP_AT(1, "1.001000")
		MAP_AT(1, "1.002000") UNMAP_AT(2, "1.003000");
	struct replay_flush flush = {.commit_unmaps = 5};
	struct rig_want want = RIG(.route = (enum rig_route)REPLAY_MANUAL, .threads = true);
	struct replay_commits commits;
	char text[10 * sizeof(one)] = "";
	struct rig rig;
	double seconds;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		strcat(text, one);
	rig_up(&rig, text, &want);
	assert_int_equal(replay_commits_init(&commits, &rig.machine, &flush), 0);
	rig.run.commits = &commits;
	assert_int_equal(replay_run_lanes(&rig.run, &seconds), 0);
	assert_int_equal(rig.job.nlanes, 3);
	assert_int_equal(atomic_load(&commits.unmaps[0]), 20);
	assert_int_equal(commits_of(&rig), 4);
	rig.run.commits = NULL;
	replay_commits_free(&commits);
	rig_down(&rig);
}

static void test_a_flush_that_fails_is_a_failed_request(void **state)
{
	struct replay_flush flush = {.commit_unmaps = 1};
	struct replay_commits commits;
	struct rig rig;

	(void)state;
	up(&rig, (enum rig_route)REPLAY_MANUAL);
	assert_int_equal(replay_commits_init(&commits, &rig.machine, &flush), 0);
	rig.run.commits = &commits;
	rig_do(&rig, 0);
	dmp_log_set_sink(ignore_log, NULL);
	dmp_sim_fail(rig.machine.sim, DMP_SIM_CALL_INVALIDATE, 1, 1, 0);
	rig_do(&rig, 1);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(rig_counts(&rig)->blame.requests, 1);
	assert_string_equal(rig_counts(&rig)->blame.first_call, "dmp_domain_commit");
	rig.run.commits = NULL;
	replay_commits_free(&commits);
	rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_flush_comes_after_so_many_unmaps),
		cmocka_unit_test(test_without_a_rule_it_is_a_full_queues_number),
		cmocka_unit_test(test_a_time_is_the_next_multiple_after_an_unmap),
		cmocka_unit_test(test_a_flush_comes_at_its_time_of_the_trace),
		cmocka_unit_test(test_unmaps_of_all_threads_count),
		cmocka_unit_test(test_a_flush_that_fails_is_a_failed_request),
	};

	return cmocka_run_group_tests_name("replay_commit", tests, NULL, NULL);
}
