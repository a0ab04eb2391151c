// SPDX-License-Identifier: MIT
/*
 * test_sim_invq.c - proves what sim/sim_invq.c says of order, room and failure
 */
#include "test_sim_machine.h"

#include <pthread.h>
#include <unistd.h>

#define IOVA MIB(512)

static int setup_short_queue(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.queue_entries = 2));

	machine_add_all(m);
	*state = m;
	return 0;
}

static int read_at(struct machine *m, dmp_iova_t iova)
{
	unsigned char byte;

	return dmp_sim_agent_read(m->agent, iova, &byte, 1);
}

static void test_a_flush_is_a_command_and_a_wait_that_are_completed(void **state)
{
	struct machine *m = *state;

	assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
	assert_int_equal(load_relaxed(&m->sim->invq.tail), 2);
	assert_int_equal(load_relaxed(&m->sim->invq.head), 2);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(m->ops->flush_range(m->sim, m->dom, i * PAGE, PAGE, true), 0);
	assert_int_equal(load_relaxed(&m->sim->invq.head), 2002);
	assert_int_equal(machine_stats(m).invalidations, 1001);
	assert_int_equal(machine_stats(m).queue_waits, 0);
}

/*
 *   page  0   1   2   3   4   5   6   7 ...
 *         |       [===range===]               asked for
 *         [=======block of 8=============]    invalidated
 */
static void test_a_range_is_widened_to_an_aligned_power_of_two(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 4, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 16, RW), 0);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(read_at(m, IOVA + i * PAGE), 0);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA + 2 * PAGE, 3 * PAGE, true), 0);
	assert_int_equal(machine_stats(m).invalidated_entries, 8);
	m->ops->mem_free(m->sim, phys, 4);
}

static void test_a_huge_range_becomes_the_whole_domain(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, GIB(8), GIB(3), true), 0);
	assert_int_equal(machine_stats(m).invalidated_entries, 1);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, PAGE, UINT64_MAX, true), 0);
	assert_int_equal(machine_stats(m).invalidated_entries, 2);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_an_empty_gather_costs_no_command_and_a_queued_one_the_domain(void **state)
{
	struct machine *m = *state;
	struct dmp_gather gather = EMPTY_GATHER;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	assert_int_equal(m->ops->flush_gather(m->sim, m->dom, &gather), 0);
	assert_int_equal(machine_stats(m).invalidations, 0);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	gather.queued = 1;
	assert_int_equal(m->ops->flush_gather(m->sim, m->dom, &gather), 0);
	assert_int_equal(machine_stats(m).invalidations, 1);
	assert_int_equal(machine_stats(m).invalidated_entries, 1);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_a_stuck_queue_says_so_and_invalidates_nothing(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	dmp_sim_fail(m->sim, DMP_SIM_CALL_INVALIDATE, 1, 3, 0);
	assert_int_equal(m->ops->flush_domain(m->sim, m->dom), -ETIMEDOUT);
	assert_non_null(strstr(m->log, "invalidation queue 0"));
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA, PAGE, false), -ETIMEDOUT);
	assert_int_equal(m->ops->flush_gather(m->sim, m->dom,
					      &(struct dmp_gather){.start = IOVA, .end = IOVA}),
			 -ETIMEDOUT);
	assert_int_equal(machine_stats(m).invalidated_entries, 0);
	assert_int_equal(machine_stats(m).invalidations, 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(machine_stats(m).iotlb_hits, 1);
	m->ops->mem_free(m->sim, phys, 0);
}

static void *flush_once(void *arg)
{
	struct machine *m = arg;

	return m->ops->flush_domain(m->sim, m->dom) ? arg : NULL;
}

static bool becomes_true(bool (*claim)(struct machine *m), struct machine *m)
{
	for (unsigned i = 0; i < 5000 && !claim(m); i++)
		usleep(1000);
	return claim(m);
}

static bool one_is_submitted(struct machine *m)
{
	return load_acquire(&m->sim->invq.tail) == 2;
}

static bool one_waits(struct machine *m)
{
	return sim_count_sum(m->sim, COUNT_QUEUE_WAITS) == 1;
}

/*
 * The test holds an IOTLB set, so the first flush is stuck in the hardware; a ring of two
 * entries has no room for the second.
 */
static void test_a_submission_without_room_waits_and_is_counted(void **state)
{
	struct machine *m = *state;
	struct sim_iotlb_set *set = sim_iotlb_lock(&m->sim->iotlb, 1, 0);
	pthread_t first, second;
	void *failed[2];

	assert_int_equal(pthread_create(&first, NULL, flush_once, m), 0);
	bool submitted = becomes_true(one_is_submitted, m);

	assert_int_equal(pthread_create(&second, NULL, flush_once, m), 0);
	bool waited = becomes_true(one_waits, m);

	sim_iotlb_unlock(set);
	assert_int_equal(pthread_join(first, &failed[0]), 0);
	assert_int_equal(pthread_join(second, &failed[1]), 0);
	assert_true(submitted);
	assert_true(waited);
	assert_null(failed[0]);
	assert_null(failed[1]);
	assert_int_equal(machine_stats(m).invalidations, 2);
	assert_int_equal(load_relaxed(&m->sim->invq.head), 4);
}

static void *flush_many(void *arg)
{
	struct machine *m = arg;

	for (unsigned i = 0; i < 2000; i++)
		if (m->ops->flush_range(m->sim, m->dom, i * PAGE, PAGE, true))
			return arg;
	return NULL;
}

static void test_commands_of_several_threads_are_all_completed(void **state)
{
	struct machine *m = *state;
	pthread_t thread[3];
	void *failed;

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, flush_many, m), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(thread[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(machine_stats(m).invalidations, 6000);
	assert_int_equal(load_relaxed(&m->sim->invq.head), 12000);
}

int main(void)
{
#define TEST(name)       cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)
#define TEST_SHORT(name) cmocka_unit_test_setup_teardown(name, setup_short_queue, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_flush_is_a_command_and_a_wait_that_are_completed),
		TEST(test_a_range_is_widened_to_an_aligned_power_of_two),
		TEST(test_a_huge_range_becomes_the_whole_domain),
		TEST(test_an_empty_gather_costs_no_command_and_a_queued_one_the_domain),
		TEST(test_a_stuck_queue_says_so_and_invalidates_nothing),
		TEST_SHORT(test_a_submission_without_room_waits_and_is_counted),
		TEST_SHORT(test_commands_of_several_threads_are_all_completed),
	};

	return cmocka_run_group_tests_name("sim_invq", tests, NULL, NULL);
}
