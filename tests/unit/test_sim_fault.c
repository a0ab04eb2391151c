// SPDX-License-Identifier: MIT
/*
 * test_sim_fault.c - proves that sim/sim_fault.c keeps the oldest records, and says when
 * some were lost
 */
#include "test_sim_machine.h"

static int setup_two_records(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.fault_records = 2));

	machine_add_all(m);
	*state = m;
	return 0;
}

static void fail_at(struct machine *m, dmp_addr_t addr)
{
	unsigned char byte;

	assert_int_equal(dmp_sim_agent_read(m->agent, addr, &byte, 1), -EFAULT);
}

static void expect(struct machine *m, dmp_addr_t addr, unsigned overflow)
{
	struct dmp_fault fault;

	assert_int_equal(m->ops->fault_next(m->sim, &fault), 0);
	assert_int_equal(fault.addr, addr);
	assert_int_equal(fault.overflow, overflow);
}

static void test_records_come_out_in_order_and_then_enoent(void **state)
{
	struct machine *m = *state;
	struct dmp_fault fault = {.addr = 77};

	for (unsigned round = 0; round < 3; round++) {
		fail_at(m, 1);
		fail_at(m, 2);
		expect(m, 1, 0);
		expect(m, 2, 0);
	}
	assert_int_equal(m->ops->fault_next(m->sim, &fault), -ENOENT);
	assert_int_equal(fault.addr, 77);
}

/*
 *   1 2 | 3 4 lost | 1 taken | 5 fits and tells of the loss | 6 does not
 */
static void test_a_full_queue_loses_the_newest_and_the_next_record_says_so(void **state)
{
	struct machine *m = *state;

	for (unsigned addr = 1; addr <= 4; addr++)
		fail_at(m, addr);
	expect(m, 1, 0);
	fail_at(m, 5);
	expect(m, 2, 0);
	expect(m, 5, 1);
	fail_at(m, 6);
	expect(m, 6, 0);
	assert_int_equal(machine_stats(m).faults, 6);
}

static void count_them(void *ctx, const struct dmp_fault *fault)
{
	(void)fault;
	++*(unsigned *)ctx;
}

static void test_the_handler_hears_of_lost_records_too(void **state)
{
	struct machine *m = *state;
	unsigned ntold = 0;

	m->ops->set_fault_handler(m->sim, count_them, &ntold);
	for (unsigned addr = 1; addr <= 5; addr++)
		fail_at(m, addr);
	assert_int_equal(ntold, 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_two_records, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_records_come_out_in_order_and_then_enoent),
		TEST(test_a_full_queue_loses_the_newest_and_the_next_record_says_so),
		TEST(test_the_handler_hears_of_lost_records_too),
	};

	return cmocka_run_group_tests_name("sim_fault", tests, NULL, NULL);
}
