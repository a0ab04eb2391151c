// SPDX-License-Identifier: MIT
/*
 * test_sim_invq.c - proves what sim/sim_invq.c says of order, room, failure and choice
 *
 * Each test runs on a queue behind a lock and on those whose slots are taken without.
 */
#include "test_sim_machine.h"

#include <dmapool/harness.h>
#include <pthread.h>
#include <unistd.h>

#define IOVA MIB(512)

static int setup_with(void **state, struct dmp_sim_opts opts)
{
	struct machine *m = machine_create(&opts);

	machine_add_all(m);
	*state = m;
	return 0;
}

static int setup_locked(void **state)
{
	return setup_with(state, DMP_SIM_OPTS(.queue_entries = 8));
}

static int setup_free(void **state)
{
	return setup_with(state,
			  DMP_SIM_OPTS(.queue_entries = 8, .queue_kind = DMP_SIM_QUEUE_LOCK_FREE));
}

static int setup_add(void **state)
{
	return setup_with(state,
			  DMP_SIM_OPTS(.queue_entries = 8, .queue_kind = DMP_SIM_QUEUE_FETCH_ADD));
}

static int setup_add_short(void **state)
{
	return setup_with(state,
			  DMP_SIM_OPTS(.queue_entries = 2, .queue_kind = DMP_SIM_QUEUE_FETCH_ADD));
}

static int setup_locked_short(void **state)
{
	return setup_with(state, DMP_SIM_OPTS(.queue_entries = 2));
}

static int setup_free_short(void **state)
{
	return setup_with(state,
			  DMP_SIM_OPTS(.queue_entries = 2, .queue_kind = DMP_SIM_QUEUE_LOCK_FREE));
}

static int read_at(struct machine *m, dmp_iova_t iova)
{
	unsigned char byte;

	return dmp_sim_agent_read(m->agent, iova, &byte, 1);
}

static uint64_t head_of(struct machine *m, unsigned queue)
{
	return load_relaxed(&m->sim->queues[queue].head);
}

static void test_a_flush_is_a_command_and_a_wait_that_are_completed(void **state)
{
	struct machine *m = *state;

	assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
	assert_int_equal(load_relaxed(&m->sim->queues[0].tail), 2);
	assert_int_equal(head_of(m, 0), 2);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(m->ops->flush_range(m->sim, m->dom, i * PAGE, PAGE, true), 0);
	assert_int_equal(head_of(m, 0), 2002);
	assert_int_equal(machine_stats(m).invalidations, 1001);
	assert_int_equal(machine_stats(m).commands, 1001);
	assert_int_equal(machine_stats(m).queue_waits, 0);
}

static void test_an_invalidation_that_was_made_to_fail_is_never_submitted(void **state)
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
	assert_int_equal(load_relaxed(&m->sim->queues[0].tail), 0);
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
	return load_acquire(&m->sim->queues[0].tail) == 2;
}

static bool one_waits(struct machine *m)
{
	return sim_count_sum(m->sim, COUNT_QUEUE_WAITS) == 1;
}

/*
 * The test is an access under way, so the first flush waits in the hardware; a ring of two
 * entries has no room for the second.
 */
static void test_a_submission_without_room_waits_and_is_counted(void **state)
{
	struct machine *m = *state;
	struct sim_gate *gate = sim_gate_enter(m->sim, 1, 0);
	pthread_t first, second;
	void *failed[2];

	assert_int_equal(pthread_create(&first, NULL, flush_once, m), 0);
	bool submitted = becomes_true(one_is_submitted, m);

	assert_int_equal(pthread_create(&second, NULL, flush_once, m), 0);
	bool waited = becomes_true(one_waits, m);

	sim_gate_leave(gate);
	assert_int_equal(pthread_join(first, &failed[0]), 0);
	assert_int_equal(pthread_join(second, &failed[1]), 0);
	assert_true(submitted);
	assert_true(waited);
	assert_null(failed[0]);
	assert_null(failed[1]);
	assert_int_equal(machine_stats(m).invalidations, 2);
	assert_int_equal(head_of(m, 0), 4);
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
	assert_int_equal(head_of(m, 0), 12000);
}

/* A queue that stands still, in manual mode: its waiter moves the clock on. */
static struct machine *stuck_machine(uint32_t kind)
{
	struct machine *m;

	assert_int_equal(dmp_harness_enter(8), 0);
	m = machine_create(&DMP_SIM_OPTS(.queue_entries = 4, .queue_kind = kind, .queues = 3,
					 .queue_timeout_ns = 5000000));
	machine_add_all(m);
	return m;
}

static void stuck_machine_destroy(struct machine *m)
{
	machine_destroy(m);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void stand_still(uint32_t kind)
{
	struct machine *m = stuck_machine(kind);
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(dmp_harness_become(4), 0);
	assert_int_equal(dmp_sim_stick(m->sim, 1, true), 0);

	/* two submissions fill the ring, the third finds no room: each is told after 5 ms */
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(m->ops->flush_domain(m->sim, m->dom), -ETIMEDOUT);
		assert_non_null(strstr(m->log, "invalidation queue 1 is stuck"));
		assert_in_range(dmp_clock_now_ns(), i * 5000000, i * 5010000);
	}
	assert_int_equal(machine_stats(m).queue_timeouts, 3);
	assert_int_equal(machine_stats(m).invalidations, 0);
	assert_int_equal(load_relaxed(&m->sim->queues[1].tail), 4);
	assert_int_equal(read_at(m, IOVA), 0);

	/* others do not stand still */
	assert_int_equal(dmp_harness_become(5), 0);
	assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
	assert_int_equal(dmp_harness_become(4), 0);

	/* what it had is executed when it moves, and then there is room */
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(dmp_sim_stick(m->sim, 1, false), 0);
	assert_int_equal(head_of(m, 1), 4);
	assert_int_equal(machine_stats(m).invalidated_entries, 2);
	for (unsigned i = 1; i <= 4; i++) {
		assert_int_equal(m->ops->flush_range(m->sim, m->dom, 0, PAGE, true), 0);
		assert_int_equal(head_of(m, 1), 4 + 2 * i);
	}
	m->ops->mem_free(m->sim, phys, 0);
	stuck_machine_destroy(m);
}

static void test_a_queue_that_stands_still_is_named_after_its_timeout(void **state)
{
	(void)state;
	stand_still(DMP_SIM_QUEUE_LOCKED);
	stand_still(DMP_SIM_QUEUE_LOCK_FREE);
	stand_still(DMP_SIM_QUEUE_FETCH_ADD);
}

/*
 *   [p w . .]   two more would fit, three do not
 */
static void leave_no_room(uint32_t kind)
{
	struct machine *m;

	assert_int_equal(dmp_harness_enter(1), 0);
	m = machine_create(&DMP_SIM_OPTS(.queue_entries = 4, .queue_kind = kind,
					 .range_commands = 4, .queue_timeout_ns = 1000));
	machine_add_all(m);
	assert_int_equal(dmp_sim_stick(m->sim, 0, true), 0);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, 0, PAGE, true), -ETIMEDOUT);
	assert_int_equal(load_relaxed(&m->sim->queues[0].tail), 2);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, 0, 2 * PAGE, true), -ETIMEDOUT);
	assert_int_equal(load_relaxed(&m->sim->queues[0].tail), 2);
	assert_int_equal(load_relaxed(&m->sim->queues[0].room),
			 kind == DMP_SIM_QUEUE_FETCH_ADD ? 2 : 4);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, 0, PAGE, true), -ETIMEDOUT);
	assert_int_equal(load_relaxed(&m->sim->queues[0].tail), 4);
	assert_int_equal(machine_stats(m).queue_waits, 1);
	machine_destroy(m);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_a_submission_takes_all_its_slots_or_none(void **state)
{
	(void)state;
	leave_no_room(DMP_SIM_QUEUE_LOCKED);
	leave_no_room(DMP_SIM_QUEUE_LOCK_FREE);
	leave_no_room(DMP_SIM_QUEUE_FETCH_ADD);
}

/* A domain that others flush on a queue that stands still. */
struct leaver {
	struct machine *m;
	void *dom;
};

static void *flush_the_other(void *arg)
{
	struct leaver *l = arg;

	return l->m->ops->flush_domain(l->m->sim, l->dom) ? arg : NULL;
}

static void wait_together(uint32_t kind)
{
	struct machine *m = machine_create(
		&DMP_SIM_OPTS(.queue_kind = kind, .queue_timeout_ns = UINT64_C(3600000000000)));
	struct dmp_hw_domain_info info = {.size = sizeof(info)};
	struct leaver l = {.m = m};
	pthread_t thread[3];
	void *failed;

	machine_add_all(m);
	assert_int_equal(m->ops->domain_create(m->sim, DMP_DOMAIN_TRANSLATED, &l.dom, &info), 0);
	assert_int_equal(dmp_sim_stick(m->sim, 0, true), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, flush_the_other, &l), 0);
	while (load_acquire(&m->sim->queues[0].tail) < 6)
		dmp_cpu_yield();
	m->ops->domain_destroy(m->sim, l.dom);
	assert_int_equal(dmp_sim_stick(m->sim, 0, false), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(thread[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(machine_stats(m).invalidations, 3);
	assert_int_equal(machine_stats(m).queue_timeouts, 0);
	machine_destroy(m);
}

/* Even if what they invalidate is gone by then, and they were ready to wait an hour. */
static void test_those_who_wait_together_go_on_when_the_queue_moves(void **state)
{
	(void)state;
	wait_together(DMP_SIM_QUEUE_LOCKED);
	wait_together(DMP_SIM_QUEUE_LOCK_FREE);
	wait_together(DMP_SIM_QUEUE_FETCH_ADD);
}

static void test_only_queues_that_exist_can_be_stopped(void **state)
{
	struct machine *m = *state;

	assert_int_equal(dmp_sim_stick(m->sim, 1, true), -EINVAL);
	assert_int_equal(dmp_sim_stick(m->sim, 0, true), 0);
	assert_int_equal(dmp_sim_stick(m->sim, 0, false), 0);
}

/* Which of 4 queues each CPU's flush goes into, with 2 CPUs a node. */
static void expect_queues(uint32_t by, const unsigned *expected)
{
	struct machine *m;

	assert_int_equal(dmp_harness_enter(8), 0);
	m = machine_create(&DMP_SIM_OPTS(.queues = 4, .queue_by = by, .node_cpus = 2));
	machine_add_all(m);
	for (unsigned cpu = 0; cpu < 8; cpu++) {
		uint64_t before = head_of(m, expected[cpu]);

		assert_int_equal(dmp_harness_become(cpu), 0);
		assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
		assert_int_equal(head_of(m, expected[cpu]) - before, 2);
	}
	machine_destroy(m);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_a_cpu_uses_the_queue_of_its_number_or_of_its_node(void **state)
{
	static const unsigned by_cpu[] = {0, 1, 2, 3, 0, 1, 2, 3};
	static const unsigned by_node[] = {0, 0, 1, 1, 2, 2, 3, 3};

	(void)state;
	expect_queues(DMP_SIM_QUEUE_BY_DEFAULT, by_cpu);
	expect_queues(DMP_SIM_QUEUE_BY_CPU, by_cpu);
	expect_queues(DMP_SIM_QUEUE_BY_NODE, by_node);
}

/* Nanoseconds of one flush from each of two CPUs of two nodes. */
static void expect_waits(struct dmp_sim_opts opts, uint64_t near_ns, uint64_t far_ns)
{
	struct machine *m;
	uint64_t near;

	assert_int_equal(dmp_harness_enter(2), 0);
	m = machine_create(&opts);
	m->sim->costs.queue_transfer = 0;
	machine_add_all(m);
	assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
	near = machine_stats(m).phase_ns[DMP_SIM_PHASE_INVALIDATE];
	assert_int_equal(near, near_ns);
	assert_int_equal(dmp_harness_become(1), 0);
	assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
	assert_int_equal(machine_stats(m).phase_ns[DMP_SIM_PHASE_INVALIDATE] - near, far_ns);
	machine_destroy(m);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_a_wait_from_another_node_costs_more(void **state)
{
	(void)state;
	expect_waits(DMP_SIM_OPTS(.profile = "smmuv3-numa"), 240, 240);
	expect_waits(DMP_SIM_OPTS(.profile = "smmuv3-numa", .node_cpus = 1), 240, 675);
	expect_waits(DMP_SIM_OPTS(.profile = "smmuv3-numa", .node_cpus = 1, .queues = 2), 240, 240);
	expect_waits(DMP_SIM_OPTS(.profile = "smmuv3-numa", .node_cpus = 1, .queues = 2,
				  .queue_by = DMP_SIM_QUEUE_BY_NODE),
		     240, 240);
}

/* The line of the tail comes from the CPU that submitted last. */
static void test_a_queue_that_another_cpu_used_last_costs_a_transfer(void **state)
{
	struct machine *m;
	static const unsigned cpus[] = {0, 0, 1, 1, 0};
	static const uint64_t ns[] = {0, 0, 7, 7, 14};

	(void)state;
	assert_int_equal(dmp_harness_enter(2), 0);
	m = machine_create(NULL);
	m->sim->costs.queue_transfer = 7000;
	machine_add_all(m);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(dmp_harness_become(cpus[i]), 0);
		assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
		assert_int_equal(machine_stats(m).phase_ns[DMP_SIM_PHASE_INVALIDATE], ns[i]);
	}
	machine_destroy(m);
	assert_int_equal(dmp_harness_leave(), 0);
}

/*
 * The test takes slots and does not fill them: what comes behind waits for it, and is
 * executed behind it.
 */
static void test_the_hardware_stops_at_a_slot_that_is_not_filled(void **state)
{
	struct machine *m = *state;
	struct sim_invq *queue = &m->sim->queues[0];
	pthread_t thread;
	void *failed;

	store_relaxed(&queue->tail, 1);
	assert_int_equal(pthread_create(&thread, NULL, flush_once, m), 0);
	while (load_acquire(&queue->tail) != 3)
		dmp_cpu_yield();
	for (unsigned i = 0; i < 100; i++)
		dmp_cpu_yield();
	assert_int_equal(head_of(m, 0), 0);
	queue->ring[0].command = (struct sim_command){.kind = COMMAND_WAIT};
	store_release(&queue->ring[0].turn, 1);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	assert_int_equal(head_of(m, 0), 3);
}

/* Another submitter has taken too much and not yet given it back. */
static bool one_came_late(struct machine *m)
{
	return sim_count_sum(m->sim, COUNT_QUEUE_WAITS) == 1;
}

static void test_room_that_another_one_looks_at_is_only_late(void **state)
{
	struct machine *m = *state;
	struct sim_invq *queue = &m->sim->queues[0];
	pthread_t thread;
	void *failed;

	add_acq_rel(&queue->room, -(uint64_t)9);
	assert_int_equal(pthread_create(&thread, NULL, flush_once, m), 0);
	bool waited = becomes_true(one_came_late, m);

	assert_int_equal(load_acquire(&queue->tail), 0);
	add_acq_rel(&queue->room, 9);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_true(waited);
	assert_null(failed);
	assert_int_equal(head_of(m, 0), 2);
	assert_int_equal(load_relaxed(&queue->room), 8);
}

int main(void)
{
#define TEST_ON(setup, name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)
#define TEST(name)           TEST_ON(setup_locked, name), TEST_ON(setup_free, name), TEST_ON(setup_add, name)
#define TEST_SHORT(name)                                                                           \
	TEST_ON(setup_locked_short, name), TEST_ON(setup_free_short, name),                        \
		TEST_ON(setup_add_short, name)
	const struct CMUnitTest tests[] = {
		TEST(test_a_flush_is_a_command_and_a_wait_that_are_completed),
		TEST(test_an_invalidation_that_was_made_to_fail_is_never_submitted),
		TEST_SHORT(test_a_submission_without_room_waits_and_is_counted),
		TEST_SHORT(test_commands_of_several_threads_are_all_completed),
		TEST(test_commands_of_several_threads_are_all_completed),
		cmocka_unit_test(test_a_queue_that_stands_still_is_named_after_its_timeout),
		cmocka_unit_test(test_those_who_wait_together_go_on_when_the_queue_moves),
		cmocka_unit_test(test_a_submission_takes_all_its_slots_or_none),
		TEST(test_only_queues_that_exist_can_be_stopped),
		cmocka_unit_test(test_a_cpu_uses_the_queue_of_its_number_or_of_its_node),
		cmocka_unit_test(test_a_wait_from_another_node_costs_more),
		cmocka_unit_test(test_a_queue_that_another_cpu_used_last_costs_a_transfer),
		TEST_ON(setup_free, test_the_hardware_stops_at_a_slot_that_is_not_filled),
		TEST_ON(setup_add, test_the_hardware_stops_at_a_slot_that_is_not_filled),
		TEST_ON(setup_add, test_room_that_another_one_looks_at_is_only_late),
	};

	return cmocka_run_group_tests_name("sim_invq", tests, NULL, NULL);
}
