// SPDX-License-Identifier: MIT
/*
 * test_flow_coherent.c - coherent memory over the whole path: both sides see each other's
 * bytes at once, the masks decide where it lies, and freeing it ends the device's access
 */
#include "dmptest.h"

#include "fixture.h"

#define LEN 9000u

static void check_both_sides(const struct fixture_want *want, uint64_t last)
{
	unsigned char seen[LEN], *buf;
	struct fixture f;
	dmp_addr_t addr;
	void *mem;

	fixture_setup(&f, want);
	assert_int_equal(dmp_dma_alloc_coherent(f.dev, LEN, &mem, &addr), 0);
	buf = mem;
	assert_true(addr + LEN - 1 <= last);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, seen, LEN), 0);
	for (size_t i = 0; i < LEN; i++)
		assert_int_equal(seen[i], 0);
	memset(buf, 0x21, LEN);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, seen, LEN), 0);
	assert_memory_equal(seen, buf, LEN);
	memset(seen, 0x84, LEN);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, seen, LEN), 0);
	assert_memory_equal(seen, buf, LEN);
	fixture_check(&f, 1);
	assert_int_equal(dmp_dma_free_coherent(f.dev, LEN, buf, addr), 0);
	fixture_teardown(&f);
}

static void test_both_sides_see_each_other_directly(void **state)
{
	(void)state;
	check_both_sides(&FIXTURE(.translated = false), UINT64_MAX);
}

static void test_both_sides_see_each_other_through_a_domain(void **state)
{
	(void)state;
	check_both_sides(&FIXTURE(.translated = true), UINT64_MAX);
}

static void test_coherent_mask_of_24_bits_is_kept(void **state)
{
	(void)state;
	check_both_sides(&FIXTURE(.translated = false, .device.coherent_mask = DMP_MASK(24)),
			 DMP_MASK(24));
	check_both_sides(&FIXTURE(.translated = true, .device.coherent_mask = DMP_MASK(24)),
			 DMP_MASK(24));
}

static void test_bus_limit_holds_for_coherent_memory(void **state)
{
	(void)state;
	check_both_sides(&FIXTURE(.translated = false, .device.bus_limit = DMP_MASK(32)),
			 DMP_MASK(32));
}

static void test_freed_memory_faults_behind_a_domain(void **state)
{
	struct dmp_fault fault;
	unsigned char byte;
	struct fixture f;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	assert_int_equal(dmp_dma_alloc_coherent(f.dev, LEN, &buf, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, &byte, 1), 0);
	assert_int_equal(dmp_dma_free_coherent(f.dev, LEN, buf, addr), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, &byte, 1), -EFAULT);
	assert_int_equal(fixture_fault(&f, &fault), DMP_FAULT_NOT_PRESENT);
	assert_int_equal(dmp_dma_free_coherent(f.dev, LEN, buf, addr), -ENOENT);
	fixture_teardown(&f);
}

/* The first memory that a machine has lies beyond 4 GiB. */
static void test_coherent_mask_may_be_wider_than_the_dma_mask(void **state)
{
	struct fixture f;
	unsigned char byte;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = false, .device.dma_mask = DMP_MASK(32),
				   .device.coherent_mask = DMP_MASK(64)));
	assert_int_equal(dmp_dma_alloc_coherent(f.dev, LEN, &buf, &addr), 0);
	assert_true(addr > DMP_MASK(32));
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, &byte, 1), 0);
	assert_int_equal(dmp_dma_free_coherent(f.dev, LEN, buf, addr), 0);
	buf = fixture_ram(&f, LEN, 0);
	assert_int_equal(dmp_dma_map(f.dev, buf, LEN, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &addr),
			 -ERANGE);
	fixture_ram_free(&f, buf, LEN);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_sides_see_each_other_directly),
		cmocka_unit_test(test_both_sides_see_each_other_through_a_domain),
		cmocka_unit_test(test_coherent_mask_of_24_bits_is_kept),
		cmocka_unit_test(test_bus_limit_holds_for_coherent_memory),
		cmocka_unit_test(test_freed_memory_faults_behind_a_domain),
		cmocka_unit_test(test_coherent_mask_may_be_wider_than_the_dma_mask),
	};

	return cmocka_run_group_tests_name("flow_coherent", tests, NULL, NULL);
}
