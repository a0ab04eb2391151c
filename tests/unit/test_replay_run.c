// SPDX-License-Identifier: MIT
/*
 * test_replay_run.c - proves that threads keep to the turns of bench/replay_run.c: an unmap
 * never before its map, a map never in memory that is still used, and no wait without end
 *
 * With data: a step out of turn shows as wrong bytes, a fault or a failed request.
 */
#include "test_replay_rig.h"

#define ROUNDS 200

static void run(struct rig *rig)
{
	double seconds = -1;

	assert_int_equal(replay_run_lanes(&rig->run, &seconds), 0);
	assert_true(seconds >= 0);
}

static struct replay_counts sum(struct rig *rig)
{
	struct replay_counts counts = {0};

	for (uint32_t i = 0; i < rig->job.nlanes; i++) {
		counts.maps += rig->job.lanes[i].counts.maps;
		counts.unmaps += rig->job.lanes[i].counts.unmaps;
		counts.syncs += rig->job.lanes[i].counts.syncs;
		counts.wrong_bytes += rig->job.lanes[i].counts.wrong_bytes;
		counts.blame.requests += rig->job.lanes[i].counts.blame.requests;
		counts.not_done += rig->job.lanes[i].counts.not_done;
	}
	return counts;
}

/* @rounds times: mapped on CPU 0, synced on CPU 1, unmapped on CPU 2. */
static char *relay(unsigned rounds)
{
	static const char one[] = MAP(0, 01, "BIDIRECTIONAL", 1000, 5000, 256)
		SYNC_CPU(1, 02, "BIDIRECTIONAL", 1000, 100)
			UNMAP(2, 03, "BIDIRECTIONAL", 1000, 256);
	char *text = malloc(rounds * sizeof(one)), *p = text;

	assert_non_null(text);
	for (unsigned i = 0; i < rounds; i++)
		p = stpcpy(p, one);
	return text;
}

static void test_a_mapping_goes_from_thread_to_thread_in_its_turn(void **state)
{
	char *text = relay(ROUNDS);

	(void)state;
	for
		EVERY_ROUTE(route)
		{
			struct rig rig;

			rig_up(&rig, text, &RIG(.route = route, .threads = true));
			assert_int_equal(rig.job.nlanes, 3);
			assert_int_equal(rig.job.nblocks,
					 1); /* each map waits for the unmap before */
			run(&rig);
			assert_int_equal(sum(&rig).maps, ROUNDS);
			assert_int_equal(sum(&rig).syncs, ROUNDS);
			assert_int_equal(sum(&rig).unmaps, ROUNDS);
			assert_int_equal(sum(&rig).wrong_bytes, 0);
			assert_int_equal(sum(&rig).blame.requests, 0);
			assert_int_equal(atomic_load(&rig.run.peak), 1);
			rig_down(&rig);
		}
	free(text);
}

/* The lane's counts do not depend on the number of threads. */
static void test_one_thread_does_the_same(void **state)
{
	char *text = relay(ROUNDS);
	struct rig rig;

	(void)state;
	rig_up(&rig, text, &RIG(.route = STRICT));
	assert_int_equal(rig.job.nlanes, 1);
	run(&rig);
	assert_int_equal(sum(&rig).unmaps, ROUNDS);
	assert_int_equal(sum(&rig).wrong_bytes, 0);
	rig_down(&rig);
	free(text);
}

static void ignore_log(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

/* All maps but the first ten fail: the threads behind them still come to their end. */
static void test_nobody_waits_for_a_map_that_failed(void **state)
{
	char *text = relay(ROUNDS);
	struct rig rig;

	(void)state;
	rig_up(&rig, text, &RIG(.route = STRICT, .threads = true));
	dmp_log_set_sink(ignore_log, NULL);
	dmp_sim_fail(rig.machine.sim, DMP_SIM_CALL_MAP_PAGES, 11, UINT64_MAX, -EIO);
	run(&rig);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(sum(&rig).maps, 10);
	assert_int_equal(sum(&rig).blame.requests, ROUNDS - 10);
	assert_int_equal(sum(&rig).not_done, 2 * (ROUNDS - 10));
	rig_down(&rig);
	free(text);
}

/* Each CPU ends what another one began, in every order. */
static void test_cpus_that_wait_for_each_other_all_come_to_an_end(void **state)
{
	static const char crossed[] = MAP(0, 01, "TO_DEVICE", 1000, 5000, 256)
		MAP(1, 02, "TO_DEVICE", 2000, 6000, 256) UNMAP(1, 03, "TO_DEVICE", 1000, 256)
			UNMAP(0, 04, "TO_DEVICE", 2000, 256)
				MAP(1, 05, "TO_DEVICE", 1000, 5000, 256)
					UNMAP(0, 06, "TO_DEVICE", 1000, 256);

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct rig rig;

		rig_up(&rig, crossed, &RIG(.route = STRICT, .threads = true));
		run(&rig);
		assert_int_equal(sum(&rig).maps, 3);
		assert_int_equal(sum(&rig).unmaps, 3);
		assert_int_equal(sum(&rig).wrong_bytes, 0);
		rig_down(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_mapping_goes_from_thread_to_thread_in_its_turn),
		cmocka_unit_test(test_one_thread_does_the_same),
		cmocka_unit_test(test_nobody_waits_for_a_map_that_failed),
		cmocka_unit_test(test_cpus_that_wait_for_each_other_all_come_to_an_end),
	};

	return cmocka_run_group_tests_name("replay_run", tests, NULL, NULL);
}
