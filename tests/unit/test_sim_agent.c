// SPDX-License-Identifier: MIT
/*
 * test_sim_agent.c - proves how sim/sim_agent.c splits, transfers and reports
 */
#include "test_sim_machine.h"

#define IOVA GIB(1)

/* Pages 0 and 1 mapped the wrong way round, so that a transfer must be split to be right. */
static void test_a_transfer_is_split_at_every_4_kib(void **state)
{
	struct machine *m = *state;
	unsigned char *ram, out[PAGE], in[PAGE];
	dmp_phys_t phys = machine_ram(m, 1, &ram);

	assert_int_equal(machine_map(m, IOVA, phys + PAGE, PAGE, 1, RW), 0);
	assert_int_equal(machine_map(m, IOVA + PAGE, phys, PAGE, 1, RW), 0);
	for (unsigned i = 0; i < PAGE; i++)
		out[i] = (unsigned char)(i * 7);
	assert_int_equal(dmp_sim_agent_write(m->agent, IOVA + 1000, out, sizeof(out)), 0);
	assert_memory_equal(ram + PAGE + 1000, out, PAGE - 1000);
	assert_memory_equal(ram, out + PAGE - 1000, 1000);
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA + 1000, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(machine_stats(m).accesses, 4);
	assert_int_equal(machine_stats(m).bytes_read, PAGE);
	assert_int_equal(machine_stats(m).bytes_written, PAGE);
	m->ops->mem_free(m->sim, phys, 1);
}

static void
test_bytes_before_the_failure_are_moved_and_the_record_names_the_first_that_failed(void **state)
{
	struct machine *m = *state;
	unsigned char *ram, out[3 * PAGE];
	dmp_phys_t phys = machine_ram(m, 1, &ram);
	struct dmp_fault fault;

	memset(ram, 0, 2 * PAGE);
	memset(out, 9, sizeof(out));
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(machine_map(m, IOVA + 2 * PAGE, phys + PAGE, PAGE, 1, RW), 0);
	assert_int_equal(dmp_sim_agent_write(m->agent, IOVA, out, sizeof(out)), -EFAULT);
	assert_int_equal(ram[PAGE - 1], 9);
	assert_int_equal(ram[PAGE], 0);
	assert_int_equal(m->ops->fault_next(m->sim, &fault), 0);
	assert_int_equal(fault.addr, IOVA + PAGE);
	assert_int_equal(fault.device, m->device);
	assert_int_equal(fault.access, DMP_PROT_WRITE);
	assert_int_equal(fault.reason, DMP_FAULT_NOT_PRESENT);
	assert_int_equal(machine_stats(m).faults, 1);
	m->ops->mem_free(m->sim, phys, 1);
}

/* In the direct route a failure may lie inside a page: [exposed 100 bytes)[not). */
static void test_a_direct_transfer_ends_at_the_last_exposed_byte(void **state)
{
	struct machine *m = *state;
	static _Alignas(4096) unsigned char host[4096];
	unsigned char out[200];
	dmp_phys_t phys = (uintptr_t)host + DMP_SIM_HOST_OFFSET;
	struct dmp_fault fault;

	memset(out, 9, sizeof(out));
	m->ops->domain_detach(m->sim, m->dom, m->device);
	assert_int_equal(m->ops->mem_map(m->sim, m->device, phys, 100, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(dmp_sim_agent_write(m->agent, phys, out, 200), -EFAULT);
	assert_int_equal(host[99], 9);
	assert_int_equal(host[100], 0);
	assert_int_equal(m->ops->fault_next(m->sim, &fault), 0);
	assert_int_equal(fault.addr, phys + 100);
	assert_int_equal(machine_stats(m).bytes_written, 100);
	assert_int_equal(m->ops->mem_unmap(m->sim, m->device, phys, 100, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
}

static void test_an_empty_or_wrapping_transfer_is_refused(void **state)
{
	struct machine *m = *state;
	unsigned char byte = 0;

	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA, &byte, 0), -EINVAL);
	assert_int_equal(dmp_sim_agent_read(m->agent, UINT64_MAX, &byte, 2), -EINVAL);
	assert_int_equal(dmp_sim_agent_read(m->agent, UINT64_MAX, &byte, 1), -EFAULT);
	assert_int_equal(machine_stats(m).accesses, 1);
}

struct told {
	struct machine *m;
	struct dmp_fault fault;
	unsigned ntold;
	int answer;
};

/* No lock is held: the handler may use the machine. */
static void on_fault(void *ctx, const struct dmp_fault *fault)
{
	struct told *told = ctx;

	told->fault = *fault;
	told->ntold++;
	told->answer = told->m->ops->flush_domain(told->m->sim, told->m->dom);
}

static void test_the_handler_is_told_with_no_lock_held(void **state)
{
	struct machine *m = *state;
	struct told told = {.m = m};
	unsigned char byte;

	m->ops->set_fault_handler(m->sim, on_fault, &told);
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA + 3, &byte, 1), -EFAULT);
	assert_int_equal(told.ntold, 1);
	assert_int_equal(told.answer, 0);
	assert_int_equal(told.fault.addr, IOVA + 3);
	m->ops->set_fault_handler(m->sim, NULL, NULL);
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA, &byte, 1), -EFAULT);
	assert_int_equal(told.ntold, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_transfer_is_split_at_every_4_kib),
		TEST(test_bytes_before_the_failure_are_moved_and_the_record_names_the_first_that_failed),
		TEST(test_a_direct_transfer_ends_at_the_last_exposed_byte),
		TEST(test_an_empty_or_wrapping_transfer_is_refused),
		TEST(test_the_handler_is_told_with_no_lock_held),
	};

	return cmocka_run_group_tests_name("sim_agent", tests, NULL, NULL);
}
