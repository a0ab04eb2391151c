// SPDX-License-Identifier: MIT
/*
 * test_sim_fault.c - proves that sim/sim_fault.c keeps the oldest records, says when some
 * were lost, and that each thing that can go wrong is told with its reason
 */
#include "test_sim_machine.h"

#include "rng.h"

#define IOVA GIB(1)

static int setup_two_records(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.fault_records = 2));

	machine_add_all(m);
	*state = m;
	return 0;
}

static int setup_required(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.flags = DMP_SIM_REQUIRE_DOMAIN));

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
	assert_int_equal(machine_stats(m).faults_lost, 2);
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

/* A handler that takes the record, looks at another address, and takes the device away. */
struct curious {
	struct machine *m;
	unsigned depth, ntaken;
};

static void look_further(void *ctx, const struct dmp_fault *fault)
{
	struct curious *c = ctx;
	struct dmp_fault taken;
	unsigned char byte;

	if (!c->m->ops->fault_next(c->m->sim, &taken) && taken.addr == fault->addr)
		c->ntaken++;
	if (c->depth++ < 3)
		(void)dmp_sim_agent_read(c->m->agent, fault->addr + 1, &byte, 1);
	else
		c->m->ops->domain_detach(c->m->sim, c->m->dom, c->m->device);
}

static void test_a_handler_may_use_the_machine_and_be_called_again(void **state)
{
	struct machine *m = *state;
	struct curious c = {.m = m};
	unsigned char byte;

	m->ops->set_fault_handler(m->sim, look_further, &c);
	assert_int_equal(dmp_sim_agent_read(m->agent, 1, &byte, 1), -EFAULT);
	assert_int_equal(c.depth, 4);
	assert_int_equal(c.ntaken, 4);
	assert_int_equal(machine_fault(m), -1);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
}

/* Through the library: what is told, to the handler and by the queue. */
struct told {
	struct dmp_fault last;
	unsigned n;
};

static void keep_it(void *ctx, const struct dmp_fault *fault)
{
	struct told *told = ctx;

	told->last = *fault;
	told->n++;
}

static void expect_fault(struct machine *m, struct told *told, enum dmp_fault_reason reason,
			 dmp_addr_t addr, uint32_t access)
{
	struct dmp_hw *hw = dmp_sim_hw(m->sim);
	struct dmp_fault fault;
	unsigned char byte = 0;
	unsigned before = told->n;
	int err = access == DMP_PROT_READ ? dmp_sim_agent_read(m->agent, addr, &byte, 1)
					  : dmp_sim_agent_write(m->agent, addr, &byte, 1);

	assert_int_equal(err, -EFAULT);
	assert_int_equal(told->n, before + 1);
	assert_int_equal(dmp_hw_fault_next(hw, &fault), 0);
	assert_memory_equal(&fault, &told->last, sizeof(fault));
	assert_int_equal(fault.device, m->device);
	assert_int_equal(fault.reason, reason);
	assert_int_equal(fault.addr, addr);
	assert_int_equal(fault.access, access);
	assert_int_equal(fault.overflow, 0);
	assert_int_equal(dmp_hw_fault_next(hw, &fault), -ENOENT);
}

/* The entry of @level that leads to IOVA. */
static sim_pte *entry_of(struct machine *m, unsigned level)
{
	struct sim_domain *dom = m->dom;
	struct sim_walk walk;

	assert_true(sim_walk(m->sim, dom->root, IOVA, &walk));
	return &sim_table_at(
		&m->sim->mem,
		walk.step[walk.levels - level].table)[sim_index(&m->sim->format, IOVA, level)];
}

static void test_each_thing_that_goes_wrong_is_told_with_its_reason(void **state)
{
	struct machine *m = *state;
	struct told told = {.n = 0};
	struct dmp_gather gather = EMPTY_GATHER;
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	unsigned char byte;

	assert_int_equal(dmp_hw_set_fault_handler(dmp_sim_hw(m->sim), keep_it, &told), 0);
	expect_fault(m, &told, DMP_FAULT_NOT_PRESENT, IOVA + 5, DMP_PROT_READ);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, DMP_PROT_READ), 0);
	expect_fault(m, &told, DMP_FAULT_PERMISSION, IOVA + 7, DMP_PROT_WRITE);
	expect_fault(m, &told, DMP_FAULT_APERTURE, m->sim->format.iova_last + 1, DMP_PROT_READ);
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA, &byte, 1), 0);
	assert_int_equal(machine_unmap(m, IOVA, PAGE, 1, &gather), PAGE);
	expect_fault(m, &told, DMP_FAULT_STALE, IOVA, DMP_PROT_READ);
	assert_int_equal(machine_flush(m, &gather), 0);
	assert_int_equal(machine_map(m, IOVA, GIB(100), PAGE, 1, RW), 0);
	expect_fault(m, &told, DMP_FAULT_BUS, IOVA, DMP_PROT_WRITE);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	m->ops->domain_detach(m->sim, m->dom, m->device);
	expect_fault(m, &told, DMP_FAULT_NO_DOMAIN, MIB(64), DMP_PROT_READ);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
	m->ops->mem_free(m->sim, phys, 0);
}

/*
 * Somebody has written into a table, at each level: what leads out of RAM, bits that mean
 * nothing, ones all over.
 */
static void test_a_table_that_was_written_over_is_told_as_malformed(void **state)
{
	struct machine *m = *state;
	struct told told = {.n = 0};
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	uint64_t here;
	unsigned char byte;

	assert_int_equal(dmp_hw_set_fault_handler(dmp_sim_hw(m->sim), keep_it, &told), 0);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	for (unsigned level = 1; level <= m->sim->format.levels; level++) {
		sim_pte *entry = entry_of(m, level);
		const uint64_t wrong[] = {UINT64_MAX, load_relaxed(entry) | UINT64_C(1) << 62};

		for (unsigned i = 0; i < 2; i++) {
			here = load_relaxed(entry);
			store_relaxed(entry, wrong[i]);
			assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
			expect_fault(m, &told, DMP_FAULT_BAD_TABLE, IOVA, DMP_PROT_READ);
			store_relaxed(entry, here);
		}
		assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
		assert_int_equal(dmp_sim_agent_read(m->agent, IOVA, &byte, 1), 0);
	}
	m->ops->mem_free(m->sim, phys, 0);
}

/* Any bits at all in the root table: faults of some kind, or some RAM is read; no crash. */
static void test_no_table_makes_a_device_crash_the_process(void **state)
{
	struct machine *m = *state;
	struct sim_domain *dom = m->dom;
	sim_pte *root = sim_table_at(&m->sim->mem, dom->root);
	struct rng rng = rng_seeded(rng_seed_from_env(1));
	unsigned char bytes[16];

	for (unsigned round = 0; round < 3000; round++) {
		unsigned index = (unsigned)rng_range(&rng, 0, 511);
		dmp_iova_t iova = (dmp_iova_t)index << 39 | rng_range(&rng, 0, DMP_MASK(39) - 16);
		/* some with few bits lead to tables full of nothing, some back to the root */
		uint64_t few = 3 | (rng_next(&rng) & rng_next(&rng) & DMP_MASK(34));
		const uint64_t entries[] = {rng_next(&rng), few, few, dom->root | 3};

		store_relaxed(&root[index], entries[rng_range(&rng, 0, 3)]);
		(void)dmp_sim_agent_read(m->agent, iova, bytes, sizeof(bytes));
		store_relaxed(&root[index], 0);
	}
	assert_true(machine_stats(m).faults > 1000);
	assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_two_records, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_records_come_out_in_order_and_then_enoent),
		TEST(test_a_full_queue_loses_the_newest_and_the_next_record_says_so),
		TEST(test_the_handler_hears_of_lost_records_too),
		TEST(test_a_handler_may_use_the_machine_and_be_called_again),
		cmocka_unit_test_setup_teardown(
			test_each_thing_that_goes_wrong_is_told_with_its_reason, setup_required,
			machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_table_that_was_written_over_is_told_as_malformed, machine_setup,
			machine_teardown),
		cmocka_unit_test_setup_teardown(test_no_table_makes_a_device_crash_the_process,
						machine_setup, machine_teardown),
	};

	return cmocka_run_group_tests_name("sim_fault", tests, NULL, NULL);
}
